//! When a log had grown to what size. Entries are written by the shim, each of the same length:
//! `<13 digits: Unix milliseconds> <16 digits: bytes>\n`, at most one a second.

use model::Timestamp;
use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// Length of an entry.
const ENTRY: u64 = 31;
/// A shim that lives notes a size within this time, in milliseconds.
const LATE: i64 = 2_000;

/// The index of one log, read by halving.
pub(super) struct Index {
    file: Option<File>,
    entries: u64,
    /// When the log itself was last written, and its size then.
    written: (i64, u64),
    /// The last answer: bytes from here to there were written then. Lines are asked in order.
    last: Cell<(u64, u64, i64)>,
}

impl Index {
    /// Opens it; a missing one knows no times. `log` is what the system says of the log.
    pub(super) fn open(path: &Path, log: &Metadata) -> io::Result<Self> {
        let written = (
            log.mtime() * 1_000 + log.mtime_nsec() / 1_000_000,
            log.len(),
        );
        let last = Cell::new((0, 0, 0));
        match File::open(path) {
            Ok(file) => {
                let entries = file.metadata()?.len() / ENTRY;
                Ok(Self {
                    file: Some(file),
                    entries,
                    written,
                    last,
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                file: None,
                entries: 0,
                written,
                last,
            }),
            Err(error) => Err(error),
        }
    }

    /// When the byte before `offset` was written, to the second. `None` when that is not known.
    pub(super) fn time_of(&self, offset: u64) -> Option<Timestamp> {
        let (from, to, at) = self.last.get();
        if from < offset && offset <= to {
            return Some(Timestamp(at));
        }
        if let Some(number) = self.first(|(_, size)| size >= offset) {
            let (at, size) = self.entry(number)?;
            let from = number
                .checked_sub(1)
                .and_then(|n| self.entry(n))
                .map_or(0, |(_, s)| s);
            self.last.set((from, size, at));
            return Some(Timestamp(at));
        }
        // Newer than the last note. A moment ago is as good as the log's own time; with a shim
        // that is gone nobody knows.
        let (noted, _) = self.entry(self.entries.checked_sub(1)?)?;
        self.recent(offset).filter(|at| at.0 - noted <= LATE)
    }

    /// Like [`Index::time_of`], for bytes that were not there at the last look.
    pub(super) fn time_of_new(&self, offset: u64) -> Option<Timestamp> {
        self.time_of(offset).or_else(|| self.recent(offset))
    }

    fn recent(&self, offset: u64) -> Option<Timestamp> {
        let (at, size) = self.written;
        (offset <= size).then_some(Timestamp(at))
    }

    /// So much had been written before `time`, as far as is known: every line that ends behind
    /// this is not older.
    pub(super) fn size_before(&self, time: Timestamp) -> u64 {
        let number = self.first(|(at, _)| at >= time.0).unwrap_or(self.entries);
        number
            .checked_sub(1)
            .and_then(|last| self.entry(last))
            .map_or(0, |(_, size)| size)
    }

    /// Every line that begins at or behind this is newer than `time`; `None` if there may be none.
    pub(super) fn size_after(&self, time: Timestamp) -> Option<u64> {
        let number = self.first(|(at, _)| at > time.0)?;
        self.entry(number).map(|(_, size)| size)
    }

    /// The number of the first entry for which `is` holds, given that it holds for all after it.
    fn first(&self, is: impl Fn((i64, u64)) -> bool) -> Option<u64> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            // An entry that cannot be read is passed over as if it were too early.
            if self.entry(middle).is_some_and(&is) {
                high = middle;
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
    use std::time::{Duration, UNIX_EPOCH};

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
        let log = tempfile::NamedTempFile::new().unwrap();
        log.as_file().set_len(70).unwrap();
        let written = UNIX_EPOCH + Duration::from_millis(6_000);
        log.as_file().set_modified(written).unwrap();
        let index = Index::open(&path, &log.as_file().metadata().unwrap()).unwrap();
        for _ in 0..2 {
            assert_eq!(index.time_of(5), Some(Timestamp(1_000)));
            assert_eq!(index.time_of(30), Some(Timestamp(2_000)));
            assert_eq!(index.time_of(31), Some(Timestamp(5_000)));
            // Newer than the last note, but not by much.
            assert_eq!(index.time_of(61), Some(Timestamp(6_000)));
            assert_eq!(index.time_of(71), None);
        }
        assert_eq!(index.size_before(Timestamp(0)), 0);
        assert_eq!(index.size_before(Timestamp(1_500)), 10);
        assert_eq!(index.size_before(Timestamp(9_000)), 60);
        assert_eq!(index.size_after(Timestamp(1_000)), Some(30));
        assert_eq!(index.size_after(Timestamp(5_000)), None);

        // The shim is gone; the service writes on.
        log.as_file()
            .set_modified(UNIX_EPOCH + Duration::from_secs(60))
            .unwrap();
        let index = Index::open(&path, &log.as_file().metadata().unwrap()).unwrap();
        assert_eq!(index.time_of(61), None);
        assert_eq!(index.time_of_new(61), Some(Timestamp(60_000)));
    }

    #[test]
    fn the_shims_entries_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.idx");
        std::fs::write(&path, shim::index::encode(1_790_000_000_123, 4_096)).unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let index = Index::open(&path, &log.as_file().metadata().unwrap()).unwrap();
        assert_eq!(index.time_of(4_096), Some(Timestamp(1_790_000_000_123)));
    }
}
