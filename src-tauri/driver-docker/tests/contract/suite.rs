//! What an engine may count on.

use crate::subject::{LONG, Subject, gone, send};
use driver::Happened;
use model::{ExitStatus, Generation};
use rustix::process::Signal;
use std::time::Duration;

/// A grace that nobody here uses up.
const LONG_GRACE: Duration = LONG;
/// A grace that is over at once.
const SHORT_GRACE: Duration = Duration::from_millis(100);

pub(crate) async fn an_exit_code_is_told<S: Subject>(mut on: S) {
    for (generation, code) in [(1, 0), (2, 7), (3, 255)] {
        on.start("a", generation, &["exit", &code.to_string()], &[]);
        assert_eq!(on.started().await.0, Generation(generation));
        let ended = (Generation(generation), ExitStatus::Code(code));
        assert_eq!(on.exited().await, ended);
    }
}

pub(crate) async fn a_death_from_outside_is_told<S: Subject>(mut on: S) {
    on.start("a", 1, &["hang"], &[]);
    let (_, pid) = on.started().await;
    send(pid, Signal::KILL);
    assert_eq!(on.exited().await.1, ExitStatus::Signal(9));
}

pub(crate) async fn a_stop_leaves_it_the_grace_to_end_by_itself<S: Subject>(mut on: S) {
    on.start("a", 1, &["on-term", "3", "print", "up", "hang"], &[]);
    on.started().await;
    on.said("a", "up").await;
    on.stop("a", 1, LONG_GRACE);
    assert_eq!(on.exited().await.1, ExitStatus::Code(3));
    assert!(on.log("a").ends_with("bye\n"), "{}", on.log("a"));
    // It has ended; who asks again is answered the same.
    on.stop("a", 1, LONG_GRACE);
    assert_eq!(on.exited().await.1, ExitStatus::Code(3));
}

pub(crate) async fn what_does_not_hear_is_killed_after_the_grace<S: Subject>(mut on: S) {
    on.start("a", 1, &["ignore-term", "print", "up", "hang"], &[]);
    on.started().await;
    on.said("a", "up").await;
    let asked = tokio::time::Instant::now();
    on.stop("a", 1, SHORT_GRACE);
    assert_eq!(on.exited().await.1, ExitStatus::Signal(9));
    assert!(asked.elapsed() >= SHORT_GRACE, "the grace is its own");
}

pub(crate) async fn what_is_stopped_and_started_again_goes_in_that_order<S: Subject>(mut on: S) {
    let words = ["on-term", "0", "print", "up", "hang"];
    on.start("a", 1, &words, &[]);
    on.started().await;
    for generation in 1..4 {
        let ups = || on.log("a").lines().filter(|line| *line == "up").count() as u64;
        assert!(testkit::eventually_async(LONG, || ups() == generation).await);
        on.stop("a", generation, LONG_GRACE);
        let ended = (Generation(generation), ExitStatus::Code(0));
        assert_eq!(on.exited().await, ended);
        on.start("a", generation + 1, &words, &[]);
        assert_eq!(on.started().await.0, Generation(generation + 1));
    }
}

pub(crate) async fn what_cannot_be_run_is_a_failed_start<S: Subject>(mut on: S) {
    on.start_nothing("a", 1);
    match on.next().await {
        Happened::StartFailed { error, .. } => {
            assert!(error.contains("nothing-is-here"), "{error}")
        }
        other => panic!("expected a failed start, got {other:?}"),
    }
    // And it is nobody's fault afterwards.
    on.start("a", 2, &["exit", "0"], &[]);
    on.started().await;
    assert_eq!(on.exited().await.1, ExitStatus::Code(0));
}

