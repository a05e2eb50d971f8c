//! What would mend a weakness: the line a person would write, and the same done to the definition.

use crate::weak::{Proposal, Weakness, WeaknessKind};
use crate::world::{Service, World};
use model::{RemedyKind, ServiceName, Until};
use spec::{Probe, ProbeTarget, Template};
use std::collections::BTreeMap;
use std::time::Duration;

/// The waits, budget and ladder of a definition that says nothing of them.
const STEPS: [u64; 7] = [0, 0, 1, 5, 15, 30, 60];
pub(crate) const BUDGET: u32 = 9;
pub(crate) const BUDGET_PER: Duration = Duration::from_secs(1_800);
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);

/// A probe with the times and counts of a definition that says nothing of them.
fn usual(target: ProbeTarget) -> Probe {
    Probe {
        target,
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        fail: 3,
        pass: 1,
        degraded_above: None,
        degraded_errors: None,
    }
}

fn http() -> ProbeTarget {
    ProbeTarget::Http {
        path: Template::text("/health"),
        port: None,
        terms: None,
    }
}

/// The table and line that mend it. An empty line: nothing can be proposed.
pub(crate) fn proposal(
    world: &World,
    it: &Service,
    kind: WeaknessKind,
    other: Option<&ServiceName>,
) -> (String, String) {
    let name = &it.name;
    let defined = &it.defined;
    let has_port = defined.port.is_some();
    let listens = defined.listen.is_some();
    let own = format!("service.{name}");
    let heal = format!("service.{name}.heal");
    let within = defined.ready_within;
    let health = |change: fn(&mut Probe)| match &defined.health {
        Some(known) => {
            let mut probe = known.clone();
            change(&mut probe);
            // That of `ready` counts when there is one.
            probe_line("health", &probe, within, !asks_apart(defined))
        }
        None => probe_line("health", &usual(http()), within, false),
    };
    let line = match kind {
        WeaknessKind::NoReadiness if !has_port => String::new(),
        WeaknessKind::NoReadiness if listens => probe_line("ready", &usual(http()), within, true),
        WeaknessKind::NoReadiness => probe_line(
            "ready",
            &usual(ProbeTarget::Tcp { port: None }),
            within,
            true,
        ),
        WeaknessKind::NoHealth | WeaknessKind::ShallowHealth if !has_port => String::new(),
        WeaknessKind::NoHealth
        | WeaknessKind::ShallowHealth
        | WeaknessKind::SlowHealth
        | WeaknessKind::TouchyHealth
        | WeaknessKind::ShortTimeout => health(match kind {
            WeaknessKind::SlowHealth => often,
            WeaknessKind::TouchyHealth => patiently,
            WeaknessKind::ShortTimeout => for_a_second,
            _ => deeply,
        }),
        WeaknessKind::ShortPatience => match &defined.ready {
            Some(probe) if asks_apart(defined) => probe_line("ready", probe, READY_WITHIN, true),
            _ => defined.health.as_ref().map_or_else(String::new, |probe| {
                probe_line("health", probe, READY_WITHIN, true)
            }),
        },
        WeaknessKind::SmallBudget => return (heal, "budget = \"9 per 30m\"".to_owned()),
        WeaknessKind::LongBackoff => {
            let steps = STEPS.map(|step| format!("\"{step}s\"")).join(", ");
            return (heal, format!("backoff = [{steps}]"));
        }
        WeaknessKind::Protected => String::new(),
        WeaknessKind::NoHealing if !defined.heal.enabled => {
            return (heal, "enabled = true".to_owned());
        }
        WeaknessKind::NoHealing if defined.heal.budget.count == 0 => {
            return (heal, "budget = \"9 per 30m\"".to_owned());
        }
        WeaknessKind::NoHealing => {
            return (
                heal,
                "ladder = [\"restart\", \"restart-needs\", \"quarantine\"]".to_owned(),
            );
        }
        WeaknessKind::UndeclaredNeed | WeaknessKind::NeedWithoutRestart => {
            let mut needs = defined.needs.clone();
            let mut there = false;
            for need in &mut needs {
                let mended = Some(&need.service) == other;
                there |= mended;
                need.restart |= mended;
            }
            if let Some(other) = other.filter(|_| !there) {
                if closes_a_cycle(world, it, other) {
                    return (own, String::new());
                }
                needs.push(other.clone().into());
            }
            needs_line(&needs)
        }
    };
    (own, line)
}

