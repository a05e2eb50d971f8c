//! Making a line harmless: colours stay, other escape sequences are left out, and stray control
//! characters are made visible.

/// Longest control string that is taken for one, in bytes. What is longer is shown: it is not
/// looked for its end again and again, and nothing of size is hidden.
const MAX_STRING: usize = 4_096;

/// The text to show for a line's raw bytes. Bytes that are not UTF-8 become U+FFFD; colour
/// sequences (SGR, `ESC [ … m`) stay, other escape sequences go; other control characters and those
/// that reorder text become their pictures or code points. Tabs stay.
pub fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(next) = rest.chars().next() {
        if next == '\u{1b}' {
            if let Some(length) = colour(rest) {
                shown.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            if let Some(length) = sequence(rest) {
                // Cursor movements, titles, links: dropped whole, their text would only be noise.
                rest = &rest[length..];
                continue;
            }
        }
        show(next, &mut shown);
        rest = &rest[next.len_utf8()..];
    }
    shown
}

/// [`clean`] in less time: most lines are plain and stay as they are.
pub(super) fn shown(line: &[u8]) -> String {
    if harmless(line) {
        return String::from_utf8_lossy(line).into_owned(); // ASCII is UTF-8.
    }
    clean(line)
}

/// Whether nothing in it is to be cleaned.
pub(super) fn harmless(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn show(c: char, shown: &mut String) {
    match c {
        '\t' => shown.push(c),
        // Programs that draw progress go back to the line's beginning; what follows is what counts,
        // but nothing is hidden.
        '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7f}' => shown.push('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{61c}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => {
            shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
        }
        _ => shown.push(c),
    }
}

/// The length of a colour sequence at the beginning of `text`.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    // Longer than any real one is somebody playing.
    (parameters[end..].starts_with('m') && end <= 64).then_some(2 + end + 1)
}

/// The length of any other control sequence (CSI) or string (OSC, DCS, …) that ends in this line.
fn sequence(text: &str) -> Option<usize> {
    let after = text.strip_prefix('\u{1b}')?;
    match after.chars().next()? {
        '[' => {
            let end = after[1..].find(|c: char| !matches!(c, ' '..='?'))?;
            let last = after[1 + end..].chars().next()?;
            matches!(last, '@'..='~').then_some(1 + 1 + end + 1)
        }
        ']' | 'P' | '^' | '_' | 'X' => {
            let after = &after[..after.floor_char_boundary(MAX_STRING)];
            let bell = after.find('\u{7}').map(|at| 1 + at + 1);
            let terminator = after.find("\u{1b}\\").map(|at| 1 + at + 2);
            match (bell, terminator) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_stay_and_everything_else_is_harmless() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain\ttext", "plain\ttext"),
            (b"\x1b[1;31merror\x1b[0m", "\u{1b}[1;31merror\u{1b}[0m"),
            (b"\x1b[2J\x1b[Hgone", "gone"),
            (b"\x1b]0;title\x07after", "after"),
            (b"\x1b]8;;http://evil\x1b\\link", "link"),
            (b"\x1b]52;c;aGk=\x07", ""),
            (b"50%\r60%", "50%\u{240d}60%"),
            (b"\x1bc", "\u{241b}c"),
            (b"bad \xff byte", "bad \u{fffd} byte"),
            ("a\u{202e}b".as_bytes(), "a<U+202E>b"),
            ("\u{9b}31m".as_bytes(), "<U+009B>31m"),
        ];
        for (raw, shown) in cases {
            assert_eq!(clean(raw), *shown, "{raw:?}");
            assert_eq!(super::shown(raw), *shown, "{raw:?}");
        }
    }

    /// Anything but a colour's beginning that moves or reorders what is shown.
    fn steers(c: char) -> bool {
        let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        bidi || (c.is_control() && c != '\t' && c != '\u{1b}')
    }

    #[test]
    fn a_long_line_of_unfinished_strings_is_cleaned_in_no_time() {
        let raw = b"\x1b]".repeat(32 << 10);
        assert_eq!(clean(&raw), "\u{241b}]".repeat(32 << 10));
        let hidden = format!("\u{1b}P{}\u{1b}\\", "x".repeat(5_000));
        assert!(clean(hidden.as_bytes()).contains("xxx"));
    }

    proptest! {
        #[test]
        fn no_escape_but_a_colour_ever_survives(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let shown = clean(&raw);
            let mut rest = shown.as_str();
            while let Some(at) = rest.find('\u{1b}') {
                let length = colour(&rest[at..]);
                prop_assert!(length.is_some());
                rest = &rest[at + length.unwrap()..];
            }
            prop_assert!(!shown.chars().any(steers));
        }

        #[test]
        fn nothing_that_reorders_text_survives(
            raw in "[a\u{1b}\u{7}\\[\\]m0;\\\\\u{80}-\u{9f}\u{200e}\u{200f}\u{61c}\u{2028}-\u{202e}\u{2066}-\u{2069}]{0,80}",
        ) {
            let shown = clean(raw.as_bytes());
            prop_assert!(!shown.chars().any(steers), "{:?}", shown);
        }
    }
}
