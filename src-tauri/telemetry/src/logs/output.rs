//! What comes out of an instance's terminal, as it comes: its log, read from where its newest start has
//! something on the screen, and told by the kernel when there is more.
//!
//! The service waits for nobody who looks on: a reader that falls far behind goes on from near the end,
//! and is told how much it has missed.

use super::kernel::Kernel;
use super::lines::{Log, hole};
use super::screen::Screen;
use super::{LOG, RUNS};
use shim::runs::{self, SLOT};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Shown of what was written before: some screens full.
const TAIL: u64 = 64 << 10;
/// Who is so far behind is not shown all of it.
const BEHIND: u64 = 1 << 20;
/// Most bytes that are shown at once.
const PIECE: u64 = 64 << 10;
/// Between two pieces, so that one who prints without pause is shown in pieces worth drawing.
const PAUSE: Duration = Duration::from_millis(4);
/// Between two looks where the kernel does not watch, and for a log that is not there yet.
const LOOK: Duration = Duration::from_millis(250);
/// So far the beginning of a line is looked for.
const LINE: usize = 4 << 10;

/// Something that came out of a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Piece {
    /// What may be shown of it.
    pub text: String,
    /// So many bytes before it were left out.
    pub skipped: u64,
}

/// A reader of one instance's output.
pub struct Output {
    folder: PathBuf,
    /// The log and where it is to be read from; `None` before there is one.
    log: Option<(Arc<File>, u64)>,
    /// What lies before this was written before anybody looked.
    old: u64,
    screen: Screen,
    kernel: Option<Kernel>,
    read: Option<Instant>,
}

/// What one look has found.
struct Found {
    file: Arc<File>,
    bytes: Vec<u8>,
    skipped: u64,
    next: u64,
    /// Where the log ends.
    end: u64,
    /// It is another log than before, or another place in it.
    anew: bool,
}

