//! Times and lengths of time as people read them, and what colour a state has.

use crate::fail::{Done, Fail};
use crate::terminal::{Paint, plain};
use jiff::tz::TimeZone;
use model::{Hold, Overall, RolledBack, Scaled, State, Timestamp};
use serde_json::Value;
use std::time::Duration;

/// The wall clock. The engine has the only clock that decides anything; this one is for "3 m ago".
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// RFC 3339 in UTC, to the millisecond, for programs.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => format!("{time:.3}"),
        // Not a time of this era; shown as it is.
        Err(_) => at.0.to_string(),
    }
}

/// The time of day here, for people.
pub(crate) fn clock(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => at.0.to_string(),
    }
}

/// A length of time in its two largest units: "850 ms", "12.3 s", "4 m 05 s", "3 h 10 m", "2 d 4 h".
pub(crate) fn length(time: Duration) -> String {
    let (millis, seconds) = (time.as_millis(), time.as_secs());
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{}.{} s", seconds, time.subsec_millis() / 100),
        60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// How long ago something was.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.millis_since(at) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => length(Duration::from_secs(seconds)),
    }
}

/// How soon something comes: "in 14 m 05 s".
pub(crate) fn until(at: Timestamp, now: Timestamp) -> String {
    match at > now {
        true => format!("in {}", ago(now, at)),
        false => "now".to_owned(),
    }
}

/// Reads `--since`: a length of time before now, or a point in time.
pub(crate) fn since(text: &str, now: Timestamp) -> Done<Timestamp> {
    let unclear = || {
        Fail::usage(format!(
            "{text:?} is not a time; write a length like 90s, 10m, 2h or 1d, or a time like 2026-11-22T14:00:00Z"
        ))
    };
    let past = |at: i64| match at <= now.0 {
        true => Ok(Timestamp(at)),
        false => Err(Fail::usage(format!("{text} has not come yet"))),
    };
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return past(time.as_millisecond());
    }
    if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        let zoned = local.to_zoned(TimeZone::system()).map_err(|_| unclear())?;
        return past(zoned.timestamp().as_millisecond());
    }
    let span = millis(text).ok_or_else(unclear)?;
    Ok(Timestamp(now.0.saturating_sub(span)))
}

/// Reads a length of time: "90s", "30m", "2h", "1d".
pub(crate) fn span(text: &str) -> Done<Duration> {
    let span = millis(text).and_then(|span| u64::try_from(span).ok());
    span.filter(|span| *span > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| {
            Fail::usage(format!(
                "{text:?} is not a length of time; write 90s, 30m, 2h or 1d"
            ))
        })
}

/// "held, a person holds it until 14:02".
pub(crate) fn held(hold: &Hold) -> String {
    let until = hold.until.map(|until| format!(" until {}", clock(until)));
    let why = plain(&hold.why);
    format!("held, {why}{}", until.unwrap_or_default())
}

/// "rolled back to its definition of 12:03".
pub(crate) fn rolled_back(back: &RolledBack) -> String {
    match back.to {
        Some(to) => format!("rolled back to its definition of {}", clock(to)),
        None => "rolled back to an earlier definition".to_owned(),
    }
}

/// "healing added 2, at most 4".
pub(crate) fn scaled(scaled: &Scaled) -> String {
    format!("healing added {}, at most {}", scaled.added, scaled.most)
}

fn millis(text: &str) -> Option<i64> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let number: i64 = text[..text.len() - unit.len()].parse().ok()?;
    Some(number.saturating_mul(factor))
}

/// The times of `model`'s types in RFC 3339, wherever they are in a JSON value: one form of time
/// in everything this program prints.
pub(crate) fn with_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                *field = match field.as_i64() {
                    Some(millis) if TIMES.contains(&name.as_str()) => {
                        Value::String(rfc3339(Timestamp(millis)))
                    }
                    _ => with_times(field.take()),
                };
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = with_times(item.take());
            }
        }
        _ => {}
    }
    value
}

/// What is a time wherever it is a whole number. A test holds them to the schema that is published.
pub(crate) const TIMES: [&str; 16] = [
    "at",
    "from",
    "to",
    "since",
    "opened",
    "updated",
    "closed",
    "resolved",
    "began",
    "expires",
    "until",
    "held_until",
    "oldest",
    "next",
    "last_audit",
    "last_used",
];

/// What a state's colour is.
pub(crate) fn state_paint(state: State) -> Paint {
    match state {
        State::Ready | State::Completed => Paint::Good,
        State::Waiting | State::Stopped | State::Scheduled => Paint::Faint,
        State::Starting | State::Running | State::Stopping => Paint::Busy,
        State::Degraded | State::Recovering => Paint::Warn,
        State::Failing | State::Quarantined => Paint::Bad,
    }
}

/// What an overall state's colour is.
pub(crate) fn overall_paint(overall: Overall) -> Paint {
    match overall {
        Overall::Stopped => Paint::Faint,
        Overall::Operational => Paint::Good,
        Overall::Starting => Paint::Busy,
        Overall::Degraded => Paint::Warn,
        Overall::Critical => Paint::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_763_820_000_000);

    #[test]
    fn times_for_programs_are_rfc_3339() {
        assert_eq!(rfc3339(NOW), "2025-11-22T14:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(NOW.0 + 7)), "2025-11-22T14:00:00.007Z");
    }

    #[test]
    fn lengths_read_well() {
        let shown: Vec<String> = [850, 12_345, 245_000, 11_400_000, 187_200_000]
            .map(|millis| length(Duration::from_millis(millis)))
            .into();
        assert_eq!(
            shown,
            ["850 ms", "12.3 s", "4 m 05 s", "3 h 10 m", "2 d 4 h"]
        );
    }

    #[test]
    fn since_takes_lengths_and_points_in_time() {
        assert_eq!(since("90s", NOW).unwrap(), Timestamp(NOW.0 - 90_000));
        assert_eq!(since("2h", NOW).unwrap(), Timestamp(NOW.0 - 7_200_000));
        assert_eq!(since("2025-11-22T14:00:00Z", NOW).unwrap(), NOW);
        for unclear in [
            "",
            "h",
            "10",
            "ten minutes",
            "-5m",
            "1.5h",
            "99999999999999999999d",
            "2025-11-22T14:00:01Z",
        ] {
            assert!(since(unclear, NOW).is_err(), "{unclear}");
        }
    }

    #[test]
    fn times_are_found_wherever_they_are() {
        let value = serde_json::json!({"at": NOW, "actions": [{"at": NOW, "took": 5}], "resolved": null, "pid": 7});
        let time = "2025-11-22T14:00:00.000Z";
        let expected = serde_json::json!({"at": time, "actions": [{"at": time, "took": 5}], "resolved": null, "pid": 7});
        assert_eq!(with_times(value), expected);
    }
}
