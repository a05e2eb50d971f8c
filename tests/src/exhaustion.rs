//! An engine on a machine that has run out of something: room on the disk, descriptors, processes.
//! It is filled up, steered, freed, and has to recover by itself; what runs must not notice.

use crate::kills::Dice;
use crate::small_disk::SmallDisk;
use crate::{Azora, Done, Folder, Instance, PATIENCE, process};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Of the disk, in megabytes. Its blocks are smaller than pages, which has been found to matter.
const DISK: u64 = 32;
/// Services that must live through all of it.
const STEADY: usize = 5;
/// One cycle in so many has its engine killed, and another one started on the full disk.
const KILLED: usize = 10;
/// What `status` says while the disk is full.
const FULL: &str = "the disk that holds the home is full";
/// What is said of an act that is refused.
const REFUSED: &str = "free some space and ask again";

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Times it was filled and freed.
    pub cycles: usize,
    /// What must not be.
    pub faults: Vec<String>,
    /// How long `ps` took while it was full.
    pub ps: Vec<Duration>,
    /// The same of stopping a service.
    pub stop: Vec<Duration>,
    /// From making room until all was as before.
    pub recovery: Vec<Duration>,
    /// Starts that were refused, or delayed.
    pub put_off: usize,
    /// Starts that went well although it was full.
    pub started: usize,
    /// Services that were killed while it was full, and came back before there was room.
    pub healed: usize,
    /// Engines that were killed while it was full.
    pub engine_kills: usize,
    /// Acts that were said to be done, each of which has to be in the book once.
    pub acts: usize,
}

struct Run<'a> {
    azora: &'a Azora,
    folder: &'a Folder,
    engine: Option<Child>,
    /// What the engine says of itself; it lies where there is room.
    told: tempfile::NamedTempFile,
    report: Report,
    steady: BTreeMap<String, u32>,
    /// The reasons of acts that were acknowledged.
    said: BTreeSet<String>,
}

/// Fills a disk so many times.
///
/// # Errors
/// Why it cannot be tried here.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn disk(azora: &Azora, cycles: usize, seed: u64) -> Result<Report, String> {
    let disk = SmallDisk::over(azora.home().path(), DISK)?;
    let folder = Folder::empty();
    let flood = folder.path().join("flood");
    let mut definition = "[cluster]\nname = \"full\"\n[cluster.defaults]\n\
        log = { keep = \"256KiB\" }\nstop = { grace = \"2s\" }\n\
        heal = { ladder = [\"restart\"], budget = \"1000 per 1m\", backoff = [\"0s\"] }\n\
        [service.web]\nrun = \"organ --name web --port $PORT\"\nport = 0\n\
        health = { http = \"/health\", every = \"1s\", timeout = \"5s\", fail = 3 }\n\
        [service.victim]\nrun = \"puppet hang\"\n\
        [service.crash]\nrun = \"puppet hang\"\n"
        .to_owned();
    for n in 1..STEADY {
        definition.push_str(&format!(
            "[service.steady{n}]\nrun = \"sh -c 'while :; do echo a line that takes some room; \
             sleep 0.3; done'\"\n"
        ));
    }
    definition.push_str(&format!(
        "[service.flood]\nrun = \"sh -c 'while :; do if [ -e {} ]; then head -c 3000000 /dev/zero; \
         fi; sleep 0.1; done'\"\nlog = {{ keep = \"1MiB\" }}\n",
        flood.display()
    ));
    folder.define(&definition);
    let mut run = Run::begin(azora, &folder, None);
    let mut dice = Dice(seed);
    for cycle in 0..cycles {
        run.cycle(&disk, &flood, cycle, &mut dice);
    }
    // At last everything ends, on a full disk.
    disk.fill(0);
    let done = azora.run(folder.path(), &["emergency-stop", "--reason", "the end"]);
    if done.code != 0 {
        run.fault(format!("the emergency stop on a full disk: {done:?}"));
    }
    let left = azora.left();
    if !left.is_empty() {
        run.fault(format!("left after the emergency stop: {left:?}"));
    }
    run.end();
    drop(disk);
    Ok(run.report.clone())
}

