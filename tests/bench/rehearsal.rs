//! How fast a cluster is rehearsed: simulated hours a minute, and checks a second.

use crate::options::Options;
use crate::table::{Report, Table};
use ::rehearsal::{Plan, rehearse};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What it takes.
pub(crate) const TAKES: &str = "
  --services N       of the cluster, each checked every 5 s [20]
  --hours N          simulated in all [5000]
  --threads N        side by side, each with seeds of its own [2]";

/// Faults of one rehearsal.
const FAULTS: u32 = 2_000;

/// A cluster in which everyone needs up to two of those before, soundly defined.
fn definition(services: u64) -> Result<spec::Cluster, String> {
    let mut text = "[cluster.defaults]\nhealth = { http = \"/health\" }\n".to_owned();
    for number in 0..services {
        let mut needs: Vec<u64> = [number / 2, number / 3].into_iter().collect();
        needs.retain(|need| *need < number);
        needs.dedup();
        let needs: Vec<String> = needs
            .iter()
            .map(|need| format!("{{ service = \"s{need}\", restart = true }}"))
            .collect();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "[service.s{number}]\nrun = \"s{number}\"\nport = {}\nneeds = [{}]\n",
            2_000 + number,
            needs.join(", ")
        );
    }
    spec::parse("azora.toml", "bench", text.as_bytes())
        .map_err(|problems| problems.render(100, false))
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let services: u64 = options.number("--services", 20)?;
    let hours: u64 = options.number("--hours", 5_000)?;
    let threads: u64 = options.number("--threads", 2)?;
    options.end()?;
    let definition = Arc::new(definition(services)?);
    let wanted = hours * 3_600_000;
    let (lived, checks, away) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let seed = AtomicU64::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while lived.load(Ordering::Relaxed) < wanted {
                    let seed = seed.fetch_add(1, Ordering::Relaxed);
                    let plan = Plan {
                        faults: FAULTS,
                        seed,
                    };
                    let report = rehearse(&definition, plan, &mut |_| ());
                    lived.fetch_add(report.simulated_ms, Ordering::Relaxed);
                    checks.fetch_add(report.run.checks, Ordering::Relaxed);
                    let gone = report.run.services.iter().map(|one| one.away_ms);
                    away.fetch_add(gone.sum(), Ordering::Relaxed);
                }
            });
        }
    });
    let took = begun.elapsed();
    let lived = Duration::from_millis(lived.into_inner());
    let checks = checks.into_inner();
    let hours = lived.as_secs_f64() / 3_600.0;
    let a_minute = hours / took.as_secs_f64() * 60.0;
    let a_second = checks as f64 / took.as_secs_f64();
    // Everyone is asked every 5 s for as long as it serves.
    let served = lived.as_secs_f64() * services as f64 - away.into_inner() as f64 / 1_000.0;
    let share = checks as f64 / (served / 5.0).max(1.0);
    let mut table = Table::new(["", "measured", ""]);
    for (what, measured, note) in [
        (
            "simulated hours a minute",
            format!("{a_minute:.0}"),
            format!("{hours:.0} h of {services} services in {took:.1?}, {threads} threads"),
        ),
        (
            "checks a second",
            format!("{a_second:.0}"),
            format!("{checks} checks"),
        ),
        (
            "of the checks that are due while a service serves",
            format!("{:.1} %", share * 100.0),
            "more than all: it is asked while it starts, too".to_owned(),
        ),
    ] {
        table.row([what.to_owned(), measured, note]);
    }
    let figures = json!({
        "services": services,
        "threads": threads,
        "hours": hours,
        "took_s": took.as_secs_f64(),
        "hours_a_minute": a_minute,
        "checks": checks,
        "checks_a_second": a_second,
        "share_of_due_checks": share,
    });
    Ok(Report::new(table, figures))
}
