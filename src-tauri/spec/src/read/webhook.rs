//! The tables `[webhook.NAME]` of `settings.toml`: where events are sent.
//!
//! What is written here is checked as far as it can be without asking anybody: what a name stands for
//! is looked up when something is sent. No secret is in it; one that is written out all the same is
//! not repeated.

use super::Reader;
use super::keys::{SECRET_PLACE, WEBHOOK};
use crate::document::{Entry, Table, Value, ValueKind};
use crate::limits::{MAX_URL, MAX_WEBHOOKS};
use crate::problem::quoted;
use crate::suggest;
use crate::{SecretPlace, Webhook};
use model::{EventKind, WebhookName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use url::{Host, Url};

const EXAMPLE: &str =
    "write [webhook.pager] and below it url = \"https://hooks.example.com/azora\"";
const URL: &str = "url = \"https://hooks.example.com/azora\"";
const EVENTS: &str = "events = [\"incident\", \"service_healed\"]";
const CLUSTERS: &str = "clusters = [\"shop\"]";
/// What somebody who names nothing wants to hear of.
const USUAL: [&str; 3] = ["service_healed", "emergency_shutdown", "incident"];
/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A long weekend of a receiver that is down.
const KEEP: Duration = Duration::from_secs(3 * 24 * 3_600);

impl Reader<'_> {
    pub(super) fn webhooks(&mut self, root: &Table) -> BTreeMap<WebhookName, Webhook> {
        let mut webhooks = BTreeMap::new();
        let Some(entry) = root.get("webhook") else {
            return webhooks;
        };
        let Some(table) = self.table(&entry.value, "`webhook`", EXAMPLE) else {
            return webhooks;
        };
        if let Some(over) = table.entries.get(MAX_WEBHOOKS) {
            self.refuse(
                &over.key.span,
                format!(
                    "{} webhooks are more than a home may have",
                    table.entries.len()
                ),
                &format!("this one is number {}", MAX_WEBHOOKS + 1),
                &format!("at most {MAX_WEBHOOKS}"),
            );
            return webhooks;
        }
        for entry in &table.entries {
            let name = self.name(&entry.key.name, &entry.key.span, "webhook");
            let webhook = self.webhook(entry);
            if let (Some(name), Some(webhook)) = (name, webhook) {
                webhooks.insert(name, webhook);
            }
        }
        webhooks
    }

    fn webhook(&mut self, entry: &Entry) -> Option<Webhook> {
        if let ValueKind::Text(_) = entry.value.kind {
            let help = format!("write [webhook.{}] and below it {URL}", entry.key.name);
            self.wrong("a webhook", &entry.value, "a table", &help);
            return None;
        }
        let table = self.table(&entry.value, "a webhook", EXAMPLE)?;
        self.known_keys(table, &WEBHOOK);
        let get = |key| table.get(key).map(|entry| &entry.value);
        let plain = get("plain").and_then(|value| self.flag(value, "`plain`"));
        let url = match get("url") {
            Some(value) => self.webhook_url(value, plain == Some(true)),
            None => {
                self.refuse(
                    &entry.key.span,
                    format!("the webhook {} leads nowhere", quoted(&entry.key.name)),
                    "it has no `url`",
                    &format!("write below it {URL}"),
                );
                None
            }
        };
        let events = match get("events") {
            Some(value) => self.webhook_events(value),
            None => USUAL.into(),
        };
        let mut clusters = BTreeSet::new();
        if let Some(value) = get("clusters") {
            for value in self.listed(value, "`clusters`", 100, CLUSTERS) {
                if let Some(text) = self.text(value, "an entry of `clusters`", CLUSTERS) {
                    clusters.extend(self.name(text, &value.span, "cluster"));
                }
            }
        }
        let authorization = table
            .get("authorization")
            .and_then(|entry| self.secret_place(entry));
        let sign = table.get("sign").and_then(|entry| self.secret_place(entry));
        let ca = get("ca")
            .and_then(|value| self.text(value, "`ca`", "ca = \"keys/our-root.pem\""))
            .map(str::to_owned);
        let second = Duration::from_secs(1);
        let timeout = get("timeout")
            .and_then(|value| self.duration(value, "`timeout`", second..=second * 60));
        let hour = Duration::from_secs(3_600);
        let keep =
            get("keep").and_then(|value| self.duration(value, "`keep`", hour..=hour * 24 * 30));
        Some(Webhook {
            url: url?,
            events,
            clusters,
            authorization,
            sign,
            ca,
            timeout: timeout.unwrap_or(TIMEOUT),
            keep: keep.unwrap_or(KEEP),
        })
    }

    /// The entries of a list that is not empty: an empty one reads like "all" and like "none".
    pub(super) fn listed<'v>(
        &mut self,
        value: &'v Value,
        key: &str,
        most: usize,
        example: &str,
    ) -> &'v [Value] {
        let entries = self.list(value, key, most, example);
        if entries.is_some_and(<[Value]>::is_empty) {
            self.refuse(
                &value.span,
                format!("{key} is empty"),
                "nothing in here",
                &format!("write it like this: {example}, or remove the key"),
            );
        }
        entries.unwrap_or_default()
    }

    fn webhook_events(&mut self, value: &Value) -> BTreeSet<&'static str> {
        if matches!(&value.kind, ValueKind::Text(all) if all == "all") {
            return EventKind::NAMES.into();
        }
        let mut events = BTreeSet::new();
        for value in self.listed(value, "`events`", EventKind::NAMES.len(), EVENTS) {
            let Some(text) = self.text(value, "an entry of `events`", EVENTS) else {
                continue;
            };
            if let Some(name) = EventKind::NAMES.iter().find(|name| **name == text) {
                events.insert(*name);
                continue;
            }
            let all = suggest::list(EventKind::NAMES.iter().copied());
            let help = match suggest::nearest(text, EventKind::NAMES.iter().copied()) {
                Some(nearest) => format!("did you mean \"{nearest}\"? The kinds are {all}"),
                None => format!("the kinds are {all}; events = \"all\" is all of them"),
            };
            self.refuse(
                &value.span,
                format!("there is no event {}", quoted(text)),
                "unknown kind",
                &help,
            );
        }
        events
    }

    fn webhook_url(&mut self, value: &Value, plain: bool) -> Option<String> {
        let text = self.text(value, "`url`", URL)?;
        let mut refused = |message: &str, label: &str, help: &str| {
            self.refuse(&value.span, message.to_owned(), label, help);
            None
        };
        if text.len() > MAX_URL {
            let help = format!("at most {MAX_URL} bytes");
            return refused("`url` is too long", "begins here", &help);
        }
        let odd = |c: char| c.is_whitespace() || c.is_control();
        let url = match Url::parse(text) {
            Ok(url) if !text.contains(odd) => url,
            _ => return refused("`url` is not a URL", "cannot be read as one", URL),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refused(
                "`url` has a user name or a password in it",
                "before the @",
                "write authorization = { file = \"keys/hook\" } and into that file \"Basic …\"",
            );
        }
        if url.fragment().is_some() {
            return refused(
                "`url` has a fragment",
                "from # on",
                "remove it: no server ever sees it",
            );
        }
        let here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return refused("`url` names no host", "to whom?", URL),
        };
        if url.port() == Some(0) {
            return refused("port 0 is no port", "in this URL", URL);
        }
        match url.scheme() {
            "https" => {}
            "http" if here || plain => {}
            "http" => {
                return refused(
                    "`url` sends events and keys unencrypted to another machine",
                    "http",
                    "write https://, or plain = true beside it where everybody on the way may read them",
                );
            }
            _ => return refused("`url` is not for HTTP", "neither https:// nor http://", URL),
        }
        Some(url.into())
    }

    /// Where a secret is. One that is written out is not shown again.
    fn secret_place(&mut self, entry: &Entry) -> Option<SecretPlace> {
        const FORM: &str = "write { file = \"keys/hook\" } or { env = \"HOOK_KEY\" }";
        let key = format!("`{}`", entry.key.name);
        let ValueKind::Table(table) = &entry.value.kind else {
            self.refuse(
                &entry.key.span,
                format!("{key} does not say where its secret is"),
                "its value is written out",
                FORM,
            );
            return None;
        };
        self.known_keys(table, &SECRET_PLACE);
        match (table.get("file"), table.get("env")) {
            (Some(file), None) => self
                .text(&file.value, "`file`", "file = \"keys/hook\"")
                .map(|path| SecretPlace::File(path.to_owned())),
            (None, Some(env)) => self
                .text(&env.value, "`env`", "env = \"HOOK_KEY\"")
                .map(|name| SecretPlace::Env(name.to_owned())),
            _ => {
                self.refuse(
                    &entry.value.span,
                    format!("{key} comes from one place"),
                    "neither `file` nor `env`, or both",
                    FORM,
                );
                None
            }
        }
    }
}