impl<'a> Run<'a> {
    /// Brings the cluster up; `limit` is what a shell does before it becomes the engine.
    fn begin(azora: &'a Azora, folder: &'a Folder, limit: Option<&str>) -> Self {
        let mut run = Self {
            azora,
            folder,
            engine: None,
            told: tempfile::NamedTempFile::new().expect("scratch"),
            report: Report::default(),
            steady: BTreeMap::new(),
            said: BTreeSet::new(),
        };
        run.serve(limit);
        azora.up(folder.path());
        let all = azora.instances(folder.path());
        let moving = ["victim.0", "crash.0"];
        run.steady = all
            .into_iter()
            .filter(|(name, _)| !moving.contains(&name.as_str()))
            .map(|(name, instance)| (name, instance.pid))
            .collect();
        run
    }

    fn serve(&mut self, limit: Option<&str>) {
        let first = limit.unwrap_or("true");
        let mut command = self.azora.serve_after(self.folder.path(), first);
        let told = self.told.reopen().expect("scratch");
        told.set_len(0).expect("scratch");
        command.stdout(Stdio::null()).stderr(told);
        let engine = command.spawn().expect("azora can be run");
        let pid = engine.id();
        self.engine = Some(engine);
        // `status` answers without an engine, too.
        let there = testkit::eventually(PATIENCE, || {
            let status = self.azora.run(self.folder.path(), &["status", "--json"]);
            let status: serde_json::Value = serde_json::from_str(&status.out).unwrap_or_default();
            status["engine"]["pid"] == pid
        });
        if !there {
            let told = std::fs::read_to_string(self.told.path()).unwrap_or_default();
            let lives = self.engine.as_mut().map(Child::try_wait);
            let story = self.azora.story();
            self.fault(format!("no engine came up ({lives:?}): {told}\n{story}"));
        }
    }

    fn fault(&mut self, what: String) {
        let cycle = self.report.cycles;
        // At once: what comes of it may end the test before its report.
        eprintln!("cycle {cycle}: {what}");
        self.report.faults.push(format!("cycle {cycle}: {what}"));
    }

    fn cycle(&mut self, disk: &SmallDisk, flood: &Path, cycle: usize, dice: &mut Dice) {
        let leave = match dice.below(3) {
            0 => 0,
            1 => dice.below(64) << 10,
            _ => dice.below(512) << 10,
        };
        if dice.below(2) == 0 {
            std::fs::write(flood, b"").expect("the folder is on another disk");
        }
        disk.fill(leave);
        if cycle % KILLED == KILLED - 1 {
            // Sometimes the next one has no room at all, sometimes it runs out on its way.
            if self.report.engine_kills.is_multiple_of(2) {
                disk.fill(0);
            }
            self.replace_engine();
        }
        self.steer(cycle);
        // Whatever was left is taken now.
        disk.fill(0);
        self.look();
        self.crash();
        let _ = std::fs::remove_file(flood);
        disk.free();
        let begun = Instant::now();
        self.recovers(cycle);
        self.report.recovery.push(begun.elapsed());
        self.check();
        self.report.cycles += 1;
    }

    /// The engine is killed, and the next one has to start on the full disk.
    fn replace_engine(&mut self) {
        self.kill_engine();
        self.report.engine_kills += 1;
        self.serve(None);
        let steady = self.steady.len();
        let there = testkit::eventually(PATIENCE, || {
            let now = self.instances();
            self.steady
                .iter()
                .filter(|(name, pid)| now.get(*name).is_some_and(|one| one.pid == **pid))
                .count()
                == steady
        });
        if !there {
            self.fault("not everything was adopted on a full disk".to_owned());
        }
    }

