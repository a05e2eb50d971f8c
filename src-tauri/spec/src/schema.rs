//! The JSON Schema of the definition, for editors. Published as `docs/azora.schema.json`.
//!
//! Written by hand beside the parser, because most of what the parser knows (durations, references,
//! one of three kinds of probe) no derive could say. Tests hold its keys to the parser's and every
//! example to it.

mod care;
mod container;
mod probe;

use crate::limits::{
    MAX_ARGS, MAX_CODES, MAX_CONTAINER_LIST, MAX_ENV_FILES, MAX_NEEDS, MAX_PATTERNS, MAX_PROFILES,
    MAX_REPLICAS, MAX_SERVICES,
};
use crate::read::keys::{
    CLUSTER, DEFAULTS, ENV_FILE, HEALTH, HOOK, Keys, NEED, PORT, READY, ROOT, SECRET, SERVICE,
    STARTUP, WATCH,
};
use model::Until;
use probe::probe;
use serde_json::{Map, Value, json};

/// The schema (draft 2020-12).
pub fn schema() -> Value {
    let mut schema = table(
        &ROOT,
        "The definition of a cluster.",
        &["service"],
        |key| match key {
            "cluster" => table(&CLUSTER, "The cluster as a whole.", &[], |key| match key {
                "name" => name("The cluster's name. The folder's name unless given."),
                "env_files" => env_files(
                    "Env files of every service, lowest first. `.env` and `.env.local`, where they are there, unless given.",
                ),
                "heal_at_once" => json!({
                    "description": "How many services healing may have in hand at a time: a number, or a share of them, at least one.",
                    "anyOf": [
                        { "type": "integer", "minimum": 1, "maximum": MAX_SERVICES },
                        { "type": "string", "pattern": "^([1-9][0-9]?|100)%$" }
                    ],
                    "default": "10%"
                }),
                "security" => care::security(),
                "autonomy" => json!({
                    "description": "How far healing goes by itself: not at all, up to a proposal that a person approves of, or all the way.",
                    "enum": model::Autonomy::ALL.map(model::Autonomy::name),
                    "default": model::Autonomy::On.name()
                }),
                "networks" => container::networks(),
                "volumes" => container::volumes(),
                _ => described("#/$defs/defaults", "Laid under every service, key by key."),
            }),
            _ => json!({
                "description": "The services by name.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "pattern": NAME, "not": { "enum": ["self", crate::RELAY] } },
                "additionalProperties": { "$ref": "#/$defs/service" }
            }),
        },
    );
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "azora.toml",
        "$defs": {
            "service": service(),
            "defaults": defaults(),
            "startup": probe(&STARTUP, "Asked first after each start until it passes; `ready` and `health` are not asked before."),
            "ready": probe(&READY, "Asked after each start until it passes. The health probe unless given."),
            "health": probe(&HEALTH, "Asked for as long as the service runs."),
            "heal": care::heal(),
            "stop": care::stop(),
            "route": care::route(),
            "limits": care::limits(),
            "log": care::log(),
            "env": env(),
            "secrets": secrets(),
            "hook": hook(),
            "run": run(),
            "port": port(),
            "container": container::container(),
            "build": container::build(),
            "texts": { "type": "object", "maxProperties": MAX_CONTAINER_LIST, "additionalProperties": { "type": ["string", "integer", "boolean"] } },
            "size": { "description": "A whole number and a unit: \"512KB\", \"64MB\", \"2GiB\".", "type": "string", "pattern": SIZE },
            "status": {
                "anyOf": [
                    { "type": "integer", "minimum": 200, "maximum": 599 },
                    { "type": "string", "pattern": "^[2-5][0-9][0-9]( *- *[2-5][0-9][0-9])?$" }
                ]
            },
            "duration": {
                "description": "A whole number and a unit: \"500ms\", \"5s\", \"2m\", \"1h\", \"1d\".",
                "type": "string",
                "pattern": "^[0-9]+(ms|s|m|h|d)$"
            }
        }
    });
    if let (Some(schema), Value::Object(head)) = (schema.as_object_mut(), head) {
        schema.extend(head);
    }
    schema
}

const NAME: &str = "^[a-z0-9][a-z0-9-]{0,62}$";
const SIZE: &str = "^[0-9]+([kK]?B|MB|GB|TB|KiB|MiB|GiB|TiB)$";

/// A table with exactly the keys the parser accepts.
fn table(
    keys: &Keys,
    description: &str,
    required: &[&str],
    property: impl Fn(&str) -> Value,
) -> Value {
    let properties: Map<String, Value> = keys
        .keys
        .iter()
        .map(|key| ((*key).to_owned(), property(key)))
        .collect();
    let mut table = json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties
    });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn described(reference: &str, description: &str) -> Value {
    json!({ "$ref": reference, "description": description })
}

