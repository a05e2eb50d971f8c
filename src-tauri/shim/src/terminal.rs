//! The terminal of a service that wants one: this process holds its master end and appends what
//! comes out of it to the log. Nobody else reads from it, so that no line is missing in the log and
//! the service never waits for somebody who looks on; what is typed is written by the engine, to a
//! duplicate that it is lent for that.
//!
//! The end of the master is the end of the terminal: a service with a terminal cannot outlive its
//! shim. It gets SIGHUP, as when a window is closed.

use crate::sys::{self, Fd};

/// What programs take for granted that have never been told.
pub(crate) const SIZE: libc::winsize = libc::winsize {
    ws_row: 24,
    ws_col: 80,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// A new pseudo terminal's master end of this size, without waiting and closed on exec.
pub(crate) fn open(size: libc::winsize) -> Option<Fd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: takes numbers only.
    let master = sys::checked(unsafe { libc::posix_openpt(flags) })?;
    let locked: libc::c_int = 0;
    // SAFETY: both requests read what the pointer is to: an int and a winsize.
    let ready = unsafe {
        libc::ioctl(master, libc::TIOCSPTLCK, &raw const locked) == 0
            && libc::ioctl(master, libc::TIOCSWINSZ, &raw const size) == 0
    };
    if !ready {
        sys::close(master);
        return None;
    }
    Some(master)
}

/// How large it has been made, which its next one is to be as well.
pub(crate) fn size(master: Fd) -> Option<libc::winsize> {
    let mut size = SIZE;
    // SAFETY: the request fills what the pointer is to: a winsize.
    sys::checked(unsafe { libc::ioctl(master, libc::TIOCGWINSZ, &raw mut size) })?;
    Some(size)
}

/// Makes the other end the controlling terminal and the three standard descriptors. Runs in the
/// child, which leads a session of its own.
pub(crate) fn enter(master: Fd) -> bool {
    // SAFETY: plain calls on this process with numbers. TIOCGPTPEER opens the other end whatever
    // is mounted at /dev/pts.
    unsafe {
        let slave = libc::ioctl(master, libc::TIOCGPTPEER, libc::O_RDWR | libc::O_NOCTTY);
        if slave < 0 || libc::ioctl(slave, libc::TIOCSCTTY, 0) < 0 {
            return false;
        }
        let placed = (0..3).all(|place| libc::dup2(slave, place) >= 0);
        if slave > 2 {
            sys::close(slave);
        }
        placed
    }
}

/// Most bytes that are copied before children, commands and the log's length are seen to again: what
/// is left is told of again. More than a terminal holds, so last words are among them.
const PIECE: usize = 64 * 1024;

/// Appends to the log what has come out, or a piece of it; false when nothing can come any more.
pub(crate) fn copy(master: Fd, log: Fd) -> bool {
    let mut block = [0; 4096];
    let mut copied = 0;
    while copied < PIECE {
        match sys::read(master, &mut block) {
            // On a full disk it is lost to the log: held back, it would stop the service.
            Some(read @ 1..) => {
                sys::write(log, &block[..read]);
                copied += read;
            }
            Some(0) => return false,
            None => return sys::errno() == libc::EAGAIN,
        }
    }
    true
}
