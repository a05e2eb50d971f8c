//! The streams that the window has open, so that each ends with its reader: when the page says so,
//! when it loads anew, or when its source does.

use api::Lines;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tauri::async_runtime::{JoinHandle, spawn};

/// More than one page ever has open. A page that leaks streams ends its own oldest ones.
const MOST: usize = 64;

/// Counts the streams of one run of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct StreamId(pub(crate) u64);

#[derive(Default)]
struct Open {
    last: u64,
    /// By id: whose it is and its task.
    tasks: HashMap<StreamId, (String, JoinHandle<()>)>,
}

/// All open streams.
#[derive(Default, Clone)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

impl Streams {
    /// Sends each line to the reader until one of the two ends. The last line is `null`.
    pub(crate) fn open(
        &self,
        reader: &str,
        mut lines: Lines,
        send: impl Fn(String) -> bool + Send + 'static,
    ) -> StreamId {
        let mut open = self.lock();
        open.last += 1;
        let id = StreamId(open.last);
        let streams = self.clone();
        let task = spawn(async move {
            while let Some(line) = lines.next().await {
                if !send(line.0) {
                    break;
                }
            }
            send("null".to_owned());
            streams.lock().tasks.remove(&id);
        });
        // The lock is held until the task is in the map, so a stream that ends at once finds itself.
        open.tasks.insert(id, (reader.to_owned(), task));
        if let Some(oldest) = oldest_beyond(&open, reader)
            && let Some((_, task)) = open.tasks.remove(&oldest)
        {
            task.abort();
        }
        id
    }

    /// The reader wants no more. An id that is not its own, or is over, is ignored.
    pub(crate) fn close(&self, reader: &str, id: StreamId) {
        let mut open = self.lock();
        if open.tasks.get(&id).is_some_and(|(of, _)| of == reader)
            && let Some((_, task)) = open.tasks.remove(&id)
        {
            task.abort();
        }
    }

    /// The reader is gone: its page loads anew or its window closed.
    pub(crate) fn close_all(&self, reader: &str) {
        self.lock().tasks.retain(|_, (of, task)| {
            let stays = of != reader;
            if !stays {
                task.abort();
            }
            stays
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        // Nothing panics while it is held; if it did, the map is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn oldest_beyond(open: &Open, reader: &str) -> Option<StreamId> {
    let own = || {
        open.tasks
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
    use std::sync::mpsc;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(10);

    fn count(streams: &Streams) -> usize {
        streams.lock().tasks.len()
    }

    fn endless() -> Lines {
        stream::pending().boxed()
    }

    #[test]
    fn lines_come_in_order_then_null_and_the_stream_is_forgotten() {
        let streams = Streams::default();
        let (sent, seen) = mpsc::sync_channel(8);
        let lines = stream::iter(["1", "2"].map(|line| Json(line.to_owned()))).boxed();
        streams.open("main", lines, move |line| sent.send(line).is_ok());
        let all: Vec<String> = seen.iter().collect();
        assert_eq!(all, ["1", "2", "null"]);
        // `seen` ended because the task dropped its sender, which it does last.
        assert_eq!(count(&streams), 0);
    }

    #[test]
    fn a_reader_ends_its_own_streams_only() {
        let streams = Streams::default();
        let (alive, ended) = mpsc::sync_channel::<()>(1);
        let mine = streams.open("main", endless(), move |_| alive.send(()).is_ok());
        streams.close("other", mine);
        assert_eq!(count(&streams), 1);
        streams.close("main", mine);
        assert_eq!(count(&streams), 0);
        // The task is really gone: it dropped what it held.
        assert_eq!(
            ended.recv_timeout(LONG),
            Err(mpsc::RecvTimeoutError::Disconnected)
        );
    }

    #[test]
    fn a_page_that_loads_anew_leaves_nothing_behind() {
        let streams = Streams::default();
        for _ in 0..3 {
            streams.open("main", endless(), |_| true);
        }
        streams.open("other", endless(), |_| true);
        streams.close_all("main");
        assert_eq!(count(&streams), 1);
    }

    #[test]
    fn a_page_that_leaks_streams_loses_its_oldest() {
        let streams = Streams::default();
        let first = streams.open("main", endless(), |_| true);
        for _ in 0..MOST + 5 {
            streams.open("main", endless(), |_| true);
        }
        assert_eq!(count(&streams), MOST);
        assert!(!streams.lock().tasks.contains_key(&first));
    }
}
