//! What in a definition causes the worst of it, and the change that would mend it.

use crate::ledger::{Away, Innocent};
use crate::mend::{BUDGET, BUDGET_PER, READY_WITHIN, proposal};
use crate::world::{Service, World};
use healing::words;
use model::{RemedyKind, ServiceName};
use serde::Serialize;
use spec::{Probe, ProbeTarget};
use std::time::Duration;
use ts_rs::TS;

/// What is weak about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum WeaknessKind {
    /// It is taken for ready as soon as its process is there.
    NoReadiness,
    /// When it hangs nobody sees it.
    NoHealth,
    /// It is asked for a connection only, which the kernel makes for a process that hangs.
    ShallowHealth,
    /// It takes long until a hang is seen.
    SlowHealth,
    /// One lost answer restarts it.
    TouchyHealth,
    /// A slow answer counts as none.
    ShortTimeout,
    /// It is ended while it still starts.
    ShortPatience,
    /// It goes into quarantine after few restarts.
    SmallBudget,
    /// It waits long before it is started again.
    LongBackoff,
    /// Healing does nothing about it.
    NoHealing,
    /// It is protected: only a person may stop it, also when it hangs.
    Protected,
    /// It uses what it does not declare to need.
    UndeclaredNeed,
    /// It may hold on to what it needs after that was restarted.
    NeedWithoutRestart,
}

/// A line of a definition that would mend it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Proposal {
    /// The table it belongs in: `service.api`.
    pub table: String,
    /// The line: `ready = { tcp = "$PORT" }`.
    pub line: String,
}

/// A weakness that was seen to do harm.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(optional_fields)]
pub struct Weakness {
    /// What.
    pub kind: WeaknessKind,
    /// Whose.
    pub service: ServiceName,
    /// On account of which other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<ServiceName>,
    /// What it did, in words.
    pub text: String,
    /// The harm: milliseconds away, or events, as the kind has it.
    pub harm: u64,
    /// The same with all proposals followed.
    pub harm_after: u64,
    /// What would mend it, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
}

/// An event weighs as much as so many milliseconds when weaknesses are put in order.
const EVENT: u64 = 5_000;

/// Away for less than so long in all is not worth a line.
const LEAST: u64 = 10_000;

/// Which are measured in events and not in milliseconds.
fn counts(kind: WeaknessKind) -> bool {
    matches!(
        kind,
        WeaknessKind::NoReadiness
            | WeaknessKind::TouchyHealth
            | WeaknessKind::ShortTimeout
            | WeaknessKind::ShortPatience
            | WeaknessKind::UndeclaredNeed
    )
}

impl Weakness {
    /// For putting them in order.
    pub(crate) fn weight(&self) -> u64 {
        match counts(self.kind) {
            true => self.harm.saturating_mul(EVENT),
            false => self.harm,
        }
    }
}

/// How much harm a weakness has done to a service in this world.
pub(crate) fn harm(world: &World, it: &Service, kind: WeaknessKind, other: Option<usize>) -> u64 {
    let account = &it.account;
    let needless = |why| u64::from(account.needless.get(&why).copied().unwrap_or(0));
    match kind {
        // Those that were started because of it, and failed for want of it.
        WeaknessKind::NoReadiness => {
            let number = world.services.iter().position(|one| one.name == it.name);
            let failed = it.used_by.iter().filter_map(|user| {
                let misled = &world.services[*user].account.misled;
                number.and_then(|number| misled.get(&number))
            });
            failed.map(|times| u64::from(*times)).sum()
        }
        WeaknessKind::NoHealth | WeaknessKind::ShallowHealth => {
            account.sum(|why| matches!(why, Away::Unseen))
        }
        WeaknessKind::SlowHealth => account.sum(|why| matches!(why, Away::Unnoticed)),
        WeaknessKind::TouchyHealth => needless(Innocent::Blip),
        WeaknessKind::ShortTimeout => needless(Innocent::Slow),
        WeaknessKind::ShortPatience => u64::from(account.impatient),
        WeaknessKind::SmallBudget => account.sum(|why| matches!(why, Away::Quarantined)),
        WeaknessKind::LongBackoff => account.sum(|why| matches!(why, Away::Remedied)),
        WeaknessKind::Protected => account.sum(|why| matches!(why, Away::Unhealed)),
        WeaknessKind::NoHealing => {
            account.sum(|why| matches!(why, Away::Unhealed | Away::Quarantined))
        }
        WeaknessKind::UndeclaredNeed => other
            .and_then(|other| account.wanting.get(&other))
            .map_or(0, |times| u64::from(*times)),
        WeaknessKind::NeedWithoutRestart => {
            account.sum(|why| matches!(why, Away::Stuck(by) if Some(*by) == other))
        }
    }
}

