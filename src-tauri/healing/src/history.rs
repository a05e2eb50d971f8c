//! What was tried for an instance so far: attempts in a row, acts within the budget's window, and
//! since when it is healthy.

use model::Mono;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// A recovery that does not last this long was none: the next fault belongs to the same incident.
/// Long enough to catch a program that opens its port and dies on its first real work, short enough
/// that two separate blows stay two incidents.
pub const STEADY: Duration = Duration::from_secs(5);

/// The healing record of one instance. It outlives its processes, and the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    attempts: u32,
    acts: VecDeque<Mono>,
    healthy_since: Option<Mono>,
    /// Faults of its own in a row, without a steady health in between.
    #[serde(default)]
    failures: u32,
    /// It gets no traffic.
    #[serde(default)]
    circuit_open: bool,
}

impl History {
    /// Remedies tried in a row, without a healthy time of `reset_after` in between.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Acts within the last `per`.
    pub fn spent(&self, per: Duration, now: Mono) -> u32 {
        let spent = self.acts.iter().filter(|at| now.since(**at) < per).count();
        u32::try_from(spent).unwrap_or(u32::MAX)
    }

    /// When the oldest act within the last `per` leaves the window.
    pub fn relief(&self, per: Duration, now: Mono) -> Option<Mono> {
        self.acts
            .iter()
            .find(|at| now.since(**at) < per)
            .map(|at| *at + per)
    }

    /// A remedy is carried out. At most `heal.budget.count` acts are remembered: more are never
    /// needed to tell whether the budget is used up.
    pub fn acted(&mut self, heal: &spec::Heal, now: Mono) {
        self.attempts = self.attempts.saturating_add(1);
        self.healthy_since = None;
        self.acts.push_back(now);
        while self.acts.len() > usize::try_from(heal.budget.count).unwrap_or(usize::MAX) {
            self.acts.pop_front();
        }
    }

    /// It is run on another definition: its ladder begins anew. What was spent is spent.
    pub fn begin_ladder(&mut self) {
        self.attempts = 0;
    }

    /// It is well. Saying so again changes nothing.
    pub fn healthy(&mut self, now: Mono) {
        self.healthy_since.get_or_insert(now);
    }

    /// It has a fault. If it was healthy for `reset_after` before, its attempts begin anew. Answers
    /// whether the health before it had lasted [`STEADY`], or was never reached.
    pub fn faulted(&mut self, heal: &spec::Heal, now: Mono) -> Lasted {
        let Some(since) = self.healthy_since.take() else {
            return Lasted::NotWell;
        };
        let well = now.since(since);
        if well >= heal.backoff.reset_after {
            self.attempts = 0;
        }
        if well < STEADY {
            Lasted::Briefly
        } else {
            // Whoever's fault this turns out to be, the row of its own has ended.
            self.failures = 0;
            Lasted::Steady
        }
    }

    /// The fault is its own: after so many in a row its circuit opens, and true is answered.
    pub fn failed(&mut self, heal: &spec::Heal, lasted: Lasted) -> bool {
        self.failures = match lasted {
            Lasted::Steady => 1,
            Lasted::NotWell | Lasted::Briefly => self.failures.saturating_add(1),
        };
        let opens = heal.circuit.is_some_and(|limit| self.failures >= limit);
        opens && !std::mem::replace(&mut self.circuit_open, true)
    }

    /// No traffic goes to it before it has proved itself.
    pub fn circuit_open(&self) -> bool {
        self.circuit_open
    }

    /// Its trial has lasted: true when the circuit was open.
    pub fn close_circuit(&mut self) -> bool {
        self.failures = 0;
        std::mem::take(&mut self.circuit_open)
    }

    /// The last attempts were made for what turned out to be another's fault. An open circuit stays
    /// open until its trial has lasted.
    pub fn forgive(&mut self) {
        *self = Self {
            healthy_since: self.healthy_since,
            circuit_open: self.circuit_open,
            ..Self::default()
        };
    }

