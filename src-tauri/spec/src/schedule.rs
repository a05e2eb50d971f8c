//! Schedules: when a oneshot runs again. Times are computed here and waited for elsewhere; nothing here
//! knows what time it is, and zones come from the table that is built in, not from the machine's files.
//!
//! What a change to summer time does is as cron has it: a time that does not come on that day comes when the
//! gap is over, and one that comes twice counts once; patterns that run several times an hour go by the time
//! that passes.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, CronPattern};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

/// When a oneshot runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its times.
    pub times: Times,
    /// The zone of a cron expression's hours; `None`: the machine's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// It runs when it is brought up, too.
    #[serde(default)]
    pub run_on_start: bool,
}

/// The times of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// A cron expression of five fields, as written; it was checked.
    Cron(String),
    /// This long from one start to the next.
    Every(Duration),
}

impl Schedule {
    /// The next time after `now`. `came` is the one that has just come, from which an interval counts on, so
    /// that it does not wander; times that were missed are left out. `None`: none comes any more.
    pub fn next(&self, came: Option<Timestamp>, now: Timestamp, local: &Zone) -> Option<Timestamp> {
        match &self.times {
            Times::Cron(pattern) => {
                let zone = self.timezone.as_deref().and_then(Zone::named);
                next(&parsed(pattern).ok()?, now, zone.as_ref().unwrap_or(local))
            }
            Times::Every(every) => {
                let every = i64::try_from(every.as_millis()).ok()?.max(1);
                let from = came.filter(|came| *came <= now).unwrap_or(now);
                let times = now.0.saturating_sub(from.0) / every;
                Some(Timestamp(
                    from.0.saturating_add(every.saturating_mul(times + 1)),
                ))
            }
        }
    }

    /// The zone its times are told in.
    pub fn zone(&self, local: &Zone) -> Zone {
        let own = self.timezone.as_deref().and_then(Zone::named);
        own.unwrap_or_else(|| local.clone())
    }
}

impl std::fmt::Display for Schedule {
    /// "0 2 * * * (Europe/Berlin)", "every 15m, and when it is brought up".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if matches!(self.times, Times::Every(_)) {
            f.write_str("every ")?;
        }
        write!(f, "{}", self.times)?;
        if let Some(zone) = &self.timezone {
            write!(f, " ({zone})")?;
        }
        match self.run_on_start {
            true => f.write_str(", and when it is brought up"),
            false => Ok(()),
        }
    }
}

impl std::fmt::Display for Times {
    /// As a definition writes it: "0 2 * * *", "15m".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Times::Cron(pattern) => f.write_str(pattern),
            Times::Every(every) => f.write_str(&crate::duration::words(*every)),
        }
    }
}

/// A time zone, by whose clocks times are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    /// UTC.
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self(zone)
    }
}

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Zone {
    /// The zone of this name in the IANA's table: "Europe/Berlin".
    pub fn named(name: &str) -> Option<Self> {
        ZONES.get(name).ok().map(Self)
    }

    /// All names there are.
    pub(crate) fn names() -> Vec<String> {
        ZONES.available().map(|name| name.to_string()).collect()
    }

    /// A time as the clocks of this zone show it: "2026-11-30 02:00 CET".
    pub fn words(&self, at: Timestamp) -> String {
        let Ok(at) = jiff::Timestamp::from_millisecond(at.0) else {
            return String::new();
        };
        let at = at.to_zoned(self.0.clone());
        let form = match at.second() {
            0 => "%Y-%m-%d %H:%M %Z",
            _ => "%Y-%m-%d %H:%M:%S %Z",
        };
        at.strftime(form).to_string()
    }
}

/// The fields of a cron expression, and what each may hold.
pub(crate) const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12, or JAN to DEC"),
    (
        "day of the week",
        "0 to 7, or SUN to SAT; 0 and 7 are Sunday",
    ),
];

/// What is wrong with a cron expression.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It has so many fields.
    Fields(usize),
    /// The field of this number, at this place.
    Field(usize, Range<usize>),
    /// Each field is right, and still it is none.
    Whole,
    /// No day is like that.
    Never,
}

/// Checks a cron expression.
pub(crate) fn check(pattern: &str) -> Result<(), Wrong> {
    let words: Vec<&str> = pattern.split_whitespace().collect();
    if !pattern.trim_start().starts_with('@') {
        if words.len() != FIELDS.len() {
            return Err(Wrong::Fields(words.len()));
        }
        let mut end = 0;
        for (number, word) in words.iter().enumerate() {
            let at = end + pattern[end..].find(word).unwrap_or_default();
            end = at + word.len();
            let mut alone = ["*"; FIELDS.len()];
            alone[number] = word;
            if !parsed(&alone.join(" ")).is_ok_and(|cron| plain(&cron.pattern)) {
                return Err(Wrong::Field(number, at..end));
            }
        }
    }
    let cron = parsed(pattern).map_err(|_| Wrong::Whole)?;
    match comes(&cron.pattern) {
        true => Ok(()),
        // Found here, and not by a search through all years there are.
        false => Err(Wrong::Never),
    }
}

