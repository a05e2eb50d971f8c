//! `events`: what was, of the whole home.

use crate::args::{Events, Place};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::terminal::{plain, print};
use crate::text::{clock, length, with_times};
use api::client::Client;
use api::requests::{EventsRequest, Nothing};
use model::view::{Change, FeedMessage};
use model::{Event, EventKind, IncidentState, Outcome, ServiceName, Timestamp};
use serde_json::json;
use std::time::Duration;

/// The most that an engine gives: what is not meant among them is left out here.
const ALL: u32 = 10_000;
/// What is told of an incident so soon after its last remedy is about that, in milliseconds.
const AT_ONCE: u64 = 50;

/// Whether a cluster's id is or begins with the name that was typed.
pub(crate) fn is_cluster(id: &str, wanted: &str) -> bool {
    id == wanted || id.rsplit_once('-').is_some_and(|(name, _)| name == wanted)
}

/// `azora events`: of the whole home, or of a cluster or service of it, oldest first.
pub(crate) async fn events(place: &Place, arguments: &Events) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let mut show = Shown {
        json: arguments.recent.json.json,
        follow: arguments.follow,
        last: 0,
    };
    let meant = Meant {
        cluster: place.cluster.as_deref(),
        service: arguments.service.as_ref(),
    };
    let limit = arguments.recent.limit;
    // The feed is opened first, so that nothing falls between what was and what comes.
    let mut feed = match arguments.follow {
        true => Some(client.stream::<FeedMessage>("feed", &Nothing {}).await?),
        false => None,
    };
    let request = EventsRequest {
        after: None,
        // Which of them are meant is known here, and so many of those are wanted.
        limit: Some(if meant.all() { limit } else { ALL }),
    };
    let recent: Vec<Event> = client.call("events", &request).await?;
    let newest = recent.iter().map(|event| event.seq).max();
    show.all(meant.newest(recent, limit))?;
    show.skip(newest);
    while let Some(feed) = &mut feed {
        let news = match feed.next().await? {
            Some(FeedMessage::Snapshot { snapshot }) => snapshot.events,
            Some(FeedMessage::Delta { delta }) => match delta.change {
                Change::Event { event } => vec![event],
                _ => continue,
            },
            None => {
                return Err(Fail::absent("the engine has ended"));
            }
        };
        for event in news.into_iter().filter(|event| meant.is(event)) {
            show.one(&event)?;
        }
    }
    Ok(())
}

/// Which events are wanted.
struct Meant<'a> {
    /// A cluster's id or name.
    cluster: Option<&'a str>,
    service: Option<&'a ServiceName>,
}

impl Meant<'_> {
    fn all(&self) -> bool {
        self.cluster.is_none() && self.service.is_none()
    }

    fn is(&self, event: &Event) -> bool {
        let of = event.cluster.as_ref();
        self.cluster
            .is_none_or(|wanted| of.is_some_and(|of| is_cluster(of.as_str(), wanted)))
            && self.service.is_none_or(|one| concerns(&event.what, one))
    }

    /// Of events that are in order the newest that are wanted, at most so many.
    fn newest(&self, mut events: Vec<Event>, limit: u32) -> Vec<Event> {
        events.retain(|event| self.is(event));
        let more = events.len().saturating_sub(limit as usize);
        events.drain(..more);
        events
    }
}

/// True when it is about this service of its cluster, or about what was done to it or suffered by it.
/// What is about a whole cluster or the whole home is about none of its services.
fn concerns(what: &EventKind, service: &ServiceName) -> bool {
    match what {
        EventKind::StateChanged { instance, .. }
        | EventKind::Started { instance, .. }
        | EventKind::Exited { instance, .. }
        | EventKind::Adopted { instance, .. }
        | EventKind::PortMoved { instance, .. } => instance.service == *service,
        EventKind::Undeclared {
            service: one, need, ..
        } => one == service || need == service,
        EventKind::Scaled { service: one, .. } | EventKind::ServiceHealed { service: one, .. } => {
            one == service
        }
        EventKind::Incident { incident } => {
            incident.service == *service || incident.impacted.contains(service)
        }
        EventKind::Act { act } => act.target.services.contains(service),
        EventKind::Approval { approval } => approval.target.services.contains(service),
        EventKind::Finding { finding } => finding.instance.service == *service,
        EventKind::Threat { threat, .. } => threat.service.as_ref() == Some(service),
        EventKind::EngineStarted { .. }
        | EventKind::EngineStopped { .. }
        | EventKind::SystemReady { .. }
        | EventKind::EmergencyShutdown { .. }
        | EventKind::RulesAlarm { .. }
        | EventKind::Notice { .. } => false,
    }
}

/// The name of a service, for [`Events`].
pub(crate) fn service(word: &str) -> Result<ServiceName, model::NameError> {
    crate::whom::service(word)
}

