//! The one task that writes leases down and ends them.
//!
//! Being alone, it keeps disk and memory in the same order; being a task, it finishes what it
//! began when the program that asked hangs up.

use crate::door::Act;
use crate::entries::Key;
use crate::{Error, Listed, Registration, RegistryChange, Shared};
use std::sync::Arc;
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Orders that may wait; who comes later waits for a place.
const QUEUE: usize = 64;

enum Order {
    Put(
        Act,
        Registration,
        oneshot::Sender<Result<(Listed, bool), Error>>,
    ),
    Remove(Act, Vec<Key>, oneshot::Sender<Result<usize, Error>>),
}

/// A handle to the task. When it goes, the task is ended.
pub(crate) struct Keeper {
    orders: mpsc::Sender<Order>,
    _task: JoinSet<()>,
}

impl Keeper {
    pub(crate) fn start(store: Store, shared: Arc<Shared>) -> Self {
        let (orders, queue) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        task.spawn(run(store, shared, queue));
        Self {
            orders,
            _task: task,
        }
    }

    pub(crate) async fn put(
        &self,
        act: Act,
        registration: Registration,
    ) -> Result<(Listed, bool), Error> {
        self.ask(|reply| Order::Put(act, registration, reply)).await
    }

    pub(crate) async fn remove(&self, act: Act, keys: Vec<Key>) -> Result<usize, Error> {
        self.ask(|reply| Order::Remove(act, keys, reply)).await
    }

    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Order,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.orders
            .send(order(reply))
            .await
            .map_err(|_| Error::Closing)?;
        answer.await.map_err(|_| Error::Closing)?
    }
}

async fn run(store: Store, shared: Arc<Shared>, mut queue: mpsc::Receiver<Order>) {
    loop {
        // Heartbeats only move ends away, so waking at the end as it was is never too late.
        let end = shared.read().next_end();
        let order = tokio::select! {
            order = queue.recv() => order,
            () = until(end) => {
                expire(&store, &shared).await;
                continue;
            }
        };
        // Who asked may be gone; what was asked is done all the same.
        match order {
            Some(Order::Put(act, registration, reply)) => {
                let result = put(&store, &shared, registration).await;
                act.over(&result);
                let _ = reply.send(result);
            }
            Some(Order::Remove(act, keys, reply)) => {
                let result = remove(&store, &shared, &keys).await;
                act.over(&result);
                let _ = reply.send(result);
            }
            None => return,
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

async fn put(store: &Store, shared: &Shared, wish: Registration) -> Result<(Listed, bool), Error> {
    // Looked at again: much may have happened at the door.
    let known = shared.change(|entries| {
        match entries.known(&wish, &shared.allowed, (shared.wall)(), Instant::now()) {
            Ok(Some((listed, change))) => (Ok(Some(listed)), change),
            Ok(None) => (Ok(None), RegistryChange::default()),
            Err(error) => (Err(error), RegistryChange::default()),
        }
    })?;
    if let Some(listed) = known {
        return Ok((listed, false));
    }
    let since = shared
        .read()
        .since(&wish.name, &wish.id)
        .unwrap_or_else(|| (shared.wall)());
    store.registry().upsert(&wish.to_lease(since)).await?;
    shared.change(|entries| {
        // While it was written, an instance of ours may have come up under its very id.
        if let Err(error) = entries.not_own(&wish) {
            return (Err(error), RegistryChange::default());
        }
        let (listed, new, change) =
            entries.put_leased(wish, since, (shared.wall)(), Instant::now());
        (Ok((listed, new)), change)
    })
}

async fn remove(store: &Store, shared: &Shared, keys: &[Key]) -> Result<usize, Error> {
    store.registry().remove(&pairs(keys)).await?;
    Ok(shared.change(|entries| {
        let change = entries.remove_leased(keys);
        (change.removed.len(), change)
    }))
}

async fn expire(store: &Store, shared: &Shared) {
    let ended = shared.change(|entries| {
        let ended = entries.ended(Instant::now());
        let change = entries.remove_leased(&ended);
        (ended, change)
    });
    // They are off the list in any case; one that stays on disk comes back with the next engine
    // and ends again.
    if let Err(error) = store.registry().remove(&pairs(&ended)).await {
        tracing::warn!(%error, "leases have ended and stay on disk");
    }
}

fn pairs(keys: &[Key]) -> Vec<(String, String)> {
    keys.iter().cloned().map(Key::pair).collect()
}
