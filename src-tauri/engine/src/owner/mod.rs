//! The owner of one cluster: the only place its state changes.
//!
//! One loop: select one message, apply it synchronously through `orchestrator::step`, carry out
//! the effects, tell the picture. Applying never awaits; whatever takes time runs as a task and
//! comes back as a message, but for what a person's order has to have before it is answered: its
//! record on disk and its ports. That is done in place, beside the other owners ([`crate::beside`]).

mod containers;
mod effects;
mod files;
mod gap;
mod hooks;
mod inbox;
mod incidents;
mod keeping;
mod load;
mod message;
mod orders;
mod origins;
mod ports;
mod probes;
mod proposals;
mod show;

use crate::Error;
use crate::drivers::Files;
use crate::emergency::overtaken;
use crate::files::Wanted;
use crate::record::ClusterRecord;
use crate::secrets::Secrets;
use crate::shared::Shared;
use driver::Found;
pub(crate) use message::{Message, Noted, Readied, Wish};
use model::view::Pulse;
use model::{ActId, ClusterId, Ejection, InstanceId, Mono, Origin, RemedyKind};
use model::{Generation, ServiceName, Timestamp};
use orchestrator::{Cluster, Command, Effect, Input};
pub(crate) use orders::{nearest, until};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages that may wait for an owner. A full inbox slows the senders down, it loses nothing.
pub(crate) const INBOX: usize = 4_096;
/// Changes of state within this time are told as one delta: short to the eye, long to a machine.
const SHOW_STATES: Duration = Duration::from_millis(25);
/// The same for measurements, which nobody waits for.
const SHOW_PULSES: Duration = Duration::from_millis(250);

/// See the module.
pub(crate) struct Owner {
    id: ClusterId,
    record: ClusterRecord,
    cluster: Cluster,
    shared: Arc<Shared>,
    inbox: inbox::Inbox,
    myself: mpsc::Sender<Message>,
    timers: crate::timers::Timers,
    gaps: healing::Gaps,
    /// The probes under way.
    questions: probes::Questions,
    /// What instances have said of themselves, for the probes that wait for it.
    told: BTreeMap<InstanceId, probes::Ears>,
    /// Whose turn it is, of instances that are asked in two ways.
    gates: BTreeMap<InstanceId, Arc<tokio::sync::Mutex<()>>>,
    /// Hooks under way, and what ends each.
    hooks: BTreeMap<InstanceId, hooks::UnderWay>,
    /// The secrets of instances that run or are about to.
    secrets: BTreeMap<InstanceId, Arc<Secrets>>,
    /// What was read for containers that are about to be made.
    contents: BTreeMap<InstanceId, Files>,
    /// How many variables of which start would be different now; only those with some.
    drift: BTreeMap<InstanceId, (Generation, u32)>,
    /// Who has a debugger on which start of an instance.
    attached: BTreeMap<InstanceId, (Generation, String)>,
    /// Questions the door has not answered: about what, and which remedy.
    asked: BTreeMap<u64, (InstanceId, RemedyKind)>,
    /// Those of them that persons are asked about.
    proposals: proposals::Proposals,
    /// Healing's acts whose process has not come up yet.
    healing: BTreeMap<InstanceId, ActId>,
    /// Starts of instances that healing is about to end: nobody waits for their answers.
    hopeless: BTreeMap<InstanceId, Generation>,
    /// Healing's act of scaling that was let pass and has not begun.
    scaling: Option<ActId>,
    incidents: incidents::Numbers,
    /// Of the instance whose end is being applied.
    last_secrets: Option<Arc<Secrets>>,
    pulses: BTreeMap<InstanceId, Pulse>,
    changed: BTreeSet<InstanceId>,
    pulsed: BTreeSet<InstanceId>,
    /// Whom the gateway leaves out, in which life, and until when.
    left_out: BTreeMap<InstanceId, (Generation, Ejection, Mono)>,
    show_at: Option<Mono>,
    shown: Option<show::Shown>,
    /// Something happened besides measurements since the cluster was last shown as a whole.
    eventful: bool,
    /// What is to be written down.
    keeping: keeping::Keeping,
    /// When the record is written at the latest, because of what may be forgotten without harm.
    save_at: Option<Mono>,
    /// Who wanted what, by the act whose starts may still come.
    origins: BTreeMap<ActId, Origin>,
    /// The last word of the brake that was noted.
    noted: u64,
    /// Whose files are watched.
    watched: Option<Wanted>,
    /// Services whose files are changing.
    rebuilding: BTreeSet<ServiceName>,
    /// Services whose restart on changed files the door has not answered.
    refreshing: BTreeSet<ServiceName>,
    /// The act whose containers and networks are being removed.
    clearing: Option<ActId>,
    /// Volumes that acts under way are to have removed.
    with_volumes: BTreeMap<ActId, Vec<String>>,
}

