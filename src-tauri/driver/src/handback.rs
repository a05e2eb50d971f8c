//! Getting back the listening sockets that a shim keeps, until they have come whole.
//!
//! They come with the greeting on every connection. With too few descriptors the kernel drops those
//! it has no number for, and from a shim that is stopped nothing comes in time; what is read later
//! comes without them. The shim has them still, so it is asked on a connection of its own, with the
//! descriptors in reserve and growing pauses. As long as they lie there only, a change of the shim
//! would refuse connections.

use crate::shortage::{self, PAUSE};
use crate::slow::connect;
use crate::sockets;
use crate::spawn::Shim;
use crate::watch::Unit;
use std::os::fd::OwnedFd;
use std::path::Path;
use tokio::net::UnixStream;
use tokio::time::Instant;

/// The pause doubles as many times: it is 12.8 s at most.
const DOUBLED: u32 = 8;

/// Sockets that have not come yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Missing {
    /// When they are asked for again.
    pub(crate) at: Instant,
    tries: u32,
}

impl Unit {
    /// Keeps the sockets that came; asks again for those that did not, now or later.
    pub(crate) async fn keep_sockets(&mut self, came: Vec<OwnedFd>) {
        if self.all_came(came) {
            self.missing = None;
            return;
        }
        let (cluster, instance) = (&self.cluster, &self.instance);
        tracing::warn!(%cluster, %instance, "not all listening sockets came from its shim; asking again");
        let (at, tries) = (Instant::now(), 0);
        self.missing = Some(Missing { at, tries });
        self.ask_for_sockets().await;
    }

    /// Asks for those that are missing; again after a pause when they do not come.
    pub(crate) async fn ask_for_sockets(&mut self) {
        let Some(missing) = self.missing.take() else {
            return;
        };
        let Some(shim) = self.shim.as_ref().filter(|shim| shim.lives()) else {
            // With it they are gone.
            return;
        };
        // In the queue of one that is stopped there is room for a few.
        let came = match shim.is_at_work() {
            true => shim.sockets(&self.folder).await,
            false => Vec::new(),
        };
        if !self.all_came(came) {
            self.missing = Some(Missing {
                at: Instant::now() + PAUSE * (1 << missing.tries.min(DOUBLED)),
                tries: missing.tries.saturating_add(1),
            });
        }
    }

    /// Keeps what came; true when that is all its shim has.
    fn all_came(&self, came: Vec<OwnedFd>) -> bool {
        let Some(shim) = &self.shim else {
            return true;
        };
        let listen = &shim.intent.listen;
        let all = came.len() == listen.len();
        self.shared.sockets.adopt(&self.key(), listen, came);
        all
    }
}

impl Shim {
    /// What comes on another connection to it.
    async fn sockets(&self, folder: &Path) -> Vec<OwnedFd> {
        let _lent = shortage::lend();
        match connect(folder).await {
            Ok(Some(stream)) if is(&stream, self.anchor.pid) => sockets::receive(&stream).await.1,
            _ => Vec::new(),
        }
    }
}

/// Whoever listens there is that very process.
pub(crate) fn is(stream: &UnixStream, pid: u32) -> bool {
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
    peer.is_some() && peer == i32::try_from(pid).ok()
}
