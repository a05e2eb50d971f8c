//! The end of a stop, and of an adoption that comes to nothing: whatever belongs to the instance is
//! ended until nothing is found any more. It is waited for as long as it takes, by name.

use crate::Happened;
use crate::procfs::Table;
use crate::roundup::Roundup;
use crate::stop::{LOOK, NAMED_AFTER};
use crate::survivors::{self, Means};
use crate::watch::{Life, Unit};
use model::Generation;
use shim::fail_point;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at what does not even die by SIGKILL.
const LOOK_BLOCKED: Duration = Duration::from_secs(1);

impl Unit {
    /// Who of it lives now.
    ///
    /// # Errors
    /// When that could not be looked at: then nobody is known to have gone.
    pub(crate) async fn look(&self) -> io::Result<(BTreeMap<u32, Means>, Arc<Table>)> {
        let table = self.shared.scanner.table().await?;
        let found = self.remains().look(&table)?;
        Ok((found, table))
    }

    /// SIGKILL to the process group that the service's own process leads or has led, as one: who is
    /// in it cannot fork out of it, however fast.
    pub(crate) fn kill_process_group(&self) {
        let leads = match &self.life {
            Life::Running(main) => main.pidfd.as_ref(),
            _ => self.led.as_ref(),
        };
        if let Some(leader) = leads {
            // Nobody is in it, or the kernel is older than 6.9: what is left is found by looking.
            let _ = leader.get_ref().signal_group(libc::SIGKILL);
        }
    }

    /// Kills what belongs to the instance until two looks in a row find nothing. What does not die
    /// is named once, and waited for; so is what cannot be looked at.
    pub(crate) async fn clear(&mut self, generation: Generation) {
        fail_point!("clear.begun");
        let begun = Instant::now();
        let mut named = false;
        let mut roundup = Roundup::default();
        let mut empty = 0;
        while empty < 2 {
            let looked = self.look().await;
            if looked.as_ref().is_ok_and(|(found, _)| found.is_empty()) {
                empty += 1;
                continue;
            }
            empty = 0;
            let killed = match &looked {
                Ok((found, table)) => {
                    self.swept = true;
                    // It would kill, too, and give back the places of those that are held.
                    self.hold_shim();
                    self.remains().end(found, table, &mut roundup)
                }
                Err(_) => true,
            };
            if killed {
                self.free_shim();
            }
            fail_point!("clear.killed");
            if !named && begun.elapsed() > NAMED_AFTER {
                named = true;
                let (cluster, instance) = (self.cluster.clone(), self.instance.clone());
                let blocker = match &looked {
                    Ok((found, table)) => survivors::names(found, table),
                    Err(error) => unseen(error),
                };
                self.shared
                    .say(Happened::StopBlocked {
                        cluster,
                        instance,
                        generation,
                        blocker,
                    })
                    .await;
            }
            if killed {
                tokio::time::sleep(if named { LOOK_BLOCKED } else { LOOK / 10 }).await;
            }
        }
        self.free_shim();
    }

    fn hold_shim(&self) {
        if let Some(shim) = &self.shim {
            shim.freeze();
        }
    }

    /// Lets the shim go on, which has an end to tell; one of an instance that was not adopted has
    /// none, and stays as it is until it is killed.
    fn free_shim(&self) {
        if let Some(shim) = self
            .shim
            .as_ref()
            .filter(|_| !matches!(self.life, Life::Idle))
        {
            shim.go_on();
        }
    }
}

/// What is waited for when nobody can be named.
pub(crate) fn unseen(error: &io::Error) -> String {
    format!("processes that cannot be looked at ({error})")
}