/// What was printed so far, so that a second picture repeats nothing.
struct Shown {
    json: bool,
    follow: bool,
    last: u64,
}

impl Shown {
    /// The first ones: one list, unless more follows.
    fn all(&mut self, events: Vec<Event>) -> Done {
        if self.json && !self.follow {
            print(&with_times(json!(events)).to_string())?;
            return Ok(());
        }
        events.iter().try_for_each(|event| self.one(event))
    }

    /// Takes all up to this one as told, so that only newer ones are.
    fn skip(&mut self, newest: Option<u64>) {
        self.last = self.last.max(newest.unwrap_or(0));
    }

    fn one(&mut self, event: &Event) -> Done {
        if event.seq <= self.last {
            return Ok(());
        }
        self.last = event.seq;
        match self.json {
            true => print(&with_times(json!(event)).to_string())?,
            false => {
                let cluster = event
                    .cluster
                    .as_ref()
                    .map(|cluster| format!("{cluster}  "))
                    .unwrap_or_default();
                print(&format!(
                    "{}  {cluster}{}",
                    clock(event.at),
                    plain(&sentence(&event.what, event.at))
                ))?;
            }
        }
        Ok(())
    }
}

/// An event in words, at its time.
fn sentence(what: &EventKind, at: Timestamp) -> String {
    match what {
        EventKind::EngineStarted { pid, adopted: 0 } => format!("the engine started (pid {pid})"),
        EventKind::EngineStarted { pid, adopted } => {
            format!("the engine started (pid {pid}) and adopted {adopted} running instances")
        }
        EventKind::EngineStopped { left_running: true } => {
            "the engine ended; services run on".to_owned()
        }
        EventKind::EngineStopped {
            left_running: false,
        } => "the engine ended".to_owned(),
        EventKind::StateChanged {
            instance,
            from,
            to,
            reason,
            ..
        } => format!("{instance}: {from} → {to}: {reason}"),
        EventKind::Started {
            instance,
            pid,
            generation,
        } => format!("{instance} started as pid {pid} (start {generation})"),
        EventKind::Exited {
            instance, status, ..
        } => format!("{instance} {status}"),
        EventKind::Adopted { instance, pid, .. } => {
            format!("{instance} was found running as pid {pid}")
        }
        EventKind::PortMoved {
            instance,
            wanted,
            got,
            holder,
        } => {
            format!("{instance} got port {got}: {wanted} is held by {holder}")
        }
        EventKind::Undeclared { service, need, at } => {
            format!("{service} talks to {need} ({at}) and does not declare it")
        }
        EventKind::Scaled {
            service,
            before,
            replicas,
            why,
        } => {
            let way = if replicas > before { "up" } else { "down" };
            format!("{service} was scaled {way} from {before} to {replicas}: {why}")
        }
        EventKind::SystemReady { services, took_ms } => {
            let took = length(Duration::from_millis(*took_ms));
            match services {
                1 => format!("its only service is ready after {took}"),
                all => format!("all {all} services are ready after {took}"),
            }
        }
        EventKind::ServiceHealed {
            incident,
            instance,
            took_ms,
            ..
        } => {
            let took = length(Duration::from_millis(*took_ms));
            format!("{instance} was healed in {took} (incident {})", incident.0)
        }
        EventKind::EmergencyShutdown {
            reason,
            ended,
            left,
            ..
        } => match (ended, left) {
            (Some(ended), Some(left)) => {
                format!("emergency stop ({reason}): {ended} processes ended, {left} left")
            }
            _ => format!("emergency stop: {reason}"),
        },
        EventKind::Incident { incident } => {
            // Each remedy is told as a change of the open incident, when it was decided.
            let tried = incident.actions.last();
            let tried = tried.filter(|action| at.millis_since(action.at) < AT_ONCE);
            let state = match incident.state {
                IncidentState::Open if incident.actions.is_empty() => "opened",
                IncidentState::Open if tried.is_none() => "goes on",
                IncidentState::Open => "is being worked on",
                IncidentState::Resolved => "resolved",
                IncidentState::Quarantined => "ended in quarantine",
                IncidentState::Closed => "closed",
            };
            let what = match tried {
                Some(action) if incident.state == IncidentState::Open => &action.detail,
                _ => &incident.cause,
            };
            format!(
                "incident {} of {} {state}: {what}",
                incident.id.0, incident.instance
            )
        }
        EventKind::Act { act } => {
            let verb = json!(act.verb);
            let verb = verb.as_str().unwrap_or_default();
            let mut words = vec![format!("act {} by {}: {verb}", act.id.0, act.actor.via)];
            words.extend(act.target.services.iter().map(ToString::to_string));
            words.push(match &act.outcome {
                Outcome::Pending => "was asked".to_owned(),
                Outcome::Done(what) => format!("is done: {what}"),
                Outcome::Failed(why) => format!("failed: {why}"),
                Outcome::Refused(why) => format!("was refused: {why}"),
                Outcome::Overtaken(why) => format!("was overtaken: {why}"),
            });
            words.join(" ")
        }
        EventKind::Finding { finding } => {
            let over = if finding.closed.is_some() {
                "over: "
            } else {
                ""
            };
            format!("{}: {over}{}", finding.instance, finding.text)
        }
        EventKind::Approval { approval } => crate::approvals::sentence(approval),
        EventKind::RulesAlarm { text } => format!("alarm of the rules: {text}"),
        EventKind::Threat { threat, over } => {
            let level = if *over { "over" } else { threat.level.as_str() };
            format!("security, {level}: {}", threat.what)
        }
        EventKind::Notice { text } => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Incident, IncidentId, Remedy, RemedyKind};

    #[test]
    fn an_event_is_told_once_however_often_the_picture_comes() {
        let mut shown = Shown {
            json: false,
            follow: true,
            last: 0,
        };
        let event = |seq| Event {
            seq,
            at: Timestamp(0),
            cluster: None,
            what: EventKind::Notice {
                text: "x".to_owned(),
            },
        };
        for seq in [1, 2, 1, 2, 3] {
            shown.one(&event(seq)).unwrap();
        }
        assert_eq!(shown.last, 3);
        shown.skip(Some(7));
        shown.skip(None);
        assert_eq!(shown.last, 7);
    }

    #[test]
    fn of_a_cluster_and_a_service_the_newest_are_told_and_no_others() {
        let started = |seq, cluster: &str, instance: &str| Event {
            seq,
            at: Timestamp(0),
            cluster: Some(cluster.parse().unwrap()),
            what: EventKind::Started {
                instance: instance.parse().unwrap(),
                generation: model::Generation(1),
                pid: 7,
            },
        };
        let undeclared = Event {
            what: EventKind::Undeclared {
                service: "web".parse().unwrap(),
                need: "db".parse().unwrap(),
                at: model::Endpoint::Tcp { port: 5432 },
            },
            ..started(5, "shop-00000001", "web.0")
        };
        let home = Event {
            cluster: None,
            what: EventKind::Notice {
                text: "db".to_owned(),
            },
            ..started(6, "shop-00000001", "web.0")
        };
        let events = vec![
            started(1, "shop-00000001", "db.0"),
            started(2, "shop-00000001", "web.0"),
            started(3, "shop-00000001", "db.1"),
            started(4, "other-00000002", "db.0"),
            undeclared,
            home,
        ];
        let db = "db".parse().unwrap();
        let told = |cluster, service, limit| -> Vec<u64> {
            let meant = Meant { cluster, service };
            let told = meant.newest(events.clone(), limit);
            told.iter().map(|event| event.seq).collect()
        };
        assert_eq!(told(None, None, 9), [1, 2, 3, 4, 5, 6]);
        assert_eq!(told(None, Some(&db), 9), [1, 3, 4, 5]);
        assert_eq!(told(Some("shop"), Some(&db), 9), [1, 3, 5]);
        assert_eq!(told(Some("shop-00000001"), Some(&db), 2), [3, 5]);
        assert_eq!(told(Some("shop"), None, 2), [3, 5]);
        assert_eq!(told(Some("shop"), None, 0), [0; 0]);
    }

    #[test]
    fn a_remedy_is_told_when_it_is_decided_and_not_with_the_next_fault() {
        let incident = Incident {
            id: IncidentId(1),
            cluster: "shop-1".parse().unwrap(),
            service: "db".parse().unwrap(),
            instance: "db.0".parse().unwrap(),
            state: IncidentState::Open,
            cause: "db.0 exited with code 3".to_owned(),
            impacted: vec![],
            actions: vec![Remedy::new(
                Timestamp(1_000),
                RemedyKind::Restart,
                "restart 1 of 9".to_owned(),
            )],
            unlisted: vec![],
            opened: Timestamp(900),
            resolved: None,
            duration_ms: None,
            began: None,
            began_by: None,
            detect_ms: None,
            waits: None,
            person: false,
            entries: 0,
        };
        let incident = Box::new(incident);
        let what = EventKind::Incident { incident };
        let told = |at| sentence(&what, Timestamp(at));
        assert_eq!(
            told(1_001),
            "incident 1 of db.0 is being worked on: restart 1 of 9"
        );
        assert_eq!(
            told(2_000),
            "incident 1 of db.0 goes on: db.0 exited with code 3"
        );
    }

    #[test]
    fn a_cluster_is_meant_by_id_or_name() {
        assert!(
            is_cluster("my-shop-0123abcd", "my-shop")
                && is_cluster("my-shop-0123abcd", "my-shop-0123abcd")
        );
        assert!(!is_cluster("my-shop-0123abcd", "my"));
    }
}
