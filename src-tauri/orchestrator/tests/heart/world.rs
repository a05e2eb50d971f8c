//! A simulated world around the heart: processes that take time to start and to end, that crash
//! and fall ill, a door that hesitates or refuses, an engine that dies, people who change their
//! minds. It checks every effect against what a real machine would hold against it.

mod machine;
mod people;

use crate::define;
use model::{
    ActId, ExitStatus, Generation, IncidentState, InstanceId, ProbeKind, ServiceName, State,
};
use orchestrator::{Cluster, Command, Input, TimerKey, Unfinished};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How large and how rough a world is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) seed: u64,
    pub(crate) services: u64,
    pub(crate) commands: u64,
    /// Chances of a hundred that something goes wrong where it can.
    pub(crate) roughness: u64,
}

/// SplitMix64: all the chance there is.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// Where a process is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Starting,
    Alive,
    Ending,
}

#[derive(Debug, Clone)]
struct Process {
    generation: Generation,
    phase: Phase,
}

/// Something that will happen.
#[derive(Debug, Clone)]
enum Coming {
    Tell(Input),
    Chore,
    Crash(InstanceId, Generation),
    EngineDies,
}

pub(crate) struct World {
    size: Size,
    chance: Chance,
    services: BTreeMap<ServiceName, spec::Service>,
    pub(crate) cluster: Cluster,
    time: u64,
    calm: bool,
    coming: BTreeMap<(u64, u64), Coming>,
    order: u64,
    acts: u64,
    processes: BTreeMap<InstanceId, Process>,
    ended: BTreeMap<InstanceId, (Generation, ExitStatus)>,
    /// Ends that were told: a process has one, whatever else was planned for it.
    told: BTreeSet<(InstanceId, Generation)>,
    /// What precedes a start is under way.
    preparing: BTreeMap<InstanceId, Generation>,
    /// It is done, and the start has to follow in the same step.
    prepared: BTreeMap<InstanceId, Generation>,
    /// It was under way when the emergency path ended everything: a late word may come.
    unprepared: BTreeSet<(InstanceId, Generation)>,
    generations: BTreeMap<InstanceId, Generation>,
    /// Made when the emergency path ended everything: gone, but a word about them may come.
    ghosts: BTreeSet<(InstanceId, Generation)>,
    ill: BTreeMap<InstanceId, u64>,
    /// When the probe under way comes back, one of a kind.
    probes: BTreeMap<(InstanceId, ProbeKind), (Generation, u64)>,
    timers: BTreeMap<TimerKey, u64>,
    unsettled: BTreeSet<ActId>,
    stopped: Vec<ServiceName>,
    /// What was under way when it was last told of, and what the time before.
    unfinished: Unfinished,
    unfinished_before: Unfinished,
    states: BTreeMap<InstanceId, State>,
    incidents: BTreeMap<u64, (InstanceId, IncidentState)>,
    /// Everything the heart said, for comparing two runs.
    pub(crate) said: Vec<String>,
}

/// How long things go wrong, in milliseconds.
const ROUGH: u64 = 60_000;
/// How long it takes at most until all is at rest after that: the longest backoff is a minute.
const QUIET: u64 = 300_000;

impl World {
    pub(crate) fn new(size: Size) -> Self {
        let mut world = Self {
            size,
            chance: Chance(size.seed),
            services: BTreeMap::new(),
            cluster: Cluster::new("sim-00000000".parse().unwrap()),
            time: 0,
            calm: false,
            coming: BTreeMap::new(),
            order: 0,
            acts: 0,
            processes: BTreeMap::new(),
            ended: BTreeMap::new(),
            told: BTreeSet::new(),
            preparing: BTreeMap::new(),
            prepared: BTreeMap::new(),
            unprepared: BTreeSet::new(),
            generations: BTreeMap::new(),
            ghosts: BTreeSet::new(),
            ill: BTreeMap::new(),
            probes: BTreeMap::new(),
            timers: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            stopped: Vec::new(),
            unfinished: Unfinished::default(),
            unfinished_before: Unfinished::default(),
            states: BTreeMap::new(),
            incidents: BTreeMap::new(),
            said: Vec::new(),
        };
        for n in 0..size.services {
            world.define(n);
        }
        world
    }

