//! Following logs: the last lines of each, then every line as it comes.

use super::page::{LogQuery, Raw, page, split};
use super::{INDEX, LOG, MAX_LINE, clean, index::Index};
use model::InstanceId;
use model::view::LogLine;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often the files' sizes are asked. A stat is cheap; inotify instances are few on many
/// machines.
const LOOK: Duration = Duration::from_millis(100);
/// A line without an end is shown after this long.
const UNFINISHED: Duration = Duration::from_secs(1);
/// Read from one log at a time, so that a flood in one does not starve the others.
const TURN: u64 = 1 << 20;
/// Most lines of a log that are shown at first.
const MAX_TAIL: usize = 10_000;

/// Follows the logs of instances that come and go.
pub struct Follower<Instances> {
    instances: Instances,
    tail: usize,
    logs: BTreeMap<InstanceId, Following>,
    first: bool,
}

struct Following {
    file: File,
    folder: PathBuf,
    /// Everything before it has been sent.
    at: u64,
    /// Since when a line without an end has been waiting, and how far it reaches.
    unfinished: Option<(Instant, u64)>,
}

impl<Instances> Follower<Instances>
where
    Instances: FnMut() -> Vec<(InstanceId, PathBuf)> + Send + 'static,
{
    /// Follows what `instances` answers, which is asked again and again: an instance and the folder
    /// of its log. Of those there at first, the last `tail` lines are shown.
    pub fn new(instances: Instances, tail: usize) -> Self {
        Self {
            instances,
            tail: tail.min(MAX_TAIL),
            logs: BTreeMap::new(),
            first: true,
        }
    }

    /// Sends lines until the reader is gone. A slow reader slows the following down; it misses
    /// nothing, because the files wait.
    pub async fn run(mut self, sender: mpsc::Sender<Vec<LogLine>>) {
        loop {
            // Reading files may block; that must not be on the threads that heal.
            let looked = tokio::task::spawn_blocking(move || {
                let (lines, busy) = self.look();
                (self, lines, busy)
            });
            let Ok((back, lines, busy)) = looked.await else {
                return;
            };
            self = back;
            if !lines.is_empty() && sender.send(lines).await.is_err() {
                return;
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
        let mut lines = Vec::new();
        let mut busy = false;
        let present: BTreeMap<InstanceId, PathBuf> = (self.instances)().into_iter().collect();
        self.logs.retain(|id, _| present.contains_key(id));
        for (id, folder) in present {
            if !self.logs.contains_key(&id) {
                match self.begin(&id, &folder, &mut lines) {
                    Ok(Some(following)) => {
                        self.logs.insert(id.clone(), following);
                    }
                    // Not there yet.
                    Ok(None) => {}
                    Err(error) => tracing::warn!(instance = %id, %error, "failed to follow a log"),
                }
            }
            if let Some(following) = self.logs.get_mut(&id) {
                match following.read(&id, &mut lines) {
                    Ok(more) => busy |= more,
                    Err(error) => tracing::warn!(instance = %id, %error, "failed to read a log"),
                }
            }
        }
        if std::mem::take(&mut self.first) {
            // Of different services, what was written first is shown first, as far as is known.
            lines.sort_by_key(|line| line.at.map_or(i64::MAX, |at| at.0));
        }
        (lines, busy)
    }

    fn begin(
        &self,
        id: &InstanceId,
        folder: &Path,
        lines: &mut Vec<LogLine>,
    ) -> io::Result<Option<Following>> {
        let file = match File::open(folder.join(LOG)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut at = 0;
        // One that appears while we follow is new: it is shown from its beginning.
        if self.first {
            let query = LogQuery {
                limit: self.tail.max(1),
                ..LogQuery::default()
            };
            let last = page(folder, id, &query)?;
            at = last.end;
            if self.tail > 0 {
                lines.extend(last.lines);
            }
        }
        let folder = folder.to_owned();
        Ok(Some(Following {
            file,
            folder,
            at,
            unfinished: None,
        }))
    }
}

impl Following {
    /// Takes what is new; true when there is more.
    fn read(&mut self, id: &InstanceId, lines: &mut Vec<LogLine>) -> io::Result<bool> {
        let end = self.file.metadata()?.len();
        if end <= self.at {
            return Ok(false);
        }
        let take = (end - self.at).min(TURN);
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut chunk = Vec::with_capacity(usize::try_from(take).unwrap_or(0));
        (&self.file).take(take).read_to_end(&mut chunk)?;
        let all = take == end - self.at;
        let (mut raws, mut next) = split(&chunk, self.at, false);
        if all && next < end {
            let waited = match self.unfinished {
                Some((since, reaches)) if reaches == end => since.elapsed() >= UNFINISHED,
                _ => {
                    self.unfinished = Some((Instant::now(), end));
                    false
                }
            };
            if waited {
                (raws, next) = split(&chunk, self.at, true);
            }
        }
        if next > self.at {
            self.unfinished = None;
        }
        self.at = next;
        let index = Index::open(&self.folder.join(INDEX))?;
        lines.extend(raws.into_iter().map(|raw| line(id, &raw, &index)));
        debug_assert!(TURN > MAX_LINE as u64, "a turn holds a whole line");
        Ok(!all)
    }
}

fn line(id: &InstanceId, raw: &Raw, index: &Index) -> LogLine {
    LogLine {
        offset: raw.offset,
        at: index.time_of(raw.end),
        instance: id.clone(),
        text: clean(&raw.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_follower_sees_the_tail_and_then_every_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOG);
        std::fs::write(&path, "a\nb\nc\n").unwrap();
        let id: InstanceId = "api".parse().unwrap();
        let place = folder.path().to_owned();
        let mut follower = Follower::new(move || vec![(id.clone(), place.clone())], 2);
        let texts = |lines: Vec<LogLine>| lines.into_iter().map(|one| one.text).collect::<Vec<_>>();
        assert_eq!(texts(follower.look().0), ["b", "c"]);
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        write!(log, "d\nhal").unwrap();
        assert_eq!(texts(follower.look().0), ["d"]);
        assert_eq!(texts(follower.look().0), [""; 0]);
        writeln!(log, "f").unwrap();
        assert_eq!(texts(follower.look().0), ["half"]);
    }
}