impl Output {
    /// Reads the log in this folder. Nothing is opened before [`Output::next`].
    pub fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            log: None,
            old: 0,
            screen: Screen::default(),
            kernel: None,
            read: None,
        }
    }

    /// The next piece, as soon as there is one. May be dropped and called again without losing any.
    ///
    /// `types`: whoever this is for types at the service now, and so is who answers for its terminal.
    /// Everybody else is shown no questions: nobody would take their terminal's answers.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn next(&mut self, types: bool) -> io::Result<Piece> {
        loop {
            if let Some(read) = self.read {
                tokio::time::sleep_until(read + PAUSE).await;
            }
            // Watched before it is read: what is written between is told.
            if self.kernel.is_none() && self.log.is_some() {
                self.kernel = Kernel::open().ok();
                if let Some(kernel) = &self.kernel {
                    kernel.watch(&self.folder.join(LOG))?;
                }
            }
            let (folder, log) = (self.folder.clone(), self.log.clone());
            let looked = tokio::task::spawn_blocking(move || look(&folder, log)).await;
            if let Some(found) = looked.map_err(io::Error::other)?? {
                let first = self.log.is_none();
                if found.anew {
                    self.screen = Screen::default();
                    self.old = found.end;
                    self.kernel = None;
                }
                let asked = types && found.next > self.old;
                let text = self.screen.pass(&found.bytes, asked);
                self.log = Some((found.file, found.next));
                self.read = Some(Instant::now());
                if !text.is_empty() || found.skipped > 0 {
                    let skipped = found.skipped;
                    return Ok(Piece { text, skipped });
                }
                if first || !found.bytes.is_empty() {
                    continue;
                }
            }
            match &self.kernel {
                Some(kernel) => tokio::select! {
                    stirred = kernel.stirred() => {
                        if stirred.is_err() {
                            self.kernel = None;
                        }
                    }
                    // A log that was put in the place of this one stirs nobody.
                    () = tokio::time::sleep(LOOK) => {}
                },
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

/// One look at a log that was read up to a place, or not yet; `None` when there is none.
fn look(folder: &Path, log: Option<(Arc<File>, u64)>) -> io::Result<Option<Found>> {
    let there = match std::fs::metadata(folder.join(LOG)) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut anew = true;
    let (file, mut at) = match log {
        Some((file, at)) if same(&file, &there)? && at <= there.len() => {
            anew = false;
            (file, at)
        }
        _ => {
            let file = File::open(folder.join(LOG))?;
            let at = begin(folder, &file)?;
            (Arc::new(file), at)
        }
    };
    let end = file.metadata()?.len();
    let mut skipped = 0;
    if end.saturating_sub(at) > BEHIND {
        let to = line_from(&file, end - TAIL)?;
        (skipped, at, anew) = (to - at, to, true);
    }
    let bytes = Log::of(&file)?.read(at, end.min(at + PIECE))?;
    // Asked after the reading: what is not punched out now was read as it was written.
    let punched = hole(&file)?;
    if punched > at {
        skipped += punched - at;
        let bytes = Vec::new();
        return Ok(Some(Found {
            file,
            bytes,
            skipped,
            next: punched,
            end,
            anew: true,
        }));
    }
    let next = at + bytes.len() as u64;
    Ok(Some(Found {
        file,
        bytes,
        skipped,
        next,
        end,
        anew,
    }))
}

fn same(file: &File, there: &std::fs::Metadata) -> io::Result<bool> {
    let known = file.metadata()?;
    Ok((known.dev(), known.ino()) == (there.dev(), there.ino()))
}

/// Where one begins who comes now: at most some screens back, and not before the newest start.
fn begin(folder: &Path, file: &File) -> io::Result<u64> {
    let end = file.metadata()?.len();
    let start = newest_start(folder).unwrap_or_default().min(end);
    let first = Log::of(file)?.first;
    match end.saturating_sub(TAIL).max(first) {
        back if back > start => line_from(file, back),
        _ => Ok(start),
    }
}

/// Where the output of the newest start begins, as far as it is on record.
fn newest_start(folder: &Path) -> io::Result<u64> {
    let mut ring = Vec::new();
    let most = (SLOT * runs::SLOTS as usize) as u64;
    let file = File::open(folder.join(RUNS))?;
    file.take(most).read_to_end(&mut ring)?;
    let starts = ring.chunks_exact(SLOT).filter_map(|slot| {
        let (run, _) = runs::decode(slot)?;
        Some((run.generation, run.begin))
    });
    Ok(starts.max().map_or(0, |(_, begin)| begin))
}

/// The first beginning of a line from this place on, so that no sequence is cut; the place itself when
/// there is none near.
fn line_from(file: &File, at: u64) -> io::Result<u64> {
    let bytes = Log::of(file)?.read(at, at + LINE as u64)?;
    let newline = bytes.iter().position(|byte| *byte == b'\n');
    Ok(newline.map_or(at, |newline| at + newline as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::written::Written;

    fn read(log: &Written) -> Output {
        Output::of(log.folder.path().to_owned())
    }

    fn shown(text: &str) -> Piece {
        let text = text.to_owned();
        Piece { text, skipped: 0 }
    }

    #[tokio::test(flavor = "local")]
    async fn who_comes_sees_the_newest_start_and_what_comes_after_as_it_comes() {
        let mut log = Written::new();
        log.start(1);
        log.say("of the start before\r\n");
        log.start(2);
        log.say("$ \u{1b}[6n");
        let mut output = read(&log);
        // Nobody was here to be asked.
        assert_eq!(output.next(true).await.unwrap(), shown("$ "));
        log.say("l");
        assert_eq!(output.next(true).await.unwrap(), shown("l"));
        log.say("s\r\n\u{1b}[3");
        assert_eq!(output.next(true).await.unwrap(), shown("s\r\n"));
        log.say("1mred\u{1b}[6n\u{1b}]0;title\u{7}");
        let live = "\u{1b}[31mred\u{1b}[6n";
        assert_eq!(output.next(true).await.unwrap(), shown(live));
        // Who looks on is not asked.
        log.say("\u{1b}[c\u{1b}[6nwho");
        assert_eq!(output.next(false).await.unwrap(), shown("who"));
        // One that waits while it is cancelled has lost nothing.
        let waiting = tokio::time::timeout(Duration::from_millis(20), output.next(true));
        assert!(waiting.await.is_err());
        log.say("on");
        assert_eq!(output.next(true).await.unwrap(), shown("on"));
    }

    #[tokio::test(flavor = "local")]
    async fn who_falls_behind_goes_on_from_a_line_near_the_end_and_is_told_how_much_it_missed() {
        let mut log = Written::new();
        log.start(1);
        log.say("first\n");
        let mut output = read(&log);
        assert_eq!(output.next(true).await.unwrap(), shown("first\n"));
        let line = "x".repeat(99) + "\n";
        log.say(&line.repeat(30_000));
        let piece = output.next(true).await.unwrap();
        let left = 3_000_000 - piece.skipped;
        assert!((TAIL - LINE as u64..=TAIL).contains(&left), "{left}");
        assert!(piece.text.starts_with(&line) && piece.text.len() as u64 == left);
    }

    #[tokio::test(flavor = "local")]
    async fn a_log_that_comes_later_and_one_in_its_place_are_read() {
        let mut log = Written::new();
        let path = log.folder.path().join(LOG);
        std::fs::remove_file(&path).unwrap();
        let mut output = read(&log);
        let waiting = tokio::time::timeout(Duration::from_millis(20), output.next(true));
        assert!(waiting.await.is_err());
        log.log = File::create(&path).unwrap();
        log.say("one");
        assert_eq!(output.next(true).await.unwrap(), shown("one"));
        std::fs::remove_file(&path).unwrap();
        log.log = File::create(&path).unwrap();
        log.say("two");
        assert_eq!(output.next(true).await.unwrap(), shown("two"));
    }
}
