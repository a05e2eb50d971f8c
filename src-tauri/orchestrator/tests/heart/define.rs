//! Definitions in one line a service, for scenarios and random worlds.
//!
//! `daemon api needs=db,cache+restart health=http every=5s fail=3 replicas=2 budget=5/10m`

use model::{InstanceId, RemedyKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// Reads `350ms`, `5s`, `10m`.
pub(crate) fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap());
    let number: u64 = number.parse().unwrap();
    match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        "h" => Duration::from_secs(number * 3_600),
        other => panic!("unknown unit {other}"),
    }
}

/// A service with the defaults that definitions have.
pub(crate) fn service() -> spec::Service {
    let steps = [0, 0, 1, 5, 15, 30, 60].map(Duration::from_secs).to_vec();
    spec::Service {
        kind: spec::Kind::Daemon,
        runs: spec::Run::Shell(text("exec run")).into(),
        cwd: String::new(),
        env: BTreeMap::new(),
        secrets: BTreeMap::new(),
        lines: BTreeMap::new(),
        env_files: Vec::new(),
        before_start: None,
        after_ready: None,
        user: None,
        category: "services".to_owned(),
        success: Default::default(),
        schedule: None,
        profiles: Vec::new(),
        port: None,
        listen: None,
        tty: false,
        needs: Vec::new(),
        replicas: 1,
        max_replicas: None,
        startup: None,
        ready: None,
        ready_always: false,
        ready_within: Duration::from_secs(60),
        ready_as_check: false,
        health: None,
        heal: spec::Heal {
            ladder: vec![
                RemedyKind::Restart.into(),
                RemedyKind::RestartNeeds.into(),
                RemedyKind::Quarantine.into(),
            ],
            budget: spec::Budget {
                count: 5,
                per: Duration::from_secs(600),
            },
            backoff: spec::Backoff {
                steps,
                reset_after: Duration::from_secs(600),
            },
            settle: Duration::from_secs(5),
            circuit: Some(3),
            enabled: true,
        },
        stop: spec::Stop {
            command: None,
            signal: Some(spec::StopSignal::Term),
            grace: Duration::from_secs(10),
        },
        limits: spec::Limits::default(),
        log: spec::Log::default(),
        protected: false,
        port_exact: false,
        watch: None,
        route: spec::Route::default(),
    }
}

/// A probe with the defaults that definitions have.
pub(crate) fn probe() -> spec::Probe {
    spec::Probe {
        target: spec::ProbeTarget::Tcp { port: None },
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        fail: 3,
        pass: 1,
        degraded_above: None,
        degraded_errors: None,
    }
}

fn text(text: &str) -> spec::Template {
    spec::Template(vec![spec::TemplatePart::Text(text.to_owned())])
}

/// Reads one line: `daemon NAME key=value …` or `oneshot NAME …`.
pub(crate) fn line(line: &str) -> (model::ServiceName, spec::Service) {
    let mut words = line.split_whitespace();
    let kind = match words.next().unwrap() {
        "daemon" => spec::Kind::Daemon,
        "oneshot" => spec::Kind::Oneshot,
        other => panic!("neither daemon nor oneshot: {other}"),
    };
    let name = words.next().unwrap().parse().unwrap();
    let mut service = spec::Service { kind, ..service() };
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let probed = |service: &mut spec::Service, change: &dyn Fn(&mut spec::Probe)| {
            let probes = [
                &mut service.startup,
                &mut service.ready,
                &mut service.health,
            ];
            probes.into_iter().flatten().for_each(change);
        };
        match key {
            "needs" => service.needs = value.split(',').map(need).collect(),
            "startup" => service.startup = Some(probe()),
            // `ready=log` is told when it comes, any other is asked.
            "ready" if value == "log" => {
                let pattern = "listening".to_owned();
                let target = spec::ProbeTarget::Log { pattern };
                service.ready = Some(spec::Probe { target, ..probe() });
            }
            // `check` is asked of a container's daemon, for both, and has the time that this takes.
            "check" => {
                let target = spec::ProbeTarget::Check;
                let probe = spec::Probe {
                    target,
                    fail: 1,
                    ..probe()
                };
                (service.ready, service.health) = (Some(probe.clone()), Some(probe));
                service.ready_as_check = true;
            }
            "ready" => service.ready = Some(probe()),
            "always" => service.ready_always = true,
            "health" => service.health = Some(probe()),
            "within" => service.ready_within = duration(value),
            "every" => probed(&mut service, &|probe| probe.every = duration(value)),
            "fail" => probed(&mut service, &|probe| probe.fail = value.parse().unwrap()),
            "pass" => probed(&mut service, &|probe| probe.pass = value.parse().unwrap()),
            "degraded" => {
                probed(&mut service, &|probe| {
                    probe.degraded_above = Some(duration(value))
                });
            }
            "errors" => {
                probed(&mut service, &|probe| {
                    probe.degraded_errors = Some(value.parse().unwrap())
                });
            }
            "replicas" => service.replicas = value.parse().unwrap(),
            "most" => service.max_replicas = Some(value.parse().unwrap()),
            "cpu" => service.limits.cpu = Some(value.parse().unwrap()),
            "port" => service.port = Some(value.parse().unwrap()),
            "env" => {
                service.env.insert("WORD".to_owned(), text(value));
            }
            "image" => {
                let image = Some(value.to_owned());
                service.runs = spec::Runs::Container(Box::new(spec::Container {
                    image,
                    ..spec::Container::default()
                }));
            }
            "on" => {
                let spec::Runs::Container(container) = &mut service.runs else {
                    panic!("only a container is on a network")
                };
                let network = spec::container::Attachment::to(value);
                container.networks.push(network);
            }
            "run" => service.runs = spec::Run::Shell(text(value)).into(),
            "refers" => {
                let port = spec::TemplatePart::Port(value.parse().unwrap());
                service
                    .env
                    .insert("URL".to_owned(), spec::Template(vec![port]));
            }
            "before" => service.before_start = Some(hook(value)),
            "after" => service.after_ready = Some(hook(value)),
            "secret" => {
                let secret = spec::Secret::File(format!("secrets/{value}"));
                service.secrets.insert(value.to_owned(), secret);
            }
            "heal" => service.heal = spec::Heal::default(),
            "ladder" => service.heal.ladder = value.split(',').map(rung).collect(),
            "circuit" => service.heal.circuit = value.parse().ok(),
            "settle" => service.heal.settle = duration(value),
            "budget" => {
                let (count, per) = value.split_once('/').unwrap();
                service.heal.budget = spec::Budget {
                    count: count.parse().unwrap(),
                    per: duration(per),
                };
            }
            "reset" => service.heal.backoff.reset_after = duration(value),
            "profiles" => service.profiles = value.split(',').map(str::to_owned).collect(),
            "success" => {
                service.success = value.split(',').map(|code| code.parse().unwrap()).collect();
            }
            // `cron=30_2_*_*_*`, `interval=15m`, `zone=Europe/Berlin` and `onstart`.
            "cron" => schedule(&mut service, spec::Times::Cron(value.replace('_', " "))),
            "interval" => schedule(&mut service, spec::Times::Every(duration(value))),
            "zone" => {
                let schedule = service.schedule.as_mut().unwrap();
                schedule.timezone = Some(value.to_owned());
            }
            "onstart" => service.schedule.as_mut().unwrap().run_on_start = true,
            "tty" => service.tty = true,
            "unhealed" => service.heal.enabled = false,
            "protected" => service.protected = true,
            "stopwith" => service.stop.command = Some(spec::Run::Direct(vec![text(value)])),
            "signal" => service.stop.signal = Some(spec::StopSignal::Int),
            other => panic!("unknown key {other}"),
        }
    }
    (name, service)
}

