//! What comes of what the heart wants done, and what it is told.

use crate::chance::About;
use crate::ledger::Innocent;
use crate::world::{Coming, Engine, Phase, World};
use model::{ActId, Evidence, ExitStatus, Generation, ProbeKind, RemedyKind, Verdict};
use orchestrator::{Command, Effect, Input, step};
use std::time::Duration;

pub(crate) const SECOND: u64 = 1_000;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl World {
    // === what the heart is told ===

    /// Tells the heart, if there is an engine to hear it.
    pub(crate) fn tell(&mut self, input: Input) {
        match &mut self.engine {
            Engine::Runs => self.step(input),
            Engine::Stopped(_, held) => held.push((0, Coming::Word(self.epoch, input))),
            // What happens now the next engine finds by itself.
            Engine::Dead => {}
        }
    }

    pub(crate) fn step(&mut self, input: Input) {
        if let Some(gap) = self.gaps.look(self.clocks()) {
            self.apply(Input::Gap(gap));
        }
        // Nobody looks before the cluster is adopted.
        let known = self.cluster.definition().is_some();
        let seen = match self.rough.slips {
            Some(_) => self.sights(),
            None => self.rough.look(self.now, self.index.keys()),
        };
        if let Some(seen) = seen.filter(|_| known) {
            self.apply(Input::Connected(seen));
        }
        let used = self.look_at_use();
        if let Some(used) = used.filter(|_| known) {
            self.apply(used);
        }
        self.apply(input);
    }

    pub(crate) fn apply(&mut self, input: Input) {
        if let Input::Timer(key) = &input {
            // It was set anew or cancelled. One that is late was kept.
            if self.timers.get(key).is_none_or(|at| *at > self.now) {
                return;
            }
            self.timers.remove(key);
        }
        self.heard(&input);
        // What people bring, and what is defined otherwise, is written down with all that is under way.
        let whole = |effect: &Effect| matches!(effect, Effect::Define { .. });
        let up = matches!(
            &input,
            Input::Command {
                command: Command::Up { .. },
                ..
            }
        );
        self.ordered = matches!(&input, Input::Command { .. });
        let completes = self.completes(&input);
        let now = self.reading();
        let mut effects = step(&mut self.cluster, input, now);
        // And before a process is made, what says whose run that is.
        let kept = |effect: &Effect| matches!(effect, Effect::RememberUnfinished);
        let made =
            |effect: &Effect| matches!(effect, Effect::Start { .. } | Effect::Prepare { .. });
        let begins = effects.iter().any(kept) && effects.iter().any(made);
        if up || begins || effects.iter().any(whole) {
            self.unfinished = [self.cluster.unfinished(), self.cluster.unfinished()];
        }
        self.begin_audit(&effects);
        let scales = effects.extract_if(.., |one| matches!(one, Effect::Scale { .. }));
        let scales: Vec<Effect> = scales.collect();
        for effect in effects {
            self.audit(&effect);
            self.carry_out(effect);
        }
        for effect in &scales {
            self.audit(effect);
        }
        self.end_audit();
        if let Some(id) = completes {
            self.audit_completion(&id);
        }
        for effect in scales {
            if let Some(input) = self.scale(effect) {
                self.apply(input);
                self.remember_scaling();
            }
        }
    }

    /// What is true of the world once the heart has heard this.
    fn heard(&mut self, input: &Input) {
        match input {
            Input::Exited {
                instance,
                generation,
                ..
            } => {
                if let Some(number) = self.index.get(instance).copied()
                    && self.instances[number].untold == Some(*generation)
                {
                    self.instances[number].untold = None;
                }
            }
            Input::Probed {
                instance,
                generation,
                kind: ProbeKind::Health,
                ..
            } => {
                if let Some(number) = self.index.get(instance).copied() {
                    self.answered(number, *generation);
                }
            }
            _ => {}
        }
        self.audit_input(input);
    }

    // === what it wants done ===

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Prepare {
                instance,
                generation,
            } => {
                let (after, outcome) = match self.rough.on() {
                    true => self.rough.preparation(),
                    false => (50, Ok(())),
                };
                self.prepare(&instance, generation, after, outcome);
            }
            Effect::CallOff {
                instance,
                generation,
            } => {
                // What is over, and not heard of yet, is not called off any more.
                let under_way = self.index.get(&instance).is_some_and(|number| {
                    let preparing = self.instances[*number].preparing;
                    preparing.is_some_and(|(of, _)| of == generation)
                });
                if under_way {
                    let outcome = Err("called off".to_owned());
                    self.prepare(&instance, generation, 5, outcome);
                }
            }
            Effect::Greet {
                instance,
                generation,
            } => {
                let (after, outcome) = match self.rough.on() {
                    true => self.rough.greeting(),
                    false => (100, Ok(())),
                };
                let greeted = Input::Greeted {
                    instance,
                    generation,
                    outcome,
                };
                self.word(after, greeted);
            }
            Effect::Start {
                instance,
                generation,
                ..
            } => {
                if let Some(number) = self.index.get(&instance).copied() {
                    self.make(number, generation);
                }
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
                self.word(at.0.saturating_sub(self.now), Input::Timer(key));
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
                let (after, answer) = match self.rough.on() {
                    true => self.rough.answer(ticket, act, remedy),
                    false => (0, Input::Admitted { ticket, act }),
                };
                self.word(after, answer);
            }
            Effect::Changed(instance) => {
                let state = self.cluster.status(&instance).map(|status| status.state);
                if let (Some(number), Some(state)) = (self.index.get(&instance).copied(), state) {
                    self.seen_as(number, state);
                }
            }
            Effect::Define { service, spec } => self.define(&service, *spec),
            Effect::RememberStopped(services) => self.stopped = services,
            Effect::RememberUnfinished => {
                let now = self.cluster.unfinished();
                self.unfinished.swap(0, 1);
                self.unfinished[0] = now;
                self.recorded_at = self.now;
            }
            Effect::Removed(instance) => {
                if let Some(number) = self.index.get(&instance).copied() {
                    self.instances[number].ended = None;
                }
            }
            Effect::Publish(_)
            | Effect::Incident { .. }
            | Effect::LastWords { .. }
            // Given back to the heart when all else is done.
            | Effect::Scale { .. }
            | Effect::Connections
            | Effect::Withdraw(_)
            | Effect::Settled { .. } => {}
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
        let (mut after, status) = match lasts {
            true => (grace + 20, ExitStatus::Signal(9)),
            false => (quick, ExitStatus::Signal(15)),
        };
        if let Some(longer) = self.rough.blocks() {
            let instance = self.instances[number].id.clone();
            let blocked = Input::StopBlocked {
                instance,
                generation,
                blocker: "pid 4711 in state D".to_owned(),
            };
            self.word(after, blocked);
            after += longer;
        }
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
        match remedy {
            RemedyKind::Quarantine => {
                account.quarantines += 1;
                return;
            }
            RemedyKind::ScaleUp | RemedyKind::ScaleDown => return,
            _ => {}
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

    // === checks ===

    /// Whoever asks is the engine: one that stands still asks when it goes on, a dead one does not. A
    /// question whose place a later one has taken is not asked.
    pub(crate) fn ask_if_up(
        &mut self,
        order: u64,
        number: usize,
        kind: ProbeKind,
        generation: Generation,
    ) {
        if self.instances[number].asked[kind as usize] != order {
            return;
        }
        match &mut self.engine {
            Engine::Runs => self.ask(number, kind, generation),
            Engine::Stopped(_, held) => held.push((order, Coming::Ask(number, kind, generation))),
            Engine::Dead => {}
        }
    }

    fn ask(&mut self, number: usize, kind: ProbeKind, generation: Generation) {
        if kind == ProbeKind::Health {
            self.check_round(number, generation);
        }
        let trouble = self.rough.verdict();
        let waits = self.waits_for_slow(self.instances[number].service);
        let overloaded = self.overloaded(self.instances[number].service);
        let instance = &mut self.instances[number];
        let defined = &self.services[instance.service].defined;
        let probe = match kind {
            ProbeKind::Startup => defined.startup.as_ref(),
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
        } else if overloaded {
            takes += self.chance.between(400, 900, About::Slow, &about);
        } else if waits {
            takes += self.chance.between(300, 900, About::Slow, &about);
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
            Some(process) if process.ill_until > self.now => (Verdict::Fail, "answered 500", takes),
            Some(_) if trouble.is_some() => {
                let verdict = trouble.unwrap_or(Verdict::Pass);
                (verdict, "was asked in vain", takes)
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
        let order = self.instances[number].asked[kind as usize];
        self.audit_asked(number, kind, took);
        match took {
            0 => self.tell(input),
            _ => {
                self.later(took, Coming::Answer(self.epoch, number, order, input));
            }
        }
    }
}
