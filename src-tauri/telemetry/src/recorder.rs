//! Keeps measurements: a bounded queue in front of the history database.
//!
//! Nobody waits here. When the disk is too slow the oldest measurements that wait are dropped,
//! counted and said; nothing that heals depends on them.

use model::view::Usage;
use model::{ClusterId, Evidence, InstanceId, ProbeKind, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{ProbeSample, Store, UsageSample};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Measurements that may wait: 2,000 services with a probe every 5 s and 60 usages a second fill it
/// in most of a minute.
const QUEUE: usize = 24_576;
/// So often they are written, in one transaction. Each row lies with the others of its instance, so
/// what is written together saves pages: three of an instance are one page, where three times one
/// are three.
const EVERY: Duration = Duration::from_secs(15);
/// When so many wait, they are written at once.
const MANY: usize = QUEUE / 4;
/// Who reads waits for what is not written so long at most: the store may hang.
const FLUSH: Duration = Duration::from_secs(1);
/// So often old ones are rolled up and dropped.
const TEND: Duration = Duration::from_secs(60);
/// The same when there is more to roll up than one call does.
const TEND_ON: Duration = Duration::from_secs(2);
/// Usage is kept this often, in milliseconds, averaged: a day of 150 services stays below 100 MB.
const USAGE_EVERY: i64 = 5_000;
/// Written at the end, the store may take so long.
const LAST_WRITE: Duration = Duration::from_secs(5);

#[derive(Debug)]
enum Sample {
    Probe(ProbeSample),
    Usage(UsageSample),
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Sample>,
    lost: u64,
    /// Times somebody asked for everything to be written.
    asked: u64,
}

impl Queue {
    fn put(&mut self, sample: Sample) {
        if self.waiting.len() >= QUEUE {
            self.waiting.pop_front();
            self.lost += 1;
            if self.lost.is_power_of_two() {
                let lost = self.lost;
                tracing::warn!(lost, "the history is too slow; measurements were dropped");
            }
        }
        self.waiting.push_back(sample);
    }
}

/// The half that is told. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: Arc<Mutex<Queue>>,
    /// Wakes the half that writes.
    wake: Arc<Notify>,
    /// Up to which asking it has written.
    written: watch::Receiver<u64>,
    wall: fn() -> Timestamp,
}

/// The half that writes; the engine runs it as a task of its own.
pub struct Recording {
    queue: Arc<Mutex<Queue>>,
    wake: Arc<Notify>,
    written: watch::Sender<u64>,
    store: Store,
    wall: fn() -> Timestamp,
    averages: BTreeMap<(ClusterId, InstanceId), Average>,
    /// To be written, oldest first.
    probes: Vec<ProbeSample>,
    usage: Vec<UsageSample>,
    /// Writes that failed one after the other.
    failures: u64,
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Both halves; `wall` is the engine's clock.
    pub fn new(store: Store, wall: fn() -> Timestamp) -> (Recorder, Recording) {
        let queue = Arc::<Mutex<Queue>>::default();
        let wake = Arc::<Notify>::default();
        let (write, written) = watch::channel(0);
        let recorder = Recorder {
            queue: queue.clone(),
            wake: wake.clone(),
            written,
            wall,
        };
        let recording = Recording {
            queue,
            wake,
            written: write,
            store,
            wall,
            averages: BTreeMap::new(),
            probes: Vec::new(),
            usage: Vec::new(),
            failures: 0,
        };
        (recorder, recording)
    }

    /// A probe came back.
    pub fn probe(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        kind: ProbeKind,
        evidence: &Evidence,
    ) {
        self.put(Sample::Probe(ProbeSample {
            at: (self.wall)(),
            cluster: cluster.clone(),
            instance: instance.clone(),
            kind,
            verdict: evidence.verdict,
            latency_us: evidence.latency_us,
        }));
    }

    /// CPU and memory were read.
    pub fn usage(&self, cluster: &ClusterId, instance: &InstanceId, usage: Usage) {
        self.put(Sample::Usage(UsageSample {
            at: (self.wall)(),
            cluster: cluster.clone(),
            instance: instance.clone(),
            cpu: usage.cpu,
            memory: usage.memory,
            files: (usage.files > 0).then_some(usage.files),
        }));
    }

    fn put(&self, sample: Sample) {
        let mut queue = lock(&self.queue);
        queue.put(sample);
        if queue.waiting.len() == MANY {
            self.wake.notify_one();
        }
    }

