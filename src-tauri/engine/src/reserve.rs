//! The ports a cluster had, reserved again: by a new engine, and when what was down is wanted again.
//!
//! One that somebody else took while its service was down is replaced, which shows when the service starts.

use crate::beside::beside_others;
use crate::record::{ClusterRecord, sharer};
use crate::shared::Shared;
use model::{EventKind, InstanceId, PortTaken};

pub(crate) fn reserve(shared: &Shared, record: &mut ClusterRecord) {
    let exact = |instance: &InstanceId, common: bool| {
        let service = record.definition.services.get(&instance.service);
        let common = common == record.shared_port(&instance.service).is_some();
        common && service.is_some_and(|service| service.port_exact)
    };
    let wish = |instance: InstanceId, preferred, common| driver::PortWish {
        cluster: record.id.clone(),
        exact: exact(&instance, common),
        instance,
        preferred,
    };
    let services = record.definition.services.keys();
    let shared_ones = services.filter_map(|service| {
        let port = record.shared_port(service)?;
        Some(wish(sharer(service), port, true))
    });
    // First those that are shared: another port of an instance never takes their place.
    let mut wishes: Vec<driver::PortWish> = shared_ones.collect();
    let common = wishes.len();
    let own = record
        .ports
        .iter()
        .filter_map(|(instance, ports)| Some(wish(instance.clone(), *ports.first()?, false)));
    wishes.extend(own);
    match beside_others(|| shared.driver.grant_ports(&wishes)) {
        // One for each wish, in their order.
        Ok(mut grants) => {
            let own = grants.split_off(common);
            for grant in own {
                if let Some((wanted, holder)) = grant.moved {
                    let what = EventKind::PortMoved {
                        instance: grant.instance.clone(),
                        wanted,
                        got: grant.port,
                        holder: holder.clone(),
                    };
                    shared.journal.event(Some(&record.id), what);
                    let taken = PortTaken { wanted, holder };
                    record.ports_taken.insert(grant.instance.clone(), taken);
                }
                record.ports.insert(grant.instance, vec![grant.port]);
            }
            for grant in grants {
                record.share_port(&grant.instance.service, grant.port);
            }
        }
        Err(error) => {
            tracing::error!(cluster = %record.id, %error, "the cluster's ports are not reserved");
        }
    }
}
