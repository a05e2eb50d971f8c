//! The twenty-four services that faults are done to, and how each keeper is told of them.

use crate::is_root;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Between two checks of a service.
pub const EVERY_MS: u64 = 1_000;
/// A check that takes longer has failed.
pub const TIMEOUT_MS: u64 = 800;
/// So many failures in a row are a fault.
pub const FAIL: u32 = 3;
/// A service that is asked to end has so long.
pub const GRACE_MS: u64 = 2_000;
/// A service that was not ready yet is not judged by its checks before this time.
pub const WITHIN_MS: u64 = 20_000;
/// Kilobytes a service may have.
const MEMORY_KB: u64 = 96 << 10;

/// What a service is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The real database.
    Postgres,
    /// The real store.
    Redis,
    /// `puppet serve`: uses what it needs, and says 503 while one of them fails.
    Puppet,
    /// The same, whose `/health` is about itself alone.
    Shallow,
    /// The same as a puppet, and ends when it loses what it needs.
    Leaves,
    /// The demo's service: calls what it needs, and is well without.
    Organ,
}

/// One service of the graph.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// What it is made of.
    pub made: Made,
    /// What it really uses, and says that it needs.
    pub needs: &'static [&'static str],
}

const fn service(name: &'static str, made: Made, needs: &'static [&'static str]) -> Service {
    Service { name, made, needs }
}

/// All of them, each after what it needs.
pub const SERVICES: &[Service] = &[
    service("db", Made::Postgres, &[]),
    service("store", Made::Redis, &[]),
    service("flags", Made::Puppet, &[]),
    service("media", Made::Organ, &[]),
    service("auth", Made::Puppet, &["db", "store"]),
    service("sessions", Made::Puppet, &["store"]),
    service("queue", Made::Puppet, &["store"]),
    service("cache", Made::Puppet, &["store"]),
    service("search", Made::Puppet, &["db"]),
    service("catalog", Made::Puppet, &["db", "cache", "search"]),
    service("pricing", Made::Puppet, &["db", "flags"]),
    service("inventory", Made::Puppet, &["db", "queue"]),
    service("cart", Made::Puppet, &["sessions", "pricing"]),
    service("ledger", Made::Puppet, &["db"]),
    service("payments", Made::Puppet, &["ledger", "auth"]),
    service("orders", Made::Puppet, &["inventory", "payments", "queue"]),
    service("mailer", Made::Leaves, &["queue"]),
    service("indexer", Made::Leaves, &["queue", "search"]),
    service(
        "api-public",
        Made::Puppet,
        &["auth", "catalog", "cart", "orders"],
    ),
    service("api-partner", Made::Puppet, &["auth", "catalog", "orders"]),
    service("api-admin", Made::Puppet, &["auth", "orders", "pricing"]),
    service("web-shop", Made::Puppet, &["api-public", "media"]),
    service("web-admin", Made::Organ, &["api-admin"]),
    service(
        "gateway",
        Made::Shallow,
        &["web-shop", "web-admin", "api-partner"],
    ),
];

/// One stack of these services: ports and a folder of its own, and the programs.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Where its files are.
    pub folder: PathBuf,
    /// In the order of [`SERVICES`].
    pub ports: Vec<u16>,
    /// `puppet` and `organ`.
    pub programs: (PathBuf, PathBuf),
    /// `postgres`.
    pub postgres: PathBuf,
    /// The service whose configuration is broken at present.
    pub broken: Option<&'static str>,
}

impl Stack {
    /// The port of a service.
    pub fn port(&self, name: &str) -> u16 {
        let at = SERVICES.iter().position(|service| service.name == name);
        at.and_then(|at| self.ports.get(at)).copied().unwrap_or(0)
    }

    /// A file of a service: `data` is a folder, `crashes` and `ends` are files.
    pub fn file(&self, kind: &str, name: &str) -> PathBuf {
        self.folder.join(kind).join(name)
    }

