//! Where the ledger of a home is read: from its engine, or from its files when no engine runs.

use crate::engine_here;
use crate::fail::{Done, Fail, story};
use api::client::{self, Client};
use api::requests::{LedgerRequest, Nothing};
use driver::lock::HomeLock;
use ledger::{Book, Entries, Error, Kept, Key, Keys, Public, Source};
use model::ledger::{LedgerCheckpoint, LedgerEntries, LedgerView};

/// A ledger that can be read.
pub(crate) struct Home {
    from: From,
    /// The home's key, where there is one: whose signatures a person trusts who says nothing else.
    key: Option<Key>,
}

enum From {
    Engine(Client),
    /// The lock keeps an engine from beginning meanwhile: one process at a time may have the file open.
    Files {
        book: Book,
        _lock: HomeLock,
    },
}

impl Home {
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(crate) async fn open(layout: &driver::Layout) -> Done<Self> {
        let home = layout.home();
        let from = match engine_here::running(layout).await? {
            Some(client) => From::Engine(client),
            None => {
                if !home.join("state.db").exists() {
                    let home = home.display();
                    return Err(Fail::absent(format!(
                        "no engine has ever run for {home}: it has no ledger"
                    )));
                }
                let lock = driver::lock::acquire(layout).map_err(|error| Fail::because(&error))?;
                let book = Book::open(home)
                    .await
                    .map_err(|error| failed(&error.into()))?;
                let book = book.ok_or_else(|| Fail::absent("the home has no ledger"))?;
                From::Files { book, _lock: lock }
            }
        };
        let key = Key::read(home).map_err(|error| failed(&error))?;
        Ok(Self { from, key })
    }

    /// How it stands with it.
    pub(crate) async fn stands(&self) -> Done<LedgerView> {
        match &self.from {
            From::Engine(client) => Ok(client.call("ledger", &Nothing {}).await?),
            From::Files { book, .. } => {
                let checkpoint = book.newest().await.map_err(|error| failed(&error))?;
                let entries = book
                    .ledger()
                    .last()
                    .await
                    .map_err(|error| failed(&error.into()))?;
                Ok(LedgerView {
                    entries,
                    signed: checkpoint.as_ref().map_or(0, |kept| kept.size),
                    checkpoint: checkpoint.map(|kept| LedgerCheckpoint {
                        size: kept.size,
                        at: kept.at,
                        note: kept.note,
                    }),
                    key: self.key.as_ref().map(|key| key.public().text().to_owned()),
                    keys: self.keys().await.map_err(|error| failed(&error))?,
                    ..LedgerView::default()
                })
            }
        }
    }

    /// Whose signatures are taken for its own: of the home, or of those that are named and no others.
    pub(crate) async fn trusted(&self, named: &[String]) -> Done<Keys> {
        let named: Vec<Public> = named
            .iter()
            .map(|text| Public::new(text.trim()))
            .collect::<Result<_, _>>()
            .map_err(|error| Fail::usage(format!("failed to {}", story(&error))))?;
        let keys = match named.is_empty() {
            true => Keys::of(self.key.as_ref(), self).await,
            false => Keys::named(&named, self).await,
        };
        keys.map_err(|error| failed(&error))
    }

    /// The checkpoint of this size, or the newest.
    pub(crate) async fn signed(&self, size: Option<u64>) -> Done<Kept> {
        let none = "nothing was signed yet: a running engine signs a minute after the first entry, and when it ends";
        let newest = self.newest().await.map_err(|error| failed(&error))?;
        let newest = newest.ok_or_else(|| Fail::failed(none))?;
        let Some(size) = size.filter(|size| *size != newest.size) else {
            return Ok(newest);
        };
        let near = self.checkpoints(size.saturating_sub(1), 1).await;
        let near = near.map_err(|error| failed(&error))?.pop();
        match near {
            Some(kept) if kept.size == size => Ok(kept),
            Some(kept) => Err(Fail::absent(format!(
                "there is no checkpoint of {size} entries; the next larger one is of {}",
                kept.size
            ))),
            None => Err(Fail::absent(format!(
                "there is no checkpoint of {size} entries; the newest one is of {}",
                newest.size
            ))),
        }
    }
}

/// An error of the ledger's as this program says it.
pub(crate) fn failed(error: &Error) -> Fail {
    Fail::failed(format!("failed to {}", story(error)))
}

fn source(error: client::Error) -> Error {
    Error::Source(Box::new(error))
}

fn kept(one: LedgerCheckpoint) -> Kept {
    Kept {
        size: one.size,
        at: one.at,
        note: one.note,
        // Who reads grows its own tree.
        edge: Vec::new(),
    }
}

impl Source for Home {
    async fn after(&self, n: u64, limit: u32) -> Result<Entries, Error> {
        let client = match &self.from {
            From::Engine(client) => client,
            From::Files { book, .. } => return book.after(n, limit).await,
        };
        let request = LedgerRequest {
            after: Some(n),
            limit: Some(limit),
        };
        let some: LedgerEntries = client
            .call("ledger_entries", &request)
            .await
            .map_err(source)?;
        Ok(Entries {
            first: some.first,
            last: some.last,
            count: some.count,
            text: some.text,
        })
    }

    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<Kept>, Error> {
        let client = match &self.from {
            From::Engine(client) => client,
            From::Files { book, .. } => return book.checkpoints(after, limit).await,
        };
        let request = LedgerRequest {
            after: Some(after),
            limit: Some(limit),
        };
        let some: Vec<LedgerCheckpoint> = client
            .call("ledger_checkpoints", &request)
            .await
            .map_err(source)?;
        Ok(some.into_iter().map(kept).collect())
    }

    async fn newest(&self) -> Result<Option<Kept>, Error> {
        match &self.from {
            From::Engine(client) => {
                let view: LedgerView = client.call("ledger", &Nothing {}).await.map_err(source)?;
                Ok(view.checkpoint.map(kept))
            }
            From::Files { book, .. } => book.newest().await,
        }
    }

    async fn keys(&self) -> Result<Vec<String>, Error> {
        match &self.from {
            From::Engine(client) => {
                let view: LedgerView = client.call("ledger", &Nothing {}).await.map_err(source)?;
                Ok(view.keys)
            }
            From::Files { book, .. } => book.keys().await,
        }
    }
}
