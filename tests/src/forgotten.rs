//! The databases of a home are gone when its next engine starts: what runs is found from its shims.

use crate::{Azora, Folder, PATIENCE, process};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Services, each with a port that the registry has to list again.
    pub services: usize,
    /// Times the databases are deleted.
    pub runs: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Times the databases were deleted.
    pub runs: usize,
    /// From the start of an engine until it listens; it has adopted everything by then.
    pub adopted: Vec<Duration>,
    /// From the start of an engine until it has shown every service, and the registry lists each.
    pub found: Vec<Duration>,
    /// Services that were not found, or are not the processes they were.
    pub lost: Vec<String>,
    /// Services that the registry does not list where they are.
    pub unlisted: Vec<String>,
    /// Whatever else must not be.
    pub wrong: Vec<String>,
}

impl Report {
    /// Nothing that must not be.
    pub fn flawless(&self) -> bool {
        self.lost.is_empty() && self.unlisted.is_empty() && self.wrong.is_empty()
    }
}

/// What is deleted: each database, what SQLite keeps beside it, and what is to be moved into it.
const DATABASES: [&str; 3] = ["state.db", "history.db", "spare"];

/// Does it.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let folder = Folder::empty();
    let mut definition = "[cluster]\nname = \"forgotten\"\n[cluster.defaults]\n\
        health = { http = \"/health\", every = \"5s\" }\nstop = { grace = \"2s\" }\n"
        .to_owned();
    for service in 0..wish.services {
        definition.push_str(&format!(
            "[service.s{service:03}]\nrun = \"organ --name s{service:03} --port $PORT\"\nport = 0\n"
        ));
    }
    folder.define(&definition);
    let mut engine = azora.serve_until_it_listens(folder.path());
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    let mut report = Report::default();
    for run in 0..wish.runs {
        let _ = engine.kill();
        let _ = engine.wait();
        let deleted = delete(azora.home().path());
        if deleted < 2 {
            let fault = format!("run {run}: {deleted} databases were there to be deleted");
            report.wrong.push(fault);
        }
        let begun = Instant::now();
        engine = azora.serve(folder.path());
        let pid = engine.id();
        if !testkit::eventually(PATIENCE, || azora.listens(pid)) {
            let fault = format!("run {run}: the engine does not listen\n{}", azora.story());
            report.wrong.push(fault);
            break;
        }
        report.adopted.push(begun.elapsed());
        let after = azora.instances(folder.path());
        let listed = azora.all_listed();
        report.found.push(begun.elapsed());
        for (name, old) in &before {
            let new = after.get(name);
            let same =
                new.is_some_and(|new| (new.pid, new.generation) == (old.pid, old.generation));
            if !same || !process::lives(old.pid) {
                report
                    .lost
                    .push(format!("run {run}: {old:?} became {new:?}"));
            }
            let service = name.split('.').next().unwrap_or_default();
            if listed.get(service) != Some(&vec![old.port]) {
                let at = listed.get(service);
                report
                    .unlisted
                    .push(format!("run {run}: {name} is listed at {at:?}"));
            }
        }
        report.runs += 1;
    }
    // They are in hand: each ends when it is told to.
    let down = azora.run(folder.path(), &["down"]);
    let left = azora.left();
    if down.code != 0 || !left.is_empty() {
        report
            .wrong
            .push(format!("after {down:?} there is left: {left:?}"));
    }
    let _ = engine.kill();
    let _ = engine.wait();
    report
}

/// How many databases were there.
fn delete(home: &Path) -> usize {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for file in std::fs::read_dir(home)
        .expect("the home is there")
        .flatten()
    {
        let name = file.file_name();
        let name = name.to_string_lossy();
        let database = DATABASES
            .iter()
            .find(|database| name.starts_with(*database));
        if let Some(database) = database {
            std::fs::remove_file(file.path()).expect("it can be removed");
            *found.entry(*database).or_default() += 1;
        }
    }
    found.len()
}
