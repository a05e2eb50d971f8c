//! Whose a control group is, by the number that the kernel knows it by and tells of sockets.
//!
//! Asked for every connection to the gateway, and looks at the groups only where it meets a number for the first
//! time: a group is made before anything is in it, and is never moved.

use super::{HOOK, tree};
use model::{ClusterId, InstanceId};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Groups that are none of ours and are remembered: each terminal window may be one.
const STRANGERS: usize = 4_096;

type Key = (ClusterId, InstanceId);

/// The groups of one home.
#[derive(Debug, Default)]
pub(crate) struct Members(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ours: HashMap<u64, Key>,
    /// What was none of ours then, and so never will be.
    strangers: HashSet<u64>,
}

impl Members {
    /// Whose the group of this number is; `home` is where ours are.
    pub(super) fn of(&self, number: u64, home: &Path) -> Option<Key> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.ours.get(&number) {
            return Some(key.clone());
        }
        if known.strangers.contains(&number) {
            return None;
        }
        // Those of instances that have ended go with this.
        known.ours = look(home);
        let found = known.ours.get(&number).cloned();
        if found.is_none() {
            if known.strangers.len() >= STRANGERS {
                known.strangers.clear();
            }
            known.strangers.insert(number);
        }
        found
    }
}

/// All groups of a home: CLUSTER/INSTANCE, that of its hook beside it, and what a service has made below.
fn look(home: &Path) -> HashMap<u64, Key> {
    let mut ours = HashMap::new();
    for (cluster, path) in below(home, |name| name.parse::<ClusterId>().ok()) {
        let instance = |name: &str| name.strip_suffix(HOOK).unwrap_or(name).parse().ok();
        for (instance, path) in below(&path, instance) {
            let key: Key = (cluster.clone(), instance);
            for number in tree::numbers(&path) {
                ours.insert(number, key.clone());
            }
        }
    }
    ours
}

fn below<T>(group: &Path, name: impl Fn(&str) -> Option<T>) -> Vec<(T, PathBuf)> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let named = folders.filter_map(|entry| {
        let what = name(entry.file_name().to_str()?)?;
        Some((what, entry.path()))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn number(path: &Path) -> u64 {
        fs::metadata(path).unwrap().ino()
    }

    #[test]
    fn groups_hooks_and_what_is_below_are_known_and_nothing_else() {
        // Folders have numbers like groups.
        let home = testkit::Home::new();
        let make = |below: &str| {
            let path = home.path().join(below);
            fs::create_dir_all(&path).unwrap();
            number(&path)
        };
        let members = Members::default();
        let instance = |number: u64| {
            let key = members.of(number, home.path());
            key.map(|(cluster, instance)| format!("{cluster} {instance}"))
        };
        let own = make("shop-1a2b3c4d/api.0");
        let below = make("shop-1a2b3c4d/api.0/workers");
        let hook = make("shop-1a2b3c4d/api.0.hook");
        let cluster = number(&home.path().join("shop-1a2b3c4d"));
        for number in [own, below, hook] {
            assert_eq!(instance(number).as_deref(), Some("shop-1a2b3c4d api.0"));
        }
        for number in [cluster, number(home.path()), make("shop-1a2b3c4d/-")] {
            assert_eq!(instance(number), None);
        }
        // One that is made later is found when it is met.
        let other = make("shop-1a2b3c4d/web.1");
        assert_eq!(instance(other).as_deref(), Some("shop-1a2b3c4d web.1"));
        // A folder's number, but not a group's, may be given again: the third is there before the other goes.
        let third = make("shop-1a2b3c4d/web.2");
        fs::remove_dir(home.path().join("shop-1a2b3c4d/web.1")).unwrap();
        assert_eq!(instance(third).as_deref(), Some("shop-1a2b3c4d web.2"));
        assert_eq!(
            members.0.lock().unwrap().ours.len(),
            4,
            "what is gone is forgotten"
        );
    }
}
