//! The way from the fork to the program.
//!
//! Everything the child needs is laid out before the fork; between the fork and the program it
//! makes system calls only.

use crate::memory::{self, Group};
use crate::sockets::Sockets;
use crate::sys::{self, Fd};
use crate::terminal;
use shim::{Intent, Resource, Step, fail_point};
use std::ffi::{CString, c_char, c_int};
use std::ptr;

/// Longest path the kernel takes.
const PATH_MAX: usize = 4096;

/// The variable that tells a service that the sockets are meant for it: its own pid, which only the
/// child knows.
const LISTEN_PID: &[u8] = b"LISTEN_PID=";
/// The variable whole: ten digits and the closing zero.
type PidVariable = [u8; LISTEN_PID.len() + 11];

/// The intent in the form the kernel wants it.
pub(crate) struct Program {
    /// Output goes here.
    pub(crate) log: Fd,
    /// The control group of version 2.
    pub(crate) group: Option<CString>,
    /// Each control group's `cgroup.procs`, that of version 2 first, and whether it may not run
    /// without being in there.
    join: Vec<(CString, bool)>,
    /// `cgroup.kill`.
    kill: Option<CString>,
    /// What the kernel killed for want of memory, where that is counted.
    pub(crate) memory: Option<Group>,
    /// The score it is given back; see [`memory::be_spared`].
    score: Option<i32>,
    hold: Option<CString>,
    cwd: CString,
    /// The folders of the service's own PATH, each with a slash at its end.
    search: Vec<CString>,
    /// Texts that `args` and `vars` point into.
    _texts: Vec<CString>,
    /// `/bin/sh`, then the arguments, then null: for a script without a first line the shell takes
    /// the first place, otherwise it is left out.
    args: Vec<*const c_char>,
    vars: Vec<*const c_char>,
    user: Option<(u32, u32, Vec<u32>)>,
    /// Limits of the process itself: which, soft, hard.
    limits: Vec<(c_int, u64, u64)>,
    umask: u32,
    sockets: Sockets,
    /// One of `vars`, when there are sockets.
    listen_pid: Option<Box<PidVariable>>,
    /// It gets a terminal.
    pub(crate) tty: bool,
}

impl Program {
    /// Opens the log and lays everything out. `None` when the log cannot be opened; the error
    /// number is the system's.
    pub(crate) fn new(
        intent: &Intent,
        secrets: &[(&str, &str)],
        sockets: Sockets,
        score: Option<i32>,
    ) -> Option<Program> {
        let log = sys::open_append(&intent.log)?;
        let text = |text: &str| CString::new(text).ok();
        let tree = intent.cgroup.as_deref();
        let join = intent.all_groups().filter_map(|folder| {
            let holds = intent.groups.iter().any(|group| group == folder);
            Some((text(&format!("{folder}/cgroup.procs"))?, holds))
        });
        let files = intent
            .nofile
            .map(|(soft, hard)| (libc::RLIMIT_NOFILE as c_int, soft, hard));
        let others = intent.rlimits.iter().map(|(resource, most)| {
            let resource = match resource {
                Resource::Data => libc::RLIMIT_DATA,
                Resource::Processes => libc::RLIMIT_NPROC,
            };
            (resource as c_int, *most, *most)
        });
        // What the C library searches when there is no PATH.
        let path = intent
            .env
            .get("PATH")
            .map_or("/bin:/usr/bin", String::as_str);
        let search = path.split(':').filter_map(|folder| match folder {
            "" => text("./"),
            folder => text(&format!("{folder}/")),
        });
        let argv: Vec<CString> = intent.argv.iter().filter_map(|arg| text(arg)).collect();
        let plain = intent.env.iter().map(|(key, value)| (&**key, &**value));
        let mut env: Vec<CString> = plain
            .chain(secrets.iter().copied())
            .filter_map(|(key, value)| text(&format!("{key}={value}")))
            .collect();
        let mut listen_pid = None;
        if !intent.listen.is_empty() {
            let names: Vec<&str> = intent.listen.iter().map(|l| l.name.as_str()).collect();
            env.extend(text(&format!("LISTEN_FDS={}", names.len())));
            env.extend(text(&format!("LISTEN_FDNAMES={}", names.join(":"))));
            let mut variable: Box<PidVariable> = Box::default();
            variable[..LISTEN_PID.len()].copy_from_slice(LISTEN_PID);
            listen_pid = Some(variable);
        }
        let mut args = vec![c"/bin/sh".as_ptr()];
        args.extend(argv.iter().map(|arg| arg.as_ptr()));
        args.push(ptr::null());
        let mut vars: Vec<_> = env.iter().map(|var| var.as_ptr()).collect();
        // A box stays where it is, too.
        vars.extend(listen_pid.iter().map(|variable| variable.as_ptr().cast()));
        vars.push(ptr::null());
        Some(Program {
            log,
            group: tree.and_then(text),
            join: join.collect(),
            kill: tree.and_then(|folder| text(&format!("{folder}/cgroup.kill"))),
            memory: intent
                .memory
                .as_ref()
                .and_then(|(limit, group)| Group::new(*limit, group)),
            score,
            hold: intent.hold.as_deref().and_then(text),
            cwd: text(&intent.cwd)?,
            search: search.collect(),
            // The texts stay where they are: moving a CString moves its pointer, not its bytes.
            _texts: argv.into_iter().chain(env).collect(),
            args,
            vars,
            user: intent.user.clone(),
            limits: files.into_iter().chain(others).collect(),
            umask: intent.umask,
            sockets,
            listen_pid,
            tty: intent.tty,
        })
    }

