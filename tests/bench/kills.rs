//! `kill -9` of the engine, again and again, while services count lines and now and then die.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::json;
use std::time::Duration;
use tests::Azora;
use tests::kills::{self, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --services N       services that count [50]
  --kills N          kills of the engine [1000]
  --seed N           where the dice begin";

/// An adoption that takes longer is late.
const LATE: Duration = Duration::from_secs(2);

/// Kills, and counts what is lost.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        services: options.number("--services", 50)?,
        kills: options.number("--kills", 1_000)?,
        seed: options.number("--seed", u64::from(std::process::id()))?,
    };
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    eprintln!("bench: seed {}", wish.seed);
    let mut report = kills::run(&Azora::with(program), wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let mut faults = |what: &str, faults: &[String], of| table.faults(what, faults, of);
    let kills = format!(
        "{} kills of the engine, {} before it had adopted",
        report.kills, report.kills_while_adopting
    );
    faults("services lost", &report.lost_services, kills);
    let lines = format!("{} lines", report.lines);
    faults("lines lost", &report.lost_lines, lines);
    faults(
        "double starts",
        &report.doubled,
        format!("{} services", wish.services),
    );
    let deaths = format!(
        "{} deaths, {} while no engine ran, {} while one adopted",
        report.deaths, report.deaths_unattended, report.deaths_while_adopting
    );
    faults("deaths not known", &report.unknown_deaths, deaths);
    let told = format!("{} on record and not among the events", report.untold);
    faults("ends made up", &report.made_up, told);
    let times = in_ms(&report.adoptions);
    let late = report.adoptions.iter().filter(|time| **time > LATE).count();
    let [p50, p99, most] =
        [50, 99, 100].map(|percent| milliseconds(percentile(&mut report.adoptions, percent)));
    table.row([
        "adopted later than 2 s".to_owned(),
        late.to_string(),
        "0".to_owned(),
        format!(
            "{} adoptions: {p50} p50, {p99} p99, {most} at most",
            times.len()
        ),
    ]);
    let figures = json!({
        "seed": wish.seed,
        "services": wish.services,
        "kills": report.kills,
        "kills_while_adopting": report.kills_while_adopting,
        "adoption_ms": times,
        "deaths": report.deaths,
        "deaths_unattended": report.deaths_unattended,
        "deaths_while_adopting": report.deaths_while_adopting,
        "lines": report.lines,
        "lost_services": report.lost_services,
        "lost_lines": report.lost_lines,
        "doubled": report.doubled,
        "unknown_deaths": report.unknown_deaths,
        "made_up": report.made_up,
        "untold": report.untold,
    });
    Ok(Report::new(table, figures))
}
