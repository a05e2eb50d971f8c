//! Output: each line is put together first and leaves in one write, so lines of many organs in one
//! terminal do not mix, and nothing waits in a buffer when the process is killed.

use std::fmt::{self, Write as _};
use std::io::Write as _;

/// A line under construction; what is too long is cut.
pub(crate) struct Line {
    text: [u8; 256],
    used: usize,
}

impl Line {
    /// Puts the pieces together and adds the line end.
    pub(crate) fn of(pieces: fmt::Arguments<'_>) -> Self {
        let mut line = Line {
            text: [0; 256],
            used: 0,
        };
        // Writing into the array cannot fail, only cut.
        let _ = line.write_fmt(pieces);
        line.text[line.used] = b'\n';
        line.used += 1;
        line
    }

    /// To standard output. A log that cannot be written is no reason to die.
    pub(crate) fn out(&self) {
        let _ = std::io::stdout().write_all(&self.text[..self.used]);
    }

    /// To standard error.
    pub(crate) fn err(&self) {
        let _ = std::io::stderr().write_all(&self.text[..self.used]);
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = self.text.len() - 1 - self.used; // one is kept for the line end
        let mut fits = piece.len().min(room);
        while !piece.is_char_boundary(fits) {
            fits -= 1;
        }
        self.text[self.used..self.used + fits].copy_from_slice(&piece.as_bytes()[..fits]);
        self.used += fits;
        Ok(())
    }
}

/// Says one line: `say!(out, …)` or `say!(err, …)`.
macro_rules! say {
    ($where:ident, $($piece:tt)*) => { $crate::say::Line::of(format_args!($($piece)*)).$where() };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_cut_between_letters_and_still_ends() {
        let line = Line::of(format_args!("{}", "ä".repeat(300)));
        let text = std::str::from_utf8(&line.text[..line.used]).unwrap();
        assert!(text.ends_with("ä\n") && text.len() <= 256);
    }
}
