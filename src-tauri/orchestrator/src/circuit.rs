//! The circuit of an instance: open after so many failures in a row, so that nothing is sent to what
//! will fail again.
//!
//! While it is open the instance does not serve, even when it is ready: the registry does not list
//! it, what needs it waits, and its incident goes on. The next rung of the ladder is its trial: when
//! that has made it ready and it has been well for `settle`, the circuit closes and it serves. A
//! failure before that leaves it open.

use crate::effect::Effect;
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::TimerKey;
use crate::step::Step;
use healing::history::Lasted;
use healing::words;
use model::{Circuit, InstanceId, Reason, RemedyKind, State};

impl Instance {
    /// Whether traffic is kept from it, and how far its trial is.
    pub(crate) fn circuit(&self) -> Option<Circuit> {
        let trial = self.ready && self.life == Life::Alive && self.state == State::Recovering;
        self.history.circuit_open().then_some(match trial {
            true => Circuit::HalfOpen,
            false => Circuit::Open,
        })
    }
}

impl Step<'_> {
    /// It has failed once more by its own fault.
    pub(crate) fn break_circuit(&mut self, id: &InstanceId, lasted: Lasted) {
        self.end_trial(id);
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let heal = &service.spec.heal;
        let (limit, settle) = (heal.circuit.unwrap_or_default(), heal.settle);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.history.failed(heal, lasted) {
            let failed = match limit {
                1 => "failed".to_owned(),
                _ => format!("failed {} in a row", words::times(limit)),
            };
            let detail = format!(
                "{failed}: no traffic until it has been well for {}",
                words::duration(settle)
            );
            self.note_remedy(id, RemedyKind::CircuitBreak, detail, None);
        }
    }

    /// It is ready, or well again: with an open circuit that is a trial, and true is answered.
    pub(crate) fn begin_trial(&mut self, id: &InstanceId) -> bool {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return false;
        };
        let settle = service.spec.heal.settle;
        let now = self.now.mono;
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return false;
        };
        if !instance.history.circuit_open() {
            return false;
        }
        instance.history.healthy(now);
        let begun = std::mem::replace(&mut instance.trial, true);
        let (_, reason) = instance.serving.clone();
        let next = format!(
            "serves when it has been well for {}",
            words::duration(settle)
        );
        let text = format!("{}; circuit half-open", reason.text);
        if !begun {
            let (key, at) = (TimerKey::Circuit(id.clone()), now + settle);
            self.out.acts.push(Effect::SetTimer { key, at });
        }
        self.set(id, State::Recovering, Reason::new(text).then(next));
        true
    }

    /// Nobody has looked for a while, or there was a doubt: a trial under way lasts as long again.
    pub(crate) fn prolong_trial(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let at = self.now.mono + service.spec.heal.settle;
        if let Some(instance) = self.cluster.instances.get(id)
            && instance.trial
        {
            let key = TimerKey::Circuit(id.clone());
            self.out.acts.push(Effect::SetTimer { key, at });
        }
    }

    /// The trial is over before its time.
    pub(crate) fn end_trial(&mut self, id: &InstanceId) {
        if let Some(instance) = self.cluster.instances.get_mut(id)
            && std::mem::take(&mut instance.trial)
        {
            let key = TimerKey::Circuit(id.clone());
            self.out.acts.push(Effect::CancelTimer(key));
        }
    }

    /// It has been well for long enough.
    pub(crate) fn trial_over(&mut self, id: &InstanceId) {
        let goal = self.cluster.goal(id);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let trial = instance.circuit() == Some(Circuit::HalfOpen);
        if !trial || goal != Goal::Run || instance.cycle.is_some() || instance.care != Care::Idle {
            instance.trial = false;
            return;
        }
        if !instance.watch.sure() {
            // In doubt. What ends the doubt may be no answer: a need that is back excuses it.
            self.prolong_trial(id);
            return;
        }
        instance.trial = false;
        instance.history.close_circuit();
        let (state, reason) = instance.standing();
        self.came_good(id, state, reason);
    }
}
