//! Consul's clients: served on the port that the settings say, or on none.
//!
//! They look at one port and nowhere else, so another one would be as good as none and worse: whatever
//! holds theirs would be taken for us. Services are not kept from running by it.

use crate::listening;
use crate::shared::Shared;
use std::sync::Arc;

/// Begins to serve them, if they are to be served. What keeps them from it is said among the limits.
pub(crate) async fn serve(shared: &Arc<Shared>) {
    let Some(port) = shared.consul else {
        return;
    };
    let listener = match registry::bind(port).await {
        Ok(listener) => listener,
        Err(error) => {
            let why = listening::why(port, &error, "registry.consul").await;
            let text = format!("Consul's clients are not served: {why}");
            listening::say(shared, text);
            return;
        }
    };
    if let Ok(address) = listener.local_addr() {
        let url = format!("http://{address}");
        shared.picture.set_engine(|view| view.consul = Some(url));
    }
    let (registry, store) = (shared.registry.clone(), shared.store.clone());
    let cancelled = shared.cancel.clone().cancelled_owned();
    shared.tasks.spawn(async move {
        let served = registry::consul::serve(registry, store, listener, cancelled).await;
        if let Err(error) = served {
            tracing::error!(%error, "Consul's clients are no longer served");
        }
    });
}
