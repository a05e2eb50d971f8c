//! What a subscriber learns, and when: `azora events --follow --json`, each event with the instant it came.

use crate::{Azora, each_line};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events that wait to be looked at; more than one fault of everything brings at once.
const QUEUE: usize = 100_000;

/// `azora events --follow`, until it is dropped.
#[derive(Debug)]
pub struct Follow {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Follow {
    /// Hands on the `what` of each event as it comes. The last one that was there before comes first.
    ///
    /// # Panics
    /// When `azora` cannot be run.
    pub fn of(azora: &Azora, folder: &Path, mut then: impl FnMut(Value) + Send + 'static) -> Self {
        let mut child = azora
            .command(folder, &["events", "--follow", "--json", "--limit", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to run azora events: {error}"));
        let out = child.stdout.take();
        let reader = std::thread::spawn(move || {
            each_line(out, |line| {
                if let Ok(mut event) = serde_json::from_slice::<Value>(line) {
                    then(event["what"].take());
                }
            });
        });
        Self {
            child,
            reader: Some(reader),
        }
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// A subscriber, until it is dropped.
#[derive(Debug)]
pub struct Feed {
    events: Receiver<(Instant, Value)>,
    _follow: Follow,
}

impl Feed {
    /// Begins. Events that were there before do not come.
    ///
    /// # Panics
    /// When `azora` cannot be run.
    pub fn of(azora: &Azora, folder: &Path) -> Self {
        let (sender, events) = sync_channel(QUEUE);
        let follow = Follow::of(azora, folder, move |what| {
            // Nobody looks any more: it is being dropped.
            let _ = sender.try_send((Instant::now(), what));
        });
        let feed = Self {
            events,
            _follow: follow,
        };
        // With it the certainty that the next ones come.
        let _ = feed.next(Duration::from_secs(10));
        feed
    }

    /// The next event's `what`, and when it came.
    pub fn next(&self, patience: Duration) -> Option<(Instant, Value)> {
        self.events.recv_timeout(patience).ok()
    }

    /// The next event that is so, within this time; others are passed over.
    pub fn until(
        &self,
        patience: Duration,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Option<(Instant, Value)> {
        let end = Instant::now() + patience;
        loop {
            let left = end.checked_duration_since(Instant::now())?;
            let (came, what) = self.next(left)?;
            if wanted(&what) {
                return Some((came, what));
            }
        }
    }
}
