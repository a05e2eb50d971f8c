//! `schedule`: when a process runs by itself.

use super::probe::unknown;
use super::process::Writer;
use crate::draft::{Draft, text};
use crate::yaml::{Fields, Files, duration};
use spec::Times;

impl Writer<'_, '_> {
    pub(super) fn schedule(&mut self, files: &mut Files, draft: &mut Draft) {
        let path = self.fields.path_of("schedule");
        let node = self.fields.get("schedule");
        let at = node.map_or(self.at, |node| node.place);
        let Some(mut fields) = node.and_then(|node| Fields::of(node, path, files)) else {
            return;
        };
        let cron = fields.word("cron", files);
        let interval = fields.get("interval").is_some();
        // The one counts where both are given.
        let every = match &cron {
            Some(cron) => cron
                .strip_prefix("@every ")
                .and_then(|time| duration(time.trim())),
            None => fields.duration("interval", files),
        };
        let zone = fields.word("timezone", files);
        let on_start = fields.boolean("run_on_start", files);
        let at_once = fields.integer("max_concurrent", files);
        if cron.is_some() && interval {
            let says = format!("{} is not used beside cron", fields.path_of("interval"));
            files.note(at, says);
        }
        if at_once.is_some_and(|runs| runs > 1) {
            let says = format!(
                "{} has no equivalent: there is one run at a time, and a time that comes while it goes on is left out",
                fields.path_of("max_concurrent")
            );
            files.note(at, says);
        }
        unknown(&fields, files);
        let mut keys = Vec::new();
        match (every, cron) {
            (Some(every), _) => keys.push(format!(
                "every = {}",
                text(&Times::Every(every).to_string())
            )),
            (None, Some(cron)) => {
                keys.push(format!("cron = {}", text(&cron)));
                let zone = zone.filter(|zone| zone != "Local");
                keys.extend(zone.map(|zone| format!("timezone = {}", text(&zone))));
            }
            (None, None) => return,
        }
        if on_start == Some(true) {
            keys.push("run_on_start = true".to_owned());
        }
        let written = match keys.as_slice() {
            [cron] if cron.starts_with("cron = ") => cron["cron = ".len()..].to_owned(),
            keys => format!("{{ {} }}", keys.join(", ")),
        };
        draft.key("schedule", written, &self.project.origin(at, self.at));
    }
}
