//! The one task that writes keys and values, and how others wait for a change.

use super::model::{Change, Found, Pairs, Select};
use super::{Fault, MAX_BYTES, MAX_KEYS, Write, size};
use crate::Registry;
use crate::door::Begun;
use ::model::{Act, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use store::{Pair, Store};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Writes that may wait; who comes later waits for a place.
const QUEUE: usize = 64;
/// Writes of one transaction.
const TOGETHER: usize = 64;
/// Changes that one who waits may be behind before he looks for himself.
const TOLD: usize = 256;

type Reply = oneshot::Sender<Result<bool, Fault>>;

/// A write that the door let in, its act if it is one, and who waits for it.
struct Order {
    act: Option<Begun>,
    write: Write,
    reply: Reply,
}

/// What a write comes to.
type Told = Result<Done, Fault>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// Something changes.
    Changed,
    /// It is so already.
    Already,
    /// It is not as its writer thinks, and stays as it is.
    Otherwise,
}

/// Keys and values of one home. When it goes, its task ends.
pub(crate) struct Kv {
    model: Arc<Model>,
    registry: Registry,
    orders: mpsc::Sender<Order>,
    _task: JoinSet<()>,
}

struct Model {
    pairs: RwLock<Pairs>,
    told: broadcast::Sender<Arc<[String]>>,
}

impl Kv {
    /// Reads what outlived the last engine. Changes share the numbers of the registry's.
    pub(crate) async fn open(store: Store, registry: Registry) -> Result<Self, store::Error> {
        // Later than every change that is not among it: what was removed, and when, is not written.
        let floor = registry.next_index();
        let pairs = Pairs::new(store.pairs().all().await?, floor);
        let (told, _) = broadcast::channel(TOLD);
        let model = Arc::new(Model {
            pairs: RwLock::new(pairs),
            told,
        });
        let (orders, queue) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        task.spawn(run(store, model.clone(), registry.clone(), queue));
        Ok(Self {
            model,
            registry,
            orders,
            _task: task,
        })
    }

    pub(crate) fn find(&self, select: &Select) -> Found {
        let pairs = self.model.pairs.read();
        pairs.unwrap_or_else(PoisonError::into_inner).find(select)
    }

    /// What is found when it has changed after `seen`, or at the latest at `until`.
    pub(crate) async fn changed(&self, select: &Select, seen: u64, until: Instant) -> Found {
        let mut told = self.model.told.subscribe();
        loop {
            let found = self.find(select);
            if found.index > seen {
                return found;
            }
            loop {
                match tokio::time::timeout_at(until, told.recv()).await {
                    Ok(Ok(keys)) if !keys.iter().any(|key| select.has(key)) => {}
                    Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => {
                        return self.find(select);
                    }
                    Ok(_) => break,
                }
            }
        }
    }

    /// Does it; false when `cas` says that it should not be done. It is on disk when this returns.
    pub(crate) async fn write(&self, write: Write) -> Result<bool, Fault> {
        write.check()?;
        let (door, what) = (&self.registry.door, write.what());
        let act = match write.is_act() {
            true => Begun::admitted(door, Verb::WriteKey, &what).map(Some),
            false => door.allow(Verb::WriteKey, &what).map(|()| None),
        };
        let act = act.map_err(Fault::Refused)?;
        let (reply, answer) = oneshot::channel();
        let order = Order { act, write, reply };
        self.orders.send(order).await.map_err(|_| Fault::Closing)?;
        answer.await.map_err(|_| Fault::Closing)?
    }
}

async fn run(
    store: Store,
    model: Arc<Model>,
    registry: Registry,
    mut queue: mpsc::Receiver<Order>,
) {
    let mut orders = Vec::with_capacity(TOGETHER);
    while queue.recv_many(&mut orders, TOGETHER).await > 0 {
        let (changes, index, told) = {
            let pairs = model.pairs.read().unwrap_or_else(PoisonError::into_inner);
            decide(&pairs, &registry, &orders)
        };
        let mut done = orders.iter_mut().zip(&told);
        let acts: Vec<Act> = done
            .by_ref()
            .filter(|(_, told)| **told == Ok(Done::Changed))
            .filter_map(|(order, _)| order.act.as_mut()?.done())
            .collect();
        let written = keep(&store, &changes, &acts).await;
        if written.is_ok() && !changes.is_empty() {
            let mut pairs = model.pairs.write().unwrap_or_else(PoisonError::into_inner);
            pairs.apply(&changes, index);
            drop(pairs);
            let keys = changes.into_iter().map(|(key, _)| key).collect();
            // Nobody waiting is no fault.
            let _ = model.told.send(keys);
        }
        for (order, told) in orders.drain(..).zip(told) {
            conclude(order, told, &written);
        }
    }
}

