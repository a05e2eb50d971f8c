//! The system status: what the picture shows of now, and what was measured up to now.

use crate::Error;
use crate::clock::Clock;
use crate::handle::Handle;
use model::status::{
    ClusterStatus, InstanceWindows, LastCheck, SecurityStatus, ServiceStatus, SystemStatus,
};
use model::view::{ClusterView, Latencies, Pulse, ServiceView, Snapshot, Usage};
use model::{ClusterId, InstanceId, InstanceStatus, Reason, ServiceName, State};
use std::collections::BTreeMap;
use telemetry::ServiceWindows;

impl Handle {
    /// How everything is and has been: of this cluster only, or of this service of it.
    pub async fn system_status(
        &self,
        cluster: Option<&ClusterId>,
        service: Option<&ServiceName>,
    ) -> Result<SystemStatus, Error> {
        if let Some(cluster) = cluster {
            self.shared.owner(cluster)?;
        }
        self.shared.recorder.flush().await;
        self.shared.journal.flush().await;
        let mut picture = self.snapshot();
        let at = Clock::wall();
        let mut clusters = Vec::new();
        for view in std::mem::take(&mut picture.clusters) {
            if cluster.is_some_and(|cluster| *cluster != view.id) {
                continue;
            }
            let store = &self.shared.store;
            let since = self.shared.began;
            let windows = telemetry::windows(store, &view.id, service, since, at).await?;
            clusters.push(of_cluster(view, &picture, windows, service));
        }
        if let (Some(service), Some(cluster), [only]) = (service, cluster, clusters.as_slice())
            && only.services.is_empty()
        {
            return Err(Error::NoService {
                cluster: cluster.clone(),
                service: service.clone(),
                near: None,
            });
        }
        Ok(SystemStatus {
            at,
            overall: picture.overall,
            clusters,
            security: SecurityStatus::of(&self.shared.security.view()),
        })
    }
}

impl Handle {
    /// How long the last health probes of each service of a cluster took: at most `most` of each.
    pub async fn latencies(&self, cluster: ClusterId, most: u32) -> Result<Latencies, Error> {
        self.shared.owner(&cluster)?;
        self.shared.recorder.flush().await;
        let instances = self.shared.picture.instances(&cluster);
        let known = instances.into_iter().map(|one| one.instance).collect();
        let (store, now) = (&self.shared.store, Clock::wall());
        Ok(telemetry::latencies(store, &cluster, &known, now, most).await?)
    }
}

fn of_cluster(
    view: ClusterView,
    picture: &Snapshot,
    mut windows: BTreeMap<ServiceName, ServiceWindows>,
    only: Option<&ServiceName>,
) -> ClusterStatus {
    let instances = picture
        .instances
        .get(&view.id)
        .map_or(&[][..], Vec::as_slice);
    let no_pulses = BTreeMap::new();
    let pulses = picture.pulses.get(&view.id).unwrap_or(&no_pulses);
    let mut by_service: BTreeMap<&ServiceName, Vec<&InstanceStatus>> = BTreeMap::new();
    for instance in instances {
        by_service
            .entry(&instance.service)
            .or_default()
            .push(instance);
    }
    let services = view
        .services
        .into_iter()
        .filter(|service| only.is_none_or(|only| *only == service.name))
        .map(|service| {
            let instances = by_service.remove(&service.name).unwrap_or_default();
            let windows = windows.remove(&service.name).unwrap_or_default();
            of_service(service, &instances, pulses, windows)
        })
        .collect();
    ClusterStatus {
        id: view.id,
        name: view.name,
        overall: view.overall,
        reason: view.reason,
        services,
    }
}

fn of_service(
    service: ServiceView,
    instances: &[&InstanceStatus],
    pulses: &BTreeMap<InstanceId, Pulse>,
    mut windows: ServiceWindows,
) -> ServiceStatus {
    let worst = instances
        .iter()
        .max_by_key(|one| telemetry::badness(one.state));
    let serving = instances.iter().filter(|one| one.state.good()).count();
    let own = |id: &InstanceId| pulses.get(id);
    let last_check = instances
        .iter()
        .filter_map(|one| {
            let pulse = own(&one.instance)?;
            Some(LastCheck {
                instance: one.instance.clone(),
                at: pulse.checked?,
                evidence: pulse.health.clone()?,
            })
        })
        .max_by_key(|check| check.at);
    // What it used when it last ran is not what it uses.
    let running = instances.iter().filter(|one| one.pid.is_some());
    let usage =
        running
            .filter_map(|one| own(&one.instance))
            .fold(Usage::default(), |sum, pulse| Usage {
                cpu: sum.cpu + pulse.usage.cpu,
                memory: sum.memory + pulse.usage.memory,
                processes: sum.processes + pulse.usage.processes,
                files: sum.files.max(pulse.usage.files),
            });
    let each = instances.iter().map(|one| InstanceWindows {
        instance: one.instance.clone(),
        windows: windows.instances.remove(&one.instance).unwrap_or_default(),
    });
    let marks = || instances.iter().map(|one| &one.marks);
    ServiceStatus {
        hold: marks().find_map(|marks| marks.hold.clone()),
        rolled_back: marks().find_map(|marks| marks.rolled_back.clone()),
        scaled: marks().find_map(|marks| marks.scaled),
        state: worst.map_or(State::Stopped, |one| one.state),
        reason: worst.map_or_else(|| Reason::new("not started yet"), |one| one.reason.clone()),
        wanted: service.replicas,
        serving: u16::try_from(serving).unwrap_or(u16::MAX),
        restarts: instances.iter().map(|one| one.restarts).sum(),
        last_check,
        usage,
        findings: instances
            .iter()
            .flat_map(|one| one.findings.clone())
            .collect(),
        instances: each.collect(),
        windows: windows.windows,
        category: service.category,
        service: service.name,
    }
}
