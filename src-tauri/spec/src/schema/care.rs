//! The schema of `heal`, `stop`, `limits` and `log`.

use super::{described, duration, flag, table, text};
use crate::limits::{MAX_ORIGINS, MAX_STEPS, MAX_TRIES};
use crate::read::keys::{HEAL, LIMITS, LOG, ROUTE, RUNG, SCHEDULE, SECURITY, STOP};
use serde_json::{Value, json};

pub(super) fn schedule() -> Value {
    const CRON: &str = "Five fields: minute, hour, day of the month, month, day of the week.";
    json!({
        "description": "When a oneshot runs by itself, again and again. Without it it runs once, when it is brought up.",
        "anyOf": [
            text(CRON),
            table(&SCHEDULE, "Times of the day, or an interval.", &[], |key| match key {
                "cron" => text(CRON),
                "every" => duration("This long from one start to the next, at least 1s.", None),
                "timezone" => text("The zone of `cron`, by its name in the IANA's table. The machine's unless given."),
                _ => flag("It runs when it is brought up, too.", false),
            })
        ]
    })
}

pub(super) fn heal() -> Value {
    table(&HEAL, "What healing may do.", &[], |key| match key {
        "ladder" => json!({
            "description": "Remedies, tried in this order.",
            "type": "array", "minItems": 1, "maxItems": MAX_STEPS,
            "items": { "anyOf": [
                remedy(),
                table(&RUNG, "A remedy, how often it is tried and after which waits.", &["remedy"], |key| match key {
                    "remedy" => remedy(),
                    "times" => json!({
                        "description": "How often. Its share of what the budget has left unless given.",
                        "type": "integer", "minimum": 1, "maximum": MAX_TRIES
                    }),
                    _ => json!({
                        "description": "The wait before it, or before its first, second, … try; the last one repeats. Those of `backoff` unless given.",
                        "anyOf": [
                            { "$ref": "#/$defs/duration" },
                            {
                                "type": "array", "minItems": 1, "maxItems": MAX_STEPS,
                                "items": { "$ref": "#/$defs/duration" }
                            }
                        ]
                    }),
                })
            ] },
            "default": [
                { "remedy": "restart", "times": 2 },
                "rollback",
                { "remedy": "restart", "times": 3 },
                { "remedy": "graceful-restart", "times": 2 },
                "restart-needs",
                "quarantine"
            ]
        }),
        "budget" => json!({
            "description": "At most so many automatic restarts in a time; over it the service is quarantined.",
            "type": "string",
            "pattern": "^\\s*[1-9][0-9]{0,3}\\s+per\\s+[0-9]+(ms|s|m|h|d)\\s*$",
            "default": "9 per 30m"
        }),
        "backoff" => json!({
            "description": "Waits before the first, second, … restart in a row; the last one repeats.",
            "type": "array", "minItems": 1, "maxItems": MAX_STEPS,
            "items": { "$ref": "#/$defs/duration" },
            "default": ["0s", "0s", "1s", "5s", "15s", "30s", "60s"]
        }),
        "reset_after" => duration("So long healthy, and the ladder begins anew.", Some("10m")),
        "settle" => duration(
            "So long a recovery has to last: of what it needs before restart-needs starts it, and its own before its circuit closes.",
            Some("5s"),
        ),
        "circuit" => json!({
            "description": "After so many failures in a row it gets no traffic until it has been well for `settle`; false: it always does.",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 1000 },
                { "const": false }
            ],
            "default": 3
        }),
        _ => flag("False: a fault is only reported.", true),
    })
}

fn remedy() -> Value {
    json!({ "enum": ["restart", "graceful-restart", "restart-needs", "rollback", "quarantine"] })
}

