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
/// … within this time there is a pause as long. What changes in it is told at its end, and the next
/// pause begins: the last save of a person is not lost, and what changes its own files restarts once
/// in this time. A pause without a change was the last.
const WITHIN: Duration = Duration::from_secs(60);

/// The changes of one service's files.
#[derive(Debug)]
pub(super) struct Quiet {
    debounce: Duration,
    pending: Option<Pending>,
    told: VecDeque<Instant>,
    /// When the pause is over, if there is one.
    paused: Option<Instant>,
}

#[derive(Debug)]
struct Pending {
    first: Instant,
    last: Instant,
    files: BTreeSet<PathBuf>,
}

/// Changes that have come to rest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rested {
    /// Some of the files.
    pub(super) files: Vec<String>,
    /// How many there are.
    pub(super) count: usize,
    /// When the last of them changed.
    pub(super) last: Instant,
}

/// What a change came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is the first of several, or the only one.
    First,
    /// Others came before it.
    Further,
    /// It is told when the pause is over: too many came before. The first time this is said.
    Paused { say: bool },
}

impl Quiet {
    pub(super) fn new(debounce: Duration) -> Self {
        Self {
            debounce,
            pending: None,
            told: VecDeque::new(),
            paused: None,
        }
    }

    /// The changes must rest for this long from now on.
    pub(super) fn set_debounce(&mut self, debounce: Duration) {
        self.debounce = debounce;
    }

    /// A file has changed.
    pub(super) fn note(&mut self, file: &Path, now: Instant) -> Noted {
        if self.pending.is_none() && self.paused.is_some_and(|over| over <= now) {
            self.paused = None;
            self.told.clear();
        }
        while self.told.front().is_some_and(|at| now - *at >= WITHIN) {
            self.told.pop_front();
        }
        let begins = self.paused.is_none() && self.told.len() >= RESTARTS;
        if begins {
            self.paused = Some(now + WITHIN);
        }
        let noted = match (self.paused, &self.pending) {
            (Some(_), _) => Noted::Paused { say: begins },
            (None, Some(_)) => Noted::Further,
            (None, None) => Noted::First,
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
        let rested = (pending.last + self.debounce).min(pending.first + LONGEST);
        Some(self.paused.map_or(rested, |over| over.max(rested)))
    }

    /// What is to be told now.
    pub(super) fn take(&mut self, now: Instant) -> Option<Rested> {
        if self.due()? > now {
            return None;
        }
        let pending = self.pending.take()?;
        match &mut self.paused {
            Some(over) => *over = now + WITHIN,
            None => self.told.push_back(now),
        }
        let names = pending.files.iter().take(NAMED);
        Some(Rested {
            files: names.map(|file| file.display().to_string()).collect(),
            count: pending.files.len(),
            last: pending.last,
        })
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
        let rested = |files: &[&str], last| Rested {
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            count: files.len(),
            last,
        };
        assert_eq!(told, Some(rested(&["a", "b"], now + 300 * MS)));
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
        assert_eq!(told.map(|told| told.files), Some(vec!["log".to_owned()]));
        assert_eq!(now - begun, LONGEST);
    }

    /// As many restarts as there may be, one a second.
    fn busy(quiet: &mut Quiet, begun: Instant) -> Instant {
        for n in 0..30 {
            let now = begun + n * 1_000 * MS;
            assert_eq!(quiet.note(Path::new("own"), now), Noted::First);
            assert!(quiet.take(now + 10 * MS).is_some());
        }
        begun + 30_000 * MS
    }

    const SAID: Noted = Noted::Paused { say: true };
    const PAUSED: Noted = Noted::Paused { say: false };

    #[test]
    fn what_changes_in_a_pause_is_told_at_its_end() {
        let mut quiet = Quiet::new(10 * MS);
        let later = busy(&mut quiet, Instant::now());
        assert_eq!(quiet.note(Path::new("own"), later), SAID);
        let last = later + 5_000 * MS;
        assert_eq!(quiet.note(Path::new("saved"), last), PAUSED);
        assert_eq!(quiet.due(), Some(later + WITHIN));
        assert_eq!(quiet.take(later + WITHIN - MS), None);
        let told = quiet.take(later + WITHIN);
        assert_eq!(
            told,
            Some(Rested {
                files: vec!["own".into(), "saved".into()],
                count: 2,
                last
            })
        );
        assert_eq!(quiet.due(), None);
    }

    #[test]
    fn one_that_changes_its_own_files_restarts_once_in_a_pause() {
        let mut quiet = Quiet::new(10 * MS);
        let mut now = busy(&mut quiet, Instant::now());
        assert_eq!(quiet.note(Path::new("own"), now), SAID);
        for _ in 0..5 {
            now += WITHIN;
            assert!(quiet.take(now).is_some());
            assert_eq!(quiet.note(Path::new("own"), now + 100 * MS), PAUSED);
            assert_eq!(quiet.due(), Some(now + WITHIN));
        }
        // What was still to be told, and then a minute of rest.
        now += WITHIN;
        assert!(quiet.take(now).is_some());
        let calm = now + WITHIN;
        assert_eq!(quiet.note(Path::new("saved"), calm), Noted::First);
        assert_eq!(quiet.due(), Some(calm + 10 * MS));
    }
}
