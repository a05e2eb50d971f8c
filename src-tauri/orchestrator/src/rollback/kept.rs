//! What stays taken back while its file says what it was taken back from.

use super::instead;
use crate::cluster::Cluster;
use crate::edit::parts;
use model::ServiceName;
use spec::TemplatePart;
use std::sync::Arc;

/// An older definition can stand in the place of the present one. `port` says whether another service has
/// one, if there is that service.
pub(super) fn fits(
    old: &spec::Service,
    now: &spec::Service,
    port: impl Fn(&ServiceName) -> Option<bool>,
) -> bool {
    let refers = |part: &TemplatePart| match part {
        TemplatePart::Port(to) | TemplatePart::Url(to) => port(to) == Some(true),
        TemplatePart::Host(to) => port(to).is_some(),
        TemplatePart::Text(_) => true,
    };
    // What a oneshot did on the older definition is done.
    old.kind == spec::Kind::Daemon
        && now.kind == spec::Kind::Daemon
        && (old.port.is_some(), old.listen) == (now.port.is_some(), now.listen)
        && old.env_files == now.env_files
        && parts(old).all(refers)
}

impl Cluster {
    /// A definition as `up` is to take it in: services stay what they were taken back to as long as their
    /// file says what they were taken back from, and have as many instances more as healing has added.
    pub fn kept(&self, definition: &Arc<spec::Cluster>) -> Arc<spec::Cluster> {
        let port = |other: &ServiceName| {
            let other = definition.services.get(other)?;
            Some(other.port.is_some())
        };
        let kept = definition.services.iter().filter_map(|(name, new)| {
            let service = self.services.get(name)?;
            let refused = service.versions.refused.as_ref()?;
            let same = *refused.spec == instead(new, &refused.spec);
            let stays = instead(&service.spec, new);
            (same && fits(&service.spec, new, port)).then(|| (name.clone(), stays))
        });
        let kept: Vec<(ServiceName, spec::Service)> = kept.collect();
        let grown = definition.services.iter().filter_map(|(name, new)| {
            let replicas = self.grown(name, new);
            (replicas != new.replicas).then(|| (name.clone(), replicas))
        });
        let grown: Vec<(ServiceName, u16)> = grown.collect();
        if kept.is_empty() && grown.is_empty() {
            return Arc::clone(definition);
        }
        let mut definition = spec::Cluster::clone(definition);
        definition.services.extend(kept);
        for (name, replicas) in grown {
            if let Some(service) = definition.services.get_mut(&name) {
                service.replicas = replicas;
            }
        }
        Arc::new(definition)
    }
}
