//! `process-compose.yaml` and what becomes of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::cluster;
use formats::{Format, Imported};
use spec::Kind;
use std::fmt::Write;

fn read(file: &[u8], beside: &[(&str, &str)]) -> Result<Imported, String> {
    common::read(Format::ProcessCompose, "process-compose.yaml", file, beside)
}

fn imported(file: &str) -> Imported {
    read(file.as_bytes(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The lines of a service's table.
fn lines(imported: &Imported, service: &str) -> Vec<String> {
    let head = format!("[service.{service}]");
    let lines = imported.text.lines().skip_while(|line| *line != head);
    let own = lines.skip(1).take_while(|line| !line.is_empty());
    own.map(str::to_owned).collect()
}

fn notes(imported: &Imported) -> Vec<String> {
    imported.notes.iter().map(ToString::to_string).collect()
}

/// What one process is, below its name, and the lines of its service.
#[track_caller]
fn becomes(process: &str, service: &[&str]) {
    let mut file =
        "processes:\n  db: {command: db, ready_log_line: up}\n  job: {command: job}\n  web:\n"
            .to_owned();
    for line in process.lines() {
        writeln!(file, "    {line}").unwrap();
    }
    let made = imported(&file);
    // Where nothing is said of it, it is not started again, and may end; what runs by a schedule ends anyway.
    let ends = process.contains("availability") || process.contains("schedule");
    let unsaid = ["success = [0]", "heal = { enabled = false }"];
    let mut own = lines(&made, "web");
    let at = own.windows(2).position(|two| two == unsaid);
    assert_eq!(at.is_some(), !ends, "{}", made.text);
    if let Some(at) = at {
        own.drain(at..at + 2);
    }
    assert_eq!(own, service, "{file}\n{}", made.text);
    cluster(&made);
}

#[test]
fn each_key_has_its_equivalent() {
    becomes("command: node server.js", &["run = \"node server.js\""]);
    becomes(
        "command: node a.js && node b.js",
        &["run = [\"bash\", \"-c\", \"node a.js && node b.js\"]"],
    );
    becomes(
        "command: echo ${db.port}",
        &["run = [\"bash\", \"-c\", \"echo $${db.port}\"]"],
    );
    becomes("entrypoint: [node, 'a b']", &["run = [\"node\", \"a b\"]"]);
    becomes(
        "command: web\ndepends_on:\n  db: {condition: process_log_ready}\n  job: {condition: process_completed}",
        &[
            "run = \"web\"",
            "needs = [\"db\", { service = \"job\", until = \"ended\" }]",
        ],
    );
    becomes(
        "command: web\nreadiness_probe:\n  http_get: {host: 127.0.0.1, scheme: http, port: 8080, path: /up, status_code: 204}\n  initial_delay_seconds: 50\n  period_seconds: 5",
        &[
            "run = \"web\"",
            "health = { http = \"http://127.0.0.1:8080/up\", status = 204, every = \"5s\", within = \"65s\" }",
        ],
    );
    becomes(
        "command: web --port $PORT\nenvironment: [PORT=8080]\nreadiness_probe: {http_get: {port: 8080, headers: {Host: shop}}}",
        &[
            "run = [\"bash\", \"-c\", \"web --port $PORT\"]",
            "port = 8080",
            "health = { http = \"/\", headers = { Host = \"shop\" }, every = \"10s\" }",
        ],
    );
    becomes(
        "command: web\nreadiness_probe: {exec: {command: check}, success_threshold: 2}\nliveness_probe: {exec: {command: 'alive now', working_dir: in}, timeout_seconds: 3, failure_threshold: 1}",
        &[
            "run = \"web\"",
            "ready = { exec = \"check\", every = \"10s\", pass = 2 }",
            "health = { exec = [\"bash\", \"-c\", \"cd \\\"in\\\" || exit\\nalive now\"], every = \"10s\", timeout = \"3s\", fail = 1 }",
        ],
    );
    becomes(
        "command: web\navailability: {restart: on_failure, backoff_seconds: 4, max_restarts: 3}",
        &[
            "run = \"web\"",
            "success = [0]",
            "heal = { backoff = [\"4s\"], budget = \"3 per 1d\", ladder = [{ remedy = \"restart\", times = 3 }, \"quarantine\"] }",
        ],
    );
    becomes(
        "command: web\nshutdown: {command: web stop, signal: 2, timeout_seconds: 7}",
        &[
            "run = \"web\"",
            "stop = { command = \"web stop\", signal = \"INT\", grace = \"7s\" }",
        ],
    );
    becomes(
        "command: web\nenvironment: ['A=$B', 'C=$(id)', 'D=5$$', 'E=$$F']",
        &[
            "run = [\"bash\", \"-c\", \"export A=\\\"$B\\\"\\nexport C=\\\"\\\\$(id)\\\"\\nweb\"]",
            "env = { D = \"5$\", E = \"$F\" }",
        ],
    );
    becomes(
        "command: web\nenv_file: web.env\nnamespace: [a, b]\nreplicas: 2\nworking_dir: in\nis_tty: true",
        &[
            "cwd = \"in\"",
            "run = \"web\"",
            "env_files = [\"web.env\"]",
            "category = \"a, b\"",
            "replicas = 2",
            "tty = true",
        ],
    );
    becomes(
        "command: web\nwatch: {paths: [{path: src, include: ['*.rs', 'a/b'], exclude: [tmp]}, {path: .}]}",
        &[
            "run = \"web\"",
            "watch = { paths = [\"src/**/*.rs\", \"src/a/b\", \"!src/**/tmp\", \"**\"], debounce = \"300ms\" }",
        ],
    );
}

#[test]
fn who_is_waited_for_to_end_ends_by_itself() {
    let made = imported(
        "processes:\n  job: {command: job}\n  web: {command: web, depends_on: {job: {condition: process_completed_successfully}}}\n",
    );
    let cluster = cluster(&made);
    assert_eq!(cluster.services["job"].kind, Kind::Oneshot);
    assert_eq!(cluster.services["web"].kind, Kind::Daemon);
}

#[test]
fn what_has_no_equivalent_is_told_with_its_line() {
    let made = imported(
        "log_location: all.log\nprocesses:\n  web:\n    command: web {{.Nobody}}\n    colour: red\n    readiness_probe:\n      http_get: {host: example.org, port: 80}\n  off:\n    command: off\n    disabled: true\n",
    );
    assert_eq!(
        notes(&made),
        [
            "process-compose.yaml:1: log_location has no equivalent: every service has a log of its own: `azora logs`",
            "process-compose.yaml:3: the template {{.Nobody}} is left as it stands: only names of `vars` are put in",
            "process-compose.yaml:3: without availability.restart a process that ends is not started again; with 0 it has completed, with any other code that is told as a fault; remove `heal` from its service and it is healed",
            "process-compose.yaml:5: processes.web.colour is not known, and is passed over",
            "process-compose.yaml:7: processes.web.readiness_probe.http_get is left out: example.org is another machine, and only this one is asked",
        ]
    );
}

#[test]
fn an_override_is_laid_over_as_process_compose_does_it() {
    let base =
        "processes:\n  a: {command: one, environment: [A=1, B=1], replicas: 2, namespace: x}\n";
    let over = "processes:\n  a: {command: two, environment: [B=2, C=2], disabled: false, namespace: y}\n  b: {command: b}\n";
    let made = read(base.as_bytes(), &[("process-compose.override.yml", over)]).unwrap();
    assert_eq!(
        lines(&made, "a"),
        [
            "run = \"two\"",
            "env = { A = \"1\", B = \"2\", C = \"2\" }",
            "category = \"y\"",
            "replicas = 2",
            "success = [0]",
            "heal = { enabled = false }",
        ]
    );
    assert_eq!(lines(&made, "b")[0], "run = \"b\"");
    let wrong = read(
        base.as_bytes(),
        &[("process-compose.override.yaml", "processes: [")],
    )
    .unwrap_err();
    assert!(wrong.contains("process-compose.override.yaml:1"), "{wrong}");
}

/// The folders of `tests/corpus/process-compose`: what is made of each is a definition, and is always the same.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the crate is pure; what people have is in files"
)]
fn what_people_have_becomes_the_same_definition_every_time() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/corpus/process-compose"
    );
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut files: Vec<(&str, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            let header = line
                .trim_end()
                .strip_prefix("-- ")
                .and_then(|name| name.strip_suffix(" --"));
            match (header, files.last_mut()) {
                (Some(name), _) => files.push((name, String::new())),
                (None, Some((_, text))) => text.push_str(line),
                (None, None) => {}
            }
        }
        let main = files
            .iter()
            .find(|(name, _)| name.starts_with("process-compose.y"))
            .unwrap();
        let beside: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let [one, two] = [0, 1]
            .map(|_| read(main.1.as_bytes(), &beside).unwrap_or_else(|wrong| panic!("{wrong}")));
        assert_eq!(one, two);
        assert_eq!(cluster(&one), cluster(&two));
        count += 1;
    }
    assert!(count >= 30, "{count} are not enough");
}

