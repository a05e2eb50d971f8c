//! The outbox: what is to be sent to whom. It is written in the transaction of the event it tells, so
//! what was kept is sent, and what is sent was kept; and it is taken out when the receiver has it.

use crate::Error;
use crate::database::{Database, int, transact, uint};
use model::Timestamp;
use sqlx::SqliteConnection;
use std::collections::BTreeSet;

/// Rows that wait for one receiver: weeks of incidents, or an hour of every state of a busy home.
const MOST: i64 = 10_000;
/// Bytes that wait for one receiver.
const MOST_BYTES: i64 = 32 << 20;

/// One event that is to be sent to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The receiver, by name.
    pub target: String,
    /// The number of the event.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What is sent.
    pub body: String,
}

/// What waits for a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// So many.
    pub count: u64,
    /// Since when the oldest does.
    pub oldest: Option<Timestamp>,
    /// So many were given up, ever.
    pub lost: u64,
}

/// The outbox.
pub struct Outbox<'a> {
    pub(crate) state: &'a Database,
}

impl Outgoing {
    pub(crate) async fn write(&self, db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        // Once in it, an event is in it: also when the same batch is written again.
        sqlx::query(
            "INSERT INTO outbox (target, seq, at, bytes, body) SELECT ?1, ?2, ?3, ?4, ?5
             WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE target = ?1 AND seq = ?2)",
        )
        .bind(&self.target)
        .bind(int(self.seq))
        .bind(self.at.0)
        .bind(i64::try_from(self.body.len()).unwrap_or(i64::MAX))
        .bind(&self.body)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Gives up the oldest of receivers that have more waiting than there is room for.
pub(crate) async fn let_go(
    db: &mut SqliteConnection,
    written: &[Outgoing],
) -> Result<(), sqlx::Error> {
    let targets: BTreeSet<&str> = written.iter().map(|one| one.target.as_str()).collect();
    for target in targets {
        // Newest first, how many and how much are there down to each; the first that is over goes,
        // with all before it. What was written last always stays.
        let over: Option<i64> = sqlx::query_scalar(
            "SELECT seq FROM (
                SELECT seq, row_number() OVER newest AS n, sum(bytes) OVER newest AS bytes
                FROM outbox WHERE target = ?1 WINDOW newest AS (ORDER BY seq DESC)
             ) WHERE n > 1 AND (n > ?2 OR bytes > ?3) ORDER BY seq DESC LIMIT 1",
        )
        .bind(target)
        .bind(MOST)
        .bind(MOST_BYTES)
        .fetch_optional(&mut *db)
        .await?;
        if let Some(over) = over {
            let gone = sqlx::query("DELETE FROM outbox WHERE target = ? AND seq <= ?")
                .bind(target)
                .bind(over)
                .execute(&mut *db)
                .await?;
            count_lost(db, target, gone.rows_affected()).await?;
        }
    }
    Ok(())
}

async fn count_lost(db: &mut SqliteConnection, target: &str, lost: u64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO outbox_targets (target, lost, body) VALUES (?, ?, '')
             ON CONFLICT (target) DO UPDATE SET lost = lost + excluded.lost",
    )
    .bind(target)
    .bind(int(lost))
    .execute(db)
    .await?;
    Ok(())
}

impl Outbox<'_> {
    /// What is to be sent next to this receiver.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next(&self, target: &str) -> Result<Option<Outgoing>, Error> {
        let row: Option<(i64, i64, String)> = sqlx::query_as(
            "SELECT seq, at, body FROM outbox WHERE target = ? ORDER BY seq LIMIT 1",
        )
        .bind(target)
        .fetch_optional(self.state.readers())
        .await
        .map_err(|error| self.state.error("read what is to be sent", error))?;
        Ok(row.map(|(seq, at, body)| Outgoing {
            target: target.to_owned(),
            seq: uint(seq),
            at: Timestamp(at),
            body,
        }))
    }

    /// The receiver has this one, or never will; `remember` is written with it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn done(&self, target: &str, seq: u64, remember: &str) -> Result<(), Error> {
        transact!(self.state, "note what was sent", |db| {
            sqlx::query("DELETE FROM outbox WHERE target = ? AND seq = ?")
                .bind(target)
                .bind(int(seq))
                .execute(&mut *db)
                .await?;
            remember_in(db, target, remember).await
        })
    }

    /// Remembers something about a receiver.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remember(&self, target: &str, what: &str) -> Result<(), Error> {
        transact!(self.state, "note what was sent", |db| {
            remember_in(db, target, what).await
        })
    }

    /// What was remembered about a receiver.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remembered(&self, target: &str) -> Result<Option<String>, Error> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT body FROM outbox_targets WHERE target = ?")
                .bind(target)
                .fetch_optional(self.state.readers())
                .await
                .map_err(|error| self.state.error("read what was sent", error))?;
        Ok(found.filter(|body| !body.is_empty()))
    }

    /// Gives up what happened before this. Answers how many there were.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn expire(&self, target: &str, before: Timestamp) -> Result<u64, Error> {
        let old: i64 =
            sqlx::query_scalar("SELECT count(*) FROM outbox WHERE target = ? AND at < ?")
                .bind(target)
                .bind(before.0)
                .fetch_one(self.state.readers())
                .await
                .map_err(|error| self.state.error("read what is to be sent", error))?;
        if old == 0 {
            return Ok(0);
        }
        transact!(self.state, "give up what is too old", |db| {
            let gone = sqlx::query("DELETE FROM outbox WHERE target = ? AND at < ?")
                .bind(target)
                .bind(before.0)
                .execute(&mut *db)
                .await?
                .rows_affected();
            count_lost(db, target, gone).await?;
            Ok(gone)
        })
    }

    /// What waits for a receiver.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn waiting(&self, target: &str) -> Result<Waiting, Error> {
        let (count, oldest, lost): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT count(*), min(at), (SELECT lost FROM outbox_targets WHERE target = ?1)
             FROM outbox WHERE target = ?1",
        )
        .bind(target)
        .fetch_one(self.state.readers())
        .await
        .map_err(|error| self.state.error("read what is to be sent", error))?;
        Ok(Waiting {
            count: uint(count),
            oldest: oldest.map(Timestamp),
            lost: uint(lost.unwrap_or(0)),
        })
    }

    /// Forgets every receiver but these, with all that waits for it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn forget_others(&self, known: &BTreeSet<&str>) -> Result<(), Error> {
        let all: Vec<String> =
            sqlx::query_scalar("SELECT target FROM outbox_targets UNION SELECT target FROM outbox")
                .fetch_all(self.state.readers())
                .await
                .map_err(|error| self.state.error("read what is to be sent", error))?;
        let gone: Vec<String> = all
            .into_iter()
            .filter(|target| !known.contains(target.as_str()))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        transact!(self.state, "forget receivers", |db| {
            for target in &gone {
                for sql in [
                    "DELETE FROM outbox WHERE target = ?",
                    "DELETE FROM outbox_targets WHERE target = ?",
                ] {
                    sqlx::query(sql).bind(target).execute(&mut *db).await?;
                }
            }
            Ok(())
        })
    }
}

async fn remember_in(
    db: &mut SqliteConnection,
    target: &str,
    what: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO outbox_targets (target, lost, body) VALUES (?, 0, ?)
             ON CONFLICT (target) DO UPDATE SET body = excluded.body",
    )
    .bind(target)
    .bind(what)
    .execute(db)
    .await?;
    Ok(())
}
