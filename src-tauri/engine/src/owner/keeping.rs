//! Writing down what the next engine must know.
//!
//! What a person waits for is on disk before it is answered or begun: that is waited for in place, and
//! other owners go on meanwhile. Everything else is written by a thread
//! that may wait for the disk, one writing at a time, the newest state each time.

use super::{Message, Owner};
use crate::Error;
use crate::beside::beside_others;
use crate::memory::{self, Memories};
use crate::notes;
use crate::record::ClusterRecord;
use healing::observed::Observed;
use model::{EventKind, InstanceId, Mono};
use orchestrator::{Effect, Experience, Learned, Memory};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Keeps an older record from being put in the place of a newer one.
#[derive(Debug, Default)]
struct Desk {
    written: Mutex<u64>,
}

impl Desk {
    fn write(
        &self,
        number: u64,
        record: &ClusterRecord,
        path: &std::path::Path,
    ) -> Result<(), Error> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if number > *written {
            record.save(path)?;
            *written = number;
        }
        Ok(())
    }
}

/// What is to be written, and where it stands.
#[derive(Default)]
pub(super) struct Keeping {
    desk: Arc<Desk>,
    number: u64,
    /// The record has changed since it was written.
    pub(super) unsaved: bool,
    /// What healing has tried, as far as that is worth a word.
    memories: Memories,
    /// They have changed since they were written.
    unremembered: bool,
    /// The connections that were seen, when they are to be written.
    observed: Option<Observed>,
    /// When they were taken the last time.
    observed_at: Option<Mono>,
    /// When what was learned is written next.
    learned_at: Option<Mono>,
    /// What remedies have come to, as it was written last.
    experience: Experience,
    /// Keeps what was learned earlier from being put in the place of what was learned later.
    lessons: Arc<Mutex<u64>>,
    lesson: u64,
    /// A thread is at it.
    writing: bool,
    /// Why the record could not be written the last time, as it was said.
    stale: Option<String>,
}

impl Keeping {
    /// Nothing is written from now on.
    pub(super) fn close(&mut self) {
        (self.unsaved, self.unremembered) = (false, false);
        self.observed = None;
        let mut written = self
            .desk
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *written = u64::MAX;
    }
}

impl Owner {
    /// One of the files beside the record.
    fn file(&self, name: &str) -> PathBuf {
        self.shared.layout.cluster(&self.id).join(name)
    }

    /// Has written what was learned, when it is time. A thread does it, and nobody waits.
    pub(super) fn keep_learned(&mut self) {
        let now = self.shared.clock.now().mono;
        let due = self
            .keeping
            .learned_at
            .get_or_insert(now + memory::LEARN_EVERY);
        if now < *due {
            return;
        }
        *due = now + memory::LEARN_EVERY;
        let (learned, path) = (self.cluster.learned(), self.file(memory::USUAL));
        self.keeping.lesson += 1;
        let (lessons, lesson) = (Arc::clone(&self.keeping.lessons), self.keeping.lesson);
        tokio::task::spawn_blocking(move || {
            let mut written = lessons.lock().unwrap_or_else(PoisonError::into_inner);
            if lesson > *written {
                save_learned(&path, &learned);
                *written = lesson;
            }
        });
    }

    /// What a remedy came to is written at once: that is seldom, and the next engine is to know.
    pub(super) fn keep_experience(&mut self) {
        if self.keeping.experience != *self.cluster.experience() {
            self.keeping.experience = self.cluster.experience().clone();
            self.keeping.learned_at = Some(self.shared.clock.now().mono);
            self.keep_learned();
        }
    }

    /// What an earlier engine has written down is known from here on.
    pub(super) fn recall(&mut self) {
        let memories = memory::tried(&self.file(memory::TRIED));
        self.cluster
            .recall_observed(memory::seen(&self.file(memory::SEEN)));
        self.keeping.memories = memories.clone();
        self.cluster
            .recall(memory::usual(&self.file(memory::USUAL)));
        self.keeping.experience = self.cluster.experience().clone();
        self.cluster
            .remember(memories, self.record.unfinished.clone());
        let open = self.shared.picture.unended(Some(&self.id));
        self.cluster.take_up(open);
    }

    /// Has the connections that were seen written, now and then.
    pub(super) fn note_observed(&mut self) {
        /// Without them the next engine knows less for a few looks.
        const EVERY: Duration = Duration::from_secs(60);
        let now = self.shared.clock.now().mono;
        if self
            .keeping
            .observed_at
            .is_none_or(|at| now.since(at) >= EVERY)
        {
            self.keeping.observed_at = Some(now);
            self.keeping.observed = Some(self.cluster.observed().clone());
        }
    }

