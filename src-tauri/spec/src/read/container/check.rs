//! `check`: what the daemon asks a container, and the probe that asks the daemon.

use super::super::Reader;
use super::keys::CHECK;
use crate::cluster::{Probe, ProbeTarget};
use crate::container::{Check, Container, until_unhealthy};
use crate::document::{Entry, Table, ValueKind};
use crate::ends::Kind;
use crate::limits::MAX_ARGS;
use std::time::Duration;

impl Reader<'_> {
    /// The daemon's own check.
    pub(super) fn check(&mut self, table: &Table) -> Check {
        const FORM: &str = "write check = { test = [\"CMD\", \"pg_isready\"], interval = \"5s\" }, or false for none";
        let Some(entry) = table.get("check") else {
            return Check::OfImage;
        };
        if entry.value_is_false() {
            return Check::Off;
        }
        let Some(table) = self.table(&entry.value, "`check`", FORM) else {
            return Check::OfImage;
        };
        self.known_keys(table, &CHECK);
        let test = table.get("test").and_then(|entry| self.test(entry));
        let range = Duration::from_millis(1)..=Duration::from_secs(86_400);
        let mut duration = |key: &str, least: u64| {
            let entry = table.get(key)?;
            let range = Duration::from_millis(least)..=*range.end();
            self.duration(&entry.value, &format!("`{key}`"), range)
        };
        let (interval, timeout) = (duration("interval", 1), duration("timeout", 1));
        let start_period = duration("start_period", 0);
        let start_interval = duration("start_interval", 1);
        let retries = "so many failures in a row make it unhealthy: retries = 3";
        Check::Given {
            test,
            interval,
            timeout,
            retries: self.whole(table, "retries", 1..=1_000_000, retries),
            start_period,
            start_interval,
        }
    }

    fn test(&mut self, entry: &Entry) -> Option<Vec<String>> {
        const FORM: &str = "write test = [\"CMD\", \"pg_isready\"], or a line for the container's shell: test = \"pg_isready || exit 1\"";
        if let ValueKind::Text(_) = &entry.value.kind {
            let line = self.text(&entry.value, "`test`", "test = \"pg_isready\"")?;
            return Some(vec!["CMD-SHELL".to_owned(), line.to_owned()]);
        }
        let items = self.list(&entry.value, "`test`", MAX_ARGS, FORM)?;
        let mut words = Vec::new();
        for item in items {
            match &item.kind {
                ValueKind::Text(text) if self.harmless(text, &item.span, "`test`") => {
                    words.push(text.clone());
                }
                ValueKind::Text(_) => return None,
                _ => {
                    self.wrong("a word of `test`", item, "a text", FORM);
                    return None;
                }
            }
        }
        let wrong = match (words.first().map(String::as_str), words.len()) {
            (Some("CMD"), 2..) | (Some("CMD-SHELL"), 2) => return Some(words),
            (Some("NONE"), _) => ("no check at all", "write check = false"),
            (Some("CMD-SHELL"), _) => ("CMD-SHELL goes with one line", FORM),
            (Some("CMD"), _) => ("which program?", FORM),
            _ => ("the first word is CMD or CMD-SHELL", FORM),
        };
        self.refuse(
            &entry.value.span,
            "`test` is no test".into(),
            wrong.0,
            wrong.1,
        );
        None
    }
}

/// The daemon's own check of a container, as what is asked where the definition asks nothing.
pub(in crate::read) fn check_probe(kind: Kind, container: &Container) -> Option<Probe> {
    let asked = kind == Kind::Daemon && container.check != Check::Off;
    asked.then_some(Probe {
        target: ProbeTarget::Check,
        every: CHECK_EVERY,
        timeout: CHECK_TIMEOUT,
        fail: 1,
        pass: 1,
        degraded_above: None,
        degraded_errors: None,
    })
}

/// The daemon asks at its own times; this is how often its word is looked at, and how long that may take.
pub(in crate::read) const CHECK_EVERY: Duration = Duration::from_secs(5);
pub(in crate::read) const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the daemon takes until it says that a container is unhealthy, where the definition says it: no service
/// is given up before.
pub(in crate::read) fn check_takes(container: &Container) -> Duration {
    let Check::Given {
        interval,
        timeout,
        retries,
        start_period,
        ..
    } = &container.check
    else {
        return Duration::ZERO;
    };
    until_unhealthy(
        *interval,
        *timeout,
        *retries,
        start_period.unwrap_or_default(),
    )
}
