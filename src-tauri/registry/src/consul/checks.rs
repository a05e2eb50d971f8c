//! Checks as Consul's clients write them, and as the registry has them.

use super::node::Node;
use super::shape::{Keys, Kind, Shaped};
use super::{Answer, duration, no};
use crate::check::{Check, Look, Probe, Target};
use hyper::StatusCode;
use model::view::Health;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a check may come to what it says.
const WAYS: &str = "TTL, HTTP, TCP, UDP, GRPC and AliasService";
/// How long an answer may take unless it is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A check as it is sent, in a service or by itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckWish {
    checkid: String,
    id: String,
    name: String,
    notes: String,
    status: String,
    pub(super) serviceid: String,
    http: String,
    method: String,
    header: BTreeMap<String, Vec<String>>,
    body: String,
    tcp: String,
    tcpusetls: bool,
    udp: String,
    grpc: String,
    grpcusetls: bool,
    h2ping: String,
    ttl: Time,
    args: Value,
    scriptargs: Value,
    script: String,
    dockercontainerid: String,
    shell: String,
    aliasnode: String,
    aliasservice: String,
    osservice: String,
    interval: Time,
    timeout: Time,
    deregistercriticalserviceafter: Time,
    successbeforepassing: u32,
    failuresbeforewarning: u32,
    failuresbeforecritical: u32,
}

pub(super) const COUNT: Kind = Kind::Number(u32::MAX as u64);

impl Shaped for CheckWish {
    const KEYS: Keys = &[
        ("checkid", Kind::Text),
        ("id", Kind::Text),
        ("name", Kind::Text),
        ("notes", Kind::Text),
        ("status", Kind::Text),
        ("serviceid", Kind::Text),
        ("http", Kind::Text),
        ("method", Kind::Text),
        ("header", Kind::Lists),
        ("body", Kind::Text),
        ("tcp", Kind::Text),
        ("tcpusetls", Kind::Flag),
        ("udp", Kind::Text),
        ("grpc", Kind::Text),
        ("grpcusetls", Kind::Flag),
        ("h2ping", Kind::Text),
        ("ttl", Kind::Time),
        ("args", Kind::Any),
        ("scriptargs", Kind::Any),
        ("script", Kind::Text),
        ("dockercontainerid", Kind::Text),
        ("shell", Kind::Text),
        ("aliasnode", Kind::Text),
        ("aliasservice", Kind::Text),
        ("osservice", Kind::Text),
        ("interval", Kind::Time),
        ("timeout", Kind::Time),
        ("deregistercriticalserviceafter", Kind::Time),
        ("successbeforepassing", COUNT),
        ("failuresbeforewarning", COUNT),
        ("failuresbeforecritical", COUNT),
    ];
}

/// A time as Go writes it, or a number of nanoseconds; nothing, or "", is none.
#[derive(Debug, Default, Clone, Copy)]
struct Time(Option<Duration>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match Value::deserialize(from)? {
            Value::String(text) if text.is_empty() => Ok(Time(None)),
            Value::String(text) => match duration::parse(&text) {
                Some(time) => Ok(Time(Some(time))),
                None => Err(D::Error::custom(format!(
                    "{} is no time like 10s or 1m30s",
                    super::asked::quoted(&text)
                ))),
            },
            Value::Number(n) => match n.as_u64() {
                Some(nanoseconds) => Ok(Time(Some(Duration::from_nanos(nanoseconds)))),
                None => Err(D::Error::custom("a time is not negative")),
            },
            _ => Err(D::Error::custom("a time is a text like 10s")),
        }
    }
}

fn wrong(why: impl Into<String>) -> super::No {
    no(StatusCode::BAD_REQUEST, why)
}

/// Some words of a command, however they are written.
fn says(args: &Value) -> bool {
    match args {
        Value::Null => false,
        Value::Array(words) => !words.is_empty(),
        _ => true,
    }
}

/// Passing, warning or critical, as they are written; `None` for anything else.
pub(crate) fn health(text: &str) -> Option<Health> {
    match text {
        "passing" => Some(Health::Passing),
        "warning" => Some(Health::Warning),
        "critical" => Some(Health::Critical),
        _ => None,
    }
}

/// The same, written.
pub(crate) fn status(health: Health) -> &'static str {
    match health {
        Health::Passing => "passing",
        Health::Warning => "warning",
        Health::Critical => "critical",
    }
}

/// The checks of a service. Those without an id are called as Consul calls them, which clients count
/// on: `service:ID` the only one, `service:ID:N` one of several.
pub(crate) fn of_service(id: &str, wishes: Vec<CheckWish>, node: &Node) -> Answer<Vec<Check>> {
    let several = wishes.len() > 1;
    let named = (1..).zip(wishes).map(|(n, wish)| {
        wish.is_of(id)?;
        let id = match several {
            true => format!("service:{id}:{n}"),
            false => format!("service:{id}"),
        };
        wish.check(id, node)
    });
    named.collect()
}

