//! What goes to the terminal, and what may not: colours only where they are wanted, and nothing
//! from a service that could drive the terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// An output that is or is not a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Somebody looks at it.
    pub(crate) live: bool,
    /// Colours are wanted.
    pub(crate) colour: bool,
    /// Columns, when somebody looks at it.
    pub(crate) columns: Option<usize>,
    /// Rows, when somebody looks at it.
    pub(crate) rows: usize,
}

/// Rows and columns when a terminal does not say.
const USUAL: (usize, usize) = (24, 80);

impl Terminal {
    pub(crate) fn stdout() -> Self {
        Self::of(&io::stdout())
    }

    pub(crate) fn stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(output: &(impl IsTerminal + rustix::fd::AsFd)) -> Self {
        if !output.is_terminal() {
            return Self {
                live: false,
                colour: false,
                columns: None,
                rows: USUAL.0,
            };
        }
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let (rows, columns) = match rustix::termios::tcgetwinsize(output) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_row.into(), size.ws_col.into())
            }
            _ => USUAL,
        };
        Self {
            live: !dumb,
            colour: !dumb && !plain,
            columns: Some(columns),
            rows,
        }
    }

    /// The same for text that is moved in by so many columns.
    pub(crate) fn narrower(self, by: usize) -> Self {
        Self {
            columns: self.columns.map(|columns| columns.saturating_sub(by)),
            ..self
        }
    }

    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        match (self.colour, paint.code()) {
            (true, Some(code)) if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    None,
    Strong,
    Faint,
    Good,
    Busy,
    Warn,
    Bad,
}

impl Paint {
    fn code(self) -> Option<&'static str> {
        Some(match self {
            Paint::None => return None,
            Paint::Strong => "1",
            Paint::Faint => "2",
            Paint::Good => "32",
            Paint::Busy => "36",
            Paint::Warn => "33",
            Paint::Bad => "31",
        })
    }
}

/// Writes a line to stdout without secrets; an error when its reader has gone.
pub(crate) fn print(line: &str) -> io::Result<()> {
    print_as_it_is(&engine::hidden::hide_printed(line))
}

/// The same of what a person asked to see, or of what is nobody's secret but text that is written out.
pub(crate) fn print_as_it_is(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Writes a line to stderr without secrets. That nobody reads it changes nothing.
pub(crate) fn note(line: &str) {
    note_as_it_is(&engine::hidden::hide_printed(line));
}

/// The same of what a person asked to see.
pub(crate) fn note_as_it_is(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Asks a person at the terminal; anything but yes is no. `None` when nobody can be asked.
pub(crate) async fn ask(question: &str) -> Option<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return None;
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    // On a thread of its own: reading from a terminal cannot be taken back.
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = line.await.ok().and_then(Result::ok).unwrap_or_default();
    Some(matches!(
        line.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

/// Text from outside on one line, with everything that could drive a terminal made visible.
pub(crate) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        show(&mut safe, character);
    }
    safe
}

/// A line a service printed: its colours are kept when they are wanted, everything else that
/// could drive a terminal is made visible.
pub(crate) fn printed(text: &str, colour: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut tinted = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(length) = colour_length(rest) {
            if colour {
                safe.push_str(&rest[..length]);
                tinted = true;
            }
            rest = &rest[length..];
            continue;
        }
        show(&mut safe, character);
        rest = &rest[character.len_utf8()..];
    }
    if tinted {
        safe.push_str("\x1b[0m");
    }
    safe
}

/// Length of the SGR sequence (`ESC [ digits ; : m`) at the beginning of a text.
fn colour_length(text: &str) -> Option<usize> {
    /// Longer ones are not colours any more.
    const LONGEST: usize = 64;
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters
        .bytes()
        .take(LONGEST)
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'))?;
    (parameters.as_bytes()[end] == b'm').then_some(end + 3)
}

fn show(into: &mut String, character: char) {
    match character {
        '\t' => into.push_str("    "),
        // Writing to a String does not fail.
        '\0'..='\u{1f}' | '\u{7f}' => {
            let _ = write!(into, "\\x{:02x}", u32::from(character));
        }
        // C1 controls; bidirectional overrides; line and paragraph separators.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => {
            let _ = write!(into, "\\u{{{:x}}}", u32::from(character));
        }
        _ => into.push(character),
    }
}

/// The first `columns` characters, with an ellipsis when that is not all. For text without colours.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(columns.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The text in lines of at most so many columns, broken between words where that can be.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let taken = lines.last().map_or(0, |line| line.chars().count());
        if taken > 0 && taken + 1 + word.len() > columns {
            lines.push(String::new());
        } else if taken > 0
            && let Some(line) = lines.last_mut()
        {
            line.push(' ');
        }
        while word.len() > columns {
            let rest = word.split_off(columns);
            if let Some(line) = lines.last_mut() {
                line.extend(word.iter());
            }
            lines.push(String::new());
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            line.extend(word.iter());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sequences that have hurt terminals: titles, clipboard, hyperlinks, screen dumps, resets.
    const HOSTILE: [&str; 12] = [
        "\x1b]0;title\x07",
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1b]8;;http://evil\x1b\\text",
        "\x1bP$q\"p\x1b\\",
        "\x1bc",
        "\x1b[2J\x1b[H",
        "\x1b[31\x1b[2Jm",
        "\x1b[?1049h",
        "\u{9b}2J",
        "line\rover",
        "back\x08\x08\x08",
        "\u{202e}txt.exe",
    ];

    #[test]
    fn nothing_that_drives_a_terminal_gets_through() {
        for text in HOSTILE {
            for shown in [plain(text), printed(text, false)] {
                assert!(
                    !shown.contains(|c: char| c.is_control() || c == '\u{202e}'),
                    "{text:?} became {shown:?}"
                );
            }
            let coloured = printed(text, true);
            assert!(
                colour_length(&coloured).is_some() || !coloured.starts_with('\x1b'),
                "{coloured:?}"
            );
            assert!(
                !coloured.contains("\x1b]") && !coloured.contains("\x1b[2J"),
                "{coloured:?}"
            );
        }
    }

    #[test]
    fn a_services_colours_stay_and_end_with_the_line() {
        assert_eq!(printed("\x1b[1;31mred", true), "\x1b[1;31mred\x1b[0m");
        assert_eq!(printed("\x1b[38:2::1:2:3mred\x1b[m", false), "red");
        assert_eq!(printed("no colour", true), "no colour");
        assert_eq!(printed("\x1b[31", true), "\\x1b[31");
    }

    #[test]
    fn text_is_cut_by_characters_not_bytes() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn colours_appear_only_where_they_are_wanted() {
        let plain = Terminal {
            live: false,
            colour: false,
            columns: None,
            rows: 24,
        };
        assert_eq!(plain.paint(Paint::Bad, "x"), "x");
        let tinted = Terminal {
            colour: true,
            ..plain
        };
        assert_eq!(tinted.paint(Paint::Bad, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(tinted.paint(Paint::None, "x"), "x");
    }
}
