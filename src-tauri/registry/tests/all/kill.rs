//! `kill -9` while programs register: what was acknowledged is there, and no number comes twice.
//!
//! A child, which is this very program, registers and deregisters over and over, and says what it was
//! answered. It is killed after some of its lines; then its home is looked at, and the next child goes
//! on in it. `AZORA_KILLS` says how often; 10 times unless it does.

use crate::world::{own, wall};
use model::{Act, ActId, Actor, Outcome, Target, Verb};
use registry::{Door, Keep, LONGEST_TTL, Registration, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::Store;
use tokio::task::JoinSet;

/// Set for a child: the home it works in, and its number.
const CHILD: &str = "REGISTRY_KILL_HOME";
const ROUND: &str = "REGISTRY_KILL_ROUND";

/// Goes on after the acts that are in the book.
struct Numbers(AtomicU64);

impl Door for Numbers {
    fn admit(&self, verb: Verb, what: &str) -> Result<Act, String> {
        Ok(Act {
            id: ActId(self.0.fetch_add(1, Ordering::Relaxed) + 1),
            at: wall(),
            actor: Actor::person("test"),
            verb,
            target: Target::default(),
            reason: what.to_owned(),
            outcome: Outcome::Pending,
            decision: None,
        })
    }

    fn allow(&self, _: Verb, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn conclude(&self, _: Act, _: bool) {}
}

async fn open(home: &Path) -> (Store, Registry) {
    let store = Store::open(home).await.unwrap();
    let last = store.acts().last_id().await.unwrap();
    let door = Arc::new(Numbers(last.0.into()));
    let registry = Registry::open(store.clone(), door, wall, vec![]);
    let registry = registry.await.unwrap();
    (store, registry)
}

fn say(line: &str) {
    // One write: what is killed in the middle of it has said nothing.
    let said = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    if said.is_err() {
        // Nobody hears it any more.
        std::process::exit(1);
    }
}

/// What a child does, until it is killed or nobody hears it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(home) = std::env::var(CHILD) else {
        return;
    };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let (_store, registry) = open(Path::new(&home)).await;
    say(&format!("\nindex {}", registry.index()));
    let mut all = JoinSet::new();
    for task in 0..16 {
        let registry = registry.clone();
        all.spawn(async move {
            for n in 0_u64.. {
                // Some come again elsewhere, some are new.
                let (name, id) = (format!("n{task}"), format!("i{}", n % 40));
                let url = format!("http://127.0.0.1:4000/{}", round * 1_000_000 + n);
                let mut wish = Registration::new(&name, &url);
                wish.id.clone_from(&id);
                wish.keep = Keep::Lease { ttl: LONGEST_TTL };
                let (listed, _) = registry.register(wish).await.unwrap();
                say(&format!(
                    "put {name} {id} {} {}",
                    listed.view.url, listed.modify_index
                ));
                if n % 3 == 0 {
                    // It may be put again while this is under way, but only by us.
                    say(&format!("leaving {name} {id}"));
                    registry.deregister(&name, Some(&id)).await.unwrap();
                    say(&format!("gone {name} {id}"));
                }
                // Of ours, which is never written down.
                let instance = own(
                    &format!("api.{task}"),
                    "api",
                    &format!("http://127.0.0.1:{n}"),
                );
                registry.upsert_own(&instance);
                say(&format!("index {}", registry.index()));
            }
        });
    }
    all.join_all().await;
}

/// What is known of an entry: where it is, or was when it was taken away, or that it is being taken away.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    At(String),
    Gone(String),
    Either(String),
}

#[expect(
    clippy::disallowed_types,
    reason = "a test ends a program of its own that registers"
)]
fn round(n: usize, home: &Path, known: &mut BTreeMap<(String, String), Known>) -> u64 {
    // Sooner and later: at once, amid the first commits, and when all goes its way.
    let lines = 5 + (n * 97) % 600;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, home)
        .env(ROUND, n.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut highest = 0;
    let mut first = None;
    let said = BufReader::new(child.stdout.take().unwrap());
    for (count, line) in said.lines().enumerate() {
        let line = line.unwrap();
        if count == lines {
            child.kill().unwrap();
        }
        let words: Vec<&str> = line.split(' ').collect();
        let key = |at: usize| (words[at].to_owned(), words[at + 1].to_owned());
        match words[..] {
            ["put", _, _, url, index] => {
                known.insert(key(1), Known::At(url.to_owned()));
                highest = highest.max(index.parse().unwrap());
            }
            ["leaving", _, _] => {
                if let Some(Known::At(url)) = known.get(&key(1)).cloned() {
                    known.insert(key(1), Known::Either(url));
                }
            }
            ["gone", _, _] => {
                if let Some(Known::Either(url)) = known.get(&key(1)).cloned() {
                    known.insert(key(1), Known::Gone(url));
                }
            }
            ["index", index] => {
                let index: u64 = index.parse().unwrap();
                first.get_or_insert(index);
                highest = highest.max(index);
            }
            _ => {}
        }
    }
    child.wait().unwrap();
    assert!(first.is_some(), "it has said nothing");
    highest
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_however_often_it_is_killed() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let kills: usize = std::env::var("AZORA_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    let mut known = BTreeMap::new();
    let (mut told, mut acknowledged) = (0, 0);
    for n in 0..kills {
        let before = known.clone();
        let path = home.path().to_owned();
        let (highest, now) = tokio::task::spawn_blocking(move || {
            let mut known = known;
            (round(n, &path, &mut known), known)
        })
        .await
        .unwrap();
        known = now;
        assert!(highest > told, "round {n}: {highest} after {told}");
        told = highest;
        let (store, registry) = open(home.path()).await;
        assert!(registry.index() > told, "round {n}");
        let found: BTreeMap<_, _> = registry
            .entries()
            .into_iter()
            .map(|view| ((view.name, view.id), view.url))
            .collect();
        let recent = store.acts().recent(4_000).await.unwrap();
        let acts: BTreeSet<String> = recent.into_iter().map(|act| act.reason).collect();
        for (key, known_of) in &known {
            let (name, id) = key;
            let there = found.get(key);
            let right = match known_of {
                // What was under way and not answered may have come to be as well.
                Known::At(url) => there.is_some_and(|at| at == url || later(at, url)),
                Known::Gone(url) => there.is_none_or(|at| later(at, url)),
                Known::Either(_) => true,
            };
            assert!(
                right,
                "round {n}: {name}/{id} is {known_of:?} and found is {there:?}"
            );
            if let Known::At(url) = known_of
                && before.get(key) != Some(known_of)
            {
                acknowledged += 1;
                assert!(
                    acts.contains(&format!("{name} at {url}")),
                    "round {n}: no act of {name}/{id}"
                );
            }
        }
        store.close().await;
    }
    println!("{kills} kills, {acknowledged} acknowledged entries looked for, number {told}");
}

/// What the children say only grows.
fn later(at: &str, than: &str) -> bool {
    let number = |url: &str| url.rsplit('/').next().unwrap().parse::<u64>().unwrap();
    number(at) > number(than)
}
