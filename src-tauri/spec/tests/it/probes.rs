//! What probes ask, and whose they are.

use super::{name, service, shell, valid, words};
use spec::{ProbeTarget, Template, TemplatePart};
use std::time::Duration;

fn target(probe: &str) -> ProbeTarget {
    let service = service(&format!("run = \"s\"\nport = 8080\nhealth = {{ {probe} }}"));
    service.health.unwrap().target
}

#[test]
fn probes_ask_paths_ports_and_commands() {
    let own = || ProbeTarget::Http {
        path: Template::text("/health"),
        port: None,
    };
    let at = |port| ProbeTarget::Http {
        path: Template::text("/health"),
        port: Some(port),
    };
    let db = || Template(vec![TemplatePart::Port(name("db"))]);
    assert_eq!(target("http = \"/health\""), own());
    assert_eq!(target("http = \"http://127.0.0.1:$PORT/health\""), own());
    assert_eq!(
        target("http = \"http://localhost:${self.port}/health\""),
        own()
    );
    assert_eq!(
        target("http = \"http://localhost:9090/health\""),
        at(Template::text("9090"))
    );
    assert_eq!(
        target("http = \"/health\", port = 9090"),
        at(Template::text("9090"))
    );
    assert_eq!(
        target("http = \"/health\", port = \"${db.port}\""),
        at(db())
    );
    assert_eq!(target("http = \"${db.url}/health\""), at(db()));
    assert_eq!(
        target("http = \"http://${db.host}:${db.port}/health\""),
        at(db())
    );
    for own_port in ["$PORT", "${PORT}", "${self.port}"] {
        assert_eq!(
            target(&format!("tcp = \"{own_port}\"")),
            ProbeTarget::Tcp { port: None }
        );
    }
    assert_eq!(
        target("tcp = 5432"),
        ProbeTarget::Tcp {
            port: Some(Template::text("5432"))
        }
    );
    assert_eq!(
        target("tcp = \"${db.port}\""),
        ProbeTarget::Tcp { port: Some(db()) }
    );
    assert_eq!(
        target("exec = \"pg_isready -p $PORT\""),
        ProbeTarget::Exec {
            run: shell("exec pg_isready -p $PORT")
        }
    );
    assert_eq!(
        target("exec = [\"pg_isready\"]"),
        ProbeTarget::Exec {
            run: words(&["pg_isready"])
        }
    );
}

#[test]
fn health_stands_in_for_readiness() {
    let with_health =
        service("run = \"s\"\nport = 1\nhealth = { http = \"/\", every = \"250ms\" }");
    assert_eq!(with_health.ready, with_health.health);
    let both =
        service("run = \"s\"\nport = 1\nready = { tcp = \"$PORT\" }\nhealth = { http = \"/\" }");
    assert_eq!(both.ready.unwrap().target, ProbeTarget::Tcp { port: None });
    let only_ready = service("run = \"s\"\nport = 1\nready = { tcp = \"$PORT\" }");
    assert_eq!(only_ready.health, None);
}

#[test]
fn how_long_it_may_take_to_be_ready_is_said_by_ready_then_health_then_the_default() {
    let within = |ready: &str, health: &str, default: &str| {
        let text = format!(
            "[cluster.defaults]\nhealth = {{ tcp = 1, every = \"9s\" {default} }}\n\
             [service.s]\nrun = \"s\"\nready = {{ tcp = 2 {ready} }}\n\
             health = {{ tcp = 3 {health} }}"
        );
        valid(&text).services[&name("s")].ready_within
    };
    let (a, b, c) = (
        ", within = \"1s\"",
        ", within = \"2s\"",
        ", within = \"3s\"",
    );
    let found = [
        within(a, b, c),
        within("", b, c),
        within("", "", c),
        within("", "", ""),
    ];
    assert_eq!(found, [1, 2, 3, 60].map(Duration::from_secs));
    assert_eq!(service("run = \"s\"").ready_within, Duration::from_secs(60));
}

/// A default that asks the service's own port is not for services without one.
#[test]
fn a_default_probe_is_for_services_with_a_port() {
    let cluster =
        valid("[cluster.defaults]\nhealth = { http = \"/\" }\n[service.a]\nrun = \"a\"\n");
    assert_eq!(cluster.services["a"].health, None);
    let cluster =
        valid("[cluster.defaults]\nhealth = { exec = \"ok\" }\n[service.a]\nrun = \"a\"\n");
    assert!(cluster.services["a"].health.is_some());
}
