//! The log of a service that has lost its shim: nobody would note its times any more, or give its
//! oldest bytes back. This takes over what the shim did, until the service has ended.

use crate::shortage::{Patience, short};
use crate::watch::Unit;
use shim::Intent;
use shim::log::{Log, Wake};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Logs that are looked at at once. A look takes microseconds, one that gives up a part of a log
/// some milliseconds, and nobody else is to wait for a thread because of them.
static LOOKS: Semaphore = Semaphore::const_new(2);

/// A log in the driver's keeping. Dropped, it is nobody's any more.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Dropped to say that the service has ended.
    lives: Option<oneshot::Sender<()>>,
    task: JoinSet<()>,
}

impl Kept {
    fn new(intent: Intent) -> Kept {
        let (lives, ended) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(keep(intent, ended));
        let lives = Some(lives);
        Kept { lives, task }
    }

    /// The service has ended: its last lines get their time, and that is all. Does not wait.
    fn end(&mut self) {
        self.lives = None;
    }

    /// Waits until that is done. What comes next keeps the log itself.
    async fn over(mut self) {
        self.end();
        while self.task.join_next().await.is_some() {}
    }
}

impl Unit {
    /// Its shim is lost: its log is ours from here on.
    pub(crate) fn keep_log(&mut self, intent: Intent) {
        self.log = Some(Kept::new(intent));
    }

    /// It has ended.
    pub(crate) fn leave_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.end();
        }
    }

    /// A shim is about to be made, whose log it is.
    pub(crate) async fn give_log_up(&mut self) {
        if let Some(log) = self.log.take() {
            log.over().await;
        }
    }
}

async fn keep(intent: Intent, mut ended: oneshot::Receiver<()>) {
    let mut patience = Patience::default();
    let mut log = loop {
        let opening = intent.clone();
        match look(move || Log::open(&opening, Wake::Looking)).await {
            Some(Ok(log)) => break log,
            Some(Err(error)) if short(&error) => patience.after("a log", &error).await,
            Some(Err(error)) => {
                tracing::warn!(log = intent.log, %error, "nobody keeps this log within its bound");
                return;
            }
            None => return,
        }
    };
    let mut lives = true;
    while lives {
        // Without the word of a change there is always a next look.
        let due = log.due().map_or_else(Instant::now, Instant::from_std);
        tokio::select! {
            biased;
            _ = &mut ended => lives = false,
            () = sleep_until(due) => {}
        }
        let looked = look(move || {
            if lives {
                log.look_if_due();
            } else {
                log.ended();
            }
            log
        });
        let Some(looked) = looked.await else { return };
        log = looked;
    }
}

/// Does what may wait for the disk on a thread that may. `None` when it broke or the runtime ends.
async fn look<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    // The semaphore is never closed.
    let _permit = LOOKS.acquire().await;
    tokio::task::spawn_blocking(work).await.ok()
}
