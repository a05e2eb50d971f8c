//! Looks at who is connected to whom, and tells the owners.
//!
//! A look is as cheap as there is little new; the pause after it is so long that all looks together
//! stay below [`SHARE`] of a core, however many services there are. When an incident is opened there
//! is a look at once: who is still connected to what has failed is evidence. Such a look is paid for by
//! the next pause, and while that is owed incidents wait for it like everybody.

use crate::owner::Message;
use crate::shared::Shared;
use model::{ClusterId, Endpoint, InstanceId, ServiceName};
use orchestrator::Sighting;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use telemetry::Connections;
use telemetry::connections::{Party, Seen};
use tokio::time::Instant;

/// The pause after a look is so many times what it cost: a five-hundredth of a core.
const SHARE: u32 = 500;
/// Often enough to see a client that connects for each of its requests, sooner or later.
const LEAST: Duration = Duration::from_secs(2);
/// Seldom enough for ten thousand services, and still five times while a sight is fresh.
const MOST: Duration = Duration::from_secs(60);
/// Incidents that are opened within this time are one reason to look.
const GATHER: Duration = Duration::from_millis(200);

type Key = (ClusterId, InstanceId);

/// Looks until the engine ends.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut connections = Some(Connections::<Key>::default());
    let mut pause = LEAST;
    let mut owes = false;
    let mut asked = Totals::new();
    loop {
        let begun = Instant::now();
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = shared.look_now.notified(), if !owes => tokio::time::sleep(GATHER).await,
        }
        let Some(mut own) = connections.take() else {
            return;
        };
        let running = running(&shared);
        let driver = Arc::clone(&shared.driver);
        // The kernel takes its time with many sockets.
        let looked = tokio::task::spawn_blocking(move || {
            let look = own.look(&running, |(cluster, id)| driver.tree(cluster, id));
            (own, look)
        });
        let Ok((own, look)) = looked.await else {
            return;
        };
        connections = Some(own);
        // A look before its time is paid for by the next pause.
        let owed = pause.saturating_sub(begun.elapsed());
        owes = !owed.is_zero();
        pause = (look.cost * SHARE)
            .max(LEAST)
            .saturating_add(owed)
            .min(MOST);
        let mut sights = by_cluster(look.seen);
        through_gateway(&shared, &mut asked, &mut sights);
        for (cluster, seen) in sights {
            if let Ok(owner) = shared.owner(&cluster) {
                // One that is too busy misses a look.
                let _ = owner.try_send(Message::Connected(seen.into_iter().collect()));
            }
        }
    }
}

/// Everybody who has a process.
pub(crate) fn running(shared: &Shared) -> Vec<Party<Key>> {
    let owners = shared.all_owners().into_iter();
    owners
        .flat_map(|(cluster, _)| {
            let instances = shared.picture.instances(&cluster);
            instances.into_iter().filter_map(move |one| {
                // What a container is connected to is in its own network's sockets.
                if shared.drivers.is_container(&cluster, &one.instance) {
                    return None;
                }
                Some(Party {
                    key: (cluster.clone(), one.instance),
                    pid: one.pid?,
                    ports: one.ports,
                })
            })
        })
        .collect()
}

/// What each service had asked of which by the last look.
type Totals = BTreeMap<(ClusterId, ServiceName, ServiceName), u64>;

/// Who has asked whom through the gateway since the last look: the kernel shows both connected to that.
fn through_gateway(
    shared: &Shared,
    before: &mut Totals,
    sights: &mut BTreeMap<ClusterId, BTreeSet<Sighting>>,
) {
    let Some(gateway) = shared.gateway.get() else {
        return;
    };
    let port = gateway.address().port();
    let now = gateway.asked().into_iter();
    let now: Totals = now
        .map(|one| ((one.cluster, one.from, one.to), one.total))
        .collect();
    for ((cluster, from, to), _) in now.iter().filter(|(key, total)| {
        let known = before.get(*key).copied().unwrap_or(0);
        known != **total
    }) {
        let seen = sights.entry(cluster.clone()).or_default();
        seen.insert(Sighting {
            from: from.clone(),
            to: to.clone(),
            at: Endpoint::Tcp { port },
        });
    }
    *before = now;
}

/// Services of one cluster that talk to each other. Another cluster's are not its needs.
fn by_cluster(seen: Vec<Seen<Key>>) -> BTreeMap<ClusterId, BTreeSet<Sighting>> {
    let mut all: BTreeMap<ClusterId, BTreeSet<Sighting>> = BTreeMap::new();
    for Seen { from, to, at } in seen {
        if from.0 == to.0 && from.1.service != to.1.service {
            let (from, to) = (from, to.1.service);
            all.entry(from.0).or_default().insert(Sighting {
                from: from.1.service,
                to,
                at,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_and_other_clusters_are_no_needs() {
        let key = |cluster: &str, id: &str| (cluster.parse().unwrap(), id.parse().unwrap());
        let seen = |from: Key, to: Key| Seen {
            from,
            to,
            at: Endpoint::Tcp { port: 5432 },
        };
        let (shop, other) = ("shop-00000000", "other-00000000");
        let all = by_cluster(vec![
            seen(key(shop, "api.0"), key(shop, "db.0")),
            seen(key(shop, "api.1"), key(shop, "db.0")),
            seen(key(shop, "api.0"), key(shop, "api.1")),
            seen(key(other, "api.0"), key(shop, "db.0")),
        ]);
        let told: Vec<_> = all.values().flatten().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].from.as_str(), told[0].to.as_str()), ("api", "db"));
    }
}
