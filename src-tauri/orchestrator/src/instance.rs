//! One instance as the heart knows it: what is wanted, what is known of its process, what healing
//! is up to, and what is shown.

use crate::doubt::{Answers, Doubt};
use crate::finding::Findings;
use crate::io::OwnCheck;
use crate::memory::Ended;
use crate::progress::Counted;
use healing::load::Load;
use healing::{History, Watch};
use model::{
    ActId, ExitStatus, Generation, IncidentEntry, Mono, ProbeKind, Reason, RemedyKind, State,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What is known of an instance's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// There is none.
    Gone,
    /// It was asked for, the driver has not answered.
    Asked,
    /// It lives.
    Alive,
    /// It was told to end.
    Ending,
}

/// What is wanted of an instance. Follows from its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To run.
    Run,
    /// Not to run.
    Rest,
    /// Not to be: scaled down, or no longer defined.
    Leave,
}

/// A process that is to be replaced by a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cycle {
    /// Why, for the reason people read.
    pub(crate) why: String,
    /// The act the new start belongs to.
    pub(crate) act: ActId,
    /// Healing does it, not a person.
    pub(crate) automatic: bool,
    /// What needs it and is to stop as well stops first.
    pub(crate) ordered: bool,
}

/// Why a process that runs is not the one that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outdated {
    /// A person wants a fresh one of the same.
    Restart,
    /// The definition has changed, and with it perhaps what its probes ask: what they say of this
    /// process means nothing then.
    Edit {
        /// Its probes ask something else now, and it has not been seen to answer that well.
        probes: bool,
    },
}

/// What healing has in mind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) remedy: RemedyKind,
    /// In words: "restart 2 of 5, after 1 s"; for quarantine, why.
    pub(crate) detail: String,
    /// It makes up for another's fault: no incident, nothing from the budget.
    pub(crate) excused: bool,
    /// That it waits for its turn has been told.
    pub(crate) queued: bool,
    /// It is proposed, and done once a person has approved of it.
    pub(crate) proposed: bool,
}

impl Plan {
    /// As it is first thought of.
    pub(crate) fn new(remedy: RemedyKind, detail: String) -> Self {
        Self {
            remedy,
            detail,
            excused: false,
            queued: false,
            proposed: false,
        }
    }
}

/// Why healing keeps its hands off a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bar {
    /// A person holds it.
    Held,
    /// The definition switches healing off.
    Off,
    /// Only a person may stop it.
    Protected,
    /// The door refused.
    Refused(String),
    /// It may begin nothing by itself in this cluster.
    NotByItself,
    /// What it proposed came to nothing, or it has nothing to propose; why.
    Declined(String),
}

/// Where healing stands with an instance that has a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Care {
    /// No fault, or the remedy is being carried out.
    Idle,
    /// It ended while something it needs was down; it is started again when that is back.
    Suffers,
    /// Whose fault it is, is not known yet: what it needs is asked.
    Doubted(Doubt),
    /// The remedy waits for its backoff.
    Backoff(Plan),
    /// The remedy's time has come, at this one; see [`crate::due`].
    Due(Plan, Mono),
    /// The door is asked.
    Asked(Plan, u64),
    /// Nothing is done until a person does something.
    Barred(Bar),
    /// Healing gave up.
    Quarantined(String),
}

impl Care {
    /// Only a person can change anything.
    pub(crate) fn stuck(&self) -> bool {
        matches!(self, Care::Barred(_) | Care::Quarantined(_)) || self.proposed()
    }

    /// A person is asked whether healing may do what it has in mind.
    pub(crate) fn proposed(&self) -> bool {
        matches!(self, Care::Asked(plan, _) if plan.proposed)
    }
}

/// A start that the machine had no room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delay {
    /// What it is short of.
    pub(crate) shortage: String,
    /// Tries that came to nothing, one after the other.
    pub(crate) times: u32,
    /// Not before this it is tried again.
    pub(crate) until: Mono,
}

/// The same thing seen several times in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    detail: String,
    times: u32,
}

impl Seen {
    /// Sees it once more; something else begins a new count.
    pub(crate) fn again(&mut self, detail: &str) {
        if self.detail == detail {
            self.times = self.times.saturating_add(1);
        } else {
            *self = Self {
                detail: detail.to_owned(),
                times: 1,
            };
        }
    }

