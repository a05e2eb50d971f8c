//! Numbers events and incidents, tells the picture, and writes them to the store in the background.
//!
//! Nobody waits for the disk here: what heals must not queue behind what remembers. When the queue
//! is full the entry is still shown, and its loss from the store is counted and said. What came of
//! an act is never lost that way: the book has its beginning and must have its end.
//!
//! What cannot be written down, because the disk is full or the database has a fault, is kept in memory
//! and tried again every second ([`kept`]).

mod kept;
mod many;

use self::kept::Kept;
use self::many::Many;
use crate::clock::Clock;
use crate::hidden;
use crate::picture::Picture;
use driver::fail_point;
use healing::history::STEADY;
use model::view::Change;
use model::{Act, ClusterId, Event, EventKind, Incident, IncidentEntry, IncidentId, IncidentState};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use webhook::Webhooks;

/// Entries that may wait for the disk: about a minute of a very busy home.
const QUEUE: usize = 16_384;
/// Entries written in one transaction.
const BATCH: usize = 512;
/// How long an entry waits for others: longer than a restart takes, short against the time in which
/// an engine might be killed.
const GATHER: Duration = Duration::from_millis(10);
/// Between two tries to write what could not be written.
const RETRY: Duration = Duration::from_secs(1);
/// What `status` says meanwhile.
const FULL: &str = "the disk that holds the home is full: nothing can be started and history has \
                    gaps until some space is free on it; services run on, and `azora down`, `stop`, \
                    `hold` and `emergency-stop` work";

enum Entry {
    Event(Event),
    Incident(Incident, Vec<IncidentEntry>),
    Act(Act),
    Flush(oneshot::Sender<()>),
}

/// Outcomes that found the queue full. The door has at most so many acts under way as there are
/// people and faults, so this needs no bound of its own.
type Late = Arc<Mutex<VecDeque<Act>>>;

/// See the module.
pub(crate) struct Journal {
    seq: Mutex<u64>,
    incident: AtomicU64,
    lost: AtomicU64,
    picture: Arc<Picture>,
    queue: mpsc::Sender<Entry>,
    late: Late,
    /// Who serves again by healing's doing, and since when: told when it has stayed so.
    back: Mutex<BTreeMap<IncidentId, (Instant, ClusterId, EventKind)>>,
    /// Registrations of this second.
    many: Mutex<Many>,
}

/// The half that writes; the engine runs it as a task of its own.
pub(crate) struct Writer {
    queue: mpsc::Receiver<Entry>,
    late: Late,
    store: Store,
    /// It says when the disk is full, and holds the other end of the queue.
    journal: Weak<Journal>,
    kept: Kept,
    /// Who is told of what is written.
    webhooks: Arc<Webhooks>,
}

