//! One file over another, property by property. Each case is a service `web` in `compose.yaml`, what
//! `compose.override.yaml` says of it, and what becomes of one property. The same rules hold for `extends`, so
//! each is read that way, too.

use crate::{at, project, wanted};

/// Base, over, property, result.
type Case = (&'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    // Scalars: the upper one counts.
    ("{image: a}", "{image: b}", "image", r#""b""#),
    ("{image: a}", "{user: me}", "image", r#""a""#),
    ("{image: a, user: me}", "{image: b}", "user", r#""me""#),
    ("{image: a}", "{image: null}", "image", r#""a""#),
    ("{restart: always}", "{restart: 'no'}", "restart", r#""no""#),
    ("{restart: always}", "{}", "restart", r#""always""#),
    ("{tty: true}", "{tty: false}", "container", ""),
    (
        "{tty: false}",
        "{tty: true}",
        "container",
        r#"{"tty": true}"#,
    ),
    (
        "{stop_grace_period: 10s}",
        "{stop_grace_period: 1m}",
        "stop_grace_period",
        r#""60s""#,
    ),
    ("{scale: 2}", "{scale: 3}", "scale", "3"),
    ("{hostname: a}", "{domainname: b}", "hostname", r#""a""#),
    // Commands are replaced.
    (
        "{command: [echo, a]}",
        "{command: [echo, b]}",
        "command",
        r#"["echo", "b"]"#,
    ),
    ("{command: echo a}", "{command: [b]}", "command", r#"["b"]"#),
    (
        "{command: [echo, a]}",
        "{command: b c}",
        "command",
        r#"["b", "c"]"#,
    ),
    ("{command: [a]}", "{user: me}", "command", r#"["a"]"#),
    ("{command: [a]}", "{command: null}", "command", ""),
    (
        "{entrypoint: [a, b]}",
        "{entrypoint: c}",
        "entrypoint",
        r#"["c"]"#,
    ),
    (
        "{entrypoint: [a, b], command: [c]}",
        "{entrypoint: [d]}",
        "command",
        r#"["c"]"#,
    ),
    (
        "{healthcheck: {test: [CMD, a], interval: 5s}}",
        "{healthcheck: {test: [CMD, b]}}",
        "healthcheck",
        r#"{"test": {"direct": ["b"]}, "interval": "5s"}"#,
    ),
    (
        "{healthcheck: {test: a, retries: 3}}",
        "{healthcheck: {retries: 5, timeout: 1s}}",
        "healthcheck",
        r#"{"test": {"shell": "a"}, "retries": 5, "timeout": "1s"}"#,
    ),
    // Mappings merge, in whichever form they are.
    (
        "{environment: {A: 1, B: 2}}",
        "{environment: {B: 3, C: 4}}",
        "environment",
        r#"{"A": "1", "B": "3", "C": "4"}"#,
    ),
    (
        "{environment: [A=1, B=2]}",
        "{environment: [B=3]}",
        "environment",
        r#"{"A": "1", "B": "3"}"#,
    ),
    (
        "{environment: [A=1]}",
        "{environment: {A: 2}}",
        "environment",
        r#"{"A": "2"}"#,
    ),
    (
        "{environment: {A: 1}}",
        "{environment: [A=2, B=]}",
        "environment",
        r#"{"A": "2", "B": ""}"#,
    ),
    (
        "{environment: {A: 1}}",
        "{environment: {SET: }}",
        "environment",
        r#"{"A": "1", "SET": "set"}"#,
    ),
    (
        "{labels: {a: x}}",
        "{labels: [a=y, b=z]}",
        "labels",
        r#"{"a": "y", "b": "z"}"#,
    ),
    (
        "{annotations: [a=x]}",
        "{annotations: {a: y}}",
        "annotations",
        r#"{"a": "y"}"#,
    ),
    (
        "{sysctls: {a.b: 1}}",
        "{sysctls: [a.b=2]}",
        "container.sysctls",
        r#"{"a.b": "2"}"#,
    ),
    (
        "{extra_hosts: ['a:10.0.0.1']}",
        "{extra_hosts: ['b:10.0.0.2', 'a:10.0.0.1']}",
        "container.extra_hosts",
        r#"{"a": ["10.0.0.1"], "b": ["10.0.0.2"]}"#,
    ),
    (
        "{extra_hosts: {a: 10.0.0.1}}",
        "{extra_hosts: {a: 10.0.0.2}}",
        "container.extra_hosts",
        r#"{"a": ["10.0.0.1", "10.0.0.2"]}"#,
    ),
    (
        "{ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}}",
        "{ulimits: {nofile: 9}}",
        "limits.ulimits",
        r#"{"nproc": {"soft": 5, "hard": 5}, "nofile": {"soft": 9, "hard": 9}}"#,
    ),
    (
        "{build: .}",
        "{build: {target: dev}}",
        "build",
        r#"{"context": ".", "target": "dev"}"#,
    ),
    (
        "{build: {context: a, args: {X: 1}}}",
        "{build: b}",
        "build",
        r#"{"context": "b", "args": {"X": "1"}}"#,
    ),
    (
        "{build: {args: [X=1, Y=2]}}",
        "{build: {args: {X: 3}}}",
        "build.args",
        r#"{"X": "3", "Y": "2"}"#,
    ),
    (
        "{build: {tags: [a, b]}}",
        "{build: {tags: [b, c]}}",
        "build.tags",
        r#"["a", "b", "c"]"#,
    ),
    (
        "{deploy: {resources: {limits: {cpus: '1', memory: 1g}}}}",
        "{deploy: {resources: {limits: {memory: 2g}}}}",
        "limits",
        r#"{"cpus": 1.0, "memory": 2147483648}"#,
    ),
    // Lists are appended.
    (
        "{cap_add: [A]}",
        "{cap_add: [B]}",
        "container.cap_add",
        r#"["A", "B"]"#,
    ),
    (
        "{cap_add: [A, B]}",
        "{cap_add: [B, C]}",
        "container.cap_add",
        r#"["A", "B", "C"]"#,
    ),
    (
        "{cap_drop: [ALL]}",
        "{cap_drop: [ALL]}",
        "container.cap_drop",
        r#"["ALL"]"#,
    ),
    (
        "{security_opt: ['label:role:A']}",
        "{security_opt: ['label:user:B']}",
        "container.security_opt",
        r#"["label:role:A", "label:user:B"]"#,
    ),
    (
        "{dns: 1.1.1.1}",
        "{dns: [8.8.8.8]}",
        "container.dns",
        r#"["1.1.1.1", "8.8.8.8"]"#,
    ),
    (
        "{dns: [1.1.1.1]}",
        "{dns: 8.8.8.8}",
        "container.dns",
        r#"["1.1.1.1", "8.8.8.8"]"#,
    ),
    (
        "{dns_search: a}",
        "{dns_search: b}",
        "container.dns_search",
        r#"["a", "b"]"#,
    ),
    (
        "{expose: [80, '90']}",
        "{expose: ['80', 100]}",
        "expose",
        r#"["80", "90", "100"]"#,
    ),
    (
        "{tmpfs: /run}",
        "{tmpfs: ['/tmp']}",
        "tmpfs",
        r#"["/run", "/tmp"]"#,
    ),
    (
        "{tmpfs: ['/run:size=1m']}",
        "{tmpfs: ['/run:size=2m']}",
        "tmpfs",
        r#"["/run:size=2m"]"#,
    ),
    (
        "{group_add: [a]}",
        "{group_add: [b]}",
        "group_add",
        r#"["a", "b"]"#,
    ),
    ("{profiles: []}", "{profiles: []}", "profiles", ""),
    // Lists in which something makes entries the same.
    (
        "{ports: ['80:80']}",
        "{ports: ['81:81']}",
        "ports",
        r#"[{"target": 80, "published": "80", "protocol": "tcp"}, {"target": 81, "published": "81", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['8080:80']}",
        "{ports: ['8080:80']}",
        "ports",
        r#"[{"target": 80, "published": "8080", "protocol": "tcp"}]"#,
    ),
    (
        "{ports: ['8080:80']}",
        "{ports: ['8080:80/udp']}",
        "ports",
        r#"[{"target": 80, "published": "8080", "protocol": "tcp"}, {"target": 80, "published": "8080", "protocol": "udp"}]"#,
    ),
    (
        "{ports: ['8080:80']}",
        "{ports: [{target: 80, published: 8080, name: web}]}",
        "ports",
        r#"[{"target": 80, "published": "8080", "protocol": "tcp", "name": "web"}]"#,
    ),
    (
        "{ports: ['127.0.0.1:8080:80']}",
        "{ports: ['8080:80']}",
        "ports",
        r#"[{"target": 80, "published": "8080", "host_ip": "127.0.0.1", "protocol": "tcp"}, {"target": 80, "published": "8080", "protocol": "tcp"}]"#,
    ),
    (
        "{volumes: ['/data']}",
        "{volumes: ['/data:ro']}",
        "volumes",
        // `/data:ro` is a source and a target to nobody: it is refused.
        "refused",
    ),
    (
        "{volumes: ['./a:/work']}",
        "{volumes: ['./b:/work']}",
        "volumes",
        r#"[{"what": {"bind": {"source": "b", "create": true}}, "target": "/work"}]"#,
    ),
    (
        "{volumes: ['./a:/work', '/cache']}",
        "{volumes: [{type: tmpfs, target: /work, tmpfs: {size: 1k}}, './c:/more']}",
        "volumes",
        r#"[{"what": {"tmpfs": {"size": 1024}}, "target": "/work"}, {"target": "/cache"}, {"what": {"bind": {"source": "c", "create": true}}, "target": "/more"}]"#,
    ),
    (
        "{devices: ['/dev/a:/dev/x']}",
        "{devices: ['/dev/b:/dev/x:r']}",
        "container.devices",
        r#"[{"source": "/dev/b", "target": "/dev/x", "permissions": "r"}]"#,
    ),
    (
        "{env_file: a.env}",
        "{env_file: [{path: a.env, required: false}]}",
        "env_files",
        r#"[{"path": "a.env"}]"#,
    ),
    // Names to mappings.
    (
        "{depends_on: [db]}",
        "{depends_on: {db: {condition: service_healthy}}}",
        "depends_on",
        r#"{"db": {"condition": "healthy", "required": true}}"#,
    ),
    (
        "{depends_on: {db: {condition: service_healthy, restart: true}}}",
        "{depends_on: [cache]}",
        "depends_on",
        r#"{"cache": {"condition": "started", "required": true}, "db": {"condition": "healthy", "restart": true, "required": true}}"#,
    ),
    (
        "{networks: [front]}",
        "{networks: [back]}",
        "networks",
        r#"{}"#,
    ),
    (
        "{networks: {front: {aliases: [a]}}}",
        "{networks: {front: {aliases: [b]}}}",
        "networks.front",
        r#"{"aliases": ["a", "b"]}"#,
    ),
    // `!reset` takes away, `!override` replaces.
    ("{ports: ['80:80']}", "{ports: !reset []}", "ports", ""),
    (
        "{environment: {A: 1, B: 2}}",
        "{environment: {A: !reset null}}",
        "environment",
        r#"{"B": "2"}"#,
    ),
    (
        "{environment: {A: 1}}",
        "{environment: !reset {}}",
        "environment",
        "",
    ),
    ("{command: [a]}", "{command: !reset []}", "command", ""),
    ("{user: me}", "{user: !reset ''}", "user", ""),
    ("{user: me}", "{hostname: !reset x}", "hostname", ""),
    (
        "{healthcheck: {test: a}}",
        "{healthcheck: !reset null}",
        "healthcheck",
        "",
    ),
    (
        "{ports: ['80:80']}",
        "{ports: !override ['81:81']}",
        "ports",
        r#"[{"target": 81, "published": "81", "protocol": "tcp"}]"#,
    ),
    (
        "{environment: {A: 1}}",
        "{environment: !override {B: 2}}",
        "environment",
        r#"{"B": "2"}"#,
    ),
    (
        "{cap_add: [A]}",
        "{cap_add: !override [B]}",
        "container.cap_add",
        r#"["B"]"#,
    ),
    (
        "{build: {context: a, target: x}}",
        "{build: !override {context: b}}",
        "build",
        r#"{"context": "b"}"#,
    ),
    (
        "{}",
        "{cap_add: !override [B]}",
        "container.cap_add",
        r#"["B"]"#,
    ),
    (
        "{labels: {a: x}}",
        "{labels: !override [b=y]}",
        "labels",
        r#"{"b": "y"}"#,
    ),
];

/// What is the same in all cases.
const REST: &str = "  db: {image: db}\n  cache: {image: cache}\nnetworks: {front: , back: }\n";

fn image(body: &str) -> String {
    // A service needs something to run, and the cases about images have it.
    let own = body.contains("image") || body.contains("build");
    let image = if own { "" } else { "image: x, " };
    body.replacen('{', &format!("{{{image}"), 1)
}

fn hold(tree: crate::Tree<'_>, case: &Case) {
    let (_, _, property, result) = case;
    if *result == "refused" {
        crate::refused(tree);
        return;
    }
    let project = project(tree);
    let result = match *property {
        // An attachment about which nothing is said is there and empty.
        "networks" => {
            let names: Vec<&String> = project.services["web"].networks.keys().collect();
            assert_eq!(names, ["back", "front"], "{case:?}");
            return;
        }
        _ => wanted(result),
    };
    assert_eq!(
        at(&project, &format!("services.web.{property}")),
        result,
        "{case:?}"
    );
}

#[test]
fn an_override_file_is_laid_over_the_first() {
    for case in CASES {
        let (base, over, ..) = case;
        let base = format!("services:\n  web: {}\n{REST}", image(base));
        let over = format!("services:\n  web: {over}\n");
        hold(
            &[
                ("compose.yaml", &base),
                ("compose.override.yaml", &over),
                ("a.env", ""),
            ],
            case,
        );
    }
}

#[test]
fn a_service_is_laid_over_the_one_it_extends() {
    for case in CASES {
        let (base, over, ..) = case;
        let over = over.replacen('{', "{extends: base, ", 1);
        let text = format!("services:\n  base: {}\n  web: {over}\n{REST}", image(base));
        hold(&[("compose.yaml", &text), ("a.env", "")], case);
        // And the same where it lies in a file of its own.
        let over = over.replacen(
            "extends: base",
            "extends: {service: base, file: base.yaml}",
            1,
        );
        let text = format!("services:\n  web: {over}\n{REST}");
        let base = format!("services:\n  base: {}\n", image(base));
        hold(
            &[("compose.yaml", &text), ("base.yaml", &base), ("a.env", "")],
            case,
        );
    }
}

#[test]
fn there_are_enough_cases() {
    assert!(CASES.len() >= 75, "{}", CASES.len());
}
