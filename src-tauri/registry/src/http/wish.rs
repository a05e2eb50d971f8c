//! The body of `POST /register`.

use super::Failure;
use super::shape::{Keys, Kind, holds, refused};
use crate::check::{Check, Look, Probe, Target};
use crate::{DEFAULT_TTL, Error, Keep, Registration};
use model::view::Health;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use url::Url;

/// The longest time a check may say anything about, in seconds: a day.
const LONGEST: u64 = 24 * 60 * 60;
/// The longest an answer to a check may take, in seconds.
const LONGEST_TIMEOUT: u64 = 60;

const EXAMPLE: &str = r#"Send JSON like {"name": "mail", "url": "http://127.0.0.1:4000"}."#;
/// All that [`Wish`] has.
const KEYS: Keys = &[
    ("name", Kind::Text),
    ("url", Kind::Text),
    ("port", Kind::Port),
    ("address", Kind::Address),
    ("id", Kind::Text),
    ("ttl", Kind::Seconds),
    ("tags", Kind::Texts),
    ("version", Kind::Text),
    ("category", Kind::Text),
    ("meta", Kind::Named),
    ("check", Kind::Object(CHECK_KEYS)),
];
/// All that [`WishedCheck`] has.
const CHECK_KEYS: Keys = &[
    ("http", Kind::Text),
    ("tcp", Kind::Text),
    ("every", Kind::Seconds),
    ("timeout", Kind::Seconds),
    ("deregister_after", Kind::Seconds),
];

/// What a program says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    name: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    address: Option<IpAddr>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    ttl: Option<u64>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    check: Option<WishedCheck>,
}

/// How we should look at it; times in seconds.
#[derive(Deserialize)]
struct WishedCheck {
    #[serde(default)]
    http: Option<String>,
    #[serde(default)]
    tcp: Option<String>,
    #[serde(default)]
    every: Option<u64>,
    #[serde(default)]
    timeout: Option<u64>,
    #[serde(default)]
    deregister_after: Option<u64>,
}

impl Wish {
    /// What the body of a request says. It is read once when nothing is wrong with it, and once more to say
    /// what is.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        match Self::plain(bytes) {
            Some(wish) => Ok(wish),
            None => Self::held(bytes),
        }
    }

    /// What is right at first sight. An array would be taken for an object, a port for any number of its
    /// size; and what a check says is held against its keys.
    fn plain(bytes: &[u8]) -> Option<Self> {
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let wish: Self = serde_json::from_slice(bytes).ok()?;
        (wish.check.is_none() && wish.port != Some(0)).then_some(wish)
    }

    fn held(bytes: &[u8]) -> Result<Self, Failure> {
        let wrong =
            |error: &dyn std::fmt::Display| refused(&format!("the body is {error}"), EXAMPLE);
        let body: Value = serde_json::from_slice(bytes)
            .map_err(|error| wrong(&format_args!("not JSON: {error}")))?;
        let Value::Object(said) = &body else {
            return Err(wrong(
                &"JSON, and not an object: a registration is an object with keys",
            ));
        };
        holds(said, "a registration", KEYS)?;
        if said.get("name").is_none_or(Value::is_null) {
            return Err(refused("a registration has no name", EXAMPLE));
        }
        // Not from the value: of a key that is there twice that would take one.
        serde_json::from_slice(bytes)
            .map_err(|error| wrong(&format_args!("not understood: {error}")))
    }

    pub(super) fn into_registration(mut self) -> Result<Registration, Error> {
        let url = self.place()?;
        let mut registration = Registration::of(self.name, url, self.id);
        registration.tags = self.tags.unwrap_or_default();
        registration.version = self.version;
        registration.category = self.category;
        registration.meta = self.meta.unwrap_or_default();
        let lease = Keep::Lease {
            ttl: self.ttl.map_or(DEFAULT_TTL, Duration::from_secs),
        };
        registration.keep = match &self.check {
            Some(_) if self.ttl.is_none() => Keep::Probe,
            _ => lease,
        };
        if let Some(check) = self.check {
            let kept = registration.keep == Keep::Probe;
            registration.checks = vec![check.into_check(&registration.url, kept)?];
        }
        Ok(registration)
    }

    fn place(&mut self) -> Result<String, Error> {
        match (self.url.take(), self.address, self.port) {
            (Some(url), None, None) => Ok(url),
            (None, address, Some(port)) => Ok(match address {
                Some(IpAddr::V6(ip)) => format!("http://[{ip}]:{port}"),
                Some(IpAddr::V4(ip)) => format!("http://{ip}:{port}"),
                None => format!("http://127.0.0.1:{port}"),
            }),
            _ => Err(Error::Place),
        }
    }
}

