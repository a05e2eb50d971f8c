//! The schema of `startup`, `ready` and `health`.

use super::{count, described, duration, flag, table, text};
use crate::read::keys::{BODY, Keys};
use serde_json::{Value, json};

pub(super) fn probe(keys: &Keys, description: &str) -> Value {
    table(keys, description, &[], |key| match key {
        "http" => text(
            "GET this path of the service's own port (or http://127.0.0.1:…); 2xx and 3xx pass.",
        ),
        "tcp" => described(
            "#/$defs/port",
            "This port accepts a connection; \"$PORT\" is the service's own.",
        ),
        "exec" => described(
            "#/$defs/run",
            "This command exits with 0. It runs like the service: same user, folder and environment.",
        ),
        "grpc" => described(
            "#/$defs/port",
            "grpc.health.v1.Health/Check on this port answers SERVING; \"$PORT\" is the service's own.",
        ),
        "service" => text("The service `grpc` asks about. The whole server unless given."),
        "log" => text("A line of its output matches this regular expression."),
        "notify" => json!({
            "description": "It says READY=1 to the socket in NOTIFY_SOCKET, as sd_notify does.",
            "const": true
        }),
        "check" => json!({
            "description": "The daemon's own check of the container says that it is well; it passes where there is none.",
            "const": true
        }),
        "watchdog" => duration(
            "It says WATCHDOG=1 there within this time of the last.",
            None,
        ),
        "lease" => duration(
            "It renews an entry of the registry that points to its own port within this time of the last.",
            None,
        ),
        "always" => flag(
            "It is asked on after it has passed; while it fails nobody is sent there, and nothing is restarted.",
            false,
        ),
        "port" => described(
            "#/$defs/port",
            "The port `http` asks, when it is not the service's own.",
        ),
        "method" => json!({
            "description": "How `http` asks.",
            "enum": ["GET", "HEAD", "OPTIONS", "POST"],
            "default": "GET"
        }),
        "headers" => header_table("Headers that are sent with `http`."),
        "expect_headers" => {
            header_table("Headers of the answer, and a text that has to be in each.")
        }
        "status" => json!({
            "description": "The statuses that pass: 204, \"200-299\", or a list of such. 2xx and 3xx unless given.",
            "anyOf": [
                { "$ref": "#/$defs/status" },
                { "type": "array", "minItems": 1, "maxItems": 20, "items": { "$ref": "#/$defs/status" } }
            ]
        }),
        "body" => json!({
            "description": "What has to be in the body of the answer. Unless given, what it says in a known format of health counts; `false` ignores it.",
            "anyOf": [
                { "description": "This text.", "type": "string", "minLength": 1 },
                table(&BODY, "A match of this.", &["regex"], |_| text("A regular expression.")),
                { "const": false }
            ]
        }),
        "every" => duration("Time between two probes.", Some("5s")),
        "timeout" => duration("A probe that takes longer has failed.", Some("1s")),
        "fail" => count("So many failures in a row mean failing.", 3),
        "pass" => count("So many passes in a row mean well again.", 1),
        "within" => duration(
            "Not ready this long after its start is a fault. The one of `ready` counts, else that of `health`.",
            Some("60s"),
        ),
        "degraded_errors" => json!({
            "description": "Failing more of the last probes than this is degraded. Without it a service is degraded when it fails far more of them than usual.",
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]+)?%$"
        }),
        _ => duration(
            "Passing, but slower than this, is degraded. Below `timeout`. Without it a service is degraded when it is far slower than usual for minutes.",
            None,
        ),
    })
}

fn header_table(description: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": { "type": "string", "minLength": 1 }
    })
}
