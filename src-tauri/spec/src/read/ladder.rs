//! `ladder`: which remedies are tried, how often each, and after which waits.

use super::Reader;
use super::heal::DAY;
use super::keys::RUNG;
use crate::cluster::AtOnce;
use crate::document::{Table, Value, ValueKind};
use crate::heal::{Heal, Rung};
use crate::limits::{MAX_SERVICES, MAX_STEPS, MAX_TRIES};
use crate::problem::{Problem, quoted};
use model::RemedyKind;
use std::time::Duration;

const REMEDIES: [(&str, RemedyKind); 5] = [
    ("restart", RemedyKind::Restart),
    ("graceful-restart", RemedyKind::GracefulRestart),
    ("restart-needs", RemedyKind::RestartNeeds),
    ("rollback", RemedyKind::Rollback),
    ("quarantine", RemedyKind::Quarantine),
];

const EXAMPLE: &str =
    "ladder = [{ remedy = \"restart\", times = 3, after = \"1s\" }, \"quarantine\"]";

impl Reader<'_> {
    /// Reads the rungs, in their order.
    pub(super) fn ladder(&mut self, value: &Value) -> Option<Vec<Rung>> {
        let items = self.list(value, "`ladder`", MAX_STEPS, EXAMPLE)?;
        if items.is_empty() {
            self.refuse(
                &value.span,
                "`ladder` is empty".into(),
                "no remedy in here",
                "name a remedy, or write heal = { enabled = false } if nothing is to be done",
            );
            return None;
        }
        // Every rung is looked at before one that is wrong spoils the list.
        let rungs: Vec<Option<Rung>> = items.iter().map(|item| self.rung(item)).collect();
        let ends = |rung: &Option<Rung>| {
            let remedy = rung.as_ref().map(|rung| rung.remedy);
            remedy == Some(RemedyKind::Quarantine)
        };
        let last = rungs.iter().position(ends);
        if let Some((quarantine, after)) =
            last.and_then(|at| Some((&items[at], items.get(at + 1)?)))
        {
            self.problems.add(|| {
                Problem::new(
                    after.span.clone(),
                    "nothing comes after `quarantine`",
                    "never reached",
                )
                .and(quarantine.span.clone(), "healing ends here")
                .help("put \"quarantine\" last")
            });
        }
        rungs.into_iter().collect()
    }

    /// Rungs without `times` share what the others leave of the budget: where that is not enough for all of
    /// them, some come never. `value` is what `heal` was read from.
    pub(super) fn all_tried(&mut self, value: &Value, heal: &Heal) {
        let ValueKind::Array(items) = &value.kind else {
            return;
        };
        let before = heal.ladder.iter().zip(items).filter(|(rung, _)| {
            !matches!(rung.remedy, RemedyKind::Quarantine | RemedyKind::Rollback)
        });
        let fixed = before.clone().filter_map(|(rung, _)| rung.times);
        let fixed = fixed.fold(0, u32::saturating_add);
        let left = heal.budget.count.saturating_sub(fixed);
        let mut shared: Vec<&Value> = before
            .filter(|(rung, _)| rung.times.is_none())
            .map(|(_, item)| item)
            .collect();
        if heal.ladder.iter().all(|rung| rung.times.is_none()) {
            // In a ladder of bare words the last one stands for all that follows.
            shared.pop();
        }
        let first = usize::try_from(left).unwrap_or(usize::MAX);
        if let Some(none) = shared.get(first) {
            let count = heal.budget.count;
            self.refuse(
                &none.span,
                format!("the budget of {count} leaves no try for this rung"),
                "never tried",
                "raise `budget`, say how often the others are tried with `times`, or leave it out",
            );
        }
    }

    /// Reads `heal_at_once`: a number of services, or a share of them.
    pub(super) fn at_once(&mut self, value: &Value) -> Option<AtOnce> {
        const HELP: &str =
            "a number of services, or a share of them: heal_at_once = 3, heal_at_once = \"10%\"";
        let ValueKind::Text(text) = &value.kind else {
            let most = u32::try_from(MAX_SERVICES).unwrap_or(u32::MAX);
            let count = self.number(value, "`heal_at_once`", 1..=most, HELP)?;
            return Some(AtOnce::Services(count));
        };
        let percent = text
            .strip_suffix('%')
            .and_then(|digits| digits.parse::<u32>().ok())
            .filter(|percent| (1..=100).contains(percent));
        if percent.is_none() {
            self.refuse(
                &value.span,
                format!("{} is no share of services", quoted(text)),
                "not \"1%\" to \"100%\"",
                HELP,
            );
        }
        percent.map(AtOnce::Percent)
    }

    /// A word, or a table with numbers.
    fn rung(&mut self, value: &Value) -> Option<Rung> {
        let ValueKind::Table(table) = &value.kind else {
            return self.word(value, "`ladder`", &REMEDIES).map(Rung::from);
        };
        self.known_keys(table, &RUNG);
        let Some(entry) = table.get("remedy") else {
            self.refuse(
                &value.span,
                "this entry of `ladder` names no remedy".into(),
                "which one?",
                &format!("write it like this: {EXAMPLE}"),
            );
            return None;
        };
        let remedy = self.word(&entry.value, "`remedy`", &REMEDIES);
        let rung = self.numbers(table, remedy.unwrap_or(RemedyKind::Restart));
        remedy.and(rung)
    }

    fn numbers(&mut self, table: &Table, remedy: RemedyKind) -> Option<Rung> {
        let mut rung = Rung::from(remedy);
        let once = table.get("times").or(table.get("after"));
        if let Some(entry) = once.filter(|_| remedy == RemedyKind::Quarantine) {
            self.refuse(
                &entry.key.span,
                format!("`quarantine` has no `{}`", entry.key.name),
                "it comes once, and at once",
                "write just \"quarantine\"",
            );
            return None;
        }
        if let Some(entry) = table
            .get("times")
            .filter(|_| remedy == RemedyKind::Rollback)
        {
            self.refuse(
                &entry.key.span,
                "`rollback` has no `times`".into(),
                "there is one definition to go back to",
                "write just \"rollback\", or with a wait: { remedy = \"rollback\", after = \"10s\" }",
            );
            return None;
        }
        if let Some(entry) = table.get("times") {
            let help = "so many tries: times = 3";
            rung.times = Some(self.number(&entry.value, "`times`", 1..=MAX_TRIES, help)?);
        }
        if let Some(entry) = table.get("after") {
            rung.after = self.waits(&entry.value)?;
            let tries = rung.times.and_then(|times| usize::try_from(times).ok());
            if let (Some(tries), ValueKind::Array(items)) = (tries, &entry.value.kind)
                && let Some(over) = items.get(tries)
            {
                self.refuse(
                    &over.span,
                    format!("`after` has {} waits for {tries} tries", items.len()),
                    "never waited",
                    "leave it out, or raise `times`",
                );
                return None;
            }
        }
        Some(rung)
    }

    /// One wait, or one for each try.
    fn waits(&mut self, value: &Value) -> Option<Vec<Duration>> {
        let range = Duration::ZERO..=DAY;
        if !matches!(value.kind, ValueKind::Array(_)) {
            let wait = self.duration(value, "`after`", range)?;
            return Some(vec![wait]);
        }
        let items = self.list(value, "`after`", MAX_STEPS, "after = [\"0s\", \"10s\"]")?;
        if items.is_empty() {
            self.refuse(
                &value.span,
                "`after` is empty".into(),
                "no wait in here",
                "write after = \"0s\" to try it at once",
            );
            return None;
        }
        let waits: Vec<Option<Duration>> = items
            .iter()
            .map(|item| self.duration(item, "a wait of `after`", range.clone()))
            .collect();
        waits.into_iter().collect()
    }
}
