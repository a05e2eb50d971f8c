//! Notifications that a person turned off. What is muted happens all the same, and is written down and shown
//! everywhere but in a notification.

use crate::{ClusterId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// No notification is shown of these incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Mute {
    /// Of which cluster; `null`: of all.
    pub cluster: Option<ClusterId>,
    /// With which service of it at the root; `null`: whichever.
    pub service: Option<ServiceName>,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself; `null`: when a person ends it.
    pub until: Option<Timestamp>,
}

impl Mute {
    /// True for an incident of this cluster with this service at its root.
    pub fn covers(&self, cluster: &ClusterId, service: &ServiceName) -> bool {
        self.cluster.as_ref().is_none_or(|own| own == cluster)
            && self.service.as_ref().is_none_or(|own| own == service)
    }

    /// Which of these mutes such an incident for longest.
    pub fn longest<'m>(
        mutes: &'m [Mute],
        cluster: &ClusterId,
        service: &ServiceName,
    ) -> Option<&'m Mute> {
        let covering = mutes.iter().filter(|one| one.covers(cluster, service));
        covering.max_by_key(|one| one.until.map_or(i64::MAX, |until| until.0))
    }

    /// It is about exactly these.
    pub fn is_of(&self, cluster: Option<&ClusterId>, service: Option<&ServiceName>) -> bool {
        self.cluster.as_ref() == cluster && self.service.as_ref() == service
    }

    /// It has ended by itself.
    pub fn over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mute(cluster: Option<&str>, service: Option<&str>) -> Mute {
        Mute {
            cluster: cluster.map(|id| id.parse().unwrap()),
            service: service.map(|name| name.parse().unwrap()),
            since: Timestamp(0),
            until: Some(Timestamp(1_000)),
        }
    }

    #[test]
    fn a_mute_covers_what_it_names_and_nothing_beside_it() {
        let covers = |mute: &Mute, cluster: &str, service: &str| {
            mute.covers(&cluster.parse().unwrap(), &service.parse().unwrap())
        };
        let everything = mute(None, None);
        assert!(covers(&everything, "shop-1", "db") && covers(&everything, "lamp-2", "web"));
        let shop = mute(Some("shop-1"), None);
        assert!(covers(&shop, "shop-1", "db") && !covers(&shop, "lamp-2", "db"));
        let db = mute(Some("shop-1"), Some("db"));
        assert!(covers(&db, "shop-1", "db"));
        assert!(!covers(&db, "shop-1", "web") && !covers(&db, "lamp-2", "db"));
    }

    #[test]
    fn of_several_the_longest_counts() {
        let (mut long, short) = (mute(None, None), mute(Some("shop-1"), None));
        long.until = Some(Timestamp(2_000));
        let mutes = [long.clone(), short, mute(Some("lamp-2"), None)];
        let of = |cluster: &str| {
            Mute::longest(&mutes, &cluster.parse().unwrap(), &"db".parse().unwrap()).cloned()
        };
        assert_eq!(of("shop-1"), Some(long));
        let mut forever = mute(Some("shop-1"), Some("db"));
        forever.until = None;
        let mutes = [mute(None, None), forever.clone()];
        let found = Mute::longest(&mutes, &"shop-1".parse().unwrap(), &"db".parse().unwrap());
        assert_eq!(found, Some(&forever));
    }

    #[test]
    fn it_is_over_at_its_end_and_without_an_end_never() {
        let mut one = mute(None, None);
        assert!(!one.over(Timestamp(999)) && one.over(Timestamp(1_000)));
        one.until = None;
        assert!(!one.over(Timestamp(i64::MAX)));
    }
}
