//! From what a definition says to what the driver and the prober are given: templates resolved,
//! environment complete, folders absolute.

use crate::environment;
use crate::record::ClusterRecord;
use crate::secrets::Secrets;
use driver::{ExecLaunch, HookLaunch, Launch, Layout, Listen};
use driver_docker::Exec;
use model::{Generation, InstanceId, ProbeKind, ServiceName};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use telemetry::{Target, Terms};
use tokio::sync::watch;
use tokio::time::Instant;

/// The hook before a start, as records and messages name it.
pub(crate) const BEFORE_START: &str = "before_start";
/// The hook after readiness.
pub(crate) const AFTER_READY: &str = "after_ready";

/// Where things are that services are told of.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// The folder of the programs that are installed beside this one.
    pub(crate) programs: &'a Path,
    /// The home.
    pub(crate) layout: &'a Layout,
}

/// What a probe listens to that nobody asks.
pub(crate) enum Heard {
    /// The start that said last that it is ready.
    Ready(watch::Receiver<Option<Generation>>),
    /// When it was last heard of, and what it does to be.
    Beat(watch::Receiver<Option<Instant>>, &'static str),
}

/// What ports an instance sees: its own for its own service; for others the one their instances
/// share, or the first instance's. A container finds others by their names.
pub(crate) struct Ports<'a> {
    record: &'a ClusterRecord,
    own: &'a InstanceId,
    /// As it is seen in its container, if it is one.
    within: bool,
}

impl<'a> Ports<'a> {
    /// As the instance itself sees them.
    pub(crate) fn new(record: &'a ClusterRecord, own: &'a InstanceId) -> Self {
        Self {
            record,
            own,
            within: true,
        }
    }

    /// As what runs for it on this machine sees them.
    fn outside(record: &'a ClusterRecord, own: &'a InstanceId) -> Self {
        Self {
            within: false,
            ..Self::new(record, own)
        }
    }

    fn reached(&self, service: &ServiceName) -> Option<(String, u16)> {
        let port = self.published(service);
        match self.within {
            true => crate::container::reached(self.record, &self.own.service, service, port),
            false => port.map(|port| (spec::HOST.to_owned(), port)),
        }
    }

    fn published(&self, service: &ServiceName) -> Option<u16> {
        if *service == self.own.service {
            return self.record.ports.get(self.own)?.first().copied();
        }
        published(self.record, service)
    }
}

/// The port of 127.0.0.1 at which others find a service.
pub(crate) fn published(record: &ClusterRecord, service: &ServiceName) -> Option<u16> {
    let first = || {
        let ports = record.ports.get(&InstanceId::new(service.clone(), 0))?;
        ports.first().copied()
    };
    record.shared_port(service).or_else(first)
}

impl spec::Lookup for Ports<'_> {
    fn port(&self, service: &ServiceName) -> Option<u16> {
        Some(self.reached(service)?.1)
    }

    fn host(&self, service: &ServiceName) -> String {
        let reached = self.reached(service);
        reached.map_or_else(|| spec::HOST.to_owned(), |(host, _)| host)
    }
}

/// Everything the driver needs to start this instance; `None` when the definition has no such
/// service, or it is a container.
pub(crate) fn launch(
    record: &ClusterRecord,
    places: Places<'_>,
    instance: &InstanceId,
    generation: Generation,
    secrets: &Secrets,
) -> Option<Launch> {
    let service = record.definition.services.get(&instance.service)?;
    let run = service.runs.process()?;
    let ports = record.ports.get(instance).cloned().unwrap_or_default();
    let env = environment::of(record, &record.definition, places, instance, service);
    Some(Launch {
        cluster: record.id.clone(),
        instance: instance.clone(),
        generation,
        argv: argv(record, instance, run),
        cwd: folder(record, service),
        env: env.vars,
        secrets: secrets.0.clone(),
        origins: env.origins,
        user: service.user.clone(),
        listen: listen(service.listen, &ports),
        ports,
        tty: service.tty,
        notify: service.notifies().is_some(),
        limits: service.limits,
        log_keep: service.log.keep,
    })
}

/// The sockets an instance is handed, the one that clients use first: a program that takes one
/// alone serves everybody.
fn listen(listen: Option<spec::Listen>, ports: &[u16]) -> Vec<Listen> {
    let names: &[&'static str] = match listen {
        None => &[],
        Some(spec::Listen::Own) => &["own"],
        Some(spec::Listen::Shared) => &["own", "shared"],
    };
    let sockets = names.iter().zip(ports).rev();
    sockets
        .map(|(&name, &port)| Listen { name, port })
        .collect()
}

