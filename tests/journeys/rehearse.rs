//! A rehearsal asked of a running engine, which has better things to do.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use tests::folder::SMALL;
use tests::{Azora, Folder, PATIENCE, until};

/// What the engine answers to a rehearsal that is asked for: its status, then message after message.
struct Stream {
    status: u16,
    lines: BufReader<TcpStream>,
}

impl Stream {
    fn open(azora: &Azora, request: &Value) -> Stream {
        let token = std::fs::read_to_string(azora.home().path().join("token")).expect("a token");
        let (port, body) = (azora.api_port(), request.to_string());
        let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let limited = socket.set_read_timeout(Some(PATIENCE));
        limited.expect("a limit for reading");
        write!(
            socket,
            "POST /api/stream/rehearse HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("it takes the request");
        let mut lines = BufReader::new(socket);
        let mut first = String::new();
        lines.read_line(&mut first).expect("it answers");
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        Stream {
            status: status.unwrap_or_else(|| panic!("no answer: {first:?}")),
            lines,
        }
    }

    /// The next message: what is around it is HTTP's.
    fn next(&mut self) -> Value {
        let lines = self.lines.by_ref().lines().map_while(Result::ok);
        let mut messages = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        messages
            .find(Value::is_object)
            .expect("a message before the end")
    }

    fn report(mut self) -> Value {
        loop {
            let message = self.next();
            if message["kind"] == "report" {
                return message["report"].clone();
            }
        }
    }
}

/// The niceness of each thread of the engine that rehearses.
fn rehearsing(azora: &Azora) -> Vec<i32> {
    let tasks = PathBuf::from(format!("/proc/{}/task", azora.engine()));
    let tasks = std::fs::read_dir(tasks).expect("the engine runs").flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok())
        .filter_map(|stat| {
            let rest = stat.split_once("(rehearsal) ")?.1.to_owned();
            rest.split(' ').nth(16)?.parse().ok()
        })
        .collect()
}

#[test]
fn it_gives_way_is_one_at_a_time_and_ends_with_its_reader() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let cluster = azora.json(folder.path(), &["ps"])["cluster"].take();
    let cluster = cluster.as_str().expect("an id");

    let long = json!({ "cluster": cluster, "faults": 5_000 });
    let mut first = Stream::open(&azora, &long);
    assert_eq!(first.status, 200);
    assert_eq!(first.next()["kind"], "progress");
    assert_eq!(rehearsing(&azora), [19], "it gets what nobody else wants");
    let mut second = Stream::open(&azora, &long);
    assert_eq!(second.status, 409);
    let failure = second.next();
    assert_eq!(failure["code"], "conflict");
    let said = failure["message"].as_str().expect("a message");
    assert!(said.contains("a rehearsal is under way"), "{said}");
    drop(first);
    until("the rehearsal to end", || {
        rehearsing(&azora).is_empty().then_some(())
    });

    // What runs, and what is written now, are two things.
    let services = |request: Value| {
        let report = Stream::open(&azora, &request).report();
        assert_eq!((&report["faults"], &report["seed"]), (&3.into(), &9.into()));
        let services = report["run"]["services"].as_array();
        services.map_or(0, Vec::len)
    };
    let text = folder.path().to_str().expect("a path that is text");
    let of_folder = json!({ "folder": text, "faults": 3, "seed": 9 });
    folder.define(&format!(
        "{SMALL}\n[service.more]\nrun = \"organ --name more\"\n"
    ));
    assert_eq!(
        services(json!({ "cluster": cluster, "faults": 3, "seed": 9 })),
        3
    );
    assert_eq!(services(of_folder.clone()), 4);

    folder.define("[service.api]\nrun = \"true\"\nhelth = 1\n");
    let mut broken = Stream::open(&azora, &of_folder);
    let said = broken.next();
    assert_eq!((broken.status, &said["code"]), (422, &"definition".into()));
    assert!(said["message"].to_string().contains("helth = 1"), "{said}");
    for (request, status) in [
        (json!({ "cluster": "nobody-1", "folder": text }), 400),
        (json!({}), 400),
        (json!({ "cluster": cluster, "faults": 0 }), 400),
        (json!({ "folder": "shop" }), 400),
        (json!({ "cluster": "nobody-00000001" }), 404),
        (json!({ "folder": text, "fault": 3 }), 400),
    ] {
        assert_eq!(Stream::open(&azora, &request).status, status, "{request}");
    }
    assert!(rehearsing(&azora).is_empty());
}
