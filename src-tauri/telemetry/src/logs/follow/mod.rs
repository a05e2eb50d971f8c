//! Following logs: the last lines of each, then every line as it comes.

mod following;

use super::LOG;
use super::page::Filter;
use following::Following;
use model::view::LogLine;
use model::{InstanceId, Timestamp};
use security::redact::Redactor;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// How often the files' sizes are asked. A stat is cheap; inotify instances are few on many
/// machines.
const LOOK: Duration = Duration::from_millis(100);
/// Most lines of a log that are shown at first, and of all together.
const MAX_TAIL: usize = 10_000;
/// Most lines that are sent at once.
const BATCH: usize = 1_000;

/// What is followed.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// So many of the last lines of each log first.
    pub tail: usize,
    /// Instead of its last lines, what begins at this address of a log and behind it.
    pub from: BTreeMap<InstanceId, u64>,
    /// Only these lines.
    pub filter: Filter,
    /// For who shows only what is newest: of lines that come faster than this many at a look, of all logs
    /// together, the older ones are passed over. 0: every line.
    pub newest: usize,
}

/// Bytes of one log that are read at most for who wants only the newest lines; with a filter more is looked
/// through.
const ROOM: u64 = 256 << 10;
const ROOM_FILTERED: u64 = 64 << 20;
/// Lines of each log that are shown at least, however many there are.
const LEAST_SHARE: usize = 3;

/// Follows the logs of instances that come and go.
pub struct Follower<Instances> {
    instances: Instances,
    tail: usize,
    /// Where a reader goes on that was here before.
    from: BTreeMap<InstanceId, u64>,
    filter: Filter,
    /// What hides secrets from now on.
    hides: Box<dyn FnMut() -> Option<Arc<Redactor>> + Send>,
    newest: usize,
    logs: BTreeMap<InstanceId, Following>,
    /// When it was last looked; `None` before the first time.
    looked: Option<Timestamp>,
}

