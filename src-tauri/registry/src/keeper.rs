//! The one task that writes down what registered itself, and ends it.
//!
//! Being alone, it keeps disk and memory in the same order; being a task, it finishes what it
//! began when the program that asked hangs up. What was asked while the disk was waited for is
//! written together: one commit for all of it, each act with what it did.

mod tell;

use crate::door::Begun;
use crate::entries::{Changed, Key};
use crate::index::BLOCK;
use crate::registration::Stays;
use crate::{Error, Keep, Listed, Registration, Shared};
use model::Timestamp;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{Registered, Registering, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Orders that may wait; who comes later waits for a place.
const QUEUE: usize = 1_024;
/// Orders written in one commit.
const BATCH: usize = 256;
/// Between two tries of what nobody waits for: on a full disk they fail with every change.
const AGAIN: Duration = Duration::from_secs(10);
/// So long what a check says waits for others before it is written: as much may be lost of it.
const GATHER: Duration = Duration::from_secs(1);
/// Under which key the number is kept that no change has reached yet.
const CEILING: &str = "registry.index";

type Reply<T> = oneshot::Sender<Result<T, Error>>;

enum Order {
    Put(Begun, Wish, Reply<(Arc<Listed>, bool)>),
    Remove(Begun, Vec<Key>, Reply<usize>),
}

/// What is to be listed.
pub(crate) enum Wish {
    /// All of it is said, but for the checks that stay of what is listed then.
    Whole(Box<Registration>, Stays),
    /// What is listed under this key, changed.
    Amended(Key, Box<dyn FnOnce(&mut Registration) + Send>),
}

/// What the orders of one commit are about, each another entry: as hashes, of which two that are equal by
/// chance only put an order into the next commit.
#[derive(Default)]
struct Taken {
    hasher: RandomState,
    about: HashSet<u64>,
}

impl Taken {
    /// Nothing yet.
    fn clear(&mut self) {
        self.about.clear();
    }

    /// False when one before it is about the same.
    fn take(&mut self, order: &Order) -> bool {
        let hash = |name: &str, id: &str| self.hasher.hash_one((name, id));
        let all = match order {
            Order::Put(_, Wish::Whole(wish, _), _) => {
                let key = hash(&wish.name, &wish.id);
                // An id of Consul's is one's alone under whatever name, and no name is empty.
                let id = (wish.keep == Keep::Checks).then(|| hash("", &wish.id));
                [key, id.unwrap_or(key)].into()
            }
            Order::Put(_, Wish::Amended(key, _), _) => {
                [hash(&key.name, &key.id), hash("", &key.id)].into()
            }
            Order::Remove(_, keys, _) => keys.iter().map(|key| hash(&key.name, &key.id)).collect(),
        };
        let all: Vec<u64> = all;
        let free = !all.iter().any(|one| self.about.contains(one));
        if free {
            self.about.extend(all);
        }
        free
    }
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
        task.spawn(Run::new(store, shared).run(queue));
        Self {
            orders,
            _task: task,
        }
    }

    pub(crate) async fn put(&self, act: Begun, wish: Wish) -> Result<(Arc<Listed>, bool), Error> {
        self.ask(|reply| Order::Put(act, wish, reply)).await
    }

    pub(crate) async fn remove(&self, act: Begun, keys: Vec<Key>) -> Result<usize, Error> {
        self.ask(|reply| Order::Remove(act, keys, reply)).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.orders
            .send(order(reply))
            .await
            .map_err(|_| Error::Closing)?;
        answer.await.map_err(|_| Error::Closing)?
    }
}

