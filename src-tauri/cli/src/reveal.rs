//! Asking to see what is hidden: an act that passes the door, with a key for what is asked for next.

use crate::fail::Done;
use api::client::Client;
use api::reveal::{RevealRequest, RevealedView};
use model::{ClusterId, ServiceName};

/// The key to the secrets of these services; none named is all of them.
pub(crate) async fn key(
    client: &Client,
    cluster: &ClusterId,
    services: Vec<ServiceName>,
    reason: Option<String>,
) -> Done<String> {
    let request = RevealRequest {
        cluster: cluster.clone(),
        services,
        reason,
    };
    let revealed: RevealedView = client.call("reveal", &request).await?;
    Ok(revealed.key)
}
