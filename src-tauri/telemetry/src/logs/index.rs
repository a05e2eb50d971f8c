//! When a log had grown to what size: reads what the shim notes, see [`shim::index`]. The oldest
//! entries are punched out as the log's own bytes are.

use model::Timestamp;
use shim::index::{ENTRY, decode};
use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// Length of an entry.
const LENGTH: u64 = ENTRY as u64;
/// A shim that lives notes a size within this time, in milliseconds.
const LATE: i64 = 2_000;

/// The index of one log, read by halving.
pub(super) struct Index {
    file: Option<File>,
    entries: u64,
    /// The newest entry: what is being followed lies behind it.
    newest: Option<(i64, u64)>,
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
        let mut index = Self {
            file: None,
            entries: 0,
            newest: None,
            written,
            last: Cell::new((0, 0, 0)),
        };
        match File::open(path) {
            Ok(file) => {
                index.entries = file.metadata()?.len() / LENGTH;
                index.file = Some(file);
                let newest = index.entries.checked_sub(1);
                index.newest = newest.and_then(|number| index.entry(number));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(index)
    }

    /// When the byte before `offset` was written, to the second. `None` when that is not known.
    pub(super) fn time_of(&self, offset: u64) -> Option<Timestamp> {
        let (from, to, at) = self.last.get();
        if from < offset && offset <= to {
            return Some(Timestamp(at));
        }
        let (noted, newest) = self.newest?;
        if offset > newest {
            // A moment ago is as good as the log's own time; with a shim that is gone nobody knows.
            return self.recent(offset).filter(|at| at.0 - noted <= LATE);
        }
        let number = self.first(|(_, size)| size >= offset)?;
        let (at, size) = self.entry(number)?;
        let from = match number.checked_sub(1) {
            None => 0,
            // When the one before is no longer there, this one only says "at some time until".
            Some(before) => self.entry(before)?.1,
        };
        self.last.set((from, size, at));
        Some(Timestamp(at))
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

    /// The time of the first entry that is kept.
    pub(super) fn first_time(&self) -> Option<i64> {
        let number = self.first(|(at, _)| at > 0)?;
        self.entry(number).map(|(at, _)| at)
    }

    /// By then all was written that is noted.
    pub(super) fn last_time(&self) -> Option<i64> {
        self.newest.map(|(at, _)| at + 1)
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
        let mut entry = [0; ENTRY];
        let file = self.file.as_ref()?;
        file.read_exact_at(&mut entry, number * LENGTH).ok()?;
        let (at, size) = decode(&entry)?;
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
    fn of_entries_that_were_punched_out_nothing_is_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.idx");
        let mut bytes = vec![0; 4 * ENTRY];
        for (at, size) in [(5_000, 50), (6_000, 60), (7_000, 70)] {
            bytes.extend(shim::index::encode(at, size));
        }
        std::fs::write(&path, bytes).unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let index = Index::open(&path, &log.as_file().metadata().unwrap()).unwrap();
        // Up to 50 was written at some time until then: nobody knows when.
        assert_eq!(index.time_of(50), None);
        assert_eq!(index.time_of(51), Some(Timestamp(6_000)));
        assert_eq!(index.time_of(70), Some(Timestamp(7_000)));
        assert_eq!(index.size_before(Timestamp(4_000)), 0);
        assert_eq!(index.size_before(Timestamp(6_500)), 60);
        assert_eq!(index.size_after(Timestamp(4_000)), Some(50));
    }
}
