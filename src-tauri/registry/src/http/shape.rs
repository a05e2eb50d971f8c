//! What kind of value each key of a body takes, and what is said of another, in words of who wrote it.

use super::Failure;
use hyper::StatusCode;
use serde_json::{Map, Value};

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A port.
    Port,
    /// A span of time in seconds. Which are taken is said where it is used.
    Seconds,
    /// An IP address.
    Address,
    /// A list of texts.
    Texts,
    /// Texts under keys of their own.
    Named,
    /// An object with keys of ours.
    Object(Keys),
}

/// The keys of an object, each with what its value has to be.
pub(super) type Keys = &'static [(&'static str, Kind)];

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Port => "a number from 1 to 65535",
            Kind::Seconds => "a whole number of seconds",
            Kind::Address => "the address of a host, as a text",
            Kind::Texts => "a list of texts",
            Kind::Named => "an object whose values are texts",
            Kind::Object(_) => "an object",
        }
    }

    fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Kind::Text, Value::String(_)) | (Kind::Object(_), Value::Object(_)) => true,
            (Kind::Port, Value::Number(n)) => n.as_u64().is_some_and(|n| (1..=65_535).contains(&n)),
            (Kind::Seconds, Value::Number(n)) => n.is_u64(),
            (Kind::Address, Value::String(text)) => text.parse::<std::net::IpAddr>().is_ok(),
            (Kind::Texts, Value::Array(all)) => all.iter().all(Value::is_string),
            (Kind::Named, Value::Object(all)) => all.values().all(Value::is_string),
            _ => false,
        }
    }

    /// What was meant, as it is written, or else an example.
    fn meant(self, value: &Value) -> String {
        let number = |usual: u64| {
            let text = value.as_str().unwrap_or_default();
            let digits = text.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
            let meant = digits.parse::<u64>().ok().map(Value::from);
            meant
                .filter(|meant| self.takes(meant))
                .unwrap_or(usual.into())
        };
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => "blue".to_owned(),
        };
        match self {
            Kind::Text => Value::from(text(value)).to_string(),
            Kind::Port => number(4000).to_string(),
            Kind::Seconds => number(30).to_string(),
            Kind::Address => r#""127.0.0.1""#.to_owned(),
            Kind::Texts => match value {
                Value::Array(all) => Value::from_iter(all.iter().map(text)),
                one => Value::from_iter([text(one)]),
            }
            .to_string(),
            Kind::Named => match value {
                Value::Object(all) => {
                    let all = all.iter().map(|(key, one)| (key.clone(), text(one).into()));
                    Value::Object(all.collect())
                }
                _ => serde_json::json!({ "colour": "blue" }),
            }
            .to_string(),
            Kind::Object(_) => r#"{"http": "/health"}"#.to_owned(),
        }
    }
}

pub(super) fn refused(error: &str, help: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, error, help)
}

/// Holds what was said against its keys. One that is not known is refused: what was meant by it would not
/// be done.
pub(super) fn holds(said: &Map<String, Value>, within: &str, keys: Keys) -> Result<(), Failure> {
    for (key, value) in said {
        let Some((known, kind)) = keys.iter().find(|(known, _)| known == key) else {
            return Err(unknown(key, within, keys));
        };
        // As good as not being there.
        if value.is_null() {
            continue;
        }
        if !kind.takes(value) {
            let error = format!(
                "{known} is {}, not {}",
                kind.words(),
                short(&value.to_string())
            );
            let help = format!("Write \"{known}\": {}.", short(&kind.meant(value)));
            return Err(refused(&error, &help));
        }
        if let (Kind::Object(keys), Value::Object(below)) = (kind, value) {
            holds(below, &format!("`{known}`"), keys)?;
        }
    }
    Ok(())
}

fn unknown(key: &str, within: &str, keys: Keys) -> Failure {
    let near = keys
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(key, known), *known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min();
    let help = match near {
        Some((_, known)) => format!("Did you mean `{known}`?"),
        None => {
            let all: Vec<&str> = keys.iter().map(|(known, _)| *known).collect();
            format!("There are `{}`.", all.join("`, `"))
        }
    };
    let error = format!("{within} has no key {:?}", short(key));
    refused(&error, &help)
}

/// Whole, it could be longer than all that is said of it.
fn short(text: &str) -> String {
    match text.chars().count() {
        0..=80 => text.to_owned(),
        _ => text.chars().take(64).chain("…".chars()).collect(),
    }
}
