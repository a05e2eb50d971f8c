//! Rehearsal: a cluster is run against faults before it is run for real.
//!
//! [`rehearse`] puts the definition in front of the same `orchestrator` and `healing` that run
//! clusters, in a simulated world where hours pass in a moment, and tells how each service fared,
//! what in the definition made it worse than it had to be, and what would mend that; the last it
//! shows by a second run with the changes made.
//!
//! It has no clock, no I/O and no chance of its own: a definition and a seed give one report.

mod agenda;
mod audit;
mod causes;
mod chance;
mod ends;
mod faults;
mod ledger;
mod load;
mod machine;
mod mend;
mod order;
mod people;
mod processes;
mod promises;
mod report;
mod rough;
mod rounds;
pub mod sim;
mod size;
mod slips;
mod strike;
mod terms;
mod truth;
mod versions;
mod weak;
mod world;

pub use audit::Promise;
pub use faults::FaultKind;
pub use report::{Reason, Report, Run, ServiceReport};
pub use rounds::Rounds;
pub use weak::{Proposal, Weakness, WeaknessKind};

use ledger::Account;
use model::ServiceName;
use std::ops::ControlFlow;
use std::sync::Arc;
use world::{AFTER, Coming, World};

/// What is to be rehearsed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many faults.
    pub faults: u32,
    /// Which of all possible rehearsals.
    pub seed: u64,
}

impl Plan {
    /// Faults that are enough to meet all kinds in most clusters, and not more than a person waits for.
    pub const USUAL_FAULTS: u32 = 200;
    /// More would take hours for a large cluster.
    pub const MOST_FAULTS: u32 = 100_000;
    /// The one that is taken when nobody asks for another.
    pub const USUAL_SEED: u64 = 1;
}

/// So long everything has to come up before the first fault, in milliseconds.
const UP: u64 = 300_000;

/// Who hears which share is done, from 0 to 1, and may say that this is enough.
type Progress<'a> = &'a mut dyn FnMut(f64) -> ControlFlow<()>;

/// Rehearses a cluster. `progress` hears every few simulated seconds which share is done, from 0 to
/// 1; when it breaks, the rehearsal ends at once and there is no report.
pub fn rehearse(
    definition: &Arc<spec::Cluster>,
    plan: Plan,
    progress: Progress<'_>,
) -> Option<Report> {
    let world = live(definition, plan, &mut |done| progress(done / 2.0))?;
    let mut weaknesses = weak::find(&world);
    let run = account(&world);
    let faults = u32::try_from(world.faults.len()).unwrap_or(u32::MAX);
    let mut mended = (**definition).clone();
    let mut any = false;
    for weakness in weaknesses.iter().filter(|one| one.proposal.is_some()) {
        mend::mend(&mut mended, weakness);
        any = true;
    }
    mend::together(&mended, &mut weaknesses);
    let mended = if any {
        let mended = Arc::new(mended);
        let world = live(&mended, plan, &mut |done| progress(0.5 + done / 2.0))?;
        for weakness in &mut weaknesses {
            let number =
                |name: &ServiceName| world.services.iter().position(|one| one.name == *name);
            let other = weakness.other.as_ref().and_then(number);
            if let Some(it) = number(&weakness.service) {
                weakness.harm_after = weak::harm(&world, &world.services[it], weakness.kind, other);
            }
        }
        Some(account(&world))
    } else {
        None
    };
    progress(1.0).continue_value()?;
    Some(Report {
        cluster: definition.name.to_string(),
        seed: plan.seed,
        faults,
        simulated_ms: counted(&world),
        run,
        weaknesses,
        mended,
    })
}

/// Brings the cluster up and lives through the faults; `None` when that was stopped.
fn live(definition: &Arc<spec::Cluster>, plan: Plan, progress: Progress<'_>) -> Option<World> {
    let mut world = World::new(definition, plan.seed);
    world.up();
    let up = world.run_until(UP, &mut |_| progress(0.0));
    up.continue_value()?;
    world.counted_from = Some(world.now);
    let daemons = world
        .daemons
        .iter()
        .map(|one| &world.services[*one].defined);
    let grow: Vec<bool> = daemons.map(|one| one.max_replicas.is_some()).collect();
    world.faults = faults::plan(world.chance, plan.faults, &grow, world.now);
    if world.daemons.is_empty() {
        world.faults.clear();
    }
    for number in 0..world.faults.len() {
        let wait = world.faults[number].at - world.now;
        world.later(wait, Coming::Fault(number));
    }
    let end = world.faults.last().map_or(world.now, |last| last.at) + AFTER;
    let faults = world.run_until(end, &mut |now| progress(now as f64 / end as f64));
    faults.continue_value()?;
    world.close();
    Some(world)
}

fn counted(world: &World) -> u64 {
    world.now - world.counted_from.unwrap_or(world.now)
}

/// Why it was away, most first.
fn reasons(world: &World, account: &Account) -> Vec<Reason> {
    let name = |other: usize| world.services[other].name.as_str();
    let mut reasons: Vec<Reason> = account
        .away
        .iter()
        .map(|(why, ms)| Reason {
            text: why.words(name),
            ms: *ms,
        })
        .collect();
    reasons.sort_by_key(|one| std::cmp::Reverse(one.ms));
    reasons
}

/// The value below which this share of a sorted list lies.
fn share(sorted: &[u64], of: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(((last as f64) * of).ceil() as usize).copied()
}

fn account(world: &World) -> Run {
    let time = counted(world).max(1);
    let mut all = Vec::new();
    let mut services: Vec<ServiceReport> = Vec::new();
    for it in &world.services {
        let account = &it.account;
        let mut back = account.back.clone();
        back.sort_unstable();
        all.extend_from_slice(&back);
        services.push(ServiceReport {
            service: it.name.clone(),
            availability: 1.0 - account.total() as f64 / time as f64,
            away_ms: account.total(),
            reasons: reasons(world, account),
            faults: account.faults,
            recovery_p50_ms: share(&back, 0.5),
            recovery_p99_ms: share(&back, 0.99),
            restarts: account.restarts,
            needless_restarts: account.needless.values().sum::<u32>() + account.impatient,
            runs: match it.defined.schedule {
                Some(_) => account.starts,
                None => 0,
            },
            quarantines: account.quarantines,
            added: account.added,
            helped: account.helped,
        });
    }
    all.sort_unstable();
    let sum = |of: fn(&ServiceReport) -> u32| services.iter().map(of).sum();
    let run = Run {
        availability: services.iter().map(|one| one.availability).sum::<f64>()
            / (services.len().max(1) as f64),
        recovery_p50_ms: share(&all, 0.5),
        recovery_p99_ms: share(&all, 0.99),
        restarts: sum(|one| one.restarts),
        needless_restarts: sum(|one| one.needless_restarts),
        quarantines: sum(|one| one.quarantines),
        added: sum(|one| one.added),
        helped: sum(|one| one.helped),
        lost: world
            .services
            .iter()
            .filter(|it| it.away.is_some())
            .map(|it| it.name.clone())
            .collect(),
        checks: world.checks,
        rounds: world.rounds,
        services: Vec::new(),
    };
    services.sort_by_key(|one| std::cmp::Reverse(one.away_ms));
    Run { services, ..run }
}
