//! A database that is only read, as it was left.

use super::{BUSY_TIMEOUT, Database, Durability, KEPT, TURN_TIMEOUT, VFS};
use crate::Error;
use crate::ballast::Ballast;
use crate::schema::Schema;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

impl Database {
    /// Opens one that is there and of the version we know, for reading.
    pub(crate) async fn open_to_read(
        path: &Path,
        schema: &Schema,
        ballast: &Arc<Ballast>,
    ) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(BUSY_TIMEOUT)
            .vfs(VFS)
            .pragma("cache_size", KEPT)
            .pragma("query_only", "on");
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(TURN_TIMEOUT)
                .test_before_acquire(false)
                .max_connections(1)
                .connect_lazy_with(options.clone())
        };
        let file = path.file_name().unwrap_or_default();
        let database = Self {
            file: file.to_string_lossy().into_owned(),
            writer: pool(),
            readers: pool(),
            ballast: Arc::clone(ballast),
            durability: Durability::Full,
            relaxed: AtomicBool::new(false),
        };
        let known = schema.newest();
        let version = async {
            let mut reader = database.readers.acquire().await?;
            schema.version(&mut reader).await
        };
        let found = version.await.map_err(|error| database.error("open", error));
        let file = database.file.clone();
        let wrong = match found {
            Ok(found) if found == known => return Ok(database),
            Ok(found) if found > known => Error::Newer { file, found, known },
            Ok(found) => Error::Older { file, found, known },
            Err(error) => error,
        };
        database.close().await;
        Err(wrong)
    }
}
