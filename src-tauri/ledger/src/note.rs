//! Checkpoints: whose ledger, how many entries, and the root of their tree, as a signed note.

use crate::{Error, Key, Public};
use signed_note::{Note, VerifierList};
use tlog_tiles::Hash;

/// A checkpoint whose signature was verified.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// So many entries are signed.
    pub size: u64,
    pub(crate) root: Hash,
}

/// Whose a note says it is: its first line.
pub(crate) fn origin(note: &str) -> Option<&str> {
    note.split_once('\n').map(|(first, _)| first)
}

/// Reads a checkpoint, and verifies that the ledger of this key signed it.
pub(crate) fn opened(note: &str, public: &Public) -> Result<Checkpoint, Error> {
    let said = |why: String| Error::Note { why };
    let parsed = Note::from_bytes(note.as_bytes()).map_err(|error| {
        said(format!(
            "it is no signed note ({error}); it begins with `azora/` and ends with a line `— azora/…`"
        ))
    })?;
    let verifiers = VerifierList::new(vec![Box::new(public.verifier())]);
    parsed.verify(&verifiers).map_err(|_| {
        said(format!(
            "it is not signed by {}, or was changed since",
            public.name()
        ))
    })?;
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(parsed.text());
    let checkpoint = checkpoint.map_err(|error| said(error.to_string()))?;
    if checkpoint.origin() != public.name() {
        return Err(said(format!(
            "it is of {}, and not of {}",
            checkpoint.origin(),
            public.name()
        )));
    }
    Ok(Checkpoint {
        size: checkpoint.size(),
        root: *checkpoint.hash(),
    })
}

impl Checkpoint {
    /// Reads one, and verifies that the ledger of this key signed it.
    ///
    /// # Errors
    /// [`Error::Note`].
    pub fn open(note: &str, public: &Public) -> Result<Self, Error> {
        opened(note, public)
    }

    /// Signs that the tree of so many entries has this root.
    pub(crate) fn sign(key: &Key, size: u64, root: Hash) -> Result<String, Error> {
        let checkpoint = tlog_tiles::Checkpoint::new(key.public().name(), size, root, "");
        let checkpoint = checkpoint.map_err(|error| Error::Note {
            why: error.to_string(),
        })?;
        key.sign(&checkpoint.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_by_its_own_key_alone_and_not_when_it_was_changed() {
        let home = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let (key, other) = (
            Key::of(home.path()).unwrap(),
            Key::of(other.path()).unwrap(),
        );
        let root = tlog_tiles::record_hash(b"x");
        let note = Checkpoint::sign(&key, 7, root).unwrap();
        let back = Checkpoint::open(&note, key.public()).unwrap();
        assert_eq!((back.size, back.root), (7, root));
        assert!(Checkpoint::open(&note, other.public()).is_err());
        for place in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes)
                && let Ok(read) = Checkpoint::open(&changed, key.public())
            {
                // Bits of the signature's last digit that stand for nothing.
                assert_eq!((read.size, read.root), (7, root), "{changed}");
            }
        }
    }
}
