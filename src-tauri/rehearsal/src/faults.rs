//! What goes wrong in a rehearsal.

use crate::chance::{About, Chance};
use serde::Serialize;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It exits with code 1.
    Crash,
    /// It is killed, as when memory runs out.
    Killed,
    /// It lives and answers nobody any more.
    Hang,
    /// For a minute it takes most of a second to answer, and so may what uses it.
    Slow,
    /// It crashes, and again some seconds after each of the next three starts.
    Flap,
    /// It crashes, and its next start takes eight times as long.
    SlowStart,
    /// It crashes, and its next two starts fail.
    BadStart,
    /// One check of it gets no answer; nothing else is wrong.
    Blip,
    /// It crashes while the disk is full, for half a minute.
    FullDisk,
    /// It crashes while Azora's engine is dead, for three seconds.
    EngineDies,
    /// Azora's engine stands still for a minute; the first check of everyone after it gets no answer.
    EngineStopped,
    /// The machine sleeps for an hour; the first check of everyone after it gets no answer.
    Sleep,
    /// For five minutes there is more to do than its instances can. Only where healing may add some.
    Load,
    /// Somebody sets the clock, by a day forward or back; nothing else is wrong.
    ClockStep,
}

/// All that come to everyone; a rehearsal goes through them again and again, so that none is left out.
pub(crate) const KINDS: [FaultKind; 13] = [
    FaultKind::Crash,
    FaultKind::Hang,
    FaultKind::Killed,
    FaultKind::Slow,
    FaultKind::Flap,
    FaultKind::Blip,
    FaultKind::SlowStart,
    FaultKind::Sleep,
    FaultKind::BadStart,
    FaultKind::EngineStopped,
    FaultKind::FullDisk,
    FaultKind::EngineDies,
    FaultKind::ClockStep,
];

/// A fault that is planned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// In milliseconds.
    pub(crate) at: u64,
    pub(crate) kind: FaultKind,
    /// Which of the daemons.
    pub(crate) target: usize,
}

/// Between two faults, in milliseconds: most are over before the next comes, and some are not.
const GAP: (u64, u64) = (20_000, 120_000);
/// A service has a fault every half hour at most, on the average: more would tell how it fares in a
/// disaster only.
const EACH: u64 = 1_800_000;

/// So many faults from `begin` on, to these daemons, of which healing may add to some: each gets about as
/// many, of all kinds.
pub(crate) fn plan(chance: Chance, count: u32, grow: &[bool], begin: u64) -> Vec<Fault> {
    let daemons = u64::try_from(grow.len()).unwrap_or(1).max(1);
    let mut at = begin;
    let mean = u64::midpoint(GAP.0, GAP.1);
    let stretch = (EACH / daemons).max(mean);
    (0..u64::from(count))
        .map(|number| {
            at += chance.between(GAP.0, GAP.1, About::Gap, &[number]) * stretch / mean;
            // In each round of all daemons each has one fault, and its kind is another every round.
            let (round, place) = (number / daemons, number % daemons);
            let turn = chance.below(daemons, About::Target, &[round]);
            let target = (place + turn) % daemons;
            let grows = grow.get(target as usize) == Some(&true);
            let kinds = KINDS.len() as u64 + u64::from(grows);
            let kind = (target + round * 5 + chance.below(kinds, About::Kind, &[target])) % kinds;
            Fault {
                at,
                kind: KINDS.get(kind as usize).copied().unwrap_or(FaultKind::Load),
                target: target as usize,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn everyone_meets_every_kind() {
        let plan = plan(Chance(3), 14 * 4, &[false, true, false, false], 1_000);
        for target in 0..4 {
            let kinds: BTreeSet<FaultKind> = plan
                .iter()
                .filter(|fault| fault.target == target)
                .map(|fault| fault.kind)
                .collect();
            let all = KINDS.len() + usize::from(target == 1);
            assert_eq!(kinds.len(), all, "{target}: {kinds:?}");
            assert_eq!(kinds.contains(&FaultKind::Load), target == 1);
        }
        assert!(plan.is_sorted_by_key(|fault| fault.at) && plan[0].at > 1_000);
    }
}
