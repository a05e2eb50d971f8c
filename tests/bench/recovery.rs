//! How long a service that was killed is away: from `kill -9` to another process answering.
//!
//! All keepers are up at the same time and idle; victims are killed one at a time, each keeper's in
//! turn, so that whatever else the machine does falls on all of them alike.

use crate::options::Options;
use crate::stage::{Keeper, Stage, eventually, jobs, programs};
use crate::table::{Report, Table, in_ms, milliseconds, percentile, times};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::PATIENCE;
use tests::process::kill;

/// What it takes.
pub(crate) const TAKES: &str = "
  --services N       services that each keeper has [20]
  --kills N          kills of each keeper's [200]
  --again N          second kills, 20 ms after a first one [20]
  --peers A,B,…      supervisors beside it: all that are installed, some, or none [all]";

/// Longest away that is waited for; who takes longer has failed.
const AWAY: Duration = Duration::from_secs(15);
/// Services live so long before they are killed: supervisors that wait after short lives are not
/// what is measured.
const SETTLE: Duration = Duration::from_secs(2);
/// Between a recovery and the second kill.
const AT_ONCE: Duration = Duration::from_millis(20);
/// Between two kills.
const PAUSE: Duration = Duration::from_millis(100);
/// A slow keeper is killed no more than so often.
const SLOW: usize = 20;

#[derive(Default)]
struct Away {
    first: Vec<Duration>,
    second: Vec<Duration>,
    adopted: Vec<Duration>,
    failed: Vec<String>,
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let services: usize = options.number("--services", 20)?;
    let kills: usize = options.number("--kills", 200)?;
    let again: usize = options.number("--again", 20)?;
    let peers = options.text("--peers")?.unwrap_or_else(|| "all".into());
    let (azora, organ) = programs(&options)?;
    options.end()?;
    if services == 0 {
        return Err("--services wants at least 1".into());
    }

    let mut stages = Vec::new();
    for keeper in Keeper::all(&peers)? {
        if matches!(keeper, Keeper::Peer(peer) if !peer.restarts) {
            continue;
        }
        eprintln!("bench: {} keeps {services}", keeper.name());
        let stage = Stage::begin(keeper, &azora, &organ, jobs(&[services]));
        match stage.answered(PATIENCE) {
            Ok(_) => stages.push((keeper.name(), stage)),
            Err(wrong) => eprintln!("bench: {} is left out: {wrong}", keeper.name()),
        }
    }
    let mut all: BTreeMap<&'static str, Away> = BTreeMap::new();
    crate::floor::pass(SETTLE);
    for (round, limit) in [(0..kills, true), (kills..kills + again, false)] {
        for at in round {
            for (name, stage) in &mut stages {
                let away = all.entry(name).or_default();
                let slow = percentile(&mut away.first.clone(), 50) > Duration::from_millis(200);
                if away.failed.len() > 2 || (slow && at % (kills / SLOW).max(1) != 0) {
                    continue;
                }
                std::thread::park_timeout(PAUSE);
                let recovered = stage.recover(at, AWAY).and_then(|time| {
                    away.first.push(time);
                    if limit {
                        return Ok(());
                    }
                    std::thread::park_timeout(AT_ONCE);
                    away.second.push(stage.recover(at, AWAY)?);
                    Ok(())
                });
                if let Err(wrong) = recovered {
                    away.failed.push(wrong);
                }
            }
        }
    }
    if let Some((_, stage)) = stages.iter_mut().find(|(name, _)| *name == "azora") {
        let away = all.entry("azora").or_default();
        match after_adoption(stage, services) {
            Ok(times) => away.adopted = times,
            Err(wrong) => away.failed.push(wrong),
        }
    }
    Ok(report(all))
}

/// The engine is killed, another one adopts, and each service is killed for the first time after
/// that.
fn after_adoption(stage: &mut Stage, services: usize) -> Result<Vec<Duration>, String> {
    let (azora, folder) = stage.azora().ok_or("azora is not there")?;
    let engine = azora.engine();
    kill(engine);
    if !eventually(PATIENCE, || !tests::process::lives(engine)) {
        return Err("the engine does not die".into());
    }
    azora.up(folder);
    (0..services).map(|at| stage.recover(at, AWAY)).collect()
}

fn report(mut all: BTreeMap<&'static str, Away>) -> Report {
    let mut table = Table::new([
        "kill -9 to answering",
        "kills",
        "p50",
        "p90",
        "of the floor",
        "again at once, p50",
        "after adoption, p50",
        "failed",
    ]);
    let floor = all.get_mut("floor").map(|away| {
        (
            percentile(&mut away.first, 50),
            percentile(&mut away.first, 90),
        )
    });
    let (floor, floor_p90) = floor.unwrap_or_default();
    let mut figures = BTreeMap::new();
    let shown = |times: &mut Vec<Duration>| match times.is_empty() {
        true => String::new(),
        false => milliseconds(percentile(times, 50)),
    };
    for (name, away) in &mut all {
        let (p50, p90) = (
            percentile(&mut away.first, 50),
            percentile(&mut away.first, 90),
        );
        table.row([
            (*name).to_owned(),
            away.first.len().to_string(),
            milliseconds(p50),
            milliseconds(p90),
            format!("{} p50, {} p90", times(p50, floor), times(p90, floor_p90)),
            shown(&mut away.second),
            shown(&mut away.adopted),
            away.failed.len().to_string(),
        ]);
        let figure: Value = json!({
            "p50_ms": p50.as_secs_f64() * 1e3,
            "p90_ms": p90.as_secs_f64() * 1e3,
            "first_ms": in_ms(&away.first),
            "again_ms": in_ms(&away.second),
            "after_adoption_ms": in_ms(&away.adopted),
            "failed": away.failed,
        });
        figures.insert(*name, figure);
    }
    Report::new(table, json!({ "recovery": figures }))
}
