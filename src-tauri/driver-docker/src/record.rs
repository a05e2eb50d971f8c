//! What a home writes down of a container: what is wanted, before anything is made of it, and what
//! came of it. Two small files in the instance's run folder.
//!
//! Both are also told by the daemon, by the container's labels; the files say it while the daemon is
//! silent, and which start of a container that has been started more than once this is.

use crate::{Launch, labels};
use driver::Found;
use model::{ClusterId, ExitStatus, Generation, InstanceId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// What is wanted.
const INTENT: &str = "container";
/// What came of it.
const RUN: &str = "container.run";
/// What it was given.
const GIVEN: &str = "container.env";
/// Most bytes of that which are read: more than an environment may have.
const MOST_GIVEN: u64 = 4 << 20;
/// How far its output is copied.
const POSITION: &str = "container.log";
/// Most bytes of such a file that are read; they have a few hundred.
const MOST: u64 = 64 << 10;

/// A process of a container: the container, and when that was started. The same container may be
/// started again, and that is another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// The container's id.
    pub(crate) id: String,
    /// When it was started, in the daemon's words, which are compared and not read.
    pub(crate) started: String,
}

/// What is wanted, written before the daemon is asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Which start.
    pub(crate) generation: Generation,
    /// By which this start is known to be ours.
    pub(crate) nonce: String,
    /// The hash of the container's spec.
    pub(crate) definition: String,
    /// The daemon it is asked from.
    pub(crate) endpoint: String,
    /// What the container's last start was before this one: a start that is not this has begun.
    pub(crate) before: Option<Anchor>,
    /// At least so many of the newest bytes of its log stay.
    pub(crate) log_keep: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Which start.
    pub(crate) generation: Generation,
    /// What runs or ran.
    pub(crate) anchor: Anchor,
    /// Its first process, as the machine numbers it; 0 when that is not told.
    pub(crate) pid: u32,
    /// How it ended.
    pub(crate) ended: Option<ExitStatus>,
    /// The ports of this machine at which it is reached, TCP's.
    #[serde(default)]
    pub(crate) ports: Vec<u16>,
}

/// The variables a start got. Nothing is decided by it: it is for people who ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// Which start.
    generation: Generation,
    /// Those that are no secrets.
    env: BTreeMap<String, String>,
    /// What may be written down of the others.
    secrets: BTreeMap<String, String>,
    /// Where each stands.
    origins: BTreeMap<String, String>,
}

/// How far a container's output is in the home's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Whose output.
    pub(crate) id: String,
    /// The time of the last entry that was taken, in Unix nanoseconds.
    pub(crate) at: i128,
    /// So many entries of that very time were taken.
    pub(crate) taken: u64,
    /// Length of the log then. What it has more was written after this note.
    pub(crate) size: u64,
}

impl Intent {
    /// What the labels of a container say that has lost its home's files.
    pub(crate) fn of_labels(labels: &HashMap<String, String>, endpoint: String) -> Option<Self> {
        Some(Self {
            generation: Generation(labels.get(labels::GENERATION)?.parse().ok()?),
            nonce: labels.get(labels::NONCE)?.clone(),
            definition: labels.get(labels::DEFINITION)?.clone(),
            endpoint,
            before: None,
            log_keep: labels
                .get(labels::LOG_KEEP)
                .and_then(|keep| keep.parse().ok()),
        })
    }

    pub(crate) fn read(folder: &Path) -> Option<Self> {
        read(&folder.join(INTENT))
    }

    /// # Errors
    /// When it cannot be written; then nothing may be made of it.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, INTENT, self, true)
    }
}

impl Environment {
    pub(crate) fn of(launch: &Launch) -> Self {
        let secrets = launch.spec.secrets.iter();
        Self {
            generation: launch.generation,
            env: launch.spec.env.clone(),
            secrets: secrets
                .map(|(name, secret)| (name.clone(), secret.fingerprint.clone()))
                .collect(),
            origins: launch.origins.clone(),
        }
    }

    /// A start that cannot note it is started all the same.
    pub(crate) fn write(&self, folder: &Path) {
        if let Err(error) = write(folder, GIVEN, self, false) {
            tracing::warn!(folder = %folder.display(), %error, "failed to note a container's variables");
        }
    }
}

impl Run {
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        read(&folder.join(RUN))
    }

    /// What it says is told by the daemon as well: not being able to write it is said and no more.
    pub(crate) fn write(&self, folder: &Path) {
        if let Err(error) = write(folder, RUN, self, false) {
            tracing::warn!(folder = %folder.display(), %error, "failed to note a container's run");
        }
    }
}

