//! `process-compose.yaml` files that mean no good, or nothing: each ends soon, and says what is wrong and where.

use formats::{Format, Reading, Sources};
use spec::Found;

/// What is said of a file, by `formats` or by `spec` of what is made of it.
fn refused(file: &[u8], beside: &[(&str, &[u8])]) -> String {
    let mut sources = Sources::new(Format::ProcessCompose, "process-compose.yaml", file.into());
    let imported = loop {
        match sources.read() {
            Ok(Reading::Complete(imported)) => break imported,
            Ok(Reading::Needs(files)) => {
                for file in files {
                    let there = beside.iter().find(|(name, _)| *name == file);
                    let found =
                        there.map_or(Found::Absent, |(_, bytes)| Found::Bytes(bytes.to_vec()));
                    sources.add(file, found);
                }
            }
            Err(problems) => return problems.render(100, false),
        }
    };
    let source = String::from_utf8_lossy(file);
    match spec::parse("azora.toml", "shop", imported.text.as_bytes()) {
        Ok(_) => panic!("it is taken: {}", imported.text),
        Err(problems) => imported
            .told_of(problems, "process-compose.yaml", &source)
            .render(100, false),
    }
}

#[track_caller]
fn says(file: impl AsRef<[u8]>, what: &str) {
    let said = refused(file.as_ref(), &[]);
    assert!(said.contains(what), "{what:?} is not said: {said}");
    assert!(
        said.contains("[process-compose.yaml:"),
        "no place in {said}"
    );
    assert!(said.len() < 20_000, "{} bytes are said", said.len());
}

fn process(lines: &str) -> String {
    format!("processes:\n  web:\n    command: web\n{lines}")
}

#[test]
fn bombs_end_at_once() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let each = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs += &format!("a{n}: &a{n} [{each}]\n");
    }
    says(
        laughs + "processes: {web: {command: web}}\n",
        "more than 100000 values",
    );
    let long = format!(
        "a: &a {}\nprocesses:\n  web: {{command: web, environment: [{}]}}\n",
        "x".repeat(100_000),
        vec!["*a"; 100].join(", ")
    );
    says(long, "more than");
    says(
        format!("processes: {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        "deep",
    );
    says(format!("processes: {}", "{a: ".repeat(100_000)), "deep");
    says("# large\n".repeat(1_400_000), "MiB large");
    let keys: String = (0..150_000).map(|n| format!("k{n}: \n")).collect();
    let said = refused(keys.as_bytes(), &[]);
    assert!(
        said.contains("more than") || said.contains("MiB large"),
        "{said}"
    );
}

#[test]
fn what_is_no_yaml_says_where() {
    says(b"processes:\n  web: {command: caf\xe9}\n", "UTF-8");
    says("processes:\n\tweb: {command: web}\n", "tab");
    says(
        "processes: {web: {command: \"open}}\n",
        "process-compose.yaml:1",
    );
    says(
        "processes: {a: {command: a}}\n---\nprocesses: {b: {command: b}}\n",
        "document",
    );
    says("processes: {a: {command: a}, a: {command: b}}\n", "twice");
    says("processes: {a: *nobody}\n", "nobody");
}

#[test]
fn wrong_types_say_what_is_taken() {
    says("[one, two]\n", "the file");
    says("processes: [web]\n", "processes is a list");
    says("processes: {web: 5}\n", "processes.web");
    says(
        "processes: {web: {command: [a, b]}}\n",
        "processes.web.command",
    );
    says(
        process("    environment: {A: b}\n"),
        "processes.web.environment",
    );
    says(
        process("    depends_on: [db]\n"),
        "processes.web.depends_on",
    );
    says(
        process("    availability: always\n"),
        "processes.web.availability",
    );
    says(process("    replicas: 100000\n"), "replicas");
    says(
        process("    availability: {restart: sometimes}\n"),
        "sometimes",
    );
    says(
        process("    shutdown: {timeout_seconds: soon}\n"),
        "timeout_seconds",
    );
    says(
        process("    readiness_probe: {exec: {command: x}, period_seconds: 99999999999}\n"),
        "every",
    );
}

#[test]
fn what_waits_for_ever_is_refused() {
    says(
        "processes:\n  a: {command: a, depends_on: {b: {}}}\n  b: {command: b, depends_on: {a: {}}}\n",
        "in a circle",
    );
    says(
        "processes:\n  a: {command: a, depends_on: {a: {}}}\n",
        "needs itself",
    );
    says(
        process("    depends_on: {db: {condition: process_healthy}}\n"),
        "there is no process `db`",
    );
    says(
        process("    depends_on: {wbe: {condition: process_started}}\n"),
        "did you mean `web`",
    );
    says(
        "processes:\n  a: {command: a}\n  b: {command: b, depends_on: {a: {condition: process_log_ready}}}\n",
        "ready_log_line",
    );
    says(
        "processes:\n  a: {command: a}\n  b: {command: b, depends_on: {a: {condition: process_heathly}}}\n",
        "did you mean `process_healthy`",
    );
    says(
        "processes:\n  a: {command: a, availability: {restart: always}}\n  b: {command: b, depends_on: {a: {condition: process_completed}}}\n",
        "never ends",
    );
}

#[test]
fn what_says_nothing_to_run_is_refused() {
    says("", "no process is to be started");
    says("version: \"0.5\"\n", "no process is to be started");
    says("processes: {}\n", "no process is to be started");
    says(
        "processes: {web: {command: web, disabled: true}}\n",
        "no process is to be started",
    );
    says(
        "processes: {web: {description: nothing}}\n",
        "has no command",
    );
    says("processes: {web: {command: ''}}\n", "has no command");
    says(
        "processes: {Web: {command: a}, web: {command: b}}\n",
        "are both web",
    );
    let many: String = (0..2_100)
        .map(|n| format!("  p{n}: {{command: a}}\n"))
        .collect();
    says(format!("processes:\n{many}"), "more than 2000 processes");
}

#[test]
fn what_reaches_elsewhere_or_is_strict_is_refused() {
    says(
        "extends: ../../etc/other.yaml\nprocesses: {web: {command: web}}\n",
        "extends another",
    );
    says(
        "is_strict: true\nprocesses: {web: {command: web, comand: x}}\n",
        "did you mean `command`",
    );
    says(
        process("    env_file: \"a\\0b\"\n"),
        "process-compose.yaml:",
    );
    says(
        "processes: {web: {command: \"a\\0b\"}}\n",
        "process-compose.yaml:",
    );
    let said = refused(
        b"processes: {web: {command: web}}\n",
        &[(
            "process-compose.override.yaml",
            b"processes: {web: &a [*a]}\n",
        )],
    );
    assert!(said.contains("process-compose.override.yaml:1"), "{said}");
}
