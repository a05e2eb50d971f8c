//! What an instance's task makes of an end: of the service's own process, and of its shim.

use crate::Happened;
use crate::refusal::Refusal;
use crate::slow::SLOW;
use crate::spawn::Shim;
use crate::watch::{Life, Main, Unit};
use model::{ExitStatus, Generation};
use shim::{Intent, NO_ROOM, fail_point};
use std::time::Duration;
use tokio::time::Instant;

/// A process has ended and its parent, the shim, does not say so: it is stuck, or slow.
pub(crate) const SHIM_PATIENCE: Duration = Duration::from_secs(2);

impl Unit {
    /// Its process has ended as `status` says. What is left of the tree has until the end of the
    /// grace if it was asked to stop, and no time at all if not.
    pub(crate) async fn main_over(&mut self, generation: Generation, status: ExitStatus) {
        let over = std::mem::replace(&mut self.life, Life::Ended(generation, status));
        if let Life::Running(main) = over {
            self.led = main.pidfd;
        }
        let gone = self
            .shim
            .as_mut()
            .is_some_and(|shim| shim.says_gone(generation));
        if gone {
            // That word is next, and there is nothing to end.
        } else if self.stopping.is_none() {
            if status.success() {
                // Who cannot be looked at is ended all the same, and not counted.
                let left = self.look().await.map_or(0, |(found, _)| found.len());
                self.left = u32::try_from(left).unwrap_or(u32::MAX);
            }
            self.sweep().await;
        } else if self.shim.is_none() {
            self.timer = Some(Instant::now());
        }
    }

    pub(crate) async fn on_main_ended(&mut self) {
        let Life::Running(main) = &mut self.life else {
            return;
        };
        main.ended = Some(Instant::now());
        let generation = main.generation;
        if self.shim.is_some() {
            // Its parent says how, in a moment.
            let silent = Instant::now() + SHIM_PATIENCE;
            self.timer = Some(self.timer.map_or(silent, |timer| timer.min(silent)));
        } else {
            let status = match self.recorded(generation).await {
                ExitStatus::Unknown => self.kernels_word().await,
                recorded => recorded,
            };
            self.main_over(generation, status).await;
        }
    }

    /// True when its process has ended and the shim, which knows how, is only slow to say so: then
    /// the timer is set for another look.
    pub(crate) fn waits_for_shim(&mut self) -> bool {
        let Life::Running(Main {
            ended: Some(ended), ..
        }) = &self.life
        else {
            return false;
        };
        let slow = ended.elapsed() < SLOW && self.shim.as_ref().is_some_and(Shim::is_at_work);
        if slow {
            self.timer = Some(Instant::now() + SHIM_PATIENCE);
        }
        slow
    }

    /// How the process ended whose shim is lost: whoever has inherited it takes note in a moment,
    /// and then the kernel tells. It is not made up when the kernel does not.
    async fn kernels_word(&self) -> ExitStatus {
        /// Looks, and the time between two of them: a fifth of a second in all.
        const LOOKS: u32 = 20;
        const LOOK: Duration = Duration::from_millis(10);
        let Life::Running(Main {
            pidfd: Some(pidfd), ..
        }) = &self.life
        else {
            return ExitStatus::Unknown;
        };
        for _ in 0..LOOKS {
            if let Some(status) = pidfd.get_ref().exit_status() {
                return status;
            }
            tokio::time::sleep(LOOK).await;
        }
        ExitStatus::Unknown
    }

    pub(crate) async fn on_shim_ended(&mut self) {
        let Some(mut shim) = self.shim.take() else {
            return;
        };
        let code = shim.exit_code();
        let story = self.story().await;
        match &self.life {
            Life::Idle => self.timer = None,
            Life::Starting(generation) => {
                let generation = *generation;
                match story.running() {
                    Some((started, anchor))
                        if started == generation.0 && self.lives(anchor).await =>
                    {
                        let anchor = anchor.clone();
                        self.begin_running(generation, anchor);
                        self.say_started().await;
                        self.lose_shim(generation, shim.intent).await;
                    }
                    running => {
                        if let Some((_, anchor)) = running {
                            self.end_unmade(anchor).await;
                        }
                        self.clear(generation).await;
                        let why = match code {
                            Some(NO_ROOM) => Refusal::short(
                                "no disk, descriptors or memory left",
                                "open what its shim needs",
                            ),
                            Some(75) => Refusal::again("another shim has this instance".into()),
                            Some(code) => {
                                Refusal::again(format!("its shim ended with code {code}"))
                            }
                            None => Refusal::again("its shim was ended".into()),
                        };
                        self.start_failed(generation, why).await;
                    }
                }
            }
            Life::Running(main) => {
                let (generation, ended) = (main.generation, main.ended.is_some());
                match story.ended.filter(|(ended, _)| *ended == generation.0) {
                    Some((_, status)) => self.main_over(generation, status).await,
                    None if ended => self.main_over(generation, ExitStatus::Unknown).await,
                    None => self.lose_shim(generation, shim.intent).await,
                }
            }
            Life::Ended(generation, status) => {
                let (generation, status) = (*generation, *status);
                if self
                    .stopping
                    .as_ref()
                    .is_none_or(|stopping| !stopping.asking())
                {
                    self.finish(generation, status).await;
                } else {
                    self.timer = Some(Instant::now());
                }
            }
        }
    }

    async fn lose_shim(&mut self, generation: Generation, intent: Intent) {
        fail_point!("shim.lost");
        self.shim_lost = true;
        self.keep_log(intent);
        self.say_shim_lost(generation).await;
    }

    pub(crate) async fn say_shim_lost(&self, generation: Generation) {
        self.shared
            .say(Happened::ShimLost {
                cluster: self.cluster.clone(),
                instance: self.instance.clone(),
                generation,
            })
            .await;
    }
}
