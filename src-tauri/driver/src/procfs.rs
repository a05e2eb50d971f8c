//! Reading `/proc`: who runs, who descends from whom, who carries which mark.
//!
//! A process that vanishes while it is read is not there, and one of another user may have secrets.
//! One that could not be read for want of descriptors or memory is an error, never an absence.

use crate::shortage::{self, seen};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Most of an environment that is looked at. Linux allows 2 MiB of arguments and environment.
const MAX_ENVIRON: u64 = 2 * 1024 * 1024;
/// Most of a command line that is shown.
const MAX_COMMAND: usize = 200;

/// One line of the process table.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    pub(crate) state: char,
    /// How many threads it has left.
    pub(crate) threads: u32,
    pub(crate) start_ticks: u64,
    /// It has a terminal.
    pub(crate) terminal: bool,
    /// The short name, for messages.
    pub(crate) name: String,
}

impl Process {
    /// A zombie holds a number and nothing else, unless only its first thread has ended.
    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x') || self.threads > 1
    }
}

/// What a process carries of ours in its environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) nonce: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) instance: Option<String>,
}

impl Marks {
    /// One of them is another's.
    pub(crate) fn foreign(&self, nonce: &str, home: &str) -> bool {
        let other = |found: &Option<String>, own: &str| found.as_ref().is_some_and(|f| f != own);
        other(&self.nonce, nonce) || other(&self.home, home)
    }
}

/// What a shim calls itself. The kernel keeps fifteen bytes of a name; this fits.
pub(crate) const SHIM: &str = "azora-shim";

/// False for the first process of all and for this one, whatever a record says.
pub(crate) fn may_be_service(pid: u32) -> bool {
    pid > 1 && pid != std::process::id()
}

/// True when a process is a shim of this run folder: by its own name and by what it was told.
///
/// # Errors
/// When that could not be read.
pub(crate) fn is_shim_of(process: &Process, folder: &Path) -> io::Result<bool> {
    if process.name != SHIM {
        return Ok(false);
    }
    let told = arguments(process.pid)?;
    Ok(told
        .get(1)
        .is_some_and(|of| of == folder.as_os_str().as_bytes()))
}

/// Reads one process; `None` when there is none.
///
/// # Errors
/// When it could not be read.
pub(crate) fn process(pid: u32) -> io::Result<Option<Process>> {
    let stat = seen(fs::read(format!("/proc/{pid}/stat")))?;
    Ok(stat.and_then(|stat| parse(pid, &stat)))
}

fn parse(pid: u32, stat: &[u8]) -> Option<Process> {
    let start_ticks = shim::anchor::start_ticks(stat)?;
    let stat = String::from_utf8_lossy(stat);
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let mut fields = stat.get(close + 2..)?.split(' ');
    Some(Process {
        pid,
        name: stat.get(open + 1..close)?.to_owned(),
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        session: fields.next()?.parse().ok()?,
        terminal: fields.next()? != "0",
        // Field 20; the last was field 7.
        threads: fields.nth(20 - 7 - 1)?.parse().ok()?,
        start_ticks,
    })
}

/// Reads the marks of one process; none when it belongs to somebody else or has erased them.
///
/// # Errors
/// When they could not be read.
pub(crate) fn marks(pid: u32) -> io::Result<Marks> {
    marks_in(Path::new(&format!("/proc/{pid}/environ")))
}

/// The same of one whose first thread has ended: the others still show them.
fn marks_of_threads(pid: u32) -> io::Result<Marks> {
    for thread in seen(fs::read_dir(format!("/proc/{pid}/task")))?
        .into_iter()
        .flatten()
    {
        if let Some(thread) = seen(thread)? {
            let marks = marks_in(&thread.path().join("environ"))?;
            if marks != Marks::default() {
                return Ok(marks);
            }
        }
    }
    Ok(Marks::default())
}

fn marks_in(path: &Path) -> io::Result<Marks> {
    let mut marks = Marks::default();
    let Some(file) = seen(fs::File::open(path))? else {
        return Ok(marks);
    };
    let mut environ = Vec::new();
    if seen(file.take(MAX_ENVIRON).read_to_end(&mut environ))?.is_none() {
        return Ok(marks);
    }
    for entry in environ
        .split(|byte| *byte == 0)
        .filter(|entry| entry.starts_with(b"AZORA_"))
    {
        let Some((key, value)) = std::str::from_utf8(entry)
            .ok()
            .and_then(|e| e.split_once('='))
        else {
            continue;
        };
        let mark = match key {
            shim::ENV_NONCE => &mut marks.nonce,
            shim::ENV_HOME_ID => &mut marks.home,
            shim::ENV_CLUSTER => &mut marks.cluster,
            shim::ENV_INSTANCE => &mut marks.instance,
            _ => continue,
        };
        *mark = Some(value.to_owned());
    }
    Ok(marks)
}