    /// Notes what healing has come to with an instance.
    pub(super) fn note_memory(&mut self, instance: &InstanceId) {
        let now = self
            .cluster
            .memory(instance)
            .filter(|now| *now != Memory::default());
        if self.keeping.memories.get(instance) == now.as_ref() {
            return;
        }
        match now {
            Some(now) => self.keeping.memories.insert(instance.clone(), now),
            None => self.keeping.memories.remove(instance),
        };
        self.keeping.unremembered = true;
    }

    /// Writes the record now if it has changed.
    pub(super) fn keep(&mut self) {
        if self.keeping.unsaved {
            self.save();
        }
    }

    /// Writes the record now.
    pub(super) fn save(&mut self) {
        self.record.unfinished = self.cluster.unfinished();
        self.record.why_stopped = self.cluster.resting_why();
        let result = self.try_save();
        self.say_stale(result.map_err(|error| error.story()));
    }

    /// Writes down what is under way before a process is told to end for it, or is made for it: an engine that
    /// came after this one would take that end for a fault, and make a run of a schedule twice.
    pub(super) fn keep_before(&mut self, effects: &[Effect]) {
        let has = |what: fn(&Effect) -> bool| effects.iter().any(what);
        if has(|one| matches!(one, Effect::RememberUnfinished))
            && has(|one| {
                matches!(
                    one,
                    Effect::Stop { .. } | Effect::Start { .. } | Effect::Prepare { .. }
                )
            })
        {
            self.save();
        }
    }

    /// Writes the record now, or says why not.
    pub(super) fn try_save(&mut self) -> Result<(), Error> {
        self.save_at = None;
        self.keeping.unsaved = false;
        self.keeping.number += 1;
        let path = self.shared.record_file(&self.id);
        let keeping = &self.keeping;
        beside_others(|| keeping.desk.write(keeping.number, &self.record, &path))
    }

    /// Has written what has changed, soon.
    pub(super) fn keep_soon(&mut self) {
        let keeping = &mut self.keeping;
        let waits = keeping.unsaved || keeping.unremembered || keeping.observed.is_some();
        if keeping.writing || !waits {
            return;
        }
        keeping.writing = true;
        let record = std::mem::take(&mut keeping.unsaved).then(|| {
            keeping.number += 1;
            self.record.unfinished = self.cluster.unfinished();
            self.record.why_stopped = self.cluster.resting_why();
            (keeping.number, self.record.clone())
        });
        let memories = std::mem::take(&mut keeping.unremembered).then(|| keeping.memories.clone());
        let observed = keeping.observed.take();
        let desk = Arc::clone(&keeping.desk);
        let (record_file, memory_file) =
            (self.shared.record_file(&self.id), self.file(memory::TRIED));
        let observed_file = self.file(memory::SEEN);
        let inbox = self.myself.clone();
        let writing = tokio::task::spawn_blocking(move || {
            if let Some(memories) = memories
                && let Err(error) = notes::save_of_boot(&memory_file, memories)
            {
                // Healing would begin anew after a crash: no reason to disturb anybody.
                tracing::warn!(%error, "what healing has tried is not remembered");
            }
            if let Some(observed) = observed
                && let Err(error) = notes::save_of_boot(&observed_file, observed)
            {
                tracing::warn!(%error, "the connections that were seen are not remembered");
            }
            match record {
                Some((number, record)) => desk.write(number, &record, &record_file),
                None => Ok(()),
            }
        });
        self.shared.tasks.spawn(async move {
            let result = match writing.await {
                Ok(result) => result.map_err(|error| error.story()),
                Err(error) => Err(error.to_string()),
            };
            // A closed inbox means that the cluster was just forgotten.
            let _ = inbox.send(Message::Kept(result)).await;
        });
    }

    /// What was to be written is.
    pub(super) fn kept(&mut self, result: Result<(), String>) {
        self.keeping.writing = false;
        self.say_stale(result);
    }

    /// The last chance to write.
    pub(super) fn keep_at_last(&mut self) {
        self.keep();
        if self.keeping.observed_at.is_some() {
            let observed = self.cluster.observed().clone();
            if let Err(error) = notes::save_of_boot(&self.file(memory::SEEN), observed) {
                tracing::warn!(%error, "the connections that were seen are not remembered");
            }
        }
        save_learned(&self.file(memory::USUAL), &self.cluster.learned());
        if std::mem::take(&mut self.keeping.unremembered) {
            let memories = std::mem::take(&mut self.keeping.memories);
            if let Err(error) = notes::save_of_boot(&self.file(memory::TRIED), memories) {
                tracing::warn!(%error, "what healing has tried is not remembered");
            }
        }
    }

