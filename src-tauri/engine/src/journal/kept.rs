//! What is to be written down and is not yet, oldest first.
//!
//! A full disk, another program that holds the database, a disk with a fault: all of that passes, or a
//! person mends it. So nothing is thrown away for it but the oldest of events, of which there is no
//! end. What is dropped is an entry that can never be written, and that one alone.

use model::{Act, Incident, IncidentEntry};
use store::{Batch, Error, Store};

/// Events and incidents each that are kept in memory meanwhile: some megabytes.
const KEPT: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(super) struct Kept {
    /// The disk was full when it was last tried.
    pub(super) full: bool,
    /// Why it could not be written when it was last tried, as far as that is not the disk's being
    /// full.
    failing: Option<String>,
    pub(super) batch: Batch,
}

/// What it is written into: the store.
pub(super) trait Book {
    /// See [`store::Acts::settle`].
    async fn settle(&self) -> Result<bool, Error>;
    /// See [`Store::keep`].
    async fn keep(&self, batch: &Batch) -> Result<(), Error>;
    /// See [`store::Acts::finish`].
    async fn finish(&self, act: &Act) -> Result<(), Error>;
}

impl Book for Store {
    async fn settle(&self) -> Result<bool, Error> {
        self.acts().settle().await
    }

    async fn keep(&self, batch: &Batch) -> Result<(), Error> {
        Store::keep(self, batch).await
    }

    async fn finish(&self, act: &Act) -> Result<(), Error> {
        self.acts().finish(act).await
    }
}

impl Kept {
    /// Something is to be tried again.
    pub(super) fn waits(&self) -> bool {
        self.full || self.failing.is_some()
    }

    /// An incident as it is now, and the new lines of its timeline.
    pub(super) fn incident(&mut self, incident: Incident, entries: Vec<IncidentEntry>) {
        let of = incident.id;
        let entries = entries.into_iter().map(|entry| (of, entry));
        self.batch.entries.extend(entries);
        let mut known = self.batch.incidents.iter_mut();
        match known.find(|known| known.id == incident.id) {
            Some(known) => *known = incident,
            None => self.batch.incidents.push(incident),
        }
    }

    /// Writes what there is. What is not written down is still there.
    pub(super) async fn write(&mut self, book: &impl Book) {
        let written = match book.settle().await {
            Err(full @ Error::Full { .. }) => Err(full),
            Err(error) => {
                // They stay where they are; what is new does not have to go with them.
                tracing::error!(%error, "acts that were set aside are not in the book yet");
                book.keep(&self.batch).await
            }
            Ok(_) => book.keep(&self.batch).await,
        };
        let written = match written {
            Ok(()) => {
                self.batch = Batch::default();
                Ok(())
            }
            Err(error) if error.is_of_the_entry() => self.write_singly(book).await,
            other => other,
        };
        match written {
            Ok(()) => (self.full, self.failing) = (false, None),
            Err(Error::Full { .. }) => {
                (self.full, self.failing) = (true, None);
                self.finish_spared(book).await;
            }
            // A disk that was full has not shown that it has room again.
            Err(error) => self.fails(&error),
        }
    }

    /// What came of acts has room set aside for it on a full disk.
    async fn finish_spared(&mut self, book: &impl Book) {
        while let Some(act) = self.batch.acts.first() {
            match book.finish(act).await {
                Ok(()) => drop(self.batch.acts.remove(0)),
                Err(Error::Full { .. }) => return,
                Err(error) => return self.fails(&error),
            }
        }
    }

