//! Keeping `history.db` small: raw rows become minutes, old minutes go.

use super::range::{MINUTE, median};
use super::windows::HOUR;
use super::{FAIL, HEALTH, PASS, Samples, list};
use crate::Error;
use crate::database::transact;
use model::Timestamp;
use sqlx::sqlite::SqliteConnection;

/// How long raw rows are kept, in milliseconds.
pub(super) const RAW: i64 = 24 * 60 * MINUTE;
/// How long minutes are kept, in milliseconds.
const MINUTES: i64 = 7 * 24 * 60 * MINUTE;
/// A minute is rolled up this long after its end: batches are written a quarter of a minute late,
/// and clocks are set.
pub(super) const GRACE: i64 = 30_000;
/// Minutes rolled up in one transaction, and the most in one call.
const BATCH: i64 = 5;
const BATCHES: u32 = 24;
/// Instances tidied, or rolled up, in one transaction.
pub(super) const TIDY: i64 = 100;

/// What tending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tended {
    /// False when there was more to do than one call does; call again soon.
    pub done: bool,
}

impl Samples<'_> {
    /// Rolls up what is older than a minute, and hours that are over; lets go of raw rows older than a
    /// day and of minutes and hours older than a week; notes that an engine was there in this minute;
    /// and takes the ballast's room again if it was given up. To be called about once a minute; each
    /// transaction is short, so writes are never held up for long.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn tend(&self, now: Timestamp) -> Result<Tended, Error> {
        self.was_there(now).await?;
        let due = (now.0 - GRACE).div_euclid(MINUTE) * MINUTE;
        let mut done = false;
        for _ in 0..BATCHES {
            if self.roll_up(due).await? {
                done = true;
                break;
            }
        }
        done = done && self.roll_up_hours(now).await?;
        if done {
            self.tidy(now).await?;
        }
        self.ballast.restore().await;
        Ok(Tended { done })
    }

    /// Up to where minutes are rolled up.
    pub(super) async fn rolled(&self) -> Result<i64, Error> {
        let rolled: Option<i64> = sqlx::query_scalar("SELECT rolled FROM progress")
            .fetch_optional(self.history.readers())
            .await
            .map_err(|error| self.history.error("read measurements", error))?;
        Ok(rolled.unwrap_or(i64::MIN / 2))
    }

    /// Notes that an engine was there, and forgets when one was more than a week ago.
    async fn was_there(&self, now: Timestamp) -> Result<(), Error> {
        transact!(self.history, "note that an engine was there", |db| {
            // While nothing is measured there is nothing to know, and nothing is written: a disk may be
            // full.
            sqlx::query(
                "INSERT OR IGNORE INTO watched (at)
                     SELECT ? WHERE EXISTS (SELECT 1 FROM instances)",
            )
            .bind(now.0.div_euclid(MINUTE) * MINUTE)
            .execute(&mut *db)
            .await?;
            sqlx::query("DELETE FROM watched WHERE at < ?")
                .bind(now.0 - MINUTES)
                .execute(db)
                .await?;
            Ok(())
        })
    }

    /// Rolls up the next minutes before `due`. True when none are left.
    async fn roll_up(&self, due: i64) -> Result<bool, Error> {
        transact!(self.history, "roll up measurements", |db| {
            let rolled: Option<i64> = sqlx::query_scalar("SELECT rolled FROM progress")
                .fetch_optional(&mut *db)
                .await?;
            let rolled = match rolled {
                Some(ahead) if ahead > due => Some(set_back(db, due).await?),
                other => other,
            };
            // Gaps, like a night without an engine, are not walked through minute by minute.
            let Some(oldest) = oldest_raw(db, rolled.unwrap_or(i64::MIN)).await? else {
                return Ok(true);
            };
            let from = oldest.div_euclid(MINUTE) * MINUTE;
            if from >= due {
                return Ok(true);
            }
            let to = due.min(from + BATCH * MINUTE);
            roll_up_probes(db, from, to).await?;
            roll_up_usage(db, from, to).await?;
            sqlx::query(
                "INSERT INTO progress (id, rolled) VALUES (0, ?)
                     ON CONFLICT (id) DO UPDATE SET rolled = excluded.rolled",
            )
            .bind(to)
            .execute(db)
            .await?;
            Ok(to >= due)
        })
    }

    /// Lets go of what is too old, some instances at a time, and of instances with nothing left.
    async fn tidy(&self, now: Timestamp) -> Result<(), Error> {
        let mut after = -1;
        loop {
            let last: Option<i64> = transact!(self.history, "tidy measurements", |db| {
                let keys: Vec<i64> = sqlx::query_scalar(
                    "SELECT key FROM instances WHERE key > ? ORDER BY key LIMIT ?",
                )
                .bind(after)
                .bind(TIDY)
                .fetch_all(&mut *db)
                .await?;
                // Whole lists in one statement each, as they are written.
                forget(db, &keys, now).await?;
                Ok(keys.last().copied())
            })?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }
}

