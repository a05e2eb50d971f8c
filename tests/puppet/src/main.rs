//! A program that misbehaves on command, so that tests can do real things to real processes.
//!
//! `puppet VERB [ARGUMENT] [VERB …]` does its verbs in order and exits with 0 after the last one:
//!
//! | verb | what it does |
//! |---|---|
//! | `hang` | waits for ever |
//! | `exit N` | exits with this code |
//! | `raise N` | is ended by this signal |
//! | `ignore-term` | ignores SIGTERM, SIGINT and SIGHUP from here on |
//! | `on-term N` | from here on SIGTERM makes it print `bye` and exit with this code |
//! | `tell-term` | from here on SIGTERM makes it print `term` and nothing else |
//! | `fork` | leaves a hanging child behind (same group) and goes on; prints `child PID` |
//! | `session` | leaves a hanging, deaf, double-forked grandchild in a session of its own; prints `session PID` |
//! | `daemonise` | goes on in the background as daemons do; the first process exits with 0 |
//! | `erase-environ` | overwrites its environment, as Redis, nginx and PostgreSQL do |
//! | `bind PORT`, `bind-all PORT` | listens on 127.0.0.1, or on all addresses (0: any port); prints `port N` |
//! | `print TEXT` | prints a line |
//! | `lines N` | prints `line 1` to `line N` |
//! | `tick MS` | prints `line 1`, `line 2`, … for ever, one every so many milliseconds |
//! | `flood BYTES` | writes so many bytes as fast as it can |
//! | `number N ALLOWED` | writes the numbered lines up to N as fast as it can, behind the last one that is in its output already, and waits while its output is as long as the file ALLOWED says |
//! | `env NAME` | prints `NAME=value` |
//! | `who` | prints `uid U gid G groups G,G` |
//! | `fds` | prints `fds 0,1,2,…` |
//! | `limit` | prints `nofile SOFT` |
//! | `folder` | prints the working folder |
//! | `pid` | prints `pid N` |
//! | `leak BYTES` | uses so much memory, a page at a time, and keeps it; prints `leaked N` |
//! | `burn` | uses a processor for ever |
//! | `forks N` | leaves so many hanging children behind, or as many as it may; prints `forks N` |
//! | `bomb` | forks for ever, and so does every child |
//! | `bystander PATH` | notes every signal it gets in this file, a byte each, and lives on |
//! | `count PATH MS` | prints `life PID`, then `line 1`, `line 2`, … one every so many milliseconds, and keeps the last in `PATH.PID`; ends as `PATH.die` says (`code N`, `signal N`) once that exists, and takes it away |
//! | `sole PATH` | holds a lock on this file, which then has its pid, with all it forks; finds it held: a line in `PATH.double` |
//! | `until PATH` | waits until this file exists |
//! | `pause MS` | waits so many milliseconds |
//! | `lock PATH FROM LENGTH` | waits for a lock on these bytes of the file, and holds it while it lives |
//! | `mark TEXT` | does nothing; all that it forks have it on their command line |
//! | `group` | leaves a hanging, deaf child behind in a process group of its own; prints `group PID` |
//! | `stopped` | leaves a child behind that has stopped itself; prints `stopped PID` |
//! | `traced` | leaves a child behind that is stopped for its tracer, which is this process; prints `traced PID` |
//! | `attach PID` | stops this process as a debugger does, for as long as it lives itself; prints `attached PID` |
//! | `headless` | leaves a deaf child behind whose first thread has ended, and another hangs; prints `headless PID` |
//! | `notify TEXT` | says this to the socket in `NOTIFY_SOCKET`; a `+` stands for a line's end |
//! | `notify-on MS TEXT` | says it again and again, once every so many milliseconds, for ever |
//! | `beside VERBS` | leaves a child behind that does these verbs, separated by commas, and waits for it |
//! | `rename NAME` | goes on as a program of this name with an empty environment |
//! | `comet` | leaves a deaf child behind that forks and ends, and so does that child, for ever: a process that is never the same for a millisecond |
//! | `hydra N PATH` | leaves N deaf children behind, each in a process group of its own, who fork another in the place of each that ends; this file tells them who has ended |
//! | `queue MS` | is a service with one worker, on the sockets it is handed: see `queue.rs` |
//! | `answer PORT BYTES` | answers every request with so many bytes, as quickly as can be: see `answer.rs` |
//! | `serve NAME PORT …` | is a service that uses what it needs and can be told to go wrong: see `serve.rs` |
#![expect(unsafe_code, reason = "the misbehaviour is made of bare system calls")]

