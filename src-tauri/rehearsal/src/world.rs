//! The simulated machine around the heart: processes that take time to start, fall ill and end,
//! a clock that jumps from one event to the next, an engine that dies, and a person who helps
//! when nothing else does.
//!
//! The decisions are made by `orchestrator` and `healing` themselves, by the code that runs real
//! clusters. What is simulated is only what they see and what comes of what they do.

use crate::agenda::Agenda;
use crate::audit::Audit;
use crate::chance::{About, Chance};
use crate::faults::{Fault, FaultKind};
use crate::ledger::{Account, Away, Innocent};
use crate::people::Drawing;
use crate::rough::Rough;
use crate::rounds::{Round, Rounds};
use healing::Gaps;
use healing::gap::Reading;
use model::{ActId, ExitStatus, Generation, InstanceId, Mono, Now, ProbeKind, ServiceName};
use model::{State, Timestamp};
use orchestrator::{Cluster, Command, Input, TimerKey, Unfinished};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Milliseconds.
pub(crate) type Millis = u64;

/// So long a rehearsal goes on after its last fault: a person has helped by then, and what was
/// helped is up.
pub(crate) const AFTER: Millis = 900_000;

/// Something that comes.
#[derive(Debug)]
pub(crate) enum Coming {
    /// The heart is told, if the engine that waited for it is still the same.
    Word(u64, Input),
    /// An instance is asked.
    Ask(usize, ProbeKind, Generation),
    /// It answers to the question of that number, if no later one has taken its place.
    Answer(u64, usize, u64, Input),
    /// What precedes a start is done, or called off.
    Prepared(usize, Generation, Result<(), String>),
    /// The driver has made the process, or could not.
    Made(usize, Generation, Made),
    /// A process has done what it does before it serves.
    Booted(usize, Generation),
    /// A process ends.
    Ends(usize, Generation, ExitStatus),
    /// A process falls ill for so long, and gets well by itself.
    Ill(usize, Generation, Millis),
    /// The planned fault of this number.
    Fault(usize),
    /// A person looks at a service, if it is still the same absence.
    Person(usize, u64),
    /// The engine is back.
    Engine,
    /// Somebody does something to a rough world.
    Chore,
    /// What is used is looked at.
    Look,
}

/// What came of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// The process is there.
    There,
    /// The machine had no room for it.
    NoRoom,
    /// It could not be made; trying again may help.
    Failed {
        /// It may.
        retry: bool,
    },
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
    /// Of what it uses, what was not there when it began, as the heart saw it…
    pub(crate) lacks: Vec<usize>,
    /// … and what was still starting, and taken for ready.
    pub(crate) trusts: Vec<usize>,
    /// It fails its checks until then.
    pub(crate) ill_until: Millis,
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
    /// An end that the heart has not heard of yet.
    pub(crate) untold: Option<Generation>,
    /// What precedes a start is under way, with the number of what is to come of it.
    pub(crate) preparing: Option<(Generation, u64)>,
    /// As the heart sees it.
    pub(crate) state: State,
    /// The number of what it is asked next, by kind of probe: an earlier one is void.
    pub(crate) asked: [u64; 3],
    /// Whether it is asked as often as it is to be.
    pub(crate) round: Option<Round>,
    /// Its definition was edited under this process: so long the next check may take, if there is one.
    pub(crate) edited: Option<(Generation, Option<Millis>)>,
    /// Answers that get lost.
    pub(crate) blips: u32,
    /// What made its last check fail though it was well.
    pub(crate) innocent: Option<Innocent>,
}

/// A service, as it truly is.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: ServiceName,
    /// As it is defined, or was when it last was.
    pub(crate) defined: spec::Service,
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
    /// What there is to do for it, in cores, and until when.
    pub(crate) load: Option<(f32, Millis)>,
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
    /// Since when, and what comes due or reaches it meanwhile, each with its number.
    Stopped(Millis, Vec<(u64, Coming)>),
    Dead,
}

