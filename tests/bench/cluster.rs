//! How fast a cluster comes up, what keeping it costs, how fast a death is healed, and how fast all
//! of it stops; each beside its floor, measured on the same machine in the same minute.

use crate::floor;
use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile, times};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tests::process::{command, cpu_ticks, kill, memory_kb, parent};
use tests::{Azora, Instance, http};

/// What it takes.
pub(crate) const TAKES: &str = "
  FOLDER             the cluster to run [examples/azora-os]
  --window SECONDS   how long the idle engine is watched [60]
  --kills N          how many are killed and waited for [10]";

/// What was asked for.
struct Wish {
    azora: PathBuf,
    organ: PathBuf,
    folder: PathBuf,
    window: Duration,
    kills: usize,
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        azora: options.azora.clone(),
        organ: options.beside("organ")?,
        window: options.seconds("--window", 60)?,
        kills: options.number("--kills", 10)?,
        folder: options.folder("examples/azora-os")?,
    };
    options.end()?;
    Ok(measure(&wish))
}

fn measure(wish: &Wish) -> Report {
    let azora = Azora::with(wish.azora.clone());
    let folder = wish.folder.as_path();

    eprintln!("bench: up {}", folder.display());
    let begun = Instant::now();
    azora.up(folder);
    let up = begun.elapsed();
    let instances: Vec<Instance> = azora
        .instances(folder)
        .into_values()
        .filter(|instance| instance.port != 0)
        .collect();
    let count = instances.len();
    let ready = instances
        .iter()
        .filter(|instance| instance.serves())
        .count();
    let named = instances
        .iter()
        .filter(|instance| http::health_pid(instance.port) == Some(instance.pid))
        .count();

    eprintln!(
        "bench: {ready} of {count} ready; watching for {} s",
        wish.window.as_secs()
    );
    let idle = idle(&azora, &instances, wish.window);

    eprintln!("bench: killing {}", wish.kills);
    let mut healed: Vec<Duration> = instances.iter().take(wish.kills).map(recovery).collect();
    let well = testkit::eventually(tests::PATIENCE, || {
        azora
            .instances(folder)
            .values()
            .all(|i| i.serves() || i.state == "completed")
    });

    let (deaf, forked) = make_difficult(&azora.instances(folder));
    eprintln!(
        "bench: emergency stop; {deaf} ignore SIGTERM, {forked} have a child in a session of its own"
    );
    let before = azora.left().len();
    let begun = Instant::now();
    let report = azora.json(folder, &["emergency-stop", "--reason", "bench"]);
    let stop = begun.elapsed();
    let left = azora.left().len();
    drop(azora);

    eprintln!("bench: floors");
    let floor = floor::measure(&wish.organ, count, wish.kills);

    let (p50, p99) = (percentile(&mut healed, 50), percentile(&mut healed, 99));
    let mut floor_healed = floor.recoveries.clone();
    let floor_p50 = percentile(&mut floor_healed, 50);
    let mut table = Table::new(["", "measured", "floor", ""]);
    let rows = [
        (
            "instances ready",
            format!("{ready} of {count}"),
            String::new(),
            "answered /health by the pid of ps: ".to_owned() + &named.to_string(),
        ),
        (
            "up, all ready",
            milliseconds(up),
            milliseconds(floor.up),
            format!(
                "{} of the floor: as many organs started at once, all answering",
                times(up, floor.up)
            ),
        ),
        (
            "engine CPU, idle",
            format!("{:.1} % of a core", idle.engine_cpu * 100.0),
            "0".into(),
            format!("over {} s", wish.window.as_secs()),
        ),
        (
            "engine memory (PSS)",
            format!("{} KB", idle.engine_pss),
            "0".into(),
            String::new(),
        ),
        (
            "shim memory (PSS), each",
            format!("{} KB", idle.shim_pss),
            "0".into(),
            format!("{} KB its own alone", idle.shim_private),
        ),
        (
            "organ memory (PSS), each",
            format!("{} KB", idle.organ_pss),
            format!("{} KB", floor.organ_pss),
            format!("{} KB its own alone", idle.organ_private),
        ),
        (
            "kill -9 to answering",
            format!("{} p50, {} p99", milliseconds(p50), milliseconds(p99)),
            milliseconds(floor_p50),
            format!(
                "p50 is {} of the floor: wait, fork, exec, answer",
                times(p50, floor_p50)
            ),
        ),
        (
            "emergency stop",
            milliseconds(stop),
            milliseconds(floor.stop),
            format!(
                "{before} processes, {deaf} deaf, {forked} with strays: {left} left; the stop itself {} ms",
                report["took_ms"]
            ),
        ),
    ];
    for (what, measured, floor, note) in rows {
        table.row([what.to_owned(), measured, floor, note]);
    }
    let json = json!({
        "instances": count,
        "ready": ready,
        "answered_by_named_pid": named,
        "up_ms": up.as_secs_f64() * 1e3,
        "idle": {
            "window_s": wish.window.as_secs(),
            "engine_cpu": idle.engine_cpu,
            "engine_pss_kb": idle.engine_pss,
            "shim_pss_kb": idle.shim_pss,
            "shim_private_kb": idle.shim_private,
            "organ_pss_kb": idle.organ_pss,
            "organ_private_kb": idle.organ_private,
        },
        "recovery_ms": in_ms(&healed),
        "all_well_after": well,
        "emergency_stop": { "ms": stop.as_secs_f64() * 1e3, "processes": before, "ignoring_sigterm": deaf, "with_strays": forked, "left": left, "report": report },
        "floor": {
            "up_ms": floor.up.as_secs_f64() * 1e3,
            "recovery_ms": in_ms(&floor.recoveries),
            "stop_ms": floor.stop.as_secs_f64() * 1e3,
            "organ_pss_kb": floor.organ_pss,
        },
    });
    Report::new(table, json)
}

