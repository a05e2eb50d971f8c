//! What the kernel tells of logs: which of those that are watched were written to. Used by those who wait for
//! a line ([`super::awaited`]).

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use tokio::io::unix::AsyncFd;

/// Bytes of what the kernel tells that are read at once. What is watched has no name in it, so an
/// event takes 16.
const EVENTS: usize = 4 << 10;

/// One inotify instance.
pub(super) struct Kernel(AsyncFd<OwnedFd>);

impl Kernel {
    pub(super) fn open() -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        #[expect(
            deprecated,
            reason = "what took its place is unsafe for every type, and an OwnedFd keeps the promise"
        )]
        Ok(Self(AsyncFd::new(fd)?))
    }

    pub(super) fn watch(&self, log: &Path) -> io::Result<i32> {
        Ok(inotify::add_watch(&self.0, log, WatchFlags::MODIFY)?)
    }

    pub(super) fn unwatch(&self, watch: i32) {
        // It is gone already when its file is.
        let _ = inotify::remove_watch(&self.0, watch);
    }

    /// The logs that were written to.
    pub(super) async fn stirred(&self) -> io::Result<Vec<i32>> {
        let mut ready = self.0.readable().await?;
        let mut buffer = [MaybeUninit::uninit(); EVENTS];
        let mut reader = Reader::new(self.0.as_fd(), &mut buffer);
        let mut watches = Vec::new();
        loop {
            match reader.next() {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => watches.push(-1),
                Ok(event) => watches.push(event.wd()),
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if reader.is_buffer_empty() && !watches.is_empty() {
                return Ok(watches);
            }
        }
        ready.clear_ready();
        Ok(watches)
    }
}
