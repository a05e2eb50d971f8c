//! `${service.key}` in texts: found with their place, kept as parts, resolved when ports are known.

use crate::cluster::{Probe, ProbeTarget, Run, Template, TemplatePart};
use model::ServiceName;
use std::fmt;
use std::ops::Range;

/// The keys a reference may name.
pub(crate) const REFERENCE_KEYS: [&str; 3] = ["port", "host", "url"];

/// Where every service listens.
pub const HOST: &str = "127.0.0.1";

/// Knows which port a service was given.
pub trait Lookup {
    /// The port `${service.port}` stands for: the first port of the service's first instance, and
    /// for the asking service itself its own instance's.
    fn port(&self, service: &ServiceName) -> Option<u16>;

    /// The host at which that is reached by the asking service: not the same for containers.
    fn host(&self, _service: &ServiceName) -> String {
        HOST.to_owned()
    }
}

impl Template {
    /// A text without references.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        // An empty text has no parts, so that equal texts are equal templates.
        Self(if text.is_empty() {
            Vec::new()
        } else {
            vec![TemplatePart::Text(text)]
        })
    }

    /// Puts the references in. A service without a port resolves to port 0, which cannot happen
    /// in a definition that was parsed.
    pub fn resolve(&self, lookup: &impl Lookup) -> String {
        let port = |service| lookup.port(service).unwrap_or(0);
        self.0
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => text.clone(),
                TemplatePart::Port(service) => port(service).to_string(),
                TemplatePart::Host(service) => lookup.host(service),
                TemplatePart::Url(service) => {
                    format!("http://{}:{}", lookup.host(service), port(service))
                }
            })
            .collect()
    }

    /// The services it refers to, in order, with repetitions.
    pub fn references(&self) -> impl Iterator<Item = &ServiceName> {
        self.0.iter().filter_map(|part| match part {
            TemplatePart::Text(_) => None,
            TemplatePart::Port(service)
            | TemplatePart::Host(service)
            | TemplatePart::Url(service) => Some(service),
        })
    }
}

/// As a definition writes it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            TemplatePart::Text(text) => f.write_str(text),
            TemplatePart::Port(service) => write!(f, "${{{service}.port}}"),
            TemplatePart::Host(service) => write!(f, "${{{service}.host}}"),
            TemplatePart::Url(service) => write!(f, "${{{service}.url}}"),
        })
    }
}

/// One line a person can read: the command as it would be typed.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Run::Shell(line) => line.fmt(f),
            Run::Direct(words) => {
                for (index, word) in words.iter().enumerate() {
                    let space = if index == 0 { "" } else { " " };
                    let word = word.to_string();
                    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,${}".contains(c);
                    if !word.is_empty() && word.chars().all(plain) {
                        write!(f, "{space}{word}")?;
                    } else {
                        write!(f, "{space}'{}'", word.replace('\'', "'\\''"))?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// What is asked and how often: `GET /health every 5s`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            ProbeTarget::Http { path, port, terms } => {
                let method = terms.as_ref().map_or("GET", |terms| terms.method.as_str());
                write!(f, "{method} ")?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                write!(f, "{path}")?;
                if let Some(terms) = terms {
                    let said = terms.to_string();
                    write!(f, " ({})", said.trim_start_matches(", "))?;
                }
            }
            ProbeTarget::Tcp { port: None } => f.write_str("tcp to its port")?,
            ProbeTarget::Tcp { port: Some(port) } => write!(f, "tcp to {port}")?,
            ProbeTarget::Grpc { port, service } => {
                match port {
                    None => f.write_str("gRPC health of its port")?,
                    Some(port) => write!(f, "gRPC health of {port}")?,
                }
                if !service.is_empty() {
                    write!(f, " for {service}")?;
                }
            }
            ProbeTarget::Exec { run } => write!(f, "{run}")?,
            ProbeTarget::Log { pattern } => return write!(f, "a line that matches {pattern}"),
            ProbeTarget::Notify => return f.write_str("READY=1 of sd_notify"),
            ProbeTarget::Watchdog => {
                let within = crate::duration::words(self.timeout);
                return write!(f, "WATCHDOG=1 of sd_notify within {within}");
            }
            ProbeTarget::Check => return f.write_str("the container's own check"),
            ProbeTarget::Lease => {
                let within = crate::duration::words(self.timeout);
                return write!(f, "its registration renewed within {within}");
            }
        }
        write!(f, " every {}", crate::duration::words(self.every))
    }
}