impl Owner {
    /// An owner of a cluster that was never up, or is about to be adopted.
    pub(crate) fn new(record: ClusterRecord, shared: Arc<Shared>) -> (Self, mpsc::Sender<Message>) {
        let (sender, inbox) = inbox::Inbox::new();
        shared.constitution.knows(&record);
        shared.note_stop(&record.id, record.last_stop.as_ref().map(|stop| stop.at));
        let noted = shared.brake.word();
        let mut cluster = Cluster::new(record.id.clone());
        cluster.set_zone(jiff::tz::TimeZone::system().into());
        let owner = Self {
            id: record.id.clone(),
            cluster,
            record,
            shared,
            inbox,
            myself: sender.clone(),
            timers: crate::timers::Timers::default(),
            gaps: healing::Gaps::default(),
            questions: probes::Questions::default(),
            told: BTreeMap::new(),
            gates: BTreeMap::new(),
            hooks: BTreeMap::new(),
            secrets: BTreeMap::new(),
            contents: BTreeMap::new(),
            drift: BTreeMap::new(),
            attached: BTreeMap::new(),
            asked: BTreeMap::new(),
            proposals: BTreeMap::new(),
            healing: BTreeMap::new(),
            hopeless: BTreeMap::new(),
            scaling: None,
            incidents: incidents::Numbers::default(),
            last_secrets: None,
            pulses: BTreeMap::new(),
            changed: BTreeSet::new(),
            pulsed: BTreeSet::new(),
            left_out: BTreeMap::new(),
            show_at: None,
            shown: None,
            eventful: true,
            keeping: keeping::Keeping::default(),
            save_at: None,
            origins: BTreeMap::new(),
            noted,
            watched: None,
            rebuilding: BTreeSet::new(),
            refreshing: BTreeSet::new(),
            clearing: None,
            with_volumes: BTreeMap::new(),
        };
        (owner, sender)
    }

    /// Its cluster.
    pub(crate) fn id(&self) -> &ClusterId {
        &self.id
    }

    /// Its record, before the loop begins.
    pub(crate) fn record(&mut self) -> &mut ClusterRecord {
        &mut self.record
    }

    /// Waits for something before the loop begins; what it is told meanwhile it hears then.
    pub(crate) async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> T {
        self.inbox.meanwhile(what).await
    }

    /// Takes over what an earlier engine left, before the loop begins.
    pub(crate) fn adopt(&mut self, found: Vec<Found>) {
        self.learn_secrets();
        for one in &found {
            if let Ok(pid) = one.outcome {
                let what = model::EventKind::Adopted {
                    instance: one.instance.clone(),
                    generation: one.generation,
                    pid,
                };
                self.shared.journal.event(Some(&self.id), what);
            }
            if one.unanswered {
                let text = format!(
                    "{} runs on, but its {} has not answered yet; it is asked until it does",
                    one.instance,
                    match self.shared.drivers.is_container(&self.id, &one.instance) {
                        true => "container daemon",
                        false => "shim",
                    }
                );
                let what = model::EventKind::Notice { text };
                self.shared.journal.event(Some(&self.id), what);
            }
        }
        let found = found
            .into_iter()
            .map(|one| orchestrator::Adoption {
                instance: one.instance,
                generation: one.generation,
                outcome: one.outcome,
                shim_lost: one.shim_lost,
                unanswered: one.unanswered,
                greeted: false,
            })
            .map(|one| self.greeted_before(one))
            .collect();
        self.recall();
        let command = Command::Adopt {
            definition: Arc::clone(&self.record.definition),
            ports: self.record.ports.clone(),
            stopped: self.record.stopped.iter().cloned().collect(),
            why: self.record.why_stopped.clone(),
            found,
        };
        self.step(Input::Command {
            command,
            act: ActId(0),
        });
        self.watch_files();
        self.show();
    }

    /// Takes over a cluster that the emergency path ended while no engine ran.
    pub(crate) fn adopt_ended(&mut self, at: Timestamp) {
        self.stop_all(at);
        self.save();
        self.adopt(vec![]);
    }