    /// Nothing was seen.
    pub(crate) fn nothing(&self) -> bool {
        self.times == 0
    }

    /// "tcp 5432 refused 14 times".
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.detail, healing::words::times(self.times))
    }
}

/// All that is known of one instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    // What is shown.
    pub(crate) state: State,
    pub(crate) reason: Reason,
    pub(crate) since: Timestamp,
    /// The same on the monotonic clock.
    pub(crate) entered: Mono,
    pub(crate) pid: Option<u32>,
    pub(crate) ports: Vec<u16>,
    pub(crate) generation: Generation,
    pub(crate) restarts: u32,
    pub(crate) shim_lost: bool,
    // Its process.
    pub(crate) life: Life,
    pub(crate) cycle: Option<Cycle>,
    /// The act the next start belongs to.
    pub(crate) act: ActId,
    /// The machine had no room for it, and has not shown since that it has.
    pub(crate) delay: Option<Delay>,
    /// It was asked for, and this has to be done before its process is made.
    pub(crate) preparing: Option<&'static str>,
    /// That was called off.
    pub(crate) called_off: bool,
    /// This generation's `after_ready` was asked for.
    pub(crate) greeted: bool,
    /// The generation that was being made when the emergency path ended everything: the driver may
    /// still have a word about it.
    pub(crate) owed: Option<Generation>,
    /// What of it does not end although it was killed.
    pub(crate) blocked: Option<String>,
    /// Why it is stopped, for the reason people read.
    pub(crate) rest: String,
    /// It has completed: a oneshot, or a daemon that may end.
    pub(crate) done: bool,
    /// Its last process ended by itself, and no other has been asked for since.
    pub(crate) by_itself: bool,
    /// Which generation a person has replaced and why, until a newer one runs.
    pub(crate) replaces: Option<(Generation, String)>,
    /// It runs, and is to be replaced when its turn comes.
    pub(crate) outdated: Option<Outdated>,
    /// Its health has answered since an edit of its probes: the next answer is to what is asked now.
    pub(crate) answered_anew: bool,
    // Its readiness and health.
    /// When this generation was asked for; what a process reads, it reads after that. `None` of one
    /// that was found running.
    pub(crate) begun: Option<Mono>,
    /// When this generation's process was there, or was found running.
    pub(crate) alive_since: Mono,
    /// This generation is being asked whether it is ready, or needs not be.
    pub(crate) asked: bool,
    /// Probes of this generation that have not come back, and when they are asked: one of a kind at
    /// a time.
    pub(crate) under_way: BTreeMap<ProbeKind, Mono>,
    /// Probes whose first round after a gap has not come back: asked before this, or first after it.
    pub(crate) unjudged: BTreeMap<ProbeKind, Mono>,
    /// This generation has passed `startup`, if it has one to pass.
    pub(crate) started: bool,
    /// This generation has passed readiness.
    pub(crate) ready: bool,
    /// The last generation that is known to have been ready, by this engine or the one before.
    pub(crate) was_ready: Option<Generation>,
    /// The last generation that is known to have served.
    pub(crate) served: Option<Generation>,
    /// Readiness probes that did not pass, for their pace.
    pub(crate) tries: u32,
    /// Those that passed, one after the other.
    pub(crate) passes: u32,
    pub(crate) seen: Seen,
    /// What its daemon does by itself to know how it is, where it is a container and has been asked.
    pub(crate) check: Option<OwnCheck>,
    /// When it counts as a fault that it is not ready.
    pub(crate) gives_up: Option<Mono>,
    /// It should have been ready by now: the next answer decides.
    pub(crate) overdue: bool,
    /// When it was last not ready in time and has not been since, and what is said about that to
    /// those who waited.
    pub(crate) late: Option<(Mono, Reason)>,
    /// The reason shown while it serves, to go back to it.
    pub(crate) serving: (State, Reason),
    pub(crate) watch: Watch,
    /// When it was last well again after not having been, or no more in doubt.
    pub(crate) well_since: Mono,
    /// When a probe of this generation last passed.
    pub(crate) passed: Option<Mono>,
    /// How its last process ended; `None` while there is one, and when it could not be made.
    pub(crate) ended: Option<ExitStatus>,
    /// The last generation whose end was told.
    pub(crate) told_end: Option<Generation>,
    /// What the engine before has told of that, until it is known what was found.
    pub(crate) remembered: Option<Ended>,
    /// What goes wrong slowly.
    pub(crate) findings: Findings,
    /// So many times in a row it could not be asked for its health.
    pub(crate) unasked: u32,
    /// What readiness that is asked on has come to.
    pub(crate) ready_watch: Watch,
    /// It was ready and says that it is not any more, and why.
    pub(crate) unready: Option<Reason>,
    /// What its health probe was answered lately.
    pub(crate) answers: Answers,
    /// What its process used lately, where there may be others beside it.
    pub(crate) load: Load,
    // Healing.
    pub(crate) history: History,
    pub(crate) care: Care,
    /// When the remedy in mind is to be carried out.
    pub(crate) remedy_at: Option<Mono>,
    /// The start or restart under way is healing's.
    pub(crate) automatic: bool,
    /// Healing has been let act on it, and that has not come to anything yet.
    pub(crate) in_hand: bool,
    /// Since when its start waits for what it needs to have been well for a while.
    pub(crate) settling: Option<Mono>,
    /// The trial of its open circuit ends by a timer.
    pub(crate) trial: bool,
    /// The fault in words, while there is one: "exited with code 1".
    pub(crate) fault: String,
    /// The incident it is the root of: open, quarantined, or resolved a moment ago.
    pub(crate) incident: Option<u64>,
    /// What was seen that speaks of a fault since all was well; see [`crate::timeline`].
    pub(crate) clues: VecDeque<IncidentEntry>,
    /// When a probe of this generation passed last.
    pub(crate) last_good: Option<Mono>,
    // What the service's counters hold of it; see `progress`.
    pub(crate) counted: Counted,
}

