//! How fast a cluster comes up, what keeping it costs, how fast a death is healed, and how fast all
//! of it stops; each beside its floor, measured on the same machine in the same minute.
//!
//! ```text
//! cargo run -p tests --bin bench -- [--azora PROGRAM] [--window SECONDS] [--kills N] [FOLDER]
//! ```
//!
//! `PROGRAM` is `target/release/azora` unless given, `FOLDER` is `examples/azora-os`. A table goes to
//! standard error, JSON to standard output. The floors are what the kernel and the services need by
//! themselves: the same number of `organ`s started by a plain loop, killed by a plain loop, with
//! nobody who watches, orders, probes, logs or records.

mod floor;
mod table;

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use table::{Row, milliseconds, percentile};
use tests::process::{command, cpu_ticks, kill, memory_kb, parent};
use tests::{Azora, Instance, http};

/// What was asked for.
struct Wish {
    azora: PathBuf,
    folder: PathBuf,
    window: Duration,
    kills: usize,
}

fn main() -> ExitCode {
    match wish(std::env::args().skip(1)) {
        Ok(wish) => {
            let (rows, json) = measure(&wish);
            eprint!("{}", table::render(&rows));
            println!("{json:#}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("bench: {wrong}");
            ExitCode::from(64)
        }
    }
}

fn wish(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| tests::root().join("target"), PathBuf::from);
    let mut wish = Wish {
        azora: target.join("release/azora"),
        folder: tests::root().join("examples/azora-os"),
        window: Duration::from_secs(60),
        kills: 10,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--azora" => wish.azora = value()?.into(),
            "--window" => {
                wish.window =
                    Duration::from_secs(value()?.parse().map_err(|_| "--window wants seconds")?)
            }
            "--kills" => wish.kills = value()?.parse().map_err(|_| "--kills wants a number")?,
            _ if word.starts_with('-') => return Err(format!("{word} is unknown")),
            _ => wish.folder = word.into(),
        }
    }
    for path in [&mut wish.azora, &mut wish.folder] {
        *path = path
            .canonicalize()
            .map_err(|error| format!("failed to find {}: {error}", path.display()))?;
    }
    Ok(wish)
}

fn measure(wish: &Wish) -> (Vec<Row>, Value) {
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
    let organ = wish.azora.with_file_name("organ");
    let floor = floor::measure(&organ, count, wish.kills);

    let (p50, p99) = (percentile(&mut healed, 50), percentile(&mut healed, 99));
    let mut floor_healed = floor.recoveries.clone();
    let floor_p50 = percentile(&mut floor_healed, 50);
    let rows = vec![
        Row::new(
            "instances ready",
            format!("{ready} of {count}"),
            String::new(),
            "answered /health by the pid of ps: ".to_owned() + &named.to_string(),
        ),
        Row::new(
            "up, all ready",
            milliseconds(up),
            milliseconds(floor.up),
            "floor: as many organs started at once, all answering".into(),
        ),
        Row::new(
            "engine CPU, idle",
            format!("{:.1} % of a core", idle.engine_cpu * 100.0),
            "0".into(),
            format!("over {} s", wish.window.as_secs()),
        ),
        Row::new(
            "engine memory (PSS)",
            format!("{} KB", idle.engine_pss),
            "0".into(),
            String::new(),
        ),
        Row::new(
            "shim memory (PSS), each",
            format!("{} KB", idle.shim_pss),
            "0".into(),
            format!("{} KB its own alone", idle.shim_private),
        ),
        Row::new(
            "organ memory (PSS), each",
            format!("{} KB", idle.organ_pss),
            format!("{} KB", floor.organ_pss),
            format!("{} KB its own alone", idle.organ_private),
        ),
        Row::new(
            "kill -9 to answering",
            format!("{} p50, {} p99", milliseconds(p50), milliseconds(p99)),
            milliseconds(floor_p50),
            "floor: wait, fork, exec, answer".into(),
        ),
        Row::new(
            "emergency stop",
            milliseconds(stop),
            milliseconds(floor.stop),
            format!(
                "{before} processes, {deaf} deaf, {forked} with strays: {left} left; the stop itself {} ms",
                report["took_ms"]
            ),
        ),
    ];
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
        "recovery_ms": healed.iter().map(|time| time.as_secs_f64() * 1e3).collect::<Vec<_>>(),
        "all_well_after": well,
        "emergency_stop": { "ms": stop.as_secs_f64() * 1e3, "processes": before, "ignoring_sigterm": deaf, "with_strays": forked, "left": left, "report": report },
        "floor": {
            "up_ms": floor.up.as_secs_f64() * 1e3,
            "recovery_ms": floor.recoveries.iter().map(|time| time.as_secs_f64() * 1e3).collect::<Vec<_>>(),
            "stop_ms": floor.stop.as_secs_f64() * 1e3,
            "organ_pss_kb": floor.organ_pss,
        },
        "machine": machine(),
    });
    (rows, json)
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

/// On what this was measured.
fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    json!({
        "cpu": model.trim_start_matches(['\t', ' ', ':']),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
    })
}

#[cfg(test)]
mod tests_of_wish {
    use super::*;

    #[test]
    fn a_wish_is_read_and_nonsense_refused() {
        let read = |line: &str| wish(line.split_whitespace().map(str::to_owned));
        let good = read("--azora /bin/sh --window 5 --kills 2 /tmp")
            .map(|wish| (wish.window.as_secs(), wish.kills));
        assert_eq!(good, Ok((5, 2)));
        assert!(read("--azora").is_err() && read("--fast").is_err());
        assert!(read("--azora /no/such /tmp").is_err_and(|wrong| wrong.contains("/no/such")));
    }

    #[test]
    fn means_of_nothing_are_zero() {
        assert_eq!(mean_kb(&[]), (0, 0));
        assert!(mean_kb(&[std::process::id()]).0 > 0);
    }
}
