//! A folder that has what other programs run, and no `azora.toml`: it runs as it is.

use std::fs;
use tests::{Azora, Folder, http, until};

const PROCFILE: &str = "\
release: puppet print migrated
web: organ --name web --port $PORT
# Another one, which is told where the first is.
worker: sh -c 'echo $COLOUR $OVERMIND_PROCESS_web_PORT; exec puppet hang'
";

#[test]
fn a_procfile_runs_as_it_is_and_becomes_a_definition_when_its_owner_wants() {
    let (azora, folder) = (Azora::new(), Folder::empty());
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| fs::write(path(name), text).expect("the folder is ours");
    write("Procfile", PROCFILE);
    write(".env", "PORT=0\nCOLOUR=red\n");
    write(".overmind.env", "OVERMIND_PORT=21500\n");
    write(".foreman", "formation: web=2\n");
    let up = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert_eq!(up.code, 0, "{}", up.err);
    assert!(up.err.contains("azora: runs Procfile\n"), "{}", up.err);
    assert!(
        up.err.contains("note: Procfile:1: release runs once"),
        "{}",
        up.err
    );

    let instances = azora.instances(folder.path());
    let names: Vec<&str> = instances.keys().map(String::as_str).collect();
    assert_eq!(names, ["release.0", "web.0", "web.1", "worker.0"]);
    let web = &instances["web.0"];
    assert_eq!(http::health_pid(web.port), Some(web.pid), "{web:?}");
    until("the worker to say what it was told", || {
        let log = azora.ok(folder.path(), &["logs", "worker"]);
        log.contains(&format!("red {}", web.port)).then_some(())
    });

    // An edit of the file is an edit of the cluster.
    let mark = |name: &str| azora.instances(folder.path())[name].clone();
    let before = mark("web.0");
    write(
        "Procfile",
        &PROCFILE.replace("puppet hang", "puppet count life 100"),
    );
    azora.up(folder.path());
    assert_ne!(mark("worker.0").pid, instances["worker.0"].pid);
    assert_eq!(mark("web.0").pid, before.pid, "what is the same runs on");

    // A mistake is shown where it stands, and nothing of what runs is touched.
    write("Procfile", "web: echo 'open\n");
    let wrong = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert_eq!(wrong.code, 4, "{}", wrong.err);
    assert!(wrong.err.contains("Procfile:1:6"), "{}", wrong.err);
    assert_eq!(mark("web.0").pid, before.pid);

    // The same as a definition of its own: nothing restarts.
    write(
        "Procfile",
        &PROCFILE.replace("puppet hang", "puppet count life 100"),
    );
    let printed = azora.ok(folder.path(), &["import"]);
    azora.ok(folder.path(), &["import", "--write"]);
    let written = fs::read_to_string(path("azora.toml")).expect("it is written");
    assert_eq!(written.trim_end(), printed.trim_end());
    let again = azora.run(folder.path(), &["import", "--write"]);
    assert!(again.err.contains("is there already"), "{}", again.err);
    let up = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert!(up.err.contains("also here: Procfile"), "{}", up.err);
    assert_eq!(mark("web.0").pid, before.pid);

    // Of several the one that is named, and the cluster knows which.
    write("Procfile.dev", "web: puppet hang\n");
    azora.ok(folder.path(), &["up", "Procfile.dev", "--detach", "--yes"]);
    let names: Vec<String> = azora.instances(folder.path()).into_keys().collect();
    assert_eq!(names, ["web.0", "web.1"]);
    let strange = azora.run(folder.path(), &["up", "Procfile.d/web", "--detach"]);
    assert_ne!(strange.code, 0);

    azora.ok(folder.path(), &["down"]);
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });
}

