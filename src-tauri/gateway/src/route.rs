//! One name: what stands behind it, what holds for it, and what went through.

use crate::Clock;
use crate::backend::Backend;
use crate::balance::{Choice, choose};
use crate::callers::Caller;
use crate::outlier::{self, outlier};
use crate::rules::Rules;
use crate::standing::{Asked, Back, Ejected, Standing};
use crate::traffic::Counters;
use model::view::{Balance, GatewayEdge, RouteView, Unavailable};
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed,
};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

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
    /// What it is called by, `api.shop.localhost` or `mail.localhost`; and what leads to it alone,
    /// `api.shop-1a2b3c4d.localhost`, which for what registered itself is the same.
    plain: String,
    own: String,
    /// The plain one leads to it.
    leads: AtomicBool,
    /// Of clusters with the same name, to whom it leads when this is false.
    namesakes: Mutex<Vec<Weak<Route>>>,
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) name: String,
    pub(crate) counters: Counters,
    /// What each service has asked of it.
    edges: Mutex<BTreeMap<Caller, Arc<Counters>>>,
    pub(crate) retries: AtomicU64,
    pub(crate) waiting: AtomicU32,
    rules: RwLock<Arc<Rules>>,
    backends: RwLock<Backends>,
    /// Those that are listed no more and have not answered everything.
    leaving: Mutex<Vec<Arc<Backend>>>,
    judging: Mutex<()>,
    /// Who is told of those that are left out.
    pub(crate) ejected: Option<mpsc::Sender<Ejected>>,
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
    pub(crate) back: Back,
}

