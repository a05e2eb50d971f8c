//! Fifty secrets are planted in a cluster, in the ways in which people and programs do it, and none of them is seen
//! in anything that Azora shows, sends or keeps of what happened: what every command prints, what every command of
//! the API answers, exports, the ledger, events, logs of its own, a report of a crash and a bundle for support.

mod asked;
mod planted;

use asked::{ask_all, ask_last};
use planted::{HOW, Planted, base64, percent};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use tests::process::{kill, lives};
use tests::{Azora, Folder, free_ports, gateway, http, until};

/// What was looked at, and what was seen there.
struct Watch<'a> {
    planted: &'a Planted,
    looked: BTreeSet<String>,
    seen: Vec<String>,
}

impl Watch<'_> {
    fn look(&mut self, place: &str, text: impl AsRef<[u8]>) {
        self.looked.insert(place.to_owned());
        for name in self.planted.seen(text.as_ref()) {
            let how = HOW.iter().find(|(one, _)| *one == name);
            let how = how.map_or("", |(_, how)| how);
            let seen = format!("{name} ({how}) in {place}");
            // At once: the story goes on, and may fail otherwise.
            eprintln!("seen: {seen}");
            self.seen.push(seen);
        }
    }

    fn folder(&mut self, place: &str, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => self.folder(place, &path),
                false => self.look(place, fs::read(&path).expect("it can be read")),
            }
        }
    }

    fn nothing_was_seen(&self) {
        assert!(
            self.seen.is_empty(),
            "{} times a planted secret was seen:\n{}",
            self.seen.len(),
            self.seen.join("\n")
        );
    }
}

/// The lines that the talker prints besides its own secrets.
fn lines(p: &Planted) -> String {
    let long = format!("said {} {}", "x ".repeat(50_000), p.of("log-long"));
    let jwt = p.of("log-jwt");
    let colour = p.of("log-colour");
    let nested = json!({"msg": json!({"token": p.of("log-nested")}).to_string()});
    [
        format!("said user=me password={} ok=1", p.of("log-logfmt")),
        json!({"level": "info", "token": p.of("log-json"), "msg": "said"}).to_string(),
        nested.to_string(),
        format!("said {{'secret': '{}', 'n': 1}}", p.of("log-python")),
        format!("> Authorization: Bearer {}", p.of("log-bearer")),
        format!(
            "> authorization: Basic {}",
            base64(format!("me:{}", p.of("log-basic")).as_bytes())
        ),
        format!("said at amqp://me:{}@queue:5672/x", p.of("log-url")),
        format!("GET /orders?api_key={}&page=2 200", p.of("log-query")),
        p.of("log-pem").to_owned(),
        format!(
            "\x1b[33mtoken\x1b[0m=\x1b[1m{}\x1b[31m{}\x1b[0m",
            &colour[..9],
            &colour[9..]
        ),
        format!("said that {} works", p.of("log-github")),
        format!("cookie {jwt};"),
        format!("said {} and no more", p.of("log-random")),
        long.replacen(
            p.of("log-long"),
            &format!("password={}", p.of("log-long")),
            1,
        ),
        format!("ERROR: secret = \"{}\" is refused", p.of("log-error")),
        format!("said {}", p.of("envfile-log")),
    ]
    .join("\n")
        + "\n"
        + &format!("said password={}", p.of("log-open"))
}

