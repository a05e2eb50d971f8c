//! Stacks share a machine: a taken port is named, and whoever has it is left alone.

use serde_json::Value;
use std::net::TcpListener;
use std::process::Stdio;
use tests::{Azora, Folder, until};

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
