//! Control groups: the one means by which a whole tree is found and killed at once, and the only
//! one by which what it uses is held to a limit.
//!
//! Every instance has a group `azora-<home>/<cluster>/<instance>` below the group the engine was
//! started in, in the hierarchy of version 2 where there is one that we may write to. Limits are
//! held by that same group where the kernel gives it controllers, and by a group of the same name
//! in each hierarchy of version 1 that has the controller ([`controllers`]). Which hierarchies
//! there are, and where this process is in them, is found out in [`places`].
//!
//! It decides nothing about who lives: it makes groups, fills them with limits, and removes them.

mod controllers;
mod members;
mod places;
mod tree;

pub(crate) use controllers::{Holder, file};
pub(crate) use places::Controller;
pub(crate) use tree::{freeze, kill, populated, processes, remove, remove_instance};

use crate::layout::Layout;
use members::Members;
use model::{ClusterId, InstanceId};
use places::Places;
use rustix::fs::{Access, access};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The engine and its shims move here when the group they were started in is to have controllers:
/// the kernel gives them only to groups without processes of their own.
const LEAF: &str = "azora-engine";

/// What the name of a hook's group has behind its instance's: no instance is called that.
pub(crate) const HOOK: &str = ".hook";

/// Where the groups of a home are made.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The home's group of version 2, or why this machine has none, in words for people.
    tree: Result<PathBuf, String>,
    /// What holds each kind of limit, or why nothing does.
    holders: BTreeMap<Controller, Result<Holder, String>>,
    members: Members,
}

/// The groups of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Made {
    /// The one of version 2, by which the whole tree is known and killed.
    pub(crate) tree: Option<PathBuf>,
    /// Those that hold a limit: without being in them it may not run.
    pub(crate) holding: Vec<PathBuf>,
    /// The one of these that counts how often memory ran out.
    pub(crate) memory: Option<PathBuf>,
}

impl Made {
    /// All of them, and whether it may not run without being in it.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Path, bool)> {
        let tree = self.tree.as_deref();
        let holding = self.holding.iter().map(|group| (group.as_path(), true));
        tree.filter(|tree| !self.holding.iter().any(|group| group == tree))
            .map(|tree| (tree, false))
            .into_iter()
            .chain(holding)
    }
}

impl Groups {
    /// Finds the places for a home's groups and makes them.
    pub(crate) fn find(layout: &Layout) -> Groups {
        let places = Places::of_this_process();
        let base = places.unified.as_deref().map(base);
        let tree = match &base {
            Some(base) => make_home(base, layout),
            None => Err("it has no cgroup v2".to_owned()),
        };
        let holders = controllers::holders(&places, base.as_deref(), &tree, layout);
        Groups {
            tree,
            holders,
            members: Members::default(),
        }
    }

    /// The home's groups that are there, in every hierarchy this process is in.
    pub(crate) fn existing(layout: &Layout) -> Vec<PathBuf> {
        let places = Places::of_this_process();
        let unified = places.unified.as_deref().map(base);
        unified
            .iter()
            .chain(places.legacy.values())
            .map(|own| own.join(group_name(layout)))
            .filter(|group| group.join("cgroup.procs").exists())
            .collect()
    }

    /// Why there is no group of version 2 for each instance; `None` when there is.
    pub(crate) fn without_tree(&self) -> Option<&str> {
        self.tree.as_ref().err().map(String::as_str)
    }

    /// The instance whose group of version 2 has this number, or one below it.
    ///
    /// # Errors
    /// When groups cannot be looked at for now.
    pub(crate) fn member(&self, number: u64) -> io::Result<Option<(ClusterId, InstanceId)>> {
        match &self.tree {
            Ok(tree) => self.members.of(number, tree),
            Err(_) => Ok(None),
        }
    }

    /// What holds a kind of limit, or why nothing does.
    pub(crate) fn holder(&self, controller: Controller) -> Result<&Holder, &str> {
        match self.holders.get(&controller) {
            Some(found) => found.as_ref().map_err(String::as_str),
            None => Err("it was not looked for"),
        }
    }

    /// Removes the home's groups that nothing is in.
    pub(crate) fn leave(&self) {
        let legacy = self.holders.values().filter_map(|found| match found {
            Ok(Holder::Legacy(home)) => Some(home),
            _ => None,
        });
        for home in self.tree.iter().chain(legacy) {
            // In use: stays.
            let _ = fs::remove_dir(home);
        }
    }

