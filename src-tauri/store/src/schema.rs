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
