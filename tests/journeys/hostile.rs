//! Files that were made to do harm: each is refused with a message, or with what a person would have to allow, and none
//! makes anything hang.

use std::fs;
use std::os::unix::fs::symlink;
use tests::{Azora, Folder};

/// A file's name, what is in it, and what is said of it.
type Case = (&'static str, Vec<u8>, &'static str);

const C: &str = "compose.yaml";
const PC: &str = "process-compose.yaml";
const TEN_MB: usize = 10 << 20;

fn service(keys: &str) -> Vec<u8> {
    format!("services:\n  web:\n    image: x\n    {keys}\n").into_bytes()
}

/// Anchors that name ten of the one before.
fn bomb(below: &str) -> Vec<u8> {
    let mut text = "x-a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let names = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("x-a{level}: &a{level} [{names}]\n");
    }
    text += below;
    text.into_bytes()
}

fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// What cannot be read, by `azora check`.
fn unreadable() -> Vec<Case> {
    let mut all: Vec<Case> = vec![
        (C, bomb("services: {web: {image: x, command: *a11}}\n"), "compose.yaml"),
        (PC, bomb("processes: {web: {command: x, environment: *a11}}\n"), PC),
        (C, format!("services: {}1{}\n", "[".repeat(5_000), "]".repeat(5_000)).into_bytes(), "deep"),
        (C, format!("services: {}x{}\n", "{a: ".repeat(500), "}".repeat(500)).into_bytes(), "deep"),
        (PC, format!("processes: {}1{}\n", "[".repeat(5_000), "]".repeat(5_000)).into_bytes(), "deep"),
        ("azora.toml", format!("a = {}1{}\n", "[".repeat(500), "]".repeat(500)).into_bytes(), "azora.toml"),
        (C, vec![b' '; TEN_MB], "MiB"),
        (C, vec![b'#'; TEN_MB], "MiB"),
        (PC, vec![b'#'; TEN_MB], "MiB"),
        ("Procfile", vec![b'#'; TEN_MB], "MiB"),
        ("azora.toml", vec![b'#'; TEN_MB], "MiB"),
        (C, b"include: [compose.yaml]\n".to_vec(), "include"),
        (C, b"include: [a.yaml]\n".to_vec(), "include"),
        (C, b"include: [../up.yaml]\n".to_vec(), "leads out"),
        (C, b"include: [/etc/passwd]\n".to_vec(), "leads out"),
        (C, b"include: [out.yaml]\n".to_vec(), "leads out"),
        (C, b"include: ['https://x.test/compose.yaml']\n".to_vec(), C),
        (C, b"include: ['oci://x.test/y:1']\n".to_vec(), C),
        (C, service("extends: {service: web}"), "extend"),
        (C, service("extends: {file: a.yaml, service: a}"), C),
        (C, service("extends: {file: ../up.yaml, service: a}"), "leads out"),
        (C, service("env_file: ../secret.env"), "leads out"),
        (C, service("env_file: /etc/shadow"), "leads out"),
        (C, service("env_file: out.env"), "leads out"),
        (C, service("env_file: [fifo]"), "not a file"),
        (C, service("image: y"), "image"),
        (C, service("ports: ['99999:80']"), "99999"),
        (C, service("ports: ['1-65535:1-65535', '1-65535:1-65535/udp']"), "ports"),
        (C, service("scale: 1000000"), "scale"),
        (C, service("command: 'sh -c \"open'"), "command"),
        (C, service("user: '${'"), "user"),
        (C, service("user: '${NOBODY_HAS_SET_IT:?say it}'"), "say it"),
        (C, service("depends_on: [web]"), "circle"),
        (C, service("volumes: ['a:b:c:d']"), "mount"),
        (C, service("build: 'https://x.test/y.git'"), "no folder"),
        (C, service("environment: {AZORA_HOME: /tmp}"), "AZORA_HOME"),
        (C, service("mem_limit: 99999999999999999999g"), "mem_limit"),
        (C, service("x: !!python/object:os.system {}"), C),
        (C, service("labels: *nowhere"), "nowhere"),
        (C, service("labels: &me {a: *me}"), C),
        (C, service("command: \u{7}"), C),
        (C, b"services:\n\tweb: {image: x}\n".to_vec(), C),
        (C, b"services: {'../x': {image: x}}\n".to_vec(), "name"),
        (C, b"services: {web: {image: x}}\n---\nservices: {}\n".to_vec(), "document"),
        (C, b"services: {web: {image: x\0}}\n".to_vec(), C),
        (C, b"services: {web: {image: \xff\xfe}}\n".to_vec(), "UTF-8"),
        (C, Vec::new(), "service"),
        (PC, b"processes: {a: {command: x, depends_on: {b: {}}}, b: {command: x, depends_on: {a: {}}}}\n".to_vec(), PC),
        (PC, b"processes: {a: {command: x, replicas: 1000000000}}\n".to_vec(), "replicas"),
        (PC, b"processes: {a: {command: \xff}}\n".to_vec(), "UTF-8"),
        ("Procfile", b"web: echo 'open\n".to_vec(), "Procfile:1"),
        ("Procfile", b"web: \xff\n".to_vec(), "UTF-8"),
    ];
    let services = many(2_001, |n| format!("  s{n}: {{image: x}}\n"));
    all.push((C, format!("services:\n{services}").into_bytes(), "2000"));
    let lines = many(2_001, |n| format!("p{n}: true\n"));
    all.push(("Procfile", lines.into_bytes(), "2000"));
    all
}

