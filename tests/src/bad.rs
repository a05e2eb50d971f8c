//! The four bad states in which an emergency stop has to work.

use crate::Azora;
use crate::small_disk::SmallDisk;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// One of them; what was done is undone when it is dropped.
#[derive(Debug)]
pub enum Bad<'a> {
    /// None: what the others are compared with.
    Well,
    /// The engine is dead and somebody else has the databases' locks. While an engine runs it has them
    /// itself, for itself alone, so nobody else can lock it out (decision 0018).
    DatabaseLocked(Child),
    /// Nothing can be written to the home's disk.
    DiskFull(&'a SmallDisk),
    /// `constitution.cedar` has mistakes, and `settings.toml` is no TOML.
    RulesBroken([PathBuf; 2]),
    /// The engine was stopped by SIGSTOP.
    EngineStopped(u32),
}

/// Their names, in order.
pub const STATES: [&str; 5] = [
    "well",
    "database locked",
    "disk full",
    "rules broken",
    "engine stopped",
];

/// The bytes of a database that SQLite locks, readers and writers: `PENDING_BYTE` and those behind it.
const LOCKS: [&str; 2] = ["1073741824", "512"];

impl<'a> Bad<'a> {
    /// Brings a running home into the state of this name; `disk` is what the home lies on.
    ///
    /// # Errors
    /// Why it cannot be brought about here.
    pub fn bring(
        name: &str,
        azora: &Azora,
        puppet: &Path,
        disk: Option<&'a SmallDisk>,
    ) -> Result<Bad<'a>, String> {
        let home = azora.home().path();
        let told = |error: std::io::Error| error.to_string();
        match name {
            "well" => Ok(Bad::Well),
            "database locked" => {
                let engine = azora.engine();
                crate::process::kill(engine);
                if !testkit::eventually(crate::PATIENCE, || !crate::process::lives(engine)) {
                    return Err("the engine does not die".to_owned());
                }
                let mut command = Command::new(puppet);
                for database in ["state.db", "history.db"] {
                    command.arg("lock").arg(home.join(database)).args(LOCKS);
                }
                let locked = home.join("locked");
                let child = command
                    .args(["print", "locked", "hang"])
                    .stdin(Stdio::null())
                    .stdout(fs::File::create(&locked).map_err(told)?)
                    .spawn()
                    .map_err(told)?;
                let bad = Bad::DatabaseLocked(child);
                let said = || fs::read_to_string(&locked).is_ok_and(|text| text == "locked\n");
                match testkit::eventually(crate::PATIENCE, said) {
                    true => Ok(bad),
                    false => Err("the locks were not to be had".to_owned()),
                }
            }
            "disk full" => {
                let disk = disk.ok_or("the home is not on a disk of its own")?;
                disk.fill(0);
                Ok(Bad::DiskFull(disk))
            }
            "rules broken" => {
                let rules = home.join("constitution.cedar");
                fs::write(&rules, "forbid (principal, action, resource").map_err(told)?;
                let settings = home.join("settings.toml");
                fs::write(&settings, "= this is [no TOML\n").map_err(told)?;
                Ok(Bad::RulesBroken([rules, settings]))
            }
            "engine stopped" => {
                let engine = azora.engine();
                crate::process::signal(engine, Signal::STOP);
                Ok(Bad::EngineStopped(engine))
            }
            other => Err(format!("there is no state {other:?}")),
        }
    }
}

impl Drop for Bad<'_> {
    fn drop(&mut self) {
        match self {
            Bad::Well => {}
            Bad::DatabaseLocked(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Bad::DiskFull(disk) => disk.free(),
            Bad::RulesBroken(files) => {
                for file in files {
                    let _ = fs::remove_file(file);
                }
            }
            Bad::EngineStopped(engine) => crate::process::try_signal(*engine, Signal::CONT),
        }
    }
}
