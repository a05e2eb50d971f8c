//! Whether bounded logs lose anything: numbered lines under kills of writers and engines, with a
//! follower that has to see each; then floods at top speed, with a disk that has to stay bounded.

use crate::options::Options;
use crate::table::{Report, Table};
use serde_json::json;
use std::time::Duration;
use tests::{Azora, counting, flood};

/// What it takes.
pub(crate) const TAKES: &str = "
  --lines N          numbered lines, of all services together [100000000]
  --services N       how many write them [4]
  --keep MB          what each log keeps [64]
  --kills N          kill -9 of writers [60]
  --engine-kills N   kill -9 of engines [12]
  --restarts N       orderly restarts of services [8]
  --burst MB         size of a flood [4096]
  --bursts N         floods from rest, and as many out of a trickle [3]";

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let megabytes = |number: u64| number << 20;
    let keep = megabytes(options.number("--keep", 64)?);
    let plan = counting::Plan {
        lines: options.number("--lines", 100_000_000)?,
        services: options.number("--services", 4)?,
        keep,
        kills: options.number("--kills", 60)?,
        engine_kills: options.number("--engine-kills", 12)?,
        restarts: options.number("--restarts", 8)?,
        patience: Duration::from_secs(180),
    };
    let floods = flood::Plan {
        burst: megabytes(options.number("--burst", 4_096)?),
        bursts: options.number("--bursts", 3)?,
        keep,
    };
    let azora = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    let counted = counting::tell(&Azora::with(azora.clone()), &plan, |text| {
        eprintln!("bench: {text}");
    });
    eprintln!("bench: floods");
    let flooded = flood::tell(&Azora::with(azora), &floods);
    Ok(report(&plan, &counted, &flooded))
}

fn report(plan: &counting::Plan, counted: &counting::Told, flooded: &flood::Told) -> Report {
    let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / f64::from(1 << 20));
    let bound = plan.keep + plan.keep / 4 + flood::MARGIN;
    let seconds = counted.took.as_secs_f64();
    let mut table = Table::new(["", "measured", "wanted", "note"]);
    let mut row = |what: &str, measured: String, wanted: String, note: String| {
        table.row([what.to_owned(), measured, wanted, note]);
    };
    row(
        "lines followed",
        counted.followed.to_string(),
        plan.lines
            .div_ceil(plan.services)
            .saturating_mul(plan.services)
            .to_string(),
        format!(
            "{} of {} services in {seconds:.0} s, {:.0} lines a second",
            mb(counted.written),
            plan.services,
            counted.followed as f64 / seconds,
        ),
    );
    row(
        "missed, twice, outrun",
        format!(
            "{}, {}, {}",
            counted.missed, counted.repeated, counted.outrun
        ),
        "0, 0, 0".into(),
        format!("{} lines cut off by kills", counted.torn),
    );
    row(
        "missing in the window",
        counted.window_missing.to_string(),
        "0".into(),
        format!(
            "{} lines there; least {} of a window",
            counted.window,
            if counted.window_bytes == u64::MAX {
                "all".into()
            } else {
                mb(counted.window_bytes)
            }
        ),
    );
    row(
        "kill -9: writers, engines",
        format!("{}, {}", counted.kills.0, counted.kills.1),
        String::new(),
        format!("and {} restarts", counted.kills.2),
    );
    row(
        "addresses looked up",
        format!(
            "{} found, {} no longer kept",
            counted.addresses.0, counted.addresses.1
        ),
        String::new(),
        "noted while lines were written".into(),
    );
    row(
        "disk of a log, at most",
        mb(counted.peak),
        mb(bound + flood::overshoot(flooded.speed)),
        format!("keep {}; {} looks", mb(plan.keep), counted.looks),
    );
    row(
        "the same in a flood from rest",
        mb(flooded.peak.0),
        mb(bound + flood::overshoot(flooded.speed)),
        format!("at {} a second; {} looks", mb(flooded.speed), flooded.looks),
    );
    row(
        "out of a trickle",
        mb(flooded.peak.1),
        mb(bound + flood::overshoot(flooded.speed)),
        format!("{} written", mb(flooded.written)),
    );
    row(
        "at rest again",
        mb(flooded.settled),
        mb(bound),
        String::new(),
    );
    row(
        "follower of a flood",
        format!(
            "{} read + {} missed",
            flooded.followed.0, flooded.followed.1
        ),
        "all, or said".into(),
        "bytes; it says what it could not read in time".into(),
    );
    for wrong in &counted.wrong {
        row("wrong", wrong.clone(), String::new(), String::new());
    }
    let figures = json!({
        "lines": counted.followed,
        "bytes": counted.written,
        "seconds": seconds,
        "missed": counted.missed,
        "repeated": counted.repeated,
        "outrun": counted.outrun,
        "torn": counted.torn,
        "wrong": counted.wrong,
        "window": { "lines": counted.window, "missing": counted.window_missing, "least_bytes": counted.window_bytes },
        "kills": { "writers": counted.kills.0, "engines": counted.kills.1, "restarts": counted.kills.2 },
        "addresses": { "found": counted.addresses.0, "no_longer_kept": counted.addresses.1 },
        "disk": { "keep": plan.keep, "bound": bound, "peak": counted.peak, "looks": counted.looks },
        "flood": {
            "written": flooded.written,
            "bytes_per_second": flooded.speed,
            "peak_from_rest": flooded.peak.0,
            "peak_out_of_a_trickle": flooded.peak.1,
            "at_rest": flooded.settled,
            "looks": flooded.looks,
            "followed": flooded.followed.0,
            "missed": flooded.followed.1,
        },
    });
    Report::new(table, figures)
}
