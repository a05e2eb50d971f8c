//! A home, the host that works in it, and what can be seen from outside.

use super::host;
use crate::process;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// More than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(40);

/// A generation, and its process or how it ended.
pub(crate) type Known = (u64, Result<u32, String>);

/// Why a play does not go on.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Somebody stands at the failpoint: this process.
    At(u32),
    /// Something is not as it should be.
    Wrong(String),
}

impl From<String> for Halt {
    fn from(wrong: String) -> Self {
        Halt::Wrong(wrong)
    }
}

pub(crate) struct Host {
    child: Child,
    lines: Receiver<String>,
    /// Said and not yet waited for.
    heard: VecDeque<String>,
}

pub(crate) struct Stage {
    pub(crate) host: Option<Host>,
    program: PathBuf,
    /// The failpoint's order for the next hosts.
    pub(crate) order: Option<String>,
    /// The last generation that was asked for.
    pub(crate) asked: u64,
    home: testkit::Home,
}

impl Stage {
    pub(crate) fn new(program: &Path) -> Stage {
        Stage {
            host: None,
            program: program.to_owned(),
            order: None,
            asked: 0,
            home: testkit::Home::new(),
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn run_folder(&self) -> PathBuf {
        driver::Layout::new(self.home.path()).run(&host::cluster(), &host::instance())
    }

    /// Stops at this point, for the `nth` time that it is reached, whoever comes there.
    pub(crate) fn arm(&mut self, point: &str, nth: u32) {
        let _ = std::fs::remove_file(self.file("mark"));
        let mark = self.file("mark");
        self.order = Some(format!("stop {point} {nth} {}", mark.display()));
    }

    /// Whoever comes to this point for the `nth` time stays there, as if it got no turn.
    pub(crate) fn wait_at(&mut self, point: &str, nth: u32) {
        let file = self.file("wait");
        std::fs::write(&file, "").expect("the home can be written to");
        self.order = Some(format!("wait {point} {nth} {}", file.display()));
    }

    /// Lets it go on.
    pub(crate) fn let_go_on(&self) {
        let _ = std::fs::remove_file(self.file("wait"));
    }

    /// The next hosts, and what they start, note the points they come by.
    pub(crate) fn trace(&mut self) {
        self.order = Some(format!("trace {}", self.file("trace").display()));
    }

    /// What was noted, in the order of the first time, with how often.
    pub(crate) fn traced(&self) -> Vec<(String, u32)> {
        let text = std::fs::read_to_string(self.file("trace")).unwrap_or_default();
        let mut found: Vec<(String, u32)> = Vec::new();
        for line in text.lines() {
            match found.iter_mut().find(|(point, _)| point == line) {
                Some((_, times)) => *times += 1,
                None => found.push((line.to_owned(), 1)),
            }
        }
        found
    }

    /// Begins a new host.
    pub(crate) fn begin(&mut self) {
        let mut command = Command::new(&self.program);
        command
            .env(host::VARIABLE, self.home.path())
            .env_remove(shim::failpoint::VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C is for who tries all this, and ends no host in the middle of its case.
            .process_group(0);
        if let Some(order) = &self.order {
            command.env(shim::failpoint::VARIABLE, order);
        }
        let mut child = command.spawn().expect("the host can be run");
        let out = child.stdout.take().expect("it is a pipe");
        let (sender, lines) = sync_channel(256);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        self.host = Some(Host {
            child,
            lines,
            heard: VecDeque::new(),
        });
    }

    pub(crate) fn tell(&mut self, text: &str) {
        if let ["start", generation, ..] = text.split(' ').collect::<Vec<_>>().as_slice() {
            self.asked = self.asked.max(number(generation));
        }
        if let Some(host) = &mut self.host
            && let Some(stdin) = &mut host.child.stdin
        {
            // A dead one is noticed by its silence.
            let _ = writeln!(stdin, "{text}");
        }
    }

    /// `kill -9`, and reaped.
    pub(crate) fn kill_host(&mut self) {
        if let Some(mut host) = self.host.take() {
            let _ = host.child.kill();
            let _ = host.child.wait();
        }
    }

    pub(crate) fn host_pid(&self) -> Option<u32> {
        self.host.as_ref().map(|host| host.child.id())
    }

    /// Waits for a line that begins so; those before it are dropped. Its rest.
    pub(crate) fn hear(&mut self, beginning: &str) -> Result<String, Halt> {
        let mut rest = None;
        let mut before = Vec::new();
        self.until(&format!("{beginning:?} to be said"), |stage| {
            while let Some(line) = stage.next_line() {
                if let Some(found) = line.strip_prefix(beginning) {
                    rest = Some(found.trim().to_owned());
                    return true;
                }
                before.push(line);
            }
            false
        })
        .map_err(|halt| match halt {
            Halt::Wrong(wrong) => Halt::Wrong(format!("{wrong}; heard {before:?}")),
            at => at,
        })?;
        Ok(rest.unwrap_or_default())
    }

    /// The next line that was said, if there is one.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        let host = self.host.as_mut()?;
        while let Ok(line) = host.lines.try_recv() {
            host.heard.push_back(line);
        }
        host.heard.pop_front()
    }

    /// What the host finds: the generation, and its process or how it ended.
    pub(crate) fn adopt(&mut self) -> Result<Option<Known>, Halt> {
        self.tell("adopt");
        let mut found = None;
        self.until("the host to adopt", |stage| {
            while let Some(line) = stage.next_line() {
                let words: Vec<&str> = line.split(' ').collect();
                match words.as_slice() {
                    ["adopted"] => return true,
                    ["found", generation, "running", pid] => {
                        found = Some((number(generation), Ok(number(pid) as u32)));
                    }
                    ["found", generation, "ended", how] => {
                        found = Some((number(generation), Err((*how).to_owned())));
                    }
                    _ => {}
                }
            }
            false
        })?;
        Ok(found)
    }

    /// Waits until something is so.
    pub(crate) fn until(
        &mut self,
        what: &str,
        mut so: impl FnMut(&mut Stage) -> bool,
    ) -> Result<(), Halt> {
        let mut at = None;
        let there = testkit::eventually(LONG, || {
            at = self.standing();
            at.is_some() || so(self)
        });
        match at {
            Some(pid) => Err(Halt::At(pid)),
            None if there => Ok(()),
            None => Err(Halt::Wrong(format!("waited in vain for {what}"))),
        }
    }

    /// Who stands at the failpoint, once it does.
    fn standing(&self) -> Option<u32> {
        if !self.order.as_ref()?.starts_with("stop") {
            return None;
        }
        let mark = std::fs::read_to_string(self.file("mark")).ok()?;
        let pid = mark.parse().ok()?;
        (process::state(pid)? == 'T').then_some(pid)
    }

    /// Programs of the service that live: its main process and all others.
    pub(crate) fn copies(&self) -> Vec<u32> {
        self.of_home(|command| command.contains("puppet"))
    }

    /// Shims, and children of theirs that have not become the program.
    pub(crate) fn shims(&self) -> Vec<u32> {
        self.of_home(|command| command.contains("azora-shim"))
    }

    fn of_home(&self, which: impl Fn(&str) -> bool) -> Vec<u32> {
        let mut found = self.home.processes();
        found.retain(|pid| which(&process::command(*pid)));
        found
    }

    /// Everything that is left of the home, the host excepted.
    pub(crate) fn left(&self) -> Vec<String> {
        let host = self.host_pid();
        let left = self.home.processes().into_iter();
        left.filter(|pid| Some(*pid) != host)
            .map(|pid| format!("{pid} {}", process::command(pid)))
            .collect()
    }

    /// The main process of the copy that began last.
    pub(crate) fn main(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.file("sole")).ok()?;
        text.parse().ok()
    }

    /// Two copies have lived at the same time.
    pub(crate) fn doubled(&self) -> bool {
        self.file("sole.double").exists()
    }

    pub(crate) fn record(&self) -> String {
        std::fs::read_to_string(self.run_folder().join(shim::RECORD)).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_host();
    }
}

pub(crate) fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}

/// `kill -9` to one that may be gone by now.
pub(crate) fn kill(pid: u32) {
    process::try_signal(pid, Signal::KILL);
}

/// Lets one that stands still go on.
pub(crate) fn go_on(pid: u32) {
    process::try_signal(pid, Signal::CONT);
}
