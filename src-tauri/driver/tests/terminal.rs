//! A service with a terminal that writes without pause: its shim has time for all else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, lives};
use driver::Launch;
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
