//! Reservations: a lock on one byte of one file (byte number = port number) for each port, and
//! beside it a few words that say whose.
//!
//! The lock belongs to an open file: it ends with the driver, however that ends. The words are
//! written by who has the lock, and mean nothing while nobody has it.
#![expect(
    unsafe_code,
    reason = "locks that belong to an open file have no safe wrapper yet"
)]

use super::PortError;
use crate::clock;
use crate::layout::Layout;
use crate::per_user::{self, Place};
use model::{ClusterId, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes for the words about one port: a home's id, two names of at most 63 bytes, a time. Pages
/// nobody writes to take no space.
const SLOT: usize = 256;

/// The reservations of all homes of one user, as one driver sees them.
#[derive(Debug)]
pub(crate) struct Reservations {
    home: String,
    locks: File,
    words: File,
}

/// Whose a reserved port is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The id of the home.
    pub home: String,
    /// Whose.
    pub cluster: ClusterId,
    /// Whose.
    pub instance: InstanceId,
    /// Since when.
    pub since: Timestamp,
}

/// Who has reserved a port, in whatever home of this user. `None` when nobody has. `here` is the home
/// that asks: where homes share nothing, its own reservations are looked at.
///
/// # Errors
/// When the file of reservations cannot be used.
pub fn reserved(here: &Layout, port: u16) -> Result<Option<Reservation>, PortError> {
    let place = per_user::place(here).map_err(|(path, error)| PortError::File(path, error))?;
    let nobody = String::new();
    Ok(Reservations::open(nobody, &place)?.other(port).flatten())
}

impl Reservations {
    /// For a home with this id, in the folder of reservations.
    pub(crate) fn open(home: String, place: &Place) -> Result<Self, PortError> {
        let open = |name: &str| {
            let path = place.folder.join(name);
            open(&path).map_err(|error| PortError::File(path, error))
        };
        Ok(Self {
            home,
            locks: open("ports")?,
            words: open("port-owners")?,
        })
    }

    /// Takes a port for an instance; false when another open file has it.
    pub(crate) fn take(&self, port: u16, cluster: &ClusterId, instance: &InstanceId) -> bool {
        if !self.set_lock(port, libc::F_WRLCK) {
            return false;
        }
        let words = Reservation {
            home: self.home.clone(),
            cluster: cluster.clone(),
            instance: instance.clone(),
            since: Timestamp(clock::wall_ms()),
        };
        if let Ok(mut slot) = serde_json::to_vec(&words)
            && slot.len() <= SLOT
        {
            slot.resize(SLOT, b' ');
            // Without words a conflict is named less well; the lock is what keeps it.
            let _ = self.words.write_all_at(&slot, offset(port));
        }
        true
    }

    /// Gives a port back.
    pub(crate) fn give_back(&self, port: u16) {
        self.set_lock(port, libc::F_UNLCK);
    }

    /// Who has reserved a port through another open file, if anybody has.
    pub(crate) fn other(&self, port: u16) -> Option<Option<Reservation>> {
        if !self.locked(port) {
            return None;
        }
        let mut slot = [0; SLOT];
        let read = self.words.read_exact_at(&mut slot, offset(port));
        Some(read.ok().and_then(|()| {
            let text = std::str::from_utf8(&slot).ok()?;
            serde_json::from_str(text.trim_end_matches([' ', '\0'])).ok()
        }))
    }

    fn locked(&self, port: u16) -> bool {
        let mut lock = byte(port, libc::F_WRLCK);
        // SAFETY: an owned descriptor and a live place of the type the command takes.
        let asked =
            unsafe { libc::fcntl(self.locks.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
        asked == 0 && libc::c_int::from(lock.l_type) != libc::F_UNLCK
    }

    fn set_lock(&self, port: u16, kind: libc::c_int) -> bool {
        let lock = byte(port, kind);
        // SAFETY: an owned descriptor and a live place of the type the command takes.
        unsafe { libc::fcntl(self.locks.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) == 0 }
    }
}

/// A lock of this kind on a port's byte.
fn byte(port: u16, kind: libc::c_int) -> libc::flock {
    // SAFETY: flock is plain numbers, for which zero is a valid value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = libc::off_t::from(port);
    lock.l_len = 1;
    lock
}

fn offset(port: u16) -> u64 {
    u64::from(port) * SLOT as u64
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}
