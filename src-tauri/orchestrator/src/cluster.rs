//! The state of one cluster: its services, their instances, what is under way. Read through the
//! accessors in [`crate::status`]; changed by [`crate::step`] alone.

use crate::excuse::Excuse;
use crate::hold::Held;
use crate::instance::{Goal, Instance};
use crate::learned::Learned;
use crate::memory::Memory;
use crate::progress::{Counts, Progress, Waits};
use crate::rise::Rise;
use crate::rollback::Versions;
use crate::rolling::Rolling;
use crate::scale::Scaling;
use crate::schedule::AllSchedules;
use crate::unfinished::Unfinished;
use healing::history::{Lasted, STEADY};
use healing::observed::Observed;
use model::{
    ActId, Autonomy, ClusterId, Declared, Generation, Incident, IncidentEntry, IncidentState,
    InstanceId, Mono, Reason, ServiceName, Terms,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// One cluster: what is wanted of it and what is known of it.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(crate) id: ClusterId,
    pub(crate) definition: Option<Arc<spec::Cluster>>,
    pub(crate) services: BTreeMap<ServiceName, Service>,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    /// The last generation of instances that are no more: one that comes back goes on from there,
    /// so that a late word about the old one is not taken for news.
    pub(crate) gone: BTreeMap<InstanceId, Generation>,
    pub(crate) held: Option<Held>,
    /// How far healing goes by itself, where a person has said so.
    pub(crate) said_autonomy: Option<Autonomy>,
    /// Tickets of what is proposed to persons, and for which.
    pub(crate) proposals: BTreeMap<u64, InstanceId>,
    /// Acts that have not come to rest.
    pub(crate) acts: BTreeMap<ActId, Pending>,
    /// Instances with a remedy whose time has come.
    pub(crate) due: BTreeSet<InstanceId>,
    /// Instances whose start waits for what they need to settle.
    pub(crate) settling: BTreeSet<InstanceId>,
    /// Open questions to the door.
    pub(crate) asks: BTreeMap<u64, InstanceId>,
    pub(crate) last_ticket: u64,
    /// Incidents that are open or may be opened again.
    pub(crate) incidents: BTreeMap<u64, Tale>,
    pub(crate) last_incident: u64,
    /// In which incidents each service suffers, as far as it was not told that it does no more.
    pub(crate) suffering: BTreeMap<ServiceName, BTreeSet<u64>>,
    /// It was brought up then, and has not been as it should be since.
    pub(crate) rises: Option<Rise>,
    /// For each instance that is doubted, those whose fault is not judged before it has answered; see
    /// [`crate::doubt`].
    pub(crate) doubted: BTreeMap<InstanceId, BTreeSet<InstanceId>>,
    /// Those that an earlier engine has left open; see [`crate::timeline`].
    pub(crate) left_open: Vec<Incident>,
    /// The stopped services as last remembered.
    pub(crate) remembered: Vec<ServiceName>,
    /// Services with a rolling restart under way.
    pub(crate) rolling: BTreeSet<ServiceName>,
    /// What an earlier engine knew; see [`crate::memory`].
    pub(crate) memory: BTreeMap<InstanceId, Memory>,
    pub(crate) unfinished: Unfinished,
    /// Who was seen to talk to whom.
    pub(crate) observed: Observed,
    /// What the definition says of each of these connections.
    pub(crate) declared: BTreeMap<ServiceName, BTreeMap<ServiceName, Declared>>,
    /// Who waits for a service beyond what is declared; see [`crate::excuse`].
    pub(crate) excused: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
    /// Some service waits until another has ended.
    pub(crate) waits_for_ends: bool,
    /// What an earlier engine had learned; see [`crate::learned`].
    pub(crate) learned: Learned,
    /// What remedies have come to.
    pub(crate) experience: healing::Experience,
    /// Where the schedules of those that have one stand.
    pub(crate) schedules: AllSchedules,
    /// Whose times of the day those are that name no zone.
    pub(crate) zone: spec::Zone,
}

