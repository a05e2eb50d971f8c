//! What a diff of two definitions names, and what has to restart for it.

use super::{name, valid};

#[test]
fn a_diff_names_limits_and_stops() {
    let old = valid("[service.a]\nrun = \"a\"\nlimits = { memory = \"64MB\" }\n");
    let new = valid(
        "[service.a]\nrun = \"a\"\nlimits = { cpu = \"50%\", files = 64, processes = 9 }\n\
         stop = { command = \"a quit\" }\n",
    );
    let diff = spec::diff(&old, &new);
    assert_eq!(
        diff.changed[0].1,
        [
            "memory limit: 64 MB → none",
            "cpu limit: none → 50 % of a core",
            "open-file limit: none → 64",
            "process limit: none → 9",
            "stop: SIGTERM and 10s → a quit, then SIGTERM and 10s",
        ]
    );
    assert_eq!(diff.restarts, [name("a")].into());
}

#[test]
fn a_diff_names_what_changed_and_what_has_to_restart() {
    let old = valid(
        "[service.a]\nrun = \"a 1\"\nenv = { KEY = \"secret-one\", OLD = \"x\" }\n\
         [service.b]\nrun = \"b\"\nreplicas = 1\nneeds = [\"a\"]\n\
         [service.c]\nrun = \"c\"\n[service.same]\nrun = \"same\"\n",
    );
    let new = valid(
        "[service.a]\nrun = \"a 2\"\nport = 80\nenv = { KEY = \"secret-two\", NEW = \"x\" }\n\
         [service.b]\nrun = \"b\"\nreplicas = 3\nhealth = { tcp = 80, every = \"1s\" }\nneeds = [{ service = \"d\", restart = true }]\nheal = { enabled = false }\nlog = { keep = \"8MB\" }\n\
         [service.d]\nrun = \"d\"\n[service.same]\nrun = \"same\"\n",
    );
    let diff = spec::diff(&old, &new);
    assert_eq!(
        (&diff.added, &diff.removed),
        (&vec![name("d")], &vec![name("c")])
    );
    assert_eq!(diff.restarts, [name("a")].into());
    assert!(spec::diff(&new, &new).is_empty());
    let words: Vec<String> = diff
        .changed
        .iter()
        .map(|(service, changes)| format!("{service}: {}", changes.join("; ")))
        .collect();
    assert_eq!(
        words,
        [
            "a: run: a 1 → a 2; port: none → 80; env KEY changed; env NEW added; env OLD removed",
            "b: replicas: 1 → 3; no longer needs a; needs d; \
             health: none → tcp to 80 every 1s, timeout 1s, 3 to fail, 1 to pass; healing: on → off; \
             log keep: 64MB → 8MB (from its next start on)",
        ]
    );
}

#[test]
fn another_way_to_listen_is_another_process() {
    let with = |line: &str| valid(&format!("[service.s]\nrun = \"web\"\nport = 80\n{line}\n"));
    let diff = spec::diff(&with("listen = \"own\""), &with("listen = \"shared\""));
    assert_eq!(diff.changed[0].1, ["listen: own → shared"]);
    let diff = spec::diff(&with(""), &with("tty = true"));
    assert_eq!(diff.changed[0].1, ["tty: off → on"]);
    assert!(diff.restarts.contains(&name("s")));
}

/// It counts from its next end on, and nothing has to restart for it.
#[test]
fn that_one_may_end_is_named() {
    let with = |line: &str| valid(&format!("[service.s]\nrun = \"a\"\n{line}\n"));
    let named = |before: &str, after: &str| {
        let diff = spec::diff(&with(before), &with(after));
        assert!(diff.restarts.is_empty());
        diff.changed[0].1.clone()
    };
    assert_eq!(named("", "success = [0]"), ["success: none → 0"]);
    assert_eq!(
        named("success = [0]", "success = [3]"),
        ["success: 0 → 0, 3"]
    );
}

#[test]
fn a_diff_names_schedules_and_restarts_nothing_for_them() {
    let with = |schedule: &str| {
        valid(&format!(
            "[service.a]\nrun = \"a\"\nkind = \"oneshot\"\n{schedule}\n"
        ))
    };
    let zone = "schedule = { cron = \"0 2 * * *\", timezone = \"Europe/Berlin\" }";
    let diff = spec::diff(&with("schedule = { every = \"15m\" }"), &with(zone));
    let words = ["schedule: every 15m → 0 2 * * * (Europe/Berlin)"];
    assert_eq!(diff.changed[0].1, words);
    assert_eq!(diff.restarts, [].into());
    let diff = spec::diff(&with(zone), &with(""));
    let words = ["schedule: 0 2 * * * (Europe/Berlin) → none"];
    assert_eq!(diff.changed[0].1, words);
}
