//! What the body of a health endpoint says, where it is in one of the formats services use:
//! `application/health+json` (draft-inadarei-api-health-check), Spring Boot's Actuator, ASP.NET Core's
//! health checks in words and in JSON, and plain JSON with a `status`.
//!
//! Called by the prober. It knows the format by the content type and the shape; whatever is not in
//! one of them says nothing, and the status of the answer decides alone.

use model::Verdict;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Most parts of a service that are named as not well; the others are counted.
const PARTS: usize = 3;
/// Longest text of a service's own that is repeated, in characters.
const TEXT: usize = 160;

/// What a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Pass, warn or fail.
    pub(crate) verdict: Verdict,
    /// In words: `health+json says warn: disk:utilization warn (91 percent)`. Empty where plain JSON
    /// says that it is well, which adds nothing to an answer that passed.
    pub(crate) words: String,
}

/// Which convention a body follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// The content type says so.
    HealthJson,
    /// JSON with the words of Spring Boot.
    Spring,
    /// The words of ASP.NET Core.
    AspNet,
    /// Other JSON with a `status`.
    Json,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::HealthJson => "health+json",
            Format::Spring => "Spring Boot",
            Format::AspNet => "ASP.NET",
            Format::Json => "JSON",
        }
    }
}

/// The word a body is judged by, read without looking at the rest.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
}

/// What this body says, if it is in a known format.
pub(crate) fn said(content_type: Option<&str>, body: &[u8]) -> Option<Said> {
    let kind = content_type.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let ends = |end: &str| {
        kind.len() >= end.len()
            && kind.is_char_boundary(kind.len() - end.len())
            && kind[kind.len() - end.len()..].eq_ignore_ascii_case(end)
    };
    if ends("/json") || ends("+json") {
        return json(ends("health+json"), body);
    }
    if kind.is_empty() || ends("text/plain") {
        // ASP.NET Core writes one of three words, and nothing else.
        let (verdict, word) = match body.trim_ascii() {
            b"Healthy" => (Verdict::Pass, "Healthy"),
            b"Degraded" => (Verdict::Warn, "Degraded"),
            b"Unhealthy" => (Verdict::Fail, "Unhealthy"),
            _ => return None,
        };
        let words = format!("{} says {word}", Format::AspNet.name());
        return Some(Said { verdict, words });
    }
    None
}

fn json(health_json: bool, body: &[u8]) -> Option<Said> {
    // Anything else than an object with a text for a status is somebody's own. A list would be taken
    // for the fields in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let head: Head = serde_json::from_slice(body).ok()?;
    let status = head.status?;
    let (format, verdict) = judged(&status)?;
    let format = if health_json {
        Format::HealthJson
    } else {
        format
    };
    if verdict == Verdict::Pass {
        let words = match format {
            Format::Json => String::new(),
            format => format!("{} says {}", format.name(), short(&status)),
        };
        return Some(Said { verdict, words });
    }
    let mut words = format!("{} says {}", format.name(), short(&status));
    let whole: Value = serde_json::from_slice(body).unwrap_or_default();
    let told = whole.as_object().map(told).unwrap_or_default();
    if !told.is_empty() {
        words.push_str(": ");
        words.push_str(&told);
    }
    Some(Said { verdict, words })
}

/// What a status means, and whose word it is.
fn judged(status: &str) -> Option<(Format, Verdict)> {
    use Format::{AspNet, Json, Spring};
    use Verdict::{Fail, Pass, Warn};
    const WORDS: [(&str, Format, Verdict); 13] = [
        ("pass", Json, Pass),
        ("ok", Json, Pass),
        ("UP", Spring, Pass),
        ("Healthy", AspNet, Pass),
        ("warn", Json, Warn),
        ("warning", Json, Warn),
        ("Degraded", AspNet, Warn),
        ("fail", Json, Fail),
        ("error", Json, Fail),
        ("DOWN", Spring, Fail),
        ("OUT_OF_SERVICE", Spring, Fail),
        ("Unhealthy", AspNet, Fail),
        ("unavailable", Json, Fail),
    ];
    let known = |word: &&(&str, Format, Verdict)| word.0.eq_ignore_ascii_case(status);
    let (word, format, verdict) = WORDS.iter().find(known)?;
    // The draft's own synonyms: lower case says nothing about whose it is.
    let format = if *word == status { *format } else { Json };
    Some((format, *verdict))
}

