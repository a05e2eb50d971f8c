//! A crash at every step of start, stop and adopt; and a second one while the next engine makes up
//! for the first. Failpoints are not in a release build, so this one runs without `--release`.
//!
//! Pairs are hundreds of thousands: they are tried in an order that a seed brings back, for as long
//! as there is time. On Ctrl-C, too, what was tried so far is told.

use crate::options::Options;
use crate::table::{Report, Table};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tests::crash::{Case, Outcome, all_cases, pairs, shard, shuffle, try_all};

/// What it takes.
pub(crate) const TAKES: &str = "
  --at-a-time N      cases side by side [4]
  --pairs N          then so many cases with a second crash after the first; all is all [0]
  --minutes N        what was not tried by then is not tried [no limit]
  --shard I/N        only the Ith of N parts [1/1]
  --seed N           the order in which pairs are tried [of the process]
  --only WORDS       only cases whose name has these words: \"Stop, clear\"; a pair may be named whole";

/// Between two lines about how far it is.
const PROGRESS: Duration = Duration::from_secs(10);
/// Cases that took longest, in the figures.
const SLOWEST: usize = 10;

/// Somebody does not want to wait for the rest.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

struct Wish {
    at_a_time: usize,
    pairs: usize,
    until: Option<Instant>,
    shard: (u32, u32),
    seed: u64,
    only: Option<String>,
}

/// Tries them all.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        at_a_time: options.number("--at-a-time", 4)?,
        pairs: match options.text("--pairs")?.as_deref() {
            None => 0,
            Some("all") => usize::MAX,
            Some(text) => text
                .parse()
                .map_err(|_| format!("--pairs wants a number or all, not {text:?}"))?,
        },
        until: match options.number("--minutes", 0.0)? {
            minutes if minutes > 0.0 => {
                Some(Instant::now() + Duration::from_secs_f64(60.0 * minutes))
            }
            _ => None,
        },
        shard: options
            .text("--shard")?
            .as_deref()
            .map_or(Ok((1, 1)), part)?,
        seed: options.number("--seed", u64::from(std::process::id()))?,
        only: options.text("--only")?,
    };
    options.end()?;
    if !cfg!(debug_assertions) {
        return Err("a release build has no failpoints: run it without --release".to_owned());
    }
    let host =
        std::env::current_exe().map_err(|error| format!("failed to find myself: {error}"))?;
    std::thread::spawn(wait_for_interrupt);
    let mut table = Table::new([
        "",
        "faults",
        "cases",
        "tried",
        "crashed",
        "passed by",
        "a second",
        "took",
    ]);
    let mut figures = Map::new();
    figures.insert("seed".to_owned(), wish.seed.into());

    let mut once = all_cases(&host)?;
    let all = once.len();
    once.retain(|case| wish.wants_first(case));
    shard(&mut once, wish.shard.0, wish.shard.1);
    // Every part of a kind, should there be no time for all.
    shuffle(&mut once, wish.seed);
    eprintln!("bench: {} of {all} crashes", once.len());
    let mut seen = wish.try_all(&host, "one crash", once, &mut table, &mut figures);

    if wish.pairs > 0 {
        // The order in which they came to their end is of no seed.
        seen.played.sort_by_key(|(case, _)| case.to_string());
        let mut twice = pairs(&seen.played);
        let all = twice.len();
        twice.retain(|case| wish.wants(case));
        shuffle(&mut twice, wish.seed);
        twice.truncate(wish.pairs);
        eprintln!("bench: {} of {all} pairs, seed {}", twice.len(), wish.seed);
        figures.insert("pairs_there_are".to_owned(), all.into());
        wish.try_all(&host, "two crashes", twice, &mut table, &mut figures);
    }
    Ok(Report::new(table, Value::Object(figures)))
}

impl Wish {
    fn wants(&self, case: &Case) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| case.to_string().contains(only))
    }

    /// The same for the first crash of a pair that may be named whole.
    fn wants_first(&self, case: &Case) -> bool {
        let only = self.only.as_deref();
        let first = only.and_then(|only| only.split("; then ").next());
        first.is_none_or(|only| case.to_string().contains(only))
    }

    fn in_time(&self) -> bool {
        !INTERRUPTED.load(Ordering::Relaxed)
            && self.until.is_none_or(|until| Instant::now() < until)
    }

    fn try_all(
        &self,
        host: &Path,
        what: &str,
        cases: Vec<Case>,
        table: &mut Table,
        figures: &mut Map<String, Value>,
    ) -> Outcome {
        let (count, begun) = (cases.len(), Instant::now());
        let said = Mutex::new(begun);
        let progress = |outcome: &Outcome| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.elapsed() < PROGRESS {
                return;
            }
            *said = Instant::now();
            let (tried, took) = (outcome.tried(), begun.elapsed().as_secs_f64());
            eprintln!(
                "bench: {what}: {tried} of {count} in {took:.0} s, {:.1} a second, {} faults",
                tried as f64 / took,
                outcome.faults.len()
            );
        };
        let outcome = try_all(host, cases, self.at_a_time, || self.in_time(), progress);
        let took = begun.elapsed().as_secs_f64();
        table.row([
            what.to_owned(),
            outcome.faults.len().to_string(),
            count.to_string(),
            outcome.tried().to_string(),
            outcome.crashed.to_string(),
            outcome.passed_by.to_string(),
            format!("{:.1}", outcome.tried() as f64 / took),
            format!("{took:.0} s"),
        ]);
        let slowest = outcome.took.iter().take(SLOWEST);
        let slowest: Vec<Value> = slowest
            .map(|(took, case)| json!({ "case": case.to_string(), "seconds": took.as_secs_f64() }))
            .collect();
        let times = outcome.took.iter().map(|(took, _)| took.as_secs_f64());
        figures.insert(
            what.replace(' ', "_"),
            json!({
                "cases": count,
                "tried": outcome.tried(),
                "untried": outcome.untried,
                "crashed": outcome.crashed,
                "passed_by": outcome.passed_by,
                "faults": outcome.faults,
                "took_seconds": took,
                "median_seconds": outcome.took.get(outcome.took.len() / 2).map(|(took, _)| took.as_secs_f64()),
                "seconds_of_all_cases": times.sum::<f64>(),
                "slowest": slowest,
            }),
        );
        outcome
    }
}

/// "2/5" is the second of five.
fn part(text: &str) -> Result<(u32, u32), String> {
    text.split_once('/')
        .and_then(|(nth, of)| Some((nth.parse().ok()?, of.parse().ok()?)))
        .filter(|(nth, of)| (1..=*of).contains(nth))
        .ok_or_else(|| format!("--shard wants two numbers as in 1/4, not {text:?}"))
}

/// The first Ctrl-C ends it after the cases that are under way, a second one at once.
fn wait_for_interrupt() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    let waited = runtime.block_on(tokio::signal::ctrl_c());
    if waited.is_ok() {
        INTERRUPTED.store(true, Ordering::Relaxed);
        eprintln!("bench: ends after the cases under way; once more ends it at once");
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            std::process::exit(130);
        }
    }
}
