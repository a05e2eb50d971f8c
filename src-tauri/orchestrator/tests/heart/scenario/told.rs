//! What the heart did, in the words of snapshots.

use super::Run;
use model::{EventKind, InstanceId};
use orchestrator::{Command, Effect};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

impl Run {
    pub(super) fn effect(&mut self, effect: Effect) {
        let said = match effect {
            Effect::Start {
                instance,
                generation,
                act,
            } => {
                format!("START {instance} #{generation} for act {}", act.0)
            }
            Effect::Prepare {
                instance,
                generation,
            } => format!("PREPARE {instance} #{generation}"),
            Effect::CallOff {
                instance,
                generation,
            } => format!("CALL OFF {instance} #{generation}"),
            Effect::Greet {
                instance,
                generation,
            } => format!("GREET {instance} #{generation}"),
            Effect::Stop {
                instance,
                generation,
                stop,
            } => {
                format!(
                    "STOP {instance} #{generation} {:?} {:?}",
                    stop.asked_with(),
                    stop.grace
                )
            }
            Effect::Probe {
                instance,
                generation,
                kind,
                after,
            } => {
                format!("PROBE {instance} #{generation} {kind:?} after {after:?}")
            }
            Effect::SetTimer { key, at } => {
                let said = format!("TIMER {key:?} at {:?}", Duration::from_millis(at.0));
                self.timers.insert(key, at);
                said
            }
            Effect::CancelTimer(key) => {
                self.timers.remove(&key);
                format!("CANCEL {key:?}")
            }
            Effect::Ask {
                ticket,
                instance,
                remedy,
                why,
                detail,
                confidence,
                proposed,
            } => match proposed {
                // A person answers it, and in their own time.
                true => {
                    let sure = confidence.map(|(cause, known)| known.words(cause));
                    let sure = sure.unwrap_or_default();
                    format!("PROPOSE {ticket}: {detail}, {instance}? {why}; {sure}")
                }
                false => {
                    self.asked.push(ticket);
                    format!("ASK {ticket}: {} {instance}? {why}", remedy.as_str())
                }
            },
            Effect::Withdraw(ticket) => format!("WITHDRAW {ticket}"),
            Effect::Publish(EventKind::StateChanged {
                instance,
                generation,
                from,
                to,
                ..
            }) => {
                format!("event: {instance} #{generation} {from} -> {to}")
            }
            Effect::Publish(EventKind::Started { instance, pid, .. }) => {
                format!("event: {instance} started, pid {pid}")
            }
            Effect::Publish(EventKind::Exited {
                instance, status, ..
            }) => {
                format!("event: {instance} {status}")
            }
            Effect::Publish(EventKind::Undeclared { service, need, at }) => {
                format!("event: {service} talks to {need} ({at}) and does not declare it")
            }
            Effect::Publish(EventKind::Scaled {
                service,
                before,
                replicas,
                why,
            }) => format!("event: {service} scaled from {before} to {replicas}: {why}"),
            Effect::Publish(EventKind::Finding { finding }) => {
                let over = if finding.closed.is_some() {
                    "over: "
                } else {
                    ""
                };
                format!("FINDING {}: {over}{}", finding.instance, finding.text)
            }
            Effect::Publish(EventKind::SystemReady { services, took_ms }) => match self.timeline {
                true => format!("event: all {services} services are ready after {took_ms} ms"),
                false => return,
            },
            Effect::Publish(other) => format!("event: {other:?}"),
            Effect::LastWords {
                key,
                instance,
                generation,
            } => match self.timeline {
                true => format!("READ what {instance} #{generation} left, for incident {key}"),
                false => return,
            },
            Effect::Incident {
                key,
                incident,
                entries,
            } => {
                let actions: Vec<&str> = incident
                    .actions
                    .iter()
                    .map(|action| action.detail.as_str())
                    .collect();
                let took = incident.duration_ms.map(|took| format!(" after {took} ms"));
                match incident.state.unended() {
                    true => _ = self.open.insert(key, (*incident).clone()),
                    false => _ = self.open.remove(&key),
                }
                let waits = incident.waits.map(|what| format!("; waits for {what}"));
                let mut told = format!(
                    "INCIDENT {key} {:?}{}: {}; impacted {:?}; tried {actions:?}{}",
                    incident.state,
                    took.unwrap_or_default(),
                    incident.cause,
                    incident.impacted,
                    waits.unwrap_or_default(),
                );
                for entry in entries.iter().filter(|_| self.timeline) {
                    let kind = entry.kind.as_str();
                    write!(told, "\n      {:>2} {kind}: {}", entry.n, entry.text).unwrap();
                }
                told
            }
            Effect::Scale {
                service,
                replicas,
                act,
                why,
            } => {
                let said = format!("SCALE {service} to {replicas} for act {}", act.0);
                self.scaled.push(Command::Scale {
                    service,
                    replicas,
                    ports: BTreeMap::new(),
                    healing: Some(why),
                });
                said
            }
            Effect::Changed(instance) => self.shown(&instance),
            Effect::Removed(instance) => format!("REMOVED {instance}"),
            Effect::Settled { act, failed } => {
                let failed: Vec<String> = failed
                    .iter()
                    .map(|(id, reason)| format!("{id}: {reason}"))
                    .collect();
                format!("SETTLED act {}; failed {failed:?}", act.0)
            }
            Effect::Connections => {
                let all = self.cluster.connections();
                let each = all.iter().map(|one| {
                    let at = one.at.iter().map(ToString::to_string);
                    let at = at.collect::<Vec<_>>().join(", ");
                    format!("{}>{} {at} {:?}", one.from, one.to, one.declared)
                });
                format!("CONNECTIONS {:?}", each.collect::<Vec<_>>())
            }
            Effect::RememberUnfinished => {
                format!("REMEMBER {:?}", self.cluster.unfinished())
            }
            Effect::Define { service, spec } => format!("DEFINE {service}: {}", spec.runs),
            Effect::RememberStopped(services) => format!("REMEMBER stopped {services:?}"),
        };
        writeln!(self.out, "    {said}").unwrap();
    }

