//! When changes have come to rest. A save is several changes (a new file, the old one put aside, a
//! formatter that goes over it), and a build is hundreds: the restart comes after the last.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Changes that never rest are told after this long all the same.
const LONGEST: Duration = Duration::from_secs(30);
/// Files that are named.
const NAMED: usize = 5;
/// Files that are counted; of more it is said that they are so many.
const COUNTED: usize = 10_000;
/// A service that changes its own files when it starts would be restarted for ever: after so many
/// restarts, more than a person saves …
pub(super) const RESTARTS: usize = 30;
/// … within this time there is a pause as long.
const WITHIN: Duration = Duration::from_secs(60);

/// The changes of one service's files.
#[derive(Debug)]
pub(super) struct Quiet {
    debounce: Duration,
    pending: Option<Pending>,
    told: VecDeque<Instant>,
    /// The pause was said.
    paused: bool,
}

#[derive(Debug)]
struct Pending {
    first: Instant,
    last: Instant,
    files: BTreeSet<PathBuf>,
}

/// What a change came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is the first of several, or the only one.
    First,
    /// Others came before it.
    Further,
    /// Nothing comes of it for a while: too many came before. The first time this is said.
    Paused { say: bool },
}

impl Quiet {
    pub(super) fn new(debounce: Duration) -> Self {
        Self {
            debounce,
            pending: None,
            told: VecDeque::new(),
            paused: false,
        }
    }

    /// The changes must rest for this long from now on.
    pub(super) fn set_debounce(&mut self, debounce: Duration) {
        self.debounce = debounce;
    }

    /// A file has changed.
    pub(super) fn note(&mut self, file: &Path, now: Instant) -> Noted {
        while self.told.front().is_some_and(|at| now - *at >= WITHIN) {
            self.told.pop_front();
        }
        if self.told.len() >= RESTARTS {
            let say = !std::mem::replace(&mut self.paused, true);
            return Noted::Paused { say };
        }
        self.paused = false;
        let noted = match self.pending {
            Some(_) => Noted::Further,
            None => Noted::First,
        };
        let pending = self.pending.get_or_insert_with(|| Pending {
            first: now,
            last: now,
            files: BTreeSet::new(),
        });
        pending.last = now;
        if pending.files.len() < COUNTED {
            pending.files.insert(file.to_owned());
        }
        noted
    }

    /// When it is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        let pending = self.pending.as_ref()?;
        Some((pending.last + self.debounce).min(pending.first + LONGEST))
    }

    /// What is to be told now: some of the files, and how many there are.
    pub(super) fn take(&mut self, now: Instant) -> Option<(Vec<String>, usize)> {
        if self.due()? > now {
            return None;
        }
        let pending = self.pending.take()?;
        self.told.push_back(now);
        let names = pending.files.iter().take(NAMED);
        let files = names.map(|file| file.display().to_string()).collect();
        Some((files, pending.files.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_is_told_once_when_nothing_has_changed_for_a_while() {
        let mut quiet = Quiet::new(200 * MS);
        let now = Instant::now();
        assert_eq!(quiet.note(Path::new("b"), now), Noted::First);
        assert_eq!(quiet.note(Path::new("a"), now + 150 * MS), Noted::Further);
        assert_eq!(quiet.note(Path::new("a"), now + 300 * MS), Noted::Further);
        assert_eq!(quiet.due(), Some(now + 500 * MS));
        assert_eq!(quiet.take(now + 499 * MS), None);
        let told = quiet.take(now + 500 * MS);
        assert_eq!(told, Some((vec!["a".into(), "b".into()], 2)));
        assert_eq!((quiet.due(), quiet.take(now + 900 * MS)), (None, None));
    }

    #[test]
    fn changes_that_never_rest_are_told_all_the_same() {
        let mut quiet = Quiet::new(200 * MS);
        let begun = Instant::now();
        let mut now = begun;
        let told = loop {
            if quiet.due().is_some_and(|due| due <= now) {
                break quiet.take(now);
            }
            quiet.note(Path::new("log"), now);
            now += 100 * MS;
        };
        assert_eq!(told, Some((vec!["log".into()], 1)));
        assert_eq!(now - begun, LONGEST);
    }

    #[test]
    fn one_that_changes_its_own_files_pauses() {
        let mut quiet = Quiet::new(10 * MS);
        let begun = Instant::now();
        for n in 0..30 {
            let now = begun + n * 1_000 * MS;
            assert_eq!(quiet.note(Path::new("own"), now), Noted::First);
            assert!(quiet.take(now + 10 * MS).is_some());
        }
        let later = begun + 30_000 * MS;
        let paused = |say| Noted::Paused { say };
        assert_eq!(quiet.note(Path::new("own"), later), paused(true));
        assert_eq!(quiet.note(Path::new("own"), later), paused(false));
        assert_eq!(quiet.due(), None);
        assert_eq!(
            quiet.note(Path::new("own"), begun + 61_000 * MS),
            Noted::First
        );
    }
}
