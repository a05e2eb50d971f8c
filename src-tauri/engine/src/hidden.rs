//! The secrets that this process knows, and the redactor that hides them wherever something is shown, sent or
//! written down.
//!
//! Told by whoever reads a secret or hands one to a service; asked by the door, the journal, whoever reads logs, the
//! API, and what this process says of itself. All engines of a process share it: what one of them knows, none shows.
//! It refuses to write anything down, and to give a value back.

use model::ClusterId;
use security::redact::{MASK, Redactor, distinct, is_place, telling};
use security::secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

/// Values that are remembered of one cluster: of a secret that was changed the older ones stand in logs, too.
const MOST: usize = 4_096;
/// Values that may be looked for beside those that were put together before all are put together anew.
const BESIDE: usize = 64;

static KNOWN: RwLock<Known> = RwLock::new(Known {
    values: BTreeMap::new(),
    distinct: BTreeSet::new(),
    told: 0,
    built: BTreeMap::new(),
});

struct Known {
    /// In the order in which they were told; of no cluster are those of the home.
    values: BTreeMap<Option<ClusterId>, VecDeque<String>>,
    /// Those that are nobody's name, of all.
    distinct: BTreeSet<String>,
    /// How often something was told.
    told: u64,
    built: BTreeMap<Option<ClusterId>, Built>,
}

/// A redactor, and of which values.
struct Built {
    redactor: Arc<Redactor>,
    /// What had been told then.
    told: u64,
    own: BTreeSet<String>,
    others: BTreeSet<String>,
    /// What was built at once.
    whole: usize,
}

/// These are secrets from now on: of this cluster, or of the home.
pub fn learn<'a>(cluster: Option<&ClusterId>, values: impl IntoIterator<Item = &'a str>) {
    let values: Vec<&str> = values
        .into_iter()
        .filter(|value| value.len() >= security::redact::SHORTEST)
        .collect();
    if values.is_empty() {
        return;
    }
    let key = cluster.cloned();
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let has = |value: &&str| {
        let of = known.values.get(&key);
        of.is_some_and(|of| of.iter().any(|one| one == value))
    };
    let new: Vec<String> = values
        .iter()
        .filter(|value| !has(value))
        .map(|value| (*value).to_owned())
        .collect();
    drop(known);
    if new.is_empty() {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let known = &mut *known;
    known.told += 1;
    for value in new {
        if distinct(&value) {
            known.distinct.insert(value.clone());
        }
        let of = known.values.entry(key.clone()).or_default();
        of.push_back(value);
        if of.len() > MOST {
            of.pop_front();
        }
    }
    // At once, for who cannot wait for it in a fault.
    known.build(None);
}

/// The variables of a service's environment that are secrets by their name or look.
pub(crate) fn learn_environment(cluster: &ClusterId, variables: &BTreeMap<String, String>) {
    let secret = |(name, value): (&String, &String)| {
        let told = secret::in_variable(name, value).is_some()
            || secret::is_named(name) && telling(value) && !is_place(value);
        told.then_some(value.clone())
    };
    let found: Vec<String> = variables.iter().filter_map(secret).collect();
    let passwords = variables
        .values()
        .filter_map(|value| secret::password_in(value));
    let all = found.iter().map(String::as_str).chain(passwords);
    learn(Some(cluster), all);
}

/// What hides the secrets in what is about a cluster, or about all.
pub fn redactor(cluster: Option<&ClusterId>) -> Arc<Redactor> {
    let key = cluster.cloned();
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(built) = known.built.get(&key)
        && built.told == known.told
    {
        return Arc::clone(&built.redactor);
    }
    drop(known);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.build(key)
}

impl Known {
    fn build(&mut self, key: Option<ClusterId>) -> Arc<Redactor> {
        let own: BTreeSet<String> = self
            .values
            .get(&key)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let others = self.distinct.clone();
        let count = own.len() + others.len();
        let before = self.built.get(&key);
        // What has come since the last time is looked for beside it, until that is much.
        let beside =
            before.filter(|before| count - before.whole.min(count) <= BESIDE.max(before.whole / 4));
        let (redactor, whole) = match beside {
            Some(before) => {
                let own = own.difference(&before.own).map(String::as_str);
                let others = others.difference(&before.others).map(String::as_str);
                (before.redactor.with(own, others), before.whole)
            }
            None => {
                let (own, others) = (
                    own.iter().map(String::as_str),
                    others.iter().map(String::as_str),
                );
                (Redactor::new(own, others), count)
            }
        };
        let redactor = Arc::new(redactor);
        let built = Built {
            redactor: Arc::clone(&redactor),
            told: self.told,
            own,
            others,
            whole,
        };
        self.built.insert(key, built);
        redactor
    }
}

/// A text about this cluster without its secrets.
pub(crate) fn hide(cluster: Option<&ClusterId>, text: String) -> String {
    match redactor(cluster).hide(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(hidden) => hidden,
    }
}

/// Data without the secrets in its texts. `None`: there is none in it.
pub(crate) fn without<T: Serialize + DeserializeOwned>(
    cluster: Option<&ClusterId>,
    data: &T,
) -> Option<T> {
    let json = serde_json::to_string(data).ok()?;
    let hidden = redactor(cluster).hide_json(&json)?;
    serde_json::from_str(&hidden).map_or_else(|_| in_part(&json, &hidden), Some)
}

/// The same where a name is a secret as well, and the data cannot be read without it: what can be hidden is. The name
/// is shown where it is shown anyway.
fn in_part<T: DeserializeOwned>(json: &str, hidden: &str) -> Option<T> {
    let json: Value = serde_json::from_str(json).ok()?;
    let hidden: Value = serde_json::from_str(hidden).ok()?;
    let mut changed = BTreeMap::new();
    differences(&json, &hidden, &mut String::new(), &mut changed);
    let mut shown = json.clone();
    // Fields of one kind are tried together: a story may have thousands of lines.
    for places in changed.values() {
        let mut with = shown.clone();
        for place in places {
            if let (Some(old), Some(new)) = (with.pointer_mut(place), hidden.pointer(place)) {
                *old = new.clone();
            }
        }
        if T::deserialize(&with).is_ok() {
            shown = with;
        }
    }
    T::deserialize(&shown).ok()
}

/// Where two values of one shape differ: places by kind, which is a place without numbers.
fn differences(
    one: &Value,
    other: &Value,
    place: &mut String,
    found: &mut BTreeMap<String, Vec<String>>,
) {
    let before = place.len();
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                let Some(other) = other.get(key) else {
                    continue;
                };
                place.push('/');
                place.push_str(&key.replace('~', "~0").replace('/', "~1"));
                differences(value, other, place, found);
                place.truncate(before);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for (at, (value, other)) in one.iter().zip(other).enumerate() {
                place.push_str(&format!("/{at}"));
                differences(value, other, place, found);
                place.truncate(before);
            }
        }
        (one, other) if one != other => {
            let steps = place.split('/');
            let kind: Vec<&str> = steps
                .filter(|step| step.parse::<usize>().is_err())
                .collect();
            found.entry(kind.join("/")).or_default().push(place.clone());
        }
        _ => {}
    }
}

