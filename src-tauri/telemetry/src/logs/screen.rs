//! What a service may tell the terminal of somebody who is attached to it: text, colours, where the
//! cursor is, and what a full-screen program needs. Nothing that reaches beyond the screen: no titles,
//! clipboard, links, printing, sizes of windows, nor modes that change what keys mean for whoever types
//! there afterwards.
//!
//! Works on a stream: a sequence that is cut in two is one all the same, and comes out whole or not at
//! all. What comes out is UTF-8.

/// Longest control sequence that is passed on; the longest real ones set many colours.
const MAX_SEQUENCE: usize = 256;
/// So long a string (a title, a picture) is swallowed that does not end; what follows is shown.
const MAX_STRING: usize = 256 << 10;

/// Private modes that are passed on (`ESC [ ? … h`): of the cursor, of wrapping, of keys, the mouse, the
/// other screen, pasting, and drawing at once. Not those that resize or reach for the window.
const MODES: [u16; 23] = [
    1, 5, 6, 7, 12, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 1047,
    1048, 1049, 2004, 2026,
];

/// The filter of one reader.
#[derive(Debug, Default)]
pub(super) struct Screen {
    state: State,
    /// A character whose last bytes have not come.
    partial: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    /// Behind an ESC, with what came after it.
    Escape(String),
    /// Behind `ESC [`, with what came after it.
    Control(String),
    /// In a string that is swallowed, so far so long; and whether its last character was an ESC.
    Swallowed(usize, bool),
}

impl Screen {
    /// What may be shown of these bytes. Who is not `asked` (because it was written before anybody was
    /// here, or somebody else types) is shown no questions: the answers would be typed at a program that
    /// did not ask, or that nobody passes them on to.
    pub(super) fn pass(&mut self, bytes: &[u8], asked: bool) -> String {
        self.partial.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.partial);
        let mut shown = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for c in chunk.valid().chars() {
                self.next(c, asked, &mut shown);
            }
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && unfinished(invalid) {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.next(char::REPLACEMENT_CHARACTER, asked, &mut shown);
            }
        }
        shown
    }

    fn next(&mut self, c: char, asked: bool, shown: &mut String) {
        match (&mut self.state, c) {
            (State::Swallowed(length, escaped), _) => {
                *length += 1;
                let over = matches!(c, '\u{7}' | '\u{18}' | '\u{1a}' | '\u{9c}');
                if over || *length > MAX_STRING || (*escaped && c == '\\') {
                    self.state = State::Text;
                } else if *escaped {
                    // An ESC ends it, whatever comes behind.
                    self.state = State::Escape(String::new());
                    self.next(c, asked, shown);
                } else {
                    *escaped = c == '\u{1b}';
                }
            }
            (_, '\u{1b}') => self.state = State::Escape(String::new()),
            (State::Text, _) => text(c, shown),
            // What is given up in the midst of a sequence, and what is no part of any.
            (_, '\0'..='\u{1f}') => {
                self.state = State::Text;
                text(c, shown);
            }
            (State::Escape(sequence), _) => {
                if sequence.is_empty() {
                    match c {
                        '[' => return self.state = State::Control(String::new()),
                        ']' | 'P' | 'X' | '^' | '_' => {
                            return self.state = State::Swallowed(0, false);
                        }
                        _ => {}
                    }
                }
                sequence.push(c);
                if matches!(c, ' '..='/') && sequence.len() < 3 {
                    return;
                }
                if escape(sequence) {
                    shown.push('\u{1b}');
                    shown.push_str(sequence);
                }
                self.state = State::Text;
            }
            (State::Control(sequence), _) => {
                sequence.push(c);
                if matches!(c, ' '..='?') && sequence.len() < MAX_SEQUENCE {
                    return;
                }
                if control(sequence, asked) {
                    shown.push_str("\u{1b}[");
                    shown.push_str(sequence);
                }
                self.state = State::Text;
            }
        }
    }
}

/// The beginning of a character that may still be finished.
fn unfinished(bytes: &[u8]) -> bool {
    let wants = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return false,
    };
    // What came so far is the beginning of one: that is what a chunk's invalid part is.
    bytes.len() < wants
}

fn text(c: char, shown: &mut String) {
    match c {
        // Asks the terminal for words that somebody chose elsewhere.
        '\u{5}' => {}
        // The same controls in one byte each, which some terminals heed.
        '\u{80}'..='\u{9f}' => {}
        // What reorders text hides what is there.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            shown.push(char::REPLACEMENT_CHARACTER);
        }
        _ => shown.push(c),
    }
}

/// Whether a short sequence is passed on; without its ESC.
fn escape(sequence: &str) -> bool {
    match sequence.as_bytes() {
        // Cursor and keys: save, restore, keypad, index, next line, tab stop, reverse index, shifts, reset.
        [b'7' | b'8' | b'=' | b'>' | b'D' | b'E' | b'H' | b'M' | b'N' | b'O' | b'c'] => true,
        // Sets of characters, and lines of double width. Not `ESC %`, which ends UTF-8, nor `ESC SP`.
        [b'(' | b')' | b'*' | b'+' | b'#', b'0'..=b'~'] => true,
        _ => false,
    }
}

