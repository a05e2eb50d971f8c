//! The output of a container, copied into the home's log from the daemon's, where everything else
//! that reads logs finds it.
//!
//! No line is lost or doubled by the death of the engine or of the daemon. A note says up to which
//! entry, by the daemon's time of it, the log has been written, and how long it was then. Whoever
//! goes on asks for what is not older, leaves out the entries that the note counts, and of what
//! follows as many bytes as the log has more than the note says: those were written after it.

mod entry;
mod keeper;

use crate::record::{self, Position};
use crate::shared::Shared;
use bollard::query_parameters::LogsOptionsBuilder;
use entry::Entry;
use futures_util::StreamExt;
use keeper::Keeper;
use model::Generation;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// What a container has written comes within this time of its end, or from the daemon's own files.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// A last pass over what the daemon keeps, which is bounded.
const LAST_PASS: Duration = Duration::from_secs(30);
/// Notes are so far apart: what was written since the last is read again by the next copier.
const NOTE: Duration = Duration::from_secs(1);
/// Where output cannot be followed, it is asked for so often, and not for more than this part of the
/// time: each pass reads all that the daemon has.
const PASS: Duration = Duration::from_millis(250);
const PASS_SHARE: u32 = 20;
/// After an error of the disk.
const AGAIN: Duration = Duration::from_secs(1);
/// Entries that are written at once when they come at once: each has at most 16 KB.
const BATCH: usize = 1_024;
/// Where Docker begins its next file, its stream says again what is in that (seen with 20.10, and by
/// `docker logs -f` as well): what goes back in time by no more than this, in nanoseconds. What goes
/// back further is a clock that was set.
const REPLAY: i128 = 60 * SECOND;
/// Nanoseconds of a second, in which the daemon is asked.
const SECOND: i128 = 1_000_000_000;

/// Whose output, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The container's name.
    pub(crate) name: String,
    /// Its id.
    pub(crate) id: String,
    /// The instance's run folder.
    pub(crate) folder: PathBuf,
    /// The folder of its log.
    pub(crate) logs: PathBuf,
    /// At least so many of the newest bytes stay.
    pub(crate) keep: Option<u64>,
}

/// Copies one container's output for as long as it runs. Dropped, it stops; the next goes on.
#[derive(Debug)]
pub(crate) struct Copier {
    shared: Arc<Shared>,
    source: Source,
    /// Closed when the daemon has no more.
    done: oneshot::Receiver<()>,
    /// Ends with this.
    _task: JoinSet<()>,
}

impl Copier {
    /// Begins to copy; `begins` is the start whose output this is the first of.
    pub(crate) async fn begin(
        shared: Arc<Shared>,
        source: Source,
        begins: Option<Generation>,
    ) -> Self {
        // Here and not in the task, which may be ended before it comes to that.
        let mut keeper = Keeper::open(&source).await;
        if let Some(generation) = begins {
            keeper.begins(generation).await;
        }
        let (lives, done) = oneshot::channel();
        let mut task = JoinSet::new();
        let (own, from) = (Arc::clone(&shared), source.clone());
        task.spawn(async move {
            copy_all(&own, &from, &mut keeper).await;
            drop::<oneshot::Sender<()>>(lives);
            // One that runs on is to be copied on.
            tokio::time::sleep(AGAIN).await;
            own.stirred(&from.name);
        });
        Self {
            shared,
            source,
            done,
            _task: task,
        }
    }

