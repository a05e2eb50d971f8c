//! Where lines begin and end.
//!
//! A line ends behind its newline. One that goes on and on is cut at block boundaries, so that
//! memory stays bounded: at a multiple of [`BLOCK`] when the whole block before it holds no
//! newline. That can be told from the bytes around a place alone, so a line has the same address
//! whether it is reached from the front or from the back, and no piece is longer than two blocks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Half of the longest line that is shown as one, in bytes.
pub(super) const BLOCK: u64 = 32 << 10;

/// A line as it lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub(super) offset: u64,
    /// Where the next one begins.
    pub(super) end: u64,
    /// Without its line end.
    pub(super) bytes: &'a [u8],
}

/// The lines of a chunk that begins at `offset`, where a line begins. The address at which the
/// first unfinished one begins is given too; with `whole` that one counts as a line.
pub(super) fn split(chunk: &[u8], offset: u64, whole: bool) -> (Vec<Raw<'_>>, u64) {
    let mut lines = Vec::new();
    let mut at = offset;
    let mut rest = chunk;
    while !rest.is_empty() {
        // The first boundary that has a whole block of this line before it.
        let room = (at.next_multiple_of(BLOCK) - at) + BLOCK;
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
        let cut = room as u64 + at == at.next_multiple_of(BLOCK) + BLOCK;
        let length = match memchr::memchr(b'\n', &rest[..room]) {
            Some(newline) => newline + 1,
            None if cut || whole => room,
            None => break,
        };
        let (line, after) = rest.split_at(length);
        let end = at + length as u64;
        lines.push(Raw {
            offset: at,
            end,
            bytes: content(line),
        });
        (at, rest) = (end, after);
    }
    (lines, at)
}

/// A line without its end.
pub(super) fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A log file and the part of it that is there.
pub(super) struct Log<'a> {
    pub(super) file: &'a File,
    /// Where its first whole line begins: behind what was punched out.
    pub(super) first: u64,
    pub(super) end: u64,
    /// What was punched out when `first` was looked for.
    hole: u64,
}

