//! How it is signed, and what is proven by that.

use crate::{Home, keys};
use ledger::{
    Book, Checkpoint, Fault, Key, Keys, Public, Sealer, Source, consistency, inclusion, verify,
};
use model::Timestamp;
use store::Store;

#[tokio::test]
async fn it_is_signed_as_it_grows_and_by_the_next_engine_too() {
    let mut home = Home::new().await;
    home.acts(1, 20, "").await;
    assert_eq!(home.seal().await.unwrap().size, 41);
    assert!(home.seal().await.is_none());
    home.acts(21, 30, "").await;
    let key = Key::of(home.folder.path()).unwrap();
    home.sealer = Sealer::open(&home.store, key).await.unwrap();
    assert_eq!((home.sealer.size(), home.sealer.doubt()), (41, None));
    assert_eq!(home.seal().await.unwrap().size, 61);
    home.acts(31, 31, "").await;
    let verdict = home.verdict(&[]).await;
    assert!(verdict.sound(), "{verdict:?}");
    assert_eq!((verdict.entries, verdict.signed), (63, 61));
    assert_eq!(verdict.checkpoints, 2);
}

#[tokio::test]
async fn an_entry_is_proven_and_so_is_an_older_checkpoint() {
    let mut home = Home::new().await;
    home.acts(1, 40, "").await;
    let older = home.seal().await.unwrap();
    home.acts(41, 60, "").await;
    let newest = home.seal().await.unwrap();
    home.acts(61, 61, "").await;
    let key = Key::of(home.folder.path()).unwrap();
    let public = key.public();
    let keys = keys(home.folder.path());
    let opened = Checkpoint::open(&older.note, public).unwrap();
    let texts = home.texts().await;
    for n in [1, 2, 81, 82, newest.size] {
        let proof = inclusion(&home.store.ledger(), &keys, &newest, n, Some(&opened))
            .await
            .unwrap();
        assert_eq!(proof.entry, texts[n as usize - 1]);
        assert_eq!(proof.consistency.unwrap().size, older.size);
    }
    for n in [0, newest.size + 1] {
        let no = inclusion(&home.store.ledger(), &keys, &newest, n, None).await;
        let said = no.unwrap_err().to_string();
        assert!(said.contains("entries 1 to 121 are signed"), "{said}");
    }
    let ledger = home.store.ledger();
    let grown = consistency(&ledger, &keys, older.size, &newest)
        .await
        .unwrap();
    assert_eq!((grown.smaller, grown.larger), (older.size, newest.size));
    assert_eq!(grown.smaller_checkpoint, Some(older.note));
    // Of a size that nobody has signed there is the root.
    let grown = consistency(&ledger, &keys, 50, &newest).await.unwrap();
    assert_eq!(grown.smaller_checkpoint, None);
    for from in [0, newest.size + 1] {
        let no = consistency(&ledger, &keys, from, &newest).await;
        assert!(matches!(no, Err(ledger::Error::Grown { .. })));
    }
}

#[tokio::test]
async fn a_checkpoint_that_could_not_be_kept_is_signed_the_next_time() {
    let mut home = Home::new().await;
    home.acts(1, 20, "").await;
    home.store.close().await;
    let no = home.sealer.seal(&home.store, Timestamp(1)).await;
    assert!(matches!(no, Err(ledger::Error::Store(_))), "{no:?}");
    assert_eq!(home.sealer.size(), 0);
    home.store = Store::open(home.folder.path()).await.unwrap();
    home.acts(21, 30, "").await;
    assert_eq!(home.seal().await.unwrap().size, 61);

    // It has read what it could not keep.
    home.acts(31, 40, "").await;
    let full = home.store.clone();
    home.store.close().await;
    let _ = home.sealer.seal(&full, Timestamp(1)).await.unwrap_err();
    home.store = Store::open(home.folder.path()).await.unwrap();
    assert_eq!(home.seal().await.unwrap().size, 81);
    let verdict = home.verdict(&[]).await;
    assert!(verdict.sound(), "{verdict:?}");
    assert_eq!((verdict.signed, verdict.checkpoints), (81, 2));
}

#[tokio::test]
async fn another_key_is_told_as_one_and_not_as_damage() {
    let mut home = Home::new().await;
    home.acts(1, 20, "").await;
    let first = home.seal().await.unwrap();
    let file = home.folder.path().join("ledger.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let old = old.lines().nth(1).unwrap().to_owned();
    std::fs::remove_file(&file).unwrap();
    let key = Key::of(home.folder.path()).unwrap();
    assert_ne!(key.public().text(), old);
    home.sealer = Sealer::open(&home.store, key).await.unwrap();
    let doubt = home.sealer.doubt().unwrap().to_owned();
    assert!(doubt.contains("not the home's key"), "{doubt}");
    // It goes on from where the other has signed, and each is verified with its own.
    assert_eq!(home.sealer.size(), first.size);
    home.acts(21, 30, "").await;
    assert_eq!(home.seal().await.unwrap().size, 61);
    let told = home.verdict(&[]).await;
    let name = old.split('+').next().unwrap().to_owned();
    let (from, to) = (first.size, first.size);
    assert_eq!(told.faults, [Fault::Key { name, from, to }]);
    assert_eq!((told.signed, told.checkpoints), (61, 2));
    let key = Key::of(home.folder.path()).unwrap();
    let reopened = Sealer::open(&home.store, key).await.unwrap();
    assert_eq!(reopened.doubt(), None, "it has signed since then");

    // A person speaks for it: with an option, or below the key.
    let (ledger, named) = (home.store.ledger(), Public::new(&old).unwrap());
    let now = Key::of(home.folder.path()).unwrap().public().clone();
    let keys = Keys::named(&[named.clone(), now], &ledger).await.unwrap();
    assert!(verify(&ledger, &keys, &[], |_| {}).await.unwrap().sound());
    let keys = Keys::named(&[named], &ledger).await.unwrap();
    let told = verify(&ledger, &keys, &[], |_| {}).await.unwrap().faults;
    assert!(
        matches!(
            &told[..],
            [Fault::Key {
                from: 61,
                to: 61,
                ..
            }]
        ),
        "{told:?}"
    );
    let text = std::fs::read_to_string(&file).unwrap() + &old + "\n";
    std::fs::write(&file, text).unwrap();
    assert!(home.verdict(&[]).await.sound());
}

#[tokio::test]
async fn a_ledger_that_no_engine_has_is_read_as_it_was_left() {
    let empty = tempfile::tempdir().unwrap();
    assert!(Book::open(empty.path()).await.unwrap().is_none());
    let mut home = Home::new().await;
    home.acts(1, 20, "").await;
    let kept = home.seal().await.unwrap();
    home.acts(21, 22, "").await;
    home.store.close().await;
    let book = Book::open(home.folder.path()).await.unwrap().unwrap();
    assert_eq!(book.newest().await.unwrap(), Some(kept));
    let keys = Keys::of(None, &book).await.unwrap();
    let verdict = verify(&book, &keys, &[], |_| {}).await.unwrap();
    assert_eq!((verdict.entries, verdict.signed), (45, 41));
    // The key is away: what it signed is told.
    assert!(
        matches!(&verdict.faults[..], [Fault::Key { .. }]),
        "{verdict:?}"
    );
    book.close().await;
}
