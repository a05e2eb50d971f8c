//! "What did healing do for me this week": incidents summed up by service.

use crate::incident::Unlisted;
use crate::{Act, ActorKind, Outcome, Verb};
use crate::{ClusterId, Incident, IncidentState, RemedyKind, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// What healing did in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Healed {
    /// From then.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
    /// Over all services.
    pub total: HealedSum,
    /// By service: those with the most incidents first.
    pub services: Vec<HealedService>,
}

/// What it did for one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HealedService {
    /// Where.
    pub cluster: ClusterId,
    /// Which.
    pub service: ServiceName,
    /// What.
    pub sum: HealedSum,
}

/// Incidents summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HealedSum {
    /// Incidents with it at the root.
    pub incidents: u32,
    /// Those that healing ended without anybody.
    pub healed: u32,
    /// Those that needed a person: quarantined, or healing was not allowed to act.
    pub person: u32,
    /// Those that are being worked on.
    pub open: u32,
    /// Those that wait in quarantine for a person.
    pub quarantined: u32,
    /// Automatic restarts, those that made up for the fault of another among them.
    pub restarts: u32,
    /// Times it was put in quarantine.
    pub quarantines: u32,
    /// Instances that were added under load.
    #[serde(default)]
    pub added: u32,
    /// Half of those that healing ended lasted no longer from when they began, in milliseconds.
    #[ts(type = "number | null")]
    pub recover_p50_ms: Option<u64>,
    /// The longest of all that have ended, from when it began, in milliseconds.
    #[ts(type = "number | null")]
    pub longest_ms: Option<u64>,
    /// Half of all were detected within this, in milliseconds.
    #[ts(type = "number | null")]
    pub detect_p50_ms: Option<u64>,
}

impl Healed {
    /// Sums up incidents that were open at some time from `from` to `to`, and what healing has done in
    /// that time by the book of acts: what it started again only because another had failed has no
    /// incident.
    pub fn of(incidents: &[Incident], acts: &[Act], from: Timestamp, to: Timestamp) -> Self {
        let mut by_service: BTreeMap<(&ClusterId, &ServiceName), Vec<&Incident>> = BTreeMap::new();
        for incident in incidents {
            let of = (&incident.cluster, &incident.service);
            by_service.entry(of).or_default().push(incident);
        }
        let mut restarts: BTreeMap<(&ClusterId, &ServiceName), u32> = BTreeMap::new();
        let done = acts.iter().filter(|act| {
            // One that failed to start has been tried all the same.
            let did = matches!(act.outcome, Outcome::Done(_) | Outcome::Failed(_));
            let restart = matches!(act.verb, Verb::Restart | Verb::Rollback);
            did && restart && act.actor.kind == ActorKind::Healer && act.at >= from && act.at <= to
        });
        for act in done {
            if let (Some(cluster), [service]) = (&act.target.cluster, &act.target.services[..]) {
                *restarts.entry((cluster, service)).or_default() += 1;
                by_service.entry((cluster, service)).or_default();
            }
        }
        let mut services: Vec<HealedService> = by_service
            .into_iter()
            .map(|(of, all)| {
                let mut sum = HealedSum::of(&all, from, to);
                // What could not be written into the book is known to its incident.
                sum.restarts = sum.restarts.max(restarts.get(&of).copied().unwrap_or(0));
                HealedService {
                    cluster: of.0.clone(),
                    service: of.1.clone(),
                    sum,
                }
            })
            .collect();
        // Of as many, the order of their names stays.
        services.sort_by_key(|one| std::cmp::Reverse(one.sum.incidents));
        let all: Vec<&Incident> = incidents.iter().collect();
        let restarts = services.iter().map(|one| one.sum.restarts);
        let total = HealedSum {
            restarts: restarts.fold(0, u32::saturating_add),
            ..HealedSum::of(&all, from, to)
        };
        Self {
            from,
            to,
            total,
            services,
        }
    }
}

