//! Single values by name.

use crate::Error;
use crate::database::{Database, transact};

/// Single values by name.
pub struct Meta<'a> {
    pub(crate) state: &'a Database,
}

impl Meta<'_> {
    /// The version of SQLite that is used.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sqlite(&self) -> Result<String, Error> {
        sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(self.state.readers())
            .await
            .map_err(|error| self.state.error("ask for its version", error))
    }

    /// The value, if it was ever set.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(self.state.readers())
            .await
            .map_err(|error| self.state.error("read a value", error))
    }

    /// Sets it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        transact!(self.state, "write a value", |db| {
            sqlx::query(
                "INSERT INTO meta (key, value) VALUES (?, ?)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(key)
            .bind(value)
            .execute(db)
            .await?;
            Ok(())
        })
    }
}
