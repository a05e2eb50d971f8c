//! Acts that wait for the approval of persons. The engine's door asks for them, counts who approved, and uses each
//! once: in the same transaction in which the act is written down.

use crate::Error;
use crate::acts::Row;
use crate::database::{Database, int, transact, uint};
use model::{Act, Approval, ApprovalId, ApprovalState, Approver, Timestamp};

/// What waits for approvals.
pub struct Approvals<'a> {
    pub(crate) state: &'a Database,
}

/// What became of a person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// It counts.
    Counted,
    /// The same person had approved before.
    Before,
    /// It is used, denied or over, or there is none.
    Closed,
}

/// Those that are kept when they are over.
const KEPT: i64 = 1_000;

type Stored = (i64, i64, i64, String, String);

const COLUMNS: &str = "SELECT id, until, needed, state, body FROM approvals";

impl Approvals<'_> {
    /// The highest number given; 0 when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last_id(&self) -> Result<ApprovalId, Error> {
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM approvals")
            .fetch_one(self.state.readers())
            .await
            .map_err(|error| self.state.error("read approvals", error))?;
        Ok(ApprovalId(uint(last)))
    }

    /// Writes down that approvals are asked for. When this returns it survives a power cut.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ask(&self, one: &Approval) -> Result<(), Error> {
        let body = serde_json::to_string(one);
        let body = body.map_err(|error| Error::row("approvals", one.id.0, error))?;
        transact!(self.state, "write an approval", |db| {
            sqlx::query(
                "INSERT INTO approvals (id, until, needed, state, body) VALUES (?, ?, ?, 'open', ?)",
            )
            .bind(int(one.id.0))
            .bind(one.until.0)
            .bind(i64::from(one.needed))
            .bind(&body)
            .execute(&mut *db)
            .await?;
            let oldest = "DELETE FROM approvals WHERE state <> 'open' AND id <= ? - ?";
            let of_none = "DELETE FROM approvers WHERE approval NOT IN (SELECT id FROM approvals)";
            sqlx::query(oldest)
                .bind(int(one.id.0))
                .bind(KEPT)
                .execute(&mut *db)
                .await?;
            sqlx::query(of_none).execute(db).await?;
            Ok(())
        })
    }

    /// A person approves of an act that waits.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn give(&self, id: ApprovalId, by: &Approver) -> Result<Given, Error> {
        transact!(self.state, "write an approval", |db| {
            let open: Option<i64> = sqlx::query_scalar(
                "SELECT 1 FROM approvals WHERE id = ? AND state = 'open' AND until > ?",
            )
            .bind(int(id.0))
            .bind(by.at.0)
            .fetch_optional(&mut *db)
            .await?;
            if open.is_none() {
                return Ok(Given::Closed);
            }
            let done = sqlx::query(
                "INSERT INTO approvers (approval, name, via, at) VALUES (?, ?, ?, ?)
                     ON CONFLICT (approval, name) DO NOTHING",
            )
            .bind(int(id.0))
            .bind(&by.name)
            .bind(&by.via)
            .bind(by.at.0)
            .execute(db)
            .await?;
            Ok(match done.rows_affected() {
                0 => Given::Before,
                _ => Given::Counted,
            })
        })
    }

    /// A person says no; false when it is used, denied or over already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn deny(&self, id: ApprovalId) -> Result<bool, Error> {
        transact!(self.state, "deny an approval", |db| {
            let done = sqlx::query(
                "UPDATE approvals SET state = 'denied' WHERE id = ? AND state = 'open'",
            )
            .bind(int(id.0))
            .execute(db)
            .await?;
            Ok(done.rows_affected() > 0)
        })
    }

    /// What it was for is over; false when it is used, denied or over already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn withdraw(&self, id: ApprovalId) -> Result<bool, Error> {
        transact!(self.state, "withdraw an approval", |db| {
            let done = sqlx::query(
                "UPDATE approvals SET state = 'withdrawn' WHERE id = ? AND state = 'open'",
            )
            .bind(int(id.0))
            .execute(db)
            .await?;
            Ok(done.rows_affected() > 0)
        })
    }

    /// Writes down an act that begins, and uses an approval for it: both, or neither and false, when it is used
    /// already, denied, over, or not approved by so many persons.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn use_for(&self, id: ApprovalId, act: &Act) -> Result<bool, Error> {
        let row = Row::of(act)?;
        transact!(self.state, "use an approval", |db| {
            let done = sqlx::query(
                "UPDATE approvals SET state = 'used', used = ?1
                     WHERE id = ?2 AND state = 'open' AND until > ?3
                       AND (SELECT count(*) FROM approvers WHERE approval = ?2) >= needed",
            )
            .bind(int(act.id.0))
            .bind(int(id.0))
            .bind(act.at.0)
            .execute(&mut *db)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            row.write(db).await?;
            Ok(true)
        })
    }

    /// Closes those whose time is over, and answers which.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn expire(&self, now: Timestamp) -> Result<Vec<ApprovalId>, Error> {
        let over: Vec<i64> = transact!(self.state, "close approvals", |db| {
            sqlx::query_scalar(
                "UPDATE approvals SET state = 'expired' WHERE state = 'open' AND until <= ? RETURNING id",
            )
            .bind(now.0)
            .fetch_all(db)
            .await
        })?;
        Ok(over.into_iter().map(|id| ApprovalId(uint(id))).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, id: ApprovalId) -> Result<Option<Approval>, Error> {
        let query = format!("{COLUMNS} WHERE id = ?");
        let row = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(int(id.0))
            .fetch_optional(self.state.readers())
            .await;
        let rows = row.map(Vec::from_iter);
        Ok(self.whole(rows).await?.pop())
    }

    /// The open ones, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(&self) -> Result<Vec<Approval>, Error> {
        let query = format!("{COLUMNS} WHERE state = 'open' ORDER BY id");
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .fetch_all(self.state.readers())
            .await;
        self.whole(rows).await
    }

    /// The newest of all, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recent(&self, limit: u32) -> Result<Vec<Approval>, Error> {
        let query = format!("{COLUMNS} ORDER BY id DESC LIMIT ?");
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(limit)
            .fetch_all(self.state.readers())
            .await;
        self.whole(rows).await
    }

    async fn whole(&self, rows: Result<Vec<Stored>, sqlx::Error>) -> Result<Vec<Approval>, Error> {
        let rows = rows.map_err(|error| self.state.error("read approvals", error))?;
        let mut all = Vec::with_capacity(rows.len());
        for (id, until, needed, state, body) in rows {
            let mut one: Approval =
                serde_json::from_str(&body).map_err(|error| Error::row("approvals", id, error))?;
            let given: Vec<(String, String, i64)> = sqlx::query_as(
                "SELECT name, via, at FROM approvers WHERE approval = ? ORDER BY at, name",
            )
            .bind(id)
            .fetch_all(self.state.readers())
            .await
            .map_err(|error| self.state.error("read approvals", error))?;
            let approver = |(name, via, at)| Approver {
                name,
                via,
                at: Timestamp(at),
            };
            one.id = ApprovalId(uint(id));
            one.until = Timestamp(until);
            one.needed = u32::try_from(needed).unwrap_or(u32::MAX);
            one.given = given.into_iter().map(approver).collect();
            one.state = match state.as_str() {
                "used" => ApprovalState::Used,
                "denied" => ApprovalState::Denied,
                "expired" => ApprovalState::Expired,
                "withdrawn" => ApprovalState::Withdrawn,
                _ if one.enough() => ApprovalState::Approved,
                _ => ApprovalState::Waiting,
            };
            all.push(one);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use model::{ActId, Actor, Outcome, Target, Verb};
    use std::sync::Arc;

    fn asked(id: u64, needed: u32) -> Approval {
        Approval {
            id: ApprovalId(id),
            at: Timestamp(1_000),
            until: Timestamp(2_000),
            actor: Actor::person("cli"),
            name: "me".into(),
            verb: Verb::Stop,
            target: Target::default(),
            details: String::new(),
            reason: "it smells".into(),
            consequences: vec!["db.0 is stopped".into()],
            rules: vec![],
            set: "ab".into(),
            needed,
            given: vec![],
            state: ApprovalState::Waiting,
        }
    }

    fn by(name: &str) -> Approver {
        Approver {
            name: name.into(),
            via: "cli".into(),
            at: Timestamp(1_100),
        }
    }

    fn act(id: u64, at: i64) -> Act {
        Act {
            id: ActId(id),
            at: Timestamp(at),
            actor: Actor::person("cli"),
            verb: Verb::Stop,
            target: Target::default(),
            reason: String::new(),
            outcome: Outcome::Pending,
            decision: None,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_two_hundred_uses_at_once_one_is_let_in() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        store.approvals().ask(&asked(1, 1)).await.unwrap();
        store
            .approvals()
            .give(ApprovalId(1), &by("anna"))
            .await
            .unwrap();
        let all = Arc::new(tokio::sync::Barrier::new(200));
        let mut uses = tokio::task::JoinSet::new();
        for id in 1..=200 {
            let (store, all) = (store.clone(), Arc::clone(&all));
            uses.spawn(async move {
                all.wait().await;
                store
                    .approvals()
                    .use_for(ApprovalId(1), &act(id, 1_500))
                    .await
                    .unwrap()
            });
        }
        let used = uses.join_all().await;
        assert_eq!(used.into_iter().filter(|used| *used).count(), 1);
        assert_eq!(store.acts().recent(300).await.unwrap().len(), 1);
        let one = store.approvals().get(ApprovalId(1)).await.unwrap().unwrap();
        assert_eq!(one.state, ApprovalState::Used);
    }

    #[tokio::test]
    async fn so_many_persons_have_to_approve_each_once_and_in_time() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path()).await.unwrap();
        store.approvals().ask(&asked(1, 2)).await.unwrap();
        let id = ApprovalId(1);
        let given =
            async |store: &Store, name| store.approvals().give(id, &by(name)).await.unwrap();
        assert_eq!(given(&store, "anna").await, Given::Counted);
        assert_eq!(given(&store, "anna").await, Given::Before);
        assert!(!store.approvals().use_for(id, &act(1, 1_500)).await.unwrap());
        store.close().await;
        store = Store::open(home.path()).await.unwrap();
        assert_eq!(given(&store, "ben").await, Given::Counted);
        let one = store.approvals().open().await.unwrap().pop().unwrap();
        assert_eq!((one.state, one.given.len()), (ApprovalState::Approved, 2));
        assert!(
            !store.approvals().use_for(id, &act(1, 2_000)).await.unwrap(),
            "too late"
        );
        assert!(store.approvals().use_for(id, &act(1, 1_999)).await.unwrap());
        assert_eq!(given(&store, "carl").await, Given::Closed);
        assert!(!store.approvals().deny(id).await.unwrap());

        store.approvals().ask(&asked(2, 1)).await.unwrap();
        store.approvals().ask(&asked(3, 1)).await.unwrap();
        assert!(store.approvals().deny(ApprovalId(2)).await.unwrap());
        assert_eq!(
            store
                .approvals()
                .give(ApprovalId(2), &by("anna"))
                .await
                .unwrap(),
            Given::Closed
        );
        assert_eq!(
            store.approvals().expire(Timestamp(1_999)).await.unwrap(),
            []
        );
        assert_eq!(
            store.approvals().expire(Timestamp(2_000)).await.unwrap(),
            [ApprovalId(3)]
        );
        let states: Vec<_> = store.approvals().recent(9).await.unwrap();
        let states: Vec<_> = states.iter().map(|one| one.state).collect();
        use ApprovalState::{Denied, Expired, Used};
        assert_eq!(states, [Expired, Denied, Used]);
        assert_eq!(
            store.approvals().last_id().await.unwrap(),
            id.max(ApprovalId(3))
        );
    }
}
