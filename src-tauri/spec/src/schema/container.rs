//! The schema of what only containers have, and of a cluster's networks and volumes.

use super::{NAME, described, duration, flag, name, table, text};
use crate::limits::{MAX_ARGS, MAX_CONTAINER_LIST};
use crate::read::container::keys::{
    ATTACHMENT, BLKIO, BUILD, CHECK, CONTAINER, DEVICE_REQUEST, DISK, FILE, MOUNT, NETWORK, SUBNET,
    ULIMIT, VOLUME,
};
use serde_json::{Value, json};

fn list(description: &str, item: Value) -> Value {
    json!({ "description": description, "type": "array", "maxItems": MAX_CONTAINER_LIST, "items": item })
}

fn texts(description: &str) -> Value {
    list(description, json!({ "type": "string", "minLength": 1 }))
}

fn pairs(description: &str) -> Value {
    described("#/$defs/texts", description)
}

fn size(description: &str) -> Value {
    described("#/$defs/size", description)
}

fn whole(description: &str, least: i64, most: i64) -> Value {
    json!({ "description": description, "type": "integer", "minimum": least, "maximum": most })
}

fn words(description: &str, words: &[&str]) -> Value {
    json!({ "description": description, "enum": words })
}

fn command(description: &str) -> Value {
    json!({
        "description": description,
        "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "maxItems": MAX_ARGS, "items": { "type": "string" } }
        ]
    })
}

fn shared(description: &str, words: &str) -> Value {
    json!({
        "description": description,
        "type": "string",
        "pattern": format!("^({words}|service:{name}|container:.+)$", name = NAME.trim_matches(['^', '$']))
    })
}

pub(super) fn container() -> Value {
    table(
        &CONTAINER,
        "What only containers have.",
        &[],
        |key| match key {
            "port" => whole(
                "The port it listens on in it; the service's `port` unless given.",
                1,
                65_535,
            ),
            "command" => command(
                "In place of the image's command: a list, or a line that is cut into words. Empty is none.",
            ),
            "entrypoint" => command("In place of the image's entry point. Empty is none."),
            "volumes" => list(
                "What is mounted into it: \"data:/var/lib/data\", \"./src:/app:ro\", \"/cache\", or a table.",
                json!({ "anyOf": [{ "type": "string", "pattern": "^[^:]+(:[^:]+){0,2}$" }, mount()] }),
            ),
            "files" => list("Files that are put into it before it is started.", file()),
            "networks" => list(
                "Its networks. The cluster's own, `default`, unless given.",
                json!({ "anyOf": [name("A network."), attachment()] }),
            ),
            "network_mode" => shared(
                "In place of networks: none, host, bridge, service:NAME or container:NAME.",
                "none|host|bridge",
            ),
            "publish" => list(
                "Further ports that are reached from this machine: \"5433:5432\", \"0.0.0.0:80:80\", \"8125:8125/udp\", or 5432 for any free one here.",
                json!({ "anyOf": [
                    { "type": "integer", "minimum": 1, "maximum": 65535 },
                    { "type": "string", "pattern": "^(.*:)?[0-9]*(-[0-9]+)?:?[0-9]+(/(tcp|udp|sctp))?$" }
                ] }),
            ),
            "check" => json!({ "anyOf": [
                check(),
                { "description": "None, whatever the image says.", "const": false }
            ] }),
            "pull" => json!({
                "description": "When its image is fetched; build: never, it is built before each start.",
                "enum": ["missing", "always", "never", "build"], "default": "missing"
            }),
            "platform" => text("The system its image is for: linux/amd64."),
            "working_dir" => text("The working folder in it."),
            "hostname" => text("Its own name on its networks."),
            "domainname" => text("Its domain."),
            "extra_hosts" => hosts(),
            "dns" => texts("Name servers."),
            "dns_opt" => texts("Options of the resolver."),
            "dns_search" => texts("Domains that are searched."),
            "mac_address" => text("The address of its network card."),
            "labels" => pairs("Labels."),
            "annotations" => pairs("OCI annotations."),
            "init" => {
                json!({ "description": "A small init is its first process.", "type": "boolean" })
            }
            "read_only" => flag("Its own files cannot be written.", false),
            "tty" => flag("It gets a terminal.", false),
            "stdin_open" => flag("Its standard input stays open.", false),
            "group_add" => texts("Further groups."),
            "privileged" => flag("It may do what root of this machine may.", false),
            "cap_add" => texts("Capabilities it gets besides."),
            "cap_drop" => texts("Capabilities it does not get."),
            "security_opt" => texts("Options of the security modules."),
            "devices" => {
                texts("Devices of this machine: \"/dev/snd\", \"/dev/ttyUSB0:/dev/ttyS0:rw\".")
            }
            "device_cgroup_rules" => texts("Rules of the device control group."),
            "device_requests" => list(
                "GPUs and other devices that a driver of the daemon finds.",
                request(),
            ),
            "sysctls" => pairs("Settings of the kernel that are a namespace's own."),
            "pid" => shared("Whose processes it sees.", "host"),
            "ipc" => shared("With whom it shares memory.", "host|private|shareable|none"),
            "uts" => words("Whose host name it has.", &["host"]),
            "userns_mode" => words("Whose users it has.", &["host"]),
            "cgroup" => words("Whose control groups it sees.", &["host", "private"]),
            "cgroup_parent" => text("The control group its own lies in."),
            "runtime" => text("The OCI runtime."),
            "storage_opt" => pairs("Options of the storage driver."),
            "cpuset" => {
                json!({ "description": "Which cores: 0-3.", "type": "string", "pattern": "^[0-9,-]+$" })
            }
            "cpu_shares" => whole("The weight among others.", 2, 262_144),
            "cpu_quota" => whole("Microseconds in each period.", -1, i64::MAX),
            "cpu_period" => whole("Microseconds.", 0, i64::MAX),
            "cpu_rt_period" => whole(
                "Microseconds of the real-time scheduler's period.",
                0,
                i64::MAX,
            ),
            "cpu_rt_runtime" => whole(
                "Microseconds of the real-time scheduler in each period.",
                0,
                i64::MAX,
            ),
            "memory_reservation" => size("Memory that is kept for it."),
            "memory_swap" => json!({
                "description": "Memory and swap together; -1 is as much as there is.",
                "anyOf": [{ "const": -1 }, { "$ref": "#/$defs/size" }]
            }),
            "memory_swappiness" => whole("How readily its memory is swapped.", 0, 100),
            "oom_score_adj" => whole("Who is ended first when memory is short.", -1_000, 1_000),
            "oom_kill_disable" => flag("It is not ended when its memory is used up.", false),
            "shm_size" => size("The size of /dev/shm."),
            "ulimits" => ulimits(),
            _ => blkio(),
        },
    )
}

