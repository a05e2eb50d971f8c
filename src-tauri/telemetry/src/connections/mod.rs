//! Who really talks to whom: the kernel's sockets, joined with the instances that hold them.
//!
//! Nothing is put between services for it, and nothing asked of them. What is told was there at the
//! moment of a look: a connection that was opened and closed between two looks is missed, and so is
//! all that is not TCP or a stream over a path, and what goes on in another network namespace. Who
//! may not be looked into is named, so that nobody takes silence for an answer.

mod diag;
mod listening;
mod owners;
mod sockets;

pub use listening::Listening;
pub use owners::of as sockets_of;
pub(crate) use sockets::backlogs;

use model::Endpoint;
use rustix::time::{ClockId, clock_gettime};
use sockets::{Sockets, State};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A socket that no instance holds is not looked for again so soon; each time it waits twice as long.
const STRANGER: Duration = Duration::from_secs(10);
const STRANGER_MOST: Duration = Duration::from_secs(3_600);

/// A running instance.
#[derive(Debug, Clone)]
pub struct Party<Key> {
    /// Whoever looks tells instances apart by this.
    pub key: Key,
    /// Its own process.
    pub pid: u32,
    /// The ports it was given.
    pub ports: Vec<u16>,
}

/// One instance was connected to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen<Key> {
    /// Who had opened the connection.
    pub from: Key,
    /// Who listens.
    pub to: Key,
    /// Where.
    pub at: Endpoint,
}

/// What one look has shown.
#[derive(Debug)]
pub struct Look<Key> {
    /// Each pair and place once.
    pub seen: Vec<Seen<Key>>,
    /// Instances whose connections cannot be seen.
    pub blind: BTreeSet<Key>,
    /// The CPU time it took.
    pub cost: Duration,
}

/// Looks; remembers whose a socket is for as long as it is there.
#[derive(Debug)]
pub struct Connections<Key> {
    owners: HashMap<u64, Owner<Key>>,
    /// Who was seen to talk to whom: they are looked at first.
    clients: BTreeMap<Key, BTreeSet<Key>>,
    /// Whether the connections of a process can be seen.
    sight: HashMap<u32, bool>,
}

#[derive(Debug, Clone)]
enum Owner<Key> {
    Instance(Key),
    /// Nobody's of ours; looked for again then, after having waited so long.
    Stranger(Instant, Duration),
}

impl<Key: Clone + Ord> Default for Connections<Key> {
    fn default() -> Self {
        Self {
            owners: HashMap::new(),
            clients: BTreeMap::new(),
            sight: HashMap::new(),
        }
    }
}

/// Where somebody listens, and who.
struct Listeners<Key> {
    by_port: HashMap<u16, Vec<(IpAddr, Key)>>,
}

impl<Key> Listeners<Key> {
    /// Who is reached at this address.
    fn at(&self, address: SocketAddr) -> Option<&Key> {
        let at_port = self.by_port.get(&address.port())?;
        let exact = at_port.iter().find(|(ip, _)| *ip == address.ip());
        let any = || at_port.iter().find(|(ip, _)| ip.is_unspecified());
        exact.or_else(any).map(|(_, key)| key)
    }
}

impl<Key: Clone + Ord> Connections<Key> {
    /// Looks once. `tree` tells all processes of an instance. Blocks for as long as the kernel takes.
    pub fn look(&mut self, running: &[Party<Key>], tree: impl Fn(&Key) -> Vec<u32>) -> Look<Key> {
        let begun = spent();
        self.forget_processes(running);
        let mut blind = BTreeSet::new();
        for party in running {
            let sees = *self
                .sight
                .entry(party.pid)
                .or_insert_with(|| sees(party.pid));
            if !sees {
                blind.insert(party.key.clone());
            }
        }
        let mut seen = BTreeSet::new();
        // Nobody can talk to anybody.
        if running.len() > 1 {
            let sockets = Sockets::read();
            self.forget_sockets(&sockets, running);
            self.tcp(&sockets, running, &tree, &mut seen);
            self.unix(&sockets, running, &tree, &mut seen);
        }
        for one in &seen {
            let clients = self.clients.entry(one.to.clone()).or_default();
            clients.insert(one.from.clone());
        }
        Look {
            seen: seen.into_iter().collect(),
            blind,
            cost: spent().saturating_sub(begun),
        }
    }

    fn forget_processes(&mut self, running: &[Party<Key>]) {
        let pids: HashSet<u32> = running.iter().map(|party| party.pid).collect();
        self.sight.retain(|pid, _| pids.contains(pid));
        let keys: BTreeSet<&Key> = running.iter().map(|party| &party.key).collect();
        self.clients.retain(|key, _| keys.contains(key));
        for clients in self.clients.values_mut() {
            clients.retain(|key| keys.contains(key));
        }
    }

