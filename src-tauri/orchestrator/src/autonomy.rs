//! How far healing goes by itself: all the way, up to a proposal that a person approves of, or not at all.
//! The definition says it, and a person's word counts instead until it is taken back; that outlives the engine.
//!
//! What a proposal is about may pass before anybody has answered. Then it is withdrawn: nobody approves of
//! what is not needed any more.

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::instance::{Bar, Care, Plan};
use crate::step::Step;
use model::{ActId, Autonomy, EntryKind, InstanceId, Reason, State};
use std::collections::BTreeSet;

impl Cluster {
    /// How far healing goes by itself.
    pub fn autonomy(&self) -> Autonomy {
        let defined = self.definition.as_ref();
        let defined = defined.map(|definition| definition.autonomy);
        self.said_autonomy.or(defined).unwrap_or_default()
    }

    /// What was proposed with this ticket still is.
    fn proposes(&self, id: &InstanceId, ticket: u64) -> bool {
        let care = self.instances.get(id).map(|instance| &instance.care);
        let service = self.services.get(&id.service);
        matches!(care, Some(Care::Asked(_, of)) if *of == ticket)
            || service.is_some_and(|service| service.scaling.asks_with(ticket))
    }
}

impl Step<'_> {
    /// A person says how far healing goes by itself, or leaves that to the definition again.
    pub(crate) fn set_autonomy(&mut self, said: Option<Autonomy>, act: ActId) {
        let before = self.cluster.autonomy();
        self.cluster.said_autonomy = said;
        self.autonomy_from(before, Some(act));
        self.out.unfinished = true;
        self.wait_for(act, None, BTreeSet::new());
    }

    /// What an earlier engine's person has said still counts.
    pub(crate) fn resume_autonomy(&mut self) {
        self.cluster.said_autonomy = self.cluster.unfinished.take_autonomy();
    }

    /// It was so before, and may be otherwise now.
    pub(crate) fn autonomy_from(&mut self, before: Autonomy, act: Option<ActId>) {
        let now = self.cluster.autonomy();
        if now == before {
            return;
        }
        let text = match now {
            Autonomy::Off => "healing is off: it begins nothing by itself",
            Autonomy::Advise => "healing proposes what it would do, and waits for a person",
            Autonomy::On => "healing acts by itself",
        };
        if now != Autonomy::Advise {
            for service in self.cluster.services.values_mut() {
                service.scaling.unpropose();
            }
        }
        let all: Vec<InstanceId> = self.cluster.instances.keys().cloned().collect();
        for id in all {
            self.tell_of(&id, EntryKind::Hold, text, act);
            self.autonomy_changed(&id, now);
        }
    }

    fn autonomy_changed(&mut self, id: &InstanceId, now: Autonomy) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let off = now == Autonomy::Off;
        if off && instance.cycle.as_ref().is_some_and(|one| one.automatic) {
            self.spare(id);
            return;
        }
        let advises = now == Autonomy::Advise;
        let planned = match &instance.care {
            Care::Asked(plan, _) if off || plan.proposed != advises => plan,
            Care::Backoff(plan) | Care::Due(plan, _) if off => plan,
            Care::Barred(Bar::NotByItself | Bar::Declined(_)) => return self.judge(id, false),
            _ => return,
        };
        if planned.excused {
            self.set_care(id, Care::Suffers);
            self.look.insert(id.clone());
        } else {
            self.judge(id, false);
        }
    }

    /// Asks a person whether healing may do this.
    pub(crate) fn propose(&mut self, id: &InstanceId, mut plan: Plan) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let why = instance.fault.clone();
        let remedy = plan.remedy;
        if plan.excused {
            plan.detail = format!("{}, for what it needs is ready again", remedy.as_str());
        }
        plan.proposed = true;
        let detail = plan.detail.clone();
        let confidence = self.cluster.confidence(id, remedy);
        self.cluster.last_ticket += 1;
        let ticket = self.cluster.last_ticket;
        self.set_care(id, Care::Asked(plan, ticket));
        self.cluster.asks.insert(ticket, id.clone());
        self.cluster.proposals.insert(ticket, id.clone());
        let told = format!("healing proposes {detail}, and waits for a person to approve of it");
        self.bar_incident(id, &told);
        let next = format!("healing proposes {detail}: `azora approvals`");
        self.set(id, State::Failing, Reason::new(why.clone()).then(next));
        self.out.acts.push(Effect::Ask {
            ticket,
            instance: id.clone(),
            remedy,
            why,
            detail,
            confidence,
            proposed: true,
        });
    }

    /// Withdraws what is not proposed any more.
    pub(crate) fn withdraw(&mut self) {
        let proposals = self.cluster.proposals.iter();
        let over = proposals.filter(|(ticket, id)| !self.cluster.proposes(id, **ticket));
        let over: Vec<u64> = over.map(|(ticket, _)| *ticket).collect();
        for ticket in over {
            self.cluster.proposals.remove(&ticket);
            self.cluster.asks.remove(&ticket);
            self.out.acts.push(Effect::Withdraw(ticket));
        }
    }
}
