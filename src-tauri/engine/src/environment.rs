//! The environment of an instance, from all its layers, and where each variable comes from.
//!
//! From the lowest to the highest: the terminal's as recorded by `up`; Azora's defaults; what the
//! definition and its env files say ([`spec::Cluster::variables`]); what Azora sets for every
//! instance. The driver adds the marks by which it finds processes again.

use crate::launch::{Places, Ports};
use crate::record::ClusterRecord;
use crate::secrets::{Source, Wanted};
use model::InstanceId;
use std::collections::BTreeMap;

/// Where services listen.
const HOST: &str = "127.0.0.1";

/// Set unless the environment says otherwise: programs that buffer their output in blocks when it
/// is a file are the commonest cause of an empty log. Python's is the only common runtime that can
/// be told so by a variable.
const UNBUFFERED: [(&str, &str); 1] = [("PYTHONUNBUFFERED", "1")];

/// The origin of what nobody but Azora sets.
pub(crate) const OWN: &str = "azora";
/// The origin of what the terminal has given, where an origin has to be named.
pub(crate) const TERMINAL: &str = "terminal";

/// The environment this program was started with, as far as it is text: what else there is no service can be told
/// by a definition, and no record can hold.
pub(crate) fn inherited() -> BTreeMap<String, String> {
    let all = driver::env::inherited();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// An environment without its secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The variables.
    pub(crate) vars: BTreeMap<String, String>,
    /// Where they come from, and the secrets, too; the terminal's are left out.
    pub(crate) origins: BTreeMap<String, String>,
}

impl Environment {
    fn set(&mut self, name: &str, value: String, origin: &str) {
        self.vars.insert(name.to_owned(), value);
        self.origins.insert(name.to_owned(), origin.to_owned());
    }
}

/// The environment of an instance as `definition` gives it, which may be another one than the
/// recorded.
pub(crate) fn of(
    record: &ClusterRecord,
    definition: &spec::Cluster,
    places: Places<'_>,
    instance: &InstanceId,
    service: &spec::Service,
) -> Environment {
    let port = record.ports.get(instance).and_then(|all| all.first());
    let mut env = Environment {
        vars: record.env.clone(),
        origins: BTreeMap::new(),
    };
    for (name, value) in UNBUFFERED {
        if !env.vars.contains_key(name) {
            env.set(name, value.to_owned(), OWN);
        }
    }
    let path = env
        .vars
        .get("PATH")
        .map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
    let path = format!("{}:{path}", places.programs.display());
    env.set("PATH", path, OWN);
    env.set("HOST", HOST.to_owned(), OWN);
    if let Some(port) = port {
        env.set("PORT", port.to_string(), OWN);
    }
    // Whoever runs the engine may have been told one that is not meant for its services.
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        env.vars.remove(name);
    }
    let below = env.vars.clone();
    let ports = Ports::new(record, instance);
    for (name, variable) in definition.variables(service, &|name| below.get(name).cloned()) {
        let origin = variable.origin.to_string();
        match variable.value {
            spec::Value::Text(value) => env.set(name, value, &origin),
            spec::Value::Template(value) => env.set(name, value.resolve(&ports), &origin),
            spec::Value::Secret(_) => {
                env.vars.remove(name);
                env.origins.insert(name.to_owned(), origin);
            }
        }
    }
    if let Some(watchdog) = service.notifies() {
        let other_user = service.user.is_some();
        let socket = places.layout.notify(&record.id, instance, other_user);
        env.set("NOTIFY_SOCKET", socket, OWN);
        if let Some(within) = watchdog {
            env.set("WATCHDOG_USEC", within.as_micros().to_string(), OWN);
        }
    }
    env.set("AZORA_SERVICE", instance.service.to_string(), OWN);
    env.set("AZORA_INDEX", instance.index.to_string(), OWN);
    env
}

/// The environment of a container: what the definition and its env files say, and nothing of this
/// machine's.
pub(crate) fn of_container(
    record: &ClusterRecord,
    definition: &spec::Cluster,
    instance: &InstanceId,
    service: &spec::Service,
) -> Environment {
    let ports = Ports::new(record, instance);
    let mut env = Environment::default();
    let recorded = |name: &str| record.env.get(name).cloned();
    for (name, variable) in definition.variables(service, &recorded) {
        let origin = variable.origin.to_string();
        match variable.value {
            spec::Value::Text(value) => env.set(name, value, &origin),
            spec::Value::Template(value) => env.set(name, value.resolve(&ports), &origin),
            spec::Value::Secret(_) => {
                env.origins.insert(name.to_owned(), origin);
            }
        }
    }
    env
}

/// The secrets of an instance, and where each is to be read. A command has the service's
/// environment without them, and runs as whoever runs the engine.
pub(crate) fn secrets(
    record: &ClusterRecord,
    definition: &spec::Cluster,
    places: Places<'_>,
    instance: &InstanceId,
    service: &spec::Service,
) -> Wanted {
    if service.secrets.is_empty() {
        return Wanted::default();
    }
    let env = of(record, definition, places, instance, service).vars;
    let source = |secret: &spec::Secret| match secret {
        spec::Secret::File(path) => Source::File {
            named: path.clone(),
            path: record.folder.join(path),
        },
        spec::Secret::Command(run) => Source::Command(driver::ExecLaunch {
            argv: crate::launch::argv_outside(record, instance, run),
            cwd: record.folder.clone(),
            env: env.clone(),
            user: None,
        }),
    };
    let secrets = service.secrets.iter();
    Wanted(
        secrets
            .map(|(name, secret)| (name.clone(), source(secret)))
            .collect(),
    )
}
