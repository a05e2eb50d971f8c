//! Proofs that need no more of the ledger than they carry.

use crate::tree::Tree;
use crate::{Checkpoint, Error, Keys, Source};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use store::Kept;
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

/// That a ledger of one size has grown into one of another, for who has a checkpoint of the smaller one.
#[derive(Debug, Clone, Serialize)]
pub struct Grown {
    /// How many entries the smaller one has.
    pub smaller: u64,
    /// Its root, in base64.
    pub smaller_root: String,
    /// Its signed note, where that size was signed.
    pub smaller_checkpoint: Option<String>,
    /// How many entries the larger one has.
    pub larger: u64,
    /// Its root, in base64.
    pub larger_root: String,
    /// The hashes, in base64 (RFC 6962, 2.1.2).
    pub path: Vec<String>,
    /// The signed note of the larger one.
    pub checkpoint: String,
    /// The key it was signed with.
    pub key: String,
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

impl Wanted {
    fn asked(&self) -> Vec<u64> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the log up to that size, and keeps what was asked for; `each` sees every entry with the tree it is the
    /// last leaf of.
    async fn gather(
        &mut self,
        source: &impl Source,
        size: u64,
        mut each: impl FnMut(&Tree, &str) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let (asked, mut tree) = (self.asked(), Tree::default());
        while tree.size() < size {
            let entries = source.after(tree.size(), CHUNK).await?;
            if entries.count == 0 || entries.first != tree.size() + 1 {
                return Err(Error::Gap(tree.size() + 1));
            }
            for text in entries.text.split_terminator('\n') {
                if tree.size() == size {
                    break;
                }
                let (first, hashes) = tree.push(record_hash(text.as_bytes()))?;
                for (place, hash) in (first..).zip(hashes) {
                    if asked.contains(&place) {
                        self.known.insert(place, hash);
                    }
                }
                each(&tree, text)?;
            }
        }
        Ok(())
    }
}

fn base64(path: &[Hash]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

/// Proves entry `n` by this checkpoint, and that an older one is of the same ledger.
///
/// # Errors
/// [`Error::Entry`] when it is not there, not signed, or the ledger is not what was signed.
pub async fn inclusion(
    source: &impl Source,
    keys: &Keys,
    kept: &Kept,
    n: u64,
    older: Option<&Checkpoint>,
) -> Result<Inclusion, Error> {
    let (signed, key, _) = keys.open(&kept.note)?;
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
    let mut entry = None;
    let gathered = wanted.gather(source, signed.size, |tree, text| {
        if tree.size() == n {
            entry = Some(text.to_owned());
        }
        Ok(())
    });
    gathered.await?;
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
                path: base64(&path),
            })
        }
    };
    Ok(Inclusion {
        n,
        entry,
        leaf: leaf.to_string(),
        path: base64(&path),
        size: signed.size,
        checkpoint: kept.note.clone(),
        key: key.text().to_owned(),
        consistency,
    })
}

/// Proves that the ledger of so many entries has grown into that of this checkpoint.
///
/// # Errors
/// [`Error::Grown`] when one of them is none, or the ledger is not what was signed.
pub async fn consistency(
    source: &impl Source,
    keys: &Keys,
    from: u64,
    kept: &Kept,
) -> Result<Grown, Error> {
    let (signed, key, _) = keys.open(&kept.note)?;
    let to = signed.size;
    let no = |why: String| Error::Grown { from, to, why };
    if !(1..=to).contains(&from) {
        return Err(no(format!("entries 1 to {to} are signed")));
    }
    let mut wanted = Wanted::default();
    let _ = prove_tree(to, from, &wanted);
    let mut root = None;
    let gathered = wanted.gather(source, to, |tree, _| {
        if tree.size() == from {
            root = Some(tree.root()?);
        }
        Ok(())
    });
    gathered.await?;
    let root = root.ok_or_else(|| no("the first is not there".into()))?;
    let path = prove_tree(to, from, &wanted)?;
    check_tree(&path, to, signed.root, from, root).map_err(|_| {
        no("the ledger is not what was signed; `azora ledger verify` says more".into())
    })?;
    let of = source.checkpoints(from - 1, 1).await?;
    let of = of.into_iter().find(|one| one.size == from);
    Ok(Grown {
        smaller: from,
        smaller_root: root.to_string(),
        smaller_checkpoint: of.map(|one| one.note),
        larger: to,
        larger_root: signed.root.to_string(),
        path: base64(&path),
        checkpoint: kept.note.clone(),
        key: key.text().to_owned(),
    })
}
