//! Files made to be expensive: each ends at a limit with a message.

use crate::risks::{RISKS, file};
use crate::{read, refused, settings};
use formats::compose::{Reading, Sources};
use proptest::prelude::*;

/// The bomb and what is said of it. What it would cost is counted before it is paid.
fn bombs() -> Vec<(&'static str, String, &'static str)> {
    let nine = |name: char, of: char| {
        format!(
            "x-{name}: &{name} [{}]\n",
            vec![format!("*{of}"); 9].join(", ")
        )
    };
    let laughs: String = "bcdefghi"
        .chars()
        .zip("abcdefgh".chars())
        .map(|(name, of)| nine(name, of))
        .collect();
    let merges: String = (1..17)
        .map(|n| {
            format!(
                "x-{n}: &m{n} {{a: {{<<: *m{0}}}, b: {{<<: *m{0}}}}}\n",
                n - 1
            )
        })
        .collect();
    let deep = |open: &str, close: &str, n: usize| {
        file(&format!("{{x-a: {}1{}}}", open.repeat(n), close.repeat(n)))
    };
    let many = |n: usize, line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<String>();
    vec![
        (
            "billion laughs",
            format!("x-a: &a [lol, lol, lol]\n{laughs}"),
            "more than 100000 values",
        ),
        (
            "merge keys",
            format!("x-0: &m0 {{c: 1}}\n{merges}"),
            "more than 100000 values",
        ),
        (
            "10 MB",
            format!("#{}\n{}", "x".repeat(10 << 20), file("{image: x}")),
            "10.0 MiB large",
        ),
        (
            "10 MB of keys",
            many(1_000_000, &|n| format!("k{n}: {n}\n")),
            "MiB large",
        ),
        ("deep lists", deep("[", "]", 100_000), "too deep"),
        ("deep mappings", deep("{a: ", "}", 100_000), "too deep"),
        (
            "deep blocks",
            many(500, &|n| format!("{}a:\n", " ".repeat(n))),
            "too deep",
        ),
        (
            "an alias of itself",
            "x-a: &a {b: *a}\n".to_owned() + &file("{image: x}"),
            "part of what it names",
        ),
        (
            "many documents",
            "---\n".repeat(100_000),
            "a second document",
        ),
        ("not UTF-8", String::new(), "is not UTF-8"),
        ("a null byte", file("{image: \"x\0\"}"), "control character"),
        (
            "deep variables",
            file(&format!(
                "{{image: \"{}{}\"}}",
                "${A:-".repeat(9_000),
                "}".repeat(9_000)
            )),
            "too deep",
        ),
        (
            "long variables",
            file(&format!("{{image: \"{}\"}}", "$LONG".repeat(50_000))),
            "too long by its variables",
        ),
        (
            "a port range",
            file("{image: x, ports: ['1-65535:1-65535']}"),
            "more than 1000 ports",
        ),
        (
            "many port ranges",
            file(&format!(
                "{{image: x, ports: [{}]}}",
                "'1-900', ".repeat(900)
            )),
            "more than 1000 ports",
        ),
        (
            "absurd numbers",
            file("{image: x, scale: 99999999999999999999}"),
            "it takes a whole number",
        ),
        (
            "infinite cores",
            file("{image: x, cpus: .inf}"),
            "it takes a number",
        ),
        (
            "no number",
            file("{image: x, mem_limit: 9e999}"),
            "it takes a number of bytes",
        ),
        (
            "too many bytes",
            file("{image: x, mem_limit: 99999999999p}"),
            "it takes a number of bytes",
        ),
        (
            "endless seconds",
            file("{image: x, stop_grace_period: 9999999999999h}"),
            "it takes a duration",
        ),
        (
            "services",
            format!(
                "services:\n{}",
                many(2_500, &|n| format!("  s{n}: {{image: x}}\n"))
            ),
            "more than 2000 services",
        ),
        (
            "copies by extends",
            format!(
                "services:\n  base: {{image: x, x-a: [{}]}}\n{}",
                "1, ".repeat(30_000),
                many(500, &|n| format!("  s{n}: {{extends: base}}\n"))
            ),
            "the project is too large",
        ),
        (
            "a chain of extends",
            format!(
                "services:\n  s0: {{image: x}}\n{}",
                many(500, &|n| format!("  s{}: {{extends: s{n}}}\n", n + 1))
            )
            .lines()
            .enumerate()
            .map(|(n, line)| (n, format!("{line}\n")))
            // The last one first, so that nothing is known of those it needs.
            .fold(
                (String::new(), String::new()),
                |(head, rest), (n, line)| match n {
                    0 => (line, rest),
                    _ => (head, line + &rest),
                },
            )
            .into_iter_joined(),
            "extend each other",
        ),
        (
            "a circle of needs",
            file("{image: x, depends_on: [web]}"),
            "in a circle",
        ),
        (
            "env files",
            file(&format!(
                "{{image: x, env_file: [{}]}}",
                many(50, &|n| format!("{{path: e{n}.env, required: false}}, "))
            )),
            "too many env files",
        ),
        (
            "an env file elsewhere",
            file("{image: x, env_file: ../../../../etc/shadow}"),
            "leads out of the project's folder",
        ),
        (
            "an absolute env file",
            file("{image: x, env_file: /etc/shadow}"),
            "leads out of the project's folder",
        ),
        (
            "a file of somebody's home",
            file("{image: x, env_file: '~/.ssh/id_rsa'}"),
            "leads out of the project's folder",
        ),
        (
            "an include elsewhere",
            format!("include: [x/../../../etc/passwd]\n{}", file("{image: x}")),
            "leads out of the project's folder",
        ),
        (
            "an escape in a name",
            file("{image: x, \"\\e]0;x\\a\": 1}"),
            "is not known",
        ),
        (
            "a tag that runs something",
            file("{image: !!python/object/apply:os.system [id]}"),
            "is not known",
        ),
    ]
}

