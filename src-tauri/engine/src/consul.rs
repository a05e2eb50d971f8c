//! Consul's clients: served on the port that the settings say, or on none.
//!
//! They look at one port and nowhere else, so another one would be as good as none and worse: whatever
//! holds theirs would be taken for us. Services are not kept from running by it.

use crate::shared::Shared;
use model::EventKind;
use std::io;
use std::sync::Arc;

/// Begins to serve them, if they are to be served. What keeps them from it is said among the limits.
pub(crate) async fn serve(shared: &Arc<Shared>) {
    let Some(port) = shared.consul else {
        return;
    };
    let listener = match registry::bind(port).await {
        Ok(listener) => listener,
        Err(error) => {
            let why = why(port, &error).await;
            let text = format!("Consul's clients are not served: {why}");
            tracing::warn!("{text}");
            let limit = text.clone();
            shared.picture.set_engine(|view| view.limits.push(limit));
            shared.journal.event(None, EventKind::Notice { text });
            return;
        }
    };
    let (registry, store) = (shared.registry.clone(), shared.store.clone());
    let cancelled = shared.cancel.clone().cancelled_owned();
    shared.tasks.spawn(async move {
        let served = registry::consul::serve(registry, store, listener, cancelled).await;
        if let Err(error) = served {
            tracing::error!(%error, "Consul's clients are no longer served");
        }
    });
}

/// What keeps us from the port: who has it, where somebody has.
async fn why(port: u16, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::AddrInUse {
        return format!("failed to listen on port {port}: {error}");
    }
    let looked = tokio::task::spawn_blocking(move || driver::who_listens(port)).await;
    let who = looked.unwrap_or_else(|_| "somebody".to_owned());
    format!(
        "port {port} is held by {who}. End that and start the engine anew, or give `registry.consul` in \
         settings.toml another port and tell the clients"
    )
}
