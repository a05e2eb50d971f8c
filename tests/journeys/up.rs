//! A cluster comes up in order, is seen, and goes down.

use tests::folder::SMALL;
use tests::{Azora, Folder, http, until};

#[test]
fn a_cluster_comes_up_answers_by_the_pid_that_ps_names_and_goes_down_whole() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());

    let ps = azora.json(folder.path(), &["ps"]);
    assert!(ps["cluster"].to_string().contains("small"), "{ps}");
    assert_eq!(ps["overall"], "operational", "{ps}");
    let instances = azora.instances(folder.path());
    assert_eq!(
        instances.keys().collect::<Vec<_>>(),
        ["api.0", "api.1", "db.0", "web.0"]
    );
    for instance in instances.values() {
        assert_eq!(instance.state, "ready", "{instance:?}");
        assert_eq!(
            (instance.generation, instance.restarts),
            (1, 0),
            "{instance:?}"
        );
        assert_eq!(
            http::health_pid(instance.port),
            Some(instance.pid),
            "{instance:?}"
        );
    }

    let status = azora.json(folder.path(), &["status"]);
    assert_eq!(status["overall"], "operational", "{status}");
    assert_eq!(
        status["engine"]["home"].as_str(),
        azora.home().path().to_str(),
        "{status}"
    );
    assert_eq!(status["clusters"][0]["name"], "small", "{status}");
    for (name, count) in [("db", 1), ("api", 2), ("web", 1)] {
        assert_eq!(
            azora.listed(name).len(),
            count,
            "the registry lists every instance of {name}"
        );
    }

    azora.ok(folder.path(), &["down"]);
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });
    assert_eq!(azora.listed("db"), [] as [u16; 0]);
    for instance in azora.instances(folder.path()).values() {
        assert_eq!(
            (instance.state.as_str(), instance.pid),
            ("stopped", 0),
            "{instance:?}"
        );
    }
}

#[test]
fn a_part_of_a_cluster_comes_up_with_what_it_needs_and_profiles_are_asked_for() {
    let folder = Folder::with(
        r#"
[service.db]
run = "organ --name db --port $PORT"
category = "data"

[service.api]
run = "organ --name api --port $PORT"
needs = ["db"]

[service.debugger]
run = "organ --name debugger --port $PORT"
profiles = ["debug"]
"#,
    );
    let azora = Azora::new();
    let up = |more: &[&str]| {
        azora.ok(
            folder.path(),
            &[&["up", "--detach", "--yes"], more].concat(),
        );
        let all = azora.instances(folder.path()).into_values();
        let running = all.filter(|one| one.pid != 0);
        let running: Vec<String> = running.map(|one| one.name).collect();
        running.join(" ")
    };
    assert_eq!(up(&["--category", "data"]), "db.0");
    assert_eq!(
        azora.instance(folder.path(), "api.0").reason,
        "not asked for"
    );
    assert_eq!(up(&["--service", "api"]), "api.0 db.0");
    assert_eq!(
        azora.instance(folder.path(), "debugger.0").reason,
        "not wanted: profile debug"
    );
    assert_eq!(up(&["--profile", "debug"]), "api.0 db.0 debugger.0");
    assert_eq!(up(&[]), "api.0 db.0 debugger.0");
    azora.ok(folder.path(), &["stop", "debugger"]);
    assert_eq!(up(&[]), "api.0 db.0");
    let refused = azora.run(folder.path(), &["up", "--detach", "--profile", "debgu"]);
    assert_ne!(refused.code, 0);
    assert!(
        refused.err.contains("did you mean \"debug\"?"),
        "{refused:?}"
    );
    azora.ok(folder.path(), &["down"]);
}