fn definition(p: &Planted, port: u16) -> String {
    format!(
        r#"
[cluster]
name = "planted"
env_files = [".env"]

[cluster.defaults]
stop = {{ grace = "2s" }}

[service.talker]
run = "sh talk.sh"
env = {{ DB_PASSWORD = "{password}", DATABASE_URL = "postgres://me:{url}@db/x", GH = "{github}", SETTING = "{random}" }}

[service.talker.secrets]
S_LOG = {{ file = "secrets/file-log" }}
S_BASE64 = {{ file = "secrets/file-base64" }}
S_PERCENT = {{ file = "secrets/file-percent" }}
S_JSON = {{ file = "secrets/file-json" }}
S_WORDS = {{ file = "secrets/file-words" }}
S_LINES = {{ file = "secrets/file-lines" }}
S_REASON = {{ file = "secrets/reason-known" }}
S_COMMAND = {{ command = "cat secrets/command-log" }}

[service.failing]
run = "sh -c 'echo ERROR: gone with $S; exit 3'"
heal = {{ budget = "1 per 1h" }}
secrets = {{ S = {{ file = "secrets/file-incident" }} }}

[service.hooked]
run = "sleep 600"
before_start = "sh -c 'echo no $S; exit 1'"
heal = {{ budget = "1 per 1h" }}
secrets = {{ S = {{ file = "secrets/file-hook" }} }}

[service.late]
run = "sh -c 'exec puppet notify STATUS=with-$N notify READY=1 hang'"
ready = {{ notify = true }}
after_ready = "sh -c 'echo no $A; exit 1'"
health = {{ exec = "sh -c 'echo unwell $H; exit 1'", every = "500ms" }}
heal = {{ budget = "1 per 1h" }}

[service.late.secrets]
N = {{ file = "secrets/file-notify" }}
A = {{ file = "secrets/file-after" }}
H = {{ file = "secrets/file-health" }}

[service.args]
run = ["puppet", "mark", "--password {flag}", "mark", "--api-key={equals}", "mark", "mysql://me:{arg_url}@db/x", "mark", "Authorization: Bearer {header}", "bind", "{port}", "hang"]
port = {port}
"#,
        password = p.of("env-password"),
        url = p.of("env-url"),
        github = p.of("env-github"),
        random = p.of("env-random"),
        flag = p.of("arg-flag"),
        equals = p.of("arg-equals"),
        arg_url = p.of("arg-url"),
        header = p.of("arg-header"),
    )
}

/// The folder of the cluster, with all that lies in it.
fn plant(p: &Planted, port: u16) -> Folder {
    let folder = Folder::with(&definition(p, port));
    fs::create_dir(folder.path().join("secrets")).expect("the folder is ours");
    for (name, _) in HOW
        .iter()
        .filter(|(_, how)| how.contains("secret file") || how.contains("secret of a command"))
    {
        folder.write(&format!("secrets/{name}"), &format!("{}\n", p.of(name)));
    }
    folder.write("lines", &lines(p));
    folder.write("json", &format!("{}\n", json!({"said": p.of("file-json")})));
    folder.write(
        "percent",
        &format!("said {}\n", percent(p.of("file-percent"))),
    );
    folder.write(
        "base64",
        &format!("said {}\n", base64(p.of("file-base64").as_bytes())),
    );
    folder.write(
        "talk.sh",
        "echo \"said $S_LOG\"; cat base64 percent json; echo \"said $S_WORDS\"; echo \"$S_LINES\"; echo \"said $S_COMMAND\"\n\
         cat lines; exec sleep 600\n",
    );
    folder.write(
        ".env",
        &format!(
            "STRIPE={}\nAPI_SECRET={}\nSESSION_SECRET={}\n",
            p.of("envfile-stripe"),
            p.of("envfile-secret"),
            p.of("envfile-log")
        ),
    );
    folder
}

/// An HTTP service that answers with what it was asked.
fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 8_192];
            // One piece holds such a request.
            let read = stream.read(&mut bytes).unwrap_or(0);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {read}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&bytes[..read]);
        }
    });
    port
}

/// A program registers itself, with what is nobody's business.
fn register(azora: &Azora, p: &Planted, to: u16) {
    let body = json!({
        "name": "outsider", "url": format!("http://127.0.0.1:{to}"), "ttl": 3600,
        "tags": [p.of("meta-tag")],
        "meta": {"db_password": p.of("meta-name"), "dsn": format!("redis://:{}@cache/0", p.of("meta-url"))},
    });
    let answer = http::ask(azora.registry(), "POST", "/register", &body.to_string());
    let answer = answer.expect("it answers");
    assert_eq!(answer.code, 201, "{}", answer.body);
}

