//! How long it takes to end a thousand processes that do not want to be ended, in each of the states
//! in which nothing else works, and how many are left: counted by this program, not by Azora's word.

use crate::floor;
use crate::options::Options;
use crate::table::{Report, Table, milliseconds, times};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tests::Azora;
use tests::bad::{self, Bad};
use tests::small_disk::SmallDisk;
use tests::zoo::{self, ANIMALS, Zoo};

/// What it takes.
pub(crate) const TAKES: &str = "
  --processes N      processes to be ended, shims not counted; at least [1000]
  --bomb N           one service more, a fork bomb that may be N processes; 0: none [30]
  --disk MIB         size of the disk that is filled, mounted over the home; needs root [512]

Each state has a home and services of its own. \"database locked\": the engine was killed and somebody
else has the locks, because an engine that runs has them all the time, for itself alone. \"rules broken\": neither
constitution.cedar nor settings.toml can be read. The bomb is left out, and that is said, where nothing bounds it.";

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wanted: usize = options.number("--processes", 1_000)?;
    let bomb: usize = options.number("--bomb", 30)?;
    let disk: u64 = options.number("--disk", 512)?;
    let puppet = options.beside("puppet")?;
    let azora = options.azora.clone();
    options.end()?;

    let bomb = (bomb > 0 && zoo::bounded(&azora, &puppet)).then_some(bomb);
    if bomb.is_none() {
        eprintln!("bench: no fork bomb: none was wanted, or nothing here bounds one");
    }
    let floor = floor::kill_loop(&puppet, wanted);
    let mut table = Table::new([
        "emergency stop",
        "took",
        "of the floor",
        "processes",
        "left",
        "by",
        "it said",
    ]);
    table.row([
        "floor: a loop of kill and wait".to_owned(),
        milliseconds(floor),
        String::new(),
        wanted.to_string(),
        "0".to_owned(),
        String::new(),
        String::new(),
    ]);
    let mut states = Vec::new();
    for name in bad::STATES {
        eprintln!("bench: {name}");
        match stopped(name, &azora, &puppet, wanted, bomb, disk) {
            Ok(one) => {
                let took = Duration::from_secs_f64(one["ms"].as_f64().unwrap_or(0.0) / 1e3);
                let text = |key: &str| one[key].to_string().trim_matches('"').to_owned();
                table.row([
                    name.to_owned(),
                    milliseconds(took),
                    times(took, floor),
                    text("processes"),
                    text("left"),
                    text("by"),
                    format!("{} ended, exit code {}", text("ended"), text("code")),
                ]);
                states.push(one);
            }
            Err(why) => {
                let skipped = format!("skipped: {why}");
                let none = String::new;
                table.row([
                    name.to_owned(),
                    skipped.clone(),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                ]);
                states.push(json!({ "state": name, "skipped": why }));
            }
        }
    }
    let figures = json!({ "floor_ms": floor.as_secs_f64() * 1e3, "states": states });
    Ok(Report::new(table, figures))
}

fn stopped(
    name: &str,
    program: &Path,
    puppet: &Path,
    wanted: usize,
    bomb: Option<usize>,
    disk: u64,
) -> Result<Value, String> {
    let azora = Azora::with(program.to_owned()).env("AZORA_TRUST", "1");
    let home = azora.home();
    let small = match name {
        "disk full" => Some(SmallDisk::over(home.path(), disk)?),
        _ => None,
    };
    // Every animal comes as often as every other.
    let round: usize = ANIMALS.iter().map(|(_, _, each)| each).sum();
    let services = wanted.div_ceil(round) * ANIMALS.len();
    let zoo = Zoo::up(&azora, ANIMALS, puppet, services, bomb)?;
    let (engine, shims) = (zoo.engine, zoo.shims);
    let bad = Bad::bring(name, &azora, puppet, small.as_ref())?;
    let before = zoo.living(&azora).len();
    let begun = Instant::now();
    let done = azora.run(
        zoo.folder.path(),
        &["emergency-stop", "--reason", "bench", "--json"],
    );
    let took = begun.elapsed();
    let left = zoo.living(&azora).len();
    drop(bad);
    let said: Value = serde_json::from_str(&done.out).unwrap_or_default();
    if left > 0 {
        eprintln!(
            "bench: {name}: {left} left; it said {} {}",
            done.out, done.err
        );
    }
    let one = json!({
        "state": name,
        "ms": took.as_secs_f64() * 1e3,
        "services": services,
        "bomb": bomb,
        "processes": before - shims.min(before),
        "shims": shims,
        "left": left,
        "code": done.code,
        "by": said["by"],
        "ended": said["ended"],
        "said_left": said["left"].as_array().map(Vec::len),
        "report": said["report"],
    });
    // What holds the disk ends before it is taken away.
    drop(zoo);
    if small.is_some() {
        tests::process::kill(engine);
        let _ = testkit::eventually(tests::PATIENCE, || !tests::process::lives(engine));
    }
    drop(small);
    Ok(one)
}
