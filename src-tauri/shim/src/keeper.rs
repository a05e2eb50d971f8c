//! The keeper's life: one loop that waits for dead children, connections and commands.
//!
//! A start goes `fork → record → go → exec`. The end of the service's own process is recorded and
//! told at once; the tree is *gone* when this process has no child left at all, which for a
//! subreaper means that nothing that ever descended from the service lives.

use crate::child::Program;
use crate::links::Links;
use crate::memory;
use crate::sys::{self, Fd};
use crate::terminal;
use crate::timing::Timed;
use shim::{Command, End, Line, Step, fail_point};
use std::ffi::c_int;
use std::time::{Duration, Instant};

/// Between two looks at who was killed for want of memory, in milliseconds.
const MEMORY_LOOK: u64 = 1000;

/// With listening sockets and nothing that runs, the next engine is waited for so long: what has
/// connected meanwhile is answered then, and not refused.
const ORPHANED: Duration = Duration::from_secs(30);

/// What the newest start has come to.
enum Phase {
    /// Forked; whether it becomes the program is told on `errors`.
    Starting {
        pid: c_int,
        start_ticks: u64,
        errors: Fd,
        /// It was born in its control group.
        joined: bool,
        /// It has said that it lives.
        alive: bool,
    },
    /// The service runs.
    Running { pid: c_int },
    /// The service's own process has ended; others of its tree may be left.
    Ended,
    /// Nothing is left.
    Gone,
}

/// All that the shim knows.
pub(crate) struct Keeper {
    program: Program,
    log: Timed,
    links: Links,
    generation: u64,
    phase: Phase,
    /// What is left is being killed.
    sweeping: bool,
    again: Option<u64>,
    /// The control group kills what is born in it: it is to be joined instead.
    join_late: bool,
    quit: bool,
    /// Since when nothing runs and no engine is there.
    orphaned: Option<Instant>,
    /// When to look at the memory again.
    memory_at: u64,
    /// See [`signals`].
    signals: Fd,
    /// The master end of its terminal, while something can come out of it.
    terminal: Option<Fd>,
    /// How large its terminal was last.
    size: libc::winsize,
}

impl Keeper {
    /// `signals` is what [`signals`] has opened.
    pub(crate) fn new(
        program: Program,
        log: Timed,
        links: Links,
        generation: u64,
        signals: Fd,
    ) -> Keeper {
        Keeper {
            program,
            log,
            links,
            generation,
            phase: Phase::Gone,
            sweeping: false,
            again: Some(generation),
            join_late: false,
            quit: false,
            orphaned: None,
            memory_at: 0,
            signals,
            terminal: None,
            size: terminal::SIZE,
        }
    }

    /// Runs until nothing is left to keep.
    pub(crate) fn keep(&mut self) {
        loop {
            if self.go_on() {
                return;
            }
            let mut wait = [libc::pollfd {
                fd: -1,
                events: libc::POLLIN,
                revents: 0,
            }; 10];
            wait[0].fd = self.signals;
            match self.phase {
                Phase::Starting { errors, .. } => wait[1].fd = errors,
                // Before it is the program, nothing is at the other end.
                _ => wait[2].fd = self.terminal.unwrap_or(-1),
            }
            wait[3].fd = self.links.notify_fd();
            let used = 4 + self.links.poll_fds(&mut wait[4..]);
            let orphaned = self.orphaned.map(|_| ORPHANED.as_millis() as c_int);
            let time = [
                self.log.wait(),
                orphaned,
                self.links.within(),
                self.memory_within(),
            ];
            let time = time.into_iter().flatten().min().unwrap_or(-1);
            // SAFETY: the list has at least as many entries as is said.
            unsafe { libc::poll(wait.as_mut_ptr(), used as libc::nfds_t, time) };
            self.links.sync_if_due();
            self.look_at_memory();
            if wait[1].revents != 0 {
                self.hear_start();
            }
            if wait[2].revents != 0 {
                self.copy_output();
            }
            // After its start was told and before its end is: who spoke and died is still known.
            if wait[3].revents != 0 {
                self.hear_service();
            }
            self.links.tell_held_back(self.generation);
            if wait[0].revents != 0 {
                let mut info = [0; size_of::<libc::signalfd_siginfo>()];
                while sys::read(self.signals, &mut info).is_some_and(|n| n > 0) {
                    // Its first field is the signal's number.
                    match i32::from_ne_bytes([info[0], info[1], info[2], info[3]]) {
                        libc::SIGIO => self.log.stirred(),
                        _ => self.reap(),
                    }
                }
            }
            if wait[4].revents != 0 {
                self.links.accept();
                self.orphaned = None;
            }
            for (at, client) in wait[5..used].iter().enumerate() {
                if client.revents != 0 {
                    self.links.read(at);
                    while let Some(command) = self.links.command(at) {
                        match command {
                            Command::Terminal => self.lend_terminal(at),
                            command => self.heed(command),
                        }
                    }
                }
            }
            self.log.look_if_due();
        }
    }

