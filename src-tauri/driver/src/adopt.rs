//! Coming back after the engine was away: from what is on disk and what lives, to one running copy
//! or none.
//!
//! | intent | shim | service's process | becomes |
//! |---|---|---|---|
//! | none, or of another boot | – | – | nothing lives; the recorded end is told |
//! | written | lives and answers | runs | adopted |
//! | written | lives | ended | its tree is ended, its end is told |
//! | written | lives | being made | waited for |
//! | written | gone | runs | adopted, marked as without shim |
//! | written | gone | ended, end recorded | its tree is ended, its end is told |
//! | written | gone | ended, no end recorded | its tree is ended, its end is told as unknown |
//! | written | never made | never made | absent: as if it had not been asked for |
//!
//! "Lives" is always boot id, pid and start time together, and no foreign nonce.

use crate::Found;
use crate::spawn::Shim;
use crate::watch::{Life, Unit};
use model::{ExitStatus, Generation};
use shim::Line;
use std::time::Duration;

/// A shim greets at once. One that does not is stopped or stuck, and is judged by its record.
const GREETING: Duration = Duration::from_secs(1);
/// How long a start that is under way, or the end of a tree, is waited for.
const SETTLING: Duration = Duration::from_secs(5);

impl Unit {
    /// Takes over what the run folder and the process table show.
    pub(crate) async fn attach(&mut self) {
        let story = self.story().await;
        let Some(intent) = story.intent.clone() else {
            return;
        };
        let generation = Generation(intent.generation);
        let ended = story.ended.filter(|(ended, _)| *ended == intent.generation);
        let made = story
            .started
            .as_ref()
            .is_some_and(|(made, _)| *made == intent.generation);
        if !story.of_this_boot() {
            if made {
                self.ended_before(
                    generation,
                    ended.map_or(ExitStatus::Unknown, |(_, status)| status),
                );
            }
            return;
        }
        self.nonce = Some(intent.nonce.clone());
        self.groups = story.groups(&self.shared.layout);
        if let Some(anchor) = &story.shim {
            let connected = Shim::connect(&self.folder, anchor, &intent).await;
            self.shim = connected.map(|(shim, sockets)| {
                self.shared
                    .sockets
                    .adopt(&self.key(), &intent.listen, sockets);
                shim
            });
        }
        if self.shim.is_some() {
            self.life = Life::Starting(generation);
            let heard = tokio::time::timeout(GREETING, self.greeting()).await;
            if heard.is_ok_and(|heard| heard) {
                return;
            }
        }
        // No shim, or one with nothing to say: the record decides.
        match story.running() {
            Some((started, anchor)) if self.lives(anchor) => {
                self.begin_running(Generation(started), anchor.clone());
                self.shim_lost = self.shim.is_none();
                self.note_found();
            }
            _ => {
                self.life = Life::Idle;
                self.clear(generation).await;
                self.drop_shim().await;
                self.remove_groups();
                if made && story.failed != Some(intent.generation) {
                    // It may have been recorded while we looked.
                    let status = self.recorded(generation).await;
                    self.ended_before(generation, status);
                }
            }
        }
    }

    /// Hears what a shim says to a new connection and takes it over; false when the connection
    /// ends before that.
    async fn greeting(&mut self) -> bool {
        let mut known = false;
        loop {
            let Some(shim) = &mut self.shim else {
                return false;
            };
            // A start that is under way has no word yet but the shim's own.
            let line = tokio::time::timeout(SETTLING, shim.line())
                .await
                .ok()
                .flatten();
            match line {
                Some(Line::Shim { nonce, .. }) if Some(&nonce) == self.nonce.as_ref() => {
                    known = true
                }
                Some(Line::Started {
                    generation,
                    pid,
                    start_ticks,
                    ..
                }) if known => {
                    let boot_id = crate::clock::boot_id().unwrap_or_default().to_owned();
                    self.begin_running(
                        Generation(generation),
                        model::Anchor {
                            boot_id,
                            pid,
                            start_ticks,
                        },
                    );
                    self.note_found();
                    return true;
                }
                Some(Line::Failed { .. }) if known => {
                    self.life = Life::Idle;
                    self.linger();
                    return true;
                }
                Some(Line::Exited {
                    generation,
                    end,
                    out_of_memory,
                    ..
                }) if known => {
                    let generation = Generation(generation);
                    let memory = self
                        .shim
                        .as_ref()
                        .and_then(|shim| shim.intent.memory.as_ref());
                    let status = crate::intent::status(end, out_of_memory, memory);
                    if let Some(shim) = &mut self.shim {
                        shim.tell(shim::Command::Sweep(generation.0)).await;
                    }
                    self.life = Life::Idle;
                    self.clear(generation).await;
                    self.ended_before(generation, status);
                    self.linger();
                    return true;
                }
                _ => return false,
            }
        }
    }

    fn note_found(&mut self) {
        if let Life::Running(main) = &self.life {
            self.found = Some(Found {
                instance: self.instance.clone(),
                generation: main.generation,
                outcome: Ok(main.anchor.pid),
                shim_lost: self.shim_lost,
            });
        }
    }

    fn ended_before(&mut self, generation: Generation, status: ExitStatus) {
        self.last = Some((generation, status));
        self.found = Some(Found {
            instance: self.instance.clone(),
            generation,
            outcome: Err(status),
            shim_lost: false,
        });
    }
}
