//! One entry of a daemon's log: when it was written, and its bytes.

/// An entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// When, in Unix nanoseconds; `None` when the daemon has not put a time before it.
    pub(super) at: Option<i128>,
    /// What was written.
    pub(super) text: &'a [u8],
}

/// Longest time that is looked for: "2026-11-29T10:32:35.849428413+00:00".
const LONGEST: usize = 40;

impl<'a> Entry<'a> {
    /// Reads an entry as the daemon sends it: a time, a blank, the text.
    pub(super) fn of(piece: &'a [u8]) -> Self {
        let blank = piece.iter().take(LONGEST).position(|byte| *byte == b' ');
        let time = |end: usize| std::str::from_utf8(&piece[..end]).ok()?.parse().ok();
        let known = blank.and_then(|end| Some((end, time(end)?)));
        match known {
            Some((end, at)) => {
                let at: jiff::Timestamp = at;
                Self {
                    at: Some(at.as_nanosecond()),
                    text: &piece[end + 1..],
                }
            }
            None => Self {
                at: None,
                text: piece,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_and_podmans_times_are_read() {
        let entry = Entry::of(b"2026-11-29T10:32:35.849428413Z line 1\n");
        assert_eq!(entry.at, Some(1_795_948_355_849_428_413));
        assert_eq!(entry.text, b"line 1\n");
        let podman = Entry::of(b"2026-11-29T12:32:35+02:00 line 1\n");
        assert_eq!(podman.at, Some(1_795_948_355_000_000_000));
        assert_eq!(Entry::of(b"2026-11-29T10:32:35Z \n").text, b"\n");
    }

    #[test]
    fn what_has_no_time_is_all_text() {
        for text in [&b"no time at all\n"[..], b"", b" ", b"\xff\xfe x"] {
            assert_eq!(Entry::of(text), Entry { at: None, text });
        }
    }
}