    fn steer(&mut self, cycle: usize) {
        self.look();
        let stop = self.order(&["stop", "victim"], &format!("stop {cycle}"));
        self.report.stop.push(stop.1);
        if stop.0.code != 0 {
            self.fault(format!("stop: {:?}", stop.0));
        }
        let victim = self.instances().remove("victim.0");
        if victim.as_ref().is_none_or(|victim| victim.pid != 0) {
            self.fault(format!("the victim was not stopped: {victim:?}"));
        }
        let (start, _) = self.order(&["start", "victim"], &format!("start {cycle}"));
        match start.code {
            0 => self.report.started += 1,
            _ if start.err.contains(REFUSED) || start.err.contains("start delayed") => {
                self.report.put_off += 1;
            }
            _ => self.fault(format!("start: {start:?}")),
        }
        let (hold, _) = self.order(&["hold", "victim"], &format!("hold {cycle}"));
        if hold.code != 0 {
            self.fault(format!("hold: {hold:?}"));
        }
    }

    fn look(&mut self) {
        let begun = Instant::now();
        let ps = self.azora.run(self.folder.path(), &["ps", "--json"]);
        self.report.ps.push(begun.elapsed());
        if ps.code != 0 {
            self.fault(format!("ps: {ps:?}"));
        }
        self.steady_live();
    }

    /// What is killed now is started again, if not at once, then when there is room.
    fn crash(&mut self) {
        /// For a restart in place, which needs no room.
        const SOON: Duration = Duration::from_millis(1500);
        let Some(before) = self
            .instances()
            .remove("crash.0")
            .filter(|one| one.pid != 0)
        else {
            return;
        };
        process::try_signal(before.pid, Signal::KILL);
        let mut now = None;
        let healed = testkit::eventually(SOON, || {
            now = self.instances().remove("crash.0");
            let now = now.as_ref();
            now.is_some_and(|now| now.pid != before.pid && now.pid != 0 && now.serves())
        });
        if healed {
            self.report.healed += 1;
        } else if now.as_ref().is_none_or(|now| now.state == "quarantined") {
            self.fault(format!("a service that was killed: {now:?}"));
        }
    }

    /// Waits until everything is as before; only the victim needs a person.
    fn recovers(&mut self, cycle: usize) {
        let well = testkit::eventually(PATIENCE, || {
            let status = self.azora.run(self.folder.path(), &["status", "--json"]);
            let others = self.instances();
            let others = others.values().filter(|one| one.name != "victim.0");
            status.code == 0 && !status.out.contains(FULL) && others.clone().all(Instance::serves)
        });
        if !well {
            let status = self.azora.run(self.folder.path(), &["status", "--json"]);
            let now = self.instances();
            self.fault(format!("it did not recover: {}\n{now:#?}", status.out));
        }
        for (words, why) in [
            (["unhold", "victim"], format!("unhold {cycle}")),
            (["start", "victim"], format!("again {cycle}")),
        ] {
            let (done, _) = self.order(&words, &why);
            if done.code != 0 {
                self.fault(format!("{words:?} with room: {done:?}"));
            }
        }
        if self.instances()["victim.0"].pid == 0 {
            self.fault("the victim does not run".to_owned());
        }
    }

    /// Orders something; what is acknowledged has to be in the book.
    fn order(&mut self, words: &[&str], why: &str) -> (Done, Duration) {
        let begun = Instant::now();
        let words = [words, &["--reason", why]].concat();
        let done = self.azora.run(self.folder.path(), &words);
        if done.code == 0 {
            self.said.insert(why.to_owned());
        }
        (done, begun.elapsed())
    }

    fn instances(&self) -> BTreeMap<String, Instance> {
        self.azora.instances(self.folder.path())
    }

    fn steady_live(&mut self) {
        let dead: Vec<String> = self
            .steady
            .iter()
            .filter(|(_, pid)| !process::lives(**pid))
            .map(|(name, pid)| format!("{name} ({pid})"))
            .collect();
        if !dead.is_empty() {
            self.fault(format!("ended: {dead:?}"));
            self.steady.retain(|_, pid| process::lives(*pid));
        }
    }

