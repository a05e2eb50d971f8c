//! Verifies the whole ledger for a host that asks. `azora ledger verify` does the same by itself and takes nobody's word.

use super::story;
use crate::{Error, Handle};
use ledger::{Key, Keys, verify};
use model::ledger::LedgerVerdict;

impl Handle {
    /// Reads the whole ledger and holds it against what was signed of it, with the home's own key. One at a time.
    ///
    /// # Errors
    /// What kept it from being read, or that it is being read already.
    pub async fn ledger_verify(&self) -> Result<LedgerVerdict, Error> {
        let sealing = &self.shared.sealing;
        let busy = "the ledger is being verified; ask again when that is done";
        let _one = (sealing.verifying.try_lock()).map_err(|_| Error::Conflict(busy.into()))?;
        let failed = |error: ledger::Error| {
            Error::Conflict(format!("the ledger cannot be verified: {}", story(&error)))
        };
        let home = sealing.home.clone();
        let read = tokio::task::spawn_blocking(move || Key::read(&home)).await;
        let read = read.map_err(|error| Error::Conflict(error.to_string()))?;
        let key = read.map_err(failed)?;
        let ledger = sealing.store.ledger();
        let keys = Keys::of(key.as_ref(), &ledger).await.map_err(failed)?;
        let verdict = verify(&ledger, &keys, &[], |_| {}).await.map_err(failed)?;
        Ok(LedgerVerdict {
            sound: verdict.sound(),
            entries: verdict.entries,
            signed: verdict.signed,
            checkpoints: verdict.checkpoints,
            root: verdict.root,
            findings: verdict.faults.iter().map(ToString::to_string).collect(),
            more: verdict.more,
        })
    }
}
