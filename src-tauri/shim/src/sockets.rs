//! The listening sockets of a service: received once from the engine, kept over all its starts, and
//! given as duplicates to the next engine.
//!
//! Because this process keeps them open, a connection that comes while the service restarts waits
//! in the socket's queue instead of being refused.

use crate::sys::{self, Fd};
use shim::intent::MAX_LISTEN;
use std::ffi::{c_int, c_void};

/// Kept from here on up, out of the way of 3, 4, … where the service gets them.
const ABOVE: Fd = 64;

/// The engine sends them before it makes this process; milliseconds.
const PATIENCE: c_int = 5_000;

/// Room for the control message: a header of 16 bytes, then four for each descriptor.
const CONTROL: usize = 16 + MAX_LISTEN * size_of::<Fd>();

/// A control message's bytes, aligned as its header has to be.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// The sockets, in the order the intent has them.
#[derive(Clone, Copy)]
pub(crate) struct Sockets {
    fds: [Fd; MAX_LISTEN],
    used: usize,
}

impl Sockets {
    /// A service that is handed none.
    pub(crate) const NONE: Sockets = Sockets {
        fds: [-1; MAX_LISTEN],
        used: 0,
    };

    /// A single descriptor, for [`Sockets::send`].
    pub(crate) fn one(fd: Fd) -> Sockets {
        let mut one = Sockets::NONE;
        (one.fds[0], one.used) = (fd, 1);
        one
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Waits for `count` sockets to come over `link`; `None` when others come, or none in time.
    pub(crate) fn receive(link: Fd, count: usize) -> Option<Sockets> {
        if count == 0 {
            return Some(Sockets::NONE);
        }
        let mut wait = libc::pollfd {
            fd: link,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one entry, and it is valid for the call.
        if unsafe { libc::poll(&raw mut wait, 1, PATIENCE) } != 1 {
            return None;
        }
        let mut byte = [0_u8];
        let mut control = Control([0; CONTROL]);
        let mut sockets = Sockets::NONE;
        let length = count * size_of::<Fd>();
        // SAFETY: the message describes `byte` and `control`, which outlive the call; its header is
        // read by the system's own macros, within the length the kernel has written.
        unsafe {
            let mut piece = libc::iovec {
                iov_base: byte.as_mut_ptr().cast(),
                iov_len: byte.len(),
            };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut piece;
            message.msg_iovlen = 1;
            message.msg_control = control.0.as_mut_ptr().cast::<c_void>();
            message.msg_controllen = CONTROL as _;
            if libc::recvmsg(link, &raw mut message, libc::MSG_CMSG_CLOEXEC) != 1 {
                return None;
            }
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            if header.is_null()
                || (*header).cmsg_level != libc::SOL_SOCKET
                || (*header).cmsg_type != libc::SCM_RIGHTS
                || (*header).cmsg_len as usize != libc::CMSG_LEN(length as u32) as usize
            {
                return None;
            }
            let data = libc::CMSG_DATA(header).cast::<Fd>();
            for at in 0..count {
                let came = data.add(at).read_unaligned();
                let kept = libc::fcntl(came, libc::F_DUPFD_CLOEXEC, ABOVE);
                sys::close(came);
                if kept < 0 || !listens(kept) {
                    return None;
                }
                sockets.fds[at] = kept;
                sockets.used += 1;
            }
        }
        Some(sockets)
    }

    /// Sends text without waiting, and duplicates of the sockets with it.
    pub(crate) fn send(&self, to: Fd, text: &[u8]) {
        if self.used == 0 {
            sys::send(to, text);
            return;
        }
        let mut control = Control([0; CONTROL]);
        let length = self.used * size_of::<Fd>();
        // SAFETY: the message describes `text` and `control`, which outlive the call; what is
        // written behind the header fits, because `used` is at most MAX_LISTEN.
        unsafe {
            let mut piece = libc::iovec {
                iov_base: text.as_ptr().cast_mut().cast(),
                iov_len: text.len(),
            };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut piece;
            message.msg_iovlen = 1;
            message.msg_control = control.0.as_mut_ptr().cast::<c_void>();
            message.msg_controllen = libc::CMSG_SPACE(length as u32) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(length as u32) as _;
            let data = libc::CMSG_DATA(header).cast::<Fd>();
            for (at, fd) in self.fds[..self.used].iter().enumerate() {
                data.add(at).write_unaligned(*fd);
            }
            // Who does not read is dropped with the next line.
            libc::sendmsg(
                to,
                &raw const message,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            );
        }
    }

    /// Puts them where the service looks for them: 3, 4, … open over its exec. Runs in the child.
    pub(crate) fn place(&self) -> bool {
        (3..)
            .zip(&self.fds[..self.used])
            // SAFETY: takes numbers only. The targets lie below ABOVE, so no source is lost.
            .all(|(place, fd)| unsafe { libc::dup2(*fd, place) } >= 0)
    }

    /// A descriptor that is needed until the exec, out of the way of those places.
    pub(crate) fn out_of_the_way(&self, fd: Fd) -> Option<Fd> {
        if self.used == 0 {
            return Some(fd);
        }
        // SAFETY: duplicates a descriptor number; fails on a bad one.
        sys::checked(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, ABOVE) })
    }
}

/// True for a socket that listens.
fn listens(fd: Fd) -> bool {
    let mut on: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: on and length are valid places of the size told.
    let known = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_ACCEPTCONN,
            (&raw mut on).cast(),
            &raw mut length,
        )
    } == 0;
    known && on == 1
}
