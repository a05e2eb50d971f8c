//! What a shim puts on record has room on the disk, and each line of it stands on its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, instance, kill};
use model::ExitStatus;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use shim::Line;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The record of an instance, which may not be there yet.
fn record(bench: &Bench, name: &str) -> PathBuf {
    let folder = bench.layout.run(&bench.cluster, &instance(name));
    fs::create_dir_all(&folder).unwrap();
    folder.join(shim::RECORD)
}

/// Room on the disk behind its end, in bytes.
fn spare(record: &Path) -> u64 {
    let data = fs::metadata(record).unwrap();
    (data.blocks() * 512).saturating_sub(data.len())
}

/// Less than is set aside, more than a file has by chance: its last block.
const LEAST: u64 = 6 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_any_length_has_room_for_the_next_lines() {
    let mut bench = Bench::new();
    for (name, earlier) in [("new.0", 0), ("old.0", 40_000), ("long.0", 300_000)] {
        let record = record(&bench, name);
        fs::write(&record, "earlier\n".repeat(earlier / 8)).unwrap();
        bench.start(name, 1, &["hang"]).await;
        assert!(spare(&record) > LEAST, "{name}: {}", spare(&record));
    }
    // Over its bound it begins anew.
    let long = fs::metadata(record(&bench, "long.0")).unwrap().len();
    assert!(long < 1_000, "{long}");
}

/// What one shim sets aside at its start is used up after so many others.
#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_a_record_is_filled_up() {
    let mut bench = Bench::new();
    let record = record(&bench, "a.0");
    let mut generation = 0;
    while generation == 0 || fs::metadata(&record).unwrap().len() < 17_000 {
        generation += 1;
        bench.start("a.0", generation, &["exit", "3"]).await;
        assert_eq!(bench.exited().await, ExitStatus::Code(3));
    }
    assert!(spare(&record) > LEAST, "{}", spare(&record));
    let shims = fs::read_to_string(&record).unwrap();
    assert_eq!(shims.matches("shim ").count(), 1, "one has made them all");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_shims_torn_line_does_not_take_the_next_one_with_it() {
    let mut bench = Bench::new();
    let record = record(&bench, "a.0");
    fs::write(&record, "earlier\nexited 1 sig").unwrap();
    bench.start("a.0", 1, &["hang"]).await;
    let lines = fs::read_to_string(&record).unwrap();
    let mut lines = lines.lines().skip(1);
    assert_eq!(lines.next(), Some("exited 1 sig"));
    let shim = lines.next().and_then(Line::parse);
    assert!(matches!(shim, Some(Line::Shim { .. })), "{shim:?}");
}

/// Sets the longest length of files that a process can write.
fn longest_file(pid: u32, length: Option<u64>) {
    let pid = Pid::from_raw(pid as i32);
    let limit = Rlimit {
        current: length,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

/// A limit on the length of files cuts a write short as a full disk does.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_there_is_no_room_for_leaves_nothing_of_itself() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    let (shim, record) = (bench.shim("a.0"), record(&bench, "a.0"));
    let before = fs::read_to_string(&record).unwrap();
    longest_file(shim, Some(before.len() as u64 + 20));
    kill(pid, Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9), "it is told");
    longest_file(shim, None);
    let pid = bench.start("a.0", 2, &["hang"]).await;
    assert_eq!(bench.shim("a.0"), shim);
    let after = fs::read_to_string(&record).unwrap();
    let added: Vec<&str> = after.strip_prefix(&before).unwrap().lines().collect();
    let started = matches!(
        added.iter().map(|line| Line::parse(line)).collect::<Vec<_>>()[..],
        [Some(Line::Started { generation: 2, pid: own, .. })] if own == pid
    );
    assert!(started, "{added:?}");
}
