//! Durations as a definition writes them: a whole number and a unit, `500ms`, `5s`, `2m`, `1h`.

use std::time::Duration;

/// Why a text is no duration, and what would be one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotADuration {
    pub(crate) label: &'static str,
    pub(crate) help: String,
}

const FORM: &str = "a duration is a whole number and a unit: \"500ms\", \"5s\", \"2m\" or \"1h\"";

/// Reads `500ms`, `5s`, `2m`, `1h` or `1d`.
pub(crate) fn parse(text: &str) -> Result<Duration, NotADuration> {
    let refuse = |label, help: String| Err(NotADuration { label, help });
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return refuse("no number", FORM.into());
    }
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => {
            return refuse(
                "no unit",
                format!("write \"{number}s\" for seconds or \"{number}ms\" for milliseconds"),
            );
        }
        _ if unit.starts_with(['.', ',']) => {
            return refuse(
                "not a whole number",
                "use a smaller unit: \"1500ms\" instead of \"1.5s\"".into(),
            );
        }
        _ if unit.contains(|c: char| c.is_ascii_digit()) => {
            return refuse(
                "more than one number",
                "use one unit: \"90m\" instead of \"1h30m\"".into(),
            );
        }
        _ => {
            return refuse(
                "not a unit",
                match unit.trim().to_lowercase().as_str() {
                    "sec" | "secs" | "second" | "seconds" | "s" => format!("write \"{number}s\""),
                    "min" | "mins" | "minute" | "minutes" | "m" => format!("write \"{number}m\""),
                    "hour" | "hours" | "hr" | "hrs" | "h" => format!("write \"{number}h\""),
                    "msec" | "millis" | "milliseconds" | "ms" => format!("write \"{number}ms\""),
                    "day" | "days" | "d" => format!("write \"{number}d\""),
                    _ => FORM.into(),
                },
            );
        }
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
        .map(Duration::from_millis)
        .map_or_else(|| refuse("too long", "at most \"7d\"".into()), Ok)
}

/// A duration as a definition would write it, in the largest unit that is exact.
pub(crate) fn words(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, length) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ] {
        if milliseconds >= length && milliseconds.is_multiple_of(length) {
            return format!("{}{unit}", milliseconds / length);
        }
    }
    if milliseconds == 0 {
        "0s".into()
    } else {
        format!("{milliseconds}ms")
    }
}
