//! Who wanted what runs: noted when an act's starts come, kept in the record, shown with each
//! instance. Healing starts things again on somebody's wish, so its acts change nothing here.

use super::Owner;
use model::{Act, ActId, ActorKind, InstanceId, Origin, ServiceName};
use std::time::Duration;

/// Acts of people whose starts may still come. A start comes long before so many others.
const ACTS: usize = 64;
/// The wish of a start is on disk at the latest after this long. A crash before costs no more than
/// the name of who wanted it. A layer of starts is one writing: the record is long and is synced.
const KEPT_WITHIN: Duration = Duration::from_millis(200);

impl Owner {
    /// An act has come through the door; what it starts is its actor's wish.
    pub(super) fn wanted_by(&mut self, act: &Act) {
        if matches!(
            act.actor.kind,
            ActorKind::Healer | ActorKind::Watch | ActorKind::Monitor
        ) {
            return;
        }
        let origin = Origin {
            actor: act.actor.clone(),
            user: self.shared.account.clone(),
            verb: act.verb,
            act: act.id,
            at: act.at,
        };
        self.origins.insert(act.id, origin);
        if self.origins.len() > ACTS {
            self.origins.pop_first();
        }
    }

    /// An instance is started for an act.
    pub(super) fn note_origin(&mut self, instance: &InstanceId, act: ActId) {
        let Some(origin) = self.origins.get(&act) else {
            return;
        };
        self.record.origins.insert(instance.clone(), origin.clone());
        self.keep_within();
    }

    /// What has changed may be on disk a little later.
    pub(super) fn keep_within(&mut self) {
        let latest = self.shared.clock.now().mono + KEPT_WITHIN;
        self.save_at.get_or_insert(latest);
    }

    /// Somebody else had the port that a service wants.
    pub(super) fn taken(&self, service: &ServiceName) -> bool {
        let first = InstanceId::new(service.clone(), 0);
        self.record.ports_taken.contains_key(&first)
    }

    /// It runs, so the port that it must have is no longer somebody else's.
    pub(super) fn port_is_its_own(&mut self, instance: &InstanceId) {
        let taken = self.record.ports_taken.get(instance);
        let ports = self.record.ports.get(instance);
        if let (Some(taken), Some(ports)) = (taken, ports)
            && ports.contains(&taken.wanted)
        {
            self.record.ports_taken.remove(instance);
            self.keep_within();
        }
    }
}
