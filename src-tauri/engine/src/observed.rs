//! What the next engine is to know of the connections that were seen. A small file beside the record,
//! replaced whole and not synced: after a loss it is seen again.

use crate::replace::replace;
use driver::clock;
use healing::observed::Observed;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// Its name in the cluster's folder.
pub(crate) const FILE: &str = "observed.json";
/// Longest that is read: ten thousand edges with all that can be remembered of each.
const MAX: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct File {
    boot: String,
    edges: Observed,
}

/// What was seen. From another boot it is known, and no evidence; nothing when it cannot be read.
pub(crate) fn load(path: &Path) -> Observed {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX).read_to_end(&mut bytes));
    if read.is_err() {
        return Observed::default();
    }
    match serde_json::from_slice::<File>(&bytes) {
        Ok(file) if clock::boot_id().is_ok_and(|boot| boot == file.boot) => file.edges,
        Ok(file) => file.edges.of_another_boot(),
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "what was seen is not known");
            Observed::default()
        }
    }
}

/// Puts it in the place of what was known before.
pub(crate) fn save(path: &Path, edges: Observed) -> std::io::Result<()> {
    let boot = clock::boot_id()?.to_owned();
    replace(path, serde_json::to_vec(&File { boot, edges })?, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Endpoint, Mono, Now, Timestamp};

    #[test]
    fn what_was_seen_outlives_the_engine_and_is_no_evidence_after_a_reboot() {
        let home = testkit::Home::new();
        let path = home.path().join(FILE);
        assert!(load(&path).is_empty());
        let mut edges = Observed::default();
        let now = Now {
            mono: Mono(5),
            wall: Timestamp(7),
        };
        let (api, db) = ("api".parse().unwrap(), "db".parse().unwrap());
        edges.saw(&api, &db, &Endpoint::Tcp { port: 1 }, now);
        save(&path, edges.clone()).unwrap();
        assert_eq!(load(&path), edges);
        let text = std::fs::read_to_string(&path).unwrap();
        let other = text.replace(clock::boot_id().unwrap(), "another");
        std::fs::write(&path, other).unwrap();
        assert_eq!(load(&path), edges.of_another_boot());
        std::fs::write(&path, "{\"boot\":").unwrap();
        assert!(load(&path).is_empty());
    }
}