    /// The daemon has nothing more to say just now: the container has ended, or the daemon has.
    pub(crate) fn is_over(&mut self) -> bool {
        self.done.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    /// Its container has ended: waits for its last words, and looks whether any are missing.
    pub(crate) async fn finish(self) {
        let Self {
            shared,
            source,
            done,
            _task: mut task,
        } = self;
        if shared.daemon.follows_logs() {
            // It ends by being closed.
            let _ = timeout(LAST_WORDS, done).await;
        }
        task.shutdown().await;
        let mut keeper = Keeper::open(&source).await;
        let last = copy(&shared, &source, &mut keeper, false);
        if timeout(LAST_PASS, last).await.is_err() {
            tracing::warn!(
                container = source.name,
                "gave up waiting for its last lines"
            );
        }
    }
}

/// Copies what comes for as long as the container runs.
async fn copy_all(shared: &Shared, source: &Source, keeper: &mut Keeper) {
    let follow = shared.daemon.follows_logs();
    loop {
        let begun = Instant::now();
        let pause = match copy(shared, source, keeper, follow).await {
            Ok(()) if follow => break,
            Ok(()) => PASS.max(PASS_SHARE * begun.elapsed()),
            Err(error) => {
                let log = source.logs.display();
                tracing::warn!(%log, %error, "failed to copy a container's output");
                // The daemon keeps it until there is room.
                AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Copies what there is, and with `follow` what comes, until the daemon has no more.
async fn copy(
    shared: &Shared,
    source: &Source,
    keeper: &mut Keeper,
    follow: bool,
) -> io::Result<()> {
    let mut log = Log::open(source)?;
    // What is older is left out here; the daemon's own way of leaving it out knows whole seconds.
    let since = log.from().div_euclid(SECOND).saturating_sub(1);
    let options = LogsOptionsBuilder::new()
        .follow(follow)
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .since(i32::try_from(since).unwrap_or(0).max(0))
        .build();
    let output = shared.daemon.api().logs(&source.id, Some(options));
    let mut output = Box::pin(output.ready_chunks(BATCH));
    let mut note: Option<Instant> = None;
    let mut goes_on = true;
    while goes_on {
        let due = [note, keeper.due()].into_iter().flatten().min();
        tokio::select! {
            pieces = output.next() => {
                let pieces = pieces.unwrap_or_default();
                let known = pieces.iter().map_while(|piece| piece.as_ref().ok());
                let taken = known.clone().count();
                // What cuts it off is told by the daemon's silence, or by what is written here.
                goes_on = taken > 0 && taken == pieces.len();
                known.for_each(|piece| log.take(&Entry::of(piece.as_ref())));
                if log.flush()? {
                    keeper.stirred();
                    note = note.or(Some(Instant::now() + NOTE));
                }
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if note.is_some_and(|at| at <= Instant::now()) {
                    log.note()?;
                    note = None;
                }
                keeper.look_if_due().await;
            }
        }
    }
    keeper.ended().await;
    log.note()
}

/// The home's log, and how much of the container's output is in it.
struct Log {
    file: File,
    folder: PathBuf,
    /// On its way to the file.
    new: Vec<u8>,
    /// With that.
    position: Position,
    /// Entries of the note's very time that are in it.
    skip_entries: u64,
    /// Bytes behind the note that are in it.
    skip_bytes: u64,
    /// Nothing older is left out any more.
    resumed: bool,
}

impl Log {
    fn open(source: &Source) -> io::Result<Self> {
        record::folder(&source.logs)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(source.logs.join("log"))?;
        let size = file.metadata()?.len();
        let known = Position::read(&source.folder).filter(|known| known.id == source.id);
        let position = match known {
            Some(known) => known,
            None => {
                let first = Position {
                    id: source.id.clone(),
                    at: i128::MIN,
                    taken: 0,
                    size,
                };
                // Before the first byte: else the next copier would take that for another's.
                first.write(&source.folder)?;
                first
            }
        };
        Ok(Self {
            file,
            folder: source.folder.clone(),
            new: Vec::new(),
            skip_entries: position.taken,
            // One that somebody has emptied has nothing of what follows.
            skip_bytes: size.saturating_sub(position.size),
            resumed: position.at == i128::MIN,
            position,
        })
    }

    /// From when on entries are wanted, in Unix nanoseconds.
    fn from(&self) -> i128 {
        self.position.at
    }

    /// Takes an entry unless it is there.
    fn take(&mut self, entry: &Entry<'_>) {
        let at = entry.at.unwrap_or(self.position.at);
        let back = self.position.at.saturating_sub(at);
        if back > 0 && back <= REPLAY {
            (self.resumed, self.skip_entries) = (false, self.position.taken);
        }
        if !self.resumed {
            if at < self.position.at {
                return;
            }
            if at == self.position.at && self.skip_entries > 0 {
                self.skip_entries -= 1;
                return;
            }
            self.resumed = true;
        }
        let known = usize::try_from(self.skip_bytes).unwrap_or(usize::MAX);
        let (known, new) = entry.text.split_at(known.min(entry.text.len()));
        self.new.extend_from_slice(new);
        self.skip_bytes -= known.len() as u64;
        let position = &mut self.position;
        if at > position.at {
            (position.at, position.taken) = (at, 1);
        } else {
            position.taken += 1;
        }
        position.size += entry.text.len() as u64;
    }

    /// Writes what was taken. True when there was something. After an error nothing is known of the
    /// file but its length, and it is opened again.
    fn flush(&mut self) -> io::Result<bool> {
        let written = !self.new.is_empty();
        self.file.write_all(&self.new)?;
        self.new.clear();
        Ok(written)
    }

    fn note(&mut self) -> io::Result<()> {
        if self.skip_bytes > 0 {
            // The older note says where these end.
            return Ok(());
        }
        self.position.write(&self.folder)
    }
}
