//! Processes and containers in one graph, over a daemon of the story's own.

use serde_json::Value;
use std::path::Path;
use testkit::{Daemon, Engine};
use tests::process::{command, kill, lives};
use tests::{Azora, Folder, http, in_own_network, until};

/// Two containers, one of an image that is here and one that is built, which needs a process as well;
/// processes; and between them a migration that has to be over.
const MIXED: &str = r#"
[cluster]
name = "mixed"

[cluster.volumes.data]

[service.db]
image = "localhost/azora-puppet"
port = 0
ready = { http = "/health", every = "250ms" }
health = { http = "/health", every = "250ms", timeout = "2s", fail = 2 }
stop = { grace = "2s" }

[service.db.container]
port = 7000
entrypoint = ["/puppet", "serve", "db", "7000", "address", "0.0.0.0", "data", "/data"]
volumes = ["data:/data"]

[service.keys]
run = "puppet serve keys $PORT"
port = 0
health = { http = "/health", every = "250ms", timeout = "2s", fail = 2 }

[service.cache]
build = "cache"
port = 0
health = { http = "/health", every = "250ms", timeout = "2s", fail = 2 }
needs = ["db", "keys"]
stop = { grace = "2s" }

[service.cache.container]
port = 7001
command = ["serve", "cache", "7001", "address", "0.0.0.0", "needs", "http:${db.host}:${db.port}", "needs", "http:${keys.host}:${keys.port}"]

[service.migrate]
kind = "oneshot"
run = "sh -c 'echo migrating ${db.url}; echo $(date +%s%N) > migrated'"
needs = ["db"]

[service.api]
run = "puppet serve api $PORT needs http:${db.port} needs http:${cache.port} shallow yes"
port = 0
needs = ["migrate", "cache"]
health = { http = "/health", every = "250ms", timeout = "2s", fail = 2 }

[service.web]
run = "puppet serve web $PORT needs http:${api.port}"
port = 0
needs = ["api"]
health = { http = "/health", every = "250ms", timeout = "2s", fail = 2 }

[service.clock]
run = "puppet tick 20"
needs = ["web"]
"#;

const DOCKERFILE: &str = "FROM localhost/azora-puppet\nENTRYPOINT [\"/puppet\"]\n";
/// Every instance of it that is to run.
const ALL: [&str; 6] = ["db.0", "keys.0", "cache.0", "api.0", "web.0", "clock.0"];

