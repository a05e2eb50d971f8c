//! A task that breaks begins anew: the service it watched must not go unwatched until somebody
//! happens to ask for it.

use crate::refusal::Refusal;
use crate::watch::{Life, Unit};
use model::{ExitStatus, Generation};
use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use tokio::time::Instant;

/// Times that one task may break. What breaks it every time would otherwise go round for ever; the
/// next ask makes a new task.
const TIMES: u32 = 5;

impl Unit {
    /// Lives until its driver is dropped.
    pub(crate) async fn run(mut self) {
        for broken in 1..=TIMES {
            let end = if broken == 1 {
                caught(self.begin()).await
            } else {
                Box::pin(caught(self.begin_again())).await
            };
            if end.is_ok() {
                return;
            }
            let (cluster, instance) = (&self.cluster, &self.instance);
            tracing::error!(%cluster, %instance, broken, "its task broke and begins anew");
        }
    }

    async fn begin(&mut self) {
        Box::pin(self.attach()).await;
        self.keep_word().await;
        self.live().await;
    }

    /// Looks at what is there, as after the death of an engine, and tells what has changed since
    /// its last word.
    async fn begin_again(&mut self) {
        let before = std::mem::replace(&mut self.life, Life::Idle);
        let stopping = self.stopping.take();
        (self.timer, self.shim_lost) = (None, false);
        self.give_log_up().await;
        // Our own child stays one, and is to be reaped.
        let child = self.shim.take().and_then(|shim| shim.into_child());
        self.attach().await;
        if let (Some(shim), Some(child)) = (&mut self.shim, child) {
            shim.take_child(child);
        }
        self.keep_word().await;
        match before {
            Life::Idle => {}
            Life::Starting(generation) => self.mend_start(generation).await,
            Life::Running(main) => {
                if !self.runs(main.generation) {
                    let status = self.ended_as(main.generation);
                    self.say_exited(main.generation, status).await;
                }
            }
            Life::Ended(generation, status) => self.say_exited(generation, status).await,
        }
        if stopping.is_some() && matches!(self.life, Life::Running(_)) {
            // It goes on where it was.
            self.stopping = stopping;
            self.timer = Some(Instant::now());
        }
        self.live().await;
    }

    async fn mend_start(&mut self, generation: Generation) {
        if self.runs(generation) {
            self.say_started().await;
        } else if self.last.is_some_and(|(last, _)| last == generation) {
            let status = self.ended_as(generation);
            self.say_exited(generation, status).await;
        } else {
            let error = "a fault of Azora's own came in between".to_owned();
            let refusal = Refusal::again(error);
            self.start_failed(generation, refusal).await;
        }
    }

    pub(crate) fn runs(&self, generation: Generation) -> bool {
        matches!(&self.life, Life::Running(main) if main.generation == generation)
    }

    pub(crate) fn ended_as(&self, generation: Generation) -> ExitStatus {
        let last = self.last.filter(|(last, _)| *last == generation);
        last.map_or(ExitStatus::Unknown, |(_, status)| status)
    }
}

/// Waits for a future; a panic in it is its end.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = std::pin::pin!(future);
    poll_fn(move |context| {
        // What it has left half done is not looked at again: everything is read anew.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use crate::{Happened, Launch, Layout, ProcessDriver};
    use model::{ExitStatus, Generation};
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_task_that_breaks_goes_on_watching_without_being_asked() {
        let home = testkit::Home::new();
        let (events, mut heard) = tokio::sync::mpsc::channel(8);
        let shim = testkit::program("azora-shim");
        let driver = ProcessDriver::open(Layout::new(home.path()), shim, events).unwrap();
        let (cluster, instance) = ("zoo-0a1b2c3d".parse().unwrap(), "a.0".parse().unwrap());
        let puppet = testkit::program("puppet").to_string_lossy().into_owned();
        driver.start(Launch {
            log_keep: None,
            cluster,
            instance,
            generation: Generation(1),
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
        let limit = Duration::from_secs(30);
        let mut next = async || tokio::time::timeout(limit, heard.recv()).await.unwrap();
        let Some(Happened::Started { pid, .. }) = next().await else {
            panic!("it starts")
        };
        let (cluster, instance) = ("zoo-0a1b2c3d".parse().unwrap(), "a.0".parse().unwrap());
        driver.break_task(&cluster, &instance);
        let main = crate::pidfd::Pidfd::open(pid).unwrap().unwrap();
        main.signal(libc::SIGKILL).unwrap();
        let Some(Happened::Exited { status, .. }) = next().await else {
            panic!("its end is told")
        };
        assert_eq!(status, ExitStatus::Signal(9));
    }
}