    /// Writes each by itself, and drops those that can never be written.
    async fn write_singly(&mut self, book: &impl Book) -> Result<(), Error> {
        let mut all = std::mem::take(&mut self.batch).singly();
        while let Some(one) = all.next() {
            match book.keep(&one).await {
                Ok(()) => {}
                Err(error) if error.is_of_the_entry() => {
                    tracing::error!(%error, ?one, "it can never be written down and is dropped");
                }
                Err(error) => {
                    self.batch = one;
                    all.for_each(|later| self.batch.extend(later));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Said once, and again when the reason is another.
    fn fails(&mut self, error: &Error) {
        let why = error.to_string();
        if self.failing.as_ref() != Some(&why) {
            tracing::error!(%error, "failed to keep what happened; it is tried again");
            self.failing = Some(why);
        }
    }

    /// The newest stay. Acts have a bound of their own, see [`super::Late`].
    pub(super) fn bound(&mut self) {
        let Batch {
            incidents,
            entries,
            events,
            outgoing,
            ..
        } = &mut self.batch;
        let lost = (
            events.len().saturating_sub(KEPT),
            incidents.len().saturating_sub(KEPT),
            entries.len().saturating_sub(KEPT),
        );
        if let Some(last) = events.drain(..lost.0).next_back() {
            // What is not kept is not sent: its number may become another's.
            outgoing.retain(|one| one.seq > last.seq);
        }
        incidents.drain(..lost.1);
        entries.drain(..lost.2);
        if lost != (0, 0, 0) {
            tracing::warn!(
                ?lost,
                "nothing can be written down; events and incidents were shown and not kept"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ActId, Actor, Event, EventKind, Outcome, Target, Timestamp, Verb};
    use std::cell::{Cell, RefCell};
    use store::Outgoing;

    /// A book that fails a few times, and never takes one act.
    #[derive(Default)]
    struct Failing {
        times: Cell<u32>,
        never: Option<ActId>,
        acts: RefCell<Vec<ActId>>,
    }

    impl Book for Failing {
        async fn settle(&self) -> Result<bool, Error> {
            Ok(true)
        }

        async fn keep(&self, batch: &Batch) -> Result<(), Error> {
            if self.times.get() > 0 {
                self.times.set(self.times.get() - 1);
                let path = "state.db".into();
                let source = std::io::ErrorKind::Other.into();
                return Err(Error::Io { path, source });
            }
            if batch.acts.iter().any(|act| Some(act.id) == self.never) {
                return Err(Error::Row {
                    table: "acts",
                    key: String::new(),
                    source: "not understood".into(),
                });
            }
            let mut acts = self.acts.borrow_mut();
            acts.extend(batch.acts.iter().map(|act| act.id));
            Ok(())
        }

        async fn finish(&self, act: &Act) -> Result<(), Error> {
            self.acts.borrow_mut().push(act.id);
            Ok(())
        }
    }

    fn act(id: u64) -> Act {
        Act {
            id: ActId(id),
            at: Timestamp(0),
            actor: Actor::person("test"),
            verb: Verb::Down,
            target: Target::default(),
            reason: String::new(),
            outcome: Outcome::Done("done".into()),
            decision: None,
        }
    }

    #[tokio::test]
    async fn what_came_of_an_act_outlives_a_fault_of_the_store() {
        let book = Failing::default();
        book.times.set(2);
        let mut kept = Kept::default();
        kept.batch.acts.push(act(1));
        kept.write(&book).await;
        assert!(kept.waits() && !kept.full);
        kept.batch.acts.push(act(2));
        kept.write(&book).await;
        assert!(kept.waits());
        kept.write(&book).await;
        assert!(!kept.waits() && kept.batch.is_empty());
        assert_eq!(*book.acts.borrow(), [ActId(1), ActId(2)]);
    }

    #[tokio::test]
    async fn a_fault_does_not_say_that_a_full_disk_has_room() {
        let book = Failing::default();
        book.times.set(1);
        let mut kept = Kept {
            full: true,
            ..Kept::default()
        };
        kept.batch.acts.push(act(1));
        kept.write(&book).await;
        assert!(kept.full);
        kept.write(&book).await;
        assert!(!kept.full && !kept.waits());
    }

    #[tokio::test]
    async fn an_entry_that_can_never_be_written_takes_no_other_with_it() {
        let book = Failing {
            never: Some(ActId(2)),
            ..Failing::default()
        };
        let mut kept = Kept::default();
        kept.batch.acts.extend([act(1), act(2), act(3)]);
        kept.write(&book).await;
        assert!(!kept.waits() && kept.batch.is_empty());
        assert_eq!(*book.acts.borrow(), [ActId(1), ActId(3)]);
    }

    #[test]
    fn what_is_not_kept_is_not_sent() {
        let mut kept = Kept::default();
        for seq in 1..=KEPT as u64 + 2 {
            kept.batch.events.push(Event {
                seq,
                at: Timestamp(0),
                cluster: None,
                what: EventKind::Notice {
                    text: String::new(),
                },
            });
            kept.batch.outgoing.push(Outgoing {
                target: "pager".into(),
                seq,
                at: Timestamp(0),
                body: String::new(),
            });
        }
        kept.bound();
        assert_eq!(kept.batch.events.len(), KEPT);
        let first = &kept.batch.outgoing[0];
        assert_eq!((first.seq, kept.batch.outgoing.len()), (3, KEPT));
    }
}
