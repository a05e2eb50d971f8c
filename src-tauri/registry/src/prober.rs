//! Our own look at what registered itself: HTTP, TCP, UDP and gRPC, at the interval that was asked for.
//!
//! One task for all of it. A check is asked one question at a time, all checks together so many; what is
//! due and finds no place waits for one. Those that answer quickly, those that do not and those that were
//! not asked yet wait for their own kind: none of them takes every place. Where a question may go is
//! decided in `aim`, when the check is registered and once more before each connection. What an entry's
//! end is decided by is not here: a check that was critical for too long lets it go in `entries`.

mod aim;
mod alias;
mod ask;
mod grpc;
mod streak;
mod udp;

pub(crate) use aim::{SHORTEST, address, limits};

use crate::check::{Probe, Target};
use crate::{Key, Probed, Registry, dice};
use alias::Aliases;
use ask::{Seen, ask};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;
use streak::Streak;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

/// Questions at a time.
const AT_ONCE: usize = 256;
/// So many of these places are kept for each pace; the rest has who comes, the quicker first.
const KEPT: usize = 48;
/// What is left of the places.
const SHARED: usize = AT_ONCE - KEPT * Pace::ALL.len();
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

/// How many questions are under way, by the pace that their checks had.
#[derive(Default)]
struct UnderWay([usize; Pace::ALL.len()]);

impl UnderWay {
    /// The paces of which one more may begin.
    fn free(&self) -> impl Iterator<Item = Pace> {
        let shared = self.0.iter().map(|count| count.saturating_sub(KEPT)).sum();
        let some = SHARED > shared;
        let own = |pace: &Pace| self.0[*pace as usize] < KEPT;
        Pace::ALL.into_iter().filter(move |pace| some || own(pace))
    }
}

/// What is asked, and when.
#[derive(Default)]
struct Plan {
    under_way: UnderWay,
    items: BTreeMap<Name, Item>,
    /// By their pace.
    due: [BTreeSet<(Instant, Name)>; Pace::ALL.len()],
}

