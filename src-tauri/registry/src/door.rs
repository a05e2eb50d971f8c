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

    /// May this be done, which is no act? What programs keep for themselves is theirs, and is not in the
    /// book of acts.
    ///
    /// # Errors
    /// Why not, in words.
    fn allow(&self, verb: Verb, what: &str) -> Result<(), String>;

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
    pub(crate) fn over<T, E: std::fmt::Display>(mut self, result: &Result<T, E>) {
        let Some(mut act) = self.act.take() else {
            return;
        };
        act.outcome = match result {
            Ok(_) => Outcome::Done(act.reason.clone()),
            Err(error) => Outcome::Failed(format!("failed to {error}")),
        };
        self.door.conclude(act, false);
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
