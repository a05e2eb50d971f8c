//! Who asks: the services among the clients.
//!
//! Found out once for a connection and never for a request, which only counts. Where the kernel says of what
//! control group a socket is, that is known before the first request; else it is looked for beside the
//! connection, and what it asks until then is counted as nobody's: who that was is not known.

use crate::seat::Seat;
use model::{ClusterId, InstanceId, ServiceName};
use registry::peer::Peer;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A connection that a search found with nobody is looked for again after this, and each time twice as long:
/// a program may connect before it is known as running.
const AGAIN: Duration = Duration::from_secs(1);

/// A service that asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Caller {
    pub(crate) cluster: ClusterId,
    pub(crate) service: ServiceName,
}

/// Whose a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// This instance's.
    Instance(ClusterId, InstanceId),
    /// No service's: a browser's, or that of a program in a terminal.
    Outside,
    /// It is not known yet: it takes a search, or another look, which may be done after so long.
    Later(Duration),
}

/// Finds out whose a connection is.
#[derive(Clone)]
pub struct Callers(Arc<Find>);

type Find = dyn Fn(Peer, bool) -> Whose + Send + Sync;

impl Callers {
    /// `find` is called on a thread that may wait: before the first request of a connection, when it must
    /// not search and the connection waits for it; and beside it, when it may.
    pub fn new(find: impl Fn(Peer, bool) -> Whose + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// Nobody is known.
    pub fn nobody() -> Self {
        Self::new(|_, _| Whose::Outside)
    }

    /// As far as it is known without a search.
    pub(crate) fn known(&self, peer: Peer) -> Whose {
        (self.0)(peer, false)
    }

    /// Searches beside a connection, until it is known whose that is.
    pub(crate) async fn search(&self, peer: Peer, mut after: Duration, seat: &Seat) {
        let mut again = AGAIN;
        loop {
            tokio::time::sleep(after).await;
            let find = Arc::clone(&self.0);
            let whose = tokio::task::spawn_blocking(move || find(peer, true)).await;
            match whose {
                Ok(Whose::Later(pause)) => after = pause,
                Ok(Whose::Outside) => {
                    seat.is_of(Whose::Outside);
                    after = again;
                    again = again.saturating_mul(2);
                }
                Ok(whose) => return seat.is_of(whose),
                // The gateway ends.
                Err(_) => return,
            }
        }
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callers")
    }
}
