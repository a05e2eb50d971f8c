//! Checks that are as well as another service is: nothing is asked for that.
//!
//! All of them are looked at together, as one may be of another, and only when something in the registry has changed
//! since, a second after the last time at the soonest. What one says is the worst of what all checks say that it comes
//! to by them: of several that are of each other in a circle none says anything by itself, and all are passing.

use super::{Name, SHORTEST};
use crate::check::{Look, Target};
use crate::{Key, Listed, Registry, Watched};
use model::view::Health;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Without a change they are looked at after this; nothing comes of that.
const SELDOM: Duration = Duration::from_secs(60 * 60);

/// All checks of that kind, and the service that each is of.
pub(super) struct Aliases {
    all: BTreeMap<Name, String>,
    /// The change that they were looked at after; `None` when they are others since.
    looked: Option<u64>,
    /// Not before then.
    next: Instant,
}

/// What one says now.
#[derive(Debug, PartialEq)]
struct Says {
    health: Health,
    output: String,
}

impl Aliases {
    pub(super) fn new() -> Self {
        Self {
            all: BTreeMap::new(),
            looked: None,
            next: Instant::now(),
        }
    }

    /// These are there now, or all that runs has become known.
    pub(super) fn renew(&mut self, all: BTreeMap<Name, String>) {
        self.all = all;
        self.looked = None;
    }

    /// Resolves when it is time to look.
    pub(super) async fn due(&self, registry: &Registry) {
        if self.all.is_empty() {
            return std::future::pending().await;
        }
        tokio::time::sleep_until(self.next).await;
        if let Some(looked) = self.looked {
            registry.wait(&Watched::Everything, looked, SELDOM).await;
        }
    }

    /// Looks at all, and says what has come of it.
    pub(super) fn look(&mut self, registry: &Registry) {
        // Before the list: what is not on it was not on it then, and what changes while this looks is looked at next time.
        let settled = registry.is_settled();
        self.looked = Some(registry.index());
        for (name, says) in judge(&self.all, settled, registry) {
            // It may be gone by now, and then nobody wants to know.
            let _ = registry.set_check(&name.0, &name.1, says.health, &says.output);
        }
        self.next = Instant::now() + SHORTEST;
    }
}

/// What those say that say something else than they did.
fn judge<'a>(
    all: &'a BTreeMap<Name, String>,
    settled: bool,
    registry: &Registry,
) -> Vec<(&'a Name, Says)> {
    let mut services = Services::default();
    let mut targets: BTreeMap<&str, Option<Key>> = BTreeMap::new();
    let mut of: BTreeMap<Key, Vec<&Key>> = BTreeMap::new();
    for ((owner, check), service) in all {
        services.see(owner, || registry.entry(owner));
        let target = targets.entry(service.as_str()).or_insert_with(|| {
            let listed = registry.called(service)?;
            let key = Key::new(&listed.view.name, &listed.view.id);
            services.see(&key, || Some(listed));
            Some(key)
        });
        match target {
            Some(key) => of.entry(key.clone()).or_default().push(owner),
            None if settled => services.worsen(owner, Health::Critical),
            // One of ours may be about to come: what was said of it holds.
            None => {
                let said = services.said(owner, check);
                services.worsen(owner, said);
            }
        }
    }
    services.spread(&of);
    let news = all.iter().filter_map(|(name, service)| {
        let (owner, check) = name;
        let says = match targets.get(service.as_str())? {
            Some(key) => {
                let health = services.health(key);
                let is = match health {
                    Health::Passing => "passing",
                    Health::Warning => "a warning",
                    Health::Critical => "critical",
                };
                let output = format!("{service} is {is}");
                Says { health, output }
            }
            None if settled => Says {
                health: Health::Critical,
                output: format!("no service {service:?} is registered"),
            },
            None => return None,
        };
        let state = services.listed.get(owner)?.as_ref()?;
        let state = state.checks.iter().find(|one| one.check.id == *check)?;
        (state.status != says.health || state.output != says.output).then_some((name, says))
    });
    news.collect()
}

/// How well services are, but for what is said of others.
#[derive(Default)]
struct Services {
    listed: BTreeMap<Key, Option<Arc<Listed>>>,
    health: BTreeMap<Key, Health>,
    /// Those that were found worse than before.
    worse: Vec<Key>,
}

impl Services {
    fn see(&mut self, key: &Key, listed: impl FnOnce() -> Option<Arc<Listed>>) {
        if self.listed.contains_key(key) {
            return;
        }
        let listed = listed();
        let own = listed.iter().flat_map(|listed| &listed.checks);
        let own = own.filter(|state| !is_alias(&state.check.look));
        let worst = own.map(|state| state.status).max();
        self.listed.insert(key.clone(), listed);
        self.worsen(key, worst.unwrap_or(Health::Passing));
    }

    fn said(&self, key: &Key, check: &str) -> Health {
        let listed = self.listed.get(key).into_iter().flatten();
        let mut checks = listed.flat_map(|listed| &listed.checks);
        let state = checks.find(|state| state.check.id == check);
        state.map_or(Health::Passing, |state| state.status)
    }

    fn health(&self, key: &Key) -> Health {
        self.health.get(key).copied().unwrap_or(Health::Passing)
    }

    fn worsen(&mut self, key: &Key, to: Health) {
        if self.health(key) < to {
            self.health.insert(key.clone(), to);
            self.worse.push(key.clone());
        }
    }

    /// Who is as well as one that is worse is worse, too. Each becomes so twice at most.
    fn spread(&mut self, of: &BTreeMap<Key, Vec<&Key>>) {
        while let Some(worse) = self.worse.pop() {
            let health = self.health(&worse);
            for owner in of.get(&worse).into_iter().flatten() {
                self.worsen(owner, health);
            }
        }
    }
}

fn is_alias(look: &Look) -> bool {
    matches!(look, Look::Probe(probe) if matches!(probe.target, Target::Alias { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Door, Own};
    use model::{Act, Timestamp, Verb};
    use store::Store;

    struct Closed;

    impl Door for Closed {
        fn admit(&self, _: Verb, _: &str) -> Result<Act, String> {
            Err("closed".into())
        }
        fn allow(&self, _: Verb, _: &str) -> Result<(), String> {
            Err("closed".into())
        }
        fn conclude(&self, _: Act, _: bool) {}
    }

    #[tokio::test]
    async fn they_are_looked_at_when_something_has_changed_and_not_before() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let wall = || Timestamp(2);
        let registry = Registry::open(store, Arc::new(Closed), wall, vec![]);
        let registry = registry.await.unwrap();
        let mut aliases = Aliases::new();
        let due = async |aliases: &Aliases, wait| {
            let due = aliases.due(&registry);
            tokio::time::timeout(wait, due).await.is_ok()
        };
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(10));
        assert!(!due(&aliases, short).await, "there is none");
        let name = (Key::new("a", "a"), "check".to_owned());
        aliases.renew([(name, "shop-1.zoo.0".to_owned())].into());
        assert!(due(&aliases, short).await, "it is new");
        aliases.look(&registry);
        assert!(!due(&aliases, short).await, "it was looked at just now");
        aliases.next = Instant::now();
        assert!(!due(&aliases, short).await, "all is as it was");
        registry.upsert_own(&Own {
            cluster: "shop-1".parse().unwrap(),
            cluster_name: "shop".parse().unwrap(),
            instance: "zoo.0".parse().unwrap(),
            name: "zoo".parse().unwrap(),
            url: "http://127.0.0.1:4000".into(),
            category: "services".into(),
        });
        assert!(due(&aliases, long).await);
    }
}
