//! The ledger over a real book of acts: what it finds, and what it cannot.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod independent;

use ledger::{Checkpoint, Fault, Key, Outside, Sealer, Verdict, Verifier, inclusion, verify};
use model::{Act, ActId, Actor, Entry, Outcome, Target, Timestamp, Verb};
use store::{Batch, Durability, Entries, Kept, Registering, Store};
use tempfile::TempDir;

/// Entries of one checkpoint.
const BLOCK: usize = 32;
/// Entries of a long ledger, unless [`many`] says otherwise: ten thousand take minutes in a build for debugging.
const MANY: usize = 600;
/// Of one that is long enough.
const SOME: usize = 400;

fn act(id: u64, outcome: Outcome) -> Act {
    Act {
        id: ActId(id),
        at: Timestamp(1_764_000_000_000 + i64::try_from(id).unwrap()),
        actor: Actor::person("cli"),
        verb: Verb::Restart,
        target: Target {
            cluster: Some("shop-0badcafe".parse().unwrap()),
            services: vec!["api".parse().unwrap()],
            instance: None,
        },
        reason: format!("for the {id}th time"),
        outcome,
        decision: None,
    }
}

fn done(id: u64) -> Act {
    act(id, Outcome::Done("restarted".into()))
}

/// A home with a book of acts.
struct Home {
    folder: TempDir,
    store: Store,
    sealer: Sealer,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let key = Key::of(folder.path()).unwrap();
        let sealer = Sealer::open(&store, key).await.unwrap();
        Self {
            folder,
            store,
            sealer,
        }
    }

    /// Acts from one number to another, each admitted and ended.
    async fn acts(&self, from: u64, to: u64, name: &str) {
        let both = |id| {
            let mut over = done(id);
            over.reason.push_str(name);
            let mut begun = over.clone();
            begun.outcome = Outcome::Pending;
            [begun, over]
        };
        let acts = (from..=to).flat_map(both).collect();
        let batch = Batch {
            acts,
            ..Batch::default()
        };
        self.store.keep(&batch).await.unwrap();
    }

    async fn seal(&mut self) -> Option<Kept> {
        self.sealer.seal(&self.store, Timestamp(1)).await.unwrap()
    }

    async fn texts(&self) -> Vec<String> {
        let all = self.store.ledger().after(0, 1_000_000).await.unwrap();
        all.text.split_terminator('\n').map(str::to_owned).collect()
    }

    async fn kept(&self) -> Vec<Kept> {
        self.store.ledger().checkpoints(0, 1_000_000).await.unwrap()
    }

    async fn verdict(&self, outside: &[Outside]) -> Verdict {
        let key = Key::of(self.folder.path()).unwrap();
        verify(self.store.ledger(), key.public(), outside, |_| {})
            .await
            .unwrap()
    }
}

/// A ledger that is full of acts, with a checkpoint for each block.
struct Long {
    home: Home,
    texts: Vec<String>,
    kept: Vec<Kept>,
}

impl Long {
    async fn new(entries: usize) -> Self {
        let mut home = Home::new().await;
        let each = BLOCK as u64 / 2;
        let mut id = 1;
        while (home.sealer.size() as usize) < entries {
            home.acts(id, id + each - 1, "").await;
            id += each;
            home.seal().await;
        }
        let (texts, kept) = (home.texts().await, home.kept().await);
        assert!(texts.len() >= entries);
        Self { home, texts, kept }
    }

    fn verifier(&self, kept: &[Kept], outside: &[Outside]) -> Verifier {
        let key = Key::of(self.home.folder.path()).unwrap();
        Verifier::new(key.public(), kept, outside)
    }

    fn verdict<T: AsRef<str>>(&self, texts: &[T], kept: &[Kept], outside: &[Outside]) -> Verdict {
        let mut verifier = self.verifier(kept, outside);
        verifier.feed(&entries(0, texts)).unwrap();
        verifier.finish().unwrap()
    }
}

fn entries<T: AsRef<str>>(before: usize, texts: &[T]) -> Entries {
    let mut text = String::new();
    for one in texts {
        text.push_str(one.as_ref());
        text.push('\n');
    }
    Entries {
        first: before as u64 + 1,
        last: (before + texts.len()) as u64,
        count: texts.len() as u64,
        text,
    }
}

fn outside(kept: &Kept) -> [Outside; 1] {
    [Outside {
        name: "elsewhere".into(),
        note: kept.note.clone(),
    }]
}

/// The same text with one bit of another value, if it is a text then.
fn flipped(text: &str, place: usize, bit: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    bytes[place] ^= 1 << bit;
    String::from_utf8(bytes).ok()
}

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
    let key = Key::of(home.folder.path()).unwrap();
    let mut verifier = Verifier::new(key.public(), &[], &[]);
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

/// So many, or as many as `AZORA_LEDGER_ENTRIES` says.
fn many() -> usize {
    std::env::var("AZORA_LEDGER_ENTRIES").map_or(MANY, |many| many.parse().unwrap())
}