fn name(description: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": NAME })
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string", "minLength": 1 })
}

fn flag(description: &str, default: bool) -> Value {
    json!({ "description": description, "type": "boolean", "default": default })
}

fn duration(description: &str, default: Option<&str>) -> Value {
    let mut duration = described("#/$defs/duration", description);
    if let Some(default) = default {
        duration["default"] = json!(default);
    }
    duration
}

fn count(description: &str, default: u32) -> Value {
    json!({ "description": description, "type": "integer", "minimum": 1, "maximum": 1000, "default": default })
}

fn service() -> Value {
    let mut service = table(
        &SERVICE,
        "One service: a process by `run`, or a container by `image` or `build`.",
        &[],
        |key| match key {
            "image" => text(
                "The image its container runs, as `docker run` takes it; with `build`, what the built one is called.",
            ),
            "build" => json!({ "$ref": "#/$defs/build" }),
            "container" => json!({ "$ref": "#/$defs/container" }),
            "run" => described(
                "#/$defs/run",
                "What is executed. Words are executed directly, anything that needs a shell by `sh -c`; a list verbatim.",
            ),
            "kind" => json!({
                "description": "A daemon runs until it is stopped, or ends as `success` allows. A oneshot runs once; its dependents start when it has exited with 0.",
                "enum": ["daemon", "oneshot"],
                "default": "daemon"
            }),
            "category" => text("Where it is shown. Free text, \"services\" unless given."),
            "success" => json!({
                "description": "Exit codes, besides 0, with which it has done its work: with which a oneshot is complete, and with which a daemon that has this key may end.",
                "type": "array", "maxItems": MAX_CODES,
                "items": { "type": "integer", "minimum": 0, "maximum": 255 }
            }),
            "schedule" => care::schedule(),
            "profiles" => json!({
                "description": "It runs when one of these is asked for, when it is named, or when another that runs cannot do without it.",
                "type": "array", "maxItems": MAX_PROFILES,
                "items": { "type": "string", "pattern": "^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,59}$" }
            }),
            "port" => json!({
                "description": "The preferred port, 0 for any free one. The program finds the one it was given in $PORT.",
                "anyOf": [
                    number(),
                    table(&PORT, "A port, and whether another one will do.", &["number"], |key| match key {
                        "number" => number(),
                        _ => flag("No other port will do: while somebody else has it, the service cannot start.", false),
                    })
                ]
            }),
            "listen" => json!({
                "description": "The port's socket listens before the service starts, and is handed to it as descriptor 3 (LISTEN_FDS), so that a restart refuses no connection. own: each instance its own; shared: all instances one, and each one of its own besides.",
                "enum": ["own", "shared"]
            }),
            "needs" => json!({
                "description": "What has to be there before it is started.",
                "type": "array",
                "maxItems": MAX_NEEDS,
                "items": { "anyOf": [
                    name("A service."),
                    table(&NEED, "A service, and what else to do with it.", &["service"], |key| match key {
                        "service" => name("A service."),
                        "until" => json!({
                            "description": "How far it has to be. started: its process is there; ready: it is ready, or a oneshot has exited with 0; ended: a oneshot has ended, with whatever code; succeeded: a oneshot has exited with 0.",
                            "enum": Until::ALL, "default": Until::default()
                        }),
                        "required" => flag("Without it this one is not started. If not, it is waited for only as long as it is on its way and nothing has gone wrong with it; it need not be defined.", true),
                        _ => flag("Restart with it when it is restarted.", false),
                    })
                ] }
            }),
            "replicas" => json!({
                "description": "How many instances.",
                "type": "integer", "minimum": 1, "maximum": MAX_REPLICAS, "default": 1
            }),
            "max_replicas" => json!({
                "description": "Up to how many instances healing may add while load is why it is slow. More than `replicas`.",
                "type": "integer", "minimum": 2, "maximum": MAX_REPLICAS
            }),
            "cwd" => text("Working folder, relative to the cluster's folder."),
            "env" => described(
                "#/$defs/env",
                "Added to the environment `up` was called in.",
            ),
            "env_files" => env_files("Env files of its own, over the cluster's, lowest first."),
            "secrets" => json!({ "$ref": "#/$defs/secrets" }),
            "before_start" => described(
                "#/$defs/hook",
                "Runs before each start; the process is made when it has exited with 0.",
            ),
            "after_ready" => described(
                "#/$defs/hook",
                "Runs once after each start, when the service is ready.",
            ),
            "user" => text("Run as this user, a name or a uid. Needs root."),
            "startup" => json!({ "$ref": "#/$defs/startup" }),
            "ready" => json!({ "$ref": "#/$defs/ready" }),
            "health" => json!({
                "anyOf": [
                    { "$ref": "#/$defs/health" },
                    { "description": "Not asked, whatever the cluster's default says.", "const": false }
                ]
            }),
            "heal" => json!({ "$ref": "#/$defs/heal" }),
            "stop" => json!({ "$ref": "#/$defs/stop" }),
            "tty" => flag(
                "It gets a terminal of its own. It cannot outlive its shim then.",
                false,
            ),
            "limits" => json!({ "$ref": "#/$defs/limits" }),
            "watch" => json!({
                "description": "Files whose changes restart the service.",
                "anyOf": [
                    patterns(),
                    table(&WATCH, "Which files, and how long to wait.", &["paths"], |key| match key {
                        "paths" => patterns(),
                        "debounce" => duration("The restart comes when nothing has changed for so long.", Some("200ms")),
                        _ => flag("What .gitignore files leave out is left out.", true),
                    })
                ]
            }),
            "log" => json!({ "$ref": "#/$defs/log" }),
            "route" => json!({ "$ref": "#/$defs/route" }),
            _ => flag("Only a person may stop it.", false),
        },
    );
    let of_processes = json!({ "listen": false, "cwd": false, "tty": false });
    service["oneOf"] = json!([
        {
            "required": ["run"],
            "not": { "required": ["container"] },
            "properties": { "env": variables(), "secrets": variables() }
        },
        { "required": ["image"], "properties": of_processes },
        { "required": ["build"], "not": { "required": ["image"] }, "properties": of_processes }
    ]);
    service
}