/// The same where nothing of the daemon's is reached from here: its test has a network of its own.
fn apart() -> String {
    let mut text = MIXED.to_owned();
    for (from, to) in [
        (
            "port = 0\nready = { http = \"/health\", every = \"250ms\" }\nhealth = { http = \"/health\", every = \"250ms\", timeout = \"2s\", fail = 2 }\nstop",
            "ready = { exec = [\"/puppet\", \"until\", \"/data\"], every = \"250ms\" }\nstop",
        ),
        ("port = 7000\n", ""),
        ("port = 7001\n", ""),
        (
            "build = \"cache\"\nport = 0\nhealth = { http = \"/health\", every = \"250ms\", timeout = \"2s\", fail = 2 }\n",
            "build = \"cache\"\n",
        ),
        (
            ", \"needs\", \"http:${db.host}:${db.port}\", \"needs\", \"http:${keys.host}:${keys.port}\"",
            "",
        ),
        ("needs http:${db.port} needs http:${cache.port} ", ""),
        ("migrating ${db.url}", "migrating"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

struct Story {
    azora: Azora,
    folder: Folder,
    daemon: Daemon,
}

impl Story {
    fn new(engine: Engine) -> Option<Story> {
        let daemon = Daemon::own(engine)?;
        let folder = match engine {
            Engine::Podman => Folder::with(&apart()),
            Engine::Docker | Engine::DockerLive => Folder::with(MIXED),
        };
        std::fs::create_dir(folder.path().join("cache")).expect("a folder for the build");
        folder.write("cache/Dockerfile", DOCKERFILE);
        let socket = format!("unix://{}", daemon.socket().display());
        let azora = Azora::new().env("DOCKER_HOST", socket);
        Some(Story {
            azora,
            folder,
            daemon,
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.daemon.ask("GET", path, &[]).expect("it answers");
        let text = http::body(&answer);
        match serde_json::from_str(&text) {
            Ok(Value::Array(all)) => all,
            Ok(Value::Object(mut all)) => match all.remove("Volumes") {
                Some(Value::Array(all)) => all,
                _ => Vec::new(),
            },
            other => panic!("{path}: {other:?} of {answer}"),
        }
    }

    /// How many containers, networks and volumes of ours the daemon has.
    fn left(&self) -> [usize; 3] {
        let ours = |path: &str| {
            let all = self.list(path);
            let ours = all
                .iter()
                .filter(|one| one.to_string().contains("azora-mixed"));
            ours.count()
        };
        [
            ours("/containers/json?all=true"),
            ours("/networks"),
            ours("/volumes"),
        ]
    }

    /// The processes that lead from containers to processes.
    fn relays(&self) -> Vec<u32> {
        let all = self.azora.home().processes().into_iter();
        let relay = |pid: &u32| command(*pid).contains("/azora-relay ");
        all.filter(relay).collect()
    }

    /// The one there is, and the port at which it leads to `keys`.
    fn relay(&self) -> (u32, String) {
        let relays = self.relays();
        assert_eq!(relays.len(), 1, "{relays:?}");
        let said = self.azora.ok(self.path(), &["logs", "cache"]);
        assert!(!said.contains("not reached"), "{said}");
        let all = format!("{:?}", self.list("/containers/json"));
        let port = all.split("http:host.azora.internal:").nth(1);
        let port = port.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        (relays[0], port.expect("cache is told where").to_owned())
    }

    fn all_serve(&self) {
        until("all of it to serve", || {
            let now = self.azora.instances(self.path());
            let ready = ALL.iter().all(|name| now[*name].serves());
            (ready && now["migrate.0"].state == "completed").then_some(())
        });
    }

    fn down(&self) {
        self.azora.ok(self.path(), &["down"]);
        assert_eq!(self.left(), [0, 0, 1], "the volume stays, and nothing else");
        assert_eq!(self.azora.left(), Vec::<String>::new());
    }
}

/// The whole of it, over one daemon.
fn story(engine: Engine) {
    let Some(story) = Story::new(engine) else {
        return;
    };
    let (azora, folder) = (&story.azora, story.path());
    azora.up(folder);
    story.all_serve();
    assert_eq!(story.left(), [2, 1, 1]);
    // In order: the migration after the database, the web after everything it needs.
    let migrated = std::fs::read_to_string(folder.join("migrated")).expect("it was migrated");
    assert!(!migrated.trim().is_empty());
    if engine != Engine::Podman {
        let said = azora.ok(folder, &["logs", "migrate"]);
        let db = azora.instance(folder, "db.0");
        assert!(
            said.contains(&format!("http://127.0.0.1:{}", db.port)),
            "{said}"
        );
        // A process answers for what it needs, and the container for the one it reaches by name.
        for name in ["db.0", "cache.0", "web.0"] {
            let port = azora.instance(folder, name).port;
            assert_eq!(http::get(port, "/health").expect("it answers").code, 200);
        }
    }
    let build = azora.ok(folder, &["logs", "cache"]);
    assert!(build.contains("azora: building the image"), "{build}");

    a_container_that_is_killed_is_healed(&story);
    if engine != Engine::Podman {
        the_way_to_a_process_is_mended(&story);
    }
    the_engine_is_killed(&story);
    the_daemon_is_killed(&story, engine);
    an_engine_comes_before_the_daemon(&story, engine);
    stops_remove_nothing(&story);
    an_emergency_stop_ends_all(&story);
    a_down_that_leaves_something_fails_and_is_gone_on_with(&story, engine);
}

/// Its main process is killed: one incident, and the same container again.
fn a_container_that_is_killed_is_healed(story: &Story) {
    let (azora, folder) = (&story.azora, story.path());
    let before = azora.instances(folder);
    let cache = before["cache.0"].clone();
    let incidents = azora.incidents().len();
    kill(cache.pid);
    let after = azora.until(folder, "cache.0", "healed", |now| {
        now.serves() && now.generation > cache.generation
    });
    let events = || azora.ok(folder, &["events"]);
    assert_eq!(after.generation, cache.generation + 1, "{}", events());
    assert_ne!(after.pid, cache.pid);
    assert_eq!(after.port, cache.port);
    let of_cache = azora.incidents();
    assert_eq!(of_cache.len(), incidents + 1, "{of_cache:#?}");
    story.all_serve();
    for name in ["db.0", "api.0", "web.0", "clock.0"] {
        let now = azora.instance(folder, name);
        assert_eq!(now.generation, before[name].generation, "{name}");
    }
}

/// What leads from containers to processes is killed: it comes back by itself, and nobody is restarted.
fn the_way_to_a_process_is_mended(story: &Story) {
    let (azora, folder) = (&story.azora, story.path());
    let before = azora.instances(folder);
    let (relay, port) = story.relay();
    kill(relay);
    let again = until("the way to be mended", || {
        (!lives(relay)).then(|| story.relays().pop()).flatten()
    });
    assert_ne!(again, relay);
    story.all_serve();
    let after = azora.instances(folder);
    assert_eq!(story.relay().1, port, "it leads from where it did");
    for name in ["db.0", "keys.0"] {
        assert_eq!(after[name].generation, before[name].generation, "{name}");
    }
}

/// The engine is killed: containers and processes run on, are adopted, and no line is lost.
fn the_engine_is_killed(story: &Story) {
    let (azora, folder) = (&story.azora, story.path());
    let before = azora.instances(folder);
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.up(folder);
    story.all_serve();
    let after = azora.instances(folder);
    for name in ALL {
        let (old, new) = (&before[name], &after[name]);
        assert_eq!(
            (new.pid, new.generation, new.port),
            (old.pid, old.generation, old.port),
            "{name} was adopted"
        );
    }
    assert_eq!(story.left(), [2, 1, 1]);
    let numbers: Vec<u64> = azora
        .ok(folder, &["logs", "clock", "--tail", "10000"])
        .lines()
        .filter_map(|line| line.rsplit_once("line ")?.1.trim().parse().ok())
        .collect();
    for pair in numbers.windows(2) {
        assert_eq!(pair[0] + 1, pair[1], "a line is missing or there twice");
    }
}

/// The daemon is killed: nothing is done about its containers while it is away; what it ended comes
/// back when it does, and what it kept is the same.
fn the_daemon_is_killed(story: &Story, engine: Engine) {
    let (azora, folder) = (&story.azora, story.path());
    let before = azora.instances(folder);
    story.daemon.kill();
    until("its absence to be told", || {
        let ps = azora.json(folder, &["ps"]).to_string();
        ps.contains("its container daemon is away").then_some(())
    });
    for name in ["db.0", "cache.0"] {
        assert_eq!(
            azora.instance(folder, name).generation,
            before[name].generation,
            "{name} is left alone"
        );
    }
    story.daemon.start();
    until("its return to be told", || {
        let events = azora.ok(folder, &["events"]);
        events
            .contains("the container daemon answers again")
            .then_some(())
    });
    if engine == Engine::Docker {
        // It ends what its predecessor left, which is told and healed, one after the other.
        until("what it ended to be started again", || {
            let now = azora.instances(folder);
            let again = |name: &str| now[name].generation > before[name].generation;
            ["db.0", "cache.0"].into_iter().all(again).then_some(())
        });
    }
    story.all_serve();
    let after = azora.instances(folder);
    for name in ["db.0", "cache.0"] {
        let (old, new) = (&before[name], &after[name]);
        match engine {
            Engine::Docker => assert!(new.generation > old.generation, "{name}: {new:?}"),
            Engine::DockerLive | Engine::Podman => {
                assert_eq!(
                    (new.pid, new.generation),
                    (old.pid, old.generation),
                    "{name}"
                );
            }
        }
        assert_eq!(new.port, old.port, "{name}");
    }
}

/// Both are killed, and the engine is back first: it believes what is written down, does nothing about
/// it, and hears from the daemon what has become of it.
fn an_engine_comes_before_the_daemon(story: &Story, engine: Engine) {
    let (azora, folder) = (&story.azora, story.path());
    let before = azora.instances(folder);
    story.daemon.kill();
    let old = azora.engine();
    kill(old);
    until("the engine to be gone", || (!lives(old)).then_some(()));
    let mut next = azora.serve_until_it_listens(folder);
    for name in ["db.0", "cache.0"] {
        let now = azora.instance(folder, name);
        assert_eq!(
            (now.pid, now.generation, now.port),
            (before[name].pid, before[name].generation, before[name].port),
            "{name} is believed to run"
        );
    }
    let ps = azora.json(folder, &["ps"]).to_string();
    assert!(ps.contains("its container daemon is away"), "{ps}");
    story.daemon.start();
    story.all_serve();
    for name in ["db.0", "cache.0"] {
        let (old, new) = (&before[name], azora.instance(folder, name));
        match engine {
            Engine::Docker => assert!(new.generation > old.generation, "{name}: {new:?}"),
            Engine::DockerLive | Engine::Podman => {
                assert_eq!(
                    (new.pid, new.generation),
                    (old.pid, old.generation),
                    "{name}"
                );
            }
        }
    }
    kill(next.id());
    next.wait().expect("it is our child");
    azora.up(folder);
    story.all_serve();
}

/// Each service is stopped, and so nothing of it is wanted: that is no `down`.
fn stops_remove_nothing(story: &Story) {
    let (azora, folder) = (&story.azora, story.path());
    let services = ["clock", "web", "api", "migrate", "cache", "keys", "db"];
    for service in services {
        azora.ok(folder, &["stop", service]);
    }
    assert_eq!(story.left(), [2, 1, 1], "what is in their own files stays");
    azora.ok(folder, &["start", "clock"]);
    story.all_serve();
}

/// Somebody's container is on the cluster's network: `down` says that it could not remove that, and
/// the next engine does when it can.
fn a_down_that_leaves_something_fails_and_is_gone_on_with(story: &Story, engine: Engine) {
    if engine == Engine::Podman {
        // It takes a network out of what is on it.
        return story.down();
    }
    let (azora, folder) = (&story.azora, story.path());
    let network = story.list("/networks");
    let ours = |one: &&Value| one.to_string().contains("azora-mixed");
    let network = network.iter().find(ours).expect("it has one");
    let guest = serde_json::json!({
        "Image": testkit::IMAGE,
        "Entrypoint": ["/puppet", "hang"],
        "HostConfig": {"NetworkMode": network["Id"]},
    });
    let ask = |method, path| story.daemon.ask(method, path, &[]).expect("it answers");
    let made = story.daemon.post("/containers/create?name=guest", &guest);
    let made = made.expect("it answers");
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
    ask("POST", "/containers/guest/start");
    let done = azora.run(folder, &["down"]);
    let said = format!("{}{}", done.out, done.err);
    assert_ne!(done.code, 0, "{said}");
    assert!(said.contains("failed to remove the cluster's"), "{said}");
    assert_eq!(story.left()[1], 1);

    ask("DELETE", "/containers/guest?force=true");
    let old = azora.engine();
    kill(old);
    until("the engine to be gone", || (!lives(old)).then_some(()));
    let mut next = azora.serve_until_it_listens(folder);
    until("the rest to be removed", || {
        (story.left() == [0, 0, 1]).then_some(())
    });
    kill(next.id());
    next.wait().expect("it is our child");
    assert_eq!(azora.left(), Vec::<String>::new());
}

fn an_emergency_stop_ends_all(story: &Story) {
    let (azora, folder) = (&story.azora, story.path());
    let running = || {
        let all = story.list("/containers/json");
        all.iter()
            .filter(|one| one.to_string().contains("azora-mixed"))
            .count()
    };
    assert_eq!(running(), 2);
    let stopped = azora.json(folder, &["emergency-stop", "--reason", "a test"]);
    assert_eq!(stopped["left"], serde_json::json!([]), "{stopped}");
    assert_eq!(
        stopped["containers_left"],
        serde_json::json!([]),
        "{stopped}"
    );
    assert_eq!(running(), 0);
    assert_eq!(azora.left(), Vec::<String>::new());
    azora.ok(folder, &["resume"]);
    story.all_serve();
    // Without an engine as well.
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.ok(folder, &["emergency-stop", "--reason", "a test"]);
    assert_eq!(running(), 0);
    assert_eq!(azora.left(), Vec::<String>::new());
    azora.up(folder);
    story.all_serve();
}

#[test]
fn a_mixed_stack_lives_through_everything_over_docker() {
    in_own_network(
        "mixed::a_mixed_stack_lives_through_everything_over_docker",
        || story(Engine::Docker),
    );
}

#[test]
fn a_mixed_stack_lives_through_everything_over_docker_that_keeps_containers() {
    in_own_network(
        "mixed::a_mixed_stack_lives_through_everything_over_docker_that_keeps_containers",
        || story(Engine::DockerLive),
    );
}

#[test]
fn a_mixed_stack_lives_through_everything_over_podman() {
    story(Engine::Podman);
}
