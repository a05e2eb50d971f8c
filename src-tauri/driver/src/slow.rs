//! A shim that says nothing: one that is stopped is given up soon, and judged by its record; one
//! that only gets no turn on a machine with too much to do is waited for. It may be about to record
//! how its service ended, and nobody else knows.

use crate::procfs;
use crate::spawn::Shim;
use std::time::Duration;

/// Longest wait for one that is slow. Less than an adoption may take: what its record says by then
/// is what is told.
pub(crate) const SLOW: Duration = Duration::from_secs(10);

impl Shim {
    /// Its process lives and nobody has stopped it. True as well when that cannot be looked at.
    pub(crate) fn is_at_work(&self) -> bool {
        match procfs::process(self.anchor.pid) {
            Ok(Some(process)) => process.lives() && !matches!(process.state, 'T' | 't'),
            Ok(None) => false,
            Err(_) => true,
        }
    }
}
