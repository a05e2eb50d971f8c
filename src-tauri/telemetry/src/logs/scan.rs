//! Looking through a chunk for the lines that are wanted, faster than line by line.
//!
//! A chunk is searched as a whole, and what is found is held against the line alone: a pattern means the
//! same wherever a line lies. Where a line has colours or carriage returns, the chunk's lines are put down
//! plain first.

use super::Pattern;
use super::lines::{BLOCK, Raw, content, split};
use super::pattern::put_plain;

/// Looks through one chunk after another.
#[derive(Default)]
pub(super) struct Scan {
    /// The lines of a chunk without colours.
    plain: Vec<u8>,
    /// Where in it each line begins, and where that line begins in the chunk.
    begins: Vec<(usize, usize)>,
}

impl Scan {
    /// The lines of a chunk that hold the pattern. `offset`, `whole` and the answer's address are those of
    /// [`split`].
    pub(super) fn lines<'a>(
        &mut self,
        chunk: &'a [u8],
        offset: u64,
        whole: bool,
        pattern: &Pattern,
    ) -> (Vec<Raw<'a>>, u64) {
        let tail = memchr::memrchr(b'\n', chunk).map_or(0, |newline| newline + 1);
        let (body, rest) = chunk.split_at(tail);
        let mut found = Vec::new();
        match pattern.many() {
            None => {
                let (raws, _) = split(body, offset, false);
                found.extend(raws.into_iter().filter(|raw| pattern.is_in(raw.bytes)));
            }
            Some(many) if memchr::memchr2(0x1b, b'\r', body).is_none() => {
                let mut at = 0;
                while let Some(hit) = many.find_at(body, at) {
                    let begin = memchr::memrchr(b'\n', &body[at..hit.start()])
                        .map_or(at, |newline| at + newline + 1);
                    let end = memchr::memchr(b'\n', &body[hit.start()..])
                        .map_or(body.len(), |newline| hit.start() + newline + 1);
                    // Nothing at all is found behind the last line, too.
                    if begin >= body.len() {
                        break;
                    }
                    one(body, (begin, end), offset, pattern, &mut found);
                    at = end;
                }
            }
            Some(many) => {
                self.put(body);
                let mut at = 0;
                while let Some(hit) = many.find_at(&self.plain, at) {
                    // The line in which it begins.
                    let nth = self
                        .begins
                        .partition_point(|(begin, _)| *begin <= hit.start());
                    let Some((_, begin)) = nth.checked_sub(1).map(|nth| self.begins[nth]) else {
                        break;
                    };
                    let next = self.begins.get(nth);
                    let end = next.map_or(body.len(), |(_, begin)| *begin);
                    one(body, (begin, end), offset, pattern, &mut found);
                    let Some((next, _)) = next else {
                        break;
                    };
                    at = *next;
                }
            }
        }
        let (last, next) = split(rest, offset + tail as u64, whole);
        found.extend(last.into_iter().filter(|raw| pattern.is_in(raw.bytes)));
        (found, next)
    }

    fn put(&mut self, body: &[u8]) {
        self.plain.clear();
        self.begins.clear();
        let mut begin = 0;
        for newline in memchr::memchr_iter(b'\n', body) {
            self.begins.push((self.plain.len(), begin));
            put_plain(content(&body[begin..=newline]), &mut self.plain);
            self.plain.push(b'\n');
            begin = newline + 1;
        }
    }
}

/// Takes the line at this place of the chunk if it really holds the pattern; one that goes on and on has
/// pieces.
fn one<'a>(
    body: &'a [u8],
    (begin, end): (usize, usize),
    offset: u64,
    pattern: &Pattern,
    found: &mut Vec<Raw<'a>>,
) {
    let (line, at) = (&body[begin..end], offset + begin as u64);
    if (line.len() as u64) < BLOCK {
        let bytes = content(line);
        if pattern.is_in(bytes) {
            let end = offset + end as u64;
            found.push(Raw {
                offset: at,
                end,
                bytes,
            });
        }
        return;
    }
    let (pieces, _) = split(line, at, true);
    found.extend(pieces.into_iter().filter(|raw| pattern.is_in(raw.bytes)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(text: &[u8], offset: u64, whole: bool, pattern: &str) {
        let pattern = Pattern::new(pattern).unwrap();
        let (found, next) = Scan::default().lines(text, offset, whole, &pattern);
        let (all, end) = split(text, offset, whole);
        let wanted: Vec<_> = all
            .into_iter()
            .filter(|raw| pattern.is_in(raw.bytes))
            .collect();
        assert_eq!((found, next), (wanted, end), "{pattern:?}");
    }

    const PATTERNS: [&str; 13] = [
        "ab",
        "^a",
        "b$",
        "a.b",
        r"a\sb",
        "[^x]b",
        "^$",
        r"\Aa",
        r"b\z",
        r"\bab\b",
        "",
        "(?-i)A",
        "a\u{fffd}",
    ];

    #[test]
    fn a_line_is_found_whatever_lies_around_it() {
        let long = format!("x\n{}ab{}\nab\n", "y".repeat(70_000), "z".repeat(90_000));
        for text in [
            "a\nb\nab\r\nA b\n\nxab\x1b[31ma\x1b[0mb\nb\n",
            "a\n b\na\n\nb",
            "a\rb\nb\r\n",
            "\x1b[1ma\x1b[2Kb\n\x1b]0;ab\x07\na\u{2713}\x1b[0mb\n",
            &long,
        ] {
            for pattern in PATTERNS {
                both(text.as_bytes(), 0, true, pattern);
                both(text.as_bytes(), 17, false, pattern);
            }
        }
        both(b"a\xff b\n\xffab\x1b[0m\n", 3, true, "a\u{fffd}");
    }

    const PIECES: [&[u8]; 12] = [
        b"a",
        b"b",
        b"A",
        b" ",
        b"\n",
        b"\r",
        b"\xff",
        b"\x1b[1m",
        b"\x1b[0;31m",
        b"\x1b[2J",
        b"\x1b",
        b"\xc3\xa9",
    ];

    proptest! {
        #[test]
        fn it_finds_what_is_found_line_by_line(
            text in proptest::collection::vec(0..PIECES.len(), 0..40),
            whole in any::<bool>(),
            pattern in 0..PATTERNS.len(),
        ) {
            let text: Vec<u8> = text.into_iter().flat_map(|nth| PIECES[nth].to_vec()).collect();
            both(&text, 5, whole, PATTERNS[pattern]);
        }
    }
}
