//! Services that write numbered lines into bounded logs while they, and the engine, are killed; and
//! a follower that has to see every line. The journey tells it in seconds, the bench at full size.
//!
//! What is counted is what a person would get: the follower is `azora logs --follow`, the window is
//! what `azora logs --from` prints, and the disk is what `stat` says of the files.

mod acts;
mod disk;
mod follower;

pub use disk::{OnDisk, Sampler};

use crate::{Azora, Folder, each_line};
use acts::{acts, perform};
use follower::{Follower, Ledger, Seen, number};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(5);

/// What is to happen.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Lines of all services together.
    pub lines: u64,
    /// Services that write them.
    pub services: u64,
    /// What each log keeps, in bytes.
    pub keep: u64,
    /// `kill -9` of a writer.
    pub kills: u64,
    /// `kill -9` of the engine, each followed by a new one.
    pub engine_kills: u64,
    /// `azora restart` of a service.
    pub restarts: u64,
    /// It has failed when nothing has moved for so long.
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Lines the follower saw.
    pub followed: u64,
    /// Numbers it did not see, or not in order; the first few in words.
    pub missed: u64,
    /// Numbers it saw twice.
    pub repeated: u64,
    /// Times the follower said that it was outrun.
    pub outrun: u64,
    /// In words, the first things that were wrong.
    pub wrong: Vec<String>,
    /// Lines in the windows when all was written.
    pub window: u64,
    /// Numbers missing inside a window, or cut off at its end.
    pub window_missing: u64,
    /// Least bytes a window had, to compare with `keep`.
    pub window_bytes: u64,
    /// Addresses noted while lines were written, and looked up at the end: those that led to the
    /// same line, and those that were said to be no longer kept.
    pub addresses: (u64, u64),
    /// Most bytes on disk of one log, its index included, at any look.
    pub peak: u64,
    /// Looks at the disk.
    pub looks: u64,
    /// Bytes written to all logs.
    pub written: u64,
    /// Kills of writers and of engines, restarts.
    pub kills: (u64, u64, u64),
    /// Lines of all logs that were cut off by a kill.
    pub torn: u64,
    /// First line to last.
    pub took: Duration,
}

/// Tells the whole story. `say` hears how it goes, now and then.
///
/// # Panics
/// When `azora` refuses something, or nothing moves any more.
pub fn tell(azora: &Azora, plan: &Plan, mut say: impl FnMut(&str)) -> Told {
    let each = plan.lines.div_ceil(plan.services);
    let folder = Folder::empty();
    folder.define(&definition(plan, each, folder.path()));
    azora.up(folder.path());
    let mut ledger = Ledger::default();
    ledger
        .services
        .resize_with(plan.services as usize, Seen::default);
    let ledger = Arc::new(ledger);
    let follower = Follower::start(azora, folder.path(), &ledger);
    let logs: Vec<OnDisk> = (0..plan.services)
        .map(|n| OnDisk::of(azora, &format!("w{n}.0")))
        .collect();
    let disk = Sampler::start(logs.clone());

    let begun = Instant::now();
    let mut told = Told::default();
    let (mut moved, mut before) = (Instant::now(), 0);
    let mut acts = acts(plan).into_iter().peekable();
    let mut addresses: BTreeMap<String, (u64, String)> = BTreeMap::new();
    loop {
        let followed = ledger.followed.load(Ordering::Relaxed);
        if followed != before {
            (moved, before) = (Instant::now(), followed);
        }
        assert!(
            moved.elapsed() < plan.patience,
            "nothing moved for {:?}: {followed} of {} lines, wrong: {:?}\n{}",
            plan.patience,
            plan.lines,
            ledger.wrong,
            azora.story()
        );
        let last = |seen: &Seen| seen.last.load(Ordering::Relaxed);
        if ledger.services.iter().all(|seen| last(seen) >= each) {
            break;
        }
        // A follower can only see all of what is written no faster than it can be read: each may
        // write half a log more than was read of it.
        for (service, seen) in ledger.services.iter().enumerate() {
            let allowed = seen.bytes.load(Ordering::Relaxed) + plan.keep / 2;
            allow(folder.path(), service, allowed);
        }
        if let Some((_, act)) = acts.next_if(|(at, _)| followed >= *at) {
            perform(azora, folder.path(), &ledger, &act, &mut told);
            note_address(
                azora,
                folder.path(),
                &mut addresses,
                told.kills.0 % plan.services,
            );
            say(&format!(
                "{followed} lines followed; {} kills, {} engine kills, {} restarts; {} MB on disk at most",
                told.kills.0,
                told.kills.1,
                told.kills.2,
                disk.peak() >> 20
            ));
        }
        std::thread::park_timeout(LOOK);
    }
    told.took = begun.elapsed();
    drop(follower);
    told.followed = ledger.followed.load(Ordering::Relaxed);
    told.missed = ledger.missed.load(Ordering::Relaxed);
    told.repeated = ledger.repeated.load(Ordering::Relaxed);
    told.torn = ledger.torn.load(Ordering::Relaxed);
    told.outrun = ledger.outrun.load(Ordering::Relaxed);
    told.wrong = std::mem::take(&mut *ledger.wrong.lock().unwrap_or_else(PoisonError::into_inner));
    told.written = logs.iter().map(OnDisk::length).sum();
    told.window_bytes = u64::MAX;
    for (service, log) in logs.iter().enumerate() {
        window(azora, folder.path(), service, log, each, &mut told);
    }
    for (instance, (address, text)) in addresses {
        let instance = instance.split_once('@').map_or("", |(name, _)| name);
        lookup(azora, folder.path(), instance, address, &text, &mut told);
    }
    (told.peak, told.looks) = (disk.peak(), disk.looks());
    told
}

