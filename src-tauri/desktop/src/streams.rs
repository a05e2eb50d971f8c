//! The streams that the window has open. The page pulls: it asks for what there is, gets all of it at once,
//! and asks again. So no more is underway than it can take, and nothing is handed to it as a script to
//! evaluate.
//!
//! Each ends with its reader: when the page says so, when it loads anew, or when its source does.

use api::Lines;
use futures_util::{FutureExt, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// More than one page ever has open. A page that leaks streams ends its own oldest ones.
const MOST: usize = 64;
/// What one answer holds at most, besides its first line.
const MOST_LINES: usize = 1_000;
const MOST_BYTES: usize = 256 << 10;
/// The last line of a stream.
const END: &str = "null";

/// Counts the streams of one run of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct StreamId(pub(crate) u64);

/// One of them.
struct Source {
    /// Held by who pulls.
    lines: tokio::sync::Mutex<Lines>,
    /// Tells who pulls that it was closed.
    closed: Notify,
}

#[derive(Default)]
struct Open {
    last: u64,
    /// By id: whose it is and where it comes from.
    sources: HashMap<StreamId, (String, Arc<Source>)>,
}

/// All open streams.
#[derive(Default, Clone)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

impl Streams {
    /// Keeps a stream for its reader to pull.
    pub(crate) fn open(&self, reader: &str, lines: Lines) -> StreamId {
        let mut open = self.lock();
        open.last += 1;
        let id = StreamId(open.last);
        let source = Source {
            lines: tokio::sync::Mutex::new(lines),
            closed: Notify::new(),
        };
        open.sources
            .insert(id, (reader.to_owned(), Arc::new(source)));
        if let Some(oldest) = oldest_beyond(&open, reader) {
            end(open.sources.remove(&oldest));
        }
        id
    }

    /// The lines there are, as a JSON array; waits for the first. The last line of all is `null`, as it is
    /// of a stream that is not the reader's, or is over.
    pub(crate) async fn pull(&self, reader: &str, id: StreamId) -> String {
        let source = {
            let open = self.lock();
            let found = open.sources.get(&id).filter(|(of, _)| of == reader);
            found.map(|(_, source)| Arc::clone(source))
        };
        let Some(source) = source else {
            return array(&[END.to_owned()]);
        };
        let pulled = tokio::select! {
            biased;
            () = source.closed.notified() => vec![END.to_owned()],
            pulled = ready(&source) => pulled,
        };
        if pulled.last().is_some_and(|line| line == END) {
            self.lock().sources.remove(&id);
        }
        array(&pulled)
    }

    /// The reader wants no more. An id that is not its own, or is over, is ignored.
    pub(crate) fn close(&self, reader: &str, id: StreamId) {
        let mut open = self.lock();
        if open.sources.get(&id).is_some_and(|(of, _)| of == reader) {
            end(open.sources.remove(&id));
        }
    }

    /// The reader is gone: its page loads anew or its window closed.
    pub(crate) fn close_all(&self, reader: &str) {
        self.lock().sources.retain(|_, one| {
            let stays = one.0 != reader;
            if !stays {
                one.1.closed.notify_one();
            }
            stays
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        // Nothing panics while it is held; if it did, the map is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a source has now, up to the bounds; waits for the first of it.
async fn ready(source: &Source) -> Vec<String> {
    let mut lines = source.lines.lock().await;
    let mut pulled = Vec::new();
    let mut bytes = 0;
    let mut next = lines.next().await;
    loop {
        match next {
            Some(line) => {
                bytes += line.0.len();
                pulled.push(line.0);
            }
            None => {
                pulled.push(END.to_owned());
                return pulled;
            }
        }
        if pulled.len() > MOST_LINES || bytes > MOST_BYTES {
            return pulled;
        }
        match lines.next().now_or_never() {
            Some(more) => next = more,
            None => return pulled,
        }
    }
}

fn array(lines: &[String]) -> String {
    format!("[{}]", lines.join(","))
}

/// Whoever pulls from it is told; what it holds goes with the last of them.
fn end(one: Option<(String, Arc<Source>)>) {
    if let Some((_, source)) = one {
        source.closed.notify_one();
    }
}

fn oldest_beyond(open: &Open, reader: &str) -> Option<StreamId> {
    let own = || {
        open.sources
            .iter()
            .filter(|(_, (of, _))| of == reader)
            .map(|(id, _)| *id)
    };
    if own().count() > MOST {
        own().min()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Json;
    use futures_util::stream;

    fn count(streams: &Streams) -> usize {
        streams.lock().sources.len()
    }

    fn endless() -> Lines {
        stream::pending().boxed()
    }

    fn of<const N: usize>(lines: [&str; N]) -> Lines {
        stream::iter(lines.map(|line| Json(line.to_owned()))).boxed()
    }

    #[tokio::test]
    async fn what_there_is_comes_in_order_then_null_and_the_stream_is_forgotten() {
        let streams = Streams::default();
        let id = streams.open("main", of(["1", "{\"a\":2}"]));
        assert_eq!(streams.pull("main", id).await, "[1,{\"a\":2},null]");
        assert_eq!(count(&streams), 0);
        assert_eq!(streams.pull("main", id).await, "[null]");
    }

    #[tokio::test]
    async fn what_is_not_there_yet_holds_up_nothing_that_is() {
        let streams = Streams::default();
        let id = streams.open("main", of(["1"]).chain(endless()).boxed());
        assert_eq!(streams.pull("main", id).await, "[1]");
        assert!(streams.pull("main", id).now_or_never().is_none());
        assert_eq!(
            count(&streams),
            1,
            "a reader that turned away may ask again"
        );
    }

    #[tokio::test]
    async fn one_answer_is_bounded_and_the_rest_is_the_next_one() {
        let streams = Streams::default();
        let long = format!("\"{}\"", "x".repeat(MOST_BYTES));
        let id = streams.open("main", of([&long, "2", "3"]));
        assert_eq!(streams.pull("main", id).await, format!("[{long}]"));
        assert_eq!(streams.pull("main", id).await, "[2,3,null]");
    }

    #[tokio::test]
    async fn a_reader_ends_its_own_streams_only_and_who_pulls_is_told() {
        let streams = Streams::default();
        let mine = streams.open("main", endless());
        streams.close("other", mine);
        assert_eq!(streams.pull("other", mine).await, "[null]");
        assert_eq!(count(&streams), 1);
        let mut pulling = Box::pin(streams.pull("main", mine));
        assert!((&mut pulling).now_or_never().is_none());
        streams.close("main", mine);
        assert_eq!(pulling.await, "[null]");
        assert_eq!(count(&streams), 0);
    }

    #[test]
    fn a_page_that_loads_anew_leaves_nothing_behind() {
        let streams = Streams::default();
        for _ in 0..3 {
            streams.open("main", endless());
        }
        let pulled = Arc::clone(&streams.lock().sources[&StreamId(1)].1);
        streams.open("other", endless());
        streams.close_all("main");
        assert_eq!(count(&streams), 1);
        assert!(pulled.closed.notified().now_or_never().is_some());
    }

    #[test]
    fn a_page_that_leaks_streams_loses_its_oldest() {
        let streams = Streams::default();
        let first = streams.open("main", endless());
        for _ in 0..MOST + 5 {
            streams.open("main", endless());
        }
        assert_eq!(count(&streams), MOST);
        assert!(!streams.lock().sources.contains_key(&first));
    }
}
