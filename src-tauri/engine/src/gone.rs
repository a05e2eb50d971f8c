//! An engine whose home was deleted. It holds a lock that nobody can find, so another engine can take
//! the same place, and what its services left on record is gone: no engine could ever adopt them. So
//! it takes them down and ends. When another engine has the place already, only the engine ends: what
//! is found by the home's name could be that one's.

use crate::handle::Handle;
use crate::shared::Shared;
use model::{Actor, Outcome};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Between two looks, each one question to the file system.
const LOOK: Duration = Duration::from_secs(2);
/// So many looks in a row find it gone before it is: who moves a home away and back is quicker.
const LOOKS: u32 = 2;

/// How long containers may take to be ended that nobody could take down.
const CONTAINERS: Duration = Duration::from_secs(30);

/// Looks for as long as the engine runs, and ends it when its home is gone.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut gone = 0;
    while gone < LOOKS {
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let looking = Arc::clone(&shared);
        // A disk of the network's may not answer at once.
        let there = tokio::task::spawn_blocking(move || is_there(&looking)).await;
        gone = match there {
            Ok(false) => gone + 1,
            Ok(true) | Err(_) => 0,
        };
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for the end of all the engine's tasks, and ends with the engine itself"
    )]
    tokio::spawn(end(Handle::of(shared)));
}

fn is_there(shared: &Shared) -> bool {
    let lock = shared.life.lock.lock();
    let lock = lock.unwrap_or_else(PoisonError::into_inner);
    lock.as_ref().is_none_or(|lock| lock.is_of(&shared.layout))
}

async fn end(engine: Handle) {
    let layout = engine.shared.layout.clone();
    let home = layout.home().display().to_string();
    let actor = Actor::watch();
    engine.shared.constitution.home_is_gone();
    if let Some(other) = driver::lock::holder(&layout) {
        let reason = format!(
            "its home {home} was deleted, and pid {} has made another",
            other.pid
        );
        tracing::error!("{reason}: this engine ends, and what it ran is left to its shims");
        engine.shutdown(actor, true, reason).await;
        return;
    }
    let reason = format!("its home {home} was deleted");
    tracing::error!(
        "{reason}: nobody could adopt its services, so they are taken down; this engine ends"
    );
    if let Outcome::Failed(why) = engine.take_all_down(&actor, &reason).await {
        tracing::error!("{why}");
    }
    // What could not be told to end, or was not on its list.
    let why = reason.clone();
    let rest = tokio::task::spawn_blocking(move || {
        // Another engine may have come meanwhile.
        match driver::lock::holder(&layout) {
            Some(_) => None,
            None => Some(driver::emergency::stop(&layout, &why, "deleted home")),
        }
    });
    if let Ok(Some(report)) = rest.await {
        for one in &report.left {
            tracing::error!(pid = one.pid, command = one.command, "left: {}", one.why);
        }
    }
    let layout = &engine.shared.layout;
    if driver::lock::holder(layout).is_none() {
        let around = driver_docker::Surroundings::of_this_process();
        let rest = driver_docker::emergency::stop(layout, &around, CONTAINERS).await;
        for text in rest.not_ended() {
            tracing::error!("left: {text}");
        }
    }
    engine.shutdown(actor, true, reason).await;
}
