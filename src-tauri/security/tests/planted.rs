//! Planted faults: each is found at the next look with the right level, is told once, says what to do, and is gone when
//! it was mended. What a look finds of a machine in order is nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{
    Generation, InstanceId, LedgerIntegrity, Threat, ThreatKind as K, ThreatLevel as L, Timestamp,
};
use security::{
    Audit, BURST, Cluster, Defined, Facts, File, FileRole, GUESSES, Instance, Ledger, LogSecret,
    Monitor, Part, Policy, Program, Refused, RefusedAt, SETTLED_MS, Script, Shim, Variable, secret,
};
use std::net::SocketAddr;

const ME: u32 = 1_000;
/// Between two looks.
const LOOK_MS: i64 = 30_000;

fn kind() -> secret::Kind {
    secret::Kind::NAMED
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn instance(service: &str, port: u16) -> Instance {
    Instance {
        id: InstanceId::new(service.parse().unwrap(), 0),
        generation: Generation(1),
        pid: 4_000 + u32::from(port),
        age_ms: 10 * SETTLED_MS,
        ports: vec![port],
        listeners: Some([address(&format!("127.0.0.1:{port}"))].into()),
        program: Program::Same("/home/ada/shop/bin/api".into()),
        script: None,
        variables: Vec::new(),
        arguments: Vec::new(),
        log: Vec::new(),
        shim: Shim::Same,
    }
}

fn file(path: &str, role: FileRole, mode: u32) -> File {
    File {
        path: path.into(),
        role,
        cluster: None,
        mode,
        user: ME,
        group: ME,
        folder: matches!(role, FileRole::Folder | FileRole::Above | FileRole::Home),
    }
}

/// A machine in order.
fn good() -> Facts {
    let files = [
        ("/", FileRole::Above, 0o755),
        ("/tmp", FileRole::Above, 0o1777),
        ("/home/ada", FileRole::Above, 0o755),
        ("/home/ada/shop", FileRole::Folder, 0o775),
        ("/home/ada/shop/azora.toml", FileRole::Definition, 0o664),
        ("/home/ada/shop/.env", FileRole::Definition, 0o600),
        ("/home/ada/shop/db.secret", FileRole::Secret, 0o600),
        ("/home/ada/shop/bin/api", FileRole::Program, 0o755),
        ("/home/ada/.local/state/azora", FileRole::Home, 0o700),
        (
            "/home/ada/.local/state/azora/settings.toml",
            FileRole::Settings,
            0o644,
        ),
        (
            "/home/ada/.local/state/azora/constitution.cedar",
            FileRole::Constitution,
            0o644,
        ),
        ("/home/ada/.local/state/azora/token", FileRole::Key, 0o600),
        ("/usr/bin/azora-shim", FileRole::Part, 0o755),
    ];
    let mut files: Vec<File> = files
        .map(|(path, role, mode)| file(path, role, mode))
        .into();
    for root in [0, 1, 12] {
        (files[root].user, files[root].group) = (0, 0);
    }
    Facts {
        at: Timestamp(1_000_000),
        user: ME,
        group: ME,
        cost_ms: 1.0,
        files,
        clusters: vec![Cluster {
            id: "shop-00000001".parse().unwrap(),
            name: "shop".parse().unwrap(),
            defined: Defined::Same,
            instances: vec![instance("api", 8_080), instance("db", 5_432)],
        }],
        refused: [
            RefusedAt::Page,
            RefusedAt::Token,
            RefusedAt::Registry,
            RefusedAt::Gateway,
            RefusedAt::Door,
        ]
        .map(|at| Refused { at, total: 3 })
        .into(),
        ledger: Ledger {
            integrity: LedgerIntegrity::Whole,
            said: "whole: 12 entries".into(),
            faults: Vec::new(),
        },
        policy: Policy::Whole,
        engine: Program::Same("/usr/bin/azora".into()),
        parts: vec![Part {
            name: "sqlite".into(),
            version: "3.51.3".into(),
        }],
        blind: Vec::new(),
    }
}

fn api(facts: &mut Facts) -> &mut Instance {
    &mut facts.clusters[0].instances[0]
}

fn set(facts: &mut Facts, path: &str, change: impl Fn(&mut File)) {
    let file = facts
        .files
        .iter_mut()
        .find(|file| file.path.ends_with(path));
    change(file.unwrap());
}

type Plant = fn(&mut Facts);

const FOLDER: &str = "/shop";
const DEFINITION: &str = "azora.toml";

#[rustfmt::skip]
const PLANTED: &[(&str, K, L, Plant)] = &[
    ("a listener on all addresses", K::Exposed, L::High, |f| {
        api(f).listeners.as_mut().unwrap().insert(address("0.0.0.0:9000"));
    }),
    ("one on all addresses of IPv6", K::Exposed, L::High, |f| {
        api(f).listeners.as_mut().unwrap().insert(address("[::]:9000"));
    }),
    ("one on the address of a network card", K::Exposed, L::High, |f| {
        api(f).listeners.as_mut().unwrap().insert(address("192.168.1.7:9000"));
    }),
    ("its own port on all addresses", K::Reachable, L::Low, |f| {
        api(f).listeners = Some([address("0.0.0.0:8080")].into());
    }),
    ("a new one on loopback", K::NewListener, L::Low, |f| {
        api(f).listeners.as_mut().unwrap().insert(address("127.0.0.1:9229"));
    }),
    ("a program that was replaced", K::ProgramReplaced, L::Low, |f| api(f).program = Program::Replaced("/x/api".into())),
    ("a program that was deleted", K::ProgramDeleted, L::Medium, |f| api(f).program = Program::Deleted("/x/api".into())),
    ("a program in memory", K::ProgramInMemory, L::High, |f| api(f).program = Program::InMemory("memfd:x".into())),
    ("a script that was changed", K::ScriptChanged, L::Low, |f| {
        api(f).script = Some(Script { path: "/x/run.sh".into(), changed: true });
    }),
    ("a definition that was changed", K::DefinitionChanged, L::Low, |f| {
        f.clusters[0].defined = Defined::Differs(vec!["api: run".into()]);
    }),
    ("a definition that is gone", K::DefinitionChanged, L::Low, |f| {
        f.clusters[0].defined = Defined::Unreadable("azora.toml is gone".into());
    }),
    ("a definition that all may write", K::Writable, L::High, |f| set(f, DEFINITION, |x| x.mode = 0o666)),
    ("a definition that another group may write", K::Writable, L::Medium, |f| set(f, DEFINITION, |x| x.group = 100)),
    ("a definition of somebody else", K::Foreign, L::High, |f| set(f, DEFINITION, |x| x.user = 1_001)),
    ("a folder that all may write", K::Writable, L::High, |f| set(f, FOLDER, |x| x.mode = 0o777)),
    ("a folder of somebody else", K::Foreign, L::High, |f| set(f, FOLDER, |x| x.user = 1_001)),
    ("an env file that all may write", K::Writable, L::High, |f| set(f, ".env", |x| x.mode = 0o606)),
    ("a program that all may write", K::Writable, L::High, |f| set(f, "bin/api", |x| x.mode = 0o777)),
    ("a secret in an environment", K::SecretInEnvironment, L::Medium, |f| {
        api(f).variables.push(Variable {
            name: "DB_PASSWORD".into(), from: "azora.toml:7".into(), inherited: false, kind: kind(),
        });
    }),
    ("a secret of the terminal", K::SecretInEnvironment, L::Low, |f| {
        api(f).variables.push(Variable {
            name: "GITHUB_TOKEN".into(), from: "terminal".into(), inherited: true, kind: kind(),
        });
    }),
    ("a secret among arguments", K::SecretInArguments, L::High, |f| api(f).arguments.push((4_711, 2, kind()))),
    ("a secret's file that others may read", K::Readable, L::Medium, |f| set(f, "db.secret", |x| x.mode = 0o644)),
    ("a token that others may read", K::Readable, L::High, |f| set(f, "azora/token", |x| x.mode = 0o644)),
    ("a token that all may write", K::Writable, L::Critical, |f| set(f, "azora/token", |x| x.mode = 0o602)),
    ("a home that is open", K::Readable, L::Medium, |f| set(f, "state/azora", |x| x.mode = 0o755)),
    ("settings that all may write", K::Writable, L::High, |f| set(f, "settings.toml", |x| x.mode = 0o666)),
    ("a constitution that all may write", K::Writable, L::Critical, |f| set(f, "constitution.cedar", |x| x.mode = 0o666)),
    ("a constitution of somebody else", K::Foreign, L::Critical, |f| set(f, "constitution.cedar", |x| x.user = 1_001)),
    ("a shim that all may write", K::Writable, L::Critical, |f| set(f, "azora-shim", |x| x.mode = 0o777)),
    ("a broken constitution", K::PolicyBroken, L::High, |f| f.policy = Policy::Broken("constitution.cedar:3:1".into())),
    ("a book that is doubted", K::LedgerDoubted, L::Critical, |f| {
        f.ledger.integrity = LedgerIntegrity::Doubted;
        f.ledger.faults = vec!["entry 7 is missing".into()];
    }),
    ("a shim of another build", K::OtherPart, L::Low, |f| api(f).shim = Shim::Other),
    ("an engine of another build", K::OtherPart, L::Low, |f| f.engine = Program::Replaced("/usr/bin/azora".into())),
    ("an SQLite with a known fault", K::KnownBadPart, L::High, |f| f.parts[0].version = "3.51.2".into()),
];

/// A look at these facts, so many looks after the first.
fn look(monitor: &mut Monitor, mut facts: Facts, n: i64) -> Audit {
    facts.at = Timestamp(facts.at.0 + n * LOOK_MS);
    monitor.audit(&facts)
}

fn kinds(threats: &[Threat]) -> Vec<K> {
    threats.iter().map(|threat| threat.kind).collect()
}

#[test]
fn each_planted_fault_is_found_at_once_with_its_level_and_is_gone_when_mended() {
    assert!(PLANTED.len() >= 20);
    for (name, kind, level, plant) in PLANTED {
        let mut monitor = Monitor::default();
        let before = look(&mut monitor, good(), 0);
        assert_eq!(
            (before.view.level, before.found),
            (L::None, vec![]),
            "before {name}"
        );
        let mut facts = good();
        plant(&mut facts);
        let found = look(&mut monitor, facts.clone(), 1);
        assert_eq!(
            (kinds(&found.found), found.view.level),
            (vec![*kind], *level),
            "{name}"
        );
        let threat = &found.view.threats[0];
        assert_eq!(threat.since, Timestamp(1_000_000 + LOOK_MS), "{name}");
        assert!(
            !threat.what.is_empty() && !threat.todo.is_empty() && !threat.evidence.is_empty(),
            "{name}"
        );
        assert!(
            !threat.what.ends_with('.') && !threat.todo.ends_with('.'),
            "{name}"
        );
        let still = look(&mut monitor, facts, 2);
        assert_eq!(
            (still.found, still.over),
            (vec![], vec![]),
            "told once: {name}"
        );
        assert_eq!(
            still.view.threats[0].since, threat.since,
            "since the first look: {name}"
        );
        let mended = look(&mut monitor, good(), 3);
        assert_eq!(
            (kinds(&mended.over), mended.view.level),
            (vec![*kind], L::None),
            "mended: {name}"
        );
    }
}

#[test]
fn a_machine_in_order_shows_none_for_an_hour() {
    let mut monitor = Monitor::default();
    for n in 0..120 {
        let audit = look(&mut monitor, good(), n);
        assert_eq!(
            (audit.view.level, audit.view.threats),
            (L::None, vec![]),
            "look {n}"
        );
    }
}

#[test]
fn a_service_may_open_what_it_likes_on_loopback_until_it_has_settled() {
    let mut monitor = Monitor::default();
    let at = |age_ms: u64, also: &[&str]| {
        let mut facts = good();
        api(&mut facts).age_ms = age_ms;
        let listeners = api(&mut facts).listeners.as_mut().unwrap();
        listeners.extend(also.iter().map(|one| address(one)));
        facts
    };
    assert_eq!(look(&mut monitor, at(100, &[]), 0).found, []);
    assert_eq!(
        look(&mut monitor, at(SETTLED_MS - 1, &["127.0.0.1:4369"]), 1).found,
        []
    );
    assert_eq!(
        look(
            &mut monitor,
            at(SETTLED_MS, &["127.0.0.1:4369", "127.0.0.1:25672"]),
            2
        )
        .found,
        []
    );
    let late = look(
        &mut monitor,
        at(SETTLED_MS + 1, &["127.0.0.1:4369", "[::1]:9229"]),
        3,
    );
    assert_eq!(kinds(&late.found), [K::NewListener]);
    // Another start begins anew.
    let mut again = at(10, &["[::1]:9229"]);
    api(&mut again).generation = Generation(2);
    let again = look(&mut monitor, again, 4);
    assert_eq!(
        (kinds(&again.over), again.view.level),
        (vec![K::NewListener], L::None)
    );
}

#[test]
fn a_secret_in_a_log_is_told_until_the_service_was_started_again() {
    let mut monitor = Monitor::default();
    let mut facts = good();
    api(&mut facts).log = (0..7)
        .map(|n| LogSecret {
            offset: n * 100,
            kind: kind(),
        })
        .collect();
    let found = look(&mut monitor, facts, 0);
    assert_eq!(
        (kinds(&found.found), found.view.level),
        (vec![K::SecretInLog], L::Medium)
    );
    assert!(
        found.view.threats[0].evidence[1].starts_with("7 of its lines"),
        "{:?}",
        found.view.threats
    );
    // Nothing new is written, and what was written is still there.
    assert_eq!(look(&mut monitor, good(), 1).view.level, L::Medium);
    let mut again = good();
    api(&mut again).generation = Generation(2);
    let again = look(&mut monitor, again, 2);
    assert_eq!(
        (kinds(&again.over), again.view.level),
        (vec![K::SecretInLog], L::None)
    );
}

#[test]
fn a_burst_of_refused_requests_is_found_and_is_over_a_minute_after_it() {
    for (at, level) in [
        (RefusedAt::Page, L::Medium),
        (RefusedAt::Token, L::High),
        (RefusedAt::Registry, L::Medium),
        (RefusedAt::Gateway, L::Medium),
        (RefusedAt::Door, L::Medium),
    ] {
        let least = if at == RefusedAt::Token {
            GUESSES
        } else {
            BURST
        };
        let with = |total: u64| {
            let mut facts = good();
            let one = facts.refused.iter_mut().find(|one| one.at == at);
            one.unwrap().total = total;
            facts
        };
        let mut monitor = Monitor::default();
        assert_eq!(look(&mut monitor, with(3), 0).view.level, L::None);
        // As many again and again, but never so many within a minute.
        for n in 1..20 {
            let slow = 3 + u64::try_from(n).unwrap() * (least / 2 - 1);
            assert_eq!(
                look(&mut monitor, with(slow), n).view.level,
                L::None,
                "{at:?} {n}"
            );
        }
        let before = 3 + 19 * (least / 2 - 1);
        let burst = look(&mut monitor, with(before + least), 20);
        assert_eq!(
            (kinds(&burst.found), burst.view.level),
            (vec![K::RefusedBurst], level),
            "{at:?}"
        );
        assert_eq!(
            look(&mut monitor, with(before + least), 21).over,
            [],
            "{at:?}: within the minute"
        );
        let over = look(&mut monitor, with(before + least), 22);
        assert_eq!(
            (kinds(&over.over), over.view.level),
            (vec![K::RefusedBurst], L::None),
            "{at:?}"
        );
    }
}

#[test]
fn a_threat_that_becomes_graver_is_told_again() {
    let mut monitor = Monitor::default();
    let with = |mode, group| {
        let mut facts = good();
        set(&mut facts, DEFINITION, |file| {
            (file.mode, file.group) = (mode, group)
        });
        facts
    };
    assert_eq!(
        look(&mut monitor, with(0o664, 100), 0).found[0].level,
        L::Medium
    );
    let graver = look(&mut monitor, with(0o666, 100), 1);
    assert_eq!((graver.found[0].level, graver.over.len()), (L::High, 0));
    assert_eq!(graver.found[0].since, Timestamp(1_000_000));
    assert_eq!(
        look(&mut monitor, with(0o664, 100), 2).found,
        [],
        "less grave is no news"
    );
}

#[test]
fn the_gravest_comes_first_and_one_variable_of_many_services_is_one_threat() {
    let mut facts = good();
    let variable = Variable {
        name: "API_KEY".into(),
        from: ".env:2".into(),
        inherited: false,
        kind: kind(),
    };
    for n in 0..200 {
        let mut one = instance(&format!("worker-{n}"), 10_000 + n);
        one.variables.push(variable.clone());
        facts.clusters[0].instances.push(one);
    }
    facts.policy = Policy::Broken("line 3".into());
    let found = Monitor::default().audit(&facts);
    assert_eq!(
        kinds(&found.view.threats),
        [K::PolicyBroken, K::SecretInEnvironment]
    );
    let said = &found.view.threats[1];
    assert_eq!(
        said.what,
        "API_KEY of 200 services is a secret in plain text"
    );
    assert_eq!(said.cluster, Some("shop-00000001".parse().unwrap()));
    assert!(
        said.evidence.concat().contains("and 190 more"),
        "{:?}",
        said.evidence
    );
}

#[test]
fn what_cannot_be_seen_is_no_threat_and_many_are_counted() {
    let mut facts = good();
    api(&mut facts).listeners = None;
    facts.blind.push("listeners of shop/api.0".into());
    for port in 0..700 {
        let listeners = facts.clusters[0].instances[1].listeners.as_mut().unwrap();
        listeners.insert(SocketAddr::new([0, 0, 0, 0].into(), 20_000 + port));
    }
    let found = Monitor::default().audit(&facts);
    assert_eq!(
        (found.view.threats.len(), found.view.more),
        (security::MAX_TOLD, 200)
    );
    assert_eq!(found.view.blind.len(), 1);
}

#[test]
fn root_trusts_its_own_and_the_owner_of_a_home_trusts_root() {
    let mut facts = good();
    (facts.user, facts.group) = (0, 0);
    let found = Monitor::default().audit(&facts);
    // As root, what belongs to ada is somebody else's.
    assert!(
        found
            .view
            .threats
            .iter()
            .any(|one| one.kind == K::Foreign && one.level == L::High)
    );
}
