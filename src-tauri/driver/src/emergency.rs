//! The stop that always works: with the engine hung, the database locked, the disk full.
//!
//! Reads run folders, control groups and `/proc`; needs no engine, no runtime, no database, and
//! allocates no disk space it depends on.
//!
//! The order makes sure that an engine that still runs, and heals, cannot win:
//!
//! 1. The mark is set in the home: while it is there a driver makes no shim and a shim makes no
//!    service, however far a start has come.
//! 2. The home's control group is frozen, so that nothing forks or handles anything.
//! 3. Who belongs to the services is collected, while their shims still show who descends from
//!    them, and stopped, the shims with them: a shim that went on could be told to run its service
//!    again, and a tree that went on could fork as fast as it is killed. Again, until a look finds
//!    nobody new (`roundup.rs`).
//! 4. The services are killed, the control group as a whole and each process through a descriptor,
//!    and then the shims.
//! 5. From 2 on again, until two looks in a row find neither shim nor service. A shim that an
//!    engine made in between is found by its command line, whatever the records say.
//!
//! As long as somebody of those it has found ends now and then it goes on, to a limit that no tree
//! can talk away; then it says who is left, and why.

use crate::layout::Layout;
use crate::procfs::Table;
use crate::roundup::Roundup;
use crate::survivors::{self, Means, Remains, Survivor};
use crate::{cgroup, clock, shortage};
use model::ClusterId;
use rustix::event::{Timespec, poll};
use rustix::process::{getpriority_process, setpriority_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Nobody has ended for so long: who is left does not end by SIGKILL. On a machine that has nothing
/// else to do a thousand have ended before.
const STALLED: Duration = Duration::from_millis(4_500);
/// And at so many looks, which may take seconds each: one to stop them, one to kill them, one to see.
const LOOKS: u32 = 3;
/// However many still end: a thousand times what a process takes, on a machine that is short of
/// everything. What comes back for so long comes back for ever.
const WHOLE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

/// What a stop would end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// Instances of which something lives.
    pub instances: u32,
    /// Processes, shims not counted.
    pub processes: u32,
    /// Instances by cluster.
    pub clusters: Vec<(ClusterId, u32)>,
}

/// What a stop did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Processes of services that were ended.
    pub ended: u32,
    /// What is left. Empty is the promise, if there is nothing `unseen`.
    pub left: Vec<Survivor>,
    /// Why the last look could not be taken, when it could not: others than those `left` may live.
    pub unseen: Option<String>,
    /// Why it did not go on, when something is left or unseen.
    pub gave_up: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
    /// By which means was looked.
    pub looked_by: Vec<&'static str>,
    /// Where the report lies; `None` when it could not be written (the disk is full).
    pub path: Option<PathBuf>,
}

/// What [`stop`] would end now. Blocks for at most a second, when there are too few descriptors to
/// look.
///
/// # Errors
/// When it could not be looked.
pub fn preview(layout: &Layout) -> io::Result<Preview> {
    shortage::patiently(survivors::PATIENCE, || {
        shortage::reserved(|| preview_once(layout))
    })
}

fn preview_once(layout: &Layout) -> io::Result<Preview> {
    let table = Table::read()?;
    let mut preview = Preview::default();
    let mut clusters: BTreeMap<ClusterId, u32> = BTreeMap::new();
    for (cluster, remains) in survivors::all(layout)? {
        let found = remains.look(&table)?;
        if !found.is_empty() {
            preview.instances += 1;
            preview.processes += u32::try_from(found.len()).unwrap_or(u32::MAX);
            *clusters.entry(cluster).or_default() += 1;
        }
    }
    preview.clusters = clusters.into_iter().collect();
    Ok(preview)
}

/// True while an emergency stop is in force: nothing is started.
pub fn in_force(layout: &Layout) -> bool {
    layout.emergency().exists()
}

