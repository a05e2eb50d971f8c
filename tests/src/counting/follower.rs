//! What `azora logs --follow` shows, line by line, and what of it is missing or comes twice.

use crate::{Azora, each_line};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What the follower has seen of one service.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) last: AtomicU64,
    /// As they were written, line ends included.
    pub(super) bytes: AtomicU64,
    pub(super) pid: AtomicU64,
}

/// What the follower found wrong, and how much it saw.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) services: Vec<Seen>,
    pub(super) followed: AtomicU64,
    pub(super) missed: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) torn: AtomicU64,
    pub(super) outrun: AtomicU64,
    pub(super) wrong: Mutex<Vec<String>>,
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
pub(super) fn number(text: &[u8]) -> Option<(u64, u64)> {
    let text = text.strip_prefix(b"n ")?.strip_suffix(b" .")?;
    let (number, pid) = text.split_at_checked(10)?;
    let digits = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
    Some((digits(number)?, digits(pid.strip_prefix(b" of ")?)?))
}

/// `azora logs --follow`, read by two threads until it is ended.
pub(super) struct Follower {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Follower {
    pub(super) fn start(azora: &Azora, folder: &Path, ledger: &Arc<Ledger>) -> Self {
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
