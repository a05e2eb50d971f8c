//! Definitions right and wrong: what a valid one means, and what is said about the others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the crate is pure; its tests bring it files and measure how long it takes"
)]

mod broken;
mod choice;
mod commands;
mod containers;
mod diffs;
mod env_files;
mod generated;
mod meaning;
mod probes;
mod published;
mod robustness;
mod route;
mod schedules;
mod settings;

use model::ServiceName;
use spec::{Cluster, Diagnostics, Run, Service, Template};
use std::time::Duration;

/// Reads a definition from a folder called `shop`.
fn parse(text: &str) -> Result<Cluster, Diagnostics> {
    spec::parse(spec::FILE, "shop", text.as_bytes())
}

/// Reads a valid definition; its problems are the test's message.
fn valid(text: &str) -> Cluster {
    parse(text).unwrap_or_else(|problems| panic!("{}", problems.render(100, false)))
}

/// The service `s` of a definition that has it and `db` with a port.
fn service(body: &str) -> Service {
    let text = format!("[service.db]\nrun = \"db\"\nport = 5432\n\n[service.s]\n{body}\n");
    valid(&text).services.remove("s").unwrap()
}

/// How `run = '''…'''` is executed.
fn run(line: &str) -> Run {
    service(&format!("run = '''{line}'''"))
        .runs
        .process()
        .unwrap()
        .clone()
}

/// What is said about bytes that are no definition.
fn refusal(bytes: &[u8]) -> String {
    spec::parse(spec::FILE, "shop", bytes)
        .unwrap_err()
        .render(100, false)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// Words as `Run::Direct` holds them.
fn words(words: &[&str]) -> Run {
    Run::Direct(words.iter().map(|word| Template::text(*word)).collect())
}

fn shell(line: &str) -> Run {
    Run::Shell(Template::text(line))
}
