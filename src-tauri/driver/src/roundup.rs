//! Ending a tree that does not want to end: everyone in it is stopped before the first is killed.
//!
//! SIGKILL sent to one process after the other never catches up with a tree that forks while it is
//! being killed: each death gives back a place, and whoever is left takes it. SIGSTOP gives nothing
//! back, and a stopped parent still shows who descends from it. So whoever is found is stopped until
//! a look finds nobody new, and only then are they killed, the youngest first: the death of a parent
//! lets a group of stopped children go on.
//!
//! A control group of version 2 does both at once, with what forks at this very moment, and is used
//! beside this where there is one.

use crate::pidfd::Pidfd;
use crate::procfs::Table;
use crate::{clock, shortage};
use model::Anchor;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long somebody new may be found at every look before those that are held are killed all the
/// same: a third of what an emergency stop waits for somebody to end.
const HOLDING: Duration = Duration::from_millis(1_500);

/// Everyone of a tree who is held.
#[derive(Debug, Default)]
pub(crate) struct Roundup {
    held: BTreeSet<(u32, u64)>,
    /// Everyone who got a signal.
    reached: BTreeSet<(u32, u64)>,
    /// There are some whom we may not signal.
    refused: bool,
    /// Since when somebody new is found.
    since: Option<Instant>,
}

impl Roundup {
    /// Stops those of `found` that are not held yet; true when there were some, and it is to be
    /// looked again before anybody is killed. Who leads a process group of the same session stops
    /// it as a whole.
    pub(crate) fn hold(&mut self, found: &BTreeSet<u32>, table: &Table) -> bool {
        let mut new = false;
        for pid in found {
            let Some(listed) = table.living.get(pid) else {
                continue;
            };
            if self.held.insert((*pid, listed.start_ticks)) {
                new = true;
                self.signal(*pid, libc::SIGSTOP, found, table);
            }
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if !new || since.elapsed() > HOLDING {
            self.since = None;
            return false;
        }
        true
    }

    /// SIGKILL to everyone of `found`.
    pub(crate) fn kill(&mut self, found: &BTreeSet<u32>, table: &Table) {
        for pid in found.iter().rev() {
            self.signal(*pid, libc::SIGKILL, found, table);
        }
    }

    fn signal(&mut self, pid: u32, number: i32, found: &BTreeSet<u32>, table: &Table) {
        let sent = signal(pid, number, found, table);
        self.refused |= sent == Sent::Refused;
        if let (Sent::Done, Some(listed)) = (sent, table.living.get(&pid)) {
            self.reached.insert((pid, listed.start_ticks));
        }
    }

    /// Those of these whose ends are this roundup's work: all, as a rule, for who was not reached by a
    /// signal of its own went with its group. Where there are some whom we may not signal, those that
    /// were reached: the others may come and go as they like.
    pub(crate) fn ours(&self, mut all: BTreeSet<(u32, u64)>) -> BTreeSet<(u32, u64)> {
        if self.refused {
            all.retain(|one| self.reached.contains(one));
        }
        all
    }
}

/// What came of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// It has it.
    Done,
    /// It is not ours to signal.
    Refused,
    /// It was not there any more, or could not be opened.
    Gone,
}

/// A signal to a process of the table, if it still is the one that was listed, and to the group it
/// leads. A group lies in one session, and everyone in a session descends from who leads it: so the
/// group is of the tree when the session's leader is.
fn signal(pid: u32, number: i32, found: &BTreeSet<u32>, table: &Table) -> Sent {
    let (Some(listed), Ok(boot)) = (table.living.get(&pid), clock::boot_id()) else {
        return Sent::Gone;
    };
    let anchor = Anchor {
        boot_id: boot.to_owned(),
        pid,
        start_ticks: listed.start_ticks,
    };
    let whole = listed.group == pid && found.contains(&listed.session);
    if let Ok(Some(pidfd)) = shortage::reserved(|| Pidfd::open_anchored(&anchor)) {
        // Dead by now, or older than Linux 6.9: the next look tells, as it does of what could not be
        // opened.
        if whole {
            let _ = pidfd.signal_group(number);
        }
        return match pidfd.signal(number) {
            Ok(()) => Sent::Done,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Sent::Refused,
            Err(_) => Sent::Gone,
        };
    }
    Sent::Gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_again_as_long_as_somebody_is_new() {
        let table = Table::read().unwrap();
        let mut roundup = Roundup::default();
        // Of this test's own making, so that nobody else is stopped.
        let mut child = std::process::Command::new(testkit::program("puppet"))
            .arg("hang")
            .spawn()
            .unwrap();
        let nobody = BTreeSet::from([child.id()]);
        assert!(!roundup.hold(&nobody, &table), "not in that table");
        let table = Table::read().unwrap();
        assert!(roundup.hold(&nobody, &table));
        let stopped = || {
            let table = Table::read().unwrap();
            table
                .living
                .get(&child.id())
                .is_some_and(|p| p.state == 'T')
        };
        assert!(testkit::eventually(
            std::time::Duration::from_secs(30),
            stopped
        ));
        assert!(!roundup.hold(&nobody, &table), "held already");
        roundup.kill(&nobody, &table);
        child.wait().unwrap();
    }
}