pub(super) fn stop() -> Value {
    table(&STOP, "How a service is stopped.", &[], |key| match key {
        "command" => described(
            "#/$defs/run",
            "Run first, like the service itself: same user, folder and environment.",
        ),
        "signal" => json!({
            "description": "Sent first, or after `command`.",
            "type": "string",
            "pattern": "^((SIG)?[A-Z0-9]+([+-][0-9]+)?)$",
            "default": "TERM"
        }),
        _ => duration(
            "So long after the signal what is left gets SIGKILL.",
            Some("10s"),
        ),
    })
}

pub(super) fn route() -> Value {
    table(
        &ROUTE,
        "How the gateway leads to a service.",
        &[],
        |key| match key {
            "balance" => json!({
                "description": "How an instance is chosen for a request.",
                "enum": ["least_of_two", "round_robin", "least_request", "hash"],
                "default": "least_of_two"
            }),
            "hash" => json!({
                "description": "What a hash goes by: \"client\", \"header:X-User\" or \"cookie:session\".",
                "type": "string",
                "pattern": "^(client|(header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+)$"
            }),
            "timeout" => duration(
                "How long an answer may take to begin, all tries together.",
                Some("11m"),
            ),
            "try_timeout" => duration("How long one try may take, while others are left.", None),
            "retries" => json!({
                "description": "How often a request that may be sent twice is tried again.",
                "type": "integer", "minimum": 0, "maximum": 10, "default": 2
            }),
            "rate" => json!({
                "description": "Requests a second; more are answered 429.",
                "type": "integer", "minimum": 1, "maximum": 1_000_000
            }),
            _ => json!({
                "description": "Origins whose pages may ask, besides those of this machine; \"*\" is any.",
                "type": "array", "maxItems": MAX_ORIGINS,
                "items": { "type": "string", "pattern": "^(\\*|[^/]+://[^/?#@]+)$" }
            }),
        },
    )
}

pub(super) fn limits() -> Value {
    let or_none = |limit: Value| {
        json!({ "anyOf": [
            limit,
            { "description": "None, whatever the cluster's default says.", "const": false }
        ] })
    };
    table(
        &LIMITS,
        "How much of the machine an instance may use.",
        &[],
        |key| match key {
            "memory" => or_none(json!({
                "description": "Memory of the whole instance, swap included; over it the kernel ends it. \"512MB\", \"2GiB\".",
                "type": "string",
                "pattern": "^[0-9]+([kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)$"
            })),
            "cpu" => or_none(json!({
                "description": "Processor time of the whole instance: a percentage of one core, or a number of cores.",
                "anyOf": [
                    { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *%$" },
                    { "type": "number", "minimum": 0.01, "maximum": 1024 }
                ]
            })),
            "files" => or_none(json!({
                "description": "Files each of its processes may have open.",
                "type": "integer", "minimum": 16, "maximum": 1_048_576
            })),
            _ => or_none(json!({
                "description": "Processes and threads of the whole instance at once.",
                "type": "integer", "minimum": 1, "maximum": 4_194_304
            })),
        },
    )
}

pub(super) fn log() -> Value {
    table(&LOG, "How much of its output is kept.", &[], |_| {
        json!({
            "description": "At least so many of the newest bytes of each instance's log: \"512KB\", \"64MB\", \"2GB\"; \"all\" gives nothing up.",
            "type": "string",
            "pattern": "^([0-9]+([kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)|all)$",
            "default": "64MB"
        })
    })
}

/// What is done about threats.
pub(super) fn security() -> Value {
    let kinds = model::ThreatKind::ALL.into_iter();
    let kinds = kinds
        .filter(|kind| kind.of_service())
        .map(|kind| kind.name());
    let names: Vec<&str> = (["low", "medium", "high", "critical"].into_iter())
        .chain(kinds)
        .collect();
    table(
        &SECURITY,
        "What is done about threats that the security monitor finds in its services; of this and of the home's settings the stronger holds.",
        &[],
        |_| {
            json!({
                "description": "By the kind of a threat, or else by its level.",
                "type": "object",
                "propertyNames": { "enum": names },
                "additionalProperties": { "enum": ["tell", "hold", "stop"] }
            })
        },
    )
}
