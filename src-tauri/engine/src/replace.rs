//! Replacing a small JSON file whole, also on a full disk.
//!
//! There are two files: the one that counts, and beside it the one before, which is written over in
//! its place and then changes names with the other. So a reader, and whoever comes after a crash,
//! finds a whole one, and no block is needed that is not there already. Both are filled up with
//! blanks, which mean nothing in JSON, so that a text that is a little longer has room, too.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Files are filled up to a multiple of this: blocks of most file systems are no longer.
const BLOCK: usize = 4096;

/// Puts a text in the place of what `path` holds. With `durable` it is still there after the machine
/// has failed.
pub(crate) fn replace(path: &Path, json: Vec<u8>, durable: bool) -> io::Result<()> {
    let other = path.with_extension("json.new");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&other)?;
    let had = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all_at(&filled(json, had), 0)?;
    if durable {
        file.sync_all()?;
    }
    match renameat_with(CWD, &other, CWD, path, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // There was none before, or this file system cannot exchange names.
        Err(_) => std::fs::rename(&other, path),
    }
}

/// As long as what is written over; when that is too short, with a quarter to spare.
fn filled(mut json: Vec<u8>, had: usize) -> Vec<u8> {
    let length = match json.len() <= had {
        true => had,
        false => (json.len() + json.len() / 4 + BLOCK).next_multiple_of(BLOCK),
    };
    json.resize(length, b' ');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_text_is_replaced_whole_and_takes_no_more_room_than_before() {
        let home = testkit::Home::new();
        let path = home.path().join("one.json");
        let read = || -> serde_json::Value {
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
        };
        let text = |n: usize| serde_json::to_vec(&"x".repeat(n)).unwrap();
        replace(&path, text(5_000), true).unwrap();
        replace(&path, text(10), true).unwrap();
        assert_eq!(read(), "x".repeat(10));
        let files = || -> Vec<(u64, u64)> {
            [path.clone(), path.with_extension("json.new")]
                .iter()
                .map(|file| file.metadata().unwrap())
                .map(|meta| (meta.ino(), meta.blocks()))
                .collect()
        };
        let before = files();
        // Longer, and in the room that is there: the same two files have changed names.
        replace(&path, text(6_000), true).unwrap();
        assert_eq!(read(), "x".repeat(6_000));
        let mut after = files();
        after.reverse();
        assert_eq!(before, after);
        replace(&path, text(100_000), true).unwrap();
        assert_eq!(read(), "x".repeat(100_000));
    }
}
