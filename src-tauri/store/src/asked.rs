//! What others than healing asked for, out of the book of acts.

use crate::Error;
use crate::acts::{Acts, with};
use model::{Act, ActorKind, ClusterId, Timestamp};

/// By the index of what others than healing asked for: neither the rest of the book is read nor what healing did.
/// It must be named: the order by number would have the book read from its end.
const ASKED: &str = "SELECT id, body, ended FROM acts INDEXED BY acts_asked
     WHERE at >= ? AND at <= ? AND asked = 1
       AND coalesce(json_extract(body, '$.target.cluster'), ?) = ?
     ORDER BY id DESC LIMIT ?";

impl Acts<'_> {
    /// What others than healing did to a cluster, to something of it or to the whole home between the two
    /// times, oldest first: the newest `limit` acts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn asked(
        &self,
        cluster: &ClusterId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<Act>, Error> {
        let mut spared = self.spare.acts();
        let rows = sqlx::query_as(ASKED)
            .bind(from.0)
            .bind(to.0)
            .bind(cluster.as_str())
            .bind(cluster.as_str())
            .bind(limit)
            .fetch_all(self.state.readers())
            .await;
        spared.retain(|act| {
            (from..=to).contains(&act.at)
                && act.actor.kind != ActorKind::Healer
                && act.target.cluster.as_ref().is_none_or(|one| one == cluster)
        });
        Ok(with(self.acts(rows)?, spared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Durability, Store};
    use model::{ActId, Actor, Outcome, Target, Verb};

    #[tokio::test]
    async fn what_others_asked_for_is_found_by_its_time_without_reading_the_book() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        for id in 1..=9 {
            // The clock was behind for the last one.
            let at = Timestamp(if id == 9 {
                2_500
            } else {
                i64::try_from(id).unwrap() * 1_000
            });
            let mut one = Act {
                id: ActId(id),
                at,
                actor: Actor::person("test"),
                verb: Verb::Down,
                target: Target::default(),
                reason: String::new(),
                outcome: Outcome::Pending,
                decision: None,
            };
            one.target.cluster = match id % 3 {
                0 => Some("other-2".parse().unwrap()),
                1 => Some("shop-1".parse().unwrap()),
                _ => None,
            };
            if id == 4 {
                one.actor = Actor::healer();
            }
            store.acts().append(&one, Durability::Full).await.unwrap();
            one.outcome = Outcome::Done("done".into());
            store.acts().finish(&one).await.unwrap();
        }
        sqlx::query("INSERT INTO acts (id, at, pending, body) VALUES (99, 5000, 0, '{')")
            .execute(&mut *store.inner.state.writer().await.unwrap())
            .await
            .unwrap();
        let ids = async |cluster: &str, from, to, limit| {
            let (cluster, from, to) = (cluster.parse().unwrap(), Timestamp(from), Timestamp(to));
            let all = store.acts().asked(&cluster, from, to, limit).await.unwrap();
            all.iter().map(|act| act.id.0).collect::<Vec<_>>()
        };
        assert_eq!(ids("shop-1", 0, 9_000, 9).await, [1, 2, 5, 7, 8]);
        assert_eq!(ids("shop-1", 2_000, 7_000, 9).await, [2, 5, 7]);
        assert_eq!(ids("shop-1", 0, 9_000, 2).await, [7, 8]);
        assert_eq!(ids("other-2", 2_000, 3_000, 9).await, [2, 3, 9]);

        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ASKED}")))
                .bind(0)
                .bind(9_000)
                .bind("shop-1")
                .bind("shop-1")
                .bind(9)
                .fetch_all(store.inner.state.readers())
                .await
                .unwrap();
        assert!(
            plan[0].3.contains("acts_asked (at>? AND at<?)"),
            "{plan:#?}"
        );
    }

    #[tokio::test]
    async fn what_was_asked_for_before_it_had_a_column_is_found() {
        use sqlx::Connection;
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        store.close().await;
        let url = format!("sqlite://{}", home.path().join("state.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let old = "DROP TABLE agents; DROP TABLE approvals; DROP TABLE approvers; DROP TRIGGER acts_admitted; DROP TRIGGER acts_ended; DROP TABLE ledger;
            DROP TABLE checkpoints; ALTER TABLE acts DROP COLUMN ended; DROP INDEX acts_asked; ALTER TABLE acts DROP COLUMN asked;
            CREATE INDEX acts_asked ON acts (at); PRAGMA user_version = 6;";
        sqlx::raw_sql(old).execute(&mut db).await.unwrap();
        let act = |id, actor| Act {
            id: ActId(id),
            at: Timestamp(1_000),
            actor,
            verb: Verb::Down,
            target: Target::default(),
            reason: String::new(),
            outcome: Outcome::Done(String::new()),
            decision: None,
        };
        let (asked, healed) = (act(1, Actor::person("test")), act(2, Actor::healer()));
        let bodies = [
            serde_json::to_string(&asked).unwrap(),
            serde_json::to_string(&healed).unwrap(),
            "damaged".to_owned(),
        ];
        for (id, body) in (1..).zip(bodies) {
            sqlx::query("INSERT INTO acts (id, at, pending, body) VALUES (?, 1000, 0, ?)")
                .bind(id)
                .bind(body)
                .execute(&mut db)
                .await
                .unwrap();
        }
        db.close().await.unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let cluster = "shop-1".parse().unwrap();
        let (from, to, acts) = (Timestamp(0), Timestamp(9_000), store.acts());
        let found = acts.asked(&cluster, from, to, 9).await.unwrap();
        assert_eq!(found, [asked]);
    }
}
