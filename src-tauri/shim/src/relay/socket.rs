//! The system calls of the relay that the standard library has no words for.

use shim::forwards::Forward;
use std::ffi::{CString, c_int, c_void};
use std::io;
use std::mem::size_of;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Connections that wait to be taken.
const QUEUE: c_int = 128;
/// After an error that only others can mend, in milliseconds.
const PAUSE: c_int = 100;

/// The number of a network device; `None` when there is none of this name.
pub(crate) fn index_of(device: &str) -> Option<u32> {
    let name = CString::new(device).ok()?;
    // SAFETY: the name is terminated, and is read only.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

/// A socket that listens at the forward's address, to what comes by its device alone.
///
/// The address is no guard: a kernel takes what is sent to any address of its own from whichever side
/// it comes. So a socket that cannot be bound to the device is not made.
pub(crate) fn listener(forward: &Forward) -> io::Result<TcpListener> {
    // SAFETY: no pointers.
    let made = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was made just now and is nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(made) };
    set(&socket, libc::SO_REUSEADDR, &1_i32.to_ne_bytes())?;
    let mut device = forward.device.clone().into_bytes();
    device.push(0);
    set(&socket, libc::SO_BINDTODEVICE, &device)?;
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: forward.port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(forward.address).to_be(),
        },
        sin_zero: [0; 8],
    };
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the address lives until the call is over, and its size is its own.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if bound < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: no pointers.
    if unsafe { libc::listen(socket.as_raw_fd(), QUEUE) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(TcpListener::from(socket))
}

fn set(socket: &impl AsRawFd, option: c_int, value: &[u8]) -> io::Result<()> {
    let length = value.len() as libc::socklen_t;
    let start: *const c_void = value.as_ptr().cast();
    // SAFETY: the value is as long as is said, and is copied.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, start, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Who waits for a connection of it comes back with an error, now and always.
pub(crate) fn wake(listener: &TcpListener) {
    // SAFETY: no pointers.
    unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) };
}

/// A peer that is gone without a word is noticed in the end.
pub(crate) fn keep_alive(stream: &TcpStream) {
    let _ = set(stream, libc::SO_KEEPALIVE, &1_i32.to_ne_bytes());
}

/// Closes it by a reset, so that its peer does not take it for an answer.
pub(crate) fn refuse(stream: TcpStream) {
    // A `struct linger`: on, for no time.
    let mut linger = [0; 8];
    linger[..4].copy_from_slice(&1_i32.to_ne_bytes());
    let _ = set(&stream, libc::SO_LINGER, &linger);
}

/// How many descriptors this process may have: as many as it may give itself.
pub(crate) fn descriptors() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: it is written within its size.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return 0;
    }
    let had = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: it is read only.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } == 0;
    let have = if raised { limit.rlim_max } else { had };
    usize::try_from(have).unwrap_or(usize::MAX)
}

/// What could not be taken is tried again: at once where it was the peer's doing, and a moment later
/// where descriptors or memory are short, which would come back at once.
pub(crate) fn after(error: &io::Error) {
    if !matches!(
        error.raw_os_error(),
        Some(libc::ECONNABORTED | libc::EINTR | libc::EPERM)
    ) {
        // SAFETY: no descriptors are looked at.
        unsafe { libc::poll(std::ptr::null_mut(), 0, PAUSE) };
    }
}

/// Tells when a file of a folder is replaced.
pub(crate) struct Changes(OwnedFd);

impl Changes {
    /// Of whatever is put into this folder; `None` when the kernel does not tell.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
        // SAFETY: no pointers.
        let made = unsafe { libc::inotify_init1(libc::IN_CLOEXEC) };
        if made < 0 {
            return None;
        }
        // SAFETY: it was made just now and is nobody else's.
        let told = unsafe { OwnedFd::from_raw_fd(made) };
        let what = libc::IN_MOVED_TO | libc::IN_DELETE_SELF;
        // SAFETY: the path is terminated, and is read only.
        let watched = unsafe { libc::inotify_add_watch(told.as_raw_fd(), path.as_ptr(), what) };
        (watched >= 0).then_some(Self(told))
    }

    /// Waits for the next word; false when the folder is gone.
    pub(crate) fn wait(&self) -> bool {
        let mut words = [0_u8; 4096];
        loop {
            // SAFETY: the buffer is as long as is said.
            let read =
                unsafe { libc::read(self.0.as_raw_fd(), words.as_mut_ptr().cast(), words.len()) };
            let Ok(length) = usize::try_from(read) else {
                match io::Error::last_os_error().raw_os_error() {
                    Some(libc::EINTR) => continue,
                    _ => return false,
                }
            };
            return !gone(&words[..length]);
        }
    }
}

/// One of these words says that there is nothing to watch any more.
fn gone(mut words: &[u8]) -> bool {
    // wd, mask, cookie, length of the name: 4 bytes each; then the name.
    while words.len() >= 16 {
        let number = |at: usize| {
            let bytes = words[at..at + 4].try_into().unwrap_or_default();
            u32::from_ne_bytes(bytes)
        };
        if number(4) & (libc::IN_IGNORED | libc::IN_DELETE_SELF) != 0 {
            return true;
        }
        let whole = 16 + number(12) as usize;
        words = words.get(whole..).unwrap_or_default();
    }
    false
}
