//! Logs stay within their bound, keep their addresses, and lose nothing that is kept.

use tests::{Azora, Folder, PATIENCE, counting, flood, until};

#[test]
fn not_a_line_is_lost_while_logs_are_cut_and_everything_is_killed() {
    let plan = counting::Plan {
        lines: 600_000,
        services: 2,
        keep: 1 << 20,
        kills: 6,
        engine_kills: 2,
        restarts: 1,
        patience: 2 * PATIENCE,
    };
    let azora = Azora::new();
    let told = counting::tell(&azora, &plan, |_| {});
    assert_eq!(told.wrong, Vec::<String>::new());
    assert_eq!(told.followed, plan.lines);
    assert_eq!((told.missed, told.repeated, told.outrun), (0, 0, 0));
    assert_eq!(told.window_missing, 0);
    assert!(told.window_bytes >= plan.keep, "{told:?}");
    assert_eq!((told.kills.1, told.kills.2), (2, 1));
    assert!(told.kills.0 > 0 && told.addresses.0 > 0, "{told:?}");
    assert!(told.written > 4 * plan.keep, "it was cut: {told:?}");
    // What two writers bring forth between two looks on a busy machine is far below this.
    assert!(told.peak < 64 << 20, "{told:?}");
}

#[test]
fn a_flood_is_bounded_and_who_cannot_follow_it_is_told() {
    let plan = flood::Plan {
        burst: 256 << 20,
        bursts: 1,
        keep: 1 << 20,
    };
    let told = flood::tell(&Azora::new(), &plan);
    assert!(
        told.settled <= plan.keep + plan.keep / 4 + flood::MARGIN,
        "{told:?}"
    );
    assert_eq!(
        told.followed.0 + told.followed.1,
        "begin\n".len() as u64 + plan.burst,
        "every byte was read or is said to be missed: {told:?}"
    );
    assert!(told.written > 2 * plan.burst, "{told:?}");
}

#[test]
fn the_first_error_outlives_its_line_and_an_old_address_says_that_it_is_gone() {
    let folder = Folder::with(
        "[service.api]\nrun = \"puppet print fine print 'Error: the first' print 'error: the second' \
         flood 2000000 hang\"\nlog = { keep = \"64KB\" }\n",
    );
    let azora = Azora::new();
    azora.up(folder.path());
    let gone = until("the front of the log to be gone", || {
        let done = azora.run(folder.path(), &["logs", "api.0", "--from", "0"]);
        (done.code == 3).then_some(done.err)
    });
    assert!(
        gone.contains("address 0 of api.0 is no longer kept"),
        "{gone}"
    );
    let begins = gone.trim().rsplit(' ').next().unwrap_or_default();
    let out = azora.ok(
        folder.path(),
        &["logs", "api.0", "--from", begins, "--tail", "1"],
    );
    assert_eq!(out, "0123456789abcde\n");

    let runs = azora.json(folder.path(), &["logs", "--first-error"]);
    assert_eq!(runs[0]["error"]["text"], "Error: the first", "{runs}");
    assert_eq!(
        (&runs[0]["kept"], &runs[0]["error"]["offset"]),
        (&false.into(), &5.into())
    );
    assert!(
        runs[0]["error"]["at"].is_string(),
        "its time is known: {runs}"
    );
    let out = azora.ok(folder.path(), &["logs", "--first-error"]);
    assert!(
        out.contains("(no longer in the log) Error: the first"),
        "{out}"
    );
}

#[test]
fn logs_are_searched_by_patterns_and_bounded_by_times() {
    let folder = Folder::with(
        "[service.api]\nrun = \"puppet lines 30 print 'took 12 ms' print 'took long' hang\"\n",
    );
    let azora = Azora::new();
    azora.up(folder.path());
    let logs = |words: &[&str]| azora.ok(folder.path(), &[&["logs", "api"], words].concat());
    until("the last line", || {
        logs(&[]).contains("took long").then_some(())
    });
    assert_eq!(logs(&["--grep", "TOOK [0-9]+ ms$"]), "took 12 ms\n");
    assert_eq!(logs(&["--grep", "^line 3?0$"]), "line 30\n");
    assert_eq!(logs(&["--since", "1h", "--tail", "1"]), "took long\n");
    assert_eq!(logs(&["--since", "1h"]).lines().count(), 32);
    assert_eq!(logs(&["--until", "1h"]), "");
    let count = |words: &[&str]| {
        azora.json(
            folder.path(),
            &[&["logs", "api", "--count"], words].concat(),
        )["api.0"]
            .clone()
    };
    assert_eq!(count(&["--grep", "^line"]), 30);
    assert_eq!(count(&["--grep", "^line", "--until", "1h"]), 0);
    assert_eq!(count(&["--level", "error"]), 0);
    assert_eq!(count(&[]), 32);
    let refused = azora.run(folder.path(), &["logs", "api", "--grep", "took ("]);
    assert!(
        refused.code != 0 && refused.err.contains("unclosed group"),
        "{refused:?}"
    );
}