/// What a person would have to allow, by `azora up`.
fn risky() -> Vec<Case> {
    let with = |keys: &str, said: &'static str| (C, service(keys), said);
    vec![
        with("privileged: true", "all privileges"),
        with("network_mode: host", "the network namespace"),
        with("pid: host", "the pid namespace"),
        with("ipc: host", "the ipc namespace"),
        with("userns_mode: host", "the user namespace"),
        with("pid: 'container:other'", "the container other"),
        with("volumes: ['/var/run/docker.sock:/s']", "the container daemon's socket"),
        with("volumes: ['/run:/r']", "the container daemon's socket"),
        with("volumes: ['/:/host']", "can write /,"),
        with("volumes: ['/:/host:ro']", "can read /,"),
        with("volumes: ['/etc:/e']", "can write /etc"),
        with("volumes: ['./etc:/e']", "can write /etc"),
        with("volumes: ['/none/../etc:/e']", "can write /etc"),
        with("volumes: ['~/.ssh:/k:ro']", "/.ssh"),
        with("devices: [/dev/sda]", "the device /dev/sda"),
        with("device_cgroup_rules: ['a *:* rwm']", "by the rule"),
        with("cap_add: [SYS_ADMIN]", "the capability SYS_ADMIN"),
        with("cap_add: [all]", "the capability all"),
        (C, b"services: {web: {image: x, volumes: ['d:/d']}}\nvolumes: {d: {driver_opts: {type: ext4, device: /dev/sda1}}}\n".to_vec(), "volume driver"),
        (C, b"services: {web: {image: x, secrets: [s]}}\nsecrets: {s: {file: /etc/shadow}}\n".to_vec(), "can read /etc/shadow"),
        (C, b"services: {web: {image: x, networks: [n]}}\nnetworks: {n: {external: true, name: host}}\n".to_vec(), "the network namespace"),
    ]
}

/// What a case finds beside its file.
fn folder((name, bytes, _): &Case) -> Folder {
    let folder = Folder::empty();
    let at = |name: &str| folder.path().join(name);
    fs::write(at(name), bytes).expect("the folder is ours");
    folder.write("a.yaml", "include: [compose.yaml]\nservices: {a: {image: x, extends: {file: compose.yaml, service: web}}}\n");
    symlink("/etc/hostname", at("out.env")).expect("the folder is ours");
    symlink("/etc/hostname", at("out.yaml")).expect("the folder is ours");
    symlink("/etc", at("etc")).expect("the folder is ours");
    std::os::unix::net::UnixListener::bind(at("fifo")).expect("the folder is ours");
    folder
}

#[test]
fn hostile_files_get_a_message_or_a_question_and_nothing_hangs() {
    let (unreadable, risky) = (unreadable(), risky());
    assert!(unreadable.len() + risky.len() >= 60);
    let azora = Azora::new();
    drop(azora.serve_until_it_listens(azora.home().path()));
    let mut wrong = Vec::new();
    for case in &unreadable {
        let (folder, (name, bytes, said)) = (folder(case), case);
        let checked = azora.run(folder.path(), &["check", name]);
        if checked.code != 4 || !checked.err.contains(said) {
            let begin: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
            let told: String = checked.err.chars().take(400).collect();
            wrong.push(format!(
                "{begin:?} ends with {} and should say {said}: {told}",
                checked.code
            ));
        }
    }
    for case in &risky {
        let (folder, (_, bytes, said)) = (folder(case), case);
        let up = azora.run(folder.path(), &["up", "--detach", "--yes", "--json"]);
        let refused = up.err.contains("was not allowed yet") && up.err.contains("--allow-risks");
        if up.code != 1 || !refused || !up.err.contains(said) {
            let begin = String::from_utf8_lossy(bytes);
            wrong.push(format!(
                "{begin:?} ends with {} and should say {said}: {}",
                up.code, up.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(azora.left().is_empty(), "{:?}", azora.left());
}
