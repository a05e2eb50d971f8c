//! What commands print with `--json` is held against the schema that is published for it.

use jsonschema::Validator;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The schema, as it is published.
pub const TEXT: &str = include_str!("../../docs/outputs.schema.json");

static SHAPES: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let whole: Map<String, Value> = serde_json::from_str(TEXT).expect("the schema is JSON");
    let commands = whole["properties"].as_object().expect("commands by name");
    let shape = |shape: &Value| {
        let mut schema = Map::new();
        schema.insert("$schema".into(), whole["$schema"].clone());
        schema.insert("definitions".into(), whole["definitions"].clone());
        schema.insert("allOf".into(), Value::Array(vec![shape.clone()]));
        let mut options = jsonschema::options();
        options = options.should_validate_formats(true);
        options.build(&Value::Object(schema)).expect("a schema")
    };
    let shapes = commands.iter();
    shapes.map(|(name, of)| (name.clone(), shape(of))).collect()
});

/// The names of what commands print.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHAPES.keys().map(String::as_str)
}

/// The name of what these words print.
///
/// # Panics
/// When none is published.
#[track_caller]
pub fn name(words: &[&str]) -> &'static str {
    shape(words).0
}

/// What these words have printed is as the schema says, where JSON was asked for.
///
/// # Panics
/// When it is not, or no shape is published for such a command.
#[track_caller]
pub fn hold(words: &[&str], printed: &str) {
    // What follows is a command that is not ours.
    let own = words.iter().position(|word| *word == "--");
    let words = &words[..own.unwrap_or(words.len())];
    if !words.contains(&"--json") {
        return;
    }
    let (name, shape) = shape(words);
    let values = serde_json::Deserializer::from_str(printed).into_iter::<Value>();
    for value in values {
        let value = value.unwrap_or_else(|error| panic!("{words:?}: {error}\n{printed}"));
        let wrong: Vec<String> = shape
            .iter_errors(&value)
            .take(5)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            wrong.is_empty(),
            "`azora {name} --json` printed what its schema does not know:\n{}\n{value:#}",
            wrong.join("\n")
        );
    }
}

/// The shape of the longest name of which every word was typed, the command first.
#[track_caller]
fn shape(words: &[&str]) -> (&'static str, &'static Validator) {
    let typed = |name: &str| {
        let mut of = name.split(' ');
        of.next() == words.first().copied() && of.all(|word| words.contains(&word))
    };
    let mut named = SHAPES.iter().filter(|(name, _)| typed(name));
    let longest = named.by_ref().max_by_key(|(name, _)| name.len());
    let (name, shape) =
        longest.unwrap_or_else(|| panic!("no shape is published for azora {words:?}"));
    (name, shape)
}
