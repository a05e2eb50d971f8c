//! What a home remembers, in SQLite. The only crate that names sqlx.
//!
//! Two databases, because they deserve different care: `state.db` holds what must not be lost
//! (acts, incidents, events, what registered itself, keys and values, the outbox) and syncs every commit, but for acts that mean nothing after a
//! power cut ([`Durability::Normal`]); `history.db` holds measurements,
//! syncs now and then, and is set aside and begun anew when it is damaged. Each has one writer
//! connection and a few readers, so a long read never holds up a write.
//!
//! Called by `engine`, `registry` and `telemetry`. What runs can be rebuilt without any of it. An
//! engine needs a sound `state.db` to begin; should it get a fault later, nothing of it is needed to
//! heal or for an emergency stop. Other acts are written down before they begin, or refused.
//!
//! Every method may be dropped while it is awaited: a write is one transaction, so it then
//! happened as a whole or not at all.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod acts;
mod agents;
mod approvals;
mod asked;
mod ballast;
mod batch;
mod book;
mod database;
mod error;
mod events;
mod incidents;
mod ledger;
mod many;
mod meta;
mod outbox;
mod pairs;
mod registered;
mod samples;
mod schema;
mod spare;

pub use acts::Acts;
pub use agents::{Agents, TokenHash};
pub use approvals::{Approvals, Given};
pub use batch::Batch;
pub use book::Book;
pub use database::Durability;
pub use error::Error;
pub use events::Events;
pub use incidents::{IncidentFilter, Incidents};
pub use ledger::{Entries, Kept, Ledger};
pub use meta::Meta;
pub use outbox::{Outbox, Outgoing, Waiting};
pub use pairs::{Pair, Pairs};
pub use registered::{Registered, Registering, Registry};
pub use samples::{
    Blocks, Bucket, Measured, ProbeSample, SPANS, Samples, Sketch, Tended, UsageSample, Windows,
};
pub use spare::Share;

use ballast::Ballast;
use database::Database;
use spare::Spare;
use std::path::Path;
use std::sync::Arc;

/// The databases of one home. Clones share them.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    state: Database,
    history: Database,
    ballast: Arc<Ballast>,
    spare: Spare,
    notices: Vec<String>,
}

impl Store {
    /// Opens the databases of this home, making and upgrading them as needed.
    ///
    /// A `history.db` that is damaged or was made by a newer version is renamed and begun anew,
    /// which [`Store::notices`] then says. A `state.db` in either condition is refused.
    ///
    /// # Errors
    /// Everything [`Error`] lists; the home's folder is made if it is missing.
    pub async fn open(home: &Path) -> Result<Self, Error> {
        tokio::fs::create_dir_all(home)
            .await
            .map_err(|source| Error::Io {
                path: home.to_owned(),
                source,
            })?;
        let ballast = Arc::new(Ballast::new(home));
        let state = home.join("state.db");
        let history = home.join("history.db");
        // Each waits for the disk, and neither for the other.
        let (state, opened) = tokio::join!(
            Database::open(&state, Durability::Full, &schema::STATE, &ballast),
            Self::open_history(&history, &ballast),
        );
        let state = state?;
        let mut notices = Vec::new();
        let history = match opened {
            Err(error) if error.is_unreadable() => {
                notices.push(database::set_aside(&history, &error).await?);
                Self::open_history(&history, &ballast).await?
            }
            other => other?,
        };
        // The smaller one first: it is of more use.
        let spare = Spare::new(home);
        spare.restore().await;
        ballast.restore().await;
        let store = Self {
            inner: Arc::new(Inner {
                state,
                history,
                ballast,
                spare,
                notices,
            }),
        };
        match store.acts().settle().await {
            // They stay where they are, and are shown with the others.
            Ok(_) | Err(Error::Full { .. }) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// Sets room aside again that was given up, and room for acts, as far as the disk has it.
    pub async fn set_aside(&self) {
        self.inner.spare.restore().await;
        self.inner.ballast.restore().await;
    }

    async fn open_history(path: &Path, ballast: &Arc<Ballast>) -> Result<Database, Error> {
        Database::open(path, Durability::Normal, &schema::HISTORY, ballast).await
    }

    /// What a person should know about how the store was opened. Empty is best.
    pub fn notices(&self) -> &[String] {
        &self.inner.notices
    }

    /// Looks at every page of both databases, and answers what is wrong with them. Takes as long as
    /// reading them does.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn check(&self) -> Result<Vec<String>, Error> {
        let mut wrong = self.inner.state.check().await?;
        wrong.extend(self.inner.history.check().await?);
        Ok(wrong)
    }

    /// The book of acts.
    pub fn acts(&self) -> Acts<'_> {
        Acts {
            state: &self.inner.state,
            spare: &self.inner.spare,
        }
    }

    /// The order of the book of acts, and what was signed of it.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger {
            state: &self.inner.state,
        }
    }

    /// Keeps what happened, as one transaction. When this returns it survives a power cut, and so
    /// does every act that was noted before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keep(&self, batch: &Batch) -> Result<(), Error> {
        batch.write(&self.inner.state).await
    }

    /// What waits for the approval of persons.
    pub fn approvals(&self) -> Approvals<'_> {
        Approvals {
            state: &self.inner.state,
        }
    }

    /// Programs that act for a person.
    pub fn agents(&self) -> Agents<'_> {
        Agents {
            state: &self.inner.state,
        }
    }

    /// Incidents.
    pub fn incidents(&self) -> Incidents<'_> {
        Incidents {
            state: &self.inner.state,
        }
    }

    /// Events.
    pub fn events(&self) -> Events<'_> {
        Events {
            state: &self.inner.state,
        }
    }

    /// What registered itself with the registry.
    pub fn registry(&self) -> Registry<'_> {
        Registry {
            state: &self.inner.state,
        }
    }

    /// Keys and values that programs keep with the registry.
    pub fn pairs(&self) -> Pairs<'_> {
        Pairs {
            state: &self.inner.state,
        }
    }

    /// What is to be sent to whom.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox {
            state: &self.inner.state,
        }
    }

    /// Single values.
    pub fn meta(&self) -> Meta<'_> {
        Meta {
            state: &self.inner.state,
        }
    }

    /// Measurements.
    pub fn samples(&self) -> Samples<'_> {
        Samples {
            history: &self.inner.history,
            ballast: &self.inner.ballast,
        }
    }

    /// Lets go of both databases in good order. Later calls fail with [`Error::Closed`].
    pub async fn close(&self) {
        self.inner.state.close().await;
        self.inner.history.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_connection_keeps_megabytes_of_its_file() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        for database in [&store.inner.state, &store.inner.history] {
            let mut connections = vec![database.writer().await.unwrap()];
            while let Some(reader) = database.readers().try_acquire() {
                connections.push(reader);
            }
            assert!(connections.len() > 1);
            for mut connection in connections {
                let kept: i64 = sqlx::query_scalar("PRAGMA cache_size")
                    .fetch_one(&mut *connection)
                    .await
                    .unwrap();
                assert_eq!(kept, -600);
            }
        }
    }
}
