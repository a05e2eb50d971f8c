//! Following logs: the last lines of each, then every line as it comes.

mod following;

use super::{LOG, Pattern};
use following::Following;
use model::view::LogLine;
use model::{InstanceId, Timestamp};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// How often the files' sizes are asked. A stat is cheap; inotify instances are few on many
/// machines.
const LOOK: Duration = Duration::from_millis(100);
/// Most lines of a log that are shown at first, and of all together.
const MAX_TAIL: usize = 10_000;
/// Most lines that are sent at once.
const BATCH: usize = 1_000;

/// Follows the logs of instances that come and go.
pub struct Follower<Instances> {
    instances: Instances,
    tail: usize,
    /// Where a reader goes on that was here before.
    from: BTreeMap<InstanceId, u64>,
    /// Only lines that hold it.
    grep: Option<Pattern>,
    logs: BTreeMap<InstanceId, Following>,
    /// When it was last looked; `None` before the first time.
    looked: Option<Timestamp>,
}

impl<Instances> Follower<Instances>
where
    Instances: FnMut() -> Vec<(InstanceId, PathBuf)> + Send + 'static,
{
    /// Follows what `instances` answers, which is asked again and again: an instance and the folder
    /// of its log. Of those there at first, the last `tail` lines are shown; of those named in
    /// `from` instead what begins at this address and behind it. Of all, only lines that hold `grep`.
    pub fn new(
        instances: Instances,
        tail: usize,
        from: BTreeMap<InstanceId, u64>,
        grep: Option<Pattern>,
    ) -> Self {
        Self {
            instances,
            tail: tail.min(MAX_TAIL),
            from,
            grep,
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
        let mut lines = Vec::new();
        let mut busy = false;
        let present: BTreeMap<InstanceId, PathBuf> = (self.instances)().into_iter().collect();
        // The last words of those that are no more.
        self.logs.retain(|id, following| {
            let stays = present.contains_key(id);
            if !stays {
                following.finish(id, self.grep.as_ref(), &mut lines);
            }
            stays
        });
        let mut tails = Vec::new();
        for (id, folder) in present {
            match self.look_at(&id, &folder, &mut tails, &mut lines) {
                Ok(more) => busy |= more,
                Err(error) => tracing::warn!(instance = %id, %error, "failed to follow a log"),
            }
        }
        if self.looked.replace(now).is_none() {
            // Of different services, what was written first is shown first, as far as is known.
            tails.sort_by_key(|line: &LogLine| line.at.map_or(i64::MAX, |at| at.0));
            tails.drain(..tails.len().saturating_sub(MAX_TAIL));
            lines.splice(0..0, tails);
        }
        (lines, busy)
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
            following.finish(id, self.grep.as_ref(), lines);
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
                };
                match (self.from.remove(id), self.looked) {
                    // Beyond its end it is another log than the one that was read.
                    (Some(from), _) if from <= there.len() => following.at = from,
                    (Some(_), _) => {}
                    (None, None) => following.tail(id, self.tail, self.grep.as_ref(), tails)?,
                    // Of one that comes while we follow, what was written before is old.
                    (None, Some(looked)) => following.at = following.index()?.size_before(looked),
                }
                place.insert(following)
            }
        };
        following.read(id, self.grep.as_ref(), lines)
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
mod tests {
    use super::following::UNFINISHED;
    use super::*;
    use crate::logs::INDEX;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    /// A folder of logs, and which of them are there.
    struct Logs {
        folder: tempfile::TempDir,
        present: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Logs {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                present: Arc::default(),
            }
        }

        fn write(&self, id: &'static str, text: &str) {
            let folder = self.folder.path().join(id);
            std::fs::create_dir_all(&folder).unwrap();
            let log = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(folder.join(LOG));
            log.unwrap().write_all(text.as_bytes()).unwrap();
            let mut present = self.present.lock().unwrap();
            if !present.contains(&id) {
                present.push(id);
            }
        }

