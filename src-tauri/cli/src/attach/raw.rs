//! The own terminal while somebody is attached: every key is passed on as it is, or none of who only looks
//! on. Put back as it was when this is dropped, also by a panic, with whatever the service had switched on
//! switched off.

use crate::fail::Done;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::cell::Cell;
use std::io::{self, Write};

/// Switches off what a service may have left on, and nothing that moves the cursor. First all that a soft
/// reset knows: colours, the scrolled region and where it counts from (to switch that off by itself, `?6l`,
/// would move the cursor), sets of characters, inserting. Then, for terminals that know none, and for what it leaves as it is: a
/// hidden cursor, no wrapping, keys of applications, the mouse, focus, pasting in brackets, drawing held
/// back, the cursor's form and tab stops.
const PUT_BACK: &str = "\x1b[!p\x1b[0m\x1b[?25h\x1b[?7h\x1b[?45l\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\
                        \x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1007l\x1b[?2004l\x1b[?2026l\x1b[?5l\
                        \x1b[4l\x1b(B\x1b)B\x0f\x1b[0 q\x1b[?5W\x1b7\x1b[r\x1b8";
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
    /// For who types, or who only looks on: then nothing is shown of keys, or of what the own terminal
    /// answers to a service, and Ctrl-C is ours.
    pub(super) fn begin(types: bool) -> Done<Self> {
        let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
        let mut raw = before.clone();
        if types {
            raw.make_raw();
        } else {
            raw.local_modes
                .remove(LocalModes::ECHO | LocalModes::ICANON);
            // Stopped, it would leave the terminal as the service has it.
            raw.special_codes[SpecialCodeIndex::VSUSP] = 0;
        }
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
        // With what is unread thrown away: answers of the terminal, which the shell would take for commands.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