/// Why, as far as it tells: its own text, then its parts that are not well.
fn told(whole: &Map<String, Value>) -> String {
    let mut told: Vec<String> = text(whole).into_iter().collect();
    let mut more = 0;
    // health+json has checks, Spring Boot components (details before 2.2), ASP.NET entries or results.
    let parts = ["checks", "components", "details", "entries", "results"];
    for parts in parts.iter().filter_map(|key| whole.get(*key)?.as_object()) {
        // By their names: whether the map is in order hangs on what else is built with it.
        let mut parts: Vec<_> = parts.iter().collect();
        parts.sort_by_key(|(name, _)| *name);
        for (name, part) in parts {
            let each = match part {
                Value::Array(all) => &all[..],
                one => std::slice::from_ref(one),
            };
            for part in each.iter().filter_map(Value::as_object) {
                let Some(status) = part.get("status").and_then(Value::as_str) else {
                    continue;
                };
                if judged(status).is_none_or(|(_, verdict)| verdict == Verdict::Pass) {
                    continue;
                }
                if told.len() > PARTS {
                    more += 1;
                    continue;
                }
                let why = text(part).or_else(|| observed(part));
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                told.push(format!("{} {}{why}", short(name), short(status)));
            }
        }
    }
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join(", ")
}

/// What a whole or a part says in words.
fn text(of: &Map<String, Value>) -> Option<String> {
    let keys = [
        "output",
        "description",
        "error",
        "exception",
        "why",
        "message",
    ];
    let own = keys.iter().find_map(|key| of.get(*key)?.as_str());
    let error = || of.get("details")?.get("error")?.as_str();
    own.or_else(error)
        .filter(|text| !text.trim().is_empty())
        .map(short)
}

