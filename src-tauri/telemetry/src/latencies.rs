//! The last probes of every service of a cluster, for the small curves beside their names.

use model::view::Latencies;
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use store::Store;

/// What is older says nothing of how a service is: an hour, in milliseconds.
const RECENT: i64 = 3_600_000;

/// How long the last health probes of each service took, at most `most` of each. Of a service with several
/// instances each point is the slowest of theirs, as many probes ago. Instances that are not `known` any more
/// do not count.
///
/// # Errors
/// When the store cannot be read.
pub async fn latencies(
    store: &Store,
    cluster: &ClusterId,
    known: &BTreeSet<InstanceId>,
    now: Timestamp,
    most: u32,
) -> Result<Latencies, store::Error> {
    let since = Timestamp(now.0 - RECENT);
    let mut latest = store.samples().latest(cluster, since, now, most).await?;
    latest.retain(|instance, _| known.contains(instance));
    Ok(Latencies {
        services: slowest(latest),
    })
}

fn slowest(
    instances: BTreeMap<InstanceId, Vec<Option<u64>>>,
) -> BTreeMap<ServiceName, Vec<Option<f32>>> {
    let mut services: BTreeMap<ServiceName, Vec<Option<u64>>> = BTreeMap::new();
    for (instance, mut took) in instances {
        let all = services.entry(instance.service).or_default();
        if all.len() < took.len() {
            std::mem::swap(all, &mut took);
        }
        // Counted from the newest: one of them may be younger.
        for (one, other) in all.iter_mut().rev().zip(took.iter().rev()) {
            *one = (*one).max(*other);
        }
    }
    let millis = |took: Vec<Option<u64>>| {
        let took = took.into_iter();
        took.map(|took| took.map(|micros| micros as f32 / 1_000.0))
            .collect()
    };
    services
        .into_iter()
        .map(|(service, took)| (service, millis(took)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ProbeKind, Verdict};
    use store::ProbeSample;

    #[tokio::test]
    async fn each_point_is_the_slowest_of_the_instances_that_are_there() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let now = 20_000 * 86_400_000;
        let shop: ClusterId = "shop-1".parse().unwrap();
        let mut probes = Vec::new();
        let mut put = |instance: &str, took: &[(i64, u64)]| {
            for (ago, latency_us) in took {
                probes.push(ProbeSample {
                    at: Timestamp(now - ago),
                    cluster: shop.clone(),
                    instance: instance.parse().unwrap(),
                    kind: ProbeKind::Health,
                    verdict: if *latency_us == 0 {
                        Verdict::Fail
                    } else {
                        Verdict::Pass
                    },
                    latency_us: *latency_us,
                });
            }
        };
        let (minute, hour) = (60_000, 3_600_000);
        put(
            "api.0",
            &[
                (2 * hour, 9_999),
                (3 * minute, 1_000),
                (2 * minute, 0),
                (minute, 3_000),
            ],
        );
        put("api.1", &[(2 * minute, 0), (minute, 4_500)]);
        // It was scaled away.
        put("api.2", &[(minute, 900_000)]);
        put("db.0", &[(minute, 250)]);
        store.samples().append(&probes, &[]).await.unwrap();
        let known = ["api.0", "api.1", "db.0", "web.0"];
        let known = known.map(|one| one.parse().unwrap()).into();
        let found = latencies(&store, &shop, &known, Timestamp(now), 24).await;
        let expected = [
            ("api", vec![Some(1.0), None, Some(4.5)]),
            ("db", vec![Some(0.25)]),
        ];
        let expected = expected.map(|(name, took)| (name.parse().unwrap(), took));
        assert_eq!(found.unwrap().services, expected.into());
    }
}
