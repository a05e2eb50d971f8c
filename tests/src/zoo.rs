//! Services that do not want to be ended, and what is left of them, counted without Azora's word.

use crate::{Azora, Folder};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the services do, in turn, before they hang: a name, puppet's verbs, and how many processes
/// that is.
pub const ANIMALS: &[Animal] = &[
    ("plain", "", 1),
    ("deaf", "ignore-term", 1),
    ("double", "session", 2),
    ("erased", "erase-environ session fork", 3),
    ("group", "group", 2),
    ("stopped", "stopped", 2),
    ("traced", "traced", 2),
    ("headless", "headless", 2),
    ("renamed", "session rename something-else session", 3),
    ("stdout", "fork session", 3),
];

/// One kind of service: its name, puppet's verbs, and how many processes it is.
pub type Animal = (&'static str, &'static str, usize);

/// How long a thousand processes may take to be there on a busy machine.
const UP: Duration = Duration::from_secs(300);

/// A definition of so many services, one of these animals after the other, and how many processes they
/// are. Each process keeps `mark` on its command line. With `bomb` there is one more, a fork bomb that
/// may be so many processes.
#[must_use]
pub fn of(
    animals: &[Animal],
    puppet: &Path,
    count: usize,
    mark: &str,
    bomb: Option<usize>,
) -> (String, usize) {
    let mut text = String::from("[cluster]\nname = \"zoo\"\n");
    let mut processes = 0;
    let puppet = puppet.display();
    for (n, (name, verbs, each)) in animals.iter().cycle().take(count).enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[service.{name}{n}]\nrun = \"{puppet} mark {mark} {verbs} hang\"\n\
             stop = {{ grace = \"1s\" }}\n"
        );
        processes += each;
    }
    if let Some(most) = bomb {
        let _ = write!(
            text,
            "\n[service.bomb]\nrun = \"{puppet} mark {mark} bomb\"\n\
             stop = {{ grace = \"1s\" }}\nlimits = {{ processes = {most} }}\n"
        );
        processes += most;
    }
    (text, processes)
}

/// A cluster of such services that is up, each with its shim.
#[derive(Debug)]
pub struct Zoo {
    /// Where it is defined.
    pub folder: Folder,
    /// The engine it was brought up by.
    pub engine: u32,
    /// Its processes without shims.
    pub processes: usize,
    /// Its shims.
    pub shims: usize,
    mark: String,
}

impl Zoo {
    /// Brings one up and waits until all of it lives; see [`of`].
    ///
    /// # Errors
    /// How many came up.
    pub fn up(
        azora: &Azora,
        animals: &[Animal],
        puppet: &Path,
        count: usize,
        bomb: Option<usize>,
    ) -> Result<Self, String> {
        let mark = format!("zoo-{}", azora.home().id());
        let (definition, processes) = of(animals, puppet, count, &mark, bomb);
        let folder = Folder::with(&definition);
        azora.up(folder.path());
        let zoo = Self {
            folder,
            engine: azora.engine(),
            processes,
            shims: count + usize::from(bomb.is_some()),
            mark,
        };
        let all = zoo.processes + zoo.shims;
        let mut seen = 0;
        let whole = testkit::eventually(UP, || {
            seen = zoo.living(azora).len();
            seen >= all
        });
        whole
            .then_some(zoo)
            .ok_or_else(|| format!("{seen} of {all} processes came up"))
    }

    /// Those of it that live, shims among them; the engine is not.
    pub fn living(&self, azora: &Azora) -> BTreeSet<u32> {
        let home = azora.home();
        let mut found = survivors(&self.mark, home.path(), &home.id());
        found.remove(&self.engine);
        found
    }
}

/// True when something here holds a service to a number of processes, a fork bomb too.
#[must_use]
pub fn bounded(program: &Path, puppet: &Path) -> bool {
    let azora = Azora::with(program.to_owned()).env("AZORA_TRUST", "1");
    let puppet = puppet.display();
    let folder = Folder::with(&format!(
        "[service.one]\nrun = \"{puppet} hang\"\nlimits = {{ processes = 30 }}\n"
    ));
    azora.up(folder.path());
    let ps = azora.json(folder.path(), &["ps"]);
    ps["limits"]["one"][0]["held"] == true
}

/// Everyone who belongs to this mark or this home, by reading `/proc` once: the mark or a run folder on
/// its command line (a shim's, which has nothing else of it when its engine is dead), the home in its
/// environment (of any thread) or its control group, or a parent who does.
/// A process counts for as long as one of its threads lives.
#[must_use]
pub fn survivors(mark: &str, home: &Path, home_id: &str) -> BTreeSet<u32> {
    let marks = [
        format!("AZORA_HOME={}\0", home.display()),
        format!("{}={home_id}\0", shim::ENV_HOME_ID),
    ];
    let group = format!("/azora-{home_id}");
    let folders = format!("{}/run/", home.display());
    let own = std::process::id();
    let (mut found, mut parents) = (BTreeSet::new(), Vec::new());
    let entries = fs::read_dir("/proc").expect("/proc can be read");
    for pid in entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
    {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let read = |name: &str| {
            let bytes = fs::read(folder.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let Some(parent) = living(&read("stat")) else {
            continue;
        };
        parents.push((pid, parent));
        let threads = fs::read_dir(folder.join("task")).into_iter().flatten();
        let environ = |thread: fs::DirEntry| {
            let bytes = fs::read(thread.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let command = read("cmdline");
        if command.contains(mark)
            || command.contains(&folders)
            || read("cgroup").contains(&group)
            || threads
                .flatten()
                .map(environ)
                .any(|environ| marks.iter().any(|mark| environ.contains(mark.as_str())))
        {
            found.insert(pid);
        }
    }
    loop {
        let before = found.len();
        for (pid, parent) in &parents {
            if found.contains(parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// The parent of a process that has a living thread.
fn living(stat: &str) -> Option<u32> {
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let threads: u32 = fields.get(17)?.parse().ok()?;
    let dead = matches!(*fields.first()?, "Z" | "X") && threads < 2;
    (!dead).then(|| fields.get(1)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_its_mark_and_every_process_is_counted() {
        let (text, processes) = of(ANIMALS, Path::new("/p"), ANIMALS.len(), "here", Some(20));
        assert_eq!(text.matches("mark here").count(), ANIMALS.len() + 1);
        let each: usize = ANIMALS.iter().map(|(_, _, each)| each).sum();
        assert_eq!(processes, each + 20);
    }

    #[test]
    fn a_zombie_with_a_living_thread_counts() {
        let stat = |state: &str, threads: u32| {
            format!("7 (a b) {state} 3 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 55 0")
        };
        assert_eq!(living(&stat("S", 1)), Some(3));
        assert_eq!(living(&stat("Z", 2)), Some(3));
        assert_eq!(living(&stat("Z", 1)), None);
    }
}
