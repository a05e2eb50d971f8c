//! A real service that runs and never becomes ready.
//!
//! Needs the programs built: `cargo build -p shim`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::{Config, Engine, Up};
use model::{Actor, State};
use std::time::Duration;
use testkit::{Home, eventually_async, program};

/// Far beyond what any wait here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const MUTE: &str = r#"
[service.mute]
run = "sleep 600"
port = 0
ready = { tcp = "$PORT", within = "300ms" }
[service.page]
run = "sleep 600"
needs = ["mute"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn up_ends_at_the_deadline_and_healing_goes_on() {
    let home = Home::new();
    let folder = home.path().join("folders/late");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("azora.toml"), MUTE).unwrap();
    let config = Config {
        home: home.path().to_owned(),
        programs: program("azora-shim").parent().unwrap().to_owned(),
        registry_port: Some(0),
        version: "test".into(),
    };
    let engine = Engine::start(config).await.unwrap();
    let handle = engine.handle();
    let up = Up {
        folder,
        trust: true,
        env: None,
    };
    let me = Actor::person("test");
    let started = handle.up(me, up, "test".into()).await.unwrap();
    let settled = handle.wait(started.act, PATIENCE).await.unwrap();
    assert!(settled.settled);
    let failed: Vec<String> = settled
        .failed
        .iter()
        .map(|(instance, reason)| format!("{instance}: {reason}"))
        .collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed[0].starts_with("mute.0: not ready within 300 ms: tcp ")
            && failed[0].ends_with("; healing goes on: restart 1 of 9"),
        "{failed:?}"
    );
    assert!(
        failed[1].starts_with("page.0: waiting for mute"),
        "{failed:?}"
    );
    let again = eventually_async(PATIENCE, || {
        let snapshot = handle.snapshot();
        let instances = snapshot.instances.get(&started.cluster);
        instances.into_iter().flatten().any(|one| {
            one.service.as_str() == "mute"
                && one.generation.0 >= 2
                && one.pid.is_some()
                && one.state == State::Recovering
        })
    })
    .await;
    assert!(again, "it is not started again");
    handle
        .shutdown(Actor::person("test"), false, String::new())
        .await;
}
