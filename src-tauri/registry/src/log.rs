//! The last changes, for readers who follow all of them (`GET /watch`).
//!
//! A reader says which it has seen and gets what came after; nothing is kept for it, so one that is
//! slow holds up nobody and costs nothing. One that is too slow finds that what it has not seen is
//! gone, and is told so.

use crate::{Key, Listed};
use hyper::body::Bytes;
use model::Timestamp;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

/// Changes that are kept. At some 500 bytes each they are not worth counting more closely.
const KEPT: usize = 4_096;

/// A change that readers see.
pub(crate) struct Logged {
    pub(crate) index: u64,
    of: Arc<Key>,
    what: What,
    /// As it is sent, made once however many read it.
    text: OnceLock<Bytes>,
}

/// What has changed.
pub(crate) enum What {
    /// An entry is new or changed.
    Put(Arc<Listed>),
    /// The entry is gone.
    Removed,
    /// An instance gets no traffic although it may run.
    Withheld {
        /// Why.
        why: String,
        /// Since when.
        since: Timestamp,
    },
}

pub(crate) struct Log {
    kept: VecDeque<Arc<Logged>>,
    /// The number of the last change that is not kept any more.
    begin: u64,
}

#[derive(Serialize)]
struct Removed<'a> {
    name: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct Withheld<'a> {
    name: &'a str,
    id: &'a str,
    why: &'a str,
    since: Timestamp,
}

impl Logged {
    /// As a server-sent event.
    pub(crate) fn text(&self) -> &Bytes {
        self.text.get_or_init(|| match &self.what {
            What::Put(listed) => event(self.index, "put", &**listed),
            What::Removed => {
                let Key { name, id } = &*self.of;
                event(self.index, "removed", &Removed { name, id })
            }
            What::Withheld { why, since } => {
                let (Key { name, id }, since) = (&*self.of, *since);
                let data = Withheld {
                    name,
                    id,
                    why,
                    since,
                };
                event(self.index, "withheld", &data)
            }
        })
    }
}

/// A server-sent event. JSON has no line breaks of its own.
pub(crate) fn event<T: Serialize + ?Sized>(index: u64, kind: &str, data: &T) -> Bytes {
    // Texts, numbers and lists of them always have a JSON form.
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("id: {index}\nevent: {kind}\ndata: {data}\n\n"))
}

impl Log {
    pub(crate) fn new(begin: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            begin,
        }
    }

    pub(crate) fn note(&mut self, index: u64, of: Arc<Key>, what: What) {
        if self.kept.len() >= KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            self.begin = oldest.index;
        }
        self.kept.push_back(Arc::new(Logged {
            index,
            of,
            what,
            text: OnceLock::new(),
        }));
    }

    /// At most so many of the changes after this number, of one name or of all, oldest first; `None` when
    /// not all of them are kept.
    pub(crate) fn after(
        &self,
        seen: u64,
        name: Option<&str>,
        most: usize,
    ) -> Option<Vec<Arc<Logged>>> {
        if seen < self.begin {
            return None;
        }
        let from = self.kept.partition_point(|one| one.index <= seen);
        let later = self.kept.range(from..);
        let of = later.filter(|one| name.is_none_or(|name| one.of.name == name));
        Some(of.take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_kept_is_not_passed_over() {
        let mut log = Log::new(10);
        assert!(log.after(9, None, 9).is_none());
        assert_eq!(log.after(10, None, 9).unwrap().len(), 0);
        for n in 0..=KEPT as u64 {
            let name = if n % 2 == 0 { "even" } else { "odd" };
            let key = Key::new(name, &n.to_string());
            log.note(11 + n, key.into(), What::Removed);
        }
        assert!(log.after(10, None, 9).is_none());
        let all = log.after(11, None, KEPT).unwrap();
        assert_eq!((all.len(), all[0].index), (KEPT, 12));
        let even = log.after(11, Some("even"), 2).unwrap();
        assert_eq!((even[0].index, even[1].index), (13, 15));
        let text = std::str::from_utf8(even[0].text()).unwrap();
        assert_eq!(
            text,
            "id: 13\nevent: removed\ndata: {\"name\":\"even\",\"id\":\"2\"}\n\n"
        );
    }
}
