//! Holds a whole ledger against what was signed of it.

use crate::check::{Order, leaves};
use crate::tree::Tree;
use crate::{Checkpoint, Error, Fault, Keys, Source, Trust};
use std::collections::{BTreeMap, VecDeque};
use store::{Entries, Kept};

/// Entries that are looked at at once: a few megabytes.
const CHUNK: u32 = 8_192;
/// Faults that are told; more are only counted.
const TOLD: usize = 100;
/// Checkpoints that are read at once.
const CHECKPOINTS: u32 = 10_000;

/// A checkpoint that was kept outside of the home.
#[derive(Debug, Clone)]
pub struct Outside {
    /// What to call it: its file.
    pub name: String,
    /// The signed note.
    pub note: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// So many entries are there.
    pub entries: u64,
    /// Up to here they are what was signed.
    pub signed: u64,
    /// So many of the ledger's own checkpoints were held against it.
    pub checkpoints: u64,
    /// So many from outside.
    pub outside: u64,
    /// The root of the tree of all entries that are there, in base64.
    pub root: String,
    /// What was found, at most a hundred.
    pub faults: Vec<Fault>,
    /// How many more were.
    pub more: u64,
}

impl Verdict {
    /// Nothing was found.
    pub fn sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// What the tree of some size was.
#[derive(Clone)]
struct Mark {
    size: u64,
    checkpoint: Checkpoint,
    outside: Option<String>,
}

/// Takes entries in their order.
#[derive(Clone)]
pub struct Verifier {
    /// What is still to come, smallest first.
    marks: VecDeque<Mark>,
    tree: Tree,
    order: Order,
    /// The number of the last entry, and of entries that are missing before it.
    last: u64,
    /// Up to here all is as it was signed.
    good: u64,
    /// A checkpoint was not met, and so none after it will be.
    bad: bool,
    verdict: Verdict,
}

impl Verifier {
    /// Holds what comes against these.
    pub fn new(keys: &Keys, own: &[Kept], outside: &[Outside]) -> Self {
        let mut verifier = Self {
            marks: VecDeque::new(),
            tree: Tree::default(),
            order: Order::default(),
            last: 0,
            good: 0,
            bad: false,
            verdict: Verdict {
                entries: 0,
                signed: 0,
                checkpoints: 0,
                outside: 0,
                root: String::new(),
                faults: Vec::new(),
                more: 0,
            },
        };
        let mut marks = Vec::new();
        // Of each key that nobody speaks for, the sizes it signed.
        let mut strange: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for one in own {
            match keys.open(&one.note) {
                Ok((checkpoint, key, trust)) if checkpoint.size == one.size => {
                    if trust == Trust::Kept {
                        let (from, to) = strange.entry(key.name()).or_insert((one.size, 0));
                        *from = one.size.min(*from);
                        *to = one.size.max(*to);
                    }
                    marks.push(Mark {
                        size: one.size,
                        checkpoint,
                        outside: None,
                    });
                }
                Ok((checkpoint, ..)) => verifier.fault(Fault::Checkpoint {
                    size: one.size,
                    why: format!("it is of {} entries", checkpoint.size),
                }),
                Err(error) => verifier.fault(Fault::Checkpoint {
                    size: one.size,
                    why: error.to_string(),
                }),
            }
        }
        for (name, (from, to)) in strange {
            let name = name.to_owned();
            verifier.fault(Fault::Key { name, from, to });
        }
        for one in outside {
            match keys.open(&one.note) {
                Ok((checkpoint, ..)) => marks.push(Mark {
                    size: checkpoint.size,
                    checkpoint,
                    outside: Some(one.name.clone()),
                }),
                Err(error) => verifier.fault(Fault::Outside {
                    name: one.name.clone(),
                    why: error.to_string(),
                }),
            }
        }
        marks.sort_by_key(|mark| mark.size);
        verifier.marks = marks.into();
        verifier
    }