/// See the module.
pub(crate) struct World {
    pub(crate) definition: Arc<spec::Cluster>,
    /// The same as it runs: services that were taken back are as they were before.
    pub(crate) recorded: Arc<spec::Cluster>,
    pub(crate) chance: Chance,
    pub(crate) cluster: Cluster,
    pub(crate) now: Millis,
    /// So much further the wall clock is, because the machine slept or somebody set it.
    pub(crate) wall: i64,
    /// So long the machine has slept in all.
    pub(crate) slept: Millis,
    /// When the engine stood still last, and for how long.
    pub(crate) stood: Option<(Mono, Duration)>,
    pub(crate) gaps: Gaps,
    /// What is used is looked at then.
    pub(crate) next_use: Millis,
    /// That look comes, also when nothing else does.
    pub(crate) looks: bool,
    /// Which engine this is: words for an earlier one reach nobody.
    pub(crate) epoch: u64,
    agenda: Agenda,
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
    pub(crate) rounds: Rounds,
    pub(crate) stopped: Vec<ServiceName>,
    /// What was under way when it was last written down, and what the time before.
    pub(crate) unfinished: [Unfinished; 2],
    /// When that was.
    pub(crate) recorded_at: Millis,
    pub(crate) rough: Rough,
    /// What a rough world's definition was drawn as.
    pub(crate) drawing: Drawing,
    /// Made when the emergency path ended everything: gone, but a word about them may come.
    pub(crate) ghosts: BTreeSet<(usize, Generation)>,
    /// What the heart hears now is somebody's order.
    pub(crate) ordered: bool,
    /// Holds the heart to its promises; a rehearsal trusts it.
    pub(crate) audit: Option<Box<Audit>>,
}

