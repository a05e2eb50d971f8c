//! `docs/events.md` tells every event there is, with its fields, and no other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{
    Act, ActId, Actor, Approval, ApprovalId, ApprovalState, Endpoint, EventKind, ExitStatus,
    Finding, FindingKind, Generation, Incident, IncidentId, IncidentState, Outcome, Reason, State,
    Target, Threat, ThreatKind, ThreatLevel, Timestamp, Verb,
};
use std::collections::BTreeMap;

/// One of each kind. [`EventKind::name`] does not compile without every kind; a kind that is missing
/// here is one that the page has and this has not.
fn one_of_each() -> Vec<EventKind> {
    let instance = || "db.0".parse().unwrap();
    let generation = Generation(1);
    let incident = Incident {
        id: IncidentId(1),
        cluster: "shop-1".parse().unwrap(),
        service: "db".parse().unwrap(),
        instance: instance(),
        state: IncidentState::Open,
        cause: String::new(),
        impacted: Vec::new(),
        actions: Vec::new(),
        opened: Timestamp(0),
        resolved: None,
        duration_ms: None,
        began: None,
        began_by: None,
        detect_ms: None,
        waits: None,
        person: false,
        entries: 0,
        unlisted: Vec::new(),
    };
    let act = Act {
        id: ActId(1),
        at: Timestamp(0),
        actor: Actor::healer(),
        verb: Verb::Restart,
        target: Target::default(),
        reason: String::new(),
        outcome: Outcome::Pending,
        decision: None,
    };
    let approval = Approval {
        id: ApprovalId(1),
        at: Timestamp(0),
        until: Timestamp(1),
        actor: Actor::person("cli"),
        name: String::new(),
        verb: Verb::Stop,
        target: Target::default(),
        details: String::new(),
        reason: String::new(),
        consequences: Vec::new(),
        rules: Vec::new(),
        set: String::new(),
        needed: 1,
        given: Vec::new(),
        state: ApprovalState::Waiting,
    };
    vec![
        EventKind::EngineStarted { pid: 1, adopted: 0 },
        EventKind::EngineStopped { left_running: true },
        EventKind::StateChanged {
            instance: instance(),
            generation,
            from: State::Waiting,
            to: State::Starting,
            reason: Reason::new(""),
        },
        EventKind::Started {
            instance: instance(),
            generation,
            pid: 1,
        },
        EventKind::Exited {
            instance: instance(),
            generation,
            status: ExitStatus::Code(0),
        },
        EventKind::Adopted {
            instance: instance(),
            generation,
            pid: 1,
        },
        EventKind::PortMoved {
            instance: instance(),
            wanted: 1,
            got: 2,
            holder: String::new(),
        },
        EventKind::Undeclared {
            service: "api".parse().unwrap(),
            need: "db".parse().unwrap(),
            at: Endpoint::Tcp { port: 1 },
        },
        EventKind::Threat {
            threat: Box::new(Threat {
                id: String::new(),
                kind: ThreatKind::Exposed,
                level: ThreatLevel::High,
                cluster: None,
                service: None,
                instance: None,
                what: String::new(),
                evidence: vec![],
                todo: String::new(),
                since: Timestamp(0),
                answer: None,
            }),
            over: false,
        },
        EventKind::Finding {
            finding: Finding {
                instance: instance(),
                kind: FindingKind::MemoryGrows,
                text: String::new(),
                opened: Timestamp(0),
                updated: Timestamp(0),
                closed: None,
            },
        },
        EventKind::Scaled {
            service: "api".parse().unwrap(),
            before: 1,
            replicas: 2,
            why: String::new(),
        },
        EventKind::SystemReady {
            services: 1,
            took_ms: 1,
        },
        EventKind::ServiceHealed {
            incident: IncidentId(1),
            service: "db".parse().unwrap(),
            instance: instance(),
            cause: String::new(),
            remedies: 1,
            took_ms: 1,
        },
        EventKind::EmergencyShutdown {
            reason: String::new(),
            ended: None,
            left: None,
            took_ms: None,
        },
        EventKind::Incident {
            incident: Box::new(incident),
        },
        EventKind::Act { act: Box::new(act) },
        EventKind::Approval {
            approval: Box::new(approval),
        },
        EventKind::RulesAlarm {
            text: String::new(),
        },
        EventKind::Notice {
            text: String::new(),
        },
    ]
}

/// The words in backquotes of a cell.
fn quoted(cell: &str) -> Vec<String> {
    let mut words: Vec<String> = cell
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    words.sort();
    words
}

#[test]
fn the_page_and_the_code_tell_the_same_events() {
    let page = include_str!("../../../docs/events.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let told: BTreeMap<String, Vec<String>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            assert_eq!(cells.len(), 3, "{row}");
            (quoted(cells[0]).remove(0), quoted(cells[2]))
        })
        .collect();
    let known: BTreeMap<String, Vec<String>> = one_of_each()
        .into_iter()
        .map(|what| {
            let json = serde_json::to_value(&what).unwrap();
            assert_eq!(json["kind"], what.name(), "{json}");
            let fields = json.as_object().unwrap().keys();
            let fields = fields.filter(|field| *field != "kind").cloned();
            let mut fields: Vec<String> = fields.collect();
            // Some crates of the workspace ask serde_json to keep the order in which they are written.
            fields.sort();
            (what.name().to_owned(), fields)
        })
        .collect();
    assert_eq!(told, known);
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let mut listed = EventKind::NAMES;
    listed.sort();
    assert_eq!(listed, names[..]);
}

#[test]
fn every_kind_is_among_them() {
    let declared = <EventKind as ts_rs::TS>::decl(&ts_rs::Config::default());
    let kinds = declared.matches("\"kind\": ").count();
    assert_eq!(one_of_each().len(), kinds, "{declared}");
}
