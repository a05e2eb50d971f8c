//! Waiting for a line: told as soon as an instance has written one that matches.
//!
//! One task reads for all who wait, when the kernel says that a log was written to; nobody polls.
//! What a start wrote before it was waited for counts as well, so an engine that comes later finds
//! the line that was there already. Where the kernel watches nothing more, the logs are looked at
//! every quarter of a second instead.

use super::kernel::Kernel;
use super::lines::{Log, Raw, hole, split};
use super::pattern::plain;
use super::{LOG, RUNS};
use crate::health_format::short;
use model::Generation;
use regex::bytes::Regex;
use shim::runs::{self, SLOT};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Who begins to wait while so many others begin waits for a place.
const QUEUE: usize = 64;
/// Read of one log at a time, in bytes; then it is another's turn.
const TURN: u64 = 1 << 20;
/// Logs that are written to all the time are read this often at most.
const PAUSE: Duration = Duration::from_millis(5);
/// Where the kernel does not watch.
const LOOK: Duration = Duration::from_millis(250);

/// What came of waiting: the line, or why the log could not be read.
pub(crate) type Found = Result<Line, String>;

/// A line that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// As it may be shown.
    Said(String),
    /// No line that is there matches, and of what this start wrote so many bytes are no longer there:
    /// it may have been in them.
    Gone(u64),
}

struct Wait {
    folder: PathBuf,
    generation: Generation,
    pattern: Regex,
    found: oneshot::Sender<Found>,
}

/// A handle to the task. When it goes, the task is ended.
#[derive(Debug)]
pub(crate) struct Awaited {
    waits: mpsc::Sender<Wait>,
    _task: JoinSet<()>,
}

impl Awaited {
    /// Begins the task. Has to be called inside a tokio runtime.
    pub(crate) fn new() -> Self {
        let (waits, queue) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        task.spawn(run(queue));
        Self { waits, _task: task }
    }

    /// Waits until this start of the instance whose log is in `folder` has written a line that
    /// matches. Dropping the future ends the waiting.
    pub(crate) async fn line(
        &self,
        folder: PathBuf,
        generation: Generation,
        pattern: Regex,
    ) -> Found {
        let (found, answer) = oneshot::channel();
        let wait = Wait {
            folder,
            generation,
            pattern,
            found,
        };
        let over = || "the engine ends".to_owned();
        self.waits.send(wait).await.map_err(|_| over())?;
        answer.await.map_err(|_| over())?
    }
}

async fn run(mut queue: mpsc::Receiver<Wait>) {
    let mut kernel: Option<Kernel> = None;
    let mut reading = Reading::default();
    loop {
        if reading.logs.is_empty() {
            // Nobody waits: nothing is watched.
            kernel = None;
        }
        let watched = kernel.is_some() && reading.unwatched == 0;
        tokio::select! {
            wait = queue.recv() => match wait {
                Some(wait) => {
                    if kernel.is_none() {
                        kernel = Kernel::open().ok();
                    }
                    reading.begin(wait, kernel.as_ref());
                }
                None => return,
            },
            stirred = async { match &kernel { Some(kernel) => kernel.stirred().await, None => std::future::pending().await } } => {
                match stirred {
                    Ok(stirred) => reading.stir(&stirred),
                    Err(error) => {
                        tracing::warn!(%error, "logs that are waited for are looked at, not watched");
                        kernel = None;
                        reading.unwatch();
                    }
                }
            }
            () = tokio::time::sleep(LOOK), if !watched && !reading.logs.is_empty() => reading.stir_all(),
        }
        while reading.stirred() {
            // Reading files may block; that must not be on the threads that heal.
            let looked = tokio::task::spawn_blocking(move || {
                reading.look();
                reading
            });
            let Ok(back) = looked.await else {
                return;
            };
            reading = back;
            // Who begins to wait meanwhile does not wait for one that writes without pause.
            while let Ok(wait) = queue.try_recv() {
                reading.begin(wait, kernel.as_ref());
            }
            reading.forget(kernel.as_ref());
            tokio::time::sleep(PAUSE).await;
        }
        reading.forget(kernel.as_ref());
    }
}

/// One log that is waited for.
struct Awaiting {
    wait: Wait,
    /// `None` where the kernel does not watch it.
    watch: Option<i32>,
    /// `None` before its start was found in it.
    file: Option<(File, u64)>,
    /// So many bytes were gone before they were read.
    gone: u64,
    stirred: bool,
    over: bool,
}

