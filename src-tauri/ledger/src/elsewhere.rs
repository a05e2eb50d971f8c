//! Checkpoints that are kept outside of the home: what such a file is called, whether it may give way to a newer one,
//! and how it is written. `engine` does it by itself, `cli` when a person says so.
//!
//! What lies there is evidence: it gives way only to more of the same.

use crate::note::origin;
use crate::{Error, Keys, Source};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use store::Kept;

/// No checkpoint is longer, in bytes.
const LONGEST: u64 = 64 << 10;
/// What every name of a ledger begins with.
const NAMES: &str = "azora/";

/// How a checkpoint that lies elsewhere stands to the ledger as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It is the one that is to be there.
    Same,
    /// The ledger has grown out of it.
    Older,
    /// The ledger has not grown out of it: it was cut off, or it is another past.
    Other {
        /// So many entries were signed there.
        size: u64,
    },
}

impl Stand {
    /// What it means that it is another, and where it lies.
    pub fn contradicts(self, place: &str) -> Option<String> {
        match self {
            Self::Same | Self::Older => None,
            Self::Other { size } => Some(format!(
                "the checkpoint in {place} is of {size} entries and not of this ledger as it is now: it was cut off, \
                 or it is another past"
            )),
        }
    }
}

/// Holds what lies elsewhere against the newest checkpoint of the ledger.
///
/// # Errors
/// [`Error::Note`] when it is no checkpoint of this ledger, and those of the source.
pub async fn stand(
    source: &impl Source,
    keys: &Keys,
    there: &str,
    newest: &Kept,
) -> Result<Stand, Error> {
    let (old, ..) = keys.open(there)?;
    if there == newest.note {
        return Ok(Stand::Same);
    }
    let own = match old.size <= newest.size {
        true => source.checkpoints(old.size.saturating_sub(1), 1).await?,
        false => Vec::new(),
    };
    match own.first() {
        Some(own) if own.note == there => Ok(Stand::Older),
        _ => Ok(Stand::Other { size: old.size }),
    }
}

/// What the file of a ledger's checkpoints is called where those of several may lie: the name of the ledger is on the
/// first line of its notes. `None` where that is no name of a ledger.
pub fn file_of(note: &str) -> Option<String> {
    origin(note).and_then(file_of_name)
}

/// The same of a ledger's name.
pub fn file_of_name(name: &str) -> Option<String> {
    let own = name.strip_prefix(NAMES)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    (!own.is_empty() && own.len() <= 64 && own.bytes().all(plain))
        .then(|| format!("azora-{own}.checkpoint"))
}

/// The note in a file; `None` where there is none. Waits for the disk, or for whoever keeps it.
///
/// # Errors
/// Those of reading, and that it is no text.
pub fn read_note(path: &Path) -> io::Result<Option<String>> {
    match std::fs::metadata(path) {
        // Opening a pipe would wait for somebody to write into it.
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is no file")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut note = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut note)?;
    Ok(Some(note))
}

/// Writes a note whole or not at all.
///
/// # Errors
/// Those of writing; what was there is there then.
pub fn write_note(path: &Path, note: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let put = || {
        let mut file = File::create(&new)?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    put().inspect_err(|_| {
        let _ = std::fs::remove_file(&new);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_its_ledger_and_by_nothing_that_leads_elsewhere() {
        let file = file_of("azora/0123456789abcdef\n7\n").unwrap();
        assert_eq!(file, "azora-0123456789abcdef.checkpoint");
        for other in [
            "azora/..\n",
            "azora/a/b\n",
            "azora/\n",
            "other/1\n",
            "azora/1",
            "",
        ] {
            assert_eq!(file_of(other), None, "{other:?}");
        }
        assert_eq!(file_of_name(&format!("azora/{}", "a".repeat(65))), None);
    }

    #[test]
    fn a_note_is_written_whole_and_what_was_there_stays_when_it_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.checkpoint");
        assert_eq!(read_note(&path).unwrap(), None);
        write_note(&path, "one\n").unwrap();
        std::fs::create_dir(folder.path().join("one.checkpoint.new")).unwrap();
        assert!(write_note(&path, "two\n").is_err());
        assert_eq!(read_note(&path).unwrap().as_deref(), Some("one\n"));
        assert!(read_note(folder.path()).is_err());
    }
}