/// Two halves as one text.
trait Joined {
    fn into_iter_joined(self) -> String;
}

impl Joined for (String, String) {
    fn into_iter_joined(self) -> String {
        self.0 + &self.1
    }
}

#[test]
fn bombs_end_at_a_limit_with_a_message() {
    for (name, text, wanted) in bombs() {
        let mut bytes = text.into_bytes();
        if name == "not UTF-8" {
            bytes = b"services: {web: {image: \xff\xfe}}".to_vec();
        }
        let mut settings = settings();
        settings
            .environment
            .insert("LONG".into(), "x".repeat(1_000));
        let mut sources = Sources::new("compose.yaml", bytes, settings);
        let said = loop {
            match sources.read() {
                Ok(Reading::Needs(paths)) => {
                    for path in paths {
                        sources.add(path, spec::Found::Absent);
                    }
                }
                Ok(Reading::Complete(_)) => panic!("{name} is read"),
                Err(wrong) => break wrong.render(120, false),
            }
        };
        // Messages are wrapped.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(wanted), "{name}: {said}");
        assert!(!said.contains(['\u{1b}', '\0']), "{name}: {said}");
    }
}

#[test]
fn variables_of_env_files_that_double_end_at_a_limit() {
    let doubling: String = std::iter::once("A0=0123456789\n".to_owned())
        .chain((1..60).map(|n| format!("A{n}=${{A{0}}}${{A{0}}}\n", n - 1)))
        .collect();
    let said = refused(&[
        ("compose.yaml", "services: {a: {image: x}}"),
        (".env", &doubling),
    ]);
    assert!(
        said.contains("in .env becomes too long by its variables"),
        "{said}"
    );
    let text = "services: {a: {image: x, env_file: big.env}}";
    let said = refused(&[("compose.yaml", text), ("big.env", &doubling)]);
    assert!(
        said.contains("in big.env becomes too long by its variables"),
        "{said}"
    );
}

#[test]
fn an_env_file_that_all_services_name_counts_each_time() {
    let big: String = (0..1_000)
        .map(|n| format!("V{n}={}\n", "x".repeat(200)))
        .collect();
    let services: String = (0..1_000)
        .map(|n| format!("  s{n}: {{image: x, env_file: big.env}}\n"))
        .collect();
    let text = format!("services:\n{services}");
    let said = refused(&[("compose.yaml", &text), ("big.env", &big)]);
    assert!(
        said.contains("the files of the project are too large"),
        "{said}"
    );
}

#[test]
fn long_names_cost_no_more_than_they_are_long() {
    // Each key below a name of 300 KB is said with its path.
    let keys: String = (0..30_000).map(|n| format!("k{n}: ,")).collect();
    let text = format!("services: {{{}: {{{keys}}}}}", "a".repeat(300_000));
    let said = refused(&[("compose.yaml", &text)]);
    assert!(said.contains("the key `k0` is not known"), "{said}");
}

/// Each service looks up what it uses. When all that is defined was gathered for each, this took 43 s.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test gives up on what takes too long"
)]
fn many_services_beside_many_volumes_cost_no_more_than_there_are() {
    let mut text = String::from("services:\n");
    for number in 0..2_000 {
        text.push_str(&format!("  s{number}: {{image: a}}\n"));
    }
    text.push_str("volumes:\n");
    for number in 0..40_000 {
        text.push_str(&format!("  v{number}:\n"));
    }
    let (sender, read) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let project = crate::project(&[("compose.yaml", text.as_str())]);
        sender.send((project.services.len(), project.volumes.len()))
    });
    let limit = std::time::Duration::from_secs(20);
    assert_eq!(read.recv_timeout(limit), Ok((2_000, 40_000)));
}

