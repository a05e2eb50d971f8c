//! Who may depend on whom, by what `cargo metadata` says of the manifests.

use crate::plan::Plan;
use crate::{finds, none, root};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::path::Path;

/// What the manifests of the workspace in `folder` say. Nothing is resolved, so it needs no registry.
fn metadata(folder: &Path) -> Metadata {
    MetadataCommand::new()
        .current_dir(folder)
        .no_deps()
        .exec()
        .unwrap_or_else(|error| panic!("failed to read the manifests: {error}"))
}

/// Every arrow and fence that the manifests break.
fn faults(metadata: &Metadata, plan: &Plan) -> Vec<String> {
    let mut faults = Vec::new();
    let ours: Vec<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for name in plan.arrows.keys() {
        if !ours.contains(&name.as_str()) {
            faults.push(format!(
                "the table of arrows has a row for {name}, which is no crate of ours"
            ));
        }
    }
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(allowed) = plan.arrows.get(name) else {
            faults.push(format!("{name} has no row in the table of arrows"));
            continue;
        };
        for dependency in &package.dependencies {
            if dependency.kind == DependencyKind::Development {
                continue;
            }
            let other = dependency.name.as_str();
            if ours.contains(&other) {
                if !allowed.contains(other) {
                    faults.push(format!(
                        "{name} depends on {other}: the table of arrows has no such arrow"
                    ));
                }
            } else if plan
                .fence(other)
                .is_some_and(|crates| !crates.contains(name))
            {
                faults.push(format!(
                    "{name} depends on {other}, which is fenced in elsewhere"
                ));
            }
            if other == "tokio"
                && name != "driver"
                && dependency
                    .features
                    .iter()
                    .any(|feature| feature == "process" || feature == "full")
            {
                faults.push(format!(
                    "{name} asks tokio for processes: only driver makes them"
                ));
            }
        }
        faults.extend(identity(package));
    }
    faults
}

/// What every manifest of ours says about itself.
fn identity(package: &Package) -> Vec<String> {
    let mut faults = Vec::new();
    let name = package.name.as_str();
    let folder = package
        .manifest_path
        .parent()
        .and_then(|folder| folder.file_name());
    let is_root = package
        .manifest_path
        .parent()
        .is_some_and(|folder| folder.join("tauri.conf.json").exists());
    if !is_root && folder != Some(name) {
        faults.push(format!(
            "{name} lies in the folder {folder:?}: folder and crate have the same name"
        ));
    }
    if package.publish.as_deref() != Some(&[]) {
        faults.push(format!(
            "{name} could be published: say publish.workspace = true"
        ));
    }
    if package.version.to_string() != "0.0.0" {
        faults.push(format!(
            "{name} has a version of its own: say version.workspace = true"
        ));
    }
    let manifest = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
    if !manifest.contains("[lints]\nworkspace = true") {
        faults.push(format!("{name} does not take the workspace's lints"));
    }
    faults
}

#[test]
fn every_crate_keeps_to_its_row() {
    none(faults(&metadata(&root()), &Plan::read()));
}

#[test]
fn every_member_line_says_what_the_room_is_for() {
    let manifest =
        std::fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest reads");
    let bare = manifest
        .lines()
        .skip_while(|line| !line.starts_with("members"))
        .take_while(|line| !line.starts_with(']'))
        .filter(|line| line.trim_start().starts_with('"') && !line.contains('#'))
        .map(|line| format!("{}: say what the room is for", line.trim()))
        .collect();
    none(bare);
}

#[test]
fn an_arrow_added_in_memory_is_found() {
    let mut json = serde_json::to_value(metadata(&root())).expect("metadata is JSON");
    let packages = json["packages"]
        .as_array_mut()
        .expect("metadata lists packages");
    let mut arrow = packages
        .iter()
        .find(|package| package["name"] == "cli")
        .and_then(|package| package["dependencies"].as_array())
        .and_then(|list| {
            list.iter()
                .find(|dependency| dependency["name"] == "engine")
        })
        .expect("cli uses engine")
        .clone();
    let add = |packages: &mut Vec<serde_json::Value>, to: &str, arrow: &serde_json::Value| {
        packages
            .iter_mut()
            .find(|package| package["name"] == to)
            .and_then(|package| package["dependencies"].as_array_mut())
            .unwrap_or_else(|| panic!("{to} is a crate of ours"))
            .push(arrow.clone());
    };
    add(packages, "spec", &arrow);
    arrow["name"] = "sqlx-sqlite".into();
    add(packages, "engine", &arrow);
    arrow["name"] = "tokio".into();
    arrow["features"] = serde_json::json!(["process"]);
    add(packages, "telemetry", &arrow);

    let changed: Metadata = serde_json::from_value(json).expect("the edited metadata reads back");
    let faults = faults(&changed, &Plan::read());
    finds(&faults, "spec depends on engine");
    finds(&faults, "engine depends on sqlx-sqlite, which is fenced in");
    finds(&faults, "telemetry asks tokio for processes");
}

#[test]
fn a_development_arrow_is_free() {
    let plan = Plan::read();
    let before = faults(&metadata(&root()), &plan).len();
    let scratch = scratch_with("healing", "[dev-dependencies.engine]\nworkspace = true\n");
    assert_eq!(faults(&metadata(scratch.path()), &plan).len(), before);
}

#[test]
fn an_arrow_added_to_a_manifest_is_found() {
    let scratch = scratch_with("model", "[dependencies.store]\nworkspace = true\n");
    finds(
        &faults(&metadata(scratch.path()), &Plan::read()),
        "model depends on store",
    );
}

/// A copy of all manifests (and empty sources, which cargo wants to see) with `more` added to one.
fn scratch_with(name: &str, more: &str) -> tempfile::TempDir {
    let root = root();
    let scratch = tempfile::tempdir().expect("a scratch folder can be made");
    let copy = |from: &Path| {
        let to = scratch
            .path()
            .join(from.strip_prefix(&root).expect("it lies in the workspace"));
        std::fs::create_dir_all(to.parent().expect("a file has a folder"))
            .expect("the folder is made");
        to
    };
    for package in &metadata(&root).packages {
        let manifest = package.manifest_path.as_std_path();
        let mut text = std::fs::read_to_string(manifest).expect("the manifest reads");
        if package.name == name {
            text = match text.split_once("[lints]") {
                Some((before, after)) => format!("{before}{more}\n[lints]{after}"),
                None => format!("{text}\n{more}"),
            };
        }
        std::fs::write(copy(manifest), text).expect("the copy is written");
        for target in &package.targets {
            std::fs::write(copy(target.src_path.as_std_path()), "")
                .expect("the empty source is written");
        }
    }
    std::fs::write(copy(&root.join("tauri.conf.json")), "{}")
        .expect("the marker of the root is written");
    scratch
}