/// How the driver is to end this instance. Its command runs like the service itself; one that is no
/// longer defined is ended by the signal.
pub(crate) fn stop(
    record: &ClusterRecord,
    places: Places<'_>,
    instance: &InstanceId,
    stop: spec::Stop,
    secrets: &Secrets,
) -> driver::Stop {
    let service = record.definition.services.get(&instance.service);
    let command = stop.command.as_ref().zip(service);
    driver::Stop {
        command: command.map(|(run, service)| ExecLaunch {
            argv: argv(record, instance, run),
            cwd: folder(record, service),
            env: environment_with(record, places, instance, service, secrets),
            user: service.user.clone(),
        }),
        signal: stop.asked_with(),
        grace: stop.grace,
    }
}

/// Who is asked, and what.
pub(crate) enum Asked {
    /// The service, or what it said.
    Service(Target),
    /// A command in its container, which this key names.
    Within(Exec, &'static str),
    /// The daemon of its container.
    Daemon,
}

/// What a probe of this instance asks, and how long it may take. `None` when it has no such probe.
pub(crate) fn probe(
    record: &ClusterRecord,
    places: Places<'_>,
    instance: &InstanceId,
    generation: Generation,
    kind: ProbeKind,
    secrets: &Secrets,
    hear: impl FnOnce(&spec::ProbeTarget, Option<u16>) -> Option<Heard>,
) -> Option<(Asked, std::time::Duration)> {
    let service = record.definition.services.get(&instance.service)?;
    let probe = match kind {
        ProbeKind::Startup => service.startup.as_ref()?,
        ProbeKind::Ready => service.ready.as_ref().or(service.health.as_ref())?,
        ProbeKind::Health => service.health.as_ref()?,
    };
    let ports = Ports::outside(record, instance);
    let contained = service.runs.container().is_some();
    let own = record
        .ports
        .get(instance)
        .and_then(|all| all.first().copied());
    let port = |template: &Option<spec::Template>| match template {
        Some(template) => {
            let text = template.resolve(&ports);
            match text.trim() {
                "$PORT" | "${PORT}" => own,
                number => number.parse().ok(),
            }
        }
        None => own,
    };
    let target = match &probe.target {
        spec::ProbeTarget::Http {
            path,
            port: other,
            terms,
        } => Target::Http {
            port: port(other)?,
            path: path.resolve(&ports),
            terms: terms.as_ref().map(|terms| {
                let headers = terms.headers.iter();
                let headers = headers.map(|(name, value)| (name.clone(), value.resolve(&ports)));
                let headers = headers.collect();
                let terms = Arc::clone(terms);
                Box::new(Terms { terms, headers })
            }),
        },
        spec::ProbeTarget::Tcp { port: other } => Target::Tcp { port: port(other)? },
        spec::ProbeTarget::Grpc {
            port: other,
            service,
        } => Target::Grpc {
            port: port(other)?,
            service: service.clone(),
        },
        spec::ProbeTarget::Log { pattern } => Target::Line {
            folder: places.layout.logs(&record.id, instance),
            generation,
            pattern: pattern.clone(),
        },
        told @ (spec::ProbeTarget::Notify
        | spec::ProbeTarget::Watchdog
        | spec::ProbeTarget::Lease) => match hear(told, own)? {
            Heard::Ready(said) => Target::Ready { said, generation },
            Heard::Beat(heard, does) => Target::Beat {
                heard,
                does,
                every: probe.every,
            },
        },
        spec::ProbeTarget::Check => return Some((Asked::Daemon, probe.timeout)),
        spec::ProbeTarget::Exec { run } => {
            let key = match kind {
                ProbeKind::Startup => "startup.exec",
                ProbeKind::Ready if service.ready.is_some() => "ready.exec",
                ProbeKind::Ready | ProbeKind::Health => "health.exec",
            };
            let argv = argv(record, instance, run);
            if contained {
                let exec = within(argv);
                return Some((Asked::Within(exec, key), probe.timeout));
            }
            Target::Exec {
                launch: ExecLaunch {
                    argv,
                    cwd: folder(record, service),
                    env: environment_with(record, places, instance, service, secrets),
                    user: service.user.clone(),
                },
                key,
            }
        }
    };
    Some((Asked::Service(target), probe.timeout))
}

/// A command that is run in a container, which has its environment.
fn within(argv: Vec<String>) -> Exec {
    Exec {
        argv,
        ..Exec::default()
    }
}

/// A command of the service's own, in its container if it is one.
pub(crate) fn argv(record: &ClusterRecord, instance: &InstanceId, run: &spec::Run) -> Vec<String> {
    resolved(run, &Ports::new(record, instance))
}

/// A command that runs on this machine, whatever the service is.
pub(crate) fn argv_outside(
    record: &ClusterRecord,
    instance: &InstanceId,
    run: &spec::Run,
) -> Vec<String> {
    resolved(run, &Ports::outside(record, instance))
}

fn resolved(run: &spec::Run, ports: &Ports<'_>) -> Vec<String> {
    match run {
        spec::Run::Direct(all) => words(all, ports),
        spec::Run::Shell(text) => vec!["sh".into(), "-c".into(), text.resolve(ports)],
    }
}

/// Words of a command with all references resolved.
pub(crate) fn words(words: &[spec::Template], ports: &Ports<'_>) -> Vec<String> {
    words.iter().map(|word| word.resolve(ports)).collect()
}

fn folder(record: &ClusterRecord, service: &spec::Service) -> PathBuf {
    // Joining an absolute path replaces the folder, an empty one changes nothing.
    if service.cwd.is_empty() {
        record.folder.clone()
    } else {
        record.folder.join(&service.cwd)
    }
}

/// A service's environment with its secrets, for what runs beside it.
fn environment_with(
    record: &ClusterRecord,
    places: Places<'_>,
    instance: &InstanceId,
    service: &spec::Service,
    secrets: &Secrets,
) -> BTreeMap<String, String> {
    let mut env = environment::of(record, &record.definition, places, instance, service).vars;
    for (name, secret) in &secrets.0 {
        env.insert(name.clone(), secret.reveal().to_owned());
    }
    // What it says there is the service's to say.
    env.remove("NOTIFY_SOCKET");
    env.remove("WATCHDOG_USEC");
    env
}

/// A hook of an instance, ready to run.
pub(crate) fn hook(
    record: &ClusterRecord,
    places: Places<'_>,
    instance: &InstanceId,
    generation: Generation,
    name: &'static str,
    secrets: &Secrets,
) -> Option<HookLaunch> {
    let service = record.definition.services.get(&instance.service)?;
    let hook = match name {
        BEFORE_START => service.before_start.as_ref()?,
        _ => service.after_ready.as_ref()?,
    };
    // There is no container yet, and its user is nobody here.
    let contained = service.runs.container().is_some();
    let argv = match contained {
        true => argv_outside(record, instance, &hook.run),
        false => argv(record, instance, &hook.run),
    };
    Some(HookLaunch {
        cluster: record.id.clone(),
        instance: instance.clone(),
        generation,
        name,
        exec: ExecLaunch {
            argv,
            cwd: folder(record, service),
            env: environment_with(record, places, instance, service, secrets),
            user: service.user.clone().filter(|_| !contained),
        },
        limits: service.limits,
        timeout: hook.timeout,
    })
}

/// What follows the readiness of a container runs in it: the command, and how long it may take.
pub(crate) fn greeting(
    record: &ClusterRecord,
    instance: &InstanceId,
) -> Option<(Exec, std::time::Duration)> {
    let service = record.definition.services.get(&instance.service)?;
    let hook = service.after_ready.as_ref()?;
    service.runs.container()?;
    let exec = within(argv(record, instance, &hook.run));
    Some((exec, hook.timeout))
}

/// The commands a definition would execute, one line a service, for a person to read.
pub(crate) fn commands(definition: &spec::Cluster) -> Vec<String> {
    definition
        .services
        .iter()
        .map(|(name, service)| format!("{name}: {}", written(&service.runs)))
        .collect()
}

/// A command as a person would write it, references unresolved.
pub(crate) fn written(runs: &spec::Runs) -> String {
    match runs {
        spec::Runs::Container(container) => container.to_string(),
        spec::Runs::Process(spec::Run::Direct(words)) => {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            words.join(" ")
        }
        spec::Runs::Process(spec::Run::Shell(text)) => text.to_string(),
    }
}
