//! Nothing is dropped in silence: whatever the table says is honoured or passed on is in the project, seen by
//! setting each property to something and looking whether the project becomes another one.

use crate::read;
use formats::compose::{Project, Support, support};

/// A prefix, a file, and the keys beside with their values.
type Stands = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Where properties of a prefix stand: a file with `@` for them, and what stands beside them.
const PLACES: &[Stands] = &[
    (
        "services.*",
        "services: {web: {@}, db: {image: y}}",
        &[("image", "x")],
    ),
    (
        "services.*.build",
        "services: {web: {build: {@}}}",
        &[("context", ".")],
    ),
    (
        "services.*.build.ulimits.*",
        "services: {web: {build: {context: ., ulimits: {nofile: {@}}}}}",
        &[("soft", "1"), ("hard", "2")],
    ),
    (
        "services.*.ports",
        "services: {web: {image: x, ports: [{@}]}}",
        &[("target", "80")],
    ),
    (
        "services.*.volumes",
        "services: {web: {image: x, volumes: [{@}]}}",
        &[("type", "volume"), ("source", "v"), ("target", "/a")],
    ),
    (
        "services.*.volumes.bind",
        "services: {web: {image: x, volumes: [{type: bind, source: ./a, target: /a, bind: {@}}]}}",
        &[],
    ),
    (
        "services.*.volumes.volume",
        "services: {web: {image: x, volumes: [{type: volume, source: v, target: /a, volume: {@}}]}}",
        &[],
    ),
    (
        "services.*.volumes.tmpfs",
        "services: {web: {image: x, volumes: [{type: tmpfs, target: /a, tmpfs: {@}}]}}",
        &[],
    ),
    (
        "services.*.volumes.image",
        "services: {web: {image: x, volumes: [{type: image, source: i, target: /a, image: {@}}]}}",
        &[],
    ),
    (
        "services.*.devices",
        "services: {web: {image: x, devices: [{@}]}}",
        &[("source", "/dev/x")],
    ),
    (
        "services.*.secrets",
        "services: {web: {image: x, secrets: [{@}]}}",
        &[("source", "s")],
    ),
    (
        "services.*.configs",
        "services: {web: {image: x, configs: [{@}]}}",
        &[("source", "s")],
    ),
    (
        "services.*.env_file",
        "services: {web: {image: x, env_file: [{@}]}}",
        &[("path", "a.env")],
    ),
    (
        "services.*.develop.watch",
        "services: {web: {image: x, develop: {watch: [{@}]}}}",
        &[("path", "a"), ("action", "restart")],
    ),
    (
        "services.*.pre_start",
        "services: {web: {image: x, pre_start: [{@}]}}",
        &[("command", "[a]")],
    ),
    (
        "services.*.post_start",
        "services: {web: {image: x, post_start: [{@}]}}",
        &[("command", "[a]")],
    ),
    (
        "services.*.pre_stop",
        "services: {web: {image: x, pre_stop: [{@}]}}",
        &[("command", "[a]")],
    ),
    (
        "services.*.depends_on.*",
        "services: {web: {image: x, depends_on: {db: {@}}}, db: {image: y}}",
        &[("condition", "service_started")],
    ),
    (
        "services.*.networks.*",
        "services: {web: {image: x, networks: {n: {@}}}}",
        &[],
    ),
    (
        "services.*.ulimits.*",
        "services: {web: {image: x, ulimits: {nofile: {@}}}}",
        &[("soft", "1"), ("hard", "2")],
    ),
    (
        "services.*.healthcheck",
        "services: {web: {image: x, healthcheck: {@}}}",
        &[("test", "[CMD, a]")],
    ),
    (
        "services.*.deploy.restart_policy",
        "services: {web: {image: x, deploy: {restart_policy: {@}}}}",
        &[("condition", "on-failure")],
    ),
    (
        "services.*.deploy.resources.reservations.devices",
        "services: {web: {image: x, deploy: {resources: {reservations: {devices: [{@}]}}}}}",
        &[("capabilities", "[gpu]")],
    ),
    (
        "services.*.gpus",
        "services: {web: {image: x, gpus: [{@}]}}",
        &[],
    ),
    (
        "services.*.blkio_config.weight_device",
        "services: {web: {image: x, blkio_config: {weight_device: [{@}]}}}",
        &[("path", "/dev/a"), ("weight", "5")],
    ),
    (
        "services.*.blkio_config.device_read_bps",
        "services: {web: {image: x, blkio_config: {device_read_bps: [{@}]}}}",
        &[("path", "/dev/a"), ("rate", "5")],
    ),
    (
        "services.*.blkio_config.device_write_bps",
        "services: {web: {image: x, blkio_config: {device_write_bps: [{@}]}}}",
        &[("path", "/dev/a"), ("rate", "5")],
    ),
    (
        "services.*.blkio_config.device_read_iops",
        "services: {web: {image: x, blkio_config: {device_read_iops: [{@}]}}}",
        &[("path", "/dev/a"), ("rate", "5")],
    ),
    (
        "services.*.blkio_config.device_write_iops",
        "services: {web: {image: x, blkio_config: {device_write_iops: [{@}]}}}",
        &[("path", "/dev/a"), ("rate", "5")],
    ),
    (
        "networks.*",
        "services: {web: {image: x}}\nnetworks: {net: {@}}",
        &[],
    ),
    (
        "networks.*.ipam.config",
        "services: {web: {image: x}}\nnetworks: {net: {ipam: {config: [{@}]}}}",
        &[],
    ),
    (
        "volumes.*",
        "services: {web: {image: x}}\nvolumes: {vol: {@}}",
        &[],
    ),
    (
        "secrets.*",
        "services: {web: {image: x}}\nsecrets: {sec: {@}}",
        &[("environment", "A")],
    ),
    (
        "configs.*",
        "services: {web: {image: x}}\nconfigs: {con: {@}}",
        &[("environment", "A")],
    ),
];

