//! What happened, sent as CloudEvents to where a person wants it.
//!
//! The engine's journal asks [`Webhooks::outgoing`] what of an event goes to whom, and writes that
//! into the store's outbox in the event's own transaction. One task per receiver takes the oldest
//! from there, posts it, and takes it out once the receiver has it. So an event that was kept arrives
//! at least once and in order, whatever dies in between, and one that arrives twice has the same id.
//!
//! Called by `engine`. It refuses to follow a redirect, to send to where no receiver can be, to send
//! unencrypted to another machine unless that was said to be meant, and to say anything of what it
//! could not send as an event: that event would have to be sent, too.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

// What is sent.
mod message;
mod secret;

// How it gets there.
mod address;
mod answer;
mod post;
mod tls;

// Again and again, until it is there.
mod deliver;
mod target;

pub use deliver::Pace;

use answer::Outcome;
use model::ledger::LedgerCheckpoint;
use model::webhook::{WebhookTested, WebhookView};
use model::{Event, Timestamp, WebhookName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use store::{Outgoing, Store};
use target::Target;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Where the home's own id is kept.
const HOME_ID: &str = "home_id";

/// What is known of the engine that sends.
#[derive(Debug, Clone)]
pub struct Config {
    /// The home: files of secrets are looked for from here.
    pub home: PathBuf,
    /// What the machine is called.
    pub host: String,
    /// Which Azora this is.
    pub version: String,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// How long between two tries.
    pub pace: Pace,
}

/// Every receiver of a home.
pub struct Webhooks {
    targets: Vec<Arc<Target>>,
    from: message::From,
    store: Store,
}

impl Webhooks {
    /// Goes on from where the last engine was. `all`: what waits for a receiver that the settings do not
    /// name any more is given up; not so where some of them could not be read.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(
        settings: BTreeMap<WebhookName, spec::Webhook>,
        all: bool,
        store: Store,
        config: Config,
    ) -> Result<Arc<Self>, store::Error> {
        let home = home_id(&store).await?;
        if all {
            let known: BTreeSet<&str> = settings.keys().map(WebhookName::as_str).collect();
            store.outbox().forget_others(&known).await?;
        }
        let from = message::From {
            home,
            host: config.host.clone(),
        };
        let config = Arc::new(config);
        let mut targets = Vec::new();
        for (name, settings) in settings {
            let remembered = store.outbox().remembered(name.as_str()).await?;
            let target = Target::new(name, settings, Arc::clone(&config), remembered.as_deref());
            targets.push(Arc::new(target));
        }
        Ok(Arc::new(Self {
            targets,
            from,
            store,
        }))
    }

    /// What of an event goes to whom.
    pub fn outgoing(&self, event: &Event) -> Vec<Outgoing> {
        let mut wanted = self
            .targets
            .iter()
            .filter(|target| target.wants(event))
            .peekable();
        if wanted.peek().is_none() {
            return Vec::new();
        }
        let body = message::body(&self.from, event);
        let row = |target: &Arc<Target>| Outgoing {
            target: target.name.to_string(),
            seq: event.seq,
            at: event.at,
            body: body.clone(),
        };
        wanted.map(row).collect()
    }

    /// Something was written into the outbox.
    pub fn wake(&self) {
        for target in &self.targets {
            target.written.notify_one();
        }
    }

    /// Delivers until it is told to stop. What is not delivered then, the next engine delivers.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        for target in &self.targets {
            let delivering = deliver::run(Arc::clone(target), self.store.clone(), stop.clone());
            running.spawn(delivering);
        }
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a webhook's task broke off; the next engine goes on with it");
            }
        }
    }

    /// How it stands with each.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn views(&self) -> Result<Vec<WebhookView>, store::Error> {
        let mut views = Vec::new();
        for target in &self.targets {
            let waiting = self.store.outbox().waiting(target.name.as_str()).await?;
            views.push(target.view(waiting));
        }
        Ok(views)
    }

    /// What a person should know of those that have not been reached for long, whenever that changes.
    pub fn troubles(&self) -> Vec<watch::Receiver<Option<String>>> {
        let targets = self.targets.iter();
        targets.map(|target| target.trouble.subscribe()).collect()
    }

    /// The names of all there are.
    pub fn names(&self) -> Vec<WebhookName> {
        let targets = self.targets.iter();
        targets.map(|target| target.name.clone()).collect()
    }

    /// Sends an event that is only a test, past the outbox. A receiver that takes it is sent what
    /// waits at once, also one that was gone. `None` when there is no webhook of this name.
    pub async fn test(&self, name: &WebhookName) -> Option<WebhookTested> {
        let target = self.targets.iter().find(|target| target.name == *name)?;
        let message = message::test(&self.from, target.clock());
        Some(target.test(&self.store, &message).await)
    }
}

impl Webhooks {
    /// Sends a checkpoint of the ledger, past the outbox: of checkpoints only the newest has to arrive, and who sends
    /// them tries again. The same checkpoint has the same id.
    ///
    /// # Errors
    /// Why it was not taken, in words.
    pub async fn checkpoint(
        &self,
        name: &WebhookName,
        checkpoint: &LedgerCheckpoint,
    ) -> Result<(), String> {
        let target = self.targets.iter().find(|target| target.name == *name);
        let target =
            target.ok_or("it is not used, for there is a mistake in its table of settings.toml")?;
        if target.is_gone() {
            return Err("it said that it is gone for good".to_owned());
        }
        let message = message::checkpoint(&self.from, checkpoint);
        match target.attempt(&mut None, &message).await {
            Outcome::Taken { .. } => Ok(()),
            Outcome::Again { why, .. } | Outcome::Refused { why } | Outcome::Gone { why } => {
                Err(why)
            }
        }
    }
}

/// Who this home is to receivers: as long as its numbers count up, and another when they begin anew.
async fn home_id(store: &Store) -> Result<String, store::Error> {
    if let Some(known) = store.meta().get(HOME_ID).await? {
        return Ok(known);
    }
    let id = message::uuid();
    store.meta().set(HOME_ID, &id).await?;
    Ok(id)
}
