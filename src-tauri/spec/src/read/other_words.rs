//! Keys that are none here, and what is meant: words of other tools, and keys of another table.

/// What other tools call it, or what was in the wrong place, and what is meant here.
pub(super) fn other_word(table: &str, key: &str) -> Option<&'static str> {
    let known: &[(&str, &str)] = match table {
        "the definition" => &[
            ("services", "services are written one by one: [service.web]"),
            ("process", "services are written one by one: [service.web]"),
            (
                "processes",
                "services are written one by one: [service.web]",
            ),
            ("name", "the name goes into [cluster]: name = \"shop\""),
            ("defaults", "defaults go into [cluster.defaults]"),
            (
                "env",
                "an environment for all services goes into [cluster.defaults.env]",
            ),
            ("version", "a definition has no version; remove it"),
            (
                "networks",
                "networks go into the cluster: [cluster.networks.back]",
            ),
            (
                "volumes",
                "volumes go into the cluster: [cluster.volumes.data]",
            ),
            (
                "secrets",
                "secrets of all services go into [cluster.defaults.secrets], files into `files` of a container",
            ),
            (
                "configs",
                "files go into a container: [service.NAME.container] files = [{ target = \"/etc/app.conf\", text = \"…\" }]",
            ),
        ],
        "a service" => &[
            ("command", "here it is called `run`"),
            ("cmd", "here it is called `run`"),
            ("exec", "here it is called `run`"),
            ("entrypoint", "here it is called `run`"),
            ("depends_on", "here it is called `needs`: needs = [\"db\"]"),
            ("depends-on", "here it is called `needs`: needs = [\"db\"]"),
            ("after", "here it is called `needs`: needs = [\"db\"]"),
            ("requires", "here it is called `needs`: needs = [\"db\"]"),
            ("environment", "here it is called `env`"),
            (
                "env_file",
                "here it is called `env_files`: env_files = [\".env\"]",
            ),
            (
                "dotenv",
                "here it is called `env_files`: env_files = [\".env\"]",
            ),
            ("pre_start", "here it is called `before_start`"),
            ("prestart", "here it is called `before_start`"),
            ("post_start", "here it is called `after_ready`"),
            ("poststart", "here it is called `after_ready`"),
            ("on_ready", "here it is called `after_ready`"),
            ("ready_hook", "here it is called `after_ready`"),
            ("secret", "here it is called `secrets`"),
            ("working_dir", "here it is called `cwd`"),
            ("workdir", "here it is called `cwd`"),
            ("dir", "here it is called `cwd`"),
            ("directory", "here it is called `cwd`"),
            (
                "ports",
                "a service has one preferred `port`; a container publishes more by `publish` in [service.NAME.container]",
            ),
            (
                "healthcheck",
                "here it is called `health`: health = { http = \"/health\" }",
            ),
            (
                "health_check",
                "here it is called `health`: health = { http = \"/health\" }",
            ),
            (
                "startup_probe",
                "here it is called `startup`: startup = { http = \"/started\" }",
            ),
            ("ready_log_line", "write ready = { log = \"listening on\" }"),
            (
                "readiness_probe",
                "here it is called `ready`: ready = { tcp = \"$PORT\" }",
            ),
            (
                "liveness_probe",
                "here it is called `health`: health = { http = \"/health\" }",
            ),
            (
                "restart",
                "restarts are described by `heal`: heal = { budget = \"9 per 30m\" }; what may end says success = [0]",
            ),
            ("cron", "write schedule = \"0 2 * * *\""),
            (
                "cron_restart",
                "write schedule = \"0 2 * * *\", of a oneshot",
            ),
            ("interval", "write schedule = { every = \"15m\" }"),
            ("every", "write schedule = { every = \"15m\" }"),
            ("timer", "write schedule = { every = \"15m\" }"),
            ("scale", "here it is called `replicas`"),
            ("autoscale", "write max_replicas = 4"),
            (
                "min_replicas",
                "here it is called `replicas`: healing adds to them, up to `max_replicas`",
            ),
            (
                "socket",
                "a socket that listens already is asked for by listen = \"own\"",
            ),
            ("pty", "here it is called `tty`"),
            ("terminal", "here it is called `tty`"),
            ("instances", "here it is called `replicas`"),
            (
                "profile",
                "here it is called `profiles`: profiles = [\"debug\"]",
            ),
            (
                "disabled",
                "write profiles = [\"disabled\"]: it is started when it is named",
            ),
            (
                "success_exit_codes",
                "here it is called `success`: success = [0, 3]",
            ),
            (
                "success_exit_status",
                "here it is called `success`: success = [0, 3]",
            ),
            ("oneshot", "write kind = \"oneshot\""),
            ("type", "here it is called `kind`"),
            ("group", "here it is called `category`"),
            (
                "logging",
                "here it is called `log`: log = { keep = \"64MB\" }",
            ),
            ("logs", "here it is called `log`: log = { keep = \"64MB\" }"),
            ("stop_signal", "write stop = { signal = \"INT\" }"),
            ("memory", "write limits = { memory = \"512MB\" }"),
            ("mem_limit", "write limits = { memory = \"512MB\" }"),
            ("memory_limit", "write limits = { memory = \"512MB\" }"),
            ("cpu", "write limits = { cpu = \"50%\" }"),
            ("cpus", "write limits = { cpu = 1.5 }"),
            ("pids_limit", "write limits = { processes = 200 }"),
            ("ulimits", "write limits = { files = 4096 }"),
            ("resources", "here it is called `limits`"),
            ("deploy", "write limits = { memory = \"512MB\", cpu = 1.5 }"),
            ("stop_grace_period", "write stop = { grace = \"10s\" }"),
            (
                "dockerfile",
                "write build = { context = \"web\", dockerfile = \"web.Dockerfile\" }",
            ),
            (
                "expose",
                "remove it: containers of a cluster reach each other at every port",
            ),
            (
                "links",
                "remove it: containers of a cluster find each other by the names of services",
            ),
            (
                "container_name",
                "a container is named after its cluster and service; other names are `aliases` of its networks",
            ),
            (
                "configs",
                "files go into its container: [service.NAME.container] files = [{ target = \"/etc/app.conf\", text = \"…\" }]",
            ),
            (
                "tmpfs",
                "memory goes into its container: volumes = [{ type = \"tmpfs\", target = \"/run\" }]",
            ),
            (
                "pull_policy",
                "here it is called `pull`, in its container: [service.NAME.container]",
            ),
        ],
        "`health`" | "`ready`" | "`startup`" => &[
            ("command", "here it is called `exec`"),
            ("cmd", "here it is called `exec`"),
            ("test", "here it is called `exec`"),
            ("path", "write http = \"/health\""),
            ("url", "write http = \"/health\""),
            ("interval", "here it is called `every`"),
            ("period", "here it is called `every`"),
            ("retries", "here it is called `fail`"),
            (
                "start_period",
                "how long it may take to be ready is `within`: within = \"60s\"",
            ),
            (
                "deadline",
                "how long it may take to be ready is `within`: within = \"60s\"",
            ),
            (
                "fail",
                "`fail` belongs to `health` and `ready`; `startup` is asked until it passes",
            ),
            ("degraded_above", "`degraded_above` belongs to `health`"),
            ("degraded_errors", "`degraded_errors` belongs to `health`"),
            (
                "error_rate",
                "here it is called `degraded_errors`: degraded_errors = \"10%\"",
            ),
            (
                "log",
                "a line comes once: it tells that a service is ready, in `ready` or `startup`",
            ),
            (
                "notify",
                "READY=1 tells that a service is ready, in `ready` or `startup`; for its health write watchdog = \"10s\"",
            ),
            (
                "watchdog",
                "whether it lives is `health`: health = { watchdog = \"10s\" }",
            ),
            (
                "lease",
                "whether it lives is `health`: health = { lease = \"15s\" }",
            ),
            ("healthcheck", "here it is called `check`: check = true"),
            ("sd_notify", "here it is called `notify`: notify = true"),
            ("ttl", "here it is called `lease`: lease = \"15s\""),
            ("always", "`always` belongs to `ready`"),
            ("continuous", "here it is called `always`: always = true"),
            (
                "log_line",
                "here it is called `log`: log = \"listening on\"",
            ),
            (
                "ready_log_line",
                "here it is called `log`: log = \"listening on\"",
            ),
            ("line", "here it is called `log`: log = \"listening on\""),
            ("code", "here it is called `status`: status = 204"),
            ("status_code", "here it is called `status`: status = 204"),
            (
                "expect",
                "say what it expects by `status`, `body` or `expect_headers`",
            ),
            ("contains", "here it is called `body`: body = \"ready\""),
            (
                "header",
                "here it is called `headers`: headers = { Accept = \"text/plain\" }",
            ),
        ],
        "`body`" => &[
            ("contains", "write the text alone: body = \"ready\""),
            ("pattern", "here it is called `regex`"),
            ("matches", "here it is called `regex`"),
        ],
        "`heal`" => &[
            ("restarts", "write budget = \"9 per 30m\""),
            ("max_restarts", "write budget = \"9 per 30m\""),
            ("remedies", "here it is called `ladder`"),
        ],
        "an entry of `needs`" => &[
            (
                "condition",
                "here it is called `until`: until = \"started\"",
            ),
            (
                "optional",
                "one that need not be there is written required = false",
            ),
            ("name", "here it is called `service`"),
        ],
        "`schedule`" => &[
            ("interval", "here it is called `every`"),
            ("tz", "here it is called `timezone`"),
            ("time_zone", "here it is called `timezone`"),
            ("zone", "here it is called `timezone`"),
            ("on_start", "here it is called `run_on_start`"),
            (
                "max_concurrent",
                "there is one run at a time; a time that comes while it goes on is left out",
            ),
        ],
        "an entry of `ladder`" => &[
            ("restart", "write remedy = \"restart\""),
            ("count", "here it is called `times`"),
            ("wait", "here it is called `after`"),
            ("delay", "here it is called `after`"),
            ("backoff", "here it is called `after`"),
        ],
        "settings.toml" => &[
            (
                "cluster",
                "a cluster is defined in the azora.toml of its folder",
            ),
            (
                "service",
                "services are defined in the azora.toml of a folder",
            ),
        ],
        "a webhook" => &[
            (
                "secret",
                "here it is called `sign`: sign = { file = \"keys/hook\" }",
            ),
            (
                "hmac",
                "here it is called `sign`: sign = { file = \"keys/hook\" }",
            ),
            (
                "token",
                "here it is called `authorization`: authorization = { file = \"keys/hook\" }",
            ),
            (
                "headers",
                "of headers there is one, `authorization`: authorization = { file = \"keys/hook\" }",
            ),
            (
                "event",
                "here it is called `events`: events = [\"incident\"]",
            ),
            (
                "types",
                "here it is called `events`: events = [\"incident\"]",
            ),
            (
                "cluster",
                "here it is called `clusters`: clusters = [\"shop\"]",
            ),
            (
                "insecure",
                "here it is called `plain`, and is for http:// only",
            ),
            (
                "retries",
                "how long is tried is called `keep`: keep = \"3d\"",
            ),
        ],
        "`notifications`" => &[
            (
                "off",
                "write enabled = false, or the clusters: except = [\"scratch\"]",
            ),
            (
                "mute",
                "write enabled = false, or the clusters: except = [\"scratch\"]",
            ),
            ("clusters", "those that are not told of are called `except`"),
            (
                "quiet_hours",
                "here it is called `quiet`: quiet = [\"22:00-07:00\"]",
            ),
        ],
        "a secret of the settings" => &[
            ("path", "here it is called `file`"),
            ("variable", "here it is called `env`"),
            ("command", "write its answer to a file and name the file"),
        ],
        "`port`" => &[
            ("port", "here it is called `number`"),
            ("fixed", "here it is called `exact`"),
            ("strict", "here it is called `exact`"),
        ],
        "`watch`" => &[
            ("files", "here it is called `paths`"),
            (
                "ignore",
                "put it among the paths with a ! before it: \"!src/generated/**\"",
            ),
            (
                "exclude",
                "put it among the paths with a ! before it: \"!src/generated/**\"",
            ),
            ("delay", "here it is called `debounce`"),
        ],
        "`registry`" => &[
            ("networks", "here it is called `allow`"),
            ("allowed", "here it is called `allow`"),
        ],
        "a hook" => &[
            ("command", "here it is called `run`"),
            ("exec", "here it is called `run`"),
            ("within", "here it is called `timeout`"),
        ],
        "a secret" => &[
            ("run", "here it is called `command`"),
            ("exec", "here it is called `command`"),
            ("path", "here it is called `file`"),
            ("env", "a variable of the terminal is passed on by itself"),
        ],
        "`stop`" => &[
            ("timeout", "here it is called `grace`"),
            ("grace_period", "here it is called `grace`"),
            ("exec", "here it is called `command`"),
            ("run", "here it is called `command`"),
        ],
        "`limits`" => &[
            ("mem", "here it is called `memory`"),
            ("ram", "here it is called `memory`"),
            ("cpus", "here it is called `cpu`"),
            ("cores", "here it is called `cpu`"),
            ("nofile", "here it is called `files`"),
            ("fds", "here it is called `files`"),
            ("open_files", "here it is called `files`"),
            ("pids", "here it is called `processes`"),
            ("nproc", "here it is called `processes`"),
            ("tasks", "here it is called `processes`"),
        ],
        "`log`" => &[
            (
                "max_size",
                "how much stays is called `keep`: keep = \"64MB\"",
            ),
            (
                "max-size",
                "how much stays is called `keep`: keep = \"64MB\"",
            ),
            ("size", "how much stays is called `keep`: keep = \"64MB\""),
            (
                "max_file",
                "a log is one file; how much of it stays is called `keep`: keep = \"64MB\"",
            ),
            (
                "rotate",
                "a log is never rotated: its oldest bytes go when there are more than `keep`",
            ),
        ],
        _ => &[],
    };
    known
        .iter()
        .chain(super::container::other_words(table))
        .find(|(word, _)| *word == key)
        .map(|(_, help)| *help)
}

/// Whether a service's unknown key is another tool's word for `run`.
pub(super) fn means_run(key: &str) -> bool {
    matches!(key, "command" | "cmd" | "exec" | "entrypoint")
}
