//! A `Cargo.toml` with a program.

use super::folders::Folder;
use super::{Guess, Part, Survey};
use toml::{Table, Value};

/// What a program depends on that listens.
const SERVERS: [&str; 10] = [
    "axum",
    "actix-web",
    "rocket",
    "warp",
    "poem",
    "salvo",
    "tide",
    "hyper",
    "tonic",
    "loco-rs",
];

pub(super) fn read(survey: &Survey, folder: &Folder, _: bool) -> Part {
    let mut part = Part::default();
    let file = folder.at("Cargo.toml");
    let Some(text) = survey.text(&file) else {
        return part;
    };
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(_) => {
            part.note(file, "it is no TOML and is passed over");
            return part;
        }
    };
    let Some(package) = manifest.get("package").and_then(Value::as_table) else {
        return part;
    };
    let text = |table: &Table, key: &str| Some(table.get(key)?.as_str()?.to_owned());
    let name = text(package, "name").unwrap_or_else(|| folder.called().to_owned());
    let listed = manifest
        .get("bin")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let listed = listed.filter_map(Value::as_table);
    // One of those that are listed may be made of it, under another name.
    let main = listed
        .clone()
        .any(|bin| text(bin, "path").as_deref() == Some("src/main.rs"));
    let mut programs: Vec<String> = listed.filter_map(|bin| text(bin, "name")).collect();
    let sources = survey.names.get(&folder.at("src"));
    let there = sources.is_some_and(|names| names.files.contains("main.rs"));
    if there && !main && !programs.contains(&name) {
        programs.insert(0, name.clone());
    }
    if let Some(usual) = text(package, "default-run") {
        programs.retain(|program| *program != usual);
        programs.insert(0, usual);
    }
    let depends = |name: &&&str| {
        let own = manifest.get("dependencies").and_then(Value::as_table);
        own.is_some_and(|table| table.contains_key(**name))
    };
    let server = SERVERS.iter().find(depends);
    let Some(program) = programs.first() else {
        return part;
    };
    if programs.len() > 1 {
        let says = format!(
            "of its programs only {program} is proposed; the others are {}",
            programs[1..].join(", ")
        );
        part.note(file.clone(), says);
    }
    let which = match programs.len() {
        1 => String::new(),
        _ => format!(" --bin {program}"),
    };
    // From the folder above all cargo finds it only by a workspace there.
    let (package, cwd) = match folder.path.is_empty() {
        true => (String::new(), String::new()),
        false if has_workspace(survey) => (format!(" -p {name}"), String::new()),
        false => (String::new(), folder.path.clone()),
    };
    part.guesses.push(Guess {
        seen: match server {
            Some(server) => format!("{file}: it depends on {server}, and has to listen at $PORT"),
            None => format!("{file}: it has a program"),
        },
        run: format!("cargo run{package}{which}"),
        name: program.clone(),
        port: server.map(|_| 0),
        doubt: server
            .is_none()
            .then_some("It may be a program for the terminal, and no service."),
        folder: cwd,
        ..Guess::default()
    });
    part
}

fn has_workspace(survey: &Survey) -> bool {
    let above = survey.text("Cargo.toml").map(str::parse::<Table>);
    above.is_some_and(|above| above.is_ok_and(|above| above.contains_key("workspace")))
}
