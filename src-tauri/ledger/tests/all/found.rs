//! What verifying finds, and where it says it is.

use crate::{BLOCK, Home, Long, entries};
use ledger::{Fault, Key, Outside, Sealer};
use store::Kept;

/// Entries of a long ledger, unless [`many`] says otherwise: ten thousand take minutes in a build for debugging.
const MANY: usize = 600;
/// Of one that is long enough.
const SOME: usize = 400;

/// The same text with one bit of another value, if it is a text then.
fn flipped(text: &str, place: usize, bit: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    bytes[place] ^= 1 << bit;
    String::from_utf8(bytes).ok()
}

fn outside(kept: &Kept) -> [Outside; 1] {
    [Outside {
        name: "elsewhere".into(),
        note: kept.note.clone(),
    }]
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
