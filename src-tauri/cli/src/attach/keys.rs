//! What is typed: read as it comes, with the detach keys taken out.

use crate::fail::{Done, Fail};
use std::io::{self, Read};
use tokio::sync::mpsc;

/// Ctrl-P, and behind it Ctrl-Q: as Docker has them.
const FIRST: char = '\u{10}';
const SECOND: char = '\u{11}';

/// Read at once, in bytes; more is read next.
const PIECE: usize = 4 << 10;

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// For the service.
    Text(String),
    /// The detach keys. What came before them is not passed on.
    Detach,
}

/// Reads the detach keys out of what is typed, in whatever pieces it comes.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// A character whose last bytes have not come.
    partial: Vec<u8>,
    /// The first of the two was pressed; it is the service's if the second does not follow.
    first: bool,
}

impl Keys {
    pub(super) fn next(&mut self, bytes: &[u8]) -> Typed {
        self.partial.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.partial) {
            // The end of it is still to come.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.partial.len(),
        };
        let rest = self.partial.split_off(whole);
        let whole = std::mem::replace(&mut self.partial, rest);
        let mut text = String::with_capacity(whole.len());
        for c in String::from_utf8_lossy(&whole).chars() {
            match (self.first, c) {
                (true, SECOND) => return Typed::Detach,
                (true, FIRST) => text.push(FIRST),
                (false, FIRST) => self.first = true,
                (first, c) => {
                    text.extend(first.then_some(FIRST));
                    text.push(c);
                    self.first = false;
                }
            }
        }
        Typed::Text(text)
    }
}

/// Begins to read standard input. On a thread of its own that is left behind: a read from a terminal
/// cannot be taken back.
pub(super) fn read(typed: mpsc::Sender<Vec<u8>>) -> Done {
    let read = move || {
        let mut piece = [0; PIECE];
        loop {
            match io::stdin().lock().read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    if typed.blocking_send(piece[..read].to_vec()).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    };
    let thread = std::thread::Builder::new().name("keys".to_owned());
    thread.spawn(read).map(|_| ()).map_err(Fail::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Typed {
        Typed::Text(text.to_owned())
    }

    #[test]
    fn the_detach_keys_are_heard_in_one_piece_and_in_two() {
        assert_eq!(Keys::default().next(b"a\x10\x11b"), Typed::Detach);
        let mut keys = Keys::default();
        assert_eq!(keys.next(b"ls\r\x10"), text("ls\r"));
        assert_eq!(keys.next(b"\x11"), Typed::Detach);
    }

    #[test]
    fn the_first_of_them_alone_is_the_services() {
        let mut keys = Keys::default();
        assert_eq!(keys.next(b"\x10"), text(""));
        assert_eq!(keys.next(b"x"), text("\u{10}x"));
        assert_eq!(keys.next(b"\x11"), text("\u{11}"));
        assert_eq!(keys.next(b"\x10\x10\x11"), Typed::Detach);
    }

    #[test]
    fn a_character_that_comes_in_pieces_is_one() {
        let mut keys = Keys::default();
        assert_eq!(keys.next(b"gr\xc3"), text("gr"));
        assert_eq!(keys.next(b"\xbcn\xff"), text("\u{fc}n\u{fffd}"));
    }
}
