//! What the door does when nothing can be written down.

use crate::stage::{LIMIT, kill, me, sleeper};
use model::InstanceStatus;
use testkit::{Home, eventually_async};

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_while_nothing_can_be_written_down_is_healed_all_the_same() {
    let home = Home::new();
    let (_engine, handle, cluster) = sleeper(&home).await;
    let status = || -> InstanceStatus {
        let all = handle.shared.picture.instances(&cluster);
        all.into_iter().next().unwrap()
    };
    handle.shared.store.close().await;
    kill(status().pid.unwrap());
    let delayed = || status().reason.text.contains("healing is delayed");
    assert!(eventually_async(LIMIT, delayed).await, "{:?}", status());
    let healed = || status().generation.0 == 2 && status().pid.is_some();
    assert!(eventually_async(LIMIT, healed).await, "{:?}", status());
    handle.shutdown(me(), true, String::new()).await;
}
