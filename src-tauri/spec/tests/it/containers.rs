//! Containers in a definition.

use spec::container::{Attachment, Check, FileFrom, Mount, Publish, Pull};
use spec::{Container, ProbeTarget, Run, Runs, Template};

/// Records on disk hold services, and those of engines that knew no containers stay readable.
#[test]
fn a_process_is_kept_as_it_was_before_there_were_containers() {
    let old = r#"{"direct":[[{"text":"serve"}]]}"#;
    let process = Runs::Process(Run::Direct(vec![Template::text("serve")]));
    assert_eq!(serde_json::to_string(&process).unwrap(), old);
    assert_eq!(serde_json::from_str::<Runs>(old).unwrap(), process);

    let container = Container {
        image: Some("postgres:16".into()),
        command: Some(vec![Template::text("postgres"), Template::text("a b")]),
        publish: vec![Publish {
            address: [127, 0, 0, 1].into(),
            host: None,
            container: 53,
            protocol: spec::container::Protocol::Udp,
        }],
        check: Check::Off,
        ..Container::default()
    };
    assert_eq!(
        container.to_string(),
        "image postgres:16, command postgres 'a b'"
    );
    let container = Runs::Container(Box::new(container));
    let text = serde_json::to_string(&container).unwrap();
    assert_eq!(serde_json::from_str::<Runs>(&text).unwrap(), container);
    // What an older engine has written of a container lacks what has come since.
    let less: Runs = serde_json::from_str(r#"{"container":{"image":"a"}}"#).unwrap();
    assert_eq!(less.container().unwrap().image.as_deref(), Some("a"));
}

/// A service of this text, with volumes and networks to use.
fn container(service: &str) -> Container {
    let text = format!(
        "[cluster.volumes.data]\n[cluster.networks.back]\n[service.other]\nimage = \"other\"\nport = 70\n\
         [service.s]\n{service}\n"
    );
    let service = super::valid(&text).services.remove("s").unwrap();
    service.runs.container().unwrap().clone()
}

#[test]
fn a_container_is_on_its_clusters_network_and_asked_by_its_own_check() {
    let cluster = super::valid("[service.db]\nimage = \"postgres:16\"\nport = 5432\n");
    let db = &cluster.services["db"];
    let made = db.runs.container().unwrap();
    assert_eq!(made.networks, [Attachment::to("default")]);
    assert_eq!((db.port, made.port), (Some(5432), Some(5432)));
    assert_eq!(made.check, Check::OfImage);
    for probe in [&db.ready, &db.health] {
        assert_eq!(probe.as_ref().unwrap().target, ProbeTarget::Check);
    }
    assert_eq!(db.ready_within, super::seconds(60));
    assert_eq!(db.stop.signal, None, "its image says one");
    assert!(cluster.networks.is_empty());

    // What is named is meant, and nothing else.
    let asked = |more: &str| {
        let text = format!("[service.a]\nimage = \"a\"\nport = 80\n{more}\n");
        let a = super::valid(&text).services.remove("a").unwrap();
        let target = |probe: Option<spec::Probe>| probe.map(|probe| probe.target);
        (target(a.ready), target(a.health), a.ready_within.as_secs())
    };
    let tcp = || Some(ProbeTarget::Tcp { port: None });
    let check = || Some(ProbeTarget::Check);
    assert_eq!(asked("ready = { tcp = \"$PORT\" }"), (tcp(), None, 60));
    assert_eq!(asked("health = false"), (None, None, 60));
    assert_eq!(
        asked("ready = { check = true, within = \"5m\" }"),
        (check(), None, 300)
    );
    assert_eq!(asked("container = { check = false }"), (None, None, 60));
    assert_eq!(asked("kind = \"oneshot\""), (None, None, 60));
    // Its own check takes as long as it takes, unless it is said otherwise, or another is asked.
    let as_check = |more: &str| {
        let text = format!("[service.a]\nimage = \"a\"\nport = 80\n{more}\n");
        super::valid(&text).services["a"].ready_as_check
    };
    assert!(as_check("") && as_check("ready = { check = true }"));
    assert!(as_check("container = { check = { interval = \"1h\" } }"));
    for other in [
        "ready = { check = true, within = \"5m\" }",
        "health = { check = true, within = \"60s\" }",
        "ready = { tcp = \"$PORT\" }",
        "container = { check = false }",
        "kind = \"oneshot\"",
    ] {
        assert!(!as_check(other), "{other}");
    }
    let patient = "container = { check = { interval = \"10s\", timeout = \"5s\", retries = 10, start_period = \"1m\" } }";
    assert_eq!(asked(patient), (check(), check(), 60 + 10 * 15));
    // The image's test, at times of ours.
    let given = container("image = \"a\"\ncontainer = { check = { start_period = \"0s\" } }");
    assert!(matches!(given.check, Check::Given { test: None, .. }));
    let line = container("image = \"a\"\ncontainer = { check = { test = \"a || b\" } }");
    let Check::Given { test, .. } = line.check else {
        panic!("no check")
    };
    assert_eq!(test.unwrap(), ["CMD-SHELL", "a || b"]);

    // A default is for containers when only they can be asked so, and for both otherwise.
    let cluster = super::valid(
        "[cluster.defaults]\nhealth = { check = true }\nstop = { signal = \"INT\" }\n\
         [service.a]\nimage = \"a\"\n[service.b]\nrun = \"b\"\nport = 80\n",
    );
    assert_eq!(
        cluster.services["a"].health.as_ref().unwrap().target,
        ProbeTarget::Check
    );
    assert_eq!(cluster.services["b"].health, None);
    assert_eq!(
        cluster.services["a"].stop.signal,
        Some(spec::StopSignal::Int)
    );
}

#[test]
fn a_port_is_published_and_may_be_another_in_the_container() {
    let ports = |text: &str| {
        let text = format!("[service.a]\nimage = \"a\"\n{text}\n");
        let a = super::valid(&text).services.remove("a").unwrap();
        (a.port, a.port_exact, a.runs.container().unwrap().port)
    };
    assert_eq!(ports(""), (None, false, None));
    assert_eq!(ports("port = 80"), (Some(80), false, Some(80)));
    assert_eq!(
        ports("port = { number = 8080, exact = true }\ncontainer = { port = 80 }"),
        (Some(8080), true, Some(80))
    );
    assert_eq!(
        ports("port = 0\ncontainer.port = 80"),
        (Some(0), false, Some(80))
    );
    assert_eq!(ports("container.port = 80"), (Some(0), false, Some(80)));
    assert_eq!(
        ports("port = { number = 80, exact = true }\ncontainer.network_mode = \"host\""),
        (Some(80), true, Some(80))
    );

    let all = container(
        "image = \"a\"\ncontainer.publish = [81, \"82\", \"8083:83\", \"0.0.0.0:8000-8010:84/udp\", \"[::1]::85/sctp\"]",
    );
    let seen: Vec<String> = all
        .publish
        .iter()
        .map(|port| {
            let host = port.host.map_or("any".to_owned(), |host| match host.one() {
                Some(port) => port.to_string(),
                None => format!("{}-{}", host.first, host.last),
            });
            let (address, inside, protocol) =
                (port.address, port.container, port.protocol.as_str());
            format!("{address} {host} {inside}/{protocol}")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "127.0.0.1 any 81/tcp",
            "127.0.0.1 any 82/tcp",
            "127.0.0.1 8083 83/tcp",
            "0.0.0.0 8000-8010 84/udp",
            "::1 any 85/sctp",
        ]
    );
}

#[test]
fn the_same_port_may_be_published_once_for_each_family_of_addresses() {
    let publish = |ports: &[&str]| {
        let text = format!("[service.web]\nimage = \"a\"\ncontainer.publish = {ports:?}\n");
        spec::parse(spec::FILE, "folder", text.as_bytes())
    };
    for ports in [
        ["0.0.0.0:443:443", "[::]:443:443"],
        ["127.0.0.1:443:443", "[::1]:443:443"],
        ["443:443", "[::]:443:443"],
        ["0.0.0.0:443:443", "[::1]:443:443"],
        ["127.0.0.1:443:443", "127.0.0.2:443:443"],
    ] {
        publish(&ports).unwrap_or_else(|wrong| panic!("{}", wrong.render(160, false)));
    }
    for ports in [
        ["0.0.0.0:443:443", "127.0.0.1:443:444"],
        ["[::]:443:443", "[::1]:443:444"],
        ["0.0.0.0:443:443", "[::ffff:127.0.0.1]:443:444"],
    ] {
        let said = publish(&ports).unwrap_err().render(160, false);
        assert!(
            said.contains("has port 443 of this machine twice"),
            "{said}"
        );
    }
}

#[test]
fn everything_a_container_can_be_told_is_read() {
    let made = container(
        r#"
build = { context = "./web", args = { A = 1 } }
needs = ["other"]
env = { "discovery.type" = "single-node", PORT = "9", URL = "${other.url}" }
user = "1000:1000"
stop = { signal = "winch" }

[service.s.container]
command = "serve --to ${other.host}:${other.port}"
entrypoint = []
volumes = [
  "data:/data/", "./src:/src:ro,Z", "/cache", "/etc/ssl:/ssl:rshared",
  { type = "tmpfs", target = "/run", size = "64MB", mode = "1777" },
  { type = "volume", source = "data", target = "/www", subpath = "www", nocopy = true },
  { type = "image", source = "assets:1", target = "/assets" },
  { type = "bind", source = "a:b", target = "/odd", create = true },
]
files = [{ target = "/run/pw", env = "PW", mode = "0400", uid = 7 }, { target = "/empty", text = "" }]
networks = ["default", { network = "back", aliases = ["www"], priority = 5, ipv4_address = "10.1.0.5" }]
devices = ["/dev/snd", "/dev/a:/dev/b:r", "/dev/c:rw", "vendor.com/class=gpu"]
device_requests = [{ capabilities = ["gpu"], count = "all" }]
extra_hosts = { here = "host-gateway", both = ["10.0.0.1", "::1"] }
sysctls = { "net.core.somaxconn" = 1024 }
pid = "service:other"
memory_swap = -1
shm_size = "67108865B"
ulimits = { nproc = { soft = 1, hard = -1 } }
blkio = { weight = 300, devices = [{ path = "/dev/sda", what = "reads", limit = 9 }] }
pull = "build"
"#,
    );
    assert_eq!(made.build.as_ref().unwrap().context, "web");
    assert_eq!(made.build.as_ref().unwrap().args["A"], "1");
    assert_eq!(made.image, None);
    let command: Vec<String> = made
        .command
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(command, ["serve", "--to", "${other.host}:${other.port}"]);
    assert_eq!(made.entrypoint, Some(Vec::new()));
    assert_eq!(made.stop_signal.as_deref(), Some("SIGWINCH"));
    let targets: Vec<&str> = made.mounts.iter().map(Mount::target).collect();
    assert_eq!(
        targets,
        [
            "/data", "/src", "/cache", "/ssl", "/run", "/www", "/assets", "/odd"
        ]
    );
    assert!(matches!(
        &made.mounts[1],
        Mount::Bind { source, read_only: true, selinux: Some(label), create: true, .. } if source == "./src" && label == "Z"
    ));
    assert!(matches!(&made.mounts[2], Mount::Volume { name: None, .. }));
    assert!(matches!(
        made.mounts[4],
        Mount::Tmpfs {
            size: Some(64_000_000),
            mode: Some(0o1777),
            ..
        }
    ));
    assert_eq!(made.files[0].mode, Some(0o400));
    assert_eq!(made.files[1].from, FileFrom::Text(String::new()));
    assert_eq!(made.networks[1].priority, Some(5));
    let devices: Vec<String> = made
        .devices
        .iter()
        .map(|one| format!("{} {} {}", one.source, one.target, one.permissions))
        .collect();
    assert_eq!(
        devices,
        [
            "/dev/snd /dev/snd rwm",
            "/dev/a /dev/b r",
            "/dev/c /dev/c rw",
            "vendor.com/class=gpu vendor.com/class=gpu rwm"
        ]
    );
    assert_eq!(made.device_requests[0].count.as_deref(), Some("all"));
    assert_eq!(made.extra_hosts["both"], ["10.0.0.1", "::1"]);
    assert_eq!(made.sysctls["net.core.somaxconn"], "1024");
    assert_eq!(made.pid.as_deref(), Some("service:other"));
    assert_eq!(made.resources.memory_swap, Some(-1));
    assert_eq!(made.resources.shm_size, Some(67_108_865));
    assert_eq!(made.resources.ulimits["nproc"].hard, -1);
    assert_eq!(made.resources.blkio[0].limit, 9);
    assert_eq!(made.pull, Pull::Build);
}

#[test]
fn networks_and_volumes_are_the_clusters() {
    let cluster = super::valid(
        "[cluster.networks.back]\ninternal = true\nsubnets = [{ subnet = \"10.1.0.0/16\" }]\n\
         [cluster.networks.default]\ndriver_opts = { mtu = 1400 }\n\
         [cluster.volumes.data]\nname = \"shop_data\"\nexternal = true\n\
         [service.a]\nrun = \"a\"\n",
    );
    assert!(cluster.networks["back"].internal);
    assert_eq!(
        cluster.networks["back"].subnets[0].subnet.as_deref(),
        Some("10.1.0.0/16")
    );
    assert_eq!(cluster.networks["default"].driver_opts["mtu"], "1400");
    assert_eq!(cluster.volumes["data"].name.as_deref(), Some("shop_data"));
    assert!(cluster.volumes["data"].external);
}

/// Everything of a container is in the container that was made, so every change of it is another one.
#[test]
fn a_diff_names_what_is_different_about_a_container_and_shows_no_secret() {
    let with = |network: &str, service: &str| {
        super::valid(&format!(
            "[cluster.volumes.data]\n[cluster.networks.back]\n{network}\n[service.a]\n{service}\n\
             [service.b]\nimage = \"b\"\n"
        ))
    };
    let changes = |old: &spec::Cluster, new: &spec::Cluster| {
        let diff = spec::diff(old, new);
        let restarts = diff.restarts.contains(&super::name("a"));
        let words = diff.changed.into_iter().flat_map(|(_, words)| words);
        (restarts, words.collect::<Vec<_>>())
    };
    let old = with(
        "",
        "image = \"a:1\"\ncontainer = { command = [\"x\"], files = [{ target = \"/s\", text = \"secret-1\" }], networks = [\"back\"] }",
    );
    let new = with(
        "internal = true",
        "image = \"a:2\"\ncontainer = { command = [\"x\", \"y z\"], files = [{ target = \"/s\", text = \"secret-2\" }], networks = [\"back\"], volumes = [\"data:/d\"], privileged = true, shm_size = \"1MB\" }",
    );
    assert_eq!(
        changes(&old, &new),
        (
            true,
            vec![
                "files changed".to_owned(),
                "image: a:1 → a:2".to_owned(),
                "volumes changed".to_owned(),
                "privileged: off → on".to_owned(),
                "shm_size changed".to_owned(),
                "command: x → x 'y z'".to_owned(),
                "network back changed, and is made anew".to_owned(),
            ]
        )
    );
    let run = with("", "run = \"a\"");
    assert_eq!(
        changes(&run, &with("", "image = \"a:1\"")).1,
        [
            "run: a → image a:1".to_owned(),
            "health: none → the container's own check".to_owned(),
            "stop: SIGTERM and 10s → its image's signal and 10s".to_owned(),
        ]
    );
    // What is in a volume would be lost with it: it stays, and nobody is restarted for that.
    let on = |more: &str| {
        let text = format!(
            "[cluster.volumes.data]\n{more}\n[service.a]\nimage = \"a\"\ncontainer = {{ volumes = [\"data:/d\"] }}\n"
        );
        super::valid(&text)
    };
    let (restarts, words) = changes(&on(""), &on("driver_opts = { type = \"tmpfs\" }"));
    assert!(!restarts);
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].starts_with("volume data changed, and stays as it was made"));
    let (restarts, words) = changes(&on(""), &on("name = \"shop\""));
    assert!(restarts);
    assert_eq!(words, ["volume data is another one"]);
    // The cluster's own network is one that says nothing.
    let plain = super::valid("[service.b]\nimage = \"b\"\n");
    let named = super::valid("[cluster.networks.default]\n[service.b]\nimage = \"b\"\n");
    assert!(spec::diff(&plain, &named).is_empty());
}

