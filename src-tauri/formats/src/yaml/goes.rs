//! Durations as the tools that are written in Go read them.

use std::time::Duration;

/// `1h30m`, `1.5s`, `300ms`, `2d`; `0` needs no unit.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    /// Longest that is taken, in nanoseconds: 100 years.
    const LONGEST: f64 = 100.0 * 365.0 * 86_400.0 * 1e9;
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        let (number, more) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let letters = more
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(more.len());
        let (unit, more) = more.split_at(letters);
        total += number
            * match unit {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3_600e9,
                "d" => 86_400e9,
                "w" => 7.0 * 86_400e9,
                _ => return None,
            };
        rest = more;
    }
    // Below the bound a whole number of nanoseconds fits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and at most LONGEST"
    )]
    (total.is_finite() && total <= LONGEST).then(|| Duration::from_nanos(total.round() as u64))
}
