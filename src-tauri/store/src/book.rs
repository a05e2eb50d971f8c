//! The ledger of a home that no engine has, to read: for who shows and verifies it without one.
//!
//! It makes nothing, upgrades nothing, and moves nothing that was set aside on a full disk. Whoever opens it holds
//! the home's lock meanwhile: SQLite lets one process at a time into such a file.

use crate::ballast::Ballast;
use crate::database::Database;
use crate::{Error, Ledger, schema};
use std::path::Path;
use std::sync::Arc;

/// See the module.
pub struct Book {
    state: Database,
}

impl Book {
    /// Opens the book of this home; `None` when it has none.
    ///
    /// # Errors
    /// See [`Error`]; also when it is of another version of Azora.
    pub async fn open(home: &Path) -> Result<Option<Self>, Error> {
        let path = home.join("state.db");
        match tokio::fs::try_exists(&path).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(source) => return Err(Error::Io { path, source }),
        }
        // Held, and never made: nothing is written here.
        let ballast = Arc::new(Ballast::new(home));
        let state = Database::open_to_read(&path, &schema::STATE, &ballast).await?;
        Ok(Some(Self { state }))
    }

    /// Its entries, and what was signed of them.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger { state: &self.state }
    }

    /// Lets go of it.
    pub async fn close(&self) {
        self.state.close().await;
    }
}