/// The command line for people: words with blanks between, cut to a readable length. The short
/// name where there is none.
pub(crate) fn command(pid: u32) -> String {
    let mut line = Vec::new();
    if let Ok(file) = fs::File::open(format!("/proc/{pid}/cmdline")) {
        // An unreadable one is shown by its short name.
        let _ = file.take(4096).read_to_end(&mut line);
    }
    let words: Vec<_> = line
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    let text = words.join(" ");
    let text: String = text
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_COMMAND)
        .collect();
    if text.is_empty() {
        let process = process(pid).ok().flatten();
        process.map_or_else(String::new, |process| process.name)
    } else {
        text
    }
}

/// Program and arguments; none when it has ended.
///
/// # Errors
/// When they could not be read.
pub(crate) fn arguments(pid: u32) -> io::Result<Vec<Vec<u8>>> {
    let line = seen(fs::read(format!("/proc/{pid}/cmdline")))?.unwrap_or_default();
    Ok(line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
}

/// Direct children of a process with one thread, such as a shim.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Everyone who was there at one time, with their marks.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The living, by pid.
    pub(crate) living: BTreeMap<u32, Process>,
    marks: BTreeMap<u32, Marks>,
    carriers: HashMap<String, Vec<u32>>,
    /// Shims, by the run folder they were told.
    shims: HashMap<Vec<u8>, Vec<u32>>,
    children: BTreeMap<u32, Vec<u32>>,
}

impl Table {
    /// Reads all of `/proc` once.
    ///
    /// # Errors
    /// When anything of it could not be read: who is missing in such a table may live.
    pub(crate) fn read() -> io::Result<Table> {
        shortage::reserved(Table::read_once)
    }

    fn read_once() -> io::Result<Table> {
        let mut table = Table::default();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Some(process) = process(pid)? else {
                continue;
            };
            // The dead too: what descends from one that nobody has reaped yet still descends.
            table.children.entry(process.parent).or_default().push(pid);
            // 2 is the kernel's own thread of threads.
            if process.lives() && process.parent != 2 && pid != 2 {
                if process.name == SHIM
                    && let Some(folder) = arguments(pid)?.into_iter().nth(1)
                {
                    table.shims.entry(folder).or_default().push(pid);
                }
                let marks = match process.state {
                    'Z' => marks_of_threads(pid)?,
                    _ => marks(pid)?,
                };
                if let Some(nonce) = &marks.nonce {
                    table.carriers.entry(nonce.clone()).or_default().push(pid);
                }
                if marks != Marks::default() {
                    table.marks.insert(pid, marks);
                }
                table.living.insert(pid, process);
            }
        }
        Ok(table)
    }

    /// All living processes below these, without them.
    pub(crate) fn descendants(&self, roots: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut open: Vec<u32> = roots.into_iter().collect();
        while let Some(parent) = open.pop() {
            for child in self.children.get(&parent).into_iter().flatten() {
                if found.insert(*child) {
                    open.push(*child);
                }
            }
        }
        found.retain(|pid| self.living.contains_key(pid));
        found
    }

    /// Living shims of this run folder, and children of theirs that are no program yet.
    pub(crate) fn shims(&self, folder: &Path) -> &[u32] {
        self.shims
            .get(folder.as_os_str().as_bytes())
            .map_or(&[], Vec::as_slice)
    }

    /// Living shims, each with the run folder it was told.
    pub(crate) fn all_shims(&self) -> impl Iterator<Item = (&Path, u32)> {
        self.shims.iter().flat_map(|(folder, pids)| {
            let folder = Path::new(std::ffi::OsStr::from_bytes(folder));
            pids.iter().map(move |pid| (folder, *pid))
        })
    }

    /// Living processes that carry this nonce.
    pub(crate) fn carriers(&self, nonce: &str) -> &[u32] {
        self.carriers.get(nonce).map_or(&[], Vec::as_slice)
    }

    /// A living process carries a mark that is another's.
    pub(crate) fn foreign(&self, pid: u32, nonce: &str, home: &str) -> bool {
        self.marks
            .get(&pid)
            .is_some_and(|marks| marks.foreign(nonce, home))
    }

    /// Living processes that carry marks.
    pub(crate) fn marked(&self) -> impl Iterator<Item = (u32, &Marks)> {
        self.marks.iter().map(|(pid, marks)| (*pid, marks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_and_descends_from_its_parent() {
        let me = std::process::id();
        let table = Table::read().unwrap();
        let process = table.living.get(&me).unwrap();
        assert_eq!(process.parent, std::os::unix::process::parent_id());
        assert!(table.descendants([process.parent]).contains(&me));
        assert!(!table.descendants([me]).contains(&me));
    }
}
