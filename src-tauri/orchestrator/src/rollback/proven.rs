//! Whether a service was well on its present definition.

use crate::cluster::{Cluster, Service};
use crate::instance::{Care, Goal, Instance};
use model::{InstanceId, Mono, ServiceName, State};

impl Cluster {
    /// A service was well on its present definition, and nothing speaks against that.
    pub(super) fn was_well(&self, name: &ServiceName, now: Mono) -> bool {
        let proven = |service: &Service| service.versions.proven;
        let unended = |instance: &Instance| {
            let tale = instance.incident.and_then(|key| self.incidents.get(&key));
            tale.is_some_and(|tale| tale.incident.state.unended())
        };
        let failing = |(_, one): (&InstanceId, &Instance)| {
            !matches!(one.care, Care::Idle | Care::Suffers) || unended(one)
        };
        self.proven(name, now)
            || (self.services.get(name).is_some_and(proven)
                && !self.instances_of(name).any(failing))
    }

    /// One of its instances ceases to be ready: had all been so for long enough, that is remembered.
    pub(crate) fn ready_until_now(&mut self, ceases: &InstanceId, now: Mono) {
        let name = &ceases.service;
        let Some(service) = self.services.get(name) else {
            return;
        };
        let since = service.versions.since;
        let settle = service.spec.heal.settle;
        let asked = service.spec.health.is_some() || service.spec.ready_always;
        let well = |(_, instance): (&InstanceId, &Instance)| {
            instance.state == State::Ready
                && instance.outdated.is_none()
                && (!asked || instance.passed.is_some_and(|passed| passed > since))
                && now.since(instance.well_since.max(since)) >= settle
        };
        // It may just have been told to stop.
        let counts =
            |(id, _): &(&InstanceId, &Instance)| *id == ceases || self.goal(id) == Goal::Run;
        let well = !service.versions.proven && self.instances_of(name).filter(counts).all(well);
        if let Some(service) = self.services.get_mut(name) {
            service.versions.proven |= well;
        }
    }

    /// All instances of a service that are wanted have been well on its present definition for a while.
    pub(super) fn proven(&self, name: &ServiceName, now: Mono) -> bool {
        let Some(service) = self.services.get(name) else {
            return false;
        };
        let since = service.versions.since;
        let asked = service.spec.health.is_some() || service.spec.ready_always;
        let well = |(_, instance): (&InstanceId, &Instance)| {
            instance.good()
                && instance.care == Care::Idle
                && instance.outdated.is_none()
                && instance.cycle.is_none()
                && instance.unready.is_none()
                && instance.watch.well()
                && (!asked || instance.passed.is_some_and(|passed| passed > since))
                && now.since(instance.well_since.max(since)) >= service.spec.heal.settle
        };
        let wanted = |(id, _): &(&InstanceId, &Instance)| self.goal(id) == Goal::Run;
        let mut wanted = self.instances_of(name).filter(wanted).peekable();
        wanted.peek().is_some() && wanted.all(well)
    }
}
