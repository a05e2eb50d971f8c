//! Being asked to stop: SIGTERM and SIGINT become a byte in a pipe, which the poll loop sees.

use std::io::{self, PipeReader};
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The writing end, for the handler; -1 until there is one.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// Makes SIGTERM and SIGINT readable from the pipe that is returned.
pub(crate) fn listen() -> io::Result<PipeReader> {
    let (reader, writer) = io::pipe()?;
    // The writing end lives as long as the process: the handler may ring at any time.
    BELL.store(writer.into_raw_fd(), Ordering::Relaxed);
    set(libc::SIGINT, ring as *const () as libc::sighandler_t);
    set(libc::SIGTERM, ring as *const () as libc::sighandler_t);
    Ok(reader)
}

/// SIGTERM does nothing from now on.
pub(crate) fn ignore_term() {
    set(libc::SIGTERM, libc::SIG_IGN);
}

/// SIGTERM stops the organ in good order again.
pub(crate) fn heed_term() {
    set(libc::SIGTERM, ring as *const () as libc::sighandler_t);
}

/// SIGTERM ends the process where it stands, unless it is ignored: the poll loop will not look at the pipe.
pub(crate) fn term_kills() {
    // Setting it tells what it was, which is the only way to ask.
    if set(libc::SIGTERM, libc::SIG_DFL) == libc::SIG_IGN {
        ignore_term();
    }
}

#[expect(unsafe_code, reason = "std has no signal handling")]
fn set(signal: i32, to: libc::sighandler_t) -> libc::sighandler_t {
    // SAFETY: the handler only calls `write`, which is async-signal-safe, on a descriptor that stays open.
    unsafe { libc::signal(signal, to) }
}

#[expect(
    unsafe_code,
    reason = "the handler may only call async-signal-safe functions"
)]
extern "C" fn ring(_signal: i32) {
    let bell: RawFd = BELL.load(Ordering::Relaxed);
    // SAFETY: one byte from a static; a full pipe has already said what is to be said.
    let _ = unsafe { libc::write(bell, b"!".as_ptr().cast(), 1) };
}