#[test]
fn what_is_not_always_started_again_may_end_and_says_with_what() {
    let of = |process: &str| {
        let made = imported(&format!(
            "processes:\n  job: {{command: job, success_exit_codes: [0, 3, 300]}}\n  web: {{command: web{process}}}\n  \
             after: {{command: after, depends_on: {{job: {{condition: process_completed_successfully}}}}}}\n",
        ));
        let cluster = cluster(&made);
        assert_eq!(cluster.services["job"].success, [3].into());
        let told = made.notes.iter().map(ToString::to_string);
        let told = told
            .filter(|note| note.contains("success_exit_codes"))
            .count();
        (cluster.services["web"].success.clone(), told)
    };
    assert_eq!(of(""), ([0].into(), 0));
    assert_eq!(of(", success_exit_codes: [143]"), ([0, 143].into(), 0));
    for policy in ["on_failure", "no", "exit_on_failure"] {
        let may = of(&format!(
            ", availability: {{restart: {policy}}}, success_exit_codes: [3]"
        ));
        assert_eq!(may, ([0, 3].into(), 0), "{policy}");
    }
    let always = of(", availability: {restart: always}, success_exit_codes: [3]");
    assert_eq!(always, ([].into(), 1));
}

#[test]
fn a_schedule_is_that_of_a_oneshot() {
    let unhealed = "heal = { ladder = [\"quarantine\"] }";
    let own = |schedule: &str, written: &str| {
        becomes(
            &format!("command: web\nschedule: {schedule}"),
            &["run = \"web\"", "kind = \"oneshot\"", written, unhealed],
        );
    };
    own("{cron: '0 2 * * *'}", "schedule = \"0 2 * * *\"");
    own(
        "{cron: '0 2 * * MON-FRI', timezone: Europe/Berlin, run_on_start: true}",
        "schedule = { cron = \"0 2 * * MON-FRI\", timezone = \"Europe/Berlin\", run_on_start = true }",
    );
    own("{cron: '@daily', timezone: Local}", "schedule = \"@daily\"");
    own("{cron: '@every 90s'}", "schedule = { every = \"90s\" }");
    own("{interval: 1h30m}", "schedule = { every = \"90m\" }");
    own(
        "{cron: '0 2 * * *', interval: 1h}",
        "schedule = \"0 2 * * *\"",
    );
}

