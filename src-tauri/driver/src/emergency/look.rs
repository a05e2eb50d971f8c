//! One look of an emergency stop: everyone of a home, whatever the records say, and what is done
//! with them.

use super::progress::WHOLE;
use crate::layout::Layout;
use crate::procfs::Table;
use crate::roundup::Roundup;
use crate::survivors::{self, Means, Remains};
use crate::{cgroup, clock};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Instant;

/// What one look has come to.
pub(super) struct Round {
    /// Those of services.
    pub(super) found: BTreeMap<u32, Means>,
    /// They and the shims, by number and start, as far as they are ours to end.
    pub(super) living: BTreeSet<(u32, u64)>,
    pub(super) step: Step,
    /// What is not ours to read: others may live.
    pub(super) hidden: Option<String>,
}

pub(super) enum Step {
    /// There was neither shim nor service.
    None,
    /// Some were new, and all are stopped.
    Held,
    /// All were killed.
    Killed,
}

/// Everyone of a home at one time.
pub(super) struct Looked {
    table: Table,
    pub(super) shims: BTreeSet<u32>,
    /// Those of its services.
    pub(super) found: BTreeMap<u32, Means>,
    /// What is not ours to read: others may live.
    pub(super) hidden: Option<String>,
}

/// Looks once. The home's control groups are added to `groups`, and frozen.
///
/// # Errors
/// When it could not be looked.
pub(super) fn look(layout: &Layout, groups: &mut BTreeSet<PathBuf>) -> io::Result<Looked> {
    let records = survivors::all(layout);
    let records = records.map(|(all, hidden)| {
        let remains: Vec<Remains> = all.into_iter().map(|(_, remains)| remains).collect();
        (remains, hidden)
    });
    let known = records.as_ref().map_or(&[][..], |(all, _)| all);
    groups.extend(home_groups(layout, known));
    for group in groups.iter() {
        cgroup::freeze(group, true);
    }
    let (records, hidden) = records?;
    let table = Table::read()?;
    let shims = shims(layout, &records, &table);
    let found = belonging(layout, &records, &table, &shims, groups)?;
    Ok(Looked {
        table,
        shims,
        found,
        hidden,
    })
}

/// Looks once and stops whom it finds, those of services and shims, or kills them if nobody is new.
/// What was killed is added to `ended`, the home's control groups to `groups`.
///
/// # Errors
/// When it could not be looked. What could be found without that is killed all the same.
pub(super) fn round(
    layout: &Layout,
    begun: Instant,
    groups: &mut BTreeSet<PathBuf>,
    ended: &mut BTreeSet<(u32, u64)>,
    roundup: &mut Roundup,
) -> io::Result<Round> {
    let looked = look(layout, groups);
    if let Ok(Looked {
        table,
        shims,
        found,
        hidden,
    }) = &looked
    {
        let all = shims.iter().chain(found.keys()).copied().collect();
        // Half of the time is for killing, however long a look takes.
        if begun.elapsed() < WHOLE / 2 && roundup.hold(&all, table) {
            return Ok(Round {
                living: roundup.ours(identities(&all, table)),
                found: found.clone(),
                step: Step::Held,
                hidden: hidden.clone(),
            });
        }
    }
    for group in groups.iter() {
        cgroup::kill(group);
    }
    let Looked {
        table,
        shims,
        found,
        hidden,
    } = looked?;
    let services = found.keys().copied().collect();
    roundup.kill(&services, &table);
    roundup.kill(&shims, &table);
    ended.extend(roundup.ours(identities(&services, &table)));
    let mut living = identities(&shims, &table);
    living.extend(identities(&services, &table));
    let step = match found.is_empty() && shims.is_empty() {
        true => Step::None,
        false => Step::Killed,
    };
    Ok(Round {
        found,
        living: roundup.ours(living),
        step,
        hidden,
    })
}

fn identities(pids: &BTreeSet<u32>, table: &Table) -> BTreeSet<(u32, u64)> {
    let listed = pids.iter().filter_map(|pid| table.living.get(pid));
    listed.map(|one| (one.pid, one.start_ticks)).collect()
}

/// The home's control groups: those on record (an earlier engine may have been started in another
/// group), and the one we would make.
fn home_groups(layout: &Layout, records: &[Remains]) -> BTreeSet<PathBuf> {
    let recorded = records
        .iter()
        .flat_map(|remains| &remains.groups)
        .filter_map(|group| cgroup::home_group(layout, group));
    let ours = cgroup::Groups::existing(layout);
    recorded.chain(ours).collect()
}

/// Every shim of the home: a program called with one of our run folders. Compared with nothing on
/// record, because the newest is not there yet.
fn shims(layout: &Layout, records: &[Remains], table: &Table) -> BTreeSet<u32> {
    let run = layout.run_root();
    let own = std::process::id();
    let by_name = table
        .all_shims()
        .filter(|(folder, _)| folder.starts_with(&run))
        .map(|(_, pid)| pid);
    let recorded = records.iter().filter_map(|remains| {
        let shim = remains.shim.as_ref()?;
        let listed = table.living.get(&shim.pid)?;
        let same = clock::boot_id().ok()? == shim.boot_id && listed.start_ticks == shim.start_ticks;
        same.then_some(shim.pid)
    });
    by_name.chain(recorded).filter(|pid| *pid != own).collect()
}

/// Everyone who belongs to any service of the home: what the records point to, what is in its
/// control groups, what descends from any of its shims, what carries its mark.
///
/// # Errors
/// When a control group could not be read.
fn belonging(
    layout: &Layout,
    records: &[Remains],
    table: &Table,
    shims: &BTreeSet<u32>,
    groups: &BTreeSet<PathBuf>,
) -> io::Result<BTreeMap<u32, Means>> {
    let mut found = BTreeMap::new();
    for remains in records {
        found.append(&mut remains.look(table)?);
    }
    for group in groups {
        for pid in cgroup::processes(group)? {
            found.entry(pid).or_insert(Means::Cgroup);
        }
    }
    for pid in table.descendants(shims.iter().copied()) {
        found.entry(pid).or_insert(Means::Descent);
    }
    let id = layout.id();
    for (pid, _) in table
        .marked()
        .filter(|(_, marks)| marks.home.as_ref() == Some(&id))
    {
        found.entry(pid).or_insert(Means::Nonce);
    }
    let own = std::process::id();
    found.retain(|pid, _| *pid != own && !shims.contains(pid) && table.living.contains_key(pid));
    Ok(found)
}
