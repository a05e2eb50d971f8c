//! What does not want to be ended: children that hide from their parents, or are quick.

use crate::signals::ignore_term;
use crate::{fail, fork_off, hang, say};
use std::ffi::CString;
use std::os::fd::IntoRawFd;

/// Waits until there is this file.
pub(crate) fn until(path: &str) {
    while !std::path::Path::new(path).exists() {
        crate::pause(1);
    }
}

/// In a process group of its own: what is sent to its parent's does not reach it.
pub(crate) fn group() {
    let child = fork_off(|| {
        ignore_term();
        // SAFETY: plain numbers: this process, a group of its own number.
        unsafe { libc::setpgid(0, 0) };
        hang()
    });
    // From here too: it is so when the word is said.
    // SAFETY: as above, of a child that has not become another program.
    unsafe { libc::setpgid(child, child) };
    say(&format!("group {child}"));
}

pub(crate) fn stopped() {
    let child = fork_off(|| {
        // SAFETY: takes a number only.
        unsafe { libc::raise(libc::SIGSTOP) };
        hang()
    });
    wait_stopped(child);
    say(&format!("stopped {child}"));
}

pub(crate) fn traced() {
    let child = fork_off(|| {
        ignore_term();
        // SAFETY: asks to be traced by its parent; no pointer is read.
        unsafe {
            let none = std::ptr::null_mut::<libc::c_void>();
            libc::ptrace(libc::PTRACE_TRACEME, 0, none, none);
            libc::raise(libc::SIGSTOP);
        }
        hang()
    });
    wait_stopped(child);
    say(&format!("traced {child}"));
}

/// What a debugger does to look at a process. The kernel lets go of it when this one ends.
pub(crate) fn attach(pid: &str) {
    let Ok(pid) = pid.parse::<i32>() else {
        fail("attach needs a pid")
    };
    // SAFETY: no pointer is read.
    let done = unsafe {
        let none = std::ptr::null_mut::<libc::c_void>();
        libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) == 0
            && libc::ptrace(libc::PTRACE_INTERRUPT, pid, none, none) == 0
    };
    if !done {
        fail(&format!(
            "cannot attach: {}",
            std::io::Error::last_os_error()
        ));
    }
    wait_stopped(pid);
    say(&format!("attached {pid}"));
}

fn wait_stopped(child: i32) {
    let mut status = 0;
    // SAFETY: status is a valid place to write to.
    unsafe { libc::waitpid(child, &raw mut status, libc::WUNTRACED) };
}

pub(crate) fn headless() {
    let child = fork_off(|| {
        ignore_term();
        // It is not waited for: it is what is left.
        drop(std::thread::spawn(|| hang()));
        // SAFETY: ends this thread alone, and nothing of its stack is used by the other.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        hang()
    });
    // Its first thread has ended when it is shown as a zombie.
    let ended = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z'))
    };
    while !ended() {
        crate::pause(1);
    }
    say(&format!("headless {child}"));
}

/// Becomes this very program again, called otherwise.
pub(crate) fn rename(name: &str, words: Vec<String>) -> ! {
    let mut arguments = vec![name.to_owned()];
    arguments.extend(words);
    let arguments: Vec<CString> = arguments
        .into_iter()
        .filter_map(|word| CString::new(word).ok())
        .collect();
    let mut list: Vec<*const libc::c_char> = arguments.iter().map(|word| word.as_ptr()).collect();
    list.push(std::ptr::null());
    let nothing = [std::ptr::null()];
    // SAFETY: both lists end with a null and hold strings that live until the call.
    unsafe { libc::execve(c"/proc/self/exe".as_ptr(), list.as_ptr(), nothing.as_ptr()) };
    fail("cannot execute itself")
}

pub(crate) fn comet() {
    fork_off(|| {
        ignore_term();
        loop {
            // SAFETY: this program has one thread; _exit runs nothing of it.
            unsafe {
                match libc::fork() {
                    // It may not for the moment: it goes on itself.
                    -1 => {
                        libc::sched_yield();
                    }
                    0 => {}
                    _ => libc::_exit(0),
                }
            }
        }
    });
}

