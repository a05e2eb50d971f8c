//! How fast a cluster is rehearsed: simulated hours a minute, checks a second, and whether every
//! health check that came due was made.

use crate::options::Options;
use crate::table::{Report, Table};
use ::rehearsal::{Plan, Rounds, rehearse};
use serde_json::json;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
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
    let (lived, checks) = (AtomicU64::new(0), AtomicU64::new(0));
    let rounds = Mutex::new(Rounds::default());
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
                    let on = &mut |_| ControlFlow::Continue(());
                    let Some(report) = rehearse(&definition, plan, on) else {
                        break;
                    };
                    lived.fetch_add(report.simulated_ms, Ordering::Relaxed);
                    checks.fetch_add(report.run.checks, Ordering::Relaxed);
                    let mut all = rounds.lock().unwrap_or_else(PoisonError::into_inner);
                    *all = all.plus(report.run.rounds);
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
    let rounds = rounds.into_inner().unwrap_or_else(PoisonError::into_inner);
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
            "health checks that came due",
            rounds.due.to_string(),
            "measured of each: from one answer to the next question, at most 5 s".to_owned(),
        ),
        (
            "of these made in time",
            rounds.made.to_string(),
            String::new(),
        ),
        (
            "of these while the engine was dead or stood still",
            rounds.engine_away.to_string(),
            "faults of the rehearsal".to_owned(),
        ),
    ] {
        table.row([what.to_owned(), measured, note]);
    }
    let skipped: Vec<String> = match rounds.skipped {
        0 => vec![],
        many => vec![format!("{many} checks")],
    };
    table.faults("of these skipped or late", &skipped, "0 may be".to_owned());
    let figures = json!({
        "services": services,
        "threads": threads,
        "hours": hours,
        "took_s": took.as_secs_f64(),
        "hours_a_minute": a_minute,
        "checks": checks,
        "checks_a_second": a_second,
        "rounds": rounds,
    });
    Ok(Report::new(table, figures))
}
