//! Whose a control group is, by the number that the kernel knows it by and tells of sockets.
//!
//! Asked for every connection to the gateway, and looks at the groups only where it meets a number for the first
//! time: a group is made before anything is in it, and is never moved.

use super::{HOOK, tree};
use crate::shortage::{self, seen};
use model::{ClusterId, InstanceId};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Groups that are none of ours and are remembered: each terminal window may be one.
const STRANGERS: usize = 4_096;

type Key = (ClusterId, InstanceId);

/// The groups of one home.
#[derive(Debug, Default)]
pub(crate) struct Members {
    known: Mutex<Known>,
    /// Held by who looks.
    looking: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    ours: HashMap<u64, Key>,
    /// What was none of ours then, and so never will be.
    strangers: HashSet<u64>,
}

impl Members {
    /// Whose the group of this number is; `home` is where ours are.
    ///
    /// # Errors
    /// When that cannot be looked at for now: who asks again is told when it can.
    pub(super) fn of(&self, number: u64, home: &Path) -> io::Result<Option<Key>> {
        if let Some(known) = self.known().of(number) {
            return Ok(known);
        }
        // One looks, and who asks of what is known does not wait for it.
        let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known().of(number) {
            return Ok(known);
        }
        let ours = shortage::reserved(|| look(home))
            .inspect_err(|error| tracing::debug!(%error, number, "groups cannot be looked at"))?;
        let mut known = self.known();
        // Those of instances that have ended go with this.
        known.ours = ours;
        let found = known.ours.get(&number).cloned();
        if found.is_none() {
            if known.strangers.len() >= STRANGERS {
                known.strangers.clear();
            }
            known.strangers.insert(number);
        }
        Ok(found)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// `None` when it is not known.
    fn of(&self, number: u64) -> Option<Option<Key>> {
        match self.ours.get(&number) {
            Some(key) => Some(Some(key.clone())),
            None => self.strangers.contains(&number).then_some(None),
        }
    }
}

/// All groups of a home: CLUSTER/INSTANCE, that of its hook beside it, and what a service has made below.
///
/// # Errors
/// When one of them could not be looked at.
fn look(home: &Path) -> io::Result<HashMap<u64, Key>> {
    let mut ours = HashMap::new();
    for (cluster, path) in below(home, |name| name.parse::<ClusterId>().ok())? {
        let instance = |name: &str| name.strip_suffix(HOOK).unwrap_or(name).parse().ok();
        for (instance, path) in below(&path, instance)? {
            let key: Key = (cluster.clone(), instance);
            for number in tree::numbers(&path)? {
                ours.insert(number, key.clone());
            }
        }
    }
    Ok(ours)
}

fn below<T>(group: &Path, name: impl Fn(&str) -> Option<T>) -> io::Result<Vec<(T, PathBuf)>> {
    let mut named = Vec::new();
    for entry in seen(fs::read_dir(group))?.into_iter().flatten() {
        let Some(entry) = seen(entry)? else { continue };
        if let Some(what) = entry.file_name().to_str().and_then(&name)
            && seen(entry.file_type())?.is_some_and(|kind| kind.is_dir())
        {
            named.push((what, entry.path()));
        }
    }
    Ok(named)
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
            let key = members.of(number, home.path()).unwrap();
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
        assert_eq!(members.known().ours.len(), 4, "what is gone is forgotten");
    }

    /// In a process of its own: all others of this one need descriptors.
    #[test]
    fn what_cannot_be_looked_at_is_not_taken_for_a_strangers() {
        const HOME: &str = "AZORA_TEST_SCARCE_HOME";
        if let Some(home) = std::env::var_os(HOME) {
            return without_descriptors(Path::new(&home));
        }
        let home = testkit::Home::new();
        for instance in ["shop-1a2b3c4d/api.0", "shop-1a2b3c4d/web.0"] {
            fs::create_dir_all(home.path().join(instance)).unwrap();
        }
        let this = std::env::current_exe().unwrap();
        let name = std::thread::current().name().unwrap().to_owned();
        let mut child = std::process::Command::new(this);
        child.args(["--exact", &name]).env(HOME, home.path());
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
    }

    fn without_descriptors(home: &Path) {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let members = Members::default();
        let api = number(&home.join("shop-1a2b3c4d/api.0"));
        assert!(members.of(api, home).unwrap().is_some());
        let late = home.join("shop-1a2b3c4d/late.0");
        fs::create_dir(&late).unwrap();
        let late = number(&late);
        let before = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            ..before
        };
        setrlimit(Resource::Nofile, none).unwrap();
        let scarce = (members.of(late, home), members.known().of(api));
        setrlimit(Resource::Nofile, before).unwrap();
        assert!(scarce.0.is_err(), "{:?}", scarce.0);
        assert!(scarce.1.flatten().is_some(), "what was known still is");
        let (_, instance) = members.of(late, home).unwrap().unwrap();
        assert_eq!(instance.to_string(), "late.0");
    }
}
