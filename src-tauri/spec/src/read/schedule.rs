//! `schedule`: when a oneshot runs by itself.

use super::keys::SCHEDULE;
use super::{Draft, Reader};
use crate::document::{Entry, Table, Value, ValueKind};
use crate::ends::Kind;
use crate::problem::{Problem, Span, quoted};
use crate::schedule::{FIELDS, Schedule, Times, Wrong, Zone, check};
use crate::{duration, suggest};
use std::time::Duration;

const FORMS: &str =
    "write schedule = \"0 2 * * *\" for every day at 02:00, or schedule = { every = \"15m\" }";
/// More often is a daemon that waits.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// Lists in fields are the longest thing there is, and minutes and hours the longest lists.
const MAX_PATTERN: usize = 500;

impl Reader<'_> {
    /// Reads a cron expression, or a table with one or with an interval.
    pub(super) fn schedule(&mut self, entry: &Entry, kind: Kind) -> Option<Schedule> {
        if kind == Kind::Daemon {
            self.refuse(
                &entry.key.span,
                "a daemon runs until it is stopped, so it has no schedule".into(),
                "of a daemon",
                "remove it, or, if the service ends by itself, write kind = \"oneshot\"",
            );
            return None;
        }
        if !matches!(entry.value.kind, ValueKind::Table(_) | ValueKind::Text(_)) {
            self.wrong("`schedule`", &entry.value, "a text or a table", FORMS);
            return None;
        }
        let ValueKind::Table(table) = &entry.value.kind else {
            return Some(Schedule {
                times: Times::Cron(self.cron(&entry.value, "`schedule`")?),
                timezone: None,
                run_on_start: false,
            });
        };
        self.known_keys(table, &SCHEDULE);
        let times = self.times(entry, table);
        let timezone = table.get("timezone");
        let zone = timezone.and_then(|entry| self.timezone(&entry.value));
        if let (Some(entry), Some(Times::Every(_))) = (timezone, &times) {
            self.refuse(
                &entry.key.span,
                "an interval is the same in every time zone".into(),
                "beside `every`",
                "remove it, or write `cron` for times of the day",
            );
        }
        let run_on_start = table.get("run_on_start");
        let run_on_start = run_on_start.and_then(|entry| self.flag(&entry.value, "`run_on_start`"));
        Some(Schedule {
            times: times?,
            timezone: zone,
            run_on_start: run_on_start.unwrap_or(false),
        })
    }

    fn times(&mut self, entry: &Entry, table: &Table) -> Option<Times> {
        match (table.get("cron"), table.get("every")) {
            (Some(cron), None) => self.cron(&cron.value, "`cron`").map(Times::Cron),
            (None, Some(every)) => self
                .duration(&every.value, "`every`", SHORTEST..=LONGEST)
                .map(Times::Every),
            (Some(cron), Some(every)) => {
                self.problems.add(|| {
                    let message = "`schedule` has two kinds of times";
                    Problem::new(every.key.span.clone(), message, "an interval")
                        .and(cron.key.span.clone(), "times of the day")
                        .help("keep one of the two")
                });
                None
            }
            // An unknown key says it better.
            (None, None) if table.get("interval").is_some() => None,
            (None, None) => {
                self.refuse(
                    &entry.key.span,
                    "this `schedule` has no times".into(),
                    "when is it to run?",
                    FORMS,
                );
                None
            }
        }
    }

    fn cron(&mut self, value: &Value, key: &str) -> Option<String> {
        if !matches!(value.kind, ValueKind::Text(_)) {
            self.wrong(key, value, "a text", "write it like this: \"0 2 * * *\"");
            return None;
        }
        let text = self.text(value, key, "\"0 2 * * *\"")?;
        if text.len() > MAX_PATTERN {
            self.refuse(
                &value.span,
                format!("{key} is {} bytes long", text.len()),
                "begins here",
                &format!("at most {MAX_PATTERN}; */5 is every fifth, 8-18 a range"),
            );
            return None;
        }
        let wrong = match check(text) {
            Ok(()) => return Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            Err(wrong) => wrong,
        };
        let fields = "minute, hour, day of the month, month, day of the week";
        match wrong {
            Wrong::Fields(_) if duration::parse(text).is_ok() => self.refuse(
                &value.span,
                format!("{} is an interval and not times of the day", quoted(text)),
                "not a cron expression",
                &format!("write schedule = {{ every = \"{}\" }}", text.trim()),
            ),
            Wrong::Fields(count) => self.refuse(
                &value.span,
                format!("a cron expression has five fields, and this has {count}"),
                match count {
                    6.. => "seconds and years have no field",
                    _ => "not all are there",
                },
                &format!("the fields are {fields}: \"0 2 * * *\" is every day at 02:00"),
            ),
            Wrong::Field(number, at) => {
                let (name, range) = FIELDS.get(number).copied().unwrap_or_default();
                let written = self.written(&value.span, text).part(&at);
                let word = text.get(at).unwrap_or_default();
                self.refuse(
                    &written,
                    format!("{} is no {name}", quoted(word)),
                    &format!("the {name}"),
                    &format!("it is {range}; * is any, */5 every fifth, 1-5 a range, 1,3 one of these"),
                );
            }
            Wrong::Whole => self.refuse(
                &value.span,
                format!("{} is not a cron expression", quoted(text)),
                "not known",
                "write five fields, as \"0 2 * * *\", or @hourly, @daily, @weekly, @monthly or @yearly",
            ),
            Wrong::Never => self.refuse(
                &value.span,
                format!("no time is ever like {}", quoted(text)),
                "never comes",
                &format!("the fields are {fields}; no month has such a day"),
            ),
        }
        None
    }

    /// A zone of the IANA's table.
    fn timezone(&mut self, value: &Value) -> Option<String> {
        let text = self.text(value, "`timezone`", "timezone = \"Europe/Berlin\"")?;
        if Zone::named(text).is_some() {
            return Some(text.to_owned());
        }
        let names = Zone::names();
        let help = match suggest::nearest(text, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => "zones are named by the IANA, like \"Europe/Berlin\" or \"UTC\"".to_owned(),
        };
        self.refuse(
            &value.span,
            format!("there is no time zone {}", quoted(text)),
            "not known",
            &help,
        );
        None
    }

    /// Refuses a need of what runs by a schedule.
    pub(super) fn never_there(&mut self, span: &Span, name: &str, other: &Draft) {
        self.problems.add(|| {
            Problem::new(
                span.clone(),
                format!("`{name}` runs by a schedule: who needs it would wait for its time"),
                "waited for until then",
            )
            .and(other.name.clone(), "runs by a schedule")
            .help(format!(
                "let what has to be done first be a oneshot without a schedule; both can run the same command: \
                 [service.{name}-first]"
            ))
        });
    }
}
