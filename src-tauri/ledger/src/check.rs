//! Entries one by one, and what their order has to be.

use crate::Fault;
use model::{About, ActId, Entry};
use std::collections::BTreeMap;
use std::io;
use std::thread;
use tlog_tiles::{Hash, record_hash};

/// An entry as a leaf, and what it is about if it is one.
pub(crate) type Leaf = (Hash, Result<About, Wrong>);

/// What may be wrong with an entry by itself.
#[derive(Debug)]
pub(crate) enum Wrong {
    Unreadable(String),
    NotCanonical,
}

/// Fewer entries than this are looked at faster by one thread than by two.
const ALONE: usize = 512;

/// Looks at each entry by itself, on as many threads as the machine has cores.
pub(crate) fn leaves(entries: &[&str]) -> Vec<Leaf> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if threads == 1 || entries.len() < ALONE {
        return entries.iter().map(|entry| leaf(entry)).collect();
    }
    thread::scope(|scope| {
        let each = entries.len().div_ceil(threads);
        let parts: Vec<_> = entries
            .chunks(each)
            .map(|part| {
                (
                    part,
                    thread::Builder::new().spawn_scoped(scope, move || -> Vec<Leaf> {
                        part.iter().map(|entry| leaf(entry)).collect()
                    }),
                )
            })
            .collect();
        let mut all = Vec::with_capacity(entries.len());
        for (part, thread) in parts {
            match thread.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(leaves)) => all.extend(leaves),
                // No thread was to be had, or it broke.
                _ => all.extend(part.iter().map(|entry| leaf(entry))),
            }
        }
        all
    })
}

fn leaf(text: &str) -> Leaf {
    (record_hash(text.as_bytes()), about(text))
}

fn about(text: &str) -> Result<About, Wrong> {
    if text.is_empty() {
        return Err(Wrong::Unreadable(
            "its text is not there: it, or the act it is of, was taken away".into(),
        ));
    }
    let entry: Entry<'_> =
        serde_json::from_str(text).map_err(|error| Wrong::Unreadable(error.to_string()))?;
    let about = entry
        .about()
        .ok_or_else(|| Wrong::Unreadable("it has more or less than its kind has".into()))?;
    let mut rest = Expected(text.as_bytes());
    match serde_json::to_writer(&mut rest, &entry) {
        Ok(()) if rest.0.is_empty() => Ok(about),
        _ => Err(Wrong::NotCanonical),
    }
}

/// Takes only what is to come; a million entries need not be written anywhere to be compared.
struct Expected<'t>(&'t [u8]);

impl io::Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = self.0.strip_prefix(bytes);
        self.0 = rest.ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What has been said so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    /// Acts up to this number were before the ledger, and may end in it. What a full disk kept out of the book then is
    /// admitted later, whatever its number.
    before: ActId,
    admitted: Ids,
    over: Ids,
}

impl Order {
    /// Entry `n` comes next.
    pub(crate) fn next(&mut self, n: u64, about: Result<About, Wrong>) -> Option<Fault> {
        let about = match about {
            Ok(about) => about,
            Err(Wrong::Unreadable(why)) => return Some(Fault::Unreadable { n, why }),
            Err(Wrong::NotCanonical) => return Some(Fault::NotCanonical { n }),
        };
        let begins = matches!(about, About::Begun(_));
        if begins != (n == 1) {
            return Some(Fault::Beginning { n });
        }
        match about {
            About::Begun(before) => {
                self.before = before;
                None
            }
            About::Admitted(act) => {
                let new = self.admitted.insert(act);
                (!new).then_some(Fault::Twice { n, act })
            }
            About::Done(act) => {
                let new = self.admitted.insert(act);
                let ended = self.over.insert(act);
                (!new || !ended).then_some(Fault::Twice { n, act })
            }
            About::Ended(act) => {
                if act > self.before && !self.admitted.has(act) {
                    return Some(Fault::NeverAdmitted { n, act });
                }
                (!self.over.insert(act)).then_some(Fault::Twice { n, act })
            }
        }
    }
}

/// Numbers, of which many are one after the other.
#[derive(Debug, Clone, Default)]
struct Ids(BTreeMap<u64, [u64; WORDS]>);

/// Words of a block. Larger ones are found faster, and take more room for numbers that somebody has made up.
const WORDS: usize = 8;

impl Ids {
    /// False when it was there.
    fn insert(&mut self, id: ActId) -> bool {
        let (block, word, bit) = place(id);
        let bits = &mut self.0.entry(block).or_default()[word];
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    fn has(&self, id: ActId) -> bool {
        let (block, word, bit) = place(id);
        self.0.get(&block).is_some_and(|bits| bits[word] & bit != 0)
    }
}

fn place(id: ActId) -> (u64, usize, u64) {
    let word = id.0 / 64;
    // Below the count of words in any case.
    let within = usize::try_from(word % WORDS as u64).unwrap_or(0);
    (word / WORDS as u64, within, 1 << (id.0 % 64))
}