impl CheckWish {
    /// Whose check it is called by itself, when it says no id.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// It can be a check of this service.
    pub(crate) fn is_of(&self, service: &str) -> Answer<()> {
        match self.aliasservice == service && !service.is_empty() {
            true => Err(wrong("a service is no alias of itself")),
            false => Ok(()),
        }
    }

    pub(crate) fn check(self, id: String, node: &Node) -> Answer<Check> {
        self.refuse()?;
        let first = match self.status.as_str() {
            "" => Health::Critical,
            text => health(text)
                .ok_or_else(|| wrong("the Status of a check is passing, warning or critical"))?,
        };
        let id = [&self.checkid, &self.id]
            .into_iter()
            .find(|id| !id.is_empty())
            .cloned()
            .unwrap_or(id);
        let name = match (self.name.is_empty(), self.serviceid.is_empty()) {
            (false, _) => self.name.clone(),
            _ => format!(
                "Service '{}' check",
                id.strip_prefix("service:").unwrap_or(&id)
            ),
        };
        let deregister_after = self
            .deregistercriticalserviceafter
            .0
            .filter(|time| !time.is_zero());
        Ok(Check {
            id,
            name: name.chars().take(128).collect(),
            notes: self.notes.clone(),
            look: self.look(node)?,
            first,
            deregister_after,
        })
    }

    /// What would run a command, and what is not there.
    fn refuse(&self) -> Answer<()> {
        let commands = [
            ("Args", says(&self.args)),
            ("ScriptArgs", says(&self.scriptargs)),
            ("Script", !self.script.is_empty()),
            ("DockerContainerID", !self.dockercontainerid.is_empty()),
            ("Shell", !self.shell.is_empty()),
        ];
        if let Some((what, _)) = commands.iter().find(|(_, said)| *said) {
            return Err(no(
                StatusCode::FORBIDDEN,
                format!(
                    "a check with {what} would run a command, and nothing that is registered is ever \
                     run; use HTTP, TCP or TTL"
                ),
            ));
        }
        let absent = [
            ("H2PING", !self.h2ping.is_empty()),
            (
                "AliasNode",
                !self.aliasnode.is_empty() && self.aliasservice.is_empty(),
            ),
            ("OSService", !self.osservice.is_empty()),
            (
                "TLS (TCPUseTLS, GRPCUseTLS)",
                self.tcpusetls || self.grpcusetls,
            ),
        ];
        match absent.iter().find(|(_, said)| *said) {
            Some((what, _)) => Err(no(
                StatusCode::NOT_IMPLEMENTED,
                format!(
                    "checks by {what} are not there; use HTTP, TCP, UDP, GRPC, TTL or AliasService"
                ),
            )),
            None => Ok(()),
        }
    }

    fn look(&self, node: &Node) -> Answer<Look> {
        let ways = [
            &self.http,
            &self.tcp,
            &self.udp,
            &self.grpc,
            &self.aliasservice,
        ];
        let asked = ways.iter().filter(|way| !way.is_empty()).count();
        let ttl = self.ttl.0.filter(|ttl| !ttl.is_zero());
        let target = match (asked, ttl) {
            (0, Some(ttl)) => return Ok(Look::Ttl { ttl }),
            (1, None) => self.target(node),
            (0, None) => return Err(wrong(format!("a check says one of {WAYS}"))),
            _ => return Err(wrong(format!("a check says only one of {WAYS}"))),
        };
        let every = match target {
            // Nobody is asked for it, and it is looked for as often as can be.
            Target::Alias { .. } => Some(crate::prober::SHORTEST),
            _ => self.interval.0.filter(|every| !every.is_zero()),
        };
        let every = every.ok_or_else(|| wrong("a check that is asked says its Interval"))?;
        let most = |n: u32| n.max(1);
        let fails = most(self.failuresbeforecritical);
        Ok(Look::Probe(Probe {
            target,
            // Consul takes less than a second for a second.
            every: every.max(crate::prober::SHORTEST),
            timeout: self
                .timeout
                .0
                .filter(|time| !time.is_zero())
                .unwrap_or(TIMEOUT),
            passes: most(self.successbeforepassing),
            warns: match self.failuresbeforewarning {
                0 => fails,
                n => n,
            },
            fails,
        }))
    }

