//! Where a container daemon listens, found as the command lines of Docker and Podman find it.
//!
//! What was asked for by name (`DOCKER_HOST`, a context, `CONTAINER_HOST`) is the only place that is
//! tried: another daemon would have other containers. Else every usual socket is, in order.
//! It reads files and never connects; [`crate::Daemon::connect`] does.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// Most bytes of a configuration file that are read. Docker's own are a few kilobytes.
const MOST_CONFIG: u64 = 1 << 20;

/// What of this process's surroundings says where a daemon is.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the folder of `config.json`.
    pub docker_config: Option<PathBuf>,
    /// `DOCKER_TLS_VERIFY` is set: the daemon wants TLS.
    pub docker_tls: bool,
    /// `CONTAINER_HOST`, which is Podman's.
    pub container_host: Option<String>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// The folder of sockets that belong to the machine: `/run`, elsewhere in tests.
    pub run: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    /// Those of a program with this environment.
    pub fn of_env(env: &BTreeMap<String, String>) -> Self {
        Self::of(|name| env.get(name).map(OsString::from))
    }

    fn of(var: impl Fn(&str) -> Option<OsString>) -> Self {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let text = |name: &str| var(name).and_then(|value: OsString| value.into_string().ok());
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_config: var("DOCKER_CONFIG").map(PathBuf::from),
            docker_tls: var("DOCKER_TLS_VERIFY").is_some(),
            container_host: text("CONTAINER_HOST"),
            runtime: var("XDG_RUNTIME_DIR").map(PathBuf::from),
            home: var("HOME").map(PathBuf::from),
            run: "/run".into(),
        }
    }
}

/// How a daemon is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket file.
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(place) => write!(f, "tcp://{place}"),
        }
    }
}

impl Address {
    /// True when this is the place that an address names, whichever links lead there.
    pub fn is_same(&self, other: &str) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match (self, other.strip_prefix("unix://")) {
            (Address::Unix(path), Some(other)) => real(path) == real(Path::new(other)),
            _ => self.to_string() == other,
        }
    }
}

/// A place where a daemon may listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// How it is reached.
    pub address: Address,
    /// Why it is this one, in words for people: "DOCKER_HOST says so".
    pub why: String,
}