impl HealedSum {
    fn of(all: &[&Incident], from: Timestamp, to: Timestamp) -> Self {
        let count = |which: &dyn Fn(&Incident) -> bool| {
            let count = all.iter().filter(|one| which(one)).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let by_itself = |one: &Incident| {
            one.state == IncidentState::Resolved && !one.person && !one.actions.is_empty()
        };
        // What a head lists no more is known to the day: the one that `from` lies in counts whole.
        let within = |at: Timestamp| at >= from && at <= to;
        let acts = |which: &dyn Fn(RemedyKind) -> bool, of: &dyn Fn(&Unlisted) -> u32| {
            let listed = all.iter().flat_map(|one| &one.actions);
            let listed = listed.filter(|act| within(act.at) && which(act.kind));
            let listed = u32::try_from(listed.count()).unwrap_or(u32::MAX);
            let unlisted = all.iter().flat_map(|one| &one.unlisted);
            let unlisted = unlisted.filter(|one| within(one.last)).map(of);
            unlisted.fold(listed, u32::saturating_add)
        };
        let healed = all.iter().filter(|one| by_itself(one));
        Self {
            incidents: count(&|_| true),
            healed: count(&by_itself),
            person: count(&|one| one.person),
            open: count(&|one| one.state == IncidentState::Open),
            quarantined: count(&|one| one.state == IncidentState::Quarantined),
            restarts: acts(&RemedyKind::restarts, &|one| one.restarts),
            quarantines: acts(&|kind| kind == RemedyKind::Quarantine, &|one| {
                one.quarantines
            }),
            added: acts(&|kind| kind == RemedyKind::ScaleUp, &|one| one.added),
            recover_p50_ms: middle(healed.filter_map(|one| one.lasted_ms())),
            longest_ms: all.iter().filter_map(|one| one.lasted_ms()).max(),
            detect_p50_ms: middle(all.iter().filter_map(|one| one.detect_ms)),
        }
    }
}

/// Half of them are no greater.
fn middle(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActId, Actor, IncidentId, InstanceId, Remedy, Target};

    fn incident(
        service: &str,
        state: IncidentState,
        took: Option<u64>,
        acts: &[RemedyKind],
    ) -> Incident {
        let service: ServiceName = service.parse().unwrap();
        Incident {
            id: IncidentId(1),
            cluster: "shop-1".parse().unwrap(),
            instance: InstanceId::new(service.clone(), 0),
            service,
            state,
            cause: String::new(),
            impacted: Vec::new(),
            actions: acts
                .iter()
                .map(|&kind| Remedy::new(Timestamp(5_000), kind, String::new()))
                .collect(),
            opened: Timestamp(5_000),
            resolved: took.map(|took| Timestamp(5_000 + took as i64)),
            duration_ms: took,
            began: None,
            began_by: None,
            detect_ms: took.map(|took| took / 10),
            waits: None,
            person: acts.contains(&RemedyKind::Quarantine),
            entries: 0,
            unlisted: Vec::new(),
        }
    }

    #[test]
    fn what_is_tried_once_more_is_told_though_the_list_is_full() {
        let acts = [RemedyKind::Restart; crate::incident::MAX_ACTIONS];
        let before = incident("api", IncidentState::Open, None, &acts);
        assert!(!before.went_on(&before));
        let mut now = before.clone();
        now.waits = Some("it to be ready".into());
        assert!(!before.went_on(&now));
        let mut last = now.actions.remove(0);
        last.at = Timestamp(last.at.0 + 60_000);
        now.actions.push(last);
        assert!(before.went_on(&now));
    }

    /// A service without quarantine in its ladder may be restarted for weeks: the sum knows of all that.
    #[test]
    fn restarts_that_are_listed_no_more_are_counted() {
        const HOUR: i64 = 3_600_000;
        let mut flapping = incident("db", IncidentState::Open, None, &[]);
        for hour in 0..200 {
            flapping.tries(Remedy::new(
                Timestamp(hour * HOUR),
                RemedyKind::Restart,
                String::new(),
            ));
        }
        assert_eq!(flapping.actions.len(), crate::incident::MAX_ACTIONS);
        assert_eq!(flapping.tried(), 200);
        let to = Timestamp(199 * HOUR);
        let restarts = |from: i64| {
            let sums = Healed::of(
                std::slice::from_ref(&flapping),
                &[],
                Timestamp(from * HOUR),
                to,
            );
            sums.total.restarts
        };
        assert_eq!(restarts(0), 200);
        assert_eq!(restarts(48), 152);
        assert_eq!(restarts(180), 20);
        // In the middle of a day that is not listed any more: all of that day.
        assert_eq!(restarts(60), 152);
        // Older days are one, and nothing is lost.
        for hour in 200..4_000 {
            flapping.tries(Remedy::new(
                Timestamp(hour * HOUR),
                RemedyKind::Restart,
                String::new(),
            ));
        }
        assert_eq!(flapping.unlisted.len(), crate::incident::MAX_DAYS);
        assert_eq!(flapping.tried(), 4_000);
    }

