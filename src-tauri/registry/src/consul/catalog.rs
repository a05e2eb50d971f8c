//! `/v1/catalog`: which services there are, and where.

use super::asked::Asked;
use super::checks::CheckWish;
use super::shape::{Keys, Kind, Shaped};
use super::wish::ServiceWish;
use super::{Answer, Consul, filter, indexed, json, lenient, no, seen};
use crate::{Listed, Watched};
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json as shape;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// The body of `PUT /v1/catalog/register`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entity {
    node: String,
    address: String,
    service: Option<ServiceWish>,
    check: Option<CheckWish>,
    checks: Vec<CheckWish>,
}

impl Shaped for Entity {
    const KEYS: Keys = &[
        ("node", Kind::Text),
        ("address", Kind::Text),
        ("service", Kind::Object(ServiceWish::KEYS)),
        ("check", Kind::Object(CheckWish::KEYS)),
        ("checks", Kind::Objects(CheckWish::KEYS)),
    ];
}

/// The body of `PUT /v1/catalog/deregister`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Gone {
    node: String,
    serviceid: String,
    checkid: String,
}

impl Shaped for Gone {
    const KEYS: Keys = &[
        ("node", Kind::Text),
        ("serviceid", Kind::Text),
        ("checkid", Kind::Text),
    ];
}

impl Consul {
    /// Waits until what is watched has changed, if the question waits; gives when it changed last.
    pub(super) async fn when(&self, asked: &Asked, watched: &Watched) -> Answer<u64> {
        if let Some(later) = asked.later()? {
            let limit = later.until.saturating_duration_since(Instant::now());
            let wait = self.registry.wait(watched, later.seen, limit);
            asked.unless_stopping(wait).await;
        }
        // Read before what is answered: a change in between is told again, and not lost.
        Ok(self.registry.changed(watched))
    }

    pub(super) async fn catalog_services(&self, asked: &Asked) -> Answer<Response> {
        let index = self.when(asked, &Watched::Names).await?;
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for listed in self.registry.list(None) {
            let tags = all.entry(listed.view.name.clone()).or_default();
            tags.extend(seen::tags(&listed));
        }
        Ok(indexed(index, json(&all)))
    }

    pub(super) async fn catalog_service(&self, name: &str, asked: &Asked) -> Answer<Response> {
        let filter = asked.filter(filter::CATALOG)?;
        let (index, all) = self.named(name, asked).await?;
        let shown = all.iter().map(|one| self.node.catalog(one));
        let shown: Vec<_> = shown.filter(|one| filter.keeps(one)).collect();
        Ok(indexed(index, json(&shown)))
    }

    /// The entries of a name that have all the tags that are asked for.
    pub(super) async fn named(&self, name: &str, asked: &Asked) -> Answer<(u64, Vec<Arc<Listed>>)> {
        if name.is_empty() {
            return Err(no(
                StatusCode::BAD_REQUEST,
                "the name of a service is missing",
            ));
        }
        let index = self.when(asked, &Watched::Name(name.to_owned())).await?;
        let mut all = self.registry.list(Some(name));
        // Consul compares tags without case.
        let wanted: Vec<String> = asked.all("tag").map(str::to_lowercase).collect();
        if !wanted.is_empty() {
            all.retain(|one| {
                let has: Vec<String> = seen::tags(one).iter().map(|t| t.to_lowercase()).collect();
                wanted.iter().all(|tag| has.contains(tag))
            });
        }
        Ok((index, all))
    }

    pub(super) async fn nodes(&self, asked: &Asked) -> Answer<Response> {
        let filter = asked.filter(filter::NODE)?;
        // It never changes.
        if let Some(later) = asked.later()? {
            asked
                .unless_stopping(tokio::time::sleep_until(later.until))
                .await;
        }
        let shown = [self.node.shown()].into_iter();
        let shown: Vec<_> = shown.filter(|one| filter.keeps(one)).collect();
        Ok(indexed(1, json(&shown)))
    }

    pub(super) async fn catalog_node(&self, name: &str, asked: &Asked) -> Answer<Response> {
        let filter = asked.filter(filter::SERVICE)?;
        let index = self.when(asked, &Watched::Everything).await?;
        if !self.is_here(name) {
            return Ok(indexed(index, json(&serde_json::Value::Null)));
        }
        let all = self.registry.list(None);
        let services: BTreeMap<String, _> = all
            .iter()
            .map(|one| (seen::id(one), seen::service(one)))
            .filter(|(_, shown)| filter.keeps(shown))
            .collect();
        let shown = shape!({ "Node": self.node.shown(), "Services": services });
        Ok(indexed(index, json(&shown)))
    }

    /// Is this the one node there is?
    pub(super) fn is_here(&self, node: &str) -> bool {
        node == self.node.name || node == self.node.id
    }

    fn here(&self, node: &str) -> Answer<()> {
        match self.is_here(node) {
            true => Ok(()),
            false if node.is_empty() => Err(no(StatusCode::BAD_REQUEST, "the Node is missing")),
            false => Err(no(
                StatusCode::NOT_IMPLEMENTED,
                format!(
                    "there is one node here, {}, and none is added",
                    self.node.name
                ),
            )),
        }
    }

    pub(super) async fn register_entity(&self, body: &[u8]) -> Answer<Response> {
        let entity: Entity = lenient::read(body)?;
        self.here(&entity.node)?;
        if entity.check.is_some() || !entity.checks.is_empty() {
            return Err(no(
                StatusCode::NOT_IMPLEMENTED,
                "checks are registered with agent/service/register or agent/check/register",
            ));
        }
        let Some(service) = entity.service else {
            return Err(no(
                StatusCode::BAD_REQUEST,
                "the Service is missing: the node is there already",
            ));
        };
        if !entity.address.is_empty() {
            self.node.allows(&entity.address, 0).map_err(|refusal| {
                no(
                    StatusCode::BAD_REQUEST,
                    format!("failed to use the Address: {refusal}"),
                )
            })?;
        }
        self.put(service, false).await?;
        Ok(json(&true))
    }

    pub(super) async fn deregister_entity(&self, body: &[u8]) -> Answer<Response> {
        let gone: Gone = lenient::read(body)?;
        self.here(&gone.node)?;
        match (gone.serviceid.as_str(), gone.checkid.as_str()) {
            ("", "") => {
                return Err(no(
                    StatusCode::FORBIDDEN,
                    "the node itself stays; say which ServiceID or CheckID is to go",
                ));
            }
            ("", check) => self.deregister_check(check).await?,
            // Consul says true of what is not there, too.
            (service, _) if self.by_id(service).is_none() => return Ok(json(&true)),
            (service, _) => self.deregister_service(service).await?,
        };
        Ok(json(&true))
    }
}
