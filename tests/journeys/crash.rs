//! A crash at every failpoint of driver and shim; the full cross, and two crashes one after the
//! other, are `bench failpoints`.

use std::path::PathBuf;
use tests::crash::{Act, Case, Victim, few_cases, try_all};

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
    ];
    let outcome = try_all(&host(), cases, AT_A_TIME, || true, |_| ());
    assert!(outcome.faults.is_empty(), "{:#?}", outcome.faults);
    assert!(outcome.crashed > 0, "{outcome:?}");
}
