//! Volumes of a cluster. Nothing removes one but [`ContainerDriver::remove_volume`] and
//! [`ContainerDriver::remove_unnamed`], which are there for a person who has named it.

mod size;

use crate::daemon::{Fault, QUICK, WORK, ask};
use crate::{ContainerDriver, labels};
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptionsBuilder};
use model::ClusterId;
use std::collections::{BTreeMap, HashMap};

/// What a volume is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// The daemon's plugin that keeps it; its own when none is named.
    pub driver: Option<String>,
    /// Options of that.
    pub options: HashMap<String, String>,
    /// Labels, besides those by which it is known.
    pub labels: HashMap<String, String>,
}

/// A volume that a cluster has, and what a person wants to know before it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// How much is in it, as far as the daemon says.
    pub bytes: Option<u64>,
    /// The container that has it, of one without a name of its own.
    pub of: Option<String>,
}

impl ContainerDriver {
    /// All volumes that are the cluster's: those that were made for it by name, and those without one that
    /// its containers have.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn kept_volumes(&self, cluster: &ClusterId) -> Result<Vec<Kept>, Fault> {
        let found = self.all_volumes(cluster).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let sizes = size::all(&self.daemon().endpoint.address).await;
        let kept = found.into_iter().map(|(name, of)| Kept {
            bytes: sizes.get(&name).copied(),
            name,
            of,
        });
        Ok(kept.collect())
    }

    /// The same by name alone, with the container that has it for one without a name of its own: a daemon
    /// takes long to count what is in them.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn all_volumes(
        &self,
        cluster: &ClusterId,
    ) -> Result<BTreeMap<String, Option<String>>, Fault> {
        let api = self.daemon().api();
        let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (id, _) in self.containers(cluster).await? {
            let container = match ask(QUICK, api.inspect_container(&id, None)).await {
                Err(fault) if fault.is_not_found() => continue,
                container => container?,
            };
            let who = container.name.unwrap_or_default();
            let who = who.trim_start_matches('/').to_owned();
            let names = container.mounts.into_iter().flatten();
            let names = names.filter(|mount| mount.typ.as_deref() == Some("volume"));
            let unnamed = names.filter_map(|mount| mount.name.filter(|name| is_unnamed(name)));
            found.extend(unnamed.map(|name| (name, Some(who.clone()))));
        }
        let named = self.volumes(cluster).await?;
        found.extend(named.into_iter().map(|name| (name, None)));
        Ok(found)
    }

    /// Removes a volume without a name of its own, which was a cluster's container's.
    ///
    /// # Errors
    /// When the daemon does not, because it is in use, or it has a name.
    pub async fn remove_unnamed(&self, name: &str) -> Result<(), Fault> {
        if !is_unnamed(name) {
            return Err(Fault::Refused {
                status: 409,
                message: format!("{name} is the name of a volume"),
            });
        }
        self.remove_now(name).await
    }

    /// Makes a volume of a cluster unless it is there. One that is, is used as it is.
    ///
    /// # Errors
    /// When the daemon does not make it, or the name is somebody else's.
    pub async fn volume(&self, cluster: &ClusterId, volume: Volume) -> Result<(), Fault> {
        if self.owned(cluster, &volume.name).await? {
            return Ok(());
        }
        let mut labels = volume.labels;
        labels.extend(labels::of_cluster(&self.shared().home, cluster));
        let request = VolumeCreateRequest {
            name: Some(volume.name),
            driver: volume.driver,
            driver_opts: Some(volume.options),
            labels: Some(labels),
            ..VolumeCreateRequest::default()
        };
        let api = self.daemon().api();
        ask(WORK, api.create_volume(request)).await.map(drop)
    }

    /// True when the daemon has a volume of this name, whoever's.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn has_volume(&self, name: &str) -> Result<bool, Fault> {
        match ask(QUICK, self.daemon().api().inspect_volume(name)).await {
            Err(fault) if fault.is_not_found() => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// The volumes of a cluster, by name.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn volumes(&self, cluster: &ClusterId) -> Result<Vec<String>, Fault> {
        let labels = labels::of_cluster(&self.shared().home, cluster);
        let filter = labels::filter(&labels);
        let options = ListVolumesOptionsBuilder::new().filters(&filter).build();
        let listed = ask(QUICK, self.daemon().api().list_volumes(Some(options))).await?;
        let volumes = listed.volumes.unwrap_or_default();
        let mut names: Vec<String> = volumes.into_iter().map(|volume| volume.name).collect();
        names.sort();
        Ok(names)
    }

    /// Removes a volume of a cluster with all that is in it. One that is not there is removed.
    ///
    /// # Errors
    /// When the daemon does not, because it is in use, or it is not this cluster's.
    pub async fn remove_volume(&self, cluster: &ClusterId, name: &str) -> Result<(), Fault> {
        if !self.owned(cluster, name).await? {
            return Ok(());
        }
        self.remove_now(name).await
    }

    async fn remove_now(&self, name: &str) -> Result<(), Fault> {
        let options = RemoveVolumeOptionsBuilder::new().force(false).build();
        match ask(WORK, self.daemon().api().remove_volume(name, Some(options))).await {
            Err(fault) if fault.is_not_found() => Ok(()),
            removed => removed,
        }
    }

    /// True when it is there and this cluster's; false when it is not there.
    async fn owned(&self, cluster: &ClusterId, name: &str) -> Result<bool, Fault> {
        let found = match ask(QUICK, self.daemon().api().inspect_volume(name)).await {
            Err(fault) if fault.is_not_found() => return Ok(false),
            found => found?,
        };
        let ours = labels::of_cluster(&self.shared().home, cluster);
        if ours
            .iter()
            .all(|(name, value)| found.labels.get(name) == Some(value))
        {
            return Ok(true);
        }
        Err(Fault::Refused {
            status: 409,
            message: format!("there is a volume {name} already, and it is not this cluster's"),
        })
    }
}

/// What a daemon calls a volume that nobody has named.
fn is_unnamed(name: &str) -> bool {
    name.len() == 64 && name.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}