/// A file that is put into a container is in it as it was when that was made.
#[test]
fn another_content_of_a_file_is_another_container() {
    let with = |content: Option<&str>| {
        let mut cluster = super::valid(
            "[service.a]\nimage = \"a\"\ncontainer = { files = [{ target = \"/pw\", file = \"pw\" }] }\n",
        );
        let known = content.map(|content| ("pw".to_owned(), content.to_owned()));
        cluster.contents.extend(known);
        cluster
    };
    let diff = spec::diff(&with(Some("1")), &with(Some("2")));
    assert_eq!(diff.changed[0].1, ["what is in pw changed"]);
    assert!(diff.restarts.contains(&super::name("a")));
    for (before, after) in [(Some("1"), Some("1")), (None, Some("1")), (Some("1"), None)] {
        let diff = spec::diff(&with(before), &with(after));
        assert!(diff.is_empty(), "{before:?} {after:?}: {diff:?}");
    }
}

#[test]
fn what_a_container_opens_and_shares_is_noted() {
    let noted = |text: &str| spec::notes(&super::valid(text));
    assert_eq!(
        noted(
            "[cluster.volumes.data]\n[cluster.volumes.date]\n[cluster.networks.back]\n[cluster.networks.default]\n\
             [service.a]\nimage = \"a\"\nreplicas = 2\n\
             container = { volumes = [\"data:/a\", \"date:/b:ro\", \"/c\"], publish = [\"0.0.0.0::80\", \"81\", \"[::1]::82\"] }\n"
        ),
        [
            "a publishes its port 80/tcp at 0.0.0.0, where other machines may reach it; without an address it is \
             127.0.0.1",
            "all instances of a write into one volume, data",
            "network back is used by no service",
        ]
    );
    assert_eq!(
        noted("[cluster.volumes.data]\n[service.a]\nrun = \"a\"\n"),
        ["volume data is used by no service"]
    );
    let quiet = "[cluster.volumes.data]\n[service.a]\nimage = \"a\"\ncontainer = { volumes = [\"data:/a\"] }\n";
    assert!(noted(quiet).is_empty());
}
