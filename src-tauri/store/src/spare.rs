//! A file with room for a few hundred acts, for when the disk has none.
//!
//! An act must be on disk before it is done, and on a full disk that would keep a person from
//! stopping the very thing that fills it. So a file of fixed length is written once, with zeros, and
//! kept: writing over them takes no room. What is put there is moved into `state.db` as soon as that
//! can be written to. On a file system that writes elsewhere instead of over (btrfs, ZFS) there is
//! no such promise, and the ballast has to do.

use model::Act;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Its length in bytes: some three hundred acts, each with its outcome.
const SIZE: u64 = 256 << 10;
/// Before each entry: its length and its checksum, little-endian. A length of 0 is the end.
const HEAD: usize = 4 + 8;

/// How much of the room an act may be put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// The first half: for what comes by itself and is not asked for by anybody.
    Half,
    /// All of it.
    Whole,
}

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct Spare {
    path: PathBuf,
    kept: Arc<Mutex<Option<Kept>>>,
    /// Held by who moves entries out, or puts one in, from its first look to its last write.
    turn: Arc<tokio::sync::Mutex<()>>,
}

struct Kept {
    file: File,
    /// Where the next entry goes.
    end: u64,
    acts: Vec<Act>,
}

impl Spare {
    pub(crate) fn new(home: &Path) -> Self {
        Self {
            path: home.join("spare"),
            kept: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Opens it, or makes it if the disk has room for it. Not having one is no fault.
    pub(crate) async fn restore(&self) {
        let spare = self.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let mut kept = spare.lock();
            if kept.is_none() {
                *kept = Some(open(&spare.path)?);
            }
            Ok::<(), io::Error>(())
        });
        if let Ok(Err(error)) = opened.await {
            tracing::warn!(%error, "no room is set aside for acts on a full disk");
        }
    }

    /// One at a time may change what is in it.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// What is in it, oldest first. An act is in it a second time with its outcome.
    pub(crate) fn acts(&self) -> Vec<Act> {
        let kept = self.lock();
        kept.as_ref()
            .map_or_else(Vec::new, |kept| kept.acts.clone())
    }

    /// True while something is in it.
    pub(crate) fn holds_some(&self) -> bool {
        self.lock()
            .as_ref()
            .is_some_and(|kept| !kept.acts.is_empty())
    }

