//! The ladder: which remedy comes next, after which wait, and when to give up.
//!
//! - A rung that says how often it is tried is tried so often. The others before `quarantine` share
//!   evenly what the budget has left, in their order; an earlier one gets the odd one. With
//!   `["restart", "restart-needs", "quarantine"]` and `5 per 10m` that is three restarts, then two
//!   restarts together with what it needs.
//! - `rollback` is a rung only while there is a definition to go back to, and is tried once and at once
//!   unless it says how long it waits; without one the ladder is what it is without that rung.
//! - After the last rung comes quarantine, if it stands in the ladder. Without it, or in a ladder of
//!   bare words, the last rung stands for every further attempt that the budget allows: a service
//!   that crashes once an hour is started again each time.
//! - When the budget is used up the service is quarantined, whatever the ladder says. A ladder
//!   without any remedy quarantines at the first fault.
//! - The wait before a try is what its rung says, the last one repeating; else before the n-th attempt
//!   in a row the n-th step of the backoff, the last one repeating.

use crate::{History, words};
use model::{Mono, RemedyKind};
use std::time::Duration;

/// Why what cannot be started at all is given up.
pub const HOPELESS: &str = "trying again cannot help";

/// What to do about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Try this remedy after this wait.
    Try {
        /// Which; never [`RemedyKind::Quarantine`].
        remedy: RemedyKind,
        /// Not before this long from now.
        wait: Duration,
        /// Which attempt this is, from 1: of the ladder, or within the budget's window where that is
        /// shorter.
        attempt: u32,
        /// How many there are.
        of: u32,
    },
    /// Give up, and why.
    Quarantine(String),
}

/// Chooses the next remedy. `back`: there is a definition to go back to.
pub fn decide(heal: &spec::Heal, history: &History, back: bool, now: Mono) -> Decision {
    let ladder = Ladder::of(heal, back);
    let Some(last) = ladder.rungs.last() else {
        return Decision::Quarantine("its ladder names nothing to try".to_owned());
    };
    let budget = heal.budget;
    let spent = history.spent(budget.per, now);
    if spent >= budget.count {
        let per = words::duration(budget.per);
        return Decision::Quarantine(match budget.count {
            0 => "its budget allows no automatic restart".to_owned(),
            1 => format!("1 automatic restart within {per} did not help"),
            count => format!("{count} automatic restarts within {per} did not help"),
        });
    }
    let tried = history.attempts();
    let (rung, nth) = match ladder.at(tried) {
        Some(found) => found,
        // How long they took is not said: a few seconds, or hours in which it was well for a while
        // each time.
        None if ladder.ends => {
            return Decision::Quarantine(match tried {
                1 => "1 automatic restart did not keep it well".to_owned(),
                _ => format!("{tried} automatic restarts did not keep it well"),
            });
        }
        None => (last.rung, tried.saturating_sub(last.from)),
    };
    const AT_ONCE: &[Duration] = &[Duration::ZERO];
    let (waits, nth) = match rung.after.is_empty() {
        true if rung.remedy == RemedyKind::Rollback => (AT_ONCE, 0),
        true => (heal.backoff.steps.as_slice(), tried),
        false => (rung.after.as_slice(), nth),
    };
    let step = usize::try_from(nth)
        .unwrap_or(usize::MAX)
        .min(waits.len().saturating_sub(1));
    let (attempt, of) = match ladder.ends && ladder.length < budget.count {
        true => (tried + 1, ladder.length),
        false => (spent + 1, budget.count),
    };
    Decision::Try {
        remedy: rung.remedy,
        wait: waits.get(step).copied().unwrap_or_default(),
        attempt,
        of,
    }
}

/// Chooses what is done about a fault that is there however often it is tried again. Going back may help.
pub fn decide_hopeless(heal: &spec::Heal, history: &History, back: bool, now: Mono) -> Decision {
    let mut rungs = heal.ladder.iter();
    let rung = rungs.find(|rung| rung.remedy == RemedyKind::Rollback);
    let spent = history.spent(heal.budget.per, now);
    match rung {
        Some(rung) if back && spent < heal.budget.count => Decision::Try {
            remedy: rung.remedy,
            wait: rung.after.first().copied().unwrap_or_default(),
            attempt: spent + 1,
            of: heal.budget.count,
        },
        _ => Decision::Quarantine(HOPELESS.to_owned()),
    }
}

/// The rungs before quarantine, and where each begins.
struct Ladder<'a> {
    rungs: Vec<Placed<'a>>,
    /// All their tries.
    length: u32,
    /// Quarantine comes after so many.
    ends: bool,
}

struct Placed<'a> {
    rung: &'a spec::Rung,
    /// Attempts before its first.
    from: u32,
    times: u32,
}

