//! One SQLite file: a single writer, a few readers, and what to do when it fails.

mod reading;

use crate::Error;
use crate::ballast::Ballast;
use crate::error::{Cause, cause};
use crate::schema::Schema;
use sqlx::Connection;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How the files are opened: the lock on them is the whole process's, and what is in the WAL is
/// looked up in its memory instead of a mapped `-shm` file. A page of such a file that a full disk
/// has no block for is a SIGBUS, which is the end of the engine: where blocks are smaller than pages
/// that happens with the first write after opening.
const VFS: &str = "unix-excl";
/// How long a connection waits for a lock that somebody else holds. Nobody should hold one: there
/// is one engine to a home. A backup program or a curious person may.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(15);
/// Readers besides the writer.
const READERS: u32 = 3;
/// What each connection keeps of its file, in KiB: 2,000 by itself, of which eight connections had 16 MB after a while.
const KEPT: &str = "-600";
/// A WAL file longer than this is cut back after a checkpoint, in bytes.
const WAL_LIMIT: &str = "16777216";
/// 3.51.3 fixes a race by which WAL mode could lose commits (<https://sqlite.org/wal.html>).
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const OLDEST_SQLITE_NAME: &str = "3.51.3";

/// What a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut: the disk is waited for.
    Full,
    /// It survives the end of any process; the last ones may be lost in a power cut, until a commit
    /// that waits for the disk. For what means nothing in another boot, such as an automatic
    /// restart.
    Normal,
}

pub(crate) struct Database {
    file: String,
    writer: SqlitePool,
    readers: SqlitePool,
    ballast: Arc<Ballast>,
    /// What a commit promises when nothing else is asked for.
    durability: Durability,
    /// The writer's commits promise less at the moment. Looked at only by who has the writer.
    relaxed: AtomicBool,
}

impl Database {
    pub(crate) async fn open(
        path: &Path,
        durability: Durability,
        schema: &Schema,
        ballast: &Arc<Ballast>,
    ) -> Result<Self, Error> {
        match Self::attempt(path, durability, schema, ballast).await {
            Err(Error::Full { .. }) if ballast.release() => {
                Self::attempt(path, durability, schema, ballast).await
            }
            other => other,
        }
    }

