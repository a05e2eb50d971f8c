//! The lists of banned calls: a crate's own `clippy.toml` replaces the root's, so each must repeat it
//! but for what that crate is there to do.

use crate::{finds, none, root};
use std::collections::BTreeSet;

/// What a crate with a list of its own may leave out, by the kind of call.
const EXEMPT: [(&str, &[Kind]); 16] = [
    ("src-tauri/model", &[]),
    ("src-tauri/spec", &[]),
    ("src-tauri/formats", &[]),
    ("src-tauri/healing", &[]),
    ("src-tauri/orchestrator", &[]),
    ("src-tauri/policy", &[]),
    ("src-tauri/security", &[]),
    (
        "src-tauri/driver",
        &[Kind::Process, Kind::Signal, Kind::Clock, Kind::Listen],
    ),
    (
        "src-tauri/shim",
        &[Kind::Process, Kind::Signal, Kind::Clock],
    ),
    (
        "src-tauri/organ",
        &[Kind::Process, Kind::Signal, Kind::Clock, Kind::Listen],
    ),
    ("src-tauri/telemetry", &[Kind::Clock]),
    ("src-tauri/registry", &[Kind::Listen]),
    ("src-tauri/gateway", &[Kind::Listen]),
    ("src-tauri/api", &[Kind::Listen]),
    (
        "src-tauri/testkit",
        &[Kind::Process, Kind::Signal, Kind::Clock, Kind::Listen],
    ),
    (
        "tests",
        &[Kind::Process, Kind::Signal, Kind::Clock, Kind::Listen],
    ),
];

/// Crates that decide: they ban what would make the same input give another answer, too.
const PURE: [&str; 7] = [
    "src-tauri/model",
    "src-tauri/spec",
    "src-tauri/formats",
    "src-tauri/healing",
    "src-tauri/orchestrator",
    "src-tauri/policy",
    "src-tauri/security",
];

/// What pure crates ban besides.
const IMPURE: [&str; 6] = [
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs::read",
    "std::env::var",
];

/// Sorts of banned calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Makes a process.
    Process,
    /// Sends a signal.
    Signal,
    /// Reads a clock.
    Clock,
    /// Serves a port.
    Listen,
    /// Nobody may.
    Never,
}

fn kind(path: &str) -> Kind {
    let last = path.rsplit("::").next().unwrap_or(path);
    if path.ends_with("process::Command")
        || ["fork", "vfork"].contains(&last)
        || last.starts_with("exec")
        || last.starts_with("posix_spawn")
    {
        Kind::Process
    } else if last.contains("kill") || last.contains("signal") {
        Kind::Signal
    } else if path.contains("SystemTime") || path.contains("Instant") {
        Kind::Clock
    } else if path.contains("TcpListener") {
        Kind::Listen
    } else {
        Kind::Never
    }
}

/// The banned paths of a `clippy.toml`, and those without a reason.
fn bans(text: &str) -> (BTreeSet<String>, Vec<String>) {
    let list: toml::Table = text
        .parse()
        .unwrap_or_else(|error| panic!("a clippy.toml does not read: {error}"));
    let (mut paths, mut bare) = (BTreeSet::new(), Vec::new());
    for key in ["disallowed-methods", "disallowed-types"] {
        for entry in list
            .get(key)
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
        {
            let path = entry
                .get("path")
                .and_then(toml::Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if entry
                .get("reason")
                .and_then(toml::Value::as_str)
                .is_none_or(str::is_empty)
            {
                bare.push(format!("{path} is banned without a reason"));
            }
            paths.insert(path);
        }
    }
    (paths, bare)
}

/// What `folder`'s list leaves out and may not.
fn missing(
    folder: &str,
    own: &BTreeSet<String>,
    common: &BTreeSet<String>,
    exempt: &[Kind],
) -> Vec<String> {
    let mut wanted: Vec<&str> = common.iter().map(String::as_str).collect();
    if PURE.contains(&folder) {
        wanted.extend(IMPURE);
    }
    wanted
        .into_iter()
        .filter(|path| !own.contains(*path) && !exempt.contains(&kind(path)))
        .map(|path| format!("{folder}/clippy.toml does not ban {path}"))
        .collect()
}

fn read(folder: &str) -> Option<String> {
    std::fs::read_to_string(root().join(folder).join("clippy.toml")).ok()
}

#[test]
fn every_list_of_bans_repeats_the_common_one() {
    let (common, mut faults) = bans(&read("").expect("the root has a clippy.toml"));
    for (folder, exempt) in EXEMPT {
        match read(folder) {
            Some(text) => {
                let (own, bare) = bans(&text);
                faults.extend(bare);
                faults.extend(missing(folder, &own, &common, exempt));
            }
            None => faults.push(format!("{folder} has lost its clippy.toml")),
        }
    }
    none(faults);
}

#[test]
fn a_list_that_is_not_known_here_is_found() {
    let known = |folder: &str| EXEMPT.iter().any(|(name, _)| *name == folder);
    let strangers = crate::sources::sources("src-tauri", &["clippy.toml"])
        .into_iter()
        .filter_map(|file| file.path.strip_suffix("/clippy.toml").map(str::to_owned))
        .filter(|folder| !known(folder))
        .map(|folder| {
            format!(
                "{folder}/clippy.toml: say in tests/architecture/fences.rs what it may leave out"
            )
        })
        .collect();
    none(strangers);
}

#[test]
fn a_ban_that_is_left_out_is_found() {
    let (common, _) = bans(&read("").expect("the root has a clippy.toml"));
    let without = |path: &str| {
        common
            .iter()
            .filter(|p| *p != path)
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let engine = missing(
        "src-tauri/api",
        &without("tokio::spawn"),
        &common,
        &[Kind::Listen],
    );
    finds(&engine, "does not ban tokio::spawn");
    let pure = missing("src-tauri/healing", &common, &common, &[]);
    finds(
        &pure,
        "src-tauri/healing/clippy.toml does not ban std::collections::HashMap",
    );
    finds(
        &bans("disallowed-types = [{ path = \"a::B\" }]").1,
        "a::B is banned without a reason",
    );
}