impl WishedCheck {
    /// A path is one of the entry's own URL.
    fn into_check(self, url: &str, kept: bool) -> Result<Check, Error> {
        let wrong = |why: &str| Error::Check(why.to_owned());
        let (target, name) = match (self.http, self.tcp) {
            (Some(at), None) => {
                let url = match at.strip_prefix('/') {
                    Some(_) => Url::parse(url)
                        .and_then(|url| url.join(&at))
                        .map_err(|_| wrong("its path does not fit the url"))?
                        .into(),
                    None => at,
                };
                let name = format!("GET {url}");
                let target = Target::Http {
                    url,
                    method: "GET".into(),
                    headers: BTreeMap::new(),
                    body: String::new(),
                };
                (target, name)
            }
            (None, Some(address)) => {
                let name = format!("connect to {address}");
                (Target::Tcp { address }, name)
            }
            _ => return Err(wrong("it asks by http or by tcp: one of them")),
        };
        let seconds = |what: &str, value: u64, most: u64| match value {
            value if (1..=most).contains(&value) => Ok(Duration::from_secs(value)),
            value => Err(Error::Check(format!(
                "{what} is 1 to {most} seconds, not {value}"
            ))),
        };
        let every = seconds("every", self.every.unwrap_or(10), LONGEST)?;
        let timeout = self.timeout.unwrap_or(5);
        let after = self.deregister_after.or(kept.then_some(60));
        let after = after.map(|after| seconds("deregister_after", after, LONGEST));
        Ok(Check {
            id: "check".into(),
            name,
            notes: String::new(),
            look: Look::Probe(Probe {
                target,
                every,
                timeout: seconds("timeout", timeout, LONGEST_TIMEOUT)?,
                passes: 1,
                warns: 1,
                fails: 2,
            }),
            // Nobody has looked.
            first: Health::Critical,
            deregister_after: after.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(text: &str) -> bool {
        let plain = Wish::plain(text.as_bytes());
        let at_once = plain.is_some();
        if let Some(plain) = plain {
            let held = Wish::held(text.as_bytes()).unwrap_or_else(|no| panic!("{text}: {no:?}"));
            let made = |wish: Wish| wish.into_registration().map_err(|error| error.to_string());
            assert_eq!(made(plain), made(held), "{text}");
        }
        at_once
    }

    #[test]
    fn what_is_right_is_read_once_as_if_it_were_held_against_everything() {
        for text in [
            r#"{"name":"a","url":"http://127.0.0.1:1"}"#,
            r#" {"name":"a","port":80,"address":"::1","meta":{"a":"b","a":"c"},"tags":["\ud83e\udd80"]} "#,
            r#"{"name":"a","port":null,"check":null,"ttl":5,"version":"","category":null,"id":"x"}"#,
        ] {
            assert!(same(text), "{text}");
        }
        for text in [
            r#"["a","http://127.0.0.1:1",null,null,null,null,null,null,null,null,null]"#,
            r#"{"name":"a","port":0}"#,
            r#"{"name":"a","port":80.0}"#,
            r#"{"name":"a","nam":"b"}"#,
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","check":{"tcp":"127.0.0.1:1","often":5}}"#,
            r#"{"name":"a","meta":{"a":null}}"#,
            r#"{"name":"a"} x"#,
            "",
        ] {
            assert!(!same(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_taken_at_once_that_would_be_refused(
            keys in proptest::collection::vec(
                (0..KEYS.len() + 1, prop_oneof![
                    Just("null"), Just("\"a\""), Just("\"127.0.0.1\""), Just("80"), Just("-1"), Just("1.5"),
                    Just("70000"), Just("[]"), Just("[\"a\"]"), Just("[1]"), Just("{}"), Just("{\"a\":\"b\"}"),
                    Just("{\"a\":1}"), Just("{\"tcp\":\"127.0.0.1:1\"}"), Just("true"),
                ]), 0..5,
            )
        ) {
            let name = |at: usize| KEYS.get(at).map_or("other", |(name, _)| name);
            let pairs = keys.iter().map(|(at, value)| format!("{:?}:{value}", name(*at)));
            same(&format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")));
        }
    }
}
