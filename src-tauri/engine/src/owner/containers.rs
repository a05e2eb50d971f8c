//! What an owner does about instances that are containers.

use super::{Message, Owner, SHOW_STATES};
use crate::drivers::{Cleared, Rest, Start, Stop, Way};
use crate::launch::AFTER_READY;
use crate::{container, hidden, launch};
use driver::ExecOutcome;
use driver_docker::Exec;
use model::{ActId, EventKind, Generation, InstanceId, Reason, State};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Beside what is written of a container: the start whose `after_ready` has run to its end.
const GREETED: &str = "container.greeted";

/// An act that is over when what the cluster has is removed.
struct Waits {
    act: ActId,
    /// Who did not get where it should.
    failed: Vec<(InstanceId, Reason)>,
    /// Volumes that it is to have removed.
    asked: Vec<String>,
}

impl Owner {
    /// Everything a driver needs to start an instance; `None` when it is not defined.
    pub(super) fn way_to_start(
        &mut self,
        instance: &InstanceId,
        generation: Generation,
    ) -> Option<Start> {
        let secrets = self.secrets.get(instance).cloned().unwrap_or_default();
        let files = self.contents.remove(instance).unwrap_or_default();
        let record = &self.record;
        let driver = &self.shared.driver;
        if let Some(launch) =
            container::launch(record, driver, instance, generation, &secrets, &files)
        {
            hidden::learn_environment(&self.id, &launch.spec.env);
            let port = record.ports.get(instance).and_then(|all| all.first());
            return Some(Start::Container(Box::new(launch), port.copied()));
        }
        let places = self.shared.places();
        let launch = launch::launch(record, places, instance, generation, &secrets)?;
        hidden::learn_environment(&self.id, &launch.env);
        Some(Start::Process(Box::new(launch)))
    }

    /// How an instance is ended that runs: as what it was started, whatever its definition says now.
    pub(super) fn way_to_end(&self, instance: &InstanceId, stop: spec::Stop) -> Stop {
        if self.shared.drivers.is_container(&self.id, instance) {
            return Stop::Container(container::stop(&self.record, instance, &stop));
        }
        let places = self.shared.places();
        let (secrets, _) = self.secrets_of(instance);
        Stop::Process(launch::stop(&self.record, places, instance, stop, &secrets))
    }

    /// Runs what follows readiness in the container itself.
    pub(super) fn greet_within(
        &mut self,
        instance: InstanceId,
        generation: Generation,
        exec: Exec,
        limit: Duration,
    ) {
        let off = self.under_way(&instance, generation);
        let (shared, inbox) = (Arc::clone(&self.shared), self.myself.clone());
        let (cluster, greeted) = (self.id.clone(), self.greeted_file(&instance));
        let (secrets, _) = self.secrets_of(&instance);
        self.shared.tasks.spawn(async move {
            let containers = &shared.drivers.containers;
            let work = containers.exec(&cluster, &instance, exec, limit);
            let came = off.run_until_cancelled(work).await;
            if over(came.as_ref())
                && let Err(error) = std::fs::write(&greeted, generation.to_string())
            {
                tracing::warn!(%instance, %error, "its {AFTER_READY} may run again");
            }
            let outcome = match came {
                // Its service has ended, or the engine does: nobody wonders.
                None => Ok(()),
                Some(outcome) => ran(outcome, limit).map_err(|why| secrets.hide(why)),
            };
            // A closed inbox means the engine is going down.
            let _ = inbox
                .send(Message::Greeted(instance, generation, outcome))
                .await;
        });
    }

    fn greeted_file(&self, instance: &InstanceId) -> PathBuf {
        self.shared.layout.run(&self.id, instance).join(GREETED)
    }

    /// What follows the readiness of this start has run to its end in its container.
    pub(super) fn greeted_within(&self, instance: &InstanceId, generation: Generation) -> bool {
        let greeted = std::fs::read_to_string(self.greeted_file(instance));
        greeted.is_ok_and(|greeted| greeted.trim() == generation.to_string())
    }

    /// How this container reaches processes from now on.
    pub(super) fn note_way(&mut self, instance: &InstanceId, way: Option<Way>) {
        let ways = &mut self.record.ways;
        let before = match &way {
            Some(way) => ways.insert(instance.service.clone(), way.clone()),
            None => ways.remove(&instance.service),
        };
        self.keeping.unsaved |= before != way;
    }

