//! Second places for checkpoints of the ledger: a folder, a repository of git, a webhook. Who may write to the home may
//! cut off an end together with its checkpoints; what was kept elsewhere shows it.
//!
//! Each place has a task of its own that hears what was signed and brings the newest checkpoint there. Signing waits for
//! none of them. What fails is told among the limits and tried again; a place that holds something that this ledger has
//! not grown out of is never written over, and is a doubt about the ledger. `azora ledger verify` and the engine's own
//! verifying read what is kept ([`kept_elsewhere`]).

mod keep;
#[cfg(test)]
mod tests;

use super::{Sealing, checkpoint, story, tell};
use crate::clock::Clock;
use crate::shared::Shared;
use driver::Layout;
use keep::Keeper;
use ledger::{Fault, Keys, Outside, Stand, file_of, file_of_name, stand};
use model::Timestamp;
use model::ledger::LedgerPlace;
use spec::CheckpointPlace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// After the first try that failed; twice as long after each further one…
const FIRST: Duration = Duration::from_secs(5);
/// … up to this.
const MOST: Duration = Duration::from_secs(300);
/// How long the engine's end waits for all places; the next engine brings what this one did not.
const LAST: Duration = Duration::from_secs(3);

/// All of a home.
pub(super) struct Places {
    all: Vec<Arc<Place>>,
    /// So many entries are signed.
    signed: watch::Sender<u64>,
}

struct Place {
    which: CheckpointPlace,
    keeper: Keeper,
    standing: Mutex<Standing>,
}

#[derive(Debug, Clone, Default)]
struct Standing {
    /// The checkpoint of so many entries is there, since then.
    size: u64,
    at: Option<Timestamp>,
    /// What stands among the limits.
    said: Option<String>,
    /// What is there is another past.
    other: Option<String>,
}

impl Places {
    pub(super) fn new(layout: &Layout, places: &[CheckpointPlace]) -> Self {
        let place = |which: &CheckpointPlace| {
            Arc::new(Place {
                which: which.clone(),
                keeper: Keeper::new(layout.home(), which),
                standing: Mutex::default(),
            })
        };
        Self {
            all: places.iter().map(place).collect(),
            signed: watch::channel(0).0,
        }
    }

    /// So many entries are signed now.
    pub(super) fn signed(&self, size: u64) {
        self.signed.send_if_modified(|known| {
            let more = *known != size;
            *known = size;
            more
        });
    }

    /// How it stands with each.
    pub(super) fn views(&self) -> Vec<LedgerPlace> {
        let view = |place: &Arc<Place>| {
            let standing = place.standing().clone();
            LedgerPlace {
                place: place.which.to_string(),
                size: standing.size,
                at: standing.at,
                trouble: standing.said,
            }
        };
        self.all.iter().map(view).collect()
    }

    /// That some place has something that this ledger has not grown out of.
    pub(super) fn doubt(&self) -> Option<String> {
        let mut all = self.all.iter();
        all.find_map(|place| place.standing().other.clone())
    }

    fn which(&self) -> impl Iterator<Item = &CheckpointPlace> {
        self.all.iter().map(|place| &place.which)
    }
}

impl Place {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the newest checkpoint there, and tells what came of it.
    async fn bring(&self, shared: &Shared) -> Result<(), String> {
        let done = self.brought(shared).await;
        let mut standing = self.standing();
        let now = match &done {
            Ok(()) => {
                standing.other = None;
                None
            }
            Err(why) => Some(match &standing.other {
                Some(other) => other.clone(),
                None => format!(
                    "no checkpoint of the ledger is kept in {}: {why}; it is tried again",
                    self.which
                ),
            }),
        };
        let over = format!("checkpoints of the ledger are kept in {} again", self.which);
        tell(
            &shared.journal,
            &shared.picture,
            &mut standing.said,
            now,
            &over,
        );
        done
    }

    async fn brought(&self, shared: &Shared) -> Result<(), String> {
        let ledger = shared.store.ledger();
        let newest = ledger.checkpoint().await;
        let Some(newest) = newest.map_err(|error| error.to_string())? else {
            return Ok(());
        };
        let size = newest.size;
        if self.standing().size == size {
            return Ok(());
        }
        if let CheckpointPlace::Webhook(name) = &self.which {
            let newest = checkpoint(newest);
            shared.webhooks.checkpoint(name, &newest).await?;
        } else {
            let file = file_of(&newest.note).ok_or("the ledger has no name of its own")?;
            let there = match self.keeper.read(&file).await? {
                Some(there) => {
                    let keys = shared.sealing.keys(&ledger).await;
                    let keys = keys.map_err(|error| story(&error))?;
                    let stand = stand(&ledger, &keys, &there, &newest).await;
                    let stand = stand.map_err(|error| {
                        let why = story(&error);
                        format!("{file} in it is no checkpoint of this ledger ({why})")
                    })?;
                    let place = self.which.to_string();
                    if let Some(why) = stand.contradicts(&place) {
                        let doubt = format!(
                            "the ledger: {why}; nothing is written there, and `azora ledger verify` says more"
                        );
                        self.standing().other = Some(doubt);
                        return Err(why);
                    }
                    stand == Stand::Same
                }
                None => false,
            };
            self.keeper.keep(&file, newest, there).await?;
        }
        let mut standing = self.standing();
        (standing.size, standing.at) = (size, Some(Clock::wall()));
        Ok(())
    }
}

