//! What may end, and does: it is complete, and nothing is done about it.

use std::process::Stdio;
use testkit::{Daemon, Engine};
use tests::process::{kill, lives};
use tests::{Azora, Folder, until};

/// One that has ended before anybody looks, one that ends when it is told, and one that uses it.
const ENDS: &str = r#"
[service.seed]
run = "echo sown"
success = [0]

[service.cache]
run = "puppet until end exit 3"
success = [0, 3]

[service.app]
run = "organ --name app --port $PORT"
port = 0
needs = ["cache"]
"#;

#[test]
fn what_may_end_is_complete_when_it_has_and_stays_so_for_the_next_engine() {
    let (azora, folder) = (Azora::new(), Folder::with(ENDS));
    let up = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert_eq!(up.code, 0, "{}{}", up.out, up.err);
    let said = format!("{}{}", up.out, up.err);
    assert!(said.contains("2 ready, 1 completed"), "{said}");
    let before = azora.instances(folder.path());
    assert_eq!(before["seed.0"].state, "completed", "{before:?}");

    let end = folder.path().join("end");
    std::fs::write(&end, "").expect("the folder can be written to");
    azora.until(folder.path(), "cache.0", "completed", |cache| {
        cache.state == "completed"
    });
    let ps = azora.json(folder.path(), &["ps"]);
    assert_eq!(ps["overall"], "operational", "{ps}");
    assert!(azora.incidents().is_empty(), "{:?}", azora.incidents());
    azora.ok(folder.path(), &["wait", "cache", "--healthy"]);

    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.up(folder.path());
    let after = azora.instances(folder.path());
    for (name, old) in &before {
        let new = &after[name];
        assert_eq!(
            (new.generation, new.restarts),
            (old.generation, 0),
            "{name}"
        );
    }
    assert_eq!(after["cache.0"].state, "completed", "{after:?}");
    assert_eq!(after["app.0"].pid, before["app.0"].pid, "{after:?}");

    // A person may want it once more.
    std::fs::remove_file(&end).expect("it was made above");
    azora.ok(folder.path(), &["restart", "cache"]);
    let again = azora.instance(folder.path(), "cache.0");
    assert!(again.serves() && again.restarts == 0, "{again:?}");
    azora.ok(folder.path(), &["down"]);
}

/// As compose has it: without a policy nothing is started again, `on-failure` means failures, and what ends with 0
/// has ended well.
const COMPOSE: &str = "
services:
  seed: {image: localhost/azora-puppet, entrypoint: [/puppet, print, sown]}
  batch: {image: localhost/azora-puppet, restart: on-failure, entrypoint: [/puppet, pause, '2500', exit, '0']}
  web: {image: localhost/azora-puppet, restart: unless-stopped, entrypoint: [/puppet, hang], stop_signal: SIGKILL}
";

#[test]
fn containers_that_may_end_are_complete_and_one_that_fails_in_its_first_moments_is_told() {
    let Some(daemon) = Daemon::own(Engine::Docker) else {
        return;
    };
    let folder = Folder::empty();
    folder.write("compose.yaml", COMPOSE);
    let azora = Azora::new().env(
        "DOCKER_HOST",
        format!("unix://{}", daemon.socket().display()),
    );
    let up = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert_eq!(up.code, 0, "{}", up.err);
    for name in ["seed.0", "batch.0"] {
        azora.until(folder.path(), name, "completed", |one| {
            one.state == "completed" && one.restarts == 0
        });
    }
    assert!(azora.instance(folder.path(), "web.0").serves());
    assert!(azora.incidents().is_empty(), "{:?}", azora.incidents());

    // Nobody asks it, so that it ends is seen only by who looks again.
    let doomed = "services: {doomed: {image: localhost/azora-puppet, entrypoint: [/puppet, print, no config, \
                  pause, '700', exit, '3']}}\n";
    folder.write("compose.yaml", doomed);
    let up = azora.run(folder.path(), &["up", "--detach", "--yes"]);
    assert_eq!(up.code, 1, "{}", up.err);
    assert!(up.err.contains("exited with code 3"), "{}", up.err);
    azora.ok(folder.path(), &["down"]);
}

/// Its image has it asked once an hour: until then it starts, however long that is.
#[test]
fn a_container_whose_check_takes_long_has_as_long() {
    let Some(daemon) = Daemon::own(Engine::Docker) else {
        return;
    };
    let folder = Folder::with("[service.slow]\nbuild = \"slow\"\nstop = { signal = \"KILL\" }\n");
    std::fs::create_dir(folder.path().join("slow")).expect("the folder is ours");
    let build = "FROM localhost/azora-puppet\nENTRYPOINT [\"/puppet\", \"hang\"]\n\
                 HEALTHCHECK --interval=1h CMD [\"/puppet\", \"exit\", \"0\"]\n";
    folder.write("slow/Dockerfile", build);
    let azora = Azora::new().env(
        "DOCKER_HOST",
        format!("unix://{}", daemon.socket().display()),
    );
    let mut up = azora
        .command(folder.path(), &["up", "--detach", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be run");
    until("it to be waited for", || {
        let ps = azora.run(folder.path(), &["ps", "--json"]).out;
        (ps.contains("has not passed yet") && ps.contains("gives up in 3 h")).then_some(())
    });
    let instance = azora.instance(folder.path(), "slow.0");
    assert_eq!(instance.state, "running", "{instance:?}");
    azora.ok(folder.path(), &["down"]);
    // What was wanted is not wanted any more.
    up.wait().expect("it is ours");
}
