//! A stretch of an instance's measurements, in buckets.

use super::{FAIL, HEALTH, PASS, Samples};
use crate::Error;
use crate::database::uint;
use model::{ClusterId, InstanceId, Timestamp};

/// Most buckets of one range: more than any chart is wide.
const MAX_BUCKETS: u32 = 2_000;
/// A minute. Buckets at least this long are made from rolled-up minutes where there are any.
pub(super) const MINUTE: i64 = 60_000;

/// What was measured in one stretch of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bucket {
    /// Where it ends.
    pub end: Timestamp,
    /// Health probes made.
    pub probes: u32,
    /// Those that failed.
    pub failed: u32,
    /// Median latency of those that passed, in microseconds.
    pub median_us: Option<u64>,
    /// Highest latency, in microseconds, of all that were answered or given up.
    pub highest_us: Option<u64>,
    /// Average share of one core.
    pub cpu: Option<f32>,
    /// Average resident bytes.
    pub memory: Option<u64>,
}

/// A bucket being filled.
#[derive(Default, Clone)]
struct Filling {
    probes: u64,
    failed: u64,
    highest: Option<i64>,
    /// Latencies of what passed, each standing for so many probes.
    passed: Vec<(i64, u64)>,
    usages: u64,
    cpu: i64,
    memory: i64,
}

impl Filling {
    fn probes(&mut self, row: &ProbeRow) {
        let passed = row.probes.saturating_sub(row.failed);
        self.probes += row.probes;
        self.failed += row.failed;
        self.highest = self.highest.max(row.highest);
        if let (Some(median), 1..) = (row.median, passed) {
            self.passed.push((median, passed));
        }
    }

    fn usage(&mut self, row: &UsageRow) {
        let count = i64::try_from(row.count).unwrap_or(i64::MAX);
        self.usages += row.count;
        self.cpu = self.cpu.saturating_add(row.cpu.saturating_mul(count));
        self.memory = self.memory.saturating_add(row.memory.saturating_mul(count));
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of a core is no exact number"
    )]
    fn bucket(mut self, end: i64) -> Bucket {
        let per = i64::try_from(self.usages).unwrap_or(i64::MAX);
        Bucket {
            end: Timestamp(end),
            probes: u32::try_from(self.probes).unwrap_or(u32::MAX),
            failed: u32::try_from(self.failed).unwrap_or(u32::MAX),
            median_us: median(&mut self.passed).map(uint),
            highest_us: self.highest.map(uint),
            cpu: (per > 0).then(|| self.cpu as f32 / per as f32 / 1000.0),
            memory: (per > 0).then(|| uint(self.memory / per)),
        }
    }
}

/// The value in the middle, each counted as often as it stands for.
pub(super) fn median(values: &mut [(i64, u64)]) -> Option<i64> {
    values.sort_unstable();
    let whole: u64 = values.iter().map(|(_, weight)| weight).sum();
    let mut seen = 0;
    values
        .iter()
        .find(|(_, weight)| {
            seen += weight;
            seen * 2 >= whole
        })
        .map(|(value, _)| *value)
}

/// A row of `probe_minutes` without its key.
type ProbeMinute = (i64, i64, i64, Option<i64>, Option<i64>);

/// One probe, or a minute of them.
struct ProbeRow {
    at: i64,
    probes: u64,
    failed: u64,
    median: Option<i64>,
    highest: Option<i64>,
}

/// One measurement, or a minute of them, averaged.
struct UsageRow {
    at: i64,
    count: u64,
    cpu: i64,
    memory: i64,
}

