//! What the API is asked: every command of its table, with a request that it has something to say to.

use api::client::Client;
use api::dispatch::{COMMANDS, Kind};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tests::Azora;
use tokio::time::timeout;

/// A stream that says nothing for so long has said what it has to say.
const QUIET: Duration = Duration::from_secs(2);
/// Messages of a stream that are read: it may go on for ever.
const MESSAGES: usize = 200;

/// Where it is asked about.
struct Scene<'a> {
    cluster: &'a str,
    folder: &'a str,
    port: u16,
    /// Where a service is asked for through the gateway, and what with.
    gateway: (&'a str, &'a str),
    /// The definition, as the API shows it, and its mark.
    definition: &'a str,
    mark: &'a str,
    act: u64,
}

/// Requests of a command, each asked in turn; `None`: nobody has said yet what it is to be asked.
fn requests(name: &str, scene: &Scene<'_>) -> Option<Vec<Value>> {
    let Scene {
        cluster,
        folder,
        port,
        gateway: (host, secret),
        definition,
        mark,
        act,
    } = scene;
    let of = json!({ "cluster": cluster });
    let logs = |instance: &str| json!({"cluster": cluster, "instance": instance});
    let services = |name: &str| json!({"cluster": cluster, "services": [name]});
    let all = ["talker.0", "failing.0", "hooked.0", "late.0", "args.0"];
    let broken = definition.replacen("[service.talker]", "[service.talker]\nnonsense = 1", 1);
    Some(match name {
        "status" | "snapshot" | "feed" | "agents" | "ledger" | "ledger_verify" | "approvals"
        | "rules" | "webhooks" | "notifications" | "emergency_preview" | "support" => {
            vec![json!({})]
        }
        "system_status" => vec![json!({}), json!({"cluster": cluster, "service": "failing"})],
        "ps" | "graph" | "definition" | "volumes" => vec![of],
        "look" => vec![json!({ "folder": folder })],
        "wait" => vec![json!({"act": act, "timeout_ms": 10})],
        "history" => vec![
            json!({"cluster": cluster, "instance": "talker.0", "range_ms": 60_000, "buckets": 9}),
        ],
        "latencies" => vec![json!({"cluster": cluster, "most": 9})],
        "logs" => {
            let mut asked: Vec<Value> = all.iter().map(|one| logs(one)).collect();
            asked.push(json!({"cluster": cluster, "instance": "talker.0", "level": "error"}));
            asked.push(
                json!({"cluster": cluster, "instance": "talker.0", "after": 0, "limit": 10_000}),
            );
            asked
        }
        "view_logs" => vec![
            json!({"cluster": cluster, "instances": all, "place": {"kind": "end"}}),
            json!({"cluster": cluster, "instances": ["talker.0"], "place": {"kind": "line", "instance": "talker.0", "offset": 9}}),
        ],
        "log_runs" => all
            .iter()
            .map(|one| json!({"cluster": cluster, "instance": one, "limit": 9}))
            .collect(),
        "env" => ["talker.0", "failing.0", "args.0"]
            .iter()
            .map(|one| logs(one))
            .collect(),
        "incidents" => vec![json!({"open": false})],
        "incident" => (1..=3).map(|id| json!({ "id": id })).collect(),
        "healed" => vec![json!({"since": 0})],
        "events" => vec![json!({"after": 0, "limit": 10_000}), json!({})],
        "acts" => vec![json!({"limit": 10_000})],
        "ledger_entries" => vec![json!({"after": 0, "limit": 1_000})],
        "ledger_checkpoints" => vec![json!({"after": 0, "limit": 1_000})],
        "who" => vec![json!({ "port": port })],
        "security" => vec![json!({"now": true})],
        "check_definition" => vec![
            json!({"cluster": cluster, "text": definition}),
            json!({"cluster": cluster, "text": broken}),
        ],
        "registered" => vec![json!({"tags": []}), json!({"name": "outsider", "tags": []})],
        "gateway" => vec![json!({"requests": 100})],
        "up" => vec![
            json!({"folder": folder, "trust": true, "risks": [], "services": [], "categories": [], "profiles": []}),
        ],
        "apply_definition" => vec![json!({"cluster": cluster, "text": definition, "mark": mark})],
        "start" | "unhold" | "release" => vec![services("talker")],
        "stop" => vec![services("late")],
        "hold" => vec![services("talker")],
        "autonomy" => vec![json!({"cluster": cluster, "mode": "on"})],
        "restart" => vec![json!({"cluster": cluster, "services": ["late"], "at_once": false})],
        "scale" => vec![json!({"cluster": cluster, "service": "late", "replicas": 1})],
        "mute" | "unmute" => vec![services("talker")],
        "resume" => vec![json!({})],
        "test_webhooks" => vec![json!({})],
        "gateway_try" => vec![json!({
            "host": host, "method": "GET", "path": format!("/?token={secret}"),
            "headers": [["Authorization", format!("Bearer {secret}")], ["X-Api-Key", secret]],
        })],
        "add_agent" | "remove_agent" => {
            vec![json!({"name": "helper", "reason": format!("for token={secret}")})]
        }
        "approve" => vec![json!({"id": 1, "name": "anna"})],
        "deny" => vec![json!({"id": 1, "name": "ben"})],
        "reveal" => vec![json!({"cluster": cluster, "services": ["nobody"]})],
        "follow_logs" => vec![json!({"cluster": cluster, "services": [], "tail": 10_000})],
        "search_logs" => vec![json!({"cluster": cluster, "instances": all, "text": "said"})],
        "copy_logs" => vec![
            json!({"cluster": cluster, "instances": all}),
            json!({"cluster": cluster, "instances": ["talker.0"]}),
        ],
        "watch_gateway" => vec![json!({"requests": 100})],
        "rehearse" => vec![
            json!({"cluster": cluster, "faults": 3}),
            json!({"cluster": cluster, "text": definition, "faults": 2}),
            json!({"folder": folder, "faults": 2}),
        ],
        // They need somebody at a terminal, and answer with how it stands there.
        "take_terminal" | "resize_terminal" => {
            vec![json!({"session": 1, "size": {"columns": 80, "rows": 24}})]
        }
        "type_terminal" => vec![json!({"session": 1, "text": "x"})],
        "leave_terminal" => vec![json!({"session": 1})],
        // What comes out of a terminal is shown as it is: docs/security.md says so.
        "attach" => vec![],
        // The end of the story asks these, in this order, of who is left then.
        "down" | "forget" | "emergency_stop" | "shutdown" => vec![],
        _ => return None,
    })
}

