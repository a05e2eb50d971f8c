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

/// What it may have plugins do.
const OF_PLUGINS: [&str; 5] = [
    "dialog:allow-open",
    "opener:allow-open-url",
    "autostart:allow-is-enabled",
    "autostart:allow-enable",
    "autostart:allow-disable",
];

/// What is granted to others than the window, what is not granted, what is granted twice, and what is in no table.
fn faults(names: &[String], capability: &str) -> Vec<String> {
    let capability: serde_json::Value =
        serde_json::from_str(capability).expect("the capability is JSON");
    let granted: Vec<&str> = capability["permissions"]
        .as_array()
        .expect("permissions are a list")
        .iter()
        .filter_map(|entry| entry.as_str().or_else(|| entry["identifier"].as_str()))
        .collect();
    let own: Vec<String> = names
        .iter()
        .map(|name| format!("allow-{}", name.replace('_', "-")))
        .collect();
    let wanted: Vec<&str> = own.iter().map(String::as_str).chain(OF_PLUGINS).collect();
    let mut faults = Vec::new();
    if capability["windows"] != serde_json::json!(["main"]) {
        faults.push(format!(
            "it is granted to {} and not to the window alone",
            capability["windows"]
        ));
    }
    let missing = wanted.iter().filter(|entry| !granted.contains(entry));
    faults.extend(missing.map(|entry| format!("the window needs it: add \"{entry}\"")));
    let surplus = granted.iter().filter(|entry| !wanted.contains(entry));
    faults.extend(surplus.map(|entry| format!("{entry} is granted and in no table")));
    let twice = granted
        .iter()
        .enumerate()
        .filter(|(index, entry)| granted[..*index].contains(entry));
    faults.extend(twice.map(|(_, entry)| format!("{entry} is granted twice")));
    faults
        .iter()
        .map(|fault| format!("src-tauri/capabilities/main.json: {fault}"))
        .collect()
}

#[test]
fn the_capability_grants_each_command_once_and_what_the_window_needs_of_plugins() {
    let names = names(&read("src-tauri/api/src/command_names.rs"));
    assert!(names.len() > 50, "{names:?}");
    none(faults(&names, &read("src-tauri/capabilities/main.json")));
}

/// Another capability, in a file or in the configuration, could grant the same to others.
#[test]
fn there_is_no_other_capability() {
    let folder = root().join("src-tauri/capabilities");
    let files = std::fs::read_dir(folder).expect("it is there").flatten();
    let names: Vec<_> = files.map(|file| file.file_name()).collect();
    assert_eq!(names, ["main.json"]);
    let configuration: serde_json::Value =
        serde_json::from_str(&read("tauri.conf.json")).expect("it is JSON");
    let security = &configuration["app"]["security"];
    assert_eq!(security["capabilities"], serde_json::json!(["main"]));
    assert_eq!(
        security["csp"]["frame-src"], "'none'",
        "no page in the page"
    );
}

#[test]
fn what_is_missing_twice_or_too_much_is_found() {
    let names =
        names("pub const COMMAND_NAMES: &[&str] = &[\n    \"status\",\n    \"stream_feed\",\n];");
    assert_eq!(names, ["status", "stream_feed"]);
    let found = faults(
        &names,
        r#"{ "windows": ["*"], "permissions": ["allow-status", { "identifier": "allow-status" }, "shell:allow-open"] }"#,
    );
    finds(&found, "granted to [\"*\"]");
    finds(&found, "add \"allow-stream-feed\"");
    finds(&found, "add \"dialog:allow-open\"");
    finds(&found, "shell:allow-open is granted and in no table");
    finds(&found, "allow-status is granted twice");
}
