//! How long a new engine takes to find everything that runs when the databases of its home are gone.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::json;
use std::time::Duration;
use tests::Azora;
use tests::forgotten::{self, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              services [500]
  --runs N           times the engine is killed and the databases deleted [5]";

/// Found later than that is late.
const LATE: Duration = Duration::from_secs(5);

/// Deletes, and looks what is found.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        services: options.number("--n", 500)?,
        runs: options.number("--runs", 5)?,
    };
    let program = options.azora.clone();
    options.beside("organ")?;
    options.end()?;
    let mut report = forgotten::run(&Azora::with(program), wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let mut faults = |what: &str, faults: &[String], of| table.faults(what, faults, of);
    let all = format!("{} services, {} times", wish.services, report.runs);
    faults("services lost", &report.lost, all);
    faults("not in the registry", &report.unlisted, String::new());
    faults("else", &report.wrong, String::new());
    let late = report.found.iter().filter(|time| **time > LATE).count();
    let (adopted_ms, found_ms) = (in_ms(&report.adopted), in_ms(&report.found));
    let [adopted, found, most] = [
        percentile(&mut report.adopted, 50),
        percentile(&mut report.found, 50),
        percentile(&mut report.found, 100),
    ]
    .map(milliseconds);
    table.row([
        "found later than 5 s".to_owned(),
        late.to_string(),
        "0".to_owned(),
        format!(
            "adopted after {adopted}, all shown and listed after {found} median, {most} at most"
        ),
    ]);
    let figures = json!({
        "services": wish.services,
        "runs": report.runs,
        "adopted_ms": adopted_ms,
        "found_ms": found_ms,
        "lost": report.lost,
        "unlisted": report.unlisted,
        "wrong": report.wrong,
    });
    Ok(Report::new(table, figures))
}