    /// What could not be written is tried again, and said once.
    fn say_stale(&mut self, result: Result<(), String>) {
        /// A disk that was full is not full for ever.
        const RETRY: Duration = Duration::from_secs(2);
        let Err(why) = result else {
            self.keeping.stale = None;
            return;
        };
        let at = self.shared.clock.now().mono + RETRY;
        self.save_at = Some(self.save_at.map_or(at, |earlier| earlier.min(at)));
        if self.keeping.stale.as_ref() != Some(&why) {
            tracing::error!(cluster = %self.id, error = why, "the cluster's record is stale");
            let text = format!("{why} (what changed may be forgotten when the engine restarts)");
            self.keeping.stale = Some(why);
            self.shared
                .journal
                .event(Some(&self.id), EventKind::Notice { text });
        }
    }
}

fn save_learned(path: &std::path::Path, learned: &Learned) {
    // Of a cluster that has learned nothing, or was forgotten, there is nothing to keep.
    if *learned != Learned::default()
        && path.parent().is_some_and(std::path::Path::exists)
        && let Err(error) = notes::save(path, learned)
    {
        tracing::warn!(%error, "what is usual is not remembered");
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::{LIMIT, me, sleeper};
    use crate::{Handle, Order};
    use model::{ClusterId, EventKind};
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::path::PathBuf;
    use testkit::{Home, eventually};

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_disk_that_hangs_holds_up_no_other_task() {
        let home = Home::new();
        let (_engine, handle, cluster) = sleeper(&home).await;
        let record = Hung::new(&handle, &cluster);
        let order = Order::Down {
            cluster: cluster.clone(),
        };
        let asked = handle.shared.tasks.spawn({
            let handle = handle.clone();
            async move { handle.order(me(), order, String::new()).await }
        });
        // From here on its owner does not let go of the only worker before it writes.
        // Waited for without the runtime: it may be what hangs.
        let noted = eventually(LIMIT, || !handle.shared.last_stopped().is_empty());
        let other = handle.shared.tasks.spawn(async {});
        let gone_on = eventually(LIMIT / 6, || other.is_finished());
        let reader = record.go_on();
        assert!(noted && gone_on, "{noted} {gone_on}");
        asked.await.unwrap().unwrap();
        drop(reader);
        handle.shutdown(me(), false, String::new()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_restart_is_on_disk_before_a_process_is_told_to_end_for_it() {
        let home = Home::new();
        let (_engine, handle, cluster) = sleeper(&home).await;
        let before = handle.recent_events(1).await.unwrap()[0].seq;
        // Writing fails at once from here on, which is said where it is tried: events have an order.
        let other = handle
            .shared
            .record_file(&cluster)
            .with_extension("json.new");
        let _ = std::fs::remove_file(&other);
        std::fs::create_dir(&other).unwrap();
        let restart = Order::Restart {
            cluster,
            services: vec!["db".parse().unwrap()],
            at_once: true,
        };
        let act = handle.order(me(), restart, String::new()).await.unwrap();
        assert!(handle.wait(act.id, LIMIT).await.unwrap().settled);
        let events = handle.events(before, 100).await.unwrap();
        let at = |what: fn(&EventKind) -> bool| events.iter().position(|one| what(&one.what));
        let written = at(
            |what| matches!(what, EventKind::Notice { text } if text.contains("may be forgotten")),
        );
        let begun = at(|what| matches!(what, EventKind::StateChanged { .. }));
        assert!(written.is_some() && written < begun, "{events:#?}");
        std::fs::remove_dir(&other).unwrap();
        handle.shutdown(me(), true, String::new()).await;
    }

    /// A disk that hangs: to open the next record for writing waits until somebody reads.
    struct Hung(PathBuf);

    impl Hung {
        fn new(handle: &Handle, cluster: &ClusterId) -> Self {
            let pipe = handle
                .shared
                .record_file(cluster)
                .with_extension("json.new");
            let _ = std::fs::remove_file(&pipe);
            mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
            Self(pipe)
        }

        /// What is dropped of this ends the reading.
        fn go_on(self) -> std::fs::File {
            let reader = std::fs::File::open(&self.0).unwrap();
            std::fs::remove_file(&self.0).unwrap();
            reader
        }
    }
}
