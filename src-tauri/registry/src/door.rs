//! What the engine's one door looks like from here.

use model::{Act, Outcome, Verb};
use std::sync::Arc;

/// Asked before an outside program's word changes the registry.
pub trait Door: Send + Sync {
    /// May this be done? `what` is "name at url" or "name/id". An error says why not. An act that
    /// is let in is concluded. Nothing is written down yet: the act and what it does are one
    /// writing, which many share.
    ///
    /// # Errors
    /// Why not, in words.
    fn admit(&self, verb: Verb, what: &str) -> Result<Act, String>;

    /// What came of an act that was let in. When it is `written`, it is in the book already.
    fn conclude(&self, act: Act, written: bool);
}

/// An act that was let in and is not over. When it is dropped before, it has failed.
pub(crate) struct Begun {
    door: Arc<dyn Door>,
    act: Option<Act>,
}

impl Begun {
    /// The door is asked; an error says why it said no.
    pub(crate) fn admitted(door: &Arc<dyn Door>, verb: Verb, what: &str) -> Result<Self, String> {
        let act = door.admit(verb, what)?;
        Ok(Self {
            door: Arc::clone(door),
            act: Some(act),
        })
    }

    /// It as it is when it has been done: what is written with what it does.
    pub(crate) fn done(&mut self) -> Option<Act> {
        let act = self.act.as_mut()?;
        act.outcome = Outcome::Done(act.reason.clone());
        Some(act.clone())
    }

    /// It was written down as done, with what it did.
    pub(crate) fn written(mut self) {
        if let Some(act) = self.act.take() {
            self.door.conclude(act, true);
        }
    }

    /// It has come to this, and is not written down.
    pub(crate) fn over<T>(mut self, result: &Result<T, crate::Error>) {
        let Some(mut act) = self.act.take() else {
            return;
        };
        act.outcome = match result {
            Ok(_) => Outcome::Done(act.reason.clone()),
            Err(error) => Outcome::Failed(format!("failed to {error}")),
        };
        self.door.conclude(act, false);
    }

    /// It was let in and did not come to pass; says why.
    pub(crate) fn failed(mut self, why: String) {
        if let Some(mut act) = self.act.take() {
            act.outcome = Outcome::Failed(why);
            self.door.conclude(act, false);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(mut act) = self.act.take() {
            let why = "who asked hung up, or the registry ended, before it was done";
            act.outcome = Outcome::Failed(why.to_owned());
            self.door.conclude(act, false);
        }
    }
}
