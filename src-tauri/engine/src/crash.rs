//! What this process says of itself: its log without secrets, and a report when it comes to a fault of its own.
//!
//! `cli` and `desktop` write their log through [`log`] and call [`report_panics`] when they may be the engine. A
//! report is a file in the home for a person to read and to send on: what happened, where, and the last lines of
//! the log. It refuses to be sent by itself anywhere. A process that is killed, or aborts, leaves none.

use crate::hidden;
use std::collections::VecDeque;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// The folder of reports in the home.
pub const FOLDER: &str = "crashes";
/// Lines of the log that are kept for a report, and bytes of each.
const LINES: usize = 200;
const LINE: usize = 4 << 10;
/// Reports that one process writes, and that are kept of all: the newest.
const REPORTS: u32 = 20;

static LAST: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Writes a log to standard error without its secrets, and remembers the end of it.
#[derive(Debug, Clone, Copy)]
pub struct Log(());

/// What a log is written to.
pub fn log() -> Log {
    Log(())
}

impl Write for Log {
    /// One call is one entry.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let shown = hidden::hide_coloured(&text);
        {
            let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
            for line in shown.lines() {
                let line = model::text::harmless(line, LINE);
                if last.len() >= LINES {
                    last.pop_front();
                }
                last.push_back(line);
            }
        }
        io::stderr().lock().write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// From now on a panic of this process is said on standard error without secrets, and leaves a report in the home.
pub fn report_panics(home: PathBuf, program: &'static str, version: String) {
    let written = AtomicU32::new(0);
    std::panic::set_hook(Box::new(move |panic| {
        let what = said(panic);
        let mut err = io::stderr().lock();
        // Nobody may read it any more.
        let _ = writeln!(err, "{program}: a fault of its own: {what}");
        if written.fetch_add(1, Ordering::Relaxed) >= REPORTS {
            return;
        }
        let text = report(&what, program, &version);
        let _ = match write(&home, &text) {
            Ok(path) => writeln!(
                err,
                "{program}: what is known of it is in {}",
                path.display()
            ),
            Err(error) => writeln!(err, "{program}: no report could be written: {error}"),
        };
    }));
}

/// What a panic says and where, in one line.
fn said(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it does not say what".to_owned());
    let at = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name").to_owned();
    let text = hidden::in_a_panic(&text);
    format!(
        "{} (thread {thread}, at {at})",
        model::text::harmless(&text, LINE)
    )
}

fn report(what: &str, program: &str, version: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(crate::wall().0).unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::force_capture();
    let mut text = format!(
        "Azora came to a fault of its own. Secrets that it knows are hidden below; read it before you send it on.\n\n\
         program    {program} {version}\n\
         pid        {}\n\
         at         {at}\n\
         system     {}\n\
         fault      {what}\n\n\
         Where it was:\n{backtrace}\n\
         The last lines of its log:\n",
        std::process::id(),
        system(),
    );
    match LAST.try_lock() {
        Ok(last) => {
            for line in last.iter() {
                text.push_str("  ");
                text.push_str(line);
                text.push('\n');
            }
        }
        Err(_) => text.push_str("  (it was being written)\n"),
    }
    hidden::in_a_panic(&text)
}

/// Kernel and machine, without the name of the host.
pub fn system() -> String {
    let named = rustix::system::uname();
    let part = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    format!(
        "{} {} {}",
        part(named.sysname()),
        part(named.release()),
        part(named.machine())
    )
}

fn write(home: &Path, text: &str) -> io::Result<PathBuf> {
    let folder = home.join(FOLDER);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let at = crate::wall().0;
    let mut file = Err(io::ErrorKind::AlreadyExists.into());
    let mut path = folder.clone();
    // Several threads may fail in the same millisecond.
    for nth in 0..REPORTS {
        path = folder.join(format!("crash-{at}-{}-{nth}.txt", std::process::id()));
        file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        if !matches!(&file, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    file?.write_all(text.as_bytes())?;
    let mut all = reports(home);
    let over = all.len().saturating_sub(REPORTS as usize);
    for old in all.drain(..over) {
        std::fs::remove_file(old)?;
    }
    Ok(path)
}

/// The reports of a home, oldest first.
pub fn reports(home: &Path) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(home.join(FOLDER)) else {
        return Vec::new();
    };
    let mut all: Vec<PathBuf> = found
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("crash-") && name.ends_with(".txt"))
        })
        .collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const SECRET: &str = "kept-from-reports-4711";

    #[test]
    fn the_log_is_written_and_remembered_without_secrets() {
        hidden::learn(None, [SECRET]);
        let mut log = log();
        let lines =
            format!("it is {SECRET}\n\u{1b}[2mtoken\u{1b}[0m=\u{1b}[1mq7Zt1bX9vLm4Kw2R\u{1b}[0m\n");
        log.write_all(lines.as_bytes()).unwrap();
        let last: Vec<String> = LAST.lock().unwrap().iter().cloned().collect();
        assert!(last.contains(&"it is •••".to_owned()), "{last:?}");
        assert!(last.contains(&"token=•••".to_owned()), "{last:?}");
    }

    #[test]
    fn a_report_says_what_happened_and_no_secret_and_the_newest_are_kept() {
        hidden::learn(None, [SECRET]);
        let home = tempfile::tempdir().unwrap();
        let text = report(&format!("no {SECRET} (thread x, at y)"), "azora", "1.2.3");
        assert!(
            text.contains("azora 1.2.3") && text.contains("Where it was:"),
            "{text}"
        );
        assert!(!text.contains(SECRET));
        let mut last = home.path().to_owned();
        for _ in 0..REPORTS + 3 {
            last = write(home.path(), &text).unwrap();
        }
        let all = reports(home.path());
        assert_eq!(all.len(), REPORTS as usize);
        assert!(all.contains(&last));
        let mode = std::fs::metadata(&last).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