    fn forget_sockets(&mut self, sockets: &Sockets, running: &[Party<Key>]) {
        let tcp = sockets.tcp.iter().map(|one| one.inode);
        let there: HashSet<u64> = tcp
            .chain(sockets.unix.iter().map(|one| one.inode))
            .collect();
        let keys: BTreeSet<&Key> = running.iter().map(|party| &party.key).collect();
        self.owners.retain(|inode, owner| {
            there.contains(inode)
                && match owner {
                    Owner::Instance(key) => keys.contains(key),
                    Owner::Stranger(..) => true,
                }
        });
    }

    fn owner(&self, inode: u64) -> Option<&Key> {
        match self.owners.get(&inode) {
            Some(Owner::Instance(key)) => Some(key),
            _ => None,
        }
    }

    /// It is not known whose this socket is, and worth a search.
    fn unknown(&self, inode: u64, now: Instant) -> bool {
        inode != 0
            && match self.owners.get(&inode) {
                None => true,
                Some(Owner::Instance(_)) => false,
                Some(Owner::Stranger(again, _)) => *again <= now,
            }
    }

    /// Finds out whose these are; who is likely to have one comes first.
    fn search(
        &mut self,
        wanted: BTreeSet<u64>,
        likely: &BTreeSet<Key>,
        running: &[Party<Key>],
        tree: &impl Fn(&Key) -> Vec<u32>,
    ) {
        let others = running.iter().map(|party| &party.key);
        let others = others.filter(|key| !likely.contains(key));
        let order = likely.iter().chain(others).cloned();
        let found = owners::find(wanted.clone(), order, tree);
        let now = stopwatch();
        for inode in wanted {
            let owner = match (found.get(&inode), self.owners.get(&inode)) {
                (Some(key), _) => Owner::Instance(key.clone()),
                (None, Some(Owner::Stranger(_, waited))) => {
                    let wait = (*waited * 2).min(STRANGER_MOST);
                    Owner::Stranger(now + wait, wait)
                }
                (None, _) => Owner::Stranger(now + STRANGER, STRANGER),
            };
            self.owners.insert(inode, owner);
        }
    }

    /// Whose listeners and clients these are is known from here on; who asks for probes is the
    /// engine itself, and known without a search.
    fn search_clients(
        &mut self,
        mut wanted: BTreeSet<u64>,
        of: &BTreeSet<Key>,
        running: &[Party<Key>],
        tree: &impl Fn(&Key) -> Vec<u32>,
    ) {
        if wanted.is_empty() {
            return;
        }
        let now = stopwatch();
        owners::of(std::process::id(), |inode| {
            if wanted.remove(&inode) {
                let never = now + STRANGER_MOST;
                self.owners
                    .insert(inode, Owner::Stranger(never, STRANGER_MOST));
            }
        });
        let known = of.iter().filter_map(|key| self.clients.get(key));
        let likely: BTreeSet<Key> = known.flatten().cloned().collect();
        if !wanted.is_empty() {
            self.search(wanted, &likely, running, tree);
        }
    }

    fn tcp(
        &mut self,
        sockets: &Sockets,
        running: &[Party<Key>],
        tree: &impl Fn(&Key) -> Vec<u32>,
        seen: &mut BTreeSet<Seen<Key>>,
    ) {
        let now = stopwatch();
        let listening = || sockets.tcp.iter().filter(|one| one.state == State::Listens);
        let wanted: BTreeSet<u64> = listening()
            .map(|one| one.inode)
            .filter(|inode| self.unknown(*inode, now))
            .collect();
        if !wanted.is_empty() {
            let new = listening().filter(|one| wanted.contains(&one.inode));
            let ports: HashSet<u16> = new.map(|one| one.local.port()).collect();
            let given = |party: &&Party<Key>| party.ports.iter().any(|port| ports.contains(port));
            let likely = running.iter().filter(given).map(|party| party.key.clone());
            self.search(wanted, &likely.collect(), running, tree);
        }
        let listeners = self.listeners(sockets, running);
        if listeners.by_port.is_empty() {
            return;
        }
        // The other end of a connection within this machine is in the list, too.
        let mut pairs: Option<HashSet<(SocketAddr, SocketAddr)>> = None;
        let mut ends: Vec<(u64, &Key, u16)> = Vec::new();
        for one in sockets.tcp.iter().filter(|one| one.state == State::Talks) {
            let Some(to) = listeners.at(one.remote) else {
                continue;
            };
            let served = one.remote.ip().is_loopback() || {
                let pairs = pairs.get_or_insert_with(|| {
                    let ends = sockets.tcp.iter().filter(|one| one.state == State::Talks);
                    ends.map(|one| (one.local, one.remote)).collect()
                });
                pairs.contains(&(one.remote, one.local))
            };
            // Which of two ends that both listen had opened it cannot be told.
            if served && one.inode != 0 && listeners.at(one.local).is_none() {
                ends.push((one.inode, to, one.remote.port()));
            }
        }
        let new = ends.iter().filter(|(inode, ..)| self.unknown(*inode, now));
        let wanted: BTreeSet<u64> = new.clone().map(|(inode, ..)| *inode).collect();
        let of: BTreeSet<Key> = new.map(|(_, to, _)| (*to).clone()).collect();
        self.search_clients(wanted, &of, running, tree);
        for (inode, to, port) in ends {
            if let Some(from) = self.owner(inode).filter(|from| *from != to) {
                seen.insert(Seen {
                    from: from.clone(),
                    to: to.clone(),
                    at: Endpoint::Tcp { port },
                });
            }
        }
    }

