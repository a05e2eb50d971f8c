//! Numbers events and incidents, tells the picture, and writes them to the store in the background.
//!
//! Nobody waits for the disk here: what heals must not queue behind what remembers. When the queue
//! is full the entry is still shown, and its loss from the store is counted and said. What came of
//! an act is never lost that way: the book has its beginning and must have its end.

use crate::clock::Clock;
use crate::picture::Picture;
use model::view::Change;
use model::{Act, ClusterId, Event, EventKind, Incident, IncidentId};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Entries that may wait for the disk: about a minute of a very busy home.
const QUEUE: usize = 16_384;
/// Events written in one transaction.
const BATCH: usize = 512;

enum Entry {
    Event(Event),
    Incident(Incident),
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
}

/// The half that writes; the engine runs it as a task of its own.
pub(crate) struct Writer {
    queue: mpsc::Receiver<Entry>,
    late: Late,
    store: Store,
}

impl Journal {
    /// Continues after the numbers the store has reached.
    pub(crate) fn new(
        picture: Arc<Picture>,
        store: Store,
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
        };
        let late = Arc::clone(&journal.late);
        (
            Arc::new(journal),
            Writer {
                queue: receiver,
                late,
                store,
            },
        )
    }

    /// Something happened.
    pub(crate) fn event(&self, cluster: Option<&ClusterId>, what: EventKind) {
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

    /// An incident was opened or changed.
    pub(crate) fn incident(&self, incident: Incident) {
        self.picture.publish(Change::Incident {
            incident: incident.clone(),
        });
        self.put(Entry::Incident(incident.clone()));
        let cluster = incident.cluster.clone();
        self.event(Some(&cluster), EventKind::Incident { incident });
    }

    /// An act ended.
    pub(crate) fn act(&self, act: Act) {
        if let Err(full) = self.queue.try_send(Entry::Act(act.clone()))
            && let Entry::Act(act) = full.into_inner()
        {
            lock(&self.late).push_back(act);
        }
        let cluster = act.target.cluster.clone();
        self.event(cluster.as_ref(), EventKind::Act { act });
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

    /// Waits until everything said so far is on disk.
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
                count = self.queue.recv_many(&mut entries, BATCH) => if count == 0 { return },
                () = stop.cancelled() => {
                    self.queue.close();
                    if self.queue.recv_many(&mut entries, BATCH).await == 0 {
                        return;
                    }
                }
            }
            let mut events = Vec::new();
            let mut flushed = Vec::new();
            for entry in entries.drain(..) {
                match entry {
                    Entry::Event(event) => events.push(event),
                    Entry::Incident(incident) => {
                        note(
                            self.store.incidents().upsert(&incident).await,
                            "an incident",
                        );
                    }
                    Entry::Act(act) => {
                        note(self.store.acts().finish(&act).await, "an act's outcome");
                    }
                    Entry::Flush(done) => flushed.push(done),
                }
            }
            // Taken after the queue was: so none waits longer than a batch.
            let late = std::mem::take(&mut *lock(&self.late));
            for act in late {
                note(self.store.acts().finish(&act).await, "an act's outcome");
            }
            if !events.is_empty() {
                note(self.store.events().append(&events).await, "events");
            }
            for done in flushed {
                let _ = done.send(());
            }
        }
    }
}

fn lock(late: &Late) -> std::sync::MutexGuard<'_, VecDeque<Act>> {
    late.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(result: Result<(), store::Error>, what: &str) {
    if let Err(error) = result {
        tracing::error!(%error, "failed to keep {what}");
    }
}
