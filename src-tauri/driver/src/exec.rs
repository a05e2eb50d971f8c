//! Programs that run for a moment: exec probes and hooks.

use crate::limits::Rlimits;
use crate::listen::listen;
use crate::pidfd::Pidfd;
use crate::{NotRun, detach, user};
use model::ExitStatus;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
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
/// Last lines of a hook that are told: an error is seldom said in one.
const HOOK_LINES: usize = 3;

/// Most of what is captured of a program that is asked for a value.
pub const MAX_CAPTURED: usize = 128 * 1024;

/// What is to run.
#[derive(Clone, PartialEq, Eq)]
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

/// The environment may hold secrets, so it is not printed.
impl std::fmt::Debug for ExecLaunch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecLaunch")
            .field("argv", &self.argv)
            .field("cwd", &self.cwd)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
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
    /// There is no such program; in the words of [`ExecOutcome::Failed`].
    NotFound(String),
    /// The machine had no processes, descriptors or memory left to run it.
    Short(String),
}

/// What a program wrote to its standard output, when it ended with 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Captured(pub Vec<u8>);

/// What a program is held to.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// What each of its processes has for itself.
    pub(crate) rlimits: Rlimits,
    /// Control groups it joins before it is the program, and whether it may not run without.
    pub(crate) join: Vec<(PathBuf, bool)>,
}

impl Bounds {
    /// Nothing but the soft and hard limit of open files.
    fn files(files: (u64, u64)) -> Bounds {
        let others = Vec::new();
        Bounds {
            rlimits: Rlimits { files, others },
            join: Vec::new(),
        }
    }
}

/// Runs a program in a process group of its own, at most this long.
pub(crate) async fn run(launch: ExecLaunch, timeout: Duration, nofile: (u64, u64)) -> ExecOutcome {
    let bounds = Bounds::files(nofile);
    let (outcome, _) = finish(launch, timeout, bounds, Ears::one(None)).await;
    outcome
}

/// The same, and its standard output is kept apart. What it says of a failure is then its standard
/// error only.
pub(crate) async fn capture(
    launch: ExecLaunch,
    timeout: Duration,
    nofile: (u64, u64),
) -> Result<Captured, ExecOutcome> {
    let success = |outcome: &ExecOutcome| matches!(outcome, ExecOutcome::Exit { status, .. } if status.success());
    match finish(launch, timeout, Bounds::files(nofile), Ears::apart()).await {
        (outcome, Some(output)) if success(&outcome) && output.len() <= MAX_CAPTURED => {
            Ok(Captured(output))
        }
        (outcome, Some(_)) if success(&outcome) => Err(ExecOutcome::Failed(format!(
            "it wrote more than {} KiB",
            MAX_CAPTURED >> 10
        ))),
        (outcome, _) => Err(outcome),
    }
}

/// The same within bounds, and all it says is appended to `log`, however much it is. The last lines
/// are told.
pub(crate) async fn logged(
    launch: ExecLaunch,
    timeout: Duration,
    bounds: Bounds,
    log: File,
) -> ExecOutcome {
    let (outcome, _) = finish(launch, timeout, bounds, Ears::one(Some(log))).await;
    outcome
}