    /// Milliseconds until the counts of memory are to be looked at; `None` where nothing is counted.
    fn memory_within(&self) -> Option<c_int> {
        let running = matches!(self.phase, Phase::Running { .. });
        let left = self.memory_at.saturating_sub(sys::monotonic());
        (running && self.program.memory.is_some()).then(|| c_int::try_from(left).unwrap_or(0))
    }

    fn look_at_memory(&mut self) {
        let now = sys::monotonic();
        if let Some(memory) = &mut self.program.memory
            && self.memory_at <= now
        {
            memory.look();
            self.memory_at = now + MEMORY_LOOK;
        }
    }

    /// Does what can be done without waiting; true when there is nothing left to do ever.
    fn go_on(&mut self) -> bool {
        loop {
            match self.phase {
                Phase::Starting { .. } | Phase::Running { .. } => return false,
                Phase::Ended => {
                    if (self.again.is_some() || self.quit || !self.links.heard()) && !self.sweeping
                    {
                        self.sweep();
                    }
                    return false;
                }
                Phase::Gone => {
                    let Some(generation) = self.again.take() else {
                        return self.quit || !self.links.heard() && self.waited_enough();
                    };
                    self.start(generation);
                }
            }
        }
    }

    /// Nothing runs and no engine is there.
    fn waited_enough(&mut self) -> bool {
        if !self.program.keeps_sockets() {
            return true;
        }
        let now = Instant::now();
        now.duration_since(*self.orphaned.get_or_insert(now)) >= ORPHANED
    }

    fn heed(&mut self, command: Command) {
        let alive = matches!(self.phase, Phase::Starting { .. } | Phase::Running { .. });
        match command {
            Command::Again(generation) if generation > self.generation && !alive => {
                fail_point!("again.heard");
                self.again = Some(generation);
                self.join_late = false;
            }
            Command::Sweep(generation) if generation == self.generation => self.sweep(),
            Command::Quit if !alive => {
                fail_point!("quit.heard");
                self.quit = true;
            }
            // Old news, or not now.
            _ => {}
        }
    }

    fn start(&mut self, generation: u64) {
        self.generation = generation;
        self.sweeping = false;
        self.links.make_room();
        self.links.begin_hearing();
        self.log.begins(generation);
        if let Some(memory) = &mut self.program.memory {
            memory.begin();
        }
        // Whoever stops everything sets the mark before it looks for shims: one made before the
        // mark is found and killed, one made after it sees the mark here.
        if self.program.held() {
            return self.fail(libc::ECANCELED, Step::Hold);
        }
        if self.program.tty {
            self.end_terminal();
            self.terminal = terminal::open(self.size);
            if self.terminal.is_none() {
                return self.fail(sys::errno(), Step::Terminal);
            }
        }
        let (Some((go_read, go_write)), Some((errors, errors_write))) = (sys::pipe(), sys::pipe())
        else {
            return self.fail(sys::errno(), Step::Fork);
        };
        fail_point!("fork.before");
        let group = self.program.group.as_deref().filter(|_| !self.join_late);
        let (pid, joined) = sys::fork(group);
        if pid == 0 {
            sys::close(go_write);
            self.program
                .execute(go_read, errors_write, self.terminal, joined);
        }
        let error = sys::errno();
        sys::close(go_read);
        sys::close(errors_write);
        if pid < 0 {
            sys::close(go_write);
            sys::close(errors);
            return self.fail(error, Step::Fork);
        }
        fail_point!("fork.after");
        // The child is not reaped, so its entry is there.
        let start_ticks = sys::start_ticks(pid).unwrap_or(0);
        self.links.note(&self.started(pid, start_ticks));
        fail_point!("fork.recorded");
        sys::write(go_write, b"!");
        sys::close(go_write);
        fail_point!("fork.go");
        self.phase = Phase::Starting {
            pid,
            start_ticks,
            errors,
            joined,
            alive: false,
        };
    }

    fn started(&self, pid: c_int, start_ticks: u64) -> Line {
        let pid = u32::try_from(pid).unwrap_or(0);
        Line::Started {
            generation: self.generation,
            pid,
            start_ticks,
            at: sys::now(),
        }
    }

