//! Signs the ledger while the engine runs: after so many entries, or so long after the first that is not signed, and
//! once more at the end. A task of `tasks` and the last step of `shutdown` call it; `api` asks how it stands.
//!
//! It stands in nobody's way: entries are written with their acts, and signed behind them. What it cannot do is
//! told and tried again, and ends nothing. It refuses to sign with a key that is none, and never writes over one.

mod places;
mod verified;

pub use places::{KeptElsewhere, kept_elsewhere};

use crate::clock::Clock;
use crate::journal::Journal;
use crate::picture::Picture;
use crate::shared::Shared;
use crate::{Error, Handle};
use driver::Layout;
use ledger::{Key, Keys, Sealer, Source};
use model::EventKind;
use model::ledger::{LedgerCheckpoint, LedgerEntries, LedgerView};
use places::Places;
use spec::CheckpointPlace;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Kept, Store};
use tokio::time::Instant;

/// So many entries are signed at once, or more where they come faster than is looked.
const EACH: u64 = 1_000;
/// So long the first one waits at most.
const AFTER: Duration = Duration::from_secs(60);
/// Between two looks at how many there are.
const LOOK: Duration = Duration::from_secs(1);
/// Between two tries of what has failed.
const RETRY: Duration = Duration::from_secs(10);
/// How long the engine's end waits for the last checkpoint; the next engine signs what this one did not.
const LAST: Duration = Duration::from_secs(2);
/// When what kept it from being signed is over.
const SIGNED: &str = "the ledger is signed again";

/// See the module.
pub(crate) struct Sealing {
    home: PathBuf,
    store: Store,
    journal: Arc<Journal>,
    picture: Arc<Picture>,
    /// Whoever signs holds it; there is none until there is a key.
    sealer: tokio::sync::Mutex<Option<Sealer>>,
    told: Mutex<Told>,
    /// Where checkpoints are kept, too.
    places: Places,
    /// Whoever verifies holds it.
    verifying: tokio::sync::Mutex<()>,
}

/// What hosts are told.
#[derive(Default)]
struct Told {
    key: Option<String>,
    doubt: Option<String>,
    trouble: Option<String>,
}

impl Sealing {
    pub(crate) fn new(
        layout: &Layout,
        places: &[CheckpointPlace],
        store: &Store,
        journal: &Arc<Journal>,
        picture: &Arc<Picture>,
    ) -> Self {
        Self {
            home: layout.home().to_owned(),
            store: store.clone(),
            journal: Arc::clone(journal),
            picture: Arc::clone(picture),
            sealer: tokio::sync::Mutex::default(),
            told: Mutex::default(),
            places: Places::new(layout, places),
            verifying: tokio::sync::Mutex::default(),
        }
    }

    /// Signs what has come, and says how many are signed then. What it could not do is told. Dropped while it waits, it
    /// has signed or it has not.
    async fn seal(&self) -> Result<u64, ledger::Error> {
        let done = self.sign().await;
        self.trouble(done.as_ref().err());
        done
    }

    async fn sign(&self) -> Result<u64, ledger::Error> {
        let mut held = self.sealer.lock().await;
        let sealer = match &mut *held {
            Some(sealer) => sealer,
            none => none.insert(self.open().await?),
        };
        sealer.seal(&self.store, Clock::wall()).await?;
        Ok(sealer.size())
    }

    /// Whose signatures are the ledger's own.
    async fn keys(&self, source: &impl Source) -> Result<Keys, ledger::Error> {
        let key = self.key(Key::read).await?;
        Keys::of(key.as_ref(), source).await
    }