    /// Lives through the rough time, then the quiet one, and looks whether all came to rest.
    pub(crate) fn live(&mut self) {
        self.up();
        for _ in 0..self.size.commands {
            let at = self.chance.below(ROUGH);
            self.later(at, Coming::Chore);
        }
        if self.chance.percent(self.size.roughness) {
            let at = self.chance.below(ROUGH);
            self.later(at, Coming::EngineDies);
        }
        self.run_until(ROUGH);
        self.calm = true;
        self.ill.clear();
        self.command(Command::Unhold(Vec::new()));
        self.run_until(ROUGH + QUIET);
        assert_eq!(self.unsettled, BTreeSet::new(), "acts that never settled");
        // A person brings up whatever is stopped or in quarantine: now all of it is well.
        self.up();
        self.run_until(ROUGH + 2 * QUIET);
        assert_eq!(self.unsettled, BTreeSet::new(), "up never settled");
        for status in self.cluster.statuses() {
            let good = status.state.serves() || status.state == State::Completed;
            assert!(
                good,
                "{} is {}: {}",
                status.instance, status.state, status.reason
            );
            assert_eq!(
                status.marks.impacted_by, None,
                "{} is still marked",
                status.instance
            );
        }
        assert_eq!(self.cluster.overall().0, model::Overall::Operational);
        for (key, (instance, state)) in &self.incidents {
            assert_ne!(
                *state,
                IncidentState::Open,
                "incident {key} of {instance} stays open"
            );
        }
        self.command(Command::Down);
        self.run_until(ROUGH + 3 * QUIET);
        assert_eq!(self.unsettled, BTreeSet::new(), "down never settled");
        assert!(
            self.processes.is_empty(),
            "left behind: {:?}",
            self.processes
        );
        assert_eq!(self.cluster.overall().0, model::Overall::Stopped);
    }

    // === what is defined ===

    fn define(&mut self, n: u64) {
        let chance = &mut self.chance;
        let kind = if chance.percent(15) {
            "oneshot"
        } else {
            "daemon"
        };
        let mut line = format!("{kind} s{n} every=20s");
        let needs: Vec<String> = (0..n)
            .filter_map(|m| match (chance.percent(35), chance.percent(30)) {
                (true, true) => Some(format!("s{m}+restart")),
                (true, false) => Some(format!("s{m}")),
                (false, _) => None,
            })
            .collect();
        if !needs.is_empty() {
            line += &format!(" needs={}", needs.join(","));
        }
        for (key, percent) in [
            ("ready every=20s", 40),
            ("health every=20s", 50),
            ("within=30s", 20),
            ("replicas=3", 20),
            ("budget=1/1m", 20),
            ("unhealed", 5),
            ("protected", 5),
            ("ladder=restart", 10),
            ("before=migrate", 15),
        ] {
            if chance.percent(percent) {
                line += &format!(" {key}");
            }
        }
        if kind == "daemon" && self.chance.percent(15) {
            line += " after=seed";
        }
        line += &format!(" run=v{}", self.chance.below(3));
        let (name, service) = define::line(&line);
        self.services.insert(name, service);
    }

    fn up(&mut self) {
        let definition = Arc::new(define::cluster(self.services.clone()));
        let ports = define::ports(&definition);
        self.command(Command::Up { definition, ports });
    }

    // === time ===

    fn later(&mut self, after: u64, what: Coming) {
        self.order += 1;
        self.coming.insert((self.time + after, self.order), what);
    }

    fn run_until(&mut self, end: u64) {
        while let Some(((at, order), _)) = self.coming.first_key_value() {
            let (at, order) = (*at, *order);
            if at > end {
                break;
            }
            self.time = at;
            let what = self.coming.remove(&(at, order)).unwrap();
            self.happen(what);
        }
        self.time = end;
    }

    fn happen(&mut self, what: Coming) {
        match what {
            Coming::Tell(input) => self.tell(input),
            Coming::Chore if self.calm => {}
            Coming::Chore => self.chore(),
            Coming::Crash(instance, generation) => self.crash(instance, generation),
            Coming::EngineDies => self.engine_dies(),
        }
    }

