//! Bodies in JSON, as Consul's clients write them: which spellings are one key is said in `shape`.

use super::place::{self, Place};
use super::shape::{self, Shaped};
use super::{Answer, No, no};
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn wrong(why: &str, place: Option<Place>) -> No {
    let place = place.map(|place| format!(" ({place})"));
    let why = format!("{why}{}", place.unwrap_or_default());
    no(StatusCode::BAD_REQUEST, why)
}

/// Reads a body into what it says. Its fields are in lower case and without underscores.
pub(crate) fn read<T: DeserializeOwned + Shaped>(body: &[u8]) -> Answer<T> {
    // Nesting is bounded by the parser, at 128.
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let place = Place {
            line: error.line(),
            column: error.column(),
        };
        let words = format!("the body is not written as JSON is: {}", syntax(&error));
        wrong(&words, Some(place))
    })?;
    let plain = shape::body(value, T::KEYS);
    let plain = plain.map_err(|it| wrong(&it.words, place::of(body, &it.path)))?;
    // All of it has the shape that it should have.
    serde_json::from_value(plain)
        .map_err(|error| wrong(&format!("the body is not understood: {error}"), None))
}

/// What the parser says, in words of who writes JSON.
fn syntax(error: &serde_json::Error) -> &'static str {
    let said = error.to_string();
    let begins = |words: &str| said.starts_with(words);
    match () {
        () if error.is_eof() => "it ends too early",
        () if begins("expected `,`") => "behind a value comes a comma, or the end of what it is in",
        () if begins("expected `:`") => "behind a key comes a colon",
        () if begins("key must be") => "a key is a text in quotation marks",
        () if begins("trailing comma") => "behind the last value is a comma",
        () if begins("trailing characters") => "something follows its end",
        () if begins("control character") => {
            "a text has a line break or a tab in it, which are \\n and \\t"
        }
        () if begins("recursion limit") => "it is nested too deeply",
        () if begins("invalid number") || begins("number out of range") => "this is no number",
        () => "here is no value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consul::wish::ServiceWish;
    use serde_json::json;

    impl Shaped for Value {
        const KEYS: shape::Keys = ServiceWish::KEYS;
    }

    #[test]
    fn keys_are_ours_in_every_spelling_and_the_clients_own_as_they_are() {
        let body = json!({
            "ID": "a", "Tagged_Addresses": { "LAN_v4": { "Address": "127.0.0.1", "PORT": 1 } },
            "meta": { "My_Key": "V", "UPPER": "" }, "enable_tag_override": true,
            "CHECKS": [{ "Deregister_Critical_Service_After": "1m", "header": { "X_Y": ["Z"] } }],
            "Weights": null,
        });
        let read: Value = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            read,
            json!({
                "id": "a", "taggedaddresses": { "LAN_v4": { "address": "127.0.0.1", "port": 1 } },
                "meta": { "My_Key": "V", "UPPER": "" }, "enabletagoverride": true,
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

    #[test]
    fn what_is_wrong_is_said_in_a_persons_words_and_where() {
        for (body, words) in [
            (
                r#"{"Name": "a""#,
                "as JSON is: it ends too early (line 1, column 12)",
            ),
            (
                "{\n\"Name\": \"a\"\n\"ID\": 1}",
                "behind a value comes a comma, or the end of what it is in (line 3, column 1)",
            ),
            (
                r#"{Name: "a"}"#,
                "a key is a text in quotation marks (line 1, column 2)",
            ),
            (
                r#"{"Name": "a",}"#,
                "behind the last value is a comma (line 1, column 14)",
            ),
            (r#"{"Name": a}"#, "here is no value (line 1, column 10)"),
            (
                r#"{"Name": "a"} x"#,
                "something follows its end (line 1, column 15)",
            ),
            ("[]", "the body is an object, not a list (line 1, column 1)"),
            (
                r#"{"Name": 7}"#,
                "Name is a text, not 7 (line 1, column 10)",
            ),
            (
                "{\"Name\": \"a\",\n \"port\": \"80\"}",
                "port is a whole number from 0 to 65535, not \"80\" (line 2, column 10)",
            ),
            (
                r#"{"Port": 70000}"#,
                "Port is a whole number from 0 to 65535, not 70000",
            ),
            (
                r#"{"Tags": "blue"}"#,
                "Tags is a list of texts, not \"blue\"",
            ),
            (
                r#"{"Tags": ["a", 1]}"#,
                "Tags[1] is a text, not 1 (line 1, column 16)",
            ),
            (r#"{"Meta": {"a": 1}}"#, "Meta.a is a text, not 1"),
            (
                r#"{"Checks": [{"TTL": "1s"}, {"Interval": "soon"}]}"#,
                "Checks[1].Interval is a time like \"10s\" or \"1m30s\", not \"soon\" (line 1, column 41)",
            ),
            (
                r#"{"Check": {"Header": {"A": "b"}}}"#,
                "Check.Header.A is a list of texts, not \"b\"",
            ),
            (r#"{"Check": {"TTL": -1}}"#, "Check.TTL is a time"),
            (
                r#"{"Tagged_Addresses": {"lan": {"PORT": true}}}"#,
                "Tagged_Addresses.lan.PORT is a whole number",
            ),
            (
                r#"{"EnableTagOverride": "yes"}"#,
                "EnableTagOverride is true or false, not \"yes\"",
            ),
            (
                r#"{"Name": "a", "name": "b"}"#,
                "\"name\" is there twice, in two spellings (line 1, column 23)",
            ),
        ] {
            let said = read::<ServiceWish>(body.as_bytes()).err().map(|no| no.why);
            let said = said.unwrap_or_default();
            assert!(said.contains(words), "{body}: {said}");
        }
    }
}
