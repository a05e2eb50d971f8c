//! What runs: where it listens, which programs it is, and where its secrets stand.

use super::{About, Words};
use crate::facts::{Cluster, Defined, Instance, Program, Shim, Variable};
use crate::monitor::Memory;
use crate::secret::Kind;
use model::{Threat, ThreatKind as K, ThreatLevel as L, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Names and places that are told of one threat.
const NAMED: usize = 10;

/// All of one cluster.
pub(super) fn cluster(cluster: &Cluster, memory: &Memory, at: Timestamp, found: &mut Vec<Threat>) {
    definition(cluster, at, found);
    variables(cluster, at, found);
    for one in &cluster.instances {
        listeners(cluster, one, memory, at, found);
        program(cluster, one, at, found);
        arguments(cluster, one, at, found);
        log(cluster, one, memory, at, found);
        shim(cluster, one, at, found);
    }
}

fn definition(cluster: &Cluster, at: Timestamp, found: &mut Vec<Threat>) {
    let name = &cluster.name;
    let (what, evidence, todo) = match &cluster.defined {
        Defined::Unknown | Defined::Same => return,
        Defined::Differs(services) => (
            format!("the definition of {name} on disk is not the one that runs"),
            listed(services.iter().cloned()),
            "if you have edited it, `azora up` applies it; if not, see who has changed the file",
        ),
        Defined::Unreadable(why) => (
            format!("the definition of {name} on disk cannot be read any more"),
            vec![why.clone()],
            "mend the file, or put it back: what runs goes on with the one that was read before",
        ),
    };
    let words = Words {
        what,
        evidence,
        todo: todo.to_owned(),
    };
    let about = About::cluster(Some(&cluster.id));
    found.push(about.threat((K::DefinitionChanged, L::Low), "", at, words));
}

/// One for each variable: an environment of a cluster is that of all its services.
fn variables(cluster: &Cluster, at: Timestamp, found: &mut Vec<Threat>) {
    let mut by_variable: BTreeMap<&Variable, BTreeSet<String>> = BTreeMap::new();
    for one in &cluster.instances {
        for variable in &one.variables {
            let services = by_variable.entry(variable).or_default();
            services.insert(one.id.service.to_string());
        }
    }
    for (variable, services) in by_variable {
        let Variable { name, from, .. } = variable;
        let count = services.len();
        let whose = match (services.first(), count) {
            (Some(only), 1) => only.clone(),
            _ => format!("{count} services"),
        };
        let mut evidence = vec![format!("{name} from {from}: {}", variable.kind)];
        evidence.push(format!("got by {}", listed(services).join(", ")));
        let (level, todo) = match variable.inherited {
            true => (
                L::Low,
                format!(
                    "unset {name} where you run `azora up`, if no service needs it: each of them got it from the terminal"
                ),
            ),
            false => (
                L::Medium,
                format!(
                    "take it out of the file, and say where it is to be read: `secrets = {{ {name} = {{ file = \"…\" }} }}`; then give it a new value"
                ),
            ),
        };
        let words = Words {
            what: format!("{name} of {whose} is a secret in plain text"),
            evidence,
            todo,
        };
        let about = About::cluster(Some(&cluster.id));
        let which = format!("{name}:{from}");
        found.push(about.threat((K::SecretInEnvironment, level), &which, at, words));
    }
}

fn listeners(
    cluster: &Cluster,
    one: &Instance,
    memory: &Memory,
    at: Timestamp,
    found: &mut Vec<Threat>,
) {
    let settled = memory.settled(&cluster.id, one);
    for address in one.listeners.iter().flatten() {
        let own = one.ports.contains(&address.port());
        let (kind, level, what, todo) = match (others_reach(address), own) {
            (true, false) => (
                K::Exposed,
                L::High,
                format!("{} answers other machines at {address}, which its definition does not say", one.id),
                "let it listen on 127.0.0.1; if it is not meant to listen there at all, stop it and find out what it runs".to_owned(),
            ),
            (true, true) => (
                K::Reachable,
                L::Low,
                format!("{} answers other machines on its port {}", one.id, address.port()),
                "let it listen on $HOST, which is 127.0.0.1, unless others are meant to reach it".to_owned(),
            ),
            (false, false) if settled.is_some_and(|known| !known.contains(address)) => (
                K::NewListener,
                L::Low,
                format!("{} began to listen on {address} after it had settled", one.id),
                "see what opened it: a debugger does; `azora restart` takes what is there then as usual".to_owned(),
            ),
            (false, _) => continue,
        };
        let ports: Vec<String> = one.ports.iter().map(ToString::to_string).collect();
        let given = match ports.as_slice() {
            [] => "its definition gives it no port".to_owned(),
            ports => format!("its definition gives it port {}", ports.join(", ")),
        };
        let words = Words {
            what,
            evidence: vec![
                format!(
                    "pid {} or one below it holds a socket at {address}",
                    one.pid
                ),
                given,
            ],
            todo,
        };
        let about = About::instance(&cluster.id, &one.id);
        found.push(about.threat((kind, level), &address.to_string(), at, words));
    }
}

/// Somebody on another machine may.
fn others_reach(address: &SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

fn program(cluster: &Cluster, one: &Instance, at: Timestamp, found: &mut Vec<Threat>) {
    let id = &one.id;
    let mut push = |kind, level, which: &str, what: String, evidence, todo: &str| {
        let words = Words {
            what,
            evidence,
            todo: todo.to_owned(),
        };
        let about = About::instance(&cluster.id, id);
        found.push(about.threat((kind, level), which, at, words));
    };
    let runs = format!("pid {} runs what was there when it was started", one.pid);
    match &one.program {
        Program::Unknown | Program::Same(_) => {}
        Program::Replaced(path) => push(
            K::ProgramReplaced,
            L::Low,
            path,
            format!("{id} runs another program than the one that is at {path} now"),
            vec![runs],
            "if you have built it anew, `azora restart` runs it; if not, see who has replaced it",
        ),
        Program::Deleted(path) => push(
            K::ProgramDeleted,
            L::Medium,
            path,
            format!("{id} runs a program that is not at {path} any more"),
            vec![runs],
            "put the program back and restart the service, or stop it: what it runs cannot be looked at",
        ),
        Program::InMemory(name) => push(
            K::ProgramInMemory,
            L::High,
            name,
            format!("{id} runs a program that never was on disk"),
            vec![format!("pid {} runs {name}", one.pid)],
            "find out what started it: programs hide in memory; stop the service unless you know it",
        ),
    }
    if let Some(script) = one.script.as_ref().filter(|script| script.changed) {
        push(
            K::ScriptChanged,
            L::Low,
            &script.path,
            format!("{} was changed after {id} was started", script.path),
            vec![format!("its `run` names {}", script.path)],
            "if you have edited it, `azora restart` runs it; if not, see who has changed it",
        );
    }
}

fn arguments(cluster: &Cluster, one: &Instance, at: Timestamp, found: &mut Vec<Threat>) {
    if one.arguments.is_empty() {
        return;
    }
    let each = one.arguments.iter();
    let each = each.map(|(pid, n, kind)| format!("argument {n} of pid {pid}: {kind}"));
    let words = Words {
        what: format!(
            "{} has a secret among its arguments, which every user of this machine can read",
            one.id
        ),
        evidence: listed(each),
        todo: "hand it over by a variable of `secrets`, or by a file; then give it a new value"
            .to_owned(),
    };
    let about = About::instance(&cluster.id, &one.id);
    found.push(about.threat((K::SecretInArguments, L::High), "", at, words));
}

fn log(cluster: &Cluster, one: &Instance, memory: &Memory, at: Timestamp, found: &mut Vec<Threat>) {
    let Some(written) = memory.written(&cluster.id, one) else {
        return;
    };
    let kinds: BTreeSet<Kind> = written.lines.iter().map(|line| line.kind).collect();
    let mut evidence = listed(kinds.iter().map(ToString::to_string));
    let places = written.lines.iter().map(|line| line.offset.to_string());
    evidence.push(format!(
        "{} of its lines since it was started, at bytes {}",
        written.count,
        listed(places).join(", ")
    ));
    let words = Words {
        what: format!("{} writes secrets to its log", one.id),
        evidence,
        todo: "keep the program from printing it and restart the service; then give the secret a new value: what was \
               written stays in the log until that is cut"
            .to_owned(),
    };
    let about = About::instance(&cluster.id, &one.id);
    found.push(about.threat((K::SecretInLog, L::Medium), "", at, words));
}

fn shim(cluster: &Cluster, one: &Instance, at: Timestamp, found: &mut Vec<Threat>) {
    if one.shim != Shim::Other {
        return;
    }
    let words = Words {
        what: format!(
            "{} is kept by an azora-shim of another build than the one that is installed",
            one.id
        ),
        evidence: vec![format!("the shim of pid {}", one.pid)],
        todo: "`azora restart` puts it under the one that is installed".to_owned(),
    };
    let about = About::instance(&cluster.id, &one.id);
    found.push(about.threat((K::OtherPart, L::Low), "", at, words));
}

/// The first few, and how many more there are.
fn listed(all: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all = all.into_iter();
    let mut listed: Vec<String> = all.by_ref().take(NAMED).collect();
    match all.count() {
        0 => {}
        more => listed.push(format!("and {more} more")),
    }
    listed
}