/// The place of each is a byte of the file, on which it has a lock for as long as it lives. Each waits
/// for the lock of another, so the kernel wakes it in the moment in which that one ends.
pub(crate) fn hydra(heads: u64, path: &str) {
    if std::fs::File::create(path).is_err() {
        fail(&format!("cannot write {path}"));
    }
    let heads = i64::try_from(heads).unwrap_or(1);
    for place in 0..heads {
        // SAFETY: this program has one thread.
        if unsafe { libc::fork() } == 0 {
            ignore_term();
            let own = open(path);
            take(own, place);
            all_taken(path, heads);
            grow(path, heads, (own, place));
        }
    }
    all_taken(path, heads);
    say(&format!("hydra {heads}"));
}

/// Whom each waits for is so many places away: whoever kills them in the order of their age is not at
/// the one who waits yet when it wakes.
const AWAY: i64 = 11;

/// Forks the one it waits for when that has ended, for ever; so does everyone it has forked.
fn grow(path: &str, heads: i64, (mut own, mut place): (i32, i64)) -> ! {
    loop {
        // SAFETY: it leads no group yet, or its own.
        unsafe { libc::setpgid(0, 0) };
        // A lock of this kind is an open file's: whoever inherits that has it as well.
        let mut other = open(path);
        let next = (place + AWAY) % heads;
        take(other, next);
        // SAFETY: this program has one thread; the status is not asked for.
        unsafe {
            match libc::fork() {
                0 => (own, other, place) = (other, own, next),
                // It may not for the moment.
                -1 => crate::pause(1),
                _ => while libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) > 0 {},
            }
        }
        close(other);
    }
}

fn all_taken(path: &str, heads: i64) {
    let file = open(path);
    while (0..heads).any(|place| free(file, place)) {
        crate::pause(1);
    }
    close(file);
}

/// There may be no descriptor for the moment.
fn open(path: &str) -> i32 {
    loop {
        let file = std::fs::File::options().read(true).write(true).open(path);
        match file {
            Ok(file) => return file.into_raw_fd(),
            Err(_) => crate::pause(1),
        }
    }
}

fn close(file: i32) {
    // SAFETY: it came from `opened`, and nobody uses it any more.
    unsafe { libc::close(file) };
}

fn lock(kind: i32, place: i64) -> libc::flock {
    // SAFETY: plain numbers, for which zero is a valid value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    (lock.l_start, lock.l_len) = (place, 1);
    lock
}

/// Nobody has this place.
fn free(file: i32, place: i64) -> bool {
    let mut lock = lock(libc::F_WRLCK, place);
    // SAFETY: the lock is a valid place to read from and write to.
    unsafe { libc::fcntl(file, libc::F_OFD_GETLK, &raw mut lock) };
    lock.l_type == libc::F_UNLCK as libc::c_short
}

/// Waits until nobody has this place, and has it.
fn take(file: i32, place: i64) {
    let lock = lock(libc::F_WRLCK, place);
    // SAFETY: the lock is a valid place to read from.
    while unsafe { libc::fcntl(file, libc::F_OFD_SETLKW, &raw const lock) } != 0 {}
}

/// As SQLite locks: whoever else wants these bytes finds them taken.
pub(crate) fn lock_bytes(path: &str, from: u64, length: u64) {
    let file = std::fs::File::options().read(true).write(true).open(path);
    let Ok(file) = file else {
        fail(&format!("cannot open {path}"));
    };
    let mut lock = lock(libc::F_WRLCK, i64::try_from(from).unwrap_or(0));
    lock.l_len = i64::try_from(length).unwrap_or(1);
    // Open for ever: a lock of this kind goes with the first descriptor that is closed.
    let file = file.into_raw_fd();
    // SAFETY: the lock is a valid place to read from.
    if unsafe { libc::fcntl(file, libc::F_SETLKW, &raw const lock) } != 0 {
        fail(&format!("cannot lock {path}"));
    }
}