impl<'a> Ladder<'a> {
    fn of(heal: &'a spec::Heal, back: bool) -> Self {
        let all = heal.ladder.iter();
        let before = all.take_while(|rung| rung.remedy != RemedyKind::Quarantine);
        let quarantines = before.clone().count() < heal.ladder.len();
        let written: Vec<&spec::Rung> = before
            .filter(|rung| back || rung.remedy != RemedyKind::Rollback)
            .collect();
        // There is one definition to go back to.
        let times = |rung: &spec::Rung| match rung.remedy {
            RemedyKind::Rollback => Some(1),
            _ => rung.times,
        };
        let fixed = written.iter().filter_map(|rung| times(rung));
        let fixed = fixed.fold(0_u32, u32::saturating_add);
        let open = written.iter().filter(|rung| times(rung).is_none()).count();
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        let left = heal.budget.count.saturating_sub(fixed);
        let (share, odd) = match open {
            0 => (0, 0),
            open => (left / open, left % open),
        };
        let (mut from, mut shared) = (0_u32, 0);
        let mut rungs = Vec::new();
        for rung in &written {
            let times = times(rung).unwrap_or_else(|| {
                shared += 1;
                share + u32::from(shared <= odd)
            });
            rungs.push(Placed { rung, from, times });
            from = from.saturating_add(times);
        }
        let words = written.iter().all(|rung| rung.times.is_none());
        Self {
            rungs,
            length: from,
            ends: quarantines && !words,
        }
    }

