//! What kind of value each key of a body takes. What is wrong is said in words of who wrote it, with the place.
//!
//! Keys clients write as they like: `EnableTagOverride`, `enableTagOverride`, `enabletagoverride` and
//! `enable_tag_override` are one key. Not so what a client names itself: keys of `Meta`, headers, and the names of
//! tagged addresses.

use super::asked::quoted;
use super::duration;
use super::place::Step;
use serde_json::{Map, Value};

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// A whole number up to this.
    Number(u64),
    Flag,
    /// As Go writes it, or in nanoseconds.
    Time,
    Texts,
    /// Texts under keys of the client's.
    Named,
    /// Lists of texts under keys of the client's.
    Lists,
    /// Keys of ours below.
    Object(Keys),
    Objects(Keys),
    /// Objects with keys of ours, under keys of the client's.
    NamedObjects(Keys),
    /// It is looked at elsewhere, or not at all.
    Any,
}

/// The keys of an object as they are compared, each with what its value has to be. Others are ignored.
pub(crate) type Keys = &'static [(&'static str, Kind)];

/// What is read from a body.
pub(crate) trait Shaped {
    const KEYS: Keys;
}

/// What is wrong with a body, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) words: String,
    pub(super) path: Vec<Step>,
}

/// Below a body's key.
type Below<'a> = &'a mut Vec<Step>;

impl Kind {
    fn words(self) -> String {
        match self {
            Kind::Text => "a text".into(),
            Kind::Number(most) => format!("a whole number from 0 to {most}"),
            Kind::Flag => "true or false".into(),
            Kind::Time => "a time like \"10s\" or \"1m30s\"".into(),
            Kind::Texts => "a list of texts".into(),
            Kind::Named => "an object whose values are texts".into(),
            Kind::Lists => "an object whose values are lists of texts".into(),
            Kind::Object(_) => "an object".into(),
            Kind::Objects(_) => "a list of objects".into(),
            Kind::NamedObjects(_) => "an object whose values are objects".into(),
            Kind::Any => "anything".into(),
        }
    }

    /// The value as it is read, its keys in lower case and without underscores.
    fn plain(self, value: Value, below: Below<'_>) -> Result<Value, Wrong> {
        let fits = match (self, &value) {
            (Kind::Any, _)
            | (Kind::Text, Value::String(_))
            | (Kind::Flag, Value::Bool(_))
            | (Kind::Texts | Kind::Objects(_), Value::Array(_))
            | (
                Kind::Named | Kind::Lists | Kind::Object(_) | Kind::NamedObjects(_),
                Value::Object(_),
            ) => true,
            (Kind::Number(most), Value::Number(n)) => n.as_u64().is_some_and(|n| n <= most),
            (Kind::Time, Value::String(text)) => text.is_empty() || duration::parse(text).is_some(),
            (Kind::Time, Value::Number(n)) => n.is_u64(),
            _ => false,
        };
        if !fits {
            return Err(self.wrong(&value, below));
        }
        let each = match self {
            Kind::Object(keys) => return object(value, keys, below),
            Kind::Texts | Kind::Named => Kind::Text,
            Kind::Lists => Kind::Texts,
            Kind::Objects(keys) | Kind::NamedObjects(keys) => Kind::Object(keys),
            Kind::Text | Kind::Number(_) | Kind::Flag | Kind::Time | Kind::Any => return Ok(value),
        };
        match value {
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                let items = items.map(|(n, item)| within(Step::Item(n), item, each, below));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Value::Object(members) => {
                let members = members.into_iter();
                let members = members.map(|(key, value)| {
                    let value = within(Step::Key(key.clone()), value, each, below)?;
                    Ok((key, value))
                });
                Ok(Value::Object(members.collect::<Result<_, _>>()?))
            }
            other => Ok(other),
        }
    }

    fn wrong(self, value: &Value, below: Below<'_>) -> Wrong {
        let what = match below.is_empty() {
            true => "the body".to_owned(),
            false => shown(below),
        };
        let value = match value {
            Value::String(text) => quoted(text),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => other.to_string(),
        };
        Wrong {
            words: format!("{what} is {}, not {value}", self.words()),
            path: below.clone(),
        }
    }
}

/// A whole body.
pub(super) fn body(value: Value, keys: Keys) -> Result<Value, Wrong> {
    Kind::Object(keys).plain(value, &mut Vec::new())
}

fn within(step: Step, value: Value, kind: Kind, below: Below<'_>) -> Result<Value, Wrong> {
    below.push(step);
    let plain = kind.plain(value, below)?;
    below.pop();
    Ok(plain)
}

/// `null` is as good as not being there, and a key nobody knows is ignored.
fn object(value: Value, keys: Keys, below: Below<'_>) -> Result<Value, Wrong> {
    let Value::Object(members) = value else {
        return Ok(value);
    };
    let mut all = Map::new();
    for (key, value) in members {
        if value.is_null() {
            continue;
        }
        let name = name(&key);
        let kind = keys.iter().find(|(known, _)| *known == name);
        let kind = kind.map_or(Kind::Any, |(_, kind)| *kind);
        let step = Step::Key(key.clone());
        let plain = within(step.clone(), value, kind, below)?;
        if all.insert(name, plain).is_some() {
            below.push(step);
            return Err(Wrong {
                words: format!("{} is there twice, in two spellings", quoted(&key)),
                path: below.clone(),
            });
        }
    }
    Ok(Value::Object(all))
}

fn name(key: &str) -> String {
    let letters = key.chars().filter(|c| *c != '_');
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// As a person writes where something is: `Checks[1].Interval`.
fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(n) => text += &format!("[{n}]"),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.extend(key.chars().filter(|c| !c.is_control()).take(40));
            }
        }
    }
    text
}
