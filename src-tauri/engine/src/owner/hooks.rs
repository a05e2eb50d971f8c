//! What precedes a start and what follows readiness: reading secrets, running hooks, ending them.
//!
//! Each runs as a task that answers with a message when nothing of it is left. The driver sees to it
//! that no two hooks of an instance run at once.

use super::{Message, Owner, Readied};
use crate::drivers::Prepared;
use crate::launch::{self, AFTER_READY, BEFORE_START};
use crate::secrets::{Secrets, Source, Wanted, peek};
use crate::{container, environment, hidden};
use driver::{HookLaunch, NotRun};
use model::{Generation, InstanceId};
use orchestrator::{Adoption, Input};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A hook that has not ended.
pub(super) struct UnderWay {
    generation: Generation,
    off: CancellationToken,
}

impl UnderWay {
    /// Its task ends it.
    pub(super) fn end(&self) {
        self.off.cancel();
    }
}

impl Owner {
    pub(super) fn under_way(
        &mut self,
        instance: &InstanceId,
        generation: Generation,
    ) -> CancellationToken {
        // The engine's end is its end as well.
        let off = self.shared.cancel.child_token();
        let hook = UnderWay {
            generation,
            off: off.clone(),
        };
        if let Some(earlier) = self.hooks.insert(instance.clone(), hook) {
            earlier.end();
        }
        off
    }

    fn over(&mut self, instance: &InstanceId, generation: Generation) {
        if self
            .hooks
            .get(instance)
            .is_some_and(|hook| hook.generation == generation)
        {
            self.hooks.remove(instance);
        }
    }

    /// Ends the hook of an instance, if there is one. Its task still answers.
    pub(super) fn call_off(&mut self, instance: &InstanceId) {
        if let Some(hook) = self.hooks.get(instance) {
            hook.end();
        }
    }

    /// Ends all hooks.
    pub(super) fn call_off_all(&mut self) {
        for hook in self.hooks.values() {
            hook.end();
        }
    }

    fn wanted(&self, instance: &InstanceId) -> Wanted {
        let definition = &self.record.definition;
        let Some(service) = definition.services.get(&instance.service) else {
            return Wanted::default();
        };
        let places = self.shared.places();
        environment::secrets(&self.record, definition, places, instance, service)
    }

    /// Reads the secrets of an instance, then runs what precedes its start.
    pub(super) fn prepare_start(&mut self, instance: InstanceId, generation: Generation) {
        if self.stopped_by_emergency() {
            return;
        }
        let wanted = self.wanted(&instance);
        let none = Secrets::default();
        let places = self.shared.places();
        let hook = launch::hook(
            &self.record,
            places,
            &instance,
            generation,
            BEFORE_START,
            &none,
        );
        let preparation = container::preparation(&self.record, &instance);
        let off = self.under_way(&instance, generation);
        let (shared, inbox) = (Arc::clone(&self.shared), self.myself.clone());
        let cluster = self.id.clone();
        self.shared.tasks.spawn(async move {
            let work = async {
                let secrets = Secrets::read(&cluster, wanted, &shared.driver).await?;
                if let Some(hook) = hook {
                    let hook = with(hook, &secrets);
                    let ran = shared.driver.hook(hook).await;
                    ran.map_err(|why| why.map(|why| secrets.hide(why)))?;
                }
                let prepared = match preparation {
                    Some(preparation) => shared.drivers.containers.prepare(preparation).await?,
                    None => Prepared::default(),
                };
                let secrets = Arc::new(secrets);
                Ok(Readied { secrets, prepared })
            };
            let outcome = match off.run_until_cancelled(work).await {
                Some(outcome) => outcome,
                None => {
                    shared.driver.end_hook(&cluster, &instance).await;
                    Err(NotRun::Failed(
                        "what precedes its start was called off".into(),
                    ))
                }
            };
            // A closed inbox means the engine is going down.
            let _ = inbox
                .send(Message::Prepared(instance, generation, outcome))
                .await;
        });
    }

    pub(super) fn prepared(
        &mut self,
        instance: InstanceId,
        generation: Generation,
        outcome: Result<Readied, NotRun>,
    ) {
        self.over(&instance, generation);
        let outcome = match outcome {
            Ok(Readied { secrets, prepared }) => {
                if !secrets.0.is_empty() {
                    self.secrets.insert(instance.clone(), secrets);
                }
                self.contents.insert(instance.clone(), prepared.files);
                self.note_way(&instance, prepared.way);
                Ok(())
            }
            Err(NotRun::Failed(why)) => Err(why),
            // As if its process could not be made: no fault of the service.
            Err(NotRun::Short(shortage)) => {
                return self.step(Input::StartDelayed {
                    instance,
                    generation,
                    shortage,
                });
            }
        };
        self.step(Input::Prepared {
            instance,
            generation,
            outcome,
        });
    }

