//! Bodies in JSON, whose keys clients write as they like: `EnableTagOverride`, `enableTagOverride`,
//! `enabletagoverride` and `enable_tag_override` are one key. Not so what a client names itself: keys of
//! `Meta` and `NodeMeta`, headers, and the names of tagged addresses.

use super::{Answer, no};
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Whose keys are whose below a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Ours, and below them too.
    Ours,
    /// Named by the client; below them ours.
    Named,
    /// All of it is the client's.
    Theirs,
}

/// Reads a body into what it says. Its fields are in lower case and without underscores. `null` is as
/// good as not being there, and a key nobody knows is ignored.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    let wrong = |why: String| {
        no(
            StatusCode::BAD_REQUEST,
            format!("the body is not what is wanted: {why}"),
        )
    };
    // Nesting is bounded by the parser, at 128.
    let value: Value = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
    let plain = plain(value, Keys::Ours).map_err(wrong)?;
    serde_json::from_value(plain).map_err(|error| wrong(error.to_string()))
}

fn plain(value: Value, keys: Keys) -> Result<Value, String> {
    match value {
        _ if keys == Keys::Theirs => Ok(value),
        Value::Object(members) => {
            let mut all = Map::new();
            for (key, value) in members {
                if value.is_null() {
                    continue;
                }
                let (name, below) = match keys {
                    Keys::Named => (key.clone(), Keys::Ours),
                    _ => {
                        let name = name(&key);
                        let below = below(&name);
                        (name, below)
                    }
                };
                if all.insert(name, plain(value, below)?).is_some() {
                    let shown: String = key.chars().take(40).collect();
                    return Err(format!("{shown:?} is there twice, in two spellings"));
                }
            }
            Ok(Value::Object(all))
        }
        Value::Array(items) => {
            let items: Result<Vec<Value>, String> =
                items.into_iter().map(|item| plain(item, keys)).collect();
            Ok(Value::Array(items?))
        }
        other => Ok(other),
    }
}

fn name(key: &str) -> String {
    let letters = key.chars().filter(|c| *c != '_');
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

fn below(name: &str) -> Keys {
    match name {
        "meta" | "nodemeta" | "header" => Keys::Theirs,
        "taggedaddresses" => Keys::Named,
        _ => Keys::Ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_ours_in_every_spelling_and_the_clients_own_as_they_are() {
        let body = json!({
            "ID": "a", "Tagged_Addresses": { "LAN_v4": { "Address": "127.0.0.1", "PORT": 1 } },
            "meta": { "My_Key": "V", "UPPER": null }, "enable_tag_override": true,
            "CHECKS": [{ "Deregister_Critical_Service_After": "1m", "header": { "X_Y": ["Z"] } }],
            "Weights": null,
        });
        let read: Value = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            read,
            json!({
                "id": "a", "taggedaddresses": { "LAN_v4": { "address": "127.0.0.1", "port": 1 } },
                "meta": { "My_Key": "V", "UPPER": null }, "enabletagoverride": true,
                "checks": [{ "deregistercriticalserviceafter": "1m", "header": { "X_Y": ["Z"] } }],
            })
        );
    }

    #[test]
    fn one_key_in_two_spellings_is_refused() {
        let twice = read::<Value>(br#"{"Name": "a", "name": "b"}"#).unwrap_err();
        assert_eq!(twice.status(), 400);
        assert!(read::<Value>(br#"{"Meta": {"Name": "a", "name": "b"}}"#).is_ok());
        for body in ["", "{", "[1,", "\u{0}", &"[".repeat(200)] {
            assert!(read::<Value>(body.as_bytes()).is_err(), "{body:.20}");
        }
    }
}