    /// The next entries, each on a line of its own.
    ///
    /// # Errors
    /// [`Error::Tree`].
    pub fn feed(&mut self, entries: &Entries) -> Result<(), Error> {
        let lines: Vec<&str> = entries.text.split_terminator('\n').collect();
        if entries.first > self.last + 1 {
            let (from, to) = (self.last + 1, entries.first - 1);
            self.fault(Fault::Gap { from, to });
        }
        let held = entries.last.saturating_sub(entries.first) + 1;
        if held > entries.count && lines.len() as u64 == entries.count {
            // Which of them is told by whoever wants to know: the tree is another one anyway.
            let (from, to) = (entries.first, entries.last);
            self.fault(Fault::Gap { from, to });
        }
        for (leaf, about) in leaves(&lines) {
            let n = self.verdict.entries + 1;
            if let Some(fault) = self.order.next(n, about) {
                self.fault(fault);
            }
            self.tree.grow(leaf);
            self.verdict.entries = n;
            self.compare()?;
        }
        self.last = entries.last;
        Ok(())
    }

    /// Holds the tree against what was signed of its size.
    fn compare(&mut self) -> Result<(), Error> {
        while self
            .marks
            .front()
            .is_some_and(|mark| mark.size <= self.tree.size())
        {
            let Some(mark) = self.marks.pop_front() else {
                break;
            };
            match mark.outside {
                None => self.verdict.checkpoints += 1,
                Some(_) => self.verdict.outside += 1,
            }
            if mark.size == self.tree.size() && self.tree.root()? == mark.checkpoint.root {
                if !self.bad {
                    self.good = mark.size;
                }
            } else if !self.bad || mark.outside.is_some() {
                self.bad |= mark.outside.is_none();
                let (from, to) = (self.good.min(mark.size.saturating_sub(1)) + 1, mark.size);
                let outside = mark.outside;
                self.fault(Fault::Changed { from, to, outside });
            }
        }
        Ok(())
    }

    fn fault(&mut self, fault: Fault) {
        match self.verdict.faults.len() {
            0..TOLD => self.verdict.faults.push(fault),
            _ => self.verdict.more += 1,
        }
    }

    /// There are no more.
    ///
    /// # Errors
    /// [`Error::Tree`].
    pub fn finish(mut self) -> Result<Verdict, Error> {
        let has = self.verdict.entries;
        // The largest of each says it best.
        let own = self.marks.iter().rev().find(|mark| mark.outside.is_none());
        let outside = self.marks.iter().rev().find(|mark| mark.outside.is_some());
        let cut: Vec<Fault> = own
            .into_iter()
            .chain(outside)
            .map(|mark| Fault::Cut {
                has,
                signed: mark.size,
                outside: mark.outside.clone(),
            })
            .collect();
        for fault in cut {
            self.fault(fault);
        }
        if has == 0 {
            self.fault(Fault::Beginning { n: 1 });
        }
        self.verdict.signed = self.good;
        self.verdict.root = self.tree.root()?.to_string();
        Ok(self.verdict)
    }
}

/// The whole ledger of a home; `progress` hears how many entries were looked at.
///
/// # Errors
/// [`Error::Store`], [`Error::Source`], [`Error::Tree`].
pub async fn verify(
    source: &impl Source,
    keys: &Keys,
    outside: &[Outside],
    mut progress: impl FnMut(u64),
) -> Result<Verdict, Error> {
    let mut own = Vec::new();
    loop {
        let after = own.last().map_or(0, |one: &Kept| one.size);
        let some = source.checkpoints(after, CHECKPOINTS).await?;
        let whole = some.len() < CHECKPOINTS as usize;
        own.extend(some);
        if whole {
            break;
        }
    }
    let mut verifier = Verifier::new(keys, &own, outside);
    let mut now = source.after(0, CHUNK).await?;
    while now.count > 0 {
        // The next are read while these are looked at.
        let (next, fed) = tokio::join!(biased; source.after(now.last, CHUNK), async {
            verifier.feed(&now)
        });
        fed?;
        progress(verifier.verdict.entries);
        now = next?;
    }
    verifier.finish()
}
