//! What is written down in the background: outcomes, incidents and events, as they come.

use crate::database::{Database, transact};
use crate::{Error, Outgoing, acts, events, incidents, outbox};
use model::{Act, Event, Incident, IncidentEntry, IncidentId};

/// What is to be kept, in the order it happened within each kind.
#[derive(Debug, Default)]
pub struct Batch {
    /// Acts with what came of them, also those that could not be written before.
    pub acts: Vec<Act>,
    /// Incidents as they are now.
    pub incidents: Vec<Incident>,
    /// New lines of their timelines.
    pub entries: Vec<(IncidentId, IncidentEntry)>,
    /// Events.
    pub events: Vec<Event>,
    /// What of these events is to be sent to whom.
    pub outgoing: Vec<Outgoing>,
}

impl Batch {
    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty()
            && self.incidents.is_empty()
            && self.entries.is_empty()
            && self.events.is_empty()
            && self.outgoing.is_empty()
    }

    /// Each entry as a batch of its own, in their order; an event with all that is sent of it.
    pub fn singly(mut self) -> impl Iterator<Item = Batch> {
        let acts = self.acts.into_iter().map(|act| Batch {
            acts: vec![act],
            ..Batch::default()
        });
        let incidents = self.incidents.into_iter().map(|incident| Batch {
            incidents: vec![incident],
            ..Batch::default()
        });
        let entries = self.entries.into_iter().map(|entry| Batch {
            entries: vec![entry],
            ..Batch::default()
        });
        let events = self.events.into_iter().map(move |event| {
            let of_it = |one: &mut Outgoing| one.seq == event.seq;
            let outgoing = self.outgoing.extract_if(.., of_it).collect();
            Batch {
                events: vec![event],
                outgoing,
                ..Batch::default()
            }
        });
        acts.chain(incidents).chain(entries).chain(events)
    }

    /// Puts what comes later behind what is there.
    pub fn extend(&mut self, later: Batch) {
        self.acts.extend(later.acts);
        self.incidents.extend(later.incidents);
        self.entries.extend(later.entries);
        self.events.extend(later.events);
        self.outgoing.extend(later.outgoing);
    }

    /// Writes it as one transaction: the disk is waited for once, however much happened.
    pub(crate) async fn write(&self, state: &Database) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let acts = rows(&self.acts, acts::Row::of)?;
        let incidents = rows(&self.incidents, incidents::Row::of)?;
        let entries = rows(&self.entries, incidents::Entry::of)?;
        let events = rows(&self.events, events::Row::of)?;
        transact!(state, "write what happened", |db| {
            for act in &acts {
                act.write(db).await?;
            }
            for incident in &incidents {
                incident.write(db).await?;
            }
            for entry in &entries {
                entry.write(db).await?;
            }
            incidents::let_go(db, &incidents).await?;
            for event in &events {
                event.write(db).await?;
            }
            events::let_go(db, &events).await?;
            for one in &self.outgoing {
                one.write(db).await?;
            }
            outbox::let_go(db, &self.outgoing).await
        })?;
        state.relax().await;
        Ok(())
    }
}

fn rows<'a, T, R>(all: &'a [T], row: impl Fn(&'a T) -> Result<R, Error>) -> Result<Vec<R>, Error> {
    all.iter().map(row).collect()
}