#[tokio::test]
async fn every_flip_drop_reorder_and_duplicate_is_found() {
    let many = many();
    let long = Long::new(many).await;
    let whole = long.verdict(&long.texts, &long.kept, &[]);
    assert!(whole.sound(), "{whole:?}");
    assert_eq!(whole.signed, whole.entries);

    // Block by block, each from where the one before has ended: 10,000 times the whole would be 10^8 entries.
    let mut verifier = long.verifier(&long.kept, &[]);
    let mut before = 0;
    let (mut flips, mut others) = (0, 0);
    for kept in &long.kept {
        let block = &long.texts[before..kept.size as usize];
        let found = |texts: &[String]| {
            let mut verifier = verifier.clone();
            verifier.feed(&entries(before, texts)).unwrap();
            !verifier.finish().unwrap().sound()
        };
        let rest = long.texts.len() - kept.size as usize;
        for n in 0..block.len() {
            let text = &block[n];
            let whole_entry = before + n == 77;
            let places = match whole_entry {
                true => (0..text.len())
                    .flat_map(|at| (0..8).map(move |bit| (at, bit)))
                    .collect(),
                false => vec![((before + n) * 31 % text.len(), n % 7)],
            };
            for (at, bit) in places {
                let Some(changed) = flipped(text, at, bit) else {
                    continue;
                };
                let mut texts = block.to_vec();
                texts[n] = changed;
                assert!(
                    found(&texts),
                    "entry {} byte {at} bit {bit}",
                    before + n + 1
                );
                flips += 1;
            }
            let mut dropped = block.to_vec();
            dropped.remove(n);
            // At the very end it is what a checkpoint from outside finds, and the ledger's own as well.
            assert!(found(&dropped), "entry {} of {rest}", before + n + 1);
            let mut twice = block.to_vec();
            twice.insert(n, text.clone());
            assert!(found(&twice));
            others += 2;
            if n + 1 < block.len() {
                let mut moved = block.to_vec();
                moved.swap(n, n + 1);
                assert!(found(&moved));
                others += 1;
            }
        }
        verifier.feed(&entries(before, block)).unwrap();
        before = kept.size as usize;
    }
    assert!(flips >= many && others >= 2 * many, "{flips} {others}");
}

#[tokio::test]
async fn a_fault_is_found_in_the_whole_and_told_where_it_is() {
    let long = Long::new(SOME).await;
    let mut texts = long.texts.clone();
    texts[201] = texts[201].replace("th time", "st time");
    let verdict = long.verdict(&texts, &long.kept, &[]);
    let [
        Fault::Changed {
            from,
            to,
            outside: None,
        },
    ] = verdict.faults[..]
    else {
        panic!("{verdict:?}");
    };
    assert!((from..=to).contains(&202), "{from} to {to}");
    assert!(to - from < BLOCK as u64 && verdict.signed == from - 1);

    // A gap in the numbers, whoever closed it in the tree.
    let mut verifier = long.verifier(&[], &[]);
    verifier.feed(&entries(0, &long.texts[..10])).unwrap();
    verifier.feed(&entries(12, &long.texts[12..20])).unwrap();
    let faults = verifier.finish().unwrap().faults;
    assert!(
        faults.contains(&Fault::Gap { from: 11, to: 12 }),
        "{faults:?}"
    );
}

#[tokio::test]
async fn a_fork_and_a_cut_end_are_found_by_what_was_kept_elsewhere() {
    let long = Long::new(SOME).await;
    let newest = long.kept.last().unwrap().clone();

    // Cut off with the checkpoints of it: what is there is sound, and the other says that more was.
    let cut = SOME / 2;
    let kept: Vec<Kept> = long
        .kept
        .iter()
        .filter(|one| one.size <= cut as u64)
        .cloned()
        .collect();
    let alone = long.verdict(&long.texts[..cut], &kept, &[]);
    assert!(alone.sound(), "{alone:?}");
    let told = long.verdict(&long.texts[..cut], &kept, &outside(&newest));
    let has = cut as u64;
    let (signed, elsewhere) = (newest.size, Some("elsewhere".to_owned()));
    assert_eq!(
        told.faults,
        [Fault::Cut {
            has,
            signed,
            outside: elsewhere
        }]
    );
    // With the checkpoints left where they were it needs none from outside.
    assert!(!long.verdict(&long.texts[..cut], &long.kept, &[]).sound());

    // Another past, signed with the same key.
    let mut fork = Home::new().await;
    std::fs::copy(
        long.home.folder.path().join("ledger.key"),
        fork.folder.path().join("ledger.key"),
    )
    .unwrap();
    let key = Key::of(fork.folder.path()).unwrap();
    fork.sealer = Sealer::open(&fork.store, key).await.unwrap();
    fork.acts(1, SOME as u64, "and differently").await;
    fork.seal().await;
    assert!(fork.verdict(&[]).await.sound());
    let told = fork.verdict(&outside(&newest)).await;
    assert!(
        matches!(
            &told.faults[..],
            [Fault::Changed {
                outside: Some(_),
                ..
            }]
        ),
        "{told:?}"
    );

    // And one from outside that is right, and stays so when the ledger grows.
    let early = outside(&long.kept[3]);
    long.home.acts(900_000, 900_010, "").await;
    assert!(long.home.verdict(&early).await.sound());
    let mut changed = early.clone();
    changed[0].note = changed[0].note.replace("129", "128");
    let told = long.home.verdict(&changed).await;
    assert!(
        matches!(&told.faults[..], [Fault::Outside { .. }]),
        "{told:?}"
    );
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
    let older = Checkpoint::open(&older.note, public).unwrap();
    let texts = home.texts().await;
    for n in [1, 2, 81, 82, newest.size] {
        let proof = inclusion(home.store.ledger(), public, &newest, n, Some(&older))
            .await
            .unwrap();
        assert_eq!(proof.entry, texts[n as usize - 1]);
        assert_eq!(proof.consistency.unwrap().size, older.size);
    }
    for n in [0, newest.size + 1] {
        let no = inclusion(home.store.ledger(), public, &newest, n, None).await;
        let said = no.unwrap_err().to_string();
        assert!(said.contains("entries 1 to 121 are signed"), "{said}");
    }
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
