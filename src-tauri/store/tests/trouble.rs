//! Damaged, newer and locked databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{ProbeKind, Timestamp, Verdict};
use std::path::Path;
use store::{Error, ProbeSample, Store};

fn probe(at: i64) -> ProbeSample {
    ProbeSample {
        at: Timestamp(at),
        cluster: "shop-1".parse().unwrap(),
        instance: "api.0".parse().unwrap(),
        kind: ProbeKind::Health,
        verdict: Verdict::Pass,
        latency_us: 500,
    }
}

async fn filled(home: &Path) {
    let store = Store::open(home).await.unwrap();
    store.meta().set("k", "v").await.unwrap();
    store.samples().append(&[probe(1_000)], &[]).await.unwrap();
    store.close().await;
}

/// Overwrites where the header keeps `user_version`: bytes 60 to 63 (<https://sqlite.org/fileformat2.html>).
fn set_version(file: &Path, version: u32) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[60..64].copy_from_slice(&version.to_be_bytes());
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_newer_state_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    filled(home.path()).await;
    let file = home.path().join("state.db");
    set_version(&file, 11);
    let before = std::fs::read(&file).unwrap();
    let Err(error) = Store::open(home.path()).await else {
        panic!("it was opened")
    };
    assert_eq!(
        error.to_string(),
        "open state.db: it was made by a newer Azora (schema 11, this one knows 10); \
         use that version, or move the file away"
    );
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_state_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    filled(home.path()).await;
    let file = home.path().join("state.db");
    std::fs::write(
        &file,
        "this is not a database, it only has its name".repeat(200),
    )
    .unwrap();
    let Err(error) = Store::open(home.path()).await else {
        panic!("it was opened")
    };
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "open: state.db is damaged; move it away to begin anew"
    );
    assert!(std::fs::read(&file).unwrap().starts_with(b"this is not"));
}

#[tokio::test]
async fn a_page_of_the_state_that_was_overwritten_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    filled(home.path()).await;
    let file = home.path().join("state.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[4_096..8_192].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let Err(error) = Store::open(home.path()).await else {
        panic!("it was opened")
    };
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn an_unreadable_history_is_set_aside_and_said() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("history.db");
    filled(home.path()).await;
    set_version(&file, 9);
    let store = Store::open(home.path()).await.unwrap();
    assert_eq!(
        store.notices(),
        [
            "failed to open history.db: it was made by a newer Azora (schema 9, this one knows 2); \
          use that version, or move the file away; it was kept as history.db.set-aside and \
          measurements begin anew"
        ]
    );
    store.samples().append(&[probe(2_000)], &[]).await.unwrap();
    store.close().await;

    std::fs::write(&file, "no database either".repeat(500)).unwrap();
    let store = Store::open(home.path()).await.unwrap();
    assert!(
        store.notices()[0].contains("history.db.set-aside-2"),
        "{:?}",
        store.notices()
    );
    assert!(home.path().join("history.db.set-aside-2").exists());
    assert_eq!(store.meta().get("k").await.unwrap().as_deref(), Some("v"));
    store.samples().append(&[probe(3_000)], &[]).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    store.close().await;
    let error = store.meta().set("k", "v").await.unwrap_err();
    assert_eq!(error.to_string(), "write a value: the store is closed");
}

#[tokio::test]
async fn two_stores_of_one_home_wait_for_each_other() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (
        Store::open(home.path()).await.unwrap(),
        Store::open(home.path()).await.unwrap(),
    );
    for n in 0..20 {
        let (a, b) = (n.to_string(), n.to_string());
        let (first, second) = tokio::join!(async { one.meta().set("a", &a).await }, async {
            two.meta().set("b", &b).await
        });
        first.unwrap();
        second.unwrap();
    }
    assert_eq!(one.meta().get("b").await.unwrap().as_deref(), Some("19"));
}
