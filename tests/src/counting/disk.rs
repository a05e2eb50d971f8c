//! The files of logs: how long they are, and what disk they take while all goes on.

use super::LOOK;
use crate::{Azora, until};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// The log of an instance as its files lie on disk.
#[derive(Debug, Clone)]
pub struct OnDisk(PathBuf);

impl OnDisk {
    /// Of an instance of the only cluster of a home.
    pub fn of(azora: &Azora, instance: &str) -> Self {
        let logs = azora.home().path().join("logs");
        let cluster = until("the cluster's logs", || {
            std::fs::read_dir(&logs).ok()?.flatten().next()
        });
        Self(cluster.path().join(instance))
    }

    /// Length of the log: all that was ever written to it.
    pub fn length(&self) -> u64 {
        std::fs::metadata(self.0.join("log")).map_or(0, |file| file.len())
    }

    /// Bytes of disk that it, its index and its notes take.
    pub fn taken(&self) -> u64 {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        files
            .filter_map(|file| file.metadata().ok())
            .map(|file| file.blocks() * 512)
            .sum()
    }
}

/// Samples disk usage as often as it can until it is dropped.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    looks: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Looks at these logs, each by itself.
    pub fn start(logs: Vec<OnDisk>) -> Self {
        let (stop, peak, looks) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut sampler = Self {
            stop: Arc::clone(&stop),
            peak: Arc::clone(&peak),
            looks: Arc::clone(&looks),
            thread: None,
        };
        sampler.thread = Some(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let most = logs.iter().map(OnDisk::taken).max().unwrap_or(0);
                peak.fetch_max(most, Ordering::Relaxed);
                looks.fetch_add(1, Ordering::Relaxed);
                std::thread::park_timeout(LOOK);
            }
        }));
        sampler
    }

    /// Most bytes of one log so far.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Looks so far.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