/// The number that changes begin after, once those that follow it are reserved: no engine before this one
/// has told a change by one of them, whatever became of it.
pub(crate) async fn reserve(store: &Store, wall: Timestamp) -> Result<(u64, u64), Error> {
    let kept = store.meta().get(CEILING).await?;
    let kept = kept.and_then(|kept| kept.parse().ok()).unwrap_or(1);
    // Milliseconds grow faster than numbers: so an engine whose predecessor could not write the kept
    // number down, on a full disk, begins above it as well.
    let begin = u64::try_from(wall.0).unwrap_or(1).max(kept);
    let ceiling = begin + BLOCK;
    match store.meta().set(CEILING, &ceiling.to_string()).await {
        Ok(()) => Ok((begin, ceiling)),
        Err(error) => {
            // Services are not kept from running by it; it is tried again with the first change.
            tracing::warn!(%error, "numbers of the registry's changes are not reserved");
            Ok((begin, begin))
        }
    }
}

struct Run {
    store: Store,
    shared: Arc<Shared>,
    /// Orders that were taken from the queue and not carried out.
    waiting: VecDeque<Order>,
    /// What those are about that are written next.
    taken: Taken,
    /// Rows on disk of what is off the list.
    stale: BTreeSet<Key>,
    /// When numbers may be reserved again, after that has failed.
    reserves: Option<Instant>,
    /// When those rows are to be removed again, after that has failed.
    clears: Option<Instant>,
    /// When it is to be written what checks say, if they say something new.
    tells: Option<Instant>,
    /// What is left to be written of it.
    telling: BTreeSet<Key>,
}

/// An order that only has to be written.
enum Ready {
    Put(
        Begun,
        Box<Registration>,
        Registered,
        Reply<(Arc<Listed>, bool)>,
    ),
    Remove(Begun, Vec<Key>, Reply<usize>),
}

impl Run {
    fn new(store: Store, shared: Arc<Shared>) -> Self {
        Self {
            store,
            shared,
            waiting: VecDeque::new(),
            taken: Taken::default(),
            stale: BTreeSet::new(),
            reserves: None,
            clears: None,
            tells: None,
            telling: BTreeSet::new(),
        }
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Order>) {
        let mut taken = Vec::with_capacity(BATCH);
        loop {
            // Heartbeats only move ends away, so waking at the end as it was is never too late.
            let end = self.shared.read().next_due();
            let end = [end, self.clears, self.tells].into_iter().flatten().min();
            tokio::select! {
                count = queue.recv_many(&mut taken, BATCH) => if count == 0 { return },
                () = until(end) => self.fall_due(),
                () = self.shared.says.notified() => {
                    self.tells.get_or_insert_with(|| Instant::now() + GATHER);
                }
                () = self.shared.reserve.notified() => self.reserve().await,
                () = self.shared.gives_way.notified() => {
                    let keys = std::mem::take(&mut *self.shared.gave_way());
                    self.stale.extend(self.shared.read().still_gone(keys));
                }
            }
            self.waiting.extend(taken.drain(..));
            if !self.waiting.is_empty() {
                // Those that have been asked for meanwhile come along: a commit costs much, and a row little.
                tokio::task::yield_now().await;
                while self.waiting.len() < BATCH
                    && let Ok(order) = queue.try_recv()
                {
                    self.waiting.push_back(order);
                }
            }
            while !self.waiting.is_empty() {
                self.write().await;
            }
            if self.tells.is_some_and(|at| at <= Instant::now()) {
                self.tell().await;
            }
            if !self.stale.is_empty() {
                self.clear().await;
            }
        }
    }

