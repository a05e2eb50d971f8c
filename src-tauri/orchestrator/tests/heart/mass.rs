//! Something that a hundred services need dies, and comes back: one incident, nobody restarted who
//! did not need it, and the others started again in the order of needs, a tenth of them at a time.

use crate::define;
use model::{
    ActId, EventKind, Evidence, ExitStatus, Generation, IncidentState, InstanceId, Mono, Now,
    ProbeKind, State, Timestamp, Verdict,
};
use orchestrator::{Cluster, Command, Effect, Input, TimerKey, step};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A world in which nothing goes wrong but what the test does.
struct Mass {
    cluster: Cluster,
    definition: Arc<spec::Cluster>,
    time: u64,
    order: u64,
    coming: BTreeMap<(u64, u64), Input>,
    timers: BTreeMap<TimerKey, u64>,
    alive: BTreeMap<InstanceId, Generation>,
    /// From healing's question until it is ready again.
    in_hand: BTreeSet<InstanceId>,
    most_in_hand: usize,
    asks: Vec<InstanceId>,
    stops: Vec<InstanceId>,
    starts: Vec<InstanceId>,
    incidents: BTreeMap<u64, (InstanceId, IncidentState)>,
}

impl Mass {
    fn new(definition: spec::Cluster) -> Self {
        let definition = Arc::new(definition);
        let mut mass = Self {
            cluster: Cluster::new("mass-00000000".parse().unwrap()),
            definition: Arc::clone(&definition),
            time: 1_000,
            order: 0,
            coming: BTreeMap::new(),
            timers: BTreeMap::new(),
            alive: BTreeMap::new(),
            in_hand: BTreeSet::new(),
            most_in_hand: 0,
            asks: Vec::new(),
            stops: Vec::new(),
            starts: Vec::new(),
            incidents: BTreeMap::new(),
        };
        mass.input(Input::Command {
            command: Command::Up {
                definition,
                ports: BTreeMap::new(),
                left_out: BTreeMap::new(),
            },
            act: ActId(1),
        });
        mass.run(60_000);
        mass.starts.clear();
        mass
    }

    fn later(&mut self, after: u64, input: Input) {
        self.order += 1;
        self.coming.insert((self.time + after, self.order), input);
    }

    fn run(&mut self, span: u64) {
        let end = self.time + span;
        loop {
            let timer = self.timers.iter().min_by_key(|(_, at)| **at);
            let timer = timer.map(|(key, at)| (key.clone(), *at));
            let input = self.coming.first_key_value().map(|(key, _)| *key);
            match (timer, input) {
                (Some((key, at)), input)
                    if at <= end && input.is_none_or(|(when, _)| at <= when) =>
                {
                    self.timers.remove(&key);
                    self.time = self.time.max(at);
                    self.input(Input::Timer(key));
                }
                (_, Some(key)) if key.0 <= end => {
                    self.time = self.time.max(key.0);
                    let input = self.coming.remove(&key).unwrap();
                    self.input(input);
                }
                _ => break,
            }
        }
        self.time = end;
    }

    fn dies(&mut self, name: &str) {
        let instance = InstanceId::new(name.parse().unwrap(), 0);
        let generation = self.alive.remove(&instance).unwrap();
        self.input(Input::Exited {
            instance,
            generation,
            status: ExitStatus::Signal(9),
            left: 0,
        });
    }

    /// It answers when all that it needs does.
    fn answers(&self, id: &InstanceId) -> bool {
        self.alive.contains_key(id)
            && self.definition.services[&id.service]
                .needs
                .iter()
                .all(|need| self.answers(&InstanceId::new(need.service.clone(), 0)))
    }

    fn input(&mut self, mut input: Input) {
        if let Input::Started {
            instance,
            generation,
            ..
        } = &input
        {
            self.alive.insert(instance.clone(), *generation);
        }
        if let Input::Probed {
            instance, evidence, ..
        } = &mut input
            && !self.answers(instance)
        {
            evidence.verdict = Verdict::Fail;
        }
        let now = Now {
            mono: Mono(self.time),
            wall: Timestamp(0),
        };
        for effect in step(&mut self.cluster, input, now) {
            self.effect(effect);
        }
        self.most_in_hand = self.most_in_hand.max(self.in_hand.len());
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Start {
                instance,
                generation,
                ..
            } => {
                for need in &self.definition.services[&instance.service].needs {
                    let below = InstanceId::new(need.service.clone(), 0);
                    let state = self.cluster.status(&below).unwrap().state;
                    assert!(state.serves(), "{instance} starts while {below} is {state}");
                }
                self.starts.push(instance.clone());
                // It recovers from its crash before it answers.
                let slow = match instance.service.as_str() {
                    "db" => 2_000,
                    _ => 20,
                };
                let pid = 1;
                let started = Input::Started {
                    instance,
                    generation,
                    pid,
                };
                self.later(slow, started);
            }
            Effect::Stop { instance, .. } => self.stops.push(instance),
            Effect::Probe {
                instance,
                generation,
                kind,
                after,
            } => {
                let evidence = Evidence {
                    verdict: Verdict::Pass,
                    detail: "GET / answered".to_owned(),
                    latency_us: 1_000,
                };
                let slow = u64::from(kind == ProbeKind::Ready) * 300;
                let probed = Input::Probed {
                    instance,
                    generation,
                    kind,
                    evidence,
                };
                self.later(u64::try_from(after.as_millis()).unwrap() + slow + 1, probed);
            }
            Effect::SetTimer { key, at } => _ = self.timers.insert(key, at.0),
            Effect::CancelTimer(key) => _ = self.timers.remove(&key),
            Effect::Ask {
                ticket, instance, ..
            } => {
                self.asks.push(instance.clone());
                self.in_hand.insert(instance);
                let act = ActId(1_000 + ticket);
                self.later(1, Input::Admitted { ticket, act });
            }
            Effect::Publish(EventKind::StateChanged {
                instance,
                // Or it waits: for what it needs, which has died as well.
                to: State::Ready | State::Waiting,
                ..
            }) => _ = self.in_hand.remove(&instance),
            Effect::Incident { key, incident, .. } => {
                self.incidents
                    .insert(key, (incident.instance, incident.state));
            }
            _ => {}
        }
    }
}

