//! Programs that write without pause.

use super::*;
use std::os::unix::fs::OpenOptionsExt;

const LONG: Duration = Duration::from_secs(60);
/// Longer to be written than any test waits, and still an end.
const FLOOD: u64 = 100_000_000;
/// By so much it is under way: more than a pipe holds.
const FLOODS: u64 = 100_000;

fn shell(script: &str, cwd: &std::path::Path) -> ExecLaunch {
    let puppet = testkit::program("puppet");
    ExecLaunch {
        argv: ["/bin/sh", "-c", script, "sh"]
            .map(str::to_owned)
            .into_iter()
            .chain([puppet.to_string_lossy().into_owned()])
            .collect(),
        cwd: cwd.into(),
        env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        user: None,
    }
}

/// What it is read for, a disk that is waited for, is slower than it writes: its pipe is never
/// empty.
async fn run(script: &str, cwd: &std::path::Path, timeout: Duration) -> ExecOutcome {
    let mut slow = File::options();
    slow.append(true).create(true).custom_flags(libc::O_DSYNC);
    let log = slow.open(cwd.join("log")).unwrap();
    logged(
        shell(script, cwd),
        timeout,
        Bounds::files((1024, 4096)),
        log,
    )
    .await
}

#[tokio::test]
async fn what_writes_without_pause_is_ended_when_its_time_is_over() {
    let home = testkit::Home::new();
    let script = format!("exec \"$1\" flood {FLOOD}");
    let outcome = run(&script, home.path(), Duration::from_millis(200)).await;
    assert_eq!(outcome, ExecOutcome::TimedOut);
}

#[tokio::test]
async fn what_writes_without_pause_can_be_called_off() {
    let home = testkit::Home::new();
    let (script, cwd) = (format!("exec \"$1\" flood {FLOOD}"), home.path().to_owned());
    let mut running = tokio::task::JoinSet::new();
    running.spawn(async move { run(&script, &cwd, LONG).await });
    let log = home.path().join("log");
    let floods = || std::fs::metadata(&log).is_ok_and(|log| log.len() > FLOODS);
    assert!(testkit::eventually_async(LONG, floods).await);
    running.abort_all();
    let came = running.join_next().await.unwrap();
    assert!(came.is_err_and(|error| error.is_cancelled()));
}

#[tokio::test]
async fn who_writes_on_after_the_end_is_not_heard_to_the_end() {
    let home = testkit::Home::new();
    let script = format!(
        "(\"$1\" flood {FLOOD}; touch over) &
         until [ $(wc -c <log) -gt {FLOODS} ]; do :; done"
    );
    let outcome = run(&script, home.path(), LONG).await;
    assert!(
        matches!(outcome, ExecOutcome::Exit { status, .. } if status.success()),
        "{outcome:?}"
    );
    assert!(!home.path().join("over").exists(), "it was waited for");
}

#[tokio::test]
async fn all_it_wrote_before_its_end_is_heard() {
    let home = testkit::Home::new();
    let path = home.path().join("log");
    let log = File::options().append(true).create(true).open(&path);
    // More than one read takes, and less than the pipe holds: it may end before any is read.
    let launch = shell("exec \"$1\" flood 60000", home.path());
    let outcome = logged(launch, LONG, Bounds::files((1024, 4096)), log.unwrap()).await;
    assert!(matches!(outcome, ExecOutcome::Exit { .. }), "{outcome:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 60_000);
}