    /// Makes the groups of an instance, with its limits.
    ///
    /// # Errors
    /// When one cannot be made, or does not take its limit.
    pub(crate) fn make(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        limits: &spec::Limits,
    ) -> io::Result<Made> {
        let below = Path::new(cluster.as_str()).join(instance.to_string());
        self.make_below(&below, limits)
    }

    /// Makes the groups of an instance's hook, beside those of the instance: what the hook uses is
    /// not taken from the service, and the hook is ended without it.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn make_hook(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        limits: &spec::Limits,
    ) -> io::Result<Made> {
        let below = Path::new(cluster.as_str()).join(format!("{instance}{HOOK}"));
        self.make_below(&below, limits)
    }

    fn make_below(&self, below: &Path, limits: &spec::Limits) -> io::Result<Made> {
        let mut made = Made::default();
        if let Ok(home) = &self.tree {
            let holds = |of: &Controller| matches!(self.holder(*of), Ok(Holder::Unified));
            let wanted: Vec<Controller> = Controller::ALL
                .into_iter()
                .filter(|of| holds(of) && controllers::wants(*of, limits))
                .collect();
            let path = make_group(home, below)?;
            for above in [home.as_path(), path.parent().unwrap_or(home)] {
                controllers::pass_down(above, &wanted)?;
            }
            controllers::set_unified(&path, &wanted, limits)?;
            if wanted.contains(&Controller::Memory) {
                made.memory = Some(path.clone());
            }
            if !wanted.is_empty() {
                made.holding.push(path.clone());
            }
            made.tree = Some(path);
        }
        for controller in Controller::ALL {
            if let Ok(Holder::Legacy(home)) = self.holder(controller)
                && controllers::wants(controller, limits)
            {
                let path = make_group(home, below)?;
                controllers::set_legacy(&path, controller, limits)?;
                if controller == Controller::Memory {
                    made.memory = Some(path.clone());
                }
                if !made.holding.contains(&path) {
                    made.holding.push(path);
                }
            }
        }
        Ok(made)
    }
}

/// Makes a group with those above it, anew if it was there and nothing lives in it: Linux 6.14 and
/// later kill at birth what is born in a group in which everything was ever killed.
fn make_group(home: &Path, below: &Path) -> io::Result<PathBuf> {
    let path = home.join(below);
    remove(&path);
    // The cluster's group may be removed, empty, just when it was found to be there.
    fs::create_dir_all(&path).or_else(|_| fs::create_dir_all(&path))?;
    Ok(path)
}

/// The group that ours are made in: the one this process was started in.
fn base(own: &Path) -> PathBuf {
    match own.parent() {
        Some(above) if own.file_name().is_some_and(|name| name == LEAF) => above.to_owned(),
        _ => own.to_owned(),
    }
}

fn make_home(base: &Path, layout: &Layout) -> Result<PathBuf, String> {
    // A process moves between groups only if the mover may write to the one above both.
    if access(base.join("cgroup.procs"), Access::WRITE_OK).is_err() {
        return Err(format!(
            "the control group {} is not writable",
            base.display()
        ));
    }
    let home = base.join(group_name(layout));
    fs::create_dir_all(&home).map_err(|error| {
        format!(
            "the control group {} cannot be made: {error}",
            home.display()
        )
    })?;
    if !home.join("cgroup.kill").exists() {
        // Best effort: it is empty.
        let _ = fs::remove_dir(&home);
        return Err("its kernel is older than 5.14 (no cgroup.kill)".to_owned());
    }
    let kind = fs::read_to_string(home.join("cgroup.type")).unwrap_or_default();
    if kind.contains("invalid") {
        let _ = fs::remove_dir(&home);
        return Err(format!(
            "the control group {} is the root of a threaded subtree",
            base.display()
        ));
    }
    // An emergency stop that was itself killed may have left it frozen.
    freeze(&home, false);
    Ok(home)
}

fn group_name(layout: &Layout) -> String {
    format!("azora-{}", layout.id())
}

/// The group of one home above an instance's group, if the path has the form we give it. A record
/// that names anything else names a stranger's.
pub(crate) fn home_group(layout: &Layout, instance_group: &Path) -> Option<PathBuf> {
    let home = instance_group.parent()?.parent()?;
    let ours = home.file_name()?.to_str()? == group_name(layout)
        && instance_group
            .components()
            .all(|part| !matches!(part, std::path::Component::ParentDir))
        && places::mount_points()
            .iter()
            .any(|mount| instance_group.starts_with(mount));
    ours.then(|| home.to_owned())
}
