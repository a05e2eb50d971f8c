//! What becomes of a compose file as a definition.

use crate::corpus::defined;
use crate::{Tree, settings};
use formats::compose::Settings;
use formats::{Format, Imported, Reading, Sources};
use spec::Found;

/// The definition that a project is.
pub(crate) fn imported(tree: Tree<'_>) -> Result<Imported, String> {
    imported_with(tree, settings())
}

fn imported_with(tree: Tree<'_>, settings: Settings) -> Result<Imported, String> {
    let (label, text) = tree[0];
    let mut sources = Sources::new(Format::Compose, label, text.into()).with(settings);
    loop {
        match sources.read() {
            Ok(Reading::Complete(imported)) => return Ok(imported),
            Ok(Reading::Needs(paths)) => {
                for path in paths {
                    let there = tree[1..].iter().find(|(name, _)| *name == path);
                    let found = there.map_or(Found::Absent, |(_, text)| {
                        Found::Bytes(text.as_bytes().to_vec())
                    });
                    sources.add(path, found);
                }
            }
            Err(wrong) => return Err(wrong.render(120, false)),
        }
    }
}

/// The lines of the tables of `web`, what it is in a file with a database and a job.
#[track_caller]
fn becomes(body: &str, wanted: &[&str]) {
    let file = format!(
        "services:\n  db: {{image: db}}\n  job: {{image: job}}\n  web: {body}\nvolumes: {{data: }}\nsecrets: {{pw: {{file: pw}}, far: {{external: true}}}}\n"
    );
    let tree = [
        ("compose.yaml", file.as_str()),
        ("web.env", "A=${HOME}\nB=1\n"),
        ("plain.env", "A=1\n"),
    ];
    let made = imported(&tree).unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut lines: Vec<&str> = Vec::new();
    let mut own = false;
    for line in made.text.lines() {
        if line.starts_with('[') {
            own = line.starts_with("[service.web");
        }
        let plain = line.is_empty() || line.starts_with("# compose.yaml");
        if own && !plain && !["[service.web]", "image = \"x\""].contains(&line) {
            lines.push(line);
        }
    }
    assert_eq!(lines, wanted, "{file}\n{}", made.text);
    defined(&made.text, &tree);
}

const ENDS: &str = "success = [0]";
const UNHEALED: &str = "heal = { enabled = false }";

#[test]
fn what_is_started_again_is_healed_as_the_file_says() {
    // Ended with 0, it has not failed.
    becomes("{image: x}", &[ENDS, UNHEALED]);
    becomes("{image: x, restart: 'no'}", &[ENDS, UNHEALED]);
    becomes("{image: x, restart: always}", &[]);
    becomes("{image: x, restart: unless-stopped}", &[]);
    becomes("{image: x, restart: on-failure}", &[ENDS]);
    becomes("{image: x, restart: 'on-failure:0'}", &[ENDS]);
    let thrice = "heal = { budget = \"3 per 1d\", ladder = [{ remedy = \"restart\", times = 3 }, \"quarantine\"] }";
    becomes("{image: x, restart: 'on-failure:3'}", &[ENDS, thrice]);
    becomes(
        "{image: x, deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}}",
        &[ENDS, thrice],
    );
    becomes("{image: x, deploy: {restart_policy: {}}}", &[]);
}

/// A migration that others wait for runs once, and again only when it fails and may.
#[test]
fn what_is_waited_for_until_it_ends_is_a_oneshot() {
    for (restart, heal) in [
        ("", Some("heal = { ladder = [\"quarantine\"] }")),
        (", restart: on-failure", None),
        (", restart: always", None),
    ] {
        let file = format!(
            "services: {{job: {{image: x{restart}}}, web: {{image: x, restart: always, depends_on: {{job: {{condition: service_completed_successfully}}}}}}}}"
        );
        let made = imported(&[("compose.yaml", &file)]).unwrap();
        let lines = made
            .text
            .lines()
            .skip_while(|line| *line != "[service.job]");
        let lines: Vec<&str> = lines.skip(3).take_while(|line| !line.is_empty()).collect();
        assert_eq!(lines, heal.into_iter().collect::<Vec<_>>(), "{}", made.text);
        assert!(made.text.contains("kind = \"oneshot\""));
        assert!(made.text.contains("until = \"succeeded\""));
    }
}

