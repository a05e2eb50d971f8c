//! `replicas` and `max_replicas`: how many instances there are, and up to how many healing may add.

use super::Reader;
use crate::cluster::{ProbeTarget, Service};
use crate::document::{Entry, Table};
use crate::ends::Kind;
use crate::limits::MAX_REPLICAS;
use crate::problem::Problem;

const MOST: &str = "up to how many instances healing may add under load: max_replicas = 4";

impl Reader<'_> {
    pub(super) fn replicas(&mut self, table: &Table, kind: Kind) -> u16 {
        let Some(entry) = table.get("replicas") else {
            return 1;
        };
        let help =
            "as many instances as there are to be: replicas = 2; to have none, stop the service";
        let replicas = self
            .number(&entry.value, "`replicas`", 1..=MAX_REPLICAS, help)
            .unwrap_or(1);
        if kind == Kind::Oneshot && replicas > 1 {
            self.refuse(
                &entry.value.span,
                "a oneshot runs once, so it has no replicas".into(),
                "more than one",
                "remove `replicas`: only a daemon has more than one instance",
            );
        }
        replicas
    }

    /// Reads `max_replicas`; it is more than `replicas`.
    pub(super) fn max_replicas(&mut self, table: &Table, kind: Kind, replicas: u16) -> Option<u16> {
        let entry = table.get("max_replicas")?;
        let most = self.number(&entry.value, "`max_replicas`", 2..=MAX_REPLICAS, MOST)?;
        if kind == Kind::Oneshot {
            self.refuse(
                &entry.key.span,
                "a oneshot runs once, so nothing is added to it".into(),
                "of a oneshot",
                "remove `max_replicas`: only a daemon has more than one instance",
            );
            return None;
        }
        if most <= replicas {
            self.problems.add(|| {
                let message =
                    format!("`max_replicas` is {most}, and there are {replicas} from the start");
                let problem = Problem::new(entry.value.span.clone(), message, "nothing to add");
                let problem = match table.get("replicas") {
                    Some(replicas) => problem.and(replicas.value.span.clone(), "from the start"),
                    None => problem,
                };
                problem.help("write more than `replicas`, or remove `max_replicas`")
            });
            return None;
        }
        Some(most)
    }

    /// Instances are added where answers are slow: without a probe that takes its time nobody knows.
    pub(super) fn load_is_seen(&mut self, entry: &Entry, service: &Service) {
        if service.max_replicas.is_none() {
            return;
        }
        let (message, label, help) = match &service.health {
            _ if !service.heal.enabled => (
                "healing is switched off, so it never adds an instance",
                "with heal = { enabled = false }",
                "remove `max_replicas`, or let healing act",
            ),
            None => (
                "without `health` it is never known to be slow, so no instance is ever added",
                "nothing is asked",
                "add health = { http = \"/health\", degraded_above = \"500ms\" }",
            ),
            Some(probe)
                if probe.target.told()
                    || matches!(probe.target, ProbeTarget::Tcp { .. } | ProbeTarget::Check) =>
            {
                (
                    "its `health` never tells that it is slow, so no instance is ever added",
                    "needs an answer that takes its time",
                    "ask for an answer: health = { http = \"/health\", degraded_above = \"500ms\" }",
                )
            }
            Some(_) => return,
        };
        self.refuse(&entry.key.span, message.into(), label, help);
    }
}
