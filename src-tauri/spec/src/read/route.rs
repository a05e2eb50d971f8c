//! The table `route` of a service.

use super::Reader;
use super::keys::ROUTE;
use crate::document::{Entry, Value};
use crate::limits::MAX_ORIGINS;
use crate::problem::quoted;
use crate::route::{HashBy, Route};
use model::view::Balance;
use std::time::Duration;

const BALANCES: [(&str, Balance); 4] = [
    ("least_of_two", Balance::LeastOfTwo),
    ("round_robin", Balance::RoundRobin),
    ("least_request", Balance::LeastRequest),
    ("hash", Balance::Hash),
];
const HASH: &str =
    "write \"client\", or a header or cookie by its name: \"header:X-User\", \"cookie:session\"";
const ORIGINS: &str = "allow_origins = [\"https://app.example.com\"]";

impl Reader<'_> {
    pub(super) fn route(&mut self, own: Option<&Entry>) -> Route {
        let help = "write it like this: route = { balance = \"round_robin\", timeout = \"30s\" }";
        let layers = self.layers(own, None, &ROUTE, help);
        let mut route = Route::default();
        if let Some(entry) = layers.get("balance") {
            route.balance = self.word(&entry.value, "`balance`", &BALANCES);
        }
        if let Some(entry) = layers.get("hash") {
            route.hash = self.hash_by(&entry.value);
            if route.hash.is_some() && route.balance.is_none() {
                route.balance = Some(Balance::Hash);
            }
        }
        let times = Duration::from_millis(10)..=Duration::from_secs(24 * 3_600);
        if let Some(entry) = layers.get("timeout") {
            route.timeout = self.duration(&entry.value, "`timeout`", times.clone());
        }
        if let Some(entry) = layers.get("try_timeout") {
            route.try_timeout = self.duration(&entry.value, "`try_timeout`", times);
        }
        if let Some(entry) = layers.get("retries") {
            let help = "write retries = 2, or 0 for none";
            route.retries = self.number(&entry.value, "`retries`", 0..=10, help);
        }
        if let Some(entry) = layers.get("rate") {
            let help = "write how many requests a second: rate = 100";
            route.rate = self.number(&entry.value, "`rate`", 1..=1_000_000, help);
        }
        if let Some(entry) = layers.get("allow_origins") {
            let list = self.list(&entry.value, "`allow_origins`", MAX_ORIGINS, ORIGINS);
            for value in list.unwrap_or_default() {
                route.allow_origins.extend(self.origin(value));
            }
        }
        route
    }

    fn hash_by(&mut self, value: &Value) -> Option<HashBy> {
        let text = self.text(value, "`hash`", HASH)?;
        let token = |name: &str| {
            let letter = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            (!name.is_empty() && name.bytes().all(letter)).then(|| name.to_owned())
        };
        let read = match text.split_once(':') {
            Some(("header", name)) => token(name).map(HashBy::Header),
            Some(("cookie", name)) => token(name).map(HashBy::Cookie),
            None if text == "client" => Some(HashBy::Client),
            _ => None,
        };
        if read.is_none() {
            let error = format!("{} is nothing a request has", quoted(text));
            self.refuse(&value.span, error, "neither a header nor a cookie", HASH);
        }
        read
    }

    /// An origin as browsers write it, or `*`.
    fn origin(&mut self, value: &Value) -> Option<String> {
        let text = self.text(value, "an entry of `allow_origins`", ORIGINS)?;
        let is_origin = text.split_once("://").is_some_and(|(scheme, host)| {
            !scheme.is_empty()
                && !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(&b))
        });
        if text == "*" || is_origin {
            return Some(text.to_owned());
        }
        self.refuse(
            &value.span,
            format!("{} is no origin", quoted(text)),
            "neither a scheme with a host nor \"*\"",
            "write it as a browser sends it, without a path: \"https://app.example.com\"",
        );
        None
    }
}
