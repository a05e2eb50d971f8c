//! A service that crashes at once, for half an hour: how often it is started, when healing gives it up, and
//! that a person brings it back.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::feed::Feed;
use tests::{Azora, Folder, PATIENCE};

/// What it takes.
pub(crate) const TAKES: &str = "
  --minutes N        how long it is watched [30]
  --heal TABLE       what healing may do, as in a definition [what it does when nothing is said]

It cannot be quicker than the waits between the starts are.";

/// So many starts are the most in half an hour.
const MOST: usize = 12;

const DEFINITION: &str = "[cluster]\nname = \"crash-loop\"\n[service.doomed]\n\
    run = \"printf . >> starts; test -e mended && exec puppet hang; exit 3\"\n";

/// Crashes, and counts.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let minutes: u64 = options.number("--minutes", 30)?;
    let heal = options.text("--heal")?;
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    let azora = Azora::with(program).env("AZORA_TRUST", "1");
    let heal = heal.map_or(String::new(), |heal| format!("heal = {heal}\n"));
    let folder = Folder::with(&format!("{DEFINITION}{heal}"));
    let (path, time) = (folder.path(), Duration::from_secs(60 * minutes));
    // Another cluster's engine, so that who follows is there before the first start.
    let _engine = Engine(azora.serve_until_it_listens(path));
    let feed = Feed::of(&azora, path);
    let begun = Instant::now();
    let up = azora
        .command(path, &["up", ".", "--detach", "--trust"])
        .output();
    up.map_err(|error| format!("failed to run azora up: {error}"))?;

    let (mut at, mut given_up) = (Vec::new(), None);
    while begun.elapsed() < time {
        let Some((came, what)) = feed.next(Duration::from_secs(1)) else {
            continue;
        };
        let since = came.saturating_duration_since(begun);
        if what["kind"] == "started" {
            eprintln!(
                "bench: start {} after {}",
                at.len() + 1,
                milliseconds(since)
            );
            at.push(since);
        } else if what["kind"] == "state_changed" && what["to"] == "quarantined" {
            eprintln!("bench: given up after {}", milliseconds(since));
            given_up = Some(since);
        }
    }
    let counted = starts(path);
    let incidents = azora.incidents();
    std::fs::write(path.join("mended"), "")
        .map_err(|error| format!("failed to mend it: {error}"))?;
    azora.run(path, &["release", "doomed"]);
    let released = testkit::eventually(PATIENCE, || azora.instance(path, "doomed.0").serves());

    let mut table = Table::new(["", "found", "may be", "of"]);
    let fault = |wrong: bool, text: String| if wrong { vec![text] } else { Vec::new() };
    table.bound(
        [
            "starts".to_owned(),
            counted.to_string(),
            MOST.to_string(),
            format!("{minutes} minutes"),
        ],
        counted > MOST,
    );
    table.faults(
        "not told",
        &fault(
            counted != at.len(),
            format!("{counted} starts, {} events", at.len()),
        ),
        "starts".into(),
    );
    table.faults(
        "not given up",
        &fault(given_up.is_none(), "it is not in quarantine".to_owned()),
        String::new(),
    );
    let late = given_up.map_or(0, |end| at.iter().filter(|at| **at > end).count());
    table.faults(
        "started afterwards",
        &fault(late > 0, format!("{late} starts")),
        String::new(),
    );
    table.faults(
        "more than one incident",
        &fault(incidents.len() != 1, format!("{incidents:?}")),
        String::new(),
    );
    table.faults(
        "not released",
        &fault(!released, "it does not come back".to_owned()),
        String::new(),
    );
    table.row([
        "until given up".to_owned(),
        given_up.map_or("never".to_owned(), milliseconds),
        String::new(),
        String::new(),
    ]);
    let figures = json!({
        "minutes": minutes,
        "starts": counted,
        "starts_at_ms": in_ms(&at),
        "given_up_ms": given_up.map(|time| time.as_secs_f64() * 1e3),
        "released": released,
    });
    drop(feed);
    azora.run(path, &["down"]);
    Ok(Report::new(table, figures))
}

/// The engine, and whatever else is left, ends with the home.
struct Engine(std::process::Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn starts(folder: &Path) -> usize {
    std::fs::metadata(folder.join("starts")).map_or(0, |file| file.len() as usize)
}