/// One service: its definition, what is wanted of it, and counters that make every question a step
/// asks of it cheap (see [`crate::graph`]).
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) spec: spec::Service,
    pub(crate) replicas: u16,
    /// A person wants it to run.
    pub(crate) wanted: bool,
    /// It is no longer defined and leaves when its last instance has ended.
    pub(crate) leaving: bool,
    pub(crate) held: Option<Held>,
    /// A new generation serves where an older one did before: what follows its restarts is next.
    pub(crate) renewed: bool,
    /// Its definitions besides the present one.
    pub(crate) versions: Versions,
    /// Its processes are being replaced one after another.
    pub(crate) rolling: Option<Rolling>,
    /// What healing has added to it.
    pub(crate) scaling: Scaling,
    /// What its instances are like while they are well.
    pub(crate) usual: healing::Usual,
    // The graph.
    pub(crate) needs: BTreeSet<ServiceName>,
    /// What is waited for of those of them that are not plain needs.
    pub(crate) terms: BTreeMap<ServiceName, Terms>,
    pub(crate) dependents: BTreeSet<ServiceName>,
    /// Those of them whose faults its own explain.
    pub(crate) relied_by: BTreeSet<ServiceName>,
    /// How deep it stands on others: more than each that it needs.
    pub(crate) rank: u32,
    /// Its instances, by how they are.
    pub(crate) counts: Counts,
    /// How far it is.
    pub(crate) progress: Progress,
    /// What it waits for.
    pub(crate) waits: Waits,
    /// Dependents that are draining, or have dependents that are.
    pub(crate) above_draining: u32,
    /// Last answer to "what it needs must not stop yet".
    pub(crate) drains: bool,
    // Root cause.
    /// It lost what it was relied on for, and has not got it back.
    pub(crate) down: bool,
    /// Since when, or when it was last.
    pub(crate) down_since: Mono,
    /// When it was last back after having been down.
    pub(crate) back: Option<Mono>,
    /// Services it needs, directly or through others, that are down.
    pub(crate) roots: BTreeSet<ServiceName>,
    /// What else explains its faults.
    pub(crate) excuse: Option<Excuse>,
    /// The root whose outage since then it has waited for long enough.
    pub(crate) spent: Option<(ServiceName, Mono)>,
}

impl Service {
    pub(crate) fn new(spec: spec::Service) -> Self {
        Self {
            replicas: spec.replicas,
            spec,
            wanted: true,
            leaving: false,
            held: None,
            renewed: false,
            versions: Versions::default(),
            rolling: None,
            scaling: Scaling::default(),
            usual: healing::Usual::default(),
            needs: BTreeSet::new(),
            terms: BTreeMap::new(),
            dependents: BTreeSet::new(),
            relied_by: BTreeSet::new(),
            rank: 0,
            counts: Counts::default(),
            progress: Progress::default(),
            waits: Waits::default(),
            above_draining: 0,
            drains: false,
            down: false,
            down_since: Mono::default(),
            back: None,
            roots: BTreeSet::new(),
            excuse: None,
            spent: None,
        }
    }

    /// What is wanted of the instance with this index.
    pub(crate) fn goal(&self, index: u16) -> Goal {
        if self.leaving || index >= self.replicas {
            Goal::Leave
        } else if self.wanted {
            Goal::Run
        } else {
            Goal::Rest
        }
    }

    pub(crate) fn oneshot(&self) -> bool {
        self.spec.kind == spec::Kind::Oneshot
    }
}

/// An act and what it waits for.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// Whether it wants its instances to run; `None` for one that wants some to and some not to.
    pub(crate) up: Option<bool>,
    /// What was late before is not its concern.
    pub(crate) began: Mono,
    pub(crate) concerned: BTreeSet<InstanceId>,
    /// Those of them that have not come to rest.
    pub(crate) open: BTreeSet<InstanceId>,
    /// All were where they should be, and some of them have to live until then.
    pub(crate) lives_on: Option<Mono>,
    /// Those that a rolling restart did not come to, and why: they run on as they were.
    pub(crate) left_behind: BTreeMap<InstanceId, Reason>,
    /// Services that need one of these, directly or through others, which were not known to be ready
    /// in time: nothing is down, and still nobody comes up behind them.
    pub(crate) behind: BTreeMap<ServiceName, BTreeSet<InstanceId>>,
}

