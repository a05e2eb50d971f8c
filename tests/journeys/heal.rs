//! Something dies and comes back; what is written of it.

use std::collections::BTreeSet;
use tests::folder::SMALL;
use tests::process::kill;
use tests::{Azora, Folder, http, until};

#[test]
fn what_is_killed_comes_back_with_one_incident_that_tells_the_story() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "db.0");
    let others = azora.instances(folder.path());

    kill(before.pid);
    let after = azora.until(folder.path(), "db.0", "back", |db| {
        db.serves() && db.pid != before.pid
    });
    assert_eq!(after.generation, before.generation + 1);
    assert_eq!(after.restarts, 1);
    assert_eq!(
        http::health_pid(after.port),
        Some(after.pid),
        "the new process answers"
    );

    let incident = until("the incident to be over", || {
        let incidents = azora.incidents();
        assert!(
            incidents.len() <= 1,
            "one root cause, one incident: {incidents:#?}"
        );
        incidents
            .first()
            .filter(|incident| incident["state"] == "resolved")
            .cloned()
    });
    assert_eq!(incident["instance"], "db.0");
    assert!(
        incident["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("SIGKILL")),
        "{incident}"
    );
    assert_eq!(incident["actions"][0]["kind"], "restart", "{incident}");
    assert!(incident["duration_ms"].as_u64().is_some(), "{incident}");
    for name in ["api.0", "api.1", "web.0"] {
        assert_eq!(
            azora.instance(folder.path(), name).pid,
            others[name].pid,
            "{name} was left alone"
        );
    }
}

/// Every death the registry could have missed: what it lists after the death was seen answers.
#[test]
fn the_registry_does_not_list_the_dead() {
    let folder = Folder::with(
        r#"
[cluster.defaults]
health = { http = "/health", every = "250ms", timeout = "2s" }

[service.mortal]
run = "organ --name mortal --port $PORT"
port = 0
replicas = 3
heal = { enabled = false }
"#,
    );
    let azora = Azora::new();
    azora.up(folder.path());
    let instances = azora.instances(folder.path());
    let ports: BTreeSet<u16> = instances.values().map(|instance| instance.port).collect();
    assert_eq!(
        azora.listed("mortal").into_iter().collect::<BTreeSet<_>>(),
        ports
    );

    let mut left = ports;
    for instance in instances.values() {
        kill(instance.pid);
        azora.until(folder.path(), &instance.name, "seen dead", |now| {
            !now.serves()
        });
        left.remove(&instance.port);
        assert_eq!(
            azora.listed("mortal").into_iter().collect::<BTreeSet<_>>(),
            left,
            "after {}",
            instance.name
        );
    }
}

#[test]
fn a_service_that_answers_wrong_or_not_at_all_is_started_anew() {
    for mischief in ["mode=error&code=500", "mode=hang"] {
        let (azora, folder) = (Azora::new(), Folder::with(SMALL));
        azora.up(folder.path());
        let before = azora.instance(folder.path(), "api.1");
        let told = http::ask(before.port, "POST", &format!("/misbehave?{mischief}"), "");
        assert_eq!(told.map(|answer| answer.code), Some(200));
        let after = azora.until(folder.path(), "api.1", "started anew", |api| {
            api.serves() && api.pid != before.pid
        });
        assert_eq!(http::health_pid(after.port), Some(after.pid), "{mischief}");
        let incidents = azora.incidents();
        assert!(
            incidents
                .iter()
                .any(|incident| incident["instance"] == "api.1"),
            "{mischief}: {incidents:#?}"
        );
    }
}

#[test]
fn what_dies_again_and_again_is_put_in_quarantine_and_released_by_a_person() {
    let folder = Folder::with(
        r#"
[service.doomed]
run = "test -e mended && exec organ --name doomed --port $PORT; exit 3"
port = 0
health = { http = "/health" }
heal = { budget = "3 per 10m", backoff = ["0s"] }
"#,
    );
    let azora = Azora::new();
    assert_ne!(
        azora
            .run(folder.path(), &["up", ".", "--detach", "--trust"])
            .code,
        0
    );
    let doomed = azora.until(folder.path(), "doomed.0", "in quarantine", |doomed| {
        doomed.state == "quarantined"
    });
    assert!(
        doomed.generation <= 4,
        "the budget is three restarts: {doomed:?}"
    );
    assert_eq!(azora.incidents()[0]["state"], "quarantined");

    std::fs::write(folder.path().join("mended"), "").expect("the folder can be written to");
    azora.ok(folder.path(), &["release", "doomed"]);
    azora.until(folder.path(), "doomed.0", "ready", |doomed| doomed.serves());
}

#[test]
fn what_only_suffers_is_marked_and_not_restarted() {
    let folder = Folder::with(
        r#"
[cluster.defaults]
health = { http = "/health", every = "250ms", timeout = "2s" }

[service.db]
run = "organ --name db --port $PORT"
port = 0
heal = { enabled = false }

[service.api]
run = "organ --name api --port $PORT --call http://127.0.0.1:${db.port}"
port = 0
needs = ["db"]
"#,
    );
    let azora = Azora::new();
    azora.up(folder.path());
    let api = azora.instance(folder.path(), "api.0");
    kill(azora.instance(folder.path(), "db.0").pid);
    until("api to be marked", || {
        let ps = azora.json(folder.path(), &["ps"]);
        let row = ps["instances"]
            .as_array()?
            .iter()
            .find(|row| row["service"] == "api")?
            .clone();
        (row["marks"]["impacted_by"] == "db").then_some(())
    });
    let now = azora.instance(folder.path(), "api.0");
    assert_eq!((now.pid, now.restarts), (api.pid, 0));
}

#[test]
fn the_death_of_what_many_need_is_one_incident_and_only_those_that_ended_are_started_again() {
    let report = tests::dependents::run(&Azora::new(), 20);
    assert_eq!(report.incidents.len(), 1, "{report:#?}");
    assert_eq!(report.incidents[0].0, "base", "{report:#?}");
    assert!(report.unneeded.is_empty(), "{report:#?}");
    assert!(report.out_of_order.is_empty(), "{report:#?}");
    assert!(
        report.came_back > 0,
        "somebody ended for want of it: {report:#?}"
    );
    assert!(report.recovered.is_some(), "{report:#?}");
}

#[test]
fn who_never_answers_is_asked_one_question_at_a_time_and_nothing_is_left_of_them() {
    let wish = tests::hanging::Wish {
        services: 4,
        commands: 4,
        time: std::time::Duration::from_secs(12),
    };
    let report = tests::hanging::run(&Azora::new(), wish);
    assert!(report.crowded.is_empty(), "{report:#?}");
    assert!(report.leaked.is_empty(), "{report:#?}");
    assert!(report.wrong.is_empty(), "{report:#?}");
}
