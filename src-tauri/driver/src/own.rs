//! Looking at the service's own process: whether it lives, is the one on record, and can be watched.
//!
//! What could not be looked at is waited for here: whoever takes a process for dead that lives
//! starts a second one.

use crate::ended::SHIM_PATIENCE;
use crate::pidfd::Pidfd;
use crate::shortage::{self, Patience};
use crate::watch::{Life, Main, Unit};
use model::{Anchor, Generation};
use std::io;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

impl Unit {
    /// The service's own process, if this is it. While its shim lives it is a child of that.
    ///
    /// # Errors
    /// When it could not be looked at.
    fn open_main(&self, anchor: &Anchor) -> io::Result<Option<Pidfd>> {
        let nonce = self.nonce.as_deref().unwrap_or_default();
        let Some(pidfd) = Pidfd::open_ours(anchor, nonce, &self.shared.home)? else {
            return Ok(None);
        };
        let Some(process) = crate::procfs::process(anchor.pid)? else {
            return Ok(None);
        };
        let parent = process.parent;
        let elsewhere = self
            .shim
            .as_ref()
            .is_some_and(|shim| shim.lives() && shim.anchor.pid != parent);
        let other = elsewhere || crate::procfs::is_shim_of(&process, &self.folder)?;
        Ok((!other).then_some(pidfd))
    }

    /// A descriptor by which its end is seen. Without one the shim tells, and it is tried again:
    /// the shim may be lost.
    pub(crate) fn watch_main(&self, anchor: &Anchor) -> (Option<AsyncFd<Pidfd>>, Option<Instant>) {
        let opened = self.open_main(anchor);
        match opened.and_then(|pidfd| pidfd.map(Pidfd::watch).transpose()) {
            Ok(pidfd) => (pidfd, None),
            Err(error) => {
                let (cluster, instance) = (&self.cluster, &self.instance);
                tracing::debug!(%cluster, %instance, %error, "its process cannot be watched yet");
                (None, Some(Instant::now() + shortage::PAUSE))
            }
        }
    }

    /// It runs from here on, as far as is known.
    pub(crate) fn begin_running(&mut self, generation: Generation, anchor: Anchor) {
        let (pidfd, again) = self.watch_main(&anchor);
        // It has ended meanwhile, which nobody would tell if its shim should be gone too.
        let ended = (pidfd.is_none() && again.is_none()).then(Instant::now);
        self.left = 0;
        self.life = Life::Running(Main {
            generation,
            anchor,
            pidfd,
            again,
            ended,
        });
        let silent = match self.shim {
            Some(_) => SHIM_PATIENCE,
            None => Duration::ZERO,
        };
        self.timer = ended.map(|at| at + silent);
        if self.stopping.is_some() {
            // It was asked to stop while it was being made.
            self.timer = Some(Instant::now());
        }
    }

    /// Tries to get the descriptor that could not be had.
    pub(crate) async fn watch_again(&mut self) {
        let Life::Running(main) = &self.life else {
            return;
        };
        let watched = self.watch_main(&main.anchor);
        let gone = matches!(watched, (None, None));
        if let Life::Running(main) = &mut self.life {
            (main.pidfd, main.again) = watched;
        }
        if gone {
            self.on_main_ended().await;
        }
    }

    /// Ends the child of a shim that has not become the program, and keeps the shim from making
    /// another; true when there was one. It would become it as soon as it went on, and it carries no
    /// mark before.
    pub(crate) async fn end_unmade(&self, anchor: &Anchor) -> bool {
        let mut patience = Patience::default();
        let unmade = loop {
            match crate::survivors::is_shim(anchor, &self.folder) {
                Ok(unmade) => break unmade,
                Err(error) => patience.after("a process on record", &error).await,
            }
        };
        if unmade {
            if let Some(shim) = &self.shim {
                shim.freeze();
            }
            crate::survivors::kill_process(anchor.pid, anchor.start_ticks);
        }
        unmade
    }

    /// Whether the process on record lives. What could not be looked at is waited for: nobody may
    /// take it for dead, and start another.
    pub(crate) async fn lives(&self, anchor: &Anchor) -> bool {
        let mut patience = Patience::default();
        loop {
            match self.open_main(anchor) {
                Ok(found) => return found.is_some(),
                Err(error) => patience.after("a process on record", &error).await,
            }
        }
    }
}
