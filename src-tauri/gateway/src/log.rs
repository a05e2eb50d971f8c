//! The access log: the newest requests, in memory.

use model::view::GatewayRequest;
use model::{ServiceName, Timestamp};
use std::collections::VecDeque;
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
    kept: VecDeque<Line>,
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
    pub(crate) retries: u8,
    pub(crate) error: Option<&'a str>,
}

/// The same, kept in texts that are written over again and again.
#[derive(Default)]
struct Line {
    seq: u64,
    at: i64,
    id: String,
    method: String,
    host: String,
    path: String,
    status: u16,
    took: Duration,
    backend: String,
    caller: String,
    retries: u8,
    error: String,
}

impl Log {
    pub(crate) fn note(&self, entry: &Entry<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = match lines.kept.len() {
            KEPT.. => lines.kept.pop_front().unwrap_or_default(),
            _ => Line::default(),
        };
        lines.count += 1;
        line.seq = lines.count;
        line.at = entry.at.0;
        for (to, from) in [
            (&mut line.id, entry.id),
            (&mut line.method, entry.method),
            (&mut line.host, entry.host),
            (&mut line.path, entry.path),
            (&mut line.backend, entry.backend.unwrap_or_default()),
            (
                &mut line.caller,
                entry.caller.map_or("", ServiceName::as_str),
            ),
            (&mut line.error, entry.error.unwrap_or_default()),
        ] {
            to.clear();
            to.push_str(cut(from));
        }
        line.status = entry.status;
        line.took = entry.took;
        line.retries = entry.retries;
        lines.kept.push_back(line);
    }

    /// The newest so many, newest last.
    pub(crate) fn recent(&self, n: usize) -> Vec<GatewayRequest> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let from = lines.kept.len().saturating_sub(n);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (lines.kept)
            .range(from..)
            .map(|line| GatewayRequest {
                seq: line.seq,
                at: Timestamp(line.at),
                id: line.id.clone(),
                method: line.method.clone(),
                host: line.host.clone(),
                path: line.path.clone(),
                status: line.status,
                took_ms: line.took.as_micros() as f64 / 1_000.0,
                backend: some(&line.backend),
                // A name has fewer letters than are cut off.
                caller: line.caller.parse().ok(),
                retries: line.retries,
                error: some(&line.error),
            })
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
        assert!(last[0].path.len() <= LONGEST + 1, "{}", last[0].path.len());
        assert_eq!(last[0].took_ms, 1.5);
        assert_eq!(last[1].seq, 1_034);
        assert_eq!(log.recent(usize::MAX).len(), KEPT);
    }
}
