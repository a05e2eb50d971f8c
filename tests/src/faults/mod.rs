//! Faults done to a graph of real services, one after another, and what each keeper makes of them: Azora, and
//! two simple policies that know no graph. Every keeper has a stack of its own of the same services; each
//! fault is done to all stacks in the same moment, so that whatever else the machine does falls on all alike.

pub mod eyes;
pub mod graph;
pub mod keeper;
pub mod kinds;
pub mod naive;

use crate::{Folder, PATIENCE, is_root};
use eyes::Eyes;
use graph::{SERVICES, Service, Stack};
use keeper::{Azoras, Book, Keeper};
use kinds::Kind;
use naive::{Naive, Policy};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Everybody has to be well for so long before a fault counts as recovered.
const SETTLE: Duration = Duration::from_secs(2);
/// Before the first fault: what everybody runs on has been well for as long as a definition takes to count as
/// one to go back to.
const PROVEN: Duration = Duration::from_secs(6);
/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// What one keeper made of one fault.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which keeper.
    pub keeper: &'static str,
    /// Which kind.
    pub kind: Kind,
    /// Which service it was done to.
    pub place: &'static str,
    /// Until somebody would have been told.
    pub detected: Option<Duration>,
    /// Until all services answered well again, and did so on.
    pub recovered: Option<Duration>,
    /// Starts of the service at fault.
    pub starts: usize,
    /// Starts of others that had ended by themselves, having lost what they need.
    pub needed: usize,
    /// Starts of others whose process was taken down for it.
    pub unneeded: BTreeMap<String, usize>,
    /// What somebody would have been told: service and words.
    pub notes: Vec<(String, String)>,
    /// The service that was named as the cause, of the first word that was not taken back.
    pub named: Option<String>,
}

impl Outcome {
    /// The cause was named, and it was the one.
    pub fn right(&self) -> bool {
        self.named.as_deref() == Some(self.place)
    }

    /// Processes of others that were taken down.
    pub fn taken_down(&self) -> usize {
        self.unneeded.values().sum()
    }
}

/// What is missing on this machine, in words; `None` when all is there.
pub fn missing() -> Option<&'static str> {
    let there = |program: &str| path_of(program).is_some();
    if !there("initdb") || !there("postgres") || !there("pg_isready") {
        Some("postgresql")
    } else if !there("redis-server") || !there("redis-cli") {
        Some("redis-server")
    } else if is_root() && postgres_user().is_none() {
        Some("the user postgres")
    } else {
        None
    }
}

fn path_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps PostgreSQL's programs off the PATH.
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    let found = debian
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program));
    found.into_iter().find(|path| path.is_file())
}

/// User and group of PostgreSQL, which refuses to run as root.
fn postgres_user() -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = users
        .lines()
        .find_map(|line| line.strip_prefix("postgres:"))?
        .split(':');
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Everybody at work on a stack of his own.
pub struct Stages {
    stages: Vec<(Box<dyn Keeper>, Eyes)>,
}

impl Stages {
    /// Brings up a stack each for Azora and, if asked for, the two simple policies.
    ///
    /// # Errors
    /// What could not be prepared, or who did not come up.
    pub fn begin(azora: &Path, naive: bool) -> Result<Self, String> {
        let mut stages: Vec<(Box<dyn Keeper>, Eyes)> = Vec::new();
        let mut add = |keeper: Box<dyn Keeper>| {
            let eyes = Eyes::open(keeper.stack());
            stages.push((keeper, eyes));
        };
        let prepared = || -> Result<(Stack, Folder), String> {
            let folder = Folder::empty();
            Ok((prepare(azora, folder.path())?, folder))
        };
        let (stack, folder) = prepared()?;
        add(Box::new(Azoras::begin(azora.to_owned(), stack, folder)));
        let policies = [Policy::Exit, Policy::Liveness];
        for policy in policies.into_iter().filter(|_| naive) {
            let (stack, folder) = prepared()?;
            add(Box::new(Naive::begin(policy, stack, folder)));
        }
        let stages = Self { stages };
        for (keeper, eyes) in &stages.stages {
            settle(keeper.as_ref(), eyes, PROVEN, PATIENCE)
                .map_err(|wrong| format!("{}: {wrong}", keeper.name()))?;
        }
        Ok(stages)
    }

