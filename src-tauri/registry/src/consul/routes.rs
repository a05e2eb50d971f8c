//! Which request is which, and what is not here.

use super::asked::{Asked, quoted};
use super::{Answer, Consul, json, no};
use crate::guard::{Guard, guard};
use crate::serve::Stopping;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use std::time::Duration;

/// Longest body of what is not a value, in bytes.
const MAX_BODY: usize = 64 << 10;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How a route is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It reads.
    Get,
    /// It writes.
    Put,
    /// It removes.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// What is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Leader,
    Peers,
    AgentSelf,
    Members,
    AgentServices,
    AgentService,
    AgentChecks,
    RegisterService,
    DeregisterService,
    Maintenance,
    RegisterCheck,
    DeregisterCheck,
    PassCheck,
    WarnCheck,
    FailCheck,
    UpdateCheck,
    CatalogServices,
    CatalogService,
    Nodes,
    Node,
    Datacenters,
    RegisterEntity,
    DeregisterEntity,
    HealthService,
    HealthChecks,
    HealthNode,
    HealthState,
    ReadKeys,
    PutKey,
    DeleteKeys,
}

impl Route {
    /// Its answer is a list that can be filtered.
    fn takes_filter(self) -> bool {
        matches!(
            self,
            Route::AgentServices
                | Route::AgentChecks
                | Route::CatalogService
                | Route::Nodes
                | Route::Node
                | Route::HealthService
                | Route::HealthChecks
                | Route::HealthNode
                | Route::HealthState
        )
    }
}

/// Every route: its method, its path below `/v1/`, and what it is. A path that ends in `/` goes on with
/// a name, which may have slashes of its own.
const TABLE: [(Method, &str, Route); 30] = [
    (Method::Get, "status/leader", Route::Leader),
    (Method::Get, "status/peers", Route::Peers),
    (Method::Get, "agent/self", Route::AgentSelf),
    (Method::Get, "agent/members", Route::Members),
    (Method::Get, "agent/services", Route::AgentServices),
    (
        Method::Put,
        "agent/service/register",
        Route::RegisterService,
    ),
    (
        Method::Put,
        "agent/service/deregister/",
        Route::DeregisterService,
    ),
    (
        Method::Put,
        "agent/service/maintenance/",
        Route::Maintenance,
    ),
    (Method::Get, "agent/service/", Route::AgentService),
    (Method::Get, "agent/checks", Route::AgentChecks),
    (Method::Put, "agent/check/register", Route::RegisterCheck),
    (
        Method::Put,
        "agent/check/deregister/",
        Route::DeregisterCheck,
    ),
    (Method::Put, "agent/check/pass/", Route::PassCheck),
    (Method::Put, "agent/check/warn/", Route::WarnCheck),
    (Method::Put, "agent/check/fail/", Route::FailCheck),
    (Method::Put, "agent/check/update/", Route::UpdateCheck),
    (Method::Get, "catalog/services", Route::CatalogServices),
    (Method::Get, "catalog/service/", Route::CatalogService),
    (Method::Get, "catalog/nodes", Route::Nodes),
    (Method::Get, "catalog/node/", Route::Node),
    (Method::Get, "catalog/datacenters", Route::Datacenters),
    (Method::Put, "catalog/register", Route::RegisterEntity),
    (Method::Put, "catalog/deregister", Route::DeregisterEntity),
    (Method::Get, "health/service/", Route::HealthService),
    (Method::Get, "health/checks/", Route::HealthChecks),
    (Method::Get, "health/node/", Route::HealthNode),
    (Method::Get, "health/state/", Route::HealthState),
    (Method::Get, "kv/", Route::ReadKeys),
    (Method::Put, "kv/", Route::PutKey),
    (Method::Delete, "kv/", Route::DeleteKeys),
];

/// Every route as it is documented: its method, and its path below `/v1/`. One that ends in `/` goes on
/// with a name.
pub const ROUTES: [(Method, &str); TABLE.len()] = {
    let mut routes = [(Method::Get, ""); TABLE.len()];
    let mut at = 0;
    while at < TABLE.len() {
        routes[at] = (TABLE[at].0, TABLE[at].1);
        at += 1;
    }
    routes
};