impl Position {
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        read(&folder.join(POSITION))
    }

    /// # Errors
    /// When it cannot be written: the one before it holds, which is as good.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, POSITION, self, false)
    }
}

/// Drops all that is written of an instance, in the order in which it may be missing.
pub(crate) fn forget(folder: &Path) {
    for name in [INTENT, RUN, POSITION, GIVEN] {
        // Not there: nothing to drop.
        let _ = fs::remove_file(folder.join(name));
    }
    crate::flight::forget(folder);
    // Somebody else's files may lie in it.
    let _ = fs::remove_dir(folder);
}

/// The instances of a cluster that something is written of: those that are containers.
pub fn instances(layout: &driver::Layout, cluster: &ClusterId) -> Vec<InstanceId> {
    let entries = fs::read_dir(layout.run_cluster(cluster));
    let entries = entries.into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().join(INTENT).is_file())
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// What is written of the containers of a cluster, for who cannot ask their daemon. One that is not
/// known to have ended is taken to run, and said to be unanswered.
pub fn written(layout: &driver::Layout, cluster: &ClusterId) -> Vec<Found> {
    let instances = instances(layout, cluster).into_iter();
    let mut found: Vec<Found> = instances
        .filter_map(|instance| {
            let folder = layout.run(cluster, &instance);
            let intent = Intent::read(&folder)?;
            let run = Run::read(&folder).filter(|run| run.generation == intent.generation);
            let ended = run.as_ref().and_then(|run| run.ended);
            Some(Found {
                instance,
                generation: intent.generation,
                outcome: match ended {
                    Some(status) => Err(status),
                    None => Ok(run.map_or(0, |run| run.pid)),
                },
                shim_lost: false,
                unanswered: ended.is_none(),
            })
        })
        .collect();
    found.sort_by(|a, b| a.instance.cmp(&b.instance));
    found
}

/// What the newest start of an instance got. `None` when that was no container's, or is not known.
pub fn given(
    layout: &driver::Layout,
    cluster: &ClusterId,
    instance: &InstanceId,
) -> Option<driver::Given> {
    let folder = layout.run(cluster, instance);
    let found: Environment = read_up_to(&folder.join(GIVEN), MOST_GIVEN)?;
    let intent = Intent::read(&folder)?;
    (found.generation == intent.generation).then_some(driver::Given {
        generation: found.generation,
        env: found.env,
        secrets: found.secrets,
        origins: found.origins,
    })
}

/// An instance is reached at this port through its container's daemon, by what is written of it.
pub fn publishes(
    layout: &driver::Layout,
    cluster: &ClusterId,
    instance: &InstanceId,
    port: u16,
) -> bool {
    let run = Run::read(&layout.run(cluster, instance));
    run.is_some_and(|run| run.ended.is_none() && run.ports.contains(&port))
}

/// Says something in the log of an instance whose container does not run, as its own line.
///
/// # Errors
/// When it cannot be written.
pub fn say(
    layout: &driver::Layout,
    cluster: &ClusterId,
    instance: &InstanceId,
    text: &str,
) -> io::Result<()> {
    let run = layout.run(cluster, instance);
    let logs = layout.logs(cluster, instance);
    folder(&logs)?;
    let line = format!("{text}\n");
    if let Some(mut position) = Position::read(&run) {
        // Before the line: what the log has more than this says would be taken for the container's.
        position.size = position.size.saturating_add(line.len() as u64);
        position.write(&run)?;
    }
    let mut log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(logs.join("log"))?;
    log.write_all(line.as_bytes())
}

/// The daemons that instances of a home were asked from.
pub(crate) fn endpoints(layout: &driver::Layout) -> BTreeSet<String> {
    let folders = |path: std::path::PathBuf| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    folders(layout.run_root())
        .flat_map(folders)
        .filter_map(|folder| Some(Intent::read(&folder)?.endpoint))
        .collect()
}

/// Makes a folder and those above it, open to nobody else.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    read_up_to(path, MOST)
}

fn read_up_to<T: DeserializeOwned>(path: &Path, most: u64) -> Option<T> {
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(most).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// It is there whole or not at all, whatever becomes of this process; of the machine, where it is `synced`.
fn write<T: Serialize>(place: &Path, name: &str, value: &T, synced: bool) -> io::Result<()> {
    folder(place)?;
    let draft = place.join(format!("{name}.new"));
    let mut file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    if synced {
        file.sync_data()?;
    }
    fs::rename(&draft, place.join(name))
}
