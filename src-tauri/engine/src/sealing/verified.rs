//! Verifies the whole ledger for a host that asks. `azora ledger verify` does the same by itself and takes nobody's word.

use super::{places, story};
use crate::{Error, Handle};
use ledger::verify;
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
        let ledger = sealing.store.ledger();
        let keys = sealing.keys(&ledger).await.map_err(failed)?;
        let signed = ledger.checkpoint().await?.is_some();
        let kept = places::kept(sealing, &keys, signed).await;
        let verdict = verify(&ledger, &keys, &kept.notes, |_| {}).await;
        let mut verdict = verdict.map_err(failed)?;
        verdict.faults.extend(kept.faults);
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