/// What Consul has and this has not, by how its path begins, and why.
const ABSENT: [(&str, &str); 24] = [
    (
        "session/",
        "sessions: there are no locks here, and cas writes one value without them",
    ),
    ("event/", "user events"),
    ("query", "prepared queries"),
    ("txn", "transactions"),
    (
        "acl/",
        "access control: who asks is looked up by its socket, and nobody but this user is served",
    ),
    (
        "operator/",
        "operating servers: there is one, and nothing to operate",
    ),
    ("snapshot", "snapshots"),
    ("connect/", "Connect, a mesh"),
    ("agent/connect/", "Connect, a mesh"),
    ("health/connect/", "Connect, a mesh"),
    ("catalog/connect/", "Connect, a mesh"),
    ("health/ingress/", "Connect, a mesh"),
    ("catalog/gateway-services/", "Connect, a mesh"),
    ("discovery-chain/", "Connect, a mesh"),
    ("config", "config entries"),
    ("coordinate/", "network coordinates: there is one machine"),
    ("agent/join/", "joining: there is one machine"),
    ("agent/leave", "leaving: stop Azora instead"),
    ("agent/force-leave/", "leaving: there is one machine"),
    (
        "agent/maintenance",
        "maintenance of the whole machine; it is there for each service",
    ),
    ("agent/reload", "reloading a configuration: there is none"),
    ("agent/monitor", "a stream of logs; Azora has it"),
    ("agent/metrics", "metrics"),
    (
        "agent/health/service/",
        "health by the agent; health/service/NAME has it",
    ),
];

pub(super) fn router(consul: Arc<Consul>, port: u16) -> Router {
    let guarding = Guard::new(&consul.registry, port);
    Router::new()
        .fallback(answer)
        .with_state(consul)
        .layer(middleware::from_fn_with_state(guarding, guard))
}

async fn answer(State(consul): State<Arc<Consul>>, request: Request) -> Response {
    match consul.answer(request).await {
        Ok(response) => response,
        Err(no) => no.into_response(),
    }
}

/// What a path comes to: its route and the name it ends with; or the methods that it has.
fn find(method: &hyper::Method, path: &str) -> Answer<(Route, String)> {
    let Some(path) = path.strip_prefix("/v1/") else {
        let why = "there is nothing here: Consul's API begins with /v1/";
        return Err(no(StatusCode::NOT_FOUND, why));
    };
    let mut methods = Vec::new();
    let mut found = None;
    for (wanted, row, route) in TABLE {
        let rest = match row.ends_with('/') {
            // `kv` by itself is all of it, and a client may leave its slash out.
            true if row.strip_suffix('/') == Some(path) => Some(""),
            true => path.strip_prefix(row),
            false => (row == path).then_some(""),
        };
        let Some(rest) = rest else { continue };
        if wanted.name() != method.as_str() {
            methods.push(wanted.name());
            continue;
        }
        found = Some((route, rest));
        break;
    }
    let Some((route, rest)) = found else {
        let begins = |(begin, _): &&(&str, &str)| path.starts_with(begin);
        if let Some((_, what)) = ABSENT.iter().find(begins) {
            let why = format!("this is not all of Consul, and has no {what}");
            return Err(no(StatusCode::NOT_IMPLEMENTED, why));
        }
        if methods.is_empty() {
            let why = format!(
                "there is nothing at {}; docs/consul.md says what is there",
                quoted(path)
            );
            return Err(no(StatusCode::NOT_FOUND, why));
        }
        let methods = methods.join(", ");
        let refused = no(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("it takes {methods}"),
        );
        return Err(refused.allowing(methods));
    };
    match percent_decode_str(rest).decode_utf8() {
        Ok(name) => Ok((route, name.into_owned())),
        Err(_) => {
            let why = "the path is no text in UTF-8";
            Err(no(StatusCode::BAD_REQUEST, why))
        }
    }
}

