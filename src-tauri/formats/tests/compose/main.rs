//! Compose files, and the projects they are.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod carried;
mod corpus;
mod extends;
mod forms;
mod hostile;
mod include;
mod meaning;
mod merge;
mod mistakes;
mod over;
mod page;
mod project;
mod risks;
mod text;

use formats::compose::{Project, Reading, Settings, Sources};
use serde_json::Value;
use spec::Found;

/// A project's files by path, the compose file first.
type Tree<'t> = &'t [(&'t str, &'t str)];

fn settings() -> Settings {
    Settings {
        folder_name: "shop".to_owned(),
        environment: [("SET", "set"), ("EMPTY", ""), ("HOME", "/home/ada")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Settings::default()
    }
}

fn read(tree: Tree<'_>) -> Result<Project, String> {
    read_with(tree, settings())
}

fn read_with(tree: Tree<'_>, settings: Settings) -> Result<Project, String> {
    let (label, text) = tree[0];
    let mut sources = Sources::new(label, text.into(), settings);
    // Each round brings at least one file, of which there is a bound.
    for _ in 0..100 {
        match sources.read() {
            Ok(Reading::Complete(project)) => return Ok(*project),
            Ok(Reading::Needs(paths)) => {
                assert!(!paths.is_empty(), "nothing is needed");
                for path in paths {
                    let there = tree[1..].iter().find(|(name, _)| *name == path);
                    let found = there.map_or(Found::Absent, |(_, text)| {
                        Found::Bytes(text.as_bytes().to_vec())
                    });
                    sources.add(path, found);
                }
            }
            Err(wrong) => return Err(wrong.render(120, false)),
        }
    }
    panic!("it never has enough");
}

fn project(tree: Tree<'_>) -> Project {
    read(tree).unwrap_or_else(|wrong| panic!("{tree:?}\n{wrong}"))
}

/// What is said of a project that cannot be read.
fn refused(tree: Tree<'_>) -> String {
    match read(tree) {
        Ok(_) => panic!("it is read: {tree:?}"),
        Err(wrong) => wrong,
    }
}

fn notes(project: &Project) -> Vec<String> {
    project.notes.iter().map(ToString::to_string).collect()
}

/// The canonical form of a project at a path like `services.web.ports`, without what is not said.
fn at(project: &Project, path: &str) -> Value {
    let mut value = said(serde_json::to_value(project).unwrap());
    for key in path.split('.') {
        value = value.get_mut(key).map(Value::take).unwrap_or_default();
    }
    value
}

/// Without nothing, `false`, and empty lists and mappings.
fn said(value: Value) -> Value {
    let is_said = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    };
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(said).collect()),
        Value::Object(entries) => Value::Object(
            entries
                .into_iter()
                .map(|(key, value)| (key, said(value)))
                .filter(|(_, value)| is_said(value))
                .collect(),
        ),
        value => value,
    }
}

/// Compares with JSON; an empty text is what is not said.
fn wanted(json: &str) -> Value {
    match json {
        "" => Value::Null,
        json => said(serde_json::from_str(json).unwrap_or_else(|wrong| panic!("{json}: {wrong}"))),
    }
}
