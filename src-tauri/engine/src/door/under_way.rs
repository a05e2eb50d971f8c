//! Acts that were let in: what came of them, and who waits for it.

use super::Door;
use crate::{Error, Settled};
use driver::fail_point;
use model::{Act, ActId, InstanceId, Outcome, Reason};
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// Ended acts that can still be waited for.
const REMEMBERED: usize = 1_000;

pub(super) struct UnderWay {
    act: Act,
    /// Clusters that have not settled yet.
    parts: usize,
    failed: Vec<(InstanceId, Reason)>,
    /// What went wrong that is no instance's.
    wrong: Vec<String>,
}

impl Door {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActId, UnderWay>> {
        self.acts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, act: &Act) {
        let mut acts = self.lock();
        acts.insert(
            act.id,
            UnderWay {
                act: act.clone(),
                parts: 1,
                failed: vec![],
                wrong: vec![],
            },
        );
        while acts.len() > REMEMBERED {
            let oldest = acts
                .values()
                .find(|one| one.parts == 0)
                .map(|one| one.act.id);
            match oldest {
                Some(id) => acts.remove(&id),
                None => break,
            };
        }
    }

    /// The act is over when so many clusters have settled.
    pub(crate) fn expect(&self, act: ActId, parts: usize) {
        if let Some(one) = self.lock().get_mut(&act) {
            one.parts = parts;
        }
    }

    /// One cluster has settled.
    pub(crate) fn settle(&self, act: ActId, failed: Vec<(InstanceId, Reason)>) {
        self.settle_so(act, failed, None);
    }

    /// The same, and `wrong` is what was not done although each instance got where it should.
    pub(crate) fn settle_so(
        &self,
        act: ActId,
        failed: Vec<(InstanceId, Reason)>,
        wrong: Option<String>,
    ) {
        let outcome = {
            let mut acts = self.lock();
            let Some(one) = acts.get_mut(&act) else {
                return;
            };
            one.failed.extend(failed);
            one.wrong.extend(wrong);
            if one.parts > 1 {
                one.parts -= 1;
                return;
            }
            match one.failed.len() {
                _ if !one.wrong.is_empty() => Outcome::Failed(one.wrong.join("; ")),
                0 => Outcome::Done("everything got where it should".into()),
                n => Outcome::Failed(format!("{n} instances did not get where they should")),
            }
        };
        self.finish(act, outcome);
    }

    /// The act is over.
    pub(crate) fn finish(&self, act: ActId, outcome: Outcome) {
        let ended = {
            let mut acts = self.lock();
            let Some(one) = acts.get_mut(&act) else {
                return;
            };
            if one.parts == 0 {
                return;
            }
            one.parts = 0;
            one.act.outcome = outcome;
            one.act.clone()
        };
        fail_point!("door.ended");
        self.journal.act(ended);
        self.ended.notify_waiters();
    }

    /// Waits until an act is over, but not longer than `timeout`.
    pub(crate) async fn wait(&self, act: ActId, timeout: Duration) -> Result<Settled, Error> {
        let over = async {
            loop {
                // Armed before looking, so that an end in between is not missed.
                let ended = self.ended.notified();
                {
                    let acts = self.lock();
                    let one = acts.get(&act).ok_or(Error::NoAct(act.0))?;
                    if one.parts == 0 {
                        return one.ended();
                    }
                }
                ended.await;
            }
        };
        match tokio::time::timeout(timeout, over).await {
            Ok(result) => result,
            Err(_) => self
                .lock()
                .get(&act)
                .map(|one| one.settled(false))
                .ok_or(Error::NoAct(act.0)),
        }
    }
}

impl UnderWay {
    /// What an ended act is answered with. One that failed and names no instance failed as a whole,
    /// which must not look like success.
    fn ended(&self) -> Result<Settled, Error> {
        match &self.act.outcome {
            Outcome::Refused(why) => Err(Error::Refused(why.clone())),
            Outcome::Failed(why) if self.failed.is_empty() => Err(Error::Conflict(why.clone())),
            _ => Ok(self.settled(true)),
        }
    }

    fn settled(&self, settled: bool) -> Settled {
        Settled {
            settled,
            failed: self.failed.clone(),
        }
    }
}
