//! What has no equivalent, and why: told with its line wherever it stands.

/// Keys of the whole file.
pub(super) const TOP: &[(&str, &str)] = &[
    ("version", ""),
    ("log_level", ""),
    ("log_format", ""),
    ("log_length", ""),
    ("is_tui_disabled", ""),
    ("ordered_shutdown", ""),
    (
        "log_location",
        "every service has a log of its own: `azora logs`",
    ),
    (
        "log_configuration",
        "every service has a log of its own: `azora logs`",
    ),
    ("mcp_server", "there is no MCP server"),
];

/// Keys of a process.
pub(super) const PROCESS: &[(&str, &str)] = &[
    ("disable_ansi_colors", ""),
    ("truncate_log", ""),
    ("log_location", "its output is in its log: `azora logs`"),
    (
        "log_configuration",
        "its output is in its log: `azora logs`",
    ),
    (
        "success_exit_codes",
        "it is started again whenever it ends, whatever its code",
    ),
    (
        "is_elevated",
        "it runs as whoever runs Azora; `user` can name another where that is root",
    ),
    (
        "is_interactive",
        "a terminal is attached to by `azora attach`, when `is_tty` gives it one",
    ),
    ("is_dotenv_disabled", ".env is read for all services"),
    (
        "launch_timeout_seconds",
        "what puts itself into the background is not waited for",
    ),
    ("mcp", "there is no MCP server"),
    (
        "monitor_for",
        "nobody is told of activity or silence of an output",
    ),
    (
        "monitor_silence_threshold",
        "nobody is told of activity or silence of an output",
    ),
];

/// Keys that are read.
pub(super) const READ_TOP: &[&str] = &[
    "processes",
    "environment",
    "vars",
    "shell",
    "name",
    "is_strict",
    "disable_env_expansion",
    "env_cmds",
    "extends",
];

/// Keys of a process that are read.
pub(super) const READ_PROCESS: &[&str] = &[
    "command",
    "entrypoint",
    "working_dir",
    "environment",
    "env_file",
    "depends_on",
    "readiness_probe",
    "liveness_probe",
    "ready_log_line",
    "availability",
    "shutdown",
    "is_daemon",
    "disabled",
    "is_disabled",
    "is_foreground",
    "namespace",
    "replicas",
    "schedule",
    "watch",
    "description",
    "vars",
    "is_tty",
    "is_template_disabled",
    "extends",
];
