//! `azora schema`: what commands print with `--json`, as a JSON Schema. Asks no engine.

use crate::args::Schema;
use crate::fail::{Done, Fail};
use crate::terminal::print_as_it_is;
use serde_json::{Map, Value};

const TEXT: &str = include_str!("../../../docs/outputs.schema.json");

/// Prints all of it, or what is needed for one command.
pub(crate) fn schema(asked: &Schema) -> Done {
    if asked.command.is_empty() {
        return Ok(print_as_it_is(TEXT.trim_end())?);
    }
    let name = asked.command.join(" ");
    let found = of(&name).ok_or_else(|| {
        Fail::usage(format!(
            "`{name}` prints no JSON; these do: {}",
            names().join(", ")
        ))
    })?;
    let text = serde_json::to_string_pretty(&found);
    let text =
        text.map_err(|error| Fail::failed(format!("failed to write the schema: {error}")))?;
    Ok(print_as_it_is(&text)?)
}

/// The schema of what one command prints; `None` when there is none of this name.
fn of(name: &str) -> Option<Value> {
    let mut whole = whole();
    let shape = whole.get("properties")?.get(name)?.clone();
    let mut schema = Map::new();
    for key in ["$schema", "definitions"] {
        schema.insert(key.to_owned(), whole.remove(key)?);
    }
    schema.insert("title".into(), format!("azora {name} --json").into());
    // Beside a reference other keywords would not count.
    schema.insert("allOf".into(), Value::Array(vec![shape]));
    Some(Value::Object(schema))
}

fn names() -> Vec<String> {
    let whole = whole();
    let commands = whole.get("properties").and_then(Value::as_object);
    commands
        .map(|all| all.keys().cloned().collect())
        .unwrap_or_default()
}

fn whole() -> Map<String, Value> {
    // It is part of this program, and a test reads it.
    serde_json::from_str(TEXT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{names, of, whole};
    use crate::args::Arguments;
    use crate::text::TIMES;
    use clap::CommandFactory;
    use serde_json::{Map, Value};

    #[test]
    fn every_command_that_prints_json_has_its_shape_and_no_other_has() {
        let mut can: Vec<String> = Vec::new();
        let arguments = Arguments::command();
        for command in arguments.get_subcommands() {
            let json = |command: &clap::Command| {
                let mut all = command.get_arguments();
                all.any(|argument| argument.get_long() == Some("json"))
            };
            if json(command) {
                can.push(command.get_name().to_owned());
            }
            for below in command.get_subcommands().filter(|below| json(below)) {
                can.push(format!("{} {}", command.get_name(), below.get_name()));
            }
        }
        let command = |name: String| {
            // The same command, where an option changes what it prints.
            let Some((name, option)) = name.split_once(" --") else {
                return name;
            };
            let words = name.split(' ');
            let of = words.fold(&arguments, |of, word| of.find_subcommand(word).unwrap());
            let mut options = of.get_arguments().filter_map(clap::Arg::get_long);
            assert!(options.any(|known| known == option), "{name} --{option}");
            name.to_owned()
        };
        let mut said: Vec<String> = names().into_iter().map(command).collect();
        can.sort();
        said.sort();
        said.dedup();
        assert_eq!(said, can);
        assert!(can.len() > 20, "{can:?}");
    }

    /// Every object of the schema that has properties.
    fn objects(at: &Value, found: &mut Vec<Map<String, Value>>) {
        match at {
            Value::Object(fields) => {
                let properties = fields.get("properties").and_then(Value::as_object);
                found.extend(properties.cloned());
                fields.values().for_each(|field| objects(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
            _ => {}
        }
    }

    #[test]
    fn what_is_a_time_is_printed_as_one_and_nothing_else_is() {
        let mut found = Vec::new();
        objects(&whole()["definitions"], &mut found);
        let mut times = 0;
        for (name, of) in found.into_iter().flatten() {
            let of = of.to_string();
            let is_time = of.contains("#/definitions/Timestamp\"");
            // Connections are written by hand.
            let by_hand = matches!(name.as_str(), "first" | "last");
            assert!(
                !is_time || by_hand || TIMES.contains(&name.as_str()),
                "{name}: {of}"
            );
            let number = of.contains("\"number\"") && !of.contains("\"array\"");
            assert!(!number || !TIMES.contains(&name.as_str()), "{name}: {of}");
            times += usize::from(is_time);
        }
        assert!(times > 10, "{times}");
    }

    #[test]
    fn one_commands_schema_stands_alone() {
        let schema = of("ps").unwrap();
        assert_eq!(schema["allOf"][0]["$ref"], "#/definitions/Ps");
        assert!(schema["definitions"]["Instance"].is_object());
        assert!(of("up up").is_none());
    }
}
