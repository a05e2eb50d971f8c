//! Looks at what was measured for what goes wrong slowly, and tells the owners what it saw.
//!
//! The minutes are in the store already, so nothing is kept here. The last hour is looked at every five
//! minutes, six hours every half hour, and two days every four hours: a thousand services cost less
//! than a ten-thousandth of a core.

use crate::clock::Clock;
use crate::owner::Message;
use crate::shared::Shared;
use healing::trend::{self, BLOCKS, Reach, WARM_UP};
use model::{ClusterId, FindingKind, InstanceId, InstanceStatus, State, Timestamp};
use orchestrator::Look;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::Blocks;

/// The shortest look.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// One of so many looks reaches back six hours, and two days.
const HOURS: u64 = 6;
const DAYS: u64 = 48;
/// Minutes are rolled up when they are over for some time.
const ROLLED: i64 = 2 * 60_000;
/// Changes of state that are looked at for restarts.
const MAX_STATES: u32 = 50_000;

/// Looks until the engine ends.
pub(crate) async fn watch(shared: Arc<Shared>) {
    for round in 0_u64.. {
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let mut reaches = vec![Reach::Hour];
        if round % HOURS == 0 {
            reaches.push(Reach::Hours);
        }
        if round % DAYS == 0 {
            reaches.push(Reach::Days);
        }
        for (cluster, _) in shared.all_owners() {
            if let Err(error) = look(&shared, &cluster, &reaches).await {
                tracing::warn!(%error, %cluster, "trends were not looked at");
            }
        }
    }
}

/// Looks at one cluster and tells its owner.
pub(crate) async fn look(
    shared: &Arc<Shared>,
    cluster: &ClusterId,
    reaches: &[Reach],
) -> Result<(), crate::Error> {
    let now = Clock::wall();
    let instances: Vec<_> = shared.picture.instances(cluster);
    let running: Vec<_> = instances.iter().filter(|one| one.pid.is_some()).collect();
    if running.is_empty() {
        return Ok(());
    }
    let owner = shared.owner(cluster)?;
    let definition = crate::defined::record(shared, cluster).await?.definition;
    let pids: Vec<u32> = running.iter().filter_map(|one| one.pid).collect();
    let begun = tokio::task::spawn_blocking(move || telemetry::began(&pids, Clock::wall()));
    let begun = begun.await.map_err(|_| crate::Error::Closing)?;
    let mut looks = Vec::new();
    for reach in reaches {
        let length = i64::try_from(reach.length().as_millis()).unwrap_or(i64::MAX);
        let block = length / i64::try_from(BLOCKS).unwrap_or(1);
        let from = Timestamp(now.0 - ROLLED - length);
        let samples = shared.store.samples();
        let blocks = samples.blocks(cluster, from, block, BLOCKS).await?;
        for one in &running {
            let limits = definition
                .services
                .get(&one.service)
                .map(|service| service.limits);
            let began = one.pid.and_then(|pid| begun.get(&pid)).copied();
            let blocks = blocks.get(&one.instance);
            looks.push(looked_at(
                one,
                *reach,
                from,
                began,
                blocks,
                limits.unwrap_or_default(),
            ));
        }
    }
    let often = restarts(shared, cluster, now).await?;
    // That is true of one in quarantine as well.
    looks.extend(instances.iter().map(|one| restarted(one, &often)));
    // An owner that is too busy for measurements misses a look.
    let _ = owner.try_send(Message::Looked(looks));
    Ok(())
}

/// One look at one instance, from `from` on.
fn looked_at(
    one: &InstanceStatus,
    reach: Reach,
    from: Timestamp,
    began: Option<Timestamp>,
    blocks: Option<&Blocks>,
    limits: spec::Limits,
) -> Look {
    let warm = i64::try_from(WARM_UP.as_millis()).unwrap_or(i64::MAX);
    // A process that is younger than what is looked at shows how it began.
    let old_enough = began.is_some_and(|began| began.0.saturating_add(warm) <= from.0);
    let seen = blocks.filter(|_| old_enough);
    let mut looked = vec![FindingKind::MemoryGrows, FindingKind::FilesGrow];
    if reach == Reach::Days {
        looked.push(FindingKind::LatencyCreeps);
    }
    Look {
        instance: one.instance.clone(),
        generation: one.generation,
        reach,
        looked,
        seen: seen
            .map(|blocks| growths(reach, blocks, limits))
            .unwrap_or_default(),
    }
}

