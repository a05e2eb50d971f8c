//! `startup`, `ready` and `health`: what is asked, and when an answer counts.

use super::container::{CHECK_EVERY, CHECK_TIMEOUT};
use super::http::TERMS;
use super::keys::{HEALTH, Keys, READY, STARTUP};
use super::values::Layers;
use super::{Reader, service::Defaults};
use crate::amount;
use crate::cluster::{Probe, ProbeTarget, Run, Template};
use crate::document::{Entry, Table, Value, ValueKind};
use crate::ends::Kind;
use crate::problem::{Problem, Span, quoted};
use crate::template;
use model::ServiceName;
use std::time::Duration;

/// Longest name of a gRPC service that is asked about.
const MAX_GRPC_NAME: usize = 200;

const KINDS: [&str; 9] = [
    "http", "tcp", "grpc", "exec", "log", "notify", "watchdog", "lease", "check",
];
/// Those that nobody asks.
const TOLD: [&str; 5] = ["log", "notify", "watchdog", "lease", "check"];
/// Those that say within what time it has to be heard of: their value takes the place of `timeout`.
const HEARTBEATS: [&str; 2] = ["watchdog", "lease"];
/// What a heartbeat may be given: systemd's own services say 3 minutes, none says less than a second.
const SHORTEST_BEAT: Duration = Duration::from_secs(1);
const EXAMPLE: &str = "write it like this: health = { http = \"/health\" }, { tcp = \"$PORT\" } or { exec = \"pg_isready\" }";