    /// Puts an act in; on `Ok(true)` it survives a power cut. `Ok(false)` when it does not fit.
    pub(crate) async fn put(&self, act: &Act, share: Share) -> io::Result<bool> {
        let (spare, act) = (self.clone(), act.clone());
        let put = tokio::task::spawn_blocking(move || match spare.lock().as_mut() {
            Some(kept) => kept.put(act, share),
            None => Ok(false),
        });
        put.await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Everything in it is in `state.db` now.
    pub(crate) async fn clear(&self) -> io::Result<()> {
        let spare = self.clone();
        let cleared = tokio::task::spawn_blocking(move || match spare.lock().as_mut() {
            Some(kept) => kept.clear(),
            None => Ok(()),
        });
        cleared
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, act: Act, share: Share) -> io::Result<bool> {
        let body = serde_json::to_vec(&act)?;
        let mut entry = Vec::with_capacity(HEAD + body.len() + 4);
        let Ok(length) = u32::try_from(body.len()) else {
            return Ok(false);
        };
        entry.extend_from_slice(&length.to_le_bytes());
        entry.extend_from_slice(&checksum(&body).to_le_bytes());
        entry.extend_from_slice(&body);
        let end = self.end + entry.len() as u64;
        // The length after it says that it is the last: what an earlier use left there is none.
        entry.extend_from_slice(&[0; 4]);
        let room = match share {
            Share::Half => SIZE / 2,
            Share::Whole => SIZE,
        };
        if self.end + entry.len() as u64 > room {
            return Ok(false);
        }
        self.file.write_all_at(&entry, self.end)?;
        self.file.sync_data()?;
        self.end = end;
        self.acts.push(act);
        Ok(true)
    }

    fn clear(&mut self) -> io::Result<()> {
        if !self.acts.is_empty() {
            self.file.write_all_at(&[0; 4], 0)?;
            self.file.sync_data()?;
        }
        (self.end, self.acts) = (0, Vec::new());
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<Kept> {
    let existing = |path: &Path| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(path)
    };
    let file = match existing(path) {
        Ok(file) if file.metadata()?.len() == SIZE => file,
        Ok(_) => make(path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => make(path)?,
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; usize::try_from(SIZE).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    let (acts, end) = entries(&bytes);
    Ok(Kept { file, end, acts })
}

/// Writes to another name first: one that is half made has room for nothing.
fn make(path: &Path) -> io::Result<File> {
    let unfinished = path.with_extension("new");
    let made = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            // Written and not only set aside: a block that was never written to is turned into one
            // that was by a change of the file's map, which may need room itself.
            file.write_all(&vec![0; usize::try_from(SIZE).unwrap_or(0)])?;
            file.sync_all()?;
            std::fs::rename(&unfinished, path)?;
            Ok(file)
        });
    if made.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    made
}

/// The whole entries at the beginning, and where they end. One that was being written when its
/// writer ended was not promised to anybody.
fn entries(bytes: &[u8]) -> (Vec<Act>, u64) {
    let (mut acts, mut end) = (Vec::new(), 0);
    while let Some((act, length)) = entry(&bytes[end..]) {
        acts.push(act);
        end += length;
    }
    (acts, end as u64)
}

fn entry(bytes: &[u8]) -> Option<(Act, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let body = rest.get(..length).filter(|body| !body.is_empty())?;
    let whole = checksum(body) == u64::from_le_bytes(*sum);
    let act = whole.then(|| serde_json::from_slice(body).ok())??;
    Some((act, HEAD + length))
}

/// FNV-1a: tells an entry that was cut off from a whole one. It guards against nobody.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ActId, Actor, Outcome, Target, Timestamp, Verb};
    use std::os::unix::fs::MetadataExt;

    fn act(id: u64) -> Act {
        Act {
            id: ActId(id),
            at: Timestamp(1_000),
            actor: Actor::person("test"),
            verb: Verb::Down,
            target: Target::default(),
            reason: "the disk is full".into(),
            outcome: Outcome::Pending,
            decision: None,
        }
    }

    #[tokio::test]
    async fn it_has_real_room_and_takes_no_more_when_it_is_used() {
        let home = tempfile::tempdir().unwrap();
        let spare = Spare::new(home.path());
        assert!(
            !spare.put(&act(1), Share::Whole).await.unwrap(),
            "there is none yet"
        );
        spare.restore().await;
        let file = home.path().join("spare");
        let blocks = file.metadata().unwrap().blocks();
        assert!(blocks * 512 >= SIZE, "only {blocks} blocks");
        let mut put = 0;
        while spare.put(&act(put + 1), Share::Whole).await.unwrap() {
            put += 1;
        }
        assert!(put > 300, "only {put} fit");
        let meta = file.metadata().unwrap();
        assert_eq!((meta.len(), meta.blocks()), (SIZE, blocks));
        let again = Spare::new(home.path());
        again.restore().await;
        assert_eq!(again.acts().len() as u64, put);
        again.clear().await.unwrap();
        assert!(again.put(&act(9), Share::Whole).await.unwrap());
        let once_more = Spare::new(home.path());
        once_more.restore().await;
        assert_eq!(
            once_more.acts(),
            [act(9)],
            "nothing of the first use is left"
        );
    }

    #[tokio::test]
    async fn an_entry_that_was_cut_off_is_none_and_is_written_over() {
        let home = tempfile::tempdir().unwrap();
        let spare = Spare::new(home.path());
        spare.restore().await;
        for id in 1..=2 {
            assert!(spare.put(&act(id), Share::Whole).await.unwrap());
        }
        let file = home.path().join("spare");
        let mut bytes = std::fs::read(&file).unwrap();
        let (_, end) = entries(&bytes);
        bytes[end as usize - 3..end as usize].fill(0);
        std::fs::write(&file, bytes).unwrap();
        let again = Spare::new(home.path());
        again.restore().await;
        assert_eq!(again.acts(), [act(1)]);
        assert!(again.put(&act(3), Share::Whole).await.unwrap());
        let once_more = Spare::new(home.path());
        once_more.restore().await;
        assert_eq!(once_more.acts(), [act(1), act(3)]);
    }
}
