//! Agents: programs that act for a person, each with a token of its own. What is kept of one, and what is shown.

use crate::{AgentName, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use ts_rs::TS;

/// How every token of an agent begins, so that it is known for one where it lies about.
pub const TOKEN_PREFIX: &str = "azora-agent-";
/// How many hexadecimal digits follow: 256 random bits.
pub const TOKEN_DIGITS: usize = 64;

/// One agent of a home. Its token is not in here and nowhere else: of that only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Agent {
    /// By which it is known, in the book of acts, too.
    pub name: AgentName,
    /// Since when.
    pub since: Timestamp,
    /// When it last asked for something, to the minute; `null`: never.
    pub last_used: Option<Timestamp>,
    /// When its token ends by itself; `null`: when a person removes it.
    pub expires: Option<Timestamp>,
}

impl Agent {
    /// Its token has ended by itself.
    pub fn over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// An agent that was just added, and its token, which is told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewAgent {
    /// The agent.
    pub agent: Agent,
    /// What it shows to the API.
    pub token: String,
}

impl fmt::Debug for NewAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAgent")
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_agent_does_not_show_its_token() {
        let new = NewAgent {
            agent: Agent {
                name: "claude".parse().unwrap(),
                since: Timestamp(1),
                last_used: None,
                expires: Some(Timestamp(5)),
            },
            token: "azora-agent-0123".into(),
        };
        assert!(!format!("{new:?}").contains("0123"));
        assert!(new.agent.over(Timestamp(5)) && !new.agent.over(Timestamp(4)));
    }
}
