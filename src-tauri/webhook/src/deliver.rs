//! One receiver's task: the oldest from the outbox, until the receiver has it; then the next.

use crate::answer::Outcome;
use crate::message::{self, Message};
use crate::post::Line;
use crate::target::Target;
use model::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use store::{Outgoing, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Times an event is tried that its receiver refuses for what it says.
const REFUSALS: u32 = 3;

/// How long between two tries. Each wait is twice the one before, and a random part of it shorter:
/// receivers come back to many senders at once.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// After the first.
    pub first: Duration,
    /// At most.
    pub most: Duration,
    /// After so long without success a person is told.
    pub told: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(300),
            told: Duration::from_secs(900),
        }
    }
}

impl Pace {
    /// After so many tries that failed, of what a random number makes of it.
    fn wait(self, fails: u32, random: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << fails.saturating_sub(1).min(16));
        let whole = doubled.min(self.most);
        let half = whole / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// What a receiver's task knows while it runs.
struct Delivery {
    target: Arc<Target>,
    store: Store,
    stop: CancellationToken,
    line: Option<Line>,
    /// Tries in a row that failed, and since when.
    fails: u32,
    since: Option<Instant>,
    /// Tries in a row in which the receiver refused this event.
    refusals: (u64, u32),
}

/// Delivers until it is told to stop.
pub(crate) async fn run(target: Arc<Target>, store: Store, stop: CancellationToken) {
    let mut delivery = Delivery {
        target,
        store,
        stop: stop.clone(),
        line: None,
        fails: 0,
        since: None,
        refusals: (0, 0),
    };
    while !stop.is_cancelled() {
        delivery.step().await;
    }
}

impl Delivery {
    async fn step(&mut self) {
        let target = Arc::clone(&self.target);
        let name = target.name.as_str();
        let kept = i64::try_from(target.settings.keep.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp(target.clock().0.saturating_sub(kept));
        match self.store.outbox().expire(name, before).await {
            Ok(0) => {}
            Ok(lost) => tracing::warn!(
                webhook = name,
                lost,
                "events were too old to be sent and were given up"
            ),
            Err(error) => return self.pause(error.to_string(), None).await,
        }
        if target.is_gone() {
            target.sends(None);
            let trouble = "its receiver said that it is gone for good";
            self.tell(trouble);
            // It is looked in on, for what waits grows old meanwhile.
            return self.sleep(target.config.pace.most).await;
        }
        let next = match self.store.outbox().next(name).await {
            Ok(Some(next)) => next,
            Ok(None) => {
                // The receiver need not keep a connection for what may happen tomorrow.
                self.line = None;
                target.sends(None);
                tokio::select! {
                    () = target.written.notified() => {}
                    () = target.again.notified() => {}
                    () = self.stop.cancelled() => {}
                }
                return;
            }
            Err(error) => return self.pause(error.to_string(), None).await,
        };
        self.send(next).await;
    }

    async fn send(&mut self, next: Outgoing) {
        let target = Arc::clone(&self.target);
        target.sends(Some(next.seq));
        let Some(id) = message::id_of(&next.body) else {
            // Written by nobody who writes here; it must not be in the way for ever.
            tracing::error!(webhook = %target.name, seq = next.seq, "what is to be sent cannot be read");
            target.refused();
            return self.done(next.seq).await;
        };
        let message = Message {
            id,
            body: next.body,
        };
        let outcome = tokio::select! {
            outcome = target.attempt(&mut self.line, &message) => outcome,
            // What is under way may have arrived: the next engine sends it again, by the same id.
            () = self.stop.cancelled() => return,
        };
        match outcome {
            Outcome::Taken { status } => {
                (self.fails, self.since) = (0, None);
                target.took(next.seq, status);
                self.done(next.seq).await;
            }
            Outcome::Again { after, why } => self.pause(why, after).await,
            Outcome::Refused { why } => {
                let (of, times) = self.refusals;
                let times = if of == next.seq { times + 1 } else { 1 };
                self.refusals = (next.seq, times);
                if times < REFUSALS {
                    return self.pause(why, None).await;
                }
                tracing::warn!(webhook = %target.name, seq = next.seq, why, "the event is given up");
                target.failed(why);
                target.refused();
                (self.fails, self.since) = (0, None);
                self.done(next.seq).await;
            }
            Outcome::Gone { why } => {
                target.failed(why);
                target.gone(true);
                self.line = None;
                let name = target.name.as_str();
                let remembered = target.remembered();
                let noted = self.store.outbox().remember(name, &remembered).await;
                if let Err(error) = noted {
                    tracing::warn!(webhook = name, %error, "the next engine will ask once more");
                }
            }
        }
    }

    /// Takes an event out of the outbox. Until that is written it is not sent anew.
    async fn done(&mut self, seq: u64) {
        let target = Arc::clone(&self.target);
        while let Err(error) = self
            .store
            .outbox()
            .done(target.name.as_str(), seq, &target.remembered())
            .await
        {
            self.pause(error.to_string(), None).await;
            if self.stop.is_cancelled() {
                return;
            }
        }
    }

    /// Waits after a failure, and says so.
    async fn pause(&mut self, why: String, after: Option<Duration>) {
        let target = Arc::clone(&self.target);
        self.fails = self.fails.saturating_add(1);
        if self.fails.is_power_of_two() {
            tracing::warn!(webhook = %target.name, fails = self.fails, why, "not delivered");
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= target.config.pace.told {
            self.tell(&why);
        }
        target.failed(why);
        let mut random = [0; 4];
        // Without chance it is the longest wait.
        let random = match getrandom::fill(&mut random) {
            Ok(()) => u32::from_ne_bytes(random),
            Err(_) => u32::MAX,
        };
        let wait = target.config.pace.wait(self.fails, random);
        let wait = wait.max(after.unwrap_or_default());
        let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        target.waits(Timestamp(target.clock().0.saturating_add(millis)));
        self.sleep(wait).await;
    }

    async fn sleep(&mut self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.target.again.notified() => {}
            () = self.stop.cancelled() => {}
        }
    }

    fn tell(&self, why: &str) {
        let name = &self.target.name;
        let text = format!(
            "the webhook {name} is not told of what happens: {why}; `azora webhooks` says more"
        );
        let told = &self.target.trouble;
        told.send_if_modified(|known| {
            let new = known.as_ref() != Some(&text);
            *known = Some(text);
            new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_are_never_the_same_for_all() {
        let pace = Pace::default();
        let range = |fails| (pace.wait(fails, 0), pace.wait(fails, u32::MAX));
        let millis = Duration::from_millis;
        assert_eq!(range(1), (millis(500), millis(1_000)));
        assert_eq!(range(4), (millis(4_000), millis(8_000)));
        assert_eq!(range(9).1, millis(256_000));
        for fails in [10, 100, u32::MAX] {
            assert_eq!(range(fails), (millis(150_000), millis(300_000)));
        }
    }
}
