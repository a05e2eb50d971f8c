//! How soon a fault is known to who follows the events: a process that is killed, and processes that stand
//! still and are found out by their checks.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::dice::Dice;
use tests::feed::Feed;
use tests::process::{kill, signal};
use tests::{Azora, Folder};

/// What it takes.
pub(crate) const TAKES: &str = "
  --kills N          processes killed one after another, at random [1000]
  --services N       services, killed and then stopped all at once [50]
  --seed N           where the dice begin

A kill counts from the signal to the line of `azora events --follow`. What stands still is checked as services
are that say nothing about it: every 5 s, a timeout of 1 s, three failures.";

/// A crash has to be known after this, in ninety-nine of a hundred.
const CRASH_MS: u64 = 50;
/// As the definition has it when it says nothing.
const CHECK: (u32, Duration, Duration) = (3, Duration::from_secs(5), Duration::from_secs(1));
/// Word that has not come by then is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Kills, stops, and waits for word.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let kills: usize = options.number("--kills", 1_000)?;
    let services: usize = options.number("--services", 50)?;
    let seed: u64 = options.number("--seed", u64::from(std::process::id()))?;
    let azora = options.azora.clone();
    options.beside("organ")?;
    options.beside("puppet")?;
    options.end()?;
    if services == 0 || services > 100 {
        return Err("--services is 1 to 100".to_owned());
    }
    eprintln!("bench: seed {seed}");
    let azora = Azora::with(azora).env("AZORA_TRUST", "1");
    let mut dice = Dice(seed);
    let mut crashes = crashes(&azora, services, kills, &mut dice)?;
    let mut hangs = hangs(&azora, services)?;

    let mut table = Table::new(["", "found", "may be", "of"]);
    let p99 = percentile(&mut crashes, 99);
    let limit = Duration::from_millis(CRASH_MS);
    table.bound(
        [
            "killed until known, p99".to_owned(),
            milliseconds(p99),
            milliseconds(limit),
            format!("{kills} kills"),
        ],
        p99 > limit,
    );
    for (what, percent) in [("p50", 50), ("at most", 100)] {
        table.row([
            format!("killed until known, {what}"),
            milliseconds(percentile(&mut crashes, percent)),
            String::new(),
            String::new(),
        ]);
    }
    let (fail, every, timeout) = CHECK;
    let bound = every * fail + timeout;
    let most = percentile(&mut hangs, 100);
    table.bound(
        [
            "standing still until known, at most".to_owned(),
            milliseconds(most),
            milliseconds(bound),
            format!(
                "{services} at once: {fail} × {} s + {} s",
                every.as_secs(),
                timeout.as_secs()
            ),
        ],
        // Word of it takes its time as well.
        most > bound + limit,
    );
    table.row([
        "standing still until known, p50".to_owned(),
        milliseconds(percentile(&mut hangs, 50)),
        String::new(),
        String::new(),
    ]);
    let figures = json!({
        "seed": seed,
        "crash_ms": in_ms(&crashes),
        "hang_ms": in_ms(&hangs),
        "hang_bound_ms": bound.as_millis() as u64,
    });
    Ok(Report::new(table, figures))
}

fn crashes(
    azora: &Azora,
    services: usize,
    kills: usize,
    dice: &mut Dice,
) -> Result<Vec<Duration>, String> {
    let folder = Folder::with(&format!(
        "[cluster]\nname = \"crashes\"\n[service.mortal]\nrun = \"puppet hang\"\nreplicas = {services}\n\
         heal = {{ budget = \"1000 per 1s\", backoff = [\"0s\"], reset_after = \"1s\", circuit = false }}\n"
    ));
    let feed = begin(azora, folder.path());
    let mut pids: BTreeMap<String, u32> = azora
        .instances(folder.path())
        .into_iter()
        .map(|(name, one)| (name, one.pid))
        .collect();
    let mut times = Vec::with_capacity(kills);
    for n in 0..kills {
        let at = dice.below(services as u64) as usize;
        let name = format!("mortal.{at}");
        let pid = pids[&name];
        std::thread::park_timeout(Duration::from_micros(dice.below(30_000)));
        let begun = Instant::now();
        kill(pid);
        let known = feed
            .until(PATIENCE, |what| {
                what["kind"] == "exited" && what["instance"] == name.as_str()
            })
            .ok_or_else(|| format!("kill {n}, of {name}: no word"))?;
        times.push(known.0.saturating_duration_since(begun));
        let again = feed
            .until(PATIENCE, |what| {
                what["kind"] == "started" && what["instance"] == name.as_str()
            })
            .ok_or_else(|| format!("kill {n}, of {name}: it was not started again"))?;
        pids.insert(name, again.1["pid"].as_u64().unwrap_or(0) as u32);
        if (n + 1) % 100 == 0 {
            eprintln!(
                "bench: {} of {kills} killed, {} at most",
                n + 1,
                milliseconds(percentile(&mut times, 100))
            );
        }
    }
    drop(feed);
    azora.run(folder.path(), &["down"]);
    Ok(times)
}

fn hangs(azora: &Azora, services: usize) -> Result<Vec<Duration>, String> {
    let folder = Folder::with(&format!(
        "[cluster]\nname = \"hangs\"\n[service.still]\nrun = \"organ --name still --port $PORT\"\nport = 0\n\
         replicas = {services}\nhealth = {{ http = \"/health\" }}\nheal = {{ enabled = false }}\n"
    ));
    let feed = begin(azora, folder.path());
    let all = azora.instances(folder.path());
    let (fail, every, timeout) = CHECK;
    // Each has been asked for the first time by then, at its own point within the interval.
    std::thread::park_timeout(every + timeout);
    eprintln!("bench: {services} stand still");
    let begun = Instant::now();
    for one in all.values() {
        signal(one.pid, Signal::STOP);
    }
    let mut times = BTreeMap::new();
    while times.len() < services {
        let found = feed.until(every * fail + timeout + PATIENCE, |what| {
            what["kind"] == "state_changed" && what["to"] == "failing"
        });
        let Some((came, what)) = found else {
            return Err(format!(
                "{} of {services} were never found to stand still",
                services - times.len()
            ));
        };
        let name = what["instance"].as_str().unwrap_or_default().to_owned();
        times
            .entry(name)
            .or_insert_with(|| came.saturating_duration_since(begun));
    }
    for one in all.values() {
        kill(one.pid);
    }
    drop(feed);
    azora.run(folder.path(), &["down"]);
    Ok(times.into_values().collect())
}

fn begin(azora: &Azora, folder: &Path) -> Feed {
    azora.up(folder);
    Feed::of(azora, folder)
}