/// Lines that every command prints something to.
const COMMANDS: [&str; 45] = [
    "status",
    "ps",
    "ps --all",
    "graph",
    "graph --dot",
    "logs",
    "logs -t --since 1h",
    "logs --grep said",
    "logs --count --grep said",
    "logs --first-error",
    "logs talker --level error",
    "env talker",
    "env failing",
    "env args",
    "events -n 1000",
    "acts -n 1000",
    "acts --refused",
    "incidents",
    "incident 1",
    "incident 2",
    "healed",
    "approvals",
    "approvals --all",
    "security --now",
    "registry",
    "webhooks",
    "gateway",
    "gateway log",
    "check .",
    "schema ps",
    "policy show",
    "policy check",
    "policy explain stop late",
    "ledger show --limit 1000",
    "ledger verify",
    "ledger checkpoint",
    "mute --list",
    "wait args",
    "restart talker",
    "hold args",
    "unhold args",
    "autonomy",
    "stop args",
    "start args",
    "webhooks test",
];

/// An engine that comes to a fault of its own, with a secret in its words.
fn crash(azora: &Azora, watch: &mut Watch<'_>, at: &Path) {
    let home = azora.home().path().to_owned();
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    let words = home.join("words");
    let p = watch.planted;
    let text = format!("no token={} and no {}\n", p.of("panic"), p.of("file-log"));
    fs::write(&words, text).expect("the home is ours");
    let order = format!("panic door.written 2 {}", words.display());
    let up = ["up", ".", "--detach", "--trust"];
    let done = azora.run_with(at, &up, &[("AZORA_FAILPOINT", order)]);
    watch.look("azora up, again", done.out + &done.err);
    let done = azora.run(at, &["hold", "args"]);
    assert!(done.err.contains("fault of Azora's own"), "{done:?}");
    watch.look("an answer to what failed", done.out + &done.err);
    fs::remove_file(words).expect("it is ours");
    let reports = files(&home.join("crashes"));
    let [report] = reports.as_slice() else {
        panic!("there is one report: {reports:?}");
    };
    let report = fs::read_to_string(report).expect("it can be read");
    for part in [
        "no token=••• and no •••",
        "azora 0",
        "door",
        "The last lines of its log",
    ] {
        assert!(report.contains(part), "{part} is in\n{report}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path().is_dir() {
            true => all.extend(files(&entry.path())),
            false => all.push(entry.path()),
        }
    }
    all
}

