//! The run folder of an instance: writing what is wanted, reading what happened.

use crate::layout::{Layout, private_folder};
use crate::reconcile::{Facts, Keeper, Recorded, Verdict, reconcile};
use crate::shortage::{Patience, seen};
use crate::{cgroup, clock};
use model::{Anchor, ClusterId, ExitStatus, Generation, InstanceId};
use rustix::fs::{FlockOperation, flock};
use shim::{End, Intent, Line, OutOfMemory, Told, fail_point};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Most of a record that is read, from its end: the shim begins it anew at 256 KiB.
const MAX_RECORD: u64 = 512 * 1024;

/// Writes an intent so that it is there whole or not at all, whatever becomes of this process.
///
/// The disk is not waited for. A crash of the machine ends everything an intent could be about, and
/// what it says is heeded in the boot it was written in only.
pub(crate) fn write(folder: &Path, intent: &Intent) -> io::Result<()> {
    let text = intent.encode();
    if text.len() as u64 > shim::intent::MAX {
        return Err(io::Error::other(
            "its arguments and environment are too long",
        ));
    }
    private_folder(folder)?;
    let draft = folder.join("intent.new");
    let mut file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    fail_point!("intent.drafted");
    fs::rename(&draft, folder.join(shim::INTENT))?;
    fail_point!("intent.written");
    Ok(())
}

/// Takes a written intent back: nothing may be made from it any more.
pub(crate) fn take_back(folder: &Path) {
    // Not there: nothing to take back.
    let _ = fs::remove_file(folder.join(shim::INTENT));
}

/// The lock that a living shim holds on its record. `None` when one does.
///
/// # Errors
/// When there can be no such file: then no shim has it either.
pub(crate) fn lock_record(folder: &Path) -> io::Result<Option<fs::File>> {
    let record = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(folder.join(shim::RECORD))?;
    let locked = flock(&record, FlockOperation::NonBlockingLockExclusive);
    Ok(locked.is_ok().then_some(record))
}

/// Puts the generation of an intent in the place of the one that was written for the same shim, of
/// which it differs in nothing else: no file is made and no folder changed. The digits lie in one
/// page, which a reader sees whole.
pub(crate) fn renew(folder: &Path, intent: &Intent) -> io::Result<()> {
    let text = intent.encode();
    let head: usize = text.split_inclusive('\n').take(2).map(str::len).sum();
    let file = fs::OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(folder.join(shim::INTENT));
    match file {
        Ok(file) if file.metadata()?.len() == text.len() as u64 => {
            file.write_all_at(&text.as_bytes()[..head], 0)?;
            fail_point!("intent.renewed");
            Ok(())
        }
        // Gone, or of a version that wrote it otherwise.
        _ => write(folder, intent),
    }
}

/// What a run folder says about the newest start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    /// What was wanted last. With the file lost or taken back, no more than what the last shim is
    /// known by, and as generation the newest on record; 0 when that has none.
    pub(crate) intent: Option<Intent>,
    /// The shim that was made for it.
    pub(crate) shim: Option<Anchor>,
    /// The process it made, with its generation.
    pub(crate) started: Option<(u64, Anchor)>,
    /// The start failed.
    pub(crate) failed: Option<u64>,
    /// The process ended.
    pub(crate) ended: Option<(u64, ExitStatus)>,
    /// When each start on record ended, in Unix milliseconds.
    ends: Vec<(u64, u64)>,
    /// It had said that it is ready.
    pub(crate) ready: Option<u64>,
}

impl Story {
    /// Reads a run folder. What is not of our form, or somebody else's, is left out.
    ///
    /// # Errors
    /// When it could not be read for want of descriptors or memory: nothing is known then.
    pub(crate) fn read(folder: &Path) -> io::Result<Story> {
        let intent = read_limited(&folder.join(shim::INTENT), shim::intent::MAX)?
            .and_then(|text| Intent::decode(&text).ok());
        let record = read_limited(&folder.join(shim::RECORD), MAX_RECORD)?.unwrap_or_default();
        // A last line without an end was being written when its writer died.
        let whole = record.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines: Vec<Line> = whole.lines().filter_map(Line::parse).collect();
        let lost = intent.is_none();
        let mut story = Story {
            // Lost or taken back: what the last shim did is still to be known.
            intent: intent.or_else(|| lines.iter().rev().find_map(of_shim)),
            ..Story::default()
        };
        for line in lines {
            story.hear(line);
        }
        if let (true, Some(intent)) = (lost, &mut story.intent) {
            let started = story.started.as_ref().map(|(started, _)| *started);
            let ended = story.ended.map(|(ended, _)| ended);
            let newest = [started, story.failed, ended].into_iter().flatten().max();
            intent.generation = newest.unwrap_or(0);
        }
        Ok(story)
    }