#[test]
fn nobody_waits_for_what_runs_by_a_schedule_and_its_mistakes_are_shown_where_they_are() {
    let made = imported(
        "processes:\n  poll:\n    command: poll\n    schedule: {interval: 30s, max_concurrent: 2}\n    \
         availability: {restart: always}\n  web:\n    command: web\n    depends_on: {poll: {condition: \
         process_completed}}\n",
    );
    assert!(
        !lines(&made, "web")
            .iter()
            .any(|line| line.contains("needs"))
    );
    let notes = notes(&made).join("\n");
    for said in [
        "process-compose.yaml:4: processes.poll.schedule.max_concurrent has no equivalent",
        "processes.poll is started again when it fails; else when its time comes",
        "process-compose.yaml:8: poll is not waited for: it runs by a schedule",
    ] {
        assert!(notes.contains(said), "{notes}");
    }
    let wrong = "processes:\n  poll:\n    command: poll\n    schedule: {cron: '0 25 * * *'}\n";
    let wrong = read(wrong.as_bytes(), &[]).and_then(|made| {
        let read = spec::parse("azora.toml", "shop", made.text.as_bytes());
        read.map(|_| ()).map_err(|wrong| wrong.render(100, false))
    });
    let wrong = wrong.unwrap_err();
    assert!(wrong.contains("`25` is no hour"), "{wrong}");
}