/// What is asked last.
fn last(cluster: &str) -> [(&'static str, Value); 4] {
    let of = json!({ "cluster": cluster });
    [
        ("down", of.clone()),
        ("forget", of),
        ("emergency_stop", json!({})),
        ("shutdown", json!({"leave_running": false})),
    ]
}

/// Asks everything but what ends the story; each answer is handed on.
pub(super) fn ask_all(
    azora: &Azora,
    at: &Path,
    port: u16,
    gateway: (&str, &str),
    look: &mut impl FnMut(&str, &str),
) {
    let cluster = azora.json(at, &["ps"])["cluster"]
        .as_str()
        .expect("it has an id")
        .to_owned();
    let runtime = runtime();
    runtime.block_on(async {
        let client = Client::connect(azora.home().path())
            .await
            .expect("an engine answers");
        let shown: Value = client
            .call("definition", &json!({"cluster": cluster}))
            .await
            .expect("it has one");
        let word = |name: &str| shown[name].as_str().expect("it is a text");
        let acts: Value = client
            .call("acts", &json!({"limit": 1}))
            .await
            .expect("there are some");
        let scene = Scene {
            cluster: &cluster,
            folder: at.to_str().expect("it is text"),
            port,
            gateway,
            definition: word("text"),
            mark: word("mark"),
            act: acts[0]["id"].as_u64().expect("it has a number"),
        };
        for (name, kind, _) in COMMANDS {
            let Some(all) = requests(name, &scene) else {
                panic!("the API has a command `{name}`: say here what it is to be asked");
            };
            for request in all {
                let answer = answer(&client, name, *kind, &request).await;
                look(&format!("API {name}"), &answer);
            }
        }
    });
}

/// Asks what ends the story.
pub(super) fn ask_last(azora: &Azora, at: &Path, look: &mut impl FnMut(&str, &str)) {
    let cluster = azora.json(at, &["ps"])["cluster"]
        .as_str()
        .expect("it has an id")
        .to_owned();
    runtime().block_on(async {
        let client = Client::connect(azora.home().path())
            .await
            .expect("an engine answers");
        for (name, request) in last(&cluster) {
            let answer = answer(&client, name, Kind::Act, &request).await;
            look(&format!("API {name}"), &answer);
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("there is room for a runtime")
}

/// What is answered, or how it fails.
async fn answer(client: &Client, name: &str, kind: Kind, request: &Value) -> String {
    if kind != Kind::Stream {
        return match client.call::<Value>(name, request).await {
            Ok(answer) => answer.to_string(),
            Err(error) => {
                let said = error.to_string();
                // A request of another shape would have nothing to answer.
                assert!(
                    !said.contains("is not of its shape"),
                    "{name} {request}: {said}"
                );
                said
            }
        };
    }
    let mut told = String::new();
    let mut stream = client
        .stream::<Value>(name, request)
        .await
        .expect("it is opened");
    // The gateway tells everything again each second.
    let most = if name == "watch_gateway" { 2 } else { MESSAGES };
    for _ in 0..most {
        match timeout(QUIET, stream.next()).await {
            Ok(Ok(Some(message))) => told.push_str(&message.to_string()),
            Ok(Ok(None)) | Ok(Err(_)) | Err(_) => break,
        }
    }
    assert!(!told.is_empty(), "{name} {request} says nothing");
    told
}
