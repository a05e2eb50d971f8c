//! Services that write as fast as the machine lets them, from rest and out of a trickle: how far a
//! log gets over what it keeps, and whether a follower that cannot keep up says by how much.

use crate::counting::{OnDisk, Sampler};
use crate::{Azora, Folder, PATIENCE, until};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What is to happen.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Bytes of one burst.
    pub burst: u64,
    /// How many begin from rest; as many more come out of a trickle of lines.
    pub bursts: u64,
    /// What the log keeps, in bytes.
    pub keep: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Most bytes on disk of the log at any look, in bursts from rest and out of a trickle.
    pub peak: (u64, u64),
    /// The same when everything had come to rest.
    pub settled: u64,
    /// Looks at the disk.
    pub looks: u64,
    /// Bytes written.
    pub written: u64,
    /// Fastest burst, in bytes a second.
    pub speed: u64,
    /// Bytes the follower read, and bytes it said it had missed.
    pub followed: (u64, u64),
}

/// Tells it.
///
/// # Panics
/// When `azora` refuses something, or a burst does not end.
pub fn tell(azora: &Azora, plan: &Plan) -> Told {
    let folder = Folder::empty();
    let path = folder.path();
    let bursts = |name: &str| -> String {
        (0..plan.bursts)
            .map(|n| {
                let (go, over) = (mark(path, name, n, "go"), mark(path, name, n, "over"));
                format!("puppet until {go} flood {}; : > {over}; ", plan.burst)
            })
            .collect()
    };
    let definition = format!(
        "[cluster.defaults]\nlog = {{ keep = \"{}KiB\" }}\n\
         [service.rest]\nrun = \"echo begin; {}exec puppet hang\"\n\
         [service.trickle]\nrun = \"puppet tick 5 & {}exec puppet hang\"\n",
        plan.keep >> 10,
        bursts("rest"),
        bursts("trickle"),
    );
    folder.define(&definition);
    azora.up(path);
    let mut follower = Follower::start(azora, path, "rest");
    let mut told = Told::default();
    for (name, peak) in [("rest", &mut told.peak.0), ("trickle", &mut told.peak.1)] {
        let log = OnDisk::of(azora, &format!("{name}.0"));
        let disk = Sampler::start(vec![log.clone()]);
        for n in 0..plan.bursts {
            let (begun, before) = (Instant::now(), log.length());
            std::fs::write(mark(path, name, n, "go"), b"").expect("the folder is ours");
            let over = mark(path, name, n, "over");
            until("the end of a burst", || {
                Path::new(&over).exists().then_some(())
            });
            let written = log.length() - before;
            let speed = written as f64 / begun.elapsed().as_secs_f64();
            told.speed = told.speed.max(speed as u64);
            // At rest it is within its bound again.
            until("the log to be within its bound", || {
                (log.taken() <= plan.keep + plan.keep / 4 + MARGIN).then_some(())
            });
        }
        told.written += log.length();
        told.settled = told.settled.max(log.taken());
        told.looks += disk.looks();
        *peak = disk.peak();
    }
    let rest = OnDisk::of(azora, "rest.0").length();
    told.followed = follower.ends_at(rest);
    told
}

/// Blocks of the file system beside the log's own bytes: its index, its notes, the edges of holes.
pub const MARGIN: u64 = 512 << 10;

fn mark(folder: &Path, name: &str, burst: u64, what: &str) -> String {
    folder
        .join(format!("{name}-{burst}-{what}"))
        .display()
        .to_string()
}

/// `azora logs --follow --json` of one service: every line with its address.
struct Follower {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    read: u64,
    missed: u64,
}

impl Follower {
    fn start(azora: &Azora, folder: &Path, service: &str) -> Self {
        let mut child = azora
            .command(
                folder,
                &["logs", service, "--follow", "--since", "7d", "--json"],
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to run azora logs: {error}"));
        let out = child.stdout.take().expect("it is piped");
        let mut follower = Self {
            child,
            lines: BufReader::new(out),
            read: 0,
            missed: 0,
        };
        // It is there when it has read the service's first line.
        follower.ends_at("begin\n".len() as u64);
        follower
    }

    /// Reads on until the line that ends at `end`; answers the bytes read and missed until there.
    fn ends_at(&mut self, end: u64) -> (u64, u64) {
        let begun = Instant::now();
        let mut text = String::new();
        let mut at = 0;
        while at < end {
            assert!(
                begun.elapsed() < 4 * PATIENCE,
                "the follower came to {at} of {end}"
            );
            text.clear();
            let read = self.lines.read_line(&mut text).expect("azora writes UTF-8");
            assert!(read > 0, "the follower ended at {at} of {end}");
            let line: serde_json::Value =
                serde_json::from_str(&text).expect("a JSON object a line");
            let number = |name: &str| line[name].as_u64().unwrap_or(0);
            self.read += number("end") - number("offset");
            self.missed += number("missed");
            at = number("end");
        }
        (self.read, self.missed)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a log may be over its bound for a moment: what is written at this speed between two looks
/// of its shim, and while it gives back what it has too much.
pub fn overshoot(speed: u64) -> u64 {
    /// Two looks of a shim, for a machine that is busy with the writing itself.
    const LATE: Duration = Duration::from_millis(100);
    (speed as f64 * LATE.as_secs_f64()) as u64
}
