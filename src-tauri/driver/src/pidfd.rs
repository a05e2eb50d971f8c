//! Signals and waiting by descriptor: a pid is a number that others get later, a pidfd is not.
#![expect(
    unsafe_code,
    reason = "signalling a group through a pidfd, and asking it how its process ended, have no safe wrapper yet"
)]

use crate::shortage::seen;
use crate::{clock, procfs};
use model::{Anchor, ExitStatus};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process, whatever becomes of its number.
#[derive(Debug)]
pub(crate) struct Pidfd {
    fd: OwnedFd,
}

/// `PIDFD_SIGNAL_PROCESS_GROUP` of linux/pidfd.h, since Linux 6.9.
const PROCESS_GROUP: libc::c_uint = 1 << 2;

impl Pidfd {
    /// The process of this number, whoever that is now; `None` when there is none.
    ///
    /// # Errors
    /// When no descriptor could be had: that says nothing about the process.
    pub(crate) fn open(pid: u32) -> io::Result<Option<Pidfd>> {
        let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Ok(None);
        };
        let opened = pidfd_open(raw, PidfdFlags::empty()).map_err(io::Error::from);
        Ok(seen(opened)?.map(|fd| Pidfd { fd }))
    }

    /// The process of this anchor, if it still lives. Looked at after opening, so what was compared
    /// is what the descriptor means.
    ///
    /// # Errors
    /// When it could not be looked at.
    pub(crate) fn open_anchored(anchor: &Anchor) -> io::Result<Option<Pidfd>> {
        if clock::boot_id()? != anchor.boot_id {
            return Ok(None);
        }
        let Some(pidfd) = Pidfd::open(anchor.pid)? else {
            return Ok(None);
        };
        let process = procfs::process(anchor.pid)?;
        let same = process.is_some_and(|p| p.start_ticks == anchor.start_ticks && p.lives());
        Ok(same.then_some(pidfd))
    }

    /// Like [`Pidfd::open_anchored`], and not if it carries another shim's nonce or the mark of
    /// another home (whose records may have been copied here): one that is different disproves, one
    /// that is absent (erased, or another user's) proves nothing. Nor if it can be no service at all.
    ///
    /// # Errors
    /// When it could not be looked at.
    pub(crate) fn open_ours(anchor: &Anchor, nonce: &str, home: &str) -> io::Result<Option<Pidfd>> {
        if !procfs::may_be_service(anchor.pid) {
            return Ok(None);
        }
        let Some(pidfd) = Pidfd::open_anchored(anchor)? else {
            return Ok(None);
        };
        let foreign = procfs::marks(anchor.pid)?.foreign(nonce, home);
        Ok((!foreign).then_some(pidfd))
    }

    /// Ready to be waited for in async code.
    pub(crate) fn watch(self) -> io::Result<AsyncFd<Pidfd>> {
        // SAFETY: the descriptor is owned, open, and replaced or closed by nobody but its drop.
        Ok(unsafe { AsyncFd::register_with_interest(self, Interest::READABLE) }?)
    }

    /// Blocks until it has ended, at most this long; true when it has.
    pub(crate) fn wait_ended(&self, limit: std::time::Duration) -> bool {
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        poll(&mut fds, Some(&limit)).is_ok_and(|ready| ready > 0)
    }

    /// How it ended, as the kernel keeps it for who held a descriptor before: of any process, not
    /// only of a child, once its parent has taken note. `None` before that, and before Linux 6.15.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        /// `struct pidfd_info` of linux/pidfd.h in its first size.
        #[repr(C)]
        #[derive(Default)]
        struct Info {
            mask: u64,
            cgroup: u64,
            ids: [u32; 11],
            exit_code: i32,
        }
        /// `PIDFD_GET_INFO`: reads and writes, `PIDFS_IOCTL_MAGIC`, 11.
        const GET_INFO: libc::Ioctl =
            ((3 << 30) | (size_of::<Info>() << 16) | (0xff << 8) | 11) as libc::Ioctl;
        /// `PIDFD_INFO_EXIT`.
        const EXIT: u64 = 1 << 3;
        let mut info = Info {
            mask: EXIT,
            ..Info::default()
        };
        // SAFETY: an owned descriptor, and a place of the size that the number tells.
        let done = unsafe { libc::ioctl(self.fd.as_raw_fd(), GET_INFO, &raw mut info) } == 0;
        if !done || info.mask & EXIT == 0 {
            return None;
        }
        let status = std::process::ExitStatus::from_raw(info.exit_code);
        match (status.code(), status.signal()) {
            (Some(code), _) => Some(ExitStatus::Code(code)),
            (None, Some(signal)) => Some(ExitStatus::Signal(signal)),
            (None, None) => None,
        }
    }

    /// Sends a signal to this process.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        self.send(signal, 0)
    }

    /// Sends a signal to the process group that this process leads.
    ///
    /// # Errors
    /// `InvalidInput` before Linux 6.9.
    pub(crate) fn signal_group(&self, signal: i32) -> io::Result<()> {
        self.send(signal, PROCESS_GROUP)
    }

    fn send(&self, signal: i32, flags: libc::c_uint) -> io::Result<()> {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: an owned descriptor, numbers, and a null that the call allows.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.fd.as_raw_fd(),
                signal,
                no_info,
                flags,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

impl AsRawFd for Pidfd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
