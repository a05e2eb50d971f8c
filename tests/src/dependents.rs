//! One service that a hundred others need, directly or through others, and its death: how many incidents, who
//! is restarted, and in which order those come back that had ended for want of it.

use crate::feed::Feed;
use crate::{Azora, Folder, process};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Every so many-th ends when it loses what it needs; the others answer 503 until it is back.
const LEAVES: usize = 4;
/// Starts of the one below that fail before it is back: long enough for all to notice.
const CRASHES: &str = "2";
/// Everything has to be well again by then.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nothing may come after it was well for so long: more than one round of checks.
const SETTLE: Duration = Duration::from_secs(4);

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Services above the one that was killed.
    pub dependents: usize,
    /// Incidents: the service, and the cause.
    pub incidents: Vec<(String, String)>,
    /// From the kill until everything was ready again.
    pub recovered: Option<Duration>,
    /// Those that ended by themselves, and were started again.
    pub came_back: usize,
    /// Those that were restarted although they lived.
    pub unneeded: Vec<String>,
    /// Starts before what they need was ready.
    pub out_of_order: Vec<String>,
    /// Most of the dependents that were being started at a time.
    pub at_once: usize,
}

/// `top-7` and what it needs.
fn needs(dependents: usize) -> BTreeMap<String, String> {
    let (low, middle) = (dependents * 2 / 5, dependents * 4 / 5);
    let layer = |n: usize| match n {
        n if n < low => (format!("low-{n}"), "base".to_owned()),
        n if n < middle => (format!("middle-{n}"), format!("low-{}", n - low)),
        n => (
            format!("top-{n}"),
            format!("middle-{}", low + (n - middle) % (middle - low)),
        ),
    };
    (0..dependents).map(layer).collect()
}

fn definition(folder: &Path, needs: &BTreeMap<String, String>) -> String {
    let mut text = format!(
        "[cluster]\nname = \"dependents\"\n[cluster.defaults]\nstop = {{ grace = \"2s\" }}\n\
         health = {{ http = \"/health\", every = \"1s\", timeout = \"800ms\", fail = 3 }}\n\
         [service.base]\nport = 0\nrun = \"puppet serve base $PORT crashes {}/crashes\"\n",
        folder.display()
    );
    for (n, (name, need)) in needs.iter().enumerate() {
        let leaves = if n % LEAVES == 0 { "leaves yes " } else { "" };
        let ends = folder.join("ends").join(name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "[service.{name}]\nport = 0\nneeds = [\"{need}\"]\n\
             run = \"puppet serve {name} $PORT needs http:${{{need}.port}} {leaves}ends {}\"",
            ends.display()
        );
    }
    text
}

/// Does it.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn run(azora: &Azora, dependents: usize) -> Report {
    let folder = Folder::empty();
    std::fs::create_dir(folder.path().join("ends")).expect("the folder can be written to");
    let needs = needs(dependents);
    folder.define(&definition(folder.path(), &needs));
    azora.up(folder.path());
    let feed = Feed::of(azora, folder.path());
    let base = azora.instance(folder.path(), "base.0");
    std::fs::write(folder.path().join("crashes"), CRASHES).expect("the folder can be written to");

    let mut story = Story::new(&needs);
    let begun = Instant::now();
    process::kill(base.pid);
    let mut well_since = None;
    while begun.elapsed() < PATIENCE {
        if let Some((came, what)) = feed.next(Duration::from_millis(100)) {
            story.event(&what);
            well_since = story.well().then_some(well_since.unwrap_or(came));
        } else if let Some(since) = well_since.filter(|since: &Instant| since.elapsed() >= SETTLE) {
            // No event tells of those that only answered 503 meanwhile.
            let all = azora.instances(folder.path());
            if all.values().all(|one| one.state == "ready") {
                story.report.recovered = Some(since - begun);
                break;
            }
        }
    }
    let mut report = story.report;
    report.dependents = dependents;
    report.incidents = story.incidents.into_values().collect();
    for (name, starts) in &story.starts {
        let ended = std::fs::metadata(folder.path().join("ends").join(name));
        let ended = ended.map_or(0, |file| file.len() as usize);
        report.came_back += starts.min(&ended);
        if *starts > ended && name != "base" {
            report.unneeded.push(format!(
                "{name}: started {starts} times, ended {ended} times by itself"
            ));
        }
    }
    drop(feed);
    azora.run(folder.path(), &["down"]);
    report
}

struct Story<'a> {
    needs: &'a BTreeMap<String, String>,
    unready: BTreeSet<String>,
    starting: BTreeSet<String>,
    starts: BTreeMap<String, usize>,
    incidents: BTreeMap<u64, (String, String)>,
    open: BTreeSet<u64>,
    report: Report,
}

impl<'a> Story<'a> {
    fn new(needs: &'a BTreeMap<String, String>) -> Self {
        Self {
            needs,
            unready: BTreeSet::from(["base".to_owned()]),
            starting: BTreeSet::new(),
            starts: BTreeMap::new(),
            incidents: BTreeMap::new(),
            open: BTreeSet::new(),
            report: Report::default(),
        }
    }

    fn well(&self) -> bool {
        self.unready.is_empty() && self.open.is_empty() && !self.incidents.is_empty()
    }

    fn event(&mut self, what: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&what["instance"]).trim_end_matches(".0").to_owned();
        match what["kind"].as_str() {
            Some("exited") => {
                self.starting.remove(&name);
                self.unready.insert(name);
            }
            Some("started") => {
                if let Some(need) = self.needs.get(&name) {
                    if self.unready.contains(need) {
                        self.report
                            .out_of_order
                            .push(format!("{name} was started before {need} was ready"));
                    }
                    self.starting.insert(name.clone());
                    self.report.at_once = self.report.at_once.max(self.starting.len());
                }
                *self.starts.entry(name).or_default() += 1;
            }
            Some("state_changed") => match what["to"].as_str() {
                Some("ready" | "degraded") => {
                    self.unready.remove(&name);
                    self.starting.remove(&name);
                }
                // It lives, and answers 503.
                Some("failing") if self.needs.contains_key(&name) => {
                    self.unready.insert(name);
                }
                _ => {}
            },
            Some("incident") => {
                let incident = &what["incident"];
                let id = incident["id"].as_u64().unwrap_or(0);
                self.incidents
                    .insert(id, (text(&incident["service"]), text(&incident["cause"])));
                match incident["state"].as_str() {
                    Some("open") => self.open.insert(id),
                    _ => self.open.remove(&id),
                };
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_needs_the_one_through_at_most_two_others() {
        let needs = needs(100);
        assert_eq!(needs.len(), 100);
        for name in needs.keys() {
            let below = |name: &String| needs.get(name).cloned();
            let mut at = name.clone();
            let mut steps = 0;
            while let Some(next) = below(&at) {
                at = next;
                steps += 1;
            }
            assert!(
                at == "base" && (1..=3).contains(&steps),
                "{name}: {steps} to {at}"
            );
        }
    }
}