    /// The rung of the attempt after `tried` ones, and which of its tries that is, from 0.
    fn at(&self, tried: u32) -> Option<(&'a spec::Rung, u32)> {
        self.rungs.iter().find_map(|placed| {
            let nth = tried.checked_sub(placed.from)?;
            (nth < placed.times).then_some((placed.rung, nth))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::heal;

    /// Faults at once after every attempt, until quarantine; the story as text.
    fn story(heal: &spec::Heal) -> String {
        let mut history = History::default();
        let mut now = Mono(0);
        let mut story = Vec::new();
        loop {
            history.faulted(heal, now);
            match decide(heal, &history, false, now) {
                Decision::Try {
                    remedy,
                    wait,
                    attempt,
                    of,
                } => {
                    now = now + wait;
                    history.acted(heal, now);
                    story.push(format!("{} {attempt}/{of} after {wait:?}", remedy.as_str()));
                }
                Decision::Quarantine(why) => {
                    story.push(why);
                    return story.join("; ");
                }
            }
        }
    }

    #[test]
    fn a_crash_loop_ends_in_quarantine_within_the_budget() {
        assert_eq!(
            story(&heal()),
            "restart 1/5 after 0ns; restart 2/5 after 0ns; restart 3/5 after 1s; \
             restart-needs 4/5 after 5s; restart-needs 5/5 after 15s; \
             5 automatic restarts within 10 min did not help"
        );
    }

    #[test]
    fn the_default_ladder_is_climbed_to_its_end() {
        assert_eq!(
            story(&spec::Heal::default()),
            "restart 1/9 after 0ns; restart 2/9 after 0ns; restart 3/9 after 1s; \
             restart 4/9 after 5s; restart 5/9 after 15s; graceful-restart 6/9 after 30s; \
             graceful-restart 7/9 after 60s; restart-needs 8/9 after 60s; \
             restart-needs 9/9 after 60s; 9 automatic restarts within 30 min did not help"
        );
    }

    #[test]
    fn rungs_have_numbers_of_their_own() {
        let rung = |remedy: RemedyKind, times, after: &[u64]| spec::Rung {
            remedy,
            times,
            after: after.iter().copied().map(Duration::from_secs).collect(),
        };
        let mut own = heal();
        own.budget.count = 9;
        own.ladder = vec![
            rung(RemedyKind::Restart, Some(3), &[0, 2]),
            rung(RemedyKind::GracefulRestart, Some(1), &[]),
            rung(RemedyKind::RestartNeeds, Some(1), &[40]),
            RemedyKind::Quarantine.into(),
        ];
        assert_eq!(
            story(&own),
            "restart 1/5 after 0ns; restart 2/5 after 2s; restart 3/5 after 2s; \
             graceful-restart 4/5 after 5s; restart-needs 5/5 after 40s; \
             5 automatic restarts did not keep it well"
        );
        // Without quarantine at its end only the budget ends it.
        own.ladder.pop();
        let story = story(&own);
        assert!(
            story.contains("restart-needs 9/9 after 40s; 9 automatic"),
            "{story}"
        );
    }

    #[test]
    fn a_budget_below_the_ladder_ends_it_early_and_one_above_lengthens_it() {
        let mut heal = spec::Heal::default();
        heal.budget.count = 3;
        assert!(
            story(&heal).starts_with("restart 1/3 after 0ns; restart 2/3 after 0ns; restart 3/3")
        );
        heal.budget.count = 12;
        assert_eq!(story(&heal).matches("restart-needs").count(), 5);
    }

    /// Ten minutes of health are needed to begin anew: a service that comes and goes is not kept
    /// going for ever.
    #[test]
    fn a_service_that_never_stays_well_comes_to_the_end_of_the_default_ladder() {
        let heal = spec::Heal::default();
        let (mut history, mut now, mut tries) = (History::default(), Mono(0), 0);
        loop {
            history.faulted(&heal, now);
            match decide(&heal, &history, false, now) {
                Decision::Try { .. } => history.acted(&heal, now),
                Decision::Quarantine(why) => {
                    assert_eq!(why, "9 automatic restarts did not keep it well");
                    break;
                }
            }
            tries += 1;
            history.healthy(now);
            now = now + Duration::from_secs(599);
        }
        assert_eq!(tries, 9);
    }

    #[test]
    fn a_rung_back_is_there_only_while_there_is_something_to_go_back_to() {
        let nth = |heal: &spec::Heal, tried: u32, back: bool| {
            let mut history = History::default();
            for _ in 0..tried {
                history.acted(heal, Mono(0));
            }
            match decide(heal, &history, back, Mono(0)) {
                Decision::Try { remedy, wait, .. } => format!("{} {wait:?}", remedy.as_str()),
                Decision::Quarantine(why) => why,
            }
        };
        let default = spec::Heal::default();
        let story = |back| [0, 1, 2, 3].map(|tried| nth(&default, tried, back));
        assert_eq!(
            story(false),
            ["restart 0ns", "restart 0ns", "restart 1s", "restart 5s"]
        );
        assert_eq!(
            story(true),
            ["restart 0ns", "restart 0ns", "rollback 0ns", "restart 5s"]
        );
        let mut own = heal();
        own.ladder = [
            RemedyKind::Restart,
            RemedyKind::Rollback,
            RemedyKind::Quarantine,
        ]
        .map(spec::Rung::from)
        .to_vec();
        assert_eq!(nth(&own, 3, true), "restart 5s");
        assert_eq!(nth(&own, 4, true), "rollback 0ns");
        assert_eq!(nth(&own, 4, false), "restart 15s");
        own.ladder[1].after = vec![Duration::from_secs(7)];
        assert_eq!(nth(&own, 4, true), "rollback 7s");
        // A budget is a budget.
        assert!(nth(&own, 5, true).contains("did not help"));
        let hopeless = |heal: &spec::Heal, back| match decide_hopeless(
            heal,
            &History::default(),
            back,
            Mono(0),
        ) {
            Decision::Try { remedy, wait, .. } => format!("{} {wait:?}", remedy.as_str()),
            Decision::Quarantine(why) => why,
        };
        assert_eq!(hopeless(&own, true), "rollback 7s");
        assert_eq!(hopeless(&own, false), "trying again cannot help");
        own.ladder.remove(1);
        assert_eq!(hopeless(&own, true), "trying again cannot help");
    }

    #[test]
    fn short_ladders_and_budgets() {
        let mut one = heal();
        one.ladder = vec![RemedyKind::Restart.into(), RemedyKind::Quarantine.into()];
        one.budget.count = 2;
        assert_eq!(
            story(&one),
            "restart 1/2 after 0ns; restart 2/2 after 0ns; \
             2 automatic restarts within 10 min did not help"
        );
        one.budget.count = 0;
        assert_eq!(story(&one), "its budget allows no automatic restart");
        one.ladder = vec![RemedyKind::Quarantine.into()];
        assert_eq!(story(&one), "its ladder names nothing to try");
    }

    #[test]
    fn a_ladder_without_quarantine_is_still_bounded_by_the_budget() {
        let mut bare = heal();
        bare.ladder = vec![RemedyKind::Restart.into()];
        bare.budget.count = 1;
        assert_eq!(
            story(&bare),
            "restart 1/1 after 0ns; 1 automatic restart within 10 min did not help"
        );
    }

    #[test]
    fn rare_crashes_are_never_quarantined_and_stay_on_the_last_rung() {
        let mut history = History::default();
        let mut now = Mono(0);
        for _ in 0..50 {
            now = now + Duration::from_secs(300);
            history.faulted(&heal(), now);
            assert!(matches!(
                decide(&heal(), &history, false, now),
                Decision::Try { .. }
            ));
            history.acted(&heal(), now);
        }
        let Decision::Try { remedy, wait, .. } = decide(&heal(), &history, false, now) else {
            panic!("expected another try");
        };
        assert_eq!(
            (remedy, wait),
            (RemedyKind::RestartNeeds, Duration::from_secs(60))
        );
    }
}
