//! What the next engine is to know of a cluster besides its record: what healing has tried, who was seen
//! to talk to whom, and what is usual for each service.
//!
//! In another boot much of it means little: of what was tried only a quarantine stays, and a circuit that
//! was open stays open until it is tried; what was seen is known, and no evidence.

use crate::notes;
use healing::observed::Observed;
use model::InstanceId;
use orchestrator::{Learned, Memory};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What healing has tried: its name in the cluster's folder. Written soon after each change.
pub(crate) const TRIED: &str = "healing.json";
/// Who was seen to talk to whom. After a loss it is seen again.
pub(crate) const SEEN: &str = "observed.json";
/// What is usual.
pub(crate) const USUAL: &str = "learned.json";
/// So often what is usual is written: an engine that crashes learns at worst that much anew.
pub(crate) const LEARN_EVERY: Duration = Duration::from_secs(10 * 60);

/// By instance.
pub(crate) type Memories = BTreeMap<InstanceId, Memory>;

/// What was tried. Nothing, when that cannot be read: healing begins anew then.
pub(crate) fn tried(path: &Path) -> Memories {
    let aged = |memories: Memories| {
        let kept = |(id, memory): (InstanceId, Memory)| Some((id, memory.of_another_boot()?));
        memories.into_iter().filter_map(kept).collect()
    };
    let lost = "what healing has tried is not known";
    notes::load_of_boot(path, lost, aged).unwrap_or_default()
}

/// What was seen.
pub(crate) fn seen(path: &Path) -> Observed {
    let aged = |seen: Observed| seen.of_another_boot();
    notes::load_of_boot(path, "what was seen is not known", aged).unwrap_or_default()
}

/// What was learned.
pub(crate) fn usual(path: &Path) -> Learned {
    notes::load(path, "what is usual has to be learned anew").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver::clock;
    use model::{Endpoint, Mono, Now, Timestamp};

    fn reboot(path: &Path) {
        let text = std::fs::read_to_string(path).unwrap();
        let other = text.replace(clock::boot_id().unwrap(), "another");
        std::fs::write(path, other).unwrap();
    }

    #[test]
    fn of_another_boot_what_waits_for_a_person_is_kept() {
        let home = testkit::Home::new();
        let path = home.path().join(TRIED);
        assert!(tried(&path).is_empty());
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
        notes::save_of_boot(&path, &memories).unwrap();
        assert_eq!(tried(&path), memories);
        reboot(&path);
        let kept = Memory {
            restarts: 0,
            ..quarantined
        };
        assert_eq!(tried(&path), [("api.0".parse().unwrap(), kept)].into());
    }

    #[test]
    fn what_was_seen_outlives_the_engine_and_is_no_evidence_after_a_reboot() {
        let home = testkit::Home::new();
        let path = home.path().join(SEEN);
        let mut edges = Observed::default();
        let now = Now {
            mono: Mono(5),
            wall: Timestamp(7),
        };
        let (api, db) = ("api".parse().unwrap(), "db".parse().unwrap());
        edges.saw(&api, &db, &Endpoint::Tcp { port: 1 }, now);
        notes::save_of_boot(&path, &edges).unwrap();
        assert_eq!(seen(&path), edges);
        reboot(&path);
        assert_eq!(seen(&path), edges.of_another_boot());
    }

    #[test]
    fn what_is_usual_is_so_after_a_reboot() {
        let home = testkit::Home::new();
        let path = home.path().join(USUAL);
        let mut learned = Learned::default();
        let of_db = learned.usual.entry("db".parse().unwrap()).or_default();
        of_db.count(true);
        notes::save(&path, &learned).unwrap();
        assert_eq!(usual(&path), learned);
    }
}
