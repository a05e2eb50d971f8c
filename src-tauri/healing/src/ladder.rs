//! The ladder: which remedy comes next, after which wait, and when to give up.
//!
//! - The rungs before `quarantine` share the budget's acts evenly, in their order; an earlier rung
//!   gets the odd one. With `["restart", "restart-needs", "quarantine"]` and `5 per 10m` that is
//!   three restarts, then two restarts together with what it needs.
//! - The last of them stands for every further attempt that the budget allows: a service that
//!   crashes once an hour is started again each time.
//! - When the budget is used up the service is quarantined, whatever the ladder says. A ladder
//!   without any remedy quarantines at the first fault.
//! - The wait before the n-th attempt in a row is the n-th step of the backoff; the last repeats.

use crate::{History, words};
use model::{Mono, RemedyKind};
use std::time::Duration;

/// What to do about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Try this remedy after this wait.
    Try {
        /// [`RemedyKind::Restart`] or [`RemedyKind::RestartNeeds`].
        remedy: RemedyKind,
        /// Not before this long from now.
        wait: Duration,
        /// Which attempt this is within the budget's window, from 1.
        attempt: u32,
        /// How many the budget allows.
        of: u32,
    },
    /// Give up, and why.
    Quarantine(String),
}

/// Chooses the next remedy.
pub fn decide(heal: &spec::Heal, history: &History, now: Mono) -> Decision {
    let rungs: Vec<RemedyKind> = heal
        .ladder
        .iter()
        .copied()
        .take_while(|rung| *rung != RemedyKind::Quarantine)
        .collect();
    let Some(last) = rungs.last() else {
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
    let remedy = rung(&rungs, budget.count, tried).unwrap_or(*last);
    let steps = &heal.backoff.steps;
    let step = usize::try_from(tried)
        .unwrap_or(usize::MAX)
        .min(steps.len().saturating_sub(1));
    let wait = steps.get(step).copied().unwrap_or_default();
    Decision::Try {
        remedy,
        wait,
        attempt: spent + 1,
        of: budget.count,
    }
}

/// The rung of the attempt after `tried` ones, while every rung still has its share.
fn rung(rungs: &[RemedyKind], count: u32, tried: u32) -> Option<RemedyKind> {
    let rung_count = u32::try_from(rungs.len()).unwrap_or(u32::MAX);
    let (share, odd) = (count / rung_count, count % rung_count);
    let mut end = 0_u32;
    (0_u32..).zip(rungs).find_map(|(index, rung)| {
        end = end.saturating_add(share + u32::from(index < odd));
        (tried < end).then_some(*rung)
    })
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
            match decide(heal, &history, now) {
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
    fn short_ladders_and_budgets() {
        let mut one = heal();
        one.ladder = vec![RemedyKind::Restart, RemedyKind::Quarantine];
        one.budget.count = 2;
        assert_eq!(
            story(&one),
            "restart 1/2 after 0ns; restart 2/2 after 0ns; \
             2 automatic restarts within 10 min did not help"
        );
        one.budget.count = 0;
        assert_eq!(story(&one), "its budget allows no automatic restart");
        one.ladder = vec![RemedyKind::Quarantine];
        assert_eq!(story(&one), "its ladder names nothing to try");
    }

    #[test]
    fn a_ladder_without_quarantine_is_still_bounded_by_the_budget() {
        let mut bare = heal();
        bare.ladder = vec![RemedyKind::Restart];
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
                decide(&heal(), &history, now),
                Decision::Try { .. }
            ));
            history.acted(&heal(), now);
        }
        let Decision::Try { remedy, wait, .. } = decide(&heal(), &history, now) else {
            panic!("expected another try");
        };
        assert_eq!(
            (remedy, wait),
            (RemedyKind::RestartNeeds, Duration::from_secs(60))
        );
    }
}
