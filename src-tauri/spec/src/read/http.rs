//! What an HTTP probe asks, and what it takes for a pass.

use super::Reader;
use super::probe::is_own_port;
use crate::cluster::Template;
use crate::document::{Entry, Value, ValueKind};
use crate::http::{BodyTerm, HttpTerms, Method};
use crate::pattern::pattern;
use crate::problem::quoted;
use crate::template;
use model::ServiceName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The keys that go with `http` alone, in the order [`Reader::http_terms`] is given them.
pub(super) const TERMS: [&str; 5] = ["method", "headers", "status", "expect_headers", "body"];

/// Headers of one kind, and entries of `status`.
const MAX_TERMS: usize = 20;
/// Bytes of a header's value: many servers take no head above 8 KiB.
const MAX_HEADER: usize = 4 << 10;
/// Headers that say how the request itself is sent.
const FRAMING: [&str; 6] = [
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "upgrade",
    "expect",
];
const STATUS: &str = "write status = 204, status = \"200-299\" or status = [200, \"300-399\"]";
const BODY: &str =
    "write body = \"ready\" for a text in it, body = { regex = \"^ok\" }, or false for any body";

impl Reader<'_> {
    /// What is asked: a path, and which port, `None` for the service's own.
    pub(super) fn http(
        &mut self,
        own: &ServiceName,
        value: &Value,
        port: Option<&Value>,
    ) -> Option<(Template, Option<Template>)> {
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
                Some((template::template(path, own), port))
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
    ) -> Option<(Template, Option<Template>)> {
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
        Some((template::template(path, own), port))
    }

    /// Reads what goes with `http`, each with its key; `None` when there is nothing.
    pub(super) fn http_terms(
        &mut self,
        own: &ServiceName,
        terms: [Option<&Entry>; TERMS.len()],
    ) -> Option<Arc<HttpTerms>> {
        let [method, headers, status, expect_headers, body] = terms;
        let mut read = HttpTerms::default();
        if let Some(method) = method {
            const METHODS: [Method; 4] = [Method::Get, Method::Head, Method::Options, Method::Post];
            let words = METHODS.map(|method| (method.as_str(), method));
            read.method = self
                .word(&method.value, "`method`", &words)
                .unwrap_or_default();
        }
        for (name, value) in self.headers(headers) {
            if FRAMING.contains(&name.as_str()) {
                let help = "remove it: each probe is one request on a connection of its own";
                let message = format!("`{name}` says how the request is sent");
                self.refuse(&value.span, message, "not a probe's to choose", help);
            } else if let ValueKind::Text(text) = &value.kind {
                let template = self.template(own, text, &value.span);
                read.headers.insert(name, template);
            }
        }
        for (name, value) in self.headers(expect_headers) {
            if let ValueKind::Text(text) = &value.kind {
                read.expect_headers.insert(name, text.clone());
            }
        }
        if let Some(status) = status {
            read.status = self.statuses(&status.value);
        }
        if let Some(body) = body {
            read.body = self.body(&body.value).unwrap_or_default();
            if read.method == Method::Head && read.body != BodyTerm::Ignored {
                let help = "ask by another method, or remove `body`";
                let message = "an answer to HEAD has no body".into();
                self.refuse(&body.key.span, message, "nothing to look at", help);
            }
        }
        (read != HttpTerms::default()).then(|| Arc::new(read))
    }

    /// A table of headers: names in lower case, and values that are texts.
    fn headers<'v>(&mut self, entry: Option<&'v Entry>) -> BTreeMap<String, &'v Value> {
        let mut headers = BTreeMap::new();
        let Some(entry) = entry else {
            return headers;
        };
        let key = format!("`{}`", entry.key.name);
        let example = format!(
            "write {} = {{ Accept = \"application/json\" }}",
            entry.key.name
        );
        let Some(table) = self.table(&entry.value, &key, &example) else {
            return headers;
        };
        if table.entries.len() > MAX_TERMS {
            let message = format!("{key} has {} headers", table.entries.len());
            let help = format!("at most {MAX_TERMS}");
            self.refuse(&entry.key.span, message, "too many", &help);
        }
        for header in table.entries.iter().take(MAX_TERMS) {
            let name = header.key.name.to_ascii_lowercase();
            // A token of RFC 9110.
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                let message = format!("{} is not the name of a header", quoted(&header.key.name));
                let help = "letters, digits and hyphens, like \"X-Probe\"";
                self.refuse(&header.key.span, message, "not a name", help);
                continue;
            }
            let named = format!("`{}`", header.key.name);
            let Some(text) = self.text(&header.value, &named, "Accept = \"application/json\"")
            else {
                continue;
            };
            let sendable = |c: char| c == '\t' || (' '..='~').contains(&c);
            if text.len() > MAX_HEADER || !text.chars().all(sendable) {
                let message = format!("{named} cannot be the value of a header");
                let help = format!("at most {MAX_HEADER} printable ASCII characters in one line");
                self.refuse(&header.value.span, message, "this value", &help);
            } else if headers.insert(name, &header.value).is_some() {
                let message = format!("{named} is given twice");
                let help = "names of headers are the same in upper and lower case";
                self.refuse(&header.key.span, message, "again here", help);
            }
        }
        headers
    }

    fn statuses(&mut self, value: &Value) -> Vec<(u16, u16)> {
        let items = match &value.kind {
            ValueKind::Array(items) if items.is_empty() => {
                let message = "`status` is an empty list".into();
                self.refuse(&value.span, message, "nothing would pass", STATUS);
                return Vec::new();
            }
            ValueKind::Array(items) if items.len() > MAX_TERMS => {
                let message = format!("`status` has {} entries", items.len());
                let help = format!("at most {MAX_TERMS}; a range is one: \"200-299\"");
                self.refuse(&value.span, message, "too many", &help);
                return Vec::new();
            }
            ValueKind::Array(items) => &items[..],
            _ => std::slice::from_ref(value),
        };
        let read: Vec<_> = items.iter().map(|item| self.status(item)).collect();
        read.into_iter().flatten().collect()
    }

    /// `204` or `"200-299"`.
    fn status(&mut self, value: &Value) -> Option<(u16, u16)> {
        let range = match &value.kind {
            ValueKind::Integer(number) => u16::try_from(*number).ok().map(|one| (one, one)),
            ValueKind::Text(text) => {
                let (from, to) = text.split_once('-').unwrap_or((text, text));
                let part = |part: &str| part.trim().parse::<u16>().ok();
                part(from).zip(part(to))
            }
            _ => {
                self.wrong("`status`", value, "a number or a range", STATUS);
                return None;
            }
        };
        let read = range;
        // 1xx is never the last word.
        let range = range.filter(|(from, to)| from <= to && *from >= 200 && *to <= 599);
        if range.is_none() {
            let message = "`status` is not a status of HTTP, nor a range of them".into();
            let label = match read {
                Some((from, to)) if from > to => "the end comes before the beginning",
                _ => "not within 200 to 599",
            };
            self.refuse(&value.span, message, label, STATUS);
        }
        range
    }

    fn body(&mut self, value: &Value) -> Option<BodyTerm> {
        match &value.kind {
            ValueKind::Boolean(false) => Some(BodyTerm::Ignored),
            ValueKind::Table(table) => {
                self.known_keys(table, &super::keys::BODY);
                let Some(entry) = table.get("regex") else {
                    let message = "`body` names no `regex`".into();
                    self.refuse(&value.span, message, "nothing in here to look for", BODY);
                    return None;
                };
                self.regex(&entry.value, "`regex`").map(BodyTerm::Regex)
            }
            ValueKind::Text(_) => {
                let text = self.text(value, "`body`", "body = \"ready\"")?;
                Some(BodyTerm::Contains(text.to_owned()))
            }
            _ => {
                self.wrong("`body`", value, "a text, a table or `false`", BODY);
                None
            }
        }
    }

    /// A regular expression that can be compiled.
    pub(super) fn regex(&mut self, value: &Value, key: &str) -> Option<String> {
        let text = self.text(value, key, "\"^ready\"")?;
        if let Err(why) = pattern(text) {
            let message = format!("{key} is not a regular expression: {why}");
            let help = "escape what is meant as itself, \\. or \\(, in single quotes: 'listening \\(ok\\)'";
            self.refuse(&value.span, message, "this expression", help);
            return None;
        }
        Some(text.to_owned())
    }
}