    /// What was wanted last, when that is not lost.
    pub(crate) fn whole_intent(&self) -> Option<&Intent> {
        // One that was read names a program.
        self.intent
            .as_ref()
            .filter(|intent| !intent.argv.is_empty())
    }

    /// The newest start that is known of.
    pub(crate) fn generation(&self) -> Option<Generation> {
        let generation = self.intent.as_ref()?.generation;
        (generation > 0).then_some(Generation(generation))
    }

    /// The same, when it can be read.
    pub(crate) async fn in_time(folder: &Path) -> Story {
        let mut patience = Patience::default();
        loop {
            let folder = folder.to_owned();
            match crate::watch::blocking(move || Story::read(&folder)).await {
                Ok(story) => return story,
                Err(error) => patience.after("a record", &error).await,
            }
        }
    }

    fn hear(&mut self, line: Line) {
        match line {
            Line::Shim {
                pid,
                start_ticks,
                boot_id,
                nonce,
            } => {
                // A shim of an earlier intent has nothing to say about this one.
                let current = self
                    .intent
                    .as_ref()
                    .is_some_and(|intent| intent.nonce == nonce);
                self.shim = current.then_some(Anchor {
                    boot_id,
                    pid,
                    start_ticks,
                });
                (self.started, self.failed, self.ended) = (None, None, None);
                self.ready = None;
            }
            Line::Started {
                generation,
                pid,
                start_ticks,
                ..
            } => {
                if let Some(shim) = &self.shim {
                    let anchor = Anchor {
                        boot_id: shim.boot_id.clone(),
                        pid,
                        start_ticks,
                    };
                    self.started = Some((generation, anchor));
                    (self.failed, self.ended) = (None, None);
                }
            }
            Line::Failed { generation, .. } => self.failed = Some(generation),
            Line::Exited {
                generation,
                end,
                at,
                out_of_memory,
            } => {
                self.ends.push((generation, at));
                let memory = self
                    .intent
                    .as_ref()
                    .and_then(|intent| intent.memory.as_ref());
                self.ended = Some((generation, status(end, out_of_memory, memory)));
            }
            Line::Told {
                generation,
                told: Told::Ready,
            } => self.ready = Some(generation),
            Line::Told { .. } | Line::Gone { .. } | Line::Terminal { .. } => {}
        }
    }

    /// The service's process, if one was made and its end was not seen.
    pub(crate) fn running(&self) -> Option<(u64, &Anchor)> {
        let (generation, anchor) = self.started.as_ref()?;
        let over = self.failed == Some(*generation)
            || self.ended.is_some_and(|(ended, _)| ended == *generation);
        (!over).then_some((*generation, anchor))
    }

    /// When the process of this start ended, as far as that is on record.
    pub(crate) fn ended_at(&self, generation: Generation) -> Option<u64> {
        let mut ends = self.ends.iter().rev();
        ends.find(|(of, _)| *of == generation.0).map(|(_, at)| *at)
    }

    /// The newest start on record, in the words of a verdict.
    pub(crate) fn recorded(&self) -> Recorded {
        match (&self.started, self.ended, self.failed) {
            (_, Some((generation, status)), _) => Recorded::Ended(Generation(generation), status),
            (_, None, Some(_)) => Recorded::Failed,
            (Some((generation, _)), None, None) => Recorded::Made(Generation(*generation)),
            (None, None, None) => Recorded::Nothing,
        }
    }

    /// How its newest start ended as far as that can be told before all is clear: as if nothing of
    /// it lived any more. `None` when there is no start to tell of.
    pub(crate) fn told_end(&self) -> Option<(Generation, ExitStatus)> {
        let facts = Facts {
            wanted: self
                .generation()
                .map(|wanted| (wanted, self.of_this_boot())),
            keeper: Keeper::Gone,
            recorded: self.recorded(),
            lives: false,
        };
        match reconcile(&facts) {
            Verdict::Ended {
                generation, status, ..
            } => Some((generation, status)),
            Verdict::Absent { .. } | Verdict::Adopt { .. } => None,
        }
    }

