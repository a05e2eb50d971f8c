//! What remedies have come to in a cluster: counted by what was wrong, never guessed.

use model::{CauseKind, Confidence, RemedyKind, RemedyOutcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often which remedy has worked against what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Experience(BTreeMap<CauseKind, BTreeMap<RemedyKind, Confidence>>);

impl Experience {
    /// How often a remedy has worked; 0 of 0 when it was never tried.
    pub fn of(&self, cause: CauseKind, remedy: RemedyKind) -> Confidence {
        let known = self.0.get(&cause).and_then(|all| all.get(&remedy));
        known.copied().unwrap_or_default()
    }

    /// It is known what came of one, or something else than before (`was`).
    pub fn note(
        &mut self,
        cause: CauseKind,
        remedy: RemedyKind,
        was: Option<RemedyOutcome>,
        now: RemedyOutcome,
    ) {
        let counts = |outcome: Option<RemedyOutcome>| {
            outcome != Some(RemedyOutcome::Unknown) && outcome.is_some()
        };
        let worked = |outcome: Option<RemedyOutcome>| outcome == Some(RemedyOutcome::Worked);
        let tally = self.0.entry(cause).or_default().entry(remedy).or_default();
        let now = Some(now);
        if counts(was) {
            tally.of = tally.of.saturating_sub(1);
        }
        if worked(was) {
            tally.worked = tally.worked.saturating_sub(1);
        }
        if counts(now) {
            tally.of = tally.of.saturating_add(1);
        }
        if worked(now) {
            tally.worked = tally.worked.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RemedyOutcome::{DidNotHelp, Unknown, Worked};

    #[test]
    fn it_is_counted_by_cause_and_remedy_and_what_did_not_last_did_not_work() {
        let (ended, failing) = (CauseKind::Ended, CauseKind::Failing);
        let restart = RemedyKind::Restart;
        let mut all = Experience::default();
        assert_eq!(
            all.of(ended, restart).words(ended),
            "no experience with that here yet"
        );
        all.note(ended, restart, None, Worked);
        all.note(ended, restart, None, DidNotHelp);
        all.note(ended, restart, None, Unknown);
        all.note(failing, restart, None, Worked);
        assert_eq!(all.of(ended, restart), Confidence { worked: 1, of: 2 });
        all.note(ended, restart, None, Worked);
        all.note(ended, restart, Some(Worked), DidNotHelp);
        let now = all.of(ended, restart);
        assert_eq!(now, Confidence { worked: 1, of: 3 });
        assert_eq!(
            now.words(ended),
            "worked 1 of 3 times before when a process had ended"
        );
        assert_eq!(
            all.of(failing, restart).words(failing),
            "worked the one time before when checks failed"
        );
        assert_eq!(all.of(failing, RemedyKind::Rollback), Confidence::default());
        let kept = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Experience>(&kept).unwrap(), all);
    }
}