/// Names of variables as shells have them, which those of a container need not be.
fn variables() -> Value {
    json!({ "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" } })
}

fn number() -> Value {
    json!({ "description": "A port, 0 for any free one.", "type": "integer", "minimum": 0, "maximum": 65535 })
}

fn patterns() -> Value {
    json!({
        "description": "Patterns as in a .gitignore, relative to the cluster's folder; ! before one leaves files out.",
        "type": "array",
        "maxItems": MAX_PATTERNS,
        "items": { "type": "string", "minLength": 1 }
    })
}

fn defaults() -> Value {
    table(
        &DEFAULTS,
        "What services have that do not say otherwise.",
        &[],
        |key| match key {
            "category" => text("The category of services that name none."),
            "env" => described("#/$defs/env", "Variables of every service."),
            "secrets" => described("#/$defs/secrets", "Secrets of every service."),
            "health" => described(
                "#/$defs/health",
                "The probe of every daemon that has a port and names no `health`; its times are the defaults of those that do.",
            ),
            "heal" => json!({ "$ref": "#/$defs/heal" }),
            "limits" => json!({ "$ref": "#/$defs/limits" }),
            "stop" => json!({ "$ref": "#/$defs/stop" }),
            _ => json!({ "$ref": "#/$defs/log" }),
        },
    )
}

fn env() -> Value {
    json!({
        "description": "Variables. Values may hold ${service.port}, ${service.host} and ${service.url}.",
        "type": "object",
        "propertyNames": { "pattern": "^(?!AZORA_)[^=]+$" },
        "additionalProperties": { "type": "string" }
    })
}

fn env_files(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "maxItems": MAX_ENV_FILES,
        "items": { "anyOf": [
            text("A file, relative to the cluster's folder."),
            table(&ENV_FILE, "A file, and whether it has to be there.", &["file"], |key| match key {
                "file" => text("Relative to the cluster's folder."),
                _ => flag("It need not be there.", false),
            })
        ] }
    })
}

fn secrets() -> Value {
    let mut secret = table(
        &SECRET,
        "Where the value is read when the service starts.",
        &[],
        |key| match key {
            "file" => text("The text of this file, relative to the cluster's folder."),
            _ => described(
                "#/$defs/run",
                "What this command writes to its standard output.",
            ),
        },
    );
    secret["minProperties"] = json!(1);
    secret["maxProperties"] = json!(1);
    json!({
        "description": "Variables whose values are read when the service starts, and are kept and shown nowhere.",
        "type": "object",
        "propertyNames": { "pattern": "^(?!AZORA_)[^=]+$" },
        "additionalProperties": secret
    })
}

fn hook() -> Value {
    json!({
        "anyOf": [
            { "$ref": "#/$defs/run" },
            table(&HOOK, "A command, and how long it may take.", &["run"], |key| match key {
                "run" => described("#/$defs/run", "What is executed."),
                _ => duration("It is ended, tree and all, when it takes longer.", Some("60s")),
            })
        ]
    })
}

fn run() -> Value {
    json!({
        "anyOf": [
            text("A command line."),
            { "description": "Program and arguments, verbatim.", "type": "array", "minItems": 1, "maxItems": MAX_ARGS, "items": { "type": "string" } }
        ]
    })
}

fn port() -> Value {
    json!({
        "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": 65535 },
            { "type": "string", "pattern": "^(\\$PORT|\\$\\{PORT\\}|\\$\\{[a-z0-9][a-z0-9-]*\\.port\\})$" }
        ]
    })
}
