//! What each start of an instance wrote: where in its log it began, and its first error.
//!
//! The shim notes the beginnings, and the first errors among the lines it gives up, in `log.runs`
//! (see [`shim::runs`]). What the log still has is looked through here when somebody asks.

use super::index::Index;
use super::lines::{Log, split};
use super::page::{CHUNK, LogQuery, MAX_LOOK, line, page};
use super::{INDEX, LOG, RUNS, clean, trace};
use model::view::{LogLevel, LogLine, LogRun};
use model::{Generation, InstanceId, Timestamp};
use shim::runs::{self, Run, SLOT, SLOTS};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How far back [`last_words`] looks for its start: others may have come since, but not many.
const RECENT: usize = 16;
/// Bytes that [`last_words`] looks through for the first error: nobody waits for it, and a hundred
/// services may have died together.
const SOON: u64 = 4 << 20;

/// The newest starts of the instance whose log is in `folder`, newest first, at most `limit`.
///
/// # Errors
/// When the files cannot be read.
pub fn starts(folder: &Path, instance: &InstanceId, limit: usize) -> io::Result<Vec<LogRun>> {
    looked(folder, instance, limit, None, MAX_LOOK)
}

/// What one start has left: its first error, as far as little looking finds it, and its last lines. Of a
/// stack trace the line that says why.
///
/// # Errors
/// When the files cannot be read.
pub fn last_words(
    folder: &Path,
    instance: &InstanceId,
    generation: Generation,
    lines: usize,
) -> io::Result<(Option<LogLine>, Vec<LogLine>)> {
    let found = looked(folder, instance, RECENT, Some(generation), SOON)?;
    let Some(run) = found.into_iter().next() else {
        return Ok((None, Vec::new()));
    };
    let query = LogQuery {
        before: Some(run.end),
        limit: lines,
        ..LogQuery::default()
    };
    let mut last = page(folder, instance, &query)?.lines;
    last.retain(|line| line.offset >= run.begin);
    let error = match run.error {
        Some(heading) if run.kept => Some(said_why(folder, instance, heading, run.end)?),
        error => error,
    };
    Ok((error, last))
}

/// The line that says why, if this one is only the heading of a trace.
fn said_why(
    folder: &Path,
    instance: &InstanceId,
    heading: LogLine,
    end: u64,
) -> io::Result<LogLine> {
    let query = LogQuery {
        after: Some(heading.end),
        limit: trace::DEEP,
        ..LogQuery::default()
    };
    let mut below = page(folder, instance, &query)?.lines;
    below.retain(|line| line.offset < end);
    let texts: Vec<&str> = below.iter().map(|line| line.text.as_str()).collect();
    let Some(why) = trace::reason(&heading.text, &texts) else {
        return Ok(heading);
    };
    let why = why.to_owned();
    let found = below.into_iter().find(|line| line.text.contains(&why));
    Ok(found.map_or(heading, |line| LogLine { text: why, ..line }))
}

