//! The daemon's word of what becomes of containers, and of the daemon itself.
//!
//! An event is no fact: it says that a look is due. When there may have been events that nobody
//! heard, everybody looks.

use crate::Event;
use crate::shared::Shared;
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// Between two questions whether it answers again.
const KNOCK: Duration = Duration::from_millis(200);
/// A daemon that says nothing is asked so often whether it still hears.
const PULSE: Duration = Duration::from_secs(10);
/// What happens in a container that changes nothing of it: probes, attached terminals, files.
const IDLE: [&str; 6] = ["exec_", "attach", "detach", "resize", "top", "copy"];

/// Listens for as long as it is let.
pub(crate) async fn watch(shared: &Shared) {
    loop {
        listen(shared).await;
        let Err(fault) = shared.daemon.ping().await else {
            // Only the stream has ended. One that ends at once is not to keep us busy.
            sleep(KNOCK).await;
            continue;
        };
        let why = fault.to_string();
        tracing::warn!(%why, "the container daemon is lost");
        shared.say(Event::DaemonLost { why }).await;
        while shared.daemon.ping().await.is_err() {
            sleep(KNOCK).await;
        }
        shared.say(Event::DaemonBack).await;
    }
}

/// Hears what the daemon says, until it does not any more.
async fn listen(shared: &Shared) {
    let kinds = HashMap::from([("type", vec!["container"])]);
    let options = EventsOptionsBuilder::new().filters(&kinds).build();
    let mut events = Box::pin(shared.daemon.api().events(Some(options)));
    // What came before this stream was heard by nobody. Who looks before it is open looks again at
    // the first pulse.
    shared.stirred_all();
    let mut pulse = Instant::now() + KNOCK;
    let mut first = true;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => on_event(shared, &event),
                Some(Err(_)) | None => return,
            },
            () = sleep_until(pulse) => {
                if shared.daemon.ping().await.is_err() {
                    return;
                }
                if std::mem::take(&mut first) {
                    shared.stirred_all();
                }
                pulse = Instant::now() + PULSE;
            }
        }
    }
}

fn on_event(shared: &Shared, event: &EventMessage) {
    let action = event.action.as_deref().unwrap_or_default();
    if IDLE.iter().any(|idle| action.starts_with(idle)) {
        return;
    }
    let attributes = event
        .actor
        .as_ref()
        .and_then(|actor| actor.attributes.as_ref());
    if let Some(name) = attributes.and_then(|all| all.get("name")) {
        shared.stirred(name);
    }
}
