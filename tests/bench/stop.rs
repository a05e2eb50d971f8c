//! How long a full stop takes, of services that end when they are asked and of services that do not,
//! and what is left of them: counted by this program.

use crate::floor;
use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile, times};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tests::Azora;
use tests::zoo::{ANIMALS, Zoo};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              services [150]
  --runs N           runs of each kind [3]

Plain services end by SIGTERM. Those of the zoo are deaf, double-forked, without environment, stopped,
traced and so on, ten kinds in turn; each has a grace of one second, which is part of the time.
The floor is a loop over as many processes: kill each, wait for each.";

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let count: usize = options.number("--n", 150)?;
    let runs: usize = options.number("--runs", 3)?;
    let puppet = options.beside("puppet")?;
    let azora = options.azora.clone();
    options.end()?;

    let mut table = Table::new([
        "down, to its return",
        "median",
        "floor",
        "",
        "processes",
        "left",
    ]);
    let mut figures = serde_json::Map::new();
    for (kind, zoo) in [("plain", false), ("zoo", true)] {
        let (mut taken, mut floors) = (Vec::new(), Vec::new());
        let (mut processes, mut left) = (0, 0);
        for run in 0..runs {
            let one = stopped(&azora, &puppet, count, zoo)?;
            eprintln!("bench: run {run}: {kind} {}", milliseconds(one.took));
            taken.push(one.took);
            processes = one.processes;
            left += one.left;
            floors.push(floor::kill_loop(&puppet, one.processes));
        }
        let (median, floor) = (percentile(&mut taken, 50), percentile(&mut floors, 50));
        table.row([
            format!("{count} services, {kind}"),
            milliseconds(median),
            milliseconds(floor),
            times(median, floor),
            processes.to_string(),
            left.to_string(),
        ]);
        let one: Value = json!({
            "services": count,
            "processes": processes,
            "ms": in_ms(&taken),
            "median_ms": median.as_secs_f64() * 1e3,
            "floor_ms": in_ms(&floors),
            "left": left,
        });
        figures.insert(kind.to_owned(), one);
    }
    Ok(Report::new(table, Value::Object(figures)))
}

struct Stopped {
    took: Duration,
    processes: usize,
    left: usize,
}

fn stopped(program: &Path, puppet: &Path, count: usize, zoo: bool) -> Result<Stopped, String> {
    let azora = Azora::with(program.to_owned()).env("AZORA_TRUST", "1");
    let animals = if zoo { ANIMALS } else { &ANIMALS[..1] };
    let zoo = Zoo::up(&azora, animals, puppet, count, None)?;
    let begun = Instant::now();
    let done = azora.run(zoo.folder.path(), &["down"]);
    let took = begun.elapsed();
    if done.code != 0 {
        return Err(format!("down failed: {done:?}"));
    }
    Ok(Stopped {
        took,
        processes: zoo.processes,
        left: zoo.living(&azora).len(),
    })
}
