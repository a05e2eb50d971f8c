//! `log.runs`: where each start of an instance began in its log, and the first line of it that looks
//! like an error, kept even when the log no longer has it.
//!
//! A ring of slots of one length: the start of generation G lies in slot `G mod SLOTS`, so the file
//! never grows beyond the ring, on any file system, and a slot is written in one piece:
//! `<20: generation> <16: begin> <13: time> <16: unseen> <16: error> <16: its end> <13: its time>
//! <3: bytes of text> <text, filled up with blanks>\n`. Numbers are decimal, offsets are bytes of the
//! log, times are Unix milliseconds. An end of 0 says that no error was found yet.

/// Starts that are remembered.
pub const SLOTS: u64 = 64;
/// Length of a slot, its line end included.
pub const SLOT: usize = 1024;
/// Most bytes of a line that are kept.
pub const TEXT: usize = SLOT - HEAD - 1;

/// The numbers before the text, each with a blank behind it.
const FIELDS: [usize; 8] = [20, 16, 13, 16, 16, 16, 13, 3];
const HEAD: usize = 20 + 16 + 13 + 16 + 16 + 16 + 13 + 3 + FIELDS.len();

/// One start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    /// Which.
    pub generation: u64,
    /// Length of the log when it began: its lines lie behind this.
    pub begin: u64,
    /// When it began.
    pub at: u64,
    /// So many bytes of it went out of the log faster than they could be looked through.
    pub unseen: u64,
    /// Its first line that looks like an error, among those that are no longer in the log.
    pub error: Option<Found>,
}

/// Where a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its address.
    pub offset: u64,
    /// Where the next line begins.
    pub end: u64,
    /// When it was written; 0 when that is not known.
    pub at: u64,
}

/// Where the slot of a generation lies in the file.
pub fn place(generation: u64) -> u64 {
    generation % SLOTS * SLOT as u64
}

/// Writes a slot. Of the text what is too long is left out.
pub fn encode(run: &Run, text: &[u8]) -> [u8; SLOT] {
    let text = &text[..text.len().min(TEXT)];
    let error = run.error.unwrap_or(Found {
        offset: 0,
        end: 0,
        at: 0,
    });
    let numbers = [
        run.generation,
        run.begin,
        run.at,
        run.unseen,
        error.offset,
        error.end,
        error.at,
        text.len() as u64,
    ];
    let mut slot = [b' '; SLOT];
    let mut at = 0;
    for (width, number) in FIELDS.into_iter().zip(numbers) {
        crate::index::digits(&mut slot[at..at + width], number);
        at += width + 1;
    }
    slot[HEAD..HEAD + text.len()].copy_from_slice(text);
    slot[SLOT - 1] = b'\n';
    slot
}

/// Reads a slot back, with the raw bytes of the line. `None` for one that was never written, or is
/// not of this form.
pub fn decode(slot: &[u8]) -> Option<(Run, &[u8])> {
    if slot.len() != SLOT || slot[SLOT - 1] != b'\n' {
        return None;
    }
    let mut numbers = [0_u64; FIELDS.len()];
    let mut at = 0;
    for (width, number) in FIELDS.into_iter().zip(&mut numbers) {
        let text = std::str::from_utf8(&slot[at..at + width]).ok()?;
        *number = text.parse().ok()?;
        at += width + 1;
    }
    let [
        generation,
        begin,
        time,
        unseen,
        offset,
        end,
        error_at,
        length,
    ] = numbers;
    let text = slot[HEAD..SLOT - 1].get(..usize::try_from(length).ok()?)?;
    let error = (end > offset).then_some(Found {
        offset,
        end,
        at: error_at,
    });
    let run = Run {
        generation,
        begin,
        at: time,
        unseen,
        error,
    };
    Some((run, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_reads_back_and_has_one_length() {
        let mut run = Run {
            generation: u64::MAX,
            begin: 4_096,
            at: 1_790_000_000_123,
            unseen: 7,
            error: None,
        };
        assert_eq!(decode(&encode(&run, b"")), Some((run, &b""[..])));
        run.error = Some(Found {
            offset: 5_000,
            end: 5_040,
            at: 0,
        });
        let slot = encode(&run, b"Error: no \xff luck");
        assert_eq!(decode(&slot), Some((run, &b"Error: no \xff luck"[..])));
        let long = [b'x'; 2 * SLOT];
        assert_eq!(decode(&encode(&run, &long)), Some((run, &long[..TEXT])));
    }

    #[test]
    fn what_was_never_written_is_none() {
        assert_eq!(decode(&[0; SLOT]), None);
        assert_eq!(decode(b"short\n"), None);
        let mut slot = encode(&Run::default(), b"");
        slot[3] = b'x';
        assert_eq!(decode(&slot), None);
    }

    #[test]
    fn the_ring_comes_round() {
        assert_eq!(place(1), SLOT as u64);
        assert_eq!(place(SLOTS + 1), place(1));
    }
}
