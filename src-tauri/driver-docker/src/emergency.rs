//! The emergency stop for containers: everything of a home, at once, without an engine.
//!
//! It needs no [`crate::ContainerDriver`], no database and no definition. Which daemons have
//! containers of the home is in the intents on disk and in this process's surroundings; which
//! containers those are, the daemons say by label. The mark that nothing may be started any more is
//! set by `driver`'s emergency stop before.

use crate::daemon::{Daemon, Fault, QUICK, ask};
use crate::find::{Address, Endpoint, Surroundings, find};
use crate::look::look;
use crate::{flight, labels, record};
use bollard::query_parameters::{KillContainerOptionsBuilder, ListContainersOptionsBuilder};
use driver::Layout;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// Kills every container of a home, in every daemon that it has used or that is here, all at once. Which of
/// them does not answer within this time is not waited for: it is said that nobody knows. Starts that
/// are under way are waited for, and what they start is ended.
pub async fn stop(layout: &Layout, around: &Surroundings, limit: Duration) -> Report {
    let until = Instant::now() + limit;
    let mut ended = BTreeSet::new();
    loop {
        // Before it is looked who runs: one that is under way no more is seen to run, if it does.
        let mut pending = flight::pending(layout);
        let left = until.saturating_duration_since(Instant::now());
        let mut report = round(layout, around, left).await;
        ended.extend(std::mem::take(&mut report.ended));
        pending.retain(|one| {
            // Also in a look before: its starter may have died since.
            let seen = !one.held && ended.contains(&one.name);
            if seen {
                one.settle();
            }
            !seen
        });
        if pending.is_empty() || Instant::now() + LOOK >= until {
            let pending = pending.into_iter();
            let pending = pending.map(|one| (one.name.clone(), one.why().to_owned()));
            let known: BTreeSet<String> = report.left.iter().map(|one| one.0.clone()).collect();
            (report.left).extend(pending.filter(|one| !known.contains(&one.0)));
            report.ended = ended.into_iter().collect();
            return report;
        }
        sleep(LOOK).await;
    }
}

/// Kills those that run now.
async fn round(layout: &Layout, around: &Surroundings, limit: Duration) -> Report {
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
    let mut work = JoinSet::new();
    for (address, endpoint) in places {
        let (home, known) = (layout.id(), used.contains(&address));
        work.spawn(in_daemon(endpoint, home, known, limit));
    }
    let mut report = Report::default();
    while let Some(done) = work.join_next().await {
        match done {
            Ok(one) => {
                report.ended.extend(one.ended);
                report.left.extend(one.left);
                report.silent.extend(one.silent);
            }
            Err(broke) => report.silent.push(("a daemon".into(), broke.to_string())),
        }
    }
    report
}

/// The same in one daemon.
async fn in_daemon(endpoint: Endpoint, home: String, known: bool, limit: Duration) -> Report {
    let until = Instant::now() + limit;
    let address = endpoint.address.to_string();
    // Somebody may listen who was never asked for anything: only files that were lost would say more, and
    // nobody is to wait for a daemon that is not theirs.
    let first = if known { limit } else { limit.min(STRANGER) };
    let mut report = Report::default();
    let listed = tokio::time::timeout(first, async {
        let daemon = Daemon::at(endpoint).await;
        let daemon = daemon.map_err(|error| error.to_string())?;
        let listed = list(&daemon, &home).await;
        Ok::<_, String>((daemon, listed.map_err(|fault| fault.to_string())?))
    });
    let listed = match listed.await {
        Ok(listed) => listed,
        Err(_) => Err(format!("no answer for {} s", first.as_secs())),
    };
    match listed {
        Ok((daemon, listed)) => {
            let mut waiting = listed.clone();
            let all = kill_all(&daemon, listed, &mut waiting, &mut report);
            if tokio::time::timeout_at(until, all).await.is_err() {
                let why = format!("it has not ended within {} s", limit.as_secs());
                let left = waiting.into_iter().map(|(_, name)| (name, why.clone()));
                report.left.extend(left);
            }
        }
        Err(why) if known => report.silent.push((address, why)),
        // It has never been asked for anything.
        Err(_) => {}
    }
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

/// The containers of a home that run: their ids and names.
async fn list(daemon: &Daemon, home: &str) -> Result<Vec<(String, String)>, Fault> {
    let labels = HashMap::from([(labels::HOME.to_owned(), home.to_owned())]);
    let options = ListContainersOptionsBuilder::new()
        .filters(&labels::filter(&labels))
        .build();
    let listed = ask(QUICK, daemon.api().list_containers(Some(options))).await?;
    let each = listed.into_iter().map(|one| {
        let id = one.id.unwrap_or_default();
        let names = one.names.unwrap_or_default();
        let name = names
            .first()
            .map_or(id.as_str(), |name| name.trim_start_matches('/'));
        let name = name.to_owned();
        (id, name)
    });
    Ok(each.collect())
}

/// Kills these. `waiting` has those of them of which nothing is known yet.
async fn kill_all(
    daemon: &Daemon,
    all: Vec<(String, String)>,
    waiting: &mut Vec<(String, String)>,
    report: &mut Report,
) {
    let mut work = JoinSet::new();
    let mut all = all.into_iter();
    loop {
        while work.len() < AT_ONCE
            && let Some((id, name)) = all.next()
        {
            let daemon = daemon.clone();
            work.spawn(async move { (kill(&daemon, &id).await, id, name) });
        }
        let (killed, id, name) = match work.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(broke)) => {
                report.left.push(("a container".into(), broke.to_string()));
                continue;
            }
            None => return,
        };
        waiting.retain(|(other, _)| *other != id);
        match killed {
            Ok(()) => report.ended.push(name),
            Err(fault) => report.left.push((name, fault.to_string())),
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
