//! Where services are written down and looked up: Azora's registry, etcd, a file that nginx serves, and what a disk does
//! without any of them. Each has the first core for itself.

use crate::generator::{Outcome, SERVER_CORE, Target, pinned, saturate};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use testkit::Home;
use tests::{Azora, PATIENCE, free_ports, http};

/// Names that are written and read.
pub(crate) const NAMES: usize = 1_000;
/// What each says about itself: as long as that of the peers was when they were measured first.
const META: usize = 120;

/// Azora's registry in an engine on the first core.
pub(crate) struct Ours {
    /// The registry's port.
    pub(crate) port: u16,
    /// The engine's process.
    pub(crate) pid: u32,
    engine: Child,
    _azora: Azora,
}

impl Ours {
    /// Starts an engine, and waits for its registry.
    pub(crate) fn begin(program: &Path) -> Result<Self, String> {
        let azora = Azora::with(program.to_owned());
        let engine = azora
            .serve_after(
                azora.home().path(),
                &format!("taskset -pc {SERVER_CORE} $$ >/dev/null"),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to run azora: {error}"))?;
        let pid = engine.id();
        let there = testkit::eventually(PATIENCE, || azora.listens(pid));
        let ours = Self {
            port: if there { azora.registry() } else { 0 },
            pid,
            engine,
            _azora: azora,
        };
        match there {
            true => Ok(ours),
            false => Err("the engine does not listen".to_owned()),
        }
    }

    /// One instance of each name, and what one of them reads like.
    pub(crate) fn fill(&self) -> Result<String, String> {
        for n in 0..NAMES {
            let answer = http::ask(self.port, "POST", "/register", &registration(n, 0));
            if !answer
                .as_ref()
                .is_some_and(|answer| matches!(answer.code, 200 | 201))
            {
                return Err(format!("a registration was not taken: {answer:?}"));
            }
        }
        let answer = http::get(self.port, "/services/svc-1").ok_or("nobody answers")?;
        Ok(answer.body)
    }

    /// Reads one name, by so many clients.
    pub(crate) fn read(&self, clients: usize, time: Duration) -> Result<Outcome, String> {
        saturate(&self.target("/services/svc-1"), clients, time, None)
    }

    /// Registers names with something new each time: what is on disk when the answer comes.
    pub(crate) fn write(&self, clients: usize, time: Duration) -> Result<Outcome, String> {
        let body = registration(0, 0)
            .replace("svc-0", "svc-'..(n%1000)..'")
            .replace("\"v0-", "\"v'..n..'-");
        let script = format!(
            "local n=0\nrequest=function() n=n+1 return wrk.format('POST','/register',\
             {{['Content-Type']='application/json'}},'{body}') end\n"
        );
        saturate(&self.target("/register"), clients, time, Some(&script))
    }

    fn target(&self, path: &str) -> Target {
        Target {
            port: self.port,
            host: format!("127.0.0.1:{}", self.port),
            path: path.to_owned(),
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.engine.kill();
        let _ = self.engine.wait();
    }
}

/// What is posted: instance 0 of a name, with something that says which time it is.
pub(crate) fn registration(n: usize, time: usize) -> String {
    let meta = "m".repeat(META);
    format!(
        "{{\"name\":\"svc-{n}\",\"id\":\"0\",\"url\":\"http://127.0.0.1:20001\",\"ttl\":3600,\
         \"meta\":{{\"m\":\"v{time}-{meta}\"}}}}"
    )
}

/// Debian's etcd, one node, asked through its JSON gateway.
pub(crate) struct Etcd {
    port: u16,
    child: Child,
    _home: Home,
}

impl Etcd {
    /// Starts it, and waits until it takes a write.
    pub(crate) fn begin() -> Result<Self, String> {
        let home = Home::new();
        let ports = free_ports(2);
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (client, peer) = (url(ports[0]), url(ports[1]));
        let child = pinned(SERVER_CORE, "etcd")
            .arg("--data-dir")
            .arg(home.path().join("etcd"))
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("default={peer}")])
            .args(["--logger", "zap", "--log-level", "error"])
            .env("AZORA_HOME", home.path())
            .env("GOMAXPROCS", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to run etcd: {error}"))?;
        let etcd = Self {
            port: ports[0],
            child,
            _home: home,
        };
        let takes = testkit::eventually(PATIENCE, || {
            http::ask(
                etcd.port,
                "POST",
                "/v3/kv/put",
                r#"{"key":"YQ==","value":"YQ=="}"#,
            )
            .is_some_and(|answer| answer.code == 200)
        });
        match takes {
            true => Ok(etcd),
            false => Err("etcd does not answer".to_owned()),
        }
    }

    /// Writes keys, each on disk when the answer comes.
    pub(crate) fn write(&self, clients: usize, time: Duration) -> Result<Outcome, String> {
        self.ask(
            "/v3/kv/put",
            "'{\"key\":\"'..k..'\",\"value\":\"'..v..'\"}'",
            clients,
            time,
        )
    }

    /// Reads keys.
    pub(crate) fn read(&self, clients: usize, time: Duration) -> Result<Outcome, String> {
        self.ask("/v3/kv/range", "'{\"key\":\"'..k..'\"}'", clients, time)
    }

    fn ask(
        &self,
        path: &str,
        body: &str,
        clients: usize,
        time: Duration,
    ) -> Result<Outcome, String> {
        let key = |n: usize| base64(format!("/registry/svc-{n}/0").as_bytes());
        let keys: Vec<String> = (0..NAMES).map(|n| format!("'{}'", key(n))).collect();
        let value = base64(registration(0, 0).as_bytes());
        let script = format!(
            "local v='{value}'\nlocal keys={{{}}}\nlocal reqs={{}}\n\
             init=function() for i,k in ipairs(keys) do reqs[i]=wrk.format('POST','{path}',\
             {{['Content-Type']='application/json'}},{body}) end end\n\
             local n=0\nrequest=function() n=n+1 return reqs[n%#reqs+1] end\n",
            keys.join(",")
        );
        let target = Target {
            port: self.port,
            host: format!("127.0.0.1:{}", self.port),
            path: path.to_owned(),
        };
        saturate(&target, clients, time, Some(&script))
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// nginx with one file.
pub(crate) struct Static {
    port: u16,
    child: Child,
    _home: Home,
}

impl Static {
    /// Serves these bytes.
    pub(crate) fn begin(bytes: &str) -> Result<Self, String> {
        let home = Home::new();
        let port = free_ports(1)[0];
        let d = home.path().display().to_string();
        let scratch: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {d}/{kind};"))
            .collect();
        let user = if tests::is_root() { "user root; " } else { "" };
        let text = format!(
            "{user}daemon off; worker_processes 1; error_log {d}/error.log; pid {d}/nginx.pid;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; sendfile on; open_file_cache max=100; keepalive_requests 1000000000; \
             default_type application/json; {scratch}\n\
             server {{ listen 127.0.0.1:{port}; root {d}/www; }} }}\n"
        );
        let www = home.path().join("www");
        let written = std::fs::create_dir(&www)
            .and_then(|()| std::fs::write(www.join("svc.json"), bytes))
            .and_then(|()| std::fs::write(home.path().join("nginx.conf"), text));
        written.map_err(|error| format!("failed to write for nginx: {error}"))?;
        let child = pinned(SERVER_CORE, "nginx")
            .arg("-p")
            .arg(home.path())
            .arg("-c")
            .arg(home.path().join("nginx.conf"))
            .env("AZORA_HOME", home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to run nginx: {error}"))?;
        let nginx = Self {
            port,
            child,
            _home: home,
        };
        let serves = testkit::eventually(PATIENCE, || {
            http::get(port, "/svc.json").is_some_and(|answer| answer.code == 200)
        });
        match serves {
            true => Ok(nginx),
            false => Err(format!(
                "nginx does not serve: {:?}",
                http::get(port, "/svc.json")
            )),
        }
    }

    /// Reads the file.
    pub(crate) fn read(&self, clients: usize, time: Duration) -> Result<Outcome, String> {
        let target = Target {
            port: self.port,
            host: format!("127.0.0.1:{}", self.port),
            path: "/svc.json".to_owned(),
        };
        saturate(&target, clients, time, None)
    }
}

impl Drop for Static {
    fn drop(&mut self) {
        // The first process tells its worker, when it is asked to.
        tests::process::signal(self.child.id(), rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// What a disk does on its own, a second: SQLite that syncs every commit, one row in it and 32, and 4 KiB written and
/// synced. By Python's own SQLite: what it costs besides is little against a sync.
pub(crate) fn disk(seconds: u64) -> Result<[(&'static str, f64); 3], String> {
    let home = Home::new();
    let output = pinned(SERVER_CORE, "python3")
        .args(["-c", DISK])
        .arg(home.path())
        .arg(seconds.to_string())
        .output()
        .map_err(|error| format!("failed to run python3: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [one, many, bare] => Ok([
            ("SQLite FULL, one by one", one),
            ("SQLite FULL, 32 in a commit", many),
            ("4 KiB and fdatasync", bare),
        ]),
        _ => Err(format!(
            "python3 said {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

const DISK: &str = r#"
import os, sqlite3, sys, time
folder, seconds = sys.argv[1], float(sys.argv[2])
value = '{"addr":"127.0.0.1:20001","meta":"' + "m" * 120 + '"}'
for batch in (1, 32):
    db = sqlite3.connect(f"{folder}/{batch}.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID")
    n, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        db.execute("BEGIN")
        db.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", [(f"svc-{(n + i) % 1000}", value) for i in range(batch)])
        db.execute("COMMIT")
        n += batch
    print(n / (time.perf_counter() - begun))
file = os.open(f"{folder}/bare", os.O_RDWR | os.O_CREAT, 0o600)
os.posix_fallocate(file, 0, 64 << 20)
os.fsync(file)
n, begun = 0, time.perf_counter()
while time.perf_counter() - begun < seconds:
    os.pwrite(file, b"x" * 4096, (n % 16000) * 4096)
    os.fdatasync(file)
    n += 1
print(n / (time.perf_counter() - begun))
"#;

/// As etcd's JSON wants bytes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let all = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let letter = LETTERS[(all >> (18 - 6 * n) & 63) as usize];
            text.push(if n > three.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}

#[cfg(test)]
mod writing {
    use super::*;

    #[test]
    fn bytes_are_written_in_base_64() {
        assert_eq!(base64(b"/registry/a"), "L3JlZ2lzdHJ5L2E=");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"abc"), "YWJj");
    }
}
