//! A simulated world around the heart: processes that take time to start and to end, that crash
//! and fall ill, a door that hesitates or refuses, an engine that dies, people who change their
//! minds. It checks every effect against what a real machine would hold against it.

use crate::define;
use model::{
    ActId, Evidence, EventKind, ExitStatus, Generation, IncidentState, InstanceId, Mono, Now,
    ProbeKind, RemedyKind, ServiceName, State, Timestamp, Verdict,
};
use orchestrator::{Adoption, Cluster, Command, Effect, Input, TimerKey, step};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

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
    cluster: Cluster,
    time: u64,
    calm: bool,
    coming: BTreeMap<(u64, u64), Coming>,
    order: u64,
    acts: u64,
    processes: BTreeMap<InstanceId, Process>,
    ended: BTreeMap<InstanceId, (Generation, ExitStatus)>,
    generations: BTreeMap<InstanceId, Generation>,
    ill: BTreeMap<InstanceId, u64>,
    probes: BTreeSet<(InstanceId, Generation, ProbeKind)>,
    timers: BTreeMap<TimerKey, u64>,
    unsettled: BTreeSet<ActId>,
    stopped: Vec<ServiceName>,
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
            generations: BTreeMap::new(),
            ill: BTreeMap::new(),
            probes: BTreeSet::new(),
            timers: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            stopped: Vec::new(),
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
            assert!(good, "{} is {}: {}", status.instance, status.state, status.reason);
            assert_eq!(status.marks.impacted_by, None, "{} is still marked", status.instance);
        }
        assert_eq!(self.cluster.overall().0, model::Overall::Operational);
        for (key, (instance, state)) in &self.incidents {
            assert_ne!(*state, IncidentState::Open, "incident {key} of {instance} stays open");
        }
        self.command(Command::Down);
        self.run_until(ROUGH + 3 * QUIET);
        assert_eq!(self.unsettled, BTreeSet::new(), "down never settled");
        assert!(self.processes.is_empty(), "left behind: {:?}", self.processes);
        assert_eq!(self.cluster.overall().0, model::Overall::Stopped);
    }

    // === what is defined ===

    fn define(&mut self, n: u64) {
        let chance = &mut self.chance;
        let kind = if chance.percent(15) { "oneshot" } else { "daemon" };
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
            ("replicas=3", 20),
            ("budget=1/1m", 20),
            ("unhealed", 5),
            ("protected", 5),
            ("ladder=restart", 10),
        ] {
            if chance.percent(percent) {
                line += &format!(" {key}");
            }
        }
        line += &format!(" run=v{}", chance.below(3));
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
            Input::Started { instance, generation, .. } => {
                let Some(process) = self.processes.get_mut(instance) else { return };
                assert_eq!(process.generation, *generation);
                process.phase = Phase::Alive;
                self.live_on(&instance.clone(), *generation);
            }
            Input::StartFailed { instance, generation, .. } => {
                let process = self.processes.remove(instance).unwrap();
                assert_eq!(process.generation, *generation);
            }
            Input::Exited { instance, generation, status } => {
                let of = self.processes.get(instance).map(|process| process.generation);
                if of == Some(*generation) {
                    self.processes.remove(instance);
                    self.ended.insert(instance.clone(), (*generation, *status));
                } else {
                    // Ended by the emergency path already: the word comes late.
                }
            }
            Input::Probed { instance, generation, kind, .. } => {
                if !self.probes.remove(&(instance.clone(), *generation, *kind)) {
                    return;
                }
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
            self.later(after, Coming::Tell(Input::Exited { instance, generation, status }));
        } else if rough {
            self.later(after, Coming::Crash(id.clone(), generation));
        }
    }

    fn crash(&mut self, instance: InstanceId, generation: Generation) {
        if self.calm || self.processes.get(&instance).is_none_or(|p| p.generation != generation) {
            return;
        }
        if self.chance.percent(40) {
            let until = self.time + self.chance.below(30_000);
            self.ill.insert(instance.clone(), until);
            self.later(20_000, Coming::Crash(instance, generation));
        } else {
            let status = ExitStatus::Signal(9);
            self.tell(Input::Exited { instance, generation, status });
        }
    }

    // === people ===

    fn some(&mut self) -> Vec<ServiceName> {
        let names: Vec<ServiceName> = self.services.keys().cloned().collect();
        let count = self.chance.below(3);
        (0..count)
            .map(|_| {
                let n = self.chance.below(names.len() as u64);
                names[usize::try_from(n).unwrap()].clone()
            })
            .collect()
    }

    fn chore(&mut self) {
        let some = self.some();
        let command = match self.chance.below(12) {
            0 => Command::Down,
            1 | 2 => Command::Start(some),
            3 | 4 => Command::Stop(some),
            5 | 6 => Command::Restart(some),
            7 => Command::Hold(some),
            8 => Command::Unhold(some),
            9 => Command::Release(some),
            10 => {
                let Some(service) = some.into_iter().next() else { return };
                let replicas = u16::try_from(self.chance.below(4)).unwrap();
                Command::Scale { service, replicas, ports: BTreeMap::new() }
            }
            _ if self.chance.percent(30) => {
                // The emergency path ends what lives; what is being started turns up later.
                let dead = self.processes.iter().filter(|(_, p)| p.phase != Phase::Starting);
                let dead: Vec<InstanceId> = dead.map(|(id, _)| id.clone()).collect();
                for id in dead {
                    let process = self.processes.remove(&id).unwrap();
                    self.ended.insert(id, (process.generation, ExitStatus::Signal(9)));
                }
                Command::Ended { reason: "drill".to_owned() }
            }
            _ => {
                // Two services are edited: one changes, one goes or comes.
                let n = self.chance.below(self.size.services);
                self.define(n);
                let n = self.chance.below(self.size.services);
                let name: ServiceName = format!("s{n}").parse().unwrap();
                let needed = self
                    .services
                    .values()
                    .any(|service| service.needs.iter().any(|need| need.service == name));
                if !needed && self.services.len() > 1 {
                    self.services.remove(&name);
                }
                self.mend();
                self.up();
                return;
            }
        };
        self.command(command);
    }

    /// A definition resolves: needs that are not defined are dropped.
    fn mend(&mut self) {
        let names: BTreeSet<ServiceName> = self.services.keys().cloned().collect();
        for service in self.services.values_mut() {
            service.needs.retain(|need| names.contains(&need.service));
        }
    }

    fn command(&mut self, command: Command) {
        self.acts += 1;
        let act = ActId(self.acts);
        self.unsettled.insert(act);
        self.input(Input::Command { command, act });
    }

    /// The engine ends without a word; the next one finds what runs.
    fn engine_dies(&mut self) {
        let Some(definition) = self.cluster.definition().cloned() else { return };
        let mut definition = (*definition).clone();
        for (name, service) in &mut definition.services {
            service.replicas = self.cluster.replicas(name);
        }
        self.cluster = Cluster::new("sim-00000000".parse().unwrap());
        self.unsettled.clear();
        // The next engine goes on from what really ran, and from nothing else.
        let ended = self.ended.iter().map(|(id, (last, _))| (id.clone(), *last));
        let alive = self.processes.iter().map(|(id, process)| (id.clone(), process.generation));
        self.generations = ended.chain(alive).collect();
        self.states.clear();
        self.incidents.clear();
        self.timers.clear();
        self.probes.clear();
        let answered = |coming: &Coming| {
            matches!(
                coming,
                Coming::Tell(
                    Input::Started { .. }
                        | Input::StartFailed { .. }
                        | Input::Probed { .. }
                        | Input::Timer(_)
                        | Input::Admitted { .. }
                        | Input::Refused { .. }
                )
            )
        };
        self.coming.retain(|_, coming| !answered(coming));
        let mut found = Vec::new();
        let mut alive = Vec::new();
        for (instance, process) in &mut self.processes {
            if process.phase == Phase::Starting {
                alive.push((instance.clone(), process.generation));
            }
            // That it was told to end is not known to the next engine, which may say it again.
            process.phase = Phase::Alive;
            let (instance, generation) = (instance.clone(), process.generation);
            found.push(Adoption { instance, generation, outcome: Ok(1), shim_lost: false });
        }
        for (instance, (generation, status)) in &self.ended {
            if !self.processes.contains_key(instance) {
                let (instance, generation) = (instance.clone(), *generation);
                let outcome = Err(*status);
                found.push(Adoption { instance, generation, outcome, shim_lost: false });
            }
        }
        for (instance, generation) in alive {
            self.live_on(&instance, generation);
        }
        let ports = define::ports(&definition);
        let stopped = self.stopped.clone();
        let definition = Arc::new(definition);
        self.command(Command::Adopt { definition, ports, stopped, found });
    }

    // === the heart ===

    fn input(&mut self, input: Input) {
        let wall = i64::try_from(self.time).unwrap();
        let now = Now { mono: Mono(self.time), wall: Timestamp(wall) };
        self.said.push(format!("{} {input:?}", self.time));
        let effects = step(&mut self.cluster, input, now);
        let mut changed = BTreeSet::new();
        for effect in effects {
            self.said.push(format!("{effect:?}"));
            if let Effect::Changed(instance) = &effect {
                assert!(changed.insert(instance.clone()), "{instance} is told twice in one step");
                assert!(self.cluster.status(instance).is_some(), "{instance} has no status");
            }
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Start { instance, generation, .. } => self.start(instance, generation),
            Effect::Stop { instance, generation, .. } => self.stop(instance, generation),
            Effect::Probe { instance, generation, kind, after } => {
                self.probe(instance, generation, kind, after);
            }
            Effect::SetTimer { key, at } => {
                self.timers.insert(key.clone(), at.0);
                self.later(at.0 - self.time, Coming::Tell(Input::Timer(key)));
            }
            Effect::CancelTimer(key) => {
                self.timers.remove(&key);
            }
            Effect::Ask { ticket, remedy, .. } => self.ask(ticket, remedy),
            Effect::Publish(EventKind::StateChanged { instance, from, to, .. }) => {
                let was = self.states.insert(instance.clone(), to).unwrap_or(State::Stopped);
                assert_eq!(was, from, "{instance} changed from another state than it was in");
            }
            Effect::Incident { key, incident } => {
                self.incidents.insert(key, (incident.instance.clone(), incident.state));
                let open = self.incidents.values().filter(|(instance, state)| {
                    *instance == incident.instance && *state == IncidentState::Open
                });
                assert!(open.count() <= 1, "{} has two open incidents", incident.instance);
            }
            Effect::Settled { act, .. } => {
                assert!(self.unsettled.remove(&act), "act {} settled twice", act.0);
            }
            Effect::RememberStopped(services) => self.stopped = services,
            Effect::Removed(instance) => {
                let process = self.processes.get(&instance);
                assert!(process.is_none(), "{instance} was removed and lives");
                self.states.remove(&instance);
                self.ended.remove(&instance);
            }
            Effect::Publish(_) | Effect::Changed(_) => {}
        }
    }

    fn start(&mut self, instance: InstanceId, generation: Generation) {
        let old = self.processes.get(&instance);
        assert!(old.is_none(), "{instance} #{generation} starts beside {old:?}");
        let last = self.generations.insert(instance.clone(), generation);
        assert!(last < Some(generation), "{instance} #{generation} after {last:?}");
        let needs = self.cluster.definition().unwrap().services[&instance.service].needs.clone();
        for need in needs {
            for index in 0..self.cluster.replicas(&need.service).max(1) {
                let below = InstanceId::new(need.service.clone(), index);
                let state = self.cluster.status(&below).map(|status| status.state);
                let good = state.is_some_and(|s| s.serves() || s == State::Completed);
                assert!(good, "{instance} starts while {below} is {state:?}");
            }
        }
        let process = Process { generation, phase: Phase::Starting };
        self.processes.insert(instance.clone(), process);
        let rough = !self.calm && self.chance.percent(self.size.roughness / 2);
        let after = self.chance.below(50);
        let input = if rough {
            let retry = self.chance.percent(80);
            Input::StartFailed { instance, generation, error: "the port is taken".into(), retry }
        } else {
            Input::Started { instance, generation, pid: 1 }
        };
        self.later(after, Coming::Tell(input));
    }

    fn stop(&mut self, instance: InstanceId, generation: Generation) {
        let process = self.processes.get_mut(&instance).expect("a stop for what does not live");
        assert_eq!((process.generation, process.phase), (generation, Phase::Alive));
        process.phase = Phase::Ending;
        let mut after = self.chance.below(12_000);
        if self.chance.percent(5) {
            let blocker = "pid 4711 in state D".to_owned();
            let (instance, generation) = (instance.clone(), generation);
            self.later(after, Coming::Tell(Input::StopBlocked { instance, generation, blocker }));
            after += self.chance.below(20_000);
        }
        let status = ExitStatus::Signal(15);
        self.later(after, Coming::Tell(Input::Exited { instance, generation, status }));
    }

    fn probe(&mut self, id: InstanceId, generation: Generation, kind: ProbeKind, wait: Duration) {
        self.probes.retain(|(of, g, k)| *of != id || *k != kind || *g == generation);
        let fresh = self.probes.insert((id.clone(), generation, kind));
        assert!(fresh, "{id} has two {kind:?} probes under way");
        let at = self.time + u64::try_from(wait.as_millis()).unwrap();
        let ill = self.ill.get(&id).is_some_and(|until| *until > at);
        let verdict = match self.chance.below(100) {
            _ if ill => Verdict::Fail,
            0..3 if !self.calm => Verdict::Trouble,
            3..6 if !self.calm => Verdict::Fail,
            _ => Verdict::Pass,
        };
        let evidence =
            Evidence { verdict, detail: "GET / answered".to_owned(), latency_us: 1_000 };
        let took = self.chance.below(10);
        let input = Input::Probed { instance: id, generation, kind, evidence };
        self.later(at - self.time + took, Coming::Tell(input));
    }

    fn ask(&mut self, ticket: u64, remedy: RemedyKind) {
        self.acts += 1;
        let act = ActId(self.acts);
        let refuses = !self.calm && self.chance.percent(5) && remedy != RemedyKind::Quarantine;
        let input = if refuses {
            Input::Refused { ticket, why: "policy".to_owned() }
        } else {
            Input::Admitted { ticket, act }
        };
        let after = if self.chance.percent(80) { 0 } else { self.chance.below(500) };
        self.later(after, Coming::Tell(input));
    }
}