    /// Where whom of ours listens. A port that was given to an instance and that nobody listens on
    /// is still its own: who is connected to it has not noticed that it is gone.
    fn listeners(&self, sockets: &Sockets, running: &[Party<Key>]) -> Listeners<Key> {
        let mut by_port: HashMap<u16, Vec<(IpAddr, Key)>> = HashMap::new();
        let mut taken = HashSet::new();
        for one in sockets.tcp.iter().filter(|one| one.state == State::Listens) {
            taken.insert(one.local.port());
            if let Some(key) = self.owner(one.inode) {
                let at = by_port.entry(one.local.port()).or_default();
                at.push((one.local.ip(), key.clone()));
            }
        }
        for party in running {
            for port in party.ports.iter().filter(|port| !taken.contains(port)) {
                for ip in [
                    IpAddr::from([127, 0, 0, 1]),
                    std::net::Ipv6Addr::LOCALHOST.into(),
                ] {
                    by_port
                        .entry(*port)
                        .or_default()
                        .push((ip, party.key.clone()));
                }
            }
        }
        Listeners { by_port }
    }

    fn unix(
        &mut self,
        sockets: &Sockets,
        running: &[Party<Key>],
        tree: &impl Fn(&Key) -> Vec<u32>,
        seen: &mut BTreeSet<Seen<Key>>,
    ) {
        let now = stopwatch();
        let listening = || {
            sockets
                .unix
                .iter()
                .filter(|one| one.state == State::Listens)
        };
        let wanted: BTreeSet<u64> = listening()
            .map(|one| one.inode)
            .filter(|inode| self.unknown(*inode, now))
            .collect();
        if !wanted.is_empty() {
            self.search(wanted, &BTreeSet::new(), running, tree);
        }
        let named: HashMap<&[u8], Key> = listening()
            .filter_map(|one| Some((one.name.as_deref()?, self.owner(one.inode)?.clone())))
            .collect();
        if named.is_empty() {
            return;
        }
        let mut ends: Vec<(u64, &Key, &[u8])> = Vec::new();
        for one in sockets.unix.iter().filter(|one| one.state == State::Talks) {
            // The end of whoever listens has the listener's name.
            let (Some(name), Some(peer)) = (one.name.as_deref(), one.peer) else {
                continue;
            };
            if let Some(to) = named.get(name) {
                ends.push((peer, to, name));
            }
        }
        let new = ends.iter().filter(|(inode, ..)| self.unknown(*inode, now));
        let wanted: BTreeSet<u64> = new.clone().map(|(inode, ..)| *inode).collect();
        let of: BTreeSet<Key> = new.map(|(_, to, _)| (*to).clone()).collect();
        self.search_clients(wanted, &of, running, tree);
        for (inode, to, name) in ends {
            if let Some(from) = self.owner(inode).filter(|from| *from != to) {
                seen.insert(Seen {
                    from: from.clone(),
                    to: to.clone(),
                    at: Endpoint::unix(name),
                });
            }
        }
    }
}

/// The connections of a process can be seen: it is in our network namespace, and may be looked into.
fn sees(pid: u32) -> bool {
    let namespace = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).ok();
    let ours = namespace("self");
    let same = ours.is_some() && namespace(&pid.to_string()) == ours;
    same && std::fs::read_dir(format!("/proc/{pid}/fd")).is_ok()
}

/// CPU time of this thread.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

fn stopwatch() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
