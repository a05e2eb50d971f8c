//! Where instances listen, by TCP: the kernel's listening sockets, joined with the processes that hold them.
//!
//! UDP, sockets over a path and other network namespaces are not told of. Who may not be looked into is told as such.

use super::{Party, owners, sees, sockets};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

/// A socket that was nobody's is looked for again after so many looks: it can be handed over.
const AGAIN: u32 = 10;

/// Looks; remembers whose a socket is for as long as it is there.
#[derive(Debug)]
pub struct Listening<Key> {
    owners: HashMap<u64, Owner<Key>>,
}

#[derive(Debug)]
enum Owner<Key> {
    /// The instance, and its process then: another start holds other sockets.
    Instance(Key, u32),
    /// Nobody of ours, by so many looks.
    Stranger(u32),
}

impl<Key> Default for Listening<Key> {
    fn default() -> Self {
        Self {
            owners: HashMap::new(),
        }
    }
}

impl<Key: Clone + Ord> Listening<Key> {
    /// Looks once. `tree` tells all processes of an instance. `None` of those whose sockets cannot be seen. Blocks for as
    /// long as the kernel takes.
    pub fn look(
        &mut self,
        running: &[Party<Key>],
        tree: impl Fn(&Key) -> Vec<u32>,
    ) -> BTreeMap<Key, Option<BTreeSet<SocketAddr>>> {
        let listening = sockets::listening();
        let there: BTreeSet<u64> = listening.iter().map(|one| one.inode).collect();
        let pids: BTreeMap<&Key, u32> = running.iter().map(|one| (&one.key, one.pid)).collect();
        self.owners.retain(|inode, owner| {
            there.contains(inode)
                && match owner {
                    Owner::Instance(key, pid) => pids.get(key) == Some(pid),
                    Owner::Stranger(looks) => {
                        *looks += 1;
                        *looks < AGAIN
                    }
                }
        });
        let unknown = there
            .iter()
            .filter(|inode| !self.owners.contains_key(inode));
        let unknown: BTreeSet<u64> = unknown.copied().collect();
        if !unknown.is_empty() {
            let order = running.iter().map(|one| one.key.clone());
            let found = owners::find(unknown.clone(), order, &tree);
            for inode in unknown {
                let owner = match found.get(&inode) {
                    Some(key) => {
                        let pid = pids.get(key).copied().unwrap_or_default();
                        Owner::Instance(key.clone(), pid)
                    }
                    None => Owner::Stranger(0),
                };
                self.owners.insert(inode, owner);
            }
        }
        let mut by_key: BTreeMap<Key, Option<BTreeSet<SocketAddr>>> = running
            .iter()
            .map(|one| (one.key.clone(), sees(one.pid).then(BTreeSet::new)))
            .collect();
        for one in &listening {
            if let Some(Owner::Instance(key, _)) = self.owners.get(&one.inode)
                && let Some(Some(all)) = by_key.get_mut(key)
            {
                all.insert(one.local);
            }
        }
        by_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[expect(
        clippy::disallowed_methods,
        reason = "a test stands in for a service that listens"
    )]
    fn listen(at: &str) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn a_listener_is_found_while_it_is_there_and_whichever_address_it_has() {
        let me = std::process::id();
        let party = Party {
            key: "me",
            pid: me,
            ports: Vec::new(),
        };
        let mut listening = Listening::default();
        let mut look = || {
            let mut all = listening.look(std::slice::from_ref(&party), |_| vec![me]);
            all.remove("me").unwrap().unwrap()
        };
        let (first, at) = listen("127.0.0.1:0");
        assert!(look().contains(&at));
        let (second, open) = listen("0.0.0.0:0");
        let seen = look();
        assert!(seen.contains(&at) && seen.contains(&open), "{seen:?}");
        drop(first);
        let seen = look();
        assert!(!seen.contains(&at) && seen.contains(&open), "{seen:?}");
        drop(second);
        assert!(!look().contains(&open));
    }

    #[test]
    fn who_cannot_be_looked_into_is_not_told_to_listen_nowhere() {
        // There is no such process.
        let party = Party {
            key: "gone",
            pid: u32::MAX,
            ports: Vec::new(),
        };
        let seen = Listening::default().look(&[party], |_| Vec::new());
        assert_eq!(seen["gone"], None);
    }
}
