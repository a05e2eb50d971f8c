//! What all instances of a home have in common.

use crate::cgroup::Groups;
use crate::layout::Layout;
use crate::secret::Key;
use crate::sockets::Sockets;
use crate::survivors::Scanner;
use crate::{Error, Happened};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::PathBuf;
use std::sync::OnceLock;
use tokio::sync::{Semaphore, mpsc};

/// Starts at once. Each is a process and a few syncs of a disk: more at a time only makes each of
/// them later.
const STARTS: usize = 8;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    /// The home's short name.
    pub(crate) home: String,
    pub(crate) shim: PathBuf,
    pub(crate) events: mpsc::Sender<Happened>,
    /// Where control groups are made, and what they hold.
    pub(crate) groups: Groups,
    pub(crate) scanner: Scanner,
    pub(crate) starts: Semaphore,
    /// The listening sockets that services are handed.
    pub(crate) sockets: Sockets,
    /// The limit of open files that services get: what it was before we raised ours.
    pub(crate) nofile: (u64, u64),
    pub(crate) umask: u32,
    /// Read when the first secret is met.
    key: OnceLock<Key>,
}

impl Shared {
    pub(crate) fn new(
        layout: Layout,
        shim: PathBuf,
        events: mpsc::Sender<Happened>,
    ) -> Result<Shared, Error> {
        layout
            .create()
            .map_err(|error| Error::Home(layout.home().to_owned(), error))?;
        crate::clock::boot_id().map_err(Error::Proc)?;
        if !shim.is_file() {
            return Err(Error::NoShim(shim));
        }
        let nofile = raise_nofile();
        crate::shortage::keep();
        Ok(Shared {
            groups: Groups::find(&layout),
            home: layout.id(),
            layout,
            shim,
            events,
            scanner: Scanner::default(),
            starts: Semaphore::new(STARTS),
            sockets: Sockets::default(),
            nofile,
            umask: umask(),
            key: OnceLock::new(),
        })
    }

    /// The home's key for secrets.
    pub(crate) fn key(&self) -> std::io::Result<&Key> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = Key::of(&self.layout)?;
        Ok(self.key.get_or_init(|| key))
    }

    pub(crate) async fn say(&self, happened: Happened) {
        // The engine is gone: nobody has to be told.
        let _ = self.events.send(happened).await;
    }
}

/// Raises this process's limit of open files as far as it may; an engine holds some per service.
/// Returns (soft, hard) as they were before the first call.
pub(crate) fn raise_nofile() -> (u64, u64) {
    static BEFORE: OnceLock<(u64, u64)> = OnceLock::new();
    *BEFORE.get_or_init(|| {
        let limit = getrlimit(Resource::Nofile);
        // Stays as it was where that is not allowed.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        );
        (
            limit.current.unwrap_or(u64::MAX),
            limit.maximum.unwrap_or(u64::MAX),
        )
    })
}

/// This process's file mode mask, read without changing it.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| u32::from_str_radix(line.strip_prefix("Umask:")?.trim(), 8).ok())
        .unwrap_or(0o022)
}