pub(crate) async fn the_environment_is_what_was_asked_for<S: Subject>(mut on: S) {
    let strange = "a=b \"c\" $d 'e' \\f ü";
    let words = ["env", "PLAIN", "env", "STRANGE", "env", "EMPTY"];
    let env = [("PLAIN", "1"), ("STRANGE", strange), ("EMPTY", "")];
    on.start("a", 1, &words, &env);
    on.started().await;
    on.exited().await;
    let wanted = format!("PLAIN=1\nSTRANGE={strange}\nEMPTY=\n");
    assert_eq!(on.log("a"), wanted);
    // Another start, another environment.
    on.start("a", 2, &["env", "PLAIN"], &[("PLAIN", "2")]);
    on.started().await;
    on.exited().await;
    assert_eq!(on.log("a"), format!("{wanted}PLAIN=2\n"));
}

pub(crate) async fn two_starts_of_one_instance_give_one<S: Subject>(mut on: S) {
    let words = ["print", "up", "hang"];
    on.start("a", 1, &words, &[]);
    on.start("a", 1, &words, &[]);
    let pid = loop {
        match on.next().await {
            Happened::Started { pid, .. } => break pid,
            // It may be said that the first is not over.
            Happened::StartFailed { .. } => {}
            other => panic!("expected a start, got {other:?}"),
        }
    };
    on.start("a", 2, &words, &[]);
    match on.next().await {
        Happened::StartFailed { generation, .. } => assert_eq!(generation, Generation(2)),
        other => panic!("expected that it runs already, got {other:?}"),
    }
    // Another engine, that has not looked yet.
    let mut on = on.reborn().await;
    on.start("a", 2, &words, &[]);
    match on.next().await {
        Happened::StartFailed { generation, .. } => assert_eq!(generation, Generation(2)),
        other => panic!("expected that it runs already, got {other:?}"),
    }
    assert_eq!(on.adopt().await[0].outcome, Ok(pid));
    // A container's first words come when its daemon passes them on.
    on.said("a", "up").await;
    assert_eq!(on.log("a"), "up\n");
}

pub(crate) async fn it_survives_the_engine_and_is_adopted_as_the_same_start<S: Subject>(mut on: S) {
    on.start("a", 1, &["exit", "0"], &[]);
    on.started().await;
    on.exited().await;
    on.start("a", 2, &["on-term", "4", "print", "up", "hang"], &[]);
    let (_, pid) = on.started().await;
    on.said("a", "up").await;
    for _ in 0..2 {
        on = on.reborn().await;
        let found = on.adopt().await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].generation, Generation(2));
        assert_eq!(found[0].outcome, Ok(pid));
        assert!(!found[0].unanswered, "{found:?}");
    }
    on.stop("a", 2, LONG_GRACE);
    assert_eq!(on.exited().await, (Generation(2), ExitStatus::Code(4)));
}

pub(crate) async fn what_ended_while_nobody_looked_is_told_at_adoption<S: Subject>(mut on: S) {
    on.start("a", 1, &["on-term", "5", "print", "up", "hang"], &[]);
    on.start("b", 1, &["hang"], &[]);
    let mut pids = std::collections::BTreeMap::new();
    for _ in 0..2 {
        match on.next().await {
            Happened::Started { instance, pid, .. } => {
                pids.insert(instance.service.to_string(), pid);
            }
            other => panic!("expected a start, got {other:?}"),
        }
    }
    on.said("a", "up").await;
    let on = on.reborn().await;
    send(pids["a"], Signal::TERM);
    send(pids["b"], Signal::KILL);
    for pid in pids.values() {
        gone(*pid).await;
    }
    let mut on = on.reborn().await;
    let found = on.adopt().await;
    let mut outcomes = Vec::new();
    for one in found {
        // A parent that has not been told yet says it a little later.
        let status = match one.outcome {
            Err(status) => status,
            Ok(_) => on.exited().await.1,
        };
        outcomes.push((one.instance.service.to_string(), status));
    }
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    let wanted = [
        ("a".to_owned(), ExitStatus::Code(5)),
        ("b".to_owned(), ExitStatus::Signal(9)),
    ];
    assert_eq!(outcomes, wanted);
    assert!(on.log("a").ends_with("bye\n"), "{}", on.log("a"));
}