    /// What the child says on the error pipe: one byte when it is told to go on, five more if it
    /// does not become the program, and the end when it does. True when that was all.
    ///
    /// Without the first byte it died at birth. Linux 6.14 and later do that to children that are
    /// born in a control group in which everything was ever killed: they join it late instead.
    fn hear_start(&mut self) -> bool {
        let Phase::Starting {
            pid,
            start_ticks,
            errors,
            joined,
            alive,
        } = &mut self.phase
        else {
            return true;
        };
        let mut report = [0; 6];
        let said = sys::read(*errors, &mut report).unwrap_or(0);
        *alive |= said > 0;
        if said == 1 {
            return false;
        }
        sys::close(*errors);
        if let Some(&[a, b, c, d, step]) = report[..said].last_chunk() {
            let errno = i32::from_ne_bytes([a, b, c, d]);
            self.fail(errno, Step::from_number(step).unwrap_or(Step::Execute));
        } else if *joined && !*alive && !self.sweeping {
            self.join_late = true;
            self.again = Some(self.generation);
            self.phase = Phase::Ended;
        } else {
            fail_point!("exec.seen");
            let (pid, start_ticks) = (*pid, *start_ticks);
            self.phase = Phase::Running { pid };
            self.links.tell(self.started(pid, start_ticks));
            fail_point!("exec.told");
        }
        true
    }

    fn fail(&mut self, errno: i32, step: Step) {
        fail_point!("fail.seen");
        self.phase = Phase::Ended;
        self.links.say(&Line::Failed {
            generation: self.generation,
            errno,
            step,
        });
        self.reap();
    }

    /// Takes note of everyone who died.
    fn reap(&mut self) {
        // Its own end is put on record at once, and told when it is known whether that was all.
        let mut untold = None;
        // A child that died on its way to the program has said why.
        loop {
            let mut status = 0;
            // SAFETY: status is a valid place to write to.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
            match pid {
                -1 => {
                    if matches!(self.phase, Phase::Ended) {
                        self.phase = Phase::Gone;
                        self.sweeping = false;
                        fail_point!("gone.seen");
                        self.links.say_gone(self.generation, untold.take());
                        fail_point!("gone.told");
                    }
                    return;
                }
                0 => {
                    if let Some(exited) = untold.take() {
                        self.links.tell(exited);
                    }
                    // Some live. Those whose parents just died have become ours: their turn.
                    if self.sweeping {
                        sys::kill_children();
                    }
                    return;
                }
                pid => {
                    if matches!(self.phase, Phase::Starting { pid: own, .. } if own == pid) {
                        while !self.hear_start() {}
                    }
                    if matches!(self.phase, Phase::Running { pid: own } if own == pid) {
                        fail_point!("exit.reaped");
                        // Its last words.
                        self.copy_output();
                        self.phase = Phase::Ended;
                        let memory = self.program.memory.as_mut();
                        let out_of_memory = memory.and_then(memory::Group::recent);
                        let exited = Line::Exited {
                            generation: self.generation,
                            end: end(status),
                            at: sys::now(),
                            out_of_memory,
                        };
                        self.links.note(&exited);
                        fail_point!("exited.noted");
                        untold = Some(exited);
                        self.log.ended();
                    }
                }
            }
        }
    }

    /// Begins to kill everything that is left, the service's own process included.
    fn sweep(&mut self) {
        self.sweeping = true;
        self.program.kill_group();
        fail_point!("sweep.begun");
        sys::kill_children();
        self.reap();
    }

    /// Appends what has come out of the terminal to the log.
    fn copy_output(&mut self) {
        if let Some(master) = self.terminal
            && !terminal::copy(master, self.program.log)
        {
            self.end_terminal();
        }
        self.log.stirred();
    }

    /// What the service says of itself, while it lives.
    fn hear_service(&mut self) {
        if let Phase::Starting { .. } = self.phase {
            // It speaks, so it has become the program.
            while !self.hear_start() {}
        }
        self.links.pass_on(self.generation);
    }

    /// To whoever asked. Before it is the program nobody is to type at it, and afterwards nobody can.
    fn lend_terminal(&mut self, at: usize) {
        let running = matches!(self.phase, Phase::Running { .. });
        let terminal = self.terminal.filter(|_| running);
        self.links.lend(at, self.generation, terminal);
    }

    fn end_terminal(&mut self) {
        if let Some(master) = self.terminal.take() {
            self.size = terminal::size(master).unwrap_or(self.size);
            sys::close(master);
        }
    }
}

fn end(status: c_int) -> End {
    if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Code(libc::WEXITSTATUS(status))
    }
}

/// A descriptor that is readable when children died, and when a log at rest was written to. `None`
/// when there is none: then no end would ever be seen.
pub(crate) fn signals() -> Option<Fd> {
    // SAFETY: the set is filled before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigaddset(&raw mut set, libc::SIGIO);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        sys::checked(libc::signalfd(-1, &raw const set, flags))
    }
}