#[derive(Default)]
struct Reading {
    logs: BTreeMap<u64, Awaiting>,
    next: u64,
    unwatched: usize,
}

impl Reading {
    fn begin(&mut self, wait: Wait, kernel: Option<&Kernel>) {
        // Watched before it is read: what is written between is told.
        let watch = kernel.and_then(|kernel| kernel.watch(&wait.folder.join(LOG)).ok());
        self.unwatched += usize::from(watch.is_none());
        let log = Awaiting {
            wait,
            watch,
            file: None,
            gone: 0,
            stirred: true,
            over: false,
        };
        self.logs.insert(self.next, log);
        self.next += 1;
    }

    fn stir(&mut self, watches: &[i32]) {
        for log in self.logs.values_mut() {
            // -1: the kernel had more to tell than it keeps.
            log.stirred |=
                log.watch.is_some_and(|watch| watches.contains(&watch)) || watches.contains(&-1);
        }
    }

    fn stir_all(&mut self) {
        self.logs.values_mut().for_each(|log| log.stirred = true);
    }

    fn unwatch(&mut self) {
        self.logs.values_mut().for_each(|log| log.watch = None);
        self.unwatched = self.logs.len();
        self.stir_all();
    }

    fn stirred(&self) -> bool {
        self.logs.values().any(|log| log.stirred && !log.over)
    }

    /// A turn for each that was written to.
    fn look(&mut self) {
        for log in self
            .logs
            .values_mut()
            .filter(|log| log.stirred && !log.over)
        {
            if log.wait.found.is_closed() {
                log.over = true;
                continue;
            }
            match log.look() {
                Ok(Turn::Found(line)) => log.answer(Ok(line)),
                Ok(Turn::More) => {}
                Ok(Turn::Read) if log.gone > 0 => log.answer(Ok(Line::Gone(log.gone))),
                Ok(Turn::Read) => log.stirred = false,
                Err(error) => {
                    let folder = log.wait.folder.display();
                    log.answer(Err(format!("its log in {folder} cannot be read: {error}")));
                }
            }
        }
    }

    /// Those that are answered, or waited for no longer, are not watched any more.
    fn forget(&mut self, kernel: Option<&Kernel>) {
        let over = |log: &Awaiting| log.over || log.wait.found.is_closed();
        let ended: Vec<u64> = self
            .logs
            .iter()
            .filter(|(_, log)| over(log))
            .map(|(at, _)| *at)
            .collect();
        for at in ended {
            let Some(log) = self.logs.remove(&at) else {
                continue;
            };
            self.unwatched -= usize::from(log.watch.is_none());
            // Two who wait for the same log share its watch.
            let shared = self.logs.values().any(|other| other.watch == log.watch);
            if let (Some(kernel), Some(watch), false) = (kernel, log.watch, shared) {
                kernel.unwatch(watch);
            }
        }
    }
}

enum Turn {
    Found(Line),
    /// There is more to read at once.
    More,
    /// All that is there was read.
    Read,
}

impl Awaiting {
    fn answer(&mut self, found: Found) {
        self.over = true;
        let (answer, _) = oneshot::channel();
        // Who asked may be gone.
        let _ = std::mem::replace(&mut self.wait.found, answer).send(found);
    }

    fn look(&mut self) -> io::Result<Turn> {
        if self.file.is_none() {
            let begin = begin(&self.wait.folder, self.wait.generation)?;
            let file = File::open(self.wait.folder.join(LOG))?;
            let first = Log::of(&file)?.first;
            self.gone = first.saturating_sub(begin);
            self.file = Some((file, begin.max(first)));
        }
        let Some((file, at)) = &mut self.file else {
            return Ok(Turn::Read);
        };
        let end = file.metadata()?.len();
        // Somebody may have emptied it.
        *at = (*at).min(end);
        let log = Log::of(file)?;
        let chunk = log.read(*at, (*at + TURN).min(end))?;
        // Asked after the reading: what is not punched out now was read as it was written.
        let punched = hole(file)?;
        if punched > *at {
            // What comes after it is there, and the line may be in that.
            self.gone += punched - *at;
            *at = punched;
            return Ok(Turn::More);
        }
        let all = *at + chunk.len() as u64 >= end;
        let (raws, next) = split(&chunk, *at, false);
        let matches = |raw: &&Raw<'_>| self.wait.pattern.is_match(&plain(raw.bytes));
        if let Some(raw) = raws.iter().find(matches) {
            let line = String::from_utf8_lossy(&plain(raw.bytes)).into_owned();
            return Ok(Turn::Found(Line::Said(short(&line))));
        }
        *at = next;
        Ok(if all { Turn::Read } else { Turn::More })
    }
}

