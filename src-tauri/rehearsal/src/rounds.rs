//! Whether everyone is asked as often as its definition says: each check that is due is made, or
//! there is a reason.
//!
//! Measured from outside and for each check: from the answer to one until the next is asked no more
//! than `every` may pass, for as long as the heart shows the instance as serving. What the heart
//! itself believes to have asked for counts nothing here.

use crate::world::{Millis, World};
use model::{Generation, State};
use serde::Serialize;
use ts_rs::TS;

/// The account of health checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[ts(rename = "RehearsalChecks")]
pub struct Rounds {
    /// Checks that came due while an instance was shown as serving.
    pub due: u64,
    /// Of these were made, in time.
    pub made: u64,
    /// Of these fell into a time in which there was no engine to ask, or it stood still.
    pub engine_away: u64,
    /// Of these were skipped, or came late: none may be.
    pub skipped: u64,
}

impl Rounds {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Rounds) -> Rounds {
        Rounds {
            due: self.due + other.due,
            made: self.made + other.made,
            engine_away: self.engine_away + other.engine_away,
            skipped: self.skipped + other.skipped,
        }
    }
}

/// Where an instance is between two checks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// When the last answer came, or the check was asked that has none yet.
    since: Millis,
    /// The next is asked within so long of that.
    within: Millis,
    every: Millis,
    /// The engine was away since.
    away: bool,
}

impl World {
    /// The heart sees an instance as something else now.
    pub(crate) fn begin_or_end_round(&mut self, number: usize, before: State, now: State) {
        match (before.serves(), now.serves()) {
            (false, true) => self.begin_round(number),
            (true, false) => self.end_round(number),
            _ => {}
        }
    }

    fn every(&self, number: usize) -> Option<[Millis; 2]> {
        self.every_of(self.instances[number].service)
    }

    /// The interval and the timeout that a service's health is defined with.
    pub(crate) fn every_of(&self, service: usize) -> Option<[Millis; 2]> {
        let service = &self.services[service];
        let health = service.defined.health.as_ref()?;
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).ok();
        Some([millis(health.every)?, millis(health.timeout)?])
    }

    fn begin_round(&mut self, number: usize) {
        let instance = &self.instances[number];
        let process = instance.process.as_ref().map(|process| process.generation);
        let edited = instance.edited.filter(|(of, _)| process == Some(*of));
        let may_take = match edited {
            None => Some(0),
            Some((_, may_take)) => may_take,
        };
        let round = self.every(number).zip(may_take);
        self.instances[number].round = round.map(|([every, _], may_take)| Round {
            since: self.now,
            within: every.max(may_take),
            every,
            away: false,
        });
    }

    /// Its definition has changed under its process: what is under way may still keep the interval it
    /// had `before`, also when the process is shown as serving later only. A process of a definition
    /// without health is asked when its turn has come to be replaced.
    pub(crate) fn edit_round(&mut self, number: usize, before: Option<[Millis; 2]>) {
        let after = self.every(number);
        let instance = &mut self.instances[number];
        if let Some(process) = instance.process.as_ref().filter(|_| before != after) {
            let earlier = instance.edited.filter(|(of, _)| *of == process.generation);
            let earlier = earlier.map_or(Some(0), |(_, may_take)| may_take);
            let may_take = earlier.zip(before);
            let may_take = may_take.map(|(one, [every, timeout])| one.max(every + timeout));
            instance.edited = Some((process.generation, may_take));
        }
        if let Some(old) = self.instances[number].round.take() {
            self.begin_round(number);
            if let Some(round) = &mut self.instances[number].round {
                (round.since, round.within) = (old.since, round.within.max(old.within));
            }
        }
    }

    /// It is not shown as serving any more.
    pub(crate) fn end_round(&mut self, number: usize) {
        if let Some(round) = self.instances[number].round.take() {
            self.count_missed(&round);
        }
    }

    /// Checks that should have been made between the last and now.
    fn count_missed(&mut self, round: &Round) {
        let gap = self.now.saturating_sub(round.since);
        if gap <= round.within {
            return;
        }
        let missed = (gap - round.within).div_ceil(round.every.max(1));
        self.rounds.due += missed;
        match round.away {
            true => self.rounds.engine_away += missed,
            false => self.rounds.skipped += missed,
        }
    }

    /// It is asked.
    pub(crate) fn check_round(&mut self, number: usize, generation: Generation) {
        let current = self.runs(number, generation);
        let Some([every, timeout]) = self.every(number) else {
            return;
        };
        let serves = self.instances[number].state.serves();
        if current && serves {
            if let Some(round) = self.instances[number].round {
                self.count_missed(&round);
            }
            self.rounds.due += 1;
            self.rounds.made += 1;
            self.instances[number].edited = None;
            self.instances[number].round = Some(Round {
                since: self.now,
                within: timeout + every,
                every,
                away: false,
            });
        }
    }

    /// The heart has heard the answer.
    pub(crate) fn answered(&mut self, number: usize, generation: Generation) {
        let current = self.runs(number, generation);
        let every = self.every(number);
        if let (Some(round), Some([every, _]), true) =
            (&mut self.instances[number].round, every, current)
        {
            (round.since, round.within, round.every) = (self.now, every, every);
        }
    }

    /// The process that is meant; one that has ended and is not known to have.
    fn runs(&self, number: usize, generation: Generation) -> bool {
        let instance = &self.instances[number];
        let process = instance.process.as_ref().map(|one| one.generation);
        process == Some(generation) || instance.untold == Some(generation)
    }

    /// There is no engine, or it stands still.
    pub(crate) fn rounds_away(&mut self) {
        for instance in &mut self.instances {
            if let Some(round) = &mut instance.round {
                round.away = true;
            }
        }
    }
}
