//! What is under which key, and at which index it changed last; also of keys that are gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use store::Pair;

/// Keys that are gone whose index is remembered one by one; those before share one.
const GRAVES: usize = 1_024;

/// Which keys are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Select {
    Key(String),
    /// All that begin so.
    Prefix(String),
}

impl Select {
    pub(crate) fn has(&self, key: &str) -> bool {
        match self {
            Select::Key(wanted) => key == wanted,
            Select::Prefix(prefix) => key.starts_with(prefix.as_str()),
        }
    }
}

/// What was found, and the index at which any of it changed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) pairs: Vec<Arc<Pair>>,
    pub(crate) index: u64,
}

/// What one write changes: the pair as it is then, or `None` where it is gone.
pub(crate) type Change = (String, Option<Arc<Pair>>);

#[derive(Default)]
pub(crate) struct Pairs {
    all: BTreeMap<String, Arc<Pair>>,
    bytes: usize,
    graves: VecDeque<(u64, String)>,
    /// What is gone and not among the graves went no later than this.
    floor: u64,
}

impl Pairs {
    /// What was read from the disk. `floor` is later than every change that is not among it.
    pub(crate) fn new(pairs: Vec<Pair>, floor: u64) -> Self {
        let mut new = Self {
            floor,
            ..Self::default()
        };
        for pair in pairs {
            new.bytes += super::size(&pair);
            new.all.insert(pair.key.clone(), Arc::new(pair));
        }
        new
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Pair>> {
        self.all.get(key)
    }

    pub(crate) fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Arc<Pair>> {
        self.all
            .range::<str, _>((
                std::ops::Bound::Included(prefix),
                std::ops::Bound::Unbounded,
            ))
            .map(|(_, pair)| pair)
            .take_while(move |pair| pair.key.starts_with(prefix))
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn find(&self, select: &Select) -> Found {
        let pairs: Vec<Arc<Pair>> = match select {
            Select::Key(key) => self.get(key).into_iter().cloned().collect(),
            Select::Prefix(prefix) => self.beginning(prefix).cloned().collect(),
        };
        let changed = pairs.iter().map(|pair| pair.modified).max().unwrap_or(0);
        let gone = self.graves.iter().filter(|(_, key)| select.has(key));
        let gone = gone.map(|(index, _)| *index).max().unwrap_or(0);
        let index = match select {
            // A key that is there says itself when it changed.
            Select::Key(_) if !pairs.is_empty() => changed,
            _ => changed.max(gone).max(self.floor),
        };
        Found { pairs, index }
    }

    /// Makes it so. `index` is when a key that is gone went.
    pub(crate) fn apply(&mut self, changes: &[Change], index: u64) {
        for (key, pair) in changes {
            let before = match pair {
                Some(pair) => {
                    self.bytes += super::size(pair);
                    self.all.insert(key.clone(), pair.clone())
                }
                None => {
                    self.graves.push_back((index, key.clone()));
                    self.all.remove(key)
                }
            };
            self.bytes -= before.map_or(0, |pair| super::size(&pair));
        }
        while self.graves.len() > GRAVES {
            if let Some((index, _)) = self.graves.pop_front() {
                self.floor = self.floor.max(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, modified: u64) -> Pair {
        Pair {
            key: key.to_owned(),
            value: b"v".to_vec(),
            flags: 0,
            created: modified,
            modified,
        }
    }

    fn index(pairs: &Pairs, prefix: &str) -> u64 {
        pairs.find(&Select::Prefix(prefix.to_owned())).index
    }

    #[test]
    fn what_is_gone_is_a_change_of_all_that_it_was_under() {
        let mut pairs = Pairs::new(vec![pair("a/b", 3), pair("a/c", 5), pair("d", 7)], 2);
        assert_eq!((index(&pairs, "a/"), index(&pairs, "")), (5, 7));
        pairs.apply(&[("a/b".into(), None)], 9);
        assert_eq!((index(&pairs, "a/"), index(&pairs, "d")), (9, 7));
        assert_eq!(pairs.find(&Select::Key("a/b".into())).index, 9);
        assert_eq!(pairs.find(&Select::Key("a/c".into())).index, 5);
        assert_eq!(pairs.find(&Select::Key("never".into())).index, 2);
        assert_eq!(pairs.bytes(), 6);
    }

    #[test]
    fn an_index_never_goes_back_when_graves_are_forgotten() {
        let mut pairs = Pairs::new(vec![pair("a/first", 1)], 1);
        pairs.apply(&[("a/first".into(), None)], 2);
        let before = index(&pairs, "a/");
        for n in 0..=1_024 {
            pairs.apply(&[(format!("b/{n}"), None)], 3 + n);
        }
        assert_eq!(pairs.graves.len(), GRAVES);
        assert!(index(&pairs, "a/") >= before);
    }
}