/// What was named cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// A way to reach a daemon that is not spoken here.
    #[error("{source_of} names {host}: {why}")]
    Unsupported {
        /// Who says it.
        source_of: String,
        /// What it says.
        host: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The context that is asked for is not there.
    #[error("{source_of} asks for the context \"{name}\", and {problem}")]
    Context {
        /// Who asks for it.
        source_of: String,
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Where to look, in order: one place when it was named, else the usual sockets, whether they are
/// there or not.
///
/// # Errors
/// When what was named cannot be used.
pub fn find(around: &Surroundings) -> Result<Vec<Endpoint>, FindError> {
    if let Some(host) = &around.docker_host {
        return named(host, "DOCKER_HOST", around.docker_tls).map(|endpoint| vec![endpoint]);
    }
    let folder = around
        .docker_config
        .clone()
        .or_else(|| Some(around.home.as_ref()?.join(".docker")));
    let current = |folder: &PathBuf| {
        let config: Config = read(&folder.join("config.json"))?;
        let name = config.current_context.filter(|name| !name.is_empty())?;
        Some((
            name,
            format!("{} (currentContext)", folder.join("config.json").display()),
        ))
    };
    let context = match &around.docker_context {
        Some(name) => Some((name.clone(), "DOCKER_CONTEXT".to_owned())),
        None => folder.as_ref().and_then(current),
    };
    if let Some((name, source_of)) = context.filter(|(name, _)| name != "default") {
        let host = context_host(folder.as_deref(), &name, &source_of)?;
        let source_of = format!("the Docker context \"{name}\" of {source_of}");
        return named(&host, &source_of, false).map(|endpoint| vec![endpoint]);
    }
    if let Some(host) = &around.container_host {
        return named(host, "CONTAINER_HOST", false).map(|endpoint| vec![endpoint]);
    }
    Ok(usual(around))
}

fn usual(around: &Surroundings) -> Vec<Endpoint> {
    let mut all = vec![(around.run.join("docker.sock"), "Docker's usual socket")];
    if let Some(runtime) = &around.runtime {
        all.push((
            runtime.join("docker.sock"),
            "rootless Docker's usual socket",
        ));
    }
    if let Some(home) = &around.home {
        let socket = home.join(".docker/run/docker.sock");
        all.push((socket, "Docker Desktop's usual socket"));
    }
    if let Some(runtime) = &around.runtime {
        let socket = runtime.join("podman/podman.sock");
        all.push((socket, "rootless Podman's usual socket"));
    }
    let socket = around.run.join("podman/podman.sock");
    all.push((socket, "Podman's usual socket"));
    all.into_iter()
        .map(|(path, why)| Endpoint {
            address: Address::Unix(path),
            why: format!("it is {why}"),
        })
        .collect()
}

/// An endpoint that `source_of` names.
fn named(host: &str, source_of: &str, tls: bool) -> Result<Endpoint, FindError> {
    let unsupported = |why: &str| FindError::Unsupported {
        source_of: source_of.to_owned(),
        host: host.to_owned(),
        why: why.to_owned(),
    };
    let (scheme, rest) = host
        .split_once("://")
        .ok_or_else(|| unsupported("it has no scheme; unix:///run/docker.sock has one"))?;
    let address = match scheme {
        "unix" if rest.starts_with('/') => Address::Unix(rest.into()),
        "unix" => return Err(unsupported("the path of a socket begins with /")),
        "tcp" | "http" if tls => {
            return Err(unsupported(
                "TLS to a daemon is not spoken here; forward its socket, for example with \
                 ssh -L /tmp/docker.sock:/run/docker.sock HOST",
            ));
        }
        "tcp" | "http" => Address::Tcp(rest.trim_end_matches('/').to_owned()),
        "ssh" => {
            return Err(unsupported(
                "ssh is not spoken here; forward the daemon's socket with \
                 ssh -L /tmp/docker.sock:/run/docker.sock HOST and name unix:///tmp/docker.sock",
            ));
        }
        _ => return Err(unsupported("only unix:// and tcp:// are known here")),
    };
    let why = format!("{source_of} says so");
    Ok(Endpoint { address, why })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<Host>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Host {
    host: Option<String>,
}

/// The host of a context, whose file lies in a folder named for the hash of its name.
fn context_host(folder: Option<&Path>, name: &str, source_of: &str) -> Result<String, FindError> {
    let wrong = |problem: String| FindError::Context {
        source_of: source_of.to_owned(),
        name: name.to_owned(),
        problem,
    };
    let Some(folder) = folder else {
        return Err(wrong("neither DOCKER_CONFIG nor HOME is set".into()));
    };
    let meta = folder
        .join("contexts/meta")
        .join(hex(&Sha256::digest(name.as_bytes())))
        .join("meta.json");
    if !meta.exists() {
        let place = meta.display();
        return Err(wrong(format!(
            "{place} is not there; docker context ls lists those there are"
        )));
    }
    let host = read::<Meta>(&meta).and_then(|meta| meta.endpoints.docker?.host);
    host.ok_or_else(|| wrong(format!("{} names no Docker host", meta.display())))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MOST_CONFIG).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(home: &testkit::Home) -> Surroundings {
        Surroundings {
            home: Some(home.path().to_owned()),
            runtime: Some(home.path().join("user")),
            run: home.path().join("run"),
            ..Surroundings::default()
        }
    }

    /// A context as `docker context create` writes it.
    fn context(home: &testkit::Home, name: &str, host: &str) {
        let hash = hex(&Sha256::digest(name.as_bytes()));
        let folder = home.path().join(".docker/contexts/meta").join(hash);
        std::fs::create_dir_all(&folder).unwrap();
        let meta = serde_json::json!({"Name": name, "Metadata": {},
            "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": false}}});
        std::fs::write(folder.join("meta.json"), meta.to_string()).unwrap();
    }

    fn addresses(around: &Surroundings) -> Vec<String> {
        let found = find(around).unwrap();
        found.iter().map(|one| one.address.to_string()).collect()
    }

    #[test]
    fn docker_host_goes_before_everything() {
        let home = testkit::Home::new();
        context(&home, "far", "tcp://10.0.0.1:2375");
        let around = Surroundings {
            docker_host: Some("unix:///tmp/d.sock".into()),
            docker_context: Some("far".into()),
            container_host: Some("unix:///tmp/p.sock".into()),
            ..around(&home)
        };
        assert_eq!(addresses(&around), ["unix:///tmp/d.sock"]);
        assert_eq!(find(&around).unwrap()[0].why, "DOCKER_HOST says so");
    }

    #[test]
    fn a_context_is_looked_up_by_the_hash_of_its_name() {
        let home = testkit::Home::new();
        context(&home, "far", "tcp://10.0.0.1:2375");
        let config = home.path().join(".docker/config.json");
        std::fs::write(config, r#"{"auths": {}, "currentContext": "far"}"#).unwrap();
        let mut around = around(&home);
        assert_eq!(addresses(&around), ["tcp://10.0.0.1:2375"]);
        let why = &find(&around).unwrap()[0].why;
        assert!(why.contains("context \"far\""), "{why}");

        around.docker_context = Some("near".into());
        let error = find(&around).unwrap_err().to_string();
        assert!(
            error.starts_with("DOCKER_CONTEXT asks for the context \"near\", and "),
            "{error}"
        );
        // Which is Docker's word for no context.
        around.docker_context = Some("default".into());
        assert_eq!(addresses(&around).len(), 5);
    }

    #[test]
    fn one_socket_is_the_same_by_every_link() {
        let home = testkit::Home::new();
        let (socket, link) = (home.path().join("socket"), home.path().join("link"));
        std::fs::write(&socket, "").unwrap();
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        let address = Address::Unix(link);
        assert!(address.is_same(&Address::Unix(socket).to_string()));
        assert!(!address.is_same("unix:///elsewhere"));
        assert!(!address.is_same("tcp://127.0.0.1:1"));
    }

    #[test]
    fn the_usual_sockets_come_last_and_in_order() {
        let home = testkit::Home::new();
        let here = home.path().display();
        assert_eq!(
            addresses(&around(&home)),
            [
                format!("unix://{here}/run/docker.sock"),
                format!("unix://{here}/user/docker.sock"),
                format!("unix://{here}/.docker/run/docker.sock"),
                format!("unix://{here}/user/podman/podman.sock"),
                format!("unix://{here}/run/podman/podman.sock"),
            ]
        );
    }

    #[test]
    fn what_is_not_spoken_is_said_with_what_to_do() {
        let home = testkit::Home::new();
        let error = |host: &str, tls| {
            let around = Surroundings {
                docker_host: Some(host.into()),
                docker_tls: tls,
                ..around(&home)
            };
            find(&around).unwrap_err().to_string()
        };
        assert!(error("ssh://me@there", false).contains("ssh -L"));
        assert!(error("tcp://there:2376", true).contains("TLS"));
        assert!(error("/run/docker.sock", false).contains("it has no scheme"));
        assert!(error("unix://run/docker.sock", false).contains("begins with /"));
        assert!(error("npipe:////./pipe/docker", false).contains("only unix://"));
    }

    #[test]
    fn a_broken_or_huge_configuration_is_as_none() {
        let home = testkit::Home::new();
        std::fs::create_dir_all(home.path().join(".docker")).unwrap();
        let config = home.path().join(".docker/config.json");
        for text in ["{", "[]", &" ".repeat(MOST_CONFIG as usize + 1)] {
            std::fs::write(&config, text).unwrap();
            assert_eq!(addresses(&around(&home)).len(), 5);
        }
    }
}
