//! One instance behind a route: what it works on, how quick it is, and whether it is left out.

use crate::Clock;
use crate::outlier::Times;
use crate::traffic::Counters;
use model::view::{BackendState, BackendView};
use model::{ClusterId, InstanceId, Timestamp};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Failures one after another until an instance is left out: Envoy's number.
const FAILURES: u32 = 5;
/// For how long, the first time, in milliseconds; each time in a row it is so much longer.
const FIRST_EJECTION: u64 = 5_000;
const LONGEST_EJECTION: u64 = 120_000;
/// After so long without a fault it is left out for the first time again.
const FORGIVEN: u64 = 300_000;
/// After so long an old latency is worth a third.
const FADES: f64 = 10_000.0;

/// One instance behind a route.
pub(crate) struct Backend {
    /// Apart from every other that was or will be.
    pub(crate) number: u64,
    /// Its id in the registry.
    pub(crate) id: String,
    pub(crate) owner: Option<(ClusterId, InstanceId)>,
    pub(crate) address: SocketAddr,
    pub(crate) counters: Counters,
    in_flight: AtomicU32,
    /// Streams without an end, which nobody waits for.
    endless: AtomicU32,
    /// Moving average of its latency in microseconds, as bits of a double, and when that was.
    latency: AtomicU64,
    measured: AtomicU64,
    /// What it took lately, to tell it from its peers.
    pub(crate) times: Times,
    failures: AtomicU32,
    ejections: AtomicU32,
    ejected_until: AtomicU64,
    why: Mutex<Option<String>>,
    /// Why it gets nothing, and since when.
    withheld: Mutex<Option<(String, Timestamp)>>,
    is_withheld: AtomicBool,
    draining: AtomicBool,
    idle: Notify,
}

