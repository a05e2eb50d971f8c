//! Who has renewed, by the port of the address that was registered: what a health probe by lease
//! listens to.
//!
//! A service that runs here may renew the engine's entry or one of its own, under whatever name; its
//! port is what tells that it is this one.

use crate::target;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;
use tokio::time::Instant;

/// When it last renewed; `None` before it has.
pub type Beat = Option<Instant>;

/// Ports somebody listens for. At most as many as there are ports.
#[derive(Default)]
pub(crate) struct Beats(Mutex<BTreeMap<u16, watch::Sender<Beat>>>);

impl Beats {
    /// Hears of every renewal for this port.
    pub(crate) fn hear(&self, port: u16) -> watch::Receiver<Beat> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(port).or_default().subscribe()
    }

    /// What was heard before is about another process.
    pub(crate) fn forget(&self, port: u16) {
        self.tell(port, None);
    }

    /// Something at this address has renewed.
    pub(crate) fn beat(&self, url: &str) {
        if let Ok(address) = target::check(url, &[])
            && address.ip().is_loopback()
        {
            self.tell(address.port(), Some(Instant::now()));
        }
    }

    fn tell(&self, port: u16, beat: Beat) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = all.get(&port) {
            sender.send_replace(beat);
        }
    }
}
