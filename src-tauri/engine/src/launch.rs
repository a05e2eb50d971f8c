//! From what a definition says to what the driver and the prober are given: templates resolved,
//! environment complete, folders absolute.

use crate::environment;
use crate::record::ClusterRecord;
use crate::secrets::Secrets;
use driver::{ExecLaunch, HookLaunch, Launch, Layout, Listen};
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
/// share, or the first instance's.
pub(crate) struct Ports<'a> {
    pub(crate) record: &'a ClusterRecord,
    pub(crate) own: &'a InstanceId,
}

impl spec::Lookup for Ports<'_> {
    fn port(&self, service: &ServiceName) -> Option<u16> {
        let first = |id: &InstanceId| self.record.ports.get(id)?.first().copied();
        if *service == self.own.service {
            return first(self.own);
        }
        let shared = self.record.shared_port(service);
        shared.or_else(|| first(&InstanceId::new(service.clone(), 0)))
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

/// What a probe of this instance asks, and how long it may take. `None` when it has no such probe.
pub(crate) fn probe(
    record: &ClusterRecord,
    places: Places<'_>,
    instance: &InstanceId,
    generation: Generation,
    kind: ProbeKind,
    secrets: &Secrets,
    hear: impl FnOnce(&spec::ProbeTarget, Option<u16>) -> Option<Heard>,
) -> Option<(Target, std::time::Duration)> {
    let service = record.definition.services.get(&instance.service)?;
    let probe = match kind {
        ProbeKind::Startup => service.startup.as_ref()?,
        ProbeKind::Ready => service.ready.as_ref().or(service.health.as_ref())?,
        ProbeKind::Health => service.health.as_ref()?,
    };
    let ports = Ports {
        record,
        own: instance,
    };
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
        // Only containers have one.
        spec::ProbeTarget::Check => return None,
        spec::ProbeTarget::Exec { run } => Target::Exec {
            launch: ExecLaunch {
                argv: argv(record, instance, run),
                cwd: folder(record, service),
                env: environment_with(record, places, instance, service, secrets),
                user: service.user.clone(),
            },
            key: match kind {
                ProbeKind::Startup => "startup.exec",
                ProbeKind::Ready if service.ready.is_some() => "ready.exec",
                ProbeKind::Ready | ProbeKind::Health => "health.exec",
            },
        },
    };
    Some((target, probe.timeout))
}

pub(crate) fn argv(record: &ClusterRecord, instance: &InstanceId, run: &spec::Run) -> Vec<String> {
    let ports = Ports {
        record,
        own: instance,
    };
    match run {
        spec::Run::Direct(words) => words.iter().map(|word| word.resolve(&ports)).collect(),
        spec::Run::Shell(text) => vec!["sh".into(), "-c".into(), text.resolve(&ports)],
    }
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
    Some(HookLaunch {
        cluster: record.id.clone(),
        instance: instance.clone(),
        generation,
        name,
        exec: ExecLaunch {
            argv: argv(record, instance, &hook.run),
            cwd: folder(record, service),
            env: environment_with(record, places, instance, service, secrets),
            user: service.user.clone(),
        },
        limits: service.limits,
        timeout: hook.timeout,
    })
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
