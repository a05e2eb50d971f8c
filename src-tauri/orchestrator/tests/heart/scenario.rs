//! Runs a scenario: a text file in, what the heart did with it out.
//!
//! Lines beginning with `#` say why what follows is right. `daemon` and `oneshot` lines define
//! services; all others happen, one input each, at a time that only `advance` moves. The door says
//! yes at once, as the engine's does, unless `door no`, `door full` or `door silent` came before.

use crate::define;
use model::{
    ActId, ClusterId, EventKind, Evidence, ExitStatus, Generation, InstanceId, Mono, Now,
    ProbeKind, ServiceName, Timestamp, Verdict,
};
use orchestrator::{Adoption, Cluster, Command, Effect, Input, TimerKey, step};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
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
    cluster: Cluster,
    time: Duration,
    acts: u64,
    pids: u32,
    door: Door,
    timers: BTreeMap<TimerKey, Mono>,
    asked: Vec<u64>,
    out: String,
}

/// The scenario's text with everything that came of each line below it.
pub(crate) fn run(text: &str) -> String {
    let id: ClusterId = "shop-00000000".parse().unwrap();
    let mut run = Run {
        services: BTreeMap::new(),
        cluster: Cluster::new(id),
        time: Duration::ZERO,
        acts: 0,
        pids: 100,
        door: Door::Yes,
        timers: BTreeMap::new(),
        asked: Vec::new(),
        out: String::new(),
    };
    for line in text.lines() {
        run.line(line.trim());
    }
    run.out
}

fn rest<'a>(words: &[&'a str], from: usize) -> Vec<&'a str> {
    words.get(from..).unwrap_or_default().to_vec()
}

fn names(words: &[&str]) -> Vec<ServiceName> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

