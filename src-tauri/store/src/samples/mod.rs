//! Measurements in `history.db`: raw for a day, by the minute for a week.

mod range;
mod retention;

pub use range::Bucket;
pub use retention::Tended;

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
    }
}

/// As `probes.verdict` holds it.
const PASS: i64 = 0;
const FAIL: i64 = 1;

fn verdict(verdict: Verdict) -> i64 {
    match verdict {
        Verdict::Pass => PASS,
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
        transact!(self.history, "write measurements", |db| {
            let mut keys = Keys::default();
            for sample in probes {
                let key = keys.of(db, &sample.cluster, &sample.instance).await?;
                sqlx::query(
                    "INSERT OR REPLACE INTO probes (key, at, kind, verdict, latency)
                         VALUES (?, ?, ?, ?, ?)",
                )
                .bind(key)
                .bind(sample.at.0)
                .bind(kind(sample.kind))
                .bind(verdict(sample.verdict))
                .bind(int(sample.latency_us))
                .execute(&mut *db)
                .await?;
            }
            for sample in usage {
                let key = keys.of(db, &sample.cluster, &sample.instance).await?;
                sqlx::query(
                    "INSERT OR REPLACE INTO usage (key, at, cpu, memory) VALUES (?, ?, ?, ?)",
                )
                .bind(key)
                .bind(sample.at.0)
                .bind(millicores(sample.cpu))
                .bind(int(sample.memory))
                .execute(&mut *db)
                .await?;
            }
            Ok(())
        })
    }
}

/// The short keys of the instances in one batch. Not kept longer: tidying up removes keys.
#[derive(Default)]
struct Keys(std::collections::BTreeMap<(ClusterId, InstanceId), i64>);

impl Keys {
    async fn of(
        &mut self,
        db: &mut sqlx::sqlite::SqliteConnection,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Result<i64, sqlx::Error> {
        let name = (cluster.clone(), instance.clone());
        if let Some(key) = self.0.get(&name) {
            return Ok(*key);
        }
        // The idle update makes RETURNING answer for an old row too.
        let key = sqlx::query_scalar(
            "INSERT INTO instances (cluster, instance) VALUES (?, ?)
             ON CONFLICT (cluster, instance) DO UPDATE SET cluster = excluded.cluster
             RETURNING key",
        )
        .bind(cluster.as_str())
        .bind(instance.to_string())
        .fetch_one(db)
        .await?;
        self.0.insert(name, key);
        Ok(key)
    }
}