/// It has nothing that cron itself does not know: last days, working days next to others.
fn plain(pattern: &CronPattern) -> bool {
    let days = [&pattern.days, &pattern.days_of_week];
    !pattern.matches_dom_and_dow() && days.into_iter().all(|days| !days.has_modifiers())
}

/// Some month has such a day.
fn comes(pattern: &CronPattern) -> bool {
    let longest = |month: u16| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let first = pattern.days.values().into_iter().min().unwrap_or(1);
    let mut months = pattern.months.values().into_iter();
    // Where both days are given, either will do.
    !pattern.is_dow_wildcard() || months.any(|month| first <= longest(month))
}

fn parsed(pattern: &str) -> Result<Cron, croner::errors::CronError> {
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed);
    parser.build().parse(pattern)
}

fn next(cron: &Cron, now: Timestamp, zone: &Zone) -> Option<Timestamp> {
    let now = jiff::Timestamp::from_millisecond(now.0).ok()?;
    let next = cron.find_next_occurrence(&now.to_zoned(zone.0.clone()), false);
    Some(Timestamp(next.ok()?.timestamp().as_millisecond()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn cron(pattern: &str, zone: &str) -> Schedule {
        Schedule {
            times: Times::Cron(pattern.to_owned()),
            timezone: Some(zone.to_owned()),
            run_on_start: false,
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    /// The next times of a schedule, as the clocks of its zone show them.
    fn times(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
        let zone = schedule.zone(&Zone::default());
        let mut now = at(from);
        let mut times = Vec::new();
        for _ in 0..count {
            now = schedule.next(Some(now), now, &Zone::default()).unwrap();
            times.push(zone.words(now));
        }
        times
    }

    #[test]
    fn an_hour_that_is_not_there_comes_when_the_gap_is_over() {
        // On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00.
        let nightly = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            times(&nightly, "2026-03-27T12:00:00Z", 3),
            [
                "2026-03-28 02:30 CET",
                "2026-03-29 03:00 CEST",
                "2026-03-30 02:30 CEST"
            ]
        );
    }

    #[test]
    fn an_hour_that_comes_twice_counts_once_for_a_time_of_day_and_twice_for_what_runs_often() {
        // On 2026-10-25 the clocks of Berlin go from 03:00 back to 02:00.
        let nightly = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            times(&nightly, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"]
        );
        let often = cron("*/30 * * * *", "Europe/Berlin");
        assert_eq!(
            times(&often, "2026-10-25T00:00:00Z", 4),
            [
                "2026-10-25 02:30 CEST",
                "2026-10-25 02:00 CET",
                "2026-10-25 02:30 CET",
                "2026-10-25 03:00 CET"
            ]
        );
    }

    #[test]
    fn without_a_zone_of_its_own_the_machines_counts() {
        let mut schedule = cron("0 2 * * *", "");
        schedule.timezone = None;
        let local = Zone::named("America/New_York").unwrap();
        let next = schedule.next(None, at("2026-01-01T00:00:00Z"), &local);
        assert_eq!(next, Some(at("2026-01-01T07:00:00Z")));
    }

    #[test]
    fn an_interval_does_not_wander_and_leaves_out_what_was_missed() {
        let every = Schedule {
            times: Times::Every(Duration::from_secs(60)),
            timezone: None,
            run_on_start: false,
        };
        let local = Zone::default();
        let next = |came, now| every.next(came, Timestamp(now), &local).unwrap().0;
        assert_eq!(next(None, 5), 60_005);
        // It came a little late, which the next one does not.
        assert_eq!(next(Some(Timestamp(60_005)), 60_090), 120_005);
        // An hour was slept through.
        assert_eq!(next(Some(Timestamp(120_005)), 3_600_000), 3_600_005);
        // The clock was set back.
        assert_eq!(next(Some(Timestamp(3_600_005)), 0), 60_000);
    }

    #[test]
    fn what_is_wrong_with_an_expression_has_a_place() {
        assert_eq!(check("0 2 * * *"), Ok(()));
        assert_eq!(check("*/15 8-18 * * MON-FRI"), Ok(()));
        assert_eq!(check("0 0 29 2 *"), Ok(()));
        assert_eq!(check("@daily"), Ok(()));
        assert_eq!(check("0 2 * *"), Err(Wrong::Fields(4)));
        assert_eq!(check("0 0 2 * * *"), Err(Wrong::Fields(6)));
        assert_eq!(check("0  25 * * *"), Err(Wrong::Field(1, 3..5)));
        assert_eq!(check("0 2 * * MOON"), Err(Wrong::Field(4, 8..12)));
        assert_eq!(check("@sometimes"), Err(Wrong::Whole));
        assert_eq!(check("0 0 30 2 *"), Err(Wrong::Never));
        assert_eq!(check("0 0 31 2,4 *"), Err(Wrong::Never));
        assert_eq!(check("0 0 31 2,4 MON"), Ok(()));
        assert_eq!(check("0 0 L * *"), Err(Wrong::Field(2, 4..5)));
        assert_eq!(check("0 0 15W * *"), Err(Wrong::Field(2, 4..7)));
        assert_eq!(check("0 0 * * FRI#2"), Err(Wrong::Field(4, 8..13)));
        assert_eq!(check("0 0 1 * +MON"), Err(Wrong::Field(4, 8..12)));
    }
}
