//! One name: what stands behind it, what holds for it, and what went through.

use crate::Clock;
use crate::backend::Backend;
use crate::balance::{Choice, choose};
use crate::rules::Rules;
use crate::standing::Standing;
use crate::traffic::Counters;
use model::view::{RouteView, Unavailable};
use model::{ClusterId, InstanceId, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Notify;

/// Retries a route may have done ahead of the requests that pay for them, in hundredths.
const MOST_RETRIES: i64 = 100 * RETRY;
/// What a retry costs, and what a request pays: one in five may be tried again.
const RETRY: i64 = 100;
const PAID: i64 = 20;
/// Requests that may wait for an instance of a route: far fewer than there are connections, so that one
/// route that is down holds up no other.
pub(crate) const WAITING: u32 = 256;

pub(crate) type Backends = Arc<[Arc<Backend>]>;

pub(crate) struct Route {
    /// `api.shop.localhost`, or `mail.localhost` for what registered itself.
    pub(crate) host: String,
    pub(crate) prefix: String,
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) name: String,
    pub(crate) counters: Counters,
    pub(crate) retries: AtomicU64,
    pub(crate) waiting: AtomicU32,
    rules: RwLock<Arc<Rules>>,
    backends: RwLock<Backends>,
    /// Those that are listed no more and have not answered everything.
    leaving: Mutex<Vec<Arc<Backend>>>,
    judging: Mutex<()>,
    turn: AtomicUsize,
    budget: AtomicI64,
    rate: Mutex<Rate>,
    standings: Mutex<Standings>,
    /// Something about who serves has changed.
    changed: Notify,
}

#[derive(Default)]
struct Standings {
    of: BTreeMap<InstanceId, Standing>,
    /// Since when nothing is behind it.
    none_since: Option<Timestamp>,
}

/// Requests of the second under way.
#[derive(Default)]
struct Rate {
    tokens: f64,
    at: u64,
}

/// Why there is no answer from an instance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nobody {
    pub(crate) why: String,
    pub(crate) since: Timestamp,
    /// One is on its way.
    pub(crate) coming: bool,
}

