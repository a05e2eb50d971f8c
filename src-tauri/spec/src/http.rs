//! What an HTTP probe says beyond its path, and what has to be in the answer.

use crate::cluster::Template;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How an HTTP probe asks, and what it takes for a pass, where that is not as usual.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HttpTerms {
    /// How it is asked.
    pub method: Method,
    /// Headers that are sent, by name in lower case.
    pub headers: BTreeMap<String, Template>,
    /// Statuses that pass, from and to; 200 to 399 when there are none.
    pub status: Vec<(u16, u16)>,
    /// Headers of the answer by name in lower case, and what has to be in each.
    pub expect_headers: BTreeMap<String, String>,
    /// What the body has to say.
    pub body: BodyTerm,
}

/// Methods a probe may use. None of those that are meant to change something but POST, which some
/// health endpoints want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD: the answer has no body.
    Head,
    /// OPTIONS.
    Options,
    /// POST, with an empty body.
    Post,
}

impl Method {
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
        }
    }
}

/// What the body of an answer has to say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyTerm {
    /// Where it is in one of the formats in which services tell their health, what it says counts.
    #[default]
    Recognised,
    /// Nothing: it is not looked at.
    Ignored,
    /// This text is in it.
    Contains(String),
    /// This regular expression matches in it.
    Regex(String),
}

impl HttpTerms {
    /// A status passes.
    pub fn passes(&self, status: u16) -> bool {
        match &self.status[..] {
            [] => (200..400).contains(&status),
            ranges => ranges
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&status)),
        }
    }

    /// "200" or "200, 300-399", for people and definitions.
    fn statuses(&self, quote: &str) -> Vec<String> {
        let one = |(from, to): &(u16, u16)| match from == to {
            true => from.to_string(),
            false => format!("{quote}{from}-{to}{quote}"),
        };
        self.status.iter().map(one).collect()
    }

    /// "200 or 300-399": what would have passed.
    pub fn expected(&self) -> String {
        match self.statuses("") {
            none if none.is_empty() => "2xx or 3xx".to_owned(),
            all => all.join(" or "),
        }
    }
}

/// As a definition writes it, beginning with a comma where there is anything to say.
impl fmt::Display for HttpTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.method != Method::Get {
            write!(f, ", method = \"{}\"", self.method.as_str())?;
        }
        if !self.headers.is_empty() {
            let all = self.headers.iter();
            let all = all.map(|(name, value)| format!("{name} = {:?}", value.to_string()));
            write!(
                f,
                ", headers = {{ {} }}",
                all.collect::<Vec<_>>().join(", ")
            )?;
        }
        match &self.statuses("\"")[..] {
            [] => {}
            [one] => write!(f, ", status = {one}")?,
            all => write!(f, ", status = [{}]", all.join(", "))?,
        }
        if !self.expect_headers.is_empty() {
            let all = self.expect_headers.iter();
            let all = all.map(|(name, value)| format!("{name} = {value:?}"));
            let all = all.collect::<Vec<_>>().join(", ");
            write!(f, ", expect_headers = {{ {all} }}")?;
        }
        match &self.body {
            BodyTerm::Recognised => Ok(()),
            BodyTerm::Ignored => f.write_str(", body = false"),
            BodyTerm::Contains(text) => write!(f, ", body = {text:?}"),
            BodyTerm::Regex(text) => write!(f, ", body = {{ regex = {text:?} }}"),
        }
    }
}
