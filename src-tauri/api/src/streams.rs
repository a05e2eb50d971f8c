//! The body of every stream: messages as lines of JSON, made only as fast as they are read.

pub(crate) use crate::gateway::watch_gateway;
pub(crate) use crate::rehearsals::rehearse;
pub(crate) use crate::terminals::attach;

use crate::calls::MOST;
use crate::dispatch::{Lines, as_it_is, json};
use crate::log_requests::filter;
use crate::requests::{CopyLogsRequest, FollowLogsRequest, Nothing, SearchLogsRequest};
use engine::{Error, Followed, Handle};
use futures_util::{StreamExt, stream};
use model::view::{Delta, Snapshot};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::wrappers::ReceiverStream;

/// Lines of a log that come first when a request does not say how many.
const USUAL_TAIL: u32 = 100;

/// [`model::view::FeedMessage`] without owning: a delta is shared by all readers.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Message<'a> {
    Snapshot { snapshot: &'a Snapshot },
    Delta { delta: &'a Delta },
}

pub(crate) async fn feed(engine: &Handle, _: Nothing) -> Result<Lines, Error> {
    let engine = engine.clone();
    Ok(pictures(move || engine.feed()))
}

/// The picture, then changes; a reader that fell behind gets the picture again. Nothing is kept
/// for a slow reader but its place in the engine's bounded ring of changes.
fn pictures<Feed>(feed: Feed) -> Lines
where
    Feed: Fn() -> (Snapshot, broadcast::Receiver<Arc<Delta>>) + Send + 'static,
{
    let begin = None::<broadcast::Receiver<Arc<Delta>>>;
    stream::unfold((feed, begin), |(feed, place)| async move {
        if let Some(mut changes) = place {
            match changes.recv().await {
                Ok(delta) => {
                    return Some((
                        json(&Message::Delta { delta: &delta }),
                        (feed, Some(changes)),
                    ));
                }
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(_)) => {}
            }
        }
        let (snapshot, changes) = feed();
        Some((
            json(&Message::Snapshot {
                snapshot: &snapshot,
            }),
            (feed, Some(changes)),
        ))
    })
    .boxed()
}

pub(crate) async fn follow_logs(
    engine: &Handle,
    request: FollowLogsRequest,
) -> Result<Lines, Error> {
    let engine = engine.with_key(request.reveal);
    let followed = Followed {
        tail: request.tail.unwrap_or(USUAL_TAIL).min(MOST) as usize,
        from: request.from.unwrap_or_default(),
        filter: filter(request.grep, request.text, request.level)?,
        newest: request.newest.unwrap_or(0).min(MOST) as usize,
    };
    let batches = engine
        .follow_logs(request.cluster, request.services, followed)
        .await?;
    Ok(ReceiverStream::new(batches)
        .map(|batch| as_it_is(&batch))
        .boxed())
}

pub(crate) async fn search_logs(
    engine: &Handle,
    request: SearchLogsRequest,
) -> Result<Lines, Error> {
    let told = engine.search_logs(request.asked()?).await?;
    Ok(ReceiverStream::new(told).map(|told| json(&told)).boxed())
}

pub(crate) async fn copy_logs(engine: &Handle, request: CopyLogsRequest) -> Result<Lines, Error> {
    let engine = engine.with_key(request.reveal.clone());
    let (asked, raw) = request.asked()?;
    let told = engine.copy_logs(asked, raw).await?;
    Ok(ReceiverStream::new(told).map(|told| json(&told)).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::{Change, EngineView, FeedMessage};
    use model::{Event, EventKind, Overall, Timestamp};
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    fn picture(seq: u64) -> Snapshot {
        Snapshot {
            seq,
            engine: EngineView {
                pid: 1,
                version: "0.0.0".to_owned(),
                home: "/h".to_owned(),
                api: None,
                registry: None,
                gateway: None,
                consul: None,
                limits: Vec::new(),
            },
            overall: Overall::Stopped,
            clusters: Vec::new(),
            instances: BTreeMap::new(),
            connections: BTreeMap::new(),
            pulses: BTreeMap::new(),
            incidents: Vec::new(),
            events: Vec::new(),
            registry: Vec::new(),
            registry_total: 0,
            mutes: Vec::new(),
        }
    }

    fn change(seq: u64) -> Arc<Delta> {
        let what = EventKind::Notice {
            text: format!("event {seq}"),
        };
        let event = Event {
            seq,
            at: Timestamp(0),
            cluster: None,
            what,
        };
        Arc::new(Delta {
            seq,
            change: Change::Event { event },
        })
    }

    /// An engine that is only its feed: a counter and a ring of four changes.
    struct Ring {
        seq: Mutex<u64>,
        changes: broadcast::Sender<Arc<Delta>>,
    }

    impl Ring {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                seq: Mutex::new(0),
                changes: broadcast::channel(4).0,
            })
        }
        fn feed(&self) -> (Snapshot, broadcast::Receiver<Arc<Delta>>) {
            let seq = self.seq.lock().unwrap();
            (picture(*seq), self.changes.subscribe())
        }
        fn happen(&self, times: u64) {
            for _ in 0..times {
                let mut seq = self.seq.lock().unwrap();
                *seq += 1;
                let _ = self.changes.send(change(*seq));
            }
        }
    }

    async fn next(lines: &mut Lines) -> FeedMessage {
        serde_json::from_str(&lines.next().await.unwrap().0).unwrap()
    }

    #[tokio::test]
    async fn the_picture_comes_first_and_changes_follow_without_gaps() {
        let ring = Ring::new();
        let source = ring.clone();
        let mut lines = pictures(move || source.feed());
        assert_eq!(
            next(&mut lines).await,
            FeedMessage::Snapshot {
                snapshot: Box::new(picture(0))
            }
        );
        ring.happen(2);
        for seq in 1..=2 {
            assert_eq!(
                next(&mut lines).await,
                FeedMessage::Delta {
                    delta: (*change(seq)).clone()
                }
            );
        }
    }

    #[tokio::test]
    async fn a_reader_that_fell_behind_gets_the_picture_again_and_goes_on_from_there() {
        let ring = Ring::new();
        let source = ring.clone();
        let mut lines = pictures(move || source.feed());
        next(&mut lines).await;
        ring.happen(100);
        assert_eq!(
            next(&mut lines).await,
            FeedMessage::Snapshot {
                snapshot: Box::new(picture(100))
            }
        );
        ring.happen(1);
        assert_eq!(
            next(&mut lines).await,
            FeedMessage::Delta {
                delta: (*change(101)).clone()
            }
        );
    }
}
