//! What the next engine is to know of a cluster besides its record: what healing has tried.
//!
//! A small file beside the record, written often and never waited for: it is replaced whole, and not
//! synced. In another boot it means little: only what is in quarantine stays there, and a circuit that
//! was open stays open until it is tried.

use crate::replace::replace;
use driver::clock;
use model::InstanceId;
use orchestrator::Memory;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Its name in the cluster's folder.
pub(crate) const FILE: &str = "healing.json";
/// Longest that is read: ten thousand instances with all that can be remembered of each.
const MAX: u64 = 64 * 1024 * 1024;

/// By instance.
pub(crate) type Memories = BTreeMap<InstanceId, Memory>;

#[derive(Serialize, Deserialize)]
struct File {
    boot: String,
    instances: Memories,
}

/// What is remembered. Nothing, when that cannot be read: healing begins anew then.
pub(crate) fn load(path: &Path) -> Memories {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX).read_to_end(&mut bytes));
    if read.is_err() {
        return Memories::new();
    }
    match serde_json::from_slice::<File>(&bytes) {
        Ok(file) if clock::boot_id().is_ok_and(|boot| boot == file.boot) => file.instances,
        Ok(file) => {
            let kept = |(id, memory): (InstanceId, Memory)| Some((id, memory.of_another_boot()?));
            file.instances.into_iter().filter_map(kept).collect()
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "what healing has tried is not known");
            Memories::new()
        }
    }
}

/// Puts it in the place of what was remembered before.
pub(crate) fn save(path: &Path, instances: Memories) -> std::io::Result<()> {
    let boot = clock::boot_id()?.to_owned();
    let json = serde_json::to_vec(&File { boot, instances })?;
    replace(path, json, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_there_and_of_another_boot_what_waits_for_a_person() {
        let home = testkit::Home::new();
        let path = home.path().join(FILE);
        assert!(load(&path).is_empty());
        let mut memories = Memories::new();
        let memory = Memory {
            restarts: 3,
            ..Memory::default()
        };
        memories.insert("db.0".parse().unwrap(), memory.clone());
        let quarantined = Memory {
            quarantined: Some(("it exited".into(), "9 restarts did not help".into())),
            ..memory
        };
        memories.insert("api.0".parse().unwrap(), quarantined.clone());
        save(&path, memories.clone()).unwrap();
        assert_eq!(load(&path), memories);
        let text = std::fs::read_to_string(&path).unwrap();
        let other = text.replace(clock::boot_id().unwrap(), "another");
        std::fs::write(&path, other).unwrap();
        let kept = Memory {
            restarts: 0,
            ..quarantined
        };
        assert_eq!(load(&path), [("api.0".parse().unwrap(), kept)].into());
        std::fs::write(&path, "{\"boot\":").unwrap();
        assert!(load(&path).is_empty());
    }
}
