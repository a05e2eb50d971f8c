//! A service that has lost its shim: what the shim did for its log goes on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, kill};
use driver::Happened;
use rustix::process::Signal;
use shim::{index, runs};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// What the log keeps, and the most that it may be over that.
const KEEP: u64 = 256 << 10;
const ROOM: u64 = KEEP / 4 + (64 << 10);
/// What is written at once.
const FLOOD: u64 = 4 << 20;
const LINE: &[u8] = b"0123456789abcde\n";
/// Comes before the first flood.
const ERROR: &str = "ERROR: the first";
const BEGIN: u64 = ERROR.len() as u64 + 1;

impl Bench {
    fn gate(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn open(&self, name: &str) {
        fs::write(self.gate(name), "").unwrap();
    }

    /// Starts one that says an error, and writes a flood behind each of two gates.
    async fn flooding(&mut self) {
        let (one, two) = (self.gate("one"), self.gate("two"));
        let flood = FLOOD.to_string();
        let words = [
            "print",
            ERROR,
            "until",
            one.to_str().unwrap(),
            "flood",
            &flood,
            "until",
            two.to_str().unwrap(),
            "flood",
            &flood,
            "hang",
        ];
        let mut launch = self.launch("a.0", 1, &words);
        launch.log_keep = Some(KEEP);
        self.driver.start(launch);
        self.started().await;
        self.said("a.0", "ERROR").await;
    }

    fn path(&self) -> PathBuf {
        self.layout.log(&self.cluster, &instance("a.0"))
    }

    /// Waits until the log is so long and takes no more than its bound.
    async fn bounded(&self, length: u64) {
        let size = || {
            let log = fs::metadata(self.path()).unwrap();
            (log.len(), log.blocks() * 512)
        };
        let within = || {
            let (long, takes) = size();
            long >= length && takes <= KEEP + ROOM
        };
        assert!(
            testkit::eventually_async(LONG, within).await,
            "{:?}",
            size()
        );
    }

    /// The log is open in this process, which is the engine.
    fn held(&self) -> bool {
        let open = fs::read_dir("/proc/self/fd").unwrap();
        open.flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok())
            .any(|file| file == self.path())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_shim_a_log_stays_within_its_bound() {
    let mut bench = Bench::new();
    bench.flooding().await;
    kill(bench.shim("a.0"), Signal::KILL);
    assert!(matches!(bench.next().await, Happened::ShimLost { .. }));
    bench.open("one");
    bench.bounded(BEGIN + FLOOD).await;

    // Every byte has its place: what is kept is what was written there.
    let log = fs::read(bench.path()).unwrap();
    assert_eq!(log.len() as u64, BEGIN + FLOOD);
    let kept = &log[log.len() - usize::try_from(KEEP).unwrap()..];
    assert!(kept.chunks_exact(LINE.len()).all(|line| line == LINE));

    // The first error is kept although its line is gone.
    assert_eq!(log[0], 0);
    let slots = fs::read(bench.layout.log_runs(&bench.cluster, &instance("a.0"))).unwrap();
    let place = usize::try_from(runs::place(1)).unwrap();
    let (run, text) = runs::decode(&slots[place..place + runs::SLOT]).unwrap();
    assert_eq!((run.generation, text), (1, ERROR.as_bytes()));

    // Its last lines have their time, and then the log is left alone.
    bench.stop("a.0", 1, Duration::from_secs(5));
    bench.exited().await;
    assert!(testkit::eventually_async(LONG, || !bench.held()).await);
    let times = fs::read(bench.layout.log_index(&bench.cluster, &instance("a.0"))).unwrap();
    let last = index::decode(&times[times.len() - index::ENTRY..]).unwrap();
    assert_eq!(last.1, log.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_engine_goes_on_with_it_and_a_new_shim_takes_it_back() {
    let mut bench = Bench::new();
    bench.flooding().await;
    kill(bench.shim("a.0"), Signal::KILL);
    assert!(matches!(bench.next().await, Happened::ShimLost { .. }));
    let mut bench = bench.reborn();
    let found = bench.driver.adopt(&bench.cluster).await;
    assert!(found.iter().any(|one| one.shim_lost), "{found:?}");
    bench.open("one");
    bench.bounded(BEGIN + FLOOD).await;
    bench.open("two");
    bench.bounded(BEGIN + 2 * FLOOD).await;

    bench.stop("a.0", 1, Duration::from_secs(5));
    bench.exited().await;
    let mut launch = bench.launch("a.0", 2, &["flood", &FLOOD.to_string(), "hang"]);
    launch.log_keep = Some(KEEP);
    bench.driver.start(launch);
    bench.started().await;
    assert!(!bench.held(), "it is the new shim's");
    bench.bounded(BEGIN + 3 * FLOOD).await;
}