pub(super) fn build() -> Value {
    json!({ "anyOf": [
        text("The folder whose Dockerfile says how its image is built."),
        table(&BUILD, "How its image is built.", &["context"], |key| match key {
            "context" => text("The folder whose files the build may use, relative to the cluster's."),
            "dockerfile" => text("The file that says how, relative to the context."),
            "dockerfile_inline" => text("Its text, in place of a file."),
            "target" => text("Which of its stages."),
            "args" => pairs("Values of its arguments."),
            "labels" => pairs("Labels of the image."),
            "tags" => texts("Further names of the image."),
            "cache_from" => texts("Images whose layers can be used."),
            "no_cache" => flag("Nothing that was built before is used.", false),
            "pull" => flag("Its base images are asked for at their registries, also when they are here.", false),
            "network" => text("The network of its commands."),
            "platforms" => texts("The systems it is for, of which the first counts."),
            "extra_hosts" => hosts(),
            _ => size("The size of /dev/shm."),
        })
    ] })
}

fn mount() -> Value {
    table(
        &MOUNT,
        "What is mounted.",
        &["type", "target"],
        |key| match key {
            "type" => json!({ "enum": ["bind", "volume", "tmpfs", "image"] }),
            "source" => text(
                "A path of this machine, relative to the cluster's folder; a volume of the cluster; an image.",
            ),
            "target" => {
                json!({ "description": "Where it appears.", "type": "string", "pattern": "^/." })
            }
            "read_only" => flag("It cannot be written.", false),
            "create" => flag("bind: a folder is made where nothing is.", false),
            "propagation" => text("bind: rshared and the like."),
            "selinux" => text("bind: z or Z."),
            "recursive" => text("bind: what becomes of what is mounted below it."),
            "nocopy" => flag(
                "volume: what the image has there is not copied into it.",
                false,
            ),
            "subpath" => text("volume, image: a folder in it."),
            "labels" => pairs("volume: labels of one without a name."),
            "size" => size("tmpfs: the most it holds."),
            _ => mode("tmpfs: its permissions."),
        },
    )
}

fn mode(description: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": "^(0o)?[0-7]{1,5}$" })
}

fn file() -> Value {
    let mut file = table(&FILE, "A file in it.", &["target"], |key| match key {
        "target" => {
            json!({ "description": "Where, an absolute path.", "type": "string", "pattern": "^/." })
        }
        "file" => text("The file it is a copy of, relative to the cluster's folder."),
        "env" => text("The variable of the environment `up` was called in that it holds."),
        "text" => json!({ "description": "What it holds.", "type": "string" }),
        "mode" => mode("Its permissions, 0444 unless given."),
        "uid" => whole("Its owner.", 0, i64::from(u32::MAX - 1)),
        _ => whole("Its group.", 0, i64::from(u32::MAX - 1)),
    });
    file["oneOf"] = json!([
        { "required": ["file"] }, { "required": ["env"] }, { "required": ["text"] }
    ]);
    file
}

fn attachment() -> Value {
    table(
        &ATTACHMENT,
        "A network, and how it is there.",
        &["network"],
        |key| match key {
            "network" => name("A network of the cluster, or default."),
            "aliases" => texts("How others find it there, besides by the name of its service."),
            "ipv4_address" | "ipv6_address" => text("An address of its own."),
            "link_local_ips" => texts("Link-local addresses."),
            "mac_address" => text("The address of its card."),
            "interface_name" => text("The name of its card in the container."),
            "driver_opts" => pairs("Options of the network's driver."),
            "priority" => whole("Which network is connected first.", i64::MIN, i64::MAX),
            _ => whole("Which has the default gateway.", i64::MIN, i64::MAX),
        },
    )
}

