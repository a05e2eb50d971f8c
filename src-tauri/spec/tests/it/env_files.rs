//! Env files: what their lines mean, what is said about those that mean nothing, and which layer's
//! word counts.

use proptest::prelude::*;
use spec::{Found, Reading, Sources, Value};
use std::collections::BTreeMap;

const PLAIN: &str = "[service.a]\nrun = \"a\"\n";

/// Reads a definition with env files, as often as it asks for further ones.
fn read(definition: &str, files: &[(&str, &[u8])]) -> Result<spec::Cluster, spec::Diagnostics> {
    let mut sources = Sources::new("shop", definition.as_bytes().to_vec());
    loop {
        match sources.read()? {
            Reading::Complete(cluster) => return Ok(*cluster),
            Reading::Needs(wanted) => {
                assert!(!wanted.is_empty());
                for path in wanted {
                    let found = files.iter().find(|(name, _)| *name == path);
                    let found =
                        found.map_or(Found::Absent, |(_, bytes)| Found::Bytes(bytes.to_vec()));
                    sources.add(path, found);
                }
            }
        }
    }
}

/// What a service gets, with where from, beside what a terminal has that sets `HOME`.
fn given(
    definition: &str,
    files: &[(&str, &[u8])],
    service: &str,
) -> BTreeMap<String, (String, String)> {
    let cluster = read(definition, files).unwrap_or_else(|p| panic!("{}", p.render(100, false)));
    let terminal = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
    let service = &cluster.services[&super::name(service)];
    let all = cluster.variables(service, &terminal);
    all.into_iter()
        .map(|(name, variable)| {
            let value = match variable.value {
                Value::Text(text) => text,
                Value::Template(template) => template.to_string(),
                Value::Secret(_) => "(secret)".to_owned(),
            };
            (name.to_owned(), (value, variable.origin.to_string()))
        })
        .collect()
}

fn values(file: &str) -> Vec<(String, String)> {
    let all = given(PLAIN, &[(".env", file.as_bytes())], "a");
    all.into_iter()
        .map(|(name, (value, _))| (name, value))
        .collect()
}

fn one(file: &str) -> String {
    let mut all = values(file);
    assert_eq!(all.len(), 1, "{file:?} gave {all:?}");
    all.remove(0).1
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../env-files");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn refusal(file: &[u8]) -> String {
    let problems = read(PLAIN, &[(".env", file)]).unwrap_err();
    let shown = problems.render(100, false);
    assert!(shown.contains("─[.env:"), "no place in\n{shown}");
    assert!(shown.contains('^') && shown.contains("  help: "), "{shown}");
    shown
}

