//! What a bench hands back, and the table people read.

use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// What was measured: for people and for programs.
pub(crate) struct Report {
    /// One or more tables.
    pub(crate) tables: Vec<Table>,
    /// An object with every figure, raw ones included.
    pub(crate) figures: Value,
}

impl Report {
    /// One table and its figures.
    pub(crate) fn new(table: Table, figures: Value) -> Self {
        Self {
            tables: vec![table],
            figures,
        }
    }

    /// The tables, one below the other.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<String> = self.tables.iter().map(Table::render).collect();
        texts.join("\n")
    }

    /// How many were found of what there may be none of.
    pub(crate) fn faults(&self) -> usize {
        self.tables.iter().map(|table| table.faults).sum()
    }

    /// The figures, with the name of the bench and the machine before and after.
    pub(crate) fn json(self, bench: &str, before: Value, after: Value) -> Value {
        let mut all = json!({ "bench": bench, "machine": before, "load_after": after["load"] });
        if let (Value::Object(all), Value::Object(figures)) = (&mut all, self.figures) {
            all.extend(figures);
        }
        all
    }
}

/// Columns under a head; the first column names what the row is about.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Found of what there may be none of.
    faults: usize,
}

impl Table {
    /// An empty one with this head.
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned).to_vec()],
            faults: 0,
        }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// Adds a row for what there may be none of: how many were found, and among how many. Each is
    /// said as well.
    pub(crate) fn faults(&mut self, what: &str, faults: &[String], of: String) {
        for fault in faults {
            eprintln!("bench: {what}: {fault}");
        }
        self.faults += faults.len();
        self.row([
            what.to_owned(),
            faults.len().to_string(),
            "0".to_owned(),
            of,
        ]);
    }

    /// Adds a row for what has a bound, and counts it as a fault when it is over.
    pub(crate) fn bound(&mut self, mut cells: [String; 4], over: bool) {
        if over {
            cells[1].push_str(" !");
            self.faults += 1;
        }
        self.row(cells);
    }

    /// Columns as wide as they need to be.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                // Writing to a string cannot fail.
                let _ = write!(line, "{cell:width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `12.3 ms`, `1.23 s`.
pub(crate) fn milliseconds(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

/// `2.1×`, or nothing when there is nothing to divide by.
pub(crate) fn times(time: Duration, floor: Duration) -> String {
    if floor.is_zero() {
        return String::new();
    }
    format!("{:.1}×", time.as_secs_f64() / floor.as_secs_f64())
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

/// Each in milliseconds, as JSON has them.
pub(crate) fn in_ms(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_ends_are_trimmed() {
        let mut table = Table::new(["", "measured", "floor", ""]);
        table.row(["a", "1 ms", "0", ""].map(str::to_owned));
        table.row(["longer", "2.1×", "1", "x"].map(str::to_owned));
        assert_eq!(
            table.render(),
            "        measured  floor\na       1 ms      0\nlonger  2.1×      1      x\n"
        );
    }

    #[test]
    fn percentiles_are_of_what_is_there() {
        let mut some: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut some, 50), Duration::from_millis(51));
        assert_eq!(percentile(&mut some, 99), Duration::from_millis(100));
        assert_eq!(percentile(&mut [], 50), Duration::ZERO);
        assert_eq!(milliseconds(Duration::from_micros(1_500)), "1.5 ms");
        assert_eq!(times(some[4], some[1]), "2.5×");
        assert_eq!(times(some[4], Duration::ZERO), "");
    }

    #[test]
    fn figures_stand_beside_the_machine() {
        let report = Report::new(Table::new([""]), json!({ "up_ms": 3 }));
        let json = report.json("cluster", json!({ "load": "1" }), json!({ "load": "2" }));
        assert_eq!(json["up_ms"], 3);
        assert_eq!(json["machine"]["load"], "1");
        assert_eq!(json["load_after"], "2");
    }
}
