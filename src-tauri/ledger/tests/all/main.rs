//! The ledger over a real book of acts: what it finds, and what it cannot.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod found;
mod independent;
mod signed;
mod ways;

use ledger::{Key, Keys, Outside, Sealer, Trust, Verdict, Verifier, verify};
use model::{Act, ActId, Actor, Outcome, Target, Timestamp, Verb};
use std::path::Path;
use store::{Batch, Entries, Kept, Store};
use tempfile::TempDir;

/// Entries of one checkpoint.
const BLOCK: usize = 32;

fn act(id: u64, outcome: Outcome) -> Act {
    Act {
        id: ActId(id),
        at: Timestamp(1_764_000_000_000 + i64::try_from(id).unwrap()),
        actor: Actor::person("cli"),
        verb: Verb::Restart,
        target: Target {
            cluster: Some("shop-0badcafe".parse().unwrap()),
            services: vec!["api".parse().unwrap()],
            instance: None,
        },
        reason: format!("for the {id}th time"),
        outcome,
        decision: None,
    }
}

fn done(id: u64) -> Act {
    act(id, Outcome::Done("restarted".into()))
}

/// What a home vouches for, and nothing else.
fn keys(home: &Path) -> Keys {
    let key = Key::of(home).unwrap();
    let mut keys = Keys::default();
    keys.add(key.public().clone(), Trust::Vouched);
    keys
}

/// A home with a book of acts.
struct Home {
    folder: TempDir,
    store: Store,
    sealer: Sealer,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let key = Key::of(folder.path()).unwrap();
        let sealer = Sealer::open(&store, key).await.unwrap();
        Self {
            folder,
            store,
            sealer,
        }
    }

    /// Acts from one number to another, each admitted and ended.
    async fn acts(&self, from: u64, to: u64, name: &str) {
        let both = |id| {
            let mut over = done(id);
            over.reason.push_str(name);
            let mut begun = over.clone();
            begun.outcome = Outcome::Pending;
            [begun, over]
        };
        let acts = (from..=to).flat_map(both).collect();
        let batch = Batch {
            acts,
            ..Batch::default()
        };
        self.store.keep(&batch).await.unwrap();
    }

    async fn seal(&mut self) -> Option<Kept> {
        self.sealer.seal(&self.store, Timestamp(1)).await.unwrap()
    }

    async fn texts(&self) -> Vec<String> {
        let all = self.store.ledger().after(0, 1_000_000).await.unwrap();
        all.text.split_terminator('\n').map(str::to_owned).collect()
    }

    async fn kept(&self) -> Vec<Kept> {
        self.store.ledger().checkpoints(0, 1_000_000).await.unwrap()
    }

    async fn verdict(&self, outside: &[Outside]) -> Verdict {
        let (key, ledger) = (Key::of(self.folder.path()).unwrap(), self.store.ledger());
        let keys = Keys::of(Some(&key), &ledger).await.unwrap();
        verify(&ledger, &keys, outside, |_| {}).await.unwrap()
    }
}

/// A ledger that is full of acts, with a checkpoint for each block.
struct Long {
    home: Home,
    texts: Vec<String>,
    kept: Vec<Kept>,
}

impl Long {
    async fn new(entries: usize) -> Self {
        let mut home = Home::new().await;
        let each = BLOCK as u64 / 2;
        let mut id = 1;
        while (home.sealer.size() as usize) < entries {
            home.acts(id, id + each - 1, "").await;
            id += each;
            home.seal().await;
        }
        let (texts, kept) = (home.texts().await, home.kept().await);
        assert!(texts.len() >= entries);
        Self { home, texts, kept }
    }

    fn verifier(&self, kept: &[Kept], outside: &[Outside]) -> Verifier {
        Verifier::new(&keys(self.home.folder.path()), kept, outside)
    }

    fn verdict<T: AsRef<str>>(&self, texts: &[T], kept: &[Kept], outside: &[Outside]) -> Verdict {
        let mut verifier = self.verifier(kept, outside);
        verifier.feed(&entries(0, texts)).unwrap();
        verifier.finish().unwrap()
    }
}

fn entries<T: AsRef<str>>(before: usize, texts: &[T]) -> Entries {
    let mut text = String::new();
    for one in texts {
        text.push_str(one.as_ref());
        text.push('\n');
    }
    Entries {
        first: before as u64 + 1,
        last: (before + texts.len()) as u64,
        count: texts.len() as u64,
        text,
    }
}