async fn finish(
    launch: ExecLaunch,
    timeout: Duration,
    bounds: Bounds,
    ears: Ears,
) -> (ExecOutcome, Option<Vec<u8>>) {
    let program = launch.argv.first().cloned().unwrap_or_default();
    // The system says the same of a missing folder, and of a script's missing interpreter.
    let place = launch.cwd.clone();
    let there = move |program: &str| {
        !place.is_dir() || (program.contains('/') && place.join(program).exists())
    };
    let failed = |error: io::Error| match NotRun::of(&format!("execute {program}"), &error) {
        NotRun::Short(why) => ExecOutcome::Short(why),
        NotRun::Failed(why) => ExecOutcome::Failed(why),
    };
    let lines = ears.lines;
    let mut running = match spawn(launch, &bounds, ears) {
        Ok(running) => running,
        Err(error) => {
            let missing = error.kind() == io::ErrorKind::NotFound && !there(&program);
            let outcome = match failed(error) {
                ExecOutcome::Failed(why) if missing => ExecOutcome::NotFound(why),
                outcome => outcome,
            };
            return (outcome, None);
        }
    };
    /// SIGKILL takes less than a millisecond, unless the kernel itself is stuck.
    const LAST: Duration = Duration::from_secs(1);
    let (end, _) = listen(running.wait(), timeout).await;
    // Whatever it has left behind in its group ends with it. The child is reaped only after this,
    // so the group's number still means this group.
    running.kill_group();
    let outcome = match end {
        None => {
            // What is stuck in the kernel is left to it.
            let _ = tokio::time::timeout(LAST, running.pidfd.readable()).await;
            ExecOutcome::TimedOut
        }
        Some(Err(error)) => failed(error),
        Some(Ok(())) => match running.child.wait() {
            Ok(status) => ExecOutcome::Exit {
                status: match status.code() {
                    Some(code) => ExitStatus::Code(code),
                    None => status
                        .signal()
                        .map_or(ExitStatus::Unknown, ExitStatus::Signal),
                },
                said: last_lines(&running.said.kept, lines),
            },
            Err(error) => failed(error),
        },
    };
    let captured = running.value.take().map(|ear| ear.kept);
    (outcome, captured)
}

/// What is to be done with what a program says.
struct Ears {
    log: Option<File>,
    apart: bool,
    /// So many of the last lines are told.
    lines: usize,
}

impl Ears {
    fn one(log: Option<File>) -> Self {
        let lines = if log.is_some() { HOOK_LINES } else { 1 };
        Self {
            log,
            apart: false,
            lines,
        }
    }

    fn apart() -> Self {
        Self {
            log: None,
            apart: true,
            lines: 1,
        }
    }
}

/// One of a program's outputs.
struct Ear {
    pipe: pipe::Receiver,
    kept: Vec<u8>,
    /// Its beginning is kept, not its end.
    value: bool,
    log: Option<File>,
    heard: usize,
    over: bool,
}

