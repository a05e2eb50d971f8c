//! Stacks share a machine: who has a port, who wanted what, and every home of a user at a glance.

use serde_json::Value;
use std::net::TcpListener;
use std::process::Stdio;
use tests::process::{lives, started};
use tests::{Azora, Folder, http, ports, until};

/// A cluster whose `db` wants this port.
fn wants(port: u16) -> String {
    format!(
        r#"
[cluster]
name = "wants"

[service.db]
run = "organ --name db --port $PORT"
port = {port}
health = {{ http = "/health", every = "250ms" }}
protected = true

[service.api]
run = "organ --name api --port $PORT"
port = 0
needs = ["db"]
"#
    )
}

/// A port that nobody has.
fn free() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("it is bound").port()
}

#[track_caller]
fn who(azora: &Azora, folder: &Folder, port: u16) -> Value {
    azora.json(folder.path(), &["who", &format!(":{port}")])
}

#[test]
fn a_taken_port_is_named_everywhere_and_its_holder_is_left_alone() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let (azora, folder) = (Azora::new(), Folder::with(&wants(port)));
    let said = azora.up(folder.path());
    let me = format!("pid {}", std::process::id());
    let taken = format!("port {port} is held by {me}");
    assert!(said.contains(&taken), "{said}");

    let ps = azora.json(folder.path(), &["ps"]);
    let db = ps["instances"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["instance"] == "db.0"))
        .unwrap_or_else(|| panic!("no db in {ps}"));
    assert_eq!(db["port_taken"]["wanted"], port, "{db}");
    assert!(db["port_taken"]["holder"].to_string().contains(&me), "{db}");
    let table = azora.ok(folder.path(), &["ps"]);
    assert!(table.contains(&taken), "{table}");
    let events = azora.json(folder.path(), &["events"]).to_string();
    assert!(
        events.contains("port_moved") && events.contains(&me),
        "{events}"
    );
    assert!(azora.instance(folder.path(), "db.0").serves());

    let found = who(&azora, &folder, port);
    assert_eq!(found["holders"][0]["pid"], std::process::id(), "{found}");
    assert_eq!(found["holders"][0]["stack"], Value::Null, "{found}");
    assert_eq!(found["holders"][0]["safe"], "look", "{found}");
    drop(listener);
    let nobody = azora.run(folder.path(), &["who", &port.to_string()]);
    assert_eq!(nobody.code, 3, "{nobody:?}");
    assert!(nobody.err.contains("it is free"), "{nobody:?}");
    assert_eq!(azora.run(folder.path(), &["who", "web"]).code, 2);
}