    fn shown(&self, instance: &InstanceId) -> String {
        let Some(status) = self.cluster.status(instance) else {
            return format!("{instance} is gone");
        };
        let mut said = format!("{instance} {}: {}", status.state, status.reason);
        if let Some(pid) = status.pid {
            write!(said, " [pid {pid}]").unwrap();
        }
        if status.restarts > 0 {
            write!(said, " [restarts {}]", status.restarts).unwrap();
        }
        if let Some(root) = status.marks.impacted_by {
            write!(said, " [impacted by {root}]").unwrap();
        }
        if let Some(hold) = status.marks.hold {
            match hold.until {
                Some(until) => write!(said, " [held until {}]", until.0).unwrap(),
                None => said.push_str(" [held]"),
            }
        }
        if let Some(back) = status.marks.rolled_back {
            let to = back.to.map(|to| to.0);
            write!(
                said,
                " [rolled back to {to:?}: {}; {}]",
                back.why, back.differs
            )
            .unwrap();
        }
        if let Some(scaled) = status.marks.scaled {
            write!(said, " [added {}, at most {}]", scaled.added, scaled.most).unwrap();
        }
        if let Some(circuit) = status.marks.circuit {
            write!(said, " [circuit {}]", circuit.as_str()).unwrap();
        }
        for finding in &status.findings {
            write!(said, " [finding: {}]", finding.text).unwrap();
        }
        if status.marks.shim_lost {
            said.push_str(" [shim lost]");
        }
        said
    }

    pub(super) fn show(&mut self) {
        let (overall, why) = self.cluster.overall();
        writeln!(self.out, "    = {overall}: {why}").unwrap();
        let all: Vec<InstanceId> = self
            .cluster
            .statuses()
            .map(|status| status.instance)
            .collect();
        for id in all {
            let shown = self.shown(&id);
            writeln!(self.out, "    = {shown}").unwrap();
        }
    }
}
