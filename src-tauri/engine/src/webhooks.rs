//! Webhooks as the engine runs them: their tasks, what `status` says of them, and a person's test.

use crate::clock::Clock;
use crate::shared::Shared;
use crate::{Config, Error, Handle};
use driver::Layout;
use model::webhook::{WebhookTested, WebhookView};
use model::{Actor, Outcome, Target, Verb, WebhookName};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Store;
use tokio::sync::watch;
use webhook::{Pace, Webhooks};

pub(crate) async fn open(
    settings: BTreeMap<WebhookName, spec::Webhook>,
    all: bool,
    config: &Config,
    layout: &Layout,
    store: &Store,
) -> Result<Arc<Webhooks>, Error> {
    let named = rustix::system::uname();
    let config = webhook::Config {
        home: layout.home().to_owned(),
        host: named.nodename().to_string_lossy().into_owned(),
        version: config.version.clone(),
        clock: Clock::wall,
        pace: Pace::default(),
    };
    Ok(Webhooks::open(settings, all, store.clone(), config).await?)
}

pub(crate) fn spawn(shared: &Arc<Shared>) {
    let webhooks = Arc::clone(&shared.webhooks);
    shared.tasks.spawn(webhooks.run(shared.cancel.clone()));
    for trouble in shared.webhooks.troubles() {
        shared.tasks.spawn(tell(Arc::clone(shared), trouble));
    }
}

/// What a person should know stands among the limits, as long as it is so.
async fn tell(shared: Arc<Shared>, mut trouble: watch::Receiver<Option<String>>) {
    let mut said: Option<String> = None;
    loop {
        tokio::select! {
            changed = trouble.changed() => if changed.is_err() { return },
            () = shared.cancel.cancelled() => return,
        }
        let now = trouble.borrow_and_update().clone();
        shared.picture.set_engine(|view| {
            view.limits.retain(|limit| Some(limit) != said.as_ref());
            view.limits.extend(now.clone());
        });
        said = now;
    }
}

impl Handle {
    /// How it stands with every webhook.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn webhooks(&self) -> Result<Vec<WebhookView>, Error> {
        Ok(self.shared.webhooks.views().await?)
    }

    /// Sends a test to one webhook, or to each. A test that is not taken is no failure of the act.
    ///
    /// # Errors
    /// That there is no such webhook, or none at all, or what the door says.
    pub async fn test_webhooks(
        &self,
        actor: Actor,
        name: Option<WebhookName>,
        reason: String,
    ) -> Result<Vec<WebhookTested>, Error> {
        let webhooks = &self.shared.webhooks;
        let all = webhooks.names();
        let wanted = match name {
            Some(name) if !all.contains(&name) => {
                return Err(Error::NoWebhook(name));
            }
            Some(name) => vec![name],
            None if all.is_empty() => {
                let why = "this home has no webhook; docs/settings.md says how one is made";
                return Err(Error::Conflict(why.to_owned()));
            }
            None => all,
        };
        let door = &self.shared.door;
        let act = door
            .admit(actor, Verb::TestWebhook, Target::default(), &reason)
            .await?;
        let mut tested = Vec::new();
        for name in &wanted {
            tested.extend(webhooks.test(name).await);
        }
        let one = |test: &WebhookTested| match test.taken {
            true => format!("{} took it", test.name),
            false => format!("{} did not: {}", test.name, test.said),
        };
        let words: Vec<String> = tested.iter().map(one).collect();
        let words = words.join("; ");
        let outcome = match tested.iter().all(|test| test.taken) {
            true => Outcome::Done(words),
            false => Outcome::Failed(words),
        };
        door.finish(act.id, outcome);
        Ok(tested)
    }
}
