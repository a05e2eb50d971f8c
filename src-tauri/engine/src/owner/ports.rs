//! The one port that all instances of a service share, where its definition says so: the service's
//! own wish goes to that one, and each instance has another of its own besides.

use super::Owner;
use super::effects::at_rest;
use crate::Error;
use crate::beside::beside_others;
use crate::record::sharer;
use crate::reserve::{reserve, tell_taken};
use driver::{PortError, PortGrant, PortWish};
use model::{InstanceId, ServiceName};
use orchestrator::Input;
use std::collections::BTreeMap;

/// All instances of it listen on one port.
pub(super) fn shares(service: &spec::Service) -> bool {
    service.listen == Some(spec::Listen::Shared)
}

impl Owner {
    /// The shared ports of a definition, and in words which preferred ones were taken. One that
    /// connections may be waiting at stays as it is.
    pub(super) fn share(
        &mut self,
        definition: &spec::Cluster,
    ) -> Result<(BTreeMap<ServiceName, u16>, Vec<String>), Error> {
        let mut ports = BTreeMap::new();
        let mut words = Vec::new();
        for (name, service) in definition.services.iter().filter(|(_, one)| shares(one)) {
            let wanted = service.port.unwrap_or(0);
            let has = self.record.shared_port(name);
            let before = self.record.definition.services.get(name);
            let same_wish = before.and_then(|old| old.port) == service.port;
            let lives = self
                .cluster
                .statuses_of(name)
                .any(|status| status.pid.is_some());
            if let Some(has) = has.filter(|_| same_wish && lives) {
                ports.insert(name.clone(), has);
                continue;
            }
            if let Some(old) = has {
                let first = InstanceId::new(name.clone(), 0);
                self.shared.driver.release_ports(&self.id, &first, &[old]);
            }
            let preferred = if wanted == 0 {
                has.unwrap_or(0)
            } else {
                wanted
            };
            let wish = PortWish {
                cluster: self.id.clone(),
                instance: sharer(name),
                preferred,
                exact: service.port_exact,
            };
            for grant in self.ask_for_ports(&[wish])? {
                ports.insert(name.clone(), grant.port);
                let Some((wanted, holder)) = grant.moved else {
                    continue;
                };
                let first = InstanceId::new(name.clone(), 0);
                let ports = (wanted, grant.port);
                words.push(tell_taken(&self.shared, &self.id, &first, ports, &holder));
            }
        }
        Ok((ports, words))
    }

    /// An instance of a cluster that is down has no need of its ports. They stay in the record: the next `up` asks
    /// for the same ones.
    pub(super) fn give_back_ports(&self, instance: &InstanceId) {
        let Some(ports) = self.record.ports.get(instance) else {
            return;
        };
        // One that all instances share is in use until the last of them has ended.
        let mut others = self.cluster.statuses_of(&instance.service);
        let free = match others.all(|one| at_rest(one.state)) {
            true => &ports[..],
            false => &ports[..ports.len().min(1)],
        };
        self.shared.driver.release_ports(&self.id, instance, free);
    }

    /// Gives back what was asked for beyond the record's, by an order that was not carried out.
    pub(super) fn give_back_beyond(&self, asked: &BTreeMap<InstanceId, Vec<u16>>) {
        for (instance, ports) in asked {
            let kept = self.record.ports.get(instance);
            let beyond = ports.iter().copied();
            let beyond: Vec<u16> = beyond
                .filter(|port| !kept.is_some_and(|kept| kept.contains(port)))
                .collect();
            self.shared
                .driver
                .release_ports(&self.id, instance, &beyond);
        }
        if self.record.is_down() {
            self.give_back_all_ports();
        }
    }

    /// The same of all that is at rest.
    pub(super) fn give_back_all_ports(&self) {
        let resting = self.cluster.statuses().filter(|one| at_rest(one.state));
        for one in resting {
            self.give_back_ports(&one.instance);
        }
    }

    /// What is down is wanted again, without an `up` that would ask for ports.
    pub(super) fn take_ports_again(&mut self) -> Result<(), PortError> {
        reserve(&self.shared, &mut self.record)?;
        self.step(Input::Ports(self.record.ports.clone()));
        Ok(())
    }

    /// One port for each wish. To say who holds one that is taken, every process is looked at.
    pub(super) fn ask_for_ports(&self, wishes: &[PortWish]) -> Result<Vec<PortGrant>, PortError> {
        beside_others(|| self.shared.drivers.grant_ports(wishes))
    }
}