    async fn reserve(&mut self) {
        if self.reserves.is_some_and(|again| Instant::now() < again) {
            return;
        }
        let ceiling = self.shared.read().index + BLOCK;
        match self.store.meta().set(CEILING, &ceiling.to_string()).await {
            Ok(()) => self.shared.ceiling.store(ceiling, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, "numbers of changes are not reserved");
                self.reserves = Some(Instant::now() + AGAIN);
            }
        }
    }

    /// They are off the list in any case; one that stays on disk comes back with the next engine
    /// and ends again.
    fn fall_due(&mut self) {
        let wall = (self.shared.wall)();
        let gone = self
            .shared
            .change(|entries| entries.fall_due(wall, Instant::now()));
        self.stale.extend(gone);
    }

    async fn clear(&mut self) {
        if self.clears.is_some_and(|again| Instant::now() < again) {
            return;
        }
        let gone = Registering {
            removed: self.stale.iter().cloned().map(Key::pair).collect(),
            ..Registering::default()
        };
        match self.store.registry().write(&gone).await {
            Ok(()) => {
                self.stale.clear();
                self.clears = None;
            }
            Err(error) => {
                tracing::warn!(%error, "entries have ended and stay on disk");
                self.clears = Some(Instant::now() + AGAIN);
            }
        }
    }

    /// Carries out what waits, up to an order about something that one before it is about.
    async fn write(&mut self) {
        self.taken.clear();
        let mut ready = Vec::with_capacity(self.waiting.len().min(BATCH));
        while ready.len() < BATCH
            && let Some(order) = self.waiting.pop_front()
        {
            if !self.taken.take(&order) {
                self.waiting.push_front(order);
                break;
            }
            match order {
                Order::Put(act, wish, reply) => ready.extend(self.prepare(act, wish, reply)),
                Order::Remove(act, keys, reply) => ready.push(Ready::Remove(act, keys, reply)),
            }
        }
        match self.commit(&mut ready).await {
            Err(error) if error.is_of_the_entry() && ready.len() > 1 => {
                // One of them cannot be written, and the others need not suffer for it.
                for one in ready {
                    let mut alone = vec![one];
                    let result = self.commit(&mut alone).await;
                    self.conclude(alone, result);
                }
            }
            result => self.conclude(ready, result),
        }
    }

    /// Looked at again: much may have happened at the door. What needs no writing is answered; who
    /// asked may be gone, and what was asked is done all the same.
    fn prepare(&self, act: Begun, wish: Wish, reply: Reply<(Arc<Listed>, bool)>) -> Option<Ready> {
        let wall = (self.shared.wall)();
        let allowed = &self.shared.allowed;
        let looked = self.whole(wish).and_then(|wish| {
            let mut entries = self.shared.write();
            let known = entries.known(&wish, allowed, wall, Instant::now())?;
            let before = entries.at(&wish.name, &wish.id);
            let row = match before.map(|entry| &entry.listed) {
                Some(listed) => wish.to_row(listed.view.since, &listed.checks),
                None => wish.to_row(wall, &[]),
            };
            Ok((wish, known, row))
        });
        match looked {
            Ok((wish, None, row)) => return Some(Ready::Put(act, wish, row, reply)),
            Ok((_, Some(listed), _)) => answer(act, Ok((listed, false)), reply),
            Err(error) => answer(act, Err(error), reply),
        }
        None
    }

    fn whole(&self, wish: Wish) -> Result<Box<Registration>, Error> {
        let (key, change) = match wish {
            Wish::Whole(mut wish, stays) => {
                let entries = self.shared.read();
                if let Some(entry) = entries.at(&wish.name, &wish.id)
                    && wish.keep_checks(&entry.listed, stays)
                {
                    wish.check(&entries.refused_ports, &self.shared.allowed)?;
                }
                return Ok(wish);
            }
            Wish::Amended(key, change) => (key, change),
        };
        let entries = self.shared.read();
        let what = key.to_string();
        let entry = entries.get(&key).ok_or(Error::Missing { what })?;
        let Some(known) = &entry.listed.wish else {
            let cluster = entry.listed.view.cluster.as_ref();
            return Err(Error::Kept {
                name: key.name,
                cluster: cluster.map(ToString::to_string).unwrap_or_default(),
            });
        };
        let mut wish = Registration::clone(known);
        change(&mut wish);
        wish.check(&entries.refused_ports, &self.shared.allowed)?;
        Ok(Box::new(wish))
    }

    async fn commit(&mut self, ready: &mut [Ready]) -> Result<(), store::Error> {
        let mut all = Registering::default();
        all.acts.reserve(ready.len());
        all.put.reserve(ready.len());
        {
            let entries = self.shared.read();
            for one in &mut *ready {
                match one {
                    Ready::Put(act, wish, row, _) => {
                        all.acts.extend(act.done());
                        // Lent, and given back below.
                        all.put.push(std::mem::take(row));
                        let taken = entries.takes_id_of(wish);
                        all.removed.extend(taken.into_iter().map(Key::pair));
                    }
                    Ready::Remove(act, keys, _) => {
                        all.acts.extend(act.done());
                        all.removed.extend(keys.iter().cloned().map(Key::pair));
                    }
                }
            }
        }
        let written = self.store.registry().write(&all).await;
        let rows = ready.iter_mut().filter_map(|one| match one {
            Ready::Put(_, _, row, _) => Some(row),
            Ready::Remove(..) => None,
        });
        for (place, row) in rows.zip(all.put) {
            *place = row;
        }
        written
    }

    /// Lists what was written, all of it in one change, and tells those who asked.
    fn conclude(&mut self, ready: Vec<Ready>, written: Result<(), store::Error>) {
        if let Err(error) = written {
            let error = Arc::new(error);
            for one in ready {
                let failed = Error::Store(Arc::clone(&error));
                match one {
                    Ready::Put(act, _, _, reply) => answer(act, Err(failed), reply),
                    Ready::Remove(act, _, reply) => answer(act, Err(failed), reply),
                }
            }
            return;
        }
        let wall = (self.shared.wall)();
        let now = Instant::now();
        let mut over = Vec::with_capacity(ready.len());
        let (stale, tells) = (&mut self.stale, &mut self.tells);
        self.shared.change(|entries| {
            let mut all = Changed::default();
            for one in ready {
                over.push(match one {
                    Ready::Put(act, wish, row, reply) => {
                        // While it was written, an instance of ours may have come up under its name,
                        // or those written with it taken the last place.
                        let result = match entries.room(&wish) {
                            Ok(()) => {
                                Ok(entries.put_registered(*wish, row.since, wall, now, &mut all))
                            }
                            Err(error) => {
                                // What it would have taken the id of stays, and its row went for it.
                                let taken = entries.takes_id_of(&wish);
                                if !taken.is_empty() {
                                    tells.get_or_insert(now);
                                    entries.unwritten.extend(taken);
                                }
                                Err(error)
                            }
                        };
                        if result.is_err() || !stale.is_empty() {
                            let key = Key {
                                name: row.name,
                                id: row.id,
                            };
                            match &result {
                                Ok(_) => stale.remove(&key),
                                // What is listed as it was before has another row now.
                                Err(_) if entries.is_registered(&key) => {
                                    tells.get_or_insert(now);
                                    entries.unwritten.insert(key)
                                }
                                Err(_) => stale.insert(key),
                            };
                        }
                        Over::Put(act, result, reply)
                    }
                    Ready::Remove(act, keys, reply) => {
                        let (removed, changed) = entries.remove_registered(&keys);
                        all.add(changed);
                        Over::Removed(act, removed, reply)
                    }
                });
            }
            ((), all)
        });
        over.into_iter().for_each(Over::tell);
    }
}

/// An order that was carried out, but for telling who asked.
enum Over {
    Put(
        Begun,
        Result<(Arc<Listed>, bool), Error>,
        Reply<(Arc<Listed>, bool)>,
    ),
    Removed(Begun, usize, Reply<usize>),
}

impl Over {
    fn tell(self) {
        match self {
            Over::Put(act, Ok(put), reply) => {
                act.written();
                let _ = reply.send(Ok(put));
            }
            Over::Put(act, error, reply) => answer(act, error, reply),
            Over::Removed(act, removed, reply) => {
                act.written();
                let _ = reply.send(Ok(removed));
            }
        }
    }
}

fn answer<T>(act: Begun, result: Result<T, Error>, reply: Reply<T>) {
    act.over(&result);
    let _ = reply.send(result);
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
