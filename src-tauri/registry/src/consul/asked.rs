//! The query of a request, as Consul's clients write it.

use super::filter::{Filter, Terms};
use super::{Answer, duration, no};
use crate::dice;
use crate::serve::Stopping;
use hyper::StatusCode;
use std::time::Duration;
use tokio::time::Instant;
use url::form_urlencoded;

/// How long to wait for a change when it is not said.
const WAIT: Duration = Duration::from_secs(5 * 60);
/// The longest wait; whoever asks for more waits so long.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Most parameters of a query.
const MAX: usize = 64;

/// The parameters of a query, and who tells that there is no more time to wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    all: Vec<(String, String)>,
    stopping: Option<Stopping>,
}

/// A question that may be answered later, when it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Later {
    /// The index that is known already.
    pub(crate) seen: u64,
    /// When to answer at the latest.
    pub(crate) until: Instant,
}

impl Asked {
    pub(crate) fn read(query: Option<&str>, stopping: Option<Stopping>) -> Answer<Self> {
        let mut all = Vec::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if all.len() == MAX {
                return Err(no(
                    StatusCode::BAD_REQUEST,
                    format!("a query has at most {MAX} parameters"),
                ));
            }
            all.push((key.into_owned(), value.into_owned()));
        }
        Ok(Self { all, stopping })
    }

    /// What of entries with these terms is wanted.
    pub(super) fn filter(&self, terms: Terms) -> Answer<Filter> {
        Filter::read(self.get("filter").unwrap_or_default(), terms)
    }

    /// An answer that ignores a filter is a wrong answer.
    pub(crate) fn without_filter(&self) -> Answer<()> {
        match self.get("filter") {
            None | Some("") => Ok(()),
            Some(_) => Err(no(
                StatusCode::NOT_IMPLEMENTED,
                "this answer takes no filter; those of agent/services, agent/checks, catalog/service, \
                 catalog/nodes, catalog/node and health do",
            )),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let mut of = self.all.iter().filter(|(name, _)| name == key);
        of.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let of = self.all.iter().filter(move |(name, _)| name == key);
        of.map(|(_, value)| value.as_str())
    }

    /// Whether something is wanted: `?passing` and `passing=1` say yes, `passing=false` says no.
    pub(crate) fn flag(&self, key: &str) -> Answer<bool> {
        match self.get(key) {
            None => Ok(false),
            Some("" | "1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(other) => Err(no(
                StatusCode::BAD_REQUEST,
                format!("{key} is true or false, not {}", quoted(other)),
            )),
        }
    }

    pub(crate) fn number(&self, key: &str) -> Answer<Option<u64>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            no(
                StatusCode::BAD_REQUEST,
                format!("{key} is a number from 0 on, not {}", quoted(text)),
            )
        })
    }

    /// Waits with this, and no longer than until the listener is told to end.
    pub(crate) async fn unless_stopping<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        let Some(mut stopping) = self.stopping.clone() else {
            return Some(wait.await);
        };
        tokio::select! {
            done = wait => Some(done),
            () = stopping.stopped() => None,
        }
    }

    /// Until when to wait, if the question is one that waits: an `index` that is no number, negative
    /// or 0 asks for what is there now. Up to a sixteenth is added to the wait, so that those who began
    /// together do not all come back together.
    pub(crate) fn later(&self) -> Answer<Option<Later>> {
        let wait = match self.get("wait") {
            None | Some("") => WAIT,
            Some(text) => duration::parse(text).ok_or_else(|| {
                no(
                    StatusCode::BAD_REQUEST,
                    format!("wait is a time like 10s or 5m, not {}", quoted(text)),
                )
            })?,
        };
        let seen = self.get("index").and_then(|text| text.parse().ok());
        let Some(seen) = seen.filter(|seen| *seen > 0) else {
            return Ok(None);
        };
        let wait = if wait.is_zero() {
            WAIT
        } else {
            wait.min(LONGEST)
        };
        let until = Instant::now() + wait + dice::up_to(wait / 16);
        Ok(Some(Later { seen, until }))
    }
}

/// Something of the asker's to show back, cut short.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Asked {
        Asked::read(Some(query), None).unwrap()
    }

    #[test]
    fn a_flag_is_its_value_and_not_that_it_is_there() {
        for (query, said) in [
            ("", false),
            ("passing", true),
            ("passing=", true),
            ("passing=1", true),
            ("passing=true", true),
            ("passing=false", false),
            ("passing=0", false),
            ("tag=passing", false),
        ] {
            assert_eq!(read(query).flag("passing").unwrap(), said, "{query}");
        }
        assert_eq!(
            read("passing=maybe").flag("passing").unwrap_err().status(),
            400
        );
    }

    #[tokio::test]
    async fn an_index_that_is_none_does_not_wait() {
        tokio::time::pause();
        for query in [
            "",
            "index=0",
            "index=-1",
            "index=",
            "index=x",
            "wait=10s",
            "index=-1&wait=55s",
        ] {
            assert_eq!(read(query).later().unwrap(), None, "{query}");
        }
        let now = Instant::now();
        for (query, least) in [
            ("index=7", 300),
            ("index=7&wait=0s", 300),
            ("index=7&wait=2s", 2),
            ("index=7&wait=300000ms", 300),
            ("index=7&wait=24h", 600),
        ] {
            let later = read(query).later().unwrap().unwrap();
            let (least, most) = (least as f64, least as f64 * 17.0 / 16.0);
            let wait = (later.until - now).as_secs_f64();
            assert_eq!(later.seen, 7);
            assert!((least..=most).contains(&wait), "{query}: {wait}");
        }
        assert!(read("index=7&wait=soon").later().is_err());
    }

    #[test]
    fn what_cannot_be_answered_rightly_is_refused() {
        let filtered = read("filter=Name%3D%3Dx");
        assert_eq!(filtered.without_filter().unwrap_err().status(), 501);
        assert!(read("filter=").without_filter().is_ok());
        let many = "a=b&".repeat(MAX + 1);
        assert_eq!(Asked::read(Some(&many), None).unwrap_err().status(), 400);
        assert_eq!(
            read("tag=a+b&tag=c%2Fd").all("tag").collect::<Vec<_>>(),
            ["a b", "c/d"]
        );
    }
}
