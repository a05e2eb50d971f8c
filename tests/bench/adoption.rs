//! How long a new engine takes to have everything again after the old one was killed.

use crate::options::Options;
use crate::stage::{definition, eventually, jobs, programs};
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::json;
use std::process::Child;
use std::time::{Duration, Instant};
use tests::process::{kill, lives};
use tests::{Azora, Folder, PATIENCE};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              services [1000]
  --runs N           engines killed, one after another [5]";

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let count: usize = options.number("--n", 1000)?;
    let runs: usize = options.number("--runs", 5)?;
    let (program, organ) = programs(&options)?;
    options.end()?;

    let health = "{ http = \"/health\", every = \"5s\" }";
    let folder = Folder::with(&definition(&organ, &jobs(&[count]), Some(health)));
    let azora = Azora::with(program);
    eprintln!("bench: up, {count} services");
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    let mut taken = Vec::new();
    let mut same = true;
    let mut ours: Option<Child> = None;
    for run in 0..runs {
        let engine = azora.engine();
        kill(engine);
        if !eventually(PATIENCE, || !lives(engine)) {
            return Err("the engine does not die".into());
        }
        if let Some(mut ours) = ours.take() {
            let _ = ours.wait();
        }
        let begun = Instant::now();
        let mut serve = azora.serve(folder.path());
        let there = eventually(PATIENCE, || azora.listens(serve.id()));
        let time = begun.elapsed();
        if !there {
            let _ = serve.kill();
            let _ = serve.wait();
            return Err("the new engine does not listen".into());
        }
        eprintln!("bench: run {run}: {}", milliseconds(time));
        taken.push(time);
        ours = Some(serve);
        // Each has its process at once, and is asked for its health in its turn.
        let after = azora.instances(folder.path());
        same &= before
            .iter()
            .all(|(name, old)| after.get(name).is_some_and(|new| new.pid == old.pid));
        if !eventually(PATIENCE, || {
            let now = azora.instances(folder.path());
            now.values().all(|one| one.serves())
        }) {
            return Err("not everything is ready after it was adopted".into());
        }
    }
    if let Some(mut ours) = ours.take() {
        let _ = ours.kill();
        let _ = ours.wait();
    }
    Ok(report(count, taken, same))
}

fn report(count: usize, mut taken: Vec<Duration>, same: bool) -> Report {
    let (p50, most) = (percentile(&mut taken, 50), percentile(&mut taken, 100));
    let mut table = Table::new(["engine start to all adopted", "median", "longest", ""]);
    table.row([
        format!("{count} services"),
        milliseconds(p50),
        milliseconds(most),
        match same {
            true => "every process is the one it was".to_owned(),
            false => "not every process is the one it was".to_owned(),
        },
    ]);
    let figures = json!({
        "services": count,
        "median_ms": p50.as_secs_f64() * 1e3,
        "ms": in_ms(&taken),
        "same_processes": same,
    });
    Report::new(table, figures)
}
