//! Rolling restarts under load: three instances behind one listening socket, restarted again and
//! again while requests come in without a pause. The journey plays it small, the bench large.

use crate::load::{Load, Tally};
use crate::process::{kill, lives};
use crate::{Azora, Folder, http, until};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many instances there are.
pub const REPLICAS: usize = 3;

/// The cluster of this story.
pub const DEFINITION: &str = r#"
[cluster]
name = "rolling"

[service.web]
run = "organ --name web --port $PORT"
listen = "shared"
port = 0
replicas = 3
health = { http = "/health", every = "1s", timeout = "5s" }
"#;

/// The same with one instance: there is nobody who serves meanwhile, so connections wait.
pub const ALONE: &str = r#"
[cluster]
name = "alone"

[service.web]
run = "organ --name web --port $PORT"
listen = "own"
port = 0
health = { http = "/health", every = "1s", timeout = "5s" }
"#;

/// The same without a socket that is handed over.
pub const BARE: &str = r#"
[cluster]
name = "bare"

[service.web]
run = "organ --name web --port $PORT"
port = 0
health = { http = "/health", every = "1s", timeout = "5s" }
"#;

/// How large the story is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Restarts, one after another.
    pub restarts: usize,
    /// Who asks on connections that stay.
    pub kept: usize,
    /// Who makes a new connection for every request.
    pub fresh: usize,
    /// So often the engine is killed in the middle of one more restart, and the next one goes on with it.
    pub engine_kills: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The requests.
    pub tally: Tally,
    /// How long each restart took.
    pub restarts: Vec<Duration>,
    /// Requests per second over all.
    pub rate: f64,
}

/// Plays it with the service `web` of a folder.
///
/// # Panics
/// When a restart does not go well, or leaves an instance as it was.
#[track_caller]
pub fn play(azora: &Azora, folder: &Folder, size: Size) -> Outcome {
    let folder = folder.path();
    azora.up(folder);
    let port = shared_port(azora, folder);
    let begun = Instant::now();
    let load = Load::begin(port, size.kept, size.fresh);
    let mut restarts = Vec::new();
    for _ in 0..size.restarts {
        let (before, asked) = (pids(azora, folder), load.asked());
        let took = Instant::now();
        azora.ok(folder, &["restart", "web"]);
        restarts.push(took.elapsed());
        let after = pids(azora, folder);
        assert!(
            before.iter().all(|pid| !after.contains(pid)),
            "every instance is a new one: {before:?} {after:?}"
        );
        assert_eq!(after.len(), before.len());
        assert!(load.asked() > asked, "the load went on meanwhile");
    }
    for _ in 0..size.engine_kills {
        die_in_the_middle(azora, folder);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let tally = load.end();
    let rate = tally.asked as f64 / seconds;
    azora.ok(folder, &["down"]);
    // Nobody is left waiting for an answer that does not come.
    assert!(http::get(port, "/health").is_none(), "{port} refuses");
    Outcome {
        tally,
        restarts,
        rate,
    }
}

/// The engine dies when the first instance of a rolling restart is on its way out; the next one goes
/// on from there, replaces each instance once, and takes none of it for a fault.
#[track_caller]
fn die_in_the_middle(azora: &Azora, folder: &Path) {
    let (before, engine) = (azora.instances(folder), azora.engine());
    let incidents = |azora: &Azora| azora.ok(folder, &["incidents"]);
    let known = incidents(azora);
    let mut restart = azora
        .command(folder, &["restart", "web"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("azora runs");
    until("the first instance to be on its way out", || {
        before.values().any(|one| !lives(one.pid)).then_some(())
    });
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    // Nobody is there any more to tell it how it went.
    restart.wait().expect("it is our child");
    azora.up(folder);
    let after = azora.instances(folder);
    assert_eq!(after.len(), before.len());
    for (name, old) in &before {
        let new = &after[name];
        assert_eq!(new.generation, old.generation + 1, "once: {old:?} {new:?}");
        assert!(new.serves() && new.restarts == 0, "{new:?}");
    }
    assert_eq!(incidents(azora), known, "that was no fault");
}

/// The processes of `web` that serve.
#[track_caller]
fn pids(azora: &Azora, folder: &Path) -> Vec<u32> {
    let instances = azora.instances(folder);
    let serving = instances.values().filter(|instance| instance.serves());
    serving.map(|instance| instance.pid).collect()
}

/// The last port of the first instance: the one it shares, if it shares one.
#[track_caller]
pub fn shared_port(azora: &Azora, folder: &Path) -> u16 {
    let ps = azora.json(folder, &["ps"]);
    let ports = ps["instances"][0]["ports"].as_array();
    if let Some([own, shared]) = ports.map(Vec::as_slice) {
        assert_ne!(own, shared, "probes ask each instance alone");
    }
    let port = ports
        .and_then(|ports| ports.last()?.as_u64())
        .unwrap_or_else(|| panic!("no port in {ps}"));
    u16::try_from(port).expect("a port")
}
