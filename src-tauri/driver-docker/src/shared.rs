//! What every instance's task has in common.

use crate::daemon::Daemon;
use crate::{Event, HealthWord};
use driver::{Happened, Layout};
use model::{ClusterId, ExitStatus, Generation, InstanceId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Of one home and one daemon.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    /// The home's short name.
    pub(crate) home: String,
    pub(crate) daemon: Daemon,
    events: mpsc::Sender<Event>,
    /// Who wants to look when something becomes of a container, by its name.
    looks: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Shared {
    pub(crate) fn new(layout: Layout, daemon: Daemon, events: mpsc::Sender<Event>) -> Self {
        Self {
            home: layout.id(),
            layout,
            daemon,
            events,
            looks: Mutex::default(),
        }
    }

    /// Tells the engine. One that does not listen any more is none.
    pub(crate) async fn say(&self, event: Event) {
        let _ = self.events.send(event).await;
    }

    pub(crate) fn looks(&self, container: &str) -> Arc<Notify> {
        let mut looks = lock(&self.looks);
        Arc::clone(looks.entry(container.to_owned()).or_default())
    }

    /// Something became of this container.
    pub(crate) fn stirred(&self, container: &str) {
        if let Some(look) = lock(&self.looks).get(container) {
            look.notify_one();
        }
    }

    /// Anything may have become of any.
    pub(crate) fn stirred_all(&self) {
        for look in lock(&self.looks).values() {
            look.notify_one();
        }
    }
}

/// Whose news it is.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    pub(crate) cluster: ClusterId,
    pub(crate) instance: InstanceId,
}

impl Whose {
    pub(crate) fn started(&self, generation: Generation, pid: u32) -> Event {
        Event::Happened(Happened::Started {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            pid,
        })
    }

    pub(crate) fn start_failed(&self, generation: Generation, error: String, retry: bool) -> Event {
        Event::Happened(Happened::StartFailed {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            error,
            retry,
        })
    }

    pub(crate) fn start_delayed(&self, generation: Generation, shortage: String) -> Event {
        Event::Happened(Happened::StartDelayed {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            shortage,
        })
    }

    pub(crate) fn exited(&self, generation: Generation, status: ExitStatus) -> Event {
        Event::Happened(Happened::Exited {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            status,
            // With its first process the kernel ends all others of a container.
            left: 0,
        })
    }

    pub(crate) fn stop_goes_on(&self, generation: Generation, how: String) -> Event {
        Event::Happened(Happened::StopGoesOn {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            how,
        })
    }

    pub(crate) fn stop_blocked(&self, generation: Generation, blocker: String) -> Event {
        Event::Happened(Happened::StopBlocked {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            blocker,
        })
    }

    pub(crate) fn health(&self, generation: Generation, word: HealthWord, said: String) -> Event {
        Event::Health {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
            generation,
            word,
            said,
        }
    }
}

/// A lock that a panic elsewhere does not take away: what it holds is replaced whole or not at all.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
