//! Load: whether there is more to do for a service than its instances can, and whether fewer of them
//! would do.
//!
//! That a service is slow says nothing of why. Its load is the cause when all of its instances have used
//! up what they may use of the machine for a while, or when connections have waited for all of them to
//! be accepted: one that spins alone, or that waits for another, is not short of instances.

use model::Mono;
use std::collections::VecDeque;
use std::time::Duration;

/// So long it has to be so: longer than a garbage collection or a burst, shorter than people wait.
const WINDOW: Duration = Duration::from_secs(30);
/// Looks in that time, at least…
const FEW: usize = 3;
/// … and kept at most: one every two seconds, and those of an engine that is late.
const MANY: usize = 32;
/// Of what it may use, an instance uses so much at its limit; the rest is the scheduler's.
const FULL: f32 = 0.9;
/// Connections wait in so many of all looks while the instance cannot keep up. Single ones wait anywhere.
const CROWDED: f32 = 0.8;
/// One instance fewer would have to use no more than this share of what it may: far from [`FULL`], so that
/// nothing is added again for what was taken away.
const ROOMY: f32 = 0.6;

/// What one instance used since the look before, and who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Used {
    /// CPU, in cores.
    pub cpu: f32,
    /// Memory, in bytes.
    pub memory: u64,
    /// Connections that wait to be accepted.
    pub waiting: u32,
}

/// What of the machine nobody uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spare {
    /// CPU, in cores.
    pub cpu: f32,
    /// Memory, in bytes.
    pub memory: u64,
}

/// The last half minute of one process.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Load {
    looks: VecDeque<(Mono, Used)>,
}

/// There is more to do than can be done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Busy {
    /// All instances use what they may: which share of it, on the average.
    Cpu(f32),
    /// So many connections wait to be accepted, on the average.
    Waiting(f32),
}

impl Load {
    /// Takes one more look.
    pub fn note(&mut self, at: Mono, used: Used) {
        self.looks.push_back((at, used));
        // One that is older than the window says what was at its beginning.
        // Where a machine runs so much that looks are rare, a few of them reach further back than that.
        let old = |(second, _): &(Mono, Used)| at.since(*second) >= WINDOW;
        while self.looks.len() > MANY
            || (self.looks.len() > FEW && self.looks.get(1).is_some_and(old))
        {
            self.looks.pop_front();
        }
    }

    /// What was seen says nothing any more.
    pub fn forget(&mut self) {
        self.looks.clear();
    }

    /// It is known for long enough.
    fn whole(&self) -> bool {
        let (Some((first, _)), Some((last, _))) = (self.looks.front(), self.looks.back()) else {
            return false;
        };
        self.looks.len() >= FEW && last.since(*first) >= WINDOW
    }

    fn mean(&self, of: impl Fn(&Used) -> f32) -> f32 {
        let sum: f32 = self.looks.iter().map(|(_, used)| of(used)).sum();
        sum / self.looks.len().max(1) as f32
    }

    fn cpu(&self) -> f32 {
        self.mean(|used| used.cpu)
    }

    /// So many wait, if some nearly always do.
    fn crowd(&self) -> Option<f32> {
        let crowded = self.mean(|used| if used.waiting > 0 { 1.0 } else { 0.0 });
        (crowded >= CROWDED).then(|| self.mean(|used| used.waiting as f32))
    }
}

/// What one instance may use, in cores: its limit, in thousandths, or one core, which is what a program
/// with one thread that matters comes to.
fn room(limit: Option<u32>) -> f32 {
    limit.map_or(1.0, |limit| limit as f32 / 1_000.0)
}

/// All instances of a service have been known for long enough.
pub fn known(loads: &[&Load]) -> bool {
    !loads.is_empty() && loads.iter().all(|load| load.whole())
}

/// Whether there is more to do than these, all instances of a service, can.
pub fn busy(loads: &[&Load], limit: Option<u32>) -> Option<Busy> {
    if !known(loads) {
        return None;
    }
    let count = loads.len() as f32;
    let shares = loads.iter().map(|load| load.cpu() / room(limit));
    if shares.clone().all(|share| share >= FULL) {
        return Some(Busy::Cpu(shares.sum::<f32>() / count));
    }
    let crowds: Option<Vec<f32>> = loads.iter().map(|load| load.crowd()).collect();
    crowds.map(|crowds| Busy::Waiting(crowds.iter().sum::<f32>() / count))
}

/// What these use, in words, if one fewer of them would do as well.
pub fn roomy(loads: &[&Load], limit: Option<u32>) -> Option<String> {
    if !known(loads) || loads.len() < 2 {
        return None;
    }
    let crowded = |load: &&Load| load.looks.iter().any(|(_, used)| used.waiting > 0);
    let used: f32 = loads.iter().map(|load| load.cpu()).sum();
    let fewer = (loads.len() - 1) as f32 * room(limit);
    (used <= ROOMY * fewer && !loads.iter().any(crowded))
        .then(|| cpu(used / (loads.len() as f32 * room(limit)), limit))
}

impl Busy {
    /// "CPU at 97 % of its core", "12 connections wait to be accepted".
    pub fn words(self, limit: Option<u32>) -> String {
        match self {
            Busy::Cpu(share) => cpu(share, limit),
            Busy::Waiting(many) if many < 1.5 => "a connection waits to be accepted".to_owned(),
            Busy::Waiting(many) => format!("{many:.0} connections wait to be accepted"),
        }
    }

