//! `/v1/agent` and `/v1/status`: what programs register, and how they say that they are well.

use super::asked::{Asked, quoted};
use super::checks::{CheckWish, health};
use super::node::{DATACENTER, Node};
use super::shape::{Keys, Kind, Shaped};
use super::wish::ServiceWish;
use super::{Answer, Consul, No, filter, indexed, json, lenient, no, seen};
use crate::check::{Check, Look};
use crate::registration::Stays;
use crate::{Error, Keep, Key, Listed, Watched};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use model::view::Health;
use serde::Deserialize;
use serde_json::json as shape;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the check is called that maintenance is.
const MAINTENANCE: &str = "_service_maintenance:";
const UNDER_MAINTENANCE: &str = "Service Maintenance Mode";

/// The body of `PUT /v1/agent/check/update/ID`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Update {
    status: String,
    output: String,
}

impl Shaped for Update {
    const KEYS: Keys = &[("status", Kind::Text), ("output", Kind::Text)];
}

fn done() -> Response {
    StatusCode::OK.into_response()
}

impl Node {
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Consul {
    pub(super) fn agent(&self) -> serde_json::Value {
        shape!({
            "Config": {
                "Datacenter": DATACENTER,
                "NodeName": self.node.name,
                "NodeID": self.node.id,
                "Revision": "",
                "Server": true,
                "Version": concat!(env!("CARGO_PKG_VERSION"), "+azora"),
            },
            "Coord": null,
            "Member": self.member(),
            "Meta": {},
            "Stats": {},
        })
    }

    pub(super) fn member(&self) -> serde_json::Value {
        shape!({
            "Name": self.node.name,
            "Addr": "127.0.0.1",
            "Port": self.node.port,
            "Tags": { "dc": DATACENTER, "id": self.node.id, "role": "consul", "port": self.node.port.to_string() },
            "Status": 1,
            "ProtocolMin": 1, "ProtocolMax": 3, "ProtocolCur": 2,
            "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4,
        })
    }

    pub(super) fn agent_services(&self, asked: &Asked) -> Answer<Response> {
        let filter = asked.filter(filter::AGENT_SERVICE)?;
        let all = self.registry.list(None);
        let shown: BTreeMap<String, _> = all
            .iter()
            .map(|one| (seen::id(one), of_agent(one)))
            .filter(|(_, shown)| filter.keeps(shown))
            .collect();
        let index = self.registry.changed(&Watched::Everything);
        Ok(indexed(index, json(&shown)))
    }

    pub(super) fn agent_service(&self, id: &str) -> Answer<Response> {
        let listed = self.by_id(id).ok_or_else(|| unknown_service(id))?;
        Ok(json(&of_agent(&listed)))
    }

    pub(super) fn agent_checks(&self, asked: &Asked) -> Answer<Response> {
        let filter = asked.filter(filter::CHECK)?;
        let all = self.registry.list(None);
        let checks = all.iter().flat_map(|one| self.node.checks(one));
        let checks = checks.filter(|one| filter.keeps(one));
        let shown: BTreeMap<String, _> = checks.map(|one| (one.check_id.clone(), one)).collect();
        let index = self.registry.changed(&Watched::Everything);
        Ok(indexed(index, json(&shown)))
    }

    /// The entry that has this id in Consul's eyes.
    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Listed>> {
        self.registry.called(id)
    }

    /// The same, if a client may change it.
    fn changeable(&self, id: &str) -> Answer<Arc<Listed>> {
        let listed = self.by_id(id).ok_or_else(|| unknown_service(id))?;
        match &listed.view.cluster {
            Some(cluster) => Err(Error::Kept {
                name: listed.view.name.clone(),
                cluster: cluster.to_string(),
            }
            .into()),
            None => Ok(listed),
        }
    }

    pub(super) async fn register_service(&self, asked: &Asked, body: &[u8]) -> Answer<Response> {
        let replace = asked.flag("replace-existing-checks")?;
        let wish: ServiceWish = lenient::read(body)?;
        self.put(wish, replace).await?;
        Ok(done())
    }

    /// Registers a service. Checks that it had and does not name stay unless they are to be `replaced`;
    /// maintenance stays until it is ended.
    pub(super) async fn put(&self, wish: ServiceWish, replace: bool) -> Answer<()> {
        let wish = wish.registration(&self.node)?;
        // An instance of a cluster has this id, and ids are one space here.
        if self.registry.by_id(&wish.id).is_none() && self.registry.own_by_id(&wish.id).is_some() {
            self.changeable(&wish.id)?;
        }
        let stays = if replace { Stays::Said } else { Stays::All };
        self.registry.register_beside(wish, stays).await?;
        Ok(())
    }

    pub(super) async fn deregister_service(&self, id: &str) -> Answer<Response> {
        let listed = self.changeable(id)?;
        let view = &listed.view;
        self.registry.deregister(&view.name, Some(&view.id)).await?;
        Ok(done())
    }

    pub(super) async fn maintenance(&self, id: &str, asked: &Asked) -> Answer<Response> {
        if asked.get("enable").is_none() {
            return Err(no(
                StatusCode::BAD_REQUEST,
                "enable is missing: true or false",
            ));
        }
        let enable = asked.flag("enable")?;
        let reason = asked.get("reason").filter(|reason| !reason.is_empty());
        let reason = reason
            .unwrap_or("Maintenance mode is enabled for this service.")
            .to_owned();
        let listed = self.changeable(id)?;
        let check = format!("{MAINTENANCE}{id}");
        let what = match enable {
            true => {
                let reason: String = reason.chars().take(200).collect();
                format!("begin maintenance: {reason}")
            }
            false => "end maintenance".to_owned(),
        };
        self.amend(&listed, what, move |checks| {
            checks.retain(|one| one.id != check);
            if enable {
                let name = UNDER_MAINTENANCE.to_owned();
                let said = Check::said(&check, Health::Critical, &reason);
                checks.push(Check { name, ..said });
            }
        })
        .await
    }

    pub(super) async fn register_check(&self, body: &[u8]) -> Answer<Response> {
        let wish: CheckWish = lenient::read(body)?;
        let of = wish.serviceid.clone();
        if of.is_empty() {
            return Err(no(
                StatusCode::NOT_IMPLEMENTED,
                "checks of the machine itself are not there; say of which service with ServiceID",
            ));
        }
        if wish.name().is_empty() {
            return Err(no(StatusCode::BAD_REQUEST, "the check has no Name"));
        }
        // Without an id it is called by its name, as Consul does.
        let id = wish.name().to_owned();
        wish.is_of(&of)?;
        let check = wish.check(id, &self.node)?;
        if let Some((other, _)) = self.check_of(&check.id)
            && seen::id(&other) != of
        {
            return Err(no(
                StatusCode::CONFLICT,
                format!(
                    "check {} is of service {} already",
                    quoted(&check.id),
                    quoted(&seen::id(&other))
                ),
            ));
        }
        let listed = self.changeable(&of)?;
        let what = format!("register check {}", check.id);
        self.amend(&listed, what, move |checks| {
            checks.retain(|one| one.id != check.id);
            checks.push(check);
        })
        .await
    }

    pub(super) async fn deregister_check(&self, id: &str) -> Answer<Response> {
        let (listed, check) = self.check_of(id).ok_or_else(|| unknown_check(id))?;
        let listed = self.changeable(&seen::id(&listed))?;
        if check.look == Look::Said {
            return Err(no(
                StatusCode::BAD_REQUEST,
                "maintenance is ended with agent/service/maintenance",
            ));
        }
        let id = id.to_owned();
        let what = format!("deregister check {id}");
        self.amend(&listed, what, move |checks| {
            checks.retain(|one| one.id != id)
        })
        .await
    }

    /// Changes the checks of an entry that a client keeps; what else keeps its own has none of these.
    async fn amend(
        &self,
        listed: &Listed,
        what: String,
        change: impl FnOnce(&mut Vec<Check>) + Send + 'static,
    ) -> Answer<Response> {
        if !listed
            .wish
            .as_ref()
            .is_some_and(|wish| wish.keep == Keep::Checks)
        {
            return Err(no(
                StatusCode::CONFLICT,
                format!(
                    "{} is not kept by checks: it was registered with the registry's own API",
                    quoted(&seen::id(listed))
                ),
            ));
        }
        let key = Key::new(&listed.view.name, &listed.view.id);
        let change = |wish: &mut crate::Registration| change(&mut wish.checks);
        self.registry.amend(&key, &what, change).await?;
        Ok(done())
    }

    /// The check of this id, and whose it is.
    fn check_of(&self, id: &str) -> Option<(Arc<Listed>, Check)> {
        let listed = self.registry.by_check(id)?;
        let found = listed.checks.iter().find(|state| state.check.id == id);
        let check = found.map(|state| state.check.clone())?;
        Some((listed, check))
    }

    pub(super) fn tell(&self, id: &str, status: &str, asked: &Asked) -> Answer<Response> {
        self.said(id, status, asked.get("note").unwrap_or_default())
    }

    pub(super) fn update_check(&self, id: &str, body: &[u8]) -> Answer<Response> {
        let update: Update = lenient::read(body)?;
        self.said(id, &update.status, &update.output)
    }

    fn said(&self, id: &str, status: &str, output: &str) -> Answer<Response> {
        let status = health(status).ok_or_else(|| {
            no(
                StatusCode::BAD_REQUEST,
                "the Status is passing, warning or critical",
            )
        })?;
        let (listed, check) = self.check_of(id).ok_or_else(|| unknown_check(id))?;
        if !matches!(check.look, Look::Ttl { .. }) {
            return Err(no(
                StatusCode::BAD_REQUEST,
                format!("check {} has no TTL: it is asked, and not told", quoted(id)),
            ));
        }
        let key = Key::new(&listed.view.name, &listed.view.id);
        self.registry.set_check(&key, id, status, output)?;
        Ok(done())
    }
}

/// A service as the agent shows it: with where it is.
pub(super) fn of_agent(listed: &Listed) -> serde_json::Value {
    let mut shown = serde_json::to_value(seen::service(listed)).unwrap_or_default();
    shown["Datacenter"] = DATACENTER.into();
    shown
}

fn unknown_service(id: &str) -> No {
    no(
        StatusCode::NOT_FOUND,
        format!("unknown service ID {}: it is not registered", quoted(id)),
    )
}

/// Clients that are told so register again.
fn unknown_check(id: &str) -> No {
    no(
        StatusCode::NOT_FOUND,
        format!(
            "unknown check ID {}: register its service again",
            quoted(id)
        ),
    )
}
