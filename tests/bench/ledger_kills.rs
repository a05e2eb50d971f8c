//! `kill -9` of the engine around acts: what an act did, and what the ledger has of it.

use crate::options::Options;
use crate::table::{Report, Table};
use serde_json::json;
use tests::Azora;
use tests::ledger_kills::{self, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --kills N          kills of the engine [1000]
  --each N           so many of them in a home, then in a new one [100]
  --homes N          homes that are left out, as they were done before with the same seed [0]
  --seed N           where the dice begin

Half of them are at points between what is asked, its entry, the act and its outcome, where the engine is stopped first:
that takes a build without --release. With one all of them are at random instants.";

/// Kills, and holds what happened against what is written.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let kills: usize = options.number("--kills", 1_000)?;
    let each: usize = options.number("--each", 100)?;
    let each = each.max(1);
    let left_out: u64 = options.number("--homes", 0)?;
    let seed = options.number("--seed", u64::from(std::process::id()))?;
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    let mut report = ledger_kills::Report::default();
    let homes = kills.div_ceil(each) as u64;
    for home in left_out..homes {
        let before = usize::try_from(home)
            .unwrap_or(usize::MAX)
            .saturating_mul(each);
        let wish = Wish {
            kills: each.min(kills.saturating_sub(before)),
            seed: seed.wrapping_add(home),
        };
        eprintln!(
            "bench: home {} of {homes}, {} kills; from here on again: --seed {seed} --homes {home}",
            home + 1,
            wish.kills
        );
        let one = ledger_kills::run(&Azora::with(program.clone()), wish);
        eprintln!(
            "bench: {} entries, {}",
            one.entries,
            if one.flawless() {
                "nothing found"
            } else {
                "faults found"
            }
        );
        report.add(one);
    }
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
        "seed": seed,
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
