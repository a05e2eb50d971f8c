//! An event as a CloudEvent 1.0, structured JSON. It is made once, when the event happens, and sent
//! as it is however often that takes.

use model::ledger::LedgerCheckpoint;
use model::{Event, EventKind, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// The media type of what is sent.
pub(crate) const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// What every type begins with.
const TYPES: &str = "dev.azora";

/// Whose events they are.
pub(crate) struct From {
    /// The home, as a UUID.
    pub(crate) home: String,
    /// The machine's name.
    pub(crate) host: String,
}

/// What is posted.
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
}

#[derive(Serialize)]
struct CloudEvent<'a, T> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    // An extension that CloudEvents describes: compares as text as the events follow each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    azorahost: &'a str,
    data: T,
}

impl<T: Serialize> CloudEvent<'_, T> {
    fn text(&self) -> String {
        // Plain data with text keys; serde_json cannot fail on it.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The id of an event: one of a kind in the world, and the same whenever it is sent.
pub(crate) fn id(home: &str, seq: u64) -> String {
    format!("{home}-{seq}")
}

/// The id in a body that was made earlier.
pub(crate) fn id_of(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    value["id"].as_str().map(str::to_owned)
}

pub(crate) fn body(from: &From, event: &Event) -> String {
    CloudEvent {
        specversion: "1.0",
        id: &id(&from.home, event.seq),
        source: source(from),
        kind: format!("{TYPES}.{}", event.what.name()),
        subject: subject(event),
        time: rfc3339(event.at),
        datacontenttype: "application/json",
        // The digits of the largest number there is.
        sequence: Some(format!("{:020}", event.seq)),
        azorahost: &from.host,
        data: event,
    }
    .text()
}

/// An event that says nothing but that it arrives.
pub(crate) fn test(from: &From, now: Timestamp) -> Message {
    let id = format!("{}-test-{}", from.home, uuid());
    let body = CloudEvent {
        specversion: "1.0",
        id: &id,
        source: source(from),
        kind: format!("{TYPES}.webhook_test"),
        subject: None,
        time: rfc3339(now),
        datacontenttype: "application/json",
        sequence: None,
        azorahost: &from.host,
        data: serde_json::json!({ "text": "a test, asked for by a person" }),
    }
    .text();
    Message { id, body }
}

/// A checkpoint of the ledger; the same one is always the same event.
pub(crate) fn checkpoint(from: &From, checkpoint: &LedgerCheckpoint) -> Message {
    let id = format!("{}-checkpoint-{}", from.home, checkpoint.size);
    let body = CloudEvent {
        specversion: "1.0",
        id: &id,
        source: source(from),
        kind: format!("{TYPES}.ledger_checkpoint"),
        subject: None,
        time: rfc3339(checkpoint.at),
        datacontenttype: "application/json",
        sequence: None,
        azorahost: &from.host,
        data: checkpoint,
    }
    .text();
    Message { id, body }
}

fn source(from: &From) -> String {
    format!("urn:uuid:{}", from.home)
}

/// What it is about: a cluster, or an instance or a service of it.
fn subject(event: &Event) -> Option<String> {
    let cluster = event.cluster.as_ref()?;
    let what = match &event.what {
        EventKind::StateChanged { instance, .. }
        | EventKind::Started { instance, .. }
        | EventKind::Exited { instance, .. }
        | EventKind::Adopted { instance, .. }
        | EventKind::PortMoved { instance, .. }
        | EventKind::ServiceHealed { instance, .. } => Some(instance.to_string()),
        EventKind::Incident { incident } => Some(incident.instance.to_string()),
        EventKind::Undeclared { service, .. } | EventKind::Scaled { service, .. } => {
            Some(service.to_string())
        }
        EventKind::Finding { finding } => Some(finding.instance.to_string()),
        EventKind::Threat { threat, .. } => match (&threat.instance, &threat.service) {
            (Some(instance), _) => Some(instance.to_string()),
            (None, service) => service.as_ref().map(ToString::to_string),
        },
        EventKind::Act { act } => match (&act.target.instance, &act.target.services[..]) {
            (Some(instance), _) => Some(instance.to_string()),
            (None, [service]) => Some(service.to_string()),
            _ => None,
        },
        EventKind::EngineStarted { .. }
        | EventKind::EngineStopped { .. }
        | EventKind::SystemReady { .. }
        | EventKind::EmergencyShutdown { .. }
        | EventKind::Approval { .. }
        | EventKind::RulesAlarm { .. }
        | EventKind::Notice { .. } => None,
    };
    Some(match what {
        Some(what) => format!("{cluster}/{what}"),
        None => cluster.to_string(),
    })
}

/// "2026-11-28T17:00:00.25Z".
fn rfc3339(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0);
    time.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// A random UUID (version 4).
pub(crate) fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    // Without any randomness a new home cannot be told from another; what is sent is right otherwise.
    let _ = getrandom::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_cloud_event_and_always_the_same_one() {
        let from = From {
            home: uuid(),
            host: "workshop".into(),
        };
        let event = Event {
            seq: 42,
            at: Timestamp(1_795_885_200_250),
            cluster: Some("shop-1f".parse().unwrap()),
            what: EventKind::Adopted {
                instance: "db.1".parse().unwrap(),
                generation: model::Generation(2),
                pid: 7,
            },
        };
        let text = body(&from, &event);
        assert_eq!(text, body(&from, &event));
        let value: Value = serde_json::from_str(&text).unwrap();
        let id = format!("{}-42", from.home);
        assert_eq!(id_of(&text).as_ref(), Some(&id));
        assert_eq!(
            value,
            serde_json::json!({
                "specversion": "1.0",
                "id": id,
                "source": format!("urn:uuid:{}", from.home),
                "type": "dev.azora.adopted",
                "subject": "shop-1f/db.1",
                "time": "2026-11-28T17:00:00.25Z",
                "datacontenttype": "application/json",
                "sequence": "00000000000000000042",
                "azorahost": "workshop",
                "data": event,
            })
        );
        let text = test(&from, Timestamp(0)).body;
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["type"], "dev.azora.webhook_test");
        assert!(value.get("subject").is_none());
        let kept = LedgerCheckpoint {
            size: 7,
            at: Timestamp(0),
            note: "a note\n".into(),
        };
        let sent = checkpoint(&from, &kept);
        let value: Value = serde_json::from_str(&sent.body).unwrap();
        assert_eq!(sent.id, format!("{}-checkpoint-7", from.home));
        assert_eq!(value["type"], "dev.azora.ledger_checkpoint");
        assert_eq!(
            value["data"],
            serde_json::json!({"size": 7, "at": 0, "note": "a note\n"})
        );
    }

    #[test]
    fn a_uuid_is_one_of_version_four_and_never_the_same() {
        let (one, two) = (uuid(), uuid());
        assert_ne!(one, two);
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'4'));
        assert!(b"89ab".contains(&one.as_bytes()[19]), "{one}");
    }
}