/// Where in its log this start's output begins.
fn begin(folder: &Path, generation: Generation) -> io::Result<u64> {
    let mut slot = [0; SLOT];
    let file = File::open(folder.join(RUNS))?;
    file.read_exact_at(&mut slot, runs::place(generation.0))?;
    let run = runs::decode(&slot).filter(|(run, _)| run.generation == generation.0);
    let unknown = || io::Error::other("where the output of this start begins is not on record");
    run.map(|(run, _)| run.begin).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::written::Written;

    fn wait(
        log: &Written,
        awaited: &std::sync::Arc<Awaited>,
        generation: u64,
        pattern: &str,
    ) -> tokio::task::JoinHandle<Found> {
        let awaited = awaited.clone();
        let folder = log.folder.path().to_owned();
        let pattern = spec::pattern(pattern).unwrap();
        tokio::task::spawn_local(async move {
            awaited.line(folder, Generation(generation), pattern).await
        })
    }

    fn said(text: &str) -> Found {
        Ok(Line::Said(text.to_owned()))
    }

    #[tokio::test(flavor = "local")]
    async fn a_line_is_told_when_it_comes_and_not_before_it_is_whole() {
        let awaited = std::sync::Arc::new(Awaited::new());
        let mut one = Written::new();
        one.say("listening, said by the start before\n");
        one.start(2);
        let waits = wait(&one, &awaited, 2, "^listening");
        one.say("starting\nnot listening yet\n\u{1b}[32mlist");
        // Another one that comes later is heard before.
        let mut other = Written::new();
        other.start(1);
        other.say("up\n");
        assert_eq!(wait(&other, &awaited, 1, "up").await.unwrap(), said("up"));
        assert!(!waits.is_finished());
        one.say("ening on 8080\u{1b}[0m\n");
        assert_eq!(waits.await.unwrap(), said("listening on 8080"));
    }

    #[tokio::test(flavor = "local")]
    async fn what_was_written_before_anybody_waited_counts() {
        let awaited = std::sync::Arc::new(Awaited::new());
        let mut one = Written::new();
        one.start(1);
        let long = "x".repeat(3 << 20);
        one.say(&format!("{long}\nready\nmore\n"));
        assert_eq!(
            wait(&one, &awaited, 1, "^ready$").await.unwrap(),
            said("ready")
        );
    }

    #[tokio::test(flavor = "local")]
    async fn a_log_that_has_lost_part_of_it_may_have_lost_the_line() {
        let awaited = std::sync::Arc::new(Awaited::new());
        let mut one = Written::new();
        one.start(1);
        one.say(&"ready, once\n".repeat(20_000));
        one.say("and on\n");
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        if rustix::fs::fallocate(&one.log, punch, 0, 64 << 10).is_err() {
            return;
        }
        let found = wait(&one, &awaited, 1, "^no such line").await.unwrap();
        assert!(matches!(found, Ok(Line::Gone(64..))), "{found:?}");
        // What is there still counts, and so does what comes.
        let found = wait(&one, &awaited, 1, "^and on").await.unwrap();
        assert_eq!(found, said("and on"));
    }

    #[tokio::test(flavor = "local")]
    async fn a_start_that_is_not_on_record_is_trouble_and_no_verdict() {
        let awaited = std::sync::Arc::new(Awaited::new());
        let one = Written::new();
        one.start(1);
        let found = wait(&one, &awaited, 65, "x").await.unwrap();
        assert!(found.unwrap_err().contains("not on record"));
        let gone = Written::new();
        let found = wait(&gone, &awaited, 1, "x").await.unwrap();
        assert!(found.is_err());
    }

    #[tokio::test(flavor = "local")]
    async fn who_waits_no_longer_is_forgotten() {
        let mut reading = Reading::default();
        let one = Written::new();
        one.start(1);
        let kernel = Kernel::open().unwrap();
        for _ in 0..2 {
            let (found, answer) = oneshot::channel();
            let wait = Wait {
                folder: one.folder.path().to_owned(),
                generation: Generation(1),
                pattern: spec::pattern("x").unwrap(),
                found,
            };
            reading.begin(wait, Some(&kernel));
            drop(answer);
        }
        reading.look();
        reading.forget(Some(&kernel));
        assert_eq!((reading.logs.len(), reading.unwatched), (0, 0));
    }
}
