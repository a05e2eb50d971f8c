//! Keys and values that programs keep with the registry. What they mean is nobody's business here.

use crate::database::{Database, int, transact, uint};
use crate::{Error, acts};
use model::Act;

/// A key and what is under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key, whole.
    pub key: String,
    /// The value; any bytes.
    pub value: Vec<u8>,
    /// A number that the program may use as it likes.
    pub flags: u64,
    /// The registry's index when the key was made.
    pub created: u64,
    /// The registry's index when it last changed.
    pub modified: u64,
}

/// Keys and values.
pub struct Pairs<'a> {
    pub(crate) state: &'a Database,
}

impl Pairs<'_> {
    /// Writes pairs, removes keys and writes down the acts that did so, as one transaction. A key that is
    /// not there does no harm.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write<'p>(
        &self,
        puts: impl Iterator<Item = &'p Pair> + Clone + Send,
        removed: impl Iterator<Item = &'p str> + Clone + Send,
        acts: &[Act],
    ) -> Result<(), Error> {
        let acts = acts::over(acts)?;
        transact!(self.state, "write keys and values", |db| {
            acts::write(db, &acts).await?;
            for pair in puts.clone() {
                sqlx::query(
                    "INSERT INTO pairs (key, value, flags, created, modified)
                         VALUES (?, ?, ?, ?, ?)
                         ON CONFLICT (key) DO UPDATE SET
                            value = excluded.value, flags = excluded.flags,
                            created = excluded.created, modified = excluded.modified",
                )
                .bind(&pair.key)
                .bind(&pair.value)
                .bind(pair.flags.cast_signed())
                .bind(int(pair.created))
                .bind(int(pair.modified))
                .execute(&mut *db)
                .await?;
            }
            for key in removed.clone() {
                sqlx::query("DELETE FROM pairs WHERE key = ?")
                    .bind(key)
                    .execute(&mut *db)
                    .await?;
            }
            Ok(())
        })
    }

    /// All of them, by key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all(&self) -> Result<Vec<Pair>, Error> {
        let rows: Vec<(String, Vec<u8>, i64, i64, i64)> =
            sqlx::query_as("SELECT key, value, flags, created, modified FROM pairs ORDER BY key")
                .fetch_all(self.state.readers())
                .await
                .map_err(|error| self.state.error("read keys and values", error))?;
        Ok(rows
            .into_iter()
            .map(|(key, value, flags, created, modified)| Pair {
                key,
                value,
                flags: flags.cast_unsigned(),
                created: uint(created),
                modified: uint(modified),
            })
            .collect())
    }
}
