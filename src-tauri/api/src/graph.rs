//! What needs what, and what was seen of it: the `graph` call, and what it makes worth saying.

use crate::chosen::chosen;
use crate::requests::PsRequest;
use crate::views::{GraphNode, GraphView};
use engine::{Error, Handle};
use model::view::ServiceView;
use model::{Actor, ObservedConnection, State};

/// What was seen and should be declared.
pub(crate) fn advice(services: &[ServiceView], seen: &[ObservedConnection]) -> Vec<String> {
    let needs = |name: &model::ServiceName| {
        let service = services.iter().find(|service| service.name == *name);
        service.map_or(&[][..], |service| &service.needs)
    };
    let advice = seen.iter().filter_map(|one| one.advice(needs(&one.from)));
    advice.collect()
}

/// The body of the call.
pub(crate) async fn graph(
    engine: &Handle,
    _: &Actor,
    request: PsRequest,
) -> Result<GraphView, Error> {
    let mut picture = engine.snapshot();
    let cluster = chosen(&picture.clusters, &request)?;
    let connections = picture.connections.remove(&cluster.id).unwrap_or_default();
    let instances = picture.instances.remove(&cluster.id).unwrap_or_default();
    let found = picture
        .clusters
        .into_iter()
        .find(|one| one.id == cluster.id);
    let services = found.map(|one| one.services).unwrap_or_default();
    let advice = advice(&services, &connections);
    let services = services.into_iter().map(|service| {
        let own = || instances.iter().filter(|one| one.service == service.name);
        let lacking = own().find(|one| !one.state.good());
        let shown = lacking.or_else(|| own().next());
        let mut roots = own().filter_map(|one| one.marks.impacted_by.clone());
        GraphNode {
            state: shown.map_or(State::Stopped, |one| one.state),
            impacted_by: roots.next(),
            name: service.name,
            category: service.category,
            needs: service.needs,
            terms: service.terms,
        }
    });
    Ok(GraphView {
        cluster,
        services: services.collect(),
        connections,
        advice,
    })
}
