//! The environment a person would have in a terminal, for programs started from a menu; and this program's own,
//! without what it has set for itself.

use crate::pidfd::Pidfd;
use crate::{detach, user};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Printed before and after the environment, because login files may print too.
const MARK: &str = "__azora_environment__";
/// Largest answer.
const MAX: usize = 4 * 1024 * 1024;

/// Variables that this program has set for itself.
static ITS_OWN: OnceLock<Vec<&'static str>> = OnceLock::new();

/// Says which variables this program has set for itself, once, before anything is started: no service gets them, nor
/// the login shell that is asked, nor an engine that is left behind.
pub fn keep_back(variables: Vec<&'static str>) {
    // Who says it again has set the same ones.
    let _ = ITS_OWN.set(variables);
}

fn its_own() -> &'static [&'static str] {
    ITS_OWN.get().map_or(&[], Vec::as_slice)
}

/// The environment this program was started with.
pub fn inherited() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| !its_own().iter().any(|own| name == own))
}

/// The environment of this user's login shell, as an interactive terminal would have it (nvm,
/// cargo and the like are set up in files that only such a shell reads). Blocks at most `limit`.
/// `None` when the shell does not answer in time or says nothing usable: then our own
/// environment has to do.
pub fn login_shell_env(limit: Duration) -> Option<BTreeMap<String, String>> {
    let shell = user::current()
        .map(|user| user.shell)
        .filter(|shell| shell.starts_with('/'));
    let shell = shell
        .or_else(|| std::env::var("SHELL").ok())
        .unwrap_or_else(|| "/bin/sh".to_owned());
    let end = Instant::now() + limit;
    let mut command = Command::new(shell);
    command
        .args(["-l", "-i", "-c"])
        .arg(format!(
            "printf '%s\\0' {MARK}; env -0; printf '%s\\0' {MARK}"
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for variable in its_own() {
        command.env_remove(variable);
    }
    // Without a terminal of its own a shell cannot take ours.
    detach::own_session(&mut command);
    let mut child = command.spawn().ok()?;
    let pidfd = Pidfd::open(child.id()).ok().flatten();
    let text = read_until(&mut child, end);
    if let Some(pidfd) = pidfd {
        // It has said all, or has had its time; older kernels end the shell only.
        if pidfd.signal_group(libc::SIGKILL).is_err() {
            let _ = pidfd.signal(libc::SIGKILL);
        }
    } else {
        // No descriptor could be had.
        let _ = child.kill();
    }
    let _ = child.wait();
    parse(&text?)
}

fn read_until(child: &mut Child, end: Instant) -> Option<Vec<u8>> {
    let mut pipe = child.stdout.take()?;
    let last = format!("\0{MARK}\0");
    let mut text = Vec::new();
    let mut block = [0; 16 * 1024];
    while text.len() < MAX {
        let left = end.checked_duration_since(Instant::now())?;
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).ok()?,
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        if poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&left)).ok()? == 0 {
            return None;
        }
        match pipe.read(&mut block).ok()? {
            0 => return Some(text),
            read => text.extend_from_slice(&block[..read]),
        }
        // What login files left running may hold the pipe open for ever.
        if text.ends_with(last.as_bytes()) {
            return Some(text);
        }
    }
    None
}

fn parse(text: &[u8]) -> Option<BTreeMap<String, String>> {
    let text = String::from_utf8_lossy(text);
    let (_, rest) = text.split_once(&format!("{MARK}\0"))?;
    let (block, _) = rest.split_once(&format!("{MARK}\0"))?;
    let entries = block.split('\0').filter_map(|entry| entry.split_once('='));
    let env: BTreeMap<String, String> = entries
        // What the shell keeps for itself.
        .filter(|(key, _)| !matches!(*key, "_" | "SHLVL" | "PWD" | "OLDPWD"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    (!env.is_empty()).then_some(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_login_files_print_is_no_environment() {
        let text = format!("Welcome!\nX=1\n{MARK}\0A=1\0B=x=y\nz\0_=/usr/bin/env\0{MARK}\0");
        let env = parse(text.as_bytes()).unwrap();
        assert_eq!(env.len(), 2);
        assert_eq!(env["B"], "x=y\nz");
        assert_eq!(parse(b"nothing"), None);
    }

    #[test]
    fn a_login_shell_answers() {
        if let Some(env) = login_shell_env(Duration::from_secs(10)) {
            assert!(env.contains_key("PATH"));
        }
    }

    #[test]
    fn what_this_program_has_set_for_itself_is_nobody_elses() {
        // Cargo has set the one; where it is not there, the run without rights the other.
        let set = |name: &&str| std::env::var_os(name).is_some();
        let own = ["CARGO_PKG_NAME", "AZORA_ROOT"].into_iter().find(set);
        let own = own.expect("one of them is set");
        assert!(inherited().any(|(name, _)| name == own));
        keep_back(vec![own]);
        assert!(!inherited().any(|(name, _)| name == own));
        assert!(inherited().any(|(name, _)| name == "PATH"));
        let shell = login_shell_env(Duration::from_secs(30));
        // Not everybody has a shell.
        assert!(shell.is_none_or(|all| !all.contains_key(own)));
    }
}
