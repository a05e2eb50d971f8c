//! Lengths of time as Go writes them: `10s`, `5m`, `300000ms`, `1h30m`, `1.5s`.

use std::time::Duration;

/// Reads one. `None` for what is none, and for what is negative or longer than a century.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    const CENTURY: f64 = 3.2e9;
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let each = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        // "." alone is none, "1." and ".5" are.
        seconds += number.parse::<f64>().ok()? * each;
        rest = after;
    }
    if text.is_empty() || seconds > CENTURY {
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_read() {
        for (text, ms) in [
            ("10s", 10_000),
            ("5m", 300_000),
            ("300000ms", 300_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("+2s", 2_000),
            ("1m0.5s", 60_500),
            (".5s", 500),
        ] {
            let read = parse(text);
            assert_eq!(read, Some(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "10",
            "s",
            "-5s",
            "1d",
            "10 s",
            "1e3s",
            ".s",
            "1..5s",
            "10S",
            "infs",
            "NaNs",
            "99999999999999999999h",
            "1h30",
            "\u{ff11}s",
            "5m\0",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
