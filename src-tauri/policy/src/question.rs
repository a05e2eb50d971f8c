//! What is asked: who wants to do what to which one thing.

use model::{ActorKind, ClusterId, Verb};

/// What kind of party acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// Somebody at this machine.
    Person,
    /// Azora's own healing.
    Healer,
    /// A program that uses the registry.
    Client,
    /// Azora's own watching of files.
    Watch,
    /// A program that acts for a person, with a token of its own; through what is its name.
    Agent,
    /// Azora's own security monitor.
    Monitor,
}

impl Who {
    /// All there are.
    pub const ALL: [Who; 6] = [
        Who::Person,
        Who::Healer,
        Who::Client,
        Who::Watch,
        Who::Agent,
        Who::Monitor,
    ];

    /// Its name as people write it: "person".
    pub fn name(self) -> &'static str {
        match self {
            Who::Person => "person",
            Who::Healer => "healer",
            Who::Client => "client",
            Who::Watch => "watch",
            Who::Agent => "agent",
            Who::Monitor => "monitor",
        }
    }

    /// Through what it usually acts.
    pub fn usual_via(self) -> &'static str {
        match self {
            Who::Person => "cli",
            Who::Healer => "healing",
            Who::Client => "registry",
            Who::Watch => "watch",
            Who::Agent => "agent",
            Who::Monitor => "security",
        }
    }
}

impl From<ActorKind> for Who {
    fn from(kind: ActorKind) -> Self {
        match kind {
            ActorKind::Person => Who::Person,
            ActorKind::Healer => Who::Healer,
            ActorKind::Client => Who::Client,
            ActorKind::Watch => Who::Watch,
            ActorKind::Monitor => Who::Monitor,
            ActorKind::Agent => Who::Agent,
        }
    }
}

/// What no rule can give to an agent: it hands out what the agent would be kept from, to itself or to others.
pub(crate) fn is_never_an_agents(verb: Verb) -> bool {
    match verb {
        Verb::Attach
        | Verb::Request
        | Verb::Shutdown
        | Verb::Approve
        | Verb::Deny
        | Verb::Reveal
        | Verb::AddAgent
        | Verb::RemoveAgent => true,
        Verb::Up
        | Verb::Down
        | Verb::Start
        | Verb::Stop
        | Verb::Restart
        | Verb::Scale
        | Verb::Hold
        | Verb::Unhold
        | Verb::Autonomy
        | Verb::Mute
        | Verb::Unmute
        | Verb::Release
        | Verb::Rollback
        | Verb::Quarantine
        | Verb::EmergencyStop
        | Verb::Resume
        | Verb::Register
        | Verb::Deregister
        | Verb::WriteKey
        | Verb::Forget
        | Verb::TestWebhook => false,
    }
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject<'q> {
    /// The whole home.
    Home,
    /// A cluster as such; what is done to its services is asked about for each.
    Cluster {
        /// Which.
        id: &'q ClusterId,
        /// What people call it.
        name: &'q str,
    },
    /// One service.
    Service {
        /// Of which cluster.
        cluster: &'q ClusterId,
        /// What people call that.
        cluster_name: &'q str,
        /// Its name.
        name: &'q str,
        /// As its definition has it.
        category: &'q str,
        /// As its definition has it.
        protected: bool,
    },
}

impl<'q> Subject<'q> {
    /// The cluster it is or belongs to.
    pub fn cluster(&self) -> Option<&'q ClusterId> {
        match *self {
            Subject::Home => None,
            Subject::Cluster { id, .. } => Some(id),
            Subject::Service { cluster, .. } => Some(cluster),
        }
    }
}

/// One question. All that a decision depends on, besides the rules, is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question<'q> {
    /// Who acts.
    pub who: Who,
    /// Through what.
    pub via: &'q str,
    /// What is to be done.
    pub verb: Verb,
    /// To what.
    pub subject: Subject<'q>,
    /// How many persons have approved of it.
    pub approvals: u32,
}
