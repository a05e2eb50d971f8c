//! The machine of the world: what every effect does, and what a real one would hold against it.

use super::{Coming, Phase, Process, World};
use model::{
    ActId, EventKind, Evidence, ExitStatus, Generation, IncidentState, InstanceId, Mono, Now,
    ProbeKind, RemedyKind, State, Timestamp, Verdict,
};
use orchestrator::{Effect, Input, step};
use std::collections::BTreeSet;
use std::time::Duration;

impl World {
    pub(super) fn input(&mut self, input: Input) {
        let wall = i64::try_from(self.time).unwrap();
        let now = Now {
            mono: Mono(self.time),
            wall: Timestamp(wall),
        };
        self.said.push(format!("{} {input:?}", self.time));
        let effects = step(&mut self.cluster, input, now);
        let mut changed = BTreeSet::new();
        for effect in effects {
            self.said.push(format!("{effect:?}"));
            if let Effect::Changed(instance) = &effect {
                assert!(
                    changed.insert(instance.clone()),
                    "{instance} is told twice in one step"
                );
                assert!(
                    self.cluster.status(instance).is_some(),
                    "{instance} has no status"
                );
            }
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Prepare {
                instance,
                generation,
            } => self.prepare(instance, generation),
            Effect::CallOff {
                instance,
                generation,
            } => {
                let under_way = self.preparing.get(&instance);
                assert_eq!(under_way, Some(&generation), "{instance} is not preparing");
                self.forget_prepared(&instance);
                let outcome = Err("called off".to_owned());
                self.later(
                    5,
                    Coming::Tell(Input::Prepared {
                        instance,
                        generation,
                        outcome,
                    }),
                );
            }
            Effect::Greet {
                instance,
                generation,
            } => {
                let process = self.processes.get(&instance);
                let process = process.expect("a greeting for what does not live");
                assert_eq!(
                    (process.generation, process.phase),
                    (generation, Phase::Alive)
                );
                let outcome = match self.chance.percent(self.size.roughness) {
                    true => Err("after_ready exited with code 1".to_owned()),
                    false => Ok(()),
                };
                let after = self.chance.below(3_000);
                self.later(
                    after,
                    Coming::Tell(Input::Greeted {
                        instance,
                        generation,
                        outcome,
                    }),
                );
            }
            Effect::Start {
                instance,
                generation,
                ..
            } => self.start(instance, generation),
            Effect::Stop {
                instance,
                generation,
                ..
            } => self.stop(instance, generation),
            Effect::Probe {
                instance,
                generation,
                kind,
                after,
            } => {
                self.probe(instance, generation, kind, after);
            }
            Effect::SetTimer { key, at } => {
                self.timers.insert(key.clone(), at.0);
                self.later(at.0 - self.time, Coming::Tell(Input::Timer(key)));
            }
            Effect::CancelTimer(key) => {
                self.timers.remove(&key);
            }
            Effect::Ask { ticket, remedy, .. } => self.ask(ticket, remedy),
            Effect::Publish(EventKind::StateChanged {
                instance, from, to, ..
            }) => {
                let was = self
                    .states
                    .insert(instance.clone(), to)
                    .unwrap_or(State::Stopped);
                assert_eq!(
                    was, from,
                    "{instance} changed from another state than it was in"
                );
            }
            Effect::Incident { key, incident } => {
                self.incidents
                    .insert(key, (incident.instance.clone(), incident.state));
                let open = self.incidents.values().filter(|(instance, state)| {
                    *instance == incident.instance && *state == IncidentState::Open
                });
                assert!(
                    open.count() <= 1,
                    "{} has two open incidents",
                    incident.instance
                );
            }
            Effect::Settled { act, .. } => {
                assert!(self.unsettled.remove(&act), "act {} settled twice", act.0);
            }
            Effect::RememberStopped(services) => self.stopped = services,
            Effect::RememberUnfinished => {
                let now = self.cluster.unfinished();
                self.unfinished_before = std::mem::replace(&mut self.unfinished, now);
            }
            Effect::Removed(instance) => {
                let process = self.processes.get(&instance);
                assert!(process.is_none(), "{instance} was removed and lives");
                self.states.remove(&instance);
                self.ended.remove(&instance);
            }
            Effect::Publish(_) | Effect::Changed(_) => {}
        }
    }

    fn prepare(&mut self, instance: InstanceId, generation: Generation) {
        self.begins(&instance, generation);
        let last = self.generations.insert(instance.clone(), generation);
        assert!(
            last < Some(generation),
            "{instance} #{generation} after {last:?}"
        );
        self.preparing.insert(instance.clone(), generation);
        let rough = !self.calm && self.chance.percent(self.size.roughness / 2);
        let outcome = match rough {
            true => Err("before_start exited with code 1".to_owned()),
            false => Ok(()),
        };
        let after = self.chance.below(5_000);
        self.later(
            after,
            Coming::Tell(Input::Prepared {
                instance,
                generation,
                outcome,
            }),
        );
    }

