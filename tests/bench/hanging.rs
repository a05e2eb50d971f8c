//! Services that take every question and answer none: one question at a time, and nothing is left of them.

use crate::options::Options;
use crate::table::{Report, Table, milliseconds};
use serde_json::{Value, json};
use tests::Azora;
use tests::hanging::{self, Held, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --seconds S        how long nobody answers [600]
  --services N       services that are asked by HTTP [80]
  --commands N       services that are asked by a command which hangs and leaves a child behind [20]

Each is asked every two seconds. Afterwards all answer again.";

/// Hangs, and looks.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        services: options.number("--services", 80)?,
        commands: options.number("--commands", 20)?,
        time: options.seconds("--seconds", 600)?,
    };
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    let azora = Azora::with(program).env("AZORA_TRUST", "1");
    let report = hanging::run(&azora, wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let of = format!(
        "{} services, {} questions",
        wish.services + wish.commands,
        report.asked
    );
    table.faults("more than one question at a time", &report.crowded, of);
    table.faults(
        "more afterwards than before",
        &report.leaked,
        "descriptors, threads, processes, memory".to_owned(),
    );
    table.faults("else", &report.wrong, String::new());
    let held = [
        ("before", report.before),
        ("at most meanwhile", report.most),
        ("afterwards", report.after),
    ];
    for (when, held) in held {
        table.row([
            format!("the engine {when}"),
            format!("{} descriptors", held.descriptors),
            format!("{} threads", held.threads),
            format!(
                "{} processes in all, {} KB of its own",
                held.processes, held.memory_kb
            ),
        ]);
    }
    table.row([
        "answers again to all ready".to_owned(),
        milliseconds(report.recovered),
        String::new(),
        String::new(),
    ]);
    let figures = json!({
        "seconds": wish.time.as_secs(),
        "asked": report.asked,
        "crowded": report.crowded,
        "leaked": report.leaked,
        "wrong": report.wrong,
        "before": figure(report.before),
        "most": figure(report.most),
        "after": figure(report.after),
        "recovered_ms": report.recovered.as_secs_f64() * 1e3,
    });
    Ok(Report::new(table, figures))
}

fn figure(held: Held) -> Value {
    json!({
        "descriptors": held.descriptors,
        "threads": held.threads,
        "processes": held.processes,
        "memory_kb": held.memory_kb,
    })
}