    /// Copies what the engine has on disk at one moment, and looks whether it is sound.
    fn check(&mut self) {
        self.steady_live();
        let now = self.instances();
        for (name, pid) in self.steady.clone() {
            if now.get(&name).is_none_or(|one| one.pid != pid) {
                self.fault(format!(
                    "{name} is not {pid} any more: {:?}",
                    now.get(&name)
                ));
            }
        }
        let copy = tempfile::tempdir().expect("scratch");
        let engine = self.engine_pid();
        // What lies on disk while it stands still is what a crash would leave.
        process::try_signal(engine, Signal::STOP);
        crate::until("the engine to stand still", || {
            (process::state(engine) == Some('T')).then_some(())
        });
        let copied = copy_databases(self.azora.home().path(), copy.path());
        process::try_signal(engine, Signal::CONT);
        if let Err(error) = copied {
            return self.fault(format!("the databases cannot be copied: {error}"));
        }
        let acts = match testkit::databases(copy.path()) {
            Ok(acts) => acts,
            Err(error) => return self.fault(format!("a database is not sound: {error}")),
        };
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for act in &acts {
            *times.entry(&act.reason).or_default() += 1;
        }
        let wrong: Vec<String> = self
            .said
            .iter()
            .filter(|why| times.get(why.as_str()) != Some(&1))
            .map(|why| format!("{why}: {:?}", times.get(why.as_str())))
            .collect();
        if !wrong.is_empty() {
            self.fault(format!("acts that are not in the book once: {wrong:?}"));
        }
        self.report.acts = self.said.len();
    }

    fn engine_pid(&self) -> u32 {
        self.azora.engine()
    }

    fn kill_engine(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }

    fn end(&mut self) {
        self.azora.run(self.folder.path(), &["down"]);
        self.kill_engine();
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.kill_engine();
    }
}

fn copy_databases(home: &Path, to: &Path) -> std::io::Result<()> {
    for name in [
        "state.db",
        "state.db-wal",
        "history.db",
        "history.db-wal",
        "spare",
    ] {
        let from: PathBuf = home.join(name);
        if from.exists() {
            std::fs::copy(from, to.join(name))?;
        }
    }
    Ok(())
}

/// What runs out besides the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Few {
    /// Descriptors: the engine may have so few that not every service can be watched.
    Descriptors,
    /// Processes: the control group of the engine and its services is full.
    Processes,
}

/// Descriptors that the engine may have: enough for some of [`MANY`] services.
const DESCRIPTORS: u32 = 192;
/// Services that are started all at once.
const MANY: usize = 60;

/// Runs out of descriptors or processes so many times.
///
/// # Errors
/// Why it cannot be tried here.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn few(azora: &Azora, few: Few, cycles: usize) -> Result<Report, String> {
    let folder = Folder::empty();
    let steady = "[cluster]\nname = \"few\"\n[cluster.defaults]\nstop = { grace = \"2s\" }\n\
        [service.web]\nrun = \"organ --name web --port $PORT\"\nport = 0\n\
        health = { http = \"/health\", every = \"500ms\", timeout = \"5s\", fail = 3 }\n\
        [service.asked]\nrun = \"puppet hang\"\n\
        health = { exec = \"true\", every = \"500ms\", timeout = \"5s\", fail = 3 }\n\
        [service.victim]\nrun = \"puppet hang\"\n\
        [service.many]\nrun = \"puppet hang\"\nreplicas = 1\n";
    folder.define(steady);
    let group = match few {
        Few::Processes => Some(Group::new()?),
        Few::Descriptors => None,
    };
    let limit = match &group {
        Some(group) => format!("echo $$ > {}/cgroup.procs", group.0.display()),
        None => format!("ulimit -n {DESCRIPTORS}"),
    };
    let mut run = Run::begin(azora, &folder, Some(&limit));
    run.steady.retain(|name, _| !name.starts_with("many"));
    for _ in 0..cycles {
        run.run_out(group.as_ref());
        run.report.cycles += 1;
    }
    run.check();
    run.end();
    drop(run.engine.take());
    let report = run.report.clone();
    drop(run);
    Ok(report)
}

