//! What goes wrong: faults as they strike, and what becomes of the engine.

use crate::faults::{Fault, FaultKind};
use crate::machine::SECOND;
use crate::world::{Coming, Engine, Phase, World, new_cluster};
use healing::Gaps;
use model::{ExitStatus, Mono, State, Verdict};
use orchestrator::{Adoption, Command, Input};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl World {
    pub(crate) fn strike(&mut self, fault: Fault) {
        let service = self.daemons[fault.target];
        match fault.kind {
            FaultKind::Sleep => {
                let time = 3_600 * SECOND;
                self.slept += time;
                self.wall += time as i64;
                self.nobody_is_ready_yet();
                return;
            }
            FaultKind::ClockStep => {
                let day = 86_400_000;
                self.wall += if self.wall > 0 { -day } else { day };
                return;
            }
            FaultKind::EngineStopped => {
                if matches!(self.engine, Engine::Runs) {
                    self.engine = Engine::Stopped(self.now, Vec::new());
                    self.later(60 * SECOND, Coming::Engine);
                }
                return;
            }
            _ => {}
        }
        let serving = self.services[service]
            .instances
            .iter()
            .copied()
            .find(|one| {
                let process = self.instances[*one].process.as_ref();
                process.is_some_and(|process| process.phase == Phase::Serves && !process.hung)
            });
        let Some(number) = serving else {
            return;
        };
        let it = &mut self.services[service];
        it.account.faults += 1;
        match fault.kind {
            FaultKind::Slow => it.slow_until = self.now + 60 * SECOND,
            FaultKind::Load => self.strike_load(service),
            FaultKind::Blip => self.instances[number].blips = 1,
            FaultKind::Hang => {
                it.hidden = Some((fault.kind, self.now));
                if let Some(process) = self.instances[number].process.as_mut() {
                    process.hung = true;
                }
                self.look_at(service);
            }
            kind => {
                match kind {
                    FaultKind::Flap => it.flaps = 3,
                    FaultKind::SlowStart => it.slow_starts = 1,
                    FaultKind::BadStart => it.bad_starts = 2,
                    FaultKind::FullDisk => self.no_room_until = self.now + 30 * SECOND,
                    FaultKind::EngineDies => self.engine_dies(),
                    _ => {}
                }
                self.services[service].hidden = Some((kind, self.now));
                let status = match kind {
                    FaultKind::Killed => ExitStatus::Signal(9),
                    _ => ExitStatus::Code(1),
                };
                if let Some(process) = &self.instances[number].process {
                    self.ends(number, process.generation, status);
                }
            }
        }
    }

    /// Connections are gone and everybody wakes at once: whoever is asked first does not answer.
    fn nobody_is_ready_yet(&mut self) {
        for instance in &mut self.instances {
            let process = instance.process.as_ref();
            if process.is_some_and(|process| process.phase == Phase::Serves) {
                instance.blips = 1;
            }
        }
    }

    /// Nobody hears anything until the next one is there.
    pub(crate) fn engine_dies(&mut self) {
        if matches!(self.engine, Engine::Runs) {
            self.engine = Engine::Dead;
            self.epoch += 1;
            if self.now >= self.recorded_at + SECOND {
                // What was written down last has reached the disk.
                self.unfinished[1] = self.unfinished[0].clone();
            }
            self.rounds_away();
            self.later(3 * SECOND, Coming::Engine);
        }
    }

    /// It goes on, or another takes its place.
    pub(crate) fn engine_again(&mut self) {
        match std::mem::replace(&mut self.engine, Engine::Runs) {
            Engine::Runs => {}
            Engine::Stopped(since, mut held) => {
                self.rounds_away();
                self.nobody_is_ready_yet();
                self.stood = Some((Mono(since), Duration::from_millis(self.now - since)));
                self.rough.shuffle(&mut held);
                for (order, what) in held {
                    match what {
                        Coming::Word(_, input) => self.step(input),
                        Coming::Ask(number, kind, generation) => {
                            self.ask_if_up(order, number, kind, generation);
                        }
                        Coming::Answer(_, number, of, mut input)
                            if self.instances[number].asked.contains(&of) =>
                        {
                            // Who waited for it in vain meanwhile says so.
                            if let Input::Probed { evidence, .. } = &mut input {
                                evidence.verdict = Verdict::Fail;
                            }
                            self.step(input);
                        }
                        _ => {}
                    }
                }
            }
            Engine::Dead => self.adopt(),
        }
    }

    fn adopt(&mut self) {
        let remembered = self.instances.iter();
        let remembered =
            remembered.filter_map(|one| Some((one.id.clone(), self.cluster.memory(&one.id)?)));
        let forgotten = self.rough.forgets();
        let memory: BTreeMap<_, _> = match forgotten {
            true => BTreeMap::new(),
            false => remembered.collect(),
        };
        let unfinished = match self.rough.late_record() {
            true => self.unfinished[1].clone(),
            false => self.unfinished[0].clone(),
        };
        // The record follows what people scaled.
        let mut definition = (*self.recorded).clone();
        for (name, service) in &mut definition.services {
            service.replicas = self.cluster.replicas(name);
        }
        let definition = Arc::new(definition);
        let ports = self.ports();
        self.cluster = new_cluster();
        self.gaps = Gaps::default();
        self.cluster.remember(memory, unfinished);
        let audit = self.audit.as_ref();
        let open = audit.map_or_else(Vec::new, |audit| audit.left_open());
        self.cluster.take_up(open);
        self.timers.clear();
        let mut found = Vec::new();
        for one in &mut self.instances {
            // What the engine before had asked is void, and what it had prepared is ended.
            one.asked = [0; 3];
            one.state = State::Stopped;
            one.round = None;
            (one.untold, one.preparing) = (None, None);
            let outcome = match (&mut one.process, one.ended) {
                (Some(process), _) => Some((process.generation, Ok(1))),
                (None, Some((generation, status))) => Some((generation, Err(status))),
                (None, None) => None,
            };
            if let Some((generation, outcome)) = outcome {
                found.push(Adoption {
                    instance: one.id.clone(),
                    generation,
                    outcome,
                    shim_lost: false,
                    unanswered: false,
                    greeted: !self.rough.on(),
                });
            }
        }
        self.rough.unprepared.clear();
        self.audit_adoption(&found, forgotten);
        let stopped = self.stopped.clone();
        self.command(Command::Adopt {
            definition,
            ports,
            stopped,
            why: BTreeMap::new(),
            found,
        });
    }
}
