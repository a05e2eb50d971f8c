//! What the window may call: a command that is in the table and not in the capability is one that the
//! window is refused. The app's own tests ask Tauri for it, which is late: it is compiled last.

use crate::{finds, none, root};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the table, which is included into a build script and therefore a plain list of texts.
fn names(table: &str) -> Vec<String> {
    let list = table.split_once("= &[").expect("the table is a list").1;
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Every command that is not granted, and everything granted twice.
fn faults(names: &[String], capability: &str) -> Vec<String> {
    let capability: serde_json::Value =
        serde_json::from_str(capability).expect("the capability is JSON");
    let granted: Vec<&str> = capability["permissions"]
        .as_array()
        .expect("permissions are a list")
        .iter()
        .filter_map(|entry| entry.as_str().or_else(|| entry["identifier"].as_str()))
        .collect();
    let own = names.iter().filter_map(|name| {
        let wanted = format!("allow-{}", name.replace('_', "-"));
        (!granted.contains(&wanted.as_str())).then(|| {
            format!(
                "src-tauri/capabilities/main.json: the window may not call {name}: add \"{wanted}\""
            )
        })
    });
    let twice = granted
        .iter()
        .enumerate()
        .filter(|(index, entry)| granted[..*index].contains(entry));
    let twice = twice
        .map(|(_, entry)| format!("src-tauri/capabilities/main.json: {entry} is granted twice"));
    own.chain(twice).collect()
}

#[test]
fn the_window_may_call_every_command_of_the_table() {
    let names = names(&read("src-tauri/api/src/command_names.rs"));
    assert!(names.len() > 50, "{names:?}");
    none(faults(&names, &read("src-tauri/capabilities/main.json")));
}

#[test]
fn a_command_that_is_not_granted_is_found() {
    let names =
        names("pub const COMMAND_NAMES: &[&str] = &[\n    \"status\",\n    \"stream_feed\",\n];");
    assert_eq!(names, ["status", "stream_feed"]);
    let found = faults(
        &names,
        r#"{ "permissions": ["allow-status", { "identifier": "allow-status" }] }"#,
    );
    finds(&found, "add \"allow-stream-feed\"");
    finds(&found, "allow-status is granted twice");
}
