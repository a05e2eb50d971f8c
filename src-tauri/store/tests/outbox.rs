//! The outbox: written with its events, in order, bounded, and forgotten with its receiver.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Event, EventKind, Timestamp};
use store::{Batch, Outgoing, Store};

fn event(seq: u64) -> Event {
    Event {
        seq,
        at: Timestamp(i64::try_from(seq).unwrap()),
        cluster: None,
        what: EventKind::Notice { text: "x".into() },
    }
}

fn outgoing(target: &str, seq: u64, body: &str) -> Outgoing {
    Outgoing {
        target: target.into(),
        seq,
        at: Timestamp(i64::try_from(seq).unwrap()),
        body: body.into(),
    }
}

/// Keeps events from here to there, each with its row for `a`.
async fn keep(store: &Store, seqs: std::ops::RangeInclusive<u64>, body: &str) {
    let batch = Batch {
        events: seqs.clone().map(event).collect(),
        outgoing: seqs.map(|seq| outgoing("a", seq, body)).collect(),
        ..Batch::default()
    };
    store.keep(&batch).await.unwrap();
}

async fn drain(store: &Store, target: &str) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(next) = store.outbox().next(target).await.unwrap() {
        store
            .outbox()
            .done(target, next.seq, "so far")
            .await
            .unwrap();
        seqs.push(next.seq);
    }
    seqs
}

#[tokio::test]
async fn what_was_kept_is_sent_in_order_also_by_the_next_engine() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let batch = Batch {
        events: [3, 1, 2].map(event).into(),
        outgoing: vec![
            outgoing("a", 3, "three"),
            outgoing("a", 1, "one"),
            outgoing("b", 2, "two"),
        ],
        ..Batch::default()
    };
    store.keep(&batch).await.unwrap();
    // The same again, as after a fault that came behind the commit.
    store.keep(&batch).await.unwrap();
    store.close().await;
    let store = Store::open(home.path()).await.unwrap();
    let first = store.outbox().next("a").await.unwrap().unwrap();
    assert_eq!(first, outgoing("a", 1, "one"));
    let waiting = store.outbox().waiting("a").await.unwrap();
    assert_eq!((waiting.count, waiting.oldest), (2, Some(Timestamp(1))));
    assert_eq!(drain(&store, "a").await, [1, 3]);
    assert_eq!(
        store.outbox().remembered("a").await.unwrap().unwrap(),
        "so far"
    );
    assert_eq!(store.outbox().remembered("b").await.unwrap(), None);
    store.outbox().forget_others(&["a"].into()).await.unwrap();
    assert_eq!(store.outbox().next("b").await.unwrap(), None);
    assert!(store.outbox().remembered("a").await.unwrap().is_some());
    store.close().await;
}

#[tokio::test]
async fn the_oldest_go_when_too_many_or_too_much_waits_and_are_counted() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    keep(&store, 1..=10_000, "").await;
    let waiting = store.outbox().waiting("a").await.unwrap();
    assert_eq!((waiting.count, waiting.lost), (10_000, 0));
    keep(&store, 10_001..=10_003, "").await;
    let waiting = store.outbox().waiting("a").await.unwrap();
    assert_eq!((waiting.count, waiting.lost), (10_000, 3));
    assert_eq!(store.outbox().next("a").await.unwrap().unwrap().seq, 4);
    // Three of a third of what there is room for leave room for none before them.
    let large = "x".repeat(11 << 20);
    keep(&store, 10_004..=10_005, &large).await;
    keep(&store, 10_006..=10_006, &large).await;
    assert_eq!(store.outbox().next("a").await.unwrap().unwrap().seq, 10_005);
    assert_eq!(store.outbox().waiting("a").await.unwrap().lost, 10_004);
    // One that is too large by itself is sent all the same.
    keep(&store, 10_007..=10_007, &"x".repeat(40 << 20)).await;
    assert_eq!(drain(&store, "a").await, [10_007]);
    store.close().await;
}

#[tokio::test]
async fn what_is_too_old_is_given_up_and_counted() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    keep(&store, 1..=5, "").await;
    assert_eq!(store.outbox().expire("a", Timestamp(4)).await.unwrap(), 3);
    assert_eq!(store.outbox().expire("a", Timestamp(4)).await.unwrap(), 0);
    assert_eq!(store.outbox().waiting("a").await.unwrap().lost, 3);
    assert_eq!(drain(&store, "a").await, [4, 5]);
    store.close().await;
}

#[tokio::test]
async fn an_event_alone_takes_along_what_is_sent_of_it() {
    let batch = Batch {
        events: vec![event(1), event(2)],
        outgoing: vec![
            outgoing("a", 1, ""),
            outgoing("b", 2, ""),
            outgoing("a", 2, ""),
        ],
        ..Batch::default()
    };
    let alone: Vec<(u64, usize)> = batch
        .singly()
        .map(|one| (one.events[0].seq, one.outgoing.len()))
        .collect();
    assert_eq!(alone, [(1, 1), (2, 2)]);
}