#[test]
fn one_that_must_have_its_port_says_who_has_it_and_starts_when_it_is_free() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let folder = Folder::with(&format!(
        r#"
[service.db]
run = "organ --name db --port $PORT"
port = {{ number = {port}, exact = true }}
health = {{ http = "/health", every = "250ms" }}
heal = {{ budget = "1000 per 10m", backoff = ["100ms"] }}
"#
    ));
    let azora = Azora::new();
    let mut up = azora
        .command(folder.path(), &["up", ".", "--detach", "--trust"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("azora runs");
    let holder = format!("port {port} is held by pid {}", std::process::id());
    until("the reason to name the holder", || {
        let done = azora.run(folder.path(), &["ps", "--json"]);
        let ps: Value = serde_json::from_str(&done.out).ok()?;
        let reason = ps["instances"][0]["reason"].as_str()?;
        reason.contains(&holder).then_some(())
    });
    drop(listener);
    let db = azora.until(folder.path(), "db.0", "ready", |db| db.serves());
    assert_eq!(db.port, port);
    up.wait().expect("it is our child");
    let ps = azora.json(folder.path(), &["ps"]);
    assert_eq!(ps["instances"][0]["port_taken"], Value::Null, "{ps}");
}

/// What `who` says once the wish behind the start is on disk: it is written a moment after.
fn wished(azora: &Azora, folder: &Folder, port: u16) -> Value {
    until("who wanted it to be known", || {
        let found = who(azora, folder, port);
        let origin = &found["holders"][0]["stack"]["origin"];
        origin.is_object().then_some(found)
    })
}

#[test]
fn who_tells_a_service_of_any_home_and_who_wanted_it() {
    let port = free();
    let aside = "[service.aside]\nrun = \"puppet hang\"\n";
    let folder = Folder::with(&(wants(port) + aside));
    let (here, there) = (Azora::new(), Azora::new());
    here.up(folder.path());
    let db = here.instance(folder.path(), "db.0");
    assert_eq!(db.port, port);

    let found = wished(&there, &folder, port);
    let holder = &found["holders"][0];
    assert_eq!(holder["pid"], db.pid, "{found}");
    let stack = &holder["stack"];
    assert_eq!(stack["instance"], "db.0", "{found}");
    assert_eq!(
        (&stack["here"], &stack["protected"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert_eq!(stack["needed_by"], serde_json::json!(["api"]), "{found}");
    assert_eq!(stack["generation"], 1, "{found}");
    assert_eq!(
        stack["home"].as_str(),
        here.home().path().to_str(),
        "{found}"
    );
    assert_eq!(stack["folder"].as_str(), folder.path().to_str(), "{found}");
    assert_eq!(stack["origin"]["verb"], "up", "{found}");
    assert_eq!(stack["origin"]["actor"]["via"], "cli", "{found}");
    assert_eq!(holder["safe"], "no", "a person decides about it: {found}");
    assert!(who(&here, &folder, port)["holders"][0]["stack"]["here"] == true);
    let text = there.ok(folder.path(), &["who", &port.to_string()]);
    for part in [
        "db.0 of wants-",
        "wanted by",
        "by `up` through cli",
        "stop it?  no",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }

    // Another home cannot have the port, and says whose it is.
    let copy = Folder::with(&wants(port));
    let said = there.up(copy.path());
    assert!(
        said.contains(&format!("port {port} is held by db.0 of wants-")),
        "{said}"
    );
    assert!(
        said.contains(&here.home().path().display().to_string()),
        "{said}"
    );
    assert!(lives(db.pid), "it is left alone");

    // Stopped beside others that refer to it, it keeps the port for itself and listens no more.
    here.ok(folder.path(), &["stop", "db"]);
    let found = who(&there, &folder, port);
    let holder = &found["holders"][0];
    assert_eq!(
        (&holder["pid"], &holder["stack"]["instance"]),
        (&Value::Null, &"db.0".into())
    );
    assert_eq!(holder["safe"], "yes", "{found}");
    // With all of its cluster down, the port is anybody's.
    here.ok(folder.path(), &["down"]);
    let nobody = there.run(folder.path(), &["who", &port.to_string()]);
    assert_eq!(nobody.code, 3, "{}", nobody.out);
}

#[test]
fn ps_all_shows_every_home_with_and_without_an_engine() {
    let (one, two) = (Azora::new(), Azora::new());
    let (first, second) = (Folder::with(&wants(free())), Folder::with(&wants(free())));
    one.up(first.path());
    two.up(second.path());
    let of = |azora: &Azora| {
        let all = two.json(second.path(), &["ps", "--all"]);
        let home = azora.home().path().to_str();
        let stacks = all["stacks"].as_array().expect("a list");
        let found = stacks.iter().find(|stack| stack["home"].as_str() == home);
        found
            .cloned()
            .unwrap_or_else(|| panic!("no {home:?} in {all}"))
    };
    let stack = of(&one);
    assert_eq!(stack["folder"].as_str(), first.path().to_str(), "{stack}");
    assert_eq!(stack["overall"], "operational", "{stack}");
    assert_eq!(
        stack["instances"].as_array().map(Vec::len),
        Some(2),
        "{stack}"
    );
    assert_eq!(
        stack["instances"][0]["origin"]["actor"]["via"], "cli",
        "{stack}"
    );
    assert_eq!(of(&two)["engine"], two.engine());

    // An engine that hangs, or is gone, hides nobody.
    let db = one.instance(first.path(), "db.0");
    wished(&two, &first, db.port);
    let engine = one.engine();
    tests::process::kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    let stack = of(&one);
    assert_eq!(
        (&stack["engine"], &stack["overall"]),
        (&Value::Null, &"unknown".into())
    );
    assert!(stack["processes"].as_u64() >= Some(2), "{stack}");
    let text = two.ok(second.path(), &["ps", "--all"]);
    assert!(
        text.contains(&one.home().path().display().to_string()),
        "{text}"
    );
    assert!(text.contains("processes of its services run on"), "{text}");

    // Who wanted it is known to the next engine.
    let born = started(db.pid);
    one.up(first.path());
    assert_eq!(started(db.pid), born);
    let stack = of(&one);
    assert_eq!(stack["instances"][0]["origin"]["verb"], "up", "{stack}");
    one.ok(first.path(), &["restart", "api"]);
    let api = &of(&one)["instances"][0];
    assert_eq!(api["instance"], "api.0", "{api}");
    assert_eq!(api["origin"]["verb"], "restart", "{api}");
}

/// Five hundred of them are `bench ports`.
#[test]
fn every_stranger_with_a_port_is_named_and_left_alone() {
    let wish = ports::Wish {
        cases: 12,
        at_once: 6,
    };
    let report = ports::run(&Azora::new(), wish);
    assert!(report.flawless(), "{report:#?}");
    assert_eq!(report.cases, 12);
}

#[test]
fn what_is_down_has_no_ports_and_asks_for_them_when_it_is_wanted_again() {
    let port = free();
    let azora = Azora::new();
    let (first, second) = (Folder::with(&wants(port)), Folder::with(&wants(port)));
    azora.up(first.path());
    assert_eq!(azora.instance(first.path(), "db.0").port, port);
    azora.ok(first.path(), &["down"]);
    azora.up(second.path());
    assert_eq!(azora.instance(second.path(), "db.0").port, port);

    // Without an `up`, too, it gets another one now, and those that refer to it know.
    azora.ok(first.path(), &["start", "db", "api"]);
    let moved = azora.instance(first.path(), "db.0");
    assert_ne!(moved.port, port);
    assert_eq!(http::health_pid(moved.port), Some(moved.pid));
    let told = azora.ok(first.path(), &["env", "db"]);
    assert!(told.contains(&format!("PORT={}", moved.port)), "{told}");

    // An emergency stop gives them back as well, also to another home.
    azora.ok(second.path(), &["emergency-stop", "--reason", "a test"]);
    let other = Azora::new();
    let third = Folder::with(&wants(port));
    other.up(third.path());
    assert_eq!(other.instance(third.path(), "db.0").port, port);
    azora.ok(second.path(), &["resume"]);
    let resumed = azora.instance(second.path(), "db.0");
    assert_ne!(resumed.port, port);
    assert_eq!(http::health_pid(resumed.port), Some(resumed.pid));
    for (azora, folder) in [(&azora, &first), (&azora, &second), (&other, &third)] {
        azora.ok(folder.path(), &["down"]);
    }
}

#[test]
fn a_port_that_only_one_number_will_do_for_is_never_said_to_have_moved() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let exact = format!("port = {{ number = {port}, exact = true }}");
    let definition = wants(port).replace(&format!("port = {port}"), &exact);
    let (azora, folder) = (Azora::new(), Folder::with(&definition));
    // It cannot start, once by `up` and once by `start`.
    for words in [&["up", "--detach", "--yes"][..], &["start", "db"]] {
        let done = azora.run(folder.path(), words);
        assert_eq!(done.code, 1, "{}{}", done.out, done.err);
        azora.ok(folder.path(), &["down"]);
    }
    let events = azora.json(folder.path(), &["events"]);
    let kinds = events.as_array().expect("a list").iter();
    let moved = kinds.filter(|event| event["what"]["kind"] == "port_moved");
    assert_eq!(moved.count(), 0, "{events}");
    let told = events.to_string().matches("no other will do").count();
    assert!(told >= 2, "{events}");
}