    async fn key<T: Send + 'static>(
        &self,
        read: impl FnOnce(&std::path::Path) -> Result<T, ledger::Error> + Send + 'static,
    ) -> Result<T, ledger::Error> {
        let home = self.home.clone();
        let read = tokio::task::spawn_blocking(move || read(&home)).await;
        read.map_err(|error| ledger::Error::Key {
            path: self.home.clone(),
            source: std::io::Error::other(error),
        })?
    }

    async fn open(&self) -> Result<Sealer, ledger::Error> {
        let key = self.key(Key::of).await?;
        let sealer = Sealer::open(&self.store, key).await?;
        self.told().key = Some(sealer.public().text().to_owned());
        self.doubt(sealer.doubt());
        Ok(sealer)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doubt(&self, doubt: Option<&str>) {
        let text = doubt.map(|doubt| {
            format!("the ledger: {doubt}; `azora ledger verify` says all that is to be found")
        });
        tell(
            &self.journal,
            &self.picture,
            &mut self.told().doubt,
            text,
            SIGNED,
        );
    }

    fn trouble(&self, error: Option<&ledger::Error>) {
        let text = error.map(|error| {
            let why = story(error);
            format!(
                "the ledger is not signed: failed to {why}; acts are written into it all the same, and it is tried \
                 again"
            )
        });
        if let Some(text) = &text {
            tracing::error!("{text}");
        }
        tell(
            &self.journal,
            &self.picture,
            &mut self.told().trouble,
            text,
            SIGNED,
        );
    }

    /// What of the past is not as it was signed, as far as was seen.
    pub(crate) fn doubted(&self) -> Option<String> {
        self.told().doubt.clone().or_else(|| self.places.doubt())
    }
}

/// The engine ends, and nothing is written any more.
pub(crate) async fn last(shared: &Arc<Shared>) {
    match tokio::time::timeout(LAST, shared.sealing.sign()).await {
        Ok(Ok(_)) => places::last(shared).await,
        Ok(Err(error)) => tracing::error!(why = story(&error), "the ledger is not signed"),
        Err(_) => {
            tracing::error!("the ledger is not signed: it took too long; the next engine does it")
        }
    }
}

/// What a person should know is an event once, and stands among the limits as long as it is so.
fn tell(
    journal: &Journal,
    picture: &Picture,
    said: &mut Option<String>,
    now: Option<String>,
    over: &str,
) {
    if *said == now {
        return;
    }
    picture.set_engine(|view| {
        view.limits.retain(|limit| Some(limit) != said.as_ref());
        view.limits.extend(now.clone());
    });
    let text = match &now {
        Some(text) => text.clone(),
        None => over.to_owned(),
    };
    journal.event(None, EventKind::Notice { text });
    *said = now;
}

fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

/// Signs until the engine ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    places::spawn(&shared);
    let sealing = &shared.sealing;
    let work = async {
        // So many are signed, once that is known; and since when there are more.
        let (mut signed, mut since) = (None, None);
        loop {
            let due = match (sealing.store.ledger().last().await, signed) {
                (Ok(last), Some(signed)) if last <= signed => {
                    since = None;
                    false
                }
                (Ok(last), Some(signed)) => {
                    let since = since.get_or_insert_with(Instant::now);
                    last - signed >= EACH || since.elapsed() >= AFTER
                }
                // What the last engine left is signed at once; and trying to tells why entries cannot be read.
                _ => true,
            };
            let wait = match due {
                false => LOOK,
                true => match sealing.seal().await {
                    Ok(size) => {
                        (signed, since) = (Some(size), None);
                        sealing.places.signed(size);
                        LOOK
                    }
                    Err(_) => RETRY,
                },
            };
            tokio::time::sleep(wait).await;
        }
    };
    shared.cancel.run_until_cancelled(work).await;
}

impl Handle {
    /// How it stands with the ledger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ledger(&self) -> Result<LedgerView, Error> {
        let shared = &self.shared;
        let ledger = shared.store.ledger();
        let (newest, keys) = (ledger.checkpoint().await?, ledger.keys().await?);
        let entries = ledger.last().await?;
        let told = shared.sealing.told();
        Ok(LedgerView {
            entries,
            signed: newest.as_ref().map_or(0, |kept| kept.size),
            checkpoint: newest.map(checkpoint),
            key: told.key.clone(),
            keys,
            doubt: told.doubt.clone().or_else(|| shared.sealing.places.doubt()),
            trouble: told.trouble.clone(),
            places: shared.sealing.places.views(),
        })
    }

    /// At most `limit` entries after that number.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ledger_entries(&self, after: u64, limit: u32) -> Result<LedgerEntries, Error> {
        let some = self.shared.store.ledger().after(after, limit).await?;
        Ok(LedgerEntries {
            first: some.first,
            last: some.last,
            count: some.count,
            text: some.text,
        })
    }

    /// At most `limit` checkpoints after that of this size, smallest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ledger_checkpoints(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LedgerCheckpoint>, Error> {
        let all = self.shared.store.ledger().checkpoints(after, limit).await?;
        Ok(all.into_iter().map(checkpoint).collect())
    }
}

