//! Rules that hold: what they refuse, how it is said, and what the book has of it.

use tests::folder::SMALL;
use tests::{Azora, Folder, until};

/// The built-in rules, and one of this home's own.
fn rules(azora: &Azora, at: &std::path::Path, own: &str) {
    let built_in = azora.ok(at, &["policy", "show", "--built-in"]);
    let file = azora.home().path().join("constitution.cedar");
    std::fs::write(file, format!("{built_in}\n{own}")).expect("the home is ours");
}

const LEAVE_DB: &str = "@id(\"leave-db\") @says(\"the database is restarted at night alone\")\n\
    forbid (principal, action == Action::\"restart\", resource is Service) when { resource.name == \"db\" };\n";

#[test]
fn what_a_rule_refuses_says_so_and_is_in_the_book_with_its_rule() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let at = folder.path();
    azora.up(at);
    rules(&azora, at, LEAVE_DB);
    let refused = until("the rule to hold", || {
        let done = azora.run(at, &["restart", "db"]);
        (done.code != 0).then_some(done)
    });
    assert_eq!(refused.code, 1, "{refused:?}");
    let sentence =
        "refused: the database is restarted at night alone (rule leave-db) [service db of ";
    assert!(refused.err.contains(sentence), "{}", refused.err);
    let known = azora.instance(at, "db.0").pid;
    let again = azora.run(at, &["restart", "web", "db"]);
    assert!(
        again.err.contains(sentence),
        "what refuses one refuses all: {again:?}"
    );
    assert_eq!(azora.instance(at, "db.0").pid, known);
    azora.ok(at, &["restart", "web"]);

    let acts = azora.json(at, &["acts", "--refused"]);
    let acts = acts.as_array().expect("a list");
    assert_eq!(acts.len(), 2, "{acts:?}");
    for act in acts {
        assert_eq!(
            (&act["verb"], &act["outcome"]["kind"]),
            (&"restart".into(), &"refused".into())
        );
        assert_eq!(act["decision"]["rules"][0]["id"], "leave-db");
        assert_eq!(
            act["decision"]["rules"][0]["says"],
            "the database is restarted at night alone"
        );
        assert_eq!(act["decision"]["set"].as_str().map(str::len), Some(32));
    }
    let told = azora.ok(at, &["acts", "-n", "1"]);
    assert!(
        told.contains("restart web: done") && told.contains("(by people-decide)"),
        "{told}"
    );
}

#[test]
fn a_broken_file_keeps_the_rules_from_before_and_says_where_it_is_broken() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let at = folder.path();
    rules(&azora, at, LEAVE_DB);
    azora.up(at);
    let file = azora.home().path().join("constitution.cedar");
    std::fs::write(&file, "permit (principal, action, resource").expect("the home is ours");
    until("it to be said", || {
        let status = azora.json(at, &["status"]);
        let limits = status["engine"]["limits"].to_string();
        limits
            .contains("the rules from before go on to hold")
            .then_some(())
    });
    assert_eq!(azora.run(at, &["restart", "db"]).code, 1);
    azora.ok(at, &["restart", "web"]);
    let shown = azora.run(at, &["policy", "show"]);
    assert!(shown.err.contains("these have mistakes"), "{}", shown.err);

    // An engine that begins so has none from before.
    azora.ok(at, &["down"]);
    let engine = azora.engine();
    tests::process::kill(engine);
    until("the engine to be gone", || {
        (!tests::process::lives(engine)).then_some(())
    });
    let up = azora.run(at, &["up", ".", "--detach"]);
    assert_ne!(up.code, 0, "{up:?}");
    assert!(up.err.contains("rule unreadable-rules"), "{}", up.err);
    azora.ok(at, &["emergency-stop", "--reason", "rules"]);
    rules(&azora, at, "");
    until("the rules to be read", || {
        (azora.run(at, &["up", ".", "--detach"]).code == 0).then_some(())
    });
}

#[test]
fn healing_is_asked_about_like_a_person() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let at = folder.path();
    let own = "@id(\"no-healing\") @says(\"a person looks at it first\") forbid (principal is Healer, action, resource);\n";
    rules(&azora, at, own);
    azora.up(at);
    tests::process::kill(azora.instance(at, "web.0").pid);
    let incident = until("the incident to say so", || {
        let incidents = azora.json(at, &["incidents", "--open"]);
        let one = incidents.as_array()?.first()?.clone();
        let id = one["id"].to_string();
        let told = azora.ok(at, &["incident", &id]);
        told.contains("a person looks at it first").then_some(told)
    });
    assert!(incident.contains("rule no-healing"), "{incident}");
    let refused = azora.json(at, &["acts", "--refused"]);
    assert_eq!(
        refused.as_array().map(Vec::len),
        Some(1),
        "it is asked once: {refused}"
    );
    // A person may.
    azora.ok(at, &["restart", "web"]);
    azora.until(at, "web.0", "back", |web| web.serves());
}

#[test]
fn an_act_waits_for_two_persons_and_is_let_in_once() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let at = folder.path();
    let two = "@id(\"two-for-db\") @says(\"two persons stop the database\") @approvals(\"2\") @within(\"15m\")\n\
        forbid (principal, action == Action::\"stop\", resource is Service) when { resource.name == \"db\" }\n\
        unless { context.approvals >= 2 };\n";
    rules(&azora, at, two);
    azora.up(at);
    let asks = azora.run(at, &["stop", "db"]);
    assert_eq!(asks.code, 1, "{asks:?}");
    for words in [
        "two persons stop the database (rule two-for-db)",
        "approval 1 has 0 of 2",
        "`--approval 1`",
    ] {
        assert!(asks.err.contains(words), "{}", asks.err);
    }
    let waits = azora.json(at, &["approvals"]);
    let consequences = waits[0]["consequences"].to_string();
    assert!(
        consequences.contains("stops with it what needs it: api, web"),
        "{consequences}"
    );
    assert_eq!(
        azora.run(at, &["approve", "1"]).code,
        1,
        "who asked does not count"
    );
    azora.ok(at, &["approve", "1", "--name", "anna", "--json"]);
    assert_eq!(azora.run(at, &["stop", "db", "--approval", "1"]).code, 1);
    let said = azora.ok(at, &["approve", "1", "--name", "ben"]);
    assert!(said.contains("--approval 1"), "{said}");
    azora.ok(at, &["stop", "db", "--approval", "1"]);
    azora.until(at, "db.0", "stopped", |db| db.state == "stopped");
    let again = azora.run(at, &["stop", "db", "--approval", "1"]);
    assert!(again.err.contains("counts once"), "{again:?}");
    assert_eq!(azora.run(at, &["stop", "db"]).code, 1);
    azora.ok(at, &["deny", "2", "--json"]);
    let all = azora.json(at, &["approvals", "--all"]);
    let states: Vec<_> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    assert_eq!(states, ["denied", "used"]);
}