impl Consul {
    async fn answer(&self, request: Request) -> Answer<Response> {
        let (head, body) = request.into_parts();
        let (route, name) = find(&head.method, head.uri.path())?;
        let stopping = head.extensions.get::<Stopping>().cloned();
        let asked = Asked::read(head.uri.query(), stopping)?;
        if !route.takes_filter() {
            asked.without_filter()?;
        }
        match route {
            Route::Leader => Ok(json(&self.node.address())),
            Route::Peers => Ok(json(&[self.node.address()])),
            Route::AgentSelf => Ok(json(&self.agent())),
            Route::Members => Ok(json(&[self.member()])),
            Route::AgentServices => self.agent_services(&asked),
            Route::AgentService => self.agent_service(&name),
            Route::AgentChecks => self.agent_checks(&asked),
            Route::RegisterService => self.register_service(&asked, &bytes(body).await?).await,
            Route::DeregisterService => self.deregister_service(&name).await,
            Route::Maintenance => self.maintenance(&name, &asked).await,
            Route::RegisterCheck => self.register_check(&bytes(body).await?).await,
            Route::DeregisterCheck => self.deregister_check(&name).await,
            Route::PassCheck => self.tell(&name, "passing", &asked),
            Route::WarnCheck => self.tell(&name, "warning", &asked),
            Route::FailCheck => self.tell(&name, "critical", &asked),
            Route::UpdateCheck => self.update_check(&name, &bytes(body).await?),
            Route::CatalogServices => self.catalog_services(&asked).await,
            Route::CatalogService => self.catalog_service(&name, &asked).await,
            Route::Nodes => self.nodes(&asked).await,
            Route::Node => self.catalog_node(&name, &asked).await,
            Route::Datacenters => Ok(json(&[super::node::DATACENTER])),
            Route::RegisterEntity => self.register_entity(&bytes(body).await?).await,
            Route::DeregisterEntity => self.deregister_entity(&bytes(body).await?).await,
            Route::HealthService => self.health_service(&name, &asked).await,
            Route::HealthChecks => self.health_checks(&name, &asked).await,
            Route::HealthNode => self.health_node(&name, &asked).await,
            Route::HealthState => self.health_state(&name, &asked).await,
            Route::ReadKeys => self.read_keys(&name, &asked).await,
            Route::PutKey => {
                let value = whole(body, crate::kv::MAX_VALUE).await?;
                self.put_key(&name, &asked, value).await
            }
            Route::DeleteKeys => self.delete_keys(&name, &asked).await,
        }
    }
}

async fn bytes(body: Body) -> Answer<Bytes> {
    whole(body, MAX_BODY).await
}

async fn whole(body: Body, most: usize) -> Answer<Bytes> {
    let whole = Limited::new(body, most).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(no(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {} KB", most >> 10),
        )),
        Ok(Err(error)) => Err(no(
            StatusCode::BAD_REQUEST,
            format!("the body broke off: {error}"),
        )),
        Err(_) => Err(no(
            StatusCode::REQUEST_TIMEOUT,
            "the body took longer than 10 s",
        )),
    }
}

/// Whether a `GET` of this path is something.
#[cfg(test)]
pub(super) fn known(path: &str) -> bool {
    find(&hyper::Method::GET, path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(line: &str) -> Result<(Route, String), u16> {
        let (method, path) = line.split_once(' ').unwrap();
        let method = hyper::Method::from_bytes(method.as_bytes()).unwrap();
        find(&method, path).map_err(|no| no.status())
    }

    #[test]
    fn names_may_have_slashes_plain_or_encoded() {
        for (line, found, name) in [
            ("GET /v1/health/service/a/b", Route::HealthService, "a/b"),
            ("GET /v1/health/service/a%2Fb", Route::HealthService, "a/b"),
            (
                "GET /v1/health/service/a%2fb%20c+d",
                Route::HealthService,
                "a/b c+d",
            ),
            (
                "PUT /v1/agent/service/deregister/x%2F1",
                Route::DeregisterService,
                "x/1",
            ),
            (
                "PUT /v1/agent/check/pass/service:web:1",
                Route::PassCheck,
                "service:web:1",
            ),
            (
                "GET /v1/agent/service/register",
                Route::AgentService,
                "register",
            ),
            ("GET /v1/kv/", Route::ReadKeys, ""),
            ("GET /v1/kv", Route::ReadKeys, ""),
            ("GET /v1/kv/a//b/", Route::ReadKeys, "a//b/"),
            ("DELETE /v1/kv/../x", Route::DeleteKeys, "../x"),
        ] {
            assert_eq!(route(line), Ok((found, name.to_owned())), "{line}");
        }
    }

    #[test]
    fn what_is_not_here_says_so() {
        for (line, status) in [
            ("GET /", 404),
            ("GET /ui/", 404),
            ("GET /v1/nothing", 404),
            ("GET /v1/agent/selfie", 404),
            ("POST /v1/agent/service/register", 405),
            ("DELETE /v1/agent/service/deregister/x", 405),
            ("PATCH /v1/kv/a", 405),
            ("PUT /v1/session/create", 501),
            ("PUT /v1/txn", 501),
            ("GET /v1/acl/tokens", 501),
            ("GET /v1/health/connect/web", 501),
            ("GET /v1/agent/connect/ca/roots", 501),
            ("PUT /v1/agent/maintenance", 501),
            ("GET /v1/query", 501),
            ("GET /v1/kv/%ff", 400),
        ] {
            assert_eq!(route(line).unwrap_err(), status, "{line}");
        }
    }

    #[test]
    fn every_route_is_found_by_its_own_row() {
        for (method, path, wanted) in TABLE {
            let name = if path.ends_with('/') { "x" } else { "" };
            let line = format!("{} /v1/{path}{name}", method.name());
            assert_eq!(route(&line), Ok((wanted, name.to_owned())), "{line}");
        }
    }
}
