//! The keys a definition may have, table by table. The parser refuses all others, and a test holds
//! the JSON Schema to the same lists.

use super::Reader;
use super::container::keys::CONTAINER;
use super::other_words::other_word;
use crate::document::Table;
use crate::problem::{Problem, quoted};
use crate::suggest;

/// One table of the format.
pub(crate) struct Keys {
    /// How messages name the table.
    pub(crate) table: &'static str,
    pub(crate) keys: &'static [&'static str],
}

pub(crate) const ROOT: Keys = Keys {
    table: "the definition",
    keys: &["cluster", "service"],
};
pub(crate) const CLUSTER: Keys = Keys {
    table: "`cluster`",
    keys: &[
        "name",
        "defaults",
        "env_files",
        "heal_at_once",
        "networks",
        "volumes",
        "security",
        "autonomy",
    ],
};
pub(crate) const DEFAULTS: Keys = Keys {
    table: "`cluster.defaults`",
    keys: &[
        "category", "env", "secrets", "health", "heal", "stop", "limits", "log",
    ],
};
pub(crate) const SERVICE: Keys = Keys {
    table: "a service",
    keys: &[
        "run",
        "image",
        "build",
        "container",
        "kind",
        "category",
        "profiles",
        "success",
        "schedule",
        "port",
        "listen",
        "needs",
        "replicas",
        "max_replicas",
        "cwd",
        "env",
        "env_files",
        "secrets",
        "before_start",
        "after_ready",
        "user",
        "startup",
        "ready",
        "health",
        "heal",
        "stop",
        "tty",
        "limits",
        "log",
        "protected",
        "watch",
        "route",
    ],
};
pub(crate) const ROUTE: Keys = Keys {
    table: "`route`",
    keys: &[
        "balance",
        "hash",
        "timeout",
        "try_timeout",
        "retries",
        "rate",
        "allow_origins",
    ],
};
pub(crate) const PORT: Keys = Keys {
    table: "`port`",
    keys: &["number", "exact"],
};
pub(crate) const SCHEDULE: Keys = Keys {
    table: "`schedule`",
    keys: &["cron", "every", "timezone", "run_on_start"],
};
pub(crate) const WATCH: Keys = Keys {
    table: "`watch`",
    keys: &["paths", "debounce", "gitignore"],
};
pub(crate) const NEED: Keys = Keys {
    table: "an entry of `needs`",
    keys: &["service", "until", "required", "restart"],
};
pub(crate) const ENV_FILE: Keys = Keys {
    table: "an entry of `env_files`",
    keys: &["file", "optional"],
};
pub(crate) const SECRET: Keys = Keys {
    table: "a secret",
    keys: &["file", "command"],
};
pub(crate) const HOOK: Keys = Keys {
    table: "a hook",
    keys: &["run", "timeout"],
};
pub(crate) const STARTUP: Keys = Keys {
    table: "`startup`",
    keys: &[
        "http",
        "tcp",
        "grpc",
        "exec",
        "log",
        "notify",
        "check",
        "port",
        "method",
        "headers",
        "status",
        "expect_headers",
        "body",
        "service",
        "every",
        "timeout",
        "pass",
        "within",
    ],
};
pub(crate) const READY: Keys = Keys {
    table: "`ready`",
    keys: &[
        "http",
        "tcp",
        "grpc",
        "exec",
        "log",
        "notify",
        "check",
        "port",
        "method",
        "headers",
        "status",
        "expect_headers",
        "body",
        "service",
        "every",
        "timeout",
        "fail",
        "pass",
        "within",
        "always",
    ],
};
pub(crate) const HEALTH: Keys = Keys {
    table: "`health`",
    keys: &[
        "http",
        "tcp",
        "grpc",
        "exec",
        "watchdog",
        "lease",
        "check",
        "port",
        "method",
        "headers",
        "status",
        "expect_headers",
        "body",
        "service",
        "every",
        "timeout",
        "fail",
        "pass",
        "degraded_above",
        "degraded_errors",
        "within",
    ],
};
pub(crate) const BODY: Keys = Keys {
    table: "`body`",
    keys: &["regex"],
};
pub(crate) const HEAL: Keys = Keys {
    table: "`heal`",
    keys: &[
        "ladder",
        "budget",
        "backoff",
        "reset_after",
        "settle",
        "circuit",
        "enabled",
    ],
};
pub(crate) const RUNG: Keys = Keys {
    table: "an entry of `ladder`",
    keys: &["remedy", "times", "after"],
};
pub(crate) const STOP: Keys = Keys {
    table: "`stop`",
    keys: &["command", "signal", "grace"],
};
pub(crate) const LIMITS: Keys = Keys {
    table: "`limits`",
    keys: &["memory", "cpu", "files", "processes"],
};
pub(crate) const LOG: Keys = Keys {
    table: "`log`",
    keys: &["keep"],
};