    /// Runs until the engine ends or the cluster is forgotten.
    pub(crate) async fn run(mut self) {
        let cancel = self.shared.cancel.clone();
        let clock = self.shared.clock;
        let mut gone = false;
        loop {
            self.keep_soon();
            let wake = [self.timers.next(), self.show_at, self.save_at]
                .into_iter()
                .flatten()
                .min();
            let alarm = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(clock.instant(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                message = self.inbox.recv() => match message {
                    Some(Message::Forget { reply }) => {
                        let result = self.forget();
                        gone = result.is_ok();
                        let _ = reply.send(result);
                        if gone { break }
                    }
                    Some(message) => self.apply(message),
                    None => break,
                },
                () = alarm => {}
            }
            self.due();
        }
        self.keep_at_last();
        self.questions.drop_all();
        for hook in self.hooks.values() {
            hook.end();
        }
        if gone {
            return;
        }
        self.keeping.unsaved |= self.save_at.is_some();
        self.keep();
    }

    /// Applies all timers that have come due, and shows what is to be shown.
    fn due(&mut self) {
        let now = self.shared.clock.now().mono;
        while let Some(key) = self.timers.take(now) {
            self.step(Input::Timer(key));
        }
        if self.show_at.is_some_and(|at| at <= now) {
            self.show();
        }
        if self.save_at.is_some_and(|at| at <= now) {
            self.save_at = None;
            self.keeping.unsaved = true;
        }
    }

    fn apply(&mut self, message: Message) {
        match message {
            Message::Happened(input) => {
                self.note(&input);
                self.step(input);
                self.last_secrets = None;
            }
            Message::Probed(instance, generation, kind, evidence, question) => {
                if !self.questions.answered(&instance, kind, question) {
                    return;
                }
                self.probed(&instance, kind, &evidence);
                self.step(Input::Probed {
                    instance,
                    generation,
                    kind,
                    evidence,
                });
            }
            Message::Told(instance, generation, told) => self.told(instance, generation, told),
            Message::Prepared(instance, generation, outcome) => {
                self.prepared(instance, generation, outcome);
            }
            Message::Greeted(instance, generation, outcome) => {
                self.greeting_over(instance, generation, outcome);
            }
            Message::Daemon => self.daemon_stirred(),
            Message::Cleared(act, cleared) => self.cleared(act, &cleared),
            Message::Secrets(instance, secrets) => {
                self.secrets.insert(instance, secrets);
            }
            Message::Attached(instance, generation, who) => {
                self.attached_to(instance, generation, who);
            }
            Message::Wait { ticket, why } => {
                self.asked.remove(&ticket);
                self.proposals.remove(&ticket);
                self.step(Input::Postponed { ticket, why });
            }
            Message::Answer { ticket, answer } => self.answered(ticket, answer),
            Message::Up {
                definition,
                noted,
                left_out,
                act,
                reply,
            } => {
                let answer = match self.shared.stopped_since(act.at) {
                    true => Err(overtaken()),
                    false => {
                        self.wanted_by(&act);
                        self.up(definition, noted, left_out, act.id)
                    }
                };
                self.keep();
                let _ = reply.send(answer);
            }
            Message::Order { order, act, reply } => {
                // It has waited for the door or for this loop meanwhile.
                let answer = match order.starts() && self.shared.stopped_since(act.at) {
                    true => Err(overtaken()),
                    false => {
                        self.wanted_by(&act);
                        self.order(order, act.id)
                    }
                };
                self.keep();
                let _ = reply.send(answer);
            }
            Message::Ended {
                reason,
                at,
                word,
                reply,
            } => {
                self.noted = self.noted.max(word);
                self.ended(reason, at);
                if let Some(reply) = reply {
                    let _ = reply.send(());
                }
            }
            Message::Files { service, told } => self.files(service, told),
            Message::Refresh {
                service,
                why,
                changed,
                answer,
            } => self.refresh(service, why, changed, answer),
            Message::Record { reply } => {
                let _ = reply.send(Box::new(self.record.clone()));
            }
            Message::Drift(found) => self.drifted(found),
            Message::Connected(seen) => self.connected(seen),
            Message::Ejected(ejected) => self.ejected(ejected),
            Message::Looked(looks) => self.step(Input::Looked(looks)),
            Message::Usage(usage, machine) => {
                if let Some(machine) = machine {
                    self.weigh_load(&usage, &machine);
                }
                self.used(usage);
                self.keep_learned();
            }
            Message::Look => self.mind_the_gap(),
            Message::Kept(result) => self.kept(result),
            #[cfg(test)]
            Message::Break => panic!("broken by a test"),
            // Taken by the loop, which ends with it.
            Message::Forget { reply } => {
                let _ = reply.send(Err(Error::Closing));
            }
        }
    }

    /// One step of the heart, and all it wants done.
    fn step(&mut self, input: Input) {
        self.mind_the_gap();
        self.take(input);
    }

    fn take(&mut self, input: Input) {
        let now = self.shared.clock.now();
        let measured = matches!(
            input,
            Input::Probed { .. } | Input::Connected(_) | Input::Used(..)
        );
        self.eventful |= !measured;
        let effects = orchestrator::step(&mut self.cluster, input, now);
        self.keep_before(&effects);
        for effect in effects {
            self.eventful |= !matches!(effect, Effect::Probe { .. });
            self.carry_out(effect);
        }
        self.keep_experience();
    }

    fn show_within(&mut self, wait: Duration) {
        let at = self.shared.clock.now().mono + wait;
        self.show_at = Some(self.show_at.map_or(at, |earlier| earlier.min(at)));
    }
}