impl World {
    pub(crate) fn new(definition: &Arc<spec::Cluster>, seed: u64) -> World {
        let chance = Chance(seed);
        let mut instances = Vec::new();
        let mut services: Vec<Service> = Vec::new();
        for ((name, defined), number_of) in definition.services.iter().zip(0_usize..) {
            let mut own = Vec::new();
            for index in 0..defined.max_replicas.unwrap_or(defined.replicas) {
                own.push(instances.len());
                instances.push(Instance {
                    id: InstanceId::new(name.clone(), index),
                    service: number_of,
                    process: None,
                    ended: None,
                    untold: None,
                    preparing: None,
                    state: State::Stopped,
                    asked: [0; 3],
                    round: None,
                    edited: None,
                    blips: 0,
                    innocent: None,
                });
            }
            let of = [number_of as u64];
            services.push(Service {
                name: name.clone(),
                defined: defined.clone(),
                oneshot: defined.kind == spec::Kind::Oneshot,
                instances: own,
                uses: Vec::new(),
                needs: Vec::new(),
                used_by: Vec::new(),
                boot: chance.between(300, 3_000, About::Boot, &of),
                stubborn: chance.below(100, About::Stubborn, &of) < 5,
                slow_until: 0,
                load: None,
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
        let daemons = (0..services.len())
            .filter(|one| !services[*one].oneshot && !services[*one].instances.is_empty())
            .collect();
        let mut world = World {
            definition: Arc::clone(definition),
            recorded: Arc::clone(definition),
            chance,
            cluster: new_cluster(),
            now: 0,
            wall: 0,
            slept: 0,
            stood: None,
            gaps: Gaps::default(),
            next_use: 0,
            looks: false,
            epoch: 0,
            agenda: Agenda::default(),
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
            rounds: Rounds::default(),
            stopped: Vec::new(),
            unfinished: [Unfinished::default(), Unfinished::default()],
            recorded_at: 0,
            rough: Rough::none(),
            drawing: Drawing::default(),
            ghosts: BTreeSet::new(),
            ordered: false,
            audit: None,
        };
        world.connect();
        world
    }

    /// Who uses whom, by the definition as it is now.
    pub(crate) fn connect(&mut self) {
        let number: BTreeMap<&ServiceName, usize> =
            self.services.iter().map(|one| &one.name).zip(0..).collect();
        let mut all = Vec::new();
        for it in &self.services {
            let defined = self.definition.services.contains_key(&it.name);
            let mut uses: Vec<usize> = used(&it.defined)
                .filter(|used| **used != it.name && defined)
                .filter_map(|used| number.get(used).copied())
                .collect();
            uses.sort_unstable();
            uses.dedup();
            let needs = it.defined.needs.iter().filter(|_| defined);
            let needs = needs.filter_map(|need| number.get(&need.service).copied());
            all.push((uses, needs.collect()));
        }
        for it in &mut self.services {
            it.used_by.clear();
        }
        for (user, (uses, needs)) in all.into_iter().enumerate() {
            for used in &uses {
                self.services[*used].used_by.push(user);
            }
            (self.services[user].uses, self.services[user].needs) = (uses, needs);
        }
    }

    // === time ===

    /// Puts something off; gives its number.
    pub(crate) fn later(&mut self, after: Millis, what: Coming) -> u64 {
        self.agenda.add(self.now.saturating_add(after), what)
    }

    /// Lives on until then. `seen` hears of the time now and then, and may say that this is enough:
    /// then it stands still.
    pub(crate) fn run_until(
        &mut self,
        end: Millis,
        seen: &mut dyn FnMut(Millis) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut told = self.now;
        while let Some((at, order, what)) = self.agenda.next(end) {
            self.now = at;
            self.happen(order, what);
            if self.broken() {
                return ControlFlow::Continue(());
            }
            if self.now >= told + 10_000 {
                told = self.now;
                seen(told)?;
            }
        }
        self.now = end;
        ControlFlow::Continue(())
    }

    pub(crate) fn reading(&self) -> Now {
        Now {
            mono: Mono(self.now),
            wall: Timestamp(i64::try_from(self.now).unwrap_or(i64::MAX) + self.wall),
        }
    }

    /// All clocks, as an engine reads them.
    pub(crate) fn clocks(&self) -> Reading {
        let Now { mono, wall } = self.reading();
        Reading {
            mono,
            boot: Mono(self.now + self.slept),
            wall,
            still: self.stood,
        }
    }

    fn happen(&mut self, order: u64, what: Coming) {
        match what {
            Coming::Word(epoch, input) if epoch == self.epoch => self.tell(input),
            Coming::Answer(epoch, number, of, input)
                if epoch == self.epoch && self.instances[number].asked.contains(&of) =>
            {
                match &mut self.engine {
                    Engine::Stopped(_, held) => {
                        held.push((order, Coming::Answer(epoch, number, of, input)));
                    }
                    Engine::Runs | Engine::Dead => self.tell(input),
                }
            }
            Coming::Word(..) | Coming::Answer(..) => {}
            Coming::Ask(instance, kind, generation) => {
                self.ask_if_up(order, instance, kind, generation);
            }
            Coming::Prepared(number, generation, outcome) => {
                self.prepared(number, generation, order, outcome);
            }
            Coming::Made(number, generation, made) => self.made(number, generation, made),
            Coming::Ill(number, generation, time) => self.falls_ill(number, generation, time),
            Coming::Chore => self.chore(),
            Coming::Look => self.look(),
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

    /// Puts off what the engine of now is to hear.
    pub(crate) fn word(&mut self, after: Millis, input: Input) {
        self.later(after, Coming::Word(self.epoch, input));
    }

    pub(crate) fn up(&mut self) {
        let definition = Arc::clone(&self.definition);
        let ports = self.ports();
        // Nothing is named, so there is nothing that could be unknown.
        let left_out = spec::Choice::default().left_out(&definition);
        self.command(Command::Up {
            definition,
            ports,
            left_out: left_out.unwrap_or_default(),
        });
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
}

pub(crate) fn new_cluster() -> Cluster {
    #[expect(clippy::expect_used, reason = "a constant that is a cluster's id")]
    Cluster::new("rehearsal-00000000".parse().expect("an id"))
}

/// The services one uses: what it needs, and what its command and environment refer to.
fn used(service: &spec::Service) -> impl Iterator<Item = &ServiceName> {
    let needs = service.needs.iter();
    // Who can do without another, or waits for its end alone, does not fail for want of it.
    let needs = needs.filter(|need| need.terms().relies());
    let needs = needs.map(|need| &need.service);
    let templates = service.runs.templates().chain(service.env.values());
    needs.chain(templates.flat_map(spec::Template::references))
}
