//! Keeps measurements: a bounded queue in front of the history database.
//!
//! Nobody waits here. When the disk is too slow the newest measurements are dropped, counted and
//! said; nothing that heals depends on them.

use model::view::Usage;
use model::{ClusterId, Evidence, InstanceId, ProbeKind, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{ProbeSample, Store, UsageSample};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Measurements that may wait: 2,000 services with a probe every 5 s fill it in half a minute.
const QUEUE: usize = 16_384;
/// So often they are written, in one transaction.
const EVERY: Duration = Duration::from_secs(1);
/// So often old ones are rolled up and dropped.
const TEND: Duration = Duration::from_secs(60);

enum Sample {
    Probe(ProbeSample),
    Usage(UsageSample),
}

/// The half that is told. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Sample>,
    lost: Arc<AtomicU64>,
    wall: fn() -> Timestamp,
}

/// The half that writes; the engine runs it as a task of its own.
pub struct Recording {
    queue: mpsc::Receiver<Sample>,
    store: Store,
    wall: fn() -> Timestamp,
}

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Sample::Probe(sample) => sample.fmt(f),
            Sample::Usage(sample) => sample.fmt(f),
        }
    }
}

impl Recorder {
    /// Both halves; `wall` is the engine's clock.
    pub fn new(store: Store, wall: fn() -> Timestamp) -> (Recorder, Recording) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let recorder = Recorder {
            queue: sender,
            lost: Arc::default(),
            wall,
        };
        (
            recorder,
            Recording {
                queue: receiver,
                store,
                wall,
            },
        )
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
        }));
    }

    /// Measurements that were dropped because the disk was too slow.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn put(&self, sample: Sample) {
        if self.queue.try_send(sample).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::warn!(lost, "the history is too slow; measurements were dropped");
            }
        }
    }
}

impl Recording {
    /// Writes once a second until `stop`, and then what is left.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut tended = Instant::now();
        loop {
            let last = tokio::select! {
                () = &mut stop => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            self.write().await;
            if last {
                return;
            }
            if tended.elapsed() >= TEND {
                tended = Instant::now();
                if let Err(error) = self.store.samples().tend((self.wall)()).await {
                    tracing::error!(%error, "failed to roll up old measurements");
                }
            }
        }
    }

    async fn write(&mut self) {
        let (mut probes, mut usage) = (Vec::new(), Vec::new());
        while let Ok(sample) = self.queue.try_recv() {
            match sample {
                Sample::Probe(sample) => probes.push(sample),
                Sample::Usage(sample) => usage.push(sample),
            }
        }
        if let Err(error) = self.store.samples().append(&probes, &usage).await {
            tracing::error!(%error, "failed to keep measurements");
        }
    }
}
