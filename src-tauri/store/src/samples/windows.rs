//! How every instance of a cluster has answered over the last minutes, hours and days.
//!
//! The last hour is counted probe by probe; what is older comes from whole hours, as far as they are
//! rolled up. So a week of a thousand instances is some hundred rows of each and not a hundred thousand.

use super::{FAIL, HEALTH, PASS, Samples, Sketch};
use crate::Error;
use crate::database::uint;
use model::{ClusterId, InstanceId, Timestamp};
use std::collections::BTreeMap;

/// An hour.
pub(super) const HOUR: i64 = 60 * super::range::MINUTE;

/// The windows, in milliseconds before now: five minutes, an hour, a day, a week.
pub const SPANS: [i64; 4] = [5 * super::range::MINUTE, HOUR, 24 * HOUR, 7 * 24 * HOUR];

/// Health probes of one window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measured {
    /// Probes that were answered or given up.
    pub probes: u64,
    /// Those that failed.
    pub failed: u64,
    /// Latencies of those that passed, in microseconds.
    pub latencies: Sketch,
    /// The longest of them all, in microseconds.
    pub highest: Option<u64>,
}

impl Measured {
    /// Adds another's probes: of another instance, or of another stretch of time.
    pub fn merge(&mut self, other: &Measured) {
        self.probes = self.probes.saturating_add(other.probes);
        self.failed = self.failed.saturating_add(other.failed);
        self.latencies.merge(&other.latencies);
        self.highest = self.highest.max(other.highest);
    }
}

/// What each window of an instance holds, in the order of [`SPANS`].
pub type Windows = [Measured; SPANS.len()];

/// Instance, which windows, verdict, latencies.
type Raw = (String, i64, i64, String);
/// Instance, where the hour begins, probes, failed, highest, latencies.
type Hour = (String, i64, i64, i64, Option<i64>, String);

impl Samples<'_> {
    /// The windows of every instance of a cluster, or of this one service of it. Instances without a
    /// health probe in the last week are not there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn windows(
        &self,
        cluster: &ClusterId,
        service: Option<&model::ServiceName>,
        now: Timestamp,
    ) -> Result<BTreeMap<InstanceId, Windows>, Error> {
        let failed = |error| self.history.error("read measurements", error);
        // Dots are in no service's name: "api.%" is the instances of api and nobody else's.
        let like = service.map_or("%".to_owned(), |service| format!("{service}.%"));
        let rolled = self.hours_rolled().await?;
        // After when each window counts probes; what is before is in hours.
        let raw_from = SPANS.map(|span| {
            let begin = now.0 - span;
            if span > HOUR {
                begin.max(rolled - 1)
            } else {
                begin
            }
        });
        let first = raw_from.into_iter().min().unwrap_or(now.0);
        let raw: Vec<Raw> = sqlx::query_as(
            "SELECT instance,
                    (at > ?4) + 2 * (at > ?5) + 4 * (at > ?6) + 8 * (at > ?7) AS counted,
                    verdict, json_group_array(latency)
             FROM instances CROSS JOIN probes ON probes.key = instances.key AND at > ?3 AND at <= ?8
             WHERE cluster = ?1 AND instance LIKE ?2 AND kind = ?9 AND verdict <= ?10
             GROUP BY instances.key, counted, verdict",
        )
        .bind(cluster.as_str())
        .bind(&like)
        .bind(first)
        .bind(raw_from[0])
        .bind(raw_from[1])
        .bind(raw_from[2])
        .bind(raw_from[3])
        .bind(now.0)
        .bind(HEALTH)
        .bind(FAIL)
        .fetch_all(self.history.readers())
        .await
        .map_err(failed)?;
        let hours: Vec<Hour> = sqlx::query_as(
            "SELECT instance, at, probes, failed, highest, latencies
             FROM instances CROSS JOIN probe_hours ON probe_hours.key = instances.key
                  AND at > ?3 AND at < ?4
             WHERE cluster = ?1 AND instance LIKE ?2",
        )
        .bind(cluster.as_str())
        .bind(&like)
        .bind(now.0 - SPANS[SPANS.len() - 1] - HOUR / 2)
        .bind(rolled)
        .fetch_all(self.history.readers())
        .await
        .map_err(failed)?;
        let mut found: BTreeMap<InstanceId, Windows> = BTreeMap::new();
        for (instance, counted, verdict, latencies) in raw {
            let latencies: Vec<u64> = serde_json::from_str(&latencies)
                .map_err(|error| Error::row("measurements", 0, error))?;
            let mut part = Measured {
                probes: latencies.len() as u64,
                highest: latencies.iter().copied().max(),
                ..Measured::default()
            };
            if verdict == PASS {
                latencies
                    .into_iter()
                    .for_each(|one| part.latencies.add(one));
            } else {
                part.failed = part.probes;
            }
            let windows = found.entry(named(&instance)?).or_default();
            for (n, window) in windows.iter_mut().enumerate() {
                if counted & (1 << n) != 0 {
                    window.merge(&part);
                }
            }
        }
        for (instance, at, probes, failed, highest, latencies) in hours {
            let latencies: Vec<(u16, u64)> = serde_json::from_str(&latencies)
                .map_err(|error| Error::row("measurements", at, error))?;
            let part = Measured {
                probes: uint(probes),
                failed: uint(failed),
                latencies: Sketch::of_pairs(latencies),
                highest: highest.map(uint),
            };
            let windows = found.entry(named(&instance)?).or_default();
            for (window, span) in windows.iter_mut().zip(SPANS) {
                // An hour belongs to a window that holds its middle.
                if span > HOUR && at + HOUR / 2 > now.0 - span {
                    window.merge(&part);
                }
            }
        }
        Ok(found)
    }

    /// The minutes an engine was there, after `from` and up to `to`, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn watched(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, Error> {
        let minutes: Vec<i64> =
            sqlx::query_scalar("SELECT at FROM watched WHERE at > ? AND at <= ? ORDER BY at")
                .bind(from.0)
                .bind(to.0)
                .fetch_all(self.history.readers())
                .await
                .map_err(|error| self.history.error("read measurements", error))?;
        Ok(minutes.into_iter().map(Timestamp).collect())
    }

    /// Up to where hours are rolled up.
    async fn hours_rolled(&self) -> Result<i64, Error> {
        let rolled: Option<i64> = sqlx::query_scalar("SELECT rolled FROM hour_progress")
            .fetch_optional(self.history.readers())
            .await
            .map_err(|error| self.history.error("read measurements", error))?;
        Ok(rolled.unwrap_or(i64::MIN / 2))
    }
}

