//! The keys of what only containers have.

use crate::read::keys::Keys;

pub(crate) const CONTAINER: Keys = Keys {
    table: "`container`",
    keys: &[
        "port",
        "command",
        "entrypoint",
        "volumes",
        "files",
        "networks",
        "network_mode",
        "publish",
        "check",
        "pull",
        "platform",
        "working_dir",
        "hostname",
        "domainname",
        "extra_hosts",
        "dns",
        "dns_opt",
        "dns_search",
        "mac_address",
        "labels",
        "annotations",
        "init",
        "read_only",
        "tty",
        "stdin_open",
        "group_add",
        "privileged",
        "cap_add",
        "cap_drop",
        "security_opt",
        "devices",
        "device_cgroup_rules",
        "device_requests",
        "sysctls",
        "pid",
        "ipc",
        "uts",
        "userns_mode",
        "cgroup",
        "cgroup_parent",
        "runtime",
        "storage_opt",
        "cpuset",
        "cpu_shares",
        "cpu_quota",
        "cpu_period",
        "cpu_rt_period",
        "cpu_rt_runtime",
        "memory_reservation",
        "memory_swap",
        "memory_swappiness",
        "oom_score_adj",
        "oom_kill_disable",
        "shm_size",
        "ulimits",
        "blkio",
    ],
};
pub(crate) const BUILD: Keys = Keys {
    table: "`build`",
    keys: &[
        "context",
        "dockerfile",
        "dockerfile_inline",
        "target",
        "args",
        "labels",
        "tags",
        "cache_from",
        "no_cache",
        "pull",
        "network",
        "platforms",
        "extra_hosts",
        "shm_size",
    ],
};
pub(crate) const MOUNT: Keys = Keys {
    table: "an entry of `volumes`",
    keys: &[
        "type",
        "source",
        "target",
        "read_only",
        "create",
        "propagation",
        "selinux",
        "recursive",
        "nocopy",
        "subpath",
        "labels",
        "size",
        "mode",
    ],
};
pub(crate) const FILE: Keys = Keys {
    table: "an entry of `files`",
    keys: &["target", "file", "env", "text", "mode", "uid", "gid"],
};
pub(crate) const ATTACHMENT: Keys = Keys {
    table: "an entry of `networks`",
    keys: &[
        "network",
        "aliases",
        "ipv4_address",
        "ipv6_address",
        "link_local_ips",
        "mac_address",
        "interface_name",
        "driver_opts",
        "priority",
        "gw_priority",
    ],
};
pub(crate) const CHECK: Keys = Keys {
    table: "`check`",
    keys: &[
        "test",
        "interval",
        "timeout",
        "retries",
        "start_period",
        "start_interval",
    ],
};
pub(crate) const DEVICE_REQUEST: Keys = Keys {
    table: "an entry of `device_requests`",
    keys: &["driver", "count", "device_ids", "capabilities", "options"],
};
pub(crate) const ULIMIT: Keys = Keys {
    table: "an entry of `ulimits`",
    keys: &["soft", "hard"],
};
pub(crate) const BLKIO: Keys = Keys {
    table: "`blkio`",
    keys: &["weight", "devices"],
};
pub(crate) const DISK: Keys = Keys {
    table: "an entry of `devices` of `blkio`",
    keys: &["path", "what", "limit"],
};
pub(crate) const NETWORK: Keys = Keys {
    table: "a network",
    keys: &[
        "name",
        "external",
        "driver",
        "driver_opts",
        "internal",
        "attachable",
        "enable_ipv4",
        "enable_ipv6",
        "labels",
        "ipam_driver",
        "ipam_options",
        "subnets",
    ],
};
pub(crate) const SUBNET: Keys = Keys {
    table: "an entry of `subnets`",
    keys: &["subnet", "ip_range", "gateway", "aux_addresses"],
};
pub(crate) const VOLUME: Keys = Keys {
    table: "a volume",
    keys: &["name", "external", "driver", "driver_opts", "labels"],
};
