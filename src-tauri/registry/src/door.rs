//! What the engine's one door looks like from here.

use model::{ActId, Outcome, Verb};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future that can be named.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Asked before an outside program's word changes the registry.
pub trait Door: Send + Sync {
    /// May this be done? `what` is "name at url" or "name/id". An error says why not. An act that
    /// is let in is concluded.
    fn admit(&self, verb: Verb, what: String) -> BoxFuture<'_, Result<ActId, String>>;

    /// What came of an act that was let in.
    fn conclude(&self, act: ActId, outcome: Outcome);
}

/// An act that was let in and is not over. When it is dropped before, it has failed.
pub(crate) struct Act {
    door: Arc<dyn Door>,
    id: ActId,
    outcome: Outcome,
    what: String,
}

impl Act {
    /// The door has said yes to `what`.
    pub(crate) fn begun(door: Arc<dyn Door>, id: ActId, what: String) -> Self {
        let why = "who asked hung up, or the registry ended, before it was done";
        let outcome = Outcome::Failed(why.to_owned());
        Self {
            door,
            id,
            outcome,
            what,
        }
    }

    /// It has come to this.
    pub(crate) fn over<T>(mut self, result: &Result<T, crate::Error>) {
        self.outcome = match result {
            Ok(_) => Outcome::Done(std::mem::take(&mut self.what)),
            Err(error) => Outcome::Failed(format!("failed to {error}")),
        };
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        self.door.conclude(self.id, self.outcome.clone());
    }
}
