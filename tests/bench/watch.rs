//! What keeping many services costs while nothing happens to them.

use crate::table::Table;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;
use tests::process::{all, command, cpu_ticks, memory_kb, parent};

/// One look at an engine and its shims.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// When.
    pub(crate) at: Instant,
    /// CPU time the engine has used, in hundredths of a second.
    pub(crate) ticks: u64,
    /// Resident memory of the engine, in kilobytes.
    pub(crate) resident: u64,
    /// Its share of memory.
    pub(crate) pss: u64,
    /// Its open descriptors.
    pub(crate) descriptors: u64,
    /// Its threads.
    pub(crate) threads: u64,
}

impl Look {
    /// Looks at an engine.
    pub(crate) fn at(engine: u32) -> Option<Look> {
        let status = fs::read_to_string(format!("/proc/{engine}/status")).ok()?;
        let of = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Look {
            at: Instant::now(),
            ticks: cpu_ticks(engine)?,
            resident: of("VmRSS:")?,
            pss: memory_kb(engine)?.0,
            descriptors: fs::read_dir(format!("/proc/{engine}/fd")).ok()?.count() as u64,
            threads: of("Threads:")?,
        })
    }

    /// The share of one core used since an earlier look.
    pub(crate) fn cpu_since(&self, earlier: &Look) -> f64 {
        let used = self.ticks.saturating_sub(earlier.ticks) as f64 / 100.0;
        used / self.at.duration_since(earlier.at).as_secs_f64()
    }
}

/// The shims above these services: how many, and the means of their share of memory and of what is
/// their own alone, in kilobytes.
pub(crate) fn shims(services: &[u32]) -> (usize, u64, u64) {
    let shims: BTreeSet<u32> = services.iter().filter_map(|pid| parent(*pid)).collect();
    let shims = shims
        .into_iter()
        .filter(|pid| command(*pid).contains("azora-shim"));
    let memory: Vec<(u64, u64)> = shims.filter_map(memory_kb).collect();
    let count = memory.len().max(1) as u64;
    (
        memory.len(),
        memory.iter().map(|kb| kb.0).sum::<u64>() / count,
        memory.iter().map(|kb| kb.1).sum::<u64>() / count,
    )
}

/// How many processes the machine has; what else runs on it is part of every figure.
pub(crate) fn processes() -> usize {
    all().len()
}

/// The straight line that lies closest to these points (hours, value).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// Where it begins.
    pub(crate) start: f64,
    /// By how much it rises in an hour.
    pub(crate) slope: f64,
}

/// Least squares. Level through the mean when there is no time between the points.
pub(crate) fn fit(points: &[(f64, f64)]) -> Line {
    let count = points.len().max(1) as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let (mut over, mut under) = (0.0, 0.0);
    for point in points {
        over += (point.0 - x) * (point.1 - y);
        under += (point.0 - x) * (point.0 - x);
    }
    let slope = if under > 0.0 { over / under } else { 0.0 };
    Line {
        start: y - slope * x,
        slope,
    }
}

/// A row for one figure that should stay where it is.
pub(crate) fn level(table: &mut Table, what: &str, unit: &str, points: &[(f64, f64)]) -> Line {
    let line = fit(points);
    let values = || points.iter().map(|point| point.1);
    let (least, most) = values().fold((f64::MAX, f64::MIN), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    table.row([
        what.to_owned(),
        format!("{:.0}{unit}", line.start),
        format!("{:+.1}{unit} an hour", line.slope),
        format!("{least:.0} to {most:.0}{unit}"),
    ]);
    line
}

#[cfg(test)]
mod lines {
    use super::*;

    #[test]
    fn a_line_is_found_again() {
        let points: Vec<(f64, f64)> = (0..10)
            .map(|n| (f64::from(n), f64::from(3 * n + 2)))
            .collect();
        let line = fit(&points);
        assert!((line.slope - 3.0).abs() < 1e-9 && (line.start - 2.0).abs() < 1e-9);
        assert_eq!(
            fit(&[(1.0, 4.0)]),
            Line {
                start: 4.0,
                slope: 0.0
            }
        );
        assert_eq!(fit(&[]).slope, 0.0);
    }

    #[test]
    fn this_process_can_be_looked_at() {
        let look = Look::at(std::process::id()).expect("it is there");
        assert!(look.resident > 0 && look.threads > 0 && look.descriptors > 2);
        assert!(Look::at(u32::MAX).is_none());
    }
}
