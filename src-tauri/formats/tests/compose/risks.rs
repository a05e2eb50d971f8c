//! What of a project reaches out of its containers and its folder: no mistake, but a value with a line.

use crate::corpus::defined;
use crate::project;
use crate::text::imported;
use formats::compose::{Followed, Reach, reaches};
use std::collections::BTreeSet;

pub(crate) fn file(services: &str) -> String {
    format!("services:\n  web: {services}\n")
}

/// What a service says, and what of it reaches out.
pub(crate) const RISKS: &[(&str, &[&str])] = &[
    (
        "{privileged: true}",
        &["has all privileges on this machine"],
    ),
    (
        "{privileged: 'yes'}",
        &["has all privileges on this machine"],
    ),
    (
        "{network_mode: host}",
        &["shares the network namespace of this machine"],
    ),
    (
        "{pid: host, ipc: host}",
        &[
            "shares the ipc namespace of this machine",
            "shares the pid namespace of this machine",
        ],
    ),
    ("{uts: host}", &["shares the uts namespace of this machine"]),
    (
        "{userns_mode: host}",
        &["shares the user namespace of this machine"],
    ),
    (
        "{cgroup: host}",
        &["shares the cgroup namespace of this machine"],
    ),
    (
        "{volumes: ['/var/run/docker.sock:/var/run/docker.sock']}",
        &["gets the container daemon's socket /var/run/docker.sock, and can do all it can"],
    ),
    (
        "{volumes: ['/var/run/../run/docker.sock:/s:ro']}",
        &["gets the container daemon's socket /var/run/docker.sock, and can do all it can"],
    ),
    (
        "{volumes: [{type: bind, source: /run/podman/podman.sock, target: /s}]}",
        &["gets the container daemon's socket /run/podman/podman.sock, and can do all it can"],
    ),
    (
        "{volumes: ['/:/host']}",
        &[
            "gets the container daemon's socket in /, and can do all it can",
            "can write /, outside of the project's folder",
        ],
    ),
    (
        "{volumes: ['/run/:/x:ro']}",
        &[
            "gets the container daemon's socket in /run, and can do all it can",
            "can read /run, outside of the project's folder",
        ],
    ),
    (
        "{volumes: ['/run/user/1000/podman:/x:ro']}",
        &[
            "gets the container daemon's socket in /run/user/1000/podman, and can do all it can",
            "can read /run/user/1000/podman, outside of the project's folder",
        ],
    ),
    (
        "{volumes: ['/run/user/1000/wayland-0:/x:ro', '/run/my.sock:/y:ro']}",
        &[
            "can read /run/user/1000/wayland-0, outside of the project's folder",
            "can read /run/my.sock, outside of the project's folder",
        ],
    ),
    (
        "{volumes: ['/etc:/host:ro']}",
        &["can read /etc, outside of the project's folder"],
    ),
    (
        "{volumes: ['../../..:/up']}",
        &["can write ../../.., outside of the project's folder"],
    ),
    (
        "{volumes: ['./a/../../b:/up']}",
        &["can write ../b, outside of the project's folder"],
    ),
    (
        "{volumes: ['~/.ssh:/keys:ro']}",
        &["can read ~/.ssh, outside of the project's folder"],
    ),
    (
        "{volumes: ['${HOME}/.aws:/keys']}",
        &["can write /home/ada/.aws, outside of the project's folder"],
    ),
    ("{volumes: ['./src:/app', 'v:/data', '/cache']}", &[]),
    (
        "{devices: ['/dev/sda:/dev/sda:rwm']}",
        &["gets the device /dev/sda"],
    ),
    (
        "{devices: [{source: /dev/mem}]}",
        &["gets the device /dev/mem"],
    ),
    ("{gpus: all}", &["gets the device gpu: all"]),
    (
        "{device_cgroup_rules: ['a *:* rwm']}",
        &["gets devices by the rule a *:* rwm"],
    ),
    ("{cap_add: [ALL]}", &["gets the capability ALL"]),
    (
        "{cap_add: [SYS_ADMIN, CHOWN, cap_net_admin]}",
        &[
            "gets the capability SYS_ADMIN",
            "gets the capability cap_net_admin",
        ],
    ),
    ("{cap_drop: [ALL], cap_add: [CAP_NET_BIND_SERVICE]}", &[]),
    (
        "{security_opt: ['seccomp:unconfined']}",
        &["runs without a protection: seccomp:unconfined"],
    ),
    (
        "{security_opt: ['apparmor=unconfined', 'label:disable']}",
        &[
            "runs without a protection: apparmor=unconfined",
            "runs without a protection: label:disable",
        ],
    ),
    ("{security_opt: ['no-new-privileges:true']}", &[]),
    (
        "{sysctls: {kernel.msgmax: 1}}",
        &["sets the kernel parameter kernel.msgmax"],
    ),
    (
        "{ports: ['0.0.0.0:80:80']}",
        &["opens the port 80 to other machines, at 0.0.0.0"],
    ),
    (
        "{ports: ['[::]:80:80']}",
        &["opens the port 80 to other machines, at ::"],
    ),
    ("{ports: ['80:80', '127.0.0.1:81:81', '[::1]:82:82']}", &[]),
    (
        "{pid: 'container:other'}",
        &["uses the container other, which is not the project's"],
    ),
    (
        "{network_mode: 'container:other'}",
        &["uses the container other, which is not the project's"],
    ),
    (
        "{oom_kill_disable: true}",
        &["is not ended when memory is short"],
    ),
    ("{cgroup_parent: /}", &["is put into the control group /"]),
    (
        "{build: /etc}",
        &["can read /etc, outside of the project's folder"],
    ),
    (
        "{build: 'https://x.org/y.git#main'}",
        &["is built from what is fetched: https://x.org/y.git#main"],
    ),
    (
        "{build: {context: ., dockerfile: ../../Dockerfile}}",
        &["can read ../../Dockerfile, outside of the project's folder"],
    ),
    ("{build: {context: web, dockerfile: ../Dockerfile}}", &[]),
    (
        "{build: {context: ., network: host}}",
        &["shares the network namespace of this machine"],
    ),
    ("{post_start: [{command: id, privileged: true}]}", &[]),
];