#[test]
fn the_first_port_is_the_services_own_and_the_others_are_published() {
    let with = |ports: &str, wanted: &[&str]| {
        let wanted: Vec<&str> = wanted.iter().copied().chain([]).collect();
        becomes(
            &format!("{{image: x, restart: always, ports: [{ports}]}}"),
            &wanted,
        );
    };
    let head = "[service.web.container]";
    let exact = "port = { number = 8080, exact = true }";
    with("'8080:80'", &[exact, head, "port = 80"]);
    with("'127.0.0.1:8080:80'", &[exact, head, "port = 80"]);
    with("'80'", &["port = 0", head, "port = 80"]);
    with(
        "'53:53/udp', '8080:80', '443:443'",
        &[
            exact,
            head,
            "port = 80",
            "publish = [\"53:53/udp\", \"443:443\"]",
        ],
    );
    with(
        "'0.0.0.0:8080:80'",
        &[head, "publish = [\"0.0.0.0:8080:80\"]"],
    );
    with("'[::1]::80'", &[head, "publish = [\"[::1]::80\"]"]);
    with("'8000-8010:80'", &[head, "publish = [\"8000-8010:80\"]"]);
    becomes(
        "{image: x, restart: always, network_mode: host, ports: ['80:80']}",
        &[head, "network_mode = \"host\""],
    );
    becomes(
        "{image: x, restart: always, scale: 2, ports: ['8080:80', '9090:90']}",
        &[
            "port = 8080",
            "replicas = 2",
            head,
            "port = 80",
            "publish = [\"90\"]",
        ],
    );
}

#[test]
fn variables_come_by_their_files_unless_those_take_others_in() {
    becomes(
        "{image: x, restart: always, env_file: plain.env, environment: {C: 'a$$b', D: '$${x.y}', a.b: 1}}",
        &[
            "env_files = [\"plain.env\"]",
            "[service.web.env]",
            "C = \"a$b\"",
            "D = \"$${x.y}\"",
            "\"a.b\" = \"1\"",
        ],
    );
    becomes(
        "{image: x, restart: always, env_file: [{path: none.env, required: false}]}",
        &["env_files = [{ file = \"none.env\", optional = true }]"],
    );
    becomes(
        "{image: x, restart: always, env_file: web.env}",
        &[
            "# The variables of web.env are in env below, because they take others of the environment in.",
            "[service.web.env]",
            "A = \"/home/ada\"",
            "B = \"1\"",
        ],
    );
}

#[test]
fn what_cannot_be_is_left_out_and_said() {
    let file = "services:
  web: {image: x, restart: always, depends_on: [cloud, idle], secrets: [far], volumes: [{type: npipe, source: a, target: /b}], pull_policy: daily, stop_signal: SIGWINCH}
  cloud: {provider: {type: aws}}
  idle: {image: x, scale: 0}
secrets: {far: {external: true}}
";
    let made = imported(&[("compose.yaml", file)]).unwrap();
    assert!(!made.text.contains("files = [{"), "{}", made.text);
    let needs = "needs = [{ service = \"idle\", until = \"started\", required = false }]";
    assert!(made.text.contains(needs), "{}", made.text);
    assert!(
        made.text.contains("profiles = [\"disabled\"]"),
        "{}",
        made.text
    );
    assert!(
        made.text.contains("stop = { signal = \"SIGWINCH\" }"),
        "{}",
        made.text
    );
    let notes: Vec<String> = made.notes.iter().map(ToString::to_string).collect();
    for said in [
        "compose.yaml:2: web does not wait for cloud: another program would run it, and none is asked",
        "compose.yaml:2: web gets no /run/secrets/far: far is in a store outside of the project",
        "compose.yaml:2: web gets no a at /b: a mount of type npipe is none of this machine's",
        "compose.yaml:2: web has its image pulled when it is missing, and not by daily: the age of one is not known",
        "compose.yaml:3: cloud is left out: another program would run it, and none is asked",
        "compose.yaml:4: idle is started only when it is named: none of it is wanted",
    ] {
        assert!(
            notes.iter().any(|note| note == said),
            "{said}\n{}",
            notes.join("\n")
        );
    }
}

/// What `spec` finds wrong with the definition stands in the compose file for its owner.
#[test]
fn a_mistake_that_only_the_definition_has_is_shown_in_the_compose_file() {
    let shown = |file: &str| {
        let made = imported(&[("compose.yaml", file)]).unwrap();
        let wrong = spec::parse("azora.toml", "shop", made.text.as_bytes()).unwrap_err();
        made.told_of(wrong, "compose.yaml", file).render(120, false)
    };
    let said = shown("services:\n  web:\n    image: x\n    mem_limit: 1k\n");
    assert!(
        said.contains("compose.yaml:4:5") && said.contains("memory"),
        "{said}"
    );
    let said = shown("services:\n  web:\n    image: x\n    environment:\n      AZORA_HOME: y\n");
    assert!(
        said.contains("compose.yaml:4:5") && said.contains("AZORA_HOME"),
        "{said}"
    );
}

