//! The rule of `run`: what is executed directly, what by a shell, and what is taken verbatim.

use super::{name, run, service, shell, words};
use spec::{Run, Template, TemplatePart};

#[test]
fn words_are_executed_directly() {
    assert_eq!(
        run("node server.js --port 80"),
        words(&["node", "server.js", "--port", "80"])
    );
    assert_eq!(run("  node\tserver.js  "), words(&["node", "server.js"]));
    assert_eq!(
        run(r#"say "two words" pre"fix ed" """#),
        words(&["say", "two words", "prefix ed", ""])
    );
    assert_eq!(
        run("postgres -c max_connections=5"),
        words(&["postgres", "-c", "max_connections=5"])
    );
    assert_eq!(run("price 5$ 100%"), words(&["price", "5$", "100%"]));
    assert_eq!(
        run("git log HEAD~1 a#b"),
        words(&["git", "log", "HEAD~1", "a#b"])
    );
    assert_eq!(
        service(r"run = 'sed s/$HOME/x/'")
            .runs
            .process()
            .unwrap()
            .clone(),
        shell("exec sed s/$HOME/x/")
    );
    assert_eq!(
        service(r#"run = "echo '$HOME * | ;'""#)
            .runs
            .process()
            .unwrap()
            .clone(),
        words(&["echo", "$HOME * | ;"]),
        "nothing inside single quotes is the shell's"
    );
}

#[test]
fn a_lone_command_that_needs_expansion_becomes_the_shell() {
    for line in [
        "server --port $PORT",
        "server \"$HOME/data\"",
        "cat *.log",
        "~/bin/server",
        r"say a\ b",
    ] {
        assert_eq!(run(line), shell(&format!("exec {line}")), "{line}");
    }
    assert_eq!(run("server ${PORT:-80}"), shell("exec server ${PORT:-80}"));
}

#[test]
fn what_only_a_shell_can_do_is_left_to_it() {
    for line in [
        "make && ./server",
        "server | tee log",
        "server > log 2>&1",
        "a; b",
        "server &",
        "echo $(date)",
        "echo `date`",
        "echo \"`date`\"",
        "cd app",
        "FOO=1 server",
        "exec server",
        "if true",
        "( a )",
        "{ a; }",
        "export A=1",
        "# nothing",
    ] {
        assert_eq!(run(line), shell(line), "{line}");
    }
    let script = service("run = \"\"\"\nmake\n./server\n\"\"\"")
        .runs
        .process()
        .unwrap()
        .clone();
    assert_eq!(script, shell("make\n./server"));
}

#[test]
fn a_list_is_taken_verbatim() {
    let service = service(r#"run = ["sh", "-c", "a && b $X", "", "${db.port}"]"#);
    let Some(Run::Direct(args)) = service.runs.process() else {
        panic!("not direct")
    };
    assert_eq!(args[2], Template::text("a && b $X"));
    assert_eq!(args[3], Template::text(""));
    assert_eq!(args[4], Template(vec![TemplatePart::Port(name("db"))]));
}

#[test]
fn references_stay_references_whatever_runs_the_command() {
    let port = || TemplatePart::Port(name("db"));
    let text = |text: &str| TemplatePart::Text(text.into());
    assert_eq!(
        run("psql -p ${db.port}"),
        Run::Direct(vec![
            Template::text("psql"),
            Template::text("-p"),
            Template(vec![port()])
        ])
    );
    assert_eq!(
        run("psql -p ${db.port} $DB"),
        Run::Shell(Template(vec![text("exec psql -p "), port(), text(" $DB")]))
    );
    assert_eq!(
        run("psql -p ${db.port} | cat"),
        Run::Shell(Template(vec![text("psql -p "), port(), text(" | cat")]))
    );
    assert_eq!(
        run("say $${db.port}"),
        words(&["say", "${db.port}"]),
        "escaped"
    );
}

#[test]
fn commands_and_probes_read_as_they_would_be_typed() {
    assert_eq!(
        run("node 'my server.js' ${db.port}").to_string(),
        "node 'my server.js' ${db.port}"
    );
    assert_eq!(run("a | b").to_string(), "a | b");
    let health = |probe: &str| {
        service(&format!("run = \"s\"\nport = 1\nhealth = {{ {probe} }}"))
            .health
            .unwrap()
            .to_string()
    };
    assert_eq!(health("http = \"/health\""), "GET /health every 5s");
    assert_eq!(
        health("tcp = 5432, every = \"1500ms\""),
        "tcp to 5432 every 1500ms"
    );
    assert_eq!(
        health("exec = \"pg_isready\", every = \"60s\""),
        "pg_isready every 1m"
    );
}

#[test]
fn codes_of_success_are_those_that_are_named_and_0() {
    use model::ExitStatus::{Code, OutOfMemory, Signal, Unknown};
    let plain = service("run = \"a\"\nkind = \"oneshot\"");
    let listed = service("run = \"a\"\nkind = \"oneshot\"\nsuccess = [3, 143, 0]");
    // A daemon may not end, or as it says.
    let daemon = service("run = \"a\"");
    let ends = service("run = \"a\"\nsuccess = [3, 143]");
    assert!(plain.may_end() && listed.may_end() && ends.may_end() && !daemon.may_end());
    let killed = OutOfMemory {
        limit: None,
        code: Some(0),
    };
    for (status, of_plain, of_listed) in [
        (Code(0), true, true),
        (Code(3), false, true),
        (Code(4), false, false),
        (Code(143), false, true),
        (Signal(15), false, true),
        (Signal(9), false, false),
        (Code(-1), false, false),
        (Signal(i32::MAX), false, false),
        (killed, false, false),
        (Unknown, false, false),
    ] {
        assert_eq!(plain.succeeded(status), of_plain, "{status}");
        assert_eq!(listed.succeeded(status), of_listed, "{status}");
        assert_eq!(ends.succeeded(status), of_listed, "{status}");
        assert!(!daemon.succeeded(status), "{status}");
    }
}

#[test]
fn what_may_end_says_so_by_its_codes_in_whatever_form() {
    let codes = |more: &str| service(&format!("run = \"a\"\n{more}")).success;
    assert_eq!(codes(""), [].into());
    assert_eq!(codes("success = []"), [0].into());
    assert_eq!(codes("success = [0]"), [0].into());
    assert_eq!(codes("success = [3]"), [0, 3].into());
    assert_eq!(codes("kind = \"oneshot\"\nsuccess = [0, 3]"), [3].into());
}
