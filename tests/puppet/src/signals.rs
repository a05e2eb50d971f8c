//! What signals do to it.

use crate::hang;

pub(crate) fn raise(signal: i32) {
    // SAFETY: plain system calls on this process.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    hang()
}

pub(crate) fn ignore_term() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: SIG_IGN is a valid disposition.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

static TERM_CODE: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

extern "C" fn bye(_: i32) {
    let text = b"bye\n";
    // SAFETY: write and _exit may be called in a handler; the buffer is static.
    unsafe {
        libc::write(1, text.as_ptr().cast(), text.len());
        libc::_exit(TERM_CODE.load(std::sync::atomic::Ordering::Relaxed));
    }
}

extern "C" fn tell(_: i32) {
    let text = b"term\n";
    // SAFETY: write may be called in a handler; the buffer is static.
    unsafe { libc::write(1, text.as_ptr().cast(), text.len()) };
}

pub(crate) fn tell_term() {
    let handler: extern "C" fn(i32) = tell;
    // SAFETY: the handler only makes a call that is safe in one.
    unsafe { libc::signal(libc::SIGTERM, handler as usize) };
}

pub(crate) fn on_term(code: i32) {
    TERM_CODE.store(code, std::sync::atomic::Ordering::Relaxed);
    let handler: extern "C" fn(i32) = bye;
    // SAFETY: the handler only makes calls that are safe in one.
    unsafe { libc::signal(libc::SIGTERM, handler as usize) };
}
