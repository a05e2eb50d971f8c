//! The own terminal while somebody is attached: every key is passed on as it is. Put back as it was when
//! this is dropped, also by a panic, with whatever the service had switched on switched off.

use crate::fail::Done;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::cell::Cell;
use std::io::{self, Write};

/// Switches off what a service may have left on, and nothing that moves the cursor: colours, a hidden
/// cursor, no wrapping, keys of applications, the mouse, focus, pasting in brackets, drawing held back,
/// another set of characters, the scrolled region.
const PUT_BACK: &str = "\x1b[0m\x1b[?25h\x1b[?7h\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\
                        \x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?2026l\x1b[?5l\x1b[?6l\x1b[4l\x1b(B\x0f\
                        \x1b7\x1b[r\x1b8";
/// What shows another screen, and what leaves it again.
const OTHER: [(&str, &str); 3] = [
    ("\x1b[?1049h", "\x1b[?1049l"),
    ("\x1b[?1047h", "\x1b[?1047l"),
    ("\x1b[?47h", "\x1b[?47l"),
];

/// See the module.
pub(super) struct Raw {
    before: Termios,
    /// What leaves the other screen, while it is shown.
    other: Cell<Option<&'static str>>,
}

impl Raw {
    pub(super) fn begin() -> Done<Self> {
        let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(io::Error::from)?;
        Ok(Self {
            before,
            other: Cell::new(None),
        })
    }

    /// This is shown next. Sequences come whole.
    pub(super) fn shows(&self, text: &str) {
        let last = |(enter, leave): (&'static str, &'static str)| {
            let (entered, left) = (text.rfind(enter), text.rfind(leave));
            let at = entered.max(left)?;
            Some((at, (entered > left).then_some(leave)))
        };
        if let Some((_, other)) = OTHER.into_iter().filter_map(last).max() {
            self.other.set(other);
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let mut out = io::stdout().lock();
        let other = self.other.get().unwrap_or_default();
        // That the terminal is gone is no reason to leave the rest undone.
        let _ = write!(out, "{PUT_BACK}{other}\r\n").and_then(|()| out.flush());
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
