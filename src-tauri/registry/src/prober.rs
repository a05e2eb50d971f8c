//! Our own look at what registered itself: HTTP, TCP and gRPC, at the interval that was asked for.
//!
//! One task for all of it. A check is asked one question at a time, all checks together so many; what is
//! due and finds no place waits for one. Where a question may go is decided in `aim`, when the check is
//! registered and once more before each connection. What an entry's end is decided by is not here: a
//! check that was critical for too long lets it go in `entries`.

mod aim;
mod ask;
mod grpc;
mod streak;

pub(crate) use aim::{SHORTEST, address, limits};

use crate::check::Probe;
use crate::{Key, Probed, Registry, dice};
use ask::{Seen, ask};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;
use std::time::Duration;
use streak::Streak;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

/// Questions at a time.
const AT_ONCE: usize = 256;
/// The first question comes within this, so that a crowd that registers at once is not asked at once.
const FIRST: Duration = Duration::from_millis(200);
/// What is to be asked is read again no sooner than this after it was read, and no sooner than ten times
/// as long as that took.
const READ_AGAIN: Duration = Duration::from_millis(20);

/// Which check of which entry.
type Name = (Key, String);

struct Item {
    probe: Probe,
    streak: Streak,
    /// When it is asked next; `None` while it is being asked.
    due: Option<Instant>,
}

/// What is asked, and when.
#[derive(Default)]
struct Plan {
    items: BTreeMap<Name, Item>,
    due: BTreeSet<(Instant, Name)>,
}

impl Plan {
    /// Takes up what is new, lets go of what is gone, and leaves alone what is as it was.
    fn renew(&mut self, all: Vec<Probed>, now: Instant) {
        let mut before = std::mem::take(&mut self.items);
        for Probed { key, check, probe } in all {
            let name = (key, check);
            let known = before.remove(&name);
            let item = match known {
                Some(known) if known.probe == probe => known,
                // Another question: what the old one has come to says nothing about it.
                known => {
                    if let Some(Some(due)) = known.map(|known| known.due) {
                        self.due.remove(&(due, name.clone()));
                    }
                    let due = now + dice::up_to(FIRST.min(probe.every));
                    self.due.insert((due, name.clone()));
                    Item {
                        probe,
                        streak: Streak::default(),
                        due: Some(due),
                    }
                }
            };
            self.items.insert(name, item);
        }
        for (name, gone) in before {
            if let Some(due) = gone.due {
                self.due.remove(&(due, name));
            }
        }
    }

    /// What is to be asked now, if anything is.
    fn take_due(&mut self, now: Instant) -> Option<(Name, Probe)> {
        let (due, _) = self.due.first()?;
        if *due > now {
            return None;
        }
        let (_, name) = self.due.pop_first()?;
        let item = self.items.get_mut(&name)?;
        item.due = None;
        Some((name, item.probe.clone()))
    }

    fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// It was asked: when it is next.
    fn again(&mut self, name: &Name, now: Instant) {
        if let Some(item) = self.items.get_mut(name)
            && item.due.is_none()
        {
            let due = now + item.probe.every + dice::up_to(item.probe.every / 16);
            item.due = Some(due);
            self.due.insert((due, name.clone()));
        }
    }
}

impl Registry {
    /// What no probe may reach, and where else than to this machine it may go.
    pub(crate) fn limits_of_probes(&self) -> (BTreeSet<u16>, Vec<IpNet>) {
        let refused = self.shared.read().refused_ports.clone();
        (refused, self.shared.allowed.clone())
    }
}

/// Asks whatever is registered to be asked, until `shutdown` is over.
pub async fn probe(registry: Registry, shutdown: impl Future<Output = ()>) {
    let mut changed = registry.probes_changed();
    changed.mark_changed();
    let mut rested = Instant::now();
    let mut plan = Plan::default();
    let mut asking: JoinSet<Seen> = JoinSet::new();
    let mut asked: HashMap<Id, (Name, Probe)> = HashMap::new();
    let mut shutdown = pin!(shutdown);
    loop {
        while asking.len() < AT_ONCE
            && let Some((name, probe)) = plan.take_due(Instant::now())
        {
            let (refused, allowed) = registry.limits_of_probes();
            let question = probe.clone();
            let task = asking.spawn(async move { ask(&question, &refused, &allowed).await });
            asked.insert(task.id(), (name, probe));
        }
        let next = if asking.len() < AT_ONCE {
            plan.next()
        } else {
            None
        };
        let news = async {
            tokio::time::sleep_until(rested).await;
            changed.changed().await
        };
        tokio::select! {
            () = &mut shutdown => return,
            told = news => {
                if told.is_err() {
                    return;
                }
                let begun = Instant::now();
                plan.renew(registry.probed(), begun);
                let now = Instant::now();
                rested = now + READ_AGAIN.max((now - begun) * 10);
            }
            Some(answered) = asking.join_next_with_id() => {
                let (id, seen) = match answered {
                    Ok((id, seen)) => (id, Some(seen)),
                    Err(error) => (error.id(), None),
                };
                if let Some((name, probe)) = asked.remove(&id) {
                    if let Some(seen) = seen {
                        tell(&registry, &mut plan, &name, &probe, &seen);
                    }
                    plan.again(&name, Instant::now());
                }
            }
            () = until(next) => {}
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Says what was seen, if it is still what is asked.
fn tell(registry: &Registry, plan: &mut Plan, name: &Name, probe: &Probe, seen: &Seen) {
    let (key, check) = name;
    let Some(item) = plan.items.get_mut(name).filter(|item| item.probe == *probe) else {
        return;
    };
    let Some(listed) = registry.entry(key) else {
        return;
    };
    let Some(state) = listed.checks.iter().find(|state| state.check.id == *check) else {
        return;
    };
    let status = item.streak.take(seen.word, probe, state.status);
    if state.status == status && state.output == seen.output {
        return;
    }
    // It may be gone by now, and then nobody wants to know.
    let _ = registry.set_check(key, check, status, &seen.output);
}
