//! What the suite asks of a driver.

use driver::{Found, Happened};
use model::{ExitStatus, Generation, InstanceId};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

/// More than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A driver on a home of its own, that runs the puppet.
pub(crate) trait Subject: Sized {
    /// `None` where there can be none; that has been said.
    async fn new() -> Option<Self>;
    /// The engine dies at once, and another one comes.
    async fn reborn(self) -> Self;
    /// Asks for the puppet with these words.
    fn start(&self, name: &str, generation: u64, words: &[&str], env: &[(&str, &str)]);
    /// Asks for a program that is not there.
    fn start_nothing(&self, name: &str, generation: u64);
    /// Asks for an end by SIGTERM.
    fn stop(&self, name: &str, generation: u64, grace: Duration);
    /// Takes over what there is.
    async fn adopt(&mut self) -> Vec<Found>;
    /// The next thing that is told of an instance.
    async fn happened(&mut self) -> Option<Happened>;
    /// An instance's log.
    fn log(&self, name: &str) -> String;
    /// What belongs to the home and runs, or lies in a daemon.
    fn left(&self) -> Vec<String>;
    /// The end of a cluster, after its instances have been stopped.
    async fn down(&mut self);

    async fn next(&mut self) -> Happened {
        loop {
            let next = tokio::time::timeout(LONG, self.happened()).await;
            match next.expect("something happens").unwrap() {
                // On a busy machine any stop may take its time.
                Happened::StopGoesOn { .. } => {}
                other => return other,
            }
        }
    }

    async fn started(&mut self) -> (Generation, u32) {
        match self.next().await {
            Happened::Started {
                generation, pid, ..
            } => (generation, pid),
            other => panic!("expected a start, got {other:?}"),
        }
    }

    async fn exited(&mut self) -> (Generation, ExitStatus) {
        match self.next().await {
            Happened::Exited {
                generation, status, ..
            } => (generation, status),
            other => panic!("expected an end, got {other:?}"),
        }
    }

    /// Waits until its log has a line that begins so.
    async fn said(&self, name: &str, line: &str) {
        let there = || self.log(name).lines().any(|l| l.starts_with(line));
        let said = testkit::eventually_async(LONG, there).await;
        assert!(said, "{name} says {line}; its log: {}", self.log(name));
    }
}

pub(crate) fn instance(name: &str) -> InstanceId {
    InstanceId::new(name.parse().unwrap(), 0)
}

/// Somebody else sends a signal.
#[expect(
    clippy::disallowed_methods,
    reason = "the test plays somebody else, who asks no driver"
)]
pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits until a process has ended, whoever has to reap it.
pub(crate) async fn gone(pid: u32) {
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        matches!(state, None | Some('Z' | 'X'))
    };
    assert!(testkit::eventually_async(LONG, gone).await, "{pid} ends");
}