    /// Does one fault to every stack; what came of it.
    ///
    /// # Errors
    /// When a stack cannot be brought back to where it was.
    pub fn suffer(&mut self, kind: Kind, victim: &'static Service) -> Result<Vec<Outcome>, String> {
        std::thread::scope(|scope| {
            let suffering: Vec<_> = self
                .stages
                .iter_mut()
                .map(|(keeper, eyes)| {
                    scope.spawn(move || suffer(keeper.as_mut(), eyes, kind, victim))
                })
                .collect();
            suffering
                .into_iter()
                .map(|one| {
                    one.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        })
    }
}

/// A folder with what the services need to be there, and ports.
fn prepare(azora: &Path, folder: &Path) -> Result<Stack, String> {
    let said = |error: std::io::Error| format!("failed to prepare {}: {error}", folder.display());
    for kind in ["crashes", "ends", "lost", "data"] {
        std::fs::create_dir(folder.join(kind)).map_err(said)?;
    }
    for service in SERVICES {
        std::fs::create_dir(folder.join("data").join(service.name)).map_err(said)?;
    }
    let postgres = path_of("postgres").ok_or("there is no postgres")?;
    let data = folder.join("data/db");
    let mut init = Command::new(path_of("initdb").ok_or("there is no initdb")?);
    init.args(["-A", "trust", "-U", "postgres", "--no-sync", "-D"])
        .arg(&data);
    if is_root() {
        let (user, group) = postgres_user().ok_or("there is no user postgres")?;
        std::os::unix::fs::chown(&data, Some(user), Some(group)).map_err(said)?;
        init.uid(user).gid(group).current_dir(folder);
    }
    let done = init.output().map_err(said)?;
    if !done.status.success() {
        return Err(format!(
            "initdb failed: {}",
            String::from_utf8_lossy(&done.stderr)
        ));
    }
    Ok(Stack {
        folder: folder.to_owned(),
        ports: crate::free_ports(SERVICES.len()),
        programs: (
            azora.with_file_name("puppet"),
            azora.with_file_name("organ"),
        ),
        postgres,
        broken: None,
    })
}

/// Waits until all has been well for a while and nothing is under way.
fn settle(
    keeper: &dyn Keeper,
    eyes: &Eyes,
    lasting: Duration,
    patience: Duration,
) -> Result<(), String> {
    let begun = Instant::now();
    let well = || {
        let since = eyes.all_well(begun)?;
        (since.max(begun).elapsed() >= lasting && keeper.quiet()).then_some(())
    };
    if testkit::eventually(patience, || well().is_some()) {
        return Ok(());
    }
    let open: Vec<_> = keeper
        .book()
        .notes
        .into_iter()
        .filter(|note| !note.over)
        .collect();
    Err(format!(
        "{} s on: not well {:?}, and open {open:?}",
        patience.as_secs(),
        eyes.unwell()
    ))
}

fn suffer(
    keeper: &mut dyn Keeper,
    eyes: &Eyes,
    kind: Kind,
    victim: &'static Service,
) -> Result<Outcome, String> {
    let name = keeper.name();
    let wrong = |what: String| format!("{} of {}, {name}: {what}", kind.name(), victim.name);
    let before = keeper.book();
    let ends = self_ends(keeper.stack());
    let old = keeper.pid(victim.name);
    eyes.at(victim.name);
    let begun = Instant::now();
    kind.inject(keeper, victim).map_err(wrong)?;
    let recovered = watch(keeper, eyes, kind, victim, old, begun).map_err(wrong)?;
    // Word of what is over comes a moment later.
    let _ = testkit::eventually(SETTLE, || keeper.quiet());
    let after = keeper.book();
    let outcome = compare(
        name,
        kind,
        victim,
        begun,
        recovered,
        (&before, &after),
        (&ends, &self_ends(keeper.stack())),
    );
    clean(keeper, eyes, kind, victim, recovered.is_some()).map_err(wrong)?;
    Ok(outcome)
}

/// Until it has recovered, and stays so, or has had its time.
fn watch(
    keeper: &mut dyn Keeper,
    eyes: &Eyes,
    kind: Kind,
    victim: &Service,
    old: Option<u32>,
    begun: Instant,
) -> Result<Option<Duration>, String> {
    // From when on it can have recovered.
    let mut from = None;
    let mut mended = kind.mended_after().is_none();
    while begun.elapsed() < kind.patience() {
        if !mended
            && kind
                .mended_after()
                .is_some_and(|after| begun.elapsed() >= after)
        {
            kind.mend(keeper, victim)?;
            mended = true;
            if kind.passes() {
                from = Some(Instant::now());
            }
        }
        let pid = keeper.pid(victim.name);
        if from.is_none() && !kind.passes() && pid.is_some() && pid != old {
            from = Some(Instant::now());
        }
        if let Some(from) = from
            && let Some(since) = eyes.all_well(from)
            && since.max(from).elapsed() >= SETTLE
        {
            return Ok(Some(since.max(from) - begun));
        }
        std::thread::park_timeout(LOOK);
    }
    Ok(None)
}

/// How often each service has ended by itself.
fn self_ends(stack: &Stack) -> BTreeMap<&'static str, usize> {
    let count =
        |name| std::fs::metadata(stack.file("ends", name)).map_or(0, |file| file.len() as usize);
    SERVICES
        .iter()
        .map(|service| (service.name, count(service.name)))
        .collect()
}

fn compare(
    keeper: &'static str,
    kind: Kind,
    victim: &'static Service,
    begun: Instant,
    recovered: Option<Duration>,
    (before, after): (&Book, &Book),
    (ends_before, ends_after): (&BTreeMap<&str, usize>, &BTreeMap<&str, usize>),
) -> Outcome {
    let starts = |name: &str| {
        let count = |book: &Book| book.starts.get(name).copied().unwrap_or(0);
        count(after) - count(before)
    };
    let (mut needed, mut unneeded) = (0, BTreeMap::new());
    for service in SERVICES
        .iter()
        .filter(|service| service.name != victim.name)
    {
        let ended = ends_after[service.name] - ends_before[service.name];
        let started = starts(service.name);
        needed += started.min(ended);
        if started > ended {
            unneeded.insert(service.name.to_owned(), started - ended);
        }
    }
    let known: BTreeSet<u64> = before.notes.iter().map(|note| note.id).collect();
    let new = || after.notes.iter().filter(|note| !known.contains(&note.id));
    let named = new().find(|note| !note.closed).or_else(|| new().next());
    Outcome {
        keeper,
        kind,
        place: victim.name,
        detected: new()
            .map(|note| note.at.saturating_duration_since(begun))
            .min(),
        recovered,
        starts: starts(victim.name),
        needed,
        unneeded,
        notes: new()
            .map(|note| (note.service.clone(), note.text.clone()))
            .collect(),
        named: named.map(|note| note.service.clone()),
    }
}

/// What a person does where a keeper did not: takes the fault away, and has what is not well started anew.
fn clean(
    keeper: &mut dyn Keeper,
    eyes: &Eyes,
    kind: Kind,
    victim: &Service,
    recovered: bool,
) -> Result<(), String> {
    if !recovered {
        kind.mend(keeper, victim)?;
        keeper.release(victim.name);
        // Those who are not well for another's sake come back with it.
        if settle(keeper, eyes, SETTLE, 2 * SETTLE).is_err()
            && let Some(pid) = keeper.pid(victim.name)
        {
            crate::process::try_signal(pid, rustix::process::Signal::KILL);
        }
    } else if kind == Kind::BadConfig {
        kind.mend(keeper, victim)?;
    }
    settle(keeper, eyes, SETTLE, PATIENCE)
}
