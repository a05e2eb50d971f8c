//! Two engines and two clients that are started in the same moment, again and again: what is started
//! twice, and who is told nonsense.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::json;
use tests::Azora;
use tests::races::{self, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --races N          races [1000]
  --services N       services of the cluster [3]
  --seed N           where the dice begin

Before a race there is nothing, or services whose engine was killed, or an engine, idle or busy, which
both of the two take over.";

/// Races, and looks who won.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        races: options.number("--races", 1_000)?,
        services: options.number("--services", 3)?,
        seed: options.number("--seed", u64::from(std::process::id()))?,
    };
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    eprintln!("bench: seed {}", wish.seed);
    let mut report = races::run(&Azora::with(program), wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let mut faults = |what: &str, faults: &[String], of| table.faults(what, faults, of);
    let races = format!(
        "{} races of 2 engines and 2 clients, {} services; started in {}",
        report.races, wish.services, report.started
    );
    faults("double starts", &report.doubled, races);
    faults("services lost", &report.lost, String::new());
    let engines = format!(
        "{} engines were refused, {} took over",
        report.refused, report.taken_over
    );
    faults("not one engine", &report.engines, engines);
    let times = in_ms(&report.answered);
    let [p50, most] =
        [50, 100].map(|percent| milliseconds(percentile(&mut report.answered, percent)));
    let answers = format!("both clients had theirs after {p50} median, {most} at most");
    faults("answers without sense", &report.nonsense, answers);
    let figures = json!({
        "seed": wish.seed,
        "races": report.races,
        "services": wish.services,
        "started": report.started,
        "refused": report.refused,
        "taken_over": report.taken_over,
        "answered_ms": times,
        "doubled": report.doubled,
        "lost": report.lost,
        "engines": report.engines,
        "nonsense": report.nonsense,
    });
    Ok(Report::new(table, figures))
}
