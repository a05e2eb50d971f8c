//! `log.idx`: when a log had grown to what size, so that lines have times even while no engine
//! runs.
//!
//! Every entry has the same length, so a reader finds a time or an offset by halving:
//! `<13 digits: Unix milliseconds> <16 digits: bytes>\n`. Everything below the size had been
//! written at that time. Entries are appended when the log grew, at most one a second.

/// Length of an entry, its line end included.
pub const ENTRY: usize = 31;

/// Writes an entry.
pub fn encode(unix_ms: u64, size: u64) -> [u8; ENTRY] {
    let mut entry = [b'0'; ENTRY];
    entry[13] = b' ';
    entry[30] = b'\n';
    digits(&mut entry[..13], unix_ms);
    digits(&mut entry[14..30], size);
    entry
}

pub(crate) fn digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        // A remainder by ten is a single digit.
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Reads an entry back as (Unix milliseconds, bytes). `None` for anything that is not one.
pub fn decode(entry: &[u8]) -> Option<(u64, u64)> {
    if entry.len() != ENTRY || entry[13] != b' ' || entry[30] != b'\n' {
        return None;
    }
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
    Some((number(&entry[..13])?, number(&entry[14..30])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back() {
        let entry = encode(1_790_000_000_123, 4_096);
        assert_eq!(&entry, b"1790000000123 0000000000004096\n");
        assert_eq!(decode(&entry), Some((1_790_000_000_123, 4_096)));
        assert_eq!(decode(b"short"), None);
    }
}
