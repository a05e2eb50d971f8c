//! The gateway as hosts ask for it: what it shows, and a person's own request through it.
//!
//! It only hands on: what is shown is the gateway's, the request is sent by the host that asks. A request
//! that may change something is an act of that person, and passes the door like any other.

use crate::Error;
use crate::handle::Handle;
use model::view::{GatewayEdge, GatewayRequest, GatewayView, RouteView};
use model::{Actor, ClusterId, Outcome, ServiceName, Target, Verb};
use std::collections::BTreeMap;

/// What came of a request that a person sent.
pub struct Tried<Answer> {
    /// In words, for the book: "answered 201".
    pub said: String,
    /// The answer.
    pub answer: Answer,
}

impl Handle {
    /// The gateway as it is now; `None` where it does not run.
    pub fn gateway(&self) -> Option<GatewayView> {
        self.shared.gateway.get().map(gateway::Gateway::view)
    }

    /// A route by its host; `None` where the gateway does not run, or has none.
    pub fn gateway_route(&self, host: &str) -> Option<RouteView> {
        self.shared.gateway.get()?.route(host)
    }

    /// Where the services of a cluster are reached through it; nothing where it does not run.
    pub fn urls(&self, cluster: &ClusterId) -> BTreeMap<ServiceName, String> {
        let gateway = self.shared.gateway.get();
        gateway.map_or_else(BTreeMap::new, |gateway| gateway.urls(cluster))
    }

    /// The last requests it knows of, oldest first.
    pub fn gateway_requests(&self, most: usize) -> Vec<GatewayRequest> {
        let gateway = self.shared.gateway.get();
        gateway.map_or_else(Vec::new, |gateway| gateway.recent(most))
    }

    /// Which services ask what of which routes.
    pub fn gateway_edges(&self) -> Vec<GatewayEdge> {
        let gateway = self.shared.gateway.get();
        gateway.map_or_else(Vec::new, gateway::Gateway::edges)
    }

    /// A person asks a service something, through the gateway. `what` says it in words; `changes` is false
    /// for what by its method changes nothing: that is not written down.
    ///
    /// # Errors
    /// What the door says, or what became of asking.
    pub async fn try_route<Answer>(
        &self,
        actor: Actor,
        route: &RouteView,
        changes: bool,
        what: &str,
        ask: impl Future<Output = Result<Tried<Answer>, Error>>,
    ) -> Result<Answer, Error> {
        if !changes {
            return ask.await.map(|tried| tried.answer);
        }
        let target = Target {
            cluster: route.cluster.clone(),
            // What registered itself need not have the name of a service.
            services: route.name.parse().into_iter().collect(),
            instance: None,
        };
        let act = self
            .admit_so(actor, Verb::Request, target, what, what)
            .await?;
        let tried = ask.await;
        match &tried {
            Ok(tried) => {
                let outcome = Outcome::Done(tried.said.clone());
                self.shared.door.finish(act.id, outcome);
            }
            Err(_) => self.conclude(act.id, &tried),
        }
        tried.map(|tried| tried.answer)
    }
}