    #[test]
    fn a_week_is_summed_up_by_service() {
        use IncidentState::{Closed, Open, Quarantined, Resolved};
        use RemedyKind::{Quarantine, Restart, ScaleUp};
        let all = [
            incident("db", Resolved, Some(100), &[Restart]),
            incident("db", Resolved, Some(300), &[Restart, Restart]),
            incident("db", Resolved, Some(200), &[Restart]),
            // It came back before anything was done: nothing was healed.
            incident("api", Resolved, Some(50), &[]),
            incident("api", Quarantined, None, &[Restart, Quarantine]),
            incident("web", Closed, Some(9_000), &[Restart]),
            incident("web", Open, None, &[ScaleUp, ScaleUp]),
        ];
        let week = Healed::of(&all, &[], Timestamp(0), Timestamp(10_000));
        let names: Vec<&str> = week
            .services
            .iter()
            .map(|one| one.service.as_str())
            .collect();
        assert_eq!(names, ["db", "api", "web"]);
        let db = &week.services[0].sum;
        assert_eq!((db.incidents, db.healed, db.restarts), (3, 3, 4));
        // Its tenth before that it was detected.
        assert_eq!((db.recover_p50_ms, db.longest_ms), (Some(220), Some(330)));
        assert_eq!(db.detect_p50_ms, Some(20));
        let total = &week.total;
        assert_eq!((total.incidents, total.healed, total.person), (7, 3, 1));
        assert_eq!((total.open, total.quarantined), (1, 1));
        assert_eq!((total.quarantines, total.restarts), (1, 6));
        assert_eq!(total.added, 2);
        assert_eq!(total.longest_ms, Some(9_900));
        let before = Healed::of(&all, &[], Timestamp(6_000), Timestamp(10_000));
        assert_eq!(before.total.restarts, 0, "those were before");
        let none = Healed::of(&[], &[], Timestamp(0), Timestamp(1));
        assert_eq!((none.total.recover_p50_ms, none.services.len()), (None, 0));
    }

    #[test]
    fn what_is_started_again_for_the_fault_of_another_counts_too() {
        let act = |service: &str, at: i64, verb: Verb, actor: Actor| Act {
            id: ActId(1),
            at: Timestamp(at),
            actor,
            verb,
            target: Target {
                cluster: Some("shop-1".parse().unwrap()),
                services: vec![service.parse().unwrap()],
                instance: None,
            },
            reason: String::new(),
            outcome: Outcome::Done(String::new()),
            decision: None,
        };
        let acts = [
            act("db", 5_000, Verb::Restart, Actor::healer()),
            act("api", 5_100, Verb::Restart, Actor::healer()),
            act("api", 5_900, Verb::Rollback, Actor::healer()),
            act("api", 4_000, Verb::Restart, Actor::healer()),
            act("web", 5_200, Verb::Restart, Actor::person("cli")),
            act("web", 5_300, Verb::Quarantine, Actor::healer()),
            Act {
                outcome: Outcome::Overtaken(String::new()),
                ..act("web", 5_400, Verb::Restart, Actor::healer())
            },
            Act {
                outcome: Outcome::Pending,
                ..act("db", 5_500, Verb::Restart, Actor::healer())
            },
        ];
        let state = IncidentState::Resolved;
        let db = incident("db", state, Some(100), &[RemedyKind::Restart]);
        let sums = Healed::of(&[db], &acts, Timestamp(4_500), Timestamp(10_000));
        let each = sums.services.iter();
        let each = each.map(|one| (one.service.as_str(), one.sum.incidents, one.sum.restarts));
        assert_eq!(each.collect::<Vec<_>>(), [("db", 1, 1), ("api", 0, 2)]);
        assert_eq!((sums.total.incidents, sums.total.restarts), (1, 3));
    }
}