/// Whether a control sequence is passed on; without its `ESC [`.
fn control(sequence: &str, asked: bool) -> bool {
    let Some(last) = sequence.chars().last().filter(char::is_ascii) else {
        return false;
    };
    let body = &sequence[..sequence.len() - 1];
    let numbers = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b';' | b':'));
    let question = match (body, last) {
        ("5" | "6" | "?6", 'n') => true,
        ("" | "0" | ">" | ">0" | "=" | "=0", 'c') => true,
        (body, 'p') if body.ends_with('$') => true,
        _ => false,
    };
    if question {
        return asked;
    }
    match (body, last) {
        (body, 'h' | 'l') if body.starts_with('?') => {
            let known = |mode: &str| mode.parse().is_ok_and(|mode| MODES.contains(&mode));
            body[1..].split(';').all(known)
        }
        (body, 'J' | 'K') if body.starts_with('?') => numbers(&body[1..]),
        // The cursor's form, and a reset that leaves the text.
        (body, 'q') => body.strip_suffix(' ').is_some_and(numbers),
        ("!", 'p') => true,
        // To insert. The others lock the keyboard, show what is typed, or change what Enter sends.
        (body, 'h' | 'l') => body.split(';').all(|mode| mode == "4"),
        // With more than one number it is a mouse's.
        (body, 'T') => body.bytes().all(|b| b.is_ascii_digit()),
        (
            body,
            '@'
            | 'A'..='M'
            | 'P'
            | 'S'
            | 'X'
            | 'Z'
            | '`'
            | 'a'
            | 'b'
            | 'd'
            | 'e'
            | 'f'
            | 'g'
            | 'm'
            | 'r'
            | 's'
            | 'u',
        ) => numbers(body),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passed(bytes: &[u8]) -> String {
        Screen::default().pass(bytes, true)
    }

    #[test]
    fn text_colours_and_what_draws_a_screen_come_out_as_they_went_in() {
        for same in [
            "plain\ttext\r\nand more\u{8}\u{8}",
            "grün ✓ 日本 🚀",
            "\u{1b}[1;31mred\u{1b}[0m \u{1b}[38;2;1;2;3mtrue\u{1b}[4:3m",
            "\u{1b}[2J\u{1b}[H\u{1b}[10;20Hthere\u{1b}[K\u{1b}[3A",
            "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?1002;1006h\u{1b}[?2004h",
            "\u{1b}(0lqk\u{1b}(B\u{1b}7\u{1b}8\u{1b}=\u{1b}>\u{1b}M",
            "\u{1b}[2;20r\u{1b}[4h\u{1b}[4l\u{1b}[4L\u{1b}[2 q\u{1b}[!p",
            "\u{1b}[6n\u{1b}[c\u{1b}[>c\u{1b}[?2026$p",
        ] {
            assert_eq!(passed(same.as_bytes()), same);
        }
    }

    #[test]
    fn nothing_reaches_beyond_the_screen() {
        for (raw, shown) in [
            (&b"a\x1b]0;title\x07b"[..], "ab"),
            (b"a\x1b]52;c;cm0gLXJm\x1b\\b", "ab"),
            (b"a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
            (b"a\x1bP$q\"p\x1b\\b", "ab"),
            (b"a\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\b", "ab"),
            (b"a\x1b[21tb\x1b[8;10;10tc", "abc"),
            (b"a\x1b[5ib\x1b[?5ic", "abc"),
            (b"a\x05b", "ab"),
            (b"a\x1b[>1ub\x1b[?uc\x1b[>4;2md", "abcd"),
            (b"a\x1b[?3hb\x1b[?25;3hc\x1b[?9001hd", "abcd"),
            (b"a\x1b[2hb\x1b[12lc\x1b[20hd\x1b[4;2he", "abcde"),
            (b"a\x1b%@b\x1b Gc\x1bZd", "abcd"),
            ("a\u{9b}31mb\u{9d}0;t\u{9c}c".as_bytes(), "a31mb0;tc"),
            (b"a\xffb\x9bc", "a\u{fffd}b\u{fffd}c"),
            ("a\u{202e}b".as_bytes(), "a\u{fffd}b"),
            // One that is given up, or that another begins in, ends there.
            (b"a\x1b]0;title\x18b\x1b]0;t\x1b[1mc", "ab\x1b[1mc"),
            (b"a\x1b[12\x1b[1mb\x1b[3\nc", "a\x1b[1mb\nc"),
        ] {
            assert_eq!(passed(raw), shown, "{:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn what_asked_the_terminal_before_anybody_was_there_is_not_asked_again() {
        let unasked = Screen::default().pass(b"a\x1b[6nb\x1b[cc\x1b[?2026$pd\x1b[1me", false);
        assert_eq!(unasked, "abcd\x1b[1me");
    }

    #[test]
    fn a_string_without_an_end_does_not_hide_what_comes_for_ever() {
        let mut raw = b"\x1b]0;".to_vec();
        raw.extend(b"x".repeat(MAX_STRING + 10));
        raw.extend(b"seen");
        assert!(passed(&raw).ends_with("seen"));
        let long = format!("\u{1b}[{}mseen", "1;".repeat(MAX_SEQUENCE));
        assert!(passed(long.as_bytes()).ends_with("seen"));
    }

    proptest! {
        #[test]
        fn how_it_is_cut_changes_nothing(
            raw in proptest::collection::vec(prop_oneof![
                Just(0x1b_u8), Just(b'['), Just(b']'), Just(b'\\'), Just(7), Just(b'm'), Just(b'?'),
                Just(b'2'), Just(0xc2), Just(0x9b), Just(0xf0), any::<u8>(),
            ], 0..60),
            at in 0_usize..60,
        ) {
            let at = at.min(raw.len());
            let mut cut = Screen::default();
            let mut shown = cut.pass(&raw[..at], true);
            shown.push_str(&cut.pass(&raw[at..], true));
            prop_assert_eq!(&shown, &passed(&raw));
            // And nothing comes out that would not be let through again.
            prop_assert_eq!(&passed(shown.as_bytes()), &shown);
        }
    }
}
