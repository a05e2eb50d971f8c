//! The book of acts: each is written before it begins, and its outcome beside that. None is removed, and nothing
//! written is changed: the texts are the leaves of the ledger.

use crate::Error;
use crate::database::{Database, Durability, int, transact, uint};
use crate::many::Many;
use crate::spare::{Share, Spare};
use model::{Act, ActId, ActorKind, Entry, Outcome, Said, Timestamp};
use sqlx::SqliteConnection;
use std::collections::BTreeMap;

/// The book of acts.
pub struct Acts<'a> {
    pub(crate) state: &'a Database,
    pub(crate) spare: &'a Spare,
}

/// An act as a row: its number, what is written of it first, and how it ended in case that is known already.
pub(crate) struct Row<'a> {
    act: &'a Act,
    body: String,
    ended: Option<String>,
}

impl<'a> Row<'a> {
    pub(crate) fn of(act: &'a Act) -> Result<Self, Error> {
        let failed = |error| Error::row("acts", act.id.0, error);
        let body = serde_json::to_string(&Entry::of(act)).map_err(failed)?;
        let ended = Entry::ended(act).map(|entry| serde_json::to_string(&entry));
        let ended = ended.transpose().map_err(failed)?;
        Ok(Self { act, body, ended })
    }

    /// One statement is a transaction by itself, in one way to the writer's thread and back instead
    /// of three: every automatic restart waits for it. What is written once stays as it is: both
    /// texts are leaves of the ledger.
    pub(crate) async fn write(&self, db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO acts (id, at, pending, asked, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET pending = 0, ended = ?6
                 WHERE acts.pending = 1 AND ?6 IS NOT NULL",
        )
        .bind(int(self.act.id.0))
        .bind(self.act.at.0)
        .bind(self.act.outcome == Outcome::Pending)
        .bind(asked(self.act))
        .bind(&self.body)
        .bind(&self.ended)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Others than healing asked for it.
fn asked(act: &Act) -> bool {
    act.actor.kind != ActorKind::Healer
}

/// Acts, however many they are. Of one that was begun before, which is rare, the outcome is taken out of the text that
/// says all of it, as it stands there.
static MANY: Many = Many::new(
    "acts (id, at, pending, asked, body)",
    5,
    r#"ON CONFLICT (id) DO UPDATE SET pending = 0,
       ended = '{"act":' || id || ',"entry":"ended","outcome":' || json_extract(excluded.body, '$.outcome') || '}'
       WHERE acts.pending = 1 AND excluded.pending = 0"#,
);

/// An act that is over as the one text that is written of it.
pub(crate) struct Over<'a> {
    act: &'a Act,
    body: String,
}

/// Acts as rows.
pub(crate) fn over(acts: &[Act]) -> Result<Vec<Over<'_>>, Error> {
    let row = |act| {
        let body = serde_json::to_string(&Entry::of(act));
        let body = body.map_err(|error| Error::row("acts", act.id.0, error))?;
        Ok(Over { act, body })
    };
    acts.iter().map(row).collect()
}

