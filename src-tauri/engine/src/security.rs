//! The security monitor: looks twice a minute and when something happens, lets `security` judge what it saw, and tells.
//!
//! Called by [`tasks`](crate::tasks), and by hosts that ask how it stands. What is looked at is bounded, and what it
//! costs bounds how often: never more than a five-hundredth of a core. What it finds is told with what to do about it; it
//! holds or stops a service only where the home's settings or the project's definition say so, and the rules let it ([`answer`]).

mod answer;
mod clusters;
mod defined;
mod files;
mod processes;

use crate::Error;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::owner::Message;
use crate::record::ClusterRecord;
use crate::shared::Shared;
use answer::Answers;
use clusters::{Looker, Seen};
use model::{ClusterId, EventKind, LedgerIntegrity, SecurityView, Threat, ThreatLevel};
use security::{Audit, Facts, Ledger, Monitor, Part, Policy, Refused, RefusedAt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::time::Instant;

/// Between two looks: what is planted right after one is found by the next or the one after, within a minute.
const EVERY: Duration = Duration::from_secs(30);
/// And at most, however long a look takes.
const MOST: Duration = Duration::from_secs(60);
/// The pause after a look is so many times what it cost.
const SHARE: u32 = 500;
/// What happens within this time is one reason to look; a service that was just started has opened its port by then.
const GATHER: Duration = Duration::from_secs(2);
/// An owner that does not answer within this time is looked at as it was.
const OWNER: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Watch {
    /// What is done about threats, as the home says.
    escalations: spec::Escalations,
    view: RwLock<SecurityView>,
    /// One look at a time.
    state: Mutex<State>,
    /// Asks for a look.
    look: Notify,
    pages: AtomicU64,
    tokens: AtomicU64,
}

#[derive(Default)]
struct State {
    monitor: Monitor,
    /// `None` until what the engine before had done about threats was read.
    answers: Option<Answers>,
    /// What is kept of it.
    kept: Answers,
    /// Gone when a look broke off.
    looker: Option<Looker>,
    records: BTreeMap<ClusterId, Arc<ClusterRecord>>,
    cost: Duration,
}

impl Watch {
    pub(crate) fn new(escalations: spec::Escalations) -> Self {
        Self {
            escalations,
            view: RwLock::new(SecurityView::unlooked()),
            state: Mutex::default(),
            look: Notify::new(),
            pages: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
        }
    }

    /// What the last look has found.
    pub(crate) fn view(&self) -> SecurityView {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.clone()
    }

    /// Something happened that may be worth a look.
    pub(crate) fn look_soon(&self) {
        self.look.notify_one();
    }

    /// A host has refused a request before anything heard of it.
    pub(crate) fn refused(&self, wrong_token: bool) {
        let count = if wrong_token {
            &self.tokens
        } else {
            &self.pages
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handle {
    /// How it stands with security, as the last look has found it; `now`: look first.
    pub async fn security(&self, now: bool) -> Result<SecurityView, Error> {
        if now {
            // Boxed: a look may end in an order, which is a deep future within that of a call.
            Box::pin(audit(&self.shared)).await;
        }
        Ok(self.shared.security.view())
    }

    /// A host has refused a request: by a wrong token, or before it came to that.
    pub fn refused(&self, wrong_token: bool) {
        self.shared.security.refused(wrong_token);
    }
}

/// Looks until the engine ends.
pub(crate) async fn watch(shared: Arc<Shared>) {
    loop {
        let cost = audit(&shared).await;
        let pause = (cost * SHARE).clamp(EVERY, MOST);
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = shared.security.look.notified() => tokio::select! {
                () = shared.cancel.cancelled() => return,
                () = tokio::time::sleep(GATHER) => {}
            }
        }
    }
}

/// One look, and what comes of it; answers the CPU time it took.
async fn audit(shared: &Arc<Shared>) -> Duration {
    let mut state = shared.security.state.lock().await;
    let records = records(shared, &mut state.records).await;
    let looker = state.looker.take().unwrap_or_default();
    let looking = Arc::clone(shared);
    // Files and the kernel's tables take their time.
    let all = records.clone();
    let looked = tokio::task::spawn_blocking(move || looker.look(&looking, &all));
    let Ok((looker, seen)) = looked.await else {
        tracing::error!("a look at security broke off");
        return Duration::ZERO;
    };
    state.looker = Some(looker);
    state.cost = seen.cost;
    let facts = facts(shared, seen).await;
    let Audit {
        mut view,
        mut found,
        mut over,
    } = state.monitor.audit(&facts);
    let late = answer(shared, &mut state, &view.threats, &records).await;
    if let Some(answers) = &state.answers {
        for threat in view.threats.iter_mut().chain(&mut found).chain(&mut over) {
            threat.answer = answers.to(&threat.id);
        }
    }
    // What was found before, and is answered only now.
    let known = |threat: &&Threat| late.contains(&threat.id);
    let again = |threat: &&Threat| !found.iter().any(|one| one.id == threat.id);
    let late: Vec<Threat> = (view.threats.iter().filter(known).filter(again))
        .cloned()
        .collect();
    found.extend(late);
    remember(shared, &mut state, &view.threats).await;
    *shared
        .security
        .view
        .write()
        .unwrap_or_else(PoisonError::into_inner) = view;
    for (threat, is_over) in found
        .into_iter()
        .map(|threat| (threat, false))
        .chain(over.into_iter().map(|threat| (threat, true)))
    {
        if threat.level >= ThreatLevel::High && !is_over {
            tracing::warn!(
                level = threat.level.as_str(),
                id = threat.id,
                "{}",
                threat.what
            );
        }
        let cluster = threat.cluster.clone();
        let what = EventKind::Threat {
            threat: Box::new(threat),
            over: is_over,
        };
        shared.journal.event(cluster.as_ref(), what);
    }
    state.cost
}

/// Does what is to be done about these, and says which are answered otherwise than before. Nothing, until it is known
/// what was done before: a person may have taken it back.
async fn answer(
    shared: &Arc<Shared>,
    state: &mut State,
    threats: &[Threat],
    records: &[Arc<ClusterRecord>],
) -> BTreeSet<String> {
    if state.answers.is_none() {
        match Answers::read(shared).await {
            Ok(read) => {
                state.kept = read.clone();
                state.answers = Some(read);
            }
            Err(error) => tracing::warn!(%error, "what was done about threats cannot be read yet"),
        }
    }
    match &mut state.answers {
        Some(answers) => answers.give(shared, threats, records).await,
        None => BTreeSet::new(),
    }
}

/// Forgets what is over, and keeps the rest for the next engine. What cannot be kept now is tried at the next look.
async fn remember(shared: &Shared, state: &mut State, threats: &[Threat]) {
    let Some(answers) = &mut state.answers else {
        return;
    };
    answers.forget(threats);
    if !answers.same(&state.kept) {
        match answers.keep(shared).await {
            Ok(()) => state.kept = answers.clone(),
            Err(error) => tracing::warn!(%error, "what was done about threats is not kept yet"),
        }
    }
}

/// What the owners remember now.
async fn records(
    shared: &Shared,
    known: &mut BTreeMap<ClusterId, Arc<ClusterRecord>>,
) -> Vec<Arc<ClusterRecord>> {
    let owners = shared.all_owners();
    known.retain(|cluster, _| owners.iter().any(|(one, _)| one == cluster));
    let until = Instant::now() + OWNER;
    for (cluster, owner) in owners {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            owner.send(Message::Record { reply }).await.ok()?;
            answer.await.ok()
        };
        if let Ok(Some(record)) = tokio::time::timeout_at(until, asked).await {
            known.insert(cluster, Arc::from(record));
        }
    }
    known.values().cloned().collect()
}

/// All that the rules are told of.
async fn facts(shared: &Shared, seen: Seen) -> Facts {
    let refused = |at, total| Refused { at, total };
    let watch = &shared.security;
    let mut counts = vec![
        refused(RefusedAt::Page, watch.pages.load(Ordering::Relaxed)),
        refused(RefusedAt::Token, watch.tokens.load(Ordering::Relaxed)),
        refused(RefusedAt::Registry, shared.registry.refused()),
    ];
    counts.push(refused(RefusedAt::Door, shared.door.refused()));
    if let Some(gateway) = shared.gateway.get() {
        counts.push(refused(RefusedAt::Gateway, gateway.refused()));
    }
    let mut parts = vec![Part {
        name: "azora".into(),
        version: shared.config.version.clone(),
    }];
    if let Ok(version) = shared.store.meta().sqlite().await {
        parts.push(Part {
            name: "sqlite".into(),
            version,
        });
    }
    Facts {
        at: Clock::wall(),
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
        cost_ms: seen.cost.as_secs_f32() * 1_000.0,
        files: seen.files,
        clusters: seen.clusters,
        refused: counts,
        ledger: ledger(shared),
        policy: policy(shared),
        engine: seen.engine,
        parts,
        blind: seen.blind,
    }
}

/// What is known of the book of acts.
fn ledger(shared: &Shared) -> Ledger {
    // Whoever signs goes on from what was signed last, and sees whether that is there; it does not look at all of it.
    if let Some(doubt) = shared.sealing.doubted() {
        return Ledger {
            integrity: LedgerIntegrity::Doubted,
            said: "it is not what was signed of it".into(),
            faults: vec![doubt],
        };
    }
    Ledger {
        integrity: LedgerIntegrity::Unchecked,
        said: "not checked while the engine runs".into(),
        faults: Vec::new(),
    }
}

/// What is known of the rules.
fn policy(shared: &Shared) -> Policy {
    match shared.constitution.wrong() {
        Some(why) => Policy::Broken(model::text::harmless(&why, 500)),
        None => Policy::Whole,
    }
}
