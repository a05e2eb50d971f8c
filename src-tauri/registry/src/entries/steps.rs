//! What followers are told of a change that was made in several steps.

use super::Key;
use crate::{Listed, RegistryChange};
use std::collections::HashSet;
use std::sync::Arc;

/// The steps, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

enum Step {
    Put(Arc<Listed>),
    Removed(Arc<Key>),
}

impl Step {
    fn key(&self) -> (&str, &str) {
        match self {
            Step::Put(listed) => (&listed.view.name, &listed.view.id),
            Step::Removed(key) => (&key.name, &key.id),
        }
    }
}

impl Steps {
    pub(super) fn put(&mut self, listed: Arc<Listed>) {
        self.0.push(Step::Put(listed));
    }

    pub(super) fn remove(&mut self, key: Arc<Key>) {
        self.0.push(Step::Removed(key));
    }

    pub(super) fn add(&mut self, later: Steps) {
        self.0.extend(later.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many steps took something from the list.
    pub(super) fn removed(&self) -> usize {
        let removed = |step: &&Step| matches!(step, Step::Removed(_));
        self.0.iter().filter(removed).count()
    }

    /// What has become of each entry: a change does not say in which order to take what is in it, so none is
    /// in it twice.
    pub(crate) fn whole(self) -> RegistryChange {
        let last = match self.0.len() {
            0 | 1 => vec![true; self.0.len()],
            _ => {
                let mut later = HashSet::with_capacity(self.0.len());
                let steps = self.0.iter().rev();
                let mut last: Vec<bool> = steps.map(|step| later.insert(step.key())).collect();
                last.reverse();
                last
            }
        };
        let mut change = RegistryChange::default();
        for (step, last) in self.0.into_iter().zip(last) {
            match step {
                _ if !last => {}
                Step::Put(listed) => change.upserts.push(listed),
                Step::Removed(key) => change.removed.push(Key::clone(&key).pair()),
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Changed, Entries};
    use super::*;
    use crate::{Check, Keep, Registration};
    use model::Timestamp;
    use model::view::Health;
    use std::time::Duration;
    use tokio::time::Instant;

    fn keys(change: &RegistryChange) -> (Vec<&str>, Vec<&str>) {
        let upserts = change.upserts.iter().map(|listed| &*listed.view.name);
        let removed = change.removed.iter().map(|(name, _)| name.as_str());
        (upserts.collect(), removed.collect())
    }

    fn wish(name: &str, id: &str, keep: Keep, checks: Vec<Check>) -> Registration {
        Registration {
            id: id.to_owned(),
            keep,
            checks,
            ..Registration::new(name, "http://127.0.0.1:4000")
        }
    }

    #[test]
    fn what_is_removed_and_put_again_in_one_change_is_there() {
        let (now, wall) = (Instant::now(), Timestamp(1));
        let mut entries = Entries::new(1);
        let mut put = |wish: Registration, changed: &mut Changed| {
            entries.put_registered(wish, wall, wall, now, changed);
        };
        put(
            wish("a", "s", Keep::Checks, vec![]),
            &mut Changed::default(),
        );
        let mut changed = Changed::default();
        // It takes the id of what is there, which comes again as something that may have it.
        put(wish("b", "s", Keep::Checks, vec![]), &mut changed);
        put(wish("a", "s", Keep::Probe, vec![]), &mut changed);
        let change = changed.told.whole();
        assert_eq!(keys(&change), (vec!["b", "a"], vec![]));
    }

    #[test]
    fn what_changes_and_ends_in_one_change_is_gone() {
        let (now, wall) = (Instant::now(), Timestamp(1));
        let mut entries = Entries::new(1);
        let gone = Check {
            deregister_after: Some(Duration::from_secs(1)),
            ..Check::said("bad", Health::Critical, "")
        };
        let silent = Check {
            look: crate::Look::Ttl {
                ttl: Duration::from_secs(1),
            },
            ..Check::said("silent", Health::Passing, "")
        };
        let wish = wish("a", "s", Keep::Checks, vec![gone, silent]);
        entries.put_registered(wish, wall, wall, now, &mut Changed::default());
        let (_, changed) = entries.fall_due(wall, now + Duration::from_secs(1));
        assert_eq!(
            changed.told.0.len(),
            2,
            "it was said to be silent, and went"
        );
        let change = changed.told.whole();
        assert_eq!(keys(&change), (vec![], vec!["a"]));
    }
}
