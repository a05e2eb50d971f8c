//! What can go wrong with a database, as far as a caller or a person can tell it apart.

use std::path::PathBuf;

/// Why the store could not do it. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else held the database for longer than we wait.
    #[error("{what}: {file} is held by another program")]
    Busy {
        /// What was being done.
        what: &'static str,
        /// `state.db` or `history.db`.
        file: String,
        /// As SQLite says it.
        #[source]
        source: sqlx::Error,
    },
    /// The file is not a sound database.
    #[error("{what}: {file} is damaged; move it away to begin anew")]
    Corrupt {
        /// What was being done.
        what: &'static str,
        /// Which.
        file: String,
        /// As SQLite says it.
        #[source]
        source: sqlx::Error,
    },
    /// The disk is full, and the ballast has been given up already.
    #[error("{what}: the disk that holds {file} is full; free some space on it")]
    Full {
        /// What was being done.
        what: &'static str,
        /// Which.
        file: String,
        /// As SQLite says it.
        #[source]
        source: sqlx::Error,
    },
    /// A later version of Azora has changed the tables.
    #[error(
        "open {file}: it was made by a newer Azora (schema {found}, this one knows {known}); \
         use that version, or move the file away"
    )]
    Newer {
        /// Which.
        file: String,
        /// Its schema.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// It was made by an earlier version, and whoever only reads does not upgrade it.
    #[error(
        "open {file}: it was left by an older Azora (schema {found}, this one reads {known}); start an engine on \
         this home once, which brings it up to date"
    )]
    Older {
        /// Which.
        file: String,
        /// Its schema.
        found: i64,
        /// The one we read.
        known: i64,
    },
    /// The SQLite we were linked with has known faults.
    #[error(
        "open a database: SQLite {found} is older than {wanted}, which fixes losing data in WAL mode"
    )]
    OldSqlite {
        /// Its version.
        found: String,
        /// The oldest we use.
        wanted: &'static str,
    },
    /// What a row holds is not what we write.
    #[error("read {table}: entry {key} is not understood")]
    Row {
        /// Which table.
        table: &'static str,
        /// Which row.
        key: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store was closed.
    #[error("{what}: the store is closed")]
    Closed {
        /// What was being done.
        what: &'static str,
    },
    /// A file could not be made, renamed or removed.
    #[error("use {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Anything else SQLite has to say.
    #[error("{what} in {file}")]
    Database {
        /// What was being done.
        what: &'static str,
        /// Which.
        file: String,
        /// As SQLite says it.
        #[source]
        source: sqlx::Error,
    },
}

/// SQLite's primary result codes that we tell apart (<https://sqlite.org/rescode.html>).
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const TOOBIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const NOTADB: i32 = 26;

/// The primary result code of an error of SQLite's.
fn primary(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(database) = error else {
        return None;
    };
    // The extended code; its low byte is the primary one.
    let code = database.code().and_then(|code| code.parse::<i32>().ok())?;
    Some(code & 0xff)
}

/// What a failure comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Busy,
    Corrupt,
    Full,
    /// The disk failed; it is full if it has no room left.
    Disk,
    Closed,
    Other,
}

pub(crate) fn cause(error: &sqlx::Error) -> Cause {
    match error {
        sqlx::Error::PoolTimedOut => Cause::Busy,
        sqlx::Error::PoolClosed => Cause::Closed,
        sqlx::Error::Database(_) => match primary(error).unwrap_or(0) {
            BUSY | LOCKED => Cause::Busy,
            CORRUPT | NOTADB => Cause::Corrupt,
            FULL => Cause::Full,
            IOERR | CANTOPEN => Cause::Disk,
            _ => Cause::Other,
        },
        _ => Cause::Other,
    }
}

impl Error {
    /// True when what was to be written is the reason: written again alone it fails again, whatever
    /// becomes of the database and its disk.
    pub fn is_of_the_entry(&self) -> bool {
        match self {
            Error::Row { .. } => true,
            Error::Database { source, .. } => {
                primary(source).is_some_and(|code| matches!(code, TOOBIG | CONSTRAINT | MISMATCH))
            }
            _ => false,
        }
    }

    /// True when only another version, or nobody, can read the file.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, Error::Corrupt { .. } | Error::Newer { .. })
    }

    pub(crate) fn row(
        table: &'static str,
        key: impl ToString,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error::Row {
            table,
            key: key.to_string(),
            source: source.into(),
        }
    }
}