/// "91 percent".
fn observed(part: &Map<String, Value>) -> Option<String> {
    let value = match part.get("observedValue")? {
        Value::String(text) => short(text),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let unit = part.get("observedUnit").and_then(Value::as_str);
    Some(match unit {
        Some(unit) => format!("{value} {}", short(unit)),
        None => value,
    })
}

/// A text of a service's own, as it may be shown: in one line, not long, and without what terminals
/// obey.
pub(crate) fn short(text: &str) -> String {
    let plain = |c: char| if c.is_control() || is_bidi(c) { ' ' } else { c };
    let mut chars = text.trim().chars().map(plain);
    let mut short: String = chars.by_ref().take(TEXT).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Characters that change the order in which others are shown.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, body: &str) -> Option<(Verdict, String)> {
        let kind = Some(kind).filter(|kind| !kind.is_empty());
        said(kind, body.as_bytes()).map(|said| (said.verdict, said.words))
    }

    fn expect(kind: &str, body: &str, verdict: Verdict, words: &str) {
        assert_eq!(
            check(kind, body),
            Some((verdict, words.to_owned())),
            "{body}"
        );
    }

    #[test]
    fn health_json_is_known_by_its_content_type() {
        let kind = "application/health+json; charset=utf-8";
        expect(
            kind,
            r#"{"status":"pass"}"#,
            Verdict::Pass,
            "health+json says pass",
        );
        // Its synonyms, of which the draft names these.
        expect(
            kind,
            r#"{"status":"UP"}"#,
            Verdict::Pass,
            "health+json says UP",
        );
        expect(
            kind,
            r#"{"status":"down"}"#,
            Verdict::Fail,
            "health+json says down",
        );
        let checks = r#"{"status":"warn","output":"","checks":{
            "disk:utilization":[{"status":"warn","observedValue":91,"observedUnit":"percent"}],
            "cpu:utilization":[{"status":"pass","observedValue":4}],
            "db:connections":[{"status":"pass"},{"status":"fail","output":"refused\nby db"}]}}"#;
        expect(
            kind,
            checks,
            Verdict::Warn,
            "health+json says warn: db:connections fail (refused by db), \
             disk:utilization warn (91 percent)",
        );
        let fails = r#"{"status":"fail","output":"no licence"}"#;
        expect(
            kind,
            fails,
            Verdict::Fail,
            "health+json says fail: no licence",
        );
    }

    #[test]
    fn spring_boot_is_known_by_its_words() {
        let kind = "application/vnd.spring-boot.actuator.v3+json";
        expect(
            kind,
            r#"{"status":"UP"}"#,
            Verdict::Pass,
            "Spring Boot says UP",
        );
        let down = r#"{"status":"DOWN","components":{"db":{"status":"DOWN","details":{"error":"refused"}},
            "disk":{"status":"UP","details":{"free":1}}}}"#;
        expect(
            kind,
            down,
            Verdict::Fail,
            "Spring Boot says DOWN: db DOWN (refused)",
        );
        let out = r#"{"status":"OUT_OF_SERVICE"}"#;
        expect(kind, out, Verdict::Fail, "Spring Boot says OUT_OF_SERVICE");
        assert_eq!(check(kind, r#"{"status":"UNKNOWN"}"#), None);
    }

    #[test]
    fn asp_net_writes_a_word_or_json() {
        expect(
            "text/plain",
            "Healthy",
            Verdict::Pass,
            "ASP.NET says Healthy",
        );
        expect("", "Degraded\n", Verdict::Warn, "ASP.NET says Degraded");
        expect(
            "text/plain",
            "Unhealthy",
            Verdict::Fail,
            "ASP.NET says Unhealthy",
        );
        let json = r#"{"status":"Unhealthy","entries":{"redis":{"status":"Unhealthy","description":"no answer"},
            "self":{"status":"Healthy"}}}"#;
        let words = "ASP.NET says Unhealthy: redis Unhealthy (no answer)";
        expect("application/json", json, Verdict::Fail, words);
    }

    #[test]
    fn plain_json_with_a_status_is_taken_at_its_word() {
        expect("application/json", r#"{"status":"ok"}"#, Verdict::Pass, "");
        let error = r#"{"status":"error","why":"no db"}"#;
        expect(
            "application/json",
            error,
            Verdict::Fail,
            "JSON says error: no db",
        );
    }

    #[test]
    fn what_is_in_no_known_format_says_nothing() {
        for (kind, body) in [
            ("application/json", r#"{"status":200}"#),
            ("application/json", r#"{"status":"running"}"#),
            ("application/json", r#"{"state":"fail"}"#),
            ("application/json", r#"["fail"]"#),
            ("application/json", r#"{"status":"fail""#),
            ("application/json", ""),
            ("text/html", "Unhealthy"),
            ("text/plain", "Unhealthy food is served here"),
            ("text/plain", "fail"),
            ("é", "x"),
        ] {
            assert_eq!(check(kind, body), None, "{kind} {body}");
        }
    }

    #[test]
    fn what_it_says_is_bounded_and_harmless() {
        let checks: Vec<String> = (0..50)
            .map(|n| {
                format!(
                    r#""c{n:02}":{{"status":"fail","output":"{}"}}"#,
                    "x".repeat(500)
                )
            })
            .collect();
        let body = format!(
            "{{\"status\":\"fail\",\"output\":\"\\u001b[31m\\u202ered\",\"checks\":{{{}}}}}",
            checks.join(",")
        );
        let (_, words) = check("application/health+json", &body).unwrap();
        assert!(words.chars().count() < 800, "{words}");
        assert!(words.ends_with("and 47 more"), "{words}");
        assert!(!words.contains(['\u{1b}', '\u{202e}']), "{words:?}");
        let deep = format!("{{\"status\":\"fail\",\"checks\":{}", "[".repeat(60_000));
        assert_eq!(check("application/json", &deep), None);
    }
}
