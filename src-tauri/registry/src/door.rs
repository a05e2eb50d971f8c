//! What the engine's one door looks like from here.

use model::Verb;
use std::future::Future;
use std::pin::Pin;

/// A future that can be named.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Asked before an outside program's word changes the registry.
pub trait Door: Send + Sync {
    /// May this be done? `what` is "name at url" or "name/id". An error says why not.
    fn admit(&self, verb: Verb, what: String) -> BoxFuture<'_, Result<(), String>>;
}