fn schedule(service: &mut spec::Service, times: spec::Times) {
    service.schedule = Some(spec::Schedule {
        times,
        timezone: None,
        run_on_start: false,
    });
}

fn hook(run: &str) -> spec::Hook {
    spec::Hook {
        run: spec::Run::Shell(text(run)),
        timeout: Duration::from_secs(60),
    }
}

fn need(text: &str) -> spec::Need {
    let mut words = text.split('+');
    let mut need = spec::Need::from(words.next().unwrap().parse::<model::ServiceName>().unwrap());
    for word in words {
        match word {
            "restart" => need.restart = true,
            "optional" => need.required = false,
            word => {
                let until = model::Until::ALL
                    .into_iter()
                    .find(|one| one.as_str() == word);
                need.until = until.unwrap();
            }
        }
    }
    need
}

/// `restart`, `restart*3`.
/// `restart*3@60s`: three times, each after a minute.
fn rung(text: &str) -> spec::Rung {
    let (text, after) = match text.split_once('@') {
        Some((text, after)) => (text, vec![duration(after)]),
        None => (text, Vec::new()),
    };
    let (word, times) = match text.split_once('*') {
        Some((word, times)) => (word, Some(times.parse().unwrap())),
        None => (text, None),
    };
    let remedy = match word {
        "restart" => RemedyKind::Restart,
        "graceful-restart" => RemedyKind::GracefulRestart,
        "restart-needs" => RemedyKind::RestartNeeds,
        "rollback" => RemedyKind::Rollback,
        "quarantine" => RemedyKind::Quarantine,
        other => panic!("unknown remedy {other}"),
    };
    spec::Rung {
        times,
        after,
        ..spec::Rung::from(remedy)
    }
}

/// The cluster of these services.
pub(crate) fn cluster(
    services: impl IntoIterator<Item = (model::ServiceName, spec::Service)>,
) -> spec::Cluster {
    spec::Cluster {
        name: "shop".parse().unwrap(),
        services: services.into_iter().collect(),
        env_files: Vec::new(),
        files: BTreeMap::new(),
        heal_at_once: spec::AtOnce::default(),
        security: spec::Escalations::default(),
        autonomy: model::Autonomy::default(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        said_in: spec::SaidIn::default(),
        contents: BTreeMap::new(),
    }
}

/// The ports every instance of a service that has one gets: the preferred one and those after it.
pub(crate) fn ports(definition: &spec::Cluster) -> BTreeMap<InstanceId, Vec<u16>> {
    let mut ports = BTreeMap::new();
    for (name, service) in &definition.services {
        if let Some(port) = service.port {
            for index in 0..service.replicas {
                ports.insert(InstanceId::new(name.clone(), index), vec![port + index]);
            }
        }
    }
    ports
}
