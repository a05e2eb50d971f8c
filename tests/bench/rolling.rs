//! Rolling restarts under constant load: three instances behind one listening socket, restarted
//! again and again, with engines killed in the middle. Beside it one instance with a handed-over
//! socket, and one without, which shows that the load sees what is lost.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::{Map, Value, json};
use tests::rolling::{ALONE, BARE, DEFINITION, Outcome, Size, play};
use tests::{Azora, Folder};

/// What it takes.
pub(crate) const TAKES: &str = "
  --restarts N       restarts of each, one after another [20]
  --kept N           who asks on a connection that stays, at most 32 [8]
  --fresh N          who makes a new connection for every request, at most 32 [4]
  --engine-kills N   engines killed in the middle of one more restart [5]";

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let size = Size {
        restarts: options.number("--restarts", 20)?,
        kept: options.number("--kept", 8)?,
        fresh: options.number("--fresh", 4)?,
        engine_kills: options.number("--engine-kills", 5)?,
    };
    let program = options.azora.clone();
    options.beside("organ")?;
    options.end()?;
    let mut table = Table::new(["", "failed", "of", "a second", "slowest", "restart p50", ""]);
    let mut figures = Map::new();
    for (key, name, definition, handed) in [
        ("shared", "3 behind one socket, rolling", DEFINITION, true),
        ("own", "1 that is handed its socket", ALONE, true),
        ("bare", "1 that binds its port itself", BARE, false),
    ] {
        eprintln!("bench: {name}, {} restarts", size.restarts);
        let (azora, folder) = (Azora::with(program.clone()), Folder::with(definition));
        let outcome = play(
            &azora,
            &folder,
            Size {
                engine_kills: if handed { size.engine_kills } else { 0 },
                ..size
            },
        );
        let note = match (handed, size.engine_kills) {
            (false, _) | (_, 0) => String::new(),
            (true, kills) => format!("{kills} engines killed in the middle of one more"),
        };
        let mut restarts = outcome.restarts.clone();
        table.row([
            name.to_owned(),
            outcome.tally.failed.to_string(),
            outcome.tally.asked.to_string(),
            format!("{:.0}", outcome.rate),
            milliseconds(outcome.tally.slowest),
            milliseconds(percentile(&mut restarts, 50)),
            note,
        ]);
        figures.insert(key.to_owned(), shown(&outcome));
    }
    Ok(Report::new(table, Value::Object(figures)))
}

fn shown(outcome: &Outcome) -> Value {
    let tally = &outcome.tally;
    json!({
        "requests": tally.asked,
        "failed": tally.failed,
        "first_failures": tally.told,
        "per_second": outcome.rate,
        "slowest_ms": tally.slowest.as_secs_f64() * 1e3,
        "processes_that_answered": tally.pids.len(),
        "restart_ms": in_ms(&outcome.restarts),
    })
}
