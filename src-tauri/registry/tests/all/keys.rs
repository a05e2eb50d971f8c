//! Keys and values of Consul's API: what is kept, what it takes to write, and how it is waited for.

use crate::world::{World, consul, consul_of, wall};
use model::{Outcome, Verb};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn a_value_is_kept_with_its_act_and_its_index_over_engines() {
    let server = consul().await;
    assert_eq!(
        server
            .ask("PUT /v1/kv/app/one?flags=18446744073709551615", "1")
            .await
            .body,
        "true"
    );
    assert_eq!(server.ask("PUT /v1/kv/app/two", "").await.body, "true");
    assert_eq!(server.ask("PUT /v1/kv/gone", "x").await.body, "true");
    assert_eq!(server.ask("DELETE /v1/kv/gone", "").await.body, "true");
    let one = server.ask("GET /v1/kv/app/one", "").await.json();
    assert_eq!(
        (&one[0]["Value"], &one[0]["Flags"]),
        (&json!("MQ=="), &json!(u64::MAX))
    );
    let two = server.ask("GET /v1/kv/app/two", "").await.json();
    assert!(two[0]["Value"].is_null());
    let all = server.ask("GET /v1/kv/?recurse", "").await;
    let allowed = server.world.notes.allowed.lock().unwrap().clone();
    assert_eq!(allowed[3], (Verb::WriteKey, "delete gone".to_owned()));
    assert!(server.world.notes.asked.lock().unwrap().is_empty());

    // Another engine of the same home.
    let (home, store) = (server.world.home, server.world.store);
    store.close().await;
    let store = store::Store::open(home.path()).await.unwrap();
    let notes = Arc::<crate::world::Notes>::default();
    let registry = registry::Registry::open(store.clone(), notes.clone(), wall, vec![])
        .await
        .unwrap();
    let next = consul_of(World {
        home,
        store,
        notes,
        registry,
    })
    .await;
    assert_eq!(next.ask("GET /v1/kv/app/one", "").await.json(), one);
    let again = next.ask("GET /v1/kv/?recurse", "").await;
    assert_eq!(again.json(), all.json());
    assert!(
        again.consul_index() > all.consul_index(),
        "{} after {}",
        again.consul_index(),
        all.consul_index()
    );
    let acts = next.world.store.acts().recent(10).await.unwrap();
    assert_eq!(acts, []);
}

/// A leader is elected by `cas` once a second, for ever: the book keeps each row for ever too.
#[tokio::test]
async fn what_a_program_keeps_is_data_and_only_to_delete_a_tree_is_an_act() {
    let server = consul().await;
    for key in ["tree/a", "tree/b", "leader"] {
        server.ask(&format!("PUT /v1/kv/{key}"), "x").await;
    }
    for line in ["PUT /v1/kv/leader?cas=7", "DELETE /v1/kv/leader?cas=7"] {
        assert_eq!(server.ask(line, "me").await.body, "false");
    }
    let refused = server.ask("PUT /v1/kv/forbidden", "x").await;
    assert_eq!(
        refused.status, 403,
        "the door is asked all the same: {refused:?}"
    );
    assert!(server.world.notes.concluded.lock().unwrap().is_empty());
    server.ask("DELETE /v1/kv/tree/?recurse", "").await;
    let concluded = server.world.notes.concluded.lock().unwrap().clone();
    let [(_, outcome, true)] = &concluded[..] else {
        panic!("{concluded:?}");
    };
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let acts = server.world.store.acts().recent(10).await.unwrap();
    assert_eq!((acts.len(), acts[0].verb), (1, Verb::WriteKey));
}

#[tokio::test]
async fn many_writers_of_one_key_take_turns() {
    let server = consul().await;
    server.ask("PUT /v1/kv/count", "0").await;
    let found = server.ask("GET /v1/kv/count", "").await.json();
    let index = found[0]["ModifyIndex"].as_u64().unwrap();
    let line = format!("PUT /v1/kv/count?cas={index}");
    let all = (0..32).map(|n| {
        let (server, line) = (&server, &line);
        async move { server.ask(line, &format!("by {n}")).await.body == "true" }
    });
    let won = together(all).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

/// All of them at the same time.
async fn together<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (one, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = one.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_value_has_limits_and_locks_are_not_there() {
    let server = consul().await;
    let whole = "v".repeat(512 << 10);
    assert_eq!(server.ask("PUT /v1/kv/large", &whole).await.body, "true");
    assert_eq!(
        server.ask("GET /v1/kv/large?raw", "").await.body.len(),
        whole.len()
    );
    assert_eq!(
        server
            .ask("PUT /v1/kv/large", &format!("{whole}v"))
            .await
            .status,
        413
    );
    let long = "k".repeat(513);
    for (line, status) in [
        (format!("PUT /v1/kv/{long}"), 400),
        ("PUT /v1/kv/".to_owned(), 400),
        ("GET /v1/kv/".to_owned(), 400),
        ("PUT /v1/kv/a%00b".to_owned(), 400),
        ("PUT /v1/kv/a?cas=x".to_owned(), 400),
        ("PUT /v1/kv/a?flags=-1".to_owned(), 400),
        ("PUT /v1/kv/a?acquire=s".to_owned(), 501),
        ("PUT /v1/kv/a?release=s".to_owned(), 501),
        ("DELETE /v1/kv/a?recurse&cas=1".to_owned(), 400),
    ] {
        let answer = server.ask(&line, "x").await;
        assert_eq!(answer.status, status, "{line:.60}: {answer:?}");
        assert!(!answer.body.is_empty());
    }
    assert_eq!(
        server.ask("DELETE /v1/kv/large?cas=0", "").await.body,
        "false"
    );
    assert_eq!(server.ask("DELETE /v1/kv/none", "").await.body, "true");
    let page = server
        .ask("PUT /v1/kv/page", "<script>alert(1)</script>")
        .await;
    assert_eq!(page.body, "true");
    let raw = server
        .ask("GET /v1/kv/page?raw", "")
        .await
        .head
        .to_ascii_lowercase();
    assert!(
        raw.contains("content-type: text/plain") && raw.contains("nosniff"),
        "{raw}"
    );
}

#[tokio::test]
async fn what_the_disk_refuses_is_not_there() {
    let server = consul().await;
    server.ask("PUT /v1/kv/a", "1").await;
    server.world.store.close().await;
    let refused = server.ask("PUT /v1/kv/a", "2").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(server.ask("GET /v1/kv/a?raw", "").await.body, "1");
    let refused = server.ask("DELETE /v1/kv/?recurse", "").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    let concluded = server.world.notes.concluded.lock().unwrap().clone();
    let last = concluded.last().unwrap();
    assert!(matches!(last.1, Outcome::Failed(_)), "{last:?}");
}
