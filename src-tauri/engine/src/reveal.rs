//! Showing what is hidden: an act of its own, which passes the door and is in the book. Who was let in gets a key for
//! the logs and environments of exactly these services, which is good for a short time and for this engine only.
//!
//! It refuses to show anything itself: whoever reads logs asks whether a key counts.

use crate::Error;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::hidden;
use model::{Act, Actor, ClusterId, Outcome, ServiceName, Target, Timestamp, Verb};
use security::redact::Redactor;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So long a key is good: for a look, and not for a habit.
const GOOD: Duration = Duration::from_secs(600);
/// Keys that are good at the same time.
const MOST: usize = 1_000;

/// What was revealed, and to whom.
#[derive(Default)]
pub(crate) struct Reveals(Mutex<BTreeMap<String, Grant>>);

struct Grant {
    cluster: ClusterId,
    /// None is all of them.
    services: BTreeSet<ServiceName>,
    until: Instant,
}

/// Leave to see secrets.
#[derive(Debug, Clone)]
pub struct Revealed {
    /// The act, as it is in the book.
    pub act: Act,
    /// To be shown with what is asked for.
    pub key: String,
    /// So long it is good.
    pub until: Timestamp,
}

impl Handle {
    /// The same engine, asked with this key.
    #[must_use]
    pub fn with_key(&self, key: Option<String>) -> Handle {
        Handle {
            key,
            ..self.clone()
        }
    }

    /// Lets somebody see the secrets in the logs and environments of services of a cluster (empty: all) for ten
    /// minutes.
    ///
    /// # Errors
    /// What the door says, or that there is no such cluster.
    pub async fn reveal(
        &self,
        actor: Actor,
        cluster: ClusterId,
        services: Vec<ServiceName>,
        reason: String,
    ) -> Result<Revealed, Error> {
        self.shared.owner(&cluster)?;
        let target = Target {
            cluster: Some(cluster.clone()),
            services: services.clone(),
            instance: None,
        };
        let mut act = self.admit(actor, Verb::Reveal, target, &reason).await?;
        let made = self.shared.reveals.grant(cluster, services);
        self.conclude(act.id, &made);
        let key = made?;
        let until = Clock::wall().0 + i64::try_from(GOOD.as_millis()).unwrap_or(0);
        act.outcome = Outcome::Done(format!("secrets are shown for {} min", GOOD.as_secs() / 60));
        self.shared.door.finish(act.id, act.outcome.clone());
        Ok(Revealed {
            act,
            key,
            until: Timestamp(until),
        })
    }

    /// What hides secrets in what these services have written; nothing for who may see them.
    ///
    /// # Errors
    /// That the key that came with it is not good for all of them.
    pub(crate) fn hides<'a>(
        &self,
        cluster: &ClusterId,
        services: impl IntoIterator<Item = &'a ServiceName>,
    ) -> Result<Option<Arc<Redactor>>, Error> {
        let Some(key) = &self.key else {
            return Ok(Some(hidden::redactor(Some(cluster))));
        };
        match self.shared.reveals.is_good(key, cluster, services) {
            true => Ok(None),
            false => Err(Error::Conflict(
                "this key does not let anybody see the secrets of these services, or not any more; ask to reveal them"
                    .to_owned(),
            )),
        }
    }
}

impl Reveals {
    fn grant(&self, cluster: ClusterId, services: Vec<ServiceName>) -> Result<String, Error> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| {
            Error::Conflict(format!("there is no random number for a key: {error}"))
        })?;
        let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        grants.retain(|_, grant| grant.until > now);
        if grants.len() >= MOST {
            return Err(Error::Conflict(format!(
                "{MOST} keys are good already; each is for ten minutes"
            )));
        }
        let grant = Grant {
            cluster,
            services: services.into_iter().collect(),
            until: now + GOOD,
        };
        grants.insert(key.clone(), grant);
        Ok(key)
    }

    fn is_good<'a>(
        &self,
        key: &str,
        cluster: &ClusterId,
        services: impl IntoIterator<Item = &'a ServiceName>,
    ) -> bool {
        let grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(grant) = grants.get(key) else {
            return false;
        };
        let mut asked = services.into_iter().peekable();
        // Nobody named is everybody.
        let all = asked.peek().is_none();
        grant.until > Instant::now()
            && grant.cluster == *cluster
            && (grant.services.is_empty()
                || !all && asked.all(|service| grant.services.contains(service)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_good_for_what_it_was_asked_for_and_for_ten_minutes() {
        let reveals = Reveals::default();
        let (shop, other): (ClusterId, ClusterId) =
            ("shop-1".parse().unwrap(), "other-1".parse().unwrap());
        let (api, db): (ServiceName, ServiceName) = ("api".parse().unwrap(), "db".parse().unwrap());
        let key = reveals.grant(shop.clone(), vec![api.clone()]).unwrap();
        let good = |key: &str, cluster, services: &[&ServiceName]| {
            reveals.is_good(key, cluster, services.iter().copied())
        };
        assert!(good(&key, &shop, &[&api]));
        assert!(!good(&key, &shop, &[&api, &db]));
        assert!(!good(&key, &shop, &[]), "of all it was not asked");
        assert!(!good(&key, &other, &[&api]));
        assert!(!good("", &shop, &[&api]));
        let all = reveals.grant(shop.clone(), vec![]).unwrap();
        assert!(good(&all, &shop, &[]) && good(&all, &shop, &[&db]));
        assert_ne!(key, all);
        tokio::time::advance(GOOD).await;
        assert!(!good(&key, &shop, &[&api]) && !good(&all, &shop, &[]));
    }
}
