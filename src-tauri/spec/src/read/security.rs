//! The table `security` of `settings.toml` and of a cluster: what is done about threats to services.

use super::Reader;
use super::keys::SECURITY;
use crate::document::{Value, ValueKind};
use crate::escalation::Escalations;
use crate::problem::quoted;
use crate::suggest;
use model::{Escalation, ThreatKind, ThreatLevel};

const EXAMPLE: &str = "on = { exposed = \"stop\", high = \"hold\" }";
const WORDS: [(&str, Escalation); 3] = [
    ("tell", Escalation::Tell),
    ("hold", Escalation::Hold),
    ("stop", Escalation::Stop),
];
const LEVELS: [(&str, ThreatLevel); 4] = [
    ("low", ThreatLevel::Low),
    ("medium", ThreatLevel::Medium),
    ("high", ThreatLevel::High),
    ("critical", ThreatLevel::Critical),
];

impl Reader<'_> {
    /// `table` is how it is written: "security".
    pub(super) fn escalations(&mut self, value: &Value, table: &str) -> Escalations {
        let mut read = Escalations::default();
        let help = format!("write [{table}] and below it {EXAMPLE}");
        let Some(table) = self.table(value, "`security`", &help) else {
            return read;
        };
        self.known_keys(table, &SECURITY);
        let Some(on) = table.get("on") else {
            return read;
        };
        let ValueKind::Table(on) = &on.value.kind else {
            self.wrong("`on`", &on.value, "a table", &format!("write {EXAMPLE}"));
            return read;
        };
        for entry in &on.entries {
            let name = entry.key.name.as_str();
            let level = LEVELS.iter().find(|(word, _)| *word == name);
            let kind = ThreatKind::ALL.into_iter().find(|kind| kind.name() == name);
            match (level, kind) {
                (Some((_, level)), _) => {
                    let said = self.word(&entry.value, &format!("`{name}`"), &WORDS);
                    read.levels.extend(said.map(|said| (*level, said)));
                }
                (None, Some(kind)) if kind.of_service() => {
                    let said = self.word(&entry.value, &format!("`{name}`"), &WORDS);
                    read.kinds.extend(said.map(|said| (kind, said)));
                }
                (None, Some(_)) => self.refuse(
                    &entry.key.span,
                    format!("nothing can be held or stopped for `{name}`"),
                    "it is about no service",
                    "remove it: threats of this kind are told",
                ),
                (None, None) => {
                    let kinds = ThreatKind::ALL.into_iter().filter(|kind| kind.of_service());
                    let known: Vec<&str> = (LEVELS.iter().map(|(word, _)| *word))
                        .chain(kinds.map(ThreatKind::name))
                        .collect();
                    let all = suggest::list(known.iter().copied());
                    let help = match suggest::nearest(name, known.iter().copied()) {
                        Some(nearest) => format!("did you mean `{nearest}`? There are {all}"),
                        None => format!("there are {all}"),
                    };
                    self.refuse(
                        &entry.key.span,
                        format!("there is no threat {}", quoted(name)),
                        "neither a kind nor a level",
                        &help,
                    );
                }
            }
        }
        read
    }
}
