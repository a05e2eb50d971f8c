//! The death of a service that a hundred others need.

use crate::options::Options;
use crate::table::{Report, Table, milliseconds};
use serde_json::json;
use tests::{Azora, dependents};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              services that need it, directly or through one or two others [100]

A quarter of them end when they lose what they need, the others answer 503 until it is back. The one below
fails twice before it is.";

/// Of a hundred instances, so many may be under automatic action at a time.
const AT_ONCE_PERCENT: usize = 10;

/// Kills it, and looks.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let n: usize = options.number("--n", 100)?;
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    if n < 5 {
        return Err("--n is 5 at least".to_owned());
    }
    let azora = Azora::with(program).env("AZORA_TRUST", "1");
    let report = dependents::run(&azora, n);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let others: Vec<String> = report
        .incidents
        .iter()
        .filter(|(service, _)| service != "base")
        .map(|(service, cause)| format!("{service}: {cause}"))
        .collect();
    table.bound(
        [
            "incidents".to_owned(),
            report.incidents.len().to_string(),
            "1".to_owned(),
            format!("{n} dependents"),
        ],
        report.incidents.len() != 1,
    );
    table.faults("incidents of others", &others, String::new());
    table.faults(
        "restarted although they lived",
        &report.unneeded,
        format!("{n} dependents"),
    );
    table.faults(
        "started before what they need",
        &report.out_of_order,
        format!("{} that had ended", report.came_back),
    );
    let may = (n * AT_ONCE_PERCENT / 100).max(1);
    table.bound(
        [
            "being started at a time".to_owned(),
            report.at_once.to_string(),
            may.to_string(),
            "a tenth".to_owned(),
        ],
        report.at_once > may,
    );
    table.bound(
        [
            "until all were ready".to_owned(),
            report.recovered.map_or("never".to_owned(), milliseconds),
            String::new(),
            format!("{} were started again", report.came_back),
        ],
        report.recovered.is_none(),
    );
    let figures = json!({
        "dependents": report.dependents,
        "incidents": report.incidents,
        "recovered_ms": report.recovered.map(|time| time.as_secs_f64() * 1e3),
        "came_back": report.came_back,
        "unneeded": report.unneeded,
        "out_of_order": report.out_of_order,
        "at_once": report.at_once,
    });
    Ok(Report::new(table, figures))
}
