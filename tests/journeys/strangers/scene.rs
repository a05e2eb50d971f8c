//! A home with all that listens, and how one sees from outside that nothing in it has changed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use tests::gateway::register;
use tests::process::kill;
use tests::smuggling::Recorder;
use tests::strangers::{CANARY, Case, ID, LISTENERS, Listener, NAME, World, routes, send};
use tests::{Azora, Folder, free_ports, http, until};

const SHOP: &str = r#"
[cluster]
name = "canaryshop"

[cluster.defaults]
health = { http = "/health", every = "1s", timeout = "5s" }

[service.canarydb]
run = "organ --name canarydb --port $PORT"
env = { SEEN_BY_NOBODY = "canary of the environment" }
port = 0
"#;

/// A home with all that listens, a service that runs, one that registered itself, and a key.
pub(super) struct Scene {
    pub(super) azora: Azora,
    pub(super) folder: Folder,
    pub(super) engine: Child,
    backend: Recorder,
    pub(super) world: World,
}

impl Scene {
    pub(super) fn new() -> Self {
        let azora = Azora::new();
        let consul = free_ports(1)[0];
        let settings = format!("[registry]\nconsul = {consul}\n");
        std::fs::write(azora.home().path().join("settings.toml"), settings).expect("it is ours");
        let old = once(&azora);
        let other = once(&Azora::new());
        let engine = azora.serve_until_it_listens(azora.home().path());
        let folder = Folder::with(SHOP);
        azora.up(folder.path());
        azora.until(folder.path(), "canarydb.0", "ready", |one| one.serves());
        let backend = Recorder::new();
        let gateway = register(&azora, "other", backend.port()).port;
        let entry = format!(
            r#"{{"name":"{NAME}","id":"{ID}","url":"http://127.0.0.1:{}","ttl":86400,"meta":{{"said":"{CANARY}"}}}}"#,
            backend.port()
        );
        let registry = azora.registry();
        let answer = http::ask(registry, "POST", "/register", &entry).expect("it answers");
        assert_eq!(answer.code, 201, "{}", answer.body);
        until("Consul's clients to be served", || {
            http::ask(consul, "PUT", "/v1/kv/canary", CANARY).filter(|put| put.code == 200)
        });
        let host = format!("{NAME}.localhost:{gateway}");
        until("the gateway to know it", || {
            http::get_of(gateway, &host, "/").filter(|answer| answer.code == 200)
        });
        let status = azora.json(folder.path(), &["status"]);
        let cluster = status["clusters"][0]["id"].as_str().expect("a cluster");
        let world = World {
            ports: BTreeMap::from([
                (Listener::Api, azora.api_port()),
                (Listener::Registry, registry),
                (Listener::Consul, consul),
                (Listener::Gateway, gateway),
            ]),
            token: token(&azora),
            old,
            other,
            cluster: cluster.to_owned(),
            instance: "canarydb.0".to_owned(),
            home: azora.home().path().display().to_string(),
        };
        backend.take();
        Self {
            azora,
            folder,
            engine,
            backend,
            world,
        }
    }

    /// What a call of the command table answers.
    fn call(&self, name: &str, request: &str) -> String {
        let World { token, .. } = &self.world;
        let port = self.world.port(Listener::Api);
        let length = request.len();
        let request = format!(
            "POST /api/call/{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{request}"
        );
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        assert!(text.starts_with("HTTP/1.1 200"), "{name}: {text}");
        http::body(&text)
    }

    /// All that strangers could change: the book and the ledger, what is registered, keys, processes, files.
    pub(super) fn state(&self) -> BTreeMap<&'static str, String> {
        let ledger: serde_json::Value =
            serde_json::from_str(&self.call("ledger", "{}")).expect("JSON");
        let listed =
            http::get(self.world.port(Listener::Registry), "/services").expect("it answers");
        let listed = listed.json();
        let entries = listed.as_array().expect("a list").iter().map(|entry| {
            let part = |key: &str| entry[key].to_string();
            ["name", "id", "url", "kept_by", "expires", "tags", "meta"]
                .map(part)
                .join(" ")
        });
        let mut entries: Vec<String> = entries.collect();
        entries.sort();
        let consul = self.world.port(Listener::Consul);
        let keys = http::get(consul, "/v1/kv/?recurse").expect("it answers");
        let folder = self.folder.path();
        let instances = self.azora.instances(folder).into_values();
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let home = self.azora.home().path();
        let written = self.backend.written();
        BTreeMap::from([
            ("acts", self.call("acts", r#"{"limit":10000}"#)),
            ("approvals", self.call("approvals", "{}")),
            ("entries of the ledger", ledger["entries"].to_string()),
            ("registered", entries.join("\n")),
            ("keys", keys.body),
            (
                "instances",
                instances
                    .map(|one| format!("{} {} {}", one.name, one.pid, one.generation))
                    .collect(),
            ),
            ("engine", self.azora.engine().to_string()),
            ("definition", read(folder.join("azora.toml"))),
            ("settings", read(home.join("settings.toml"))),
            ("token", read(home.join("token"))),
            (
                "at the service behind the gateway",
                format!(
                    "{:?} {:?} {:?}",
                    written.requests, written.cut, written.wrong
                ),
            ),
        ])
    }

    /// Sends all of them, those of a listener one after the other; why some went well.
    pub(super) fn successes(&self, cases: &[Case]) -> Vec<String> {
        std::thread::scope(|scope| {
            let sent = LISTENERS.map(|listener| {
                let of = cases.iter().filter(move |case| case.listener == listener);
                scope.spawn(move || {
                    of.filter_map(|case| self.world.success(case, &send(&self.world, case)))
                        .collect::<Vec<String>>()
                })
            });
            sent.into_iter()
                .flat_map(|one| one.join().expect("nobody panicked"))
                .collect()
        })
    }

    #[track_caller]
    pub(super) fn has_not_changed(&mut self, before: &BTreeMap<&'static str, String>) {
        assert!(
            self.engine.try_wait().expect("it is our child").is_none(),
            "the engine lives"
        );
        for (what, now) in self.state() {
            assert_eq!(before[what], now, "{what}");
        }
    }

    /// Whom each good request is for does what it asks: else a case would prove nothing.
    pub(super) fn good_ones_are(&mut self) {
        for route in routes(&self.world) {
            let case = Case {
                listener: route.listener,
                class: "good",
                name: route.line.clone(),
                bytes: route.bytes(),
                then: route.then.clone(),
            };
            let answer = send(&self.world, &case);
            let well = match route.then {
                Some(_) => answer.text().contains("\"opened\""),
                None => matches!(answer.status(), 101 | 200..=299),
            };
            assert!(well, "{}: {}", case.name, answer.text());
        }
        let written = self.backend.take();
        assert_eq!(written.requests.len(), 4, "{written:?}");
        until("the engine to end", || {
            self.engine.try_wait().expect("it is our child")
        });
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if self.engine.try_wait().is_ok_and(|ended| ended.is_none()) {
            kill(self.engine.id());
            let _ = self.engine.wait();
        }
    }
}

fn token(azora: &Azora) -> String {
    let text = std::fs::read_to_string(azora.home().path().join("token")).expect("there is one");
    text.trim().to_owned()
}

/// The token of an engine that has ended.
fn once(azora: &Azora) -> String {
    let mut engine = azora.serve_until_it_listens(azora.home().path());
    let token = token(azora);
    kill(engine.id());
    let _ = engine.wait();
    token
}
