//! The book of acts: each is written before it begins and again with its outcome. None is removed.

use crate::Error;
use crate::database::{Database, int, uint};
use model::{Act, ActId, Outcome};

/// The book of acts.
pub struct Acts<'a> {
    pub(crate) state: &'a Database,
}

impl Acts<'_> {
    /// Writes an act down. When this returns it survives a power cut.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn append(&self, act: &Act) -> Result<(), Error> {
        self.put("write an act", act).await
    }

    /// Writes an act with its outcome, also when it could not be written before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn finish(&self, act: &Act) -> Result<(), Error> {
        self.put("write an act's outcome", act).await
    }

    async fn put(&self, what: &'static str, act: &Act) -> Result<(), Error> {
        let body = serde_json::to_string(act).map_err(|e| Error::row("acts", act.id.0, e))?;
        // One statement is a transaction by itself, in one way to the writer's thread and back
        // instead of three: every automatic restart waits for it.
        loop {
            let attempt = async {
                let mut writer = self.state.writer().await?;
                sqlx::query(
                    "INSERT INTO acts (id, at, pending, body) VALUES (?, ?, ?, ?)
                         ON CONFLICT (id) DO UPDATE
                         SET pending = excluded.pending, body = excluded.body",
                )
                .bind(int(act.id.0))
                .bind(act.at.0)
                .bind(act.outcome == Outcome::Pending)
                .bind(&body)
                .execute(&mut *writer)
                .await
            };
            match attempt.await {
                Ok(_) => return Ok(()),
                Err(error) if self.state.made_room(&error) => {}
                Err(error) => return Err(self.state.error(what, error)),
            }
        }
    }

    /// The newest `limit` acts, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recent(&self, limit: u32) -> Result<Vec<Act>, Error> {
        let rows = sqlx::query_as("SELECT id, body FROM acts ORDER BY id DESC LIMIT ?")
            .bind(limit)
            .fetch_all(self.state.readers())
            .await;
        self.acts(rows)
    }

    /// Acts without an outcome, oldest first: what an engine that died left behind.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pending(&self) -> Result<Vec<Act>, Error> {
        let rows = sqlx::query_as("SELECT id, body FROM acts WHERE pending = 1 ORDER BY id")
            .fetch_all(self.state.readers())
            .await;
        self.acts(rows)
    }

    /// The highest number given; 0 when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last_id(&self) -> Result<ActId, Error> {
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM acts")
            .fetch_one(self.state.readers())
            .await
            .map_err(|error| self.state.error("read acts", error))?;
        Ok(ActId(uint(last)))
    }

    fn acts(&self, rows: Result<Vec<(i64, String)>, sqlx::Error>) -> Result<Vec<Act>, Error> {
        rows.map_err(|error| self.state.error("read acts", error))?
            .into_iter()
            .map(|(id, body)| serde_json::from_str(&body).map_err(|e| Error::row("acts", id, e)))
            .collect()
    }
}