    /// The machine was booted since: times mean nothing any more, and nor does what was tried.
    pub fn rebooted(&mut self) {
        *self = Self {
            circuit_open: self.circuit_open,
            ..Self::default()
        };
    }
}

/// How long an instance had been well when a fault came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasted {
    /// It was not well yet.
    NotWell,
    /// Shorter than [`STEADY`].
    Briefly,
    /// At least [`STEADY`].
    Steady,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::RemedyKind;

    pub(crate) fn heal() -> spec::Heal {
        let steps = [0, 0, 1, 5, 15, 30, 60].map(Duration::from_secs).to_vec();
        spec::Heal {
            ladder: vec![
                RemedyKind::Restart.into(),
                RemedyKind::RestartNeeds.into(),
                RemedyKind::Quarantine.into(),
            ],
            budget: spec::Budget {
                count: 5,
                per: Duration::from_secs(600),
            },
            backoff: spec::Backoff {
                steps,
                reset_after: Duration::from_secs(600),
            },
            settle: Duration::from_secs(5),
            circuit: Some(3),
            enabled: true,
        }
    }

    #[test]
    fn the_budget_window_slides() {
        let mut history = History::default();
        for second in [0, 10, 20] {
            history.acted(&heal(), Mono(second * 1_000));
        }
        let per = Duration::from_secs(15);
        assert_eq!(history.spent(per, Mono(20_000)), 2);
        assert_eq!(history.relief(per, Mono(20_000)), Some(Mono(25_000)));
        assert_eq!(history.spent(per, Mono(60_000)), 0);
    }

    #[test]
    fn no_more_acts_are_kept_than_the_budget_counts() {
        let mut history = History::default();
        for second in 0..1_000 {
            history.acted(&heal(), Mono(second));
        }
        assert_eq!(history.acts.len(), 5);
        assert_eq!(history.spent(Duration::from_secs(600), Mono(1_000)), 5);
    }

    #[test]
    fn attempts_begin_anew_only_after_long_health() {
        let mut history = History::default();
        history.acted(&heal(), Mono(0));
        history.healthy(Mono(1_000));
        history.healthy(Mono(500_000));
        assert_eq!(history.faulted(&heal(), Mono(600_000)), Lasted::Steady);
        assert_eq!(history.attempts(), 1, "599 s are not 600 s");
        history.healthy(Mono(600_000));
        assert_eq!(history.faulted(&heal(), Mono(1_200_000)), Lasted::Steady);
        assert_eq!(history.attempts(), 0);
    }

    #[test]
    fn the_circuit_opens_after_three_failures_in_a_row() {
        let mut history = History::default();
        let fails = |history: &mut History, at| {
            let lasted = history.faulted(&heal(), Mono(at));
            history.failed(&heal(), lasted)
        };
        assert!(!fails(&mut history, 0));
        history.healthy(Mono(1_000));
        // Two seconds of health are none.
        assert!(!fails(&mut history, 3_000));
        history.healthy(Mono(4_000));
        // Six are: the row begins anew.
        assert!(!fails(&mut history, 10_000));
        assert!(!fails(&mut history, 10_000));
        assert!(fails(&mut history, 10_000));
        assert!(history.circuit_open());
        assert!(!fails(&mut history, 10_000), "it opens once");
        assert!(history.close_circuit());
        assert!(!fails(&mut history, 20_000));
        assert!(!history.circuit_open());
    }

    #[test]
    fn a_circuit_that_is_switched_off_never_opens() {
        let off = spec::Heal {
            circuit: None,
            ..heal()
        };
        let mut history = History::default();
        assert!((0..50).all(|_| !history.failed(&off, Lasted::NotWell)));
    }

    #[test]
    fn a_moment_of_health_is_told_from_a_steady_one() {
        let mut history = History::default();
        assert_eq!(history.faulted(&heal(), Mono(0)), Lasted::NotWell);
        history.healthy(Mono(0));
        assert_eq!(history.faulted(&heal(), Mono(4_999)), Lasted::Briefly);
    }
}
