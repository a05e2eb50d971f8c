//! What a cluster has learned of its services, beside its record: what is usual for each.
//!
//! Written now and then and at the engine's end, and never waited for. An engine that crashes loses the
//! last minutes of it.

use crate::replace::replace;
use orchestrator::Learned;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Its name in the cluster's folder.
pub(crate) const FILE: &str = "learned.json";
/// So often it is written: at worst that much is learned anew.
pub(crate) const EVERY: Duration = Duration::from_secs(10 * 60);
/// Longest that is read: some thousand services with all that can be known of each.
const MAX: u64 = 64 * 1024 * 1024;

/// What was learned. Nothing, when that cannot be read: it is learned anew then.
pub(crate) fn load(path: &Path) -> Learned {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX).read_to_end(&mut bytes));
    if read.is_err() {
        return Learned::default();
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, path = %path.display(), "what is usual has to be learned anew");
        Learned::default()
    })
}

/// Puts it in the place of what was learned before.
pub(crate) fn save(path: &Path, learned: &Learned) -> std::io::Result<()> {
    replace(path, serde_json::to_vec(learned)?, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_there_and_what_is_damaged_is_nothing() {
        let home = testkit::Home::new();
        let path = home.path().join(FILE);
        assert_eq!(load(&path), Learned::default());
        let mut learned = Learned::default();
        let usual = learned.usual.entry("db".parse().unwrap()).or_default();
        usual.count(true);
        save(&path, &learned).unwrap();
        assert_eq!(load(&path), learned);
        std::fs::write(&path, "{\"usual\":").unwrap();
        assert_eq!(load(&path), Learned::default());
    }
}