mod answer;
mod needs;
mod numbers;
mod queue;
mod serve;
mod signals;
mod stand_in;
mod zoo;

use signals::{ignore_term, on_term, raise, tell_term};
use std::io::Write;
use std::net::TcpListener;

fn main() {
    stand_in::unless_puppet();
    let mut words = std::env::args().skip(1);
    while let Some(verb) = words.next() {
        let mut word = || {
            words
                .next()
                .unwrap_or_else(|| fail(&format!("{verb} needs an argument")))
        };
        match verb.as_str() {
            "hang" => hang(),
            "notify" => notify(&word()),
            "notify-on" => {
                let every = number(&word());
                let text = word();
                loop {
                    notify(&text);
                    pause(every);
                }
            }
            "beside" => beside(&word()),
            "pause" => pause(number(&word())),
            "exit" => std::process::exit(number(&word()) as i32),
            "raise" => raise(number(&word()) as i32),
            "ignore-term" => ignore_term(),
            "tell-term" => tell_term(),
            "on-term" => on_term(number(&word()) as i32),
            "fork" => say(&format!("child {}", fork_off(hang))),
            "session" => session(),
            "daemonise" => daemonise(),
            "erase-environ" => erase_environ(),
            "answer" => answer::answer(number(&word()) as u16, number(&word()) as usize),
            "queue" => queue::queue(number(&word())),
            "bind" => bind("127.0.0.1", number(&word()) as u16),
            "bind-all" => bind("0.0.0.0", number(&word()) as u16),
            "print" => say(&word()),
            "lines" => (1..=number(&word())).for_each(|n| say(&format!("line {n}"))),
            "tick" => tick(number(&word())),
            "flood" => flood(number(&word())),
            "number" => {
                let last = number(&word());
                numbers::up_to(last, &word());
            }
            "env" => {
                let name = word();
                say(&format!(
                    "{name}={}",
                    std::env::var(&name).unwrap_or_default()
                ));
            }
            "who" => who(),
            "fds" => fds(),
            "limit" => limit(),
            "folder" => say(&std::env::current_dir()
                .unwrap_or_default()
                .to_string_lossy()),
            "sole" => sole(&word()),
            "bystander" => bystander(&word()),
            "count" => {
                let path = word();
                count(&path, number(&word()));
            }
            "pid" => say(&format!("pid {}", std::process::id())),
            "leak" => leak(number(&word())),
            "burn" => loop {
                std::hint::spin_loop();
            },
            "forks" => forks(number(&word())),
            "bomb" => loop {
                // SAFETY: this program has one thread. When it may not, it tries again.
                if unsafe { libc::fork() } < 0 {
                    pause(1);
                }
            },
            "lock" => {
                let path = word();
                zoo::lock_bytes(&path, number(&word()), number(&word()));
            }
            // It stays where it is: on the command line.
            "mark" => drop(word()),
            "group" => zoo::group(),
            "stopped" => zoo::stopped(),
            "traced" => zoo::traced(),
            "attach" => zoo::attach(&word()),
            "headless" => zoo::headless(),
            "rename" => zoo::rename(&word(), words.collect()),
            "comet" => zoo::comet(),
            "hydra" => {
                let heads = number(&word());
                zoo::hydra(heads, &word());
            }
            "serve" => serve::serve(words),
            "until" => zoo::until(&word()),
            other => fail(&format!("no verb {other}")),
        }
    }
}

fn fail(why: &str) -> ! {
    eprintln!("puppet: {why}");
    std::process::exit(64)
}

fn number(text: &str) -> u64 {
    text.parse()
        .unwrap_or_else(|_| fail(&format!("{text} is not a number")))
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(74);
    }
}