fn growths(reach: Reach, blocks: &Blocks, limits: spec::Limits) -> BTreeMap<FindingKind, String> {
    let kinds = [
        (FindingKind::MemoryGrows, &blocks.memory, limits.memory),
        (FindingKind::FilesGrow, &blocks.files, limits.files),
        (FindingKind::LatencyCreeps, &blocks.latency, None),
    ];
    let seen = kinds.into_iter().filter_map(|(kind, blocks, limit)| {
        let blocks = blocks.as_slice().try_into().ok()?;
        let growth = trend::growth(kind, reach, blocks, limit.map(|limit| limit as f64))?;
        Some((kind, growth.words(kind)))
    });
    seen.collect()
}

/// How long ago healing restarted an instance, and how long it has been known, both within a week.
type Ages = (Vec<Duration>, Duration);

/// How that is of each.
async fn restarts(
    shared: &Shared,
    cluster: &ClusterId,
    now: Timestamp,
) -> Result<BTreeMap<InstanceId, Ages>, crate::Error> {
    const WEEK: i64 = 7 * 24 * 3_600 * 1_000;
    let from = Timestamp(now.0 - WEEK);
    let events = shared.store.events();
    let states = events
        .all_states(cluster, None, from, now, MAX_STATES)
        .await?;
    let ages = |changes: Vec<(Timestamp, State)>| -> Ages {
        let first = changes.first().map_or(now, |(at, _)| *at);
        let mut before = None;
        let mut ages = Vec::new();
        for (at, state) in changes {
            let again = state == State::Recovering && before != Some(State::Recovering);
            if again && at > from {
                ages.push(Duration::from_millis(now.millis_since(at)));
            }
            before = Some(state);
        }
        (ages, Duration::from_millis(now.millis_since(first)))
    };
    Ok(states
        .into_iter()
        .map(|(id, changes)| (id, ages(changes)))
        .collect())
}

fn restarted(one: &InstanceStatus, often: &BTreeMap<InstanceId, Ages>) -> Look {
    let ages = often.get(&one.instance);
    let text = ages.and_then(|(ages, known)| trend::restarts(ages, *known));
    Look {
        instance: one.instance.clone(),
        generation: one.generation,
        reach: Reach::Hours,
        looked: vec![FindingKind::RestartsOften],
        seen: text
            .map(|text| (FindingKind::RestartsOften, text))
            .into_iter()
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Generation, Marks, Reason};

    fn api() -> InstanceStatus {
        InstanceStatus {
            instance: "api.0".parse().unwrap(),
            service: "api".parse().unwrap(),
            category: "services".to_owned(),
            state: State::Ready,
            reason: Reason::default(),
            pid: Some(1),
            ports: vec![],
            generation: Generation(3),
            restarts: 0,
            since: Timestamp(0),
            marks: Marks::default(),
            schedule: None,
            findings: vec![],
            origin: None,
            port_taken: None,
        }
    }

    #[test]
    fn a_leak_is_seen_in_a_process_that_is_past_its_first_half_hour() {
        let grows = |step: f64| (0..BLOCKS).map(|n| Some(100e6 + step * n as f64)).collect();
        let blocks = Blocks {
            memory: grows(10e6),
            files: vec![Some(12.0); BLOCKS],
            latency: vec![None; BLOCKS],
        };
        let limits = spec::Limits {
            memory: Some(512_000_000),
            ..spec::Limits::default()
        };
        let from = Timestamp(100 * 3_600_000);
        let seen = |began| looked_at(&api(), Reach::Hours, from, began, Some(&blocks), limits);
        let long_ago = seen(Some(Timestamp(from.0 - 31 * 60_000)));
        let words = &long_ago.seen[&FindingKind::MemoryGrows];
        assert_eq!(
            words,
            "memory grows 20 MB an hour, from 100 MB to 210 MB in 6 h; reaches its limit of 512 MB in about 15 h"
        );
        assert_eq!(
            (long_ago.seen.len(), long_ago.generation),
            (1, Generation(3))
        );
        assert!(long_ago.looked.contains(&FindingKind::FilesGrow));
        for young in [
            None,
            Some(Timestamp(from.0 - 29 * 60_000)),
            Some(Timestamp(from.0 + 60_000)),
        ] {
            assert!(seen(young).seen.is_empty(), "{young:?}");
        }
        assert!(
            looked_at(&api(), Reach::Hours, from, Some(Timestamp(0)), None, limits)
                .seen
                .is_empty()
        );
    }
}
