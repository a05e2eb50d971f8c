//! What registered itself, with the acts by which it did.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Act, ActId, Actor, Outcome, Target, Timestamp, Verb};
use sqlx::Connection;
use store::{Durability, Registered, Registering, Store};

fn act(id: u64, outcome: Outcome) -> Act {
    Act {
        id: ActId(id),
        at: Timestamp(1_000),
        actor: Actor::person("test"),
        verb: Verb::Register,
        target: Target::default(),
        reason: "what \"it\" said \u{1f600}\n".into(),
        outcome,
        decision: None,
    }
}

fn entry(name: &str, id: &str, url: &str) -> Registered {
    Registered {
        name: name.into(),
        id: id.into(),
        since: Timestamp(5),
        body: serde_json::json!({ "url": url, "tags": ["a", "\"b\"\n"] }).to_string(),
    }
}

/// Its tables, while no store has them.
async fn connect(home: &std::path::Path) -> sqlx::SqliteConnection {
    let url = format!("sqlite://{}", home.join("state.db").display());
    sqlx::SqliteConnection::connect(&url).await.unwrap()
}

#[tokio::test]
async fn acts_and_what_they_did_are_written_as_one() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let (acts, registry) = (store.acts(), store.registry());
    let done = || Outcome::Done("done".into());
    let begun = act(2, Outcome::Pending);
    acts.append(&begun, Durability::Full).await.unwrap();
    let odd = "it's \"odd\"/\\ \u{e9}";
    let first = Registering {
        acts: vec![act(1, done()), act(2, done()), act(3, done())],
        put: vec![entry("mail", "a", "1"), entry(odd, odd, "2")],
        removed: vec![("no".into(), "such".into())],
    };
    registry.write(&first).await.unwrap();
    let mut seen = acts.recent(9).await.unwrap();
    seen.reverse();
    assert_eq!(seen, first.acts);
    assert_eq!(acts.pending().await.unwrap(), []);
    let mut all = registry.all().await.unwrap();
    all.sort_by(|a, b| b.name.cmp(&a.name));
    assert_eq!(all, first.put);

    let second = Registering {
        put: vec![entry("mail", "a", "3")],
        removed: vec![(odd.into(), odd.into())],
        ..Registering::default()
    };
    registry.write(&second).await.unwrap();
    assert_eq!(registry.all().await.unwrap(), [entry("mail", "a", "3")]);
    registry.write(&Registering::default()).await.unwrap();
}

#[tokio::test]
async fn so_many_are_written_as_there_are() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let mut written = 0;
    for (round, count) in [1, 2, 3, 5, 8, 9, 256, 257, 600].into_iter().enumerate() {
        let url = round.to_string();
        let name = |n: u64| format!("n{n:04}");
        let acts = written + 1..written + 1 + count;
        written += count;
        let all = Registering {
            acts: acts.map(|n| act(n, Outcome::Done(url.clone()))).collect(),
            // Half of them are there already.
            put: (0..count).map(|n| entry(&name(n), "a", &url)).collect(),
            ..Registering::default()
        };
        store.registry().write(&all).await.unwrap();
        assert_eq!(store.registry().all().await.unwrap(), all.put);
        let most = u32::try_from(count).unwrap();
        let mut acts = store.acts().recent(most).await.unwrap();
        acts.reverse();
        assert_eq!(acts, all.acts);
        assert_eq!(store.acts().last_id().await.unwrap(), ActId(written));
    }
}

#[tokio::test]
async fn nothing_is_written_of_what_cannot_be_written_whole() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let refuses = "CREATE TRIGGER refuses BEFORE INSERT ON registered WHEN new.name = 'mail'
        BEGIN SELECT raise(ABORT, 'no'); END;";
    store.close().await;
    let mut db = connect(home.path()).await;
    sqlx::raw_sql(refuses).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let all = Registering {
        acts: vec![act(1, Outcome::Done("done".into()))],
        put: vec![entry("other", "a", "1"), entry("mail", "a", "1")],
        ..Registering::default()
    };
    assert!(store.registry().write(&all).await.is_err());
    assert_eq!(store.acts().recent(9).await.unwrap(), []);
    assert_eq!(store.registry().all().await.unwrap(), []);
}

#[tokio::test]
async fn leases_of_an_older_version_are_taken_along() {
    let home = tempfile::tempdir().unwrap();
    Store::open(home.path()).await.unwrap().close().await;
    let old = "DROP TABLE agents; DROP TABLE approvals; DROP TABLE approvers; DROP TRIGGER acts_admitted; DROP TRIGGER acts_ended; DROP TABLE ledger;
        DROP TABLE checkpoints; ALTER TABLE acts DROP COLUMN ended; DROP TABLE registered; DROP TABLE pairs;
        DROP INDEX acts_asked; ALTER TABLE acts DROP COLUMN asked; CREATE INDEX acts_asked ON acts (at);
        CREATE TABLE leases (name TEXT NOT NULL, id TEXT NOT NULL, url TEXT NOT NULL, meta TEXT NOT NULL,
            ttl_ms INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (name, id)) STRICT, WITHOUT ROWID;
        INSERT INTO leases VALUES ('mail', 'a', 'http://127.0.0.1:4000', '{\"version\":\"7\"}', 30000, 7),
            ('odd', 'b', 'http://127.0.0.1:4001', 'damaged', 5000, 8);
        PRAGMA user_version = 4;";
    let mut db = connect(home.path()).await;
    sqlx::raw_sql(old).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let [mail, odd] = store.registry().all().await.unwrap().try_into().unwrap();
    assert_eq!(
        (mail.since, serde_json::from_str(&mail.body).unwrap()),
        (
            Timestamp(7),
            serde_json::json!({
                "name": "mail", "id": "a", "url": "http://127.0.0.1:4000",
                "keep": { "kind": "lease", "ttl": 30_000 }, "meta": { "version": "7" },
            })
        )
    );
    assert!(odd.body.contains("\"meta\":{}"), "{odd:?}");
}
