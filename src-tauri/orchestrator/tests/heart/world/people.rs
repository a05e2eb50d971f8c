//! What people do to a world at any time, and what an engine does that dies without a word.

use super::{Coming, Phase, World};
use crate::define;
use model::{ActId, ExitStatus, ServiceName};
use orchestrator::{Adoption, Cluster, Command, Input};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl World {
    fn some(&mut self) -> Vec<ServiceName> {
        let names: Vec<ServiceName> = self.services.keys().cloned().collect();
        let count = self.chance.below(3);
        (0..count)
            .map(|_| {
                let n = self.chance.below(names.len() as u64);
                names[usize::try_from(n).unwrap()].clone()
            })
            .collect()
    }

    pub(super) fn chore(&mut self) {
        let some = self.some();
        let command = match self.chance.below(12) {
            0 => Command::Down,
            1 | 2 => Command::Start(some),
            3 | 4 => Command::Stop(some),
            5 | 6 => Command::Restart {
                services: some,
                at_once: self.chance.percent(20),
            },
            7 => Command::Hold(some),
            8 => Command::Unhold(some),
            9 => Command::Release(some),
            10 => {
                let Some(service) = some.into_iter().next() else {
                    return;
                };
                let replicas = u16::try_from(self.chance.below(4)).unwrap();
                Command::Scale {
                    service,
                    replicas,
                    ports: BTreeMap::new(),
                }
            }
            _ if self.chance.percent(30) => {
                self.emergency();
                Command::Ended {
                    reason: "drill".to_owned(),
                }
            }
            _ => {
                // Two services are edited: one changes, one goes or comes.
                let n = self.chance.below(self.size.services);
                self.define(n);
                let n = self.chance.below(self.size.services);
                let name: ServiceName = format!("s{n}").parse().unwrap();
                let needed = self
                    .services
                    .values()
                    .any(|service| service.needs.iter().any(|need| need.service == name));
                if !needed && self.services.len() > 1 {
                    self.services.remove(&name);
                }
                self.mend();
                self.up();
                return;
            }
        };
        self.command(command);
    }

    /// The emergency path ends everything. Of what was just being made the driver may say something
    /// afterwards, or never anything.
    fn emergency(&mut self) {
        for (id, process) in std::mem::take(&mut self.processes) {
            let generation = process.generation;
            if process.phase == Phase::Starting {
                self.ghosts.insert((id.clone(), generation));
                if self.chance.percent(50) {
                    self.coming.retain(|_, coming| {
                        !matches!(coming, Coming::Tell(
                            Input::Started { instance, .. }
                            | Input::StartFailed { instance, .. }
                            | Input::StartDelayed { instance, .. }
                        ) if *instance == id)
                    });
                }
            }
            self.ended.insert(id, (generation, ExitStatus::Signal(9)));
        }
        for (id, generation) in std::mem::take(&mut self.preparing) {
            if self.chance.percent(50) {
                self.forget_prepared(&id);
            } else {
                self.unprepared.insert((id, generation));
            }
        }
    }

    /// A definition resolves: needs that are not defined are dropped.
    fn mend(&mut self) {
        let names: BTreeSet<ServiceName> = self.services.keys().cloned().collect();
        for service in self.services.values_mut() {
            service.needs.retain(|need| names.contains(&need.service));
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.acts += 1;
        let act = ActId(self.acts);
        self.unsettled.insert(act);
        self.input(Input::Command { command, act });
    }

    /// The engine ends without a word; the next one finds what runs.
    pub(super) fn engine_dies(&mut self) {
        let Some(definition) = self.cluster.definition().cloned() else {
            return;
        };
        let mut definition = (*definition).clone();
        for (name, service) in &mut definition.services {
            service.replicas = self.cluster.replicas(name);
        }
        self.cluster = Cluster::new("sim-00000000".parse().unwrap());
        // It is written down a moment later: now and then what is there is what was before.
        let written = match self.time % 3 {
            0 => &self.unfinished_before,
            _ => &self.unfinished,
        };
        self.cluster.remember(BTreeMap::new(), written.clone());
        self.unsettled.clear();
        // The next engine goes on from what really ran, and from nothing else.
        let ended = self.ended.iter().map(|(id, (last, _))| (id.clone(), *last));
        let alive = self
            .processes
            .iter()
            .map(|(id, process)| (id.clone(), process.generation));
        self.generations = ended.chain(alive).collect();
        // It has ended what was left of the hooks.
        self.preparing.clear();
        self.prepared.clear();
        self.unprepared.clear();
        self.states.clear();
        self.incidents.clear();
        self.timers.clear();
        self.probes.clear();
        let answered = |coming: &Coming| {
            matches!(
                coming,
                Coming::Tell(
                    Input::Prepared { .. }
                        | Input::Greeted { .. }
                        | Input::Started { .. }
                        | Input::StartFailed { .. }
                        | Input::StartDelayed { .. }
                        | Input::Probed { .. }
                        | Input::Timer(_)
                        | Input::Admitted { .. }
                        | Input::Refused { .. }
                )
            )
        };
        self.coming.retain(|_, coming| !answered(coming));
        let mut found = Vec::new();
        let mut alive = Vec::new();
        for (instance, process) in &mut self.processes {
            let ends = self.coming.values().any(|coming| {
                matches!(coming, Coming::Tell(Input::Exited { instance: of, generation, .. })
                    if of == instance && *generation == process.generation)
            });
            if !ends {
                // It was just being made, or was made when its service was still a daemon.
                alive.push((instance.clone(), process.generation));
            }
            // That it was told to end is not known to the next engine, which may say it again.
            process.phase = Phase::Alive;
            let (instance, generation) = (instance.clone(), process.generation);
            found.push(Adoption {
                instance,
                generation,
                outcome: Ok(1),
                shim_lost: false,
                unanswered: false,
                greeted: false,
            });
        }
        for (instance, (generation, status)) in &self.ended {
            if !self.processes.contains_key(instance) {
                let (instance, generation) = (instance.clone(), *generation);
                let outcome = Err(*status);
                found.push(Adoption {
                    instance,
                    generation,
                    outcome,
                    shim_lost: false,
                    unanswered: false,
                    greeted: false,
                });
            }
        }
        for (instance, generation) in alive {
            self.live_on(&instance, generation);
        }
        let ports = define::ports(&definition);
        let stopped = self.stopped.clone();
        let definition = Arc::new(definition);
        self.command(Command::Adopt {
            definition,
            ports,
            stopped,
            found,
        });
    }
}