impl Samples<'_> {
    /// What was measured of an instance after `from` and up to `to`, in `buckets` stretches of the
    /// same length, oldest first. Stretches without measurements are there and empty. Only health
    /// probes count: those that wait for readiness are expected to fail.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn range(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        from: Timestamp,
        to: Timestamp,
        buckets: u32,
    ) -> Result<Vec<Bucket>, Error> {
        let buckets = i64::from(buckets.clamp(1, MAX_BUCKETS));
        let length = (to.0.saturating_sub(from.0) / buckets).max(1);
        let start = to.0.saturating_sub(length.saturating_mul(buckets));
        let failed = |error| self.history.error("read measurements", error);
        let key: Option<i64> =
            sqlx::query_scalar("SELECT key FROM instances WHERE cluster = ? AND instance = ?")
                .bind(cluster.as_str())
                .bind(instance.to_string())
                .fetch_optional(self.history.readers())
                .await
                .map_err(failed)?;
        let mut filling = vec![Filling::default(); usize::try_from(buckets).unwrap_or(1)];
        if let Some(key) = key {
            let stretch = Stretch {
                key,
                start,
                end: to.0,
                raw_from: self.raw_from(length).await?,
            };
            // A row at a bucket's very end belongs to it, one at its very beginning to the last.
            let place = |at: i64| usize::try_from((at - start - 1).max(0) / length).ok();
            for row in self.probe_rows(&stretch).await.map_err(failed)? {
                if let Some(bucket) = place(row.at).and_then(|n| filling.get_mut(n)) {
                    bucket.probes(&row);
                }
            }
            for row in self.usage_rows(&stretch).await.map_err(failed)? {
                if let Some(bucket) = place(row.at).and_then(|n| filling.get_mut(n)) {
                    bucket.usage(&row);
                }
            }
        }
        let ends = (1..).map(|n| start + n * length);
        Ok(filling
            .into_iter()
            .zip(ends)
            .map(|(bucket, end)| bucket.bucket(end))
            .collect())
    }

    /// From when on raw rows are read; before that, minutes.
    async fn raw_from(&self, length: i64) -> Result<i64, Error> {
        let rolled = self.rolled().await?;
        // Short buckets need the raw rows for as long as there are any.
        Ok(if length >= MINUTE {
            rolled
        } else {
            rolled - super::retention::RAW
        })
    }

    async fn probe_rows(&self, of: &Stretch) -> Result<Vec<ProbeRow>, sqlx::Error> {
        let minutes: Vec<ProbeMinute> = sqlx::query_as(
            "SELECT at, probes, failed, median, highest FROM probe_minutes
             WHERE key = ? AND at + 30000 > ? AND at + 30000 <= ? AND at < ?",
        )
        .bind(of.key)
        .bind(of.start)
        .bind(of.end)
        .bind(of.raw_from)
        .fetch_all(self.history.readers())
        .await?;
        let raw: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT at, verdict, latency FROM probes
             WHERE key = ? AND at > ? AND at <= ? AND at >= ? AND kind = ? AND verdict <= ?",
        )
        .bind(of.key)
        .bind(of.start)
        .bind(of.end)
        .bind(of.raw_from)
        .bind(HEALTH)
        .bind(FAIL)
        .fetch_all(self.history.readers())
        .await?;
        let minutes = minutes
            .into_iter()
            .map(|(at, probes, failed, median, highest)| ProbeRow {
                at: at + MINUTE / 2,
                probes: uint(probes),
                failed: uint(failed),
                median,
                highest,
            });
        let raw = raw.into_iter().map(|(at, verdict, latency)| ProbeRow {
            at,
            probes: 1,
            failed: u64::from(verdict == FAIL),
            median: (verdict == PASS).then_some(latency),
            highest: Some(latency),
        });
        Ok(minutes.chain(raw).collect())
    }

    async fn usage_rows(&self, of: &Stretch) -> Result<Vec<UsageRow>, sqlx::Error> {
        let minutes: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT at, count, cpu, memory FROM usage_minutes
             WHERE key = ? AND at + 30000 > ? AND at + 30000 <= ? AND at < ?",
        )
        .bind(of.key)
        .bind(of.start)
        .bind(of.end)
        .bind(of.raw_from)
        .fetch_all(self.history.readers())
        .await?;
        let raw: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT at, cpu, memory FROM usage WHERE key = ? AND at > ? AND at <= ? AND at >= ?",
        )
        .bind(of.key)
        .bind(of.start)
        .bind(of.end)
        .bind(of.raw_from)
        .fetch_all(self.history.readers())
        .await?;
        let minutes = minutes
            .into_iter()
            .map(|(at, count, cpu, memory)| UsageRow {
                at: at + MINUTE / 2,
                count: uint(count),
                cpu,
                memory,
            });
        let raw = raw.into_iter().map(|(at, cpu, memory)| UsageRow {
            at,
            count: 1,
            cpu,
            memory,
        });
        Ok(minutes.chain(raw).collect())
    }
}

struct Stretch {
    key: i64,
    start: i64,
    end: i64,
    raw_from: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_each_value_as_often_as_it_stands_for() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [(7, 1)]), Some(7));
        assert_eq!(median(&mut [(3, 1), (1, 1), (2, 1)]), Some(2));
        assert_eq!(median(&mut [(1, 1), (100, 10)]), Some(100));
    }
}