#[test]
fn what_reaches_out_is_a_risk_with_its_line() {
    for (body, wanted) in RISKS {
        let body = body.replacen('{', "{image: x, ", 1);
        let text = format!("volumes: {{v: }}\n{}", file(&body));
        let project = project(&[("compose.yaml", &text)]);
        let risks: Vec<String> = project.risks.iter().map(ToString::to_string).collect();
        let wanted: Vec<String> = wanted
            .iter()
            .map(|risk| format!("compose.yaml:3: web {risk}"))
            .collect();
        let (mut risks, mut wanted) = (risks, wanted);
        risks.sort();
        wanted.sort();
        assert_eq!(risks, wanted, "{body}");
    }
}

#[test]
fn resources_reach_out_too() {
    let text = "services: {web: {image: x, secrets: [s], configs: [c]}}
secrets: {s: {file: /etc/shadow}}
configs: {c: {file: ../c}}
networks:
  host: {external: true}
  lan: {driver: macvlan, driver_opts: {parent: eth0}}
  theirs: {external: true, name: other_default}
  own: {internal: true}
volumes:
  bind: {driver: local, driver_opts: {type: none, o: bind, device: /etc}}
  read: {driver_opts: {type: none, o: 'rbind,ro', device: ../up}}
  disk: {driver_opts: {type: ext4, device: /dev/sda1}}
  layers: {driver_opts: {type: overlay, o: 'lowerdir=/etc,upperdir=/tmp/u,workdir=/tmp/w'}}
  share: {driver_opts: {type: nfs, o: 'addr=10.0.0.1,rw', device: ':/x'}}
  inside: {driver_opts: {type: none, o: bind, device: ./data}}
  memory: {driver_opts: {type: tmpfs, device: tmpfs, o: size=1m}}
  hidden: {driver_opts: {type: tmpfs, o: bind, device: /opt/..}}
  socket: {driver_opts: {o: bind, device: /run/docker.sock}}
  plain: {driver: local}
  theirs: {external: true}
";
    let project = project(&[("compose.yaml", text)]);
    let mut risks: Vec<String> = project.risks.iter().map(ToString::to_string).collect();
    risks.sort_by_key(|risk| {
        risk.split(':')
            .nth(1)
            .and_then(|line| line.parse::<u32>().ok())
    });
    assert_eq!(
        risks,
        [
            "compose.yaml:2: secrets.s can read /etc/shadow, outside of the project's folder",
            "compose.yaml:3: configs.c can read ../c, outside of the project's folder",
            "compose.yaml:5: networks.host shares the network namespace of this machine",
            "compose.yaml:6: networks.lan is on the network of this machine, by the driver macvlan",
            "compose.yaml:7: networks.theirs uses the network other_default, which is not the project's",
            "compose.yaml:10: volumes.bind can write /etc, outside of the project's folder",
            "compose.yaml:11: volumes.read can read ../up, outside of the project's folder",
            "compose.yaml:12: volumes.disk lets the volume driver mount /dev/sda1",
            "compose.yaml:13: volumes.layers lets the volume driver mount lowerdir=/etc,upperdir=/tmp/u,workdir=/tmp/w",
            "compose.yaml:14: volumes.share lets the volume driver mount :/x",
            "compose.yaml:17: volumes.hidden gets the container daemon's socket in /, and can do all it can",
            "compose.yaml:17: volumes.hidden can write /, outside of the project's folder",
            "compose.yaml:18: volumes.socket gets the container daemon's socket /run/docker.sock, and can do all it can",
            "compose.yaml:20: volumes.theirs uses the volume theirs, which is not the project's",
        ]
    );
}