#[test]
fn fifty_planted_secrets_are_seen_nowhere() {
    let p = Planted::new();
    let port = free_ports(1)[0];
    let azora = Azora::new()
        .env("NPM_TOKEN", p.of("terminal-npm"))
        .env("RUST_BACKTRACE", "1");
    let folder = plant(&p, port);
    let at = folder.path();
    let home = azora.home().path().to_owned();
    fs::write(
        home.join("settings.toml"),
        format!(
            "[webhook.pager]\nurl = \"http://me:{}@127.0.0.1:9/hook\"\n",
            p.of("webhook")
        ),
    )
    .expect("the home is ours");
    let mut watch = Watch {
        planted: &p,
        looked: BTreeSet::new(),
        seen: Vec::new(),
    };
    let run = |watch: &mut Watch<'_>, at: &Path, words: &[&str]| {
        let done = azora.run(at, words);
        watch.look(
            &format!("azora {}", words.join(" ")),
            done.out.clone() + &done.err,
        );
        done
    };
    run(&mut watch, at, &["up", ".", "--detach", "--trust"]);
    let outside = echo();
    register(&azora, &p, outside);
    let named = gateway::register(&azora, "echo", outside);
    until("what fails to have failed", || {
        let of = |name: &str| azora.instance(at, name).state == "quarantined";
        (of("failing.0") && of("hooked.0") && of("late.0")).then_some(())
    });
    until("the last line to be written", || {
        azora
            .ok(at, &["logs", "talker"])
            .contains("said password=")
            .then_some(())
    });

    // Reasons; one of an act that waits for persons.
    let built_in = azora.ok(at, &["policy", "show", "--built-in"]);
    let own = "@id(\"one\") @says(\"somebody else says so\") @approvals(\"1\") @within(\"15m\")\n\
        forbid (principal, action == Action::\"stop\", resource is Service) when { resource.name == \"late\" }\n\
        unless { context.approvals >= 1 };\n";
    fs::write(
        home.join("constitution.cedar"),
        format!("{built_in}\n{own}"),
    )
    .expect("the home is ours");
    until("the rules to hold", || {
        let reason = format!("approval token={}", p.of("reason-approval"));
        let done = run(&mut watch, at, &["stop", "late", "--reason", &reason]);
        done.err.contains("approval").then_some(())
    });
    let reason = format!("because token={}", p.of("reason"));
    run(&mut watch, at, &["hold", "talker", "--reason", &reason]);
    let reason = format!("because {} said so", p.of("reason-known"));
    run(&mut watch, at, &["unhold", "talker", "--reason", &reason]);

    // Through the gateway.
    let path = format!("/?token={}", p.of("request"));
    http::get_of(named.port, &named.host, &path).expect("it answers");

    // Every command.
    for line in COMMANDS {
        let words: Vec<&str> = line.split(' ').collect();
        run(&mut watch, at, &words);
        let json = [&words[..], &["--json"]].concat();
        if tests::outputs::names().any(|name| name == words[0]) {
            run(&mut watch, at, &json);
        }
    }
    run(&mut watch, at, &["who", &port.to_string()]);
    let export = at.join("exported");
    run(&mut watch, at, &["ledger", "export", "exported"]);
    watch.folder("an export of the ledger", &export);
    // A mistake is shown with its line.
    let broken = Folder::with(&format!(
        "[service.x]\nrun = 'true'\nenv = {{ API_TOKEN = \"{}\", N = [ }}\n",
        p.of("mistake")
    ));
    run(&mut watch, broken.path(), &["check", "."]);
    run(
        &mut watch,
        broken.path(),
        &["up", ".", "--trust", "--detach"],
    );

    // Every command of the API.
    let bundle = at.join("bundle.tar.gz");
    let mut look = |place: &str, text: &str| watch.look(place, text);
    ask_all(&azora, at, port, (&named.host, p.of("request")), &mut look);
    crash(&azora, &mut watch, at);
    run(
        &mut watch,
        at,
        &["support", "--output", bundle.to_str().expect("it is text")],
    );
    let unpacked = at.join("unpacked");
    fs::create_dir(&unpacked).expect("the folder is ours");
    let done = std::process::Command::new("tar")
        .args(["-xzf", "bundle.tar.gz", "-C", "unpacked"])
        .current_dir(at)
        .status();
    assert!(done.is_ok_and(|done| done.success()), "it is a bundle");
    let files = files(&unpacked);
    for name in [
        "README.txt",
        "status.json",
        "engine.log",
        "home.txt",
        "settings.toml",
    ] {
        assert!(
            files.iter().any(|file| file.ends_with(name)),
            "{name} is in {files:?}"
        );
    }
    watch.folder("a bundle for support", &unpacked);

    // The end, and what lies in the home then.
    ask_last(&azora, at, &mut |place, text| watch.look(place, text));
    watch.folder("exports", &home.join("exports"));
    watch.folder("reports", &home.join("reports"));
    watch.folder("crash reports", &home.join("crashes"));
    for name in ["engine.log", "serve.log", "engine.lock"] {
        watch.look(
            &format!("the home's {name}"),
            fs::read(home.join(name)).unwrap_or_default(),
        );
    }
    // Events, acts and incidents as they are kept; what registered itself is kept as it said, so that it can be told.
    let own = ["meta-name", "meta-tag", "meta-url"];
    let mut kept = Watch {
        planted: &p,
        looked: BTreeSet::new(),
        seen: Vec::new(),
    };
    for name in ["state.db", "state.db-wal", "history.db", "history.db-wal"] {
        kept.look(name, fs::read(home.join(name)).unwrap_or_default());
    }
    kept.seen
        .retain(|seen| !own.iter().any(|own| seen.starts_with(own)));
    watch.seen.append(&mut kept.seen);
    println!("{} secrets, {} places", HOW.len(), watch.looked.len());
    watch.nothing_was_seen();
}
