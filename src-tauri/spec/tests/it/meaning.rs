//! What a valid definition means: defaults, references, needs, durations.

use super::{name, parse, seconds, service, shell, valid, words};
use model::{RemedyKind, ServiceName, Until};
use spec::{
    Backoff, Budget, Heal, Kind, Limits, Listen, Lookup, Need, Probe, ProbeTarget, Rung, Stop,
    StopSignal, Template, TemplatePart,
};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn defaults_are_filled_in() {
    let service = service("run = \"web\"");
    assert_eq!(service.kind, Kind::Daemon);
    assert_eq!(service.category, "services");
    assert_eq!(
        (service.port, service.replicas, service.protected),
        (None, 1, false)
    );
    assert_eq!((service.cwd.as_str(), service.user), ("", None));
    assert_eq!((service.ready, service.health), (None, None));
    assert_eq!(service.log.keep, Some(64_000_000));
    assert_eq!(
        service.stop,
        Stop {
            command: None,
            signal: Some(StopSignal::Term),
            grace: seconds(10)
        }
    );
    assert_eq!(
        service.heal,
        Heal {
            ladder: vec![
                rung(RemedyKind::Restart, Some(2), &[]),
                RemedyKind::Rollback.into(),
                rung(RemedyKind::Restart, Some(3), &[]),
                rung(RemedyKind::GracefulRestart, Some(2), &[]),
                RemedyKind::RestartNeeds.into(),
                RemedyKind::Quarantine.into(),
            ],
            budget: Budget {
                count: 9,
                per: seconds(1_800)
            },
            backoff: Backoff {
                steps: [0, 0, 1, 5, 15, 30, 60].map(seconds).to_vec(),
                reset_after: seconds(600),
            },
            settle: seconds(5),
            circuit: Some(3),
            enabled: true,
        }
    );
}

fn rung(remedy: RemedyKind, times: Option<u32>, after: &[u64]) -> Rung {
    let after = after.iter().map(|wait| seconds(*wait)).collect();
    Rung {
        remedy,
        times,
        after,
    }
}

#[test]
fn a_ladder_says_how_often_and_after_which_waits() {
    let ladder = |text: &str| {
        service(&format!("run = \"a\"\nheal.ladder = [{text}]"))
            .heal
            .ladder
    };
    assert_eq!(
        ladder(
            "\"restart\", { remedy = \"graceful-restart\", times = 2, after = [\"30s\", \"1m\"] }, \
             { remedy = \"restart-needs\", after = \"90s\" }, { remedy = \"quarantine\" }"
        ),
        [
            RemedyKind::Restart.into(),
            rung(RemedyKind::GracefulRestart, Some(2), &[30, 60]),
            rung(RemedyKind::RestartNeeds, None, &[90]),
            RemedyKind::Quarantine.into(),
        ]
    );
}

/// What an earlier version has written down of a cluster that runs.
#[test]
fn ladders_of_words_are_still_read() {
    let words = r#"["restart", "restart-needs", {"remedy": "restart", "times": 2}]"#;
    let ladder: Vec<Rung> = serde_json::from_str(words).unwrap();
    assert_eq!(
        ladder,
        [
            RemedyKind::Restart.into(),
            RemedyKind::RestartNeeds.into(),
            rung(RemedyKind::Restart, Some(2), &[]),
        ]
    );
    let written = serde_json::to_string(&ladder).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Rung>>(&written).unwrap(), ladder);
}

#[test]
fn a_cluster_without_a_name_takes_its_folders() {
    let named = |folder| {
        let text = b"[service.a]\nrun = \"a\"\n";
        spec::parse(spec::FILE, folder, text)
            .unwrap()
            .name
            .to_string()
    };
    assert_eq!(named("My Shop (2)"), "my-shop-2");
    assert_eq!(named("---"), "cluster");
    assert_eq!(named("日本"), "cluster");
    assert_eq!(named(&"a_".repeat(60)).len(), 63);
}

struct Ports(BTreeMap<ServiceName, u16>);
impl Lookup for Ports {
    fn port(&self, service: &ServiceName) -> Option<u16> {
        self.0.get(service).copied()
    }
}