fn pause(milliseconds: u64) {
    let time = i32::try_from(milliseconds).unwrap_or(i32::MAX);
    // SAFETY: no descriptors are passed, so the pointer is not read.
    unsafe { libc::poll(std::ptr::null_mut(), 0, time) };
}

/// Says something as `sd_notify` does.
fn notify(text: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let place = std::env::var("NOTIFY_SOCKET").unwrap_or_else(|_| fail("no NOTIFY_SOCKET"));
    let address = match place.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&place),
    };
    let sent = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.send_to_addr(text.replace('+', "\n").as_bytes(), &address)
    });
    if let Err(error) = sent {
        say(&format!("not heard: {error}"));
    }
}

/// Does other verbs in a child, and waits for its end.
fn beside(verbs: &str) {
    let program = std::env::current_exe().unwrap_or_else(|_| fail("no program"));
    let child = std::process::Command::new(program)
        .args(verbs.split(','))
        .status();
    if child.is_err() {
        fail("no child");
    }
}

fn hang() -> ! {
    loop {
        // SAFETY: no arguments; returns when a signal was handled.
        unsafe { libc::pause() };
    }
}

/// Forks a child that does `then`; returns its pid.
fn fork_off(then: fn() -> !) -> i32 {
    // SAFETY: this program has one thread.
    match unsafe { libc::fork() } {
        -1 => fail("cannot fork"),
        0 => then(),
        pid => pid,
    }
}

/// The grandchild closes this when it has spoken, so that its parent does not go on before.
static SPOKEN: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(-1);

fn session() {
    let mut ends = [0; 2];
    // SAFETY: the list has the two places that the call fills.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        fail("cannot make a pipe");
    }
    SPOKEN.store(ends[1], std::sync::atomic::Ordering::Relaxed);
    fork_off(|| {
        // SAFETY: a fresh child is no group leader, so it can lead a session.
        unsafe { libc::setsid() };
        fork_off(|| {
            ignore_term();
            say(&format!("session {}", std::process::id()));
            // SAFETY: gives up a descriptor that nothing else here uses.
            unsafe { libc::close(SPOKEN.load(std::sync::atomic::Ordering::Relaxed)) };
            hang()
        });
        std::process::exit(0)
    });
    let (mut status, mut byte) = (0, 0_u8);
    // SAFETY: status and byte are valid places to write to; the descriptors are our own.
    unsafe {
        libc::close(ends[1]);
        libc::read(ends[0], (&raw mut byte).cast(), 1);
        libc::close(ends[0]);
        libc::wait(&raw mut status);
    }
}

fn daemonise() {
    for round in 0..2 {
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            -1 => fail("cannot fork"),
            0 if round == 0 => {
                // SAFETY: a fresh child is no group leader, so it can lead a session.
                unsafe { libc::setsid() };
            }
            0 => {}
            _ => std::process::exit(0),
        }
    }
    say(&format!("daemon {}", std::process::id()));
}

fn leak(bytes: u64) {
    const PAGE: usize = 4096;
    let mut kept = Vec::new();
    for _ in 0..bytes.div_ceil(PAGE as u64) {
        // Not zero: the kernel gives zeros away without memory behind them.
        kept.push(vec![1_u8; PAGE]);
    }
    std::mem::forget(kept);
    say(&format!("leaked {bytes}"));
}

fn forks(wanted: u64) {
    let mut made = 0;
    while made < wanted {
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            -1 => break,
            0 => hang(),
            _ => made += 1,
        }
    }
    say(&format!("forks {made}"));
}

unsafe extern "C" {
    static environ: *const *mut libc::c_char;
}

fn erase_environ() {
    // SAFETY: environ is the list of zero-terminated strings the kernel laid out for us, on our
    // own stack; nothing else runs, and nothing reads the environment afterwards.
    unsafe {
        let mut entry = environ;
        while !(*entry).is_null() {
            libc::memset((*entry).cast(), 0, libc::strlen(*entry));
            entry = entry.add(1);
        }
    }
}

fn bind(address: &str, port: u16) {
    match TcpListener::bind((address, port)) {
        Ok(listener) => {
            let port = listener.local_addr().map(|a| a.port()).unwrap_or_default();
            std::mem::forget(listener); // it listens for as long as the process lives
            say(&format!("port {port}"));
        }
        Err(error) => fail(&format!("cannot bind {port}: {error}")),
    }
}

