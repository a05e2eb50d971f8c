//! The newest probes of every instance of a cluster, for the small curves beside their names.

use super::{FAIL, HEALTH, PASS, Samples, windows::named};
use crate::Error;
use model::{ClusterId, InstanceId, Timestamp};
use std::collections::BTreeMap;

/// Most probes of one instance: more than such a curve is wide.
const MOST: u32 = 200;

impl Samples<'_> {
    /// How long the newest health probes of each instance of a cluster took, in microseconds, oldest first:
    /// at most `most` of each, none from before `since` or after `until`. `None` is one that failed. Instances
    /// without any are not there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn latest(
        &self,
        cluster: &ClusterId,
        since: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<BTreeMap<InstanceId, Vec<Option<u64>>>, Error> {
        // Rows lie by instance and time: of each, its newest are read backwards and no others.
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT instance, (
                 SELECT json_group_array(took) FROM (
                     SELECT iif(verdict = ?5, latency, NULL) AS took FROM probes
                     WHERE key = instances.key AND at > ?2 AND at <= ?3 AND kind = ?6 AND verdict <= ?7
                     ORDER BY at DESC LIMIT ?4
                 )
             ) FROM instances WHERE cluster = ?1",
        )
        .bind(cluster.as_str())
        .bind(since.0)
        .bind(until.0)
        .bind(most.clamp(1, MOST))
        .bind(PASS)
        .bind(HEALTH)
        .bind(FAIL)
        .fetch_all(self.history.readers())
        .await
        .map_err(|error| self.history.error("read measurements", error))?;
        let mut found = BTreeMap::new();
        for (instance, took) in rows {
            let mut took: Vec<Option<u64>> = serde_json::from_str(&took)
                .map_err(|error| Error::row("measurements", &instance, error))?;
            if !took.is_empty() {
                took.reverse();
                found.insert(named(&instance)?, took);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProbeSample, Store};
    use model::{ProbeKind, Verdict};

    #[tokio::test]
    async fn the_newest_of_each_instance_are_read_and_no_more() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let probe = |cluster: &str, instance: &str, at: i64, kind, verdict| ProbeSample {
            at: Timestamp(at),
            cluster: cluster.parse().unwrap(),
            instance: instance.parse().unwrap(),
            kind,
            verdict,
            latency_us: u64::try_from(at).unwrap(),
        };
        let health = ProbeKind::Health;
        let mut probes: Vec<_> = (1..=9)
            .map(|at| probe("shop-1", "api.0", at * 100, health, Verdict::Pass))
            .collect();
        probes.extend([
            probe("shop-1", "api.0", 850, health, Verdict::Fail),
            // It says nothing of the service.
            probe("shop-1", "api.0", 860, health, Verdict::Trouble),
            probe("shop-1", "api.0", 870, ProbeKind::Ready, Verdict::Pass),
            probe("shop-1", "api.1", 300, health, Verdict::Warn),
            probe("shop-1", "old.0", 100, health, Verdict::Pass),
            probe("other-2", "api.0", 900, health, Verdict::Pass),
        ]);
        store.samples().append(&probes, &[]).await.unwrap();
        let latest = async |since, until, most| {
            let shop = "shop-1".parse().unwrap();
            let (since, until) = (Timestamp(since), Timestamp(until));
            let found = store.samples().latest(&shop, since, until, most).await;
            let found = found.unwrap().into_iter();
            found
                .map(|(instance, took)| (instance.to_string(), took))
                .collect::<Vec<_>>()
        };
        let api = vec![Some(700), Some(800), None, Some(900)];
        assert_eq!(
            latest(100, 900, 4).await,
            [("api.0".into(), api), ("api.1".into(), vec![Some(300)])]
        );
        assert_eq!(
            latest(0, 150, 4).await,
            [
                ("api.0".into(), vec![Some(100)]),
                ("old.0".into(), vec![Some(100)])
            ]
        );
        assert_eq!(latest(900, 2_000, 4).await, []);
        assert_eq!(latest(0, 900, u32::MAX).await[0].1.len(), 10);
    }
}
