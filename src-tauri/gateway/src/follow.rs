//! Keeping the routes as the registry is, and looking who is much slower than its peers: on a thread of its own,
//! beside the requests.

use crate::{Error, Shared};
use registry::{Registry, RegistryChange};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Between two looks at how long instances take; Envoy's interval is twice that.
const LOOK: Duration = Duration::from_secs(5);

/// Begins to follow. What is given back is over when the thread is.
pub(crate) fn start(
    shared: Arc<Shared>,
    registry: Registry,
    mut stopping: watch::Receiver<bool>,
) -> Result<oneshot::Receiver<()>, Error> {
    // Heard before it is read, so that nothing falls in between.
    let mut changes = registry.changes();
    resync(&shared, &registry);
    crate::listen::thread("gateway-routes", move || async move {
        let mut look = Instant::now() + LOOK;
        loop {
            let change = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep_until(look) => {
                    shared.table.judge_latencies();
                    shared.table.keep_edges(|cluster| registry.is_known(cluster));
                    look = Instant::now() + LOOK;
                    continue;
                }
                change = changes.recv() => change,
            };
            match change {
                Ok(change) => apply(&shared, &change),
                Err(RecvError::Lagged(_)) => {
                    changes = changes.resubscribe();
                    resync(&shared, &registry);
                }
                Err(RecvError::Closed) => return,
            }
        }
    })
}

fn apply(shared: &Shared, change: &RegistryChange) {
    for (name, id) in &change.removed {
        shared.table.take(name, id);
    }
    for entry in &change.upserts {
        shared.table.put(&entry.view);
    }
}

fn resync(shared: &Shared, registry: &Registry) {
    let entries = registry.entries();
    shared.table.keep_only(&entries);
    for entry in &entries {
        shared.table.put(entry);
    }
}
