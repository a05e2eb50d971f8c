//! Proofs that need no more of the ledger than they carry.

use crate::tree::Tree;
use crate::{Checkpoint, Error, Public};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use store::{Kept, Ledger};
use tlog_tiles::{
    Hash, HashReader, check_record, check_tree, prove_record, prove_tree, record_hash,
};

/// Entries that are read at once.
const CHUNK: u32 = 8_192;

/// That an entry is among those of which a checkpoint was signed (RFC 6962, 2.1.1).
#[derive(Debug, Clone, Serialize)]
pub struct Inclusion {
    /// Its number, from 1. As a leaf it is counted from 0.
    pub n: u64,
    /// Its text, of which the leaf's hash is made.
    pub entry: String,
    /// The hash of the leaf, in base64.
    pub leaf: String,
    /// The hashes on the way to the root, from below, in base64.
    pub path: Vec<String>,
    /// How many entries were signed.
    pub size: u64,
    /// The signed note with the root.
    pub checkpoint: String,
    /// The key it was signed with.
    pub key: String,
    /// That an older checkpoint is of the beginning of the same ledger (RFC 6962, 2.1.2), when one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
}

/// That one tree is the beginning of another.
#[derive(Debug, Clone, Serialize)]
pub struct Consistency {
    /// How many entries the older one has.
    pub size: u64,
    /// The hashes, in base64.
    pub path: Vec<String>,
}

/// Hears which hashes are wanted, or has them.
#[derive(Default)]
struct Wanted {
    asked: Mutex<Vec<u64>>,
    known: BTreeMap<u64, Hash>,
}

impl HashReader for Wanted {
    fn read_hashes(&self, places: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let found: Option<Vec<Hash>> = places
            .iter()
            .map(|at| self.known.get(at).copied())
            .collect();
        found.ok_or_else(|| {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.extend(places);
            tlog_tiles::Error::IndexesNotInTree
        })
    }
}

/// Proves entry `n` by this checkpoint, and that an older one is of the same ledger.
///
/// # Errors
/// [`Error::Entry`] when it is not there, not signed, or the ledger is not what was signed.
pub async fn inclusion(
    ledger: Ledger<'_>,
    public: &Public,
    newest: &Kept,
    n: u64,
    older: Option<&Checkpoint>,
) -> Result<Inclusion, Error> {
    let signed = Checkpoint::open(&newest.note, public)?;
    let no = |why: String| Error::Entry { n, why };
    if n == 0 || n > signed.size {
        let size = signed.size;
        return Err(no(format!("entries 1 to {size} are signed")));
    }
    if let Some(older) = older
        && !(1..=signed.size).contains(&older.size)
    {
        let (old, size) = (older.size, signed.size);
        return Err(no(format!(
            "the older checkpoint is of {old} entries, and {size} are signed"
        )));
    }
    let mut wanted = Wanted::default();
    // Hears what is asked for; what it answers is none yet.
    let _ = prove_record(signed.size, n - 1, &wanted);
    if let Some(older) = older {
        let _ = prove_tree(signed.size, older.size, &wanted);
    }
    let asked = std::mem::take(&mut *wanted.asked.lock().unwrap_or_else(PoisonError::into_inner));
    let (mut tree, mut entry) = (Tree::default(), None);
    while tree.size() < signed.size {
        let entries = ledger.after(tree.size(), CHUNK).await?;
        if entries.count == 0 || entries.first != tree.size() + 1 {
            return Err(Error::Gap(tree.size() + 1));
        }
        for text in entries.text.split_terminator('\n') {
            if tree.size() == signed.size {
                break;
            }
            let (first, hashes) = tree.push(record_hash(text.as_bytes()))?;
            for (place, hash) in (first..).zip(hashes) {
                if asked.contains(&place) {
                    wanted.known.insert(place, hash);
                }
            }
            if tree.size() == n {
                entry = Some(text.to_owned());
            }
        }
    }
    let entry = entry.ok_or_else(|| no("it is not there".into()))?;
    let leaf = record_hash(entry.as_bytes());
    let path = prove_record(signed.size, n - 1, &wanted)?;
    check_record(&path, signed.size, signed.root, n - 1, leaf).map_err(|_| {
        no("the ledger is not what was signed; `azora ledger verify` says more".into())
    })?;
    let consistency = match older {
        None => None,
        Some(older) => {
            let path = prove_tree(signed.size, older.size, &wanted)?;
            check_tree(&path, signed.size, signed.root, older.size, older.root).map_err(|_| {
                no(
                    "the older checkpoint is of another ledger, or of another past of this one"
                        .into(),
                )
            })?;
            Some(Consistency {
                size: older.size,
                path: path.iter().map(ToString::to_string).collect(),
            })
        }
    };
    Ok(Inclusion {
        n,
        entry,
        leaf: leaf.to_string(),
        path: path.iter().map(ToString::to_string).collect(),
        size: signed.size,
        checkpoint: newest.note.clone(),
        key: public.text().to_owned(),
        consistency,
    })
}
