//! Incidents: the whole of each as it is now.

use crate::Error;
use crate::database::{Database, int, transact, uint};
use model::{ClusterId, Incident, IncidentId, IncidentState, InstanceId, Timestamp};
use sqlx::SqliteConnection;

/// Ended incidents that are kept.
const KEPT: i64 = 10_000;

/// Incidents.
pub struct Incidents<'a> {
    pub(crate) state: &'a Database,
}

/// An incident as a row.
pub(crate) struct Row<'a> {
    incident: &'a Incident,
    instance: String,
    body: String,
}

impl<'a> Row<'a> {
    pub(crate) fn of(incident: &'a Incident) -> Result<Self, Error> {
        let body = serde_json::to_string(incident)
            .map_err(|error| Error::row("incidents", incident.id.0, error))?;
        Ok(Self {
            incident,
            instance: incident.instance.to_string(),
            body,
        })
    }

    pub(crate) async fn write(&self, db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO incidents (id, cluster, instance, open, opened, ended, body)
                 VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (id) DO UPDATE SET
                    cluster = excluded.cluster, instance = excluded.instance,
                    open = excluded.open, opened = excluded.opened,
                    ended = excluded.ended, body = excluded.body",
        )
        .bind(int(self.incident.id.0))
        .bind(self.incident.cluster.as_str())
        .bind(&self.instance)
        .bind(self.incident.state == IncidentState::Open)
        .bind(self.incident.opened.0)
        .bind(self.incident.resolved.map(|at| at.0))
        .bind(&self.body)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Lets go of the oldest ended incidents beyond those that are kept, now that these are there.
pub(crate) async fn let_go(db: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let Some(newest) = rows.iter().map(|row| row.incident.id.0).max() else {
        return Ok(());
    };
    sqlx::query("DELETE FROM incidents WHERE id <= ? AND open = 0")
        .bind(int(newest) - KEPT)
        .execute(db)
        .await?;
    Ok(())
}

impl Incidents<'_> {
    /// Writes an incident as it is now.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upsert(&self, incident: &Incident) -> Result<(), Error> {
        let row = Row::of(incident)?;
        transact!(self.state, "write an incident", |db| {
            row.write(db).await?;
            let_go(db, std::slice::from_ref(&row)).await
        })
    }

    /// Closes all that are open, however many and however old: who would have ended them is gone.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn close_open(&self, at: Timestamp) -> Result<(), Error> {
        let mut closed = Vec::new();
        for mut incident in self.open().await? {
            incident.state = IncidentState::Closed;
            incident.resolved = Some(at);
            let body = serde_json::to_string(&incident)
                .map_err(|error| Error::row("incidents", incident.id.0, error))?;
            closed.push((int(incident.id.0), body));
        }
        if closed.is_empty() {
            return Ok(());
        }
        transact!(self.state, "close incidents", |db| {
            for (id, body) in &closed {
                sqlx::query("UPDATE incidents SET open = 0, ended = ?, body = ? WHERE id = ?")
                    .bind(at.0)
                    .bind(body)
                    .bind(id)
                    .execute(&mut *db)
                    .await?;
            }
            Ok(())
        })
    }

    /// All that are open, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(&self) -> Result<Vec<Incident>, Error> {
        let rows = sqlx::query_as("SELECT id, body FROM incidents WHERE open = 1 ORDER BY id DESC")
            .fetch_all(self.state.readers())
            .await;
        self.incidents(rows)
    }

    /// The newest `limit`, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recent(&self, limit: u32) -> Result<Vec<Incident>, Error> {
        let rows = sqlx::query_as("SELECT id, body FROM incidents ORDER BY id DESC LIMIT ?")
            .bind(limit)
            .fetch_all(self.state.readers())
            .await;
        self.incidents(rows)
    }

    /// Those with this instance at their root that were open at some time from `from` to `to`,
    /// oldest first, at most `limit`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn of_instance(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<Incident>, Error> {
        let rows = sqlx::query_as(
            "SELECT id, body FROM incidents
             WHERE cluster = ? AND instance = ? AND opened <= ?
               AND coalesce(ended, 9223372036854775807) >= ?
             ORDER BY opened, id LIMIT ?",
        )
        .bind(cluster.as_str())
        .bind(instance.to_string())
        .bind(to.0)
        .bind(from.0)
        .bind(limit)
        .fetch_all(self.state.readers())
        .await;
        self.incidents(rows)
    }

    /// The highest number given; 0 when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last_id(&self) -> Result<IncidentId, Error> {
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM incidents")
            .fetch_one(self.state.readers())
            .await
            .map_err(|error| self.state.error("read incidents", error))?;
        Ok(IncidentId(uint(last)))
    }

    fn incidents(
        &self,
        rows: Result<Vec<(i64, String)>, sqlx::Error>,
    ) -> Result<Vec<Incident>, Error> {
        rows.map_err(|error| self.state.error("read incidents", error))?
            .into_iter()
            .map(|(id, body)| {
                serde_json::from_str(&body).map_err(|error| Error::row("incidents", id, error))
            })
            .collect()
    }
}