    /// Why another instance would not help, in words: the machine has nothing to run it on.
    pub fn lacks(self, loads: &[&Load], limit: Option<u32>, spare: Spare) -> Option<String> {
        let largest = loads.iter().filter_map(|load| load.looks.back());
        let largest = largest.map(|(_, used)| used.memory).max().unwrap_or(0);
        if matches!(self, Busy::Cpu(_)) && spare.cpu < room(limit) / 2.0 {
            return Some("the machine has no CPU to spare".to_owned());
        }
        // As much again: what is left then is still a machine that works.
        let needed = largest.saturating_mul(2);
        (spare.memory < needed).then(|| {
            let (uses, free) = (model::bytes(largest), model::bytes(spare.memory));
            format!("an instance uses {uses}, and the machine has {free} of memory to spare")
        })
    }
}

fn cpu(share: f32, limit: Option<u32>) -> String {
    let percent = share * 100.0;
    match limit {
        None => format!("CPU at {percent:.0} % of its core"),
        Some(limit) => {
            let limit = limit as f32 / 10.0;
            format!("CPU at {percent:.0} % of its limit of {limit:.0} % of a core")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look every so many seconds, for two minutes.
    fn load(every: u64, used: impl Fn(u64) -> Used) -> Load {
        let mut load = Load::default();
        for n in 0..=120 / every {
            load.note(Mono(n * every * 1_000), used(n));
        }
        load
    }

    fn cpu_of(cpu: f32) -> Load {
        load(2, |_| Used {
            cpu,
            ..Used::default()
        })
    }

    #[test]
    fn half_a_minute_at_the_limit_is_load_and_less_is_not() {
        let mut load = Load::default();
        let full = Used {
            cpu: 0.97,
            ..Used::default()
        };
        for second in (0..30).step_by(2) {
            load.note(Mono(second * 1_000), full);
            assert_eq!(busy(&[&load], None), None, "after {second} s");
        }
        load.note(Mono(30_000), full);
        let found = busy(&[&load], None).unwrap();
        assert_eq!(found.words(None), "CPU at 97 % of its core");
        load.forget();
        assert_eq!(busy(&[&load], None), None);
        assert_eq!(busy(&[], None), None);
    }

    #[test]
    fn rare_looks_are_as_good_as_many_and_none_is_kept_for_long() {
        for every in [25, 30, 60] {
            let rare = load(every, |_| Used {
                cpu: 1.0,
                ..Used::default()
            });
            assert!(busy(&[&rare], None).is_some(), "every {every} s");
            assert!(rare.looks.len() <= FEW, "every {every} s");
        }
        assert!(cpu_of(1.0).looks.len() <= 17);
        let early = |n| Used {
            cpu: if n < 45 { 1.0 } else { 0.1 },
            ..Used::default()
        };
        assert_eq!(busy(&[&load(2, early)], None), None, "that was before");
    }

    #[test]
    fn one_that_spins_alone_is_not_short_of_instances() {
        assert_eq!(busy(&[&cpu_of(1.0), &cpu_of(0.2)], None), None);
        assert!(busy(&[&cpu_of(1.0), &cpu_of(0.95)], None).is_some());
    }

    #[test]
    fn a_limit_is_what_may_be_used() {
        let half = cpu_of(0.49);
        assert_eq!(busy(&[&half], None), None);
        let found = busy(&[&half], Some(500)).unwrap();
        let words = found.words(Some(500));
        assert_eq!(words, "CPU at 98 % of its limit of 50 % of a core");
        assert_eq!(busy(&[&cpu_of(1.0)], Some(4_000)), None);
    }

    #[test]
    fn connections_that_wait_are_load_if_they_nearly_always_do() {
        let crowd = |of: u64| {
            load(2, move |n| Used {
                waiting: if n % 10 < of { 12 } else { 0 },
                ..Used::default()
            })
        };
        let found = busy(&[&crowd(10)], None).unwrap();
        assert_eq!(found.words(None), "12 connections wait to be accepted");
        assert!(busy(&[&crowd(9)], None).is_some());
        assert_eq!(busy(&[&crowd(5)], None), None);
    }

    #[test]
    fn one_fewer_would_do_only_far_from_the_limit() {
        let three = |cpu| [cpu_of(cpu), cpu_of(cpu), cpu_of(cpu)];
        let roomy = |all: &[Load]| roomy(&all.iter().collect::<Vec<_>>(), None);
        assert_eq!(roomy(&three(0.39)).unwrap(), "CPU at 39 % of its core");
        assert_eq!(roomy(&three(0.41)), None);
        assert_eq!(roomy(&[cpu_of(0.0)]), None, "there is one");
        let mut crowded = three(0.1);
        crowded[1].note(
            Mono(121_000),
            Used {
                waiting: 1,
                ..Used::default()
            },
        );
        assert_eq!(roomy(&crowded), None);
    }

    #[test]
    fn a_machine_without_room_is_said_to_have_none() {
        let loads = [load(2, |_| Used {
            cpu: 1.0,
            memory: 300_000_000,
            ..Used::default()
        })];
        let loads: Vec<&Load> = loads.iter().collect();
        let lacks = |busy: Busy, cpu, memory| busy.lacks(&loads, None, Spare { cpu, memory });
        assert_eq!(lacks(Busy::Cpu(1.0), 0.5, 600_000_000), None);
        let cpu = lacks(Busy::Cpu(1.0), 0.4, 600_000_000).unwrap();
        assert_eq!(cpu, "the machine has no CPU to spare");
        assert_eq!(lacks(Busy::Waiting(3.0), 0.0, 600_000_000), None);
        assert!(lacks(Busy::Waiting(3.0), 0.0, 500_000_000).is_some());
    }
}