/// An answer of the API, which is JSON, without the secrets in it.
pub fn hide_answer(json: String) -> String {
    redactor(None).hide_json(&json).unwrap_or(json)
}

/// A sentence of any of them.
pub fn hide_sentence(text: &str) -> String {
    redactor(None).hide(text).into_owned()
}

/// What stands where a secret was.
pub const HIDDEN: &str = MASK;

/// The same where the text has colours: they go where something is hidden, because one may stand in the midst of it.
pub(crate) fn hide_coloured(text: &str) -> String {
    if !text.contains('\u{1b}') {
        return hide_sentence(text);
    }
    let colourless: Vec<String> = text
        .split_inclusive('\n')
        .map(|line| {
            let plain = without_colours(line);
            match redactor(None).hide(&plain) {
                std::borrow::Cow::Owned(hidden) => hidden,
                std::borrow::Cow::Borrowed(_) => line.to_owned(),
            }
        })
        .collect();
    colourless.concat()
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, after)| after));
    }
    plain
}

/// The same where this process has come to a fault, perhaps here.
pub(crate) fn in_a_panic(text: &str) -> String {
    let known = match KNOWN.try_read() {
        Ok(known) => known
            .built
            .get(&None)
            .map(|built| Arc::clone(&built.redactor)),
        Err(_) => None,
    };
    known.unwrap_or_default().hide(text).into_owned()
}

/// What is about to be printed: a JSON text, or lines.
pub fn hide_printed(text: &str) -> std::borrow::Cow<'_, str> {
    let redactor = redactor(None);
    match text.starts_with(['{', '['])
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    {
        true => redactor.hide_json(text).map_or(text.into(), Into::into),
        false => match redactor.hide(text) {
            std::borrow::Cow::Owned(hidden) => hidden.into(),
            std::borrow::Cow::Borrowed(_) => text.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ServiceName;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Told {
        service: ServiceName,
        lines: Vec<String>,
    }

    #[test]
    fn a_name_that_is_a_secret_as_well_keeps_nothing_else_from_being_hidden() {
        let told = Told {
            service: "hunter2-of-mine".parse().unwrap(),
            lines: vec![
                "hunter2-of-mine it is".to_owned(),
                "nothing".to_owned(),
                "and hunter2-of-mine again".to_owned(),
            ],
        };
        let json = serde_json::to_string(&told).unwrap();
        let hidden = json.replace("hunter2-of-mine", MASK);
        assert!(serde_json::from_str::<Told>(&hidden).is_err());
        let shown: Told = in_part(&json, &hidden).unwrap();
        assert_eq!(shown.service, told.service);
        assert_eq!(
            shown.lines,
            [
                format!("{MASK} it is"),
                "nothing".to_owned(),
                format!("and {MASK} again")
            ]
        );
    }
}
