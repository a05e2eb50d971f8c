//! A crash at every failpoint of driver and shim; the full cross, and two crashes one after the
//! other, are `bench failpoints`.

use std::path::PathBuf;
use tests::crash::{Act, Case, Slow, Victim, few_cases, try_all};

/// Cases at a time: they wait more than they work.
const AT_A_TIME: usize = 4;

/// The program that becomes a host. Found where it was built or copied to, not where cargo would
/// have it: a user without rights may not look into that folder.
fn host() -> PathBuf {
    testkit::program("bench")
}

#[test]
fn a_crash_at_every_step_leaves_one_copy_or_none() {
    let host = host();
    let cases = few_cases(&host).unwrap_or_else(|why| panic!("{why}"));
    let outcome = try_all(&host, cases, AT_A_TIME, || true, |_| ());
    assert!(outcome.faults.is_empty(), "{:#?}", outcome.faults);
    // That a point is now and then not reached is no fault; that most are is the point.
    assert!(outcome.crashed > 5 * outcome.passed_by, "{outcome:?}");
}

/// What `bench failpoints` has found, one case of each fault.
#[test]
fn a_crash_that_was_a_fault_once_is_none_any_more() {
    let cases = vec![
        // What was adopted and had ended since was found running by whoever asked again.
        Case::new(Act::Adopt, "stop.signalled", 1, Victim::Shim),
        Case::new(Act::AdoptLost, "finish.begun", 1, Victim::Shim),
        // An engine that got no turn for long told the end of a generation 0.
        Case::new(Act::Adopt, "gone.heard", 1, Victim::Both).then(
            "shim.read",
            1,
            Victim::EngineAndShimStays,
        ),
        Case::new(
            Act::AgainLong,
            "shim.listening",
            1,
            Victim::EngineAndShimStays,
        )
        .then("shim.locked", 1, Victim::EngineAndShimStays),
    ];
    let outcome = try_all(&host(), cases, AT_A_TIME, || true, |_| ());
    assert!(outcome.faults.is_empty(), "{:#?}", outcome.faults);
    assert!(outcome.crashed > 0, "{outcome:?}");
}

#[test]
fn one_that_is_only_slow_is_waited_for_and_what_is_not_known_is_not_told() {
    use Slow::{Engine, Shim, ShimOfNextEngine, ShimStopped};
    let host = host();
    let faults: Vec<String> = std::thread::scope(|scope| {
        let plays = [Shim, ShimOfNextEngine, ShimStopped, Engine];
        let plays = plays.map(|slow| {
            (
                slow,
                scope.spawn({
                    let host = &host;
                    move || slow.run(host)
                }),
            )
        });
        let ends = plays.into_iter().map(|(slow, play)| {
            let broke = |_| Err(format!("{slow:?} broke"));
            play.join().unwrap_or_else(broke).err()
        });
        ends.flatten().collect()
    });
    assert!(faults.is_empty(), "{faults:#?}");
}
