//! What of the registry is shown. All instances of clusters are; of what registered itself as many as
//! somebody can look at, and of the others how many they are: whoever wants one of them asks the
//! registry.

use crate::Handle;
use crate::shared::Shared;
use model::view::{Change, KeptBy, RegisteredView, RegistryView};
use registry::{Query, Registry, RegistryChange};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Most entries that are shown of those that registered themselves.
const SHOWN: usize = 2_000;
/// So many entries that registered themselves are shown as they change between two ticks; when more do, those
/// that are to be shown are shown whole at the tick.
const SINGLY: usize = 200;
/// How often it is shown until when leases last that were renewed, and that more could be shown.
const TICK: Duration = Duration::from_secs(1);

/// Shows the registry's changes.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let registry = &shared.registry;
    let mut changes = registry.changes();
    let mut listing = Listing::default();
    shared.picture.publish(listing.whole(registry));
    let mut look = tokio::time::Instant::now() + TICK;
    loop {
        let change = tokio::select! {
            () = shared.cancel.cancelled() => return,
            change = changes.recv() => change,
            () = tokio::time::sleep_until(look) => {
                look = tokio::time::Instant::now() + TICK;
                let change = listing.tick(registry);
                if let Some(change) = change {
                    shared.picture.publish(change);
                }
                continue;
            }
        };
        let change = match change {
            Ok(change) => listing.some(change, registry),
            Err(RecvError::Lagged(_)) => Some(listing.whole(registry)),
            Err(RecvError::Closed) => return,
        };
        if let Some(change) = change {
            shared.picture.publish(change);
        }
    }
}

/// What is shown.
#[derive(Default)]
struct Listing {
    registered: BTreeSet<(String, String)>,
    own: BTreeSet<(String, String)>,
    /// How many entries there are, as it was said last.
    total: u32,
    /// How many of those that registered themselves have changed since the last tick.
    changed: usize,
}

fn key(view: &RegistryView) -> (String, String) {
    (view.name.clone(), view.id.clone())
}

impl Handle {
    /// What of the registry has this name and all of these tags: all of it is looked at.
    pub fn registered(&self, name: Option<&str>, tags: &[String]) -> RegisteredView {
        asked(&self.shared.registry, name, tags)
    }
}

fn asked(registry: &Registry, name: Option<&str>, tags: &[String]) -> RegisteredView {
    let query = Query {
        name,
        tags,
        ..Query::default()
    };
    let (_, found) = registry.find(&query);
    let why = name.and_then(|name| registry.lookup(name).err());
    RegisteredView {
        entries: found
            .iter()
            .take(SHOWN)
            .map(|one| one.view.clone())
            .collect(),
        found: count(found.len()),
        total: count(registry.count()),
        why: why.map(|error| error.why()),
    }
}

impl Listing {
    /// All that is to be shown, in place of what is.
    fn whole(&mut self, registry: &Registry) -> Change {
        let (upserts, total) = registry.some(SHOWN);
        let before = std::mem::take(self);
        for view in &upserts {
            self.of(view.kept_by).insert(key(view));
        }
        self.total = count(total);
        let now = |key: &(String, String)| self.own.contains(key) || self.registered.contains(key);
        let before = before.own.into_iter().chain(before.registered);
        Change::Registry {
            removed: before.filter(|key| !now(key)).collect(),
            upserts,
            total: self.total,
        }
    }

    /// What of a change is shown.
    fn some(&mut self, change: RegistryChange, registry: &Registry) -> Option<Change> {
        let upserts = change.upserts.iter().map(|listed| &listed.view);
        let others = change.upserts.iter().filter(|listed| !listed.is_own());
        self.changed += others.count() + change.removed.len();
        let all = self.changed <= SINGLY;
        let upserts = upserts.filter(|view| {
            let own = view.kept_by == KeptBy::Own;
            if !own && !all {
                return false;
            }
            let key = key(view);
            if self.of(view.kept_by).contains(&key) {
                return true;
            }
            // One of ours may take the place of one that registered itself.
            let was = self.own.remove(&key) | self.registered.remove(&key);
            let room = own || self.registered.len() < SHOWN;
            if was || room {
                self.of(view.kept_by).insert(key);
            }
            was || room
        });
        let upserts: Vec<RegistryView> = upserts.cloned().collect();
        let mut removed = change.removed;
        removed.retain(|key| self.own.remove(key) | self.registered.remove(key));
        if upserts.is_empty() && removed.is_empty() {
            return None;
        }
        self.total = count(registry.count());
        Some(Change::Registry {
            upserts,
            removed,
            total: self.total,
        })
    }

    fn tick(&mut self, registry: &Registry) -> Option<Change> {
        if std::mem::take(&mut self.changed) > SINGLY {
            return Some(self.whole(registry));
        }
        if registry.registered() > self.registered.len() && self.registered.len() < SHOWN {
            return Some(self.whole(registry));
        }
        let mut upserts = registry.take_renewed();
        upserts.retain(|view| self.registered.contains(&key(view)));
        let total = count(registry.count());
        if upserts.is_empty() && total == self.total {
            return None;
        }
        self.total = total;
        Some(Change::Registry {
            upserts,
            removed: Vec::new(),
            total,
        })
    }

