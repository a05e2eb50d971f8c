//! How long it takes until everything answers: from the supervisor's start command, nothing
//! running before, to the last service answering.

use crate::options::Options;
use crate::stage::{Keeper, Stage, jobs, programs};
use crate::table::{Report, Table, in_ms, milliseconds, percentile, times};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              services that need nothing of each other [150]
  --layers LxN       instead: L layers of N, each of which needs all of the layer before to be ready
  --runs N           runs of each keeper, in turn [5]
  --peers A,B,…      supervisors beside it: all that are installed, some, or none [all]";

/// Who is not up by then has failed.
const UP: Duration = Duration::from_secs(120);
/// Who takes so long is not run a third time.
const SLOW: Duration = Duration::from_secs(20);

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let count: usize = options.number("--n", 150)?;
    let layers = match options.text("--layers")? {
        Some(text) => layered(&text)?,
        None => vec![count],
    };
    let runs: usize = options.number("--runs", 5)?;
    let peers = options.text("--peers")?.unwrap_or_else(|| "all".into());
    let (azora, organ) = programs(&options)?;
    options.end()?;

    let mut keepers = Keeper::all(&peers)?;
    keepers.push(Keeper::OfProcfile);
    if layers.len() > 1 {
        keepers.retain(|keeper| match keeper {
            Keeper::Peer(peer) => peer.waits,
            Keeper::Floor | Keeper::Azora => true,
            // A Procfile has no order.
            Keeper::OfProcfile => false,
        });
    }
    let mut all: BTreeMap<&'static str, (Vec<Duration>, Vec<String>)> = BTreeMap::new();
    for run in 0..runs {
        // Who begins changes, so that nobody always follows the same one.
        keepers.rotate_left(1);
        for keeper in &keepers {
            let (taken, failed) = all.entry(keeper.name()).or_default();
            if failed.len() > 1 || (taken.len() > 1 && taken.iter().any(|time| *time > SLOW)) {
                continue;
            }
            let stage = Stage::begin(*keeper, &azora, &organ, jobs(&layers));
            match stage.answered(UP) {
                Ok(time) => {
                    eprintln!("bench: run {run}: {} {}", keeper.name(), milliseconds(time));
                    taken.push(time);
                }
                Err(wrong) => failed.push(wrong),
            }
        }
    }

    let mut table = Table::new([
        "start to all answering",
        "runs",
        "median",
        "of the floor",
        "failed",
    ]);
    let floor = all.get("floor").map(|(taken, _)| taken.clone());
    let floor = percentile(&mut floor.unwrap_or_default(), 50);
    let mut figures = BTreeMap::new();
    for (name, (taken, failed)) in &mut all {
        let median = percentile(taken, 50);
        table.row([
            (*name).to_owned(),
            taken.len().to_string(),
            milliseconds(median),
            times(median, floor),
            failed.len().to_string(),
        ]);
        figures.insert(
            *name,
            json!({ "median_ms": median.as_secs_f64() * 1e3, "ms": in_ms(taken), "failed": failed }),
        );
    }
    Ok(Report::new(
        table,
        json!({ "layers": layers, "start": figures }),
    ))
}

/// `10x15`.
pub(crate) fn layered(text: &str) -> Result<Vec<usize>, String> {
    let wrong = || format!("--layers wants something like 10x15, not {text:?}");
    let (layers, each) = text.split_once('x').ok_or_else(wrong)?;
    let layers: usize = layers.parse().map_err(|_| wrong())?;
    let each: usize = each.parse().map_err(|_| wrong())?;
    if layers == 0 || each == 0 || layers.saturating_mul(each) > 10_000 {
        return Err(wrong());
    }
    Ok(vec![each; layers])
}

#[cfg(test)]
mod reading {
    use super::*;

    #[test]
    fn layers_are_read_and_nonsense_refused() {
        assert_eq!(layered("3x2"), Ok(vec![2, 2, 2]));
        for nonsense in ["", "3", "x", "0x5", "99999x99999", "axb"] {
            assert!(layered(nonsense).is_err(), "{nonsense}");
        }
    }
}
