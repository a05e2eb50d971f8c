//! The table people read.

use std::fmt::Write;
use std::time::Duration;

/// One line of it.
pub(crate) struct Row {
    what: &'static str,
    measured: String,
    floor: String,
    note: String,
}

impl Row {
    /// What, how much, its floor, and what to know about it.
    pub(crate) fn new(what: &'static str, measured: String, floor: String, note: String) -> Self {
        Self {
            what,
            measured,
            floor,
            note,
        }
    }
}

/// Columns as wide as they need to be.
pub(crate) fn render(rows: &[Row]) -> String {
    let width =
        |of: fn(&Row) -> usize, least: usize| rows.iter().map(of).max().unwrap_or(0).max(least);
    let first = width(|row| row.what.len(), 0);
    let second = width(|row| row.measured.len(), 8);
    let third = width(|row| row.floor.len(), 5);
    let mut text = format!(
        "{:first$}  {:second$}  {:third$}\n",
        "", "measured", "floor"
    );
    for Row {
        what,
        measured,
        floor,
        note,
    } in rows
    {
        let line = format!("{what:first$}  {measured:second$}  {floor:third$}  {note}");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// `12.3 ms`, `1.23 s`.
pub(crate) fn milliseconds(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

/// The value below which so many of a hundred lie; zero of nothing.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times
        .get((last * percent).div_ceil(100))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_ends_are_trimmed() {
        let rows = [
            Row::new("a", "1 ms".into(), "0".into(), String::new()),
            Row::new("longer", "2 ms".into(), "1".into(), "x".into()),
        ];
        assert_eq!(
            render(&rows),
            "        measured  floor\na       1 ms      0\nlonger  2 ms      1      x\n"
        );
    }

    #[test]
    fn percentiles_are_of_what_is_there() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 50), Duration::from_millis(51));
        assert_eq!(percentile(&mut times, 99), Duration::from_millis(100));
        assert_eq!(percentile(&mut [], 50), Duration::ZERO);
        assert_eq!(milliseconds(Duration::from_micros(1_500)), "1.5 ms");
    }
}