    async fn attempt(
        path: &Path,
        durability: Durability,
        schema: &Schema,
        ballast: &Arc<Ballast>,
    ) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match durability {
                Durability::Full => SqliteSynchronous::Full,
                Durability::Normal => SqliteSynchronous::Normal,
            })
            .busy_timeout(BUSY_TIMEOUT)
            .vfs(VFS)
            .pragma("cache_size", KEPT)
            .pragma("journal_size_limit", WAL_LIMIT);
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(TURN_TIMEOUT)
                // A file does not hang up: asking first would be a way there and back for nothing.
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let database = Self {
            file: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            writer: pool().max_connections(1).connect_lazy_with(options.clone()),
            readers: pool()
                .max_connections(READERS)
                // Not opened for reading only: such a one does not share the process's lock.
                .connect_lazy_with(options.create_if_missing(false).pragma("query_only", "on")),
            ballast: ballast.clone(),
            durability,
            relaxed: AtomicBool::new(false),
        };
        let opened = match database.prepare(schema).await {
            Ok(()) => database.open_readers().await,
            Err(error) => Err(error),
        };
        if let Err(error) = opened {
            database.close().await;
            return Err(error);
        }
        Ok(database)
    }

    async fn prepare(&self, schema: &Schema) -> Result<(), Error> {
        let failed = |error| self.error("open", error);
        let mut writer = self.writer.acquire().await.map_err(failed)?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&mut *writer)
            .await
            .map_err(failed)?;
        if parse_version(&version).is_none_or(|found| found < OLDEST_SQLITE) {
            return Err(Error::OldSqlite {
                found: version,
                wanted: OLDEST_SQLITE_NAME,
            });
        }
        let known = schema.newest();
        let found = schema.version(&mut writer).await.map_err(failed)?;
        if found > known {
            return Err(Error::Newer {
                file: self.file.clone(),
                found,
                known,
            });
        }
        if schema.check {
            let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
                .fetch_one(&mut *writer)
                .await
                .map_err(failed)?;
            if verdict != "ok" {
                let source = sqlx::Error::Protocol(verdict);
                return Err(Error::Corrupt {
                    what: "open",
                    file: self.file.clone(),
                    source,
                });
            }
        }
        schema.upgrade(&mut writer, found).await.map_err(failed)
    }

    /// Each connection is a thread and some descriptors. They are had now: later there may be none
    /// left.
    async fn open_readers(&self) -> Result<(), Error> {
        let failed = |error| self.error("open", error);
        let mut all = Vec::new();
        for _ in 0..READERS {
            all.push(self.readers.acquire().await.map_err(failed)?);
        }
        Ok(())
    }

    /// Readers; they see the last commit.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// The one connection that writes, when it is its caller's turn.
    pub(crate) async fn writer(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.writer_that(self.durability).await
    }

    /// The same, with commits that promise this.
    pub(crate) async fn writer_that(
        &self,
        durability: Durability,
    ) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        let mut connection = self.writer.acquire().await?;
        if connection.is_in_transaction() {
            // SQLite rolls back by itself when the disk is full or fails, and sqlx still counts a
            // transaction: such a connection can never begin another.
            connection.close().await?;
            connection = self.writer.acquire().await?;
        }
        let relax = durability == Durability::Normal && self.durability == Durability::Full;
        if relax != self.relaxed.load(Ordering::Relaxed) {
            // Noted before and taken back after: one that is dropped in between is put right by
            // the next.
            self.relaxed.store(true, Ordering::Relaxed);
            let promise = match durability {
                Durability::Full => "PRAGMA synchronous = FULL",
                Durability::Normal => "PRAGMA synchronous = NORMAL",
            };
            sqlx::query(promise).execute(&mut *connection).await?;
            self.relaxed.store(relax, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// Makes ready for a commit that does not wait for the disk: what heals will not have to say so
    /// first.
    pub(crate) async fn relax(&self) {
        // It is said again by whoever writes next.
        let _ = self.writer_that(Durability::Normal).await;
    }

    /// What is wrong with it.
    pub(crate) async fn check(&self) -> Result<Vec<String>, Error> {
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.error("check", error))?;
        let wrong = found.into_iter().filter(|line| line != "ok");
        Ok(wrong.map(|line| format!("{}: {line}", self.file)).collect())
    }

    /// True when the disk was full and is not any more, so trying once more makes sense.
    pub(crate) fn made_room(&self, error: &sqlx::Error) -> bool {
        self.is_full(error) && self.ballast.release()
    }

    fn is_full(&self, error: &sqlx::Error) -> bool {
        match cause(error) {
            Cause::Full => true,
            Cause::Disk => self.ballast.no_room(),
            _ => false,
        }
    }

    /// Says what was being done and what it comes down to.
    pub(crate) fn error(&self, what: &'static str, source: sqlx::Error) -> Error {
        let file = self.file.clone();
        if self.is_full(&source) {
            return Error::Full { what, file, source };
        }
        match cause(&source) {
            Cause::Busy => Error::Busy { what, file, source },
            Cause::Corrupt => Error::Corrupt { what, file, source },
            Cause::Closed => Error::Closed { what },
            Cause::Full | Cause::Disk | Cause::Other => Error::Database { what, file, source },
        }
    }

    pub(crate) async fn close(&self) {
        // Readers first: the last connection to close checkpoints, and only the writer can.
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Does `$body` as one transaction and gives what it gives. It is done once more if the disk was
/// full and the ballast could make room, so it must only do what a rollback undoes.
///
/// A macro because the future of an async closure with borrowed captures is not `Send` enough
/// (rust-lang/rust#110338).
macro_rules! transact {
    ($database:expr, $what:expr, |$db:ident| $body:block) => {{
        let database: &$crate::database::Database = &$database;
        loop {
            let attempt = async {
                let mut connection = database.writer().await?;
                // Immediate: the lock is taken, or waited for, before anything is read.
                let begin = sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE");
                let mut transaction = begin.await?;
                let $db: &mut sqlx::sqlite::SqliteConnection = &mut transaction;
                let outcome: Result<_, sqlx::Error> = async { $body }.await;
                let value = outcome?;
                transaction.commit().await?;
                Ok::<_, sqlx::Error>(value)
            };
            match attempt.await {
                // Room can be made once: after that there is no ballast.
                Err(error) if database.made_room(&error) => {}
                other => break other.map_err(|error| database.error($what, error)),
            }
        }
    }};
}
pub(crate) use transact;

/// Renames a database and what belongs to it, and says so.
pub(crate) async fn set_aside(path: &Path, why: &Error) -> Result<String, Error> {
    let beside = |suffix: &str| -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    };
    let mut aside = beside(".set-aside");
    for n in 2.. {
        if !aside.exists() {
            break;
        }
        aside = beside(&format!(".set-aside-{n}"));
    }
    tokio::fs::rename(path, &aside)
        .await
        .map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
    // Left behind, they would be taken for the new database's own.
    for suffix in ["-wal", "-shm"] {
        match tokio::fs::remove_file(beside(suffix)).await {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io {
                    path: beside(suffix),
                    source,
                });
            }
            _ => {}
        }
    }
    let name = aside
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(format!(
        "failed to {why}; it was kept as {name} and measurements begin anew"
    ))
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.splitn(3, '.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// SQLite's integers are signed; ours that are not never come near the end of theirs.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The way back; what was never negative does not become so.
pub(crate) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    /// SQLite says "full" as soon as the ballast is there, as a full disk would.
    async fn write_as_if_full(store: &Store, ballast: PathBuf) -> Result<(), Error> {
        transact!(store.inner.state, "write something", |db| {
            let limit = if ballast.exists() {
                "PRAGMA max_page_count = 1"
            } else {
                "PRAGMA max_page_count = 1000000"
            };
            sqlx::query(limit).execute(&mut *db).await?;
            sqlx::query("INSERT INTO meta (key, value) VALUES ('x', hex(zeroblob(1000000)))")
                .execute(db)
                .await?;
            Ok(())
        })
    }

    #[tokio::test]
    async fn a_write_to_a_full_disk_goes_through_once_the_ballast_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let ballast = home.path().join("ballast");
        assert!(ballast.exists());
        write_as_if_full(&store, ballast.clone()).await.unwrap();
        assert!(!ballast.exists());
        assert!(store.meta().get("x").await.unwrap().is_some());
        store.samples().tend(model::Timestamp(0)).await.unwrap();
        assert!(ballast.exists());
    }

    /// What the writer's next commit would promise: 1 is "normal", 2 is "full".
    async fn promise(store: &Store) -> i64 {
        let mut writer = store.inner.state.writer.acquire().await.unwrap();
        sqlx::query_scalar("PRAGMA synchronous")
            .fetch_one(&mut *writer)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn only_what_means_nothing_later_does_not_wait_for_the_disk() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let act = model::Act {
            id: model::ActId(1),
            at: model::Timestamp(0),
            actor: model::Actor::healer(),
            verb: model::Verb::Restart,
            target: model::Target::default(),
            reason: String::new(),
            outcome: model::Outcome::Pending,
            decision: None,
        };
        for _ in 0..2 {
            store.acts().append(&act, Durability::Full).await.unwrap();
            assert_eq!(promise(&store).await, 2);
            store.acts().append(&act, Durability::Normal).await.unwrap();
            assert_eq!(promise(&store).await, 1);
            store.meta().set("a", "b").await.unwrap();
            assert_eq!(promise(&store).await, 2);
            // Made ready for the next note once it has waited.
            let batch = crate::Batch {
                acts: vec![act.clone()],
                ..Default::default()
            };
            store.keep(&batch).await.unwrap();
            assert_eq!(promise(&store).await, 1);
        }
    }

    #[tokio::test]
    async fn without_ballast_a_full_disk_is_said() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        let error = write_as_if_full(&store, elsewhere.path().to_owned())
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "write something: the disk that holds state.db is full; free some space on it"
        );
        assert!(store.meta().get("x").await.unwrap().is_none());
    }

    /// A page of a mapped file that a full disk has no block for is a SIGBUS.
    #[tokio::test]
    async fn no_file_is_mapped_into_memory() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        store.meta().set("k", "v").await.unwrap();
        assert_eq!(store.meta().get("k").await.unwrap().as_deref(), Some("v"));
        let files: Vec<_> = std::fs::read_dir(home.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(files.contains(&"state.db-wal".to_owned()), "{files:?}");
        assert!(
            !files.iter().any(|name| name.ends_with("-shm")),
            "{files:?}"
        );
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(!maps.contains(home.path().to_str().unwrap()), "{maps}");
    }

    #[tokio::test]
    async fn a_write_that_is_dropped_is_whole_or_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        for round in 0..200_u64 {
            let write = async {
                transact!(store.inner.state, "write two", |db| {
                    for key in ["a", "b"] {
                        sqlx::query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
                            .bind(key)
                            .bind(round.to_string())
                            .execute(&mut *db)
                            .await?;
                    }
                    Ok(())
                })
            };
            let _ = tokio::time::timeout(Duration::from_micros(round * 10), write).await;
        }
        let meta = store.meta();
        // The last one may still be on its way, and come between two readings. There is one writer:
        // what it writes next is written when that has ended.
        meta.set("c", "after it").await.unwrap();
        assert_eq!(meta.get("a").await.unwrap(), meta.get("b").await.unwrap());
        meta.set("a", "still writable").await.unwrap();
        assert_eq!(
            meta.get("a").await.unwrap().as_deref(),
            Some("still writable")
        );
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(parse_version("3.9.0") < parse_version("3.51.3"));
        assert_eq!(parse_version("3.51"), None);
    }
}
