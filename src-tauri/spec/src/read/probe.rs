//! `ready` and `health`: what is asked, and when an answer counts.

use super::keys::{HEALTH, Keys, READY};
use super::values::Layers;
use super::{Reader, service::Defaults};
use crate::cluster::{Kind, Probe, ProbeTarget, Run, Template};
use crate::document::{Entry, Table, Value, ValueKind};
use crate::problem::{Problem, Span, quoted};
use crate::template;
use model::ServiceName;
use std::time::Duration;

const KINDS: [&str; 3] = ["http", "tcp", "exec"];
const EXAMPLE: &str = "write it like this: health = { http = \"/health\" }, { tcp = \"$PORT\" } or { exec = \"pg_isready\" }";

impl Reader<'_> {
    /// Reads `ready`.
    pub(super) fn ready(&mut self, own: &ServiceName, entry: &Entry) -> Option<Probe> {
        let table = self.table(&entry.value, "`ready`", EXAMPLE)?;
        self.known_keys(table, &READY);
        self.probe(own, &entry.value.span, &Layers::own(table), &READY)
    }

    /// Reads `health`, laid over the cluster's default. A default that asks the service's own port
    /// is for services that have one, and no default is for a oneshot.
    pub(super) fn health(
        &mut self,
        own: &ServiceName,
        entry: Option<&Entry>,
        defaults: &Defaults,
        kind: Kind,
        has_port: bool,
    ) -> Option<Probe> {
        let default = match defaults.health {
            Some(entry) => {
                let table = self.table(&entry.value, "`health`", EXAMPLE);
                if let Some(table) = table {
                    self.known_keys(table, &HEALTH);
                }
                table
            }
            None => None,
        };
        let Some(entry) = entry else {
            let default = default.filter(|_| kind == Kind::Daemon)?;
            let applies = has_port && names_target(default) || default.get("exec").is_some();
            let span = &defaults.health?.value.span;
            return applies
                .then(|| self.probe(own, span, &Layers::own(default), &HEALTH))
                .flatten();
        };
        match entry.value.kind {
            ValueKind::Boolean(false) => return None,
            ValueKind::Boolean(true) => {
                self.wrong(
                    "`health`",
                    &entry.value,
                    "a table, or `false` for none",
                    EXAMPLE,
                );
                return None;
            }
            _ => {}
        }
        let table = self.table(&entry.value, "`health`", EXAMPLE)?;
        self.known_keys(table, &HEALTH);
        self.probe(
            own,
            &entry.value.span,
            &Layers {
                own: table,
                default,
            },
            &HEALTH,
        )
    }

    /// Reads how long a service may take to be ready: what `ready` says, else `health`, else the
    /// cluster's default `health`.
    pub(super) fn ready_within(&mut self, service: &Table, defaults: &Defaults) -> Duration {
        let probes = [service.get("ready"), service.get("health"), defaults.health];
        let given: Vec<&Entry> = probes
            .into_iter()
            .flatten()
            .filter_map(|probe| match &probe.value.kind {
                ValueKind::Table(table) => table.get("within"),
                _ => None,
            })
            .collect();
        let range = Duration::from_millis(1)..=Duration::from_secs(86_400);
        // Every one is looked at, so that none is wrong unseen.
        let mut read = given
            .into_iter()
            .map(|entry| self.duration(&entry.value, "`within`", range.clone()));
        let first = read.next().flatten();
        read.for_each(drop);
        first.unwrap_or_else(crate::cluster::ready_within)
    }

    fn probe(
        &mut self,
        own: &ServiceName,
        span: &Span,
        layers: &Layers,
        keys: &Keys,
    ) -> Option<Probe> {
        // A target is taken as a whole: own `tcp` does not mix with a default's `http`.
        let from = if names_target(layers.own) {
            layers.own
        } else {
            layers.default.unwrap_or(layers.own)
        };
        let port = from.get("port").or_else(|| layers.own.get("port"));
        let target = self.target(own, span, from, port, keys.table);
        let (ms, day) = (Duration::from_millis, Duration::from_secs(86_400));
        let mut duration = |key: &str, otherwise| {
            let range = ms(1)..=day;
            layers
                .get(key)
                .and_then(|entry| self.duration(&entry.value, &format!("`{key}`"), range))
                .unwrap_or(otherwise)
        };
        let every = duration("every", Duration::from_secs(5));
        let timeout = duration("timeout", Duration::from_secs(1));
        let mut count = |key: &str, otherwise| {
            layers
                .get(key)
                .and_then(|entry| {
                    self.number(
                        &entry.value,
                        &format!("`{key}`"),
                        1..=1_000,
                        "so many answers in a row: fail = 3",
                    )
                })
                .unwrap_or(otherwise)
        };
        let (fail, pass) = (count("fail", 3), count("pass", 1));
        let degraded_above = layers.get("degraded_above").and_then(|entry| {
            let found = self.duration(&entry.value, "`degraded_above`", ms(1)..=day)?;
            if found >= timeout {
                let timeout = crate::duration::words(timeout);
                self.refuse(
                    &entry.value.span,
                    format!("`degraded_above` is not below `timeout`, {timeout}"),
                    "a probe this slow has already failed",
                    "choose a shorter `degraded_above` or a longer `timeout`",
                );
            }
            Some(found)
        });
        Some(Probe {
            target: target?,
            every,
            timeout,
            fail,
            pass,
            degraded_above,
        })
    }

    fn target(
        &mut self,
        own: &ServiceName,
        span: &Span,
        table: &Table,
        port: Option<&Entry>,
        name: &str,
    ) -> Option<ProbeTarget> {
        let given: Vec<&Entry> = KINDS.iter().filter_map(|kind| table.get(kind)).collect();
        match given[..] {
            [] => {
                self.refuse(
                    span,
                    format!("{name} says when to ask and not what"),
                    "no http, tcp or exec in here",
                    EXAMPLE,
                );
                None
            }
            [http] if http.key.name == "http" => {
                self.http(own, &http.value, port.map(|entry| &entry.value))
            }
            [only] => {
                if let Some(port) = port {
                    self.refuse(
                        &port.key.span,
                        "`port` goes with `http` only".into(),
                        "not with this kind of probe",
                        "a port is asked by tcp = 5432",
                    );
                }
                if only.key.name == "tcp" {
                    let port = self.port_text(own, &only.value, "`tcp`")?;
                    Some(ProbeTarget::Tcp { port })
                } else {
                    let run: Run = self.run(own, &only.value, "`exec`")?;
                    Some(ProbeTarget::Exec { run })
                }
            }
            [first, second, ..] => {
                self.problems.add(|| {
                    Problem::new(
                        second.key.span.clone(),
                        format!(
                            "{name} asks in two ways: `{}` and `{}`",
                            first.key.name, second.key.name
                        ),
                        "the second one",
                    )
                    .and(first.key.span.clone(), "the first one")
                    .help("keep one; `exec` can ask anything: exec = \"curl -f …\"")
                });
                None
            }
        }
    }

    fn http(
        &mut self,
        own: &ServiceName,
        value: &Value,
        port: Option<&Value>,
    ) -> Option<ProbeTarget> {
        const PATH: &str = "write the path: http = \"/health\"";
        let text = self.text(value, "`http`", "http = \"/health\"")?;
        self.references(own, text, &value.span);
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.refuse(
                &value.span,
                "`http` has white space in it".into(),
                "a URL has none",
                "write %20 for a space",
            );
            return None;
        }
        let (place, path) = if text.starts_with('/') {
            (None, text)
        } else if let Some(rest) = text.strip_prefix("http://") {
            let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(place), path)
        } else if let Some((place, path)) =
            text.split_once(".url}").filter(|_| text.starts_with("${"))
        {
            // `${db.url}` is `http://127.0.0.1:${db.port}`.
            let place = format!("127.0.0.1:{place}.port}}");
            return self.http_at(own, value, &place, path, port);
        } else if text.starts_with("https://") {
            self.refuse(
                &value.span,
                "a probe does not speak TLS".into(),
                "https",
                "ask a plain HTTP port, tcp = \"$PORT\", or exec = \"curl -fk https://…\"",
            );
            return None;
        } else {
            self.refuse(
                &value.span,
                format!("{} is neither a path nor a URL", quoted(text)),
                "does not begin with /",
                PATH,
            );
            return None;
        };
        match place {
            Some(place) => self.http_at(own, value, place, path, port),
            None => {
                let port = match port {
                    Some(port) => self.port_text(own, port, "`port`")?,
                    None => {
                        self.probed_ports.push((own.clone(), value.span.clone()));
                        None
                    }
                };
                Some(ProbeTarget::Http {
                    path: template::template(path, own),
                    port,
                })
            }
        }
    }

    /// A probe given as a URL: `place` is `127.0.0.1:8080`, the port perhaps a variable.
    fn http_at(
        &mut self,
        own: &ServiceName,
        value: &Value,
        place: &str,
        path: &str,
        port: Option<&Value>,
    ) -> Option<ProbeTarget> {
        let (host, at) = match place.find(':') {
            Some(colon) => (&place[..colon], &place[colon + 1..]),
            None => (place, "80"),
        };
        let own_host = matches!(host, "127.0.0.1" | "localhost")
            || host.starts_with("${") && host.ends_with(".host}");
        if !own_host {
            self.refuse(&value.span, format!("a probe asks this machine, not {}", quoted(host)), "another host",
                "write the path alone, http = \"/health\", or ask another host by exec = \"curl -f …\"");
            return None;
        }
        if let Some(port) = port {
            self.refuse(
                &port.span,
                "the port is given twice".into(),
                "and in the URL",
                "write the path alone beside `port`: { http = \"/health\", port = 8081 }",
            );
            return None;
        }
        let path = if path.is_empty() { "/" } else { path };
        let port = if is_own_port(at) {
            self.probed_ports.push((own.clone(), value.span.clone()));
            None
        } else if at.starts_with("${") && at.ends_with(".port}")
            || at.parse::<u16>().is_ok_and(|port| port > 0)
        {
            Some(template::template(at, own))
        } else {
            self.refuse(
                &value.span,
                format!("{} is not a port", quoted(at)),
                "the port of this URL",
                "a port is 1 to 65535, $PORT or ${service.port}",
            );
            return None;
        };
        Some(ProbeTarget::Http {
            path: template::template(path, own),
            port,
        })
    }

    /// A port to ask: a number, `$PORT` (the own one, `None`) or `${service.port}`.
    fn port_text(
        &mut self,
        own: &ServiceName,
        value: &Value,
        key: &str,
    ) -> Option<Option<Template>> {
        const HELP: &str =
            "a port is 1 to 65535, \"$PORT\" for the service's own or \"${service.port}\"";
        let ValueKind::Text(text) = &value.kind else {
            let port = self.number(value, key, 1..=u16::MAX, HELP)?;
            return Some(Some(Template::text(port.to_string())));
        };
        self.references(own, text, &value.span);
        if is_own_port(text) || text == "${self.port}" {
            self.probed_ports.push((own.clone(), value.span.clone()));
            return Some(None);
        }
        if text.starts_with("${") && text.ends_with(".port}") && text.matches('$').count() == 1 {
            return Some(Some(template::template(text, own)));
        }
        // What is wrong with a reference was already said.
        if !text.starts_with("${") {
            let digits = text.rsplit(':').next().unwrap_or_default();
            let help = match digits.parse::<u16>() {
                Ok(port) => format!("write the number alone, without quotes: {port}"),
                Err(_) => HELP.to_owned(),
            };
            self.refuse(
                &value.span,
                format!("{key} is a port, not {}", quoted(text)),
                "not a port",
                &help,
            );
        }
        None
    }
}

fn is_own_port(text: &str) -> bool {
    matches!(text, "$PORT" | "${PORT}" | "${self.port}")
}

fn names_target(table: &Table) -> bool {
    KINDS.iter().any(|kind| table.get(kind).is_some())
}
