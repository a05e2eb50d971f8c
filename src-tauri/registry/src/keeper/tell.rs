//! What checks say is written down: when a network goes, all of them say something at once.

use super::{AGAIN, BATCH, GATHER, Run};
use crate::Listed;
use crate::entries::Key;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Registered, Registering};
use tokio::time::Instant;

impl Run {
    /// Writes down what checks say, so much of it that no order waits long for its own writing; the rest
    /// has the next turns. What is lost of it is heard again.
    pub(super) async fn tell(&mut self) {
        if self.telling.is_empty() {
            self.telling = std::mem::take(&mut self.shared.write().unwritten);
        }
        let next = std::iter::from_fn(|| self.telling.pop_first());
        let mut keys: BTreeSet<Key> = next.take(BATCH).collect();
        let said = Registering {
            put: self.rows(&keys),
            ..Registering::default()
        };
        match self.store.registry().write(&said).await {
            Ok(()) => self.tells = self.more(),
            Err(error) => {
                tracing::warn!(%error, "what checks say is not written down");
                self.telling.append(&mut keys);
                self.tells = Some(Instant::now() + AGAIN);
            }
        }
    }

    /// What of these is listed still, and has something to be written; they are made while nobody waits
    /// for the list.
    fn rows(&self, keys: &BTreeSet<Key>) -> Vec<Registered> {
        let listed: Vec<Arc<Listed>> = {
            let entries = self.shared.read();
            let listed = keys.iter().filter_map(|key| entries.get(key));
            listed.map(|entry| Arc::clone(&entry.listed)).collect()
        };
        let rows = listed.iter().filter_map(|listed| {
            let wish = listed.wish.as_ref()?;
            Some(wish.to_row(listed.view.since, &listed.checks))
        });
        rows.collect()
    }

    /// When the next are written. What was said meanwhile may have been told of while others were written.
    fn more(&self) -> Option<Instant> {
        if !self.telling.is_empty() {
            return Some(Instant::now());
        }
        let none = self.shared.read().unwritten.is_empty();
        (!none).then(|| Instant::now() + GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keeper;
    use super::*;
    use crate::{Door, Registry};
    use model::view::Health;
    use model::{Act, Timestamp, Verb};
    use store::Store;
    use tokio::sync::mpsc;
    use tokio::task::JoinSet;

    struct Closed;

    impl Door for Closed {
        fn admit(&self, _: Verb, _: &str) -> Result<Act, String> {
            Err("closed".into())
        }
        fn allow(&self, _: Verb, _: &str) -> Result<(), String> {
            Err("closed".into())
        }
        fn conclude(&self, _: Act, _: bool) {}
    }

    /// One entry with a check that says nothing good.
    fn row(n: usize) -> Registered {
        let name = format!("n{n:04}");
        let check = r#"{"id":"c","first":"critical","look":{"kind":"ttl","ttl":3600000}}"#;
        let keep = r#"{"kind":"checks"}"#;
        Registered {
            body: format!(
                r#"{{"name":"{name}","id":"{name}","url":"","keep":{keep},"checks":[{check}]}}"#
            ),
            id: name.clone(),
            name,
            since: Timestamp(1),
        }
    }

    async fn told(store: &Store) -> usize {
        let rows = store.registry().all().await.unwrap();
        let told = rows.iter().filter(|row| row.body.contains("says"));
        told.count()
    }

    #[tokio::test]
    async fn what_a_crowd_says_at_once_is_written_in_parts() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let all = Registering {
            put: (0..2 * BATCH + 1).map(row).collect(),
            ..Registering::default()
        };
        store.registry().write(&all).await.unwrap();
        let wall = || Timestamp(2);
        let registry = Registry::open(store.clone(), Arc::new(Closed), wall, vec![]);
        let mut registry = registry.await.unwrap();
        // In place of its own task, which is ended.
        registry.keeper = Arc::new(Keeper {
            orders: mpsc::channel(1).0,
            _task: JoinSet::new(),
        });
        let says = |health| {
            for row in &all.put {
                let key = Key::new(&row.name, &row.id);
                registry.set_check(&key, "c", health, "").unwrap();
            }
        };
        let mut run = Run::new(store.clone(), Arc::clone(&registry.shared));
        says(Health::Passing);
        run.tell().await;
        assert_eq!(told(&store).await, BATCH);
        assert!(run.tells.is_some_and(|at| at <= Instant::now()), "at once");
        run.tell().await;
        assert_eq!(told(&store).await, 2 * BATCH);
        // What is said while others are written is not forgotten with the last of them.
        let first = Key::new(&all.put[0].name, &all.put[0].id);
        registry
            .set_check(&first, "c", Health::Critical, "")
            .unwrap();
        run.tell().await;
        assert_eq!(told(&store).await, 2 * BATCH + 1);
        assert!(run.tells.is_some());
        run.tell().await;
        assert_eq!(told(&store).await, 2 * BATCH);
        assert_eq!(run.tells, None);
    }
}
