//! What is typed: read as it comes, with the detach keys taken out.

use crate::fail::{Done, Fail};
use std::io::{self, Read};
use tokio::sync::mpsc;

/// Ctrl-P, and behind it Ctrl-Q: as Docker has them.
const FIRST: char = '\u{10}';
const SECOND: char = '\u{11}';

/// Read at once, in bytes; more is read next.
const PIECE: usize = 4 << 10;
/// Pieces that were read and not yet heard.
const PIECES: usize = 16;
/// Most that is sent at once, in bytes: the engine takes 64 KB.
const SENT: usize = 32 << 10;
/// Most that waits for a service or an engine that is slow. Reading on is what hears the detach keys.
const WAITING: usize = 4 << 20;

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    /// For the service.
    Text(String),
    /// The detach keys. What came before them is not passed on.
    Detach,
}

/// Reads the detach keys out of what is typed, in whatever pieces it comes.
#[derive(Debug, Default)]
struct Keys {
    /// A character whose last bytes have not come.
    partial: Vec<u8>,
    /// The first of the two was pressed; it is the service's if the second does not follow.
    first: bool,
}

impl Keys {
    fn next(&mut self, bytes: &[u8]) -> Typed {
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

/// What [`Typing::heard`] has heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// What may be something to send.
    Keys,
    /// So many bytes that were left out, because too many wait.
    TooMuch(usize),
    /// The detach keys.
    Detach,
    /// The own terminal is gone.
    Gone,
}

/// What was typed and is not sent.
pub(super) struct Typing {
    /// `None` for who only looks on.
    keys: Option<mpsc::Receiver<Vec<u8>>>,
    parser: Keys,
    waiting: String,
}

impl Typing {
    /// Reads standard input from now on.
    pub(super) fn begin() -> Done<Self> {
        let (typed, keys) = mpsc::channel(PIECES);
        read(typed)?;
        Ok(Self::of(Some(keys)))
    }

    /// Nothing is typed.
    pub(super) fn none() -> Self {
        Self::of(None)
    }

    fn of(keys: Option<mpsc::Receiver<Vec<u8>>>) -> Self {
        Self {
            keys,
            parser: Keys::default(),
            waiting: String::new(),
        }
    }

    /// Waits for keys. May be dropped and called again without losing any.
    pub(super) async fn heard(&mut self) -> Heard {
        let Some(keys) = &mut self.keys else {
            return std::future::pending().await;
        };
        let Some(bytes) = keys.recv().await else {
            return Heard::Gone;
        };
        match self.parser.next(&bytes) {
            Typed::Detach => Heard::Detach,
            Typed::Text(text) if self.waiting.len() + text.len() > WAITING => {
                Heard::TooMuch(text.len())
            }
            Typed::Text(text) => {
                self.waiting.push_str(&text);
                Heard::Keys
            }
        }
    }

    /// What is sent next, if something is; no more than the engine takes at once.
    pub(super) fn piece(&mut self) -> Option<String> {
        let mut end = self.waiting.len().min(SENT);
        while !self.waiting.is_char_boundary(end) {
            end -= 1;
        }
        let piece: String = self.waiting.drain(..end).collect();
        (!piece.is_empty()).then_some(piece)
    }

    /// Nothing of what waits is sent. Says what it was.
    pub(super) fn forget(&mut self) -> String {
        std::mem::take(&mut self.waiting)
    }
}

/// Begins to read standard input. On a thread of its own that is left behind: a read from a terminal
/// cannot be taken back.
fn read(typed: mpsc::Sender<Vec<u8>>) -> Done {
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

    #[tokio::test(flavor = "local")]
    async fn a_long_paste_is_sent_in_pieces_that_the_engine_takes_and_detach_keys_behind_it_are_heard()
     {
        let (typed, keys) = mpsc::channel(PIECES);
        let mut typing = Typing::of(Some(keys));
        let paste = "grün".repeat(50_000);
        let read = paste.clone();
        let mut sender = tokio::task::JoinSet::new();
        sender.spawn(async move {
            for piece in read.as_bytes().chunks(PIECE) {
                typed.send(piece.to_vec()).await.unwrap();
            }
            typed.send(b"\x10\x11".to_vec()).await.unwrap();
        });
        // Nobody takes any of it meanwhile.
        while let Heard::Keys = typing.heard().await {}
        let pieces: Vec<String> = std::iter::from_fn(|| typing.piece()).collect();
        assert!(pieces.iter().all(|piece| piece.len() <= SENT));
        assert_eq!(pieces.concat(), paste);
        assert_eq!(typing.heard().await, Heard::Gone);
    }

    #[test]
    fn a_character_that_comes_in_pieces_is_one() {
        let mut keys = Keys::default();
        assert_eq!(keys.next(b"gr\xc3"), text("gr"));
        assert_eq!(keys.next(b"\xbcn\xff"), text("\u{fc}n\u{fffd}"));
    }
}
