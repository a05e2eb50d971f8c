//! What the tests of an engine begin with.
#![expect(
    clippy::disallowed_methods,
    reason = "a test ends services behind the engine's back"
)]

use engine::{Config, Handle, Up, UpStarted};
use model::{Actor, ClusterId};
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::{Home, program};

/// Far beyond what any wait here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// An engine without a registry for others.
pub(crate) fn config(home: &Home) -> Config {
    Config {
        home: home.path().to_owned(),
        programs: program("azora-shim").parent().unwrap().to_owned(),
        registry_port: None,
        gateway_port: None,
        version: "test".into(),
    }
}

pub(crate) fn me() -> Actor {
    Actor::person("test")
}

/// A folder with this definition, inside the scratch home so that it goes with it.
pub(crate) fn folder(home: &Home, name: &str, definition: &str) -> PathBuf {
    let folder = home.path().join("folders").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(spec::FILE), definition).unwrap();
    folder
}

/// Begins to start what a folder defines.
pub(crate) async fn begin(handle: &Handle, folder: &Path) -> UpStarted {
    let up = Up {
        folder: folder.to_owned(),
        file: None,
        trust: true,
        choice: Default::default(),
        risks: Vec::new(),
        env: None,
    };
    handle.up(me(), up, "test".into()).await.unwrap()
}

/// Starts it, and waits until all of it serves.
pub(crate) async fn up(handle: &Handle, folder: &Path) -> ClusterId {
    let started = begin(handle, folder).await;
    let settled = handle.wait(started.act, PATIENCE).await.unwrap();
    assert!(settled.settled && settled.failed.is_empty(), "{settled:?}");
    started.cluster
}

pub(crate) fn kill(pid: Option<u32>) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid.unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
