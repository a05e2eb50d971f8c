//! Following changes over HTTP: by waiting for the next number, and as a stream.

use crate::world::{Server, own, server};
use registry::Registration;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A reader of server-sent events.
struct Stream {
    reader: BufReader<OwnedReadHalf>,
    /// What has come of lines that are not read.
    text: String,
    /// Kept open: who closes it has hung up.
    _writer: OwnedWriteHalf,
}

impl Stream {
    async fn open(server: &Server, target: &str, header: &str) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let host = server.host();
        let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n");
        writer.write_all(text.as_bytes()).await.unwrap();
        let mut reader = BufReader::new(reader);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).await.unwrap() > 0, "{head}");
        }
        Self {
            reader,
            text: String::new(),
            _writer: writer,
        }
    }

    /// The next line; `None` when the stream has ended.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.find('\n') {
                let rest = self.text.split_off(end + 1);
                let line = std::mem::replace(&mut self.text, rest);
                return Some(line.trim_end().to_owned());
            }
            let mut size = String::new();
            self.reader.read_line(&mut size).await.unwrap();
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap_or(0);
            if size == 0 {
                return None;
            }
            // A chunk, and the line break behind it.
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).await.unwrap();
            self.text += std::str::from_utf8(&chunk[..size]).unwrap();
        }
    }

    /// The next event: its number, kind and data, which are as is said of them; `None` when the stream
    /// has ended.
    async fn next(&mut self) -> Option<(u64, String, String)> {
        let (id, kind, data) = self.quick().await?;
        crate::openapi::event_holds(&kind, &data);
        Some((id, kind, data))
    }

    /// The same, unlooked at.
    async fn quick(&mut self) -> Option<(u64, String, String)> {
        let (mut id, mut kind) = (None, None);
        loop {
            let line = tokio::time::timeout(LIMIT, self.line()).await.unwrap()?;
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.parse().unwrap());
            } else if let Some(text) = line.strip_prefix("event: ") {
                kind = Some(text.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((id.unwrap(), kind.unwrap(), data.to_owned()));
            }
        }
    }
}

fn wish(name: &str, port: u16) -> Registration {
    Registration::new(name, &format!("http://127.0.0.1:{port}"))
}

#[tokio::test]
async fn a_blocking_read_answers_when_something_of_it_changes() {
    let server = server().await;
    let registry = &server.world.registry;
    registry.register(wish("mail", 4000)).await.unwrap();
    let index = server.ask("GET /services/mail", "").await.index();
    assert_eq!(index, registry.index());
    // Nothing changes: it answers when its time is over.
    let line = format!("GET /services/mail?index={index}&wait=1ms");
    let same = server.ask(&line, "").await;
    assert_eq!((same.status, same.index()), (200, index));
    let change = async {
        // Of no interest to who waits for mail, and then of some.
        registry.register(wish("other", 4001)).await.unwrap();
        registry.register(wish("mail", 4002)).await.unwrap();
    };
    let line = format!("GET /services/mail?index={index}&wait=5m");
    let (answer, ()) = tokio::join!(server.ask(&line, ""), change);
    assert_eq!(answer.json().as_array().unwrap().len(), 2);
    assert!(answer.index() > index + 1);
    // A name that is not there can be waited for as well.
    let line = format!("GET /services/new?index={}&wait=5m", registry.index());
    let missing = server.ask("GET /services/new", "").await;
    assert_eq!((missing.status, missing.index()), (404, registry.index()));
    let come = async { registry.register(wish("new", 4003)).await.unwrap() };
    let (answer, _) = tokio::join!(server.ask(&line, ""), come);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn what_is_read_is_never_older_than_what_was_registered() {
    let server = server().await;
    for port in 4_000..4_100 {
        let body = format!(r#"{{"name":"mail","id":"a","port":{port}}}"#);
        let told = server.ask("POST /register", &body).await.json();
        for line in ["GET /services/mail", "GET /services"] {
            assert_eq!(server.ask(line, "").await.json()[0], told, "{line}");
        }
    }
    // Nor does a lease look as if it had not been renewed.
    let before = server.ask("GET /services/mail", "").await.json();
    server.ask("PUT /services/mail/a/heartbeat", "").await;
    assert_eq!(server.ask("GET /services/mail", "").await.json(), before);
    assert!(
        server
            .world
            .registry
            .set_check(
                &registry::Key::new("mail", "a"),
                "x",
                model::view::Health::Passing,
                ""
            )
            .is_err()
    );
}

#[tokio::test]
async fn a_stream_begins_with_what_there_is_and_tells_every_change_once() {
    let server = server().await;
    let registry = &server.world.registry;
    registry.register(wish("mail", 4000)).await.unwrap();
    let mut all = Stream::open(&server, "/watch", "").await;
    let mut of_api = Stream::open(&server, "/watch?name=api", "").await;
    let (seen, kind, data) = all.next().await.unwrap();
    assert_eq!((seen, kind.as_str()), (registry.index(), "snapshot"));
    assert!(data.contains("\"mail\""));
    let (_, kind, data) = of_api.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), data.ends_with("\"entries\":[]}")),
        ("snapshot", true)
    );
    let api = own("api.0", "api", "http://127.0.0.1:4001");
    registry.upsert_own(&api);
    registry.register(wish("other", 4002)).await.unwrap();
    registry.withhold_own(
        &api.cluster,
        &api.instance,
        &api.name,
        "its circuit is open",
    );
    registry.deregister("mail", None).await.unwrap();
    let mut last = seen;
    let mut kinds = Vec::new();
    registry.remove_own(&api.cluster, &api.instance);
    for _ in 0..6 {
        let (id, kind, _) = all.next().await.unwrap();
        assert!(id > last, "{id} after {last}");
        last = id;
        kinds.push(kind);
    }
    let told = ["put", "put", "removed", "withheld", "removed", "removed"];
    assert_eq!(kinds, told);
    for wanted in ["put", "removed", "withheld", "removed"] {
        assert_eq!(of_api.next().await.unwrap().1, wanted);
    }
    // Who comes back goes on from there; who says a number of another registry begins anew.
    let mut back = Stream::open(
        &server,
        "/watch",
        &format!("Last-Event-ID: {}\r\n", last - 1),
    )
    .await;
    assert_eq!(back.next().await.unwrap().0, last);
    let mut new = Stream::open(&server, "/watch", "Last-Event-ID: 99999999999\r\n").await;
    assert_eq!(new.next().await.unwrap().1, "snapshot");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_so_and_ended() {
    let server = server().await;
    let registry = &server.world.registry;
    let mut slow = Stream::open(&server, "/watch", "").await;
    assert_eq!(slow.next().await.unwrap().1, "snapshot");
    let key = registry::Key::new("mail", "a");
    let mut mail = wish("mail", 4000);
    mail.id = "a".into();
    mail.checks = vec![registry::Check::said("x", model::view::Health::Passing, "")];
    registry.register(mail).await.unwrap();
    // More than is kept, and nothing of it is read meanwhile: on one thread nobody else runs.
    for n in 0..5_000 {
        let health = match n % 2 {
            0 => model::view::Health::Warning,
            _ => model::view::Health::Passing,
        };
        registry.set_check(&key, "x", health, "").unwrap();
    }
    let mut kinds = Vec::new();
    while let Some((_, kind, _)) = slow.next().await {
        kinds.push(kind);
    }
    assert_eq!(kinds.last().map(String::as_str), Some("lost"));
    assert!(kinds.len() < 100, "{}", kinds.len());
}