/// Who asked may be gone; what was asked is done all the same.
fn conclude(order: Order, told: Told, written: &Result<(), Fault>) {
    let Order { act, reply, .. } = order;
    let result = match (told, written) {
        (Ok(Done::Changed), Ok(())) => {
            if let Some(act) = act {
                act.written();
            }
            let _ = reply.send(Ok(true));
            return;
        }
        (Ok(Done::Already), _) => Ok(true),
        (Ok(Done::Otherwise), _) => Ok(false),
        (Ok(Done::Changed), Err(fault)) => Err(fault.clone()),
        (Err(fault), _) => Err(fault),
    };
    if let Some(act) = act {
        act.over(&result);
    }
    let _ = reply.send(result);
}

async fn keep(store: &Store, changes: &[Change], acts: &[Act]) -> Result<(), Fault> {
    if changes.is_empty() && acts.is_empty() {
        return Ok(());
    }
    let puts = changes.iter().filter_map(|(_, pair)| pair.as_deref());
    let removed = changes.iter().filter(|(_, pair)| pair.is_none());
    let removed = removed.map(|(key, _)| key.as_str());
    let written = store.pairs().write(puts, removed, acts).await;
    written.map_err(|error| Fault::Store(format!("failed to {error}")))
}

/// What these writes come to together, the number of the last change, and what each is told if it is
/// written.
fn decide(pairs: &Pairs, registry: &Registry, orders: &[Order]) -> (Vec<Change>, u64, Vec<Told>) {
    let mut draft = Draft {
        pairs,
        changed: BTreeMap::new(),
        count: pairs.count(),
        bytes: pairs.bytes(),
    };
    let mut last = 0;
    let mut told = Vec::new();
    for order in orders {
        told.push(draft.write(&order.write, || {
            last = registry.next_index();
            last
        }));
    }
    (draft.changed.into_iter().collect(), last, told)
}

/// What is there, and on top of it what is about to be written.
struct Draft<'a> {
    pairs: &'a Pairs,
    changed: BTreeMap<String, Option<Arc<Pair>>>,
    count: usize,
    bytes: usize,
}

impl Draft<'_> {
    fn get(&self, key: &str) -> Option<Arc<Pair>> {
        match self.changed.get(key) {
            Some(changed) => changed.clone(),
            None => self.pairs.get(key).cloned(),
        }
    }

    fn write(&mut self, write: &Write, next: impl FnOnce() -> u64) -> Told {
        match write {
            Write::Put {
                key,
                value,
                flags,
                cas,
            } => {
                let before = self.get(key);
                if !fits(*cas, before.as_deref()) {
                    return Ok(Done::Otherwise);
                }
                if let Some(before) = &before
                    && before.value == *value
                    && before.flags == *flags
                {
                    // Nothing changes, so nobody is woken.
                    return Ok(Done::Already);
                }
                self.put(key, value, *flags, before.as_deref(), next)
            }
            Write::Delete { key, cas } => {
                let before = self.get(key);
                if !fits(*cas, before.as_deref()) {
                    return Ok(Done::Otherwise);
                }
                let Some(before) = before else {
                    return Ok(Done::Already);
                };
                next();
                self.remove(&before);
                Ok(Done::Changed)
            }
            Write::DeleteTree { prefix } => {
                let there = self.pairs.beginning(prefix).map(|pair| pair.key.clone());
                let drafted = self.changed.keys().filter(|key| key.starts_with(prefix));
                let keys: BTreeSet<String> = there.chain(drafted.cloned()).collect();
                let all: Vec<Arc<Pair>> = keys.iter().filter_map(|key| self.get(key)).collect();
                if all.is_empty() {
                    return Ok(Done::Already);
                }
                next();
                for pair in all {
                    self.remove(&pair);
                }
                Ok(Done::Changed)
            }
        }
    }

    fn put(
        &mut self,
        key: &str,
        value: &[u8],
        flags: u64,
        before: Option<&Pair>,
        next: impl FnOnce() -> u64,
    ) -> Told {
        let bytes = self.bytes - before.map_or(0, size) + key.len() + value.len();
        let count = self.count + usize::from(before.is_none());
        if count > MAX_KEYS && before.is_none() {
            return Err(Fault::TooMany);
        }
        // What becomes smaller is always let through.
        if bytes > MAX_BYTES && bytes > self.bytes {
            return Err(Fault::TooMuch);
        }
        (self.bytes, self.count) = (bytes, count);
        let modified = next();
        let pair = Pair {
            key: key.to_owned(),
            value: value.to_owned(),
            flags,
            created: before.map_or(modified, |before| before.created),
            modified,
        };
        self.changed.insert(key.to_owned(), Some(Arc::new(pair)));
        Ok(Done::Changed)
    }

    fn remove(&mut self, pair: &Pair) {
        self.bytes -= size(pair);
        self.count -= 1;
        self.changed.insert(pair.key.clone(), None);
    }
}

/// Is it still as the writer saw it?
fn fits(cas: Option<u64>, before: Option<&Pair>) -> bool {
    cas.is_none_or(|cas| cas == before.map_or(0, |pair| pair.modified))
}
