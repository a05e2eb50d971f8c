//! What follows HTTP on a connection: a WebSocket, say. Bytes go both ways until one side ends.

use crate::flight::Flight;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

/// Bytes that are under way in each direction at most.
const BUFFER: usize = 16 << 10;

/// Carries bytes between a client and an instance that have both left HTTP.
pub(crate) async fn carry(client: OnUpgrade, instance: OnUpgrade, mut flight: Box<Flight>) {
    let (client, instance) = match tokio::try_join!(client, instance) {
        Ok((client, instance)) => (client, instance),
        Err(error) => {
            tracing::debug!(%error, "a connection was not handed over");
            return;
        }
    };
    let (mut client, mut instance) = (TokioIo::new(client), TokioIo::new(instance));
    let carried =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut instance, BUFFER, BUFFER).await;
    // An end that is no end in order is how many of these end.
    if let Ok((into, out)) = carried {
        flight.carried(into, out);
    }
}
