//! What is rough about a world that is to find faults in the heart, and not to tell how a cluster
//! fares: doors that hesitate or refuse, starts and hooks that fail, words that come late or in
//! another order, records that are a moment old. A rehearsal has none of it.

use crate::chance::Dice;
use crate::world::{Coming, Made, Millis};
use healing::load::Spare;
use model::{ActId, Endpoint, ExitStatus, Generation, InstanceId, RemedyKind, Verdict};
use orchestrator::{Input, Sighting};
use std::collections::BTreeSet;

/// See the module.
#[derive(Debug)]
pub(crate) struct Rough {
    pub(crate) dice: Dice,
    /// Chances of a hundred that something goes wrong where it can; `None`: a rehearsal.
    percent: Option<u64>,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    /// Chances of a hundred that a person has made a slip, and what is seen is true; `None`: there are none.
    pub(crate) slips: Option<u64>,
    /// Who loses what it uses says so when it is asked, and does nothing else.
    pub(crate) tells: bool,
    /// It was under way when the emergency path ended everything: a late word may come.
    pub(crate) unprepared: BTreeSet<(usize, Generation)>,
}

impl Rough {
    /// A rehearsal's.
    pub(crate) fn none() -> Self {
        Self {
            dice: Dice(0),
            percent: None,
            calm: false,
            slips: None,
            tells: false,
            unprepared: BTreeSet::new(),
        }
    }

    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        Self {
            dice: Dice(seed),
            percent: Some(percent),
            ..Self::none()
        }
    }

    pub(crate) fn on(&self) -> bool {
        self.percent.is_some()
    }

    /// It is rough now, with this chance of a hundred.
    fn has(&mut self, chance: u64) -> bool {
        self.on() && !self.calm && self.dice.percent(chance)
    }

    /// Something goes wrong.
    fn wrong(&mut self) -> bool {
        let chance = self.percent.unwrap_or(0);
        self.has(chance)
    }

    /// Something goes wrong where that is rarer.
    fn sometimes_wrong(&mut self) -> bool {
        let chance = self.percent.unwrap_or(0) / 2;
        self.has(chance)
    }

    /// What a look at the sockets sees now, if there is one: anybody may talk to anybody, in circles
    /// and against what is declared. Its chance is its own, so that it changes nobody else's.
    pub(crate) fn look<'a>(
        &self,
        now: Millis,
        instances: impl ExactSizeIterator<Item = &'a InstanceId> + Clone,
    ) -> Option<Vec<Sighting>> {
        let mut dice = Dice(now ^ self.percent?);
        if instances.len() < 2 || !dice.percent(5) {
            return None;
        }
        let mut one = || {
            let nth = dice.below(instances.len() as u64) as usize;
            let mut instances = instances.clone();
            instances.nth(nth).map(|id| id.service.clone())
        };
        let seen = (0..4).filter_map(|port| {
            let (from, to) = (one()?, one()?);
            let at = Endpoint::Tcp { port };
            (from != to).then_some(Sighting { from, to, at })
        });
        Some(seen.collect())
    }

    /// What there is to do for a service, in cores: for half of them more than one instance can. Its chance
    /// is its own, like that of all that follows from load.
    pub(crate) fn load(&self, service: usize) -> f32 {
        let Some(percent) = self.percent.filter(|_| !self.calm) else {
            return 0.0;
        };
        let mut dice = Dice(service as u64 ^ percent << 32);
        match dice.percent(50) {
            true => 1.5 + dice.below(4) as f32,
            false => 0.0,
        }
    }

    /// What is left of the machine at a look.
    pub(crate) fn spare(&self, now: Millis) -> Option<Spare> {
        let mut dice = Dice(now ^ 0x59a5e);
        let full = self.percent.is_some() && !self.calm && dice.percent(20);
        let cpu = if full { 0.0 } else { 8.0 };
        Some(Spare {
            cpu,
            memory: 8_000_000_000,
        })
    }

    /// No port is free for an instance that is to be added.
    pub(crate) fn portless(&self, now: Millis) -> bool {
        let chance = self.percent.unwrap_or(0) / 2;
        !self.calm && Dice(now ^ 0x9081).percent(chance)
    }

    pub(crate) fn preparation(&mut self) -> (Millis, Result<(), String>) {
        let outcome = match self.sometimes_wrong() {
            true => Err("before_start exited with code 1".to_owned()),
            false => Ok(()),
        };
        (self.dice.below(5_000), outcome)
    }

    pub(crate) fn greeting(&mut self) -> (Millis, Result<(), String>) {
        let outcome = match self.wrong() {
            true => Err("after_ready exited with code 1".to_owned()),
            false => Ok(()),
        };
        (self.dice.below(3_000), outcome)
    }

    /// What comes of a start, and when.
    pub(crate) fn start(&mut self) -> (Millis, Made) {
        let made = match self.sometimes_wrong() {
            true if self.dice.percent(30) => Made::NoRoom,
            true => Made::Failed {
                retry: self.dice.percent(80),
            },
            false => Made::There,
        };
        (self.dice.below(50), made)
    }

    /// What a process that has just begun will do by itself.
    pub(crate) fn life(
        &mut self,
        number: usize,
        generation: Generation,
    ) -> Option<(Millis, Coming)> {
        if !self.wrong() {
            return None;
        }
        let after = self.dice.below(20_000);
        let what = match self.dice.percent(40) {
            true => Coming::Ill(number, generation, self.dice.below(30_000)),
            false => Coming::Ends(number, generation, ExitStatus::Signal(9)),
        };
        Some((after, what))
    }

    /// What a oneshot exits with.
    pub(crate) fn code(&mut self) -> i32 {
        i32::from(self.wrong())
    }

    /// A check that goes astray.
    pub(crate) fn verdict(&mut self) -> Option<Verdict> {
        if !self.has(6) {
            return None;
        }
        Some(match self.dice.percent(50) {
            true => Verdict::Trouble,
            false => Verdict::Fail,
        })
    }

    /// What the door answers, and when.
    pub(crate) fn answer(
        &mut self,
        ticket: u64,
        act: ActId,
        remedy: RemedyKind,
    ) -> (Millis, Input) {
        let after = match self.dice.percent(80) {
            true => 0,
            false => self.dice.below(500),
        };
        let admitted = Input::Admitted { ticket, act };
        if remedy == RemedyKind::Quarantine || !self.has(8) {
            return (after, admitted);
        }
        let why = "policy".to_owned();
        (
            after,
            match self.dice.percent(60) {
                true => Input::Refused { ticket, why },
                false => Input::Postponed { ticket, why },
            },
        )
    }

    /// A stop that takes longer than it may: by how much.
    pub(crate) fn blocks(&mut self) -> Option<Millis> {
        self.has(5).then(|| self.dice.below(20_000))
    }

    /// So long after its end the heart hears of a process.
    pub(crate) fn lateness(&mut self) -> Millis {
        match self.has(20) {
            true => 1 + self.dice.below(400),
            false => 0,
        }
    }

    /// The record of what healing has tried is lost.
    pub(crate) fn forgets(&mut self) -> bool {
        self.has(20)
    }

    /// The record of what was under way is a moment old.
    pub(crate) fn late_record(&mut self) -> bool {
        self.has(33)
    }

    /// What has waited for an engine that stood still comes in no certain order: timers, answers and
    /// words are of different tasks. What is about one instance stays in its order.
    pub(crate) fn shuffle(&mut self, held: &mut [(u64, Coming)]) {
        if !self.has(50) {
            return;
        }
        let timer = |what: &(u64, Coming)| matches!(what.1, Coming::Word(_, Input::Timer(_)));
        match self.dice.percent(50) {
            true => held.sort_by_key(timer),
            false => held.sort_by_key(|what| !timer(what)),
        }
    }
}
