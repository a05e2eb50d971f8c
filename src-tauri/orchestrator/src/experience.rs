//! What remedies came to, and how sure that makes the next one.
//!
//! A remedy has worked when its service was well again and stayed so until the incident was over; it did not help when
//! another had to follow, or none was left. Where a person was quicker nobody knows, and it is not counted.

use crate::cluster::Cluster;
use crate::instance::Life;
use crate::step::Step;
use model::{CauseKind, Confidence, InstanceId, RemedyKind, RemedyOutcome};

impl Cluster {
    /// What is wrong with an instance, as far as this remedy is concerned; `None` where it helps nothing.
    pub(crate) fn cause_of(&self, id: &InstanceId, remedy: RemedyKind) -> Option<CauseKind> {
        let instance = self.instances.get(id);
        Some(match (remedy.helps(), instance) {
            (false, _) => return None,
            (true, _) if remedy == RemedyKind::ScaleUp => CauseKind::Load,
            (true, None) => return None,
            (true, Some(one)) if one.life == Life::Gone && one.ended.is_none() => {
                CauseKind::NotStarted
            }
            (true, Some(one)) if one.life == Life::Gone => CauseKind::Ended,
            (true, Some(one)) if one.ready => CauseKind::Failing,
            (true, Some(_)) => CauseKind::NotReady,
        })
    }

    /// How often this remedy has worked here against what is wrong now.
    pub(crate) fn confidence(
        &self,
        id: &InstanceId,
        remedy: RemedyKind,
    ) -> Option<(CauseKind, Confidence)> {
        let cause = self.cause_of(id, remedy)?;
        Some((cause, self.experience.of(cause, remedy)))
    }
}

impl Step<'_> {
    /// It is known what came of the last remedy of an incident. What has worked may turn out not to have lasted; all
    /// else stands.
    pub(crate) fn came_to(&mut self, key: u64, outcome: RemedyOutcome) {
        let Some(tale) = self.cluster.incidents.get_mut(&key) else {
            return;
        };
        let mut tried = tale.incident.actions.iter_mut().rev();
        let Some(last) = tried.find(|one| one.kind.helps()) else {
            return;
        };
        let Some(cause) = last.cause else {
            return;
        };
        let was = last.outcome;
        let did_not_last =
            was == Some(RemedyOutcome::Worked) && outcome == RemedyOutcome::DidNotHelp;
        if was.is_none() || did_not_last {
            last.outcome = Some(outcome);
            let remedy = last.kind;
            self.cluster.experience.note(cause, remedy, was, outcome);
            self.out.incidents.insert(key);
        }
    }
}
