//! Simulated processes: how they are made, what they do by themselves, and how they end.

use crate::chance::About;
use crate::machine::SECOND;
use crate::world::{Coming, Made, Phase, Process, World};
use model::{ExitStatus, Generation, InstanceId};
use orchestrator::Input;

impl World {
    // === starts ===

    /// Something precedes a start, or is called off: what comes of it, and when.
    pub(crate) fn prepare(
        &mut self,
        instance: &InstanceId,
        generation: Generation,
        after: u64,
        outcome: Result<(), String>,
    ) {
        if let Some(number) = self.index.get(instance).copied() {
            let order = self.later(after, Coming::Prepared(number, generation, outcome));
            self.instances[number].preparing = Some((generation, order));
        }
    }

    pub(crate) fn prepared(
        &mut self,
        number: usize,
        generation: Generation,
        order: u64,
        outcome: Result<(), String>,
    ) {
        let instance = &mut self.instances[number];
        if instance.preparing == Some((generation, order)) {
            instance.preparing = None;
        } else if !self.rough.unprepared.remove(&(number, generation)) {
            return;
        }
        let instance = instance.id.clone();
        self.tell(Input::Prepared {
            instance,
            generation,
            outcome,
        });
    }

    pub(crate) fn make(&mut self, number: usize, generation: Generation) {
        self.instances[number].blips = 0;
        self.instances[number].process = Some(Process {
            generation,
            phase: Phase::Made,
            begun: self.now,
            hung: false,
            ill_until: 0,
            lacks: Vec::new(),
            trusts: Vec::new(),
            misses: Vec::new(),
            stuck: None,
        });
        let (after, made) = match self.rough.on() {
            true => self.rough.start(),
            false => (3, Made::There),
        };
        match self.now < self.no_room_until {
            true => self.later(2, Coming::Made(number, generation, Made::NoRoom)),
            false => self.later(after, Coming::Made(number, generation, made)),
        };
    }

    pub(crate) fn made(&mut self, number: usize, generation: Generation, made: Made) {
        let instance = self.instances[number].id.clone();
        let ghost = self.ghosts.contains(&(number, generation));
        let process = &self.instances[number].process;
        let awaited = process
            .as_ref()
            .is_some_and(|one| one.generation == generation && one.phase == Phase::Made);
        if !ghost && !awaited {
            return;
        }
        let word = match made {
            Made::There => Input::Started {
                instance: instance.clone(),
                generation,
                pid: 1,
            },
            Made::NoRoom => Input::StartDelayed {
                instance: instance.clone(),
                generation,
                shortage: "no space left on the disk".to_owned(),
            },
            Made::Failed { retry } => Input::StartFailed {
                instance: instance.clone(),
                generation,
                error: "the port is taken".to_owned(),
                retry,
            },
        };
        if ghost {
            // It is gone already; the driver says so on its own.
            self.tell(word);
            if made == Made::There {
                let ended = Input::Exited {
                    instance,
                    generation,
                    status: ExitStatus::Signal(9),
                    left: 0,
                };
                self.word(20, ended);
            }
            return;
        }
        match made {
            Made::There => self.begins(number, generation),
            Made::NoRoom | Made::Failed { .. } => self.instances[number].process = None,
        }
        self.tell(word);
    }

    // === processes ===

    fn begins(&mut self, number: usize, generation: Generation) {
        let service = self.instances[number].service;
        let about = [number as u64, generation.0];
        let uses = self.services[service].uses.clone();
        let (seen, unseen): (Vec<_>, Vec<_>) = uses.into_iter().partition(|used| self.shown(*used));
        let trusts = seen.into_iter().filter(|used| self.boots(*used)).collect();
        let Some(process) = self.instances[number].process.as_mut() else {
            return;
        };
        if process.generation != generation || process.phase != Phase::Made {
            return;
        }
        process.phase = Phase::Boots;
        (process.lacks, process.trusts) = (unseen, trusts);
        process.begun = self.now;
        if let Some((after, what)) = self.rough.life(number, generation) {
            self.later(after, what);
        }
        self.may_end(number, generation);
        let broken = self.broken_by_edit(service);
        let it = &mut self.services[service];
        if self.counted_from.is_some() {
            it.account.starts += 1;
        }
        if it.oneshot {
            let after = self.chance.between(100, 4_000, About::Task, &about);
            let code = self.rough.code();
            self.later(
                after,
                Coming::Ends(number, generation, ExitStatus::Code(code)),
            );
            return;
        }
        let share = self.chance.between(70, 160, About::ThisBoot, &about);
        let mut takes = it.boot * share / 100;
        if it.slow_starts > 0 {
            it.slow_starts -= 1;
            takes *= 8;
        }
        it.account.longest_start = it.account.longest_start.max(takes);
        if broken {
            self.later(
                takes / 2,
                Coming::Ends(number, generation, ExitStatus::Code(3)),
            );
        } else if it.bad_starts > 0 {
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
            && !self.rough.calm
            && self.chance.below(100, About::Missing, &about) < 60
        {
            let process = self.instances[number].process.as_ref();
            let [lacks, trusts] = process.map_or([false; 2], |process| {
                [&process.lacks, &process.trusts].map(|those| those.contains(&missing))
            });
            let account = &mut self.services[service].account;
            // Also when the cluster comes up for the first time: then all start at once.
            if lacks {
                *account.wanting.entry(missing).or_default() += 1;
            } else if trusts {
                *account.misled.entry(missing).or_default() += 1;
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
        instance.untold = Some(generation);
        let (id, service) = (instance.id.clone(), instance.service);
        self.look_at(service);
        let word = Input::Exited {
            instance: id,
            generation,
            status,
            left: 0,
        };
        match self.rough.lateness() {
            0 => self.tell(word),
            late => self.word(late, word),
        }
    }

    /// It answers wrongly for a while, and is well again by itself.
    pub(crate) fn falls_ill(&mut self, number: usize, generation: Generation, time: u64) {
        if self.rough.calm {
            return;
        }
        if let Some(process) = self.instances[number].process.as_mut()
            && process.generation == generation
        {
            process.ill_until = self.now + time;
        }
    }

    /// The heart takes some instance of it for ready.
    fn shown(&self, service: usize) -> bool {
        let mut instances = self.services[service].instances.iter();
        instances.any(|one| self.instances[*one].state.good())
    }

    /// None of its processes has come so far as to serve, and one is about to.
    fn boots(&self, service: usize) -> bool {
        let instances = self.services[service].instances.iter();
        let processes = instances.filter_map(|one| self.instances[*one].process.as_ref());
        let phases: Vec<Phase> = processes.map(|process| process.phase).collect();
        phases.contains(&Phase::Boots) && !phases.contains(&Phase::Serves)
    }
}
