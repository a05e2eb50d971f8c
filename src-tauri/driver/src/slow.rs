//! A shim that says nothing: one that is stopped is given up soon, and judged by its record; one
//! that only gets no turn on a machine with too much to do is waited for. It may be about to record
//! how its service ended, and nobody else knows.

use crate::procfs;
use crate::shortage::{PAUSE, seen};
use crate::spawn::Shim;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// Longest wait for one that is slow. Less than an adoption may take: what its record says by then
/// is what is told.
pub(crate) const SLOW: Duration = Duration::from_secs(10);

/// Connects through the open folder: a socket's address has 108 bytes, a home may lie deep. `None`
/// when nobody listens, and when nobody is taken on: the queue of a stopped shim is full after a few
/// engines, and it runs its service all the same.
///
/// # Errors
/// When that could not be tried for want of descriptors or memory.
pub(crate) async fn connect(folder: &Path) -> io::Result<Option<UnixStream>> {
    /// One that is not stopped takes on whoever waits within a millisecond.
    const FULL: Duration = Duration::from_secs(1);
    let Some(folder) = seen(std::fs::File::open(folder))? else {
        return Ok(None);
    };
    let path = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), shim::SOCKET);
    let begun = std::time::Instant::now();
    loop {
        match UnixStream::connect(&path).await {
            // Of this call, that the queue is full and no want of anything.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if begun.elapsed() > FULL {
                    return Ok(None);
                }
                tokio::time::sleep(PAUSE).await;
            }
            connected => return seen(connected),
        }
    }
}

impl Shim {
    /// Its process lives and nobody has stopped it. True as well when that cannot be looked at.
    pub(crate) fn is_at_work(&self) -> bool {
        match procfs::process(self.anchor.pid) {
            Ok(Some(process)) => process.lives() && !matches!(process.state, 'T' | 't'),
            Ok(None) => false,
            Err(_) => true,
        }
    }
}
