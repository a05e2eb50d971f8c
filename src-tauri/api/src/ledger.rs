//! The calls that read the ledger: how it stands, its entries and its checkpoints, page by page. Whoever verifies
//! reads all of it, and takes nobody's word.

use crate::requests::Nothing;
use engine::{Error, Handle};
use model::Actor;
use model::ledger::{LedgerCheckpoint, LedgerEntries, LedgerVerdict, LedgerView};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Most entries or checkpoints of one answer: a few megabytes.
const MOST: u32 = 10_000;
/// When a request does not say how many.
const USUAL: u32 = 200;

/// Which entries of the ledger, or which checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct LedgerRequest {
    /// Those after the entry of this number, or after the checkpoint of this size; from the beginning unless given.
    pub after: Option<u64>,
    /// At most so many, and never over 10,000; 200 unless given.
    pub limit: Option<u32>,
}

impl LedgerRequest {
    fn page(&self) -> (u64, u32) {
        let limit = self.limit.unwrap_or(USUAL).clamp(1, MOST);
        (self.after.unwrap_or(0), limit)
    }
}

pub(crate) async fn ledger(engine: &Handle, _: &Actor, _: Nothing) -> Result<LedgerView, Error> {
    engine.ledger().await
}

pub(crate) async fn ledger_entries(
    engine: &Handle,
    _: &Actor,
    request: LedgerRequest,
) -> Result<LedgerEntries, Error> {
    let (after, limit) = request.page();
    engine.ledger_entries(after, limit).await
}

pub(crate) async fn ledger_checkpoints(
    engine: &Handle,
    _: &Actor,
    request: LedgerRequest,
) -> Result<Vec<LedgerCheckpoint>, Error> {
    let (after, limit) = request.page();
    engine.ledger_checkpoints(after, limit).await
}

pub(crate) async fn ledger_verify(
    engine: &Handle,
    _: &Actor,
    _: Nothing,
) -> Result<LedgerVerdict, Error> {
    engine.ledger_verify().await
}