impl Reader<'_> {
    /// Reads `startup`.
    pub(super) fn startup(&mut self, own: &ServiceName, entry: &Entry) -> Option<Probe> {
        let table = self.table(&entry.value, "`startup`", EXAMPLE)?;
        self.known_keys(table, &STARTUP);
        self.probe(own, &entry.value.span, &Layers::own(table), &STARTUP)
    }

    /// Reads `ready`, and whether it is asked on after it has passed.
    pub(super) fn ready(&mut self, own: &ServiceName, entry: &Entry) -> (Option<Probe>, bool) {
        let Some(table) = self.table(&entry.value, "`ready`", EXAMPLE) else {
            return (None, false);
        };
        self.known_keys(table, &READY);
        let always = table.get("always");
        let asked = always.and_then(|entry| self.flag(&entry.value, "`always`"));
        let probe = self.probe(own, &entry.value.span, &Layers::own(table), &READY);
        if asked != Some(true)
            && let Some(fail) = table.get("fail")
        {
            self.refuse(
                &fail.key.span,
                "`fail` goes with `always = true`: readiness is asked until it passes".into(),
                "never counted",
                "remove it, or add always = true: it is asked on then, and nobody is sent there while it fails",
            );
        }
        if let Some(always) = always
            && asked == Some(true)
            && probe.as_ref().is_some_and(|probe| probe.target.told())
        {
            self.refuse(
                &always.key.span,
                "what is told once is not asked on".into(),
                "`always` goes with what is asked",
                "remove it, or ask by http, tcp, grpc or exec",
            );
        }
        (probe, asked.unwrap_or(false))
    }

    /// Reads `health`, laid over the cluster's default. A default that asks the service's own port
    /// is for services that have one, and no default is for a oneshot.
    pub(super) fn health(
        &mut self,
        own: &ServiceName,
        entry: Option<&Entry>,
        defaults: &Defaults,
        kind: Kind,
        (has_port, contained): (bool, bool),
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
            let applies = match default.get("check") {
                Some(_) => contained,
                None => has_port && names_target(default) || default.get("exec").is_some(),
            };
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

    /// Reads how long a service may take to be ready: what `startup` says, else `ready`, else
    /// `health`, else the cluster's default `health`; no less than a container's check takes unless given.
    /// With it, whether it is.
    pub(super) fn ready_within(
        &mut self,
        service: &Table,
        defaults: &Defaults,
        check_takes: Duration,
    ) -> (Duration, bool) {
        let own = ["startup", "ready", "health"].map(|key| service.get(key));
        let probes = own.into_iter().chain([defaults.health]);
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
        let usual = || crate::cluster::ready_within().max(check_takes);
        (first.unwrap_or_else(usual), first.is_some())
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
        let service = more("service");
        let target = self.target(own, (span, keys.table), from, port, terms, service);
        if let Some(told) = TOLD.iter().find(|kind| from.get(kind).is_some()) {
            let more: &[&str] = match *told {
                "check" => &["fail", "degraded_errors"],
                _ => &[],
            };
            for key in ["every", "timeout", "pass", "degraded_above"]
                .iter()
                .chain(more)
            {
                if let Some(entry) = layers.own.get(key) {
                    self.refuse(
                        &entry.key.span,
                        format!("`{key}` does not go with `{told}`"),
                        "nobody asks: it is told when it comes",
                        match HEARTBEATS.contains(told) {
                            true => "remove it: its own value is the time",
                            false if *told == "check" => {
                                "remove it: the times are those of `check` in the service's `container`"
                            }
                            false => "remove it; how long it is waited for is `within`",
                        },
                    );
                }
            }
        }
        let (ms, day) = (Duration::from_millis, Duration::from_secs(86_400));
        let mut duration = |key: &str, otherwise| {
            let range = ms(1)..=day;
            layers
                .get(key)
                .and_then(|entry| self.duration(&entry.value, &format!("`{key}`"), range))
                .unwrap_or(otherwise)
        };
        let mut every = duration("every", Duration::from_secs(5));
        let mut timeout = duration("timeout", Duration::from_secs(1));
        let beat = HEARTBEATS.iter().find_map(|key| from.get(key));
        if let Some(beat) = beat {
            let key = format!("`{}`", beat.key.name);
            let read = self.duration(&beat.value, &key, SHORTEST_BEAT..=day);
            timeout = read.unwrap_or(SHORTEST_BEAT);
            // What is heard between two looks counts as heard; silence ends on time all the same.
            every = timeout / 4;
        }
        let mut count = |key: &str, otherwise| {
            layers
                .get(key)
                .and_then(|entry| {
                    self.number(
                        &entry.value,
                        &format!("`{key}`"),
                        1..=1_000,
                        &format!("so many answers in a row: {key} = 3"),
                    )
                })
                .unwrap_or(otherwise)
        };
        let check = from.get("check").is_some();
        // So long a silence is no slip, and what the daemon says has failed often enough.
        let (fail, pass) = match beat {
            Some(_) => (count("fail", 1), 1),
            None if check => (1, 1),
            None => (count("fail", 3), count("pass", 1)),
        };
        if check {
            (every, timeout) = (CHECK_EVERY, CHECK_TIMEOUT);
        }
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
        (span, name): (&Span, &str),
        table: &Table,
        port: Option<&Entry>,
        terms: [Option<&Entry>; TERMS.len()],
        service: Option<&Entry>,
    ) -> Option<ProbeTarget> {
        let given: Vec<&Entry> = KINDS.iter().filter_map(|kind| table.get(kind)).collect();
        if let Some(service) = service
            && table.get("grpc").is_none()
        {
            self.refuse(
                &service.key.span,
                "`service` goes with `grpc` only".into(),
                "not with this kind of probe",
                "write grpc = \"$PORT\", service = \"shop.Orders\", or remove it",
            );
        }
        match given[..] {
            [] => {
                self.refuse(
                    span,
                    format!("{name} says when to ask and not what"),
                    "no http, tcp, grpc or exec in here",
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
                match &*only.key.name {
                    "tcp" => {
                        let port = self.port_text(own, &only.value, "`tcp`")?;
                        Some(ProbeTarget::Tcp { port })
                    }
                    "grpc" => {
                        let port = self.port_text(own, &only.value, "`grpc`");
                        let service = match service {
                            Some(entry) => self.grpc_service(&entry.value)?,
                            None => String::new(),
                        };
                        Some(ProbeTarget::Grpc {
                            port: port?,
                            service,
                        })
                    }
                    "log" => {
                        let pattern = self.regex(&only.value, "`log`")?;
                        Some(ProbeTarget::Log { pattern })
                    }
                    key @ ("notify" | "check") => {
                        match self.flag(&only.value, &format!("`{key}`"))? {
                            true if key == "check" => Some(ProbeTarget::Check),
                            true => Some(ProbeTarget::Notify),
                            false => {
                                self.refuse(
                                    &only.value.span,
                                    format!("`{key}` is `true` or left out"),
                                    "asks for nothing",
                                    &format!("write {key} = true, or remove the probe"),
                                );
                                None
                            }
                        }
                    }
                    "watchdog" => Some(ProbeTarget::Watchdog),
                    "lease" => {
                        let span = only.value.span.clone();
                        self.probed_ports.push((own.clone(), span));
                        Some(ProbeTarget::Lease)
                    }
                    _ => {
                        let run: Run = self.run(own, &only.value, "`exec`")?;
                        Some(ProbeTarget::Exec { run })
                    }
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

    fn grpc_service(&mut self, value: &Value) -> Option<String> {
        let text = self.text(value, "`service`", "service = \"shop.Orders\"")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        if text.len() > MAX_GRPC_NAME || !text.chars().all(plain) {
            self.refuse(
                &value.span,
                format!("{} is not the name of a gRPC service", quoted(text)),
                "letters, digits and dots",
                "write package and service: service = \"shop.Orders\"; leave it out for the whole server",
            );
            return None;
        }
        Some(text.to_owned())
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