/// Brings checkpoints to all places until the engine ends.
pub(super) fn spawn(shared: &Arc<Shared>) {
    for place in &shared.sealing.places.all {
        let (place, shared) = (Arc::clone(place), Arc::clone(shared));
        let tasks = shared.tasks.clone();
        tasks.spawn(async move {
            let work = follow(&place, &shared);
            shared.cancel.run_until_cancelled(work).await;
        });
    }
}

async fn follow(place: &Place, shared: &Shared) {
    let mut signed = shared.sealing.places.signed.subscribe();
    let mut wait = FIRST;
    loop {
        signed.mark_unchanged();
        match place.bring(shared).await {
            Ok(()) => {
                wait = FIRST;
                if signed.changed().await.is_err() {
                    return;
                }
            }
            Err(why) => {
                tracing::warn!(place = %place.which, why, "a checkpoint is not kept");
                tokio::time::sleep(wait).await;
                wait = MOST.min(wait * 2);
            }
        }
    }
}

/// The engine ends, and nothing is signed any more.
pub(super) async fn last(shared: &Arc<Shared>) {
    let mut bringing = tokio::task::JoinSet::new();
    for place in &shared.sealing.places.all {
        let (place, shared) = (Arc::clone(place), Arc::clone(shared));
        bringing.spawn(async move {
            if let Err(why) = place.brought(&shared).await {
                tracing::error!(place = %place.which, why, "the last checkpoint is not kept");
            }
        });
    }
    let all = async { while bringing.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST, all).await.is_err() {
        tracing::error!("the last checkpoint is not kept everywhere: it took too long");
    }
}

/// What is kept of a ledger elsewhere.
#[derive(Debug, Default)]
pub struct KeptElsewhere {
    /// The checkpoints.
    pub notes: Vec<Outside>,
    /// Places that could not be looked at, or where there is none.
    pub faults: Vec<Fault>,
    /// What it does not show, in words.
    pub cannot: Vec<String>,
}

/// Reads what is kept at the places that the home's settings name now. Needs no engine.
pub async fn kept_elsewhere(layout: &Layout, keys: &Keys, signed: bool) -> KeptElsewhere {
    let held = crate::settings::read(layout);
    let mut kept = read(layout, &held.settings.checkpoints, keys, signed).await;
    if !held.all_places {
        kept.faults.push(Fault::Place {
            name: layout.settings().display().to_string(),
            why: held.said.unwrap_or_default(),
        });
    }
    kept
}

/// The same of the places that the engine knows.
pub(super) async fn kept(sealing: &Sealing, keys: &Keys, signed: bool) -> KeptElsewhere {
    let which: Vec<_> = sealing.places.which().cloned().collect();
    read(&Layout::new(&sealing.home), &which, keys, signed).await
}

async fn read(
    layout: &Layout,
    places: &[CheckpointPlace],
    keys: &Keys,
    signed: bool,
) -> KeptElsewhere {
    let files: Vec<String> = keys.names().filter_map(file_of_name).collect();
    let mut kept = KeptElsewhere::default();
    for place in places {
        let name = place.to_string();
        if let CheckpointPlace::Webhook(_) = place {
            kept.cannot.push(format!(
                "what {name} was sent: nothing can be read back from there; give it with --checkpoint"
            ));
            continue;
        }
        match Keeper::new(layout.home(), place).all(&files).await {
            Ok(all) => {
                if all.notes.is_empty() && signed {
                    let why = "there is no checkpoint of this ledger: it was taken away, or none was brought there yet";
                    let why = why.to_owned();
                    let name = name.clone();
                    kept.faults.push(Fault::Place { name, why });
                }
                if all.others > 0 {
                    kept.cannot.push(format!(
                        "whether this is one of the {} other ledgers in {name}, begun anew with another key",
                        all.others
                    ));
                }
                let notes = all.notes.into_iter();
                kept.notes
                    .extend(notes.map(|(name, note)| Outside { name, note }));
            }
            Err(why) => kept.faults.push(Fault::Place { name, why }),
        }
    }
    kept
}