/// The file that says how long the log of a service may become.
fn allowance(folder: &Path, service: usize) -> PathBuf {
    folder.join(format!("allowed-{service}"))
}

fn allow(folder: &Path, service: usize, length: u64) {
    // Never seen half written.
    let draft = folder.join("allowed-new");
    let done = std::fs::write(&draft, length.to_string())
        .and_then(|()| std::fs::rename(&draft, allowance(folder, service)));
    done.unwrap_or_else(|error| panic!("failed to say how much may be written: {error}"));
}

fn definition(plan: &Plan, each: u64, folder: &Path) -> String {
    let mut text = format!(
        "[cluster]\nname = \"counting\"\n[cluster.defaults]\nlog = {{ keep = \"{}KiB\" }}\n\
         heal = {{ budget = \"1000 per 1m\", backoff = [\"0s\"], circuit = false }}\n",
        plan.keep >> 10
    );
    for service in 0..plan.services as usize {
        text.push_str(&format!(
            "[service.w{service}]\nrun = [\"puppet\", \"number\", \"{each}\", \"{}\", \"hang\"]\n",
            allowance(folder, service).display()
        ));
    }
    text
}

/// Notes the address of the newest line of a service.
fn note_address(
    azora: &Azora,
    folder: &Path,
    addresses: &mut BTreeMap<String, (u64, String)>,
    service: u64,
) {
    let instance = format!("w{service}.0");
    let lines = azora.json(folder, &["logs", &instance, "--tail", "1"]);
    if let (Some(address), Some(text)) = (lines[0]["offset"].as_u64(), lines[0]["text"].as_str()) {
        addresses.insert(format!("{instance}@{address}"), (address, text.to_owned()));
    }
}

/// Holds an address to its line.
fn lookup(azora: &Azora, folder: &Path, instance: &str, address: u64, text: &str, told: &mut Told) {
    let address = address.to_string();
    let done = azora.run(
        folder,
        &["logs", instance, "--from", &address, "--tail", "1"],
    );
    if done.code == 0 && done.out.trim_end_matches('\n').starts_with(text) {
        // It may have been looked at before it was whole.
        told.addresses.0 += 1;
    } else if done.code == 3 && done.err.contains("no longer kept") {
        told.addresses.1 += 1;
    } else {
        told.wrong.push(format!(
            "address {address} of {instance} was {text:?} and is now {done:?}"
        ));
    }
}

/// Reads all that a log still has and looks for numbers that are missing in it.
fn window(azora: &Azora, folder: &Path, service: usize, log: &OnDisk, last: u64, told: &mut Told) {
    let instance = format!("w{service}.0");
    let mut child = azora
        .command(folder, &["logs", &instance, "--since", "7d"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to run azora logs: {error}"));
    let (mut before, mut lines, mut bytes, mut missing) = (None, 0, 0, 0);
    each_line(child.stdout.take(), |line| {
        bytes += line.len() as u64 + 1;
        let Some((number, _)) = number(line) else {
            return;
        };
        lines += 1;
        missing += before.map_or(0, |before| number.abs_diff(before + 1));
        before = Some(number);
    });
    let _ = child.wait();
    told.window += lines;
    told.window_missing += missing + before.map_or(last, |before| last.abs_diff(before));
    // A log that never came to its bound has all its bytes.
    let whole = log.length() == bytes;
    told.window_bytes = told.window_bytes.min(if whole { u64::MAX } else { bytes });
    if missing > 0 {
        told.wrong.push(format!(
            "{missing} numbers are missing in the window of {instance}"
        ));
    }
}