#[test]
fn a_need_is_ready_before_what_needs_it_is_started() {
    let folder = Folder::with(
        r#"
[service.slow]
run = "sh -c 'puppet until go && exec organ --name slow --port $PORT'"
port = 0
ready = { http = "/health" }

[service.eager]
run = "organ --name eager --port $PORT"
port = 0
needs = ["slow"]
"#,
    );
    let azora = Azora::new();
    let mut up = azora
        .command(folder.path(), &["up", ".", "--detach", "--trust"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("azora runs");
    let waiting = until("the cluster to be there", || {
        let done = azora.run(folder.path(), &["ps", "--json"]);
        let ps: serde_json::Value = serde_json::from_str(&done.out).ok()?;
        let row = ps["instances"]
            .as_array()?
            .iter()
            .find(|row| row["service"] == "eager")?
            .clone();
        (row["state"] == "waiting").then_some(row)
    });
    assert!(
        waiting["reason"].to_string().contains("slow"),
        "it says what it waits for: {waiting}"
    );
    assert_eq!(waiting["pid"], serde_json::Value::Null);
    std::fs::write(folder.path().join("go"), "").expect("the folder can be written to");
    assert!(up.wait().expect("it is our child").success());
    let [slow, eager] = ["slow.0", "eager.0"].map(|name| azora.instance(folder.path(), name));
    assert!(slow.serves() && eager.serves());
}

#[test]
fn up_says_so_when_something_cannot_start() {
    let folder = Folder::with(
        r#"
[service.well]
run = "organ --name well --port $PORT"
port = 0

[service.broken]
run = "no-such-program-anywhere"
heal = { budget = "1 per 10m", backoff = ["0s"] }
"#,
    );
    let azora = Azora::new();
    let done = azora.run(folder.path(), &["up", ".", "--detach", "--trust"]);
    assert_ne!(done.code, 0, "something failed: {done:?}");
    let said = format!("{}{}", done.out, done.err);
    assert!(
        said.contains("broken") && said.contains("no-such-program-anywhere"),
        "{said}"
    );
    assert!(
        azora.instance(folder.path(), "well.0").serves(),
        "the rest came up"
    );
}

/// Nothing asks it whether it is ready, so it is as soon as it runs: a script must not take that for success.
#[test]
fn up_and_restart_say_so_when_what_no_probe_asks_dies_a_moment_later() {
    let folder = Folder::with(
        r#"
[service.doomed]
run = "sh -c 'test -e mended && exec organ --name doomed --port $PORT; echo config missing >&2; exit 3'"
port = 0
heal = { budget = "3 per 10m", backoff = ["0s"] }

[service.app]
run = "organ --name app --port $PORT"
port = 0
needs = ["doomed"]
"#,
    );
    let azora = Azora::new();
    for words in [
        &["up", ".", "--detach", "--trust"][..],
        &["restart", "doomed"],
        &["release", "doomed"],
    ] {
        if words[0] == "release" {
            // The command before came back as soon as it was known to fail.
            azora.until(folder.path(), "doomed.0", "quarantined", |doomed| {
                doomed.state == "quarantined"
            });
        }
        let done = azora.run(folder.path(), words);
        let said = format!("{}{}", done.out, done.err);
        assert_eq!(done.code, 1, "{words:?}: {said}");
        assert!(said.contains("config missing"), "{words:?}: {said}");
    }
    std::fs::write(folder.path().join("mended"), "").expect("the folder can be written to");
    azora.until(folder.path(), "doomed.0", "quarantined", |doomed| {
        doomed.state == "quarantined"
    });
    let said = azora.ok(folder.path(), &["release", "doomed"]);
    assert!(
        said.contains("still so 1."),
        "it looked for a moment: {said}"
    );
}

#[test]
fn a_oneshot_is_done_before_what_needs_it_and_its_output_is_in_the_log() {
    let folder = Folder::with(
        r#"
[service.prepare]
kind = "oneshot"
run = "echo prepared > made && echo it is done"

[service.app]
run = "test -s made && exec organ --name app --port $PORT"
port = 0
needs = ["prepare"]
health = { http = "/health" }
"#,
    );
    let azora = Azora::new();
    azora.up(folder.path());
    assert_eq!(
        azora.instance(folder.path(), "prepare.0").state,
        "completed"
    );
    assert!(azora.instance(folder.path(), "app.0").serves());
    assert!(
        azora
            .ok(folder.path(), &["logs", "prepare"])
            .contains("it is done")
    );
}

#[test]
fn scale_adds_instances_and_takes_them_away() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());

    azora.ok(folder.path(), &["scale", "api=4"]);
    for name in ["api.2", "api.3"] {
        let new = azora.until(folder.path(), name, "ready", |instance| instance.serves());
        assert_eq!(http::health_pid(new.port), Some(new.pid));
    }
    azora.ok(folder.path(), &["scale", "api=1"]);
    until("three to be gone", || {
        let now = azora.instances(folder.path());
        let serving = now
            .values()
            .filter(|i| i.name.starts_with("api.") && i.pid != 0)
            .count();
        (serving == 1).then_some(())
    });
    assert_eq!(
        azora.instance(folder.path(), "api.0").pid,
        before["api.0"].pid,
        "the first was left alone"
    );
    assert_eq!(azora.listed("api").len(), 1);
}

#[test]
fn the_home_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    // It was made with the usual rights before azora came; what counts is what others can enter.
    let mut folders = vec![azora.home().path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mode = std::fs::metadata(&folder)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", folder.display());
        for entry in std::fs::read_dir(&folder).expect("it is ours").flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else if entry.file_name() == "token" {
                let mode = entry.metadata().expect("it is there").permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "the token is {mode:o}");
            }
        }
    }
}
