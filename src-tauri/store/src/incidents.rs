//! Incidents: the head of each as it is now, and its timeline line by line.

use crate::Error;
use crate::database::{Database, int, transact, uint};
use model::incident::{KEPT_FIRST, KEPT_LAST};
use model::{ClusterId, Incident, IncidentEntry, IncidentId, InstanceId, ServiceName, Timestamp};
use sqlx::SqliteConnection;

/// Ended incidents that are kept.
const KEPT: i64 = 10_000;

/// Which incidents.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// Of this cluster alone.
    pub cluster: Option<ClusterId>,
    /// With this service at the root alone.
    pub service: Option<ServiceName>,
    /// Only those that go on.
    pub open: bool,
    /// Only those that were open at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: u32,
}

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
        .bind(self.incident.state.unended())
        .bind(self.incident.opened.0)
        .bind(self.incident.resolved.map(|at| at.0))
        .bind(&self.body)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// A line of a timeline as a row.
pub(crate) struct Entry {
    incident: i64,
    n: u32,
    body: String,
}

impl Entry {
    pub(crate) fn of((id, entry): &(IncidentId, IncidentEntry)) -> Result<Self, Error> {
        let body = serde_json::to_string(entry)
            .map_err(|error| Error::row("incident_entries", id.0, error))?;
        Ok(Self {
            incident: int(id.0),
            n: entry.n,
            body,
        })
    }

    /// Its incident must be there. Of a long timeline the middle is let go of.
    pub(crate) async fn write(&self, db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO incident_entries (incident, n, body) VALUES (?, ?, ?)
                 ON CONFLICT (incident, n) DO NOTHING",
        )
        .bind(self.incident)
        .bind(self.n)
        .bind(&self.body)
        .execute(&mut *db)
        .await?;
        let end = self.n.saturating_sub(KEPT_LAST);
        if end > KEPT_FIRST {
            sqlx::query("DELETE FROM incident_entries WHERE incident = ? AND n > ? AND n <= ?")
                .bind(self.incident)
                .bind(KEPT_FIRST)
                .bind(end)
                .execute(db)
                .await?;
        }
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

    /// Those that the filter leaves, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, Error> {
        // Its instances lie between these: '/' follows '.'.
        let (from, to) = match &filter.service {
            Some(service) => (format!("{service}."), format!("{service}/")),
            None => (String::new(), "~".to_owned()),
        };
        let rows = sqlx::query_as(
            "SELECT id, body FROM incidents
             WHERE (?1 IS NULL OR cluster = ?1) AND instance >= ?2 AND instance < ?3
               AND (open = 1 OR (NOT ?4 AND (?5 IS NULL OR coalesce(ended, opened) >= ?5)))
             ORDER BY id DESC LIMIT ?6",
        )
        .bind(filter.cluster.as_ref().map(ClusterId::as_str))
        .bind(from)
        .bind(to)
        .bind(filter.open)
        .bind(filter.since.map(|since| since.0))
        .bind(filter.limit)
        .fetch_all(self.state.readers())
        .await;
        self.incidents(rows)
    }

    /// One of them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn one(&self, id: IncidentId) -> Result<Option<Incident>, Error> {
        let rows = sqlx::query_as("SELECT id, body FROM incidents WHERE id = ?")
            .bind(int(id.0))
            .fetch_all(self.state.readers())
            .await;
        Ok(self.incidents(rows)?.pop())
    }

    /// What is kept of its timeline, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn timeline(&self, id: IncidentId) -> Result<Vec<IncidentEntry>, Error> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT n, body FROM incident_entries WHERE incident = ? ORDER BY n")
                .bind(int(id.0))
                .fetch_all(self.state.readers())
                .await
                .map_err(|error| self.state.error("read an incident's timeline", error))?;
        rows.into_iter()
            .map(|(n, body)| {
                serde_json::from_str(&body)
                    .map_err(|error| Error::row("incident_entries", format!("{}/{n}", id.0), error))
            })
            .collect()
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
