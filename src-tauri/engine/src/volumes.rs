//! The volumes of a cluster: what is in them, and who may have them removed. What is lost with one does not come
//! back by starting anything again, so it is a person who names it, and nobody else.

use crate::container::is_external;
use crate::handle::{Handle, Order};
use crate::record::Going;
use crate::{Error, defined};
use model::view::VolumeView;
use model::{Actor, ActorKind, ClusterId};

impl Handle {
    /// The volumes that a cluster has, without those that are somebody else's.
    pub async fn volumes(&self, cluster: &ClusterId) -> Result<Vec<VolumeView>, Error> {
        let record = defined::record(&self.shared, cluster).await?;
        let containers = &self.shared.drivers.containers;
        let kept = containers.volumes(cluster, record.may_need_daemon()).await;
        let kept = kept.map_err(Error::Conflict)?;
        let own = kept
            .into_iter()
            .filter(|one| !is_external(&record, &one.name));
        let view = |one: driver_docker::Kept| VolumeView {
            name: one.name,
            bytes: one.bytes,
            of: one.of,
        };
        Ok(own.map(view).collect())
    }

    /// The volumes that are to go by an order. Which are the cluster's is known as long as its containers are there,
    /// so it is asked before any goes; and where no daemon tells it, nothing is begun.
    pub(crate) async fn going(&self, order: &Order) -> Result<Vec<Going>, Error> {
        let Order::DownWithVolumes { cluster, volumes } = order else {
            return Ok(Vec::new());
        };
        let record = defined::record(&self.shared, cluster).await?;
        let containers = &self.shared.drivers.containers;
        let wanted = record.may_need_daemon();
        let going = containers.going(cluster, wanted, volumes).await;
        going.map_err(Error::Conflict)
    }
}

/// Removing volumes is for people: no program of a service, no file that changed and no healing may.
pub(crate) fn of_a_person(actor: &Actor, order: &Order) -> Result<(), Error> {
    match order {
        Order::DownWithVolumes { .. } if actor.kind != ActorKind::Person => {
            let why = "volumes are removed for a person who has named them, and for nobody else";
            Err(Error::BadRequest(why.to_owned()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_has_volumes_removed() {
        let order = |volumes: &[&str]| Order::DownWithVolumes {
            cluster: "shop-00000000".parse().unwrap(),
            volumes: volumes.iter().map(ToString::to_string).collect(),
        };
        assert!(of_a_person(&Actor::person("command line"), &order(&["data"])).is_ok());
        for other in [Actor::healer(), Actor::watch()] {
            let refused = of_a_person(&other, &order(&["data"])).unwrap_err();
            assert!(
                refused.story().contains("for a person"),
                "{}",
                refused.story()
            );
        }
        let client = Actor {
            kind: ActorKind::Client,
            ..Actor::person("registry")
        };
        assert!(of_a_person(&client, &order(&["data"])).is_err());
    }
}