fn status(words: &[&str]) -> ExitStatus {
    match words {
        ["SIGKILL"] => ExitStatus::Signal(9),
        ["SIGTERM"] => ExitStatus::Signal(15),
        ["code", code] => ExitStatus::Code(code.parse().unwrap()),
        ["unknown"] => ExitStatus::Unknown,
        other => panic!("not an exit status: {other:?}"),
    }
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
            // The engine dies; `adopt` is the next one's first word.
            "engine-dies" => {
                let unfinished = self.cluster.unfinished();
                let id: ClusterId = "shop-00000000".parse().unwrap();
                self.cluster = Cluster::new(id);
                self.cluster.remember(BTreeMap::new(), unfinished);
                self.timers.clear();
            }
            "advance" => self.advance(define::duration(words[1]), false),
            // Nobody looks at what comes due before it is over.
            "stand-still" => self.advance(define::duration(words[1]), true),
            "show" => self.show(),
            _ => {
                let input = self.input(&words);
                self.apply(input);
            }
        }
    }

    fn command(&mut self, command: Command) -> Input {
        self.acts += 1;
        Input::Command {
            command,
            act: ActId(self.acts),
        }
    }

    fn definition(&self) -> Arc<spec::Cluster> {
        Arc::new(define::cluster(self.services.clone()))
    }

    fn input(&mut self, words: &[&str]) -> Input {
        let command = match words[0] {
            "up" => {
                let definition = self.definition();
                let ports = define::ports(&definition);
                Command::Up { definition, ports }
            }
            "adopt" => self.adoption(words),
            "down" => Command::Down,
            "start" => Command::Start(names(&words[1..])),
            "stop" => Command::Stop(names(&words[1..])),
            "restart" => Command::Restart {
                services: names(&words[1..]),
                at_once: false,
            },
            "restart-at-once" => Command::Restart {
                services: names(&words[1..]),
                at_once: true,
            },
            // `refresh api 3s src/main.js changed`, and they had changed at 3 s.
            "refresh" => Command::Refresh {
                services: names(&words[1..2]),
                why: words[3..].join(" "),
                changed: Mono(u64::try_from(define::duration(words[2]).as_millis()).unwrap()),
            },
            "hold" => Command::Hold(names(&words[1..])),
            "unhold" => Command::Unhold(names(&words[1..])),
            "release" => Command::Release(names(&words[1..])),
            "ended" => Command::Ended {
                reason: words[1..].join(" "),
            },
            "scale" => {
                let (service, replicas) = words[1].split_once('=').unwrap();
                let ports = BTreeMap::new();
                let replicas = replicas.parse().unwrap();
                Command::Scale {
                    service: service.parse().unwrap(),
                    replicas,
                    ports,
                }
            }
            _ => return self.fact(words),
        };
        self.command(command)
    }

    /// `adopt stopped=a,b db.0:alive:3 web.0:alive:1:greeted api.0:SIGKILL:2`
    fn adoption(&mut self, words: &[&str]) -> Command {
        let mut stopped = Vec::new();
        let mut found = Vec::new();
        for word in &words[1..] {
            if let Some(list) = word.strip_prefix("stopped=") {
                stopped = names(&list.split(',').collect::<Vec<_>>());
                continue;
            }
            let parts: Vec<&str> = word.split(':').collect();
            let outcome = if parts[1] == "alive" {
                self.pids += 1;
                Ok(self.pids)
            } else {
                Err(status(&parts[1].split('-').collect::<Vec<_>>()))
            };
            found.push(Adoption {
                instance: parts[0].parse().unwrap(),
                generation: Generation(parts[2].parse().unwrap()),
                outcome,
                shim_lost: false,
                unanswered: false,
                greeted: parts.get(3) == Some(&"greeted"),
            });
        }
        let definition = self.definition();
        let ports = define::ports(&definition);
        Command::Adopt {
            definition,
            ports,
            stopped,
            found,
        }
    }

    fn fact(&mut self, words: &[&str]) -> Input {
        // `api#2` is a word about generation 2; without it, about the present one.
        let (name, generation) = match words[1].split_once('#') {
            Some((name, generation)) => (name, Some(Generation(generation.parse().unwrap()))),
            None => (words[1], None),
        };
        let instance: InstanceId = name.parse().unwrap();
        let known = self
            .cluster
            .status(&instance)
            .map(|status| status.generation);
        let generation = generation.or(known).unwrap_or_default();
        let more = rest(words, 2);
        match words[0] {
            "started" => {
                self.pids += 1;
                Input::Started {
                    instance,
                    generation,
                    pid: self.pids,
                }
            }
            "prepared" | "greeted" => {
                let outcome = match more.as_slice() {
                    ["ok"] => Ok(()),
                    why => Err(why.join(" ")),
                };
                match words[0] {
                    "prepared" => Input::Prepared {
                        instance,
                        generation,
                        outcome,
                    },
                    _ => Input::Greeted {
                        instance,
                        generation,
                        outcome,
                    },
                }
            }
            "startfailed" => Input::StartFailed {
                instance,
                generation,
                error: more[1..].join(" "),
                retry: more[0] == "retry",
            },
            "delayed" => Input::StartDelayed {
                instance,
                generation,
                shortage: more.join(" "),
            },
            "exit" => Input::Exited {
                instance,
                generation,
                status: status(&more),
            },
            "goeson" => Input::StopGoesOn {
                instance,
                generation,
                how: more.join(" "),
            },
            "blocked" => Input::StopBlocked {
                instance,
                generation,
                blocker: more.join(" "),
            },
            "shimlost" => Input::ShimLost {
                instance,
                generation,
            },
            "ready" | "health" => {
                let kind = if words[0] == "ready" {
                    ProbeKind::Ready
                } else {
                    ProbeKind::Health
                };
                let verdict = match more[0] {
                    "pass" => Verdict::Pass,
                    "fail" => Verdict::Fail,
                    _ => Verdict::Trouble,
                };
                let took = define::duration(more[1]);
                let latency_us = u64::try_from(took.as_micros()).unwrap();
                let detail = more[2..].join(" ");
                let evidence = Evidence {
                    verdict,
                    detail,
                    latency_us,
                };
                Input::Probed {
                    instance,
                    generation,
                    kind,
                    evidence,
                }
            }
            other => panic!("unknown line {other}"),
        }
    }

    fn now(&self) -> Now {
        let millis = u64::try_from(self.time.as_millis()).unwrap();
        Now {
            mono: Mono(millis),
            wall: Timestamp(i64::try_from(millis).unwrap()),
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

    fn effect(&mut self, effect: Effect) {
        let said = match effect {
            Effect::Start {
                instance,
                generation,
                act,
            } => {
                format!("START {instance} #{generation} for act {}", act.0)
            }
            Effect::Prepare {
                instance,
                generation,
            } => format!("PREPARE {instance} #{generation}"),
            Effect::CallOff {
                instance,
                generation,
            } => format!("CALL OFF {instance} #{generation}"),
            Effect::Greet {
                instance,
                generation,
            } => format!("GREET {instance} #{generation}"),
            Effect::Stop {
                instance,
                generation,
                stop,
            } => {
                format!(
                    "STOP {instance} #{generation} {:?} {:?}",
                    stop.signal, stop.grace
                )
            }
            Effect::Probe {
                instance,
                generation,
                kind,
                after,
            } => {
                format!("PROBE {instance} #{generation} {kind:?} after {after:?}")
            }
            Effect::SetTimer { key, at } => {
                let said = format!("TIMER {key:?} at {:?}", Duration::from_millis(at.0));
                self.timers.insert(key, at);
                said
            }
            Effect::CancelTimer(key) => {
                self.timers.remove(&key);
                format!("CANCEL {key:?}")
            }
            Effect::Ask {
                ticket,
                instance,
                remedy,
                why,
            } => {
                self.asked.push(ticket);
                format!("ASK {ticket}: {} {instance}? {why}", remedy.as_str())
            }
            Effect::Publish(EventKind::StateChanged {
                instance,
                generation,
                from,
                to,
                ..
            }) => {
                format!("event: {instance} #{generation} {from} -> {to}")
            }
            Effect::Publish(EventKind::Started { instance, pid, .. }) => {
                format!("event: {instance} started, pid {pid}")
            }
            Effect::Publish(EventKind::Exited {
                instance, status, ..
            }) => {
                format!("event: {instance} {status}")
            }
            Effect::Publish(other) => format!("event: {other:?}"),
            Effect::Incident { key, incident } => {
                let actions: Vec<&str> = incident
                    .actions
                    .iter()
                    .map(|action| action.detail.as_str())
                    .collect();
                let took = incident.duration_ms.map(|took| format!(" after {took} ms"));
                format!(
                    "INCIDENT {key} {:?}{}: {}; impacted {:?}; tried {actions:?}",
                    incident.state,
                    took.unwrap_or_default(),
                    incident.cause,
                    incident.impacted,
                )
            }
            Effect::Changed(instance) => self.shown(&instance),
            Effect::Removed(instance) => format!("REMOVED {instance}"),
            Effect::Settled { act, failed } => {
                let failed: Vec<String> = failed
                    .iter()
                    .map(|(id, reason)| format!("{id}: {reason}"))
                    .collect();
                format!("SETTLED act {}; failed {failed:?}", act.0)
            }
            Effect::RememberUnfinished => {
                format!("REMEMBER {:?}", self.cluster.unfinished())
            }
            Effect::RememberStopped(services) => format!("REMEMBER stopped {services:?}"),
        };
        writeln!(self.out, "    {said}").unwrap();
    }

    fn shown(&self, instance: &InstanceId) -> String {
        let Some(status) = self.cluster.status(instance) else {
            return format!("{instance} is gone");
        };
        let mut said = format!("{instance} {}: {}", status.state, status.reason);
        if let Some(pid) = status.pid {
            write!(said, " [pid {pid}]").unwrap();
        }
        if status.restarts > 0 {
            write!(said, " [restarts {}]", status.restarts).unwrap();
        }
        if let Some(root) = status.marks.impacted_by {
            write!(said, " [impacted by {root}]").unwrap();
        }
        if status.marks.held {
            said.push_str(" [held]");
        }
        if status.marks.shim_lost {
            said.push_str(" [shim lost]");
        }
        said
    }

    fn show(&mut self) {
        let (overall, why) = self.cluster.overall();
        writeln!(self.out, "    = {overall}: {why}").unwrap();
        let all: Vec<InstanceId> = self
            .cluster
            .statuses()
            .map(|status| status.instance)
            .collect();
        for id in all {
            let shown = self.shown(&id);
            writeln!(self.out, "    = {shown}").unwrap();
        }
    }
}