#[test]
fn a_risk_cannot_be_hidden_in_another_file() {
    let project = project(&[
        (
            "compose.yaml",
            "include: [a.yaml]\nservices: {web: {extends: {file: b.yaml, service: web}}}",
        ),
        (
            "a.yaml",
            "services: {other: {image: x, <<: &r {privileged: true}}}",
        ),
        (
            "b.yaml",
            "services: {web: {image: x, volumes: ['${S:-/var/run/docker.sock}:/s']}}",
        ),
        (
            "compose.override.yaml",
            "services: {web: {cap_add: !override [ALL]}}",
        ),
    ]);
    let risks: Vec<String> = project.risks.iter().map(ToString::to_string).collect();
    assert_eq!(
        risks,
        [
            "a.yaml:1: other has all privileges on this machine",
            "b.yaml:1: web gets the container daemon's socket /var/run/docker.sock, and can do all it can",
            "compose.override.yaml:1: web gets the capability ALL",
        ]
    );
}

/// The definition that a file becomes reaches what the file reaches, whoever reads it.
#[test]
fn a_definition_has_the_risks_of_its_file() {
    // What would be fetched is refused by `spec`: an image is built from a folder.
    let runs = |(_, risks): &&(&str, &[&str])| !risks.iter().any(|risk| risk.contains("fetched"));
    for (body, wanted) in RISKS.iter().filter(runs) {
        let body = body.replacen('{', "{image: x, ", 1);
        let text = format!("volumes: {{v: }}\n{}", file(&body));
        let tree = [("compose.yaml", text.as_str())];
        let made = imported(&tree).unwrap_or_else(|wrong| panic!("{wrong}"));
        let cluster = defined(&made.text, &tree);
        let found = reaches(&cluster, &|path| vec![Followed::To(path.to_owned())]);
        let found: BTreeSet<String> = found
            .into_iter()
            .map(|(of, what)| format!("{of} {what}"))
            .collect();
        // A home is where it is.
        let wanted = wanted
            .iter()
            .map(|risk| format!("web {}", risk.replace('~', "/home/ada")));
        assert_eq!(found, wanted.collect(), "{body}\n{}", made.text);
    }
}

#[test]
fn what_is_as_good_as_root_is_told_from_what_is_only_said() {
    let path = |path: &str, write| Reach::HostPath {
        path: path.to_owned(),
        write,
    };
    let foreign = |what| Reach::Foreign {
        what,
        name: "x".to_owned(),
    };
    let words = |of: fn(String) -> Reach, words: &str| of(words.to_owned());
    for grave in [
        Reach::Privileged,
        Reach::HostNamespace("pid"),
        Reach::HostNamespace("network"),
        words(Reach::DaemonSocket, "/run/docker.sock"),
        words(Reach::HiddenPath, "/srv/x"),
        words(Reach::Device, "/dev/sda"),
        words(Reach::Capability, "cap_sys_admin"),
        words(Reach::Capability, "ALL"),
        words(Reach::DriverMount, "/dev/sda1"),
        words(Reach::DeviceRule, "a *:* rwm"),
        foreign("container"),
        path("/", false),
        path("/etc", true),
        path("/etc/localtime", true),
        path("/proc", false),
        path("/var/run", true),
        path("/home", false),
        path("/home/ada", false),
        path("/home/ada/.ssh/id", false),
        path("../.aws", false),
        path("/home/ada/.bashrc", true),
        path("/srv/people/ada/.cargo/config.toml", true),
        path("~/.git-credentials", false),
        path("~", false),
    ] {
        assert!(grave.is_grave(), "{grave}");
    }
    for said in [
        Reach::HostNamespace("uts"),
        words(Reach::Device, "gpu: all"),
        words(Reach::Capability, "NET_ADMIN"),
        words(Reach::Unconfined, "seccomp:unconfined"),
        words(Reach::Sysctl, "net.core.somaxconn"),
        words(Reach::RemoteContext, "https://x/y.git"),
        foreign("volume"),
        Reach::NoOomKill,
        path("/etc/localtime", false),
        path("/mnt/data", true),
        path("/home/ada/data", true),
        path("../shared", true),
        path("../../shared.d", true),
        path("/etcetera", true),
    ] {
        assert!(!said.is_grave(), "{said}");
    }
}