/// What is defined beside them, where the file does not define such things itself.
const DEFINED: [&str; 4] = [
    "networks: {n: }",
    "volumes: {v: , other: }",
    "secrets: {s: {environment: SET}, other: {environment: SET}}",
    "configs: {s: {content: a}, other: {content: a}}",
];

/// Values, of which each property takes one.
const VALUES: [&str; 24] = [
    "x",
    "other",
    "7",
    "true",
    "false",
    "[x]",
    "[other]",
    "{k: v}",
    "5s",
    "64m",
    "1.5",
    "rebuild",
    "service_healthy",
    "127.0.0.1",
    "udp",
    "all",
    "always",
    "['db:other']",
    "['a=10.0.0.1']",
    "'service:db'",
    "[CMD, other]",
    "/b",
    "['/b']",
    "tmpfs",
];

/// Properties that others show, and why they are not seen so.
const SEEN_ELSEWHERE: [(&str, &str); 9] = [
    ("include.path", "include.rs"),
    ("include.env_file", "include.rs"),
    ("include.project_directory", "include.rs"),
    ("services.*.extends.service", "extends.rs"),
    ("services.*.extends.file", "extends.rs"),
    ("name", "project.rs"),
    ("secrets.*.file", "one source at a time: project.rs"),
    ("configs.*.file", "one source at a time: project.rs"),
    ("configs.*.content", "one source at a time: project.rs"),
];

fn of(text: &str) -> Option<Project> {
    read(&[("compose.yaml", text), ("a.env", "A=1"), ("x", "B=1")]).ok()
}

fn file(template: &str, pairs: &[String]) -> String {
    let mut text = template.replace('@', &pairs.join(", ")) + "\n";
    for defined in DEFINED {
        let key = defined.split(':').next().unwrap();
        if !text.contains(&format!("\n{key}:")) {
            text += &format!("{defined}\n");
        }
    }
    text
}

#[test]
fn what_is_honoured_or_passed_on_is_in_the_project() {
    let all: Vec<&str> = support().map(|(name, _)| name).collect();
    let leaf = |name: &str| {
        let below = format!("{name}.");
        !all.iter().any(|other| other.starts_with(&below))
    };
    let mut dropped = Vec::new();
    for (name, support) in support() {
        let elsewhere = SEEN_ELSEWHERE.iter().any(|(seen, _)| *seen == name);
        if matches!(support, Support::Named(_)) || !leaf(name) || elsewhere {
            continue;
        }
        let (prefix, template, beside) = PLACES
            .iter()
            .filter(|(prefix, ..)| name.starts_with(&format!("{prefix}.")))
            .max_by_key(|(prefix, ..)| prefix.len())
            .unwrap_or_else(|| panic!("no place for {name}"));
        let rest: Vec<&str> = name[prefix.len() + 1..].split('.').collect();
        let beside = |without: &str| -> Vec<String> {
            let pairs = beside.iter().filter(|(key, _)| *key != without);
            pairs
                .map(|(key, value)| format!("{key}: {value}"))
                .collect()
        };
        let plain = of(&file(template, &beside("")));
        let carried = VALUES.iter().any(|value| {
            let nested = rest.iter().rev().fold((*value).to_owned(), |value, key| {
                format!("{{{key}: {value}}}")
            });
            // Without the outermost braces: it stands among others.
            let pair = nested[1..nested.len() - 1].to_owned();
            let mut pairs = beside(rest[0]);
            pairs.push(pair);
            let set = of(&file(template, &pairs));
            set.is_some() && set != plain
        });
        if !carried {
            dropped.push(name);
        }
    }
    assert!(dropped.is_empty(), "dropped: {dropped:#?}");
}