fn checkpoint(kept: Kept) -> LedgerCheckpoint {
    LedgerCheckpoint {
        size: kept.size,
        at: kept.at,
        note: kept.note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;
    use crate::stage::{LIMIT, config, me, sleeper};
    use ledger::{Book, Keys, verify};
    use model::{Act, ActId, Actor, Outcome, Target, Timestamp, Verb};
    use store::Batch;
    use testkit::{Home, eventually_async};

    async fn verdict(home: &Home) -> ledger::Verdict {
        let book = Book::open(home.path()).await.unwrap().unwrap();
        let key = Key::read(home.path()).unwrap().unwrap();
        let keys = Keys::of(Some(&key), &book).await.unwrap();
        let verdict = verify(&book, &keys, &[], |_| {}).await.unwrap();
        book.close().await;
        verdict
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_engine_leaves_a_ledger_of_which_everything_is_signed() {
        let home = Home::new();
        let (_engine, handle, _) = sleeper(&home).await;
        let seen = handle.ledger_verify().await.unwrap();
        assert!(seen.sound && seen.entries > 0, "{seen:?}");
        handle.shutdown(me(), false, "it is late".into()).await;
        let first = verdict(&home).await;
        assert!(first.sound(), "{first:?}");
        assert_eq!(first.signed, first.entries);
        // Up, shutdown, down, and how each ended, after the beginning.
        assert!(first.entries >= 7, "{first:?}");

        let engine = Engine::start(config(&home)).await.unwrap();
        let handle = engine.handle();
        handle.shutdown(me(), true, String::new()).await;
        let second = verdict(&home).await;
        assert!(
            second.sound() && second.checkpoints > first.checkpoints,
            "{second:?}"
        );
        assert_eq!(second.signed, second.entries);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thousand_entries_are_signed_without_being_waited_for() {
        let home = Home::new();
        let engine = Engine::start(config(&home)).await.unwrap();
        let handle = engine.handle();
        let act = |id| Act {
            id: ActId(1_000 + id),
            at: Timestamp(1),
            actor: Actor::person("test"),
            verb: Verb::Stop,
            target: Target::default(),
            reason: String::new(),
            outcome: Outcome::Done(String::new()),
            decision: None,
        };
        // What was there at the start is signed first: a minute is to pass before the next time.
        let signed = async || handle.ledger().await.unwrap().signed;
        let begun = tokio::time::Instant::now();
        while signed().await == 0 {
            assert!(begun.elapsed() < LIMIT);
            tokio::task::yield_now().await;
        }
        let acts = (0..EACH).map(act).collect();
        let batch = Batch {
            acts,
            ..Batch::default()
        };
        handle.shared.store.keep(&batch).await.unwrap();
        while signed().await < EACH {
            assert!(begun.elapsed() < AFTER, "{:?}", handle.ledger().await);
            tokio::task::yield_now().await;
        }
        handle.shutdown(me(), true, String::new()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_that_is_none_is_told_and_ends_nothing_and_is_tried_again() {
        let home = Home::new();
        let file = home.path().join("ledger.key");
        std::fs::write(&file, "nonsense\n").unwrap();
        let (_engine, handle, _) = sleeper(&home).await;
        let limits = || handle.shared.picture.engine().limits;
        let told = || {
            limits()
                .iter()
                .any(|limit| limit.contains("the ledger is not signed"))
        };
        assert!(eventually_async(LIMIT, told).await, "{:?}", limits());
        let view = handle.ledger().await.unwrap();
        assert!(view.trouble.unwrap().contains("it has not two lines"));
        assert_eq!((view.signed, view.checkpoint), (0, None));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "nonsense\n");
        // Moved away, a new one is made the next time.
        std::fs::remove_file(&file).unwrap();
        // What the start of the cluster came to may be written only now.
        let before = handle.ledger().await.unwrap().entries;
        handle.shared.sealing.seal().await.unwrap();
        let view = handle.ledger().await.unwrap();
        assert_eq!(view.trouble, None);
        assert!(view.signed >= before, "{before} {view:?}");
        assert!(!told(), "{:?}", limits());
        handle.shutdown(me(), false, String::new()).await;
        assert!(verdict(&home).await.sound());
    }
}