    fn of(&mut self, kept_by: KeptBy) -> &mut BTreeSet<(String, String)> {
        match kept_by {
            KeptBy::Own => &mut self.own,
            KeptBy::Lease | KeptBy::Probe | KeptBy::Checks => &mut self.registered,
        }
    }
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Act, Timestamp, Verb};
    use registry::{Door, Own, Registration};
    use store::Store;

    /// A door that lets nobody in: it is asked for nothing here.
    struct Open(std::sync::atomic::AtomicU64);

    impl Door for Open {
        fn admit(&self, verb: Verb, what: &str) -> Result<Act, String> {
            let id = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            Ok(Act {
                id: model::ActId(id),
                at: Timestamp(0),
                actor: model::Actor::person("test"),
                verb,
                target: model::Target::default(),
                reason: what.to_owned(),
                outcome: model::Outcome::Pending,
                decision: None,
            })
        }

        fn allow(&self, _: Verb, _: &str) -> Result<(), String> {
            Ok(())
        }

        fn conclude(&self, _: Act, _: bool) {}
    }

    fn own() -> Own {
        Own {
            cluster: "shop-1".parse().unwrap(),
            cluster_name: "shop".parse().unwrap(),
            instance: "zoo.0".parse().unwrap(),
            name: "zoo".parse().unwrap(),
            url: "http://127.0.0.1:4000".into(),
            category: "services".into(),
        }
    }

    async fn register(registry: &Registry, names: std::ops::Range<usize>) {
        let mut all = tokio::task::JoinSet::new();
        for n in names {
            let registry = registry.clone();
            let wish = Registration::new(&format!("n{n:04}"), "http://127.0.0.1:4000");
            all.spawn(async move { registry.register(wish).await.unwrap() });
        }
        all.join_all().await;
    }

    fn parts(change: Change) -> (usize, usize, u32) {
        match change {
            Change::Registry {
                upserts,
                removed,
                total,
            } => (upserts.len(), removed.len(), total),
            other => panic!("{other:?}"),
        }
    }

    async fn empty() -> (tempfile::TempDir, Registry) {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let wall = || Timestamp(0);
        let door = Arc::new(Open(0.into()));
        let registry = Registry::open(store, door, wall, vec![]).await.unwrap();
        (home, registry)
    }

    #[tokio::test]
    async fn of_a_crowd_that_changes_at_once_is_shown_what_has_become_of_it() {
        let (_home, registry) = empty().await;
        let mut listing = Listing::default();
        listing.whole(&registry);
        let mut changes = registry.changes();
        let mut next = |listing: &mut Listing| {
            let change = changes.try_recv().ok()?;
            Some(listing.some(change, &registry).map_or((0, 0, 0), parts))
        };
        register(&registry, 0..SINGLY + 100).await;
        let mut told = 0;
        while let Some((upserts, ..)) = next(&mut listing) {
            told += upserts;
        }
        assert!(told <= SINGLY, "{told}");
        // Ours are shown at once, and that one is gone.
        registry.upsert_own(&own());
        assert_eq!(next(&mut listing), Some((1, 0, 301)));
        registry.remove_own(&own().cluster, &own().instance);
        assert_eq!(next(&mut listing), Some((0, 1, 300)));
        assert_eq!(listing.tick(&registry).map(parts), Some((300, 0, 300)));
        assert_eq!(listing.tick(&registry), None);
        register(&registry, 300..301).await;
        assert_eq!(next(&mut listing), Some((1, 0, 301)));
    }

    #[tokio::test]
    async fn of_many_entries_some_are_shown_and_all_of_our_own() {
        let (_home, registry) = empty().await;
        register(&registry, 0..2_100).await;
        let mut listing = Listing::default();
        assert_eq!(parts(listing.whole(&registry)), (2_000, 0, 2_100));
        // Whoever asks is told of those that are not shown, too.
        let last = asked(&registry, Some("n2099"), &[]);
        assert_eq!((last.entries.len(), last.found, last.total), (1, 1, 2_100));
        let all = asked(&registry, None, &[]);
        assert_eq!((all.entries.len(), all.found), (2_000, 2_100));
        let none = asked(&registry, Some("nope"), &[]);
        assert_eq!(none.why.as_deref(), Some("it is not registered"));
        let mut changes = registry.changes();
        let mut next = async |listing: &mut Listing| {
            let change = changes.recv().await.unwrap();
            listing.some(change, &registry).map(parts)
        };
        // Its name is the last of all, and it is ours.
        registry.upsert_own(&own());
        assert_eq!(next(&mut listing).await, Some((1, 0, 2_101)));
        register(&registry, 2_100..2_101).await;
        assert_eq!(next(&mut listing).await, None);
        assert_eq!(listing.tick(&registry).map(parts), Some((0, 0, 2_102)));
        assert_eq!(listing.tick(&registry), None);
        // One that is not shown goes, then one that is, whose place another takes.
        registry.deregister("n2050", None).await.unwrap();
        assert_eq!(next(&mut listing).await, None);
        registry.deregister("n0007", None).await.unwrap();
        assert_eq!(next(&mut listing).await, Some((0, 1, 2_100)));
        assert_eq!(listing.tick(&registry).map(parts), Some((2_001, 0, 2_100)));
        let renewed = |name: &str| {
            let id = registry.list(Some(name))[0].view.id.clone();
            registry.heartbeat(name, &id).unwrap();
        };
        renewed("n0001");
        renewed("n2099");
        assert_eq!(listing.tick(&registry).map(parts), Some((1, 0, 2_100)));
    }
}
