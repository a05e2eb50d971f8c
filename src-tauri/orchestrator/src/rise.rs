//! Telling that a cluster has come up: all that is wanted of it serves, for the first time since
//! somebody asked for that.
//!
//! A crash loop is well for a moment each time it has been started. So when something went wrong on the
//! way, it is told when that has been over for so long that a new fault would be another incident.

use crate::cluster::{Cluster, Tale};
use crate::effect::Effect;
use crate::io::TimerKey;
use crate::step::Step;
use healing::history::STEADY;
use model::{EventKind, Mono, Overall};

/// A cluster that is coming up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rise {
    /// Since then.
    since: Mono,
    /// All of it served then, as far as that was looked at.
    ready: Option<Mono>,
}

impl Cluster {
    /// When the last incident since then was over; `None` when there was none.
    fn mended(&self, since: Mono) -> Option<Mono> {
        let ended = self.incidents.values().filter_map(|tale: &Tale| tale.ended);
        ended.filter(|ended| *ended >= since).max()
    }
}

impl Step<'_> {
    /// Tells it, if it is so.
    pub(crate) fn tell_ready(&mut self) {
        let rises = self.out.rises;
        if !rises && (self.cluster.rises.is_none() || !self.out.relief) {
            return;
        }
        let ready = self.cluster.overall().0 == Overall::Operational;
        let now = self.now.mono;
        if rises {
            // What runs already is not brought up by asking for it once more.
            self.cluster.rises = (!ready).then_some(Rise {
                since: now,
                ready: None,
            });
            return;
        }
        let Some(rise) = self.cluster.rises.as_mut() else {
            return;
        };
        rise.ready = ready.then(|| rise.ready.unwrap_or(now));
        let Rise { since, ready } = *rise;
        let Some(ready) = ready else { return };
        let mended = self.cluster.mended(since);
        if let Some(at) = mended.map(|mended| mended + STEADY)
            && at > now
        {
            let key = TimerKey::Rise;
            return self.out.acts.push(Effect::SetTimer { key, at });
        }
        self.cluster.rises = None;
        let services = self.cluster.services.values();
        let wanted = services.filter(|one| one.wanted && !one.leaving && one.replicas > 0);
        let took = ready.max(mended.unwrap_or(ready)).since(since).as_millis();
        self.out.facts.push(EventKind::SystemReady {
            services: u32::try_from(wanted.count()).unwrap_or(u32::MAX),
            took_ms: u64::try_from(took).unwrap_or(u64::MAX),
        });
    }
}
