//! The gateway as hosts are told of it: all of it once, then what changes, once a second and only as long
//! as somebody reads; and a person's own request through it.
//!
//! Called by the table. What is shown is the gateway's own; nothing here knows how it chooses.

mod ask;

use crate::calls::why;
use crate::dispatch::{Lines, json};
use engine::{Error, Handle};
use futures_util::{StreamExt, stream};
use model::view::{GatewayEdge, GatewayRequest, GatewayView, RouteView};
use model::{Actor, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use ts_rs::TS;

/// So often it is looked whether something has changed. Rates are over 10 s, and nobody reads faster.
const EVERY: Duration = Duration::from_secs(1);
/// Requests that are told at first when nobody says how many.
const USUAL: u32 = 200;
/// Most requests in one message. What comes faster is counted by the traffic, and not read.
const MOST: u32 = 1_000;

/// How much of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct GatewayAsked {
    /// How many of the last requests, at first; 200, and 1,000 at most.
    pub requests: Option<u32>,
}

/// The gateway, or what has changed since the message before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GatewayMessage {
    /// When it was looked.
    pub at: Timestamp,
    /// It; of its routes those that have changed, which at first are all. `null` where it does not run.
    pub gateway: Option<GatewayView>,
    /// Hosts of routes that are no more.
    pub gone: Vec<String>,
    /// Which services ask what of which routes: all of them.
    pub edges: Vec<GatewayEdge>,
    /// Requests since the message before, oldest first.
    pub requests: Vec<GatewayRequest>,
}

/// A request that a person wants to send to a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct GatewayTry {
    /// The host of the route: "api.shop.localhost".
    pub host: String,
    /// The method, in capitals: "GET".
    pub method: String,
    /// The path with its query; it begins with a slash.
    pub path: String,
    /// Headers, as name and value.
    #[serde(default)]
    #[ts(as = "Option<Vec<(String, String)>>", optional)]
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Why, for the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GatewayTried {
    /// Its status.
    pub status: u16,
    /// How long it took until its head was there, in milliseconds.
    pub head_ms: f64,
    /// How long it took until its body was, or until no more of it was read.
    pub took_ms: f64,
    /// Its headers, as name and value, in the order they came.
    pub headers: Vec<(String, String)>,
    /// Its body; `null` when it is no text.
    pub body: Option<String>,
    /// How many bytes of it were read.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Why not all of it was read, in words.
    pub cut: Option<String>,
}

pub(crate) async fn gateway(
    engine: &Handle,
    _: &Actor,
    asked: GatewayAsked,
) -> Result<GatewayMessage, Error> {
    Ok(Seen::new(asked).message(Picture::of(engine)))
}

pub(crate) async fn watch_gateway(engine: &Handle, asked: GatewayAsked) -> Result<Lines, Error> {
    let mut clock = interval_at(Instant::now(), EVERY);
    // A window that is not looked at reads nothing; it then wants how it is, not how it was.
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = (engine.clone(), Seen::new(asked), clock);
    let messages = stream::unfold(state, |(engine, mut seen, mut clock)| async move {
        clock.tick().await;
        let message = seen.message(Picture::of(&engine));
        Some((json(&message), (engine, seen, clock)))
    });
    Ok(messages.boxed())
}

pub(crate) async fn gateway_try(
    engine: &Handle,
    actor: &Actor,
    request: GatewayTry,
) -> Result<GatewayTried, Error> {
    let reason = why(request.reason.clone());
    let Some(gateway) = engine.info().gateway else {
        let why = "the gateway does not run; docs/settings.md says how it is turned on";
        return Err(Error::Conflict(why.to_owned()));
    };
    let Some(route) = engine.gateway_route(&request.host) else {
        return Err(Error::Conflict(format!(
            "the gateway has no route {}; `azora gateway` lists those there are",
            request.host.chars().take(100).collect::<String>()
        )));
    };
    let question = ask::Question::new(&gateway, request)?;
    let what = match reason.as_str() {
        "" => question.said(),
        reason => format!("{reason} ({})", question.said()),
    };
    let changes = question.changes();
    engine
        .try_route(
            actor.clone(),
            &route,
            changes,
            &why(Some(what)),
            question.ask(),
        )
        .await
}

/// What there is to tell.
struct Picture {
    at: Timestamp,
    gateway: Option<GatewayView>,
    edges: Vec<GatewayEdge>,
    /// The last ones, oldest first.
    requests: Vec<GatewayRequest>,
}

impl Picture {
    fn of(engine: &Handle) -> Self {
        Self {
            at: engine::wall(),
            gateway: engine.gateway(),
            edges: engine.gateway_edges(),
            requests: engine.gateway_requests(MOST as usize),
        }
    }
}

/// What a reader has been told.
struct Seen {
    routes: BTreeMap<String, RouteView>,
    /// Of the newest request.
    seq: u64,
    /// So many requests are told in the next message, at most.
    most: usize,
}

