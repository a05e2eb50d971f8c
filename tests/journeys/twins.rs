//! Two copies of the same folder, and two homes, do not touch each other.

use std::collections::BTreeSet;
use tests::folder::SMALL;
use tests::process::kill;
use tests::{Azora, Folder, http, until};

/// A definition that prefers fixed ports, so that two copies want the same ones.
fn preferring(port: u16) -> String {
    SMALL.replacen("port = 0", &format!("port = {port}"), 1)
}

#[test]
fn two_copies_of_a_folder_run_side_by_side_in_one_home() {
    let definition = preferring(28_471);
    let (azora, one, two) = (
        Azora::new(),
        Folder::with(&definition),
        Folder::with(&definition),
    );
    azora.up(one.path());
    azora.up(two.path());
    let (first, second) = (azora.instances(one.path()), azora.instances(two.path()));
    let ports: BTreeSet<u16> = first
        .values()
        .chain(second.values())
        .map(|instance| instance.port)
        .collect();
    assert_eq!(ports.len(), 8, "no port twice");
    for instance in first.values().chain(second.values()) {
        assert_eq!(
            http::health_pid(instance.port),
            Some(instance.pid),
            "{instance:?}"
        );
    }
    let status = azora.json(one.path(), &["status"]);
    assert_eq!(
        status["clusters"].as_array().map(Vec::len),
        Some(2),
        "{status}"
    );

    // What happens to one is no matter of the other.
    kill(first["db.0"].pid);
    azora.until(one.path(), "db.0", "back", |db| {
        db.serves() && db.pid != first["db.0"].pid
    });
    azora.ok(one.path(), &["down"]);
    assert!(
        azora
            .instances(one.path())
            .values()
            .all(|instance| instance.pid == 0)
    );
    assert_eq!(
        azora.instances(two.path()),
        second,
        "the other runs on untouched"
    );
}

#[test]
fn two_homes_run_the_same_folder_at_once() {
    let folder = Folder::with(&preferring(28_472));
    let (one, two) = (Azora::new(), Azora::new());
    one.up(folder.path());
    two.up(folder.path());
    let (first, second) = (one.instances(folder.path()), two.instances(folder.path()));
    for instance in first.values().chain(second.values()) {
        assert_eq!(
            http::health_pid(instance.port),
            Some(instance.pid),
            "{instance:?}"
        );
    }
    one.json(folder.path(), &["emergency-stop", "--reason", "test"]);
    until("the first to be empty", || {
        one.left().is_empty().then_some(())
    });
    assert_eq!(
        two.instances(folder.path()),
        second,
        "an emergency stop ends at the home's door"
    );
}

#[test]
fn a_port_that_a_stranger_holds_is_left_alone_and_another_one_taken() {
    let stranger = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = stranger.local_addr().expect("it is bound").port();
    let (azora, folder) = (Azora::new(), Folder::with(&preferring(port)));
    azora.up(folder.path());
    let db = azora.instance(folder.path(), "db.0");
    assert_ne!(db.port, port);
    assert_eq!(http::health_pid(db.port), Some(db.pid));
    let events = azora.ok(folder.path(), &["events"]);
    assert!(
        events.contains(&port.to_string()),
        "it says who holds the wanted one: {events}"
    );
}
