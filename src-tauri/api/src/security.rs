//! The call about security: what the engine's monitor has found.

use engine::{Error, Handle};
use model::{Actor, SecurityView};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What of security.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct SecurityRequest {
    /// Look first, and do not answer what the last look has found.
    pub now: Option<bool>,
}

pub(crate) async fn security(
    engine: &Handle,
    _: &Actor,
    request: SecurityRequest,
) -> Result<SecurityView, Error> {
    engine.security(request.now.unwrap_or(false)).await
}
