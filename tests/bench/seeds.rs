//! Random worlds that look for faults in the heart, one a seed: as many as there is time for.

use crate::options::Options;
use crate::table::{Report, Table};
use ::rehearsal::Rounds;
use ::rehearsal::sim::{self, Broken, Size};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What it takes.
pub(crate) const TAKES: &str = "
  --count N          seeds to try in all [100000]
  --from N           the first [0]
  --threads N        side by side [2]
  --state FILE       how far it has come; a later run with the same file goes on from there

A seed that breaks a promise is told with the smallest world that breaks the same one; it belongs into
src-tauri/orchestrator/tests/heart/seeds.txt once the fault is mended.";

/// So often it says how far it has come.
const EVERY: Duration = Duration::from_secs(10);
/// So many worlds that break something are told; the others are counted.
const TOLD: usize = 20;

#[derive(Default)]
struct Progress {
    /// The next seed nobody has taken.
    next: u64,
    taken: BTreeSet<u64>,
    worlds: u64,
    lived_ms: u64,
    checks: u64,
    rounds: Rounds,
    /// Worlds that broke something in an earlier run, which this one goes on from.
    earlier: Vec<String>,
    broken: Vec<Broken>,
    breaks: u64,
}

impl Progress {
    /// Every world that is told, in the order they were found.
    fn told(&self) -> Vec<String> {
        let broken = self.broken.iter().map(ToString::to_string);
        self.earlier.iter().cloned().chain(broken).collect()
    }

    /// Every seed below this one has been tried.
    fn done(&self) -> u64 {
        self.taken.first().copied().unwrap_or(self.next)
    }

    fn take(&mut self, end: u64) -> Option<u64> {
        let seed = (self.next < end).then_some(self.next)?;
        self.next += 1;
        self.taken.insert(seed);
        Some(seed)
    }
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let count: u64 = options.number("--count", 100_000)?;
    let from: u64 = options.number("--from", 0)?;
    let threads: u64 = options.number("--threads", 2)?;
    let state = options.text("--state")?.map(PathBuf::from);
    options.end()?;
    let end = from.saturating_add(count);
    let begun = Instant::now();
    let (next, earlier) = match &state {
        Some(path) => resume(path, from)?,
        None => (from, Vec::new()),
    };
    let progress = Mutex::new(Progress {
        next,
        earlier,
        ..Progress::default()
    });
    let lock = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    if lock().next > from {
        eprintln!("bench: goes on from seed {}", lock().next);
    }
    let mut failed = None;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let Some(seed) = lock().take(end) else {
                            return;
                        };
                        let lived = sim::live(Size::of(seed));
                        // Looking for the smallest takes a while, and the first few tell enough.
                        let many = lock().broken.len() >= TOLD;
                        let lived = lived.map_err(|broken| match many {
                            true => broken,
                            false => sim::shrunk(broken),
                        });
                        note(&mut lock(), seed, lived);
                    }
                })
            })
            .collect();
        let mut told = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::park_timeout(Duration::from_millis(100));
            if told.elapsed() >= EVERY {
                told = Instant::now();
                let progress = lock();
                eprintln!("bench: {}", line(&progress, end, begun.elapsed()));
                failed = failed.take().or(save(state.as_deref(), &progress).err());
            }
        }
    });
    let progress = lock();
    if let Some(failed) = failed.or(save(state.as_deref(), &progress).err()) {
        return Err(failed);
    }
    Ok(report(&progress, threads, begun.elapsed()))
}

fn note(progress: &mut Progress, seed: u64, lived: Result<sim::Lived, Broken>) {
    progress.taken.remove(&seed);
    progress.worlds += 1;
    match lived {
        Ok(lived) => {
            progress.lived_ms += lived.simulated_ms;
            progress.checks += lived.checks;
            progress.rounds = progress.rounds.plus(lived.rounds);
        }
        Err(broken) => {
            eprintln!("bench: seed {seed} finds {broken}");
            progress.breaks += 1;
            if progress.broken.len() < TOLD {
                progress.broken.push(broken);
            }
        }
    }
}

