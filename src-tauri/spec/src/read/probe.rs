//! `ready` and `health`: what is asked, and when an answer counts.

use super::http::TERMS;
use super::keys::{HEALTH, Keys, READY};
use super::values::Layers;
use super::{Reader, service::Defaults};
use crate::amount;
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
        let more = |key: &str| layers.own.get(key).or_else(|| from.get(key));
        let port = from.get("port").or_else(|| layers.own.get("port"));
        let terms = TERMS.map(more);
        let target = self.target(own, span, from, port, terms, keys.table);
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
        let degraded_errors = layers
            .get("degraded_errors")
            .and_then(|entry| self.share(&entry.value));
        Some(Probe {
            target: target?,
            every,
            timeout,
            fail,
            pass,
            degraded_above,
            degraded_errors,
        })
    }

    /// A share of probes, `"10%"`, in thousandths.
    fn share(&mut self, value: &Value) -> Option<u16> {
        const FORM: &str = "write a percentage: degraded_errors = \"10%\"";
        let ValueKind::Text(text) = &value.kind else {
            self.wrong("`degraded_errors`", value, "a percentage", FORM);
            return None;
        };
        let Some(share) = amount::percent(text) else {
            let message = format!("{} is not a percentage", quoted(text));
            self.refuse(&value.span, message, "not a percentage", FORM);
            return None;
        };
        let found = u16::try_from(share)
            .ok()
            .filter(|share| (1..1_000).contains(share));
        if found.is_none() {
            self.refuse(
                &value.span,
                format!("`degraded_errors` is 0.1% to 99.9%, not {text}"),
                "out of range",
                "what fails every probe is failing, not degraded",
            );
        }
        found
    }

    fn target(
        &mut self,
        own: &ServiceName,
        span: &Span,
        table: &Table,
        port: Option<&Entry>,
        terms: [Option<&Entry>; TERMS.len()],
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
                let terms = self.http_terms(own, terms);
                let target = self.http(own, &http.value, port.map(|entry| &entry.value));
                target.map(|(path, port)| ProbeTarget::Http { path, port, terms })
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
                for term in terms.into_iter().flatten() {
                    self.refuse(
                        &term.key.span,
                        format!("`{}` goes with `http` only", term.key.name),
                        "not with this kind of probe",
                        "ask by http = \"/health\", or remove it",
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

    /// A port to ask: a number, `$PORT` (the own one, `None`) or `${service.port}`.
    pub(super) fn port_text(
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

pub(super) fn is_own_port(text: &str) -> bool {
    matches!(text, "$PORT" | "${PORT}" | "${self.port}")
}

fn names_target(table: &Table) -> bool {
    KINDS.iter().any(|kind| table.get(kind).is_some())
}