/// The tables of `settings.toml`.
pub(crate) const SETTINGS: Keys = Keys {
    table: "settings.toml",
    keys: &[
        "registry",
        "gateway",
        "webhook",
        "notifications",
        "ledger",
        "security",
    ],
};
/// Of `settings.toml`, and of a cluster.
pub(crate) const SECURITY: Keys = Keys {
    table: "`security`",
    keys: &["on"],
};
pub(crate) const LEDGER: Keys = Keys {
    table: "`ledger`",
    keys: &["checkpoints"],
};
pub(crate) const CHECKPOINT_PLACE: Keys = Keys {
    table: "a place for checkpoints",
    keys: &["git", "push", "webhook"],
};
pub(crate) const GATEWAY: Keys = Keys {
    table: "`gateway`",
    keys: &["enabled", "port"],
};
pub(crate) const REGISTRY: Keys = Keys {
    table: "`registry`",
    keys: &["allow", "consul", "port"],
};
pub(crate) const WEBHOOK: Keys = Keys {
    table: "a webhook",
    keys: &[
        "url",
        "events",
        "clusters",
        "authorization",
        "sign",
        "ca",
        "plain",
        "timeout",
        "keep",
    ],
};
pub(crate) const NOTIFICATIONS: Keys = Keys {
    table: "`notifications`",
    keys: &["enabled", "except", "quiet"],
};
pub(crate) const SECRET_PLACE: Keys = Keys {
    table: "a secret of the settings",
    keys: &["file", "env"],
};

impl Reader<'_> {
    /// Notes every key of `table` that is not among `keys`.
    pub(crate) fn known_keys(&mut self, table: &Table, keys: &Keys) {
        for entry in &table.entries {
            let key = &entry.key;
            if keys.keys.contains(&key.name.as_str()) {
                continue;
            }
            self.problems.add(|| {
                let nearest = suggest::nearest(&key.name, keys.keys.iter().copied());
                let elsewhere = in_another_table(keys, &key.name);
                let (label, help) = match (other_word(keys.table, &key.name), nearest) {
                    (None, _) if let Some(help) = elsewhere => ("unknown key", help),
                    (Some(help), _) => ("unknown key", help.to_owned()),
                    (None, Some(nearest)) => ("unknown key", format!("did you mean `{nearest}`?")),
                    (None, None) => (
                        "unknown key",
                        format!(
                            "the keys here are {}",
                            suggest::list(keys.keys.iter().copied())
                        ),
                    ),
                };
                Problem::new(
                    key.span.clone(),
                    format!("{} has no key {}", keys.table, quoted(&key.name)),
                    label,
                )
                .help(help)
            });
        }
    }
}

/// A key of a service that stands in its container, or the other way round.
fn in_another_table(keys: &Keys, key: &str) -> Option<String> {
    let among = |other: &Keys| other.keys.contains(&key);
    if keys.table == SERVICE.table && among(&CONTAINER) {
        Some(format!(
            "`{key}` goes into the service's container: [service.NAME.container]"
        ))
    } else if keys.table == CONTAINER.table && among(&SERVICE) {
        Some(format!(
            "`{key}` goes into the service itself, above [service.NAME.container]"
        ))
    } else {
        None
    }
}
