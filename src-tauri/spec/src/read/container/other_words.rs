//! Keys that are none of a container, and what is meant: words of Compose files, and keys of another table.

/// What other tools call keys of a table, and what is meant here.
pub(in crate::read) fn other_words(table: &str) -> &'static [(&'static str, &'static str)] {
    match table {
        "`container`" => &[
            (
                "ports",
                "here it is called `publish`: publish = [\"5433:5432\"]",
            ),
            (
                "expose",
                "remove it: containers of a cluster reach each other at every port",
            ),
            (
                "environment",
                "variables go into the service itself: env = { KEY = \"value\" }",
            ),
            (
                "env_file",
                "env files go into the service itself: env_files = [\".env\"]",
            ),
            (
                "depends_on",
                "needs go into the service itself: needs = [\"db\"]",
            ),
            (
                "restart",
                "restarts are described by `heal` of the service itself",
            ),
            ("mounts", "here it is called `volumes`"),
            (
                "tmpfs",
                "write volumes = [{ type = \"tmpfs\", target = \"/run\" }]",
            ),
            (
                "secrets",
                "a secret file is one of `files`; a secret variable one of `secrets` of the service itself",
            ),
            (
                "configs",
                "here it is called `files`: files = [{ target = \"/etc/app.conf\", text = \"…\" }]",
            ),
            (
                "healthcheck",
                "here it is called `check`: check = { test = [\"CMD\", \"pg_isready\"] }",
            ),
            ("pull_policy", "here it is called `pull`: pull = \"always\""),
            ("userns", "here it is called `userns_mode`"),
            (
                "network",
                "here it is called `networks`: networks = [\"back\"]",
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
                "mem_limit",
                "limits go into the service itself: limits = { memory = \"512MB\" }",
            ),
            (
                "memory",
                "limits go into the service itself: limits = { memory = \"512MB\" }",
            ),
            (
                "cpus",
                "limits go into the service itself: limits = { cpu = 1.5 }",
            ),
            (
                "cpu",
                "limits go into the service itself: limits = { cpu = 1.5 }",
            ),
            (
                "pids_limit",
                "limits go into the service itself: limits = { processes = 200 }",
            ),
            (
                "deploy",
                "limits go into the service itself: limits = { memory = \"512MB\", cpu = 1.5 }",
            ),
            (
                "stop_signal",
                "how it is stopped is said by the service itself: stop = { signal = \"INT\" }",
            ),
            (
                "stop_grace_period",
                "how it is stopped is said by the service itself: stop = { grace = \"10s\" }",
            ),
            (
                "gpus",
                "write device_requests = [{ capabilities = [\"gpu\"], count = \"all\" }]",
            ),
            ("cwd", "here it is called `working_dir`"),
            ("args", "here it is called `command`"),
            ("cmd", "here it is called `command`"),
            ("run", "here it is called `command`"),
        ],
        "`build`" => &[
            (
                "ulimits",
                "remove it: the builder that daemons have themselves takes none; those of the service go into `container`",
            ),
            ("file", "here it is called `dockerfile`"),
            ("path", "here it is called `context`"),
            ("folder", "here it is called `context`"),
            (
                "tag",
                "here it is called `tags`; the image's own name is `image` of the service",
            ),
            (
                "image",
                "the image's name stands in the service itself: image = \"shop/web\"",
            ),
            ("platform", "here it is called `platforms`"),
        ],
        "`check`" => &[
            ("command", "here it is called `test`"),
            (
                "exec",
                "here it is called `test`: test = [\"CMD\", \"pg_isready\"]",
            ),
            (
                "http",
                "a daemon asks by a command; ask from outside by health = { http = \"/health\" } of the service itself",
            ),
            ("every", "here it is called `interval`"),
            ("fail", "here it is called `retries`"),
            ("disable", "write check = false"),
        ],
        "an entry of `volumes`" => &[
            ("src", "here it is called `source`"),
            ("volume", "here it is called `source`"),
            ("image", "here it is called `source`"),
            ("dst", "here it is called `target`"),
            ("destination", "here it is called `target`"),
            ("ro", "here it is called `read_only`"),
            ("readonly", "here it is called `read_only`"),
            ("create_host_path", "here it is called `create`"),
            (
                "bind",
                "its keys stand beside the others: propagation = \"rshared\"",
            ),
            ("tmpfs", "its keys stand beside the others: size = \"64MB\""),
        ],
        "an entry of `files`" => &[
            ("source", "here it is called `file`"),
            ("path", "here it is called `file`"),
            ("content", "here it is called `text`"),
            ("environment", "here it is called `env`"),
            ("command", "write its answer to a file and name the file"),
        ],
        "an entry of `networks`" => &[
            ("name", "here it is called `network`"),
            ("ip", "here it is called `ipv4_address`"),
        ],
        "a network" | "a volume" => &[
            ("options", "here it is called `driver_opts`"),
            ("opts", "here it is called `driver_opts`"),
            (
                "ipam",
                "write ipam_driver, ipam_options and subnets = [{ subnet = \"172.28.0.0/16\" }]",
            ),
            ("ipv6", "here it is called `enable_ipv6`"),
            ("subnet", "write subnets = [{ subnet = \"172.28.0.0/16\" }]"),
        ],
        "`cluster`" => &[
            (
                "network",
                "here it is called `networks`: [cluster.networks.back]",
            ),
            (
                "volume",
                "here it is called `volumes`: [cluster.volumes.data]",
            ),
        ],
        _ => &[],
    }
}
