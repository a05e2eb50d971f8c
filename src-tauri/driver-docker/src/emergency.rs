//! The emergency stop for containers: everything of a home, at once, without an engine.
//!
//! It needs no [`crate::ContainerDriver`], no database and no definition. Which daemons have
//! containers of the home is in the intents on disk and in this process's surroundings; which
//! containers those are, the daemons say by label. The mark that nothing may be started any more is
//! set by `driver`'s emergency stop before.

use crate::daemon::{Daemon, Fault, QUICK, ask};
use crate::find::{Address, Endpoint, Surroundings, find};
use crate::look::look;
use crate::{labels, record};
use bollard::query_parameters::{KillContainerOptionsBuilder, ListContainersOptionsBuilder};
use driver::Layout;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Containers that are ended at once: a daemon takes them one after another anyway.
const AT_ONCE: usize = 16;
/// Between two looks whether one has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How long a daemon may take that no container of the home is known to be in.
const STRANGER: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Containers that were running and were seen to have ended.
    pub ended: Vec<String>,
    /// Those that were not, and why.
    pub left: Vec<(String, String)>,
    /// Daemons that have been asked for containers before and do not answer: nobody knows whether any
    /// of theirs runs.
    pub silent: Vec<(String, String)>,
}

impl Report {
    /// What is left, or may be, in words.
    pub fn not_ended(&self) -> Vec<String> {
        let left = self.left.iter();
        let left = left.map(|(name, why)| format!("the container {name}: {why}"));
        let silent = self.silent.iter().map(|(address, why)| {
            format!("nobody knows what runs in the container daemon at {address}: {why}")
        });
        left.chain(silent).collect()
    }
}

/// The same within this time, beyond which it is not waited for: it is said that nobody knows.
pub async fn stop_within(layout: &Layout, around: &Surroundings, limit: Duration) -> Report {
    let used = record::endpoints(layout);
    let limit = match used.is_empty() {
        // Somebody may listen who was never asked for anything: only files that were lost would say
        // more, and nobody is to wait for a daemon that is not theirs.
        true => limit.min(STRANGER),
        false => limit,
    };
    let silent = |address: String| (address, format!("no answer for {} s", limit.as_secs()));
    match tokio::time::timeout(limit, stop(layout, around)).await {
        Ok(report) => report,
        Err(_) => Report {
            silent: used.into_iter().map(silent).collect(),
            ..Report::default()
        },
    }
}

/// Kills every container of a home, in every daemon that it has used or that is here.
pub async fn stop(layout: &Layout, around: &Surroundings) -> Report {
    let mut report = Report::default();
    let used = record::endpoints(layout);
    let mut places: BTreeMap<String, Endpoint> = find(around)
        .unwrap_or_default()
        .into_iter()
        .map(|endpoint| (endpoint.address.to_string(), endpoint))
        .collect();
    for address in &used {
        if let Some(endpoint) = endpoint(address) {
            places.entry(address.clone()).or_insert(endpoint);
        }
    }
    for (address, endpoint) in places {
        match Daemon::at(endpoint).await {
            Ok(daemon) => kill_all(&daemon, &layout.id(), &mut report).await,
            Err(error) if used.contains(&address) => {
                report.silent.push((address, error.to_string()));
            }
            // It has never been asked for anything.
            Err(_) => {}
        }
    }
    report.ended.sort();
    report
}

fn endpoint(address: &str) -> Option<Endpoint> {
    let address = match address.split_once("://")? {
        ("unix", path) => Address::Unix(path.into()),
        ("tcp", place) => Address::Tcp(place.to_owned()),
        _ => return None,
    };
    let why = "containers of this home were made there".to_owned();
    Some(Endpoint { address, why })
}

async fn kill_all(daemon: &Daemon, home: &str, report: &mut Report) {
    let labels = HashMap::from([(labels::HOME.to_owned(), home.to_owned())]);
    let options = ListContainersOptionsBuilder::new()
        .filters(&labels::filter(&labels))
        .build();
    let listed = ask(QUICK, daemon.api().list_containers(Some(options))).await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(fault) => {
            let address = daemon.endpoint.address.to_string();
            return report.silent.push((address, fault.to_string()));
        }
    };
    let mut work = JoinSet::new();
    let mut waiting = listed.into_iter();
    loop {
        while work.len() < AT_ONCE
            && let Some(one) = waiting.next()
        {
            let id = one.id.unwrap_or_default();
            let names = one.names.unwrap_or_default();
            let name = names
                .first()
                .map_or(id.as_str(), |name| name.trim_start_matches('/'));
            let (name, daemon) = (name.to_owned(), daemon.clone());
            work.spawn(async move { (name, kill(&daemon, &id).await) });
        }
        match work.join_next().await {
            Some(Ok((name, Ok(())))) => report.ended.push(name),
            Some(Ok((name, Err(fault)))) => report.left.push((name, fault.to_string())),
            Some(Err(broke)) => report.left.push(("a container".into(), broke.to_string())),
            None => return,
        }
    }
}

/// Kills it, and sees that it has ended.
async fn kill(daemon: &Daemon, id: &str) -> Result<(), Fault> {
    let options = || Some(KillContainerOptionsBuilder::new().signal("SIGKILL").build());
    let until = Instant::now() + QUICK;
    loop {
        // One that is held still does not end before it is let go.
        let _ = ask(QUICK, daemon.api().unpause_container(id)).await;
        let killed = ask(QUICK, daemon.api().kill_container(id, options())).await;
        match look(daemon, id).await? {
            None => return Ok(()),
            Some(seen) if !seen.lives() => return Ok(()),
            Some(_) if Instant::now() < until => sleep(LOOK).await,
            Some(_) => {
                let why = "it runs on after SIGKILL".to_owned();
                return Err(killed.err().unwrap_or(Fault::Strange(why)));
            }
        }
    }
}
