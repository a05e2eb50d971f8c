//! What an incident waits for, in words: the next thing that will happen, or what a person can do.

use crate::instance::{Bar, Care, Goal, Instance, Life};
use crate::step::Step;
use crate::timeline::QUOTE;
use model::text::harmless;
use model::{InstanceId, State};

impl Step<'_> {
    /// Says of the incidents concerned what they wait for now, if that is something else.
    pub(crate) fn tell_waits(&mut self) {
        for id in std::mem::take(&mut self.out.waits) {
            let waits = self
                .cluster
                .instances
                .get(&id)
                .map(|one| self.waits(&id, one));
            let Some((key, tale)) = self.tale(&id) else {
                continue;
            };
            if tale.incident.state.unended() && tale.incident.waits != waits {
                tale.incident.waits = waits;
                self.out.incidents.insert(key);
            }
        }
    }

    fn waits(&self, id: &InstanceId, instance: &Instance) -> String {
        let service = &id.service;
        let or_time = self.cluster.or_its_time(service);
        let needs = || match self.cluster.root_of(service) {
            Some(root) => format!("{root} to be ready again"),
            None => "what it needs to be ready".to_owned(),
        };
        match &instance.care {
            Care::Backoff(plan) => plan.detail.clone(),
            Care::Due(plan, _) => format!("its turn: {}", plan.detail),
            Care::Asked(plan, _) if plan.proposed => {
                format!("a person to approve of {}: `azora approvals`", plan.detail)
            }
            Care::Asked(plan, _) => format!("{} to begin", plan.remedy.as_str()),
            Care::Quarantined(_) => format!("a person: `azora release {service}`{or_time}"),
            Care::Suffers => needs(),
            Care::Doubted(_) => "what it needs to be known to be well".to_owned(),
            Care::Barred(Bar::Held) => {
                let hold = self.cluster.hold_of(service);
                let ends = hold.is_some_and(|hold| hold.until.is_some());
                let or = if ends { ", or the end of the hold" } else { "" };
                format!("a person: `azora unhold {service}`{or}")
            }
            Care::Barred(Bar::Off) => {
                format!("a person, for healing is switched off: `azora restart {service}`{or_time}")
            }
            Care::Barred(Bar::Protected) => {
                format!("a person, for it is protected: `azora restart {service}`{or_time}")
            }
            Care::Barred(Bar::NotByItself) => {
                format!("a person, for healing is off here: `azora restart {service}`{or_time}")
            }
            Care::Barred(Bar::Declined(why)) => {
                let why = harmless(why, QUOTE);
                format!("a person ({why}): `azora restart {service}`{or_time}")
            }
            Care::Barred(Bar::Refused(why)) => {
                let why = harmless(why, QUOTE);
                format!(
                    "a person, for healing was refused ({why}): `azora restart {service}`{or_time}"
                )
            }
            Care::Idle if self.cluster.goal(id) != Goal::Run => "its process to end".to_owned(),
            Care::Idle => match (instance.life, &instance.delay) {
                (Life::Gone, Some(delay)) => {
                    format!("room on the machine: {}", harmless(&delay.shortage, QUOTE))
                }
                (Life::Gone, None) if !self.cluster.needs_met(service) => needs(),
                (Life::Gone, None) if instance.settling.is_some() => {
                    "what it needs to have been well for a while".to_owned()
                }
                (Life::Gone, None) => "its start".to_owned(),
                (Life::Asked, _) => "its process to be made".to_owned(),
                (Life::Alive, _) if instance.cycle.is_some() => {
                    "its process to be replaced".to_owned()
                }
                (Life::Alive, _)
                    if instance.unready.is_some() && instance.state == State::Running =>
                {
                    match self.cluster.root_of(service) {
                        Some(root) => format!("{root} to be ready again"),
                        None => "it to be ready again; it is not restarted for this".to_owned(),
                    }
                }
                (Life::Alive, _) if self.cluster.loaded(id) && instance.state.serves() => {
                    "it to be quick again".to_owned()
                }
                (Life::Alive, _) if instance.trial => "it to have been well for a while".to_owned(),
                (Life::Alive, _) if instance.ready => "its probes to pass".to_owned(),
                (Life::Alive, _) => "it to become ready".to_owned(),
                (Life::Ending, _) => "its old process to end".to_owned(),
            },
        }
    }
}