impl Route {
    pub(crate) fn new(host: String, cluster: Option<ClusterId>, name: &str) -> Self {
        let bare = host.strip_suffix(".localhost").unwrap_or(&host);
        let prefix = match bare.split_once('.') {
            Some((service, cluster)) => format!("/{cluster}/{service}"),
            None => format!("/{bare}"),
        };
        Self {
            host,
            prefix,
            cluster,
            name: name.to_owned(),
            counters: Counters::default(),
            retries: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            rules: RwLock::default(),
            backends: RwLock::new(Arc::from([])),
            leaving: Mutex::default(),
            judging: Mutex::default(),
            turn: AtomicUsize::new(0),
            budget: AtomicI64::new(MOST_RETRIES),
            rate: Mutex::default(),
            standings: Mutex::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn rule(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    pub(crate) fn backends(&self) -> Backends {
        Arc::clone(&self.backends.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// An instance for a request, which it has begun.
    pub(crate) fn pick(&self, choice: &Choice<'_>) -> Option<Arc<Backend>> {
        let backends = self.backends.read().unwrap_or_else(PoisonError::into_inner);
        // One that begins to drain between the two is not chosen again.
        for _ in 0..=backends.len() {
            let chosen = choose(&backends, &self.turn, choice)?;
            if chosen.begin() {
                return Some(chosen);
            }
        }
        None
    }

    /// Changes who is behind it, and wakes who waits.
    pub(crate) fn change<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Vec<Arc<Backend>>) -> T,
    ) -> T {
        let (value, empty) = {
            let mut backends = self
                .backends
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let mut all = backends.to_vec();
            let value = change(&mut all);
            *backends = all.into();
            (value, backends.is_empty())
        };
        let mut standings = lock(&self.standings);
        standings.none_since = match (empty, standings.none_since) {
            (true, before) => before.or(Some(now)),
            (false, _) => None,
        };
        drop(standings);
        self.changed.notify_waiters();
        value
    }

    /// One of them leaves: it gets nothing more, and may have something to answer.
    pub(crate) fn leave(&self, backend: &Arc<Backend>) {
        backend.drain();
        let mut leaving = lock(&self.leaving);
        leaving.retain(|one| one.in_flight() > 0);
        leaving.push(Arc::clone(backend));
    }

    /// All that an instance has to answer here, also what was listed of it before.
    pub(crate) fn of(&self, instance: &InstanceId) -> Vec<Arc<Backend>> {
        // In this order: one that leaves meanwhile is among those that leave before it goes.
        let listed = self.backends();
        let leaving = lock(&self.leaving).clone();
        let all = listed.iter().chain(&leaving);
        let of_it = |one: &&Arc<Backend>| {
            let owner = one.owner.as_ref();
            owner.is_some_and(|(_, of)| of == instance)
        };
        all.filter(of_it).cloned().collect()
    }

    // === who does not serve, and why ===

    pub(crate) fn stands(&self, instance: &InstanceId, standing: Standing) {
        lock(&self.standings).of.insert(instance.clone(), standing);
        self.changed.notify_waiters();
    }

    /// True when nothing is known of it any more.
    pub(crate) fn forget(&self, instance: &InstanceId) -> bool {
        let mut standings = lock(&self.standings);
        standings.of.remove(instance);
        let nothing = standings.of.is_empty();
        drop(standings);
        self.changed.notify_waiters();
        nothing && self.backends().is_empty()
    }

    pub(crate) fn is_stated(&self) -> bool {
        !lock(&self.standings).of.is_empty()
    }

    /// Waits until something has changed since [`Route::nobody`] was asked.
    pub(crate) fn changes(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Why no instance takes a request; `None` when one does.
    pub(crate) fn nobody(&self, clock: &Clock) -> Option<Nobody> {
        let backends = self.backends();
        if backends.iter().any(|one| one.takes()) {
            return None;
        }
        let standings = lock(&self.standings);
        // One that is on its way is what matters to who asks; else the first is as good as any.
        let coming = standings.of.values().find(|one| one.coming);
        let since = standings.none_since;
        if let Some(one) = coming.or(standings.of.values().next()) {
            return Some(Nobody {
                why: one.why.clone(),
                since: one.since,
                coming: one.coming,
            });
        }
        let withheld = backends.iter().find_map(|one| one.withheld());
        Some(Nobody {
            why: withheld.unwrap_or_else(|| format!("nothing is registered as {}", self.name)),
            since: since.unwrap_or_else(|| clock.wall()),
            coming: false,
        })
    }

    // === judging ===

    /// An instance has failed too often: it is left out, unless that were more than half of them, or
    /// the last.
    pub(crate) fn eject(&self, backend: &Backend, now: u64, why: String) {
        let backends = self.backends();
        // One after another: two that are judged at once are together more than one.
        let _judging = lock(&self.judging);
        let taking = || backends.iter().filter(|one| one.takes());
        let out = taking().filter(|one| one.is_ejected(now)).count();
        if (out + 1) * 2 <= taking().count() && !backend.is_ejected(now) {
            backend.eject(now, why);
        }
    }

    // === limits ===

    /// Each request pays for a part of a retry.
    pub(crate) fn pay(&self) {
        // Full most of the time, and then nothing is written.
        if self.budget.load(Relaxed) < MOST_RETRIES {
            self.budget.fetch_add(PAID, Relaxed);
        }
    }

    /// A retry may be done, and is paid.
    pub(crate) fn may_retry(&self) -> bool {
        let paid = self
            .budget
            .fetch_update(Relaxed, Relaxed, |left| {
                (left >= RETRY).then_some(left - RETRY)
            })
            .is_ok();
        if paid {
            self.retries.fetch_add(1, Relaxed);
        }
        paid
    }

    /// A request more in this millisecond is within so many a second.
    pub(crate) fn within(&self, rate: u32, now: u64) -> bool {
        let mut state = lock(&self.rate);
        let most = f64::from(rate.max(1));
        if state.at == 0 {
            state.tokens = most;
        }
        let passed = now.saturating_sub(state.at) as f64 / 1_000.0;
        state.tokens = (state.tokens + passed * f64::from(rate)).min(most);
        state.at = now.max(1);
        if state.tokens < 1.0 {
            return false;
        }
        state.tokens -= 1.0;
        true
    }

    pub(crate) fn view(&self, now: u64, clock: &Clock) -> RouteView {
        let nobody = self.nobody(clock);
        RouteView {
            host: self.host.clone(),
            prefix: self.prefix.clone(),
            cluster: self.cluster.clone(),
            name: self.name.clone(),
            balance: self.rules().balance,
            backends: self
                .backends()
                .iter()
                .map(|one| one.view(now, clock))
                .collect(),
            unavailable: nobody.map(|nobody| Unavailable {
                why: nobody.why,
                since: nobody.since,
            }),
            traffic: self.counters.view(now),
            retries: self.retries.load(Relaxed),
            retry_budget: (self.budget.load(Relaxed) as f64 / MOST_RETRIES as f64).clamp(0.0, 1.0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::of;

    fn with(ids: &[&str]) -> Route {
        let route = Route::new("api.shop.localhost".into(), None, "api");
        route.change(Timestamp(0), |all| {
            all.extend(ids.iter().map(|id| Arc::new(of(id))));
        });
        route
    }

    #[test]
    fn at_most_half_are_left_out_and_never_the_last() {
        for (count, out) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
            let ids = ["a", "b", "c", "d", "e"];
            let route = with(&ids[..count]);
            for backend in route.backends().iter() {
                route.eject(backend, 1_000, "it failed".into());
            }
            let backends = route.backends();
            let ejected = backends.iter().filter(|one| one.is_ejected(1_000)).count();
            assert_eq!(ejected, out, "of {count}");
        }
    }

    #[test]
    fn those_that_take_nothing_are_not_counted() {
        let route = with(&["a", "b", "c", "d"]);
        let backends = route.backends();
        backends[2].drain();
        backends[3].withhold(Some("its check fails".into()));
        for backend in backends.iter() {
            route.eject(backend, 1_000, "it failed".into());
        }
        let out = backends.iter().filter(|one| one.is_ejected(1_000)).count();
        assert_eq!(out, 1);
    }

    #[test]
    fn one_in_five_requests_may_be_tried_again() {
        let route = with(&["a"]);
        while route.may_retry() {}
        for _ in 0..1_000 {
            route.pay();
        }
        let more = std::iter::repeat_with(|| route.may_retry())
            .take_while(|may| *may)
            .count();
        assert_eq!(more, 100, "no more than are put by");
        let retried: usize = (0..1_000)
            .map(|_| {
                route.pay();
                usize::from(route.may_retry())
            })
            .sum();
        assert_eq!(retried, 200);
    }

    #[test]
    fn a_rate_is_held_over_a_second() {
        let route = with(&["a"]);
        let let_in = |from: u64| (0..100).filter(|n| route.within(10, from + n)).count();
        assert_eq!(let_in(1), 10);
        assert_eq!(let_in(501), 5);
        assert_eq!(let_in(10_000), 10);
    }
}