impl Backend {
    pub(crate) fn new(
        id: &str,
        owner: Option<(ClusterId, InstanceId)>,
        address: SocketAddr,
        withheld: Option<(String, Timestamp)>,
    ) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            id: id.to_owned(),
            owner,
            address,
            counters: Counters::default(),
            in_flight: AtomicU32::new(0),
            endless: AtomicU32::new(0),
            latency: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            times: Times::default(),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            why: Mutex::default(),
            is_withheld: AtomicBool::new(withheld.is_some()),
            withheld: Mutex::new(withheld),
            draining: AtomicBool::new(false),
            idle: Notify::new(),
        }
    }

    // === requests ===

    /// Takes a request, unless it takes no more.
    pub(crate) fn begin(&self) -> bool {
        // Whoever drains looks at what is in flight after saying so: one of both sees the other.
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        if self.draining.load(Ordering::SeqCst) {
            self.end();
            return false;
        }
        true
    }

    /// A request is over.
    pub(crate) fn end(&self) {
        let before = self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if before <= self.endless.load(Ordering::SeqCst) + 1 && self.is_draining() {
            self.idle.notify_waiters();
        }
    }

    /// A request has become a stream that need not end by itself.
    pub(crate) fn goes_on(&self) {
        self.endless.fetch_add(1, Ordering::SeqCst);
        if self.is_draining() {
            self.idle.notify_waiters();
        }
    }

    /// Such a stream is over; comes before [`Backend::end`].
    pub(crate) fn went_on(&self) {
        self.endless.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    // === draining ===

    /// It gets nothing more.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Waits until it works on nothing but streams without an end.
    pub(crate) async fn answered(&self) {
        loop {
            let idle = self.idle.notified();
            let busy = self.in_flight.load(Ordering::SeqCst);
            if busy <= self.endless.load(Ordering::SeqCst) {
                return;
            }
            idle.await;
        }
    }

    // === judging ===

    /// It answered within so long.
    pub(crate) fn quick(&self, now: u64, took: Duration) {
        self.times.note(now, took);
        let took = took.as_micros() as f64;
        let before = self.latency(now);
        // Slowness shows at once, and that it is over by and by.
        let next = if took > before {
            took
        } else {
            before * 0.9 + took * 0.1
        };
        self.latency.store(next.to_bits(), Ordering::Relaxed);
        self.measured.store(now, Ordering::Relaxed);
    }

    /// Microseconds it takes, as far as is known; what was measured long ago fades, so that a slow one
    /// is tried again.
    pub(crate) fn latency(&self, now: u64) -> f64 {
        let latency = f64::from_bits(self.latency.load(Ordering::Relaxed));
        let age = now.saturating_sub(self.measured.load(Ordering::Relaxed));
        // As long as it owes an answer it has not become quicker.
        if age < 100 || self.in_flight() > 0 {
            return latency;
        }
        latency * (-(age as f64) / FADES).exp()
    }

    /// It did what it should.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// It failed a request; true when it has failed too many in a row.
    pub(crate) fn failed(&self) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES
    }

    /// Leaves it out from now on, for longer each time; for so many milliseconds.
    pub(crate) fn eject(&self, now: u64, why: String) -> u64 {
        let before = self.ejected_until.load(Ordering::Relaxed);
        if now.saturating_sub(before) > FORGIVEN {
            self.ejections.store(0, Ordering::Relaxed);
        }
        let times = self.ejections.fetch_add(1, Ordering::Relaxed).min(10);
        let time = (FIRST_EJECTION << times).min(LONGEST_EJECTION);
        self.failures.store(0, Ordering::Relaxed);
        // Afterwards it is judged by what it does then.
        self.times.clear();
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.ejected_until.store(now + time, Ordering::Relaxed);
        time
    }

    pub(crate) fn is_ejected(&self, now: u64) -> bool {
        self.ejected_until.load(Ordering::Relaxed) > now
    }

    /// The registry says that it should get nothing, or that it may again.
    /// What it is said for may change meanwhile, and not since when.
    pub(crate) fn withhold(&self, why: Option<(String, Timestamp)>) {
        let mut withheld = lock(&self.withheld);
        self.is_withheld.store(why.is_some(), Ordering::Relaxed);
        *withheld = match (why, withheld.take()) {
            (Some((why, _)), Some((_, since))) => Some((why, since)),
            (why, _) => why,
        };
    }

    /// It takes requests.
    pub(crate) fn takes(&self) -> bool {
        !self.is_draining() && !self.is_withheld.load(Ordering::Relaxed)
    }

    pub(crate) fn withheld(&self) -> Option<(String, Timestamp)> {
        lock(&self.withheld).clone()
    }

    pub(crate) fn view(&self, now: u64, clock: &Clock) -> BackendView {
        let withheld = self.withheld().map(|(why, _)| why);
        let (state, why, until) = if self.is_draining() {
            let why = "it is about to be stopped and answers what it has".to_owned();
            (BackendState::Draining, Some(why), None)
        } else if withheld.is_some() {
            (BackendState::Withheld, withheld, None)
        } else if self.is_ejected(now) {
            let left = self
                .ejected_until
                .load(Ordering::Relaxed)
                .saturating_sub(now);
            let mut until = clock.wall();
            until.0 = (until.0).saturating_add(i64::try_from(left).unwrap_or(i64::MAX));
            (BackendState::Ejected, lock(&self.why).clone(), Some(until))
        } else {
            (BackendState::Serving, None, None)
        };
        BackendView {
            id: self.id.clone(),
            instance: self.owner.as_ref().map(|(_, instance)| instance.clone()),
            address: self.address.to_string(),
            state,
            why,
            until,
            in_flight: self.in_flight(),
            traffic: self.counters.view(now),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) fn of(id: &str) -> Backend {
    Backend::new(id, None, SocketAddr::from(([127, 0, 0, 1], 1)), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ejection_in_a_row_is_longer_until_it_is_forgiven() {
        let backend = of("a");
        let mut now = 1_000;
        for seconds in [5, 10, 20, 40, 80, 120, 120] {
            backend.eject(now, "it failed".into());
            assert!(backend.is_ejected(now + seconds * 1_000 - 1), "{seconds}");
            assert!(!backend.is_ejected(now + seconds * 1_000), "{seconds}");
            now += seconds * 1_000;
        }
        now += FORGIVEN + 1;
        backend.eject(now, "it failed".into());
        assert!(!backend.is_ejected(now + 5_000));
    }

    #[test]
    fn a_success_in_between_is_no_row() {
        let backend = of("a");
        for _ in 0..3 {
            for _ in 0..FAILURES - 1 {
                assert!(!backend.failed());
            }
            backend.succeeded();
        }
        for _ in 0..FAILURES - 1 {
            assert!(!backend.failed());
        }
        assert!(backend.failed());
    }

    #[test]
    fn what_drains_takes_nothing_more_and_ends_when_all_is_answered() {
        let backend = of("a");
        assert!(backend.begin() && backend.begin());
        backend.goes_on();
        backend.drain();
        assert!(!backend.begin());
        let mut answered = std::pin::pin!(backend.answered());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(answered.as_mut().poll(&mut context).is_pending());
        backend.end();
        assert!(answered.as_mut().poll(&mut context).is_ready());
    }
}
