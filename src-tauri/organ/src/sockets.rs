//! What the organ listens on: the sockets it was handed, or its own port.
//!
//! The protocol is systemd's: descriptors from 3 on, as many as `LISTEN_FDS` says, if `LISTEN_PID` is this
//! process. They listen already, and go on when this process has ended.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The first descriptor that is handed over.
const FIRST: RawFd = 3;
/// More than anybody hands over.
const MOST: RawFd = 8;

/// The sockets to accept from.
pub(crate) fn listening(port: u16) -> io::Result<Vec<TcpListener>> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let count = handed(
        number("LISTEN_PID"),
        number("LISTEN_FDS"),
        std::process::id(),
    );
    if count == 0 {
        return Ok(vec![TcpListener::bind((Ipv4Addr::LOCALHOST, port))?]);
    }
    Ok((FIRST..FIRST + count).map(take).collect())
}

/// How many sockets were handed to the process `own`.
fn handed(pid: Option<u32>, count: Option<u32>, own: u32) -> RawFd {
    let meant = pid == Some(own);
    let count = count.and_then(|count| RawFd::try_from(count).ok());
    count.filter(|_| meant).unwrap_or(0).clamp(0, MOST)
}

#[expect(unsafe_code, reason = "a number becomes a descriptor")]
fn take(fd: RawFd) -> TcpListener {
    // SAFETY: whoever set LISTEN_PID to this process opened it for this process; it is taken once, before
    // anything else is opened.
    TcpListener::from(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_taken_only_when_they_are_meant_for_this_process() {
        assert_eq!(handed(Some(7), Some(2), 7), 2);
        assert_eq!(handed(Some(8), Some(2), 7), 0);
        assert_eq!(handed(None, Some(2), 7), 0);
        assert_eq!(handed(Some(7), None, 7), 0);
        assert_eq!(handed(Some(7), Some(4_000_000_000), 7), 0);
        assert_eq!(handed(Some(7), Some(4_000), 7), MOST);
    }
}