    /// Lets everything be written that was told before, for who reads the history next. When the
    /// store hangs or is closed, what is there by then has to do.
    pub async fn flush(&self) {
        let mine = {
            let mut queue = lock(&self.queue);
            queue.asked += 1;
            queue.asked
        };
        self.wake.notify_one();
        let mut written = self.written.clone();
        let done = written.wait_for(|written| *written >= mine);
        let _ = tokio::time::timeout(FLUSH, done).await;
    }

    /// Measurements that were dropped because the disk was too slow.
    pub fn lost(&self) -> u64 {
        lock(&self.queue).lost
    }
}

impl Recording {
    /// Writes every quarter of a minute, and when it is asked or much waits, until `stop`; and then
    /// what is left.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut tend = Instant::now() + TEND;
        loop {
            let last = tokio::select! {
                () = &mut stop => true,
                () = self.wake.notified() => false,
                () = tokio::time::sleep(EVERY) => false,
            };
            if last {
                let written = tokio::time::timeout(LAST_WRITE, self.write(true));
                if written.await.is_err() {
                    tracing::warn!("the last measurements were not kept: the store hangs");
                }
                return;
            }
            self.write(false).await;
            if Instant::now() >= tend {
                let more = match self.store.samples().tend((self.wall)()).await {
                    Ok(tended) => !tended.done,
                    Err(error) => {
                        tracing::error!(%error, "failed to roll up old measurements");
                        false
                    }
                };
                tend = Instant::now() + if more { TEND_ON } else { TEND };
            }
        }
    }

    /// Writes what waits; what cannot be written waits on, as much of it as the queue holds.
    async fn write(&mut self, last: bool) {
        let (taken, asked) = {
            let mut queue = lock(&self.queue);
            (std::mem::take(&mut queue.waiting), queue.asked)
        };
        for sample in taken {
            match sample {
                Sample::Probe(sample) => self.probes.push(sample),
                Sample::Usage(sample) => {
                    let due = self.average(sample);
                    self.usage.extend(due);
                }
            }
        }
        let now = (self.wall)();
        // Averages of what is no longer measured, and at the end all of them.
        let due = |average: &Average| last || now.0 - average.since.0 > 2 * USAGE_EVERY;
        let overdue = self.averages.extract_if(.., |_, average| due(average));
        self.usage.extend(overdue.filter_map(sample_of));
        match self.store.samples().append(&self.probes, &self.usage).await {
            Ok(()) => {
                self.failures = 0;
                self.probes.clear();
                self.usage.clear();
            }
            Err(error) => {
                self.failures += 1;
                if self.failures.is_power_of_two() {
                    tracing::error!(%error, "failed to keep measurements");
                }
                let lost = forget(&mut self.probes) + forget(&mut self.usage);
                lock(&self.queue).lost += lost;
            }
        }
        self.written.send_replace(asked);
    }

    /// Adds a measurement to its average; gives the average when it is due.
    fn average(&mut self, sample: UsageSample) -> Option<UsageSample> {
        let key = (sample.cluster.clone(), sample.instance.clone());
        let average = self
            .averages
            .entry(key.clone())
            .or_insert_with(|| Average::new(sample.at));
        average.add(&sample);
        if sample.at.0 - average.since.0 < USAGE_EVERY {
            return None;
        }
        self.averages.remove_entry(&key).and_then(sample_of)
    }
}

/// Drops the oldest beyond what may wait; gives how many.
fn forget<T>(waiting: &mut Vec<T>) -> u64 {
    let over = waiting.len().saturating_sub(QUEUE);
    waiting.drain(..over).count() as u64
}

/// Usage of one instance that is not kept yet.
#[derive(Debug)]
struct Average {
    /// When the one before was due.
    since: Timestamp,
    at: Timestamp,
    count: u32,
    cpu: f64,
    memory: u64,
    files: Option<u32>,
}

impl Average {
    fn new(since: Timestamp) -> Self {
        Self {
            since,
            at: since,
            count: 0,
            cpu: 0.0,
            memory: 0,
            files: None,
        }
    }

    fn add(&mut self, sample: &UsageSample) {
        self.count += 1;
        self.at = sample.at;
        self.cpu += f64::from(sample.cpu);
        self.memory = self.memory.saturating_add(sample.memory);
        self.files = self.files.max(sample.files);
    }
}

fn sample_of(
    ((cluster, instance), average): ((ClusterId, InstanceId), Average),
) -> Option<UsageSample> {
    (average.count > 0).then(|| UsageSample {
        at: average.at,
        cluster,
        instance,
        cpu: (average.cpu / f64::from(average.count)) as f32,
        memory: average.memory / u64::from(average.count),
        files: average.files,
    })
}

#[cfg(test)]
mod tests;
