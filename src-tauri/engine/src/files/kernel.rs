//! inotify, and every way in which it can fail said in words that help.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;

/// Bytes read at once: some hundreds of events.
const BUFFER: usize = 64 << 10;

/// What is asked of the kernel about a folder. Writing is told when the writer closes the file, so
/// that nothing is read half-written, and a program that logs into a watched folder says nothing.
fn wanted() -> WatchFlags {
    WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
        | WatchFlags::DONT_FOLLOW
        | WatchFlags::EXCL_UNLINK
}

/// Why something is not watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwatched {
    /// The user has as many instances as are allowed.
    Instances,
    /// The user watches as many folders as are allowed.
    Watches,
    /// Something else.
    Other(Errno),
    /// It is not there, or no folder any more: nothing to watch.
    Gone,
}

impl Unwatched {
    fn of(error: Errno) -> Self {
        match error {
            Errno::NOSPC => Self::Watches,
            Errno::MFILE | Errno::NFILE => Self::Instances,
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Self::Gone,
            other => Self::Other(other),
        }
    }

    /// What is wrong and what helps.
    pub(crate) fn words(self) -> String {
        let limit = |name: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}"));
            text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
        };
        match self {
            Self::Watches => format!(
                "this user may watch {} folders and all programs together watch so many \
                 (fs.inotify.max_user_watches); raise it with `sudo sysctl \
                 fs.inotify.max_user_watches=1048576`, or name narrower paths in `watch`",
                limit("max_user_watches")
            ),
            Self::Instances => format!(
                "this user may have {} inotify instances and programs have so many \
                 (fs.inotify.max_user_instances), or too many files are open; raise it with `sudo \
                 sysctl fs.inotify.max_user_instances=1024`",
                limit("max_user_instances")
            ),
            Self::Other(error) => format!("the kernel does not watch it: {error}"),
            Self::Gone => "it is not there".to_owned(),
        }
    }
}

/// One thing the kernel told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Of which folder.
    pub(crate) watch: i32,
    /// The name in it; `None` when it is about the folder itself.
    pub(crate) name: Option<Box<OsStr>>,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A file was written and closed, or put in the place of another.
    Written,
    /// Something new is there; it may be empty yet.
    Appeared { folder: bool },
    /// Something is no longer there.
    Vanished { folder: bool },
    /// The watched folder itself is gone, or elsewhere.
    Lost,
    /// The kernel dropped events: anything may have changed.
    Overflow,
}

/// The one instance. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Kernel(Arc<AsyncFd<OwnedFd>>);

impl Kernel {
    /// Inside a tokio runtime.
    pub(crate) fn open() -> Result<Self, Unwatched> {
        let fd =
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(Unwatched::of)?;
        #[expect(
            deprecated,
            reason = "what took its place is unsafe for every type, and an OwnedFd keeps the promise"
        )]
        let fd = AsyncFd::new(fd).map_err(|_| Unwatched::Instances)?;
        Ok(Self(Arc::new(fd)))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }

    /// Watches a folder; the same folder has the same number however often it is asked for.
    pub(crate) fn watch(&self, folder: &Path) -> Result<i32, Unwatched> {
        inotify::add_watch(self.fd(), folder, wanted()).map_err(Unwatched::of)
    }

    /// Watches it no longer.
    pub(crate) fn unwatch(&self, watch: i32) {
        // One whose folder is gone is gone with it.
        let _ = inotify::remove_watch(self.fd(), watch);
    }

    /// Waits until the kernel has something to tell, and answers all of it.
    pub(crate) async fn events(&self) -> std::io::Result<Vec<Event>> {
        loop {
            let mut ready = self.0.readable().await?;
            let mut events = Vec::new();
            match read(self.fd(), &mut events) {
                Ok(()) => return Ok(events),
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

/// Reads one buffer of events.
fn read(fd: BorrowedFd<'_>, events: &mut Vec<Event>) -> Result<(), Errno> {
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut reader = Reader::new(fd, &mut buffer);
    loop {
        let event = reader.next()?;
        let flags = event.events();
        let folder = flags.contains(ReadFlags::ISDIR);
        let what = if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            Some(What::Overflow)
        } else if flags.intersects(
            ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT,
        ) {
            Some(What::Lost)
        } else if flags.contains(ReadFlags::CLOSE_WRITE) {
            Some(What::Written)
        } else if flags.contains(ReadFlags::MOVED_TO) {
            // What is moved here is whole.
            Some(if folder {
                What::Appeared { folder }
            } else {
                What::Written
            })
        } else if flags.contains(ReadFlags::CREATE) {
            Some(What::Appeared { folder })
        } else if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            Some(What::Vanished { folder })
        } else {
            None
        };
        let name = event
            .file_name()
            .map(|name| OsStr::from_bytes(name.to_bytes()).into());
        events.extend(what.map(|what| Event {
            watch: event.wd(),
            name,
            what,
        }));
        if reader.is_buffer_empty() {
            return Ok(());
        }
    }
}