    /// Ports have changed, or services have gone: containers are led to where processes listen now.
    pub(super) fn lead_containers(&self) {
        let record = &self.record;
        let port = |service: &str| {
            let service = service.parse().ok()?;
            container::led_to(record, &service)
        };
        let relays = &self.shared.drivers.containers.relays;
        relays.follow(&self.id, port);
    }

    /// What no container needs any more does not wait for one.
    pub(super) fn let_relay_go(&self) {
        let drivers = &self.shared.drivers;
        let all = self.cluster.statuses().map(|one| (one.instance, one.state));
        let is_container = |instance: &InstanceId| drivers.is_container(&self.id, instance);
        let needed = needs_relay(&self.record.definition, all, is_container);
        if !needed {
            drivers.containers.relays.let_go(&self.id);
        }
    }

    /// The container daemon does not answer any more, or does again.
    pub(super) fn daemon_stirred(&mut self) {
        let drivers = &self.shared.drivers;
        let all = self.cluster.statuses().map(|one| one.instance);
        let contained: Vec<InstanceId> = all
            .filter(|instance| drivers.is_container(&self.id, instance))
            .collect();
        let running = contained.iter().filter_map(|id| self.cluster.status(id));
        if running.clone().any(|one| one.pid.is_some()) {
            let text = match drivers.containers.lost() {
                Some(why) => format!(
                    "the container daemon does not answer ({why}): nothing is known of its containers, and nothing is done about them until it does"
                ),
                None => "the container daemon answers again".to_owned(),
            };
            self.say(text);
        }
        self.changed.extend(contained);
        // How the cluster is has changed with it.
        self.eventful = true;
        self.show_within(SHOW_STATES);
    }

    /// What is left of containers of a cluster that is forgotten goes with it.
    pub(super) fn clear_forgotten(&self) {
        if !(self.shared.drivers.containers).has_some(&self.id, self.record.defines_containers()) {
            return;
        }
        let (shared, cluster) = (Arc::clone(&self.shared), self.id.clone());
        let containers = &self.shared.drivers.containers;
        containers.clear(self.id.clone(), Vec::new(), move |cleared| {
            if let Some(why) = cleared.wrong() {
                let text = format!("{cluster} is forgotten: {why}");
                let what = EventKind::Notice { text };
                shared.journal.event(None, what);
            }
        });
    }

    /// Something may have been made of it by a container daemon.
    pub(super) fn may_have_containers(&self) -> bool {
        let defined = self.record.defines_containers();
        defined || (self.shared.drivers.containers).has_some(&self.id, defined)
    }

    /// The act that took the cluster down, when all of it has ended and its containers and networks are
    /// to go.
    fn to_be_cleared(&self) -> Option<ActId> {
        let down = self.record.to_clear?;
        let rests = |one: model::InstanceStatus| super::effects::at_rest(one.state);
        if !self.record.is_down() || !self.cluster.statuses().all(rests) {
            return None;
        }
        let defined = self.record.defines_containers();
        let some = (self.shared.drivers.containers).has_some(&self.id, defined);
        (some || !self.record.volumes_to_clear.is_empty()).then_some(down)
    }

    /// An act has come to its end. Of a cluster that was taken down nothing is left: its containers and
    /// networks go before that is said.
    pub(super) fn settled(&mut self, act: ActId, failed: Vec<(InstanceId, Reason)>) {
        let asked = self.with_volumes.remove(&act).unwrap_or_default();
        match self.to_be_cleared() {
            Some(down) => self.clear(down, Some(Waits { act, failed, asked })),
            None => {
                let wrong = (!asked.is_empty()).then(|| taken_back(&asked));
                self.shared.door.settle_so(act, failed, wrong);
            }
        }
    }

    /// The last one that ran may have ended, of a cluster that an engine before this one took down.
    pub(super) fn go_on_clearing(&mut self) {
        if let Some(down) = self.to_be_cleared()
            && self.clearing != Some(down)
        {
            self.clear(down, None);
        }
    }