impl Journal {
    /// Continues after the numbers the store has reached.
    pub(crate) fn new(
        picture: Arc<Picture>,
        store: Store,
        webhooks: Arc<Webhooks>,
        last_event: u64,
        last_incident: IncidentId,
    ) -> (Arc<Self>, Writer) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let journal = Self {
            seq: Mutex::new(last_event),
            incident: AtomicU64::new(last_incident.0),
            lost: AtomicU64::new(0),
            picture,
            queue: sender,
            late: Late::default(),
            back: Mutex::default(),
            many: Mutex::default(),
        };
        let late = Arc::clone(&journal.late);
        let journal = Arc::new(journal);
        let writer = Writer {
            queue: receiver,
            late,
            store,
            journal: Arc::downgrade(&journal),
            kept: Kept::default(),
            webhooks,
        };
        (journal, writer)
    }

    /// Something happened.
    pub(crate) fn event(&self, cluster: Option<&ClusterId>, what: EventKind) {
        let what = hidden::without(cluster, &what).unwrap_or(what);
        // Held over publishing, so that events are shown in the order of their numbers.
        let mut seq = self.seq.lock().unwrap_or_else(PoisonError::into_inner);
        *seq += 1;
        let event = Event {
            seq: *seq,
            at: Clock::wall(),
            cluster: cluster.cloned(),
            what,
        };
        self.picture.publish(Change::Event {
            event: event.clone(),
        });
        self.put(Entry::Event(event));
    }

    /// A number for a new incident.
    pub(crate) fn new_incident(&self) -> IncidentId {
        IncidentId(self.incident.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// An incident was opened or changed; these lines of its timeline are new. What it waits for
    /// and who else suffers is shown as it changes, and is no event of its own.
    pub(crate) fn incident(&self, incident: Incident, entries: Vec<IncidentEntry>) {
        let cluster = Some(incident.cluster.clone());
        let incident = hidden::without(cluster.as_ref(), &incident).unwrap_or(incident);
        let entries = hidden::without(cluster.as_ref(), &entries).unwrap_or(entries);
        let before = self.picture.incident(incident.id);
        let turned = before
            .as_ref()
            .is_none_or(|before| before.state != incident.state);
        let eventful = before.is_none_or(|before| before.went_on(&incident));
        self.picture.publish(Change::Incident {
            incident: incident.clone(),
        });
        self.put(Entry::Incident(incident.clone(), entries));
        if !eventful {
            return;
        }
        let cluster = incident.cluster.clone();
        let healed = (incident.state == IncidentState::Resolved && !incident.actions.is_empty())
            .then(|| EventKind::ServiceHealed {
                incident: incident.id,
                service: incident.service.clone(),
                instance: incident.instance.clone(),
                cause: incident.cause.clone(),
                remedies: incident.tried(),
                took_ms: incident.lasted_ms().unwrap_or(0),
            });
        let id = incident.id;
        if turned {
            let mut back = lock(&self.back);
            // Fails again: it was not healed.
            back.remove(&id);
            if let Some(healed) = healed {
                back.insert(id, (Instant::now(), cluster.clone(), healed));
            }
        }
        let incident = Box::new(incident);
        self.event(Some(&cluster), EventKind::Incident { incident });
    }

    /// Tells of those that were healed and have stayed so for long enough that a new fault of theirs would
    /// be another incident; of all when the engine ends.
    pub(crate) fn tell_healed(&self, all: bool) {
        let mut told = Vec::new();
        lock(&self.back).retain(|_, (since, cluster, healed)| {
            let stays = !all && since.elapsed() < STEADY;
            if !stays {
                told.push((cluster.clone(), healed.clone()));
            }
            stays
        });
        for (cluster, healed) in told {
            self.event(Some(&cluster), healed);
        }
    }

    /// An act ended.
    pub(crate) fn act(&self, act: Act) {
        let act = hidden::without(act.target.cluster.as_ref(), &act).unwrap_or(act);
        self.note(act.clone());
        let cluster = act.target.cluster.clone();
        let act = Box::new(act);
        self.event(cluster.as_ref(), EventKind::Act { act });
    }

    fn note(&self, act: Act) {
        if let Err(full) = self.queue.try_send(Entry::Act(act))
            && let Entry::Act(act) = full.into_inner()
        {
            lock(&self.late).push_back(act);
        }
    }

    /// An act of a program that uses the registry ended; when it is `written`, it is in the book
    /// already. Thousands come in a second: so many are told one by one, the others by their number.
    pub(crate) fn registered(&self, act: Act, written: bool) {
        let told = lock(&self.many).one();
        if !written {
            self.note(act.clone());
        }
        if told {
            let act = Box::new(act);
            self.event(None, EventKind::Act { act });
        }
    }

    /// A second is over: tells how many registrations were not told one by one.
    pub(crate) fn tell_registered(&self) {
        let untold = lock(&self.many).over();
        if untold > 0 {
            let text = format!(
                "{untold} more entries were registered or taken from the registry within a second; \
                 the book of acts has each"
            );
            self.event(None, EventKind::Notice { text });
        }
    }

    fn put(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::warn!(
                    lost,
                    "the store is too slow; entries were shown and not kept"
                );
            }
        }
    }

    /// Says that the disk is full, or is not any more: once, and in `status` for as long as it is.
    fn disk_is_full(&self, full: bool) {
        self.picture.set_engine(|view| {
            view.limits.retain(|limit| limit != FULL);
            view.limits.extend(full.then(|| FULL.to_owned()));
        });
        let text = match full {
            true => FULL.to_owned(),
            false => "the disk that holds the home has room again; what waited for it is written \
                      down and started"
                .to_owned(),
        };
        self.event(None, EventKind::Notice { text });
    }

    /// Waits until everything said so far is on disk, or could not be written.
    pub(crate) async fn flush(&self) {
        let (sender, done) = oneshot::channel();
        if self.queue.send(Entry::Flush(sender)).await.is_ok() {
            let _ = done.await;
        }
    }
}

