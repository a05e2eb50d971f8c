//! What comes of what the heart wants done, and what it is told.

use crate::chance::About;
use crate::ledger::Innocent;
use crate::world::{Coming, Engine, Phase, Process, World};
use model::{ActId, Evidence, ExitStatus, Generation, ProbeKind, RemedyKind, Verdict};
use orchestrator::{Effect, Input, step};
use std::time::Duration;

pub(crate) const SECOND: u64 = 1_000;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl World {
    // === what the heart is told ===

    /// Tells the heart, if there is an engine to hear it.
    pub(crate) fn tell(&mut self, input: Input) {
        if let Input::Started {
            instance,
            generation,
            ..
        } = &input
            && let Some(number) = self.index.get(instance).copied()
        {
            self.begins(number, *generation);
        }
        match &mut self.engine {
            Engine::Runs => self.step(input),
            Engine::Stopped(held) => held.push(input),
            // What happens now the next engine finds by itself.
            Engine::Dead => {}
        }
    }

    pub(crate) fn step(&mut self, input: Input) {
        if let Input::Timer(key) = &input
            && self.timers.get(key) != Some(&self.now)
        {
            // It was set anew or cancelled. One that is late was kept.
            if self.timers.get(key).is_none_or(|at| *at > self.now) {
                return;
            }
        }
        if let Input::Timer(key) = &input {
            self.timers.remove(key);
        }
        let now = self.reading();
        for effect in step(&mut self.cluster, input, now) {
            self.carry_out(effect);
        }
    }

    // === what it wants done ===

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Prepare {
                instance,
                generation,
            } => {
                let outcome = Ok(());
                self.later(
                    50,
                    Coming::Tell(Input::Prepared {
                        instance,
                        generation,
                        outcome,
                    }),
                );
            }
            Effect::CallOff {
                instance,
                generation,
            } => {
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
                let outcome = Ok(());
                self.later(
                    100,
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
            } => {
                let Some(number) = self.index.get(&instance).copied() else {
                    return;
                };
                if self.now < self.no_room_until {
                    let shortage = "no space left on the disk".to_owned();
                    let delayed = Input::StartDelayed {
                        instance,
                        generation,
                        shortage,
                    };
                    self.later(2, Coming::Tell(delayed));
                    return;
                }
                self.instances[number].process = Some(Process {
                    generation,
                    phase: Phase::Made,
                    begun: self.now,
                    hung: false,
                    misses: Vec::new(),
                    stuck: None,
                });
                self.later(
                    3,
                    Coming::Tell(Input::Started {
                        instance,
                        generation,
                        pid: 1,
                    }),
                );
            }
            Effect::Stop {
                instance,
                generation,
                stop,
            } => {
                if let Some(number) = self.index.get(&instance).copied() {
                    self.stop(number, generation, millis(stop.grace));
                }
            }
            Effect::Probe {
                instance,
                generation,
                kind,
                after,
            } => {
                if let Some(number) = self.index.get(&instance).copied() {
                    let order = self.later(millis(after), Coming::Ask(number, kind, generation));
                    self.instances[number].asked[kind as usize] = order;
                }
            }
            Effect::SetTimer { key, at } => {
                self.timers.insert(key.clone(), at.0);
                self.later(
                    at.0.saturating_sub(self.now),
                    Coming::Tell(Input::Timer(key)),
                );
            }
            Effect::CancelTimer(key) => {
                self.timers.remove(&key);
            }
            Effect::Ask {
                ticket,
                instance,
                remedy,
                ..
            } => {
                if let Some(number) = self.index.get(&instance).copied() {
                    self.remedy(number, remedy);
                }
                self.acts += 1;
                let act = ActId(self.acts);
                self.later(0, Coming::Tell(Input::Admitted { ticket, act }));
            }
            Effect::Changed(instance) => {
                let state = self.cluster.status(&instance).map(|status| status.state);
                if let (Some(number), Some(state)) = (self.index.get(&instance).copied(), state) {
                    self.seen_as(number, state);
                }
            }
            Effect::RememberStopped(services) => self.stopped = services,
            Effect::Publish(_)
            | Effect::Incident { .. }
            | Effect::Removed(_)
            | Effect::Settled { .. }
            | Effect::RememberUnfinished => {}
        }
    }

    fn stop(&mut self, number: usize, generation: Generation, grace: u64) {
        let service = self.instances[number].service;
        let about = [number as u64, generation.0];
        let quick = self.chance.between(50, 800, About::End, &about).min(grace);
        let Some(process) = self.instances[number].process.as_mut() else {
            return;
        };
        if process.generation != generation || process.phase == Phase::Ending {
            return;
        }
        let lasts = process.hung || self.services[service].stubborn;
        process.phase = Phase::Ending;
        let (after, status) = match lasts {
            true => (grace + 20, ExitStatus::Signal(9)),
            false => (quick, ExitStatus::Signal(15)),
        };
        self.later(after, Coming::Ends(number, generation, status));
        self.look_at(service);
    }

    /// Healing wants to do something about it: was that its own fault?
    fn remedy(&mut self, number: usize, remedy: RemedyKind) {
        let counted = self.counted_from.is_some();
        let instance = &self.instances[number];
        let account = &mut self.services[instance.service].account;
        if !counted {
            return;
        }
        if remedy == RemedyKind::Quarantine {
            account.quarantines += 1;
            return;
        }
        account.restarts += 1;
        match &instance.process {
            Some(process) if process.phase == Phase::Boots && !process.hung => {
                account.impatient += 1;
            }
            Some(process)
                if process.phase == Phase::Serves && !process.hung && process.stuck.is_none() =>
            {
                let why = match process.misses.is_empty() {
                    true => instance.innocent.unwrap_or(Innocent::Other),
                    false => Innocent::Other,
                };
                *account.needless.entry(why).or_default() += 1;
            }
            _ => {}
        }
    }

    // === processes ===

    fn begins(&mut self, number: usize, generation: Generation) {
        let service = self.instances[number].service;
        let about = [number as u64, generation.0];
        let Some(process) = self.instances[number].process.as_mut() else {
            return;
        };
        if process.generation != generation || process.phase != Phase::Made {
            return;
        }
        process.phase = Phase::Boots;
        process.begun = self.now;
        let it = &mut self.services[service];
        if self.counted_from.is_some() {
            it.account.starts += 1;
        }
        if it.oneshot {
            let after = self.chance.between(100, 4_000, About::Task, &about);
            self.later(after, Coming::Ends(number, generation, ExitStatus::Code(0)));
            return;
        }
        let share = self.chance.between(70, 160, About::ThisBoot, &about);
        let mut takes = it.boot * share / 100;
        if it.slow_starts > 0 {
            it.slow_starts -= 1;
            takes *= 8;
        }
        it.account.longest_start = it.account.longest_start.max(takes);
        if it.bad_starts > 0 {
            it.bad_starts -= 1;
            self.later(
                takes / 2,
                Coming::Ends(number, generation, ExitStatus::Code(1)),
            );
        } else {
            self.later(takes, Coming::Booted(number, generation));
        }
    }

    pub(crate) fn booted(&mut self, number: usize, generation: Generation) {
        let service = self.instances[number].service;
        let about = [number as u64, generation.0];
        let boots = self.instances[number]
            .process
            .as_ref()
            .is_some_and(|process| {
                process.generation == generation && process.phase == Phase::Boots
            });
        if !boots {
            return;
        }
        // Most programs that cannot reach what they need when they start, end.
        let uses = &self.services[service].uses;
        let missing = uses
            .iter()
            .copied()
            .find(|used| self.misses(service, *used));
        if let Some(missing) = missing
            && self.chance.below(100, About::Missing, &about) < 60
        {
            // It was away before this start began: who declares a need is not started then.
            let begun = self.instances[number]
                .process
                .as_ref()
                .map_or(0, |one| one.begun);
            let before = self.services[missing]
                .own
                .is_some_and(|since| since <= begun);
            if self.counted_from.is_some() && before {
                let wanting = &mut self.services[service].account.wanting;
                *wanting.entry(missing).or_default() += 1;
            }
            self.ends(number, generation, ExitStatus::Code(1));
            return;
        }
        if let Some(process) = self.instances[number].process.as_mut() {
            process.phase = Phase::Serves;
        }
        let it = &mut self.services[service];
        if it.flaps > 0 {
            it.flaps -= 1;
            let after = self
                .chance
                .between(SECOND, 4 * SECOND, About::Crash, &about);
            self.later(after, Coming::Ends(number, generation, ExitStatus::Code(1)));
        }
        self.look_at(service);
    }

    pub(crate) fn ends(&mut self, number: usize, generation: Generation, status: ExitStatus) {
        let instance = &mut self.instances[number];
        if instance
            .process
            .as_ref()
            .is_none_or(|process| process.generation != generation)
        {
            return;
        }
        instance.process = None;
        instance.ended = Some((generation, status));
        let (id, service) = (instance.id.clone(), instance.service);
        self.look_at(service);
        self.tell(Input::Exited {
            instance: id,
            generation,
            status,
            left: 0,
        });
    }

    // === checks ===

    pub(crate) fn ask(&mut self, number: usize, kind: ProbeKind, generation: Generation) {
        let instance = &mut self.instances[number];
        let Some(defined) = self.definition.services.get(&instance.id.service) else {
            return;
        };
        let probe = match kind {
            ProbeKind::Ready => defined.ready.as_ref().or(defined.health.as_ref()),
            ProbeKind::Health => defined.health.as_ref(),
        };
        let Some(probe) = probe else {
            return;
        };
        self.checks += 1;
        let timeout = millis(probe.timeout);
        let connects = matches!(probe.target, spec::ProbeTarget::Tcp { .. });
        let about = [number as u64, self.checks];
        let mut takes = self.chance.between(2, 15, About::Latency, &about);
        if self.now < self.services[instance.service].slow_until {
            takes += self.chance.between(500, 900, About::Slow, &about);
        }
        let serves = instance.process.as_ref().filter(|process| {
            process.generation == generation
                && matches!(process.phase, Phase::Serves | Phase::Ending)
        });
        instance.innocent = None;
        let (verdict, detail, took) = match serves {
            None => (Verdict::Fail, "refused", 0),
            _ if instance.blips > 0 && kind == ProbeKind::Health => {
                instance.blips -= 1;
                instance.innocent = Some(Innocent::Blip);
                (Verdict::Fail, "had no answer", timeout)
            }
            // The kernel accepts for a process that does not.
            Some(_) if connects => (Verdict::Pass, "accepted", 0),
            Some(process) if process.hung => (Verdict::Fail, "had no answer", timeout),
            Some(_) if takes > timeout => {
                instance.innocent = Some(Innocent::Slow);
                (Verdict::Fail, "had no answer", timeout)
            }
            Some(process) if !process.misses.is_empty() => (Verdict::Fail, "answered 503", takes),
            Some(_) => (Verdict::Pass, "answered 200", takes),
        };
        let evidence = Evidence {
            verdict,
            detail: detail.to_owned(),
            latency_us: took * 1_000,
        };
        let input = Input::Probed {
            instance: instance.id.clone(),
            generation,
            kind,
            evidence,
        };
        match took {
            0 => self.tell(input),
            _ => {
                self.later(took, Coming::Tell(input));
            }
        }
    }
}