#[test]
fn a_folder_that_says_nothing_gets_a_first_definition_which_is_never_written_over_another() {
    let (azora, folder) = (Azora::new(), Folder::empty());
    let nothing = azora.run(folder.path(), &["init"]);
    assert_ne!(nothing.code, 0);
    assert!(
        nothing.err.contains("An azora.toml of three lines"),
        "{}",
        nothing.err
    );
    folder.write(
        "package.json",
        r#"{"name": "web", "scripts": {"dev": "vite"}}"#,
    );
    let printed = azora.ok(folder.path(), &["init"]);
    assert!(printed.contains("[service.web]"), "{printed}");
    assert!(!folder.path().join("azora.toml").exists());
    azora.ok(folder.path(), &["init", "--write"]);
    let written = fs::read_to_string(folder.path().join("azora.toml")).expect("it is written");
    assert_eq!(written.trim_end(), printed.trim_end());
    azora.ok(folder.path(), &["check"]);
    let again = azora.run(folder.path(), &["init", "--write"]);
    assert_ne!(again.code, 0);
    assert!(
        again.err.contains("has an azora.toml already"),
        "{}",
        again.err
    );

    // What runs as it is says more than manifests do.
    let other = Folder::empty();
    other.write("package.json", r#"{"scripts": {"dev": "vite"}}"#);
    other.write("Procfile", "web: node server.js\n");
    let told = azora.run(other.path(), &["init"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.err.contains("Procfile says what runs here"),
        "{}",
        told.err
    );
    assert!(
        told.out.contains("run = \"node server.js\""),
        "{}",
        told.out
    );
}

const PROCESSES: &str = "\
processes:
  web:
    command: organ --name web --port $PORT
    environment: [PORT=0]
    readiness_probe: {http_get: {port: $PORT, path: /health}, period_seconds: 1}
    availability: {restart: always, backoff_seconds: 1}
  job:
    command: exit 3
  left:
    command: puppet hang
  after:
    command: puppet hang
    depends_on:
      web: {condition: process_healthy}
      job: {condition: process_completed}
";

/// What may restart does, what may not stays as it ended, and what waits for an end of any kind begins after a failed
/// one.
#[test]
fn a_process_compose_file_is_healed_as_far_as_it_says() {
    let (azora, folder) = (Azora::new(), Folder::empty());
    let path = folder.path().join("process-compose.yaml");
    fs::write(&path, PROCESSES).expect("the folder is ours");
    let up = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert_ne!(up.code, 0, "the job has failed: {}", up.err);
    assert!(
        up.err.contains("azora: runs process-compose.yaml\n"),
        "{}",
        up.err
    );
    let instances = azora.instances(folder.path());
    let names: Vec<&str> = instances.keys().map(String::as_str).collect();
    assert_eq!(names, ["after.0", "job.0", "left.0", "web.0"]);
    let web = &instances["web.0"];
    assert_eq!(http::health_pid(web.port), Some(web.pid), "{web:?}");
    assert_eq!(instances["after.0"].state, "ready", "{instances:?}");
    assert_eq!(instances["job.0"].restarts, 0, "{instances:?}");

    let left = &instances["left.0"];
    tests::process::kill(left.pid);
    tests::process::kill(web.pid);
    until("web to be there again, and left to be told", || {
        let now = azora.instances(folder.path());
        let back = now["web.0"].state == "ready" && now["web.0"].pid != web.pid;
        let told = now["left.0"].state == "failing" && now["left.0"].restarts == 0;
        (back && told).then_some(())
    });
    azora.ok(folder.path(), &["down"]);
}

/// What makes a container as good as root is refused by name until a person allows it, before anything is started.
#[test]
fn what_reaches_the_machine_as_root_is_said_and_refused_until_it_is_allowed() {
    let (azora, folder) = (Azora::new(), Folder::empty());
    folder.write(
        "compose.yaml",
        "services:\n  web:\n    image: web\n    privileged: true\n    volumes: [\"/var/run/docker.sock:/s\", \"../x:/x\"]\n",
    );
    let checked = azora.run(folder.path(), &["check"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    let refused = azora.run(folder.path(), &["up", "--detach", "--yes", "--json"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    for said in [
        "note: compose.yaml:4: web has all privileges on this machine",
        "note: compose.yaml:5: web can write ../x, outside of the project's folder",
        "was not allowed yet: web has all privileges on this machine; web gets the container daemon's socket",
        "`azora up --allow-risks` allows it",
    ] {
        assert!(refused.err.contains(said), "{said}: {}", refused.err);
    }
    assert!(azora.left().is_empty(), "{:?}", azora.left());
    // The same in a definition of one's own, which a link leads to.
    fs::remove_file(folder.path().join("compose.yaml")).expect("the folder is ours");
    std::os::unix::fs::symlink("/etc", folder.path().join("config")).expect("the folder is ours");
    folder.write(
        "azora.toml",
        "[service.web]\nimage = \"web\"\n[service.web.container]\nvolumes = [\"./config:/x\"]\n",
    );
    let refused = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert!(
        refused.err.contains("not allowed yet: web can write /etc"),
        "{}",
        refused.err
    );
}

/// Of several files the first counts, and all are said.
#[test]
fn a_compose_file_counts_before_a_procfile_and_after_a_definition() {
    let (azora, folder) = (Azora::new(), Folder::empty());
    folder.write(
        "compose.yaml",
        "services: {db: {image: \"postgres:${PG:-16}\"}}\n",
    );
    folder.write("Procfile", "web: puppet hang\n");
    folder.write(".env", "PG=17\n");
    let printed = azora.run(folder.path(), &["import"]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(
        printed.out.contains("image = \"postgres:17\""),
        "{}",
        printed.out
    );
    let told = azora.run(folder.path(), &["init"]);
    assert!(
        told.err.contains("compose.yaml says what runs here"),
        "{}",
        told.err
    );
    let up = azora.run(folder.path(), &["up", "Procfile", "--detach", "--yes"]);
    assert!(
        up.err.contains("runs Procfile") && up.err.contains("compose.yaml"),
        "{}",
        up.err
    );
    azora.ok(folder.path(), &["down"]);
    let wrong = azora.run(folder.path(), &["check", "compose.yaml"]);
    assert_eq!(wrong.code, 0, "{}", wrong.err);
    folder.write("compose.yaml", "services: {db: {image: x, prots: [1]}}\n");
    let wrong = azora.run(folder.path(), &["check"]);
    assert_eq!(wrong.code, 4, "{}", wrong.err);
    assert!(
        wrong.err.contains("compose.yaml:1:") && wrong.err.contains("`ports`"),
        "{}",
        wrong.err
    );
}