    /// It is handed listening sockets.
    pub(crate) fn keeps_sockets(&self) -> bool {
        self.sockets.len() > 0
    }

    /// True while an emergency stop is in force.
    pub(crate) fn held(&self) -> bool {
        self.hold.as_deref().is_some_and(sys::exists)
    }

    /// SIGKILL to the whole control group.
    pub(crate) fn kill_group(&self) {
        if let Some(kill) = &self.kill {
            sys::write_to(kill, b"1");
        }
    }

    /// Says on `errors` that it lives, and becomes the program or says why not. Runs in the child.
    ///
    /// `terminal` is the master end of its terminal, if it gets one.
    ///
    /// Waits first for a byte on `go`: the parent sends it when the start is on record. Should the
    /// parent die before, the pipe ends and so does this process: no service runs unrecorded.
    /// `joined`: it is in its control group already.
    pub(crate) fn execute(&mut self, go: Fd, errors: Fd, terminal: Option<Fd>, joined: bool) -> ! {
        let mut byte = [0];
        fail_point!("child.forked");
        if sys::read(go, &mut byte) == Some(1) {
            fail_point!("child.going");
            sys::write(errors, &byte);
            let (step, errors) = match self.sockets.out_of_the_way(errors) {
                Some(errors) => (self.prepare_and_execute(terminal, joined), errors),
                None => (Step::Listen, errors),
            };
            let mut report = [0; 5];
            report[..4].copy_from_slice(&sys::errno().to_ne_bytes());
            report[4] = step as u8;
            sys::write(errors, &report);
        }
        // SAFETY: ends this process without running anything of the parent's.
        unsafe { libc::_exit(127) }
    }

