//! A container daemon of a test's own: Docker's or Podman's, on a socket, a folder and an image of
//! its own. Nothing is pulled. A script keeps it (`daemon.sh`), which ends it with all it made when
//! the test is over, whichever way that ends.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The image that every daemon of a test has: the puppet at `/puppet`, and nothing to run by itself.
pub const IMAGE: &str = "localhost/azora-puppet";

/// A daemon is ready in about a second; on a busy machine it may take its turn.
const READY: Duration = Duration::from_secs(60);
/// A daemon of one's own needs it.
const ROOT: &str = "root";
const SCRIPT: &str = include_str!("daemon.sh");
/// What Podman needs where there is no systemd.
const CONTAINERS_CONF: &str = r#"
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"#;

/// Whose daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker's.
    Docker,
    /// Docker's, set up so that containers live on without it.
    DockerLive,
    /// Podman's.
    Podman,
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    folder: PathBuf,
    keeper: Mutex<Child>,
}

impl Daemon {
    /// The one that all tests of this program share. `None` where there can be none, which is said
    /// on standard error: the test that asked is skipped.
    ///
    /// # Panics
    /// When one should run here and does not start.
    pub fn shared(engine: Engine) -> Option<&'static Daemon> {
        static DOCKER: OnceLock<Option<Daemon>> = OnceLock::new();
        static LIVE: OnceLock<Option<Daemon>> = OnceLock::new();
        static PODMAN: OnceLock<Option<Daemon>> = OnceLock::new();
        let place = match engine {
            Engine::Docker => &DOCKER,
            Engine::DockerLive => &LIVE,
            Engine::Podman => &PODMAN,
        };
        let made = place.get_or_init(|| Daemon::own(engine));
        if made.is_none() {
            skipped(engine);
        }
        made.as_ref()
    }

    /// One for this test alone, which it may kill. `None` as with [`Daemon::shared`].
    ///
    /// # Panics
    /// When one should run here and does not start.
    pub fn own(engine: Engine) -> Option<Daemon> {
        if missing(engine).is_some() {
            skipped(engine);
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("az-daemon-")
            .tempdir_in("/tmp")
            .expect("a scratch folder in /tmp")
            // The keeper removes it, after us.
            .keep();
        fs::create_dir(folder.join("tmp")).expect("a folder in the scratch folder");
        fs::write(folder.join("containers.conf"), CONTAINERS_CONF).expect("its settings");
        let name = match engine {
            Engine::Docker => "docker",
            Engine::DockerLive => "docker-live",
            Engine::Podman => "podman",
        };
        let keeper = Command::new("bash")
            .args(["-c", SCRIPT, "daemon.sh", name])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("bash runs");
        let daemon = Daemon {
            folder,
            keeper: Mutex::new(keeper),
        };
        daemon.start();
        daemon.import();
        Some(daemon)
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("daemon.sock")
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends the daemon itself by SIGKILL; what its containers do about that is theirs.
    pub fn kill(&self) {
        self.say("kill");
        let gone = crate::eventually(READY, || UnixStream::connect(self.socket()).is_err());
        assert!(gone, "the daemon is killed");
    }

    /// Starts it, also again, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&self) {
        self.say("start");
        let ready = crate::eventually(READY, || {
            self.ask("GET", "/_ping", &[])
                .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        assert!(
            ready,
            "the daemon starts; its log: {}",
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        );
    }

    /// Sends one request without a client, its body a tar if there is one, and gives the whole answer
    /// as text.
    ///
    /// # Errors
    /// When the daemon is not there.
    pub fn ask(&self, method: &str, path: &str, tar: &[u8]) -> io::Result<String> {
        self.send(method, path, "application/x-tar", tar)
    }

    /// Posts JSON, the same way.
    ///
    /// # Errors
    /// When the daemon is not there.
    pub fn post(&self, path: &str, body: &serde_json::Value) -> io::Result<String> {
        self.send(
            "POST",
            path,
            "application/json",
            body.to_string().as_bytes(),
        )
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<String> {
        let mut socket = UnixStream::connect(self.socket())?;
        socket.set_read_timeout(Some(READY))?;
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: daemon\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        socket.write_all(body)?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn say(&self, command: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let input = keeper.stdin.as_mut().expect("its input is a pipe");
        writeln!(input, "{command}").expect("its keeper reads");
    }

    /// Makes [`IMAGE`] of the puppet and the libraries it is linked with.
    fn import(&self) {
        let root = self.folder.join("image");
        let puppet = crate::program("puppet");
        let linked = Command::new("ldd").arg(&puppet).output().expect("ldd runs");
        let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
        // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", "/lib64/ld-linux-x86-64.so.2 (0x…)"
        let libraries = linked
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
            .map(|path| (PathBuf::from(path), path.trim_start_matches('/').to_owned()));
        for (from, to) in libraries.chain([(puppet, "puppet".to_owned())]) {
            let to = root.join(to);
            fs::create_dir_all(to.parent().expect("a file has a folder")).expect("its folder");
            fs::copy(&from, &to).expect("it can be copied");
        }
        fs::create_dir(root.join("tmp")).expect("a folder for files");
        let tar = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .args(["-c", "."])
            .output()
            .expect("tar runs")
            .stdout;
        let path = format!("/images/create?fromSrc=-&repo={IMAGE}");
        let answer = self.ask("POST", &path, &tar).expect("the daemon answers");
        assert!(
            answer.starts_with("HTTP/1.1 200") && !answer.contains("\"error\""),
            "the image is imported: {answer}"
        );
    }
}

/// The end of its input tells the keeper. It clears up by itself, and is waited for so that a test
/// program that has ended has left nothing.
impl Drop for Daemon {
    fn drop(&mut self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        drop(keeper.stdin.take());
        let _ = keeper.wait();
    }
}

/// What this machine lacks for a daemon of its own.
fn missing(engine: Engine) -> Option<&'static str> {
    let there = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|folder| folder.join(name).is_file())
    };
    if !rustix::process::geteuid().is_root() {
        return Some(ROOT);
    }
    let wanted: &[&str] = match engine {
        Engine::Docker | Engine::DockerLive => &["dockerd", "docker", "containerd", "runc"],
        Engine::Podman => &["podman", "runc", "unshare"],
    };
    wanted.iter().find(|name| !there(name)).copied()
}

/// Says that there is none here; on the build machine there has to be, for root.
fn skipped(engine: Engine) {
    let what = missing(engine).unwrap_or("nothing");
    assert!(
        std::env::var_os("CI").is_none() || what == ROOT,
        "the build machine lacks {what}"
    );
    eprintln!(
        "\n*** SKIPPED: not run over {engine:?}, for want of {what}; scripts/setup --tests installs what it needs ***\n"
    );
}