#[test]
fn references_resolve_to_ports_hosts_and_urls() {
    let service = service(
        "run = \"x\"\nport = 0\nenv = { A = \"pg://${db.host}:${db.port}/${VAR}\", B = \"${db.url}/x\", C = \"${self.port}\", D = \"\" }",
    );
    let ports = Ports([(name("db"), 5433), (name("s"), 20_001)].into());
    let value = |key: &str| service.env[key].resolve(&ports);
    assert_eq!(value("A"), "pg://127.0.0.1:5433/${VAR}");
    assert_eq!(value("B"), "http://127.0.0.1:5433/x");
    assert_eq!(value("C"), "20001");
    assert_eq!(value("D"), "");
    let referred: Vec<_> = service.env["A"]
        .references()
        .map(ServiceName::as_str)
        .collect();
    assert_eq!(referred, ["db", "db"]);
    assert_eq!(
        service.env["A"].to_string(),
        "pg://${db.host}:${db.port}/${VAR}"
    );
}

#[test]
fn what_uses_its_own_port_has_one() {
    let port = |body: &str| service(body).port;
    assert_eq!(port("run = \"server --port $PORT\""), Some(0));
    assert_eq!(port("run = \"server --port ${PORT}\""), Some(0));
    assert_eq!(port("run = \"server --port ${self.port}\""), Some(0));
    assert_eq!(
        port("run = [\"sh\", \"-c\", \"server --port $PORT\"]"),
        Some(0)
    );
    assert_eq!(
        port("run = \"server\"\nenv = { ADDR = \":${self.port}\" }"),
        Some(0)
    );
    assert_eq!(
        port("run = \"server --port $PORT\"\nport = 8080"),
        Some(8080)
    );
    assert_eq!(port("run = \"server $PORTAL $SUPPORT\""), None);
}

#[test]
fn needs_are_names_or_tables() {
    let plain = || Need::from(name("db"));
    let needs = |written: &str| {
        let text = format!("run = \"s\"\nneeds = [{written}]");
        service(&text).needs
    };
    let of = [
        ("\"db\"", plain()),
        ("{ service = \"db\" }", plain()),
        (
            "{ service = \"db\", restart = true }",
            Need {
                restart: true,
                ..plain()
            },
        ),
        (
            "{ service = \"db\", until = \"started\", required = false }",
            Need {
                until: Until::Started,
                required: false,
                ..plain()
            },
        ),
    ];
    for (written, need) in of {
        assert_eq!(needs(written), [need], "{written}");
    }
    assert_eq!(
        (plain().until, plain().required, plain().restart),
        (Until::Ready, true, false)
    );
}

#[test]
fn a_oneshot_may_be_needed_until_it_has_ended() {
    for until in Until::ALL {
        let cluster = valid(&format!(
            "[service.seed]\nrun = \"seed\"\nkind = \"oneshot\"\n\
             [service.web]\nrun = \"web\"\nneeds = [{{ service = \"seed\", until = \"{until}\" }}]"
        ));
        assert_eq!(cluster.services[&name("web")].needs[0].until, until);
    }
}

#[test]
fn what_need_not_be_there_may_be_none_of_the_cluster() {
    let cluster =
        valid("[service.web]\nrun = \"web\"\nneeds = [{ service = \"cache\", required = false }]");
    assert_eq!(
        spec::notes(&cluster),
        ["web can do without cache, which is none of this cluster: it does not wait for it"]
    );
}

