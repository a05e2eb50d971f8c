//! An engine that is stopped for some time, as by a machine that sleeps, and goes on: what is restarted
//! or judged for the time in which nobody looked.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::json;
use tests::Azora;
use tests::frozen::{self, WITHIN, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --cycles N         times the engine is stopped [100]
  --seconds S        how long each time [10]
  --services N       instances that are asked by HTTP, besides others that are asked otherwise [20]
  --seed N           where the dice begin

Each service is failing after one check that does not pass. One is just being started each time, and is
ready while the engine stands still.";

/// Stops, goes on, and looks.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        cycles: options.number("--cycles", 100)?,
        still: options.seconds("--seconds", 10)?,
        services: options.number("--services", 20)?,
        seed: options.number("--seed", u64::from(std::process::id()))?,
    };
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.beside("organ")?;
    options.end()?;
    if wish.still <= WITHIN {
        return Err(format!(
            "--seconds has to be more than {}",
            WITHIN.as_secs()
        ));
    }
    eprintln!("bench: seed {}", wish.seed);
    let mut report = frozen::run(&Azora::with(program), wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let mut faults = |what: &str, faults: &[String], of| table.faults(what, faults, of);
    let stood = format!(
        "{} times {} s, {} instances",
        report.cycles,
        wish.still.as_secs(),
        report.instances
    );
    faults("started again, or another", &report.restarted, stood);
    let missed = format!("{} checks of each missed", report.missed);
    faults("verdicts and incidents", &report.judged, missed);
    faults("else", &report.wrong, String::new());
    let times = in_ms(&report.answers);
    let [p50, most] = [50, 100].map(|percent| percentile(&mut report.answers, percent));
    table.row([
        "answers again".to_owned(),
        milliseconds(p50),
        String::new(),
        format!("median; {} at most", milliseconds(most)),
    ]);
    let figures = json!({
        "seed": wish.seed,
        "seconds": wish.still.as_secs(),
        "cycles": report.cycles,
        "instances": report.instances,
        "missed_checks_of_each": report.missed,
        "restarted": report.restarted,
        "judged": report.judged,
        "wrong": report.wrong,
        "answer_ms": times,
    });
    Ok(Report::new(table, figures))
}