/// What is weak about a service by its definition, whether it did harm or not.
fn candidates(world: &World, it: &Service) -> Vec<(WeaknessKind, Option<usize>)> {
    let defined = &it.defined;
    let mut found = Vec::new();
    let mut add = |weak: bool, kind| {
        if weak {
            found.push((kind, None));
        }
    };
    if !it.oneshot {
        let slow =
            |probe: &Probe| probe.every * probe.fail + probe.timeout > Duration::from_secs(30);
        let health = defined.health.as_ref();
        let shallow = health.is_some_and(|one| matches!(one.target, ProbeTarget::Tcp { .. }));
        add(
            defined.ready.is_none() && health.is_none(),
            WeaknessKind::NoReadiness,
        );
        add(health.is_none(), WeaknessKind::NoHealth);
        add(shallow, WeaknessKind::ShallowHealth);
        add(
            health.is_some_and(slow) && !shallow,
            WeaknessKind::SlowHealth,
        );
        add(
            health.is_some_and(|one| one.fail < 2),
            WeaknessKind::TouchyHealth,
        );
        let short = |one: &Probe| one.timeout < Duration::from_secs(1);
        add(
            health.is_some_and(short) && !shallow,
            WeaknessKind::ShortTimeout,
        );
    }
    let asked = defined.ready.is_some() || defined.health.is_some();
    let patience = defined.ready_within < READY_WITHIN;
    add(asked && patience, WeaknessKind::ShortPatience);
    let heal = &defined.heal;
    let helpless = heal
        .ladder
        .first()
        .is_none_or(|one| one.remedy == RemedyKind::Quarantine);
    add(
        !heal.enabled || helpless || heal.budget.count == 0,
        WeaknessKind::NoHealing,
    );
    add(heal.enabled && defined.protected, WeaknessKind::Protected);
    if heal.enabled && !helpless && heal.budget.count > 0 {
        let small = heal.budget.count < BUDGET || heal.budget.per > BUDGET_PER;
        add(small, WeaknessKind::SmallBudget);
        let long = heal
            .backoff
            .steps
            .first()
            .is_some_and(|one| *one >= Duration::from_secs(5));
        add(long, WeaknessKind::LongBackoff);
    }
    for used in &it.uses {
        let name = &world.services[*used].name;
        match defined.needs.iter().find(|need| need.service == *name) {
            None => found.push((WeaknessKind::UndeclaredNeed, Some(*used))),
            Some(need) if !need.restart => {
                found.push((WeaknessKind::NeedWithoutRestart, Some(*used)));
            }
            Some(_) => {}
        }
    }
    found
}

/// What was weak in this world and did harm, worst first.
pub(crate) fn find(world: &World) -> Vec<Weakness> {
    let mut found = Vec::new();
    for it in &world.services {
        for (kind, other) in candidates(world, it) {
            let harm = harm(world, it, kind, other);
            let least = if counts(kind) { 1 } else { LEAST };
            if harm < least {
                continue;
            }
            let other = other.map(|other| world.services[other].name.clone());
            let (table, line) = proposal(world, it, kind, other.as_ref());
            found.push(Weakness {
                kind,
                service: it.name.clone(),
                text: told(it, kind, other.as_ref(), harm),
                other,
                harm,
                harm_after: harm,
                proposal: (!line.is_empty()).then_some(Proposal { table, line }),
            });
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.weight()));
    found
}

fn told(it: &Service, kind: WeaknessKind, other: Option<&ServiceName>, harm: u64) -> String {
    let name = &it.name;
    let account = &it.account;
    let time = words::duration(Duration::from_millis(harm));
    let times = words::times(u32::try_from(harm).unwrap_or(u32::MAX));
    let needs = other.map(ToString::to_string).unwrap_or_default();
    match kind {
        WeaknessKind::NoReadiness => {
            let share = account.early * 100 / account.starts.max(1);
            format!(
                "{name} has no readiness: after {share} % of its starts it was taken for ready too \
                 early, and {times} what needs it failed to start for that"
            )
        }
        WeaknessKind::NoHealth => {
            let port = match it.defined.port {
                Some(_) => "",
                None => "; it has no port to be asked at, a probe by `exec` would do",
            };
            format!("{name} has no health probe: hangs that nobody saw took {time} in all{port}")
        }
        WeaknessKind::ShallowHealth => format!(
            "{name} is asked for a connection only, which a process that hangs still gets: hangs \
             that nobody saw took {time} in all"
        ),
        WeaknessKind::SlowHealth => {
            format!("{name} is asked so seldom that hangs went on for {time} before they were seen")
        }
        WeaknessKind::TouchyHealth => {
            format!("{name} was restarted {times} because of one lost answer")
        }
        WeaknessKind::ShortTimeout => {
            format!("{name} was restarted {times} for slow answers, which restarting does not mend")
        }
        WeaknessKind::ShortPatience => {
            let longest = words::duration(Duration::from_millis(account.longest_start));
            format!("{name} was ended {times} while it still started, which took up to {longest}")
        }
        WeaknessKind::SmallBudget => {
            format!("{name} was given up after few restarts, and waited {time} for a person")
        }
        WeaknessKind::LongBackoff => {
            format!("{name} was away for {time} that it mostly spent waiting to be started again")
        }
        WeaknessKind::Protected => format!(
            "{name} is protected, so that hangs of it wait for a person: {time} in all. That is what \
             it is for; without it healing restarts {name} like any other"
        ),
        WeaknessKind::NoHealing => {
            format!("healing may not restart {name}: it waited {time} for a person")
        }
        WeaknessKind::UndeclaredNeed => {
            format!("{name} uses {needs} without needing it, and failed to start {times} for that")
        }
        WeaknessKind::NeedWithoutRestart => format!(
            "if {name} does not connect anew when {needs} was restarted, it is of no use after \
             that: {time} in all"
        ),
    }
}
