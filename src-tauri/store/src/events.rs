//! Events, in the order of their numbers, and the state changes among them by instance.

use crate::Error;
use crate::database::{Database, int, transact, uint};
use model::{ClusterId, Event, EventKind, InstanceId, NameError, ServiceName, State, Timestamp};
use sqlx::SqliteConnection;
use std::collections::BTreeMap;

/// Events that are kept: some weeks of a home that is not on fire.
const KEPT: i64 = 100_000;

/// Events.
pub struct Events<'a> {
    pub(crate) state: &'a Database,
}

/// An event as a row, and the change of state it tells.
pub(crate) struct Row<'a> {
    event: &'a Event,
    body: String,
    change: Option<(&'a str, String, &'static str)>,
}

impl<'a> Row<'a> {
    pub(crate) fn of(event: &'a Event) -> Result<Self, Error> {
        let body = serde_json::to_string(event).map_err(|e| Error::row("events", event.seq, e))?;
        let change = match (&event.cluster, &event.what) {
            (Some(cluster), EventKind::StateChanged { instance, to, .. }) => {
                Some((cluster.as_str(), instance.to_string(), to.as_str()))
            }
            _ => None,
        };
        Ok(Self {
            event,
            body,
            change,
        })
    }

    pub(crate) async fn write(&self, db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let inserted = sqlx::query(
            "INSERT INTO events (seq, at, body) VALUES (?, ?, ?)
                 ON CONFLICT (seq) DO NOTHING",
        )
        .bind(int(self.event.seq))
        .bind(self.event.at.0)
        .bind(&self.body)
        .execute(&mut *db)
        .await?;
        if let Some((cluster, instance, state)) = &self.change
            && inserted.rows_affected() > 0
        {
            sqlx::query(
                "INSERT INTO states (cluster, instance, at, seq, state)
                     VALUES (?, ?, ?, ?, ?)",
            )
            .bind(*cluster)
            .bind(instance)
            .bind(self.event.at.0)
            .bind(int(self.event.seq))
            .bind(*state)
            .execute(db)
            .await?;
        }
        Ok(())
    }
}

/// Lets go of the oldest events beyond those that are kept, now that these are there.
pub(crate) async fn let_go(db: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let Some(newest) = rows.iter().map(|row| row.event.seq).max() else {
        return Ok(());
    };
    // Foreign keys take the states along.
    sqlx::query("DELETE FROM events WHERE seq <= ?")
        .bind(int(newest) - KEPT)
        .execute(db)
        .await?;
    Ok(())
}

impl Events<'_> {
    /// Writes events as one transaction, and lets go of the oldest beyond 100,000. Writing one
    /// that is there already changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn append(&self, events: &[Event]) -> Result<(), Error> {
        let rows = events.iter().map(Row::of).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Ok(());
        }
        transact!(self.state, "write events", |db| {
            for row in &rows {
                row.write(db).await?;
            }
            let_go(db, &rows).await
        })
    }

    /// Up to `limit` events that follow number `seq`, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn after(&self, seq: u64, limit: u32) -> Result<Vec<Event>, Error> {
        let rows =
            sqlx::query_as("SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?")
                .bind(int(seq))
                .bind(limit)
                .fetch_all(self.state.readers())
                .await;
        self.events(rows)
    }

    /// The newest `limit` events, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recent(&self, limit: u32) -> Result<Vec<Event>, Error> {
        let rows = sqlx::query_as("SELECT seq, body FROM events ORDER BY seq DESC LIMIT ?")
            .bind(limit)
            .fetch_all(self.state.readers())
            .await;
        let mut events = self.events(rows)?;
        events.reverse();
        Ok(events)
    }

    /// The highest number given; 0 when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last_seq(&self) -> Result<u64, Error> {
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM events")
            .fetch_one(self.state.readers())
            .await
            .map_err(|error| self.state.error("read events", error))?;
        Ok(uint(last))
    }

    /// The states an instance entered from `from` to `to`, oldest first; the first one is the
    /// state it was already in at `from`, if that is known. Of more than `limit` changes the
    /// newest are given.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn states(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Timestamp, State)>, Error> {
        let mut rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT at, state FROM states
             WHERE cluster = ?1 AND instance = ?2 AND at <= ?4 AND at >= coalesce(
                (SELECT at FROM states WHERE cluster = ?1 AND instance = ?2 AND at <= ?3
                 ORDER BY at DESC LIMIT 1), ?3)
             ORDER BY at DESC, seq DESC LIMIT ?5",
        )
        .bind(cluster.as_str())
        .bind(instance.to_string())
        .bind(from.0)
        .bind(to.0)
        .bind(limit)
        .fetch_all(self.state.readers())
        .await
        .map_err(|error| self.state.error("read states", error))?;
        rows.reverse();
        rows.into_iter()
            .map(|(at, state)| {
                let state = serde_json::from_value(serde_json::Value::String(state))
                    .map_err(|error| Error::row("states", at, error))?;
                Ok((Timestamp(at), state))
            })
            .collect()
    }

    /// The states that every instance of a cluster entered from `from` to `to`, or of this one service
    /// of it, each oldest first; the first one of each is the state it was already in at `from`, if
    /// that is known. Of more than `limit` changes the newest are given.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all_states(
        &self,
        cluster: &ClusterId,
        service: Option<&ServiceName>,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<BTreeMap<InstanceId, Vec<(Timestamp, State)>>, Error> {
        // Dots are in no service's name: "api.%" is the instances of api and nobody else's.
        let like = service.map_or("%".to_owned(), |service| format!("{service}.%"));
        let rows: Vec<(String, i64, String)> = sqlx::query_as(
            // Of a row beside a maximum SQLite gives what stands beside that maximum.
            "SELECT instance, at, state FROM (
                SELECT instance, at, max(seq) AS seq, state FROM states
                    WHERE cluster = ?1 AND instance LIKE ?2 AND at <= ?3 GROUP BY instance
                UNION ALL
                SELECT instance, at, seq, state FROM states
                    WHERE cluster = ?1 AND instance LIKE ?2 AND at > ?3 AND at <= ?4
             ) ORDER BY at DESC, seq DESC LIMIT ?5",
        )
        .bind(cluster.as_str())
        .bind(like)
        .bind(from.0)
        .bind(to.0)
        .bind(limit)
        .fetch_all(self.state.readers())
        .await
        .map_err(|error| self.state.error("read states", error))?;
        let mut found: BTreeMap<InstanceId, Vec<(Timestamp, State)>> = BTreeMap::new();
        for (instance, at, state) in rows.into_iter().rev() {
            let named = instance
                .parse()
                .map_err(|error: NameError| Error::row("states", &instance, error))?;
            let state = serde_json::from_value(serde_json::Value::String(state))
                .map_err(|error| Error::row("states", at, error))?;
            found.entry(named).or_default().push((Timestamp(at), state));
        }
        Ok(found)
    }

    fn events(&self, rows: Result<Vec<(i64, String)>, sqlx::Error>) -> Result<Vec<Event>, Error> {
        rows.map_err(|error| self.state.error("read events", error))?
            .into_iter()
            .map(|(seq, body)| {
                serde_json::from_str(&body).map_err(|error| Error::row("events", seq, error))
            })
            .collect()
    }
}
