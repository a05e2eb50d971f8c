//! Answers as bytes, made once for as long as nothing changes: what is read most is read without
//! making anything.

use crate::listed::told;
use crate::{Listed, Registry};
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// So old may be what a list of everything says of when leases end; of what else it says, nothing is old.
const RENEWED: Duration = Duration::from_secs(1);
/// So many entries are put into words beside everything else: it takes milliseconds.
const MANY: usize = 1_000;

/// The last list of everything.
#[derive(Default)]
pub(crate) struct Whole(tokio::sync::Mutex<Option<Made>>);

struct Made {
    /// When an entry changed last.
    index: u64,
    version: u64,
    at: Instant,
    text: Bytes,
}

impl Registry {
    /// The entries of a name in words, and the number of the last change; `None` when there is none.
    pub(crate) fn told(&self, name: &str) -> (u64, Option<Bytes>) {
        let entries = self.shared.read();
        (entries.index, entries.told(name))
    }

    /// The same when it is made already.
    pub(crate) fn told_whole_at_once(&self) -> Option<(u64, Bytes)> {
        let kept = self.shared.whole.0.try_lock().ok()?;
        kept.as_ref().and_then(|made| self.still(made))
    }

    fn still(&self, made: &Made) -> Option<(u64, Bytes)> {
        let entries = self.shared.read();
        let renewed = made.version != entries.version;
        let holds =
            made.index == entries.entries_index && (!renewed || made.at.elapsed() < RENEWED);
        holds.then(|| (entries.index, made.text.clone()))
    }

    /// Every entry in words, and the number of the last change. Who asks while it is made waits for
    /// it, and the registry for nobody.
    pub(crate) async fn told_whole(&self) -> (u64, Bytes) {
        let mut kept = self.shared.whole.0.lock().await;
        if let Some(told) = kept.as_ref().and_then(|made| self.still(made)) {
            return told;
        }
        let (index, of_entries, version, all) = {
            let entries = self.shared.read();
            let all: Vec<Arc<Listed>> = entries.iter().map(|e| e.listed.clone()).collect();
            (entries.index, entries.entries_index, entries.version, all)
        };
        let at = Instant::now();
        let text = words(all).await;
        let made = Made {
            index: of_entries,
            version,
            at,
            text: text.clone(),
        };
        *kept = Some(made);
        (index, text)
    }
}

/// These in words.
pub(crate) async fn words(all: Vec<Arc<Listed>>) -> Bytes {
    if all.len() < MANY {
        return told(all.iter().map(|one| &**one));
    }
    let made = tokio::task::spawn_blocking(move || told(all.iter().map(|one| &**one)));
    // It breaks only when the runtime ends, and nobody is answered then.
    made.await.unwrap_or_default()
}
