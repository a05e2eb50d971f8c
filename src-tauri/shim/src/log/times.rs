//! The index as its writer reads it: by halving, without allocating. Every entry lies at a multiple of
//! its length, for its readers, so nothing may be left of one that was not written whole.

use super::file;
use crate::index::{self, ENTRY};
use std::fs::File;

const LENGTH: u64 = ENTRY as u64;

/// Takes an index over: an entry that its writer was cut off in goes. Answers the last one: when the
/// log had which length.
pub(super) fn take_over(index: &File) -> Option<(u64, u64)> {
    let size = file::size(index);
    let torn = size % LENGTH;
    if torn > 0 {
        let _ = index.set_len(size - torn);
    }
    entry(index, (size / LENGTH).checked_sub(1)?)
}

/// When a log had grown beyond `offset` for the first time, as far as is known.
pub(super) fn time_of(index: &File, offset: u64) -> Option<u64> {
    entry(index, first_beyond(index, offset)).map(|(at, _)| at)
}

/// So many bytes of the index say nothing about what lies at `kept_from` and behind it. The entry
/// before stays, because it tells when the one after began.
pub(super) fn before(index: &File, kept_from: u64) -> u64 {
    first_beyond(index, kept_from).saturating_sub(1) * LENGTH
}

/// The number of the first entry with more than `offset` bytes; the number of entries if none has.
fn first_beyond(index: &File, offset: u64) -> u64 {
    let (mut low, mut high) = (0, file::size(index) / LENGTH);
    while low < high {
        let middle = low + (high - low) / 2;
        // What was punched out came before.
        if entry(index, middle).is_some_and(|(_, size)| size > offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn entry(index: &File, number: u64) -> Option<(u64, u64)> {
    let mut entry = [0; ENTRY];
    let read = file::read_at(index, &mut entry, number * LENGTH)?;
    index::decode(&entry[..read])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::Intent;
    use crate::log::{Log, Wake};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = format!("azora-times-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(path);
            std::fs::create_dir(&path).unwrap();
            Folder(path)
        }
        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().to_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn last(index: &File) -> Option<(u64, u64)> {
        entry(index, (file::size(index) / LENGTH).checked_sub(1)?)
    }

    /// What the next test has itself run for: appends to this index, with room for some entries.
    const CRAMPED: &str = "AZORA_TEST_CRAMPED";

    #[test]
    fn of_an_entry_that_there_is_no_room_for_nothing_is_left() {
        if let Ok(path) = std::env::var(CRAMPED) {
            let index = file::open(&path, true).unwrap();
            (1..=50).for_each(|n| file::append(&index, &index::encode(n, n)));
            return;
        }
        let folder = Folder::new("room");
        let path = folder.path("log.idx");
        // 512 or 1,024 bytes, as the shell counts: neither is a multiple of an entry's length. The
        // first write over that is cut short, as on a full disk.
        let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" --exact \"$1\"";
        let name = "log::times::tests::of_an_entry_that_there_is_no_room_for_nothing_is_left";
        let done = Command::new("/bin/sh")
            .args(["-c", script])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(CRAMPED, &path)
            .stdout(Stdio::null())
            .status();
        assert!(done.unwrap().success());
        let index = file::open(&path, true).unwrap();
        let size = file::size(&index);
        assert!((16..50).contains(&(size / LENGTH)), "{size}");
        assert_eq!(size % LENGTH, 0, "a part of an entry is left");
        // There is room again.
        file::append(&index, &index::encode(99, 99));
        assert_eq!(last(&index), Some((99, 99)));
    }

    #[test]
    fn an_entry_that_its_writer_was_cut_off_in_does_not_shift_the_next() {
        let folder = Folder::new("torn");
        let intent = Intent {
            log: folder.path("log"),
            index: folder.path("log.idx"),
            ..Intent::default()
        };
        std::fs::write(&intent.log, [b'x'; 70]).unwrap();
        let mut entries = index::encode(1, 10).to_vec();
        entries.extend(&index::encode(2, 20)[..12]);
        std::fs::write(&intent.index, entries).unwrap();
        let mut log = Log::open(&intent, Wake::Looking).unwrap();
        log.begins(1);
        let index = file::open(&intent.index, true).unwrap();
        assert_eq!(file::size(&index), 2 * LENGTH);
        assert_eq!(entry(&index, 0), Some((1, 10)));
        assert_eq!(entry(&index, 1).map(|(_, size)| size), Some(70));
        let log = std::fs::metadata(&intent.log).unwrap().len();
        assert_eq!(log, 70, "the log itself is never cut");
    }
}
