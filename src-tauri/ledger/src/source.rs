//! Where entries and checkpoints are read: from the store, from files that no engine has, or from whoever has them.

use crate::Error;
use std::future::Future;
use store::{Book, Entries, Kept, Ledger};

/// A ledger as it is read.
pub trait Source: Sync {
    /// At most so many entries after that number.
    fn after(&self, n: u64, limit: u32) -> impl Future<Output = Result<Entries, Error>> + Send;

    /// At most so many checkpoints after that of this size, smallest first.
    fn checkpoints(
        &self,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Kept>, Error>> + Send;

    /// The newest checkpoint.
    fn newest(&self) -> impl Future<Output = Result<Option<Kept>, Error>> + Send;

    /// The public keys it was signed with, as it has kept them.
    fn keys(&self) -> impl Future<Output = Result<Vec<String>, Error>> + Send;
}

impl Source for Ledger<'_> {
    async fn after(&self, n: u64, limit: u32) -> Result<Entries, Error> {
        Ok(Ledger::after(self, n, limit).await?)
    }

    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<Kept>, Error> {
        Ok(Ledger::checkpoints(self, after, limit).await?)
    }

    async fn newest(&self) -> Result<Option<Kept>, Error> {
        Ok(Ledger::checkpoint(self).await?)
    }

    async fn keys(&self) -> Result<Vec<String>, Error> {
        Ok(Ledger::keys(self).await?)
    }
}

impl Source for Book {
    async fn after(&self, n: u64, limit: u32) -> Result<Entries, Error> {
        Ok(self.ledger().after(n, limit).await?)
    }

    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<Kept>, Error> {
        Ok(self.ledger().checkpoints(after, limit).await?)
    }

    async fn newest(&self) -> Result<Option<Kept>, Error> {
        Ok(self.ledger().checkpoint().await?)
    }

    async fn keys(&self) -> Result<Vec<String>, Error> {
        Ok(self.ledger().keys().await?)
    }
}
