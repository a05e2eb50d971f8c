//! What the ledger costs: an act that waits for the disk beside a bare SQLite insert of the same bytes, and how long
//! verifying all of a long one takes.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use ::ledger::{Key, Keys, Sealer, verify};
use model::{Act, ActId, Actor, Entry, Outcome, Target, Timestamp, Verb};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use store::{Batch, Durability, Store};

/// What it takes.
pub(crate) const TAKES: &str = "
  --rounds N         each writes so often, in turns [5]
  --appends N        acts of a round, each waiting for the disk [500]
  --entries N        of the ledger that is verified [1000000]
  --home PATH        on which disk [a scratch folder]

The bare insert is Python's sqlite3: one row of the same bytes, WAL, synchronous=FULL, one commit each.";

/// Acts of a writing while the long ledger is made.
const AT_ONCE: u64 = 500;

/// What a bare insert takes, in seconds, a line each.
const BARE: &str = "
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('PRAGMA journal_mode=WAL')
db.execute('PRAGMA synchronous=FULL')
db.execute('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body TEXT NOT NULL)')
for body in sys.stdin.read().splitlines():
    begun = time.perf_counter()
    db.execute('INSERT INTO t (body) VALUES (?)', (body,))
    print(time.perf_counter() - begun)
";

fn act(id: u64, outcome: Outcome) -> Act {
    Act {
        id: ActId(id),
        at: Timestamp(1_764_000_000_000 + i64::try_from(id).unwrap_or(0)),
        actor: Actor::person("cli"),
        verb: Verb::Restart,
        target: Target {
            cluster: "shop-0badcafe".parse().ok(),
            services: "api".parse().into_iter().collect(),
            instance: None,
        },
        reason: format!("for the {id}th time"),
        outcome,
        decision: None,
    }
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let rounds: u64 = options.number("--rounds", 5)?;
    let appends: u64 = options.number("--appends", 500)?;
    let wanted: u64 = options.number("--entries", 1_000_000)?;
    let home = options.text("--home")?;
    options.end()?;
    let scratch = match home {
        Some(home) => tempfile::tempdir_in(home),
        None => tempfile::tempdir(),
    };
    let scratch = scratch.map_err(|error| format!("failed to make a folder: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let story = |error: &dyn std::error::Error| format!("failed to {error}");
    let store = runtime.block_on(Store::open(scratch.path()));
    let store = store.map_err(|error| story(&error))?;
    let (mut ours, mut bare, mut id) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let mut bodies = String::new();
        for _ in 0..appends {
            id += 1;
            let one = act(id, Outcome::Pending);
            let body = serde_json::to_string(&Entry::of(&one)).map_err(|error| story(&error))?;
            bodies.push_str(&body);
            bodies.push('\n');
            let begun = Instant::now();
            let done = runtime.block_on(store.acts().append(&one, Durability::Full));
            ours.push(begun.elapsed());
            done.map_err(|error| story(&error))?;
        }
        bare.extend(inserted(&scratch.path().join("bare.db"), &bodies)?);
    }
    let long = runtime.block_on(long(&store, scratch.path(), id, wanted));
    let (entries, took, sealed) = long.map_err(|error| story(&error))?;
    let (mut our_times, mut bare_times) = (ours.clone(), bare.clone());
    let times = |all: &mut Vec<Duration>| [50, 99].map(|percent| percentile(all, percent));
    let ([our_p50, our_p99], [bare_p50, bare_p99]) =
        (times(&mut our_times), times(&mut bare_times));
    let ratio = our_p50.as_secs_f64() / bare_p50.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut table = Table::new(["", "p50 ms", "p99 ms", "of a bare insert"]);
    let row = |name: &str, p50, p99, of: String| {
        [name.to_owned(), milliseconds(p50), milliseconds(p99), of]
    };
    table.row(row(
        "an act, on disk",
        our_p50,
        our_p99,
        format!("{ratio:.2}"),
    ));
    table.row(row(
        "a bare insert, on disk",
        bare_p50,
        bare_p99,
        "1".to_owned(),
    ));
    let name = format!("{entries} entries verified");
    table.row(row(&name, took, took, String::new()));
    let figures = json!({
        "append_ms": in_ms(&ours),
        "bare_ms": in_ms(&bare),
        "ratio": ratio,
        "entries": entries,
        "sealed_s": sealed.as_secs_f64(),
        "verify_s": took.as_secs_f64(),
    });
    Ok(Report::new(table, figures))
}

/// The same bytes into a table without anything else.
fn inserted(file: &Path, bodies: &str) -> Result<Vec<Duration>, String> {
    let failed = |error: std::io::Error| format!("failed to run python3: {error}");
    let mut child = Command::new("python3")
        .args(["-c", BARE])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, bodies.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let times: Vec<Duration> = text
        .lines()
        .filter_map(|line| line.parse().ok())
        .map(Duration::from_secs_f64)
        .collect();
    match output.status.success() && times.len() == bodies.lines().count() {
        true => Ok(times),
        false => Err("python3 did not insert everything".to_owned()),
    }
}

/// Fills the ledger up to so many entries, signs it as an engine would, and verifies it. How many there are, how long
/// verifying took, and signing all of it.
async fn long(
    store: &Store,
    home: &Path,
    mut id: u64,
    wanted: u64,
) -> Result<(u64, Duration, Duration), ::ledger::Error> {
    let mut sealer = Sealer::open(store, Key::of(home)?).await?;
    let mut sealed = Duration::ZERO;
    while store.ledger().last().await? < wanted {
        let mut batch = Batch::default();
        for _ in 0..AT_ONCE {
            id += 1;
            batch.acts.push(act(id, Outcome::Pending));
            batch.acts.push(act(
                id,
                Outcome::Done("everything got where it should".into()),
            ));
        }
        store.keep(&batch).await?;
        let begun = Instant::now();
        sealer.seal(store, Timestamp(1)).await?;
        sealed += begun.elapsed();
    }
    let key = Key::of(home)?;
    let ledger = store.ledger();
    let begun = Instant::now();
    let keys = Keys::of(Some(&key), &ledger).await?;
    let verdict = verify(&ledger, &keys, &[], |_| {}).await?;
    let took = begun.elapsed();
    if !verdict.sound() || verdict.signed != verdict.entries {
        let why = format!("it is not sound: {:?}", verdict.faults);
        return Err(::ledger::Error::Source(why.into()));
    }
    Ok((verdict.entries, took, sealed))
}