/// The clock was ahead and is not any more: minutes that had not come yet were taken for rolled up.
/// From here on they are rolled up as they pass, and so are the last ones: it may have been set while
/// they passed. Answers up to where they are rolled up now.
async fn set_back(db: &mut SqliteConnection, due: i64) -> Result<i64, sqlx::Error> {
    let rolled = due - BATCH * MINUTE;
    sqlx::query("UPDATE progress SET rolled = ?")
        .bind(rolled)
        .execute(db)
        .await?;
    Ok(rolled)
}

/// The oldest raw row at or after `from`.
pub(super) async fn oldest_raw(
    db: &mut SqliteConnection,
    from: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT min(coalesce(
                    (SELECT min(at) FROM probes WHERE probes.key = instances.key AND at >= ?1),
                    9223372036854775807),
                coalesce(
                    (SELECT min(at) FROM usage WHERE usage.key = instances.key AND at >= ?1),
                    9223372036854775807)) AS oldest
         FROM instances ORDER BY oldest LIMIT 1",
    )
    .bind(from)
    .fetch_optional(db)
    .await
    .map(|oldest: Option<i64>| oldest.filter(|at| *at != i64::MAX))
}

async fn roll_up_probes(db: &mut SqliteConnection, from: i64, to: i64) -> Result<(), sqlx::Error> {
    // A row for a minute and not for a probe: every row is a way from another thread.
    let minutes: Vec<(i64, i64, i64, i64, i64, String)> = sqlx::query_as(
        "SELECT probes.key, at - at % ?1 AS minute, count(*), sum(verdict = ?5), max(latency),
                json_group_array(latency) FILTER (WHERE verdict = ?6)
         FROM instances
         CROSS JOIN probes ON probes.key = instances.key AND at >= ?2 AND at < ?3
         WHERE kind = ?4 AND verdict <= ?5
         GROUP BY probes.key, minute",
    )
    .bind(MINUTE)
    .bind(from)
    .bind(to)
    .bind(HEALTH)
    .bind(FAIL)
    .bind(PASS)
    .fetch_all(&mut *db)
    .await?;
    let mut rolled = Vec::with_capacity(minutes.len());
    for (key, minute, probes, failed, highest, passed) in minutes {
        let passed: Vec<i64> =
            serde_json::from_str(&passed).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let mut passed: Vec<(i64, u64)> = passed.into_iter().map(|latency| (latency, 1)).collect();
        rolled.push((key, minute, probes, failed, median(&mut passed), highest));
    }
    let rolled = list(rolled.into_iter()).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT OR REPLACE INTO probe_minutes (key, at, probes, failed, median, highest)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each(?)",
    )
    .bind(rolled)
    .execute(db)
    .await?;
    Ok(())
}