impl Seen {
    fn new(asked: GatewayAsked) -> Self {
        Self {
            routes: BTreeMap::new(),
            seq: 0,
            most: asked.requests.unwrap_or(USUAL).min(MOST) as usize,
        }
    }

    fn message(&mut self, picture: Picture) -> GatewayMessage {
        let Picture {
            at,
            mut gateway,
            edges,
            mut requests,
        } = picture;
        let newest = requests.last().map_or(0, |last| last.seq);
        // One that has started anew counts anew.
        if newest < self.seq {
            self.seq = 0;
        }
        requests.retain(|one| one.seq > self.seq);
        requests.drain(..requests.len().saturating_sub(self.most));
        (self.seq, self.most) = (newest, MOST as usize);

        let routes = gateway.iter_mut().flat_map(|view| view.routes.drain(..));
        let mut now: BTreeMap<String, RouteView> =
            routes.map(|route| (route.host.clone(), route)).collect();
        let changed = now
            .values()
            .filter(|route| self.routes.get(&route.host) != Some(*route))
            .cloned();
        let changed: Vec<RouteView> = changed.collect();
        std::mem::swap(&mut self.routes, &mut now);
        let gone = now.into_keys();
        let gone = gone
            .filter(|host| !self.routes.contains_key(host))
            .collect();
        if let Some(view) = &mut gateway {
            view.routes = changed;
        }
        GatewayMessage {
            at,
            gateway,
            gone,
            edges,
            requests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::{Balance, Traffic};

    fn route(host: &str, total: u64) -> RouteView {
        RouteView {
            host: host.to_owned(),
            prefix: format!("/shop/{host}"),
            cluster: None,
            name: host.to_owned(),
            balance: Balance::default(),
            backends: Vec::new(),
            unavailable: None,
            traffic: Traffic {
                total,
                ..Traffic::default()
            },
            retries: 0,
            retry_budget: 1.0,
        }
    }

    fn request(seq: u64) -> GatewayRequest {
        GatewayRequest {
            seq,
            at: Timestamp(0),
            id: "same".to_owned(),
            method: "GET".to_owned(),
            host: "a".to_owned(),
            path: "/".to_owned(),
            status: 200,
            took_ms: 1.0,
            backend: None,
            caller: None,
            whence: model::view::Whence::Outside,
            retries: 0,
            error: None,
        }
    }

    fn picture(routes: Vec<RouteView>, requests: &[u64]) -> Picture {
        Picture {
            at: Timestamp(0),
            gateway: Some(GatewayView {
                address: "http://127.0.0.1:7422".to_owned(),
                connections: 0,
                total: routes.len() as u32,
                routes,
                refused: 0,
            }),
            edges: Vec::new(),
            requests: requests.iter().copied().map(request).collect(),
        }
    }

    fn hosts(message: &GatewayMessage) -> Vec<&str> {
        let view = message.gateway.as_ref().unwrap();
        view.routes
            .iter()
            .map(|route| route.host.as_str())
            .collect()
    }

    fn seqs(message: &GatewayMessage) -> Vec<u64> {
        message.requests.iter().map(|one| one.seq).collect()
    }

    #[test]
    fn all_routes_come_first_and_then_those_that_changed() {
        let mut seen = Seen::new(GatewayAsked::default());
        let first = seen.message(picture(vec![route("a", 1), route("b", 1)], &[]));
        assert_eq!(hosts(&first), ["a", "b"]);
        let second = seen.message(picture(vec![route("a", 1), route("b", 2)], &[]));
        assert_eq!((hosts(&second), second.gone.len()), (vec!["b"], 0));
        let third = seen.message(picture(vec![route("b", 2), route("c", 0)], &[]));
        assert_eq!(hosts(&third), ["c"]);
        assert_eq!(third.gone, ["a"]);
    }

    #[test]
    fn a_gateway_that_ends_takes_all_its_routes_with_it_and_brings_them_back() {
        let mut seen = Seen::new(GatewayAsked::default());
        seen.message(picture(vec![route("a", 1)], &[]));
        let mut none = picture(vec![], &[]);
        none.gateway = None;
        let ended = seen.message(none);
        assert_eq!((ended.gateway, ended.gone), (None, vec!["a".to_owned()]));
        assert_eq!(
            hosts(&seen.message(picture(vec![route("a", 1)], &[]))),
            ["a"]
        );
    }

    #[test]
    fn each_request_is_told_once_and_the_last_ones_at_first() {
        let mut seen = Seen::new(GatewayAsked { requests: Some(2) });
        assert_eq!(
            seqs(&seen.message(picture(vec![], &[1, 2, 3, 4, 5]))),
            [4, 5]
        );
        assert_eq!(
            seqs(&seen.message(picture(vec![], &[1, 2, 3, 4, 5]))),
            [0; 0]
        );
        assert_eq!(
            seqs(&seen.message(picture(vec![], &[3, 4, 5, 6, 7, 8, 9]))),
            [6, 7, 8, 9]
        );
        // The gateway was started again.
        assert_eq!(seqs(&seen.message(picture(vec![], &[1, 2]))), [1, 2]);
    }
}
