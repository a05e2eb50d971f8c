//! `/v1/kv`: keys and values.

use super::asked::Asked;
use super::{Answer, Consul, indexed, json, no};
use crate::kv::{Fault, Found, Select, Write};
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;
use store::Pair;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    lock_index: u64,
    key: &'a str,
    flags: u64,
    value: Option<String>,
    create_index: u64,
    modify_index: u64,
}

impl<'a> Shown<'a> {
    fn of(pair: &'a Pair) -> Self {
        let value = (!pair.value.is_empty()).then(|| BASE64_STANDARD.encode(&pair.value));
        Self {
            lock_index: 0,
            key: &pair.key,
            flags: pair.flags,
            value,
            create_index: pair.created,
            modify_index: pair.modified,
        }
    }
}

impl Consul {
    pub(super) async fn read_keys(&self, key: &str, asked: &Asked) -> Answer<Response> {
        let keys = asked.flag("keys")?;
        let all = keys || asked.flag("recurse")?;
        let raw = asked.flag("raw")?;
        let select = match all {
            true => Select::Prefix(key.to_owned()),
            false if key.is_empty() => {
                return Err(no(StatusCode::BAD_REQUEST, "the key is missing"));
            }
            false => Select::Key(key.to_owned()),
        };
        let found = match asked.later()? {
            Some(later) => {
                let changed = self.kv.changed(&select, later.seen, later.until);
                let changed = asked.unless_stopping(changed).await;
                changed.unwrap_or_else(|| self.kv.find(&select))
            }
            None => self.kv.find(&select),
        };
        let Found { pairs, index } = found;
        if pairs.is_empty() {
            return Ok(indexed(index, StatusCode::NOT_FOUND));
        }
        Ok(indexed(
            index,
            match (keys, raw, &pairs[..]) {
                (true, ..) => {
                    let names = pairs.iter().map(|pair| pair.key.as_str());
                    json(&up_to(names, key, asked.get("separator").unwrap_or("")))
                }
                // A value is whatever some program wrote: no browser is to take it for a page.
                (false, true, [pair]) => (
                    [
                        (CONTENT_TYPE, "text/plain"),
                        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                        (CONTENT_SECURITY_POLICY, "sandbox"),
                    ],
                    pair.value.clone(),
                )
                    .into_response(),
                _ => json(&pairs.iter().map(|pair| Shown::of(pair)).collect::<Vec<_>>()),
            },
        ))
    }

    pub(super) async fn put_key(&self, key: &str, asked: &Asked, body: Bytes) -> Answer<Response> {
        for lock in ["acquire", "release"] {
            if asked.get(lock).is_some() {
                return Err(no(
                    StatusCode::NOT_IMPLEMENTED,
                    format!(
                        "{lock} is for sessions, and there are none here; use cas to be the only one who writes"
                    ),
                ));
            }
        }
        if key.is_empty() {
            return Err(no(StatusCode::BAD_REQUEST, "the key is missing"));
        }
        self.write_keys(Write::Put {
            key: key.to_owned(),
            value: body.to_vec(),
            flags: asked.number("flags")?.unwrap_or(0),
            cas: asked.number("cas")?,
        })
        .await
    }

    pub(super) async fn delete_keys(&self, key: &str, asked: &Asked) -> Answer<Response> {
        let cas = asked.number("cas")?;
        self.write_keys(match asked.flag("recurse")? {
            true if cas.is_some() => {
                return Err(no(
                    StatusCode::BAD_REQUEST,
                    "cas and recurse cannot be used together",
                ));
            }
            true => Write::DeleteTree {
                prefix: key.to_owned(),
            },
            false if key.is_empty() => {
                return Err(no(StatusCode::BAD_REQUEST, "the key is missing"));
            }
            // What Consul says of it: a delete with 0 does nothing.
            false if cas == Some(0) => return Ok(json(&false)),
            false => Write::Delete {
                key: key.to_owned(),
                cas,
            },
        })
        .await
    }

    async fn write_keys(&self, write: Write) -> Answer<Response> {
        match self.kv.write(write).await {
            Ok(done) => Ok(json(&done)),
            Err(fault) => {
                let status = match &fault {
                    Fault::Key => StatusCode::BAD_REQUEST,
                    Fault::Value => StatusCode::PAYLOAD_TOO_LARGE,
                    Fault::TooMany | Fault::TooMuch => StatusCode::TOO_MANY_REQUESTS,
                    Fault::Refused(_) => StatusCode::FORBIDDEN,
                    Fault::Store(_) | Fault::Closing => StatusCode::SERVICE_UNAVAILABLE,
                };
                Err(no(status, format!("failed to {fault}")))
            }
        }
    }
}

/// The keys, each only up to the first separator after the prefix, and each once.
fn up_to<'a>(keys: impl Iterator<Item = &'a str>, prefix: &str, separator: &str) -> Vec<&'a str> {
    let mut all: Vec<&str> = keys
        .map(|key| {
            let rest = key.get(prefix.len()..).unwrap_or_default();
            match rest.find(separator) {
                Some(at) if !separator.is_empty() => &key[..prefix.len() + at + separator.len()],
                _ => key,
            }
        })
        .collect();
    // They are in order, so the same are side by side.
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_at_the_separator() {
        let keys = ["a/b", "a/c/d", "a/c/e", "a/cé/x", "ab"];
        let up_to = |prefix, separator| {
            let under = keys.iter().copied().filter(|key| key.starts_with(prefix));
            up_to(under, prefix, separator)
        };
        assert_eq!(up_to("", "/"), ["a/", "ab"]);
        assert_eq!(up_to("a/", "/"), ["a/b", "a/c/", "a/cé/"]);
        assert_eq!(up_to("a/", ""), ["a/b", "a/c/d", "a/c/e", "a/cé/x"]);
        assert_eq!(up_to("a", "/"), ["a/", "ab"]);
    }
}
