//! A container's log is as a process's: what reads logs finds in it what a shim would have written.

use crate::bench::{Bench, LONG, instance};
use driver::Happened;
use std::os::unix::fs::MetadataExt;
use testkit::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_where_each_start_began_and_when_it_grew() {
    for engine in [Engine::Docker, Engine::Podman] {
        let Some(mut bench) = Bench::new(engine).await else {
            return;
        };
        let spec = bench.spec(&["lines", "3", "exit", "1"]);
        for generation in 1..=3 {
            bench.run("a", generation, spec.clone()).await;
            bench.exited().await;
        }
        // The next is another container.
        let spec = bench.spec(&["lines", "3", "exit", "2"]);
        bench.run("a", 4, spec).await;
        bench.exited().await;
        let runs = bench.layout.log_runs(&bench.cluster, &instance("a"));
        let runs = std::fs::read(runs).unwrap();
        for generation in 1..=4 {
            let at = usize::try_from(shim::runs::place(generation)).unwrap();
            let slot = shim::runs::decode(&runs[at..at + shim::runs::SLOT]);
            let Some((run, _)) = slot else {
                panic!("{engine:?}: the start {generation} is not noted");
            };
            let begun = (run.generation, run.begin);
            let lines = "line 1\nline 2\nline 3\n".len() as u64;
            assert_eq!(begun, (generation, (generation - 1) * lines), "{engine:?}");
        }
        let index = bench.layout.log_index(&bench.cluster, &instance("a"));
        let index = std::fs::read(index).unwrap();
        let last = shim::index::decode(&index[index.len() - shim::index::ENTRY..]);
        let size = bench.log("a").len() as u64;
        assert_eq!(last.map(|(_, bytes)| bytes), Some(size), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_there_whole_and_kept_within_its_bound() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["lines", "400000", "hang"]);
    bench.start_keeping("a", 1, spec, Some(1 << 20));
    assert!(matches!(bench.happened().await, Happened::Started { .. }));
    let log = bench.layout.log(&bench.cluster, &instance("a"));
    let whole: usize = (1..=400_000)
        .map(|n: u32| format!("line {n}\n").len())
        .sum();
    let bounded = || {
        let meta = std::fs::metadata(&log);
        meta.is_ok_and(|log| log.len() == whole as u64 && log.blocks() * 512 < 2 << 20)
    };
    let within = testkit::eventually_async(LONG, bounded).await;
    let meta = std::fs::metadata(&log).unwrap();
    assert!(
        within,
        "{} of {whole} bytes, {} blocks",
        meta.len(),
        meta.blocks()
    );
}
