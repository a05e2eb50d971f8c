//! A full disk: a small one, mounted over the home, filled by a service and by hand, and freed.

use super::{Report, Run};
use crate::dice::Dice;
use crate::small_disk::SmallDisk;
use crate::{Azora, Folder, Instance, PATIENCE, process};
use rustix::process::Signal;
use std::path::Path;
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
        heal = { ladder = [\"restart\"], budget = \"1000 per 1m\", backoff = [\"0s\"], circuit = false }\n\
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

impl Run<'_> {
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
        self.cycle_over();
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
}
