//! Whose signatures are the ledger's own, and what is known of each key.

use crate::note::{opened, origin};
use crate::{Checkpoint, Error, Key, Public, Source};

/// What speaks for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Nothing but the ledger itself, which keeps the public half of each key that it was signed with.
    Kept,
    /// It is the home's, or a person has named it.
    Vouched,
}

/// The keys that checkpoints of a ledger are verified with. A home has one key; when that was moved away, what it
/// signed before is verified with the public half that was kept, and told.
#[derive(Clone, Default)]
pub struct Keys {
    all: Vec<(Public, Trust)>,
}

impl Keys {
    /// Those of a home: its own, those that its file names below it, and those that its ledger has kept.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn of(key: Option<&Key>, source: &impl Source) -> Result<Self, Error> {
        let mut keys = Self::default();
        for public in key.into_iter().flat_map(Key::vouched) {
            keys.add(public.clone(), Trust::Vouched);
        }
        keys.kept(source).await?;
        Ok(keys)
    }

    /// Those that a person names, and no others; what else the ledger was signed with is told.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn named(named: &[Public], source: &impl Source) -> Result<Self, Error> {
        let mut keys = Self::default();
        for public in named {
            keys.add(public.clone(), Trust::Vouched);
        }
        keys.kept(source).await?;
        Ok(keys)
    }

    async fn kept(&mut self, source: &impl Source) -> Result<(), Error> {
        for text in source.keys().await? {
            // One that is none verifies nothing.
            if let Ok(public) = Public::new(&text) {
                self.add(public, Trust::Kept);
            }
        }
        Ok(())
    }

    /// One more; what was said of it first holds.
    pub fn add(&mut self, public: Public, trust: Trust) {
        if self.all.iter().all(|(one, _)| one.text() != public.text()) {
            self.all.push((public, trust));
        }
    }

    /// The names of the ledgers that they sign: one, unless the key was moved away.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(one, _)| one.name())
    }

    /// Reads a checkpoint that one of them signed, and says which.
    ///
    /// # Errors
    /// [`Error::Note`].
    pub fn open(&self, note: &str) -> Result<(Checkpoint, &Public, Trust), Error> {
        let name = origin(note);
        let mut why = None;
        // By who vouches first: of two keys of one name the kept one may be somebody else's.
        for (public, trust) in &self.all {
            if Some(public.name()) != name {
                continue;
            }
            match opened(note, public) {
                Ok(checkpoint) => return Ok((checkpoint, public, *trust)),
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(why.unwrap_or_else(|| match (name, self.all.first()) {
            (Some(name), Some((public, _))) if name.starts_with("azora/") => Error::Note {
                why: format!(
                    "it is of {name}, whose key is not known here; this ledger is {}",
                    public.name()
                ),
            },
            (Some(name), None) if name.starts_with("azora/") => Error::Note {
                why: format!("it is of {name}, and this ledger has no key"),
            },
            _ => Error::Note {
                why:
                    "it is no signed note; it begins with `azora/` and ends with a line `— azora/…`"
                        .into(),
            },
        }))
    }
}