impl Writer {
    /// Writes until it is told to stop; everything said before that is written.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut entries = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = self.queue.recv_many(&mut entries, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.gather(&mut entries, &stop).await;
                }
                () = tokio::time::sleep(RETRY), if self.waits() => {}
                () = stop.cancelled() => {
                    self.queue.close();
                    if self.queue.recv_many(&mut entries, BATCH).await == 0 {
                        return self.write().await;
                    }
                }
            }
            let mut flushed = Vec::new();
            for entry in entries.drain(..) {
                match entry {
                    Entry::Event(event) => {
                        let outgoing = self.webhooks.outgoing(&event);
                        self.kept.batch.outgoing.extend(outgoing);
                        self.kept.batch.events.push(event);
                    }
                    Entry::Incident(incident, entries) => self.kept.incident(incident, entries),
                    Entry::Act(act) => self.kept.batch.acts.push(act),
                    Entry::Flush(done) => flushed.push(done),
                }
            }
            // Taken after the queue was: so none waits longer than a batch.
            let late = std::mem::take(&mut *lock(&self.late));
            self.kept.batch.acts.extend(late);
            self.write().await;
            for done in flushed {
                let _ = done.send(());
            }
        }
    }

    /// Waits a little for what belongs together: an end, its incident, the restart and its outcome
    /// are one writing then, which comes after the restart and not beside it.
    async fn gather(&mut self, entries: &mut Vec<Entry>, stop: &CancellationToken) {
        let until = tokio::time::Instant::now() + GATHER;
        let waited_for = |entry: &Entry| matches!(entry, Entry::Flush(_));
        while entries.len() < BATCH && !entries.iter().any(waited_for) {
            let room = BATCH - entries.len();
            tokio::select! {
                count = self.queue.recv_many(entries, room) => if count == 0 { return },
                () = tokio::time::sleep_until(until) => return,
                () = stop.cancelled() => return,
            }
        }
    }

    /// Something is to be tried again.
    fn waits(&self) -> bool {
        self.kept.waits() || self.store.acts().set_aside()
    }

    /// Writes what there is to write, as far as the disk takes it.
    async fn write(&mut self) {
        let was_full = self.kept.full;
        let sends = !self.kept.batch.outgoing.is_empty();
        fail_point!("journal.write");
        self.kept.write(&self.store).await;
        fail_point!("journal.written");
        if sends && self.kept.batch.outgoing.is_empty() {
            self.webhooks.wake();
        }
        self.kept.bound();
        let full = self.kept.full;
        if full == was_full {
            return;
        }
        if let Some(journal) = self.journal.upgrade() {
            journal.disk_is_full(full);
        }
        if !full {
            self.store.set_aside().await;
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::EngineView;
    use model::{ActId, Actor, Outcome, Target, Timestamp, Verb};
    use std::path::Path;

    /// The room set aside, with one act in it, as `store`'s `spare` writes it.
    fn set_aside(home: &Path) {
        let act = Act {
            id: ActId(7),
            at: Timestamp(1_000),
            actor: Actor::person("test"),
            verb: Verb::Down,
            target: Target::default(),
            reason: "the disk is full".into(),
            outcome: Outcome::Pending,
            decision: None,
        };
        let body = serde_json::to_vec(&act).unwrap();
        let sum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut file = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        file.extend(sum.to_le_bytes());
        file.extend(body);
        file.resize(256 << 10, 0);
        std::fs::write(home.join("spare"), file).unwrap();
    }

    /// A book of acts that cannot be written to, beside tables that can.
    async fn damage_book(home: &Path) {
        Store::open(home).await.unwrap().close().await;
        std::fs::remove_file(home.join("spare")).unwrap();
        let file = home.join("state.db");
        let mut bytes = std::fs::read(&file).unwrap();
        // A condition that nothing fulfils, in the text that SQLite keeps of the table: every page is whole.
        let column = b"body TEXT NOT NULL          -- model::Act as JSON";
        let texts = bytes.windows(column.len()).enumerate();
        let texts = texts.filter(|(_, text)| text == column);
        // What a migration has written over is still in the file.
        let all: Vec<usize> = texts.map(|(at, _)| at).collect();
        assert!(!all.is_empty());
        for at in all {
            let blanks = at + b"body TEXT NOT NULL".len();
            bytes[blanks..][..10].copy_from_slice(b" CHECK (0)");
        }
        std::fs::write(&file, bytes).unwrap();
    }

    #[tokio::test]
    async fn what_happens_is_kept_also_while_acts_that_were_set_aside_cannot_be_moved() {
        let home = tempfile::tempdir().unwrap();
        damage_book(home.path()).await;
        // In the way, so that it is not opened before there is something in it.
        std::fs::create_dir(home.path().join("spare")).unwrap();
        let store = Store::open(home.path()).await.unwrap();
        std::fs::remove_dir(home.path().join("spare")).unwrap();
        set_aside(home.path());
        store.set_aside().await;
        assert!(store.acts().set_aside());
        let moved = store.acts().settle().await;
        assert!(
            matches!(&moved, Err(error) if !matches!(error, store::Error::Full { .. })),
            "{moved:?}"
        );

        let view = EngineView {
            pid: 1,
            version: String::new(),
            home: String::new(),
            api: None,
            registry: None,
            gateway: None,
            consul: None,
            limits: Vec::new(),
        };
        let picture = Arc::new(Picture::new(view, vec![], vec![]));
        let config = webhook::Config {
            home: home.path().to_owned(),
            host: String::new(),
            version: String::new(),
            clock: Clock::wall,
            pace: webhook::Pace::default(),
        };
        let webhooks = Webhooks::open(BTreeMap::new(), false, store.clone(), config)
            .await
            .unwrap();
        let (journal, writer) = Journal::new(picture, store.clone(), webhooks, 0, IncidentId(0));
        let stop = CancellationToken::new();
        let mut writing = tokio::task::JoinSet::new();
        writing.spawn(writer.run(stop.clone()));
        let text = "something happened".to_owned();
        journal.event(None, EventKind::Notice { text });
        journal.flush().await;
        let kept = store.events().recent(9).await.unwrap();
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert!(store.acts().set_aside(), "and they stay where they are");
        stop.cancel();
        writing.join_next().await.unwrap().unwrap();
        store.close().await;
    }
}