/// Writes them as one statement.
pub(crate) async fn write(db: &mut SqliteConnection, rows: &[Over<'_>]) -> Result<(), sqlx::Error> {
    MANY.write(db, rows, |statement, row| {
        statement
            .bind(int(row.act.id.0))
            .bind(row.act.at.0)
            .bind(row.act.outcome == Outcome::Pending)
            .bind(asked(row.act))
            .bind(&row.body)
    })
    .await
}

/// An act as it was written: first, and when it ended. Up to the ledger it was one text, written anew then.
fn read(body: &str, ended: Option<&str>) -> Result<Act, serde_json::Error> {
    let first = serde_json::from_str::<Entry<'_>>(body).ok();
    let mut act = match first.and_then(Entry::said) {
        Some(Said::Admitted(act) | Said::Done(act)) => act,
        _ => serde_json::from_str(body)?,
    };
    if let Some(ended) = ended
        && let Some(Said::Ended { outcome, .. }) = serde_json::from_str::<Entry<'_>>(ended)?.said()
    {
        act.outcome = outcome;
    }
    Ok(act)
}

impl Acts<'_> {
    /// Writes an act down. When this returns it survives what `durability` says.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn append(&self, act: &Act, durability: Durability) -> Result<(), Error> {
        self.settle_before(act).await;
        self.put("write an act", act, durability).await
    }

    /// The same, and on a full disk into this share of the room that is set aside for acts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn append_spared(
        &self,
        act: &Act,
        durability: Durability,
        share: Share,
    ) -> Result<(), Error> {
        let settled = self.settle_before(act).await;
        self.put_spared("write an act", act, durability, settled, share)
            .await
    }

    /// Writes an act with its outcome, also when it could not be written before; on a full disk
    /// into the room that is set aside.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn finish(&self, act: &Act) -> Result<(), Error> {
        let settled = self.settle_before(act).await;
        let full = Durability::Full;
        self.put_spared("write an act's outcome", act, full, settled, Share::Whole)
            .await
    }

    /// True while acts are in the room set aside, and not in the book.
    pub fn set_aside(&self) -> bool {
        self.spare.holds_some()
    }

    /// Moves what is in the room set aside into the book, in its order; true when none is left
    /// there. What was moved and not taken away, because the machine failed between the two, is
    /// moved again and changes nothing.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Full`] when the disk still is.
    pub async fn settle(&self) -> Result<bool, Error> {
        let _turn = self.spare.turn().await;
        let acts = self.spare.acts();
        if acts.is_empty() {
            return Ok(true);
        }
        let rows: Vec<Row<'_>> = acts.iter().map(Row::of).collect::<Result<_, _>>()?;
        let moved = transact!(self.state, "move acts into the book", |db| {
            for row in &rows {
                // What has its outcome already keeps it.
                row.write(&mut *db).await?;
            }
            Ok(())
        });
        moved?;
        if let Err(error) = self.spare.clear().await {
            tracing::error!(%error, "acts were moved into the book and not out of the spare file");
            return Ok(false);
        }
        Ok(true)
    }

    /// What came before it comes before it. False when that is still set aside.
    async fn settle_before(&self, act: &Act) -> bool {
        if !self.spare.holds_some() {
            return true;
        }
        self.settle().await.unwrap_or_else(|error| {
            tracing::debug!(%error, act = act.id.0, "earlier acts are still set aside");
            false
        })
    }

    async fn put_spared(
        &self,
        what: &'static str,
        act: &Act,
        durability: Durability,
        settled: bool,
        share: Share,
    ) -> Result<(), Error> {
        // Behind those that are there: its own beginning may be one of them.
        if !settled && self.spare(act, share).await {
            return Ok(());
        }
        match self.put(what, act, durability).await {
            Err(Error::Full { .. }) if settled && self.spare(act, share).await => Ok(()),
            other => other,
        }
    }

    async fn spare(&self, act: &Act, share: Share) -> bool {
        let _turn = self.spare.turn().await;
        self.spare.put(act, share).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the room set aside for acts cannot be written to");
            false
        })
    }

    async fn put(
        &self,
        what: &'static str,
        act: &Act,
        durability: Durability,
    ) -> Result<(), Error> {
        let row = Row::of(act)?;
        loop {
            let attempt = async {
                let mut writer = self.state.writer_that(durability).await?;
                row.write(&mut writer).await
            };
            match attempt.await {
                Ok(()) => return Ok(()),
                Err(error) if self.state.made_room(&error) => {}
                Err(error) => return Err(self.state.error(what, error)),
            }
        }
    }

    /// The newest `limit` acts, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recent(&self, limit: u32) -> Result<Vec<Act>, Error> {
        let spared = self.spare.acts();
        let rows = sqlx::query_as("SELECT id, body, ended FROM acts ORDER BY id DESC LIMIT ?")
            .bind(limit)
            .fetch_all(self.state.readers())
            .await;
        let mut all = with(self.acts(rows)?, spared);
        all.reverse();
        all.truncate(limit as usize);
        Ok(all)
    }

    /// What healing has done since then, oldest first: the newest `limit` acts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn healing(&self, since: Timestamp, limit: u32) -> Result<Vec<Act>, Error> {
        let mut spared = self.spare.acts();
        // The whole book is looked through: numbers grow with time only while the clock is right.
        let rows = sqlx::query_as(
            "SELECT id, body, ended FROM acts
                 WHERE at >= ? AND json_extract(body, '$.actor.kind') = 'healer'
                 ORDER BY id DESC LIMIT ?",
        )
        .bind(since.0)
        .bind(limit)
        .fetch_all(self.state.readers())
        .await;
        spared.retain(|act| act.actor.kind == ActorKind::Healer && act.at >= since);
        Ok(with(self.acts(rows)?, spared))
    }

    /// Acts without an outcome, oldest first: what an engine that died left behind.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pending(&self) -> Result<Vec<Act>, Error> {
        let spared = self.spare.acts();
        let rows = sqlx::query_as("SELECT id, body, ended FROM acts WHERE pending = 1 ORDER BY id")
            .fetch_all(self.state.readers())
            .await;
        let mut all = with(self.acts(rows)?, spared);
        all.retain(|act| act.outcome == Outcome::Pending);
        Ok(all)
    }

    /// The highest number given; 0 when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last_id(&self) -> Result<ActId, Error> {
        let spared = self.spare.acts().into_iter().map(|act| act.id).max();
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM acts")
            .fetch_one(self.state.readers())
            .await
            .map_err(|error| self.state.error("read acts", error))?;
        Ok(ActId(uint(last)).max(spared.unwrap_or_default()))
    }

    pub(crate) fn acts(
        &self,
        rows: Result<Vec<(i64, String, Option<String>)>, sqlx::Error>,
    ) -> Result<Vec<Act>, Error> {
        rows.map_err(|error| self.state.error("read acts", error))?
            .into_iter()
            .map(|(id, body, ended)| {
                read(&body, ended.as_deref()).map_err(|e| Error::row("acts", id, e))
            })
            .collect()
    }
}

