//! The simulated machine around the heart: processes that take time to start, fall ill and end,
//! a clock that jumps from one event to the next, an engine that dies, and a person who helps
//! when nothing else does.
//!
//! The decisions are made by `orchestrator` and `healing` themselves, by the code that runs real
//! clusters. What is simulated is only what they see and what comes of what they do.

use crate::chance::{About, Chance};
use crate::faults::{Fault, FaultKind};
use crate::ledger::{Account, Away, Innocent};
use model::{ActId, ExitStatus, Generation, InstanceId, Mono, Now, ProbeKind, ServiceName};
use model::{State, Timestamp};
use orchestrator::{Cluster, Command, Input, TimerKey};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// Milliseconds.
pub(crate) type Millis = u64;

/// A person looks after what is still away after ten minutes.
const PERSON: Millis = 600_000;
/// So long a rehearsal goes on after its last fault: a person has helped by then, and what was
/// helped is up.
pub(crate) const AFTER: Millis = 900_000;

/// Something that comes.
#[derive(Debug)]
pub(crate) enum Coming {
    /// The heart is told.
    Tell(Input),
    /// An instance is asked.
    Ask(usize, ProbeKind, Generation),
    /// A process has done what it does before it serves.
    Booted(usize, Generation),
    /// A process ends.
    Ends(usize, Generation, ExitStatus),
    /// The planned fault of this number.
    Fault(usize),
    /// A person looks at a service, if it is still the same absence.
    Person(usize, u64),
    /// The engine is back.
    Engine,
}

struct Due {
    at: Millis,
    order: u64,
    what: Coming,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Made,
    Boots,
    Serves,
    Ending,
}

/// A simulated process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) generation: Generation,
    pub(crate) phase: Phase,
    pub(crate) begun: Millis,
    pub(crate) hung: bool,
    /// It lost this one and tells of it when asked.
    pub(crate) misses: Vec<usize>,
    /// It holds on to what this one was before its restart.
    pub(crate) stuck: Option<usize>,
}

/// An instance, as it truly is.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) service: usize,
    pub(crate) process: Option<Process>,
    /// How its last process ended.
    pub(crate) ended: Option<(Generation, ExitStatus)>,
    /// As the heart sees it.
    pub(crate) state: State,
    /// The number of what it is asked next, by kind of probe: an earlier one is void.
    pub(crate) asked: [u64; 2],
    /// Answers that get lost.
    pub(crate) blips: u32,
    /// What made its last check fail though it was well.
    pub(crate) innocent: Option<Innocent>,
}

/// A service, as it truly is.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: ServiceName,
    pub(crate) oneshot: bool,
    pub(crate) instances: Vec<usize>,
    /// What it uses, declared or not.
    pub(crate) uses: Vec<usize>,
    /// What it declares that it needs.
    pub(crate) needs: Vec<usize>,
    pub(crate) used_by: Vec<usize>,
    /// How long a start of it takes, about.
    pub(crate) boot: Millis,
    /// It takes its whole grace to stop.
    pub(crate) stubborn: bool,
    pub(crate) slow_until: Millis,
    pub(crate) flaps: u32,
    pub(crate) bad_starts: u32,
    pub(crate) slow_starts: u32,
    /// Why it does not serve, and since when; `None`: it does.
    pub(crate) away: Option<Away>,
    pub(crate) since: Millis,
    /// Away for reasons of its own since then; its absences are numbered.
    pub(crate) own: Option<Millis>,
    pub(crate) absences: u64,
    /// A fault that is not noticed yet.
    pub(crate) hidden: Option<(FaultKind, Millis)>,
    pub(crate) account: Account,
}

/// What has become of the engine.
pub(crate) enum Engine {
    Runs,
    /// What reaches it meanwhile.
    Stopped(Vec<Input>),
    Dead,
}

/// See the module.
pub(crate) struct World {
    pub(crate) definition: Arc<spec::Cluster>,
    pub(crate) chance: Chance,
    pub(crate) cluster: Cluster,
    pub(crate) now: Millis,
    /// So much further the wall clock is, because the machine slept.
    pub(crate) slept: Millis,
    queue: BinaryHeap<Reverse<Due>>,
    pub(crate) order: u64,
    pub(crate) acts: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) services: Vec<Service>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) daemons: Vec<usize>,
    pub(crate) index: BTreeMap<InstanceId, usize>,
    pub(crate) timers: BTreeMap<TimerKey, Millis>,
    pub(crate) engine: Engine,
    pub(crate) no_room_until: Millis,
    /// From here on everything is written down.
    pub(crate) counted_from: Option<Millis>,
    pub(crate) checks: u64,
    pub(crate) stopped: Vec<ServiceName>,
}

