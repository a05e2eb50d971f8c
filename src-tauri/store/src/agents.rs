//! Agents of a home: programs that act for a person, each known by the hash of its token. The engine keeps them in
//! memory, asks no disk who somebody is, and writes here what changes.

use crate::Error;
use crate::database::{Database, transact};
use model::agent::Agent;
use model::{AgentName, Timestamp};

/// Agents.
pub struct Agents<'a> {
    pub(crate) state: &'a Database,
}

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

type Stored = (String, Vec<u8>, i64, Option<i64>, Option<i64>);

impl Agents<'_> {
    /// All of them, by name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all(&self) -> Result<Vec<(Agent, TokenHash)>, Error> {
        let rows: Vec<Stored> = sqlx::query_as(
            "SELECT name, hash, since, expires, last_used FROM agents ORDER BY name",
        )
        .fetch_all(self.state.readers())
        .await
        .map_err(|error| self.state.error("read agents", error))?;
        let mut all = Vec::with_capacity(rows.len());
        for (number, (name, hash, since, expires, last_used)) in (1..).zip(rows) {
            let name = name.parse::<AgentName>();
            let name = name.map_err(|error| Error::row("agents", number, error))?;
            let hash = TokenHash::try_from(hash.as_slice());
            let hash = hash.map_err(|error| Error::row("agents", number, error))?;
            let agent = Agent {
                name,
                since: Timestamp(since),
                last_used: last_used.map(Timestamp),
                expires: expires.map(Timestamp),
            };
            all.push((agent, hash));
        }
        Ok(all)
    }

    /// Writes one down. When this returns it survives a power cut.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add(&self, agent: &Agent, hash: &TokenHash) -> Result<(), Error> {
        transact!(self.state, "write an agent", |db| {
            sqlx::query("INSERT INTO agents (name, hash, since, expires) VALUES (?, ?, ?, ?)")
                .bind(agent.name.as_str())
                .bind(hash.as_slice())
                .bind(agent.since.0)
                .bind(agent.expires.map(|at| at.0))
                .execute(db)
                .await?;
            Ok(())
        })
    }

    /// Takes one away; when there is none, nothing happens.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove(&self, name: &AgentName) -> Result<(), Error> {
        transact!(self.state, "remove an agent", |db| {
            sqlx::query("DELETE FROM agents WHERE name = ?")
                .bind(name.as_str())
                .execute(db)
                .await?;
            Ok(())
        })
    }

    /// Notes when one last asked for something; of one that was removed meanwhile, nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn used(&self, name: &AgentName, at: Timestamp) -> Result<(), Error> {
        transact!(self.state, "note the use of an agent", |db| {
            sqlx::query("UPDATE agents SET last_used = ? WHERE name = ?")
                .bind(at.0)
                .bind(name.as_str())
                .execute(db)
                .await?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[tokio::test]
    async fn what_is_kept_of_agents_comes_back_and_goes() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let agent = |name: &str, expires| Agent {
            name: name.parse().unwrap(),
            since: Timestamp(7),
            last_used: None,
            expires,
        };
        let (one, two) = (agent("claude", None), agent("bob", Some(Timestamp(9))));
        store.agents().add(&one, &[1; 32]).await.unwrap();
        store.agents().add(&two, &[2; 32]).await.unwrap();
        assert!(store.agents().add(&one, &[3; 32]).await.is_err());
        let twice = agent("other", None);
        assert!(
            store.agents().add(&twice, &[1; 32]).await.is_err(),
            "a token is one agent's"
        );
        store.agents().used(&one.name, Timestamp(8)).await.unwrap();
        store.close().await;

        let store = Store::open(home.path()).await.unwrap();
        let used = Agent {
            last_used: Some(Timestamp(8)),
            ..one.clone()
        };
        let all = store.agents().all().await.unwrap();
        assert_eq!(all, [(two, [2; 32]), (used.clone(), [1; 32])]);
        let gone = "bob".parse().unwrap();
        store.agents().remove(&gone).await.unwrap();
        store.agents().remove(&gone).await.unwrap();
        assert_eq!(store.agents().all().await.unwrap(), [(used, [1; 32])]);
        store.close().await;
    }
}
