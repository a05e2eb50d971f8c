//! Events on their way out of a real engine that dies.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use tests::folder::SMALL;
use tests::process::{kill, lives};
use tests::{Azora, Folder, free_ports, until};

/// One request: its body.
fn answered(stream: TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    reader.into_inner().write_all(answer.as_bytes()).ok()?;
    serde_json::from_slice(&body).ok()
}

/// A receiver on this port: what it has got so far. Its thread ends with the test's process.
pub(crate) fn receive(port: u16) -> Arc<Mutex<Vec<Value>>> {
    let got = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&got);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(event) = answered(stream) {
                all.lock().expect("nobody panicked").push(event);
            }
        }
    });
    got
}

#[test]
fn events_reach_a_receiver_that_was_down_when_the_engine_was_killed() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let port = free_ports(1)[0];
    let settings = format!("[webhook.pager]\nurl = \"http://127.0.0.1:{port}/hook\"\n");
    std::fs::write(azora.home().path().join("settings.toml"), settings).expect("it is ours");
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "db.0");
    kill(before.pid);
    until("the incident to be over", || {
        let incidents = azora.incidents();
        let first = incidents.first()?;
        (first["state"] == "resolved").then_some(())
    });
    let view = until("what waits to be written down", || {
        let all = azora.json(folder.path(), &["webhooks"]);
        let view = all[0].clone();
        // Opened, something tried, resolved; and, when that has lasted, that it was healed.
        let events = azora.json(folder.path(), &["events", "-n", "1000"]);
        let healed = |event: &serde_json::Value| event["what"]["kind"] == "service_healed";
        let healed = events.as_array().is_some_and(|all| all.iter().any(healed));
        (healed && view["waiting"].as_u64() >= Some(4)).then_some(view)
    });
    assert!(view["delivered"].is_null(), "{view}");
    let test = azora.run(folder.path(), &["webhooks", "test", "pager"]);
    assert_eq!(test.code, 1, "{}", test.err);
    assert!(test.out.contains("did not take it"), "{}", test.out);
    let events = azora.json(folder.path(), &["events", "-n", "1000"]);
    let wanted: Vec<u64> = events
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| {
            let kind = event["what"]["kind"].as_str();
            kind == Some("incident") || kind == Some("service_healed")
        })
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));

    let got = receive(port);
    azora.up(folder.path());
    let got = until("everything to arrive", || {
        let got = got.lock().expect("nobody panicked").clone();
        (got.len() >= wanted.len()).then_some(got)
    });
    let seqs: Vec<u64> = got
        .iter()
        .filter_map(|event| event["data"]["seq"].as_u64())
        .collect();
    assert_eq!(
        seqs, wanted,
        "in order, and each once: nobody died on the way"
    );
    let last = got.last().expect("there are some");
    assert_eq!(last["type"], "dev.azora.service_healed", "{last}");
    assert_eq!(last["data"]["what"]["service"], "db", "{last}");
    let said = azora.ok(folder.path(), &["webhooks", "test", "pager"]);
    assert!(said.contains("took it"), "{said}");
    let view = until("it to be idle", || {
        let view = azora.json(folder.path(), &["webhooks"])[0].clone();
        (view["state"] == "idle").then_some(view)
    });
    assert_eq!(
        view["delivered"]["seq"].as_u64(),
        wanted.last().copied(),
        "{view}"
    );
    assert_eq!(
        (&view["waiting"], &view["lost"]),
        (&0.into(), &0.into()),
        "{view}"
    );
}
