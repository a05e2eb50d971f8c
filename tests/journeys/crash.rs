//! A crash at every failpoint of driver and shim; the full cross is `bench failpoints`.

use std::path::Path;
use tests::crash::{few_cases, try_all};

/// Cases at a time: they wait more than they work.
const AT_A_TIME: usize = 4;

#[test]
fn a_crash_at_every_step_leaves_one_copy_or_none() {
    let host = Path::new(env!("CARGO_BIN_EXE_bench"));
    let cases = few_cases(host).unwrap_or_else(|why| panic!("{why}"));
    let outcome = try_all(host, cases, AT_A_TIME);
    assert!(outcome.faults.is_empty(), "{:#?}", outcome.faults);
    // That a point is now and then not reached is no fault; that most are is the point.
    assert!(outcome.crashed > 5 * outcome.passed_by, "{outcome:?}");
}
