//! Rolling up hours that are over, for windows of days.

use super::retention::{GRACE, TIDY, oldest_raw};
use super::windows::HOUR;
use super::{FAIL, HEALTH, PASS, Samples, Sketch, list};
use crate::Error;
use crate::database::transact;
use model::Timestamp;
use sqlx::sqlite::SqliteConnection;

/// Hours rolled up in one call: after a long night there are no more than raw rows are kept for.
const HOURS: u32 = 4;

impl Samples<'_> {
    /// Rolls up the hours that are over. True when none are left.
    pub(super) async fn roll_up_hours(&self, now: Timestamp) -> Result<bool, Error> {
        let due = (now.0 - GRACE).div_euclid(HOUR) * HOUR;
        for _ in 0..HOURS {
            let next: Option<i64> = transact!(self.history, "roll up measurements", |db| {
                next_hour(db, due).await
            })?;
            let Some(hour) = next else {
                return Ok(true);
            };
            let mut after = Some(-1);
            while let Some(last) = after {
                after = transact!(self.history, "roll up measurements", |db| {
                    roll_up_some(db, hour, last).await
                })?;
            }
            transact!(self.history, "roll up measurements", |db| {
                sqlx::query(
                    "INSERT INTO hour_progress (id, rolled) VALUES (0, ?)
                         ON CONFLICT (id) DO UPDATE SET rolled = excluded.rolled",
                )
                .bind(hour + HOUR)
                .execute(db)
                .await?;
                Ok(())
            })?;
        }
        Ok(false)
    }
}

/// The next hour before `due` that something was measured in.
async fn next_hour(db: &mut SqliteConnection, due: i64) -> Result<Option<i64>, sqlx::Error> {
    let rolled: Option<i64> = sqlx::query_scalar("SELECT rolled FROM hour_progress")
        .fetch_optional(&mut *db)
        .await?;
    let rolled = match rolled {
        // The clock was ahead: hours that had not come yet were taken for rolled up, and the last one
        // may have been cut off. They are counted anew, from the rows there are.
        Some(ahead) if ahead > due => {
            sqlx::query("UPDATE hour_progress SET rolled = ?")
                .bind(due - HOUR)
                .execute(&mut *db)
                .await?;
            due - HOUR
        }
        other => other.unwrap_or(i64::MIN / 2),
    };
    let oldest = oldest_raw(db, rolled).await?;
    Ok(oldest
        .map(|at| at.div_euclid(HOUR) * HOUR)
        .filter(|hour| *hour < due))
}

/// Rolls up this hour of the next instances after a key. Answers the last one's; `None` when there are
/// no more.
async fn roll_up_some(
    db: &mut SqliteConnection,
    hour: i64,
    after: i64,
) -> Result<Option<i64>, sqlx::Error> {
    let keys: Vec<i64> =
        sqlx::query_scalar("SELECT key FROM instances WHERE key > ? ORDER BY key LIMIT ?")
            .bind(after)
            .bind(TIDY)
            .fetch_all(&mut *db)
            .await?;
    let Some(last) = keys.last().copied() else {
        return Ok(None);
    };
    // A row for an instance and not for a probe: every row is a way from another thread.
    let hours: Vec<(i64, i64, i64, i64, String)> = sqlx::query_as(
        "SELECT probes.key, count(*), sum(verdict = ?5), max(latency),
                json_group_array(latency) FILTER (WHERE verdict = ?6)
         FROM json_each(?1) AS named
         CROSS JOIN probes ON probes.key = named.value AND at >= ?2 AND at < ?3
         WHERE kind = ?4 AND verdict <= ?5
         GROUP BY probes.key",
    )
    .bind(list(keys.iter()).map_err(|error| sqlx::Error::Encode(error.into()))?)
    .bind(hour)
    .bind(hour + HOUR)
    .bind(HEALTH)
    .bind(FAIL)
    .bind(PASS)
    .fetch_all(&mut *db)
    .await?;
    let mut rolled = Vec::with_capacity(hours.len());
    for (key, probes, failed, highest, passed) in hours {
        let passed: Vec<u64> =
            serde_json::from_str(&passed).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let mut sketch = Sketch::default();
        passed.into_iter().for_each(|latency| sketch.add(latency));
        let latencies = serde_json::to_string(&sketch.pairs())
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        rolled.push((key, hour, probes, failed, highest, latencies));
    }
    let rolled = list(rolled.into_iter()).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT OR REPLACE INTO probe_hours (key, at, probes, failed, highest, latencies)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each(?)",
    )
    .bind(rolled)
    .execute(db)
    .await?;
    Ok(Some(last))
}
