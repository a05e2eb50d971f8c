//! Keeping the routes as the registry is, on a thread of its own.

use crate::{Error, Shared};
use registry::{Registry, RegistryChange};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{oneshot, watch};

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
        loop {
            let change = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
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
        shared.table.put(entry);
    }
}

fn resync(shared: &Shared, registry: &Registry) {
    let entries = registry.entries();
    shared.table.keep_only(&entries);
    for entry in &entries {
        shared.table.put(entry);
    }
}
