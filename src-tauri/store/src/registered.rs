//! What registered itself with the registry. Heartbeats are not written, so what is read back is
//! given its whole time again.

use crate::acts::text_of;
use crate::database::{Database, transact};
use crate::{Error, acts};
use model::{Act, Timestamp};

/// An entry that registered itself.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What registered itself.
pub struct Registry<'a> {
    pub(crate) state: &'a Database,
}

impl Registry<'_> {
    /// Writes all of it as one transaction, which waits for the disk once. Each kind is one statement,
    /// however many rows it has: every statement is a way to the writer's thread and back.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&self, all: &Registering) -> Result<(), Error> {
        if all.is_empty() {
            return Ok(());
        }
        let acts = (!all.acts.is_empty()).then(|| acts::array(&all.acts));
        let acts = acts.transpose()?;
        let put = (!all.put.is_empty()).then(|| rows(&all.put)).transpose()?;
        let removed = (!all.removed.is_empty()).then(|| text_of("registered", &all.removed));
        let removed = removed.transpose()?;
        transact!(self.state, "write what registered itself", |db| {
            if let Some(acts) = &acts {
                acts::write_array(db, acts).await?;
            }
            if let Some(removed) = &removed {
                sqlx::query(
                    "DELETE FROM registered WHERE (name, id) IN
                         (SELECT value->>0, value->>1 FROM json_each(?))",
                )
                .bind(removed)
                .execute(&mut *db)
                .await?;
            }
            if let Some(put) = &put {
                sqlx::query(
                    "INSERT INTO registered (name, id, since, body)
                         SELECT value->>0, value->>1, value->>2, value->3
                         FROM json_each(?) WHERE true
                         ON CONFLICT (name, id) DO UPDATE SET
                            since = excluded.since, body = excluded.body",
                )
                .bind(put)
                .execute(db)
                .await?;
            }
            Ok(())
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

/// An array of arrays; the bodies are JSON already.
fn rows(put: &[Registered]) -> Result<String, Error> {
    let mut text = String::from("[");
    for one in put {
        if text.len() > 1 {
            text.push(',');
        }
        let mut key = text_of("registered", &(&one.name, &one.id, one.since))?;
        key.pop();
        text += &key;
        text.push(',');
        text += &one.body;
        text.push(']');
    }
    text.push(']');
    Ok(text)
}
