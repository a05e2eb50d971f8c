//! Holds: healing keeps its hands off a service or the whole cluster, until a person lets it go on or
//! for a time. Faults are told as ever. A hold outlives the engine.

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::instance::{Bar, Care, Life, Plan};
use crate::io::TimerKey;
use crate::step::Step;
use model::{ActId, EntryKind, EventKind, Hold, InstanceId, ServiceName, State, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A person holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// When it ends by itself.
    pub(crate) until: Option<Timestamp>,
}

/// All holds of a cluster, for the next engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Holds {
    cluster: Option<Held>,
    services: BTreeMap<ServiceName, Held>,
}

impl Cluster {
    /// A person holds healing for the whole cluster.
    pub fn held(&self) -> bool {
        self.held.is_some()
    }

    /// When the hold of the whole cluster ends by itself.
    pub fn held_until(&self) -> Option<Timestamp> {
        self.held?.until
    }

    /// A person holds healing for this service.
    pub(crate) fn holds(&self, service: &ServiceName) -> bool {
        self.hold_of(service).is_some()
    }

    /// Why healing keeps its hands off a service, and until when: the longer of the two holds.
    pub(crate) fn hold_of(&self, service: &ServiceName) -> Option<Hold> {
        let own = self.services.get(service).and_then(|service| service.held);
        let (why, until) = match (own, self.held) {
            (Some(own), Some(whole)) => {
                let until = own.until.zip(whole.until);
                (
                    "a person holds it and its cluster",
                    until.map(|(a, b)| a.max(b)),
                )
            }
            (Some(own), None) => ("a person holds it", own.until),
            (None, Some(whole)) => ("a person holds its cluster", whole.until),
            (None, None) => return None,
        };
        Some(Hold {
            why: why.to_owned(),
            person: true,
            until,
        })
    }

    /// What the next engine has to know of them.
    pub(crate) fn all_holds(&self) -> Holds {
        let services = self.services.iter();
        Holds {
            cluster: self.held,
            services: services
                .filter_map(|(name, service)| Some((name.clone(), service.held?)))
                .collect(),
        }
    }
}