    /// Removes it; `then` is an act that waits for that.
    fn clear(&mut self, down: ActId, then: Option<Waits>) {
        self.clearing = Some(down);
        let (shared, inbox) = (Arc::clone(&self.shared), self.myself.clone());
        let containers = &self.shared.drivers.containers;
        let volumes = self.record.volumes_to_clear.clone();
        let goes = |name: &String| volumes.iter().any(|one| one.name == *name);
        let then = then.map(|Waits { act, failed, asked }| {
            let not: Vec<String> = asked.into_iter().filter(|name| !goes(name)).collect();
            (act, failed, (!not.is_empty()).then(|| taken_back(&not)))
        });
        containers.clear(self.id.clone(), volumes, move |cleared| {
            let said = cleared.clone();
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                // A closed inbox means the engine is going down: the next one goes on with it.
                let _ = inbox.send(Message::Cleared(down, said)).await;
            });
            if let Some((act, failed, not)) = then {
                let wrong: Vec<String> = cleared.wrong().into_iter().chain(not).collect();
                let wrong = (!wrong.is_empty()).then(|| wrong.join("; "));
                shared.door.settle_so(act, failed, wrong);
            }
        });
    }

    pub(super) fn cleared(&mut self, down: ActId, cleared: &Cleared) {
        let latest = self.clearing == Some(down);
        if latest {
            self.clearing = None;
        }
        if !cleared.removed.is_empty() {
            let names = cleared.removed.join(", ");
            self.say(format!(
                "removed with all that was in them, as a person asked: {names}"
            ));
        }
        let left = match cleared.rest {
            Rest::Gone => false,
            Rest::Left(_) => true,
            // Nobody was told of an end: all of it is the next engine's.
            Rest::BrokeOff => return,
        };
        if latest && let Some(wrong) = cleared.wrong() {
            self.say(wrong);
        }
        self.record.cleared(down, left);
        self.keeping.unsaved = true;
    }
}

/// Volumes that a person wanted removed, until somebody wanted something of the cluster again.
fn taken_back(volumes: &[String]) -> String {
    let names = volumes.join(", ");
    format!("not removed, for something of the cluster was wanted again before: {names}")
}

/// A container runs or is about to: by its definition before its first start, by its newest start whatever
/// that says now.
fn needs_relay(
    definition: &spec::Cluster,
    mut all: impl Iterator<Item = (InstanceId, State)>,
    is_container: impl Fn(&InstanceId) -> bool,
) -> bool {
    let defined = |instance: &InstanceId| {
        let service = definition.services.get(&instance.service);
        service.is_some_and(|one| one.runs.container().is_some())
    };
    all.any(|(instance, state)| {
        !super::effects::at_rest(state) && (is_container(&instance) || defined(&instance))
    })
}

/// It has come to its own end, well or not. What was called off has not: the next engine runs it again.
fn over(came: Option<&ExecOutcome>) -> bool {
    matches!(came, Some(ExecOutcome::Exit { .. }))
}

fn ran(outcome: ExecOutcome, limit: Duration) -> Result<(), String> {
    let why = match outcome {
        ExecOutcome::Exit { status, .. } if status.success() => return Ok(()),
        ExecOutcome::Exit { status, said } if said.is_empty() => status.to_string(),
        ExecOutcome::Exit { status, said } => format!("{status}: {said}"),
        ExecOutcome::TimedOut => format!("was not done within {limit:?}"),
        ExecOutcome::Failed(why) | ExecOutcome::NotFound(why) | ExecOutcome::Short(why) => why,
    };
    Err(format!("{AFTER_READY} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ExitStatus;

    #[test]
    fn a_relay_is_needed_from_before_the_first_start_of_a_container_to_its_end() {
        let text = b"[service.db]\nimage = \"db\"\n\n[service.api]\nrun = \"api\"\n";
        let definition = spec::parse("azora.toml", "shop", text).unwrap();
        let needed = |name: &str, state, started: &[&str]| {
            let one: InstanceId = name.parse().unwrap();
            let is_container = |id: &InstanceId| started.contains(&id.to_string().as_str());
            needs_relay(&definition, std::iter::once((one, state)), is_container)
        };
        assert!(needed("db.0", State::Starting, &[]), "before its start");
        assert!(needed("db.0", State::Ready, &["db.0"]));
        assert!(!needed("db.0", State::Stopped, &["db.0"]));
        assert!(!needed("db.0", State::Completed, &["db.0"]));
        assert!(!needed("api.0", State::Ready, &[]));
        assert!(
            needed("api.0", State::Ready, &["api.0"]),
            "not restarted yet"
        );
    }

    #[test]
    fn what_follows_readiness_is_over_when_it_has_ended_and_not_when_it_was_called_off() {
        let exit = |code| ExecOutcome::Exit {
            status: ExitStatus::Code(code),
            said: String::new(),
        };
        assert!(over(Some(&exit(0))));
        assert!(over(Some(&exit(3))));
        assert!(!over(Some(&ExecOutcome::TimedOut)));
        assert!(!over(None), "it was called off");
    }
}