/// A database, gateways on it, and pages each on one of those.
fn hundred(dependents: u32) -> spec::Cluster {
    let mut lines = vec!["daemon db health every=5s heal=default".to_owned()];
    for n in 0..dependents {
        let need = match n % 5 {
            0 | 1 => "db".to_owned(),
            _ => format!("s{}", n - n % 5),
        };
        lines.push(format!(
            "daemon s{n} needs={need} ready health every=5s heal=default"
        ));
    }
    define::cluster(lines.iter().map(|line| define::line(line)))
}

/// Kills the database and these of its dependents, which end a moment later or just before.
fn blow(mass: &mut Mass, crashed: &BTreeSet<u32>, before: bool) {
    if before {
        for n in crashed {
            mass.dies(&format!("s{n}"));
        }
        mass.dies("db");
    } else {
        mass.dies("db");
        mass.run(200);
        for n in crashed {
            if mass
                .alive
                .contains_key(&InstanceId::new(format!("s{n}").parse().unwrap(), 0))
            {
                mass.dies(&format!("s{n}"));
            }
        }
    }
}

#[test]
fn a_dependency_of_a_hundred_dies_and_is_one_incident() {
    let mut mass = Mass::new(hundred(100));
    let crashed: BTreeSet<u32> = (0..100).filter(|n| n % 3 != 0).collect();
    blow(&mut mass, &crashed, false);
    mass.run(120_000);
    for status in mass.cluster.statuses() {
        assert_eq!(
            status.state,
            State::Ready,
            "{}: {}",
            status.instance,
            status.reason
        );
    }
    let db = InstanceId::new("db".parse().unwrap(), 0);
    let incidents: Vec<_> = mass.incidents.values().cloned().collect();
    assert_eq!(incidents, [(db, IncidentState::Resolved)]);
    assert_eq!(mass.stops, [], "nobody who lives is stopped");
    let started: BTreeSet<_> = mass.starts.iter().collect();
    assert_eq!(mass.starts.len(), started.len(), "nobody is started twice");
    assert_eq!(mass.starts.len(), crashed.len() + 1);
    assert_eq!(mass.most_in_hand, 10, "a tenth of 101");
}

/// SplitMix64: all the chance there is.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Whoever of the dependents dies with it: nobody else is touched, never more than a tenth are in
/// hand, and all of it is back within four minutes.
#[test]
fn whoever_dies_with_it_the_others_are_left_alone() {
    for mut seed in 0..60_u64 {
        let which = seed;
        let dependents = 5 + u32::try_from(next(&mut seed) % 115).unwrap();
        let share = next(&mut seed) % 101;
        // Who dies first is taken for a fault of its own until the database is seen to be down.
        let before = next(&mut seed).is_multiple_of(2);
        let crashed: BTreeSet<u32> = (0..dependents)
            .filter(|_| next(&mut seed) % 100 < share)
            .collect();
        let mut mass = Mass::new(hundred(dependents));
        blow(&mut mass, &crashed, before);
        mass.run(240_000);
        for status in mass.cluster.statuses() {
            assert_eq!(
                status.state,
                State::Ready,
                "{which}: {}: {}",
                status.instance,
                status.reason
            );
        }
        assert_eq!(mass.stops, [], "{which}");
        let started: BTreeSet<_> = mass.starts.iter().collect();
        assert!(started.len() <= crashed.len() + 1, "{which}");
        let tenth = (mass.definition.services.len() / 10).max(1);
        let most = mass.most_in_hand;
        assert!(most <= tenth, "{which}: {most} in hand");
        let open = mass.incidents.values();
        let open = open.filter(|(_, state)| *state == IncidentState::Open);
        assert_eq!(open.count(), 0, "{which}");
    }
}
