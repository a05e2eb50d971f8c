//! `kill -9` of shims, several at the same time: their services live on, it is shown that their
//! shims are lost, and how they end afterwards is known or said to be unknown, never made up.

use crate::dice::Dice;
use crate::mortal::{definition, tell_to_die, told_by_events};
use crate::{Azora, Folder, PATIENCE, process};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Between two lines of a service, in milliseconds.
const PACE: u32 = 50;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Services, whose shims are killed together.
    pub services: usize,
    /// Shims that are killed, all in all.
    pub kills: usize,
    /// Where the dice begin.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Shims that were killed.
    pub kills: usize,
    /// From the kill until `ps` showed it; its own time counts.
    pub shown: Vec<Duration>,
    /// Services that did not live on as they were.
    pub lost_services: Vec<String>,
    /// Kills that were never shown, or not taken back with the next shim.
    pub not_shown: Vec<String>,
    /// Ends that were told as they were.
    pub real: usize,
    /// Ends that were told as unknown.
    pub unknown: usize,
    /// Ends that were told and were not so.
    pub made_up: Vec<String>,
    /// Ends that nobody was told of.
    pub untold: Vec<String>,
}

impl Report {
    /// Nothing that must not be.
    pub fn flawless(&self) -> bool {
        let faults = [
            &self.lost_services,
            &self.not_shown,
            &self.made_up,
            &self.untold,
        ];
        faults.iter().all(|faults| faults.is_empty())
    }
}

/// One service in one round.
#[derive(Debug, Clone)]
struct Row {
    name: String,
    pid: u32,
    generation: u64,
    shim_lost: bool,
}

/// Does it.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let folder = Folder::empty();
    folder.define(&definition("shims", wish.services, PACE, folder.path()));
    azora.up(folder.path());
    let mut report = Report::default();
    let mut dice = Dice(wish.seed);
    while report.kills < wish.kills {
        let some = wish.services.min(wish.kills - report.kills);
        if !round(azora, &folder, some, &mut dice, &mut report) {
            break;
        }
    }
    azora.run(folder.path(), &["down"]);
    report
}

/// Kills as many shims at once, then the services; false when it cannot go on.
fn round(
    azora: &Azora,
    folder: &Folder,
    some: usize,
    dice: &mut Dice,
    report: &mut Report,
) -> bool {
    let mut before = Vec::new();
    // All run, each with its shim.
    let there = testkit::eventually(PATIENCE, || {
        before = rows(azora, folder);
        let well = |row: &Row| !row.shim_lost && process::lives(row.pid);
        before.len() >= some && before.iter().all(well)
    });
    if !there {
        let fault = format!("not every service runs with a shim: {before:?}");
        report.not_shown.push(fault);
        return false;
    }
    before.truncate(some);
    let begun = Instant::now();
    for row in &before {
        let shim = process::parent(row.pid).unwrap_or_default();
        if !process::kill_if(shim, "azora-shim") {
            let fault = format!("{}: its parent is no shim", row.name);
            report.not_shown.push(fault);
        }
        report.kills += 1;
    }
    let mut left = before.clone();
    // What is not so by then is told below.
    let _ = testkit::eventually(PATIENCE, || {
        let now = rows(azora, folder);
        let seen = begun.elapsed();
        left.retain(|old| {
            let shown = now.iter().any(|new| new.name == old.name && new.shim_lost);
            if shown {
                report.shown.push(seen);
            }
            !shown
        });
        left.is_empty()
    });
    let names = left.iter().map(|row| row.name.clone());
    report.not_shown.extend(names);
    // They are the ones they were.
    for (old, new) in before.iter().zip(rows(azora, folder)) {
        if (old.pid, old.generation) != (new.pid, new.generation) || !process::lives(old.pid) {
            report.lost_services.push(format!("{old:?} became {new:?}"));
        }
    }
    let ends: Vec<(Row, String)> = before
        .into_iter()
        .map(|row| {
            let how = tell_to_die(folder.path(), &row.name, dice);
            (row, how)
        })
        .collect();
    judge(azora, folder, ends, report);
    true
}

/// Compares what the book of events says with how they were told to die.
fn judge(azora: &Azora, folder: &Folder, mut ends: Vec<(Row, String)>, report: &mut Report) {
    // What is not so by then is told below.
    let _ = testkit::eventually(PATIENCE, || {
        let told = told_by_events(azora, folder);
        ends.retain(|(row, how)| {
            let Some(all) = told.get(&(row.name.clone(), row.generation)) else {
                return true;
            };
            for said in all {
                match said {
                    said if said == how => report.real += 1,
                    said if said.contains("unknown") => report.unknown += 1,
                    said => report
                        .made_up
                        .push(format!("{}: {how}, told as {said}", row.name)),
                }
            }
            false
        });
        ends.is_empty()
    });
    let untold = ends.iter().map(|(row, how)| format!("{row:?}: {how}"));
    report.untold.extend(untold);
}

fn rows(azora: &Azora, folder: &Folder) -> Vec<Row> {
    let done = azora.run(folder.path(), &["ps", "--json"]);
    let seen: Value = serde_json::from_str(&done.out).unwrap_or_default();
    let rows = seen["instances"].as_array().map_or(&[][..], Vec::as_slice);
    let mut rows: Vec<Row> = rows
        .iter()
        .map(|row| Row {
            name: row["instance"]
                .as_str()
                .and_then(|name| name.split('.').next())
                .unwrap_or_default()
                .to_owned(),
            pid: row["pid"].as_u64().unwrap_or(0) as u32,
            generation: row["generation"].as_u64().unwrap_or(0),
            shim_lost: row["marks"]["shim_lost"] == true,
        })
        .collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}
