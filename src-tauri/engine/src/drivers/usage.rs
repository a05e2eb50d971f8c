//! What containers use, as their daemon counts it: CPU is a difference of two readings.

use super::{Containers, Key};
use driver_docker::ContainerDriver;
use model::view::Usage;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Containers that are asked about at once.
const AT_ONCE: usize = 8;
/// A daemon that takes longer for all of them is not waited for: processes are measured in the same round.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last readings.
#[derive(Debug, Default)]
pub(crate) struct Readings(BTreeMap<Key, (Instant, Duration)>);

impl Readings {
    /// What these use now. Of what does not run any more, or cannot be asked about, nothing.
    pub(crate) async fn read(
        &mut self,
        containers: &Containers,
        wanted: Vec<Key>,
    ) -> Vec<(Key, Usage)> {
        let Some(driver) = containers.open().filter(|_| containers.lost().is_none()) else {
            return Vec::new();
        };
        let before = std::mem::take(&mut self.0);
        let mut asking = JoinSet::new();
        let mut wanted = wanted.into_iter();
        let mut read = Vec::new();
        let until = Instant::now() + PATIENCE;
        loop {
            while asking.len() < AT_ONCE
                && let Some(key) = wanted.next()
            {
                let driver = Arc::clone(&driver);
                asking.spawn(async move { one(&driver, key).await });
            }
            let done = match timeout_at(until, asking.join_next()).await {
                Ok(Some(done)) => done,
                Ok(None) | Err(_) => return read,
            };
            let Ok(Some((key, at, usage))) = done else {
                continue;
            };
            let last = before.get(&key);
            let cpu = last.map_or(0.0, |(then, cpu)| {
                let seconds = at.duration_since(*then).as_secs_f64();
                match seconds > 0.0 {
                    true => usage.cpu.saturating_sub(*cpu).as_secs_f64() / seconds,
                    false => 0.0,
                }
            });
            self.0.insert(key.clone(), (at, usage.cpu));
            let usage = Usage {
                cpu: cpu as f32,
                memory: usage.memory,
                processes: u32::try_from(usage.processes).unwrap_or(u32::MAX),
                ..Usage::default()
            };
            read.push((key, usage));
        }
    }
}

async fn one(driver: &ContainerDriver, key: Key) -> Option<(Key, Instant, driver_docker::Usage)> {
    let usage = driver.usage(&key.0, &key.1).await.ok()??;
    Some((key, Instant::now(), usage))
}
