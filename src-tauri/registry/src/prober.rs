//! Our own look at what registered itself: HTTP, TCP and gRPC, at the interval that was asked for.
//!
//! One task for all of it. A check is asked one question at a time, all checks together so many; what is
//! due and finds no place waits for one. Those that answer quickly do not wait for those that do not. Where a question may go is decided in `aim`, when the check is
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
/// So many of these places are kept for checks that answered quickly, and as many more for those that were
/// not asked yet; what answers slowly or not at all has the rest, however many of it there is.
const KEPT: usize = 48;
/// An answer that takes longer is a slow one.
const QUICK: Duration = Duration::from_secs(1);
/// The first question comes within this, so that a crowd that registers at once is not asked at once.
const FIRST: Duration = Duration::from_millis(200);
/// What is to be asked is read again no sooner than this after it was read, and no sooner than ten times
/// as long as that took.
const READ_AGAIN: Duration = Duration::from_millis(20);

/// Which check of which entry.
type Name = (Key, String);

/// How a check answered last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Pace {
    Quick,
    /// It was not asked yet.
    #[default]
    New,
    Slow,
}

impl Pace {
    const ALL: [Pace; 3] = [Pace::Quick, Pace::New, Pace::Slow];

    /// While so many questions are under way, none of these begins.
    fn places(self) -> usize {
        match self {
            Pace::Quick => AT_ONCE,
            Pace::New => AT_ONCE - KEPT,
            Pace::Slow => AT_ONCE - 2 * KEPT,
        }
    }

    fn of(took: Duration) -> Self {
        if took <= QUICK {
            Pace::Quick
        } else {
            Pace::Slow
        }
    }
}

struct Item {
    probe: Probe,
    pace: Pace,
    streak: Streak,
    /// When it is asked next; `None` while it is being asked.
    due: Option<Instant>,
}

/// What is asked, and when.
#[derive(Default)]
struct Plan {
    items: BTreeMap<Name, Item>,
    /// By their pace.
    due: [BTreeSet<(Instant, Name)>; Pace::ALL.len()],
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
                    if let Some(known) = known {
                        self.forget(&known, &name);
                    }
                    let due = now + dice::up_to(FIRST.min(probe.every));
                    let pace = Pace::New;
                    self.due[pace as usize].insert((due, name.clone()));
                    Item {
                        probe,
                        pace,
                        streak: Streak::default(),
                        due: Some(due),
                    }
                }
            };
            self.items.insert(name, item);
        }
        for (name, gone) in before {
            self.forget(&gone, &name);
        }
    }

    fn forget(&mut self, item: &Item, name: &Name) {
        if let Some(due) = item.due {
            self.due[item.pace as usize].remove(&(due, name.clone()));
        }
    }

    /// What is to be asked now, if anything is and finds a place beside what is under way.
    fn take_due(&mut self, now: Instant, under_way: usize) -> Option<(Name, Probe)> {
        let mut paces = Pace::ALL
            .into_iter()
            .filter(|pace| under_way < pace.places());
        let due = paces.find_map(|pace| {
            let due = &mut self.due[pace as usize];
            due.first().filter(|(at, _)| *at <= now)?;
            due.pop_first()
        });
        let (_, name) = due?;
        let item = self.items.get_mut(&name)?;
        item.due = None;
        Some((name, item.probe.clone()))
    }

    /// When the next comes due that finds a place.
    fn next(&self, under_way: usize) -> Option<Instant> {
        let paces = Pace::ALL
            .into_iter()
            .filter(|pace| under_way < pace.places());
        let first = paces.filter_map(|pace| self.due[pace as usize].first());
        first.map(|(due, _)| *due).min()
    }

    /// It was asked and took so long: when it is next.
    fn again(&mut self, name: &Name, now: Instant, took: Duration) {
        if let Some(item) = self.items.get_mut(name)
            && item.due.is_none()
        {
            let due = now + item.probe.every + dice::up_to(item.probe.every / 16);
            item.due = Some(due);
            item.pace = Pace::of(took);
            self.due[item.pace as usize].insert((due, name.clone()));
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
    let mut asked: HashMap<Id, (Name, Probe, Instant)> = HashMap::new();
    let mut shutdown = pin!(shutdown);
    loop {
        while let Some((name, probe)) = plan.take_due(Instant::now(), asking.len()) {
            let (refused, allowed) = registry.limits_of_probes();
            let question = probe.clone();
            let task = asking.spawn(async move { ask(&question, &refused, &allowed).await });
            asked.insert(task.id(), (name, probe, Instant::now()));
        }
        let next = plan.next(asking.len());
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
                if let Some((name, probe, begun)) = asked.remove(&id) {
                    if let Some(seen) = seen {
                        tell(&registry, &mut plan, &name, &probe, &seen);
                    }
                    let now = Instant::now();
                    plan.again(&name, now, now - begun);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Target;

    fn probed(name: &str) -> Probed {
        let second = Duration::from_secs(1);
        Probed {
            key: Key::new(name, "a"),
            check: "check".into(),
            probe: Probe {
                target: Target::Tcp {
                    address: "127.0.0.1:1".into(),
                },
                every: second,
                timeout: 60 * second,
                passes: 1,
                warns: 1,
                fails: 1,
            },
        }
    }

    /// Asks all that finds a place at this time, beside what is under way already.
    fn begin(plan: &mut Plan, now: Instant, under_way: usize) -> Vec<Name> {
        let mut begun = Vec::new();
        while let Some((name, _)) = plan.take_due(now, under_way + begun.len()) {
            begun.push(name);
        }
        begun
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_holds_up_nobody_who_does() {
        let mut plan = Plan::default();
        let mut all: Vec<Probed> = (0..1_000).map(|n| probed(&format!("hung{n:04}"))).collect();
        all.push(probed("quick"));
        let quick: Name = (Key::new("quick", "a"), "check".into());
        let begun = Instant::now();
        plan.renew(all.clone(), begun);
        let mut now = begun + Duration::from_secs(2);
        // Until each was asked once, and did not answer for a minute.
        let mut rounds = 0;
        while plan.items.values().any(|item| item.pace == Pace::New) {
            for name in begin(&mut plan, now, 0) {
                let took = match name == quick {
                    true => Duration::from_millis(5),
                    false => Duration::from_secs(60),
                };
                plan.again(&name, now, took);
            }
            now += Duration::from_secs(60);
            rounds += 1;
            assert!(rounds < 20);
        }
        let under_way = begin(&mut plan, now, 0);
        assert!(under_way.contains(&quick));
        assert_eq!(under_way.len(), Pace::Slow.places());
        // All that hang hold their places, and the quick one comes due again and again.
        plan.again(&quick, now, Duration::from_millis(5));
        let later = now + Duration::from_secs(2);
        assert_eq!(
            begin(&mut plan, later, under_way.len()),
            std::slice::from_ref(&quick)
        );
        assert_eq!(plan.next(under_way.len()), None);
        // Who is new is asked, too.
        all.push(probed("new"));
        plan.renew(all, later);
        let begun = begin(&mut plan, later + FIRST, under_way.len());
        assert_eq!(begun, [(Key::new("new", "a"), "check".to_owned())]);
    }
}
