//! What clients send to be registered, as an entry of the registry. Keys are in lower case here: see
//! `shape`.

use super::checks::{self, CheckWish};
use super::node::Node;
use super::shape::{Keys, Kind, Shaped};
use super::{Answer, no};
use crate::Registration;
use crate::registration::{Keep, Weights};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

const PORT: Kind = Kind::Number(65_535);

/// The body of `PUT /v1/agent/service/register`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceWish {
    id: String,
    /// `PUT /v1/catalog/register` calls the name so.
    service: String,
    name: String,
    tags: Vec<String>,
    address: String,
    port: u16,
    meta: BTreeMap<String, String>,
    enabletagoverride: bool,
    weights: Option<WeightsWish>,
    taggedaddresses: BTreeMap<String, Tagged>,
    check: Option<CheckWish>,
    checks: Vec<CheckWish>,
    kind: String,
    proxy: Option<Value>,
    connect: Option<Value>,
    socketpath: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
struct WeightsWish {
    passing: u32,
    warning: u32,
}

impl Default for WeightsWish {
    fn default() -> Self {
        let (passing, warning) = (1, 1);
        Self { passing, warning }
    }
}

impl Shaped for ServiceWish {
    const KEYS: Keys = &[
        ("id", Kind::Text),
        ("service", Kind::Text),
        ("name", Kind::Text),
        ("tags", Kind::Texts),
        ("address", Kind::Text),
        ("port", PORT),
        ("meta", Kind::Named),
        ("enabletagoverride", Kind::Flag),
        (
            "weights",
            Kind::Object(&[("passing", checks::COUNT), ("warning", checks::COUNT)]),
        ),
        (
            "taggedaddresses",
            Kind::NamedObjects(&[("address", Kind::Text), ("port", PORT)]),
        ),
        ("check", Kind::Object(CheckWish::KEYS)),
        ("checks", Kind::Objects(CheckWish::KEYS)),
        ("kind", Kind::Text),
        ("proxy", Kind::Any),
        ("connect", Kind::Any),
        ("socketpath", Kind::Text),
    ];
}

/// An address under a name, like `lan`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tagged {
    #[serde(rename(serialize = "Address"), alias = "Address")]
    pub(crate) address: String,
    #[serde(rename(serialize = "Port"), alias = "Port")]
    pub(crate) port: u16,
}

/// What of a registration only Consul's API shows: kept with the entry as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Extra {
    /// As the client wrote it.
    pub(crate) address: String,
    pub(crate) tagged: BTreeMap<String, Tagged>,
    pub(crate) tag_override: bool,
}

impl Extra {
    pub(crate) fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}

fn wrong(why: impl Into<String>) -> super::No {
    no(StatusCode::BAD_REQUEST, why)
}

fn missing(what: &str) -> super::No {
    no(
        StatusCode::NOT_IMPLEMENTED,
        format!("{what} is not there: services here are reached as they are, without a mesh"),
    )
}

impl ServiceWish {
    /// Id of what is to be registered: its name unless it says another.
    pub(crate) fn id(&self) -> &str {
        if self.id.is_empty() {
            self.name()
        } else {
            &self.id
        }
    }

    fn name(&self) -> &str {
        if self.name.is_empty() {
            &self.service
        } else {
            &self.name
        }
    }

    /// The entry that is wished for. What has to do with a mesh is refused rather than left out.
    pub(crate) fn registration(self, node: &Node) -> Answer<Registration> {
        if self.name().is_empty() {
            return Err(wrong("the service has no Name"));
        }
        let said = |value: &Option<Value>| {
            value.as_ref().is_some_and(|value| match value {
                Value::Object(members) => !members.is_empty(),
                _ => true,
            })
        };
        if !matches!(self.kind.as_str(), "" | "typical") {
            return Err(missing("a Kind of service"));
        }
        if said(&self.proxy) || said(&self.connect) {
            return Err(missing("Connect"));
        }
        if !self.socketpath.is_empty() {
            return Err(missing("SocketPath"));
        }
        let (name, id) = (self.name().to_owned(), self.id().to_owned());
        let mut wishes = self.checks;
        wishes.extend(self.check);
        let wanted = checks::of_service(&id, wishes, node)?;
        let url = match self.port {
            0 => String::new(),
            port => node.url(&self.address, port),
        };
        let mut all = vec![(self.address.clone(), self.port)];
        let tagged = self.taggedaddresses.values();
        all.extend(tagged.map(|tagged| (tagged.address.clone(), tagged.port)));
        for (address, port) in all.iter().filter(|(address, _)| !address.is_empty()) {
            node.allows(address, *port).map_err(|refusal| {
                wrong(format!("failed to use the address {address:?}: {refusal}"))
            })?;
        }
        let extra = Extra {
            address: self.address,
            tagged: self.taggedaddresses,
            tag_override: self.enabletagoverride,
        };
        let weights = self.weights.unwrap_or_default();
        Ok(Registration {
            id,
            keep: Keep::Checks,
            tags: self.tags,
            version: self.meta.get("version").filter(|v| v.len() <= 64).cloned(),
            meta: self.meta,
            weights: Weights {
                passing: weights.passing,
                warning: weights.warning,
            },
            checks: wanted,
            extra: serde_json::to_value(extra).unwrap_or_default(),
            ..Registration::new(&name, &url)
        })
    }
}

/// An address as it stands in a URL.
pub(crate) fn host(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => address.to_owned(),
    }
}