impl Instance {
    /// A new one that nothing is known of.
    pub(crate) fn new(ports: Vec<u16>, act: ActId, since: Timestamp) -> Self {
        Self {
            state: State::Stopped,
            reason: Reason::new("not started yet"),
            since,
            entered: Mono::default(),
            pid: None,
            ports,
            generation: Generation::default(),
            restarts: 0,
            shim_lost: false,
            life: Life::Gone,
            cycle: None,
            act,
            delay: None,
            preparing: None,
            called_off: false,
            greeted: false,
            owed: None,
            blocked: None,
            rest: "not started yet".to_owned(),
            done: false,
            by_itself: false,
            replaces: None,
            outdated: None,
            answered_anew: false,
            begun: None,
            alive_since: Mono::default(),
            asked: false,
            under_way: BTreeMap::new(),
            unjudged: BTreeMap::new(),
            started: false,
            ready: false,
            was_ready: None,
            served: None,
            tries: 0,
            passes: 0,
            seen: Seen::default(),
            check: None,
            gives_up: None,
            overdue: false,
            late: None,
            serving: (State::Ready, Reason::default()),
            watch: Watch::default(),
            well_since: Mono::default(),
            passed: None,
            ended: None,
            told_end: None,
            remembered: None,
            findings: Findings::new(),
            unasked: 0,
            ready_watch: Watch::default(),
            unready: None,
            answers: Answers::default(),
            load: Load::default(),
            history: History::default(),
            care: Care::Idle,
            remedy_at: None,
            automatic: false,
            in_hand: false,
            settling: None,
            trial: false,
            fault: String::new(),
            incident: None,
            clues: VecDeque::new(),
            last_good: None,
            counted: Counted::default(),
        }
    }

    /// How far a start has come; when it makes up for a fault, after what the fault was.
    pub(crate) fn story(&self, stage: &str) -> Reason {
        if self.automatic && !self.fault.is_empty() {
            Reason::new(self.fault.clone()).then(stage)
        } else {
            Reason::new(stage)
        }
    }

    /// What needs it may rely on it. What has completed and is to do its work once more is not there
    /// from the moment that is known, whatever is shown of it until it is looked at.
    pub(crate) fn good(&self) -> bool {
        // What has just ended is not there either, though it is not shown yet.
        let serves = self.state.serves() && self.life == Life::Alive;
        serves || (self.done && self.life == Life::Gone)
    }
}