    /// Returns only on a failure: the step, with the error number as the system left it.
    fn prepare_and_execute(&mut self, terminal: Option<Fd>, joined: bool) -> Step {
        // It may have been born in the first.
        for (join, holds) in self.join.iter().skip(usize::from(joined)) {
            // "0" is whoever writes. A group that cannot be joined leaves the other two means of
            // finding survivors; one that holds a limit cannot be done without.
            if !sys::write_to(join, b"0") && *holds {
                return Step::Group;
            }
        }
        if let Some(score) = self.score {
            // Never refused: it is raised.
            memory::write_score(score);
        }
        // SAFETY: plain calls on this process; every pointer is to memory laid out before the
        // fork and of the length told.
        unsafe {
            libc::setsid();
            default_signals();
            match terminal {
                Some(master) => {
                    if !terminal::enter(master) {
                        return Step::Terminal;
                    }
                }
                None => {
                    if libc::dup2(self.log, 1) < 0 || libc::dup2(self.log, 2) < 0 {
                        return Step::Output;
                    }
                }
            }
            for (resource, soft, hard) in &self.limits {
                let limit = libc::rlimit {
                    rlim_cur: *soft,
                    rlim_max: *hard,
                };
                // Its type is one thing in one C library and another in the next.
                if libc::setrlimit(*resource as _, &raw const limit) < 0 {
                    return Step::Limit;
                }
            }
            if let Some((uid, gid, groups)) = &self.user
                && (libc::setgroups(groups.len(), groups.as_ptr()) < 0
                    || libc::setgid(*gid) < 0
                    || libc::setuid(*uid) < 0)
            {
                return Step::User;
            }
            if libc::chdir(self.cwd.as_ptr()) < 0 {
                return Step::Folder;
            }
            libc::umask(self.umask);
        }
        if !self.sockets.place() {
            return Step::Listen;
        }
        if let Some(variable) = &mut self.listen_pid {
            write_pid(&mut variable[LISTEN_PID.len()..]);
        }
        self.find_and_execute();
        Step::Execute
    }

    /// Tries the program itself when it names a path, else in each folder of PATH. As in shells, a
    /// folder that forbids it is remembered as the reason, and the search goes on.
    fn find_and_execute(&mut self) {
        let name = self.args[1];
        // SAFETY: the intent has a program, so the second place is a zero-terminated text.
        let bytes = unsafe { std::ffi::CStr::from_ptr(name) }.to_bytes();
        if bytes.contains(&b'/') {
            self.try_path(name);
            return;
        }
        let mut forbidden = false;
        let mut path = [0_u8; PATH_MAX];
        for at in 0..self.search.len() {
            let folder = self.search[at].as_bytes();
            let end = folder.len() + bytes.len();
            if end >= PATH_MAX {
                continue;
            }
            path[..folder.len()].copy_from_slice(folder);
            path[folder.len()..end].copy_from_slice(bytes);
            path[end] = 0;
            self.try_path(path.as_ptr().cast());
            match sys::errno() {
                libc::EACCES => forbidden = true,
                libc::ENOENT | libc::ENOTDIR => {}
                _ => return,
            }
        }
        sys::set_errno(if forbidden {
            libc::EACCES
        } else {
            libc::ENOENT
        });
    }

    fn try_path(&mut self, path: *const c_char) {
        // SAFETY: path is zero-terminated; both lists end with null and outlive the call.
        unsafe {
            libc::execve(path, self.args[1..].as_ptr(), self.vars.as_ptr());
            if sys::errno() == libc::ENOEXEC {
                // A script without a first line: the shell reads it, as execvp does.
                self.args[1] = path;
                libc::execve(self.args[0], self.args.as_ptr(), self.vars.as_ptr());
            }
        }
    }
}

/// A service begins with every signal at its default and none blocked.
fn default_signals() {
    /// Length of the kernel's set of signals.
    const SET: usize = 8;
    // The kernel's sigaction: handler, flags, restorer, mask. Zero is "default" and "none".
    let default = [0_usize; 4];
    let nowhere = ptr::null_mut::<libc::c_void>();
    // SAFETY: `default` is as long as the kernel reads; the set is filled before it is used;
    // SIGKILL and SIGSTOP are refused harmlessly. The C library's own call refuses to touch 32 and
    // 33, which some parents leave ignored.
    unsafe {
        for signal in 1..=64 {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                nowhere,
                SET,
            );
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Writes this process's pid and a closing zero.
fn write_pid(place: &mut [u8]) {
    let mut text = sys::Text::<11>::new();
    // At most ten digits, so it fits.
    let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{}\0", std::process::id()));
    place[..text.bytes().len()].copy_from_slice(text.bytes());
}
