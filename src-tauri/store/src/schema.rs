//! The tables, as steps from one version to the next. A step that was released is never changed.

use sqlx::sqlite::SqliteConnection;

/// The steps of one database. Step `n` leads to version `n + 1`, and its last statement says so.
pub(crate) struct Schema {
    steps: &'static [&'static str],
    /// Look the whole file over when it is opened.
    pub(crate) check: bool,
}

/// `state.db`: small, and worth a look.
pub(crate) const STATE: Schema = Schema {
    steps: &[
        include_str!("schema/state-1.sql"),
        include_str!("schema/state-2.sql"),
        include_str!("schema/state-3.sql"),
        include_str!("schema/state-4.sql"),
        include_str!("schema/state-5.sql"),
        include_str!("schema/state-6.sql"),
        include_str!("schema/state-7.sql"),
        include_str!("schema/state-8.sql"),
        include_str!("schema/state-9.sql"),
        include_str!("schema/state-10.sql"),
    ],
    check: true,
};

/// `history.db`: large, and replaceable.
pub(crate) const HISTORY: Schema = Schema {
    steps: &[
        include_str!("schema/history-1.sql"),
        include_str!("schema/history-2.sql"),
    ],
    check: false,
};

impl Schema {
    /// The newest version we know.
    pub(crate) fn newest(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }

    pub(crate) async fn version(&self, db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(db)
            .await
    }

    /// Goes from `found` to the newest, each step a transaction of its own.
    pub(crate) async fn upgrade(
        &self,
        db: &mut SqliteConnection,
        found: i64,
    ) -> Result<(), sqlx::Error> {
        for step in self.steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
            let mut transaction = sqlx::Connection::begin(&mut *db).await?;
            sqlx::raw_sql(*step).execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Book, Error, Store};
    use model::{Act, ActId, Actor, Outcome, Target, Timestamp, Verb};
    use sqlx::Connection;
    use sqlx::sqlite::SqliteConnectOptions;

    fn act(id: u64, outcome: Outcome) -> Act {
        Act {
            id: ActId(id),
            at: Timestamp(1_000),
            actor: Actor::person("test"),
            verb: Verb::Down,
            target: Target::default(),
            reason: "why".into(),
            outcome,
            decision: None,
        }
    }

    #[tokio::test]
    async fn a_book_from_before_the_ledger_is_read_on_and_its_ledger_begins_after_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state.db");
        let before = Schema {
            steps: &STATE.steps[..7],
            check: true,
        };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let mut db = SqliteConnection::connect_with(&options).await.unwrap();
        before.upgrade(&mut db, 0).await.unwrap();
        // As it was written then: one text, written anew with the outcome.
        let old = [
            act(3, Outcome::Done("it is down".into())),
            act(7, Outcome::Pending),
        ];
        for act in &old {
            sqlx::query("INSERT INTO acts (id, at, pending, asked, body) VALUES (?, ?, ?, 1, ?)")
                .bind(i64::try_from(act.id.0).unwrap())
                .bind(act.at.0)
                .bind(act.outcome == Outcome::Pending)
                .bind(serde_json::to_string(act).unwrap())
                .execute(&mut db)
                .await
                .unwrap();
        }
        db.close().await.unwrap();
        // Who only reads does not bring it up to date, and says what does.
        let Err(error) = Book::open(home.path()).await else {
            panic!("it was read");
        };
        assert!(matches!(error, Error::Older { found: 7, .. }), "{error}");

        let store = Store::open(home.path()).await.unwrap();
        assert_eq!(store.acts().pending().await.unwrap(), old[1..]);
        let new = act(8, Outcome::Done("again".into()));
        let failed = act(7, Outcome::Failed("the engine ended".into()));
        store.acts().finish(&failed).await.unwrap();
        store.acts().finish(&new).await.unwrap();
        let recent = store.acts().recent(9).await.unwrap();
        assert_eq!(recent, [new, failed, old[0].clone()]);
        let entries = store.ledger().after(0, 9).await.unwrap();
        let texts: Vec<&str> = entries.text.split_terminator('\n').collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(texts[0].starts_with(r#"{"acts":7,"at":1"#), "{texts:?}");
        let ended =
            r#"{"act":7,"entry":"ended","outcome":{"detail":"the engine ended","kind":"failed"}}"#;
        assert_eq!(texts[1], ended);
        assert!(texts[2].contains(r#""entry":"done","id":8"#), "{texts:?}");
        store.close().await;
    }

    #[test]
    fn each_step_ends_by_saying_its_version() {
        for schema in [STATE, HISTORY] {
            for (step, version) in schema.steps.iter().zip(1..) {
                assert!(
                    step.trim_end()
                        .ends_with(&format!("PRAGMA user_version = {version};"))
                );
            }
        }
    }
}