#[test]
fn lines_mean_what_compose_foreman_and_dotenv_agree_on() {
    for (line, value) in [
        ("A=b", "b"),
        ("A = b c ", "b c"),
        ("export A=b", "b"),
        ("A=", ""),
        ("A=b # said", "b"),
        ("A=b#c", "b#c"),
        ("A=#c", ""),
        ("A='b # c'", "b # c"),
        ("A=\"b # c\" # said", "b # c"),
        ("A=`b'\"c`", "b'\"c"),
        (r#"A="b\n\t\"c\" \$d \e""#, "b\n\t\"c\" $d \\e"),
        (r"A='b\n'", r"b\n"),
        (r"A=b\n", r"b\n"),
        ("A=\"b\nc\"", "b\nc"),
        ("A='b\r\nc'\r\n", "b\nc"),
        ("A=b\r\n", "b"),
        ("\u{feff}A=b", "b"),
        ("A=pa$$word$1", "pa$$word$1"),
        ("A=${db.port}", "${db.port}"),
        ("A=postgres://u:p=w@h/d?x=1", "postgres://u:p=w@h/d?x=1"),
        ("# A=c\n\n  A=b", "b"),
        ("A=b\nA=c", "c"),
    ] {
        assert_eq!(one(line), value, "{line:?}");
    }
    assert_eq!(
        values("ONLY_A_NAME\nspring.x-y=1"),
        [("spring.x-y".into(), "1".into())]
    );
}

#[test]
fn a_variable_is_put_in_from_what_stands_before_it() {
    for (file, value) in [
        ("A=${HOME}/x", "/home/me/x"),
        ("A=\"${HOME}\"", "/home/me"),
        ("A='${HOME}'", "${HOME}"),
        ("A=\"\\${HOME}\"", "${HOME}"),
        ("A=${NONE}x", "x"),
        ("A=${NONE:-y}", "y"),
        ("A=${NONE-y}", "y"),
        ("A=${HOME:-y}", "/home/me"),
    ] {
        assert_eq!(one(file), value, "{file:?}");
    }
    let all = values("A=1\nB=${A}${C:-none}\nA=2\nC=\nD=${C:-filled}${C-}");
    let all: Vec<(&str, &str)> = all.iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(
        all,
        [("A", "2"), ("B", "1none"), ("C", ""), ("D", "filled")]
    );
}

#[test]
fn the_higher_layer_counts_and_says_where_it_is() {
    let definition = r#"[cluster]
env_files = ["base.env", { file = "none.env", optional = true }]
[cluster.defaults]
env = { C = "defaults", D = "defaults" }
[service.a]
run = "a"
env_files = ["a.env"]
env = { D = "own" }
secrets = { E = { file = "e" } }
[service.b]
run = "b"
"#;
    let files: [(&str, &[u8]); 2] = [
        ("base.env", b"A=base\nB=base\nC=base\nE=base\n"),
        ("a.env", b"\nB=${A}-a\n"),
    ];
    let shown = |service| -> Vec<String> {
        let all = given(definition, &files, service).into_iter();
        all.map(|(name, (value, from))| format!("{name}={value} {from}"))
            .collect()
    };
    assert_eq!(
        shown("a"),
        [
            "A=base base.env:1",
            "B=base-a a.env:2",
            "C=defaults azora.toml:4",
            "D=own azora.toml:8",
            "E=(secret) azora.toml:9",
        ]
    );
    assert_eq!(
        shown("b"),
        [
            "A=base base.env:1",
            "B=base base.env:2",
            "C=defaults azora.toml:4",
            "D=defaults azora.toml:4",
            "E=base base.env:4",
        ]
    );
}

#[test]
fn the_usual_files_need_not_be_there_and_the_local_one_counts() {
    assert!(given(PLAIN, &[], "a").is_empty());
    let files: [(&str, &[u8]); 2] = [(".env", b"A=1"), (".env.local", b"A=2")];
    let (value, from) = given(PLAIN, &files, "a")["A"].clone();
    assert_eq!((value.as_str(), from.as_str()), ("2", ".env.local:1"));
    let none = format!("[cluster]\nenv_files = []\n{PLAIN}");
    assert!(given(&none, &files, "a").is_empty());
}

#[test]
fn the_port_is_azoras_word_and_not_the_files() {
    let definition = "[service.a]\nrun = \"a\"\nport = 0\n[service.b]\nrun = \"b\"\n";
    let files: [(&str, &[u8]); 1] = [(".env", b"PORT=3000")];
    assert!(given(definition, &files, "a").is_empty());
    assert_eq!(given(definition, &files, "b")["PORT"].0, "3000");
}

#[test]
fn a_named_file_has_to_be_there() {
    let definition = "[cluster]\nenv_files = [\".env\", \"prod.env\"]\n[service.a]\nrun = \"a\"\n";
    let problems = read(definition, &[(".env", b"A=1")]).unwrap_err();
    assert_eq!(problems.problems()[0].position(), (2, 22));
    snapshot("a-named-file-has-to-be-there", &problems.render(100, false));
}

#[test]
fn what_is_wrong_in_two_files_is_said_of_each() {
    let problems = read(PLAIN, &[(".env", b"A=1\n2B=1"), (".env.local", b"=1")]).unwrap_err();
    let files: Vec<_> = problems
        .problems()
        .iter()
        .map(|one| one.file().unwrap())
        .collect();
    assert_eq!(files, [".env", ".env.local"]);
    assert_eq!(problems.problems()[0].position(), (2, 1));
}

#[test]
fn broken_lines_are_explained() {
    let mut all = String::new();
    for file in [
        "A=1\nB='open\nC=2",
        "A=\"b\" c",
        "2A=b",
        "A B=c",
        "=b",
        "just some words",
        "AZORA_HOME=/x",
        "A=b\0c",
    ] {
        all += &refusal(file.as_bytes());
    }
    snapshot("broken-lines", &all);
    assert!(refusal(b"A=\xff").contains("UTF-8"));
    let large = "A=b\n".repeat(70_000);
    assert!(refusal(large.as_bytes()).contains("at most 256 KiB"));
    let long = format!("A={}", "x".repeat(33 << 10));
    assert!(refusal(long.as_bytes()).contains("bytes long"));
    let many: String = (0..2_001).map(|n| format!("A{n}=\n")).collect();
    assert!(refusal(many.as_bytes()).contains("more than 2000 variables"));
}

#[test]
fn an_edit_is_one_only_for_services_that_get_another_value() {
    let definition = |comment: &str| {
        format!(
            "{comment}[service.a]\nrun = \"a\"\n[service.b]\nrun = \"b\"\nenv = {{ A = \"mine\" }}\n\
             [service.c]\nrun = \"c\"\nenv_files = [{{ file = \"c.env\", optional = true }}]\n"
        )
    };
    let before = read(&definition(""), &[(".env", b"A=1\nB=${A}")]).unwrap();
    let change = |comment: &str, files: &[(&str, &[u8])]| {
        let after = read(&definition(comment), files).unwrap();
        let diff = spec::diff(&before, &after);
        let restarts: Vec<String> = diff.restarts.iter().map(ToString::to_string).collect();
        let words = diff
            .changed
            .iter()
            .map(|(name, what)| format!("{name}: {}", what.join(", ")));
        let by_rule = before.services.iter().filter(|(name, service)| {
            spec::environment_differs((&before, service), (&after, &after.services[*name]))
        });
        let by_rule: Vec<String> = by_rule.map(|(name, _)| name.to_string()).collect();
        assert_eq!(restarts, by_rule);
        words.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        change("# a comment\n", &[(".env", b"\n# moved\nA=1\nB=${A}")]),
        ""
    );
    assert_eq!(
        change("", &[(".env", b"A=2\nB=${A}")]),
        "a: env A changed in .env, env B changed in .env; b: env B changed in .env; \
         c: env A changed in .env, env B changed in .env"
    );
    assert_eq!(
        change("", &[(".env", b"A=1\nB=${A}"), ("c.env", b"B=c")]),
        "c: env B changed in c.env"
    );
    assert_eq!(
        change("", &[(".env", b"A=1")]),
        "a: env B is in no env file any more; b: env B is in no env file any more; \
         c: env B is in no env file any more"
    );
}

proptest! {
    /// No file makes it panic or never end, and every place it points at is in the file.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(problems) = read(PLAIN, &[(".env", &bytes)]) {
            prop_assert!(!problems.render(100, false).is_empty());
        }
    }

    /// The same of what nearly is one.
    #[test]
    fn any_text_is_read_or_refused(text in "([A-C=\"'`$#{}:\\\\ \n\r.-]|export ){0,60}") {
        if let Err(problems) = read(PLAIN, &[(".env", text.as_bytes())]) {
            prop_assert!(!problems.render(100, false).is_empty());
        }
    }

    /// What is quoted comes back as it was.
    #[test]
    fn a_quoted_value_is_itself(text in "[^'\r\0]{0,80}") {
        prop_assert_eq!(one(&format!("A='{text}'")), text);
    }
}

#[test]
fn lines_that_double_each_other_end_where_linux_does() {
    // Sixty such lines would be more than there is memory.
    let doubling: String = std::iter::once("A0=0123456789\n".to_owned())
        .chain((1..24).map(|n| format!("A{n}=${{A{0}}}${{A{0}}}\n", n - 1)))
        .collect();
    let longest = values(&doubling)
        .into_iter()
        .map(|(_, value)| value.len())
        .max();
    // One byte more than Linux passes, so that the start fails instead of getting less than was said.
    assert_eq!(longest, Some((128 << 10) + 1));
    let many: String = std::iter::once(format!("A={}\n", "é".repeat(10_000)))
        .chain((0..1_000).map(|n| format!("B{n}=${{A}}${{A}}${{A}}${{A}}${{A}}\n")))
        .collect();
    let total: usize = values(&many)
        .into_iter()
        .map(|(_, value)| value.len())
        .sum();
    assert!((6 << 20..10 << 20).contains(&total), "{total}");
}