fn needs_line(needs: &[spec::Need]) -> String {
    let written = needs.iter().map(|need| {
        let mut keys = String::new();
        if need.until != Until::default() {
            keys += &format!(", until = \"{}\"", need.until);
        }
        for (key, value, usual) in [
            ("required", need.required, true),
            ("restart", need.restart, false),
        ] {
            if value != usual {
                keys += &format!(", {key} = {value}");
            }
        }
        match keys.is_empty() {
            true => format!("\"{}\"", need.service),
            false => format!("{{ service = \"{}\"{keys} }}", need.service),
        }
    });
    format!("needs = [{}]", written.collect::<Vec<_>>().join(", "))
}

/// What is proposed for several weaknesses of a service may be the same key, which is written once:
/// then each proposes that key as it is when all is `mended`, and following one takes back no other.
pub(crate) fn together(mended: &spec::Cluster, weaknesses: &mut [Weakness]) {
    fn key(proposal: &Proposal) -> &str {
        proposal.line.split(" =").next().unwrap_or_default()
    }
    let mut proposed: BTreeMap<(String, String), u32> = BTreeMap::new();
    for proposal in weaknesses.iter().filter_map(|one| one.proposal.as_ref()) {
        let place = (proposal.table.clone(), key(proposal).to_owned());
        *proposed.entry(place).or_default() += 1;
    }
    for weakness in weaknesses {
        let (Some(proposal), Some(service)) = (
            &mut weakness.proposal,
            mended.services.get(&weakness.service),
        ) else {
            continue;
        };
        let key = key(proposal).to_owned();
        if proposed.get(&(proposal.table.clone(), key.clone())) < Some(&2) {
            continue;
        }
        let within = service.ready_within;
        let whole = match key.as_str() {
            "needs" => Some(needs_line(&service.needs)),
            "health" => service
                .health
                .as_ref()
                .map(|probe| probe_line("health", probe, within, !asks_apart(service))),
            "ready" => service
                .ready
                .as_ref()
                .map(|probe| probe_line("ready", probe, within, true)),
            _ => None,
        };
        proposal.line = whole.unwrap_or_else(|| std::mem::take(&mut proposal.line));
    }
}

/// `other` needs this one already, directly or through others.
fn closes_a_cycle(world: &World, it: &Service, other: &ServiceName) -> bool {
    let mut open: Vec<&ServiceName> = vec![other];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = open.pop() {
        if *name == it.name {
            return true;
        }
        if seen.insert(name)
            && let Some(service) = world.definition.services.get(name)
        {
            open.extend(service.needs.iter().map(|need| &need.service));
        }
    }
    false
}

/// Its readiness is a probe of its own. What says only `health` is asked for that from the start.
fn asks_apart(service: &spec::Service) -> bool {
    service.ready.is_some() && service.ready != service.health
}

/// A probe as a definition writes it, with all in it that is not as usual.
fn probe_line(key: &str, probe: &Probe, within: Duration, counts: bool) -> String {
    let mut parts = Vec::new();
    let (target, port) = match &probe.target {
        ProbeTarget::Http { path, port, terms } => {
            let terms = terms.as_ref().map(ToString::to_string).unwrap_or_default();
            (format!("http = \"{path}\"{terms}"), port.as_ref())
        }
        ProbeTarget::Tcp { port: None } => ("tcp = \"$PORT\"".to_owned(), None),
        ProbeTarget::Tcp { port: Some(port) } => (format!("tcp = \"{port}\""), None),
        ProbeTarget::Grpc { port, service } => {
            let port = port
                .as_ref()
                .map_or("$PORT".to_owned(), ToString::to_string);
            let service = match service.as_str() {
                "" => String::new(),
                service => format!(", service = \"{service}\""),
            };
            (format!("grpc = \"{port}\"{service}"), None)
        }
        ProbeTarget::Exec { run } => (format!("exec = \"{run}\""), None),
        ProbeTarget::Log { pattern } => (format!("log = {pattern:?}"), None),
        ProbeTarget::Check => ("check = true".to_owned(), None),
        ProbeTarget::Notify => ("notify = true".to_owned(), None),
        ProbeTarget::Watchdog | ProbeTarget::Lease => {
            let beat = match probe.target {
                ProbeTarget::Lease => "lease",
                _ => "watchdog",
            };
            // Its time is all there is to say.
            return format!("{key} = {{ {beat} = \"{}\" }}", duration(probe.timeout));
        }
    };
    parts.push(target);
    parts.extend(port.map(|port| format!("port = \"{port}\"")));
    let as_usual = usual(probe.target.clone());
    let mut time = |key: &str, time: Duration, usual: Duration| {
        if time != usual {
            parts.push(format!("{key} = \"{}\"", duration(time)));
        }
    };
    time("every", probe.every, as_usual.every);
    time("timeout", probe.timeout, as_usual.timeout);
    if counts {
        time("within", within, READY_WITHIN);
    }
    time(
        "degraded_above",
        probe.degraded_above.unwrap_or_default(),
        Duration::ZERO,
    );
    if let Some(most) = probe.degraded_errors {
        parts.push(format!("degraded_errors = \"{}%\"", f64::from(most) / 10.0));
    }
    if probe.pass != as_usual.pass {
        parts.push(format!("pass = {}", probe.pass));
    }
    if probe.fail != as_usual.fail {
        parts.push(format!("fail = {}", probe.fail));
    }
    format!("{key} = {{ {} }}", parts.join(", "))
}