/// What an earlier version has written down of a cluster that runs.
#[test]
fn needs_without_terms_are_plain_ones() {
    let need: Need = serde_json::from_str(r#"{"service": "db", "restart": false}"#).unwrap();
    assert_eq!(need, Need::from(name("db")));
}

#[test]
fn defaults_lie_under_every_service() {
    let cluster = valid(
        r#"
        [cluster.defaults]
        category = "shop"
        env = { LOG = "info", WHO = "${self.port}" }
        health = { http = "/health", every = "2s", timeout = "500ms" }
        heal = { budget = "3 per 1m", backoff = ["1s"] }
        stop = { grace = "3s" }
        log = { keep = "8MB" }

        [service.plain]
        run = "a"
        port = 0
        [service.own]
        run = "b"
        port = 0
        category = "other"
        env = { LOG = "debug" }
        health = { tcp = "$PORT", timeout = "2s" }
        heal = { budget = "1 per 1m" }
        stop = { signal = "SIGINT" }
        log = { keep = "all" }
        [service.without]
        run = "c"
        port = 0
        health = false
        [service.once]
        run = "d"
        port = 0
        kind = "oneshot"
        "#,
    );
    let service = |name: &str| &cluster.services[name];
    let health = |name: &str| service(name).health.clone();
    let (plain, own) = (service("plain"), service("own"));
    assert_eq!(
        (plain.category.as_str(), own.category.as_str()),
        ("shop", "other")
    );
    assert_eq!(plain.env["LOG"], Template::text("info"));
    assert_eq!(own.env["LOG"], Template::text("debug"));
    assert_eq!(
        own.env["WHO"],
        Template(vec![TemplatePart::Port(name("own"))])
    );
    let expected = Probe {
        target: ProbeTarget::Http {
            path: Template::text("/health"),
            port: None,
            terms: None,
        },
        every: seconds(2),
        timeout: Duration::from_millis(500),
        fail: 3,
        pass: 1,
        degraded_above: None,
        degraded_errors: None,
    };
    assert_eq!(health("plain"), Some(expected.clone()));
    let target = ProbeTarget::Tcp { port: None };
    assert_eq!(
        health("own"),
        Some(Probe {
            target,
            timeout: seconds(2),
            ..expected
        })
    );
    assert_eq!((health("without"), health("once")), (None, None));
    assert_eq!(
        own.heal.budget,
        Budget {
            count: 1,
            per: seconds(60)
        }
    );
    assert_eq!(own.heal.backoff.steps, [seconds(1)]);
    assert_eq!(
        own.stop,
        Stop {
            command: None,
            signal: Some(StopSignal::Int),
            grace: seconds(3)
        }
    );
    assert_eq!(
        (plain.log.keep, own.log.keep),
        (Some(8_000_000), None),
        "\"all\" keeps all"
    );
}

#[test]
fn durations_are_a_number_and_a_unit() {
    for (text, milliseconds) in [
        ("0s", 0),
        ("500ms", 500),
        ("5s", 5_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("05s", 5_000),
    ] {
        let service = service(&format!("run = \"s\"\nstop = {{ grace = \"{text}\" }}"));
        assert_eq!(
            service.stop.grace,
            Duration::from_millis(milliseconds),
            "{text}"
        );
    }
    for text in [
        "",
        "s",
        "5",
        "5 s",
        "-1s",
        "1.5s",
        "1h30m",
        "5S",
        "5sec",
        "५s",
        "5s ",
        "99999999999999999999s",
    ] {
        let definition = format!("[service.s]\nrun = \"s\"\nstop = {{ grace = \"{text}\" }}");
        assert!(
            parse(&definition).is_err(),
            "{text:?} was taken for a duration"
        );
    }
}

#[test]
fn limits_are_amounts_and_lie_over_the_defaults() {
    let cluster = valid(
        "[cluster.defaults]\nlimits = { memory = \"1GiB\", files = 4096, processes = 200 }\n\
         [service.a]\nrun = \"a\"\n\
         [service.b]\nrun = \"b\"\nlimits = { memory = \"64MB\", cpu = \"12.5%\", processes = false }\n\
         [service.c]\nrun = \"c\"\nlimits = { cpu = 1.5, memory = false }\n\
         [service.d]\nrun = \"d\"\nlimits = { cpu = 2 }\n",
    );
    let limits = |name: &str| cluster.services[name].limits;
    let defaults = Limits {
        memory: Some(1 << 30),
        cpu: None,
        files: Some(4_096),
        processes: Some(200),
    };
    assert_eq!(limits("a"), defaults);
    let own = Limits {
        memory: Some(64_000_000),
        cpu: Some(125),
        processes: None,
        ..defaults
    };
    assert_eq!(limits("b"), own);
    assert_eq!((limits("c").cpu, limits("c").memory), (Some(1_500), None));
    assert_eq!(limits("d").cpu, Some(2_000));
    assert_eq!(service("run = \"s\"").limits, Limits::default());
}

#[test]
fn a_stop_command_is_read_like_a_run() {
    let stop = |text: &str| service(&format!("run = \"s\"\nstop = {text}")).stop;
    assert_eq!(stop("{ grace = \"1s\" }").command, None);
    let command = stop("{ command = \"nginx -s quit\" }").command;
    assert_eq!(command, Some(words(&["nginx", "-s", "quit"])));
    let command = stop("{ command = 'kill -QUIT $AZORA_PID' }").command;
    assert_eq!(command, Some(shell("exec kill -QUIT $AZORA_PID")));
}

#[test]
fn a_definition_survives_being_kept_as_json() {
    let cluster = valid(include_str!("../../../../examples/azora-os/azora.toml"));
    let kept = serde_json::to_string(&cluster).unwrap();
    assert_eq!(
        serde_json::from_str::<spec::Cluster>(&kept).unwrap(),
        cluster
    );
}

#[test]
fn a_service_that_is_handed_its_socket_has_a_port() {
    let own = service("run = \"web\"\nlisten = \"own\"");
    assert_eq!((own.listen, own.port), (Some(Listen::Own), Some(0)));
    let shared = service("run = \"web\"\nport = 80\nlisten = \"shared\"\nreplicas = 3");
    assert_eq!(
        (shared.listen, shared.port),
        (Some(Listen::Shared), Some(80))
    );
    // What another service's socket says is of no concern.
    let other = service("run = \"web\"\nlisten = \"own\"\nready = { tcp = \"${db.port}\" }");
    assert!(other.ready.is_some());
}

#[test]
fn what_a_definition_costs_is_noted() {
    let noted = |body: &str| spec::notes(&valid(&format!("[service.s]\n{body}\n")));
    assert_eq!(noted("run = \"web\"\nlisten = \"own\""), [""; 0]);
    assert_eq!(noted("run = \"web $X\"\nlisten = \"own\""), [""; 0]);
    assert_eq!(
        noted("run = \"cd x && exec web\"\nlisten = \"own\""),
        [""; 0]
    );
    let lost = noted("run = \"cd x && web\"\nlisten = \"own\"");
    assert!(lost[0].starts_with("s is run by a shell"), "{lost:?}");
    let terminal = noted("run = \"python3\"\ntty = true");
    assert!(
        terminal[0].contains("it ends with its shim"),
        "{terminal:?}"
    );
}

#[test]
fn secrets_and_hooks_are_read() {
    use spec::{Hook, Secret};
    use std::time::Duration;
    let service = super::service(
        "run = \"a\"\nbefore_start = \"npm run migrate\"\n\
         after_ready = { run = [\"./seed\", \"--once\"], timeout = \"5m\" }\n\
         secrets = { DB = { file = \"secrets/db\" }, TOKEN = { command = \"pass show x\" } }",
    );
    let hook = |run, seconds| Hook {
        run,
        timeout: Duration::from_secs(seconds),
    };
    let before = hook(super::words(&["npm", "run", "migrate"]), 60);
    assert_eq!(service.before_start, Some(before));
    let after = hook(super::words(&["./seed", "--once"]), 300);
    assert_eq!(service.after_ready, Some(after));
    assert_eq!(service.secrets["DB"], Secret::File("secrets/db".into()));
    let command = Secret::Command(super::words(&["pass", "show", "x"]));
    assert_eq!(service.secrets["TOKEN"], command);
}

#[test]
fn a_higher_layer_may_make_a_variable_a_secret_or_plain() {
    let cluster = super::valid(
        "[cluster.defaults]\nenv = { A = \"1\" }\nsecrets = { B = { file = \"b\" } }\n\
         [service.s]\nrun = \"a\"\nenv = { B = \"2\" }\nsecrets = { A = { file = \"a\" } }\n",
    );
    let service = &cluster.services[&super::name("s")];
    assert_eq!(service.env.keys().collect::<Vec<_>>(), ["B"]);
    assert_eq!(service.secrets.keys().collect::<Vec<_>>(), ["A"]);
}