/// What it costs while nothing happens.
struct Idle {
    engine_cpu: f64,
    engine_pss: u64,
    shim_pss: u64,
    shim_private: u64,
    organ_pss: u64,
    organ_private: u64,
}

fn idle(azora: &Azora, instances: &[Instance], window: Duration) -> Idle {
    let engine = azora.engine();
    let (begun, before) = (Instant::now(), cpu_ticks(engine).unwrap_or(0));
    floor::pass(window);
    let used = cpu_ticks(engine).unwrap_or(0).saturating_sub(before);
    let shims: Vec<u32> = instances
        .iter()
        .filter_map(|instance| parent(instance.pid))
        .filter(|pid| command(*pid).contains("azora-shim"))
        .collect();
    let organs: Vec<u32> = instances.iter().map(|instance| instance.pid).collect();
    let ((shim_pss, shim_private), (organ_pss, organ_private)) =
        (mean_kb(&shims), mean_kb(&organs));
    Idle {
        // A tick is a hundredth of a second.
        engine_cpu: used as f64 / 100.0 / begun.elapsed().as_secs_f64(),
        engine_pss: memory_kb(engine).unwrap_or_default().0,
        shim_pss,
        shim_private,
        organ_pss,
        organ_private,
    }
}

/// Means of PSS and of private memory.
fn mean_kb(pids: &[u32]) -> (u64, u64) {
    let all: Vec<(u64, u64)> = pids.iter().filter_map(|pid| memory_kb(*pid)).collect();
    let count = all.len().max(1) as u64;
    (
        all.iter().map(|kb| kb.0).sum::<u64>() / count,
        all.iter().map(|kb| kb.1).sum::<u64>() / count,
    )
}

/// Tells ten organs to ignore SIGTERM and ten others to leave a double-forked child in a session of its
/// own; answers how many did.
fn make_difficult(instances: &std::collections::BTreeMap<String, Instance>) -> (usize, usize) {
    let told = |instance: &&Instance, mode: &str| {
        http::ask(
            instance.port,
            "POST",
            &format!("/misbehave?mode={mode}"),
            "",
        )
        .is_some_and(|answer| answer.code == 200)
    };
    let organs: Vec<&Instance> = instances
        .values()
        .filter(|instance| instance.serves())
        .collect();
    let deaf = organs
        .iter()
        .take(10)
        .filter(|organ| told(organ, "ignore-term"))
        .count();
    let forked = organs
        .iter()
        .skip(10)
        .take(10)
        .filter(|organ| told(organ, "fork"))
        .count();
    (deaf, forked)
}

/// From the kill until another process answers on the same port.
fn recovery(victim: &Instance) -> Duration {
    let begun = Instant::now();
    kill(victim.pid);
    let back = testkit::eventually(tests::PATIENCE, || {
        http::health_pid(victim.port).is_some_and(|pid| pid != victim.pid)
    });
    assert!(back, "{} did not come back", victim.name);
    begun.elapsed()
}

#[cfg(test)]
mod means {
    use super::*;

    #[test]
    fn means_of_nothing_are_zero() {
        assert_eq!(mean_kb(&[]), (0, 0));
        assert!(mean_kb(&[std::process::id()]).0 > 0);
    }
}