static NOTES: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(-1);

extern "C" fn note(signal: i32) {
    let byte = u8::try_from(signal).unwrap_or(0);
    // SAFETY: write may be called in a handler; the byte is on its own stack.
    unsafe {
        libc::write(
            NOTES.load(std::sync::atomic::Ordering::Relaxed),
            (&raw const byte).cast(),
            1,
        )
    };
}

fn bystander(path: &str) -> ! {
    use std::os::fd::IntoRawFd;
    let Ok(notes) = std::fs::File::create(path) else {
        fail(&format!("cannot write {path}"));
    };
    NOTES.store(notes.into_raw_fd(), std::sync::atomic::Ordering::Relaxed);
    let handler: extern "C" fn(i32) = note;
    for signal in (1..32).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        // SAFETY: the handler only makes a call that is safe in one.
        unsafe { libc::signal(signal, handler as usize) };
    }
    say("watching");
    hang()
}

/// What was written is known from outside, to the line: a line is counted after it was written.
fn count(path: &str, pace: u64) -> ! {
    use std::os::unix::fs::FileExt;
    let pid = std::process::id();
    let progress = std::fs::File::create(format!("{path}.{pid}"));
    let Ok(progress) = progress else {
        fail(&format!("cannot write beside {path}"));
    };
    let order = format!("{path}.die");
    say(&format!("life {pid}"));
    for line in 1_u64.. {
        say(&format!("line {line}"));
        // The disk is full: what is counted is the least that was written.
        let _ = progress.write_all_at(format!("{line:020}").as_bytes(), 0);
        if let Ok(how) = std::fs::read_to_string(&order)
            && let Some((kind, code)) = how.split_once(' ')
            && std::fs::remove_file(&order).is_ok()
        {
            match kind {
                "signal" => raise(number(code) as i32),
                _ => std::process::exit(number(code) as i32),
            }
        }
        pause(pace);
    }
    hang()
}

/// Two copies that live at the same time, for however short a time, are told by the second one.
fn sole(path: &str) {
    let open = |path: &str| {
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true).open(path)
    };
    let Ok(mut file) = open(path) else {
        fail(&format!("cannot open {path}"));
    };
    if file.try_lock().is_err() {
        if let Ok(mut double) = open(&format!("{path}.double")) {
            let _ = writeln!(double, "{}", std::process::id());
        }
        return;
    }
    if file
        .set_len(0)
        .and_then(|()| write!(file, "{}", std::process::id()))
        .is_err()
    {
        fail(&format!("cannot write {path}"));
    }
    // Held until this process and all it forks have ended.
    std::mem::forget(file);
}

fn tick(milliseconds: u64) -> ! {
    for line in 1_u64.. {
        say(&format!("line {line}"));
        pause(milliseconds);
    }
    hang()
}

fn flood(mut bytes: u64) {
    let block = b"0123456789abcde\n".repeat(4096);
    let mut out = std::io::stdout().lock();
    while bytes > 0 {
        let part = block
            .len()
            .min(usize::try_from(bytes).unwrap_or(usize::MAX));
        if out.write_all(&block[..part]).is_err() {
            std::process::exit(74);
        }
        bytes -= part as u64;
    }
}

fn who() {
    let mut groups = [0; 64];
    // SAFETY: the list has as many places as is said; getuid and getgid cannot fail.
    let (uid, gid, count) = unsafe {
        (
            libc::getuid(),
            libc::getgid(),
            libc::getgroups(64, groups.as_mut_ptr()),
        )
    };
    let count = usize::try_from(count).unwrap_or(0);
    let groups: Vec<String> = groups[..count].iter().map(ToString::to_string).collect();
    say(&format!("uid {uid} gid {gid} groups {}", groups.join(",")));
}

fn fds() {
    // SAFETY: F_GETFD takes no further argument and fails on what is not open.
    let open = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0;
    let open: Vec<String> = (0..1024).filter(open).map(|fd| fd.to_string()).collect();
    say(&format!("fds {}", open.join(",")));
}

fn limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: limit is a valid place to write to.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    say(&format!("nofile {}", limit.rlim_cur));
}
