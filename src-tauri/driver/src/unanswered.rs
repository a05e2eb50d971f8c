//! An instance that has not been looked at to the end when adopting its cluster has to be over: a
//! slow disk, a machine with too much to do, a process that does not die.
//!
//! Slowness says nothing about a process. One that lives, by boot id, pid, start time and mark, is
//! told as running; its task goes on looking, and says so should it have ended all the same. Of one
//! that does not, its record has the last word.

use crate::intent::Story;
use crate::pidfd::Pidfd;
use crate::watch::{Facts, Unit};
use crate::{Found, ProcessDriver};
use model::{ClusterId, InstanceId};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// One that has nothing else to do answers within this.
const ANSWER: Duration = Duration::from_secs(1);

impl ProcessDriver {
    /// What is told of it now. `answer` is what its task finds, as soon as it has.
    pub(crate) async fn tell_unanswered(
        &self,
        cluster: &ClusterId,
        instance: InstanceId,
        folder: &Path,
        facts: Option<Arc<Mutex<Facts>>>,
        answer: oneshot::Receiver<Option<Found>>,
    ) -> Option<Found> {
        let story = Story::in_time(folder).await;
        let Some((generation, pid)) = living(&story, &self.shared().home) else {
            tracing::warn!(%cluster, %instance, "what is left of it cannot be ended yet");
            let (generation, status) = story.told_end()?;
            return Some(Found {
                instance,
                generation,
                outcome: Err(status),
                shim_lost: false,
                unanswered: false,
            });
        };
        let looked_at = facts.is_none_or(|facts| {
            let mut facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
            if !facts.attached {
                facts.told = Some(generation);
                facts.main = Some(pid);
            }
            facts.attached
        });
        if looked_at {
            // Just now, and its task has nothing to do but to answer; or long ago, and a start is
            // under way, of which it speaks when that has come to something.
            if let Ok(answer) = tokio::time::timeout(ANSWER, answer).await {
                return answer.ok().flatten();
            }
        }
        tracing::warn!(%cluster, %instance, pid, "it runs and is not looked at to the end yet");
        Some(Found {
            instance,
            generation,
            outcome: Ok(pid),
            shim_lost: false,
            unanswered: true,
        })
    }
}

/// The process on record, if it lives. One that cannot be looked at is not taken for dead.
fn living(story: &Story, home: &str) -> Option<(model::Generation, u32)> {
    let (generation, anchor) = story.running().filter(|_| story.of_this_boot())?;
    let nonce = story.intent.as_ref().map(|intent| intent.nonce.as_str());
    match Pidfd::open_ours(anchor, nonce.unwrap_or_default(), home) {
        Ok(None) => None,
        Ok(Some(_)) | Err(_) => Some((model::Generation(generation), anchor.pid)),
    }
}

impl Unit {
    /// It has been looked at. If it was told as running before, it is told now what is not so.
    pub(crate) async fn keep_word(&mut self) {
        let told = {
            let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
            facts.attached = true;
            facts.told.take()
        };
        let Some(generation) = told else {
            return;
        };
        if !self.runs(generation) {
            let status = self.ended_as(generation);
            self.say_exited(generation, status).await;
        } else if self.shim_lost {
            self.say_shim_lost(generation).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::pidfd::Pidfd;
    use crate::{Found, Happened, Launch, Layout, ProcessDriver};
    use model::{ExitStatus, Generation};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::mpsc::{self, Receiver};

    const LIMIT: Duration = Duration::from_secs(60);

    fn driver(home: &testkit::Home) -> (Arc<ProcessDriver>, Receiver<Happened>) {
        let (events, heard) = mpsc::channel(8);
        let shim = testkit::program("azora-shim");
        let driver = ProcessDriver::open(Layout::new(home.path()), shim, events).unwrap();
        (driver, heard)
    }

    async fn next(heard: &mut Receiver<Happened>) -> Happened {
        let next = tokio::time::timeout(LIMIT, heard.recv()).await;
        next.unwrap().unwrap()
    }

    /// A service whose shim is stopped, so that looking at it takes a while; the pids of both.
    async fn slow(home: &testkit::Home) -> (u32, Pidfd) {
        let (driver, mut heard) = driver(home);
        let puppet = testkit::program("puppet").to_string_lossy().into_owned();
        driver.start(Launch {
            log_keep: None,
            cluster: "zoo-0a1b2c3d".parse().unwrap(),
            instance: "a.0".parse().unwrap(),
            generation: Generation(3),
            argv: vec![puppet, "hang".into()],
            cwd: "/".into(),
            env: Default::default(),
            secrets: Default::default(),
            origins: Default::default(),
            user: None,
            ports: Vec::new(),
            listen: Vec::new(),
            tty: false,
            notify: false,
            limits: Default::default(),
        });
        let Happened::Started { pid, .. } = next(&mut heard).await else {
            panic!("it starts")
        };
        let process = crate::procfs::process(pid).unwrap().unwrap();
        let shim = Pidfd::open(process.parent).unwrap().unwrap();
        driver.close().await;
        shim.signal(libc::SIGSTOP).unwrap();
        (pid, shim)
    }

    fn running(pid: u32) -> [Found; 1] {
        [Found {
            instance: "a.0".parse().unwrap(),
            generation: Generation(3),
            outcome: Ok(pid),
            shim_lost: false,
            unanswered: true,
        }]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_lives_is_not_told_as_ended_because_looking_takes_its_time() {
        let home = testkit::Home::new();
        let (pid, shim) = slow(&home).await;
        let (driver, mut heard) = driver(&home);
        let cluster = "zoo-0a1b2c3d".parse().unwrap();
        let found = driver.adopt_within(&cluster, Duration::ZERO).await;
        assert_eq!(found, running(pid));
        // The shim goes on, and so does everything.
        shim.signal(libc::SIGCONT).unwrap();
        let found = driver.adopt(&cluster).await;
        assert_eq!((found[0].outcome, found[0].unanswered), (Ok(pid), false));
        let main = Pidfd::open(pid).unwrap().unwrap();
        main.signal(libc::SIGKILL).unwrap();
        let Happened::Exited { status, .. } = next(&mut heard).await else {
            panic!("its end is told")
        };
        assert_eq!(status, ExitStatus::Signal(9));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_ends_after_it_was_told_as_running_is_told_as_ended() {
        let home = testkit::Home::new();
        let (pid, _shim) = slow(&home).await;
        let (driver, mut heard) = driver(&home);
        let cluster = "zoo-0a1b2c3d".parse().unwrap();
        let found = driver.adopt_within(&cluster, Duration::ZERO).await;
        assert_eq!(found, running(pid));
        let main = Pidfd::open(pid).unwrap().unwrap();
        main.signal(libc::SIGKILL).unwrap();
        let (generation, status) = match next(&mut heard).await {
            Happened::Exited {
                generation, status, ..
            } => (generation, status),
            other => panic!("its end is told: {other:?}"),
        };
        // Nobody could see how.
        assert_eq!((generation, status), (Generation(3), ExitStatus::Unknown));
    }
}