/// Others push what is kept of changes out, and nothing of this name was among them.
#[tokio::test]
async fn a_reader_of_one_name_is_not_ended_by_what_happens_to_others() {
    let server = server().await;
    let registry = &server.world.registry;
    let [key, mail] = ["other", "mail"].map(|name| registry::Key::new(name, "a"));
    for name in ["other", "mail"] {
        let mut wish = wish(name, 4000);
        wish.id = "a".into();
        wish.checks = vec![registry::Check::said("x", model::view::Health::Passing, "")];
        registry.register(wish).await.unwrap();
    }
    let mut slow = Stream::open(&server, "/watch?name=mail", "").await;
    assert_eq!(slow.next().await.unwrap().1, "snapshot");
    let storm = || {
        for n in 0..5_000 {
            let health = match n % 2 {
                0 => model::view::Health::Warning,
                _ => model::view::Health::Passing,
            };
            registry.set_check(&key, "x", health, "").unwrap();
        }
    };
    storm();
    registry
        .set_check(&mail, "x", model::view::Health::Critical, "")
        .unwrap();
    let (index, kind, data) = slow.next().await.unwrap();
    assert_eq!((index, kind.as_str()), (registry.index(), "snapshot"));
    assert!(data.contains("critical"));
    // What it missed is pushed out as well.
    registry
        .set_check(&mail, "x", model::view::Health::Passing, "")
        .unwrap();
    storm();
    assert_eq!(slow.next().await.unwrap().1, "snapshot");
    registry.deregister("mail", None).await.unwrap();
    assert_eq!(slow.next().await.unwrap().1, "removed");
}

#[tokio::test]
async fn what_shares_the_numbers_makes_no_list_anew_and_the_number_goes_on() {
    let server = server().await;
    let registry = &server.world.registry;
    registry.register(wish("mail", 4000)).await.unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let answer = server.ask("GET /services", "").await;
        assert_eq!(answer.index(), registry.index());
        assert!(answer.index() > last);
        last = answer.index();
        registry.next_index();
    }
}

/// What was measured is printed; the limit is of a busy machine and a slow build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_readers_are_told_of_a_change_at_once() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
    let server = server().await;
    let registry = &server.world.registry;
    let mut streams = Vec::new();
    for n in 0..1_000 {
        let target = if n % 2 == 0 {
            "/watch"
        } else {
            "/watch?name=mail"
        };
        let mut stream = Stream::open(&server, target, "").await;
        assert_eq!(stream.quick().await.unwrap().1, "snapshot", "reader {n}");
        streams.push(stream);
    }
    registry.register(wish("other", 4001)).await.unwrap();
    let begun = tokio::time::Instant::now();
    registry.register(wish("mail", 4000)).await.unwrap();
    let mut all = JoinSet::new();
    for mut stream in streams {
        all.spawn(async move {
            while !stream.quick().await.unwrap().2.contains("\"mail\"") {}
            begun.elapsed()
        });
    }
    let slowest = all.join_all().await.into_iter().max().unwrap();
    println!("the last of 1,000 readers heard after {slowest:?}");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}
