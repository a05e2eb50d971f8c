//! `kill -9` of shims: their services live on, it is shown at once, and no end is made up.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::json;
use std::time::Duration;
use tests::Azora;
use tests::shims::{self, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              shims that are killed [1000]
  --services N       services, whose shims are killed at the same time [20]
  --seed N           where the dice begin";

/// What is shown later than that is late.
const LATE: Duration = Duration::from_secs(1);

/// Kills, and looks what is told.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        kills: options.number("--n", 1_000)?,
        services: options.number("--services", 20)?,
        seed: options.number("--seed", u64::from(std::process::id()))?,
    };
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    eprintln!("bench: seed {}", wish.seed);
    let mut report = shims::run(&Azora::with(program), wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let mut faults = |what: &str, faults: &[String], of| table.faults(what, faults, of);
    let kills = format!("{} shims killed", report.kills);
    faults("services lost", &report.lost_services, kills);
    let shown = format!("{} shown as shim lost", report.shown.len());
    faults("not shown", &report.not_shown, shown);
    let told = format!(
        "{} ends told as they were, {} as unknown",
        report.real, report.unknown
    );
    faults("ends made up", &report.made_up, told);
    let ends = report.real + report.unknown + report.made_up.len();
    faults("ends not told", &report.untold, format!("{ends} ends told"));
    let times = in_ms(&report.shown);
    let late = report.shown.iter().filter(|time| **time > LATE).count();
    let [p50, p99, most] =
        [50, 99, 100].map(|percent| milliseconds(percentile(&mut report.shown, percent)));
    table.row([
        "shown later than 1 s".to_owned(),
        late.to_string(),
        "0".to_owned(),
        format!("{p50} p50, {p99} p99, {most} at most, ps included"),
    ]);
    let figures = json!({
        "seed": wish.seed,
        "services": wish.services,
        "kills": report.kills,
        "shown_ms": times,
        "shown_late": late,
        "real": report.real,
        "unknown": report.unknown,
        "lost_services": report.lost_services,
        "not_shown": report.not_shown,
        "made_up": report.made_up,
        "untold": report.untold,
    });
    Ok(Report::new(table, figures))
}