impl Plan {
    /// Takes up what is new, lets go of what is gone, and leaves alone what is as it was.
    fn renew(&mut self, all: impl IntoIterator<Item = (Name, Probe)>, now: Instant) {
        let mut before = std::mem::take(&mut self.items);
        for (name, probe) in all {
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

    /// What is to be asked now, if anything is and finds a place beside what is under way. It has that place
    /// until its pace is given back.
    fn take_due(&mut self, now: Instant) -> Option<(Name, Probe, Pace)> {
        let due = self.under_way.free().find_map(|pace| {
            let due = &mut self.due[pace as usize];
            due.first().filter(|(at, _)| *at <= now)?;
            due.pop_first()
        });
        let (_, name) = due?;
        let item = self.items.get_mut(&name)?;
        item.due = None;
        self.under_way.0[item.pace as usize] += 1;
        Some((name, item.probe.clone(), item.pace))
    }

    /// A question of a check that had this pace is over.
    fn give_back(&mut self, pace: Pace) {
        self.under_way.0[pace as usize] -= 1;
    }

    /// When the next comes due that finds a place.
    fn next(&self) -> Option<Instant> {
        let paces = self.under_way.free();
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
    /// All that runs is listed: what is not here is nowhere.
    fn is_settled(&self) -> bool {
        self.shared.settled.load(Ordering::Acquire)
    }

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
    let mut aliases = Aliases::new();
    let mut asking: JoinSet<Seen> = JoinSet::new();
    let mut asked: HashMap<Id, (Name, Probe, Pace, Instant)> = HashMap::new();
    let mut shutdown = pin!(shutdown);
    loop {
        while let Some((name, probe, pace)) = plan.take_due(Instant::now()) {
            let (refused, allowed) = registry.limits_of_probes();
            let question = probe.clone();
            let task = asking.spawn(async move { ask(&question, &refused, &allowed).await });
            asked.insert(task.id(), (name, probe, pace, Instant::now()));
        }
        let next = plan.next();
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
                let (questions, others) = apart(registry.probed());
                plan.renew(questions, begun);
                aliases.renew(others);
                let now = Instant::now();
                rested = now + READ_AGAIN.max((now - begun) * 10);
            }
            Some(answered) = asking.join_next_with_id() => {
                let (id, seen) = match answered {
                    Ok((id, seen)) => (id, Some(seen)),
                    Err(error) => (error.id(), None),
                };
                if let Some((name, probe, pace, begun)) = asked.remove(&id) {
                    plan.give_back(pace);
                    if let Some(seen) = seen {
                        tell(&registry, &mut plan, &name, &probe, &seen);
                    }
                    let now = Instant::now();
                    plan.again(&name, now, now - begun);
                }
            }
            () = aliases.due(&registry) => aliases.look(&registry),
            () = until(next) => {}
        }
    }
}

/// What is asked, and what is as well as another service is.
fn apart(all: Vec<Probed>) -> (Vec<(Name, Probe)>, BTreeMap<Name, String>) {
    let (mut asked, mut aliases) = (Vec::new(), BTreeMap::new());
    for Probed { key, check, probe } in all {
        match probe.target {
            Target::Alias { service } => drop(aliases.insert((key, check), service)),
            _ => asked.push(((key, check), probe)),
        }
    }
    (asked, aliases)
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

    fn probed(name: &str) -> (Name, Probe) {
        let second = Duration::from_secs(1);
        let probe = Probe {
            target: Target::Tcp {
                address: "127.0.0.1:1".into(),
            },
            every: second,
            timeout: 60 * second,
            passes: 1,
            warns: 1,
            fails: 1,
        };
        (named(name), probe)
    }

    /// Asks all that finds a place at this time, beside what is under way already.
    fn begin(plan: &mut Plan, now: Instant) -> Vec<(Name, Pace)> {
        let mut begun = Vec::new();
        while let Some((name, _, pace)) = plan.take_due(now) {
            begun.push((name, pace));
        }
        begun
    }

    /// So long each of these has taken.
    fn end(plan: &mut Plan, begun: Vec<(Name, Pace)>, now: Instant, took: impl Fn(&str) -> u64) {
        for (name, pace) in begun {
            plan.give_back(pace);
            let took = took(&name.0.name);
            plan.again(&name, now, Duration::from_millis(took));
        }
    }

    fn hung(name: &str) -> u64 {
        if name.starts_with("hung") { 60_000 } else { 5 }
    }

    fn many(name: &str, count: usize) -> Vec<(Name, Probe)> {
        (0..count)
            .map(|n| probed(&format!("{name}{n:04}")))
            .collect()
    }

    fn named(name: &str) -> Name {
        (Key::new(name, "a"), "check".into())
    }

    /// Until each was asked once.
    fn ask_all(plan: &mut Plan, mut now: Instant) -> Instant {
        let mut rounds = 0;
        now += FIRST;
        while plan.items.values().any(|item| item.pace == Pace::New) {
            let begun = begin(plan, now);
            end(plan, begun, now, hung);
            now += Duration::from_secs(60);
            rounds += 1;
            assert!(rounds < 20);
        }
        now
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_holds_up_nobody_who_does() {
        let mut plan = Plan::default();
        let mut all = many("hung", 1_000);
        all.push(probed("quick"));
        plan.renew(all.clone(), Instant::now());
        let now = ask_all(&mut plan, Instant::now());
        let quick = (named("quick"), Pace::Quick);
        let begun = begin(&mut plan, now);
        assert!(begun.contains(&quick));
        assert_eq!(plan.under_way.0, [1, 0, KEPT + SHARED]);
        // All that hang hold their places, and the quick one comes due again and again.
        end(&mut plan, vec![quick.clone()], now, hung);
        let later = now + Duration::from_secs(2);
        assert_eq!(begin(&mut plan, later), [quick]);
        assert_eq!(plan.next(), None);
        // Who is new is asked, too.
        all.push(probed("new"));
        plan.renew(all, later);
        let begun = begin(&mut plan, later + FIRST);
        assert_eq!(begun, [(named("new"), Pace::New)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_answers_holds_up_nobody_who_does_not() {
        let mut plan = Plan::default();
        let mut all = many("quick", 500);
        all.push(probed("hung"));
        plan.renew(all.clone(), Instant::now());
        let now = ask_all(&mut plan, Instant::now());
        let slow = (named("hung"), Pace::Slow);
        // There are always more of the quick ones than find a place.
        let begun = begin(&mut plan, now);
        assert!(begun.contains(&slow));
        assert_eq!(plan.under_way.0, [KEPT + SHARED, 0, 1]);
        all.push(probed("new"));
        plan.renew(all, now);
        let later = now + FIRST;
        assert_eq!(begin(&mut plan, later), [(named("new"), Pace::New)]);
        // What has become of the slow one is seen, again and again.
        end(&mut plan, vec![slow.clone()], later, hung);
        assert_eq!(begin(&mut plan, later + Duration::from_secs(2)), [slow]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_asked_at_once_than_there_are_places() {
        let mut plan = Plan::default();
        let mut all = [many("quick", 300), many("hung", 300)].concat();
        plan.renew(all.clone(), Instant::now());
        let now = ask_all(&mut plan, Instant::now());
        all.extend(many("new", 300));
        plan.renew(all, now);
        begin(&mut plan, now + FIRST);
        assert_eq!(plan.under_way.0, [KEPT + SHARED, KEPT, KEPT]);
        assert_eq!(plan.under_way.0.iter().sum::<usize>(), AT_ONCE);
    }
}
