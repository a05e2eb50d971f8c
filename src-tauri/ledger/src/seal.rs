//! Signs the ledger as it grows.

use crate::note::origin;
use crate::tree::Tree;
use crate::{Checkpoint, Error, Key, Keys, Public, Trust};
use model::Timestamp;
use store::{Kept, Store};
use tlog_tiles::record_hash;

/// Entries that are read at once: hashed within a millisecond or two, for others wait for the same thread.
const CHUNK: u32 = 1_024;

/// The one who signs for a home.
pub struct Sealer {
    key: Key,
    tree: Tree,
    /// So many are signed; the tree may hold more when a checkpoint could not be kept.
    signed: u64,
    /// What of the past is not as it was signed; it is signed on all the same, for what was signed first
    /// stays and shows it.
    doubt: Option<String>,
}

impl Sealer {
    /// Goes on from the newest checkpoint.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(store: &Store, key: Key) -> Result<Self, Error> {
        let Some(newest) = store.ledger().checkpoint().await? else {
            return Ok(Self::with(key, Tree::default(), None));
        };
        let keys = Keys::of(Some(&key), &store.ledger()).await?;
        let (signed, trust) = match keys.open(&newest.note) {
            Ok((signed, _, trust)) => (signed, trust),
            Err(error) => {
                let doubt = format!("the newest checkpoint cannot be gone on from: {error}");
                return Ok(Self::with(key, Tree::default(), Some(doubt)));
            }
        };
        let strange = (trust == Trust::Kept).then(|| {
            let name = origin(&newest.note).unwrap_or_default();
            format!(
                "what was signed up to now was signed by {name}, which is not the home's key: if ledger.key was not \
                 moved away by you, somebody else has done it, or has signed"
            )
        });
        if let Some(tree) = Tree::of(signed.size, &newest.edge)
            && tree.root()? == signed.root
        {
            return Ok(Self::with(key, tree, strange));
        }
        // What the tree grows from was damaged, and is no more than an abridgement.
        let mut sealer = Self::with(key, Tree::default(), strange);
        sealer.grow(store, signed.size).await?;
        sealer.signed = sealer.tree.size();
        if sealer.tree.size() != signed.size || sealer.tree.root()? != signed.root {
            let size = signed.size;
            sealer.doubt = Some(format!(
                "the first {size} entries are not those that were signed"
            ));
        }
        Ok(sealer)
    }

    fn with(key: Key, tree: Tree, doubt: Option<String>) -> Self {
        Self {
            key,
            signed: tree.size(),
            tree,
            doubt,
        }
    }

    /// What of the past is not as it was signed, as far as it was seen; `azora ledger verify` sees all.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// Whose signatures they are.
    pub fn public(&self) -> &Public {
        self.key.public()
    }

    /// So many entries are signed.
    pub fn size(&self) -> u64 {
        self.signed
    }

    /// Signs what has come; `None` when nothing has.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn seal(&mut self, store: &Store, at: Timestamp) -> Result<Option<Kept>, Error> {
        self.grow(store, u64::MAX).await?;
        let size = self.tree.size();
        if size == self.signed {
            return Ok(None);
        }
        let kept = Kept {
            size,
            at,
            note: Checkpoint::sign(&self.key, size, self.tree.root()?)?,
            edge: self.tree.edge(),
        };
        let public = self.key.public();
        let (name, text) = (public.name(), public.text());
        store.ledger().keep(&kept, name, text).await?;
        self.signed = size;
        Ok(Some(kept))
    }

    /// Takes entries in, up to that number.
    async fn grow(&mut self, store: &Store, to: u64) -> Result<(), Error> {
        while self.tree.size() < to {
            let left = to - self.tree.size();
            let limit = u32::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let entries = store.ledger().after(self.tree.size(), limit).await?;
            if entries.count == 0 {
                break;
            }
            let next = self.tree.size() + 1;
            if entries.first != next || entries.last != next + entries.count - 1 {
                return Err(Error::Gap(next));
            }
            // On a clone: what is not kept was not taken in.
            let mut grown = self.tree.clone();
            for entry in entries.text.split_terminator('\n') {
                grown.push(record_hash(entry.as_bytes()))?;
            }
            if grown.size() != entries.last {
                return Err(Error::Gap(next));
            }
            self.tree = grown;
        }
        Ok(())
    }
}
