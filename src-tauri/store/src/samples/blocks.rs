//! A stretch of every instance's measurements in a few blocks, for who looks at trends.

use super::Samples;
use super::windows::named;
use crate::Error;
use model::{ClusterId, InstanceId, Timestamp};
use std::collections::BTreeMap;

/// The blocks of one instance, oldest first; `None` where nothing was measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Blocks {
    /// The lowest memory of each, in bytes, of minutes on average.
    pub memory: Vec<Option<f64>>,
    /// The fewest open files of each.
    pub files: Vec<Option<f64>>,
    /// How long a health probe took, in microseconds: the minutes' medians on average.
    pub latency: Vec<Option<f64>>,
}

impl Samples<'_> {
    /// What the rolled-up minutes of a cluster hold from `from` on, in `blocks` blocks of `length`
    /// milliseconds.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn blocks(
        &self,
        cluster: &ClusterId,
        from: Timestamp,
        length: i64,
        blocks: usize,
    ) -> Result<BTreeMap<InstanceId, Blocks>, Error> {
        let failed = |error| self.history.error("read measurements", error);
        let count = i64::try_from(blocks).unwrap_or(i64::MAX);
        let to = from.0.saturating_add(length.saturating_mul(count));
        let usage: Vec<(String, i64, Option<f64>, Option<f64>)> = sqlx::query_as(
            "SELECT instance, (at - ?2) / ?4 AS block, min(memory) * 1.0, min(files) * 1.0
             FROM instances CROSS JOIN usage_minutes
                  ON usage_minutes.key = instances.key AND at >= ?2 AND at < ?3
             WHERE cluster = ?1 GROUP BY instances.key, block",
        )
        .bind(cluster.as_str())
        .bind(from.0)
        .bind(to)
        .bind(length.max(1))
        .fetch_all(self.history.readers())
        .await
        .map_err(failed)?;
        let latency: Vec<(String, i64, Option<f64>)> = sqlx::query_as(
            "SELECT instance, (at - ?2) / ?4 AS block, avg(median)
             FROM instances CROSS JOIN probe_minutes
                  ON probe_minutes.key = instances.key AND at >= ?2 AND at < ?3
             WHERE cluster = ?1 GROUP BY instances.key, block",
        )
        .bind(cluster.as_str())
        .bind(from.0)
        .bind(to)
        .bind(length.max(1))
        .fetch_all(self.history.readers())
        .await
        .map_err(failed)?;
        let empty = || Blocks {
            memory: vec![None; blocks],
            files: vec![None; blocks],
            latency: vec![None; blocks],
        };
        let mut found: BTreeMap<InstanceId, Blocks> = BTreeMap::new();
        let place = |list: &mut Vec<Option<f64>>, block: i64, value: Option<f64>| {
            let place = usize::try_from(block).ok();
            if let Some(place) = place.and_then(|block| list.get_mut(block)) {
                *place = value;
            }
        };
        for (instance, block, memory, files) in usage {
            let of = found.entry(named(&instance)?).or_insert_with(empty);
            place(&mut of.memory, block, memory);
            place(&mut of.files, block, files);
        }
        for (instance, block, latency) in latency {
            let of = found.entry(named(&instance)?).or_insert_with(empty);
            place(&mut of.latency, block, latency);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProbeSample, Store, UsageSample};
    use model::{ProbeKind, Verdict};

    const MINUTE: i64 = 60_000;

    #[tokio::test]
    async fn blocks_hold_the_lowest_and_nothing_where_nothing_was() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let cluster: ClusterId = "shop-1".parse().unwrap();
        let begin = 20_000 * 24 * 60 * MINUTE;
        let instance: InstanceId = "api.0".parse().unwrap();
        let at = |minute: i64| Timestamp(begin + minute * MINUTE + 1);
        // Nothing from the tenth minute to the twentieth.
        let minutes: Vec<i64> = (0..30)
            .filter(|minute| !(10..20).contains(minute))
            .collect();
        let usage: Vec<_> = minutes
            .iter()
            .map(|minute| UsageSample {
                at: at(*minute),
                cluster: cluster.clone(),
                instance: instance.clone(),
                cpu: 0.0,
                memory: 1_000 + u64::try_from((minute - 5).abs()).unwrap(),
                files: (*minute < 10).then_some(7),
            })
            .collect();
        let probes: Vec<_> = minutes
            .iter()
            .map(|minute| ProbeSample {
                at: at(*minute),
                cluster: cluster.clone(),
                instance: instance.clone(),
                kind: ProbeKind::Health,
                verdict: Verdict::Pass,
                latency_us: 3_000,
            })
            .collect();
        store.samples().append(&probes, &usage).await.unwrap();
        let now = Timestamp(begin + 40 * MINUTE);
        while !store.samples().tend(now).await.unwrap().done {}
        let samples = store.samples();
        let blocks = samples.blocks(&cluster, Timestamp(begin), 10 * MINUTE, 3);
        let blocks = blocks.await.unwrap();
        let expected = Blocks {
            memory: vec![Some(1_000.0), None, Some(1_015.0)],
            files: vec![Some(7.0), None, None],
            latency: vec![Some(3_000.0), None, Some(3_000.0)],
        };
        assert_eq!(blocks, [(instance, expected)].into());
    }
}
