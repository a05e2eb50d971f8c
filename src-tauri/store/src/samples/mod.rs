//! Measurements in `history.db`: raw for a day, by the minute and by the hour for a week.

mod blocks;
mod hours;
mod latest;
mod range;
mod retention;
mod sketch;
mod windows;

pub use blocks::Blocks;
pub use range::Bucket;
pub use retention::Tended;
pub use sketch::Sketch;
pub use windows::{Measured, SPANS, Windows};

use crate::Error;
use crate::ballast::Ballast;
use crate::database::{Database, int, transact};
use model::{ClusterId, InstanceId, ProbeKind, Timestamp, Verdict};

/// One probe, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSample {
    /// When.
    pub at: Timestamp,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Of which instance.
    pub instance: InstanceId,
    /// Which of its probes.
    pub kind: ProbeKind,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took, in microseconds.
    pub latency_us: u64,
}

/// One measurement of what an instance uses.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageSample {
    /// When.
    pub at: Timestamp,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Of which instance.
    pub instance: InstanceId,
    /// Share of one core, 1.0 is a whole one.
    pub cpu: f32,
    /// Resident bytes.
    pub memory: u64,
    /// Open files of the process that has most of them, where they can be counted.
    pub files: Option<u32>,
}

/// Measurements.
pub struct Samples<'a> {
    pub(crate) history: &'a Database,
    pub(crate) ballast: &'a Ballast,
}

/// As `probes.kind` holds it.
const HEALTH: i64 = 1;

fn kind(kind: ProbeKind) -> i64 {
    match kind {
        ProbeKind::Ready => 0,
        ProbeKind::Health => HEALTH,
        ProbeKind::Startup => 2,
    }
}

/// As `probes.verdict` holds it.
const PASS: i64 = 0;
const FAIL: i64 = 1;

fn verdict(verdict: Verdict) -> i64 {
    match verdict {
        // It answered, and in this time.
        Verdict::Pass | Verdict::Warn => PASS,
        Verdict::Fail => FAIL,
        Verdict::Trouble => 2,
    }
}

/// Thousandths of a core. A float that is no number counts as nothing.
#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to what fits; NaN becomes 0"
)]
fn millicores(cpu: f32) -> i64 {
    (f64::from(cpu) * 1000.0).round().clamp(0.0, 1e9) as i64
}

impl Samples<'_> {
    /// Writes measurements as one transaction. Two of the same instance, kind and millisecond are
    /// one: the later stands.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn append(&self, probes: &[ProbeSample], usage: &[UsageSample]) -> Result<(), Error> {
        if probes.is_empty() && usage.is_empty() {
            return Ok(());
        }
        // Whole lists in one statement each: every statement is a way to another thread and back.
        let probes = list(probes.iter().map(|sample| {
            let (kind, verdict) = (kind(sample.kind), verdict(sample.verdict));
            let (at, latency) = (sample.at.0, int(sample.latency_us));
            let instance = sample.instance.to_string();
            (
                sample.cluster.as_str(),
                instance,
                at,
                kind,
                verdict,
                latency,
            )
        }))
        .map_err(|error| Error::row("measurements", 0, error))?;
        let usage = list(usage.iter().map(|sample| {
            let (cpu, memory) = (millicores(sample.cpu), int(sample.memory));
            let instance = sample.instance.to_string();
            let (cluster, at) = (sample.cluster.as_str(), sample.at.0);
            (cluster, instance, at, cpu, memory, sample.files)
        }))
        .map_err(|error| Error::row("measurements", 0, error))?;
        transact!(self.history, "write measurements", |db| {
            for named in [&probes, &usage] {
                sqlx::query(
                    "INSERT OR IGNORE INTO instances (cluster, instance)
                         SELECT DISTINCT value ->> 0, value ->> 1 FROM json_each(?)",
                )
                .bind(named)
                .execute(&mut *db)
                .await?;
            }
            // A cross join is walked from left to right: in the order of the list.
            sqlx::query(
                "INSERT OR REPLACE INTO probes (key, at, kind, verdict, latency)
                     SELECT instances.key, value ->> 2, value ->> 3, value ->> 4, value ->> 5
                     FROM json_each(?) CROSS JOIN instances
                     ON cluster = value ->> 0 AND instance = value ->> 1",
            )
            .bind(&probes)
            .execute(&mut *db)
            .await?;
            sqlx::query(
                "INSERT OR REPLACE INTO usage (key, at, cpu, memory, files)
                     SELECT instances.key, value ->> 2, value ->> 3, value ->> 4, value ->> 5
                     FROM json_each(?) CROSS JOIN instances
                     ON cluster = value ->> 0 AND instance = value ->> 1",
            )
            .bind(&usage)
            .execute(&mut *db)
            .await?;
            Ok(())
        })
    }
}

/// Measurements as SQLite reads a list of them.
fn list<Row: serde::Serialize>(
    all: impl Iterator<Item = Row>,
) -> Result<String, serde_json::Error> {
    let all: Vec<Row> = all.collect();
    serde_json::to_string(&all)
}
