//! Whatever is sent to what reads it: nothing makes it panic, and what it lets in fits the limits.
//!
//! Seeds are in `tests/corpus/consul`; what once broke something is added there. `FUZZ_SECONDS` goes on for
//! longer than the moment that a test takes: `FUZZ_SECONDS=3600 cargo test -p registry fuzz`.

use super::asked::Asked;
use super::checks::CheckWish;
use super::filter::{self, Filter};
use super::node::Node;
use super::wish::ServiceWish;
use super::{duration, lenient, routes};
use crate::{dice, target};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Pieces that parsers have opinions about.
const PIECES: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "%2F",
    "%00",
    "%ff",
    "%",
    "..",
    "//",
    "127.0.0.1",
    "[::1]",
    "0x7f.1",
    "@",
    "#",
    "?",
    "10s",
    "5m",
    "-3h",
    "1.5.5s",
    "Meta",
    "Checks",
    "\u{feff}",
    "\u{202e}",
];

/// xorshift: the same worlds for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    fn mutate(&mut self, text: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(text.len() + 1);
        match self.below(7) {
            0 if at < text.len() => text[at] ^= 1 << self.below(8),
            1 if at < text.len() => drop(text.remove(at)),
            2 => text.insert(at, u8::try_from(self.below(256)).unwrap()),
            3 | 4 => {
                let piece = PIECES[self.below(PIECES.len())].as_bytes();
                text.splice(at..at, piece.iter().copied());
            }
            5 => {
                let end = (at + self.below(16)).min(text.len());
                text.drain(at..end);
            }
            _ if !other.is_empty() => {
                let from = self.below(other.len());
                let to = (from + self.below(32)).min(other.len());
                text.splice(at..at, other[from..to].iter().copied());
            }
            _ => {}
        }
        text.truncate(8 << 10);
    }
}

/// Everything that reads bytes of a client. What is let in is held against what was promised of it.
fn read(bytes: &[u8], node: &Node) {
    if let Ok(wish) = lenient::read::<ServiceWish>(bytes)
        && let Ok(entry) = wish.registration(node)
        && entry.check(&BTreeSet::from([8_500]), &[]).is_ok()
        && !entry.url.is_empty()
    {
        let address = target::check(&entry.url, &[]).unwrap();
        assert!(address.ip().is_loopback() && address.port() != 8_500);
    }
    if let Ok(wish) = lenient::read::<CheckWish>(bytes) {
        let _ = wish.check("service:x".into(), node);
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some(time) = duration::parse(&text) {
        assert!(time < Duration::from_secs(4_000_000_000));
    }
    let line = text.lines().next().unwrap_or_default();
    if let Ok(asked) = Asked::read(Some(line), None) {
        let _ = (asked.flag("passing"), asked.number("cas"), asked.later());
    }
    let _ = Filter::read(line, filter::HEALTH);
    let _ = routes::known(line);
    let _ = node.allows(line, 80);
    let _ = (node.known_in_url(line), node.known_in_address(line));
}

#[tokio::test]
async fn nothing_that_is_sent_breaks_what_reads_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/consul");
    let seeds: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(seeds.len() >= 10, "{}", seeds.len());
    let node = Node::of_test();
    for seed in &seeds {
        read(seed, &node);
    }
    let seconds = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let until = tokio::time::Instant::now() + Duration::from_secs(seconds.unwrap_or(1));
    let seed = match seconds {
        Some(_) => dice::number() | 1,
        None => 0x5eed,
    };
    let (mut dice, mut count) = (Dice(seed), 0_u64);
    while tokio::time::Instant::now() < until {
        let mut text = seeds[dice.below(seeds.len())].clone();
        for _ in 0..=dice.below(12) {
            let other = &seeds[dice.below(seeds.len())];
            dice.mutate(&mut text, other);
            let read = std::panic::catch_unwind(|| read(&text, &node));
            assert!(
                read.is_ok(),
                "seed {seed}: {:?}",
                String::from_utf8_lossy(&text)
            );
            count += 1;
        }
    }
    println!("{count} texts from seed {seed}");
}
