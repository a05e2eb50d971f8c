//! `kill -9` of the engine around acts: what an act did, and what the ledger has of it.

use crate::options::Options;
use crate::table::{Report, Table};
use serde_json::json;
use tests::Azora;
use tests::ledger_kills::{self, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --kills N          kills of the engine [1000]
  --seed N           where the dice begin

Half of them are at points between what is asked, its entry, the act and its outcome, where the engine is stopped first:
that takes a build without --release. With one all of them are at random instants.";

/// Kills, and holds what happened against what is written.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        kills: options.number("--kills", 1_000)?,
        seed: options.number("--seed", u64::from(std::process::id()))?,
    };
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    eprintln!("bench: seed {}", wish.seed);
    let report = ledger_kills::run(&Azora::with(program), wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let effects = format!("{} starts and ends of processes", report.effects);
    table.faults("done without an entry", &report.unwritten, effects);
    let acknowledged = format!("{} orders whose outcome was seen", report.acknowledged);
    table.faults("acknowledged and lost", &report.lost, acknowledged);
    let entries = format!("{} entries", report.entries);
    table.faults("without an outcome", &report.open, entries);
    let kills = format!("{} kills, verified after each", report.kills);
    table.faults("not sound", &report.found, kills);
    let figures = json!({
        "seed": wish.seed,
        "kills": report.kills,
        "at": report.at,
        "acknowledged": report.acknowledged,
        "entries": report.entries,
        "effects": report.effects,
        "unwritten": report.unwritten,
        "lost": report.lost,
        "open": report.open,
        "found": report.found,
    });
    Ok(Report::new(table, figures))
}
