//! What does not want to be ended: children that hide from their parents, or are quick.

use crate::{fail, fork_off, hang, ignore_term, say};
use std::ffi::CString;
use std::os::fd::IntoRawFd;

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

/// The place of each is a byte of the file, which it has a lock on for as long as it lives.
pub(crate) fn hydra(heads: u64, path: &str) {
    let Ok(file) = std::fs::File::create(path) else {
        fail(&format!("cannot write {path}"));
    };
    let file = file.into_raw_fd();
    let heads = i64::try_from(heads).unwrap_or(1);
    // SAFETY: this program has one thread.
    if unsafe { libc::fork() } == 0 {
        ignore_term();
        grow(file, heads);
    }
    while (0..heads).any(|place| free(file, place)) {
        crate::pause(1);
    }
    say(&format!("hydra {heads}"));
}

/// How many places each of them looks after, those behind its own.
const WATCHED: i64 = 8;
/// Between two looks, in ms. Hundreds of them together are quick enough, and do not take a processor.
const LOOK: u64 = 5;

/// Forks whoever is missing, for ever; so does everyone it has forked.
fn grow(file: i32, heads: i64) -> ! {
    // SAFETY: a fresh child leads no group yet.
    unsafe { libc::setpgid(0, 0) };
    let mut own = 0;
    take(file, own);
    loop {
        let watched = own + 1..=own + WATCHED.min(heads - 1);
        for place in watched.map(|place| place % heads) {
            if !free(file, place) {
                continue;
            }
            // SAFETY: this program has one thread; the status is not asked for.
            unsafe {
                if libc::fork() == 0 {
                    libc::setpgid(0, 0);
                    if !take(file, place) {
                        // Another was quicker.
                        libc::_exit(0);
                    }
                    own = place;
                    break;
                }
                while libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) > 0 {}
            }
        }
        crate::pause(LOOK);
    }
}

fn lock(kind: i32, place: i64) -> libc::flock {
    // SAFETY: plain numbers, for which zero is a valid value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    (lock.l_start, lock.l_len) = (place, 1);
    lock
}

/// Nobody else has this place.
fn free(file: i32, place: i64) -> bool {
    let mut lock = lock(libc::F_WRLCK, place);
    // SAFETY: the lock is a valid place to read from and write to.
    unsafe { libc::fcntl(file, libc::F_GETLK, &raw mut lock) };
    lock.l_type == libc::F_UNLCK as libc::c_short
}

fn take(file: i32, place: i64) -> bool {
    let lock = lock(libc::F_WRLCK, place);
    // SAFETY: the lock is a valid place to read from.
    unsafe { libc::fcntl(file, libc::F_SETLK, &raw const lock) == 0 }
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
