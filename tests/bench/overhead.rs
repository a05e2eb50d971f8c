//! What keeping a thousand services with health checks costs while nothing happens.

use crate::floor;
use crate::options::Options;
use crate::stage::{definition, jobs, programs};
use crate::table::{Report, Table};
use crate::watch::{Look, processes, shims};
use serde_json::json;
use tests::{Azora, Folder};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              services [1000]
  --every SECONDS    between two health checks of each [5]
  --settle SECONDS   before it is watched [30]
  --window SECONDS   how long it is watched [120]";

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let count: usize = options.number("--n", 1000)?;
    let every = options.seconds("--every", 5)?;
    let settle = options.seconds("--settle", 30)?;
    let window = options.seconds("--window", 120)?;
    let (program, organ) = programs(&options)?;
    options.end()?;

    let health = format!("{{ http = \"/health\", every = \"{}s\" }}", every.as_secs());
    let folder = Folder::with(&definition(&organ, &jobs(&[count]), Some(&health)));
    let azora = Azora::with(program);
    eprintln!("bench: up, {count} services");
    azora.up(folder.path());
    let engine = azora.engine();
    let gone = || "the engine is gone".to_owned();
    floor::pass(settle);
    let first = Look::at(engine).ok_or_else(gone)?;
    eprintln!("bench: watching for {} s", window.as_secs());
    floor::pass(window);
    let last = Look::at(engine).ok_or_else(gone)?;
    let instances = azora.instances(folder.path());
    let ready = instances.values().filter(|one| one.serves()).count();
    let pids: Vec<u32> = instances.values().map(|one| one.pid).collect();
    let (shims, shim_pss, shim_private) = shims(&pids);
    let cpu = last.cpu_since(&first);

    let mut table = Table::new(["", "measured", ""]);
    for (what, measured, note) in [
        (
            "services ready",
            format!("{ready} of {count}"),
            format!(
                "checked every {} s; {} processes on the machine",
                every.as_secs(),
                processes()
            ),
        ),
        (
            "engine CPU",
            format!("{:.2} % of a core", cpu * 100.0),
            format!("over {} s", window.as_secs()),
        ),
        (
            "engine memory, resident",
            format!("{:.1} MB", last.resident as f64 / 1024.0),
            format!("{:.1} MB its share (PSS)", last.pss as f64 / 1024.0),
        ),
        (
            "engine descriptors, threads",
            format!("{}, {}", last.descriptors, last.threads),
            String::new(),
        ),
        (
            "shim memory, its own alone",
            format!("{shim_private} KB"),
            format!("mean of {shims}; {shim_pss} KB its share (PSS)"),
        ),
    ] {
        table.row([what.to_owned(), measured, note]);
    }
    let figures = json!({
        "services": count,
        "ready": ready,
        "every_s": every.as_secs(),
        "window_s": window.as_secs(),
        "engine_cpu": cpu,
        "engine_resident_kb": last.resident,
        "engine_pss_kb": last.pss,
        "engine_descriptors": last.descriptors,
        "engine_threads": last.threads,
        "shims": shims,
        "shim_pss_kb": shim_pss,
        "shim_private_kb": shim_private,
    });
    Ok(Report::new(table, figures))
}