    /// Runs what follows readiness.
    pub(super) fn greet(&mut self, instance: InstanceId, generation: Generation) {
        if let Some((exec, limit)) = launch::greeting(&self.record, &instance) {
            return self.greet_within(instance, generation, exec, limit);
        }
        let none = Secrets::default();
        let places = self.shared.places();
        let hook = launch::hook(
            &self.record,
            places,
            &instance,
            generation,
            AFTER_READY,
            &none,
        );
        let Some(hook) = hook else {
            return;
        };
        let known = self.secrets.get(&instance).cloned();
        let wanted = self.wanted(&instance);
        let off = self.under_way(&instance, generation);
        let (shared, inbox) = (Arc::clone(&self.shared), self.myself.clone());
        let cluster = self.id.clone();
        self.shared.tasks.spawn(async move {
            let work = async {
                let secrets = match known {
                    Some(secrets) => secrets,
                    // The engine was away since the start.
                    None => {
                        let read = Secrets::read(&cluster, wanted, &shared.driver).await;
                        Arc::new(read.map_err(|why| why.to_string())?)
                    }
                };
                let ran = shared.driver.hook(with(hook, &secrets)).await;
                ran.map_err(|why| secrets.hide(why.to_string()))
            };
            let outcome = match off.run_until_cancelled(work).await {
                Some(outcome) => outcome,
                None => {
                    shared.driver.end_hook(&cluster, &instance).await;
                    // Its service has ended, or the engine does: nobody wonders.
                    Ok(())
                }
            };
            let _ = inbox
                .send(Message::Greeted(instance, generation, outcome))
                .await;
        });
    }

    pub(super) fn greeting_over(
        &mut self,
        instance: InstanceId,
        generation: Generation,
        outcome: Result<(), String>,
    ) {
        self.over(&instance, generation);
        self.step(Input::Greeted {
            instance,
            generation,
            outcome,
        });
    }

    /// Whether what follows readiness has run to its end while an earlier engine was there.
    pub(super) fn greeted_before(&self, mut found: Adoption) -> Adoption {
        let services = &self.record.definition.services;
        let service = services.get(&found.instance.service);
        found.greeted = service.is_some_and(|service| service.after_ready.is_some())
            && (self.greeted_within(&found.instance, found.generation)
                || self.shared.driver.hook_ran(
                    &self.id,
                    &found.instance,
                    found.generation,
                    AFTER_READY,
                ));
        found
    }

    /// What services of before this engine have got for secrets is known again, as far as it stands in their
    /// environment or in files. A password manager is asked when one is needed.
    pub(super) fn learn_secrets(&self) {
        let mut files = Vec::new();
        for (name, service) in &self.record.definition.services {
            let instance = InstanceId {
                service: name.clone(),
                index: 0,
            };
            let (record, definition) = (&self.record, &self.record.definition);
            let places = self.shared.places();
            let env = match service.runs.container() {
                Some(_) => environment::of_container(record, definition, &instance, service),
                None => environment::of(record, definition, places, &instance, service),
            };
            hidden::learn_environment(&self.id, &env.vars);
            let wanted = environment::secrets(record, definition, places, &instance, service);
            files.extend(wanted.0.into_values().filter_map(|source| match source {
                Source::File { path, .. } => Some(path),
                Source::Command(_) => None,
            }));
        }
        let id = self.id.clone();
        self.shared.tasks.spawn_blocking(move || {
            for secret in files.iter().filter_map(|file| peek(file)) {
                hidden::learn(Some(&id), [secret.reveal()]);
            }
        });
    }

    /// The secrets of an instance as far as they are known, and what is to be read when they are
    /// not: after the engine was away.
    pub(super) fn secrets_of(&self, instance: &InstanceId) -> (Arc<Secrets>, Option<Wanted>) {
        if let Some(known) = self.secrets.get(instance) {
            return (Arc::clone(known), None);
        }
        let wanted = self.wanted(instance);
        let missing = (!wanted.0.is_empty()).then_some(wanted);
        (Arc::default(), missing)
    }
}

fn with(mut hook: HookLaunch, secrets: &Secrets) -> HookLaunch {
    for (name, secret) in &secrets.0 {
        let value = secret.reveal().to_owned();
        hook.exec.env.insert(name.clone(), value);
    }
    hook
}
