//! What registered itself with the registry. Heartbeats are not written, so what is read back is
//! given its whole time again.

use crate::database::{Database, transact};
use crate::many::Many;
use crate::{Error, acts};
use model::{Act, Timestamp};

/// An entry that registered itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registered {
    /// The name it is found by.
    pub name: String,
    /// Its id within the name.
    pub id: String,
    /// Since when.
    pub since: Timestamp,
    /// All it said, as JSON.
    pub body: String,
}

/// What is written at once: acts with what came of them, and what they did.
#[derive(Debug, Default)]
pub struct Registering {
    /// Acts that are over.
    pub acts: Vec<Act>,
    /// Entries that are new or changed; at most one of a name and id.
    pub put: Vec<Registered>,
    /// Entries that are gone, by name and id; none that is put as well.
    pub removed: Vec<(String, String)>,
}

impl Registering {
    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty() && self.put.is_empty() && self.removed.is_empty()
    }
}

/// Entries, however many they are.
static MANY: Many = Many::new(
    "registered (name, id, since, body)",
    4,
    "ON CONFLICT (name, id) DO UPDATE SET since = excluded.since, body = excluded.body",
);

/// What registered itself.
pub struct Registry<'a> {
    pub(crate) state: &'a Database,
}

impl Registry<'_> {
    /// Writes all of it as one transaction, which waits for the disk once. Each kind is one statement,
    /// however many rows it has.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&self, all: &Registering) -> Result<(), Error> {
        if all.is_empty() {
            return Ok(());
        }
        let acts = acts::over(&all.acts)?;
        let removed = (!all.removed.is_empty()).then(|| serde_json::to_string(&all.removed));
        let removed = removed.transpose();
        let removed = removed.map_err(|error| Error::row("registered", "of several", error))?;
        transact!(self.state, "write what registered itself", |db| {
            acts::write(db, &acts).await?;
            if let Some(removed) = &removed {
                sqlx::query(
                    "DELETE FROM registered WHERE (name, id) IN
                         (SELECT value->>0, value->>1 FROM json_each(?))",
                )
                .bind(removed)
                .execute(&mut *db)
                .await?;
            }
            MANY.write(db, &all.put, |statement, one| {
                statement
                    .bind(&one.name)
                    .bind(&one.id)
                    .bind(one.since.0)
                    .bind(&one.body)
            })
            .await
        })
    }

    /// All of them, by name and id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all(&self) -> Result<Vec<Registered>, Error> {
        let rows: Vec<(String, String, i64, String)> =
            sqlx::query_as("SELECT name, id, since, body FROM registered ORDER BY name, id")
                .fetch_all(self.state.readers())
                .await
                .map_err(|error| self.state.error("read what registered itself", error))?;
        Ok(rows
            .into_iter()
            .map(|(name, id, since, body)| Registered {
                name,
                id,
                since: Timestamp(since),
                body,
            })
            .collect())
    }
}
