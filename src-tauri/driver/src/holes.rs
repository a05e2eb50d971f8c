//! Whether the disk of a home can give parts of a file back: without that no log is ever bounded.

use crate::Layout;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

/// Two blocks of the largest kind in use; the first is punched out.
const PROBE: usize = 128 << 10;

/// Tries it. `None` when it works, or cannot be told because nothing can be written at all.
pub(crate) fn why_not(layout: &Layout) -> Option<String> {
    let path = layout.home().join("logs").join(".holes");
    let tried = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(&[b'x'; PROBE])?;
            let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            Ok(rustix::fs::fallocate(&file, mode, 0, PROBE as u64 / 2))
        });
    // What is left of it is found and truncated by the next engine.
    let _ = fs::remove_file(&path);
    match tried {
        Ok(Err(Errno::OPNOTSUPP | Errno::NOSYS)) => Some(format!(
            "the file system of {} cannot punch holes into files: logs are kept whole and grow \
             without bound, whatever `log.keep` says",
            layout.home().display()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_the_attempt() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        layout.create().unwrap();
        let said = why_not(&layout);
        assert!(said.is_none_or(|said| said.contains("log.keep")));
        let left = fs::read_dir(layout.home().join("logs")).unwrap().count();
        assert_eq!(left, 0);
    }
}