        /// As the shim does a second later.
        fn note(&self, id: &str, at: i64) {
            let folder = self.folder.path().join(id);
            let size = std::fs::metadata(folder.join(LOG)).unwrap().len();
            let index = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(folder.join(INDEX));
            writeln!(index.unwrap(), "{at:013} {size:016}").unwrap();
        }

        fn follow(
            &self,
            tail: usize,
        ) -> Follower<impl FnMut() -> Vec<(InstanceId, PathBuf)> + Send + 'static> {
            let (folder, present) = (self.folder.path().to_owned(), self.present.clone());
            let instances = move || {
                let present = present.lock().unwrap();
                present
                    .iter()
                    .map(|id| (id.parse().unwrap(), folder.join(id)))
                    .collect()
            };
            Follower::new(instances, tail, BTreeMap::new(), None)
        }
    }

    fn texts((lines, _): (Vec<LogLine>, bool)) -> Vec<String> {
        lines
            .into_iter()
            .map(|line| format!("{}: {}", line.instance.service, line.text))
            .collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn a_follower_sees_the_tail_and_then_every_whole_line() {
        let logs = Logs::new();
        logs.write("api.0", "a\nb\nc\nd");
        let mut follower = logs.follow(3);
        assert_eq!(texts(follower.look()), ["api: b", "api: c"]);
        logs.write("api.0", "\nhal");
        assert_eq!(texts(follower.look()), ["api: d"]);
        assert_eq!(texts(follower.look()), NONE);
        logs.write("api.0", "f\n");
        let (lines, _) = follower.look();
        assert_eq!((lines[0].text.as_str(), lines[0].offset), ("half", 8));
        // Nobody has noted its time yet, but it has just come.
        assert!(lines[0].at.is_some());
    }

    #[test]
    fn a_line_without_an_end_is_shown_after_a_while_and_its_end_is_no_line() {
        let logs = Logs::new();
        logs.write("api.0", "");
        let mut follower = logs.follow(9);
        assert_eq!(texts(follower.look()), NONE);
        logs.write("api.0", "password: ");
        assert_eq!(texts(follower.look()), NONE);
        let waited = |follower: &mut Follower<_>| {
            for following in follower.logs.values_mut() {
                let (since, end) = following.unfinished.unwrap();
                following.unfinished = Some((since.checked_sub(UNFINISHED).unwrap(), end));
            }
        };
        waited(&mut follower);
        assert_eq!(texts(follower.look()), ["api: password: "]);
        assert_eq!(texts(follower.look()), NONE);
        logs.write("api.0", "\nnext\n\n");
        assert_eq!(texts(follower.look()), ["api: next", "api: "]);
        // One that grows waits anew.
        logs.write("api.0", "1%");
        assert_eq!(texts(follower.look()), NONE);
        waited(&mut follower);
        logs.write("api.0", " 2%");
        assert_eq!(texts(follower.look()), NONE);
        logs.write("api.0", " 3%\n");
        assert_eq!(texts(follower.look()), ["api: 1% 2% 3%"]);
    }

    #[test]
    fn the_tails_of_several_are_put_in_order() {
        let logs = Logs::new();
        for (n, id) in ["db.0", "api.0", "db.0", "api.0"].into_iter().enumerate() {
            logs.write(id, &format!("{n}\n"));
            logs.note(id, 1_000 * i64::try_from(n).unwrap());
        }
        assert_eq!(
            texts(logs.follow(9).look()),
            ["db: 0", "api: 1", "db: 2", "api: 3"]
        );
        assert_eq!(texts(logs.follow(1).look()), ["db: 2", "api: 3"]);
        assert_eq!(texts(logs.follow(0).look()), NONE);
    }

    #[test]
    fn instances_come_go_and_begin_anew() {
        let logs = Logs::new();
        logs.write("api.0", "a\n");
        let mut follower = logs.follow(9);
        assert_eq!(texts(follower.look()), ["api: a"]);
        // A new one is shown from its beginning, one that is back from where it comes back.
        logs.write("db.0", "first\n");
        logs.write("old.0", "long ago\n");
        logs.note("old.0", 1_000);
        logs.write("old.0", "back\n");
        assert_eq!(texts(follower.look()), ["db: first", "old: back"]);
        // The last words of one that goes are heard, ended or not.
        logs.write("db.0", "last\nword");
        logs.present.lock().unwrap().retain(|id| *id != "db.0");
        assert_eq!(texts(follower.look()), ["db: last", "db: word"]);
        // A new file under the old name.
        logs.write("api.0", "z\n");
        std::fs::rename(
            logs.folder.path().join("api.0"),
            logs.folder.path().join("gone"),
        )
        .unwrap();
        logs.write("api.0", "new\n");
        assert_eq!(texts(follower.look()), ["api: z", "api: new"]);
    }

    #[test]
    fn a_reader_that_was_here_before_goes_on_where_it_was() {
        let logs = Logs::new();
        logs.write("api.0", "a\nb\nc\n");
        logs.write("db.0", "d\ne\n");
        let mut follower = logs.follow(9);
        follower.from = [
            ("api.0".parse().unwrap(), 4),
            ("db.0".parse().unwrap(), 999),
        ]
        .into();
        // The second is beyond the end: a new log under the old name.
        assert_eq!(texts(follower.look()), ["api: c", "db: d", "db: e"]);
    }

    #[test]
    fn a_follower_that_is_outrun_says_by_how_much() {
        let logs = Logs::new();
        logs.write("api.0", "");
        let mut follower = logs.follow(9);
        follower.look();
        let line = format!("{}\n", "x".repeat(99));
        logs.write("api.0", &line.repeat(100));
        let file = File::options()
            .write(true)
            .open(logs.folder.path().join("api.0").join(LOG))
            .unwrap();
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        if rustix::fs::fallocate(&file, punch, 0, 8_192).is_err() {
            return; // Not every file system can.
        }
        assert_eq!(follower.look().0, vec![], "nothing is made of a hole");
        let (lines, _) = follower.look();
        assert_eq!((lines[0].offset, lines[0].missed), (8_200, Some(8_200)));
        assert_eq!((lines.len(), lines[1].missed), (18, None));
        let read: u64 = lines.iter().map(|line| line.end - line.offset).sum();
        assert_eq!(read + 8_200, 10_000, "every byte is read or missed");
    }

    #[tokio::test]
    async fn not_a_line_of_a_flood_is_missed_by_a_slow_reader() {
        const LINES: usize = 50_000;
        let logs = Logs::new();
        logs.write("api.0", "");
        logs.write("db.0", "");
        let (sender, mut lines) = mpsc::channel(1);
        let mut tasks = tokio::task::JoinSet::new();
        let mut follower = logs.follow(0);
        follower.look();
        tasks.spawn(follower.run(sender));
        let writer = std::thread::spawn(move || {
            for n in 0..LINES / 100 {
                let text: String = (n * 100..(n + 1) * 100)
                    .map(|n| format!("line {n} {}\n", "x".repeat(n % 90)))
                    .collect();
                logs.write(if n % 2 == 0 { "api.0" } else { "db.0" }, &text);
            }
            logs
        });
        let mut seen = std::collections::BTreeSet::new();
        let mut last = BTreeMap::new();
        while seen.len() < LINES {
            let batch = tokio::time::timeout(Duration::from_secs(30), lines.recv()).await;
            for line in batch.expect("a line was missed").unwrap() {
                let n: usize = line.text.split(' ').nth(1).unwrap().parse().unwrap();
                assert!(seen.insert(n), "{n} came twice");
                assert!(
                    last.insert(line.instance, n)
                        .is_none_or(|before| before < n)
                );
            }
        }
        writer.join().unwrap();
        // And it ends when nobody listens.
        drop(lines);
        tokio::time::timeout(Duration::from_secs(10), tasks.join_all())
            .await
            .unwrap();
    }
}
