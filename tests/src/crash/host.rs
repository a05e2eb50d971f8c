//! A process that is nothing but a driver: told what to do on standard input, it says what happens
//! on standard output, a line each.
//!
//! | told | says |
//! |---|---|
//! | `adopt` | `found GENERATION running PID` or `found GENERATION ended STATUS`, then `adopted` |
//! | `start GENERATION WORD …` | `started GENERATION PID`, or `failed GENERATION again\|never WHY` |
//! | `stop GENERATION GRACE_MS` | `exited GENERATION STATUS` |
//! | `forget` | nothing |
//!
//! `lost GENERATION` and `blocked GENERATION WHO` come by themselves.

use driver::{Found, Happened, Launch, Layout, ProcessDriver};
use model::{ClusterId, ExitStatus, Generation, InstanceId};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// The home to work in; makes a program a host.
pub(crate) const VARIABLE: &str = "AZORA_TEST_HOST";

/// Becomes a host, and ends as one, if the environment says so.
pub fn run_if_asked() {
    if let Some(home) = std::env::var_os(VARIABLE) {
        run(home.into());
        std::process::exit(0);
    }
}

/// The one cluster.
pub(crate) fn cluster() -> ClusterId {
    "crash-0a1b2c3d".parse().expect("it is a name")
}

/// The one instance.
pub(crate) fn instance() -> InstanceId {
    "a.0".parse().expect("it is an instance")
}

fn run(home: PathBuf) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (events, mut heard) = mpsc::channel(64);
    let (driver, _telling) = runtime.block_on(async {
        let shim = testkit::program("azora-shim");
        let driver = ProcessDriver::open(Layout::new(home), shim, events).expect("a driver");
        let mut telling = tokio::task::JoinSet::new();
        telling.spawn(async move {
            while let Some(happened) = heard.recv().await {
                say(&told(happened));
            }
        });
        (driver, telling)
    });
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let generation = words
            .get(1)
            .and_then(|word| word.parse().ok())
            .map(Generation);
        let _inside = runtime.enter();
        match (words.first().copied(), generation) {
            (Some("adopt"), _) => {
                for found in runtime.block_on(driver.adopt(&cluster())) {
                    say(&adopted(&found));
                }
                say("adopted");
            }
            (Some("start"), Some(generation)) => driver.start(Launch {
                cluster: cluster(),
                instance: instance(),
                generation,
                argv: words.iter().skip(2).map(ToString::to_string).collect(),
                cwd: "/".into(),
                env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
                secrets: Default::default(),
                origins: Default::default(),
                user: None,
                ports: Vec::new(),
                log_keep: None,
                listen: Vec::new(),
                tty: false,
                notify: false,
                limits: Default::default(),
            }),
            (Some("stop"), Some(generation)) => {
                let grace = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(0);
                let stop = driver::Stop {
                    signal: spec::StopSignal::Term,
                    grace: Duration::from_millis(grace),
                    command: None,
                };
                driver.stop(&cluster(), &instance(), generation, stop);
            }
            (Some("forget"), _) => driver.forget(&cluster(), &instance()),
            _ => say(&format!("what is {line:?}?")),
        }
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: this host is about to be killed.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn adopted(found: &Found) -> String {
    let Found {
        generation,
        outcome,
        ..
    } = found;
    match outcome {
        Ok(pid) => format!("found {generation} running {pid}"),
        Err(status) => format!("found {generation} ended {}", word(*status)),
    }
}

fn told(happened: Happened) -> String {
    match happened {
        Happened::Started {
            generation, pid, ..
        } => format!("started {generation} {pid}"),
        Happened::StartFailed {
            generation,
            error,
            retry,
            ..
        } => {
            let again = if retry { "again" } else { "never" };
            format!("failed {generation} {again} {error}")
        }
        Happened::StartDelayed {
            generation,
            shortage,
            ..
        } => format!("failed {generation} again {shortage}"),
        Happened::Exited {
            generation, status, ..
        } => format!("exited {generation} {}", word(status)),
        Happened::StopBlocked {
            generation,
            blocker,
            ..
        } => format!("blocked {generation} {blocker}"),
        Happened::Told {
            generation, told, ..
        } => format!("told {generation} {told}"),
        Happened::StopGoesOn { generation, .. } => format!("goes-on {generation}"),
        Happened::ShimLost { generation, .. } => format!("lost {generation}"),
    }
}

/// `code-3`, `signal-9`, `unknown`.
fn word(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("code-{code}"),
        ExitStatus::Signal(signal) => format!("signal-{signal}"),
        ExitStatus::OutOfMemory { .. } => "out-of-memory".to_owned(),
        ExitStatus::Unknown => "unknown".to_owned(),
    }
}