    /// True when the intent was written in this boot.
    pub(crate) fn of_this_boot(&self) -> bool {
        let boot = clock::boot_id().unwrap_or_default();
        self.intent
            .as_ref()
            .is_some_and(|intent| intent.boot_id == boot)
    }

    /// The instance's control groups, as far as the paths are of ours.
    pub(crate) fn groups(&self, layout: &Layout) -> Vec<PathBuf> {
        let recorded = self.intent.iter().flat_map(Intent::all_groups);
        recorded
            .map(PathBuf::from)
            .filter(|path| cgroup::home_group(layout, path).is_some())
            .collect()
    }
}

/// As much of an intent as the record of its shim tells: enough to know it and what it made.
fn of_shim(line: &Line) -> Option<Intent> {
    let Line::Shim { boot_id, nonce, .. } = line else {
        return None;
    };
    Some(Intent {
        boot_id: boot_id.clone(),
        nonce: nonce.clone(),
        ..Intent::default()
    })
}

/// How a process ended, in everyone's words. `memory` is the limit that was held by a group which
/// counts what the kernel kills; that it did is what the shim saw, and nobody guesses it.
pub(crate) fn status(
    end: End,
    killed: Option<OutOfMemory>,
    memory: Option<&(u64, String)>,
) -> ExitStatus {
    let limit = match (killed, memory) {
        (Some(OutOfMemory::OwnLimit), Some((limit, _))) => Some(Some(*limit)),
        (Some(OutOfMemory::Machine), _) => Some(None),
        _ => None,
    };
    match (end, limit) {
        (End::Signal(libc::SIGKILL), Some(limit)) => ExitStatus::OutOfMemory { limit, code: None },
        (End::Code(code), Some(limit)) if code != 0 => ExitStatus::OutOfMemory {
            limit,
            code: Some(code),
        },
        (End::Code(code), _) => ExitStatus::Code(code),
        (End::Signal(signal), _) => ExitStatus::Signal(signal),
    }
}

/// Reads the end of a file of ours; `None` when it is not there or not ours.
///
/// # Errors
/// When it could not be read for want of descriptors or memory.
pub(crate) fn read_limited(path: &Path, max: u64) -> io::Result<Option<String>> {
    let read = || -> io::Result<Option<String>> {
        let mut file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        let found = file.metadata()?;
        let length = found.len();
        // What somebody else has put there is nobody's word.
        let folder = fs::metadata(path.parent().unwrap_or(path))?.uid();
        let own = [rustix::process::geteuid().as_raw(), folder];
        if !found.is_file() || !own.contains(&found.uid()) {
            return Ok(None);
        }
        if length > max {
            file.seek(SeekFrom::Start(length - max))?;
        }
        let mut bytes = Vec::new();
        file.take(max).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    };
    Ok(seen(read())?.flatten())
}

