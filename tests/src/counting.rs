//! Services that write numbered lines into bounded logs while they, and the engine, are killed; and
//! a follower that has to see every line. The journey tells it in seconds, the bench at full size.
//!
//! What is counted is what a person would get: the follower is `azora logs --follow`, the window is
//! what `azora logs --from` prints, and the disk is what `stat` says of the files.

use crate::{Azora, Folder, process, until};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
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

/// What the follower has seen of one service.
#[derive(Debug, Default)]
struct Seen {
    last: AtomicU64,
    /// As they were written, line ends included.
    bytes: AtomicU64,
    pid: AtomicU64,
}

/// What the follower found wrong, and how much it saw.
#[derive(Debug, Default)]
struct Ledger {
    services: Vec<Seen>,
    followed: AtomicU64,
    missed: AtomicU64,
    repeated: AtomicU64,
    torn: AtomicU64,
    outrun: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Ledger {
    fn wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < 10 {
            wrong.push(what);
        }
    }

    /// A line as `azora logs` prints it: `w3.0 | n 0000000042 of 4711 .`.
    fn line(&self, line: &[u8]) {
        let Some((service, text)) = owner(line) else {
            return self.wrong(format!("a strange line: {}", String::from_utf8_lossy(line)));
        };
        let Some(seen) = self.services.get(service) else {
            return self.wrong(format!("a line of w{service}"));
        };
        seen.bytes
            .fetch_add(text.len() as u64 + 1, Ordering::Relaxed);
        let Some((number, pid)) = number(text) else {
            self.torn.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.followed.fetch_add(1, Ordering::Relaxed);
        seen.pid.store(pid, Ordering::Relaxed);
        let last = seen.last.load(Ordering::Relaxed);
        if number <= last {
            self.repeated.fetch_add(1, Ordering::Relaxed);
            return self.wrong(format!("w{service}: {number} came after {last}"));
        }
        if number != last + 1 {
            self.missed.fetch_add(number - last - 1, Ordering::Relaxed);
            self.wrong(format!("w{service}: {number} followed {last}"));
        }
        seen.last.store(number, Ordering::Relaxed);
    }
}

/// The service's number and the line itself.
fn owner(line: &[u8]) -> Option<(usize, &[u8])> {
    let end = line.iter().position(|byte| *byte == b'|')?;
    let name = std::str::from_utf8(&line[..end]).ok()?.trim_end();
    let number = name.strip_prefix('w')?.strip_suffix(".0")?.parse().ok()?;
    Some((number, line[end + 1..].strip_prefix(b" ")?))
}

/// The number and the writer of a whole line, `None` of one that was cut off.
fn number(text: &[u8]) -> Option<(u64, u64)> {
    let text = text.strip_prefix(b"n ")?.strip_suffix(b" .")?;
    let (number, pid) = text.split_at_checked(10)?;
    let digits = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
    Some((digits(number)?, digits(pid.strip_prefix(b" of ")?)?))
}

/// `azora logs --follow`, read by two threads until it is ended.
struct Follower {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Follower {
    fn start(azora: &Azora, folder: &Path, ledger: &Arc<Ledger>) -> Self {
        let mut child = azora
            .command(folder, &["logs", "--follow", "--since", "7d"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to run azora logs: {error}"));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let lines = Arc::clone(ledger);
        let notes = Arc::clone(ledger);
        let readers = vec![
            std::thread::spawn(move || each_line(out, |line| lines.line(line))),
            std::thread::spawn(move || {
                each_line(err, |line| {
                    let text = String::from_utf8_lossy(line);
                    if text.contains("no longer kept") {
                        notes.outrun.fetch_add(1, Ordering::Relaxed);
                        notes.wrong(text.into_owned());
                    }
                });
            }),
        ];
        Self { child, readers }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

fn each_line(output: Option<impl Read>, mut then: impl FnMut(&[u8])) {
    let Some(output) = output else { return };
    let mut reader = BufReader::with_capacity(1 << 20, output);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        then(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
}

/// The log of an instance as its files lie on disk.
#[derive(Debug, Clone)]
pub struct OnDisk(PathBuf);

impl OnDisk {
    /// Of an instance of the only cluster of a home.
    pub fn of(azora: &Azora, instance: &str) -> Self {
        let logs = azora.home().path().join("logs");
        let cluster = until("the cluster's logs", || {
            std::fs::read_dir(&logs).ok()?.flatten().next()
        });
        Self(cluster.path().join(instance))
    }

    /// Length of the log: all that was ever written to it.
    pub fn length(&self) -> u64 {
        std::fs::metadata(self.0.join("log")).map_or(0, |file| file.len())
    }

    /// Bytes of disk that it, its index and its notes take.
    pub fn taken(&self) -> u64 {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        files
            .filter_map(|file| file.metadata().ok())
            .map(|file| file.blocks() * 512)
            .sum()
    }
}

/// Samples disk usage as often as it can until it is dropped.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    looks: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Looks at these logs, each by itself.
    pub fn start(logs: Vec<OnDisk>) -> Self {
        let (stop, peak, looks) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut sampler = Self {
            stop: Arc::clone(&stop),
            peak: Arc::clone(&peak),
            looks: Arc::clone(&looks),
            thread: None,
        };
        sampler.thread = Some(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let most = logs.iter().map(OnDisk::taken).max().unwrap_or(0);
                peak.fetch_max(most, Ordering::Relaxed);
                looks.fetch_add(1, Ordering::Relaxed);
                std::thread::park_timeout(LOOK);
            }
        }));
        sampler
    }

    /// Most bytes of one log so far.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Looks so far.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
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
         heal = {{ budget = \"1000 per 1m\", backoff = [\"0s\"] }}\n",
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

/// What is done to whom.
enum Act {
    Kill(usize),
    KillEngine,
    Restart(usize),
}

/// The acts, each with the number of lines after which it comes: spread evenly, one kind among the
/// others.
fn acts(plan: &Plan) -> Vec<(u64, Act)> {
    let mut acts = Vec::new();
    let mut spread = |count: u64, act: &dyn Fn(u64) -> Act| {
        for nth in 0..count {
            // Off the ends, where nothing is written.
            acts.push((plan.lines / (count + 1) * (nth + 1), act(nth)));
        }
    };
    let service = |nth: u64| (nth % plan.services) as usize;
    spread(plan.kills, &|nth| Act::Kill(service(nth)));
    spread(plan.engine_kills, &|_| Act::KillEngine);
    spread(plan.restarts, &|nth| Act::Restart(service(nth)));
    acts.sort_by_key(|(at, _)| *at);
    acts
}

fn perform(azora: &Azora, folder: &Path, ledger: &Ledger, act: &Act, told: &mut Told) {
    match act {
        Act::Kill(service) => {
            let pid = ledger.services[*service].pid.load(Ordering::Relaxed);
            // The last that was heard of may have died already.
            if u32::try_from(pid).is_ok_and(|pid| process::kill_if(pid, "puppet number")) {
                told.kills.0 += 1;
            }
        }
        Act::KillEngine => {
            let engine = azora.engine();
            process::kill(engine);
            until("the engine to be gone", || {
                (!process::lives(engine)).then_some(())
            });
            azora.up(folder);
            told.kills.1 += 1;
        }
        Act::Restart(service) => {
            azora.ok(folder, &["restart", &format!("w{service}")]);
            told.kills.2 += 1;
        }
    }
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
