//! Incidents of a cluster: their numbers in the home, who was behind what they tell, and what was
//! left by the start whose fault they are about.

use super::{Message, Owner};
use model::incident::MAX_TEXT;
use model::{ActorKind, Generation, Incident, IncidentEntry, IncidentId, InstanceId, Timestamp};
use orchestrator::{Input, LastWords};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Ended incidents whose numbers are known: a fault soon after recovery reopens its incident.
const KNOWN: usize = 1_000;
/// Lines that are read of what a start has written.
const LINES: usize = 5;
/// Logs that are looked through at a time: a hundred services may have died together, and nobody
/// waits for what they said.
static READERS: Semaphore = Semaphore::const_new(2);

/// The numbers in the home of the incidents of one cluster, by the cluster's own keys, which only grow.
#[derive(Default)]
pub(super) struct Numbers(BTreeMap<u64, Numbered>);

struct Numbered {
    id: IncidentId,
    unended: bool,
}

impl Numbers {
    /// The number of an incident, and whether it has just been given. One that goes on keeps it,
    /// however many come after.
    fn number(
        &mut self,
        key: u64,
        unended: bool,
        given: impl FnOnce() -> IncidentId,
    ) -> (IncidentId, bool) {
        if let Some(known) = self.0.get_mut(&key) {
            known.unended = unended;
            return (known.id, false);
        }
        let id = given();
        self.0.insert(key, Numbered { id, unended });
        if self.0.len() > KNOWN {
            let ended = self.0.iter().find(|(_, known)| !known.unended);
            let ended = ended.map(|(key, _)| *key);
            ended.and_then(|key| self.0.remove(&key));
        }
        (id, true)
    }
}

impl Owner {
    pub(super) fn incident(
        &mut self,
        key: u64,
        mut incident: Incident,
        mut entries: Vec<IncidentEntry>,
    ) {
        let unended = incident.state.unended();
        let journal = &self.shared.journal;
        let given = || match incident.id {
            IncidentId(0) => journal.new_incident(),
            // An earlier engine has given it its number.
            given => given,
        };
        let (id, new) = self.incidents.number(key, unended, given);
        if new {
            // Who is connected to it now is evidence.
            self.shared.look_now.notify_one();
        }
        incident.id = id;
        incident.cluster = self.id.clone();
        for entry in &mut entries {
            self.name_actor(entry);
        }
        self.shared.journal.incident(incident, entries);
    }

    /// Adds who was behind the act of an entry, where a person was or who acts for one.
    fn name_actor(&self, entry: &mut IncidentEntry) {
        let origin = entry.act.and_then(|act| self.origins.get(&act));
        let by = origin.and_then(|origin| match origin.actor.kind {
            ActorKind::Person => Some(format!("{} ({})", origin.user, origin.actor.via)),
            ActorKind::Agent => Some(origin.actor.called()),
            ActorKind::Healer | ActorKind::Client | ActorKind::Watch | ActorKind::Monitor => None,
        });
        if let Some(by) = by {
            let text = format!("{} by {by}", entry.text);
            entry.text = model::text::harmless(&text, MAX_TEXT);
        }
    }

    /// Reads what a start has written last and when it ended, beside everything else. Lines are
    /// quoted only where the secrets that this start got are known: those of a start that another
    /// engine made may have been others, and asking a password manager for them is more than a
    /// quotation is worth.
    pub(super) fn read_last_words(
        &mut self,
        key: u64,
        instance: InstanceId,
        generation: Generation,
    ) {
        let (secrets, missing) = match self.last_secrets.take() {
            Some(secrets) => (secrets, None),
            None => self.secrets_of(&instance),
        };
        let shared = Arc::clone(&self.shared);
        let (cluster, inbox) = (self.id.clone(), self.myself.clone());
        let folder = shared.layout.logs(&cluster, &instance);
        let reading = async move {
            let Ok(_turn) = READERS.acquire().await else {
                return;
            };
            let (driver, of) = (Arc::clone(&shared.driver), instance.clone());
            let read = tokio::task::spawn_blocking(move || {
                let ended = driver.ended_at(&cluster, &of, generation);
                let left = match missing {
                    None => telemetry::logs::last_words(&folder, &of, generation, LINES),
                    Some(_) => Ok(Default::default()),
                };
                (ended, left)
            });
            let Ok((ended, left)) = read.await else {
                return;
            };
            let (error, lines) = left.unwrap_or_else(|error| {
                tracing::warn!(%error, %instance, "its last words cannot be read");
                Default::default()
            });
            let words = LastWords {
                ended: ended.and_then(|at| i64::try_from(at).ok()).map(Timestamp),
                error: error.map(|line| secrets.hide(line.text)),
                lines: lines
                    .into_iter()
                    .map(|line| secrets.hide(line.text))
                    .collect(),
            };
            let said = Input::LastWords {
                key,
                instance,
                generation,
                words,
            };
            // A closed inbox means the engine is going down.
            let _ = inbox.send(Message::Happened(said)).await;
        };
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            cancel.run_until_cancelled(reading).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_that_goes_on_keeps_its_number_however_many_come_after() {
        let mut numbers = Numbers::default();
        let mut last = 0;
        let mut number = |key, unended| {
            let given = || {
                last += 1;
                IncidentId(last)
            };
            numbers.number(key, unended, given)
        };
        assert_eq!(number(0, true), (IncidentId(1), true));
        for key in 1..3_000 {
            let (_, new) = number(key, true);
            assert!(new);
            number(key, false);
        }
        assert_eq!(number(0, true), (IncidentId(1), false));
        assert_eq!(number(2_999, true), (IncidentId(3_000), false));
        assert!(numbers.0.len() <= KNOWN + 1, "{}", numbers.0.len());
    }
}