/// A text written so that all of it is taken as it stands.
#[must_use]
pub fn literal(text: &str) -> String {
    let whole = pieces(text);
    if matches!(&whole[..], [Piece::Text(one)] if one == text) || whole.is_empty() {
        text.to_owned()
    } else {
        text.replace("${", "$${")
    }
}

/// A piece of a text as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text; `$${` has become `${`.
    Text(String),
    /// `${service.key}`, not looked at any further. The place is within the text, in bytes.
    Reference {
        service: Range<usize>,
        key: Range<usize>,
        whole: Range<usize>,
    },
    /// `${service.` and what follows, without the closing brace.
    Unclosed { whole: Range<usize> },
}

/// Cuts a text at its references. Ours begin with `${`, have a dot after the first word, and
/// everything else with a dollar in it is the shell's: `$PORT`, `${PORT}`, `${PORT:-80}`.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if text[..start].ends_with('$') && start > at {
            plain.push_str(&text[at..start - 1]);
            plain.push_str("${");
            at = start + 2;
            continue;
        }
        let Some((piece, end)) = reference(text, start) else {
            plain.push_str(&text[at..start + 2]);
            at = start + 2;
            continue;
        };
        plain.push_str(&text[at..start]);
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(piece);
        at = end;
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

/// The reference, closed or not, that the `${` at `start` begins, and where it ends. `None` when it
/// is the shell's.
pub(crate) fn reference(text: &str, start: usize) -> Option<(Piece, usize)> {
    let word = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        from + rest.find(|c| !part(c)).unwrap_or(rest.len())
    };
    let service = start + 2..word(start + 2);
    if !text[service.end..].starts_with('.') {
        return None;
    }
    let key = service.end + 1..word(service.end + 1);
    if text[key.end..].starts_with('}') {
        let whole = start..key.end + 1;
        Some((
            Piece::Reference {
                service,
                key,
                whole: whole.clone(),
            },
            whole.end,
        ))
    } else {
        let whole = start..key.end;
        Some((
            Piece::Unclosed {
                whole: whole.clone(),
            },
            whole.end,
        ))
    }
}

/// The template of a text whose references were already checked: what is no reference stays text.
pub(crate) fn template(text: &str, own: &ServiceName) -> Template {
    let part = |piece| match piece {
        Piece::Text(text) => TemplatePart::Text(text),
        Piece::Unclosed { whole } => TemplatePart::Text(text[whole].to_owned()),
        Piece::Reference {
            service,
            key,
            whole,
        } => {
            let service = match &text[service] {
                "self" => Some(own.clone()),
                name => name.parse().ok(),
            };
            match (service, &text[key]) {
                (Some(service), "port") => TemplatePart::Port(service),
                (Some(service), "host") => TemplatePart::Host(service),
                (Some(service), "url") => TemplatePart::Url(service),
                _ => TemplatePart::Text(text[whole].to_owned()),
            }
        }
    };
    Template(pieces(text).into_iter().map(part).collect())
}

/// Whether a text uses the shell's `$PORT` or `${PORT…}`.
pub(crate) fn uses_port_variable(text: &str) -> bool {
    text.match_indices("PORT").any(|(at, word)| {
        let after = text[at + word.len()..].chars().next();
        let braced = text[..at].ends_with("${");
        let ends = !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        ends && (braced || text[..at].ends_with('$'))
    })
}
