//! A crash at every step of start, stop and adopt; and a second one while the next engine makes up
//! for the first. Failpoints are not in a release build, so this one runs without `--release`.

use crate::options::Options;
use crate::table::{Report, Table};
use serde_json::{Map, Value, json};
use std::time::Instant;
use tests::crash::{all_cases, few_cases, pairs, try_all};

/// What it takes.
pub(crate) const TAKES: &str = "
  --at-a-time N      cases side by side; they wait more than they work [6]
  --only WORD        one: a single crash; two: a second one after it [both]";

/// Tries them all.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let at_a_time = options.number("--at-a-time", 6)?;
    let only = options.text("--only")?;
    options.end()?;
    if !cfg!(debug_assertions) {
        return Err("a release build has no failpoints: run it without --release".to_owned());
    }
    let wanted = |what: &str| only.as_deref().is_none_or(|only| only == what);
    let host =
        std::env::current_exe().map_err(|error| format!("failed to find myself: {error}"))?;
    let once = all_cases(&host)?;
    let twice = pairs(&few_cases(&host)?);
    let mut table = Table::new(["", "faults", "cases", "crashed", "passed by", "took"]);
    let mut figures = Map::new();
    for (key, what, cases) in [
        ("one", "one crash", once),
        ("two", "a crash, and one after it", twice),
    ] {
        if !wanted(key) {
            continue;
        }
        let (count, begun) = (cases.len(), Instant::now());
        eprintln!("bench: {count} cases of {what}");
        let outcome = try_all(&host, cases, at_a_time);
        table.row([
            what.to_owned(),
            outcome.faults.len().to_string(),
            count.to_string(),
            outcome.crashed.to_string(),
            outcome.passed_by.to_string(),
            format!("{:.0} s", begun.elapsed().as_secs_f64()),
        ]);
        figures.insert(
            key.to_owned(),
            json!({
                "cases": count,
                "crashed": outcome.crashed,
                "passed_by": outcome.passed_by,
                "faults": outcome.faults,
            }),
        );
    }
    Ok(Report::new(table, Value::Object(figures)))
}
