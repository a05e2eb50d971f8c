//! How entries come to be: each way into the book, and what is written.

use crate::{Home, act, done, entries};
use ledger::{Fault, Keys, Verifier};
use model::{Act, ActId, Entry, Outcome};
use std::path::Path;
use store::{Durability, Registering, Store};

#[tokio::test]
async fn each_way_into_the_book_is_an_entry_and_none_is_one_twice() {
    let home = Home::new().await;
    let acts = home.store.acts();
    let pending = act(1, Outcome::Pending);
    for _ in 0..2 {
        acts.append(&pending, Durability::Full).await.unwrap();
    }
    let all = Registering {
        acts: vec![done(2), done(3)],
        ..Registering::default()
    };
    for _ in 0..2 {
        home.store.registry().write(&all).await.unwrap();
        acts.finish(&done(1)).await.unwrap();
    }
    // Registered in two steps, with an outcome that JSON has to write otherwise.
    let odd = "\u{1}\"\\/é\u{2028}\u{1f980}";
    let both = [Outcome::Pending, Outcome::Done(odd.into())];
    for outcome in both.clone() {
        let acts = vec![act(5, outcome)];
        let all = Registering {
            acts,
            ..Registering::default()
        };
        home.store.registry().write(&all).await.unwrap();
    }
    // It was never written before.
    acts.finish(&act(4, Outcome::Failed("no".into())))
        .await
        .unwrap();
    // What has an outcome keeps it.
    acts.finish(&act(4, Outcome::Done("yes".into())))
        .await
        .unwrap();

    let texts = home.texts().await;
    let kinds: Vec<&str> = texts
        .iter()
        .map(|text| {
            text.split_once("\"entry\":\"")
                .unwrap()
                .1
                .split('"')
                .next()
                .unwrap()
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "begun", "admitted", "done", "done", "ended", "admitted", "ended", "done"
        ]
    );
    let read = acts.recent(9).await.unwrap();
    assert_eq!(
        read,
        [
            act(5, both[1].clone()),
            act(4, Outcome::Failed("no".into())),
            done(3),
            done(2),
            done(1)
        ]
    );
    let verdict = home.verdict(&[]).await;
    assert!(verdict.sound(), "{verdict:?}");
    assert_eq!((verdict.entries, verdict.signed), (8, 0));
}

#[tokio::test]
async fn a_home_that_is_older_than_its_ledger_says_since_when_it_holds() {
    let home = Home::new().await;
    let text = home.texts().await.remove(0);
    assert!(text.starts_with(r#"{"acts":0,"at":1"#), "{text}");
    // An act from before ends after.
    let mut verifier = Verifier::new(&Keys::default(), &[], &[]);
    let ended = |id| {
        let over = done(id);
        serde_json::to_string(&Entry::ended(&over).unwrap()).unwrap()
    };
    let begun = r#"{"acts":7,"at":1,"entry":"begun"}"#.to_owned();
    // A full disk has kept it out of the book, which had later ones when the ledger began.
    let mut late = done(5);
    late.outcome = Outcome::Pending;
    let late = serde_json::to_string(&Entry::of(&late)).unwrap();
    verifier
        .feed(&entries(0, &[begun, ended(7), ended(8), late, ended(5)]))
        .unwrap();
    let faults = verifier.finish().unwrap().faults;
    assert_eq!(
        faults,
        [Fault::NeverAdmitted {
            n: 3,
            act: ActId(8)
        }]
    );
}

#[test]
fn what_is_written_is_the_canonical_form() {
    let strings = [
        "",
        "\"\\/\u{8}\u{c}\n\r\t",
        "\u{0}\u{1f}\u{7f}\u{80}",
        "é€😀\u{2028}",
        "a/b",
    ];
    for (id, text) in (1u64 << 50..).zip(strings) {
        let mut one = done(id);
        one.reason = text.into();
        one.actor.via = text.into();
        for outcome in [
            Outcome::Pending,
            Outcome::Done(text.into()),
            Outcome::Failed(text.into()),
            Outcome::Refused(text.into()),
            Outcome::Overtaken(text.into()),
        ] {
            one.outcome = outcome;
            one.target.instance = text.is_empty().then(|| "api.3".parse().unwrap());
            for entry in [Some(Entry::of(&one)), Entry::ended(&one)]
                .into_iter()
                .flatten()
            {
                assert_eq!(
                    serde_json::to_string(&entry).unwrap(),
                    serde_json_canonicalizer::to_string(&entry).unwrap()
                );
            }
        }
    }
}

/// The room that is set aside for acts on a full disk, with these in it, as `store`'s `spare` writes them.
fn set_aside(home: &Path, acts: &[Act]) {
    let mut file = Vec::new();
    for act in acts {
        let body = serde_json::to_vec(act).unwrap();
        let sum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        file.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        file.extend(sum.to_le_bytes());
        file.extend(body);
    }
    file.resize(256 << 10, 0);
    std::fs::write(home.join("spare"), file).unwrap();
}

#[tokio::test]
async fn what_was_set_aside_on_a_full_disk_comes_in_once_and_in_its_order() {
    let home = Home::new().await;
    home.acts(1, 2, "").await;
    home.store.close().await;
    let both = |id| [act(id, Outcome::Pending), done(id)];
    // The second was not over when the machine failed.
    let aside = [both(3).as_slice(), &both(4)[..1]].concat();
    set_aside(home.folder.path(), &aside);
    let store = Store::open(home.folder.path()).await.unwrap();
    assert!(!store.acts().set_aside());
    store.acts().finish(&done(4)).await.unwrap();
    store.close().await;
    // It was moved, and the machine failed before it was taken out.
    set_aside(home.folder.path(), &aside);
    let store = Store::open(home.folder.path()).await.unwrap();
    let texts = store.ledger().after(5, 100).await.unwrap();
    let texts: Vec<&str> = texts.text.split_terminator('\n').collect();
    let mut expected = Vec::new();
    for id in [3, 4] {
        let [begun, over] = both(id);
        expected.push(serde_json::to_string(&Entry::of(&begun)).unwrap());
        expected.push(serde_json::to_string(&Entry::ended(&over).unwrap()).unwrap());
    }
    assert_eq!(texts, expected);
    let home = Home { store, ..home };
    let verdict = home.verdict(&[]).await;
    assert!(verdict.sound(), "{verdict:?}");
}