#[test]
fn a_project_does_not_look_for_any_number_of_files() {
    let services: String = (0..1_000)
        .map(|n| format!("  s{n}: {{image: x, env_file: [{{path: e{n}, required: false}}]}}\n"))
        .collect();
    let said = refused(&[("compose.yaml", &format!("services:\n{services}"))]);
    assert!(said.contains("names more than 500 files"), "{said}");
}

#[test]
fn of_many_variables_that_are_not_set_the_first_are_told() {
    let labels: String = (0..10_000).map(|n| format!("$A{n}$A0, ")).collect();
    let text = format!("services: {{web: {{image: x, labels: [{labels}]}}}}");
    let project = crate::project(&[("compose.yaml", &text)]);
    let notes = crate::notes(&project);
    assert_eq!(notes.len(), 20, "{notes:?}");
    assert!(
        notes[0].contains("the variable `A0` is not set"),
        "{notes:?}"
    );
}

/// A file with something of everything.
const ALL: &str = "name: all
x-common: &common {restart: always, environment: {A: '1', B: \"${SET:-x}\"}}
include: [{path: other.yaml}]
services:
  web:
    <<: *common
    image: 'nginx:${TAG:-1}'
    build: {context: ., args: [A=1]}
    command: sh -c \"echo 'a b'\"
    ports: ['127.0.0.1:8080:80', {target: 81}]
    volumes: ['./a:/a:ro', 'v:/v', {type: tmpfs, target: /t}]
    depends_on: {db: {condition: service_healthy}}
    healthcheck: {test: [CMD, x], interval: 1m30s}
    networks: {n: {aliases: [é]}}
    deploy: {replicas: 2, resources: {limits: {memory: 1g}}}
  db:
    extends: {service: web}
    ports: !reset []
    depends_on: !reset []
    secrets: [s]
volumes: {v: }
networks: {n: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}
secrets: {s: {file: ./s}}
";

const PIECES: [&str; 24] = [
    "",
    " ",
    "\n",
    "\n  ",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "*common",
    "&a ",
    "<<: ",
    "!reset ",
    "!override ",
    "$",
    "${",
    "null",
    "99999999999",
    "é",
    "\t",
];

proptest! {
    /// Whatever is cut out of a file and put into it, it is read or refused.
    #[test]
    fn no_file_makes_it_panic(
        at in 0..ALL.len(),
        cut in 0usize..30,
        put in prop::collection::vec(0..PIECES.len(), 0..4),
    ) {
        let boundary = |mut at: usize| {
            while !ALL.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (from, to) = (boundary(at), boundary((at + cut).min(ALL.len())));
        let put: String = put.into_iter().map(|piece| PIECES[piece]).collect();
        let text = format!("{}{put}{}", &ALL[..from], &ALL[to..]);
        let other = ("other.yaml", "services: {other: {image: x}}");
        let _ = read(&[("compose.yaml", &text), other]);
    }
}

#[test]
fn files_that_include_each_other_twice_end_at_a_limit() {
    // Each is read twice as often as the one before: 2^20 times the last.
    let files: Vec<(String, String)> = (0..20)
        .map(|n| {
            let next = format!("f{}.yaml", n + 1);
            (format!("f{n}.yaml"), format!("include: [{next}, {next}]\n"))
        })
        .collect();
    let mut tree: Vec<(&str, &str)> = vec![(
        "compose.yaml",
        "include: [f0.yaml]\nservices: {a: {image: x}}",
    )];
    tree.extend(
        files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    );
    tree.push(("f20.yaml", "services: {b: {image: x}}"));
    let said = refused(&tree);
    assert!(said.contains("more than 64 files"), "{said}");
}

#[test]
fn a_long_row_of_includes_ends_at_a_limit() {
    let files: Vec<(String, String)> = (0..80)
        .map(|n| {
            (
                format!("f{n}.yaml"),
                format!("include: [f{}.yaml]\n", n + 1),
            )
        })
        .collect();
    let mut tree: Vec<(&str, &str)> = vec![(
        "compose.yaml",
        "include: [f0.yaml]\nservices: {a: {image: x}}",
    )];
    tree.extend(
        files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str())),
    );
    let said = refused(&tree);
    assert!(said.contains("include each other"), "{said}");
}

#[test]
fn there_are_enough_cases() {
    assert!(bombs().len() + RISKS.len() >= 60);
    // And what is taken apart above is whole.
    crate::project(&[
        ("compose.yaml", ALL),
        ("other.yaml", "services: {other: {image: x}}"),
    ]);
}