fn looked(
    folder: &Path,
    instance: &InstanceId,
    limit: usize,
    only: Option<Generation>,
    mut left: u64,
) -> io::Result<Vec<LogRun>> {
    let (file, ring) = match (File::open(folder.join(LOG)), File::open(folder.join(RUNS))) {
        (Ok(file), Ok(ring)) => (file, ring),
        (Err(error), _) | (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let mut bytes = Vec::new();
    ring.take(SLOTS * SLOT as u64).read_to_end(&mut bytes)?;
    let mut known: Vec<(Run, &[u8])> = bytes.chunks(SLOT).filter_map(runs::decode).collect();
    known.sort_by_key(|(run, _)| std::cmp::Reverse(run.generation));

    let index = Index::open(&folder.join(INDEX), &file.metadata()?)?;
    let mut log = Log::of(&file)?;
    let mut end = log.end;
    let mut found = Vec::new();
    for (run, text) in known.into_iter().take(limit) {
        // Somebody may have emptied the log since.
        let begin = run.begin.min(end);
        if only.is_some_and(|only| only.0 != run.generation) {
            end = begin;
            continue;
        }
        let mut view = LogRun {
            generation: Generation(run.generation),
            at: time(run.at),
            begin,
            end,
            error: None,
            kept: false,
            unseen: run.unseen,
        };
        if let Some(error) = run.error {
            view.kept = error.offset >= log.first;
            view.error = Some(LogLine {
                offset: error.offset,
                end: error.end,
                at: (error.at > 0).then(|| time(error.at)),
                missed: None,
                skipped: None,
                level: Some(LogLevel::Error),
                instance: instance.clone(),
                text: clean(text),
            });
        } else {
            view.error = first_error(&mut log, &index, instance, (begin, end), &mut left)?;
            view.kept = view.error.is_some();
            if left == 0 && view.error.is_none() {
                view.unseen += end - begin;
            }
        }
        found.push(view);
        end = begin;
    }
    Ok(found)
}

fn time(millis: u64) -> Timestamp {
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The first line in this part of the log that looks like an error. At most `left` bytes are looked
/// through, over all parts together.
fn first_error(
    log: &mut Log<'_>,
    index: &Index,
    instance: &InstanceId,
    (begin, end): (u64, u64),
    left: &mut u64,
) -> io::Result<Option<LogLine>> {
    let mut at = begin.max(log.first);
    while at < end && *left > 0 {
        let to = (at + CHUNK).min(log.end);
        let chunk = log.read(at, to)?;
        if log.punched()? && log.first > at {
            at = log.first;
            continue;
        }
        let (raws, next) = split(&chunk, at, to == log.end);
        let trouble = raws
            .into_iter()
            .take_while(|raw| raw.offset < end)
            .find(|raw| shim::trouble::is_error(raw.bytes));
        if let Some(raw) = trouble {
            let at = index.time_of_new(raw.end);
            return Ok(Some(line(&raw, at, instance)));
        }
        if next == at {
            break;
        }
        *left = left.saturating_sub(next - at);
        at = next;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    fn id() -> InstanceId {
        "api".parse().unwrap()
    }

    fn run(generation: u64, begin: u64) -> Run {
        Run {
            generation,
            begin,
            at: 1_000 * generation,
            ..Run::default()
        }
    }

    fn folder(log: &str, slots: &[(Run, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LOG), log).unwrap();
        let ring = File::create(folder.path().join(RUNS)).unwrap();
        for (run, text) in slots {
            ring.write_all_at(&runs::encode(run, text), runs::place(run.generation))
                .unwrap();
        }
        folder
    }

    #[test]
    fn each_start_has_its_own_first_error() {
        let log = "one\nerror: a\nerror: b\ntwo\nall well\nthree\npanic: c\n";
        let at = |text: &str| log.find(text).unwrap() as u64;
        let slots = [
            (run(1, 0), &b""[..]),
            (run(2, at("two")), b""),
            (run(3, at("three")), b""),
        ];
        let folder = folder(log, &slots);
        let found = starts(folder.path(), &id(), 10).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|run| {
                (
                    run.generation.0,
                    run.error
                        .as_ref()
                        .map(|line| (line.offset, line.text.as_str())),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (3, Some((at("panic"), "panic: c"))),
                (2, None),
                (1, Some((at("error: a"), "error: a"))),
            ]
        );
        assert!(found[0].kept && !found[1].kept);
        assert_eq!((found[1].begin, found[1].end), (at("two"), at("three")));
        assert_eq!(starts(folder.path(), &id(), 1).unwrap().len(), 1);
    }

    #[test]
    fn one_that_the_log_no_longer_has_is_told_from_what_was_kept() {
        let mut gone = run(7, 0);
        gone.unseen = 5;
        gone.error = Some(runs::Found {
            offset: 100,
            end: 120,
            at: 9_000,
        });
        let folder = folder("", &[(gone, b"Error: \x1b[2Jboom")]);
        let file = File::options()
            .write(true)
            .open(folder.path().join(LOG))
            .unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(b"\nerror: later\n", 1 << 20).unwrap();
        let [found] = starts(folder.path(), &id(), 10)
            .unwrap()
            .try_into()
            .unwrap();
        let error = found.error.unwrap();
        assert_eq!(
            (error.offset, error.at, found.kept),
            (100, Some(Timestamp(9_000)), false)
        );
        assert_eq!(error.text, "Error: boom", "harmless");
        assert_eq!(found.unseen, 5);
    }

    #[test]
    fn what_one_start_has_left_is_its_own() {
        let log = "one\nerror: a\nlast of one\ntwo\nlast of two\nthree\n";
        let at = |text: &str| log.find(text).unwrap() as u64;
        let slots = [
            (run(1, 0), &b""[..]),
            (run(2, at("two")), b""),
            (run(3, at("three")), b""),
        ];
        let folder = folder(log, &slots);
        let left = |generation| {
            let (error, lines) =
                last_words(folder.path(), &id(), Generation(generation), 2).unwrap();
            let lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
            (error.map(|line| line.text), lines)
        };
        let lines = |lines: &[&str]| {
            lines
                .iter()
                .map(|&line| line.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            left(1),
            (
                Some("error: a".to_owned()),
                lines(&["error: a", "last of one"])
            )
        );
        assert_eq!(left(2), (None, lines(&["two", "last of two"])));
        assert_eq!(left(3), (None, lines(&["three"])));
        assert_eq!(left(9), (None, Vec::new()));
    }

    #[test]
    fn of_a_trace_it_is_the_line_that_says_why() {
        let log = "begins\nTraceback (most recent call last):\n  File \"a.py\", line 3\n    run()\n\
                   KeyError: 'port'\nbye\nfar\nfrom\nhere\nthat\nwas\ntwo\n  File\nValueError: x\n";
        let two = log.find("two").unwrap() as u64;
        let folder = folder(log, &[(run(1, 0), &b""[..]), (run(2, two), b"")]);
        let (error, lines) = last_words(folder.path(), &id(), Generation(1), 3).unwrap();
        let error = error.unwrap();
        assert_eq!(error.text, "KeyError: 'port'");
        assert_eq!(error.offset, log.find("KeyError").unwrap() as u64);
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_log_without_notes_has_no_starts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(starts(folder.path(), &id(), 10).unwrap(), vec![]);
    }
}
