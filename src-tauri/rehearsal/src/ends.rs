//! Daemons that may end: who may, when one does, and what is promised of it then. It is complete, whatever was wrong
//! with it, and only a person has it started anew.
//!
//! Their chance is their own: a world without them is the same as before there were any.

use crate::audit::Promise;
use crate::chance::Dice;
use crate::world::{Coming, Millis, World};
use model::{ExitStatus, Generation, InstanceId, State};
use orchestrator::Input;

/// Draws them.
#[derive(Debug)]
pub(crate) struct Ends {
    dice: Dice,
    /// Chances of a hundred that a daemon may end.
    percent: u64,
}

impl Default for Ends {
    /// None may.
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Ends {
    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        Self {
            dice: Dice(seed ^ 0xe4d5),
            percent,
        }
    }

    /// The line of a daemon that may end, if this one may.
    pub(crate) fn line(&mut self) -> Option<&'static str> {
        let may = self.percent > 0 && self.dice.percent(self.percent);
        may.then_some("success = [0, 3]\n")
    }

    /// One that may end has begun: how long after that it does, and with which code, if it does.
    fn end(&mut self) -> Option<(Millis, i32)> {
        let ends = self.dice.percent(60);
        let after = self.dice.below(40_000);
        let code = [0, 0, 3, 1][self.dice.below(4) as usize];
        ends.then_some((after, code))
    }
}

impl World {
    /// A process of a rough world has begun: if its service may end, it may.
    pub(crate) fn may_end(&mut self, number: usize, generation: Generation) {
        let it = &self.services[self.instances[number].service];
        let may = it.defined.may_end() && !it.oneshot && !self.rough.calm && self.rough.on();
        if may && let Some((after, code)) = self.drawing.ends.end() {
            let status = ExitStatus::Code(code);
            self.later(after, Coming::Ends(number, generation, status));
        }
    }

    /// The heart is about to hear of an end after which this one is complete.
    pub(crate) fn completes(&self, input: &Input) -> Option<InstanceId> {
        let Input::Exited {
            instance: id,
            generation,
            status,
            ..
        } = input
        else {
            return None;
        };
        let audit = self.audit.as_ref()?;
        let told = audit.told_to_end.contains(&(id.clone(), *generation));
        let of = self.instances[*self.index.get(id)?].service;
        let ours = self.services[of].defined.succeeded(*status) && !told;
        let known = self.cluster.status(id).filter(|_| ours)?;
        let runs = matches!(
            known.state,
            State::Running | State::Ready | State::Degraded | State::Failing
        );
        let wanted = !self.cluster.stopped().contains(&id.service)
            && id.index < self.cluster.replicas(&id.service);
        let now = known.generation == *generation && known.pid.is_some();
        (runs && wanted && now).then(|| id.clone())
    }

    /// It was to be complete by now.
    pub(crate) fn audit_completion(&mut self, id: &InstanceId) {
        let now = self.cluster.status(id).map(|status| status.state);
        if !matches!(now, Some(State::Completed | State::Scheduled)) {
            let text = format!("{id} has ended as it may, and is {now:?}");
            self.breaks(Promise::Told, text);
        }
    }

    /// What has completed becomes something else: a person wants that, or it has its turn in what one wants.
    pub(crate) fn audit_completed(&mut self, number: usize, before: State, now: State) {
        let id = &self.instances[number].id;
        let turn = self.cluster.turn(&id.service) == Some(id);
        if before == State::Completed && now != before && !self.ordered && !turn {
            let text = format!("{id} had completed, and is {now:?} without anybody's order");
            self.breaks(Promise::Told, text);
        }
    }
}