async fn roll_up_usage(db: &mut SqliteConnection, from: i64, to: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO usage_minutes (key, at, count, cpu, memory, files)
         SELECT usage.key, at / 60000 * 60000 AS minute, count(*),
                cast(avg(cpu) AS INTEGER), cast(avg(memory) AS INTEGER), max(files)
         FROM instances
         CROSS JOIN usage ON usage.key = instances.key AND at >= ? AND at < ?
         GROUP BY usage.key, minute",
    )
    .bind(from)
    .bind(to)
    .execute(db)
    .await?;
    Ok(())
}

/// Of the instances with these keys.
async fn forget(
    db: &mut SqliteConnection,
    keys: &[i64],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let keys = list(keys.iter()).map_err(|error| sqlx::Error::Encode(error.into()))?;
    for (statement, kept) in [
        (
            "DELETE FROM probes WHERE key IN (SELECT value FROM json_each(?)) AND at < ?",
            RAW,
        ),
        (
            "DELETE FROM usage WHERE key IN (SELECT value FROM json_each(?)) AND at < ?",
            RAW,
        ),
        (
            "DELETE FROM probe_minutes WHERE key IN (SELECT value FROM json_each(?)) AND at < ?",
            MINUTES,
        ),
        (
            "DELETE FROM usage_minutes WHERE key IN (SELECT value FROM json_each(?)) AND at < ?",
            MINUTES,
        ),
        (
            "DELETE FROM probe_hours WHERE key IN (SELECT value FROM json_each(?)) AND at < ?",
            MINUTES + HOUR,
        ),
    ] {
        sqlx::query(statement)
            .bind(&keys)
            .bind(now.0 - kept)
            .execute(&mut *db)
            .await?;
    }
    sqlx::query(
        "DELETE FROM instances WHERE key IN (SELECT value FROM json_each(?))
            AND NOT EXISTS (SELECT 1 FROM probes WHERE key = instances.key)
            AND NOT EXISTS (SELECT 1 FROM usage WHERE key = instances.key)
            AND NOT EXISTS (SELECT 1 FROM probe_minutes WHERE key = instances.key)
            AND NOT EXISTS (SELECT 1 FROM usage_minutes WHERE key = instances.key)
            AND NOT EXISTS (SELECT 1 FROM probe_hours WHERE key = instances.key)",
    )
    .bind(&keys)
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{ProbeSample, Store, UsageSample};
    use model::{ClusterId, InstanceId, ProbeKind, Timestamp, Verdict};

    use super::HOUR;

    const DAY: i64 = 24 * HOUR;

    async fn count(store: &Store, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement)
            .fetch_one(store.inner.history.readers())
            .await
            .unwrap()
    }

    async fn fill(store: &Store, instance: &InstanceId, from: i64, to: i64) {
        let cluster: ClusterId = "shop".parse().unwrap();
        let times = || (from..to).step_by(5_000).map(Timestamp);
        let probes: Vec<_> = times()
            .map(|at| ProbeSample {
                at,
                cluster: cluster.clone(),
                instance: instance.clone(),
                kind: ProbeKind::Health,
                verdict: if at.0 % 60_000 == 0 {
                    Verdict::Fail
                } else {
                    Verdict::Pass
                },
                latency_us: 1_000,
            })
            .collect();
        let usage: Vec<_> = times()
            .map(|at| UsageSample {
                at,
                cluster: cluster.clone(),
                instance: instance.clone(),
                cpu: 0.5,
                memory: 1_000,
                files: None,
            })
            .collect();
        store.samples().append(&probes, &usage).await.unwrap();
    }

    async fn tend(store: &Store, now: i64) {
        while !store.samples().tend(Timestamp(now)).await.unwrap().done {}
    }

    #[tokio::test]
    async fn raw_rows_become_minutes_and_minutes_go() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let (old, new) = ("api.0".parse().unwrap(), "api.1".parse().unwrap());
        let begin = 20_000 * DAY;
        fill(&store, &old, begin, begin + HOUR).await;
        tend(&store, begin + HOUR).await;
        assert_eq!(count(&store, "SELECT count(*) FROM probes").await, 720);
        // The last minute is not old enough.
        assert_eq!(
            count(&store, "SELECT count(*) FROM probe_minutes").await,
            59
        );

        // A gap of two days is stepped over, not walked through.
        let later = begin + 2 * DAY;
        fill(&store, &new, later, later + HOUR).await;
        tend(&store, later + 2 * HOUR).await;
        assert_eq!(count(&store, "SELECT count(*) FROM probes").await, 720);
        assert_eq!(
            count(&store, "SELECT count(*) FROM probe_minutes").await,
            120
        );
        assert_eq!(
            count(&store, "SELECT count(*) FROM usage_minutes").await,
            120
        );
        assert_eq!(
            count(&store, "SELECT sum(probes) FROM probe_minutes").await,
            1_440
        );
        assert_eq!(
            count(&store, "SELECT sum(failed) FROM probe_minutes").await,
            120
        );

        tend(&store, begin + 8 * DAY).await;
        assert_eq!(count(&store, "SELECT count(*) FROM probes").await, 0);
        assert_eq!(
            count(&store, "SELECT count(*) FROM probe_minutes").await,
            60
        );
        assert_eq!(count(&store, "SELECT count(*) FROM instances").await, 1);
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_hides_nothing_that_comes_after() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let (cluster, instance) = ("shop".parse().unwrap(), "api.0".parse().unwrap());
        let begin = 20_000 * DAY;
        fill(&store, &instance, begin + 2 * DAY, begin + 2 * DAY + HOUR).await;
        tend(&store, begin + 2 * DAY + HOUR).await;
        // It is set right, and tended once a minute as ever.
        fill(&store, &instance, begin + 1, begin + 60_000).await;
        tend(&store, begin + 60_000).await;
        fill(&store, &instance, begin + 60_001, begin + HOUR).await;
        let range = async || {
            let (from, to) = (Timestamp(begin), Timestamp(begin + HOUR));
            let samples = store.samples();
            let range = samples.range(&cluster, &instance, from, to, 12);
            range.await.unwrap()
        };
        let raw = range().await;
        assert_eq!((raw[0].probes, raw[11].probes), (60, 60));
        tend(&store, begin + 2 * HOUR).await;
        assert_eq!(range().await, raw);
        // What was written with the wrong time is as it was when that time comes.
        tend(&store, begin + 2 * DAY + 2 * HOUR).await;
        assert_eq!(
            count(&store, "SELECT sum(probes) FROM probe_minutes").await,
            1_440
        );
    }

    #[tokio::test]
    async fn a_range_is_the_same_before_and_after_the_roll_up() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let (cluster, instance) = ("shop".parse().unwrap(), "api.0".parse().unwrap());
        let begin = 20_000 * DAY;
        // From just after the minute, so that no row lies on the edge between two buckets.
        fill(&store, &instance, begin + 1, begin + HOUR).await;
        let range = async || {
            let (from, to) = (Timestamp(begin), Timestamp(begin + HOUR));
            store
                .samples()
                .range(&cluster, &instance, from, to, 12)
                .await
                .unwrap()
        };
        let raw = range().await;
        assert_eq!((raw.len(), raw[0].probes, raw[0].failed), (12, 60, 0));
        assert_eq!(
            (raw[0].median_us, raw[0].highest_us),
            (Some(1_000), Some(1_000))
        );
        assert_eq!((raw[0].cpu, raw[0].memory), (Some(0.5), Some(1_000)));
        tend(&store, begin + 2 * HOUR).await;
        assert_eq!(range().await, raw);
        // And when only minutes are left.
        tend(&store, begin + 2 * DAY).await;
        assert_eq!(count(&store, "SELECT count(*) FROM probes").await, 0);
        assert_eq!(range().await, raw);
    }
}