pub(crate) async fn a_start_that_died_with_its_engine_is_one_copy_or_none<S: Subject>(on: S) {
    let mut on = on;
    let mut generation = 1;
    // The engine dies at any moment of a start, and the next one starts what it does not find.
    for moment in 0..7 {
        on.start("a", generation, &["print", "up", "hang"], &[]);
        let moment = Duration::from_millis(moment * 40);
        let _ = tokio::time::timeout(moment, on.happened()).await;
        on = on.reborn().await;
        let found = on.adopt().await;
        let runs = found.first().and_then(|one| one.outcome.ok());
        let generation_found = found.first().map(|one| one.generation);
        generation += 1;
        let (started, pid) = match runs {
            Some(pid) => (generation_found.unwrap(), pid),
            None => {
                on.start("a", generation, &["print", "up", "hang"], &[]);
                on.started().await
            }
        };
        send(pid, Signal::KILL);
        // Until the very last of it is told, nothing else may be.
        assert_eq!(on.exited().await, (started, ExitStatus::Signal(9)));
        assert!(on.left().len() <= 1, "{:?}", on.left());
        generation += 1;
    }
}

pub(crate) async fn every_line_is_there_once_across_adoptions<S: Subject>(mut on: S) {
    on.start("a", 1, &["tick", "1"], &[]);
    let (_, pid) = on.started().await;
    for round in 1..=4 {
        let enough = || on.log("a").lines().count() >= round * 150;
        assert!(testkit::eventually_async(LONG, enough).await);
        on = on.reborn().await;
        assert_eq!(on.adopt().await[0].outcome, Ok(pid));
    }
    let enough = || on.log("a").lines().count() >= 1_000;
    assert!(testkit::eventually_async(LONG, enough).await);
    send(pid, Signal::KILL);
    on.exited().await;
    numbered(&on.log("a"), None);
}

pub(crate) async fn the_last_lines_are_there_when_the_end_is_told<S: Subject>(mut on: S) {
    on.start("a", 1, &["lines", "20000", "print", "done"], &[]);
    on.started().await;
    on.exited().await;
    numbered(&on.log("a"), Some(20_000));
    // And when the engine died meanwhile.
    on.start("b", 1, &["lines", "20000", "print", "done"], &[]);
    on.started().await;
    let mut on = on.reborn().await;
    let found = on.adopt().await;
    if found
        .iter()
        .any(|one| one.instance.service.as_str() == "b" && one.outcome.is_ok())
    {
        on.exited().await;
    }
    numbered(&on.log("b"), Some(20_000));
}

pub(crate) async fn nothing_is_left_after_down<S: Subject>(mut on: S) {
    on.start("a", 1, &["on-term", "0", "print", "up", "hang"], &[]);
    on.started().await;
    on.start("b", 1, &["fork", "print", "up", "hang"], &[]);
    on.started().await;
    on.said("a", "up").await;
    on.said("b", "up").await;
    assert!(!on.left().is_empty());
    on.stop("a", 1, LONG_GRACE);
    on.exited().await;
    on.stop("b", 1, SHORT_GRACE);
    on.exited().await;
    on.down().await;
    assert_eq!(on.left(), Vec::<String>::new());
    assert_eq!(on.log("a"), "up\nbye\n", "what it said stays");
}

/// Each line once and in order, up to `last` and a closing line when that is known.
fn numbered(log: &str, last: Option<usize>) {
    let mut lines: Vec<&str> = log.lines().collect();
    if last.is_some() {
        assert_eq!(lines.pop(), Some("done"));
    }
    let wrong = lines
        .iter()
        .zip(1..)
        .find(|(line, number)| **line != format!("line {number}"));
    assert_eq!(wrong, None, "of {} lines", lines.len());
    assert!(
        last.is_none_or(|last| lines.len() == last),
        "{}",
        lines.len()
    );
}
