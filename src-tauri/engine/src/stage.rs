//! What the tests inside begin with: an engine that runs one service.

use crate::{Config, Engine, Handle, Up};
use model::{Actor, ClusterId};
use std::time::Duration;
use testkit::{Home, program};

/// Far beyond what any wait here takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn me() -> Actor {
    Actor::person("test")
}

/// An engine of this home, without a registry of its own.
pub(crate) fn config(home: &Home) -> Config {
    Config {
        home: home.path().to_owned(),
        programs: program("azora-shim").parent().unwrap().to_owned(),
        registry_port: None,
        gateway_port: None,
        version: "test".into(),
    }
}

/// Dropped, the engine would end.
pub(crate) async fn sleeper(home: &Home) -> (Engine, Handle, ClusterId) {
    running(home, "[service.db]\nrun = \"sleep 600\"\n").await
}

/// The same with another definition.
pub(crate) async fn running(home: &Home, definition: &str) -> (Engine, Handle, ClusterId) {
    let folder = home.path().join("one");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(spec::FILE), definition).unwrap();
    let engine = Engine::start(config(home)).await.unwrap();
    let handle = engine.handle();
    let up = Up {
        folder,
        file: None,
        trust: true,
        choice: Default::default(),
        risks: Vec::new(),
        env: None,
    };
    let started = handle.up(me(), up, String::new()).await.unwrap();
    assert!(handle.wait(started.act, LIMIT).await.unwrap().settled);
    (engine, handle, started.cluster)
}

/// Ends a service's process as a crash would.
#[expect(
    clippy::disallowed_methods,
    reason = "a test stands in for a service's crash"
)]
pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