impl World {
    pub(crate) fn new(definition: &Arc<spec::Cluster>, seed: u64) -> World {
        let chance = Chance(seed);
        let number: BTreeMap<&ServiceName, usize> = definition.services.keys().zip(0..).collect();
        let mut instances = Vec::new();
        let mut services: Vec<Service> = Vec::new();
        for ((name, defined), number_of) in definition.services.iter().zip(0_usize..) {
            let mut uses: Vec<usize> = used(defined)
                .filter(|used| *used != name)
                .filter_map(|used| number.get(used).copied())
                .collect();
            uses.sort_unstable();
            uses.dedup();
            let needs = defined.needs.iter();
            let needs = needs.filter_map(|need| number.get(&need.service).copied());
            let needs = needs.collect();
            let mut own = Vec::new();
            for index in 0..defined.replicas {
                own.push(instances.len());
                instances.push(Instance {
                    id: InstanceId::new(name.clone(), index),
                    service: number_of,
                    process: None,
                    ended: None,
                    state: State::Stopped,
                    asked: [0; 2],
                    blips: 0,
                    innocent: None,
                });
            }
            let of = [number_of as u64];
            services.push(Service {
                name: name.clone(),
                oneshot: defined.kind == spec::Kind::Oneshot,
                instances: own,
                uses,
                needs,
                used_by: Vec::new(),
                boot: chance.between(300, 3_000, About::Boot, &of),
                stubborn: chance.below(100, About::Stubborn, &of) < 5,
                slow_until: 0,
                flaps: 0,
                bad_starts: 0,
                slow_starts: 0,
                away: Some(Away::Starts),
                since: 0,
                own: Some(0),
                absences: 0,
                hidden: None,
                account: Account::default(),
            });
        }
        for user in 0..services.len() {
            for used in services[user].uses.clone() {
                services[used].used_by.push(user);
            }
        }
        let daemons = (0..services.len())
            .filter(|one| !services[*one].oneshot && !services[*one].instances.is_empty())
            .collect();
        World {
            definition: Arc::clone(definition),
            chance,
            cluster: new_cluster(),
            now: 0,
            slept: 0,
            queue: BinaryHeap::new(),
            order: 0,
            acts: 0,
            faults: Vec::new(),
            index: instances
                .iter()
                .map(|one: &Instance| one.id.clone())
                .zip(0..)
                .collect(),
            services,
            instances,
            daemons,
            timers: BTreeMap::new(),
            engine: Engine::Runs,
            no_room_until: 0,
            counted_from: None,
            checks: 0,
            stopped: Vec::new(),
        }
    }

    // === time ===

    /// Puts something off; gives its number.
    pub(crate) fn later(&mut self, after: Millis, what: Coming) -> u64 {
        self.order += 1;
        let at = self.now.saturating_add(after);
        self.queue.push(Reverse(Due {
            at,
            order: self.order,
            what,
        }));
        self.order
    }

    /// Lives on until then. `seen` hears of the time now and then.
    pub(crate) fn run_until(&mut self, end: Millis, seen: &mut dyn FnMut(Millis)) {
        let mut told = self.now;
        while let Some(Reverse(due)) = self.queue.pop() {
            if due.at > end {
                self.queue.push(Reverse(due));
                break;
            }
            self.now = due.at;
            self.happen(due.order, due.what);
            if self.now >= told + 10_000 {
                told = self.now;
                seen(told);
            }
        }
        self.now = end;
    }

    pub(crate) fn reading(&self) -> Now {
        Now {
            mono: Mono(self.now),
            wall: Timestamp(i64::try_from(self.now + self.slept).unwrap_or(i64::MAX)),
        }
    }

    fn happen(&mut self, order: u64, what: Coming) {
        match what {
            Coming::Tell(input) => self.tell(input),
            Coming::Ask(instance, kind, generation) => {
                if self.instances[instance].asked[kind as usize] == order {
                    self.ask(instance, kind, generation);
                }
            }
            Coming::Booted(instance, generation) => self.booted(instance, generation),
            Coming::Ends(instance, generation, status) => self.ends(instance, generation, status),
            Coming::Fault(number) => self.strike(self.faults[number]),
            Coming::Person(service, absence) => self.help(service, absence),
            Coming::Engine => self.engine_again(),
        }
    }

    // === people ===

    pub(crate) fn command(&mut self, command: Command) {
        self.acts += 1;
        let act = ActId(self.acts);
        self.tell(Input::Command { command, act });
    }

    pub(crate) fn up(&mut self) {
        let definition = Arc::clone(&self.definition);
        let ports = self.ports();
        self.command(Command::Up { definition, ports });
    }

    pub(crate) fn ports(&self) -> BTreeMap<InstanceId, Vec<u16>> {
        let with_port = self.instances.iter().filter(|one| {
            self.definition
                .services
                .get(&one.id.service)
                .is_some_and(|service| service.port.is_some())
        });
        with_port
            .zip(1_024..)
            .map(|(one, port)| (one.id.clone(), vec![port]))
            .collect()
    }

    /// It is away of itself: a person will look after it.
    pub(crate) fn call_person(&mut self, service: usize) {
        let absence = self.services[service].absences;
        self.later(PERSON, Coming::Person(service, absence));
    }

    fn help(&mut self, service: usize, absence: u64) {
        let it = &self.services[service];
        if it.own.is_none() || it.absences != absence {
            return;
        }
        if !matches!(self.engine, Engine::Runs) {
            self.later(5_000, Coming::Person(service, absence));
            return;
        }
        let name = it.name.clone();
        let quarantined = |one: &usize| self.instances[*one].state == State::Quarantined;
        let released = it.instances.iter().any(quarantined);
        if self.counted_from.is_some() {
            self.services[service].account.helped += 1;
        }
        let services = vec![name];
        self.command(match released {
            true => Command::Release(services),
            false => Command::Restart {
                services,
                at_once: true,
            },
        });
        self.call_person(service);
    }
}

pub(crate) fn new_cluster() -> Cluster {
    #[expect(clippy::expect_used, reason = "a constant that is a cluster's id")]
    Cluster::new("rehearsal-00000000".parse().expect("an id"))
}

/// The services one uses: what it needs, and what its command and environment refer to.
fn used(service: &spec::Service) -> impl Iterator<Item = &ServiceName> {
    let run: Vec<&spec::Template> = match &service.run {
        spec::Run::Direct(words) => words.iter().collect(),
        spec::Run::Shell(line) => vec![line],
    };
    let needs = service.needs.iter().map(|need| &need.service);
    let templates = run.into_iter().chain(service.env.values());
    needs.chain(templates.flat_map(spec::Template::references))
}