impl<Instances> Follower<Instances>
where
    Instances: FnMut() -> Vec<(InstanceId, PathBuf)> + Send + 'static,
{
    /// Follows what `instances` answers, an instance and the folder of its log, and hides what `hides`
    /// answers. Both are asked again and again: a secret may become known, and the leave to see them end, while
    /// somebody follows.
    pub fn new(
        instances: Instances,
        hides: impl FnMut() -> Option<Arc<Redactor>> + Send + 'static,
        followed: Followed,
    ) -> Self {
        Self {
            hides: Box::new(hides),
            instances,
            tail: followed.tail.min(MAX_TAIL),
            from: followed.from,
            filter: followed.filter,
            newest: followed.newest,
            logs: BTreeMap::new(),
            looked: None,
        }
    }

    /// Sends lines until the reader is gone. A slow reader slows the following down; it misses
    /// nothing, because the files wait, unless a service writes more than its log keeps before it
    /// has read on. Then the next line says how much.
    pub async fn run(mut self, sender: mpsc::Sender<Vec<LogLine>>) {
        loop {
            // Reading files may block; that must not be on the threads that heal.
            let looked = tokio::task::spawn_blocking(move || {
                let (lines, busy) = self.look();
                (self, lines, busy)
            });
            let Ok((back, mut lines, busy)) = looked.await else {
                return;
            };
            self = back;
            while !lines.is_empty() {
                let later = lines.split_off(lines.len().min(BATCH));
                if sender
                    .send(std::mem::replace(&mut lines, later))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            if !busy {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = sender.closed() => return,
                }
            }
        }
    }

    /// The lines that have come since the last look, and whether there are more at once.
    fn look(&mut self) -> (Vec<LogLine>, bool) {
        let now = wall();
        self.filter.hide = (self.hides)();
        let mut lines = Vec::new();
        let mut busy = false;
        let present: BTreeMap<InstanceId, PathBuf> = (self.instances)().into_iter().collect();
        // The last words of those that are no more.
        self.logs.retain(|id, following| {
            let stays = present.contains_key(id);
            if !stays {
                following.finish(id, &self.filter, &mut lines);
            }
            stays
        });
        let mut tails = Vec::new();
        let newest = self.newest > 0 && self.looked.is_some();
        for (id, folder) in present {
            match self.look_at(&id, &folder, &mut tails, &mut lines) {
                Ok(more) => busy |= more,
                Err(error) => tracing::warn!(instance = %id, %error, "failed to follow a log"),
            }
        }
        if newest {
            self.catch_up(&mut lines);
            busy = false;
        }
        if self.looked.replace(now).is_none() {
            // Of different services, what was written first is shown first, as far as is known.
            tails.sort_by_key(|line: &LogLine| line.at.map_or(i64::MAX, |at| at.0));
            tails.drain(..tails.len().saturating_sub(MAX_TAIL));
            lines.splice(0..0, tails);
        }
        (lines, busy)
    }

    /// Reads on to the end of every log, and keeps of each the newest lines, as many as of every other. What was
    /// passed over is said with the first line of its log that stays.
    fn catch_up(&mut self, lines: &mut Vec<LogLine>) {
        let room = match self.filter.narrows() {
            true => ROOM_FILTERED,
            false => ROOM,
        };
        let share = (self.newest / self.logs.len().max(1)).max(LEAST_SHARE);
        for (id, following) in &mut self.logs {
            let mut own = Vec::new();
            let mut done = following.hurry(room);
            while done.is_ok() {
                match following.read(id, &self.filter, &mut own) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => done = Err(error),
                }
                // The newest of a filtered flood are at its end.
                thin(&mut own, share);
            }
            thin(&mut own, share);
            lines.append(&mut own);
            if let Err(error) = done {
                tracing::warn!(instance = %id, %error, "failed to follow a log");
            }
        }
    }

    fn look_at(
        &mut self,
        id: &InstanceId,
        folder: &Path,
        tails: &mut Vec<LogLine>,
        lines: &mut Vec<LogLine>,
    ) -> io::Result<bool> {
        let there = match std::fs::metadata(folder.join(LOG)) {
            Ok(there) => there,
            // Not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // A forgotten cluster that is run again has new logs under old names.
        if let Some(following) = self.logs.get_mut(id)
            && !same(&following.file.metadata()?, &there)
        {
            following.finish(id, &self.filter, lines);
            self.logs.remove(id);
        }
        let following = match self.logs.entry(id.clone()) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let (file, folder) = (File::open(folder.join(LOG))?, folder.to_owned());
                let mut following = Following {
                    file,
                    folder,
                    at: 0,
                    unfinished: None,
                    open: false,
                    missed: 0,
                    skipped: 0,
                };
                match (self.from.remove(id), self.looked) {
                    // Beyond its end it is another log than the one that was read.
                    (Some(from), _) if from <= there.len() => following.at = from,
                    (Some(_), _) => {}
                    (None, None) => following.tail(id, self.tail, &self.filter, tails)?,
                    // Of one that comes while we follow, what was written before is old.
                    (None, Some(looked)) => following.at = following.index()?.size_before(looked),
                }
                place.insert(following)
            }
        };
        if self.newest > 0 && self.looked.is_some() {
            // Read when all are known.
            return Ok(false);
        }
        following.read(id, &self.filter, lines)
    }
}

/// Keeps the last `most` lines. The first that stays of each log says what went before it.
fn thin(lines: &mut Vec<LogLine>, most: usize) {
    let Some(over) = lines.len().checked_sub(most).filter(|over| *over > 0) else {
        return;
    };
    let mut gone: BTreeMap<InstanceId, u64> = BTreeMap::new();
    for line in lines.drain(..over) {
        let bytes = line.end - line.offset + line.skipped.unwrap_or(0) + line.missed.unwrap_or(0);
        *gone.entry(line.instance).or_default() += bytes;
    }
    for line in lines.iter_mut() {
        if gone.is_empty() {
            return;
        }
        if let Some(bytes) = gone.remove(&line.instance) {
            line.skipped = Some(line.skipped.unwrap_or(0) + bytes);
        }
    }
}

/// The wall clock, to be compared with what shims noted by theirs.
fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
mod tests;
