//! The answer to an HTTP probe: how much of it is read, and what it means.

use super::Terms;
use crate::health_format::{said, short};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::response::Parts;
use model::Verdict;
use regex::bytes::Regex;
use spec::BodyTerm;
use std::borrow::Cow;

/// Most of an answer's body that is read: a service that sends so much is well enough, and what a
/// probe looks for stands at the beginning.
const MAX_BODY: usize = 64 << 10;

/// What is asked for.
pub(super) struct Want<'a> {
    pub(super) terms: Option<&'a Terms>,
    /// What the body has to match, where that is a pattern.
    pub(super) pattern: Option<Regex>,
}

impl Want<'_> {
    pub(super) fn method(&self) -> &'static str {
        self.terms
            .map_or("GET", |terms| terms.terms.method.as_str())
    }

    pub(super) fn headers(&self) -> &[(String, String)] {
        self.terms.map_or(&[], |terms| &terms.headers)
    }

    fn body(&self) -> &BodyTerm {
        self.terms
            .map_or(&BodyTerm::Recognised, |terms| &terms.terms.body)
    }

    fn passes(&self, status: u16) -> bool {
        match self.terms {
            Some(terms) => terms.terms.passes(status),
            None => (200..400).contains(&status),
        }
    }

    /// The body of this answer is looked at, and not only read to its end.
    fn looks_at(&self, head: &Parts) -> bool {
        match self.body() {
            BodyTerm::Ignored => false,
            BodyTerm::Contains(_) | BodyTerm::Regex(_) => true,
            BodyTerm::Recognised => content_type(head).is_none_or(|kind| {
                let kind = kind.split(';').next().unwrap_or_default().trim_end();
                kind.ends_with("json") || kind == "text/plain"
            }),
        }
    }
}

fn content_type(head: &Parts) -> Option<&str> {
    head.headers.get(CONTENT_TYPE)?.to_str().ok()
}

/// An answer as far as it was read.
pub(super) struct Answer {
    head: Parts,
    /// `None` when it broke off.
    body: Option<Cow<'static, [u8]>>,
    first: Bytes,
    /// There was more of it.
    cut: bool,
}

impl Answer {
    /// Reads a body to its end, or as much of it as shows that there is one.
    pub(super) async fn read(answer: Response<Incoming>, want: &Want<'_>) -> Answer {
        let (head, mut body) = answer.into_parts();
        let looked_at = want.looks_at(&head);
        let mut read = 0;
        // Most bodies come in one piece, which is kept as it is.
        let (mut first, mut all) = (Bytes::new(), Vec::new());
        let mut answer = Answer {
            head,
            body: None,
            first: Bytes::new(),
            cut: false,
        };
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return answer;
            };
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if looked_at {
                let room = MAX_BODY.saturating_sub(read);
                let part = data.slice(..data.len().min(room));
                if first.is_empty() && all.is_empty() {
                    first = part;
                } else {
                    if all.is_empty() {
                        all.extend_from_slice(&first);
                    }
                    all.extend_from_slice(&part);
                }
            }
            read += data.len();
            if read >= MAX_BODY {
                answer.cut = true;
                break;
            }
        }
        answer.first = first;
        answer.body = Some(Cow::Owned(all));
        answer
    }

    pub(super) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    fn text(&self) -> Option<&[u8]> {
        let all = self.body.as_ref()?;
        Some(if all.is_empty() { &self.first } else { all })
    }

    /// What it means, and what is to be said besides its status.
    pub(super) fn judge(&self, want: &Want<'_>) -> (Verdict, String) {
        let recognised = || {
            let looked_at = *want.body() == BodyTerm::Recognised;
            let text = self.text().filter(|text| looked_at && !text.is_empty())?;
            said(content_type(&self.head), text)
        };
        if !want.passes(self.status()) {
            let mut rest = match want.terms {
                Some(terms) if !terms.terms.status.is_empty() => {
                    format!(", not {}", terms.terms.expected())
                }
                _ => String::new(),
            };
            if let Some(said) = recognised()
                && !said.words.is_empty()
            {
                rest = format!("{rest}, {}", said.words);
            }
            return (Verdict::Fail, rest);
        }
        let Some(text) = self.text() else {
            return (Verdict::Fail, " and broke off".to_owned());
        };
        let headers = want.terms.map(|terms| terms.terms.expect_headers.iter());
        for (name, value) in headers.into_iter().flatten() {
            let given = self.head.headers.get_all(name).iter();
            let mut given = given.map(|given| String::from_utf8_lossy(given.as_bytes()));
            if !given.any(|given| given.contains(value.as_str())) {
                let rest = match self.head.headers.get(name) {
                    Some(other) => {
                        let other = String::from_utf8_lossy(other.as_bytes());
                        format!(" with {name}: {}, without {value:?} in it", short(&other))
                    }
                    None => format!(" without the header {name}"),
                };
                return (Verdict::Fail, rest);
            }
        }
        let within = if self.cut { " in its first 64 KiB" } else { "" };
        match want.body() {
            BodyTerm::Ignored => (Verdict::Pass, String::new()),
            BodyTerm::Contains(wanted) => {
                let mut places = text.windows(wanted.len().max(1));
                match places.any(|place| place == wanted.as_bytes()) {
                    true => (Verdict::Pass, format!(" with {wanted:?}")),
                    false => (
                        Verdict::Fail,
                        format!(" without {wanted:?}{within}{}", begins(text)),
                    ),
                }
            }
            BodyTerm::Regex(wanted) => {
                match want.pattern.as_ref().is_some_and(|one| one.is_match(text)) {
                    true => (Verdict::Pass, format!(" matching {wanted}")),
                    false => {
                        let rest = format!(" not matching {wanted}{within}{}", begins(text));
                        (Verdict::Fail, rest)
                    }
                }
            }
            BodyTerm::Recognised => match recognised() {
                Some(said) if said.words.is_empty() => (said.verdict, String::new()),
                Some(said) => (said.verdict, format!(", {}", said.words)),
                None => (Verdict::Pass, String::new()),
            },
        }
    }
}

/// ": it says …", the beginning of a body.
fn begins(text: &[u8]) -> String {
    match short(&String::from_utf8_lossy(&text[..text.len().min(1_000)])) {
        empty if empty.is_empty() => ": it is empty".to_owned(),
        text => format!(": it says {text}"),
    }
}
