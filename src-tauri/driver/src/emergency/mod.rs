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
//! can talk away; then it says who is left, and why. What it may not read is said as well: that nobody
//! is left is said only when it was seen.

mod look;
mod mark;
mod progress;
mod report;

pub use mark::{clear, in_force, stopped_at};
pub use report::Report;

use crate::layout::Layout;
use crate::procfs::Table;
use crate::roundup::Roundup;
use crate::{cgroup, shortage, survivors};
use look::{Round, Step, look, round};
use model::ClusterId;
use progress::{Progress, Urgent};
use report::{looked_by, write};
use rustix::event::{Timespec, poll};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Instant;

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
    let (records, hidden) = survivors::all(layout)?;
    if let Some(why) = hidden {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    for (cluster, remains) in records {
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

/// Ends every service of the home, at once and whole. `who` and `reason` go into the report.
pub fn stop(layout: &Layout, reason: &str, who: &str) -> Report {
    let begun = Instant::now();
    mark::set(layout);
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
                hidden,
            }) => {
                progress.looked(Instant::now(), Some(living));
                (left, unseen) = (found, hidden);
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
            Ok(seen) => {
                // Nobody of the services, and it is not over yet: the shims are not all gone.
                let shims = match (seen.found.len(), seen.shims.len()) {
                    (0, 1..) => Some(format!("{} shims were not seen to end", seen.shims.len())),
                    _ => None,
                };
                (left, unseen) = (seen.found, seen.hidden.or(shims));
            }
            Err(error) => unseen = Some(error.to_string()),
        }
    }
    for group in &groups {
        // What could not be ended must not stay frozen, and a group is used again.
        cgroup::freeze(group, false);
        cgroup::remove(group);
    }
    ended.retain(|(pid, _)| !left.contains_key(pid));
    let left = survivors::listed(left);
    let whole = left.is_empty() && unseen.is_none();
    let mut report = Report {
        gave_up: progress.over(Instant::now()).filter(|_| !whole),
        ended: u32::try_from(ended.len()).unwrap_or(u32::MAX),
        took: begun.elapsed(),
        looked_by: looked_by(!groups.is_empty()),
        left,
        unseen,
        path: None,
    };
    report.path = write(layout, &report, reason, who);
    report
}