    /// Nothing of it is there yet, and all it needs is.
    fn begins(&mut self, instance: &InstanceId, generation: Generation) {
        let old = self.processes.get(instance);
        assert!(
            old.is_none(),
            "{instance} #{generation} starts beside {old:?}"
        );
        let preparing = self.preparing.get(instance);
        assert!(
            preparing.is_none(),
            "{instance} #{generation} starts while {preparing:?} is prepared"
        );
    }

    fn start(&mut self, instance: InstanceId, generation: Generation) {
        self.begins(&instance, generation);
        let last = self.generations.insert(instance.clone(), generation);
        let prepared = self.prepared.remove(&instance) == Some(generation);
        assert!(
            last < Some(generation) || (prepared && last == Some(generation)),
            "{instance} #{generation} after {last:?}"
        );
        let definition = self.cluster.definition().unwrap();
        let hook = &definition.services[&instance.service].before_start;
        assert!(
            hook.is_none() || prepared,
            "{instance} #{generation} starts unprepared"
        );
        let needs = self.cluster.definition().unwrap().services[&instance.service]
            .needs
            .clone();
        for need in needs {
            for index in 0..self.cluster.replicas(&need.service).max(1) {
                let below = InstanceId::new(need.service.clone(), index);
                let state = self.cluster.status(&below).map(|status| status.state);
                let good = state.is_some_and(|s| s.serves() || s == State::Completed);
                // The others of a service that is being rolled serve.
                let turn = self.cluster.turn(&need.service) == Some(&below);
                assert!(good || turn, "{instance} starts while {below} is {state:?}");
            }
        }
        let process = Process {
            generation,
            phase: Phase::Starting,
        };
        self.told.remove(&(instance.clone(), generation));
        self.processes.insert(instance.clone(), process);
        let rough = !self.calm && self.chance.percent(self.size.roughness / 2);
        let after = self.chance.below(50);
        let input = if rough && self.chance.percent(30) {
            Input::StartDelayed {
                instance,
                generation,
                shortage: "no space left on the disk".into(),
            }
        } else if rough {
            let retry = self.chance.percent(80);
            Input::StartFailed {
                instance,
                generation,
                error: "the port is taken".into(),
                retry,
            }
        } else {
            Input::Started {
                instance,
                generation,
                pid: 1,
            }
        };
        self.later(after, Coming::Tell(input));
    }

    fn stop(&mut self, instance: InstanceId, generation: Generation) {
        if self.ghosts.contains(&(instance.clone(), generation)) {
            // It was ended before it could be spoken of, and the driver says so on its own.
            return;
        }
        let process = self
            .processes
            .get_mut(&instance)
            .expect("a stop for what does not live");
        assert_eq!(
            (process.generation, process.phase),
            (generation, Phase::Alive)
        );
        process.phase = Phase::Ending;
        let mut after = self.chance.below(12_000);
        if self.chance.percent(5) {
            let blocker = "pid 4711 in state D".to_owned();
            let (instance, generation) = (instance.clone(), generation);
            self.later(
                after,
                Coming::Tell(Input::StopBlocked {
                    instance,
                    generation,
                    blocker,
                }),
            );
            after += self.chance.below(20_000);
        }
        let status = ExitStatus::Signal(15);
        self.later(
            after,
            Coming::Tell(Input::Exited {
                instance,
                generation,
                status,
                left: 0,
            }),
        );
    }

    fn probe(&mut self, id: InstanceId, generation: Generation, kind: ProbeKind, wait: Duration) {
        let at = self.time + u64::try_from(wait.as_millis()).unwrap();
        let ill = self.ill.get(&id).is_some_and(|until| *until > at);
        let verdict = match self.chance.below(100) {
            _ if ill => Verdict::Fail,
            0..3 if !self.calm => Verdict::Trouble,
            3..6 if !self.calm => Verdict::Fail,
            _ => Verdict::Pass,
        };
        let evidence = Evidence {
            verdict,
            detail: "GET / answered".to_owned(),
            latency_us: 1_000,
        };
        let took = self.chance.below(10);
        let under_way = self
            .probes
            .insert((id.clone(), kind), (generation, at + took));
        let sooner = under_way.is_none_or(|(of, back)| of != generation || at <= back);
        assert!(sooner, "{id} has two {kind:?} probes under way");
        let input = Input::Probed {
            instance: id,
            generation,
            kind,
            evidence,
        };
        self.later(at - self.time + took, Coming::Tell(input));
    }

    fn ask(&mut self, ticket: u64, remedy: RemedyKind) {
        self.acts += 1;
        let act = ActId(self.acts);
        let refuses = !self.calm && self.chance.percent(5) && remedy != RemedyKind::Quarantine;
        let input = if refuses {
            Input::Refused {
                ticket,
                why: "policy".to_owned(),
            }
        } else {
            Input::Admitted { ticket, act }
        };
        let after = if self.chance.percent(80) {
            0
        } else {
            self.chance.below(500)
        };
        self.later(after, Coming::Tell(input));
    }
}
