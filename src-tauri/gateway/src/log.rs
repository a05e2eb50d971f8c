//! The access log: the newest requests, in memory.

use model::view::{GatewayRequest, Whence};
use model::{ServiceName, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Requests that are remembered.
const KEPT: usize = 1_024;
/// Letters of a host, a path and an error that are: what comes from outside is bounded.
const LONGEST: usize = 256;

#[derive(Default)]
pub(crate) struct Log {
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// A ring once it is full: the oldest is where the next one goes.
    kept: Vec<Line>,
    /// How many there ever were.
    count: u64,
}

/// What is written down of a request.
pub(crate) struct Entry<'a> {
    pub(crate) at: Timestamp,
    pub(crate) id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) backend: Option<&'a str>,
    pub(crate) caller: Option<&'a ServiceName>,
    pub(crate) whence: Whence,
    pub(crate) retries: u8,
    pub(crate) error: Option<&'a str>,
}

/// Texts of a line, in their order.
const TEXTS: usize = 7;

/// The same, in one text that is written over again and again. A line lies in few places, as each of them is one that
/// is in no cache when it is written the next time, a thousand requests later.
#[derive(Default)]
struct Line {
    seq: u64,
    at: i64,
    took: Duration,
    status: u16,
    retries: u8,
    whence: Option<Whence>,
    /// Where each of its texts ends.
    ends: [u16; TEXTS],
    text: String,
}

impl Line {
    fn write(&mut self, seq: u64, entry: &Entry<'_>) {
        self.seq = seq;
        self.at = entry.at.0;
        self.took = entry.took;
        self.status = entry.status;
        self.retries = entry.retries;
        self.whence = Some(entry.whence);
        let texts: [&str; TEXTS] = [
            entry.id,
            entry.method,
            entry.host,
            entry.path,
            entry.backend.unwrap_or_default(),
            entry.caller.map_or("", ServiceName::as_str),
            entry.error.unwrap_or_default(),
        ];
        self.text.clear();
        for (end, text) in self.ends.iter_mut().zip(texts) {
            self.text.push_str(cut(text));
            // Seven texts that are cut off are far shorter.
            *end = u16::try_from(self.text.len()).unwrap_or(u16::MAX);
        }
    }

    fn view(&self) -> GatewayRequest {
        let mut from = 0;
        let mut texts = self.ends.iter().map(|end| {
            let text = self.text.get(from..usize::from(*end));
            from = usize::from(*end);
            text.unwrap_or_default()
        });
        let mut next = || texts.next().unwrap_or_default();
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        GatewayRequest {
            seq: self.seq,
            at: Timestamp(self.at),
            id: next().to_owned(),
            method: next().to_owned(),
            host: next().to_owned(),
            path: next().to_owned(),
            status: self.status,
            took_ms: self.took.as_micros() as f64 / 1_000.0,
            backend: some(next()),
            // A name has fewer letters than are cut off.
            caller: next().parse().ok(),
            whence: self.whence.unwrap_or(Whence::Unknown),
            retries: self.retries,
            error: some(next()),
        }
    }
}

impl Lines {
    /// Where the next one goes.
    fn next(&self) -> usize {
        (self.count % KEPT as u64) as usize
    }
}

impl Log {
    pub(crate) fn note(&self, entry: &Entry<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let at = lines.next();
        lines.count += 1;
        let seq = lines.count;
        if at == lines.kept.len() {
            lines.kept.push(Line::default());
        }
        if let Some(line) = lines.kept.get_mut(at) {
            line.write(seq, entry);
        }
    }

    /// The newest so many, newest last.
    pub(crate) fn recent(&self, n: usize) -> Vec<GatewayRequest> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (newer, older) = lines.kept.split_at(lines.next().min(lines.kept.len()));
        let surplus = lines.kept.len().saturating_sub(n);
        older
            .iter()
            .chain(newer)
            .skip(surplus)
            .map(Line::view)
            .collect()
    }
}

fn cut(text: &str) -> &str {
    // Nearly all are.
    if text.len() <= LONGEST {
        return text;
    }
    match text.char_indices().find(|(at, _)| *at >= LONGEST) {
        Some((at, _)) => &text[..at],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_cut_to_size() {
        let log = Log::default();
        let asks = "web".parse().unwrap();
        let path = format!("/{}", "ä".repeat(400));
        for n in 0..KEPT as u16 + 10 {
            log.note(&Entry {
                at: Timestamp(n.into()),
                id: "1",
                method: "GET",
                host: "api.shop.localhost",
                path: &path,
                status: n,
                took: Duration::from_micros(1_500),
                backend: (n % 2 == 0).then_some("api.0"),
                caller: (n % 2 == 1).then_some(&asks),
                whence: [Whence::Outside, Whence::Service][usize::from(n % 2)],
                retries: 0,
                error: None,
            });
        }
        let last = log.recent(2);
        assert_eq!((last[0].status, last[1].status), (1_032, 1_033));
        assert_eq!(
            (&last[0].backend, &last[1].backend),
            (&Some("api.0".into()), &None)
        );
        assert_eq!((&last[0].caller, &last[1].caller), (&None, &Some(asks)));
        assert_eq!(
            (last[0].whence, last[1].whence),
            (Whence::Outside, Whence::Service)
        );
        assert!(last[0].path.len() <= LONGEST + 1, "{}", last[0].path.len());
        assert_eq!(last[0].took_ms, 1.5);
        assert_eq!(last[1].seq, 1_034);
        let all: Vec<u64> = log.recent(usize::MAX).iter().map(|line| line.seq).collect();
        assert_eq!(all, (11..=1_034).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_is_told_as_it_was_noted_however_long_the_one_was_that_lay_there() {
        let log = Log::default();
        let long = "x".repeat(300);
        let entry = |text, error| Entry {
            at: Timestamp(7),
            id: text,
            method: text,
            host: text,
            path: text,
            status: 502,
            took: Duration::ZERO,
            backend: error,
            caller: None,
            whence: Whence::Unknown,
            retries: 3,
            error,
        };
        for _ in 0..KEPT {
            log.note(&entry(&long, Some(&long)));
        }
        assert_eq!(log.recent(1)[0].error.as_deref(), Some(&long[..LONGEST]));
        log.note(&entry("", None));
        log.note(&entry("é", Some("e")));
        let last = log.recent(2);
        let texts = |line: &GatewayRequest| {
            [&line.id, &line.method, &line.host, &line.path].map(String::clone)
        };
        assert_eq!(texts(&last[0]), [""; 4]);
        assert_eq!((&last[0].backend, &last[0].error), (&None, &None));
        assert_eq!(texts(&last[1]), ["é"; 4]);
        assert_eq!((last[1].retries, last[1].error.as_deref()), (3, Some("e")));
    }
}
