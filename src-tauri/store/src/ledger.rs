//! The book of acts as the ledger reads it: the texts of its entries in their order, and what was signed of them.

use crate::Error;
use crate::database::{Database, int, transact, uint};
use model::Timestamp;
use std::fmt::Write as _;

/// The entries and checkpoints of the ledger.
pub struct Ledger<'a> {
    pub(crate) state: &'a Database,
}

/// Some entries, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// The number of the first, from 1; 0 when there is none.
    pub first: u64,
    /// The number of the last; higher than their count says when there is a gap.
    pub last: u64,
    /// How many.
    pub count: u64,
    /// Their texts, each with a line feed behind it.
    pub text: String,
}

/// A checkpoint that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// So many entries are signed.
    pub size: u64,
    /// When.
    pub at: Timestamp,
    /// The signed note.
    pub note: String,
    /// The hashes that the tree grows from.
    pub edge: Vec<u8>,
}

/// Where public keys lie among the single values, before their names.
const KEY: &str = "ledger.key.";
/// An entry's text: of an act, or its own; nothing where it is missing.
const TEXT: &str = "coalesce(l.entry, CASE l.ended WHEN 0 THEN a.body ELSE a.ended END, '')";

impl Ledger<'_> {
    /// The number of the last entry.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last(&self) -> Result<u64, Error> {
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(n), 0) FROM ledger")
            .fetch_one(self.state.readers())
            .await
            .map_err(|error| self.state.error("read the ledger", error))?;
        Ok(uint(last))
    }

    /// At most `limit` entries after that number. They come as one text: a row each would take longer than
    /// all that is done with them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn after(&self, n: u64, limit: u32) -> Result<Entries, Error> {
        let mut query = String::new();
        let _ = write!(
            query,
            "SELECT coalesce(min(n), 0), coalesce(max(n), 0), count(*),
                    coalesce(group_concat(text, char(10)), '')
             FROM (SELECT l.n AS n, {TEXT} AS text FROM ledger l LEFT JOIN acts a ON a.id = l.act
                   WHERE l.n > ? ORDER BY l.n LIMIT ?)"
        );
        let (first, last, count, mut text): (i64, i64, i64, String) =
            sqlx::query_as(sqlx::AssertSqlSafe(query))
                .bind(int(n))
                .bind(limit)
                .fetch_one(self.state.readers())
                .await
                .map_err(|error| self.state.error("read the ledger", error))?;
        if count > 0 {
            text.push('\n');
        }
        Ok(Entries {
            first: uint(first),
            last: uint(last),
            count: uint(count),
            text,
        })
    }

    /// All checkpoints after that of this size, smallest first; at most `limit`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<Kept>, Error> {
        self.kept("WHERE size > ? ORDER BY size LIMIT ?", after, limit)
            .await
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn checkpoint(&self) -> Result<Option<Kept>, Error> {
        let newest = self.kept("WHERE size > ? ORDER BY size DESC LIMIT ?", 0, 1);
        Ok(newest.await?.pop())
    }

    async fn kept(&self, which: &'static str, after: u64, limit: u32) -> Result<Vec<Kept>, Error> {
        let query = format!("SELECT size, at, note, edge FROM checkpoints {which}");
        let rows: Vec<(i64, i64, String, Vec<u8>)> = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(int(after))
            .bind(limit)
            .fetch_all(self.state.readers())
            .await
            .map_err(|error| self.state.error("read checkpoints", error))?;
        Ok(rows
            .into_iter()
            .map(|(size, at, note, edge)| Kept {
                size: uint(size),
                at: Timestamp(at),
                note,
                edge,
            })
            .collect())
    }

    /// The public keys that checkpoints were signed with.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key GLOB ? ORDER BY key")
            .bind(format!("{KEY}*"))
            .fetch_all(self.state.readers())
            .await
            .map_err(|error| self.state.error("read the keys of the ledger", error))
    }

    /// Keeps a checkpoint, and the public key it is verified with, of whose name there is one for ever. A checkpoint of
    /// that size that is there stays. What it says of survives a power cut with it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keep(&self, one: &Kept, name: &str, key: &str) -> Result<(), Error> {
        transact!(self.state, "write a checkpoint", |db| {
            sqlx::query("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING")
                .bind(format!("{KEY}{name}"))
                .bind(key)
                .execute(&mut *db)
                .await?;
            sqlx::query(
                "INSERT INTO checkpoints (size, at, note, edge) VALUES (?, ?, ?, ?)
                     ON CONFLICT (size) DO NOTHING",
            )
            .bind(int(one.size))
            .bind(one.at.0)
            .bind(&one.note)
            .bind(&one.edge)
            .execute(db)
            .await?;
            Ok(())
        })?;
        // What heals next does not have to say first that it does not wait for the disk.
        self.state.relax().await;
        Ok(())
    }
}
