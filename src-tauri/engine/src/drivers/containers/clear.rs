//! Removing what a cluster has in a container daemon: all of it but volumes, and of those what a person has named.

use super::Containers;
use driver_docker::{Address, ContainerDriver, Endpoint, Kept, find};
use model::ClusterId;
use std::sync::Arc;

/// Removes containers and networks, then these volumes with all that is in them.
pub(super) async fn clear(
    driver: &ContainerDriver,
    cluster: &ClusterId,
    volumes: &[String],
) -> Result<(), String> {
    // Those without a name are known by the containers that have them.
    let kept = match volumes.is_empty() {
        true => Vec::new(),
        false => {
            let kept = driver.kept_volumes(cluster).await;
            kept.map_err(|fault| fault.to_string())?
        }
    };
    let cleared = driver.clear(cluster).await;
    cleared.map_err(|fault| fault.to_string())?;
    let mut left = Vec::new();
    for Kept { name, of, .. } in kept.iter().filter(|kept| volumes.contains(&kept.name)) {
        let removed = match of {
            Some(_) => driver.remove_unnamed(name).await,
            None => driver.remove_volume(cluster, name).await,
        };
        if let Err(fault) = removed {
            left.push(format!("the volume {name}: {fault}"));
        }
    }
    match left.is_empty() {
        true => Ok(()),
        false => Err(left.join("; ")),
    }
}

impl Containers {
    /// Where the daemon is that it uses, or would look for first; in words where that is none in particular.
    pub(crate) fn address(&self) -> Result<Address, String> {
        if let Some(driver) = self.open() {
            return Ok(driver.daemon().endpoint.address.clone());
        }
        let places = find(&self.around).map_err(|error| error.to_string())?;
        let there = |place: &Endpoint| match &place.address {
            Address::Unix(path) => path.exists(),
            Address::Tcp(_) => true,
        };
        let one = match places.as_slice() {
            [only] => Some(only),
            all => all.iter().find(|place| there(place)),
        };
        let one = one.map(|place| place.address.clone());
        one.ok_or_else(|| "the first that answers of the usual ones".to_owned())
    }

    /// The volumes of a cluster.
    ///
    /// # Errors
    /// Why they are not known.
    pub(crate) async fn volumes(
        self: &Arc<Self>,
        cluster: &ClusterId,
    ) -> Result<Vec<Kept>, String> {
        let driver = self.driver().await.map_err(|why| why.to_string())?;
        let kept = driver.kept_volumes(cluster).await;
        kept.map_err(|fault| fault.to_string())
    }
}
