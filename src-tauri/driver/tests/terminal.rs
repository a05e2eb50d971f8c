//! A service with a terminal: it writes without pause and its shim has time for all else; what is typed
//! reaches it, and its terminal has the size it was given.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, lives};
use driver::{Launch, NoTerminal, Size, Terminal};
use model::ExitStatus;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

const KEPT: u64 = 64 << 10;
/// Longer than any test waits.
const FLOOD: &str = "1000000000";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_out_of_a_terminal_is_kept_within_its_bound_and_ended_when_asked() {
    let mut bench = Bench::new();
    let log = bench.layout.log(&bench.cluster, &instance("a.0"));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let file = File::create(&log).unwrap();
    // Each write waits for the disk, so more comes than is copied and the terminal is never empty.
    // Where the disk's file system cannot do that, it may be at times.
    let _ = ioctl_getflags(&file).and_then(|flags| ioctl_setflags(&file, flags | IFlags::SYNC));
    let script = format!("\"$0\" flood {FLOOD} & echo other $!; exec \"$0\" flood {FLOOD}");
    let puppet = testkit::program("puppet").to_string_lossy().into_owned();
    let launch = Launch {
        argv: ["/bin/sh", "-c", &script, &puppet]
            .map(str::to_owned)
            .into(),
        tty: true,
        log_keep: Some(KEPT),
        ..bench.launch("a.0", 1, &[])
    };
    bench.driver.start(launch);
    let pid = bench.started().await;
    let other: u32 = bench.said("a.0", "other ").await.parse().unwrap();
    let log = || fs::metadata(&log).unwrap();
    assert!(testkit::eventually_async(LONG, || log().len() > 16 * KEPT).await);
    let disk = log().blocks() * 512;
    assert!(disk < 8 * KEPT, "{disk} bytes on the disk");

    // It hears the next engine.
    let mut bench = bench.reborn();
    let found = bench.driver.adopt(&bench.cluster.clone()).await;
    assert_eq!(found[0].outcome, Ok(pid));
    // The end of the service's own process is seen, and what is left is ended, while that writes on.
    common::kill(pid, rustix::process::Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    bench.stop("a.0", 1, Duration::ZERO);
    assert!(testkit::eventually_async(LONG, || !lives(other)).await);
    bench.nothing_left().await;
}

/// Says each line it reads, and how large its terminal is at first and when that changes.
const ECHO: &str = "trap 'echo now $(stty size)' WINCH; echo size $(stty size)
    while :; do read line && echo \"got $line\"
        case $line in bye) exit 0 ;; bad) exit 3 ;; esac; done";

impl Bench {
    fn with_terminal(&self, generation: u64, script: &str) -> Launch {
        Launch {
            argv: ["/bin/sh", "-c", script].map(str::to_owned).into(),
            tty: true,
            ..self.launch("a.0", generation, &[])
        }
    }

    /// Starts it again; its pid, when it has said that its terminal has this size.
    async fn starts_as_large(&mut self, generation: u64, size: &str) -> u32 {
        let said = || self.log("a.0").matches(&format!("size {size}")).count();
        let before = said();
        self.driver.start(self.with_terminal(generation, ECHO));
        let pid = self.started().await;
        let again = || self.log("a.0").matches(&format!("size {size}")).count() > before;
        let again = testkit::eventually_async(LONG, again).await;
        assert!(again, "start {generation}: {}", self.log("a.0"));
        pid
    }

    async fn terminal(&self) -> Result<Terminal, NoTerminal> {
        let instance = instance("a.0");
        self.driver.terminal(&self.cluster, &instance).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_reaches_the_service_and_its_terminal_keeps_its_size_over_a_restart() {
    let mut bench = Bench::new();
    let none = bench.terminal().await.unwrap_err();
    assert!(matches!(none, NoTerminal::NotRunning), "{none:?}");
    bench.driver.start(bench.with_terminal(1, ECHO));
    bench.started().await;
    assert_eq!(bench.said("a.0", "size ").await, "24 80");
    let terminal = bench.terminal().await.unwrap();
    assert_eq!(terminal.generation.0, 1);
    terminal.write(b"hello\r").await.unwrap();
    assert_eq!(bench.said("a.0", "got ").await, "hello");
    let terminal = bench.terminal().await.unwrap();
    let (columns, rows) = (132, 50);
    terminal.resize(Size { columns, rows }).unwrap();
    assert_eq!(terminal.size().unwrap(), Size { columns, rows });
    drop(terminal);
    assert_eq!(bench.said("a.0", "now ").await, "50 132");

    // However it ends, the next start has a terminal as large: by itself and well, on being
    // stopped for a restart, and of a fault.
    let terminal = bench.terminal().await.unwrap();
    terminal.write(b"bye\r").await.unwrap();
    assert_eq!(bench.exited().await, ExitStatus::Code(0));
    bench.starts_as_large(2, "50 132").await;
    bench.stop("a.0", 2, LONG);
    bench.exited().await;
    let pid = bench.starts_as_large(3, "50 132").await;

    // An engine that comes later has the same process, types as well, and knows of no other size.
    let mut bench = bench.reborn();
    let found = bench.driver.adopt(&bench.cluster.clone()).await;
    assert_eq!(found[0].outcome, Ok(pid));
    let terminal = bench.terminal().await.unwrap();
    assert_eq!(terminal.generation.0, 3);
    assert_eq!(terminal.size().unwrap(), Size { columns, rows });
    terminal.write(b"bad\r").await.unwrap();
    assert_eq!(bench.exited().await, ExitStatus::Code(3));
    bench.starts_as_large(4, "50 132").await;
    bench.stop("a.0", 4, LONG);
    bench.exited().await;
    let none = bench.terminal().await.unwrap_err();
    assert!(matches!(none, NoTerminal::NotRunning), "{none:?}");
    // Nobody waits for a start that is not to come.
    bench.driver.rest(&bench.cluster, &instance("a.0"));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_terminal_or_does_not_read_is_said_to_be_so() {
    let mut bench = Bench::new();
    bench.start("a.0", 1, &["hang"]).await;
    let none = bench.terminal().await.unwrap_err();
    assert!(matches!(none, NoTerminal::NotRunning), "{none:?}");
    bench.stop("a.0", 1, Duration::ZERO);
    bench.exited().await;
    let deaf = "stty raw -echo; echo deaf yes; while :; do sleep 1; done";
    bench.driver.start(bench.with_terminal(2, deaf));
    bench.started().await;
    bench.said("a.0", "deaf ").await;
    let terminal = bench.terminal().await.unwrap();
    let unread = terminal.write(&[b'x'; 64 << 10]).await.unwrap_err();
    assert!(matches!(unread, NoTerminal::Unread(1..)), "{unread:?}");
    // It lives, and its output is not held up.
    let shim = bench.shim("a.0");
    common::kill(shim, rustix::process::Signal::KILL);
    // Nobody else has its terminal open: it hangs up.
    assert!(testkit::eventually_async(LONG, || bench.home.processes().is_empty()).await);
    bench.nothing_left().await;
}
