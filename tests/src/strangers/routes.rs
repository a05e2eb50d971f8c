//! Good requests: what there is to be had or done at each listener. A case is one of them with something else.

use super::{ID, Listener, NAME, World, message};
use Listener::{Api, Consul, Gateway, Registry};

/// A good request.
#[derive(Debug, Clone)]
pub struct Route {
    /// Whom it is for.
    pub listener: Listener,
    /// `POST /register`.
    pub line: String,
    /// What it says besides its line.
    pub headers: Vec<(&'static str, String)>,
    /// What it sends.
    pub body: String,
    /// The first message, of a WebSocket.
    pub then: Option<Vec<u8>>,
}

impl Route {
    fn new(world: &World, listener: Listener, line: &str, body: &str) -> Self {
        let mut headers = vec![
            ("Host", format!("127.0.0.1:{}", world.port(listener))),
            ("Connection", "close".to_owned()),
            ("Content-Length", body.len().to_string()),
        ];
        if listener != Gateway {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        if listener == Api {
            headers.push(("Authorization", format!("Bearer {}", world.token)));
        }
        Self {
            listener,
            line: line.to_owned(),
            headers,
            body: body.to_owned(),
            then: None,
        }
    }

    /// The same as a WebSocket.
    fn upgraded(self, then: Option<Vec<u8>>) -> Self {
        let upgrade = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let changed = upgrade.map(|(name, value)| (name, Some(value.to_owned())));
        let gone = ["Content-Length", "Content-Type", "Authorization"].map(|name| (name, None));
        let mut route = self.with(&[&changed[..], &gone[..]].concat());
        route.then = then;
        route
    }

    /// The same with these headers in the place of its own, or without them.
    #[must_use]
    pub fn with(&self, changes: &[(&'static str, Option<String>)]) -> Self {
        let mut route = self.clone();
        route
            .headers
            .retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let new = changes
            .iter()
            .filter_map(|(name, value)| Some((*name, value.clone()?)));
        route.headers.extend(new);
        route
    }

    /// It opens a WebSocket.
    pub fn is_socket(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == "Upgrade")
    }

    /// It asks for a stream of events.
    pub fn is_events(&self) -> bool {
        self.line.contains("/watch") || self.line.contains("/api/stream/")
    }

    /// It only reads.
    pub fn reads(&self) -> bool {
        self.line.starts_with("GET ")
    }

    /// As it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_as(&format!("{} HTTP/1.1", self.line))
    }

    /// As it is sent, with another first line.
    pub fn bytes_as(&self, line: &str) -> Vec<u8> {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("{line}\r\n{headers}\r\n{}", self.body).into_bytes()
    }
}

/// The first message of a stream, with this token.
pub(super) fn opening(token: &str) -> Vec<u8> {
    let token = serde_json::Value::from(token);
    message(&format!(
        r#"{{"token":{token},"stream":"feed","request":{{}}}}"#
    ))
}

/// What is done with each, in this order, by who may: the last ones end what runs, and the engine.
pub fn routes(world: &World) -> Vec<Route> {
    let World {
        cluster, instance, ..
    } = world;
    let of = |listener, line: &str, body: &str| Route::new(world, listener, line, body);
    let evil = r#"{"name":"evil","url":"http://127.0.0.1:9","ttl":60}"#;
    let entry = format!("/services/{NAME}/{ID}");
    let by_name = (
        "Host",
        Some(format!("{NAME}.localhost:{}", world.port(Gateway))),
    );
    let env = format!(r#"{{"cluster":"{cluster}","instance":"{instance}"}}"#);
    let down = format!(r#"{{"cluster":"{cluster}"}}"#);
    vec![
        of(Registry, "GET /services", ""),
        of(Registry, &format!("GET /services/{NAME}"), ""),
        of(Registry, "GET /watch", ""),
        of(Registry, "POST /register", evil),
        of(Registry, &format!("PUT {entry}/heartbeat"), ""),
        of(Consul, "GET /v1/catalog/services", ""),
        of(Consul, "GET /v1/kv/canary?raw", ""),
        of(Consul, "GET /v1/agent/self", ""),
        of(Consul, "PUT /v1/kv/evil", "evil"),
        of(
            Consul,
            "PUT /v1/agent/service/register",
            r#"{"ID":"evil","Name":"evil2","Port":9}"#,
        ),
        of(Gateway, "GET /x", "").with(std::slice::from_ref(&by_name)),
        of(Gateway, "POST /x", "evil").with(std::slice::from_ref(&by_name)),
        of(Gateway, &format!("DELETE /{NAME}/x"), ""),
        of(Gateway, "GET /x", "").upgraded(None).with(&[by_name]),
        of(Consul, "DELETE /v1/kv/canary", ""),
        of(Consul, "PUT /v1/agent/service/deregister/evil", ""),
        of(Registry, &format!("DELETE {entry}"), ""),
        of(Api, "POST /api/call/acts", "{}"),
        of(Api, "POST /api/call/env", &env),
        of(Api, "POST /api/stream/feed", "{}"),
        of(Api, "GET /api/socket", "").upgraded(Some(opening(&world.token))),
        of(Api, "POST /api/call/down", &down),
        of(Api, "POST /api/call/emergency_stop", "{}"),
        of(Api, "POST /api/call/shutdown", r#"{"leave_running":false}"#),
    ]
}