/// Every run folder of a home, or of one of its clusters.
///
/// # Errors
/// When they could not be looked for.
pub(crate) fn folders(
    layout: &Layout,
    only: Option<&ClusterId>,
) -> io::Result<Vec<(ClusterId, InstanceId, PathBuf)>> {
    let names = |folder: &Path| -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in seen(fs::read_dir(folder))?.into_iter().flatten() {
            let entry = seen(entry)?;
            names.extend(entry.and_then(|entry| entry.file_name().into_string().ok()));
        }
        Ok(names)
    };
    let mut found = Vec::new();
    for cluster in names(&layout.run_root())?
        .into_iter()
        .filter_map(|name| name.parse().ok())
    {
        if only.is_some_and(|only| *only != cluster) {
            continue;
        }
        for instance in names(&layout.run_cluster(&cluster))? {
            if let Ok(instance) = instance.parse::<InstanceId>() {
                let folder = layout.run(&cluster, &instance);
                found.push((cluster.clone(), instance, folder));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn folder_with(record: &str) -> (testkit::Home, Story) {
        let home = testkit::Home::new();
        let intent = Intent {
            generation: 2,
            nonce: "n2".into(),
            boot_id: clock::boot_id().unwrap().into(),
            argv: vec!["true".into()],
            ..Intent::default()
        };
        write(home.path(), &intent).unwrap();
        fs::write(home.path().join(shim::RECORD), record).unwrap();
        let story = Story::read(home.path()).unwrap();
        (home, story)
    }

    #[test]
    fn the_newest_start_counts() {
        let (_home, story) = folder_with(
            "shim 1 7 70 b n2\nstarted 1 8 80 0\nexited 1 code 3 0\nstarted 2 9 90 0\n",
        );
        assert_eq!(story.running().unwrap().1.pid, 9);
        assert_eq!(story.ended, None);
    }

    #[test]
    fn an_intent_is_renewed_in_its_place() {
        let (home, story) = folder_with("");
        let mut intent = story.intent.unwrap();
        let before = fs::metadata(home.path().join(shim::INTENT)).unwrap();
        intent.generation = 1_000_000;
        renew(home.path(), &intent).unwrap();
        assert_eq!(Story::read(home.path()).unwrap().intent.unwrap(), intent);
        let after = fs::metadata(home.path().join(shim::INTENT)).unwrap();
        assert_eq!(before.ino(), after.ino());
        // One of another length, or none, is written anew.
        intent.argv.push("more".into());
        renew(home.path(), &intent).unwrap();
        assert_eq!(Story::read(home.path()).unwrap().intent.unwrap(), intent);
        fs::remove_file(home.path().join(shim::INTENT)).unwrap();
        renew(home.path(), &intent).unwrap();
        assert_eq!(Story::read(home.path()).unwrap().intent.unwrap(), intent);
    }

    #[test]
    fn an_earlier_shims_word_does_not_count() {
        let (_home, story) = folder_with("shim 1 7 70 b n1\nstarted 1 8 80 0\n");
        assert!(story.running().is_none());
        assert_eq!(story.shim, None);
    }

    #[test]
    fn of_a_lost_intent_only_what_is_on_record_is_known() {
        let known = |record: &str| {
            let (home, whole) = folder_with(record);
            assert_eq!(whole.generation(), Some(Generation(2)));
            assert!(whole.whole_intent().is_some());
            take_back(home.path());
            let story = Story::read(home.path()).unwrap();
            assert!(story.whole_intent().is_none());
            assert!(story.intent.is_some());
            story.generation()
        };
        // The shim of it had made nothing yet.
        assert_eq!(known("shim 1 7 70 b n1\n"), None);
        assert_eq!(known("shim 1 7 70 b n1\nfailed 0 2 intent\n"), None);
        let ended = "shim 1 7 70 b n1\nstarted 1 8 80 0\nexited 1 signal 9 0\n";
        assert_eq!(known(ended), Some(Generation(1)));
        let again = format!("{ended}started 4 8 90 0\n");
        assert_eq!(known(&again), Some(Generation(4)));
    }

    #[test]
    fn an_end_is_told_as_it_is_on_record_and_of_no_start_that_is_not() {
        let told = |record: &str, lost: bool| {
            let (home, whole) = folder_with(record);
            if !lost {
                return whole.told_end();
            }
            take_back(home.path());
            Story::read(home.path()).unwrap().told_end()
        };
        let shim = format!("shim 1 7 70 {} n2\n", clock::boot_id().unwrap());
        let made = format!("{shim}started 2 9 90 0\n");
        let ended = format!("{made}exited 2 signal 9 0\n");
        let failed = format!("{shim}failed 0 2 intent\n");
        let two = Generation(2);
        for lost in [false, true] {
            assert_eq!(told(&shim, lost), None, "{lost}");
            assert_eq!(told(&failed, lost), None, "{lost}");
            assert_eq!(told(&made, lost), Some((two, ExitStatus::Unknown)));
            assert_eq!(told(&ended, lost), Some((two, ExitStatus::Signal(9))));
        }
    }

    #[test]
    fn a_torn_last_line_does_not_count() {
        let (_home, story) = folder_with("shim 1 7 70 b n2\nstarted 2 9 90 0\nexited 2 code 1");
        assert!(story.running().is_some());
    }

    #[test]
    fn a_torn_line_before_the_last_costs_only_itself() {
        let (_home, story) = folder_with(
            "exited 1 sig\nshim 1 7 70 b n2\nstarted 2 9 90 0\nfai\nexited 2 code 1 0\n",
        );
        assert_eq!(story.ended, Some((2, ExitStatus::Code(1))));
    }
}
