//! Ports that strangers have: who has one is named, whoever must have it waits, whoever would like it
//! gets another, and no stranger is touched.

use crate::{Azora, Folder, PATIENCE, process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Conflicts, all in all: half of them over a port that must be had, half over one that is liked.
    pub cases: usize,
    /// Those of one cluster.
    pub at_once: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Conflicts there were.
    pub cases: usize,
    /// Those in which the very process was named.
    pub named: usize,
    /// Those in which it was not.
    pub not_named: Vec<String>,
    /// Strangers that live no more or do not listen any more.
    pub touched: Vec<String>,
    /// Services that run on the port that another has, or do not run on another.
    pub wrong: Vec<String>,
}

impl Report {
    /// Nothing that must not be.
    pub fn flawless(&self) -> bool {
        let faults = [&self.not_named, &self.touched, &self.wrong];
        faults.iter().all(|faults| faults.is_empty()) && self.named == self.cases
    }
}

/// Somebody else's process with a port.
struct Stranger {
    child: Child,
    port: u16,
    started: Option<u64>,
}

impl Stranger {
    fn new() -> Stranger {
        let mut child = Command::new(testkit::program("puppet"))
            .args(["bind", "0", "hang"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("puppet can be run");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is a pipe");
        let _ = BufReader::new(out).read_line(&mut line);
        let port = line
            .strip_prefix("port ")
            .and_then(|port| port.trim().parse().ok());
        Stranger {
            port: port.expect("it says its port"),
            started: process::started(child.id()),
            child,
        }
    }

    /// What has become of it, when that is not nothing.
    fn touched(&self) -> Option<String> {
        let pid = self.child.id();
        let same = process::lives(pid) && process::started(pid) == self.started;
        let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
        let still = process::state(pid) != Some('T');
        (!same || !listens || !still).then(|| {
            format!(
                "pid {pid}, port {}: lives {same}, listens {listens}, goes on {still}",
                self.port
            )
        })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does it.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let mut report = Report::default();
    while report.cases < wish.cases {
        let some = wish.at_once.min(wish.cases - report.cases);
        round(azora, some, &mut report);
    }
    report
}

fn round(azora: &Azora, some: usize, report: &mut Report) {
    let strangers: Vec<Stranger> = (0..some).map(|_| Stranger::new()).collect();
    let puppet = testkit::program("puppet");
    let mut definition = String::from("[cluster]\nname = \"ports\"\n");
    for (at, stranger) in strangers.iter().enumerate() {
        let port = match must_have(at) {
            true => format!("{{ number = {}, exact = true }}", stranger.port),
            false => stranger.port.to_string(),
        };
        definition.push_str(&format!(
            "[service.s{at:03}]\nrun = [\"{}\", \"hang\"]\nport = {port}\n",
            puppet.display()
        ));
    }
    let folder = Folder::with(&definition);
    // It waits for those that cannot start.
    let mut up = azora
        .command(folder.path(), &["up", ".", "--detach", "--trust"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("azora can be run");
    let mut rows = Vec::new();
    // What is not so by then is told below.
    let _ = testkit::eventually(PATIENCE, || {
        let done = azora.run(folder.path(), &["ps", "--json"]);
        let seen: Value = serde_json::from_str(&done.out).unwrap_or_default();
        rows = seen["instances"].as_array().cloned().unwrap_or_default();
        let mut all = strangers.iter().enumerate();
        all.all(|(at, stranger)| names(&rows, at, stranger) && goes_right(&rows, at, stranger))
    });
    for (at, stranger) in strangers.iter().enumerate() {
        report.cases += 1;
        let shown = || row(&rows, at).map_or_else(|| "no row".to_owned(), Value::to_string);
        match names(&rows, at, stranger) {
            true => report.named += 1,
            false => report.not_named.push(shown()),
        }
        if !goes_right(&rows, at, stranger) {
            report.wrong.push(shown());
        }
    }
    azora.run(folder.path(), &["down"]);
    let _ = up.kill();
    let _ = up.wait();
    report
        .touched
        .extend(strangers.iter().filter_map(Stranger::touched));
}

/// Every other one.
fn must_have(at: usize) -> bool {
    at & 1 == 0
}

fn row(rows: &[Value], at: usize) -> Option<&Value> {
    let name = format!("s{at:03}.0");
    rows.iter().find(|row| row["instance"] == name.as_str())
}

/// The row says which process has the port.
fn names(rows: &[Value], at: usize, stranger: &Stranger) -> bool {
    let holder = format!("pid {} ", stranger.child.id());
    let Some(row) = row(rows, at) else {
        return false;
    };
    let said = match must_have(at) {
        true => row["reason"].to_string(),
        false => row["port_taken"].to_string(),
    };
    said.contains(&holder) && said.contains(&stranger.port.to_string())
}

/// Whoever must have it does not run; whoever would like it runs on another.
fn goes_right(rows: &[Value], at: usize, stranger: &Stranger) -> bool {
    let Some(row) = row(rows, at) else {
        return false;
    };
    let port = row["ports"][0].as_u64();
    match must_have(at) {
        true => row["pid"].as_u64().is_none(),
        false => row["pid"].as_u64().is_some() && port != Some(u64::from(stranger.port)),
    }
}
