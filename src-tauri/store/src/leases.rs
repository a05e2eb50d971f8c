//! Leases of the registry: who registered itself. Heartbeats are not written, so a lease that is
//! read back is given its whole time again.

use crate::Error;
use crate::database::{Database, int, transact, uint};
use model::Timestamp;

/// An entry that registered itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The name it is found by.
    pub name: String,
    /// Its id within the name.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What it said about itself, as JSON.
    pub meta: String,
    /// How long it is listed without a heartbeat, in milliseconds.
    pub ttl_ms: u64,
    /// Since when.
    pub since: Timestamp,
}

/// Leases of the registry.
pub struct Leases<'a> {
    pub(crate) state: &'a Database,
}

impl Leases<'_> {
    /// Writes a lease, replacing the one of the same name and id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upsert(&self, lease: &Lease) -> Result<(), Error> {
        transact!(self.state, "write a lease", |db| {
            sqlx::query(
                "INSERT INTO leases (name, id, url, meta, ttl_ms, since)
                     VALUES (?, ?, ?, ?, ?, ?)
                     ON CONFLICT (name, id) DO UPDATE SET
                        url = excluded.url, meta = excluded.meta,
                        ttl_ms = excluded.ttl_ms, since = excluded.since",
            )
            .bind(&lease.name)
            .bind(&lease.id)
            .bind(&lease.url)
            .bind(&lease.meta)
            .bind(int(lease.ttl_ms))
            .bind(lease.since.0)
            .execute(db)
            .await?;
            Ok(())
        })
    }

    /// Removes leases by name and id, as one transaction. Those that are not there do no harm.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove(&self, keys: &[(String, String)]) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        transact!(self.state, "remove leases", |db| {
            for (name, id) in keys {
                sqlx::query("DELETE FROM leases WHERE name = ? AND id = ?")
                    .bind(name)
                    .bind(id)
                    .execute(&mut *db)
                    .await?;
            }
            Ok(())
        })
    }

    /// All of them, by name and id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all(&self) -> Result<Vec<Lease>, Error> {
        let rows: Vec<(String, String, String, String, i64, i64)> = sqlx::query_as(
            "SELECT name, id, url, meta, ttl_ms, since FROM leases ORDER BY name, id",
        )
        .fetch_all(self.state.readers())
        .await
        .map_err(|error| self.state.error("read leases", error))?;
        Ok(rows
            .into_iter()
            .map(|(name, id, url, meta, ttl_ms, since)| Lease {
                name,
                id,
                url,
                meta,
                ttl_ms: uint(ttl_ms),
                since: Timestamp(since),
            })
            .collect())
    }
}