    /// The command line of a service.
    pub fn command(&self, service: &Service) -> Vec<String> {
        let port = self.port(service.name).to_string();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let data = text(&self.file("data", service.name));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut all: Vec<String> = match service.made {
            Made::Postgres => {
                let program = text(&self.postgres);
                return words(&[
                    &program,
                    "-D",
                    &data,
                    "-p",
                    &port,
                    "-h",
                    "127.0.0.1",
                    "-k",
                    "",
                    "-c",
                    "fsync=off",
                ]);
            }
            Made::Redis => {
                return words(&[
                    "redis-server",
                    "--port",
                    &port,
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                    "--dir",
                    &data,
                ]);
            }
            Made::Organ => {
                let program = text(&self.programs.1);
                let mut all: Vec<String> =
                    words(&[&program, "--name", service.name, "--port", &port]);
                for need in service.needs {
                    let url = format!("http://127.0.0.1:{}", self.port(need));
                    all.extend(["--call".to_owned(), url]);
                }
                return all;
            }
            Made::Puppet | Made::Shallow | Made::Leaves => {
                let program = text(&self.programs.0);
                words(&[&program, "serve", service.name, &port])
            }
        };
        let mut option = |key: &str, value: String| all.extend([key.to_owned(), value]);
        for need in service.needs {
            let kind = match made(need) {
                Some(Made::Postgres) => "postgres",
                Some(Made::Redis) => "redis",
                _ => "http",
            };
            option("needs", format!("{kind}:{}", self.port(need)));
        }
        option("data", data);
        option("crashes", text(&self.file("crashes", service.name)));
        option("ends", text(&self.file("ends", service.name)));
        option("memory", MEMORY_KB.to_string());
        match service.made {
            Made::Shallow => option("shallow", "yes".to_owned()),
            Made::Leaves => option("leaves", "yes".to_owned()),
            _ => {}
        }
        if self.broken == Some(service.name) {
            option("config", "broken".to_owned());
        }
        all
    }

    /// The check that is a command, of those that have no HTTP.
    pub fn check(&self, service: &Service) -> Option<Vec<String>> {
        let port = self.port(service.name).to_string();
        let words: &[&str] = match service.made {
            Made::Postgres => &["pg_isready", "-q", "-h", "127.0.0.1", "-p"],
            Made::Redis => &["redis-cli", "-h", "127.0.0.1", "-p"],
            _ => return None,
        };
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words.push(port);
        if service.made == Made::Redis {
            words.push("ping".to_owned());
        }
        Some(words)
    }

    /// The graph as Azora is told of it.
    pub fn definition(&self) -> String {
        let list = |words: &[String]| {
            let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            format!("[{}]", quoted.join(", "))
        };
        let often = format!(
            "every = \"{EVERY_MS}ms\", timeout = \"{TIMEOUT_MS}ms\", fail = {FAIL}, within = \"{WITHIN_MS}ms\""
        );
        // Each fault is the first of its service, as it is where faults are days apart: what was
        // healthy for ten seconds begins anew.
        let mut text = format!(
            "[cluster]\nname = \"faults\"\n[cluster.defaults]\nstop = {{ grace = \"{GRACE_MS}ms\" }}\n\
             heal = {{ reset_after = \"10s\", budget = \"12 per 1m\" }}\n"
        );
        for service in SERVICES {
            let name = service.name;
            let run = list(&self.command(service));
            let ask = match self.check(service) {
                Some(words) => format!("exec = {}", list(&words)),
                None => "http = \"/health\"".to_owned(),
            };
            let needs: Vec<String> = service
                .needs
                .iter()
                .map(|need| (*need).to_owned())
                .collect();
            let port = self.port(name);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "[service.{name}]\nrun = {run}\nport = {port}\nneeds = {}\nhealth = {{ {ask}, {often} }}",
                list(&needs)
            );
            if service.made == Made::Postgres {
                let _ = writeln!(text, "stop = {{ signal = \"INT\" }}");
                if is_root() {
                    let _ = writeln!(text, "user = \"postgres\"");
                }
            }
        }
        text
    }
}

/// What a service of this name is made of.
pub fn made(name: &str) -> Option<Made> {
    let service = SERVICES.iter().find(|service| service.name == name)?;
    Some(service.made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twenty_four_and_each_comes_after_what_it_needs() {
        assert_eq!(SERVICES.len(), 24);
        for (at, service) in SERVICES.iter().enumerate() {
            for need in service.needs {
                assert!(
                    SERVICES[..at].iter().any(|other| other.name == *need),
                    "{need}"
                );
            }
        }
    }
}
