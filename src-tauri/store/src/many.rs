//! Statements that write many rows at once.
//!
//! Every statement is a way to the writer's thread and back, and one that is not known yet has to be
//! read by SQLite first. So there is one for each power of two of rows, with the places of those that
//! are not needed left empty.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};
use std::sync::{Arc, OnceLock};

/// Most rows of a statement, as a power of two.
const MOST: usize = 8;

/// How rows of one table are written.
pub(crate) struct Many {
    /// What is before the rows: a table with its columns, of which the first is never empty.
    into: &'static str,
    columns: usize,
    /// What is done with a row that is there already.
    conflict: &'static str,
    /// For one row, two, four and so on.
    texts: [OnceLock<Arc<str>>; MOST + 1],
}

/// A statement to which rows are bound.
pub(crate) type Binding<'q> = Query<'q, Sqlite, SqliteArguments>;

impl Many {
    pub(crate) const fn new(into: &'static str, columns: usize, conflict: &'static str) -> Self {
        Self {
            into,
            columns,
            conflict,
            texts: [const { OnceLock::new() }; MOST + 1],
        }
    }

    /// Writes them; `bind` gives a row's columns to the statement, in their order.
    pub(crate) async fn write<'q, T: Sync>(
        &self,
        db: &mut SqliteConnection,
        rows: &'q [T],
        bind: fn(Binding<'q>, &'q T) -> Binding<'q>,
    ) -> Result<(), sqlx::Error> {
        for rows in rows.chunks(1 << MOST) {
            let statement = sqlx::query(AssertSqlSafe(self.text(rows.len())));
            let statement = rows.iter().fold(statement, bind);
            statement.execute(&mut *db).await?;
        }
        Ok(())
    }

    /// The statement that has places for so many.
    fn text(&self, rows: usize) -> Arc<str> {
        let power = rows.next_power_of_two().trailing_zeros() as usize;
        let text = self.texts[power].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            let rows = vec![row; 1 << power].join(",");
            let (into, conflict) = (self.into, self.conflict);
            // What is not bound is null.
            let text = format!(
                "INSERT INTO {into} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL {conflict}"
            );
            text.into()
        });
        Arc::clone(text)
    }
}
