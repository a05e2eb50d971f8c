//! Runs a scenario: a text file in, what the heart did with it out.
//!
//! Lines beginning with `#` say why what follows is right. `daemon` and `oneshot` lines define
//! services; all others happen, one input each, at a time that only `advance` and `stand-still` move. The door says
//! yes at once, as the engine's does, unless `door no`, `door full` or `door silent` came before.

mod told;
mod words;

use crate::define;
use model::{ActId, ClusterId, Incident, Mono, Now, ServiceName, Timestamp};
use orchestrator::{Cluster, Command, Input, TimerKey, step};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// How the door answers.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    Yes,
    No,
    Full,
    Silent,
}

struct Run {
    services: BTreeMap<ServiceName, spec::Service>,
    networks: BTreeMap<String, spec::container::Network>,
    cluster: Cluster,
    time: Duration,
    /// So many milliseconds the time of day is ahead of that.
    ahead: i64,
    acts: u64,
    pids: u32,
    door: Door,
    timers: BTreeMap<TimerKey, Mono>,
    asked: Vec<u64>,
    /// What healing wants to be scaled.
    scaled: Vec<Command>,
    /// No port is free for one more.
    portless: bool,
    timeline: bool,
    /// Incidents that go on, for the next engine.
    open: BTreeMap<u64, Incident>,
    out: String,
}

/// The scenario's text with everything that came of each line below it.
pub(crate) fn run(text: &str) -> String {
    let id: ClusterId = "shop-00000000".parse().unwrap();
    let mut run = Run {
        services: BTreeMap::new(),
        networks: BTreeMap::new(),
        cluster: Cluster::new(id),
        time: Duration::ZERO,
        ahead: 0,
        acts: 0,
        pids: 100,
        door: Door::Yes,
        timers: BTreeMap::new(),
        asked: Vec::new(),
        scaled: Vec::new(),
        portless: false,
        timeline: false,
        open: BTreeMap::new(),
        out: String::new(),
    };
    for line in text.lines() {
        run.line(line.trim());
    }
    run.out
}

impl Run {
    fn line(&mut self, line: &str) {
        writeln!(self.out, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "daemon" | "oneshot" => {
                let (name, service) = define::line(line);
                self.services.insert(name, service);
            }
            // `network back internal`: how it is, which is all that matters of one.
            "network" => {
                let network = spec::container::Network {
                    internal: words.get(2) == Some(&"internal"),
                    ..Default::default()
                };
                self.networks.insert(words[1].to_owned(), network);
            }
            "undefine" => {
                self.services.remove(words[1]);
            }
            "door" => {
                self.door = match words[1] {
                    "yes" => Door::Yes,
                    "no" => Door::No,
                    "full" => Door::Full,
                    _ => Door::Silent,
                };
            }
            // `ports none`: what healing wants to add cannot be added.
            "ports" => self.portless = words[1] == "none",
            // The engine dies; `adopt` is the next one's first word.
            "engine-dies" => {
                let unfinished = self.cluster.unfinished();
                let known: Vec<_> = self.cluster.statuses().map(|one| one.instance).collect();
                let memory = known.into_iter().filter_map(|id| {
                    let memory = self.cluster.memory(&id)?;
                    Some((id, memory))
                });
                let memory = memory.collect();
                let learned = self.cluster.learned();
                let id: ClusterId = "shop-00000000".parse().unwrap();
                self.cluster = Cluster::new(id);
                self.cluster.remember(memory, unfinished);
                let open = std::mem::take(&mut self.open).into_values();
                self.cluster.take_up(open.collect());
                self.cluster.recall(learned);
                self.timers.clear();
            }
            // What incidents tell line by line is shown from here on.
            "timeline" => self.timeline = true,
            "advance" => self.advance(define::duration(words[1]), false),
            // Nobody looks at what comes due before it is over.
            "stand-still" => self.advance(define::duration(words[1]), true),
            // `times 720 health api pass 4ms GET / answered 200`: one every five seconds. Told is what is
            // news: with the time, and without what is asked next.
            "times" => {
                for _ in 0..words[1].parse::<u32>().unwrap() {
                    self.advance(Duration::from_secs(5), false);
                    let told = std::mem::take(&mut self.out);
                    let input = self.input(&words[2..]);
                    self.apply(input);
                    let all = std::mem::replace(&mut self.out, told);
                    let news = all.lines().filter(|line| !line.starts_with("    PROBE"));
                    for line in news {
                        writeln!(self.out, "    at {:?}:{}", self.time, &line[3..]).unwrap();
                    }
                }
            }
            "show" => self.show(),
            _ => {
                let input = self.input(&words);
                self.apply(input);
            }
        }
    }

    pub(in crate::scenario) fn now(&self) -> Now {
        let millis = u64::try_from(self.time.as_millis()).unwrap();
        Now {
            mono: Mono(millis),
            wall: Timestamp(i64::try_from(millis).unwrap() + self.ahead),
        }
    }

    fn advance(&mut self, by: Duration, still: bool) {
        let until = self.time + by;
        loop {
            let end = Mono(u64::try_from(until.as_millis()).unwrap());
            let due = self
                .timers
                .iter()
                .filter(|(_, at)| **at <= end)
                .min_by_key(|(_, at)| **at);
            let Some((key, at)) = due.map(|(key, at)| (key.clone(), *at)) else {
                break;
            };
            self.timers.remove(&key);
            self.time = if still {
                until
            } else {
                Duration::from_millis(at.0)
            };
            writeln!(self.out, "    at {:?}: {key:?}", self.time).unwrap();
            self.apply(Input::Timer(key));
        }
        self.time = until;
    }

    fn apply(&mut self, input: Input) {
        let now = self.now();
        for effect in step(&mut self.cluster, input, now) {
            self.effect(effect);
        }
        for command in std::mem::take(&mut self.scaled) {
            let act = ActId(self.acts);
            match command {
                Command::Scale { service, .. } if self.portless => {
                    let why = "no port is free".to_owned();
                    self.apply(Input::NotScaled(service, why));
                }
                command => self.apply(Input::Command { command, act }),
            }
        }
        let door = self.door;
        if door != Door::Silent {
            for ticket in std::mem::take(&mut self.asked) {
                if door == Door::Yes {
                    self.acts += 1;
                    writeln!(self.out, "    admitted {ticket} as act {}", self.acts).unwrap();
                    self.apply(Input::Admitted {
                        ticket,
                        act: ActId(self.acts),
                    });
                } else if door == Door::Full {
                    writeln!(self.out, "    postponed {ticket}").unwrap();
                    self.apply(Input::Postponed {
                        ticket,
                        why: "no space left on the disk".to_owned(),
                    });
                } else {
                    writeln!(self.out, "    refused {ticket}").unwrap();
                    self.apply(Input::Refused {
                        ticket,
                        why: "policy says no".to_owned(),
                    });
                }
            }
        }
    }
}