impl Run<'_> {
    fn run_out(&mut self, group: Option<&Group>) {
        let cycle = self.report.cycles;
        if let Some(group) = group {
            // A few more than there are.
            group.most(Some(group.now() + 12));
        }
        let all = format!("many={MANY}");
        // Not waited for: not all of them can come up.
        let mut scale = self
            .azora
            .command(self.folder.path(), &["scale", &all])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("azora can be run");
        let mut delayed = 0;
        let short = testkit::eventually(PATIENCE, || {
            let now = self.instances();
            let waits = |one: &&Instance| one.reason.contains("start delayed");
            delayed = now.values().filter(waits).count();
            delayed > 0
        });
        if !short {
            let now = self.instances();
            self.fault(format!("nothing ran out: {now:#?}"));
        }
        self.report.put_off += delayed;
        let before = cpu(self.engine_pid());
        let begun = Instant::now();
        self.look();
        let (stop, took) = self.order(&["stop", "victim"], &format!("stop {cycle}"));
        self.report.stop.push(took);
        if stop.code != 0 {
            self.fault(format!("stop: {stop:?}"));
        }
        // Probes that cannot be asked are no verdict.
        while begun.elapsed() < Duration::from_secs(3) {
            self.look();
            let now = self.instances();
            for name in ["web.0", "asked.0"] {
                let ok = now.get(name).is_some_and(Instance::serves);
                if !ok {
                    self.fault(format!("{name}: {:?}", now.get(name)));
                }
            }
        }
        let used = cpu(self.engine_pid()).saturating_sub(before);
        if used > begun.elapsed() / 2 {
            self.fault(format!("the engine used {used:?} in {:?}", begun.elapsed()));
        }
        let quarantined = |one: &&Instance| one.state == "quarantined";
        let lost: Vec<Instance> = self
            .instances()
            .into_values()
            .filter(|one| quarantined(&one))
            .collect();
        if !lost.is_empty() {
            self.fault(format!("given up for want of room: {lost:?}"));
        }
        // There is room again: fewer are wanted, or more may be.
        let begun = Instant::now();
        if let Some(group) = group {
            group.most(None);
            let well = testkit::eventually(PATIENCE, || {
                let now = self.instances();
                now.values()
                    .filter(|one| one.name != "victim.0")
                    .all(Instance::serves)
            });
            if !well {
                let now = self.instances();
                self.fault(format!("it did not recover: {now:#?}"));
            }
        }
        let (fewer, _) = self.order(&["scale", "many=1"], &format!("fewer {cycle}"));
        let (start, _) = self.order(&["start", "victim"], &format!("again {cycle}"));
        if fewer.code != 0 || start.code != 0 {
            self.fault(format!("with room again: {fewer:?} {start:?}"));
        }
        self.report.recovery.push(begun.elapsed());
        let _ = scale.wait();
    }
}

/// Processor time a process has used.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0)
    };
    // utime and stime, fields 14 and 15 of which the first two are before the bracket; 100 a second.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// A control group that counts processes.
#[derive(Debug)]
struct Group(PathBuf);

impl Group {
    fn new() -> Result<Self, String> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let pids = mounts.lines().find(|line| {
            let (_, kind) = line.split_once(" - ").unwrap_or_default();
            kind.starts_with("cgroup ") && kind.split(',').any(|word| word.trim() == "pids")
        });
        let place = pids.and_then(|line| line.split(' ').nth(4));
        let place = place.ok_or("no control groups of version 1 that count processes")?;
        let folder = Path::new(place).join(format!("azora-few-{}", std::process::id()));
        std::fs::create_dir(&folder)
            .map_err(|error| format!("failed to make {}: {error}", folder.display()))?;
        Ok(Self(folder))
    }

    fn now(&self) -> u64 {
        let text = std::fs::read_to_string(self.0.join("pids.current")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    fn most(&self, most: Option<u64>) {
        let text = most.map_or_else(|| "max".to_owned(), |most| most.to_string());
        std::fs::write(self.0.join("pids.max"), text).expect("the group is ours");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Groups of instances lie below it, and are gone with them.
        let _ = testkit::eventually(Duration::from_secs(5), || {
            std::fs::remove_dir(&self.0).is_ok() || !self.0.exists()
        });
    }
}