impl Step<'_> {
    /// Holds these (empty: the whole cluster), or lets healing go on.
    pub(crate) fn hold(&mut self, services: Vec<ServiceName>, held: Option<Held>, act: ActId) {
        let all = services.is_empty();
        let named = self.named(services);
        if all {
            self.hold_all(held);
        }
        for name in &named {
            if !(all && held.is_some()) {
                self.hold_one(name, held);
            }
        }
        for id in self.cluster.ids_of_all(&named) {
            self.hold_incident(&id, act);
            self.hold_changed(&id);
        }
        self.out.unfinished = true;
        self.wait_for(act, None, BTreeSet::new());
    }

    fn hold_all(&mut self, held: Option<Held>) {
        self.cluster.held = held;
        self.time_hold(None, held);
    }

    fn hold_one(&mut self, name: &ServiceName, held: Option<Held>) {
        if let Some(service) = self.cluster.services.get_mut(name) {
            service.held = held;
            self.time_hold(Some(name.clone()), held);
        }
    }

    /// Has it end by itself.
    fn time_hold(&mut self, whose: Option<ServiceName>, held: Option<Held>) {
        let key = TimerKey::Hold(whose);
        self.out.acts.push(match held.and_then(|held| held.until) {
            Some(until) => {
                let left = Duration::from_millis(until.millis_since(self.now.wall));
                let at = self.now.mono + left;
                Effect::SetTimer { key, at }
            }
            None => Effect::CancelTimer(key),
        });
    }

    /// What an earlier engine's people held is held on; what has ended meanwhile ends now.
    pub(crate) fn resume_holds(&mut self) {
        let Holds { cluster, services } = self.cluster.unfinished.take_holds();
        if cluster.is_some() {
            self.hold_all(cluster);
        }
        for (name, held) in services {
            self.hold_one(&name, Some(held));
        }
    }

    /// The machine slept, nobody looked, or the clock was set: what a timer counts is not the time of day
    /// any more.
    pub(crate) fn time_holds_anew(&mut self) {
        let services = self.cluster.services.iter();
        let mut held: Vec<(Option<ServiceName>, Held)> = services
            .filter_map(|(name, service)| Some((Some(name.clone()), service.held?)))
            .collect();
        held.extend(self.cluster.held.map(|held| (None, held)));
        for (whose, held) in held {
            match held.until {
                Some(until) if until <= self.now.wall => {
                    self.time_hold(whose.clone(), None);
                    self.hold_over(whose);
                }
                Some(_) => self.time_hold(whose, Some(held)),
                None => {}
            }
        }
    }

    /// The timer of a hold has come due. Its end is a time of day and a timer counts time that passes:
    /// where the clock was set back meanwhile, it waits on.
    pub(crate) fn hold_over(&mut self, whose: Option<ServiceName>) {
        let held = match &whose {
            Some(name) => match self.cluster.services.get(name) {
                Some(service) => service.held,
                None => return,
            },
            None => self.cluster.held,
        };
        let Some(until) = held.and_then(|held| held.until) else {
            return;
        };
        if until > self.now.wall {
            self.time_hold(whose, held);
            return;
        }
        let (whom, concerned) = match &whose {
            Some(name) => {
                if let Some(service) = self.cluster.services.get_mut(name) {
                    service.held = None;
                }
                (name.to_string(), vec![name.clone()])
            }
            None => {
                self.cluster.held = None;
                ("the cluster".to_owned(), self.named(Vec::new()))
            }
        };
        let concerned = self.cluster.ids_of_all(&concerned);
        let held_on = concerned.iter().all(|id| self.cluster.holds(&id.service));
        let text = match held_on {
            true => format!("the hold of {whom} has ended; another one goes on"),
            false => format!("the hold of {whom} has ended: healing goes on"),
        };
        self.out.facts.push(EventKind::Notice { text });
        for id in concerned {
            let text = match self.cluster.holds(&id.service) {
                true => "a hold has ended; another one goes on",
                false => "the hold has ended: healing may go on",
            };
            self.tell_of(&id, EntryKind::Hold, text, None);
            self.hold_changed(&id);
        }
        self.out.unfinished = true;
    }

    /// Healing is held, or may go on.
    fn hold_changed(&mut self, id: &InstanceId) {
        self.out.changed.insert(id.clone());
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let held = self.cluster.holds(&id.service);
        if held && instance.cycle.as_ref().is_some_and(|one| one.automatic) {
            self.spare(id);
            return;
        }
        match &instance.care {
            Care::Asked(Plan { excused: true, .. }, _)
            | Care::Due(Plan { excused: true, .. }, _)
            | Care::Backoff(Plan { excused: true, .. })
                if held =>
            {
                self.set_care(id, Care::Suffers);
                self.look.insert(id.clone());
            }
            Care::Backoff(_) | Care::Due(..) | Care::Asked(..) if held => self.judge(id, false),
            Care::Barred(Bar::Held) if !held => self.judge(id, false),
            // When it runs next is said of one that is not held.
            Care::Idle if instance.state == State::Scheduled => self.show_scheduled(id),
            _ => {}
        }
    }

    /// A restart of healing's that waits for others to stop before it can begin is off. If it was for
    /// the instance's own fault, that goes on, and nothing is done about it.
    pub(crate) fn spare(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if !matches!(instance.life, Life::Asked | Life::Alive) {
            // It was told to end: without a new one it would be missed.
            return;
        }
        let why = instance.cycle.take().map(|cycle| cycle.why);
        let own = instance.in_hand && why.as_ref() == Some(&instance.fault);
        let alive = instance.life == Life::Alive;
        self.recount(id);
        self.end_settling(id);
        if own {
            self.out_of_hand(id);
            if let Some(instance) = self.cluster.instances.get_mut(id) {
                instance.automatic = false;
            }
            self.judge(id, false);
        } else if alive {
            self.resume(id);
        }
        self.look.insert(id.clone());
    }
}
