//! What is read of a folder, and what is not.

use super::*;
use std::os::unix::fs::symlink;

#[test]
fn what_is_there_instead_of_a_file_is_said() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    std::fs::write(at("file"), "").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    symlink(at("file"), at("link")).unwrap();
    symlink("itself", at("itself")).unwrap();
    symlink("nothing", at("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    for (name, said) in [
        ("file", None),
        ("link", None),
        ("none", None),
        ("folder", Some("it is a folder, not a file")),
        ("socket", Some("it is a socket, not a file")),
        ("itself", Some("it is a link that leads to itself")),
        (
            "dangling",
            Some("it is a link to nothing, which is not there"),
        ),
    ] {
        assert_eq!(no_file(&at(name)).as_deref(), said, "{name}");
    }
    let device = no_file(Path::new("/dev/null"));
    assert_eq!(device.as_deref(), Some("it is a device, not a file"));
    std::fs::create_dir(at("folder").join(spec::FILE)).unwrap();
    let refused = of_folder(&at("folder"), None, &With::default())
        .unwrap_err()
        .story();
    assert!(refused.contains("azora.toml: it is a folder"), "{refused}");
}
#[test]
fn a_compose_file_reads_no_env_file_of_others() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("shop");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(root.path().join("theirs.env"), "TOKEN=secret\n").unwrap();
    let file = |text: &str| std::fs::write(folder.join("compose.yaml"), text).unwrap();
    let said = || match of_folder(&folder, None, &With::default()).unwrap().unwrap() {
        Ok(read) => format!("read: {:?}", read.cluster.files),
        Err(problems) => shown(&problems),
    };
    file("services: {web: {image: x, env_file: [{path: x.env, required: false}]}}\n");
    assert!(said().starts_with("read"), "{}", said());
    symlink("../theirs.env", folder.join("x.env")).unwrap();
    assert!(said().contains("a link that leads out"), "{}", said());
    file("services: {web: {image: x, environment: {A: $TOKEN}}}\n");
    symlink("../theirs.env", folder.join(".env")).unwrap();
    assert!(said().contains("a link that leads out"), "{}", said());
    std::fs::remove_file(folder.join(".env")).unwrap();
    std::fs::create_dir(folder.join(".env")).unwrap();
    assert!(said().starts_with("read"), "{}", said());
}

#[test]
fn what_is_made_of_a_compose_file_reads_what_that_may() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("theirs.env"), "TOKEN=secret\n").unwrap();
    let folder = root.path().join("shop");
    std::fs::create_dir(&folder).unwrap();
    symlink("../theirs.env", folder.join("x.env")).unwrap();
    let text = b"[cluster]\nenv_files = [\"x.env\"]\n[service.web]\nrun = \"web\"\n";
    let of = |look: &dyn Fn(&str) -> Found| of_own(&folder, "x", text.to_vec(), look).unwrap();
    assert!(of(&|name| found(&folder.join(name))).is_ok());
    let refused = of(&|name| found_within(&folder, &folder.join(name))).unwrap_err();
    assert!(shown(&refused).contains("leads out"), "{}", shown(&refused));
}

#[test]
fn a_link_takes_no_format_to_an_env_file_of_others() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("shop");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(root.path().join("theirs.env"), "TOKEN=secret\n").unwrap();
    let read = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        let read = of_folder(&folder, Some(name), &With::default()).unwrap();
        match read.unwrap() {
            Ok(read) => format!("read: {:?}", read.cluster.files),
            Err(problems) => shown(&problems),
        }
    };
    let files = [
        ("Procfile", "web: sleep 1\n"),
        (
            "process-compose.yaml",
            "processes: {web: {command: sleep 1}}\n",
        ),
        (spec::FILE, "[service.web]\nrun = \"sleep 1\"\n"),
    ];
    symlink("../theirs.env", folder.join(".env")).unwrap();
    for (name, text) in files {
        let said = read(name, text);
        assert!(said.contains("a link that leads out"), "{name}: {said}");
        if name != spec::FILE {
            // It is told of the file that is wrong, in words that fit who has no `env_files`.
            assert!(
                said.contains(".env:1") && !said.contains(&format!("{name}:1")),
                "{name}: {said}"
            );
            assert!(!said.contains("take it out"), "{name}: {said}");
        }
    }
    std::fs::remove_file(folder.join(".env")).unwrap();
    std::fs::write(folder.join("own.env"), "A=1\n").unwrap();
    symlink("own.env", folder.join(".env")).unwrap();
    for (name, text) in files {
        let said = read(name, text);
        assert!(
            said.starts_with("read") && said.contains("\"A\""),
            "{name}: {said}"
        );
    }
    // What is said can be seen.
    let named = "[cluster]\nenv_files = [\"../theirs.env\"]\n[service.web]\nrun = \"x\"\n";
    let said = read(spec::FILE, named);
    assert!(said.contains("TOKEN"), "{said}");
}

#[test]
fn a_variable_is_told_of_the_file_that_says_it() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
    write(".overmind.env", "");
    write("Procfile", "web: sleep 1\n");
    let processes = "processes:\n  web:\n    command: sleep 1\n    environment: [A=1]\n";
    write("process-compose.yaml", processes);
    let services = "services:\n  web:\n    image: x\n    environment:\n      A: 1\n";
    write("compose.yaml", services);
    write(
        spec::FILE,
        "[service.web]\nrun = \"x\"\nenv = { A = \"1\" }\n",
    );
    let origin = |file: &str, name: &str| {
        let read = of_folder(root.path(), Some(file), &With::default()).unwrap();
        let cluster = read.unwrap().unwrap().cluster;
        let service = cluster.services.values().next().unwrap();
        let all = cluster.variables(service, &|_| None);
        all[name].origin.to_string()
    };
    assert_eq!(origin("Procfile", "OVERMIND_PROCESS_web_PORT"), "Procfile");
    assert_eq!(
        origin("process-compose.yaml", "A"),
        "process-compose.yaml:2"
    );
    assert_eq!(origin("compose.yaml", "A"), "compose.yaml:4");
    assert_eq!(origin(spec::FILE, "A"), "azora.toml:3");
}
