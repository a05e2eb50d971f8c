//! Whose a connection to the gateway is.
//!
//! By its control group where each instance has one: the kernel says it with the socket. Where not, the
//! descriptors of all our processes are looked through, never more often than a share of a core allows.

use crate::connections::running;
use crate::shared::Shared;
use gateway::{Callers, Whose};
use model::{ClusterId, InstanceId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// The pause after a search is so many times what it took: a fiftieth of a core.
const SHARE: u32 = 50;
/// And at least so long: connections that come together are one search.
const LEAST: Duration = Duration::from_millis(20);

/// When what could not be looked at is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// Finds out whose connections are, for as long as this engine is there.
pub(crate) fn callers(shared: &Arc<Shared>) -> Callers {
    let searcher = Searcher {
        shared: Arc::downgrade(shared),
        known: Mutex::default(),
    };
    Callers::new(move |peer, search| searcher.whose(peer.socket, peer.group, search))
}

struct Searcher {
    /// The gateway is one of those that it keeps.
    shared: Weak<Shared>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Whose each socket was at the last search.
    sockets: HashMap<u64, (ClusterId, InstanceId)>,
    /// When the next search may be.
    next: Option<Instant>,
}

impl Searcher {
    fn whose(&self, socket: u64, group: Option<u64>, search: bool) -> Whose {
        let Some(shared) = self.shared.upgrade() else {
            return Whose::Later(AGAIN);
        };
        let is = |(cluster, instance)| Whose::Instance(cluster, instance);
        if let Some(group) = group
            && shared.driver.has_groups()
        {
            return match shared.driver.member(group) {
                Ok(member) => member.map_or(Whose::Outside, is),
                // Descriptors have run out, and will be there again.
                Err(_) => Whose::Later(AGAIN),
            };
        }
        if !search {
            return Whose::Later(Duration::ZERO);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.sockets.get(&socket) {
            return is(key.clone());
        }
        let began = Instant::now();
        if let Some(next) = known.next
            && next > began
        {
            return Whose::Later(next - began);
        }
        known.sockets.clear();
        for party in running(&shared) {
            for pid in shared.driver.tree(&party.key.0, &party.key.1) {
                telemetry::connections::sockets_of(pid, |socket| {
                    known.sockets.insert(socket, party.key.clone());
                });
            }
        }
        known.next = Some(Instant::now() + (began.elapsed() * SHARE).max(LEAST));
        let found = known.sockets.get(&socket).cloned();
        found.map_or(Whose::Outside, is)
    }
}
