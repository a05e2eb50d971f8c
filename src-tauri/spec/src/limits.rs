//! How large a definition may be. Each limit is far above what a person writes and low enough that
//! a hostile file costs milliseconds.

/// Bytes of the file: 1 MiB.
pub const MAX_BYTES: usize = 1 << 20;
/// Tables and arrays inside each other, headers and dotted keys included. The deepest keys of the
/// format, labels of a mount (`service.NAME.container.volumes`), are six deep.
pub const MAX_DEPTH: usize = 8;
/// Services of one cluster.
pub const MAX_SERVICES: usize = 2_000;
/// Instances of one service.
pub const MAX_REPLICAS: u16 = 100;
/// Instances of one cluster, all services together.
pub const MAX_INSTANCES: usize = 5_000;
/// Entries of one `needs`.
pub const MAX_NEEDS: usize = 200;
/// Entries of one `env`.
pub const MAX_ENV: usize = 500;
/// Entries of one `env_files`.
pub const MAX_ENV_FILES: usize = 20;
/// Bytes of an env file: 256 KiB.
pub const MAX_ENV_FILE: usize = 256 << 10;
/// Variables of an env file. Those of all files that a service uses have to fit into what Linux
/// passes to a program.
pub const MAX_ENV_FILE_VARIABLES: usize = 2_000;
/// Bytes of one text. Linux refuses arguments over 128 KiB.
pub const MAX_TEXT: usize = 32 << 10;
/// Elements of a `run` array.
pub const MAX_ARGS: usize = 1_000;
/// Steps of a `ladder` or a `backoff`.
pub const MAX_STEPS: usize = 20;
/// Tries of one entry of a `ladder`.
pub const MAX_TRIES: u32 = 100;
/// Bytes of a category.
pub const MAX_CATEGORY: usize = 60;
/// Codes of a `success`: as many as there are.
pub const MAX_CODES: usize = 256;
/// Profiles of a service.
pub const MAX_PROFILES: usize = 20;
/// Patterns of a `watch`.
pub const MAX_PATTERNS: usize = 100;
/// Entries of one list or table of a container, and networks and volumes of a cluster.
pub const MAX_CONTAINER_LIST: usize = 500;
/// Networks of `registry.allow`.
pub const MAX_NETWORKS: usize = 64;
/// Webhooks of a home: each has a task of its own.
pub const MAX_WEBHOOKS: usize = 16;
/// Second places for checkpoints of the ledger: each has a task of its own.
pub const MAX_PLACES: usize = 8;
/// Bytes of a webhook's URL.
pub const MAX_URL: usize = 2_048;
/// Problems shown; the rest is counted.
pub const MAX_PROBLEMS: usize = 20;

/// Origins whose pages may ask a service.
pub const MAX_ORIGINS: usize = 32;
