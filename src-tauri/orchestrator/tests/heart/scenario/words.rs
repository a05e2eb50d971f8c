//! From a line of a scenario to what happens to the heart.

use super::Run;
use crate::define;
use healing::Gap;
use healing::load::{Spare, Used};
use healing::trend::Reach;
use model::{
    ActId, Endpoint, Evidence, ExitStatus, FindingKind, Generation, InstanceId, Mono, ProbeKind,
    ServiceName, Timestamp, Verdict,
};
use orchestrator::{Adoption, Command, Input, LastWords, Look, OwnCheck, Said, Sighting};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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
    fn command(&mut self, command: Command) -> Input {
        self.acts += 1;
        Input::Command {
            command,
            act: ActId(self.acts),
        }
    }

    fn definition(&self) -> Arc<spec::Cluster> {
        let networks = self.networks.clone();
        Arc::new(spec::Cluster {
            networks,
            ..define::cluster(self.services.clone())
        })
    }

    pub(super) fn input(&mut self, words: &[&str]) -> Input {
        let command = match words[0] {
            "up" => {
                let definition = self.definition();
                let ports = define::ports(&definition);
                // `up db --profile debug` is written `up db profile=debug`.
                let mut choice = spec::Choice::default();
                for word in &words[1..] {
                    match word.strip_prefix("profile=") {
                        Some(profile) => choice.profiles.push(profile.to_owned()),
                        None => choice.services.push((*word).to_owned()),
                    }
                }
                let left_out = choice.left_out(&definition).unwrap();
                Command::Up {
                    definition,
                    ports,
                    left_out,
                }
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
            // `hold api for=30m`
            "hold" => {
                let (spans, services): (Vec<&str>, Vec<&str>) =
                    words[1..].iter().partition(|word| word.starts_with("for="));
                let now = self.now().wall;
                let until = spans.first().map(|span| {
                    let span = define::duration(&span["for=".len()..]).as_millis();
                    model::Timestamp(now.0 + i64::try_from(span).unwrap())
                });
                let services = names(&services);
                Command::Hold { services, until }
            }
            "unhold" => Command::Unhold(names(&words[1..])),
            "autonomy" => Command::Autonomy(
                (model::Autonomy::ALL.into_iter()).find(|mode| mode.name() == words[1]),
            ),
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
                    healing: None,
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
            why: BTreeMap::new(),
            found,
        }
    }

    fn fact(&mut self, words: &[&str]) -> Input {
        // `clock back 1h`, `clock forward 3s`: somebody set it.
        if let ["clock", way, time] = words {
            let millis = i64::try_from(define::duration(time).as_millis()).unwrap();
            let stepped = if *way == "back" { -millis } else { millis };
            self.ahead += stepped;
            return Input::Gap(Gap {
                stepped,
                ..Gap::default()
            });
        }
        // `slept 3h`, `stood 60s`: nobody looked for so long.
        if let ["slept" | "stood", time] = words {
            let time = define::duration(time);
            if words[0] == "slept" {
                self.ahead += i64::try_from(time.as_millis()).unwrap();
            }
            let (slept, still) = match words[0] {
                "slept" => (time, Duration::ZERO),
                _ => (Duration::ZERO, time),
            };
            return Input::Gap(Gap {
                slept,
                still,
                stepped: 0,
            });
        }
        // `approved 3`, `denied 3`: a person's answer to a proposal.
        if let ["approved" | "denied", ticket] = words {
            let ticket = ticket.parse().unwrap();
            self.acts += 1;
            return match words[0] {
                "approved" => Input::Admitted {
                    ticket,
                    act: model::ActId(self.acts),
                },
                _ => Input::Refused {
                    ticket,
                    why: "a person said no to its proposal".to_owned(),
                },
            };
        }
        // `suspected api.0`: requests failed there.
        if words[0] == "suspected" {
            return Input::Suspected(words[1].parse().unwrap());
        }
        // `talks api>db:5432 web>api:8080`: all that one look at the sockets has seen.
        if words[0] == "talks" {
            let seen = words[1..].iter().map(|word| {
                let (from, rest) = word.split_once('>').unwrap();
                let (to, port) = rest.split_once(':').unwrap();
                Sighting {
                    from: from.parse().unwrap(),
                    to: to.parse().unwrap(),
                    at: Endpoint::Tcp {
                        port: port.parse().unwrap(),
                    },
                }
            });
            return Input::Connected(seen.collect());
        }
        // `used api.0,api.1 cpu=0.97 waiting=3 memory=100 spare=0.1`: each of them, memory in megabytes, and
        // the machine's CPU that nobody uses.
        if words[0] == "used" {
            let said = |key: &str| {
                let mut words = words[2..].iter().filter_map(|word| word.split_once('='));
                words.find(|(of, _)| *of == key).map(|(_, value)| value)
            };
            let number = |key: &str| said(key).map_or(0, |value| value.parse().unwrap());
            let used = Used {
                cpu: said("cpu").map_or(0.0, |value| value.parse().unwrap()),
                memory: number("memory") * 1_000_000,
                waiting: u32::try_from(number("waiting")).unwrap(),
            };
            let spare = said("spare").map(|cpu| Spare {
                cpu: cpu.parse().unwrap(),
                memory: 4_000_000_000,
            });
            let all = words[1].split(',').map(|id| (id.parse().unwrap(), used));
            return Input::Used(all.collect(), spare);
        }
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
            "exit" => {
                let (how, left) = match &more[..] {
                    [how @ .., "left", left] => (how, left.parse().unwrap()),
                    how => (how, 0),
                };
                Input::Exited {
                    instance,
                    generation,
                    status: status(how),
                    left,
                }
            }
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
            // `looked api hours memory grows 12 MB an hour`, `looked api hours` when nothing was seen.
            "looked" => {
                let reach = match more[0] {
                    "hour" => Reach::Hour,
                    "hours" => Reach::Hours,
                    _ => Reach::Days,
                };
                let text = more[1..].join(" ");
                let seen = match text.is_empty() {
                    true => BTreeMap::new(),
                    false => [(FindingKind::MemoryGrows, text)].into(),
                };
                Input::Looked(vec![Look {
                    instance,
                    generation,
                    reach,
                    looked: vec![FindingKind::MemoryGrows, FindingKind::FilesGrow],
                    seen,
                }])
            }
            "shimlost" => Input::ShimLost {
                instance,
                generation,
            },
            // `left db#1 3s error|last words|very last words`: when it ended, its first error, its lines
            "left" => {
                let text = more[1..].join(" ");
                let mut parts = text.split('|').map(str::to_owned);
                let millis = define::duration(more[0]).as_millis();
                Input::LastWords {
                    key: *self.open.keys().next_back().unwrap(),
                    instance,
                    generation,
                    words: LastWords {
                        ended: Some(Timestamp(i64::try_from(millis).unwrap())),
                        error: parts.next().filter(|error| !error.is_empty()),
                        lines: parts.collect(),
                    },
                }
            }
            // `check api nothing`, `check api takes 5m`: what its daemon asks by itself.
            "check" => Input::Check {
                instance,
                generation,
                check: match more[..] {
                    ["takes", time] => OwnCheck::Takes(define::duration(time)),
                    _ => OwnCheck::Nothing,
                },
            },
            "says" => Input::Said {
                instance,
                generation,
                said: match more[..] {
                    ["reloading"] => Said::Reloading,
                    ["stopping"] => Said::Stopping,
                    ["ready"] => Said::Ready,
                    ["extend", more] => Said::Extend(define::duration(more)),
                    ref words => Said::Status(words.join(" ")),
                },
            },
            "startup" | "ready" | "health" => {
                let kind = match words[0] {
                    "startup" => ProbeKind::Startup,
                    "ready" => ProbeKind::Ready,
                    _ => ProbeKind::Health,
                };
                let verdict = match more[0] {
                    "pass" => Verdict::Pass,
                    "warn" => Verdict::Warn,
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
}