/// An incident with what only this room needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Tale {
    pub(crate) incident: Incident,
    /// When it was opened, or taken up by this engine.
    pub(crate) opened: Mono,
    /// So long it had been open before this engine took it up.
    pub(crate) before: Duration,
    /// The start whose fault opened it, as long as its last words are not known.
    pub(crate) first: Option<Generation>,
    /// A person has started its service anew since, and what they found wrong may be mended: the next
    /// fault is told as the cause.
    pub(crate) anew: bool,
    /// The start whose fault that was, as long as its last words are not known.
    pub(crate) renewed: Option<Generation>,
    /// Entries of its timeline that were not told yet.
    pub(crate) new: Vec<IncidentEntry>,
    /// The last words that its timeline quotes.
    pub(crate) quoted: Vec<String>,
    /// The last result of a probe that its timeline tells.
    pub(crate) probe: String,
    /// When it ended, if it has.
    pub(crate) ended: Option<Mono>,
    /// That its service says it is not ready is all it is about.
    pub(crate) unready: bool,
}

impl Tale {
    /// One that begins now.
    pub(crate) fn of(incident: Incident, opened: Mono) -> Self {
        Self {
            incident,
            opened,
            before: Duration::ZERO,
            first: None,
            anew: false,
            renewed: None,
            new: Vec::new(),
            quoted: Vec::new(),
            probe: String::new(),
            ended: None,
            unready: false,
        }
    }

    /// A fault that is seen now, after a health that has lasted so, belongs to it: it goes on, or ended with
    /// that health.
    pub(crate) fn goes_on(&self, lasted: Lasted, now: Mono) -> bool {
        let just = self.ended.is_none_or(|ended| now.since(ended) < STEADY);
        self.incident.state != IncidentState::Resolved || (lasted == Lasted::Briefly && just)
    }

    /// How long it has been open.
    pub(crate) fn took(&self, now: Mono) -> Duration {
        self.before + now.since(self.opened)
    }
}

impl Cluster {
    /// A cluster nothing is known of yet. [`crate::Command::Up`] or [`crate::Command::Adopt`]
    /// brings its definition.
    pub fn new(id: ClusterId) -> Self {
        Self {
            id,
            definition: None,
            services: BTreeMap::new(),
            instances: BTreeMap::new(),
            gone: BTreeMap::new(),
            held: None,
            said_autonomy: None,
            proposals: BTreeMap::new(),
            acts: BTreeMap::new(),
            due: BTreeSet::new(),
            settling: BTreeSet::new(),
            asks: BTreeMap::new(),
            last_ticket: 0,
            incidents: BTreeMap::new(),
            last_incident: 0,
            suffering: BTreeMap::new(),
            rises: None,
            doubted: BTreeMap::new(),
            left_open: Vec::new(),
            remembered: Vec::new(),
            rolling: BTreeSet::new(),
            memory: BTreeMap::new(),
            unfinished: Unfinished::default(),
            observed: Observed::default(),
            declared: BTreeMap::new(),
            excused: BTreeMap::new(),
            waits_for_ends: false,
            learned: Learned::default(),
            experience: healing::Experience::default(),
            schedules: AllSchedules::new(),
            zone: spec::Zone::default(),
        }
    }

    /// The instances of one service, by index.
    pub(crate) fn instances_of(
        &self,
        service: &ServiceName,
    ) -> impl DoubleEndedIterator<Item = (&InstanceId, &Instance)> {
        self.instances.range(span(service))
    }

    /// Their ids, to walk them while changing things.
    pub(crate) fn ids_of(&self, service: &ServiceName) -> Vec<InstanceId> {
        self.instances_of(service)
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// The instances of all these services.
    pub(crate) fn ids_of_all<'a>(
        &self,
        services: impl IntoIterator<Item = &'a ServiceName>,
    ) -> Vec<InstanceId> {
        services
            .into_iter()
            .flat_map(|service| self.ids_of(service))
            .collect()
    }

    /// What is wanted of an instance; of one whose service is not known, to leave.
    pub(crate) fn goal(&self, id: &InstanceId) -> Goal {
        self.services
            .get(&id.service)
            .map_or(Goal::Leave, |service| service.goal(id.index))
    }
}

/// The range of ids a service's instances lie in.
pub(crate) fn span(service: &ServiceName) -> RangeInclusive<InstanceId> {
    InstanceId::new(service.clone(), 0)..=InstanceId::new(service.clone(), u16::MAX)
}
