//! When a log had grown to what size. Entries are written by the shim, each of the same length:
//! `<13 digits: Unix milliseconds> <16 digits: bytes>\n`, at most one a second.

use model::Timestamp;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Length of an entry.
const ENTRY: u64 = 31;

/// The index of one log, read by halving.
pub(super) struct Index {
    file: Option<File>,
    entries: u64,
}

impl Index {
    /// Opens it; a missing one knows no times.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match File::open(path) {
            Ok(file) => {
                let entries = file.metadata()?.len() / ENTRY;
                Ok(Self {
                    file: Some(file),
                    entries,
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                file: None,
                entries: 0,
            }),
            Err(error) => Err(error),
        }
    }

    /// When the byte before `offset` was written, to the second. `None` when it is too new or too
    /// old to be known.
    pub(super) fn time_of(&self, offset: u64) -> Option<Timestamp> {
        let first = self.first(|(_, size)| size >= offset)?;
        self.entry(first).map(|(at, _)| Timestamp(at))
    }

    /// Where the first line begins that was written at or after `time`, as far as is known: no
    /// such line begins before it.
    pub(super) fn offset_at(&self, time: Timestamp) -> u64 {
        match self.first(|(at, _)| at >= time.0) {
            Some(0) => 0,
            Some(first) => self.entry(first - 1).map_or(0, |(_, size)| size),
            None => self
                .entries
                .checked_sub(1)
                .and_then(|last| self.entry(last))
                .map_or(0, |(_, size)| size),
        }
    }

    /// The number of the first entry for which `is` holds, given that it holds for all after it.
    fn first(&self, is: impl Fn((i64, u64)) -> bool) -> Option<u64> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            // An entry that cannot be read is passed over as if it were too early.
            if self.entry(middle).is_some_and(&is) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        (low < self.entries).then_some(low)
    }

    fn entry(&self, number: u64) -> Option<(i64, u64)> {
        let mut entry = [0; ENTRY as usize];
        self.file
            .as_ref()?
            .read_exact_at(&mut entry, number * ENTRY)
            .ok()?;
        let digits = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
        let at = digits(&entry[..13])?;
        let size = digits(&entry[14..30])?;
        Some((i64::try_from(at).ok()?, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_by_size_and_sizes_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.idx");
        let entries = [(1_000, 10), (2_000, 30), (5_000, 60)];
        let text: String = entries
            .iter()
            .map(|(at, size)| format!("{at:013} {size:016}\n"))
            .collect();
        std::fs::write(&path, text).unwrap();
        let index = Index::open(&path).unwrap();
        assert_eq!(index.time_of(5), Some(Timestamp(1_000)));
        assert_eq!(index.time_of(30), Some(Timestamp(2_000)));
        assert_eq!(index.time_of(31), Some(Timestamp(5_000)));
        assert_eq!(index.time_of(61), None);
        assert_eq!(index.offset_at(Timestamp(0)), 0);
        assert_eq!(index.offset_at(Timestamp(1_500)), 10);
        assert_eq!(index.offset_at(Timestamp(9_000)), 60);
    }
}
