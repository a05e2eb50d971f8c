//! Whether what a service needs is as far as it has to be, by what the heart shows of it and by what it was
//! told: counted anew each time, and not by the counters that the heart decides by.

use crate::audit::Audit;
use crate::world::World;
use model::{IncidentState, InstanceId, InstanceStatus, ServiceName, State, Until};

impl Audit {
    /// A person wants these started anew, or all: what has ended is to do so once more.
    pub(crate) fn restarted(&mut self, services: &[ServiceName]) {
        self.ended
            .retain(|id| !services.is_empty() && !services.contains(&id.service));
        self.begin_anew();
    }
}

impl World {
    /// Why a need holds up who has it: which instance is not as far; `None` when none does.
    pub(crate) fn held_up(&self, need: &spec::Need) -> Option<String> {
        let name = &need.service;
        let wanted = self.cluster.replicas(name).max(1);
        let mut below = (0..wanted).map(|index| InstanceId::new(name.clone(), index));
        let lacking = below.find(|below| {
            // The others of a service that is being rolled serve.
            let turn = self.cluster.turn(name) == Some(below);
            !turn && !self.has_come(below, need.until)
        })?;
        if !need.required && self.unavailable(name) {
            return None;
        }
        let state = self.cluster.status(&lacking).map(|status| status.state);
        Some(format!("{lacking} is {state:?} and not {}", need.until))
    }

    fn has_come(&self, id: &InstanceId, until: Until) -> bool {
        let Some(status) = self.cluster.status(id) else {
            return false;
        };
        let completed = status.state == State::Completed;
        let good = status.state.serves() || completed;
        let oneshot = self
            .cluster
            .definition()
            .and_then(|definition| definition.services.get(&id.service))
            .is_some_and(|service| service.kind == spec::Kind::Oneshot);
        let rests = matches!(status.state, State::Stopped | State::Stopping);
        let mut ended = self.audit.iter().map(|audit| &audit.ended);
        let ended = oneshot && !rests && ended.any(|ended| ended.contains(id));
        match until {
            Until::Started => good || ended || (status.pid.is_some() && !rests),
            Until::Ready | Until::Succeeded => good,
            Until::Ended => completed || ended,
        }
    }

    /// Nobody who can do without it should wait for it: it is not wanted, something has gone wrong with it,
    /// or it waits itself for one of those.
    fn unavailable(&self, name: &ServiceName) -> bool {
        let Some(service) = self
            .cluster
            .definition()
            .and_then(|definition| definition.services.get(name))
        else {
            return true;
        };
        let replicas = self.cluster.replicas(name);
        if replicas == 0 || self.cluster.stopped().contains(name) {
            return true;
        }
        let mut statuses = self.cluster.statuses_of(name);
        statuses.any(|status| self.has_trouble(&status))
            || service.needs.iter().any(|need| {
                need.required && self.held_up(need).is_some() && self.unavailable(&need.service)
            })
    }

    fn has_trouble(&self, status: &InstanceStatus) -> bool {
        let mut incidents = self.audit.iter().flat_map(|audit| audit.incidents.values());
        let open = |one: &model::Incident| {
            one.instance == status.instance
                && matches!(one.state, IncidentState::Open | IncidentState::Quarantined)
        };
        let fails = matches!(
            status.state,
            State::Failing | State::Recovering | State::Quarantined
        );
        // It was not started again yet, whatever that waits for.
        let mut ended = self.audit.iter().map(|audit| &audit.ended);
        let ended = ended.any(|ended| ended.contains(&status.instance));
        let ended = ended && status.state != State::Completed;
        fails || ended || status.marks.impacted_by.is_some() || incidents.any(open)
    }
}
