//! What probes ask, and whose they are.

use super::{name, service, shell, valid, words};
use spec::{BodyTerm, HttpTerms, Method, ProbeTarget, Template, TemplatePart};
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
        terms: None,
    };
    let at = |port| ProbeTarget::Http {
        path: Template::text("/health"),
        port: Some(port),
        terms: None,
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

#[test]
fn what_goes_with_http_is_kept_and_written_back() {
    let asked = "http = \"/health\", method = \"POST\", headers = { X-Probe = \"azora ${db.port}\" }, \
                 status = [200, \"300-399\"], expect_headers = { Content-Type = \"json\" }, \
                 body = { regex = '^\\{\"ok' }";
    let terms = |asked: &str| match target(asked) {
        ProbeTarget::Http { terms, .. } => terms.map(|terms| HttpTerms::clone(&terms)),
        other => panic!("{other:?}"),
    };
    let port = TemplatePart::Port(name("db"));
    let header = Template(vec![TemplatePart::Text("azora ".to_owned()), port]);
    let expected = HttpTerms {
        method: Method::Post,
        headers: [("x-probe".to_owned(), header)].into(),
        status: vec![(200, 200), (300, 399)],
        expect_headers: [("content-type".to_owned(), "json".to_owned())].into(),
        body: BodyTerm::Regex("^\\{\"ok".to_owned()),
    };
    assert_eq!(terms(asked), Some(expected.clone()));
    // As it writes itself, it means the same.
    assert_eq!(
        terms(&format!("http = \"/health\"{expected}")),
        Some(expected)
    );
    assert_eq!(terms("http = \"/health\", method = \"GET\""), None);
    let body = |asked: &str| terms(asked).map(|terms| terms.body);
    let none = body("http = \"/health\", body = false");
    assert_eq!(none, Some(BodyTerm::Ignored));
    let text = body("http = \"/health\", body = \"ready\"");
    assert_eq!(text, Some(BodyTerm::Contains("ready".to_owned())));
    let one = terms("http = \"/health\", status = 204").unwrap();
    assert!(one.passes(204) && !one.passes(200));
    let usual = terms("http = \"/health\", method = \"HEAD\"").unwrap();
    assert!(usual.passes(200) && usual.passes(399) && !usual.passes(400));
}

/// What a cluster's default asks is taken as a whole, and a service may narrow it.
#[test]
fn terms_are_laid_over_those_of_the_default() {
    let cluster = valid(
        "[cluster.defaults]\nhealth = { http = \"/health\", body = \"ok\" }\n\
         [service.plain]\nrun = \"a\"\nport = 1\n\
         [service.narrow]\nrun = \"a\"\nport = 2\nhealth = { status = 204 }\n\
         [service.other]\nrun = \"a\"\nport = 3\nhealth = { http = \"/\" }\n",
    );
    let asked = |service: &str| {
        cluster.services[service]
            .health
            .as_ref()
            .map(ToString::to_string)
    };
    let of = |text: &str| Some(format!("GET {text} every 5s"));
    assert_eq!(asked("plain"), of("/health (body = \"ok\")"));
    assert_eq!(asked("narrow"), of("/health (status = 204, body = \"ok\")"));
    assert_eq!(asked("other"), of("/"));
}