fn rates(progress: &Progress, took: Duration) -> (f64, f64) {
    let hours = progress.lived_ms as f64 / 3_600_000.0;
    let seconds = took.as_secs_f64().max(0.001);
    (hours / seconds * 60.0, progress.checks as f64 / seconds)
}

fn line(progress: &Progress, end: u64, took: Duration) -> String {
    let (hours, checks) = rates(progress, took);
    format!(
        "seed {} of {end}, {} broke something; {hours:.0} simulated hours a minute, {checks:.0} \
         checks a second, {} skipped",
        progress.done(),
        progress.breaks,
        progress.rounds.skipped
    )
}

/// Where to go on, and what an earlier run has found below that.
fn resume(path: &Path, from: u64) -> Result<(u64, Vec<String>), String> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mut lines = text.lines();
            let seed = lines.next().unwrap_or_default().trim().parse();
            let seed: u64 =
                seed.map_err(|_| format!("{} does not begin with a seed", path.display()))?;
            // Other seeds are another question.
            let goes_on = seed >= from;
            let earlier = lines.filter(|line| goes_on && !line.trim().is_empty());
            Ok((seed.max(from), earlier.map(str::to_owned).collect()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((from, Vec::new())),
        Err(error) => Err(format!("failed to read {}: {error}", path.display())),
    }
}

/// The first line is where to go on; what broke something follows.
fn save(path: Option<&Path>, progress: &Progress) -> Result<(), String> {
    let Some(path) = path else {
        return Ok(());
    };
    let mut text = format!("{}\n", progress.done());
    for broken in progress.told() {
        text.push_str(&format!("{broken}\n"));
    }
    std::fs::write(path, text)
        .map_err(|error| format!("failed to write {}: {error}", path.display()))
}

fn report(progress: &Progress, threads: u64, took: Duration) -> Report {
    let (hours, checks) = rates(progress, took);
    let broken = progress.told();
    let rounds = progress.rounds;
    let mut table = Table::new(["", "found", "may be", "of"]);
    let worlds = format!("{} seeds in {took:.1?}, {threads} threads", progress.worlds);
    table.faults("worlds that broke a promise", &broken, worlds);
    let skipped: Vec<String> = match rounds.skipped {
        0 => vec![],
        many => vec![format!("{many} checks")],
    };
    let due = format!(
        "{} that came due, {} of them while the engine was away",
        rounds.due, rounds.engine_away
    );
    table.faults("health checks skipped", &skipped, due);
    for (what, measured) in [
        ("simulated hours a minute", hours),
        ("checks a second", checks),
    ] {
        table.row([
            what.to_owned(),
            format!("{measured:.0}"),
            String::new(),
            String::new(),
        ]);
    }
    let figures = json!({
        "seeds": progress.worlds,
        "next": progress.done(),
        "threads": threads,
        "took_s": took.as_secs_f64(),
        "broken": broken,
        "breaks": progress.breaks,
        "hours_a_minute": hours,
        "checks_a_second": checks,
        "rounds": rounds,
    });
    Report::new(table, figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_run_goes_on_with_what_an_earlier_one_has_found() -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join("soak");
        assert_eq!(resume(&path, 7), Ok((7, vec![])));
        let mut progress = Progress {
            next: 40,
            earlier: vec!["world 3: found before".to_owned()],
            ..Progress::default()
        };
        progress.taken.insert(38);
        let broken = Broken {
            size: Size::of(39),
            promise: ::rehearsal::Promise::Rest,
            text: "found now".to_owned(),
        };
        progress.broken.push(broken.clone());
        save(Some(&path), &progress)?;
        let found = vec!["world 3: found before".to_owned(), broken.to_string()];
        assert_eq!(resume(&path, 0), Ok((38, found)));
        // Other seeds are another question.
        assert_eq!(resume(&path, 100), Ok((100, vec![])));
        Ok(())
    }
}
