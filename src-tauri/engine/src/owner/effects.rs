//! Carrying out what a step wants done.

use super::{Message, Owner, SHOW_STATES};
use crate::Error;
use model::{ActId, EventKind, Generation, InstanceId, Outcome, RemedyKind, State};
use orchestrator::{Effect, Input};
use std::sync::Arc;
use std::time::Duration;

impl Owner {
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Start {
                instance,
                generation,
                act,
            } => {
                self.note_origin(&instance, act);
                self.start(instance, generation);
            }
            Effect::Prepare {
                instance,
                generation,
            } => self.prepare_start(instance, generation),
            Effect::CallOff { instance, .. } => self.call_off(&instance),
            Effect::Greet {
                instance,
                generation,
            } => self.greet(instance, generation),
            Effect::Stop {
                instance,
                generation,
                stop,
            } => {
                self.drop_probes(&instance);
                self.call_off(&instance);
                self.end(instance, generation, stop);
            }
            Effect::Probe {
                instance,
                generation,
                kind,
                after,
            } => {
                self.ask_probe(instance, generation, kind, after);
            }
            Effect::SetTimer { key, at } => self.timers.set(key, at),
            Effect::CancelTimer(key) => self.timers.cancel(&key),
            Effect::Ask {
                ticket,
                instance,
                remedy,
                why,
                detail,
                confidence,
                proposed,
            } => {
                let sure = confidence.map(|(cause, known)| known.words(cause));
                let (what, why) = (detail, (why, sure));
                self.ask_door((ticket, proposed), instance, remedy, what, why);
            }
            Effect::Withdraw(ticket) => {
                self.asked.remove(&ticket);
                self.proposals.remove(&ticket);
            }
            Effect::Publish(what) => {
                if let EventKind::Exited {
                    instance, status, ..
                } = &what
                {
                    crate::terminals::ended(&self.shared, &self.id, instance, *status);
                }
                self.shared.journal.event(Some(&self.id), what);
            }
            Effect::Incident {
                key,
                incident,
                entries,
            } => self.incident(key, *incident, entries),
            Effect::LastWords {
                key,
                instance,
                generation,
            } => self.read_last_words(key, instance, generation),
            Effect::Changed(instance) => self.status_changed(instance),
            Effect::Removed(instance) => self.removed(&instance),
            Effect::Settled { act, failed } => {
                // Who waited for it looks at the picture next.
                self.show();
                self.settled(act, failed);
            }
            Effect::RememberStopped(services) => {
                self.record.stopped = services.into_iter().collect();
                self.record.keep_what_is_wanted();
                self.keeping.unsaved = true;
                if self.record.is_down() {
                    // What was stopped before the last of the others kept its own so far.
                    self.give_back_all_ports();
                }
            }
            Effect::Scale {
                service,
                replicas,
                act,
                why,
            } => self.scale_for_healing(service, replicas, act, why),
            Effect::Define { service, spec } => self.define(&service, *spec),
            Effect::Connections => self.show_connections(true),
            // What was done since it was written is known by its generation.
            Effect::RememberUnfinished => self.keep_within(),
        }
    }

    /// An emergency stop is in force: what was to be begun is not.
    pub(super) fn stopped_by_emergency(&mut self) -> bool {
        if self.shared.brake.holds(self.noted) {
            // The stop's last word comes after this and is about this one, too.
            return true;
        }
        if self.shared.emergency_marked() {
            // Another process walked the emergency path while this engine was busy or stopped.
            let reason = "ended by the emergency path".to_owned();
            let at = crate::clock::Clock::wall();
            let ended = Message::Ended {
                reason,
                at,
                word: self.noted,
                reply: None,
            };
            if self.myself.try_send(ended).is_err() {
                tracing::error!(cluster = %self.id, "inbox full; the emergency stop is noted later");
            }
            return true;
        }
        false
    }

    fn start(&mut self, instance: InstanceId, generation: Generation) {
        if self.stopped_by_emergency() {
            return;
        }
        match self.way_to_start(&instance, generation) {
            Some(start) => {
                self.shared.drivers.start(start);
                // It may have been the last container, and is a process now.
                self.let_relay_go();
            }
            None => {
                let error = "its service is no longer defined".to_owned();
                let failed = Input::StartFailed {
                    instance,
                    generation,
                    error,
                    retry: false,
                };
                self.step(failed);
            }
        }
    }

    /// What clients of the gateway were promised is answered before the signal. What healing restarts has
    /// nothing to promise.
    fn end(&mut self, instance: InstanceId, generation: Generation, stop: spec::Stop) {
        // What healing was let do to an earlier start says nothing about this one.
        let grace = match self.hopeless.remove(&instance) == Some(generation) {
            true => Duration::ZERO,
            false => stop.grace,
        };
        let stop = self.way_to_end(&instance, stop);
        let draining = self.shared.drain(&self.id, &instance, grace);
        let Some(draining) = draining.filter(|_| !grace.is_zero()) else {
            let drivers = &self.shared.drivers;
            drivers.stop(&self.id, &instance, generation, stop);
            return;
        };
        let (shared, cluster) = (Arc::clone(&self.shared), self.id.clone());
        self.shared.tasks.spawn(async move {
            if !draining.await {
                tracing::info!(%cluster, %instance, "stopped with requests under way");
            }
            shared.drivers.stop(&cluster, &instance, generation, stop);
        });
    }

    pub(super) fn answered(&mut self, ticket: u64, answer: Result<ActId, Error>) {
        let about = self.asked.remove(&ticket);
        self.proposals.remove(&ticket);
        match answer {
            Ok(act) => {
                match about {
                    Some((
                        instance,
                        remedy @ (RemedyKind::Restart
                        | RemedyKind::GracefulRestart
                        | RemedyKind::RestartNeeds
                        | RemedyKind::Rollback),
                    )) => {
                        self.let_go(&instance);
                        if remedy != RemedyKind::GracefulRestart
                            && let Some(now) = self.cluster.status(&instance)
                        {
                            self.hopeless.insert(instance.clone(), now.generation);
                        }
                        self.healing.insert(instance.clone(), act);
                        self.step(Input::Admitted { ticket, act });
                        let now = self.cluster.status(&instance).map(|one| one.state);
                        if now.is_none_or(|state| state == State::Ready || at_rest(state)) {
                            self.let_go(&instance);
                        }
                        return;
                    }
                    Some((_, RemedyKind::ScaleUp | RemedyKind::ScaleDown)) => {
                        self.let_scale(ticket, act);
                        return;
                    }
                    Some((_, RemedyKind::CircuitBreak | RemedyKind::Quarantine)) => {
                        let done = Outcome::Done("it waits for a person".into());
                        self.shared.door.finish(act, done);
                    }
                    None => {
                        let done = Outcome::Done("admitted".into());
                        self.shared.door.finish(act, done);
                    }
                }
                self.step(Input::Admitted { ticket, act });
            }
            Err(Error::DiskFull(_)) => self.step(Input::Postponed {
                ticket,
                why: "no space left on the disk".to_owned(),
            }),
            // It passes, or a person mends it; nobody has refused anything.
            Err(error @ Error::Store(_)) => self.step(Input::Postponed {
                ticket,
                why: error.story(),
            }),
            Err(error) => self.step(Input::Refused {
                ticket,
                why: error.story(),
            }),
        }
    }

    /// Healing's act about this instance, if there is one, will not see it start: a person, the
    /// emergency stop or another remedy was quicker.
    fn let_go(&mut self, instance: &InstanceId) {
        if let Some(act) = self.healing.remove(instance) {
            let overtaken = Outcome::Overtaken("it was not needed any more".into());
            self.shared.door.finish(act, overtaken);
        }
    }

    /// What the engine itself remembers of an input, before the step decides.
    pub(super) fn note(&mut self, input: &Input) {
        match input {
            Input::Started { instance, pid, .. } => {
                self.port_is_its_own(instance);
                self.lead_containers();
                self.begin_to_hear(instance);
                crate::terminals::started(&self.shared, &self.id, instance);
                if let Some(act) = self.healing.remove(instance) {
                    let done = Outcome::Done(format!("started as pid {pid}"));
                    self.shared.door.finish(act, done);
                }
            }
            Input::StartFailed {
                instance, error, ..
            } => {
                if let Some(act) = self.healing.remove(instance) {
                    self.shared.door.finish(act, Outcome::Failed(error.clone()));
                }
            }
            Input::Exited {
                instance,
                generation,
                ..
            } => {
                // Told again, when what precedes the next start is under way already.
                let now = self.cluster.status(instance);
                if now.is_some_and(|now| now.generation > *generation) {
                    return;
                }
                self.drop_probes(instance);
                self.call_off(instance);
                // It may have said them, and is asked for its last words in this very step.
                self.last_secrets = self.secrets.remove(instance);
                self.drift.remove(instance);
                self.attached.remove(instance);
            }
            _ => {}
        }
    }

    /// The registry learns at once, so that nobody is sent to a dead address; the picture soon.
    fn status_changed(&mut self, instance: InstanceId) {
        let status = self.cluster.status(&instance);
        if status.as_ref().is_some_and(|status| at_rest(status.state)) {
            self.let_go(&instance);
            self.shared.drivers.rest(&self.id, &instance);
            self.let_relay_go();
            self.go_on_clearing();
            if self.record.is_down() {
                self.give_back_ports(&instance);
            }
        }
        let port = self.record.ports.get(&instance).and_then(|all| all.first());
        if let (Some(status), Some(_)) = (&status, port) {
            let wanted = self.is_wanted(&instance);
            self.shared.tell_gateway(&self.id, status, wanted);
        }
        match (status, port) {
            (Some(status), Some(port)) if status.state.serves() => {
                let service = self.record.definition.services.get(&instance.service);
                let own = registry::Own {
                    cluster: self.id.clone(),
                    cluster_name: self.record.definition.name.clone(),
                    instance: instance.clone(),
                    name: instance.service.clone(),
                    url: format!("http://127.0.0.1:{port}"),
                    category: service.map_or_else(String::new, |one| one.category.clone()),
                };
                for gone in self.shared.registry.upsert_own(&own) {
                    let text = format!(
                        "{} at {}, which had registered itself, is off the registry: {instance} serves \
                         under that name",
                        gone.name, gone.url
                    );
                    let what = EventKind::Notice { text };
                    self.shared.journal.event(Some(&self.id), what);
                }
            }
            (Some(status), Some(_))
                if status.marks.circuit.is_some() && status.state != State::Stopped =>
            {
                // Any program of this machine may ask: what the service has said is not for all.
                let why = "its circuit is open";
                self.shared
                    .registry
                    .withhold_own(&self.id, &instance, &instance.service, why);
            }
            (status, port) => {
                let registry = &self.shared.registry;
                registry.remove_own(&self.id, &instance);
                if let Some(port) = port
                    && status.is_some_and(|status| !at_rest(status.state))
                {
                    registry.expect_own(&self.id, &instance, &instance.service, *port);
                }
            }
        }
        self.changed.insert(instance);
        self.show_within(SHOW_STATES);
    }

    /// Its service is wanted, and in that many instances.
    fn is_wanted(&self, instance: &InstanceId) -> bool {
        let services = &self.record.definition.services;
        let defined = services.get(&instance.service);
        defined.is_some_and(|service| instance.index < service.replicas)
            && !self.cluster.stopped().contains(&instance.service)
    }

    pub(super) fn removed(&mut self, instance: &InstanceId) {
        self.drop_probes(instance);
        self.call_off(instance);
        self.secrets.remove(instance);
        self.contents.remove(instance);
        self.told.remove(instance);
        self.left_out.remove(instance);
        self.gates.remove(instance);
        self.let_go(instance);
        self.shared.registry.remove_own(&self.id, instance);
        self.shared.ungate(&self.id, instance);
        self.hopeless.remove(instance);
        let free = self.record.drop_ports(instance);
        self.shared.driver.release_ports(&self.id, instance, &free);
        self.record.origins.remove(instance);
        self.record.ports_taken.remove(instance);
        self.shared.drivers.forget(&self.id, instance);
        self.lead_containers();
        self.let_relay_go();
        self.changed.remove(instance);
        self.pulses.remove(instance);
        self.shared
            .picture
            .publish(model::view::Change::InstancesRemoved {
                cluster: self.id.clone(),
                instances: vec![instance.clone()],
            });
        self.keeping.unsaved = true;
        self.show_within(SHOW_STATES);
    }
}

/// It has no process and gets none by itself.
pub(super) fn at_rest(state: State) -> bool {
    matches!(
        state,
        State::Stopped | State::Completed | State::Scheduled | State::Quarantined
    )
}