impl Ear {
    fn new(read: io::PipeReader) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe::Receiver::from_owned_fd(OwnedFd::from(read))?,
            kept: Vec::new(),
            value: false,
            log: None,
            heard: 0,
            over: false,
        })
    }

    /// Hears what is there, once; never returns when there will be nothing any more.
    async fn hear(&mut self) -> io::Result<()> {
        if self.over {
            std::future::pending::<()>().await;
        }
        self.pipe.readable().await?;
        let mut block = [0; KEPT];
        match self.pipe.try_read(&mut block) {
            Ok(0) => self.over = true,
            Ok(read) => self.keep(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Its last words may be in the pipe before the poller has told of them: asked directly. What
    /// others write while they are read are not its words.
    fn last_words(&mut self) {
        let mut block = [0; KEPT];
        let mut left = rustix::io::ioctl_fionread(&self.pipe).unwrap_or(0);
        while !self.over && left > 0 {
            let most = KEPT.min(usize::try_from(left).unwrap_or(KEPT));
            match rustix::io::read(&self.pipe, &mut block[..most]) {
                Ok(read @ 1..) => {
                    self.keep(&block[..read]);
                    left -= read as u64;
                }
                _ => self.over = true,
            }
        }
    }

    fn keep(&mut self, said: &[u8]) {
        self.heard += said.len();
        if let Some(log) = &mut self.log {
            // A full disk costs the words, not the hook.
            let _ = log.write_all(said);
        } else {
            self.over |= self.heard >= READ;
        }
        if self.value {
            let room = (MAX_CAPTURED + 1).saturating_sub(self.kept.len());
            self.kept.extend_from_slice(&said[..said.len().min(room)]);
        } else {
            self.kept.extend_from_slice(said);
            let over = self.kept.len().saturating_sub(KEPT);
            self.kept.drain(..over);
        }
    }
}

struct Running {
    child: Child,
    pidfd: AsyncFd<Pidfd>,
    /// What it says to people.
    said: Ear,
    /// Its standard output, where that is a value and not words.
    value: Option<Ear>,
}

fn spawn(mut launch: ExecLaunch, bounds: &Bounds, ears: Ears) -> io::Result<Running> {
    let (program, arguments) = launch
        .argv
        .split_first()
        .ok_or_else(|| io::Error::other("its command is empty"))?;
    let user = launch.user.as_deref().map(user::resolve).transpose();
    let user = user
        .map_err(|error| io::Error::other(error.to_string()))?
        .flatten();
    let (read, write) = io::pipe()?;
    let mut said = Ear::new(read)?;
    said.log = ears.log;
    let (value, stdout) = if ears.apart {
        let (read, stdout) = io::pipe()?;
        let mut value = Ear::new(read)?;
        value.value = true;
        (Some(value), stdout)
    } else {
        (None, write.try_clone()?)
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&launch.cwd)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(write)
        .process_group(0)
        .env_clear();
    if let Some(user) = &user {
        user.set_env(&mut launch.env);
    }
    command.envs(&launch.env);
    hold(&mut command, user, bounds)?;
    let child = command.spawn()?;
    drop(command);
    let open = || io::Error::other("it cannot be watched");
    // Our own child, not reaped: the number means it.
    let pidfd = Pidfd::open(child.id())?.ok_or_else(open)?;
    Ok(Running {
        pidfd: pidfd.watch()?,
        said,
        value,
        child,
    })
}

/// Sets what is set between fork and exec: control groups, limits, and the user.
#[expect(
    unsafe_code,
    reason = "what runs between fork and exec may only make system calls"
)]
fn hold(command: &mut Command, user: Option<user::User>, bounds: &Bounds) -> io::Result<()> {
    let mut join = Vec::new();
    for (group, needed) in &bounds.join {
        let procs = group.join("cgroup.procs");
        join.push((CString::new(procs.as_os_str().as_bytes())?, *needed));
    }
    let limit = |resource, soft, hard| {
        let (current, maximum) = (Some(soft), Some(hard));
        (resource, Rlimit { current, maximum })
    };
    let (soft, hard) = bounds.rlimits.files;
    let mut limits = vec![limit(Resource::Nofile, soft, hard)];
    let others = bounds.rlimits.others.iter();
    limits.extend(others.map(|(resource, most)| match resource {
        shim::Resource::Data => limit(Resource::Data, *most, *most),
        shim::Resource::Processes => limit(Resource::Nproc, *most, *most),
    }));
    let prepare = move || {
        detach::keep_standard_only();
        for (procs, needed) in &join {
            // One that cannot be joined leaves the other means of finding what is left; one that
            // holds a limit cannot be done without.
            let joined = join_group(procs);
            if *needed {
                joined?;
            }
        }
        for (resource, limit) in &limits {
            setrlimit(*resource, *limit)?;
        }
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
    Ok(())
}

/// Moves this process into the control group of this file. Only system calls.
fn join_group(procs: &CStr) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(procs, flags, Mode::empty())?;
    // "0" is whoever writes.
    rustix::io::write(&file, b"0")?;
    Ok(())
}

impl Running {
    /// Waits for its end, reading what it says meanwhile. Who holds the pipe open after its end is
    /// not waited for, and who writes without pause keeps nobody from looking at the time.
    async fn wait(&mut self) -> io::Result<()> {
        loop {
            let value = async {
                match &mut self.value {
                    Some(value) => value.hear().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                ended = self.pidfd.readable() => {
                    drop(ended?);
                    break;
                }
                heard = self.said.hear() => heard?,
                heard = value => heard?,
            }
            // A pipe that is never empty would hold the thread, and no time-out or call-off be looked
            // at. After each piece, because writing it to the log may have waited for the disk.
            tokio::task::yield_now().await;
        }
        self.said.last_words();
        if let Some(value) = &mut self.value {
            value.last_words();
        }
        Ok(())
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

/// The last lines that are not empty, in one.
fn last_lines(output: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(output);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(most)
        .map(|line| {
            let shown = line.chars().filter(|c| !c.is_control());
            shown.take(LINE).collect()
        })
        .collect();
    lines.reverse();
    lines.join(" | ")
}

#[cfg(test)]
mod tests;
