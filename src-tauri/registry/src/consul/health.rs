//! `/v1/health`: how services are.

use super::asked::Asked;
use super::checks::{health, status};
use super::{Answer, Consul, filter, indexed, json, no};
use crate::Watched;
use axum::response::Response;
use hyper::StatusCode;
use model::view::Health;

impl Consul {
    pub(super) async fn health_service(&self, name: &str, asked: &Asked) -> Answer<Response> {
        let passing = asked.flag("passing")?;
        let filter = asked.filter(filter::HEALTH)?;
        let (index, mut all) = self.named(name, asked).await?;
        if passing {
            all.retain(|one| one.view.health == Health::Passing);
        }
        let shown = all.iter().map(|one| self.node.health(one));
        let shown: Vec<_> = shown.filter(|one| filter.keeps(one)).collect();
        Ok(indexed(index, json(&shown)))
    }

    pub(super) async fn health_checks(&self, name: &str, asked: &Asked) -> Answer<Response> {
        let filter = asked.filter(filter::CHECK)?;
        let (index, all) = self.named(name, asked).await?;
        let shown = all.iter().flat_map(|one| self.node.checks(one));
        let shown: Vec<_> = shown.filter(|one| filter.keeps(one)).collect();
        Ok(indexed(index, json(&shown)))
    }

    pub(super) async fn health_node(&self, name: &str, asked: &Asked) -> Answer<Response> {
        let filter = asked.filter(filter::CHECK)?;
        let index = self.when(asked, &Watched::Everything).await?;
        let all = match self.is_here(name) {
            true => self.registry.list(None),
            false => Vec::new(),
        };
        let shown = all.iter().flat_map(|one| self.node.checks(one));
        let shown: Vec<_> = shown.filter(|one| filter.keeps(one)).collect();
        Ok(indexed(index, json(&shown)))
    }

    pub(super) async fn health_state(&self, name: &str, asked: &Asked) -> Answer<Response> {
        let wanted = match name {
            "any" => None,
            name => Some(health(name).ok_or_else(|| {
                no(
                    StatusCode::BAD_REQUEST,
                    "the state is any, passing, warning or critical",
                )
            })?),
        };
        let filter = asked.filter(filter::CHECK)?;
        let index = self.when(asked, &Watched::Everything).await?;
        let all = self.registry.list(None);
        let checks = all.iter().flat_map(|one| self.node.checks(one));
        let of = |shown: &str| wanted.is_none_or(|wanted| shown == status(wanted));
        let shown = checks.filter(|one| of(one.status) && filter.keeps(one));
        let shown: Vec<_> = shown.collect();
        Ok(indexed(index, json(&shown)))
    }
}