/// So many bytes at a file's beginning were punched out, or are nothing but a hole.
pub(super) fn hole(file: &File) -> io::Result<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(0)) {
        Ok(data) => Ok(data),
        // Nothing but a hole, or nothing at all.
        Err(rustix::io::Errno::NXIO) => Ok(file.metadata()?.len()),
        // A file system without holes.
        Err(rustix::io::Errno::INVAL) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

impl<'a> Log<'a> {
    pub(super) fn of(file: &'a File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        let mut log = Self {
            file,
            first: 0,
            end,
            hole: 0,
        };
        log.punched()?;
        Ok(log)
    }

    /// Whether more was punched out since the last look; then `first` is another.
    ///
    /// What was read before it is asked, from `first` on, is what was written when this says no:
    /// zeros of a hole can only be read when the hole is there to be seen.
    pub(super) fn punched(&mut self) -> io::Result<bool> {
        let mut found = hole(self.file)?.min(self.end);
        if found <= self.hole {
            return Ok(false);
        }
        loop {
            self.hole = found;
            // A hole ends at a block of the disk, in the midst of a line. Blocks that reach into
            // the hole say nothing about where long lines are cut.
            self.first = found;
            self.first = self.line_from(found + 1)?;
            // It may have been punched while its first line was looked for.
            found = hole(self.file)?.min(self.end);
            if found <= self.hole {
                return Ok(true);
            }
        }
    }

    /// The bytes of `from..to`, or what there is of them.
    pub(super) fn read(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(from, to, &mut bytes)?;
        Ok(bytes)
    }

    /// [`Log::read`] into memory that was used before.
    pub(super) fn read_into(&self, from: u64, to: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(
            usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX),
            0,
        );
        let mut filled = 0;
        while filled < bytes.len() {
            match self
                .file
                .read_at(&mut bytes[filled..], from + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(())
    }

    /// Where the first line begins that begins at or after `at`; the log's end if none does.
    pub(super) fn line_from(&self, at: u64) -> io::Result<u64> {
        if at <= self.first {
            return Ok(self.first);
        }
        if at >= self.end {
            return Ok(self.end);
        }
        let begin = (at - at % BLOCK).saturating_sub(BLOCK).max(self.first);
        let bytes = self.read(begin, (at + 2 * BLOCK).min(self.end))?;
        let place = |at: u64| usize::try_from(at - begin).unwrap_or(usize::MAX);
        let newline = bytes
            .iter()
            .skip(place(at - 1))
            .position(|byte| *byte == b'\n');
        let newline = newline.map_or(self.end, |n| at + n as u64);
        let mut boundary = at.next_multiple_of(BLOCK);
        while boundary < newline && place(boundary) <= bytes.len() {
            let whole = boundary.checked_sub(BLOCK).filter(|block| *block >= begin);
            let block = whole.map(|block| &bytes[place(block)..place(boundary)]);
            if block.is_some_and(|block| !block.contains(&b'\n')) {
                return Ok(boundary);
            }
            boundary += BLOCK;
        }
        Ok(newline)
    }

    /// Where the last finished line ends.
    pub(super) fn whole(&self) -> io::Result<u64> {
        match self.end.checked_sub(1) {
            Some(last) if self.read(last, self.end)? != b"\n" => self.line_of(last),
            _ => Ok(self.end),
        }
    }

    /// Where the line begins that holds the byte at `at`; at the log's end the one that comes next.
    pub(super) fn line_of(&self, at: u64) -> io::Result<u64> {
        if at <= self.first {
            return Ok(self.first);
        }
        let begin = self.line_from(at.saturating_sub(2 * BLOCK))?;
        let bytes = self.read(begin, (at + 1).min(self.end))?;
        if at >= self.end && bytes.last() == Some(&b'\n') {
            return Ok(self.end);
        }
        let (lines, _) = split(&bytes, begin, true);
        Ok(lines.last().map_or(self.end, |line| line.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// Lines of all lengths around the interesting ones.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let block = usize::try_from(BLOCK).unwrap();
        let length = prop_oneof![
            4 => 0..200usize,
            1 => block - 2..block + 2,
            1 => 2 * block - 2..2 * block + 2,
            1 => 0..5 * block,
        ];
        (proptest::collection::vec(length, 0..12), any::<bool>()).prop_map(|(lengths, ended)| {
            let mut text = Vec::new();
            for length in lengths {
                text.extend(std::iter::repeat_n(b'x', length));
                text.push(b'\n');
            }
            if !ended {
                text.pop();
            }
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn lines_tile_the_file_and_are_never_too_long(text in text()) {
            let (lines, end) = split(&text, 0, true);
            prop_assert_eq!(end, text.len() as u64);
            let mut at = 0;
            for line in &lines {
                prop_assert_eq!(line.offset, at);
                prop_assert!(line.end - line.offset <= 2 * BLOCK);
                at = line.end;
            }
            prop_assert_eq!(at, end);
        }

        #[test]
        fn a_line_has_one_address_wherever_one_comes_from(
            text in text(), places in proptest::collection::vec(any::<prop::sample::Index>(), 20),
        ) {
            let file = file(&text);
            let log = Log::of(&file).unwrap();
            let (lines, _) = split(&text, 0, true);
            let mut begins: Vec<u64> = lines.iter().map(|line| line.offset).collect();
            begins.push(text.len() as u64);
            let mut near: Vec<u64> = begins.iter().flat_map(|at| [at.saturating_sub(1), *at, at + 1]).collect();
            near.extend(places.iter().map(|place| place.index(text.len() + 1) as u64));
            for at in near {
                let next = begins.iter().copied().find(|begin| *begin >= at);
                prop_assert_eq!(log.line_from(at).unwrap(), next.unwrap_or(log.end), "from {}", at);
                if let Some(holds) = lines.iter().find(|line| line.offset <= at && at < line.end) {
                    prop_assert_eq!(log.line_of(at).unwrap(), holds.offset, "of {}", at);
                }
            }
            // Splitting from any line on goes on in the same way.
            for line in lines.iter().step_by(3) {
                let (again, _) = split(&text[usize::try_from(line.offset).unwrap()..], line.offset, true);
                prop_assert_eq!(again.first(), Some(line));
            }
        }
    }

    #[test]
    fn what_was_punched_out_is_not_there() {
        let line = format!("{}\n", "y".repeat(99));
        let file = file(line.repeat(1_000).as_bytes());
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        if rustix::fs::fallocate(&file, punch, 0, 8_192).is_err() {
            return; // Not every file system can.
        }
        let log = Log::of(&file).unwrap();
        assert_eq!(log.first, 8_200);
        assert_eq!(log.line_from(0).unwrap(), 8_200);
        assert_eq!(log.line_of(8_250).unwrap(), 8_200);
        let mut log = log;
        assert!(!log.punched().unwrap());
        rustix::fs::fallocate(&file, punch, 0, 12_288).unwrap();
        assert!(log.punched().unwrap());
        assert_eq!(log.first, 12_300);
        rustix::fs::fallocate(&file, punch, 0, 100_000).unwrap();
        assert_eq!(Log::of(&file).unwrap().first, 100_000);
    }

    #[test]
    fn a_long_line_is_cut_in_the_same_places_when_its_front_is_gone() {
        let block = usize::try_from(BLOCK).unwrap();
        let mut text = b"short\n".repeat(1_000);
        text.extend(vec![b'x'; 5 * block]);
        text.extend(b"\nlast\n");
        let (lines, _) = split(&text, 0, true);
        let file = file(&text);
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        for hole in (4_096..text.len() as u64 - 4_096).step_by(4_096) {
            if rustix::fs::fallocate(&file, punch, 0, hole).is_err() {
                return; // Not every file system can.
            }
            let log = Log::of(&file).unwrap();
            assert!(log.first >= hole);
            assert!(
                lines.iter().any(|line| line.offset == log.first),
                "no line begins at {}, behind a hole of {hole}",
                log.first
            );
        }
    }
}