/// A service of a profile is defined and waits to be asked for; its port is not taken from one that is always there.
#[test]
fn profiles_stay_what_they_are_unless_they_are_wanted_already() {
    let file = "services:
  debug: {image: x, profiles: [debug, ci], ports: ['80:80'], depends_on: [web]}
  web: {image: x, ports: ['80:80']}
";
    let text = |env: &str| {
        imported(&[("compose.yaml", file), (".env", env)])
            .unwrap()
            .text
    };
    let made = text("");
    assert!(made.contains("profiles = [\"ci\", \"debug\"]\n"), "{made}");
    assert!(made.contains("port = 80\n"), "{made}");
    assert_eq!(
        made.matches("{ number = 80, exact = true }").count(),
        1,
        "{made}"
    );
    defined(&made, &[]);
    let made = text("COMPOSE_PROFILES=ci\n");
    assert!(!made.contains("profiles ="), "{made}");
}

/// Two services of one port, of which one is wanted at a time: it is in the file where it is looked for.
#[test]
fn who_is_asked_for_has_the_port_that_others_would_like_as_well() {
    let text = "services:
  cpu_model: {image: x, profiles: [cpu], ports: ['8080:80']}
  gpu_model: {image: y, profiles: [gpu], ports: ['8080:80']}
";
    let ports = |settings: Settings| {
        let made = imported_with(&[("compose.yaml", text)], settings).unwrap();
        let cluster = defined(&made.text, &[("compose.yaml", text)]);
        let of = |name: &str| {
            let service = &cluster.services[name];
            (service.port_exact, service.profiles.clone())
        };
        [of("cpu-model"), of("gpu-model")]
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let is = |exact, profile: &str| (exact, vec![profile.to_owned()]);
    let gpu = [is(false, "cpu"), is(true, "gpu")];
    let asked = Settings {
        asked: set(&["gpu"]),
        ..settings()
    };
    assert_eq!(ports(asked), gpu, "it stays of its profile");
    for name in ["gpu_model", "gpu-model"] {
        let named = Settings {
            named: set(&[name]),
            ..settings()
        };
        assert_eq!(ports(named), gpu);
    }
    let always = Settings {
        profiles: set(&["gpu"]),
        ..settings()
    };
    assert_eq!(ports(always), [is(false, "cpu"), (true, vec![])]);
}

/// What is found only when the equivalent is read is told of the file, at the key, with both places where
/// there are two.
#[test]
fn what_a_daemon_would_refuse_is_told_of_the_key() {
    let cases: &[(&str, &str, &[usize])] = &[
        ("    ulimits: {nofiles: 5}", "did you mean `nofile`?", &[4]),
        (
            "    sysctls: {kernel.panic: 1}",
            "a container has no `kernel.panic` of its own",
            &[4],
        ),
        (
            "    cap_add: [NET_ADMN]",
            "did you mean \"NET_ADMIN\"?",
            &[4],
        ),
        ("    stop_signal: SIGTREM", "did you mean \"TERM\"?", &[4]),
        (
            "    device_cgroup_rules: ['x 1:3 mr']",
            "`x 1:3 mr` is no rule for devices",
            &[4],
        ),
        (
            "    dns: [dns.example]",
            "`dns.example` is no address",
            &[4],
        ),
        ("    working_dir: app", "`app` is no `working_dir`", &[4]),
        (
            "    security_opt: [secomp=unconfined]",
            "did you mean \"seccomp\"?",
            &[4],
        ),
        ("    devices: [snd]", "`snd", &[4]),
        ("    ipc: shared", "knows no `shared`", &[4]),
        ("    pid: hosts", "knows no `hosts`", &[4]),
        ("    hostname: a_b c", "is no `hostname`", &[4]),
        ("    platform: linux amd64", "is no `platform`", &[4]),
        ("    mac_address: 02:42", "is no `mac_address`", &[4]),
        (
            "    ports: ['8080:80']\n  api:\n    image: x\n    ports: ['8080:81']",
            "must both have port 8080",
            &[4, 7],
        ),
        (
            "    ports: ['80', '8080:80']\n  api:\n    image: x\n    ports: ['8080:81']",
            "must both have port 8080",
            &[4, 7],
        ),
    ];
    for (body, says, lines) in cases {
        let file = format!("services:\n  web:\n    image: x\n{body}\n");
        let made = imported(&[("compose.yaml", &file)]).unwrap_or_else(|wrong| panic!("{wrong}"));
        let wrong = spec::parse(spec::FILE, "folder", made.text.as_bytes());
        let wrong = wrong
            .err()
            .unwrap_or_else(|| panic!("{body} is taken: {}", made.text));
        let told = made.told_of(wrong, "compose.yaml", &file);
        let said = told.render(160, false);
        assert!(said.contains(says), "{body}: {said}");
        for line in *lines {
            assert!(said.contains(&format!("\n {line} │")), "{body}: {said}");
        }
    }
}