pub(super) fn named(instance: &str) -> Result<InstanceId, Error> {
    let named = instance.parse::<InstanceId>();
    named.map_err(|error| Error::row("instances", instance, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProbeSample, Store};
    use model::{ProbeKind, Verdict};

    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * HOUR;

    fn shop() -> ClusterId {
        "shop-1".parse().unwrap()
    }

    /// A probe every 5 s: a thousand passes take 1 ms but for every hundredth, which takes 9 ms, and
    /// what is due at a full minute fails after 50 ms.
    async fn fill(store: &Store, instance: &str, from: i64, to: i64) {
        let probes: Vec<_> = (from..to)
            .step_by(5_000)
            .map(|at| ProbeSample {
                at: Timestamp(at),
                cluster: shop(),
                instance: instance.parse().unwrap(),
                kind: ProbeKind::Health,
                verdict: match at % MINUTE {
                    0 => Verdict::Fail,
                    _ => Verdict::Pass,
                },
                latency_us: match (at % MINUTE, at % (100 * 5_000)) {
                    (0, _) => 50_000,
                    (_, 5_000) => 9_000,
                    _ => 1_000,
                },
            })
            .collect();
        store.samples().append(&probes, &[]).await.unwrap();
    }

    async fn windows(store: &Store, now: i64) -> BTreeMap<InstanceId, Windows> {
        let samples = store.samples();
        samples
            .windows(&shop(), None, Timestamp(now))
            .await
            .unwrap()
    }

    async fn tend(store: &Store, now: i64) {
        while !store.samples().tend(Timestamp(now)).await.unwrap().done {}
    }

    #[tokio::test]
    async fn each_window_counts_what_it_holds() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let now = 20_000 * DAY + HOUR / 2;
        assert!(windows(&store, now).await.is_empty());
        fill(&store, "api.0", now - 3 * HOUR, now).await;
        fill(&store, "api.1", now - 10 * MINUTE, now).await;
        fill(&store, "api-2.0", now - MINUTE, now).await;
        let found = windows(&store, now).await;
        let probes = |instance: &str| {
            let windows = &found[&instance.parse().unwrap()];
            windows.each_ref().map(|one| (one.probes, one.failed))
        };
        // The one at the very beginning of a window is just outside it.
        assert_eq!(
            probes("api.0"),
            [(59, 4), (719, 59), (2_160, 180), (2_160, 180)]
        );
        assert_eq!(probes("api.1"), [(59, 4), (120, 10), (120, 10), (120, 10)]);
        let day = &found[&"api.0".parse().unwrap()][2];
        assert_eq!(day.highest, Some(50_000));
        let ms = |share| day.latencies.quantile(share).unwrap() / 1_000;
        assert_eq!(
            (ms(0.5), ms(0.95), ms(1.0)),
            (1, 1, 8),
            "each within a few percent"
        );
        let service = "api".parse().unwrap();
        let one = store.samples();
        let one = one.windows(&shop(), Some(&service), Timestamp(now)).await;
        let named: Vec<String> = one.unwrap().keys().map(ToString::to_string).collect();
        assert_eq!(
            named,
            ["api.0", "api.1"],
            "a name that begins so is another"
        );
    }

    #[tokio::test]
    async fn a_day_is_the_same_before_and_after_its_hours_are_rolled_up() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let begin = 20_000 * DAY;
        let now = begin + 20 * HOUR + HOUR / 3;
        fill(&store, "api.0", begin, now).await;
        let raw = windows(&store, now).await;
        tend(&store, now).await;
        assert_eq!(windows(&store, now).await, raw);
        // What comes next is counted once, and only once when its hour is over, too.
        let later = begin + 22 * HOUR + MINUTE;
        fill(&store, "api.0", now, later).await;
        let raw = windows(&store, later).await;
        assert_eq!(raw[&"api.0".parse().unwrap()][2].probes, 22 * 720 + 12);
        tend(&store, later).await;
        assert_eq!(windows(&store, later).await, raw);
        // Raw rows are gone after a day; a week is still known, hour by hour.
        let after = begin + 3 * DAY;
        tend(&store, after).await;
        let week = windows(&store, after).await;
        let probes = week[&"api.0".parse().unwrap()]
            .each_ref()
            .map(|one| one.probes);
        assert_eq!(probes, [0, 0, 0, 22 * 720 + 12]);
        tend(&store, begin + 9 * DAY).await;
        assert!(windows(&store, begin + 9 * DAY).await.is_empty());
    }

    #[tokio::test]
    async fn hours_that_a_wrong_clock_was_ahead_of_are_rolled_up_when_they_are_over() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let begin = 20_000 * DAY;
        fill(&store, "api.0", begin + 2 * DAY, begin + 2 * DAY + HOUR).await;
        tend(&store, begin + 2 * DAY + 2 * HOUR).await;
        // It is set right.
        tend(&store, begin).await;
        fill(&store, "api.0", begin + 5_000, begin + HOUR).await;
        tend(&store, begin + 2 * HOUR).await;
        let probes =
            async |now: i64| windows(&store, now).await[&"api.0".parse().unwrap()][2].probes;
        assert_eq!(probes(begin + 2 * HOUR).await, 719);
    }

    #[tokio::test]
    async fn minutes_with_an_engine_are_noted() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let begin = 20_000 * DAY;
        tend(&store, begin - 5 * MINUTE).await;
        fill(&store, "api.0", begin - MINUTE, begin).await;
        for minute in [0, 1, 2, 30] {
            tend(&store, begin + minute * MINUTE + 17).await;
        }
        let watched = async |from: i64, to: i64| {
            let samples = store.samples();
            let minutes = samples.watched(Timestamp(from), Timestamp(to)).await;
            minutes
                .unwrap()
                .into_iter()
                .map(|at| (at.0 - begin) / MINUTE)
                .collect::<Vec<_>>()
        };
        assert_eq!(watched(begin - DAY, begin + DAY).await, [0, 1, 2, 30]);
        tend(&store, begin + 7 * DAY + 2 * MINUTE).await;
        assert_eq!(watched(0, begin + DAY).await, [2, 30]);
    }
}