    /// A report reaches the heart, if what it is about is still so.
    fn tell(&mut self, input: Input) {
        match &input {
            Input::Started {
                instance,
                generation,
                ..
            } => {
                let (instance, generation) = (instance.clone(), *generation);
                if self.ghosts.contains(&(instance.clone(), generation)) {
                    let status = ExitStatus::Signal(9);
                    let ended = Input::Exited {
                        instance,
                        generation,
                        status,
                        left: 0,
                    };
                    self.later(20, Coming::Tell(ended));
                } else {
                    let process = self.processes.get_mut(&instance).unwrap();
                    assert_eq!(process.generation, generation);
                    process.phase = Phase::Alive;
                    self.live_on(&instance, generation);
                }
            }
            Input::Prepared {
                instance,
                generation,
                outcome,
            } => {
                let about = (instance.clone(), *generation);
                if !self.unprepared.remove(&about) {
                    let under_way = self.preparing.remove(instance);
                    assert_eq!(under_way, Some(*generation), "{instance} was not prepared");
                    if outcome.is_ok() {
                        self.prepared.insert(instance.clone(), *generation);
                    }
                }
            }
            Input::StartFailed {
                instance,
                generation,
                ..
            }
            | Input::StartDelayed {
                instance,
                generation,
                ..
            } if !self.ghosts.contains(&(instance.clone(), *generation)) => {
                let process = self.processes.remove(instance).unwrap();
                assert_eq!(process.generation, *generation);
            }
            Input::Exited {
                instance,
                generation,
                status,
                left: 0,
            } => {
                let of = self
                    .processes
                    .get(instance)
                    .map(|process| process.generation);
                let again = !self.told.insert((instance.clone(), *generation));
                if of == Some(*generation) {
                    self.processes.remove(instance);
                    self.ended.insert(instance.clone(), (*generation, *status));
                } else if again {
                    return;
                } else {
                    // Ended by the emergency path already: the word comes late.
                }
            }
            Input::Probed {
                instance,
                generation,
                kind,
                ..
            } => {
                let key = (instance.clone(), *kind);
                if self.probes.get(&key) != Some(&(*generation, self.time)) {
                    return;
                }
                self.probes.remove(&key);
            }
            Input::Timer(key) => {
                if self.timers.get(key) != Some(&self.time) {
                    return;
                }
                self.timers.remove(key);
            }
            _ => {}
        }
        self.input(input);
        self.prepared.clear();
    }

    /// The word about what preceded a start never comes.
    fn forget_prepared(&mut self, id: &InstanceId) {
        self.coming.retain(|_, coming| {
            !matches!(coming, Coming::Tell(Input::Prepared { instance, .. }) if instance == id)
        });
    }

    /// What a process that has just come to life will do.
    fn live_on(&mut self, id: &InstanceId, generation: Generation) {
        let oneshot = self
            .services
            .get(&id.service)
            .is_some_and(|service| service.kind == spec::Kind::Oneshot);
        let rough = !self.calm && self.chance.percent(self.size.roughness);
        let after = self.chance.below(if rough { 20_000 } else { 3_000 });
        if oneshot {
            let status = ExitStatus::Code(i32::from(rough));
            let (instance, generation) = (id.clone(), generation);
            self.later(
                after,
                Coming::Tell(Input::Exited {
                    instance,
                    generation,
                    status,
                    left: 0,
                }),
            );
        } else if rough {
            self.later(after, Coming::Crash(id.clone(), generation));
        }
    }

    fn crash(&mut self, instance: InstanceId, generation: Generation) {
        if self.calm
            || self
                .processes
                .get(&instance)
                .is_none_or(|p| p.generation != generation)
        {
            return;
        }
        if self.chance.percent(40) {
            let until = self.time + self.chance.below(30_000);
            self.ill.insert(instance.clone(), until);
            self.later(20_000, Coming::Crash(instance, generation));
        } else {
            let status = ExitStatus::Signal(9);
            self.tell(Input::Exited {
                instance,
                generation,
                status,
                left: 0,
            });
        }
    }
}
