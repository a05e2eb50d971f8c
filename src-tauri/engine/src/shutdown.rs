//! The end of an engine in good order: an act like any other, written down before it is done.

use crate::{Error, Order, handle::Handle};
use model::{Actor, EventKind, Outcome, Verb};
use std::sync::PoisonError;
use std::time::Duration;

/// A cluster that has not gone down after this long is left as it is, and said.
const DOWN: Duration = Duration::from_secs(120);

impl Handle {
    /// May this party end the engine? A person always may.
    ///
    /// # Errors
    /// [`Error::Refused`], with what the rules say.
    pub fn lets_shut_down(&self, actor: &Actor, reason: &str) -> Result<(), Error> {
        self.shared.door.lets_end(actor, Verb::Shutdown, reason)
    }

    /// Ends the engine in good order: services are left running, or taken down first. The home is
    /// free when this returns. Asked again it waits for the first one, and is not written down. To who is no person
    /// the rules may refuse it; then nothing happens.
    pub async fn shutdown(&self, actor: Actor, leave_running: bool, reason: String) {
        let shared = &self.shared;
        if let Err(error) = self.lets_shut_down(&actor, &reason) {
            tracing::error!(error = error.story(), via = actor.via, "the engine goes on");
            return;
        }
        let end = async {
            let act = shared.door.admit_shutdown(actor.clone(), &reason).await;
            let outcome = match leave_running {
                true => Outcome::Done("the engine ended; what ran runs on".into()),
                false => self.take_all_down(&actor, &reason).await,
            };
            // What is written later is not written: the store is closed with the engine.
            shared.door.finish(act.id, outcome);
            shared.journal.tell_healed(true);
            shared.journal.tell_registered();
            shared.journal.event(
                None,
                EventKind::EngineStopped {
                    left_running: leave_running,
                },
            );
            shared.cancel.cancel();
            if let Some(gateway) = shared.gateway.get() {
                gateway.stop().await;
            }
            shared.tasks.close();
            shared.tasks.wait().await;
            shared.driver.close().await;
            shared.drivers.containers.close().await;
            shared.journal.flush().await;
            shared.life.stop_writers.cancel();
            shared.life.writers.close();
            shared.life.writers.wait().await;
            crate::sealing::last(shared).await;
            shared.store.close().await;
            drop(
                shared
                    .life
                    .lock
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(),
            );
            shared.life.closed.cancel();
        };
        shared.life.closing.get_or_init(|| end).await;
    }

    /// Resolves when the engine has let go of its home.
    pub async fn closed(&self) {
        self.shared.life.closed.cancelled().await;
    }

    /// Takes every cluster down, each by an act of its own, and says what came of it.
    pub(crate) async fn take_all_down(&self, actor: &Actor, reason: &str) -> Outcome {
        let mut why = "the engine is shutting down".to_owned();
        if !reason.is_empty() {
            why.push_str(": ");
            why.push_str(reason);
        }
        let mut acts = Vec::new();
        let mut failed = 0;
        for (cluster, _) in self.shared.all_owners() {
            let order = Order::Down { cluster };
            match self.order(actor.clone(), order, why.clone()).await {
                Ok(act) => acts.push(act.id),
                Err(error) => {
                    failed += 1;
                    tracing::error!(error = error.story(), "failed to take a cluster down");
                }
            }
        }
        for act in acts {
            let left = match self.wait(act, DOWN).await {
                Ok(went) if went.settled && went.failed.is_empty() => continue,
                Ok(_) => "something of it is left".to_owned(),
                Err(error) => error.story(),
            };
            failed += 1;
            tracing::error!(left, "a cluster did not go down");
        }
        match failed {
            0 => Outcome::Done("the engine ended; every cluster was taken down".into()),
            _ => Outcome::Failed(format!(
                "{failed} clusters did not go down; the engine ended"
            )),
        }
    }
}
