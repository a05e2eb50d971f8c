//! What is done to writers and engines meanwhile, and when.

use super::follower::Ledger;
use super::{Plan, Told};
use crate::{Azora, process, until};
use std::path::Path;
use std::sync::atomic::Ordering;

/// What is done to whom.
pub(super) enum Act {
    Kill(usize),
    KillEngine,
    Restart(usize),
}

/// The acts, each with the number of lines after which it comes: spread evenly, one kind among the
/// others.
pub(super) fn acts(plan: &Plan) -> Vec<(u64, Act)> {
    let mut acts = Vec::new();
    let mut spread = |count: u64, act: &dyn Fn(u64) -> Act| {
        for nth in 0..count {
            // Off the ends, where nothing is written.
            acts.push((plan.lines / (count + 1) * (nth + 1), act(nth)));
        }
    };
    let service = |nth: u64| (nth % plan.services) as usize;
    spread(plan.kills, &|nth| Act::Kill(service(nth)));
    spread(plan.engine_kills, &|_| Act::KillEngine);
    spread(plan.restarts, &|nth| Act::Restart(service(nth)));
    acts.sort_by_key(|(at, _)| *at);
    acts
}

pub(super) fn perform(azora: &Azora, folder: &Path, ledger: &Ledger, act: &Act, told: &mut Told) {
    match act {
        Act::Kill(service) => {
            let pid = ledger.services[*service].pid.load(Ordering::Relaxed);
            // The last that was heard of may have died already.
            if u32::try_from(pid).is_ok_and(|pid| process::kill_if(pid, "puppet number")) {
                told.kills.0 += 1;
            }
        }
        Act::KillEngine => {
            let engine = azora.engine();
            process::kill(engine);
            until("the engine to be gone", || {
                (!process::lives(engine)).then_some(())
            });
            azora.up(folder);
            told.kills.1 += 1;
        }
        Act::Restart(service) => {
            azora.ok(folder, &["restart", &format!("w{service}")]);
            told.kills.2 += 1;
        }
    }
}
