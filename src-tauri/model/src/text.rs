//! Texts that services, programs and people wrote, made safe to keep and to show.

/// The text on one line and harmless, at most `max` bytes: colours are left out, control characters
/// and those that reorder text become visible, and what is too long ends in "…".
pub fn harmless(text: &str, max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(max));
    let mut rest = text.trim();
    while let Some(next) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            rest = &rest[length..];
            continue;
        }
        match next {
            '\t' => shown.push(' '),
            '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(next))),
            '\u{7f}' => shown.push('\u{2421}'),
            next if steers(next) => shown.push_str(&format!("<U+{:04X}>", u32::from(next))),
            next => shown.push(next),
        }
        if shown.len() > max {
            let room = max.saturating_sub('…'.len_utf8());
            shown.truncate(shown.floor_char_boundary(room));
            shown.push('…');
            return shown;
        }
        rest = &rest[next.len_utf8()..];
    }
    shown
}

/// A character that changes the order or the lines of what is around it, or steers a terminal, and is not
/// among the control characters of ASCII.
pub fn steers(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// The length of a colour sequence (SGR) at the beginning.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    (parameters[end..].starts_with('m') && end <= 64).then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_is_left_and_nothing_is_longer_than_it_may_be() {
        let cases = [
            ("plain", "plain"),
            ("  \u{1b}[1;31mred\u{1b}[0m\tand ", "red and"),
            ("two\nlines", "two\u{240a}lines"),
            ("\u{1b}[2Jgone", "\u{241b}[2Jgone"),
            ("a\u{202e}b\u{9b}c", "a<U+202E>b<U+009B>c"),
        ];
        for (raw, shown) in cases {
            assert_eq!(harmless(raw, 100), shown, "{raw:?}");
        }
        assert_eq!(
            harmless(&"ä".repeat(100), 20),
            format!("{}…", "ä".repeat(8))
        );
        assert_eq!(harmless(&"a".repeat(20), 20), "a".repeat(20));
        assert!(harmless(&"\u{202e}".repeat(100), 50).len() <= 50);
    }
}
