//! The table `[ledger]` of `settings.toml`: where checkpoints are kept besides the home.
//!
//! Whether a place is there, and takes what is written to it, is seen when something is written.

use super::Reader;
use super::keys::{CHECKPOINT_PLACE, LEDGER};
use crate::CheckpointPlace;
use crate::document::{Table, Value, ValueKind};
use crate::limits::MAX_PLACES;
use crate::problem::{Problem, quoted};
use crate::suggest;
use model::WebhookName;

const EXAMPLE: &str = "checkpoints = [\"/mnt/share/azora\"]";
const FORMS: &str = "a folder as a text, { git = \"/home/me/audit\" }, or { webhook = \"NAME\" }";

impl Reader<'_> {
    pub(super) fn checkpoints(&mut self, root: &Table) -> Vec<CheckpointPlace> {
        let mut places = Vec::new();
        let table = root.get("ledger").and_then(|entry| {
            let help = format!("write [ledger] and below it {EXAMPLE}");
            self.table(&entry.value, "`ledger`", &help)
        });
        let Some(table) = table else {
            return places;
        };
        self.known_keys(table, &LEDGER);
        let Some(entry) = table.get("checkpoints") else {
            return places;
        };
        let mut spans = Vec::new();
        for value in self.listed(&entry.value, "`checkpoints`", MAX_PLACES, EXAMPLE) {
            let Some(place) = self.checkpoint_place(value, root) else {
                continue;
            };
            let same = |one: &&(CheckpointPlace, _)| target(&one.0) == target(&place);
            if let Some((_, first)) = spans.iter().find(same) {
                let first: &crate::problem::Span = first;
                self.problems.add(|| {
                    Problem::new(
                        value.span.clone(),
                        format!("{place} is there twice"),
                        "named before",
                    )
                    .and(first.clone(), "here")
                    .help("remove one of them")
                });
                continue;
            }
            spans.push((place, value.span.clone()));
        }
        places.extend(spans.into_iter().map(|(place, _)| place));
        places
    }

    fn checkpoint_place(&mut self, value: &Value, root: &Table) -> Option<CheckpointPlace> {
        let table = match &value.kind {
            ValueKind::Text(_) => {
                let folder = self.text(value, "an entry of `checkpoints`", EXAMPLE)?;
                let folder = self.place_folder(folder, value)?;
                return Some(CheckpointPlace::Folder(folder));
            }
            ValueKind::Table(table) => table,
            _ => {
                self.wrong("an entry of `checkpoints`", value, "a place", FORMS);
                return None;
            }
        };
        self.known_keys(table, &CHECKPOINT_PLACE);
        let push = table
            .get("push")
            .map(|entry| (self.flag(&entry.value, "`push`"), &entry.value.span));
        match (table.get("git"), table.get("webhook")) {
            (Some(git), None) => {
                let folder = self.text(&git.value, "`git`", "git = \"/home/me/audit\"")?;
                let folder = self.place_folder(folder, &git.value)?;
                let push = push.is_some_and(|(push, _)| push == Some(true));
                Some(CheckpointPlace::Git { folder, push })
            }
            (None, Some(named)) => {
                if let Some((_, span)) = push {
                    self.refuse(
                        span,
                        "`push` belongs to `git`".to_owned(),
                        "nothing to push",
                        "remove it",
                    );
                    return None;
                }
                self.named_webhook(&named.value, root)
            }
            _ => {
                self.refuse(
                    &value.span,
                    "an entry of `checkpoints` is one place".to_owned(),
                    "neither `git` nor `webhook`, or both",
                    &format!("write {FORMS}"),
                );
                None
            }
        }
    }

    /// An absolute path: one below the home would be in reach of whoever the place is to be out of reach of.
    fn place_folder(&mut self, folder: &str, value: &Value) -> Option<String> {
        if folder.starts_with('/') {
            return Some(folder.to_owned());
        }
        let label = match folder.starts_with("~") {
            true => "~ is a shell's word for your own folder",
            false => "from where?",
        };
        self.refuse(
            &value.span,
            format!("{} is no absolute path", quoted(folder)),
            label,
            "write the whole path, from / on; it should not lie in the home",
        );
        None
    }

    /// One of `[webhook.NAME]`; what is wrong with that one is told there.
    fn named_webhook(&mut self, value: &Value, root: &Table) -> Option<CheckpointPlace> {
        let text = self.text(value, "`webhook`", "webhook = \"pager\"")?;
        let name: WebhookName = self.name(text, &value.span, "webhook")?;
        let webhooks = root
            .get("webhook")
            .and_then(|entry| match &entry.value.kind {
                ValueKind::Table(table) => Some(table),
                _ => None,
            });
        let names = || {
            let entries = webhooks.into_iter().flat_map(|table| &table.entries);
            entries.map(|entry| entry.key.name.as_str())
        };
        if names().any(|one| one == text) {
            return Some(CheckpointPlace::Webhook(name));
        }
        let help = match suggest::nearest(text, names()) {
            Some(nearest) => format!("did you mean \"{nearest}\"?"),
            None => format!("write [webhook.{name}] and below it its url"),
        };
        self.refuse(
            &value.span,
            format!("there is no webhook {}", quoted(text)),
            "not in this file",
            &help,
        );
        None
    }
}

/// Where it is, in whatever way.
fn target(place: &CheckpointPlace) -> (bool, &str) {
    match place {
        CheckpointPlace::Folder(folder) | CheckpointPlace::Git { folder, .. } => {
            (true, folder.trim_end_matches('/'))
        }
        CheckpointPlace::Webhook(name) => (false, name.as_str()),
    }
}
