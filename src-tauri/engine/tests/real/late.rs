//! A real service that runs and never becomes ready.

use crate::stage::{PATIENCE, begin, config, folder, me};
use engine::Engine;
use model::State;
use testkit::{Home, eventually_async};

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
    let folder = folder(&home, "late", MUTE);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let started = begin(&handle, &folder).await;
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
    handle.shutdown(me(), false, String::new()).await;
}
