//! A program run for a moment in a container that runs: probes, hooks, stop commands.

use crate::daemon::{Daemon, Fault, QUICK, ask};
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use driver::ExecOutcome;
use futures_util::StreamExt;
use model::ExitStatus;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Most bytes of its last line that are kept.
const MOST_SAID: usize = 4 << 10;
/// The daemon's runtime says so of a program that is not there, or may not be run.
const NOT_FOUND: [i64; 2] = [126, 127];

/// What is to be run.
#[derive(Debug, Clone, Default)]
pub struct Exec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables, over the container's.
    pub env: BTreeMap<String, String>,
    /// As whom, in place of the container's user.
    pub user: Option<String>,
    /// Where, in place of the container's working folder.
    pub working_dir: Option<String>,
}

/// Runs it, and says what came of it. What takes longer than `limit` is not waited for, and the
/// daemon's id of it is given back: there is no way to end it, and it ends with its container at the
/// latest.
pub(crate) async fn run(
    daemon: &Daemon,
    container: &str,
    exec: Exec,
    limit: Duration,
) -> (ExecOutcome, Option<String>) {
    let mut made = None;
    let outcome = match begun(daemon, container, exec, limit, &mut made).await {
        Ok(outcome) => outcome,
        Err(Fault::Silent(why)) => {
            ExecOutcome::Short(format!("the container daemon does not answer: {why}"))
        }
        Err(fault) => ExecOutcome::Failed(fault.to_string()),
    };
    let left = made.filter(|_| outcome == ExecOutcome::TimedOut);
    (outcome, left)
}

/// True while a program that was not waited for runs.
pub(crate) async fn goes_on(daemon: &Daemon, id: &str) -> bool {
    let known = ask(QUICK, daemon.api().inspect_exec(id)).await;
    known.is_ok_and(|exec| exec.running == Some(true))
}

async fn begun(
    daemon: &Daemon,
    container: &str,
    exec: Exec,
    limit: Duration,
    id: &mut Option<String>,
) -> Result<ExecOutcome, Fault> {
    let until = Instant::now() + limit;
    let program = exec.argv.first().cloned().unwrap_or_default();
    let env = exec
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        env: Some(env.collect()),
        cmd: Some(exec.argv),
        user: exec.user,
        working_dir: exec.working_dir,
        ..CreateExecOptions::default()
    };
    let api = daemon.api();
    let made = ask(QUICK, api.create_exec(container, options)).await?;
    *id = Some(made.id.clone());
    let started = match timeout_at(until, api.start_exec(&made.id, None)).await {
        Ok(started) => started.map_err(Fault::from),
        Err(_) => return Ok(ExecOutcome::TimedOut),
    };
    let mut said = Vec::new();
    match started {
        Ok(StartExecResults::Attached { mut output, .. }) => loop {
            match timeout_at(until, output.next()).await {
                Ok(Some(Ok(piece))) => hear(&mut said, &piece),
                // A cut connection is told by what follows.
                Ok(Some(Err(_)) | None) => break,
                Err(_) => return Ok(ExecOutcome::TimedOut),
            }
        },
        Ok(StartExecResults::Detached) => {}
        Err(fault) if is_no_program(&fault) => return Ok(not_found(&program)),
        Err(fault) => return Err(fault),
    }
    let ended = ask(QUICK, api.inspect_exec(&made.id)).await?;
    let said = last_line(&said);
    Ok(match ended.exit_code {
        Some(code) if NOT_FOUND.contains(&code) && said.contains("exec failed") => {
            not_found(&program)
        }
        Some(code) => ExecOutcome::Exit {
            status: i32::try_from(code).map_or(ExitStatus::Unknown, ExitStatus::Code),
            said,
        },
        None => ExecOutcome::Exit {
            status: ExitStatus::Unknown,
            said,
        },
    })
}

/// What runs the program cannot: it is not there, or is none.
fn is_no_program(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused { message, .. }
        if message.contains("executable file not found") || message.contains("no such file"))
}

fn not_found(program: &str) -> ExecOutcome {
    ExecOutcome::NotFound(format!(
        "failed to execute {program}: it is not in the container"
    ))
}

/// Keeps the end of what is heard.
fn hear(said: &mut Vec<u8>, piece: &LogOutput) {
    said.extend_from_slice(piece.as_ref());
    if said.len() > 2 * MOST_SAID {
        said.drain(..said.len() - MOST_SAID);
    }
}

fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.trim_end().lines().next_back().unwrap_or_default();
    line.to_owned()
}