impl Route {
    /// `plain` and `own` without `.localhost`.
    pub(crate) fn new(plain: &str, own: &str, cluster: Option<ClusterId>, name: &str) -> Self {
        Self {
            plain: format!("{plain}.localhost"),
            own: format!("{own}.localhost"),
            leads: AtomicBool::new(false),
            namesakes: Mutex::default(),
            cluster,
            name: name.to_owned(),
            counters: Counters::default(),
            edges: Mutex::default(),
            retries: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            rules: RwLock::default(),
            backends: RwLock::new(Arc::from([])),
            leaving: Mutex::default(),
            judging: Mutex::default(),
            ejected: None,
            turn: AtomicUsize::new(0),
            budget: AtomicI64::new(MOST_RETRIES),
            rate: Mutex::default(),
            standings: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The host that leads to it: the plain one where that does.
    pub(crate) fn host(&self) -> &str {
        match self.leads.load(Relaxed) {
            true => &self.plain,
            false => &self.own,
        }
    }

    /// The path that leads to it.
    pub(crate) fn prefix(&self) -> String {
        let host = self.host();
        let bare = host.strip_suffix(".localhost").unwrap_or(host);
        match bare.split_once('.') {
            Some((service, cluster)) => format!("/{cluster}/{service}"),
            None => format!("/{bare}"),
        }
    }

    /// The plain host leads to it, and not to these; or to another.
    pub(crate) fn lead(&self, leads: bool, namesakes: Vec<Weak<Route>>) {
        self.leads.store(leads, Relaxed);
        *lock(&self.namesakes) = namesakes;
    }

    /// This is its plain host.
    pub(crate) fn is_called(&self, bare: &str) -> bool {
        self.plain.strip_suffix(".localhost") == Some(bare)
    }

    /// Something of it serves, or is to.
    pub(crate) fn is_up(&self) -> bool {
        let wanted = lock(&self.standings).of.values().any(|one| one.wanted);
        wanted || self.takes()
    }

    /// An instance takes requests.
    fn takes(&self) -> bool {
        self.backends().iter().any(|one| one.takes())
    }

    /// What its cluster is called in its host; none of what registered itself.
    pub(crate) fn of_cluster(&self) -> Option<&str> {
        self.cluster.as_ref()?;
        let (_, cluster) = self.host().strip_suffix(".localhost")?.split_once('.')?;
        Some(cluster)
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
        let namesakes = lock(&self.namesakes).clone();
        let mut namesakes = namesakes.iter().filter_map(Weak::upgrade);
        let elsewhere = namesakes.find(|one| one.takes()).map(|one| {
            let (name, own) = (&one.name, &one.own);
            format!("; {name} of another cluster of that name serves at {own}")
        });
        let elsewhere = elsewhere.unwrap_or_default();
        let standings = lock(&self.standings);
        // One that is on its way is what matters to who asks; else the first is as good as any.
        let coming = standings.of.values().find(|one| one.coming);
        let since = standings.none_since;
        if let Some(one) = coming.or(standings.of.values().next()) {
            return Some(Nobody {
                why: format!("{}{elsewhere}", one.why),
                since: one.since,
                coming: one.coming,
                back: one.back,
            });
        }
        // The first of those that are withheld; nobody takes anything since the last of them is.
        let withheld: Vec<_> = backends.iter().filter_map(|one| one.withheld()).collect();
        let last = withheld.iter().map(|(_, since)| *since).max();
        let why = withheld.into_iter().next().map(|(why, _)| why);
        let why = why.unwrap_or_else(|| format!("nothing is registered as {}", self.name));
        Some(Nobody {
            why: why + &elsewhere,
            since: since.or(last).unwrap_or_else(|| clock.wall()),
            coming: false,
            back: Back::Start,
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
            let time = backend.eject(now, why.clone());
            if let Some(ejected) = &self.ejected
                && let Some((cluster, instance)) = backend.owner.clone()
            {
                // Traffic waits for nobody.
                let _ = ejected.try_send(Ejected {
                    cluster,
                    instance,
                    why,
                    time: Duration::from_millis(time),
                });
            }
        }
    }

    /// Leaves out the slowest instance, if it is much slower than its peers. Where the same client
    /// comes to the same instance, the slowness may be of what that client asks for: none is left out
    /// for it there.
    pub(crate) fn judge_latency(&self, now: u64) {
        let backends = self.backends();
        if backends.len() < outlier::MEASURED || self.rules().balance == Balance::Hash {
            return;
        }
        let asked = (backends.iter()).filter(|one| one.takes() && !one.is_ejected(now));
        let measured: Vec<_> = asked
            .filter_map(|one| Some((one, one.times.median(now)?)))
            .collect();
        let medians: Vec<u64> = measured.iter().map(|(_, median)| *median).collect();
        if let Some((slowest, usual)) = outlier(&medians) {
            let ms = |micros: u64| micros.div_ceil(1_000);
            let (took, usual) = (ms(medians[slowest]), ms(usual));
            let why =
                format!("it took {took} ms for half of its answers, and its peers {usual} ms");
            self.eject(measured[slowest].0, now, why);
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

    // === what is seen ===

    /// Where it is counted what a service asks.
    pub(crate) fn edge(&self, caller: &Caller) -> Arc<Counters> {
        let mut edges = lock(&self.edges);
        Arc::clone(edges.entry(caller.clone()).or_default())
    }

    /// Drops what was counted of services that are no more, and have no connection any more.
    pub(crate) fn keep_edges(&self, is_there: impl Fn(&Caller) -> bool) {
        let mut edges = lock(&self.edges);
        edges.retain(|caller, counters| is_there(caller) || Arc::strong_count(counters) > 1);
    }

    /// What services of its own cluster have asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let Some(to) = self.cluster.as_ref().and_then(|_| self.name.parse().ok()) else {
            return Vec::new();
        };
        let edges = lock(&self.edges);
        let own = edges.iter();
        let own = own.filter(|(caller, _)| Some(&caller.cluster) == self.cluster.as_ref());
        own.map(|(caller, counters)| Asked {
            cluster: caller.cluster.clone(),
            from: caller.service.clone(),
            to: ServiceName::clone(&to),
            total: counters.total(),
        })
        .collect()
    }

    pub(crate) fn edges(&self, now: u64) -> Vec<GatewayEdge> {
        let edges = lock(&self.edges);
        let view = |(caller, counters): (&Caller, &Arc<Counters>)| GatewayEdge {
            cluster: caller.cluster.clone(),
            caller: caller.service.clone(),
            host: self.host().to_owned(),
            traffic: counters.view(now),
        };
        edges.iter().map(view).collect()
    }

    pub(crate) fn view(&self, now: u64, clock: &Clock) -> RouteView {
        let nobody = self.nobody(clock);
        RouteView {
            host: self.host().to_owned(),
            prefix: self.prefix(),
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
mod tests;