    fn target(&self, node: &Node) -> Target {
        if !self.http.is_empty() {
            let method = match self.method.as_str() {
                "" => "GET".to_owned(),
                method => method.to_ascii_uppercase(),
            };
            return Target::Http {
                url: node.known_in_url(&self.http),
                method,
                headers: self.header.clone(),
                body: self.body.clone(),
            };
        }
        if !self.tcp.is_empty() {
            return Target::Tcp {
                address: node.known_in_address(&self.tcp),
            };
        }
        if !self.udp.is_empty() {
            return Target::Udp {
                address: node.known_in_address(&self.udp),
            };
        }
        if !self.aliasservice.is_empty() {
            let service = self.aliasservice.clone();
            return Target::Alias { service };
        }
        let (address, service) = self.grpc.split_once('/').unwrap_or((&self.grpc, ""));
        Target::Grpc {
            address: node.known_in_address(address),
            service: service.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lenient;
    use super::*;

    fn check(body: &str) -> Answer<Check> {
        let wish: CheckWish = lenient::read(body.as_bytes())?;
        wish.check("service:web".into(), &Node::of_test())
    }

    #[test]
    fn a_check_is_read_as_clients_write_it() {
        let ttl = check(r#"{"ttl": "15s"}"#).unwrap();
        assert_eq!(ttl.id, "service:web");
        assert_eq!(ttl.name, "Service 'web' check");
        assert_eq!((ttl.first, ttl.deregister_after), (Health::Critical, None));
        let ms = Duration::from_millis;
        assert_eq!(ttl.look, Look::Ttl { ttl: ms(15_000) });
        let http = check(
            r#"{"CheckID": "c", "HTTP": "http://this-machine:8080/actuator/health", "Interval": 10000000000,
                "Timeout": "500ms", "Status": "passing", "DeregisterCriticalServiceAfter": "1m",
                "FailuresBeforeCritical": 3, "failures_before_warning": 2, "Header": {"X_a": ["b"]}}"#,
        )
        .unwrap();
        assert_eq!((http.id.as_str(), http.first), ("c", Health::Passing));
        assert_eq!(http.deregister_after, Some(ms(60_000)));
        assert_eq!(
            http.look,
            Look::Probe(Probe {
                target: Target::Http {
                    url: "http://127.0.0.1:8080/actuator/health".into(),
                    method: "GET".into(),
                    headers: [("X_a".to_owned(), vec!["b".to_owned()])].into(),
                    body: String::new(),
                },
                every: ms(10_000),
                timeout: ms(500),
                passes: 1,
                warns: 2,
                fails: 3,
            })
        );
    }

    #[test]
    fn a_datagram_and_another_service_are_checks_too() {
        let target = |body: &str| match check(body).unwrap().look {
            Look::Probe(probe) => (probe.target, probe.every),
            other => panic!("{other:?}"),
        };
        let (udp, every) = target(r#"{"UDP": "localhost:53", "Interval": "3s"}"#);
        let address = "localhost:53".to_owned();
        assert_eq!(
            (udp, every),
            (Target::Udp { address }, Duration::from_secs(3))
        );
        let (alias, every) = target(r#"{"AliasService": "web-1", "AliasNode": "here"}"#);
        let service = "web-1".to_owned();
        assert_eq!(
            (alias, every),
            (Target::Alias { service }, Duration::from_secs(1))
        );
        let itself: CheckWish = lenient::read(br#"{"AliasService": "web"}"#).unwrap();
        assert_eq!(itself.is_of("web").unwrap_err().status(), 400);
        assert!(itself.is_of("mail").is_ok());
    }

    /// Row 9 of the threats: what is registered is never a command.
    #[test]
    fn what_would_run_a_command_is_refused_in_every_spelling() {
        for key in ["Args", "args", "ScriptArgs", "script_args", "SCRIPT_ARGS"] {
            let body = format!(r#"{{"{key}": ["sh", "-c", "true"], "interval": "1s"}}"#);
            assert_eq!(check(&body).unwrap_err().status(), 403, "{body}");
        }
        for key in [
            "Script",
            "docker_container_id",
            "DockerContainerID",
            "shell",
            "SHELL",
        ] {
            let body = format!(r#"{{"{key}": "x", "ttl": "1s"}}"#);
            assert_eq!(check(&body).unwrap_err().status(), 403, "{body}");
        }
    }

    #[test]
    fn what_is_not_there_or_not_clear_is_said() {
        for (body, status) in [
            ("{}", 400),
            (r#"{"ttl": "10s", "http": "http://127.0.0.1:1"}"#, 400),
            (r#"{"http": "http://127.0.0.1:1"}"#, 400),
            (r#"{"http": "http://127.0.0.1:1", "interval": "soon"}"#, 400),
            (r#"{"http": "http://127.0.0.1:1", "interval": -1}"#, 400),
            (r#"{"ttl": "10s", "status": "unknown"}"#, 400),
            (r#"{"udp": "127.0.0.1:1"}"#, 400),
            (r#"{"alias_service": "x", "ttl": "1s"}"#, 400),
            (r#"{"h2ping": "127.0.0.1:1", "interval": "1s"}"#, 501),
            (r#"{"alias_node": "x"}"#, 501),
            (
                r#"{"grpc": "127.0.0.1:1", "GRPCUseTLS": true, "interval": "1s"}"#,
                501,
            ),
        ] {
            assert_eq!(check(body).unwrap_err().status(), status, "{body}");
        }
    }
}
