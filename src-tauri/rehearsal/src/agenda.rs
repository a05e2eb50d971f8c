//! What comes in a simulated world, and when: in the order of its time, and at one time in the order
//! in which it was put off.

use crate::world::{Coming, Millis};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// See the module.
#[derive(Default)]
pub(crate) struct Agenda {
    queue: BinaryHeap<Reverse<Due>>,
    /// What is in the queue, …
    comings: Vec<Option<Coming>>,
    /// … and the places that are free again.
    vacant: Vec<usize>,
    order: u64,
}

struct Due {
    at: Millis,
    order: u64,
    /// Where it is among the comings: what is sorted all the time is small.
    place: usize,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl Agenda {
    /// Puts something off until then; gives its number.
    pub(crate) fn add(&mut self, at: Millis, what: Coming) -> u64 {
        self.order += 1;
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.comings.push(None);
            self.comings.len() - 1
        });
        self.comings[place] = Some(what);
        self.queue.push(Reverse(Due {
            at,
            order: self.order,
            place,
        }));
        self.order
    }

    /// What comes next, when, and its number, if that is not after `end`.
    pub(crate) fn next(&mut self, end: Millis) -> Option<(Millis, u64, Coming)> {
        let next = self.queue.peek_mut()?;
        if next.0.at > end {
            return None;
        }
        let Reverse(due) = PeekMut::pop(next);
        self.vacant.push(due.place);
        let what = self.comings[due.place].take()?;
        Some((due.at, due.order, what))
    }
}
