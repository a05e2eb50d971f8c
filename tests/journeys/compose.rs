//! A folder with a compose file, which runs as it is, over a daemon of the story's own.

use testkit::{Daemon, Engine};
use tests::{Azora, Folder, http, until};

/// A database with a check of its own, a migration that waits for it, a server that waits for that and finds the
/// database by its name in the file, and one that nobody has asked for.
const COMPOSE: &str = r#"
services:
  Main_DB:
    image: ${IMAGE}
    entrypoint: [/puppet, serve, db, "7000", address, 0.0.0.0, data, /data]
    volumes: ["data:/data"]
    environment: {WORD: sesame}
    ports: ["127.0.0.1::7000"]
    restart: always
    healthcheck: {test: [CMD, /puppet, until, /data], interval: 500ms, timeout: 5s, retries: 20}
    stop_grace_period: 2s
  migrate:
    image: ${IMAGE}
    entrypoint: [/puppet, print]
    command: [migrated-$$HOME]
    depends_on: {Main_DB: {condition: service_healthy}}
  api:
    build: api
    command: [serve, api, "7001", address, 0.0.0.0, needs, "http:Main_DB:7000"]
    depends_on: {migrate: {condition: service_completed_successfully}}
    ports: ["7001"]
    restart: unless-stopped
    stop_grace_period: 2s
  debug: {image: nowhere.invalid/debug, profiles: [debug]}
volumes: {data: }
"#;

#[test]
fn a_compose_file_runs_as_it_is_and_as_its_equivalent() {
    let Some(daemon) = Daemon::own(Engine::Docker) else {
        return;
    };
    let folder = Folder::empty();
    folder.write("compose.yaml", COMPOSE);
    folder.write(".env", "IMAGE=localhost/azora-puppet\n");
    std::fs::create_dir(folder.path().join("api")).expect("the folder is ours");
    let build = "FROM localhost/azora-puppet\nENTRYPOINT [\"/puppet\"]\n";
    folder.write("api/Dockerfile", build);
    let azora = Azora::new().env(
        "DOCKER_HOST",
        format!("unix://{}", daemon.socket().display()),
    );
    let up = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert_eq!(up.code, 0, "{}", up.err);
    for said in [
        "azora: runs compose.yaml\n",
        "note: compose.yaml:3: Main_DB is called main-db here",
    ] {
        assert!(up.err.contains(said), "{said}: {}", up.err);
    }
    let instances = azora.instances(folder.path());
    assert_eq!(instances["migrate.0"].state, "completed");
    assert_eq!(instances["debug.0"].state, "stopped");
    for name in ["main-db.0", "api.0"] {
        assert!(instances[name].serves(), "{instances:?}");
        let answer = http::get(instances[name].port, "/health").expect("it answers");
        assert_eq!(answer.code, 200, "{name}");
    }
    let said = azora.ok(folder.path(), &["logs", "migrate"]);
    assert!(said.contains("migrated-$HOME"), "{said}");

    // What a container got is known, and where it stands.
    let env = azora.json(folder.path(), &["env", "main-db"]);
    let word = env["variables"].as_array().and_then(|all| {
        let mut all = all.iter();
        all.find(|one| one["name"] == "WORD").cloned()
    });
    let word = word.unwrap_or_else(|| panic!("{env}"));
    assert_eq!(word["value"], "sesame", "{env}");
    assert_eq!(env["differs"], 0, "{env}");
    let debug = azora.run(folder.path(), &["env", "debug"]);
    assert!(
        debug.err.contains("debug.0 was never started"),
        "{}",
        debug.err
    );

    // As a definition of one's own it is the same, and nothing of it restarts.
    azora.ok(folder.path(), &["import", "--write"]);
    azora.up(folder.path());
    let after = azora.instances(folder.path());
    for name in ["main-db.0", "api.0", "migrate.0"] {
        let (old, new) = (&instances[name], &after[name]);
        assert_eq!(
            (old.pid, old.generation),
            (new.pid, new.generation),
            "{name}"
        );
    }

    azora.ok(folder.path(), &["down"]);
    let listed = |path: &str| daemon.ask("GET", path, &[]).expect("it answers");
    for path in ["/containers/json?all=true", "/networks"] {
        let left = listed(path);
        assert!(
            !left.contains("\"azora-") && !left.contains("/azora-"),
            "{left}"
        );
    }
    assert!(listed("/volumes").contains("-data"), "the volume stays");
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });
}
