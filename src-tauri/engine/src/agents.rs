//! Agents of a home: programs that act for a person, each with a token of its own. Who they are, how they are added and
//! removed, and by what token one is known.
//!
//! Hosts ask [`Handle::agent`] whose a token is, and no disk is asked for that: it works while the databases do not.
//! Only hashes are kept, in memory and in the store. To add and to remove are acts at the door, and never an agent's.

use crate::Error;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::shared::Shared;
use model::agent::{Agent, NewAgent, TOKEN_DIGITS, TOKEN_PREFIX};
use model::{Act, Actor, AgentName, Outcome, Target, Timestamp, Verb};
use sha2::{Digest, Sha256};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use store::{Store, TokenHash};
use tokio_util::sync::CancellationToken;

/// Agents of one home. Who has more gives several programs one.
const MOST: usize = 100;
/// Its use is written down so often, at most.
const NOTED: i64 = 60_000;
/// The shortest and the longest time for which one can be added.
const SPANS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(366 * 86_400));

/// See the module.
pub(crate) struct Agents {
    kept: RwLock<Vec<Kept>>,
    /// One after the other adds or removes.
    changing: tokio::sync::Mutex<()>,
}

struct Kept {
    agent: Agent,
    hash: TokenHash,
    /// Its last use that was written down.
    noted: Option<Timestamp>,
    /// Cancelled when it may act no more.
    gone: CancellationToken,
}

/// An agent that asks for something.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// Cancelled when it may act no more: what is sent to it ends then.
    pub gone: CancellationToken,
}

