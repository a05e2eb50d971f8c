//! An engine for a command that needs one: the one that runs, one in this process, or one in the
//! background.

use crate::fail::{Done, Fail};
use crate::terminal::plain;
use api::client::{self, Client};
use api::host::{self, Host};
use driver::Layout;
use driver::disk::Full;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// How long an engine may take to listen: it adopts everything that runs first.
const START: Duration = Duration::from_secs(30);
/// Between two looks at whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// What the background engine says goes here, in the home.
const LOG: &str = "engine.log";
/// Over this the log of the engine before is put aside, in bytes.
const LONGEST_LOG: u64 = 1 << 20;
/// Bytes of the log that are shown when an engine did not start.
const SHOWN_LOG: usize = 2_000;

/// The engine that runs for a home, if one does. One that is just starting is waited for.
pub(crate) async fn running(layout: &Layout) -> Done<Option<Client>> {
    let deadline = Instant::now() + START;
    loop {
        match Client::connect(layout.home()).await {
            Ok(client) => return Ok(Some(client)),
            Err(client::Error::NotListening { pid }) if alive(pid) && Instant::now() < deadline => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) if error.nobody() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until an engine that is going down has let go of its home.
pub(crate) async fn ended(layout: &Layout, pid: u32) -> Done {
    let deadline = Instant::now() + START;
    while driver::lock::holder(layout).is_some_and(|holder| holder.pid == pid) {
        if Instant::now() >= deadline {
            return Err(Fail::failed(format!(
                "the engine of this home (pid {pid}) does not come to its end; `azora serve --take-over` ends it and leaves its services running"
            )));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// An agent uses the engine that a person has started: one of its own would do whatever it asks.
fn for_a_person() -> Done {
    match client::asks_as_agent() {
        true => Err(Fail::failed(
            "refused: an agent starts no engine and takes none over; a person does (`azora up`, `azora serve`)",
        )),
        false => Ok(()),
    }
}

/// Settings of an engine beside this program.
pub(crate) fn config(
    layout: &Layout,
    port: u16,
    (registry_port, gateway_port): (u16, u16),
    take_over: bool,
) -> Done<host::Config> {
    for_a_person()?;
    Ok(host::Config {
        engine: engine::Config {
            home: layout.home().to_owned(),
            programs: programs()?,
            registry_port: Some(registry_port),
            gateway_port: Some(gateway_port),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        port,
        take_over,
    })
}

fn this_program() -> Done<PathBuf> {
    std::env::current_exe()
        .map_err(|error| Fail::failed(format!("failed to find this program: {error}")))
}

/// Where this program and those it is installed with lie.
fn programs() -> Done<PathBuf> {
    Ok(this_program()?
        .parent()
        .unwrap_or(Path::new("/"))
        .to_owned())
}

/// Starts an engine in this process.
pub(crate) async fn inside(layout: &Layout) -> Done<(Host, Client)> {
    let host = host::run(config(layout, 0, (0, 0), false)?)
        .await
        .map_err(|error| Fail::because(&error))?;
    let client = Client::connect(layout.home()).await?;
    Ok((host, client))
}

/// Starts an engine in the background and waits until it answers.
pub(crate) async fn behind(layout: &Layout) -> Done<Client> {
    for_a_person()?;
    let failed = |error: std::io::Error| {
        let why = match Full::of(layout.home(), &error) {
            Some(full) => full.to_string(),
            None => error.to_string(),
        };
        Fail::failed(format!(
            "failed to start the engine in the background: {why}"
        ))
    };
    layout.create().map_err(|error| {
        let home = layout.home();
        let why = match Full::of(home, &error) {
            Some(full) => full.to_string(),
            None => error.to_string(),
        };
        Fail::failed(format!(
            "failed to make the home {}: {why}; AZORA_HOME or --home names another",
            home.display()
        ))
    })?;
    let log = layout.home().join(LOG);
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > LONGEST_LOG) {
        std::fs::rename(&log, log.with_extension("log.1")).map_err(failed)?;
    }
    let said = std::fs::metadata(&log).map_or(0, |log| log.len());
    let mut env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    env.insert("AZORA_HOME".into(), layout.home().into());
    let pid =
        driver::detach::spawn(&this_program()?, &["serve".into()], &env, &log).map_err(failed)?;
    let deadline = Instant::now() + START;
    loop {
        // Asked before and after the look, so that the engine's last word counts.
        let lives = alive(pid);
        match Client::connect(layout.home()).await {
            Ok(client) => return Ok(client),
            Err(error) if !error.nobody() => return Err(error.into()),
            // Another one may have been quicker, and not say yet where it listens: it does as well.
            Err(_) if (lives || driver::lock::held(layout)) && Instant::now() < deadline => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(_) => {
                let words = last_words(&log, said);
                // On a full disk it cannot even say so.
                return Err(Fail::failed(match Full::now(layout.home()) {
                    Some(full) => format!("the engine did not start: {full}"),
                    None => format!("the engine did not start; {} says:\n{words}", log.display()),
                }));
            }
        }
    }
}

/// What was written to a log since it had this length, as far as it fits on a screen.
fn last_words(log: &Path, since: u64) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let new = bytes
        .get(usize::try_from(since).unwrap_or(0)..)
        .unwrap_or_default();
    let shown = &new[new.len().saturating_sub(SHOWN_LOG)..];
    let lines: Vec<String> = String::from_utf8_lossy(shown)
        .lines()
        .map(|line| format!("  {}", plain(line)))
        .collect();
    match lines.is_empty() {
        true => "  nothing".to_owned(),
        false => lines.join("\n"),
    }
}

/// Whether a process is there and has not ended; an ended child of ours stays listed until we end.
fn alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim_start().chars().next());
    !matches!(state, Some('Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_those_of_this_start() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join(LOG);
        std::fs::write(&log, "old\nnew \x1b[2J\n").unwrap();
        assert_eq!(last_words(&log, 4), "  new \\x1b[2J");
        assert_eq!(last_words(&log, 99), "  nothing");
        assert_eq!(last_words(&home.path().join("none"), 0), "  nothing");
    }

    #[test]
    fn this_process_lives_and_a_number_nobody_has_does_not() {
        assert!(alive(std::process::id()));
        assert!(!alive(u32::MAX));
    }
}