/// A duration as a definition writes it.
fn duration(time: Duration) -> String {
    match time.as_millis() {
        millis if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

fn often(probe: &mut Probe) {
    (probe.every, probe.fail) = (Duration::from_secs(5), 3);
}

fn patiently(probe: &mut Probe) {
    probe.fail = 3;
}

fn for_a_second(probe: &mut Probe) {
    probe.timeout = Duration::from_secs(1);
}

fn deeply(probe: &mut Probe) {
    probe.target = http();
}

/// The definition with what is proposed for this weakness done.
pub(crate) fn mend(definition: &mut spec::Cluster, weakness: &Weakness) {
    let other = weakness.other.clone();
    let Some(service) = definition.services.get_mut(&weakness.service) else {
        return;
    };
    let has_port = service.port.is_some();
    let apart = asks_apart(service);
    match weakness.kind {
        WeaknessKind::NoReadiness if service.listen.is_some() => {
            service.ready = Some(usual(http()))
        }
        WeaknessKind::NoReadiness => {
            service.ready = Some(usual(ProbeTarget::Tcp { port: None }));
        }
        WeaknessKind::NoHealth if has_port => service.health = Some(usual(http())),
        WeaknessKind::NoHealth => {}
        WeaknessKind::ShallowHealth => service.health.iter_mut().for_each(deeply),
        WeaknessKind::SlowHealth => service.health.iter_mut().for_each(often),
        WeaknessKind::TouchyHealth => service.health.iter_mut().for_each(patiently),
        WeaknessKind::ShortTimeout => service.health.iter_mut().for_each(for_a_second),
        WeaknessKind::ShortPatience => service.ready_within = READY_WITHIN,
        WeaknessKind::SmallBudget => {
            (service.heal.budget.count, service.heal.budget.per) = (BUDGET, BUDGET_PER);
        }
        WeaknessKind::LongBackoff => {
            service.heal.backoff.steps = STEPS.map(Duration::from_secs).to_vec();
        }
        WeaknessKind::Protected => {}
        WeaknessKind::NoHealing if !service.heal.enabled => service.heal.enabled = true,
        WeaknessKind::NoHealing if service.heal.budget.count == 0 => {
            (service.heal.budget.count, service.heal.budget.per) = (BUDGET, BUDGET_PER);
        }
        WeaknessKind::NoHealing => {
            service.heal.ladder = vec![
                RemedyKind::Restart.into(),
                RemedyKind::RestartNeeds.into(),
                RemedyKind::Quarantine.into(),
            ];
        }
        WeaknessKind::UndeclaredNeed => {
            if let Some(other) = other {
                service.needs.push(other.into());
            }
        }
        WeaknessKind::NeedWithoutRestart => {
            for need in &mut service.needs {
                need.restart |= Some(&need.service) == other.as_ref();
            }
        }
    }
    if !apart && weakness.kind != WeaknessKind::NoReadiness {
        service.ready.clone_from(&service.health);
    }
}