/// Ends an emergency stop: a person wants something to run again.
///
/// # Errors
/// When the mark cannot be removed.
pub fn clear(layout: &Layout) -> io::Result<()> {
    match fs::rename(layout.emergency(), layout.emergency_off()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Ends every service of the home, at once and whole. `who` and `reason` go into the report.
pub fn stop(layout: &Layout, reason: &str, who: &str) -> Report {
    let begun = Instant::now();
    // A rename needs no space on the disk. Should even this fail (a disk that is read-only), only
    // the loop below stands against an engine that heals.
    if fs::rename(layout.emergency_off(), layout.emergency()).is_err() {
        let _ = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(layout.emergency());
    }
    // Kept for this very moment.
    let _lent = shortage::lend();
    let _urgent = Urgent::begin();
    let mut ended = BTreeSet::new();
    let mut groups = BTreeSet::new();
    let mut empty = 0;
    let mut left = BTreeMap::new();
    let mut unseen = None;
    let mut roundup = Roundup::default();
    let mut progress = Progress::new(begun);
    while empty < 2 && progress.over(Instant::now()).is_none() {
        match round(layout, begun, &mut groups, &mut ended, &mut roundup) {
            Ok(Round {
                found,
                living,
                step,
            }) => {
                progress.looked(Instant::now(), Some(living));
                (left, unseen) = (found, None);
                empty = match step {
                    Step::None => empty + 1,
                    Step::Killed => 0,
                    Step::Held => {
                        empty = 0;
                        continue;
                    }
                };
            }
            // Nobody was seen, and so nobody was seen to be gone.
            Err(error) => {
                progress.looked(Instant::now(), None);
                empty = 0;
                unseen = Some(error.to_string());
            }
        }
        if empty == 0 {
            // Waits for nothing but the time. An interruption only makes it shorter.
            let _ = poll(&mut [], Some(&LOOK));
        }
    }
    if empty < 2 {
        // Whoever was killed last may have had no time to die before the time was over.
        match look(layout, &mut groups) {
            Ok((_, _, found)) => (left, unseen) = (found, None),
            Err(error) => unseen = Some(error.to_string()),
        }
    }
    for group in &groups {
        // What could not be ended must not stay frozen, and a group is used again.
        cgroup::freeze(group, false);
        cgroup::remove(group);
    }
    let left = survivors::listed(left);
    let whole = left.is_empty() && unseen.is_none();
    let mut report = Report {
        gave_up: progress.over(Instant::now()).filter(|_| !whole),
        ended: u32::try_from(ended.len().saturating_sub(left.len())).unwrap_or(u32::MAX),
        took: begun.elapsed(),
        looked_by: looked_by(!groups.is_empty()),
        left,
        unseen,
        path: None,
    };
    report.path = write(layout, &report, reason, who);
    report
}

/// Whether it goes on.
struct Progress {
    begun: Instant,
    /// When somebody was last seen to have ended.
    ended: Instant,
    /// Looks since then, those that could not be taken as well.
    looks: u32,
    /// Everyone at the last look, shims as well, by number and start.
    living: BTreeSet<(u32, u64)>,
}

impl Progress {
    fn new(begun: Instant) -> Progress {
        Progress {
            begun,
            ended: begun,
            looks: 0,
            living: BTreeSet::new(),
        }
    }

    /// It was looked; these live now, when that could be seen.
    fn looked(&mut self, now: Instant, living: Option<BTreeSet<(u32, u64)>>) {
        self.looks += 1;
        let Some(living) = living else {
            return;
        };
        if !self.living.is_subset(&living) {
            (self.ended, self.looks) = (now, 0);
        }
        self.living = living;
    }

    /// Why it does not go on.
    fn over(&self, now: Instant) -> Option<&'static str> {
        if now.duration_since(self.begun) >= WHOLE {
            Some("some still ended after a minute, and others came")
        } else if now.duration_since(self.ended) >= STALLED && self.looks >= LOOKS {
            Some("nobody has ended for 4.5 s")
        } else {
            None
        }
    }
}

/// This thread before all others, as far as it may: a hundred processes that are to be ended and do
/// not rest leave it two hundredths of a machine with two processors.
struct Urgent {
    before: i32,
}

impl Urgent {
    fn begin() -> Option<Urgent> {
        let before = getpriority_process(None).ok()?;
        setpriority_process(None, -20).ok()?;
        Some(Urgent { before })
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        // It was allowed to be before.
        let _ = setpriority_process(None, self.before);
    }
}

/// What one look has come to.
struct Round {
    /// Those of services.
    found: BTreeMap<u32, Means>,
    /// They and the shims, by number and start.
    living: BTreeSet<(u32, u64)>,
    step: Step,
}

enum Step {
    /// There was neither shim nor service.
    None,
    /// Some were new, and all are stopped.
    Held,
    /// All were killed.
    Killed,
}

/// Everyone of a home at one time: the table, its shims, those of its services.
type Looked = (Table, BTreeSet<u32>, BTreeMap<u32, Means>);

/// Looks once. The home's control groups are added to `groups`, and frozen.
///
/// # Errors
/// When it could not be looked.
fn look(layout: &Layout, groups: &mut BTreeSet<PathBuf>) -> io::Result<Looked> {
    let records = survivors::all(layout);
    let records = records.map(|all| all.into_iter().map(|(_, remains)| remains).collect());
    groups.extend(home_groups(layout, records.as_deref().unwrap_or_default()));
    for group in groups.iter() {
        cgroup::freeze(group, true);
    }
    let records: Vec<Remains> = records?;
    let table = Table::read()?;
    let shims = shims(layout, &records, &table);
    let found = belonging(layout, &records, &table, &shims, groups)?;
    Ok((table, shims, found))
}

/// Looks once and stops whom it finds, those of services and shims, or kills them if nobody is new.
/// What was killed is added to `ended`, the home's control groups to `groups`.
///
/// # Errors
/// When it could not be looked. What could be found without that is killed all the same.
fn round(
    layout: &Layout,
    begun: Instant,
    groups: &mut BTreeSet<PathBuf>,
    ended: &mut BTreeSet<(u32, u64)>,
    roundup: &mut Roundup,
) -> io::Result<Round> {
    let looked = look(layout, groups);
    if let Ok((table, shims, found)) = &looked {
        let all = shims.iter().chain(found.keys()).copied().collect();
        // Half of the time is for killing, however long a look takes.
        if begun.elapsed() < WHOLE / 2 && roundup.hold(&all, table) {
            return Ok(Round {
                living: identities(&all, table),
                found: found.clone(),
                step: Step::Held,
            });
        }
    }
    for group in groups.iter() {
        cgroup::kill(group);
    }
    let (table, shims, found) = looked?;
    roundup.kill(&found.keys().copied().collect(), &table);
    roundup.kill(&shims, &table);
    let services = found.keys().copied().collect();
    ended.extend(identities(&services, &table));
    let mut living = identities(&shims, &table);
    living.extend(identities(&services, &table));
    let step = match found.is_empty() && shims.is_empty() {
        true => Step::None,
        false => Step::Killed,
    };
    Ok(Round {
        found,
        living,
        step,
    })
}

fn identities(pids: &BTreeSet<u32>, table: &Table) -> BTreeSet<(u32, u64)> {
    let listed = pids.iter().filter_map(|pid| table.living.get(pid));
    listed.map(|one| (one.pid, one.start_ticks)).collect()
}

fn looked_by(groups: bool) -> Vec<&'static str> {
    let all = [Means::Cgroup, Means::Descent, Means::Nonce];
    all.into_iter()
        .filter(|means| groups || *means != Means::Cgroup)
        .map(Means::as_str)
        .collect()
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

/// A plain file for people; what cannot be written is no reason not to have stopped.
fn write(layout: &Layout, report: &Report, reason: &str, who: &str) -> Option<PathBuf> {
    let at = clock::wall_ms();
    // A line of the report is ours to write: no reason adds one.
    let (who, reason) = (who.escape_debug(), reason.escape_debug());
    let mut text = format!(
        "emergency stop\nat (Unix ms): {at}\nby: {who}\nreason: {reason}\n\
         ended: {} processes in {} ms\nlooked by: {}\nleft: {}\n",
        report.ended,
        report.took.as_millis(),
        report.looked_by.join(", "),
        report.left.len(),
    );
    for survivor in &report.left {
        text.push_str(&format!(
            "  pid {} {} ({}): {}\n",
            survivor.pid,
            survivor.command,
            survivor.means.as_str(),
            survivor.why
        ));
    }
    if let Some(why) = report.gave_up {
        text.push_str(&format!("given up: {why}\n"));
    }
    if let Some(why) = &report.unseen {
        text.push_str(&format!(
            "it could not be looked for who else lives: {why}\n"
        ));
    }
    let path = layout.reports().join(format!("emergency-{at}.txt"));
    fs::write(&path, text).ok().map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_as_long_as_somebody_ends_and_not_for_ever() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let living =
            |from: u32| -> BTreeSet<(u32, u64)> { (from..100).map(|pid| (pid, 7)).collect() };
        let mut progress = Progress::new(begun);
        progress.looked(at(0), Some(living(0)));
        // One in four seconds: slow, and sure.
        for (second, from) in [(4, 1), (8, 2), (12, 3), (16, 4)] {
            progress.looked(at(second), Some(living(from)));
            assert_eq!(progress.over(at(second + 4)), None, "{second}");
        }
        // Others that come are no reason to go on, and a look that takes its time is none to stop.
        for known in [Some(living(3)), None, Some(living(3))] {
            assert_eq!(progress.over(at(21)), None);
            progress.looked(at(21), known);
        }
        assert_eq!(progress.over(at(21)), Some("nobody has ended for 4.5 s"));
        // A number that means another by now has ended.
        let mut other = living(4);
        other.insert((3, 8));
        progress.looked(at(22), Some(other));
        assert_eq!(progress.over(at(26)), None);
        for second in 22..60 {
            progress.looked(at(second), Some(BTreeSet::from([(second as u32, 9)])));
            assert_eq!(progress.over(at(second)), None);
        }
        let why = progress.over(at(60));
        assert_eq!(
            why,
            Some("some still ended after a minute, and others came")
        );
    }
}
