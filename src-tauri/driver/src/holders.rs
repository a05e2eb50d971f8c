//! Who holds which ports, for many who ask: sockets and processes are read once for all who ask at
//! the same time, and what was found before is looked at again instead of searched for. A hundred
//! starts that are refused, and tried again, cost one search and not one each.

use crate::holder::{Holder, holder, recorded};
use crate::ports::listen::{self, Held, Socket};
use crate::{clock, procfs};
use model::{ClusterId, InstanceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Processes whose place is remembered: more than listen on a machine.
const PLACES: usize = 4_096;
/// A process that is older is on record, if it ever will be: a shim writes that within 50 ms.
const SETTLED_MS: u64 = 2_000;

/// Who has a port now, in words for a message: "pid 4711 (nginx) of user www-data, for 3 h". Blocks
/// while it is looked, once for all who ask meanwhile.
pub(crate) fn words(port: u16) -> String {
    static SHARED: LazyLock<Readings> = LazyLock::new(Readings::default);
    SHARED.words(SHARED.ticket(), port)
}

/// One reading after the other.
#[derive(Debug, Default)]
struct Readings {
    begun: AtomicU64,
    last: Mutex<(u64, Holders)>,
}

impl Readings {
    /// The first reading that is new enough for who asks now.
    fn ticket(&self) -> u64 {
        self.begun.load(Ordering::SeqCst) + 1
    }

    fn words(&self, ticket: u64, port: u16) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 < ticket {
            last.0 = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            last.1.again();
        }
        last.1.words(port)
    }
}

/// Listening sockets and their processes, read at most once and only when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    sockets: Option<HashMap<u16, Vec<Socket>>>,
    /// Who was found to hold a socket, by its inode.
    held: HashMap<u64, Held>,
    /// Everybody's descriptors were searched in this reading.
    searched: bool,
    /// How often that was done.
    searches: u32,
    places: Places,
}

impl Holders {
    /// Begins another reading. What was found in the last one is a hint.
    fn again(&mut self) {
        (self.sockets, self.searched) = (None, false);
        self.places.on_record = None;
    }

    /// The sockets on a port with the process of each.
    fn listeners(&mut self, port: u16) -> Vec<(Socket, Option<u32>)> {
        let sockets = self.sockets.get_or_insert_with(listen::sockets);
        let Some(here) = sockets.get(&port) else {
            return Vec::new();
        };
        let known = |held: &HashMap<u64, Held>, socket: &Socket| {
            let held = held.get(&socket.inode)?;
            held.still(socket.inode).then_some(held.pid)
        };
        let missing = here.iter().any(|one| known(&self.held, one).is_none());
        if missing && !self.searched {
            let all = sockets.values().flatten().map(|socket| socket.inode);
            self.held = listen::owners(&all.collect());
            self.searched = true;
            self.searches = self.searches.saturating_add(1);
        }
        here.iter()
            .map(|socket| (*socket, known(&self.held, socket)))
            .collect()
    }

    /// The processes on a port.
    pub(crate) fn pids(&mut self, port: u16) -> BTreeSet<u32> {
        let listeners = self.listeners(port).into_iter();
        listeners.filter_map(|(_, pid)| pid).collect()
    }

    /// Everyone on a port: by process, and what cannot be seen by user.
    pub(crate) fn all(&mut self, port: u16) -> Vec<Holder> {
        let mut holders: BTreeMap<(Option<u32>, u32), Holder> = BTreeMap::new();
        for (socket, pid) in self.listeners(port) {
            let holder = holders
                .entry((pid, socket.uid))
                .or_insert_with(|| holder(pid, socket.uid, port, &mut self.places));
            holder.addresses.push(socket.address);
        }
        holders.into_values().collect()
    }

    /// The same in words.
    pub(crate) fn words(&mut self, port: u16) -> String {
        let all: Vec<String> = self.all(port).iter().map(ToString::to_string).collect();
        match all.is_empty() {
            // It went between the look at the port and the look at who has it, or it holds the
            // port without listening on it.
            true => "a process that does not listen on it (it may be about to, or be going)".into(),
            false => all.join(" and "),
        }
    }
}

/// A home, and an instance in it.
pub(crate) type Place = (PathBuf, ClusterId, InstanceId);

/// Whose processes are, by number and start.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) places: HashMap<(u32, u64), Place>,
    /// It was not looked through to the end.
    pub(crate) cut: bool,
}

/// Whose processes are, by what is on record, once somebody has asked. With thousands of services
/// this takes a second, and many ports may be asked for.
#[derive(Debug, Default)]
pub(crate) struct Places {
    on_record: Option<Recorded>,
    /// What was found of these processes, by number and start: it does not change.
    known: HashMap<(u32, u64), Option<Place>>,
}

impl Places {
    /// Whose this process is.
    pub(crate) fn of(&mut self, process: &procfs::Process) -> Option<Place> {
        let identity = (process.pid, process.start_ticks);
        if let Some(known) = self.known.get(&identity) {
            return known.clone();
        }
        let on_record = self.on_record.get_or_insert_with(recorded);
        let place = on_record.places.get(&identity).cloned();
        let now = Timestamp(clock::wall_ms());
        let since = clock::wall_of(process.start_ticks);
        if !on_record.cut && since.is_some_and(|since| now.millis_since(since) > SETTLED_MS) {
            if self.known.len() >= PLACES {
                self.known.clear();
            }
            self.known.insert(identity, place.clone());
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn all_who_ask_at_the_same_time_share_a_reading() {
        let ((_one, first), (_two, second)) = (listener(), listener());
        let readings = Readings::default();
        let me = format!("pid {} (", std::process::id());
        // As if they waited for each other.
        let tickets = [readings.ticket(), readings.ticket(), readings.ticket()];
        for (ticket, port) in tickets.into_iter().zip([first, second, first]) {
            let words = readings.words(ticket, port);
            assert!(words.starts_with(&me), "{words}");
        }
        assert_eq!(readings.begun.load(Ordering::SeqCst), 1);
        // Who asks after that wants to know what is now.
        let (_three, third) = listener();
        let words = readings.words(readings.ticket(), third);
        assert!(words.starts_with(&me), "{words}");
        assert_eq!(readings.begun.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_holder_that_was_found_is_looked_at_and_not_searched_for() {
        let (one, port) = listener();
        let mut holders = Holders::default();
        let me = BTreeSet::from([std::process::id()]);
        assert_eq!(holders.pids(port), me);
        holders.again();
        assert_eq!(holders.pids(port), me);
        assert_eq!(holders.searches, 1);
        drop(one);
        holders.again();
        assert_eq!(holders.pids(port), BTreeSet::new());
        // The same port is another socket now.
        let _again = TcpListener::bind(("127.0.0.1", port)).unwrap();
        holders.again();
        assert_eq!(holders.pids(port), me);
        assert_eq!(holders.searches, 2);
    }
}
