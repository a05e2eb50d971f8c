//! Programs that run for a moment: exec probes and hooks.

use crate::pidfd::Pidfd;
use crate::{detach, user};
use model::ExitStatus;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

/// Most of the output's end that is kept.
const KEPT: usize = 4 * 1024;
/// Output beyond this is not read: who writes more than a pipe holds waits, and times out.
const READ: usize = 1024 * 1024;
/// Longest last line that is told.
const LINE: usize = 300;

/// What is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecLaunch {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working folder.
    pub cwd: PathBuf,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Run as this user; needs root.
    pub user: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecOutcome {
    /// It ended.
    Exit {
        /// How.
        status: ExitStatus,
        /// The last line it wrote, for people; may be empty.
        said: String,
    },
    /// It was killed, with its group, because it took too long.
    TimedOut,
    /// It could not be run.
    Failed(String),
}

/// Runs a program in a process group of its own, at most this long.
pub(crate) async fn run(launch: ExecLaunch, timeout: Duration, nofile: (u64, u64)) -> ExecOutcome {
    let program = launch.argv.first().cloned().unwrap_or_default();
    let failed =
        |error: io::Error| ExecOutcome::Failed(format!("failed to execute {program}: {error}"));
    let mut running = match spawn(launch, nofile) {
        Ok(running) => running,
        Err(error) => return failed(error),
    };
    /// SIGKILL takes less than a millisecond, unless the kernel itself is stuck.
    const LAST: Duration = Duration::from_secs(1);
    let end = tokio::time::timeout(timeout, running.wait()).await;
    // Whatever it has left behind in its group ends with it. The child is reaped only after this,
    // so the group's number still means this group.
    running.kill_group();
    match end {
        Err(_) => {
            // What is stuck in the kernel is left to it.
            let _ = tokio::time::timeout(LAST, running.pidfd.readable()).await;
            ExecOutcome::TimedOut
        }
        Ok(Err(error)) => failed(error),
        Ok(Ok(())) => match running.child.wait() {
            Ok(status) => ExecOutcome::Exit {
                status: match status.code() {
                    Some(code) => ExitStatus::Code(code),
                    None => status
                        .signal()
                        .map_or(ExitStatus::Unknown, ExitStatus::Signal),
                },
                said: last_line(&running.output),
            },
            Err(error) => failed(error),
        },
    }
}

struct Running {
    child: Child,
    pidfd: AsyncFd<Pidfd>,
    pipe: pipe::Receiver,
    output: Vec<u8>,
}

fn spawn(mut launch: ExecLaunch, nofile: (u64, u64)) -> io::Result<Running> {
    let (program, arguments) = launch
        .argv
        .split_first()
        .ok_or_else(|| io::Error::other("its command is empty"))?;
    let user = launch.user.as_deref().map(user::resolve).transpose();
    let user = user
        .map_err(|error| io::Error::other(error.to_string()))?
        .flatten();
    let (read, write) = io::pipe()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&launch.cwd)
        .stdin(Stdio::null())
        .stdout(write.try_clone()?)
        .stderr(write)
        .process_group(0)
        .env_clear();
    if let Some(user) = &user {
        user.set_env(&mut launch.env);
    }
    command.envs(&launch.env);
    become_user(&mut command, user, nofile);
    let child = command.spawn()?;
    drop(command);
    let open = || io::Error::other("it cannot be watched");
    // Our own child, not reaped: the number means it.
    let pidfd = Pidfd::open(child.id()).ok_or_else(open)?;
    Ok(Running {
        pidfd: pidfd.watch()?,
        pipe: pipe::Receiver::from_owned_fd(OwnedFd::from(read))?,
        child,
        output: Vec::new(),
    })
}

/// Sets what is set between fork and exec: limits back to what services get, and the user.
#[expect(
    unsafe_code,
    reason = "what runs between fork and exec may only make system calls"
)]
fn become_user(command: &mut Command, user: Option<user::User>, (soft, hard): (u64, u64)) {
    let prepare = move || {
        detach::keep_standard_only();
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(soft),
                maximum: Some(hard),
            },
        )?;
        if let Some(user) = &user {
            // SAFETY: the list has as many places as is told; the others take numbers only.
            let done = unsafe {
                libc::setgroups(user.groups.len(), user.groups.as_ptr()) == 0
                    && libc::setgid(user.gid) == 0
                    && libc::setuid(user.uid) == 0
            };
            if !done {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls on memory that was laid out before the fork.
    unsafe { command.pre_exec(prepare) };
}

impl Running {
    /// Waits for its end, reading what it says meanwhile. Who holds the pipe open after its end is
    /// not waited for.
    async fn wait(&mut self) -> io::Result<()> {
        let mut block = [0; KEPT];
        let mut total = 0;
        loop {
            tokio::select! {
                biased;
                ready = self.pipe.readable(), if total < READ => {
                    ready?;
                    match self.pipe.try_read(&mut block) {
                        Ok(0) => total = READ,
                        Ok(read) => {
                            total += read;
                            self.keep(&block[..read]);
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
                ended = self.pidfd.readable() => {
                    drop(ended?);
                    break;
                }
            }
        }
        // Its last words may be in the pipe before the poller has told of them: asked directly.
        while total < READ {
            match rustix::io::read(&self.pipe, &mut block) {
                Ok(read @ 1..) => {
                    total += read;
                    self.keep(&block[..read]);
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn keep(&mut self, said: &[u8]) {
        self.output.extend_from_slice(said);
        let over = self.output.len().saturating_sub(KEPT);
        self.output.drain(..over);
    }

    fn kill_group(&mut self) {
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            // Nobody left in it: nothing to do. Not reaped, so the number is this group's.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Running {
    /// A probe whose asker has gone leaves nothing behind either.
    fn drop(&mut self) {
        /// It was killed: this is how long a thread is held at most.
        const LAST: Duration = Duration::from_millis(100);
        if let Ok(None) = self.child.try_wait() {
            self.kill_group();
            self.pidfd.get_ref().wait_ended(LAST);
            // Reaped, or stuck in the kernel.
            let _ = self.child.try_wait();
        }
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    line.trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(LINE)
        .collect()
}
