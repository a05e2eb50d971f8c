//! Incidents of a cluster: their numbers in the home, who was behind what they tell, and what was
//! left by the start whose fault they are about.

use super::{Message, Owner};
use model::incident::MAX_TEXT;
use model::{ActorKind, Generation, Incident, IncidentEntry, IncidentId, InstanceId, Timestamp};
use orchestrator::{Input, LastWords};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Incidents whose numbers are known, open and ended.
const KNOWN: usize = 1_000;
/// Lines that are read of what a start has written.
const LINES: usize = 5;
/// Logs that are looked through at a time: a hundred services may have died together, and nobody
/// waits for what they said.
static READERS: Semaphore = Semaphore::const_new(2);

impl Owner {
    pub(super) fn incident(
        &mut self,
        key: u64,
        mut incident: Incident,
        mut entries: Vec<IncidentEntry>,
    ) {
        let id = match self.incidents.get(&key) {
            Some(id) => *id,
            None => {
                // Who is connected to it now is evidence.
                self.shared.look_now.notify_one();
                let id = match incident.id {
                    IncidentId(0) => self.shared.journal.new_incident(),
                    // An earlier engine has given it its number.
                    given => given,
                };
                self.incidents.insert(key, id);
                // A fault soon after recovery reopens its incident, so ended ones are known for a
                // while; keys only grow.
                if self.incidents.len() > KNOWN {
                    self.incidents.pop_first();
                }
                id
            }
        };
        incident.id = id;
        incident.cluster = self.id.clone();
        for entry in &mut entries {
            self.name_actor(entry);
        }
        self.shared.journal.incident(incident, entries);
    }

    /// Adds who was behind the act of an entry, where a person was.
    fn name_actor(&self, entry: &mut IncidentEntry) {
        let origin = entry.act.and_then(|act| self.origins.get(&act));
        if let Some(origin) = origin.filter(|origin| origin.actor.kind == ActorKind::Person) {
            let (user, via) = (&origin.user, &origin.actor.via);
            let text = format!("{} by {user} ({via})", entry.text);
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