fn check() -> Value {
    table(
        &CHECK,
        "What the daemon asks it. What is not given is as the image says.",
        &[],
        |key| match key {
            "test" => json!({
                "description": "A line for the container's shell, or a list whose first word is CMD or CMD-SHELL. The image's own unless given.",
                "anyOf": [
                    { "type": "string", "minLength": 1 },
                    {
                        "type": "array", "minItems": 2, "maxItems": MAX_ARGS,
                        "prefixItems": [{ "enum": ["CMD", "CMD-SHELL"] }],
                        "items": { "type": "string" }
                    }
                ]
            }),
            "interval" => duration("How often.", None),
            "timeout" => duration("How long an answer may take.", None),
            "retries" => whole("So many failures in a row make it unhealthy.", 1, 1_000_000),
            "start_period" => duration("How long failures do not count.", None),
            _ => duration("How often in that time.", None),
        },
    )
}

fn hosts() -> Value {
    json!({
        "description": "Names in its /etc/hosts, and their addresses; host-gateway is this machine.",
        "type": "object",
        "maxProperties": MAX_CONTAINER_LIST,
        "additionalProperties": { "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } }
        ] }
    })
}

fn ulimits() -> Value {
    let limit = || json!({ "type": "integer", "minimum": -1 });
    json!({
        "description": "Limits of each process by name; -1 is none.",
        "type": "object",
        "maxProperties": MAX_CONTAINER_LIST,
        "additionalProperties": { "anyOf": [
            limit(),
            table(&ULIMIT, "A limit.", &["soft", "hard"], |_| limit())
        ] }
    })
}

fn blkio() -> Value {
    table(&BLKIO, "What it may do at disks.", &[], |key| match key {
        "weight" => whole("The weight among others.", 10, 1_000),
        _ => list(
            "Limits at single disks.",
            table(
                &DISK,
                "A limit.",
                &["path", "what", "limit"],
                |key| match key {
                    "path" => text("The disk's device."),
                    "what" => words(
                        "What is limited.",
                        &["weight", "read_bytes", "write_bytes", "reads", "writes"],
                    ),
                    _ => json!({ "anyOf": [
                    { "type": "integer", "minimum": 1 },
                    { "$ref": "#/$defs/size" }
                ] }),
                },
            ),
        ),
    })
}

fn request() -> Value {
    table(&DEVICE_REQUEST, "Devices.", &[], |key| match key {
        "driver" => text("Which driver."),
        "count" => json!({
            "description": "How many, or all.",
            "anyOf": [{ "const": "all" }, { "type": "integer", "minimum": 1, "maximum": 1_000 }]
        }),
        "device_ids" => texts("Which ones."),
        "capabilities" => texts("What they can: gpu."),
        _ => pairs("Options of the driver."),
    })
}

fn named(description: &str, of: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "maxProperties": MAX_CONTAINER_LIST,
        "propertyNames": { "pattern": NAME },
        "additionalProperties": of
    })
}

const DAEMON_NAME: &str = "^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$";

fn daemon_name() -> Value {
    json!({ "description": "What the daemon knows it by. After the cluster unless given.", "type": "string", "pattern": DAEMON_NAME })
}

pub(super) fn networks() -> Value {
    let network = table(&NETWORK, "A network.", &[], |key| match key {
        "name" => daemon_name(),
        "external" => flag("It is there already, and not made or removed.", false),
        "driver" => text("bridge unless given."),
        "driver_opts" => pairs("Options of the driver."),
        "internal" => flag("Nothing outside is reached from it.", false),
        "attachable" => flag("Containers that are not the cluster's may join.", false),
        "enable_ipv4" => json!({ "description": "It has IPv4 addresses.", "type": "boolean" }),
        "enable_ipv6" => json!({ "description": "It has IPv6 addresses.", "type": "boolean" }),
        "labels" => pairs("Labels."),
        "ipam_driver" => text("What gives addresses."),
        "ipam_options" => pairs("Options of that."),
        _ => list(
            "Ranges of addresses.",
            table(&SUBNET, "A range.", &[], |key| match key {
                "subnet" => text("172.28.0.0/16"),
                "ip_range" => text("From where addresses are given."),
                "gateway" => text("The gateway."),
                _ => pairs("Addresses that are taken, by host."),
            }),
        ),
    });
    named(
        "Networks of its containers. `default` is there without being named.",
        network,
    )
}

pub(super) fn volumes() -> Value {
    let volume = table(
        &VOLUME,
        "A volume. It stays when the cluster goes.",
        &[],
        |key| match key {
            "name" => daemon_name(),
            "external" => flag("It is there already, and not made.", false),
            "driver" => text("local unless given."),
            "driver_opts" => pairs("Options of the driver."),
            _ => pairs("Labels."),
        },
    );
    named("Volumes of its containers.", volume)
}