impl Agents {
    /// Those that the store has.
    pub(crate) async fn open(store: &Store) -> Result<Self, Error> {
        let all = store.agents().all().await?;
        let kept = all.into_iter().map(|(agent, hash)| Kept::new(agent, hash));
        Ok(Self {
            kept: RwLock::new(kept.collect()),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// Whose token this is, if it is one that holds; and whether its use is to be written down.
    fn whose(&self, claim: &str, now: Timestamp) -> Option<(AgentName, CancellationToken, bool)> {
        // How long a token is and how it begins is known to everybody.
        let digits = claim.strip_prefix(TOKEN_PREFIX)?;
        if digits.len() != TOKEN_DIGITS {
            return None;
        }
        let hash = hashed(claim);
        let mut kept = self.write();
        let mut found = None;
        for (place, one) in kept.iter().enumerate() {
            // All of them are looked at, whole: how long that takes says nothing.
            if same(&one.hash, &hash) {
                found = Some(place);
            }
        }
        let one = kept.get_mut(found?)?;
        if one.gone.is_cancelled() || one.agent.over(now) {
            return None;
        }
        one.agent.last_used = Some(now);
        let note = one.noted.is_none_or(|noted| now.0 - noted.0 >= NOTED);
        if note {
            one.noted = Some(now);
        }
        Some((one.agent.name.clone(), one.gone.clone(), note))
    }

    /// What is sent to those whose time is over ends.
    pub(crate) fn end_those_over(&self, now: Timestamp) {
        for one in self.read().iter().filter(|one| one.agent.over(now)) {
            one.gone.cancel();
        }
    }

    fn list(&self) -> Vec<Agent> {
        let kept = self.read();
        kept.iter().map(|one| one.agent.clone()).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Kept>> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Kept>> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn new(agent: Agent, hash: TokenHash) -> Self {
        Self {
            noted: agent.last_used,
            agent,
            hash,
            gone: CancellationToken::new(),
        }
    }
}

/// Without a key and in one round: of 256 random bits nobody finds the token again, however quick it is.
fn hashed(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

fn same(one: &TokenHash, other: &TokenHash) -> bool {
    let differ = one
        .iter()
        .zip(other)
        .fold(0, |differ, (one, other)| differ | (one ^ other));
    std::hint::black_box(differ) == 0
}

/// A new token from the system's source of randomness.
fn token() -> Result<String, Error> {
    let mut bytes = [0_u8; TOKEN_DIGITS / 2];
    let none = |_| Error::Conflict("the system has no random numbers for a token".to_owned());
    getrandom::fill(&mut bytes).map_err(none)?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(std::iter::once(TOKEN_PREFIX.to_owned())
        .chain(digits)
        .collect())
}

/// When it ends by itself.
fn end(span: Option<Duration>, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let Some(span) = span else {
        return Ok(None);
    };
    let (shortest, longest) = SPANS;
    if span < shortest || span > longest {
        let why = "an agent is added for at least a second and at most 366 days; without a time, until it is removed";
        return Err(Error::BadRequest(why.to_owned()));
    }
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Ok(Some(Timestamp(now.0.saturating_add(millis))))
}

/// In the largest unit that it is whole in: "30 d".
fn length(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let whole = units
        .into_iter()
        .find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}

/// The act says which agent it is about, whatever its reason is.
fn about(name: &AgentName, reason: &str) -> String {
    match reason {
        "" => format!("agent {name}"),
        reason => format!("agent {name}: {reason}"),
    }
}

impl Handle {
    /// Whose token this is: an agent's that may act. Looks at no disk.
    pub fn agent(&self, claim: &str) -> Option<Caller> {
        let now = Clock::wall();
        let (name, gone, note) = self.shared.agents.whose(claim, now)?;
        let actor = Actor::agent(&name);
        if note {
            let store = self.shared.store.clone();
            self.shared.tasks.spawn(async move {
                if let Err(error) = store.agents().used(&name, now).await {
                    // It is in memory, and written again with a later use.
                    tracing::debug!(%error, "the use of an agent is not written down");
                }
            });
        }
        Some(Caller { actor, gone })
    }

    /// The agents of this home, by name; those whose time is over as well, until they are removed.
    pub fn agents(&self) -> Vec<Agent> {
        self.shared.agents.list()
    }

    /// Adds an agent and makes its token, which is not kept and told here alone.
    ///
    /// # Errors
    /// That there is one of this name, that there are too many, that the time is none, or what the door or the store
    /// says.
    pub async fn add_agent(
        &self,
        actor: Actor,
        name: AgentName,
        span: Option<Duration>,
        reason: String,
    ) -> Result<NewAgent, Error> {
        let shared = &self.shared;
        let _alone = shared.agents.changing.lock().await;
        let known = shared.agents.list();
        if known.iter().any(|one| one.name == name) {
            return Err(Error::Conflict(format!(
                "there is an agent {name} already; `azora agents remove {name}` removes it, with its token"
            )));
        }
        if known.len() >= MOST {
            return Err(Error::Conflict(format!(
                "a home has at most {MOST} agents; `azora agents` lists them, `azora agents remove NAME` removes one"
            )));
        }
        let since = Clock::wall();
        let expires = end(span, since)?;
        let time = span.map_or_else(String::new, |span| format!(" for {}", length(span)));
        let details = format!("agent {name}{time}");
        let act = self
            .about_agents(actor, Verb::AddAgent, &name, &reason, &details)
            .await?;
        let agent = Agent {
            name,
            since,
            last_used: None,
            expires,
        };
        let added = added(shared, &agent).await;
        self.conclude(act.id, &added);
        let token = added?;
        let said = format!("agent {} may act{time}", agent.name);
        shared.door.finish(act.id, Outcome::Done(said));
        Ok(NewAgent { agent, token })
    }

    /// Removes an agent: from this moment on its token is nobody's, and what is being sent to it ends.
    ///
    /// # Errors
    /// That there is none of this name, or what the door or the store says. When it could not be written down it may
    /// not act all the same, for as long as this engine runs; then it is to be asked for again.
    pub async fn remove_agent(
        &self,
        actor: Actor,
        name: AgentName,
        reason: String,
    ) -> Result<Act, Error> {
        let shared = &self.shared;
        let _alone = shared.agents.changing.lock().await;
        if !shared.agents.list().iter().any(|one| one.name == name) {
            return Err(Error::NoAgent(name));
        }
        let details = format!("agent {name}");
        let act = self
            .about_agents(actor, Verb::RemoveAgent, &name, &reason, &details)
            .await?;
        for one in shared.agents.read().iter() {
            if one.agent.name == name {
                one.gone.cancel();
            }
        }
        // The next of its name is another one.
        let ended = shared.door.end_approvals_of(&Actor::agent(&name)).await;
        if let Err(error) = ended {
            tracing::warn!(%name, %error, "what the agent asked for still waits");
        }
        let removed = shared.store.agents().remove(&name).await;
        let removed = removed.map_err(|source| Error::AgentStays {
            name: name.clone(),
            source,
        });
        self.conclude(act.id, &removed);
        removed?;
        shared.agents.write().retain(|one| one.agent.name != name);
        let said = format!("agent {name} is removed");
        shared.door.finish(act.id, Outcome::Done(said));
        Ok(act)
    }

    async fn about_agents(
        &self,
        actor: Actor,
        verb: Verb,
        name: &AgentName,
        reason: &str,
        details: &str,
    ) -> Result<Act, Error> {
        let target = Target::default();
        self.admit_so(actor, verb, target, &about(name, reason), details)
            .await
    }
}

/// Makes its token and keeps its hash: on disk before it can be used.
async fn added(shared: &Shared, agent: &Agent) -> Result<String, Error> {
    let token = token()?;
    let hash = hashed(&token);
    shared.store.agents().add(agent, &hash).await?;
    let mut kept = shared.agents.write();
    kept.push(Kept::new(agent.clone(), hash));
    kept.sort_by(|one, other| one.agent.name.cmp(&other.agent.name));
    Ok(token)
}

#[cfg(test)]
mod tests;
