//! The table `[notifications]` of `settings.toml`: what the desktop says, and when it is quiet.

use super::Reader;
use super::keys::NOTIFICATIONS;
use crate::document::{Table, Value};
use crate::problem::quoted;
use crate::{Hours, Notifications};

const HOURS: &str = "quiet = [\"22:00-07:00\"]";
const EXCEPT: &str = "except = [\"scratch\"]";
/// Clusters that are never told of.
const MAX_CLUSTERS: usize = 100;
/// Spans of a day.
const MAX_HOURS: usize = 10;

impl Reader<'_> {
    pub(super) fn notifications(&mut self, root: &Table) -> Notifications {
        let mut read = Notifications::default();
        let table = root.get("notifications").and_then(|entry| {
            let help = format!("write [notifications] and below it {HOURS}");
            self.table(&entry.value, "`notifications`", &help)
        });
        let Some(table) = table else {
            return read;
        };
        self.known_keys(table, &NOTIFICATIONS);
        if let Some(entry) = table.get("enabled") {
            read.enabled = self.flag(&entry.value, "`enabled`").unwrap_or(true);
        }
        if let Some(entry) = table.get("except") {
            for value in self.listed(&entry.value, "`except`", MAX_CLUSTERS, EXCEPT) {
                if let Some(text) = self.text(value, "an entry of `except`", EXCEPT) {
                    read.except.extend(self.name(text, &value.span, "cluster"));
                }
            }
        }
        if let Some(entry) = table.get("quiet") {
            for value in self.listed(&entry.value, "`quiet`", MAX_HOURS, HOURS) {
                read.quiet.extend(self.hours(value));
            }
        }
        read
    }

    /// "22:00-07:00".
    fn hours(&mut self, value: &Value) -> Option<Hours> {
        let text = self.text(value, "an entry of `quiet`", HOURS)?;
        let hours = text.split_once('-').and_then(|(from, to)| {
            let (from, to) = (minute(from.trim())?, minute(to.trim())?);
            Some(Hours { from, to })
        });
        match hours {
            Some(hours) if hours.from == hours.to => {
                self.refuse(
                    &value.span,
                    format!("{} begins when it ends", quoted(text)),
                    "the whole day, or none of it?",
                    "write enabled = false to be told of nothing, or remove this",
                );
                None
            }
            Some(hours) => Some(hours),
            None => {
                self.refuse(
                    &value.span,
                    format!("{} is no span of a day", quoted(text)),
                    "not two times with a hyphen between them",
                    &format!("write it like this, in 24 hours: {HOURS}"),
                );
                None
            }
        }
    }
}

/// Minutes since midnight of "07:30".
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str| match text.len() == 2 {
        true => text
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<u16>().ok())?,
        false => None,
    };
    let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}