/// The acts of the book with those that are set aside, oldest first. An outcome is never taken back
/// by an entry from before it.
pub(crate) fn with(book: Vec<Act>, spared: Vec<Act>) -> Vec<Act> {
    let mut all: BTreeMap<ActId, Act> = book.into_iter().map(|act| (act.id, act)).collect();
    for act in spared {
        let known = all.get(&act.id);
        if known.is_none_or(|known| known.outcome == Outcome::Pending) {
            all.insert(act.id, act);
        }
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use model::{Actor, Target, Verb};

    fn act(id: u64, outcome: Outcome) -> Act {
        Act {
            id: ActId(id),
            at: Timestamp(1_000),
            actor: Actor::person("test"),
            verb: Verb::Down,
            target: Target::default(),
            // So long that a few of them need another page.
            reason: "x".repeat(900),
            outcome,
            decision: None,
        }
    }

    /// The disk has no room, and no ballast is left; or it has room again.
    async fn full(store: &Store, full: bool) {
        let _ = std::fs::remove_file(store.inner.ballast.path());
        let pages = if full { 1 } else { 1_000_000 };
        let mut writer = store.inner.state.writer().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "PRAGMA max_page_count = {pages}"
        )))
        .execute(&mut *writer)
        .await
        .unwrap();
        if full {
            // Neither is there room in a page that is there.
            let many = "INSERT INTO meta (key, value) VALUES (hex(randomblob(99)), 'x')";
            while sqlx::query(many).execute(&mut *writer).await.is_ok() {}
        }
    }

    #[tokio::test]
    async fn on_a_full_disk_acts_are_set_aside_and_come_into_the_book_once_and_in_order() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        store
            .acts()
            .append(&act(1, Outcome::Pending), Durability::Full)
            .await
            .unwrap();
        full(&store, true).await;
        let mut id = 1;
        // What room was left in pages that are there.
        let refused = loop {
            id += 1;
            if let Err(error) = store
                .acts()
                .append(&act(id, Outcome::Pending), Durability::Full)
                .await
            {
                break error;
            }
        };
        assert!(matches!(refused, Error::Full { .. }), "{refused}");
        assert!(!store.acts().set_aside());
        let (spared, acts) = (act(id, Outcome::Pending), store.acts());
        acts.append_spared(&spared, Durability::Full, Share::Whole)
            .await
            .unwrap();
        assert!(acts.set_aside());
        let done = act(id, Outcome::Done("all is down".into()));
        acts.finish(&done).await.unwrap();
        acts.append_spared(
            &act(id + 1, Outcome::Pending),
            Durability::Full,
            Share::Whole,
        )
        .await
        .unwrap();
        let seen = acts.recent(2).await.unwrap();
        assert_eq!(seen, [act(id + 1, Outcome::Pending), done.clone()]);
        assert_eq!(acts.last_id().await.unwrap(), ActId(id + 1));
        store.close().await;

        // The next engine finds them, and writes them down as soon as it can.
        let store = Store::open(home.path()).await.unwrap();
        assert!(!store.acts().set_aside());
        assert_eq!(store.acts().recent(2).await.unwrap()[1], done);
        let last = store.acts().pending().await.unwrap().pop().unwrap();
        assert_eq!(last.id, ActId(id + 1));
    }

    #[tokio::test]
    async fn what_is_set_aside_is_moved_before_the_next_act_and_takes_no_outcome_back() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let acts = store.acts();
        store
            .inner
            .spare
            .put(&act(1, Outcome::Pending), Share::Whole)
            .await
            .unwrap();
        let copy = std::fs::read(home.path().join("spare")).unwrap();
        let done = act(1, Outcome::Done("done".into()));
        acts.finish(&done).await.unwrap();
        assert!(!acts.set_aside());
        assert_eq!(acts.recent(9).await.unwrap(), std::slice::from_ref(&done));
        store.close().await;
        // As if the machine had failed between the move and its end.
        std::fs::write(home.path().join("spare"), copy).unwrap();
        let store = Store::open(home.path()).await.unwrap();
        assert_eq!(store.acts().recent(9).await.unwrap(), [done]);
        assert!(!store.acts().set_aside());
    }

    #[tokio::test]
    async fn what_healing_has_done_is_found_by_its_time() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        for id in 1..=6 {
            let mut one = act(id, Outcome::Done("done".into()));
            one.at = Timestamp(i64::try_from(id).unwrap() * 1_000);
            if id % 2 == 0 {
                (one.actor, one.verb) = (Actor::healer(), Verb::Restart);
            }
            let full = Durability::Full;
            store.acts().append(&one, full).await.unwrap();
        }
        let ids = async |since, limit| {
            let all = store.acts().healing(Timestamp(since), limit).await.unwrap();
            all.iter().map(|act| act.id.0).collect::<Vec<_>>()
        };
        assert_eq!(ids(0, 9).await, [2, 4, 6]);
        assert_eq!(ids(4_000, 9).await, [4, 6]);
        assert_eq!(ids(4_001, 9).await, [6]);
        assert_eq!(ids(0, 2).await, [4, 6]);
        assert_eq!(ids(9_000, 9).await, [] as [u64; 0]);

        // The clock was behind for one act, whoever's it was.
        let mut behind = act(7, Outcome::Done("done".into()));
        behind.at = Timestamp(10);
        let full = Durability::Full;
        store.acts().append(&behind, full).await.unwrap();
        assert_eq!(ids(4_000, 9).await, [4, 6]);
    }

    #[tokio::test]
    async fn healing_leaves_half_of_the_room_to_people() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let put = async |share| {
            let mut put = 0;
            while store
                .inner
                .spare
                .put(&act(7, Outcome::Pending), share)
                .await
                .unwrap()
            {
                put += 1;
            }
            put
        };
        let (half, rest) = (put(Share::Half).await, put(Share::Whole).await);
        assert!(half > 50 && rest >= half, "{half} and then {rest}");
    }
}
