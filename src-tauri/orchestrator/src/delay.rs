//! Starts that the machine has no room for: no disk, no descriptors, no processes, no memory.
//!
//! That is the machine's state and no fault of the service, so it costs nothing of what healing may
//! try, opens no incident, and is tried again until there is room. Who waits for an act that such a
//! start belongs to is answered after a while; the start goes on being tried.

use crate::effect::Effect;
use crate::instance::{Delay, Instance, Life};
use crate::io::TimerKey;
use crate::step::Step;
use healing::words;
use model::{InstanceId, Mono, Reason, State};
use std::time::Duration;

/// Between two tries: room comes back when a person makes some, and is then used soon.
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];
/// After so many tries, a quarter of a minute, who waits for it has waited long enough.
const ENOUGH: u32 = 5;

impl Instance {
    /// Its start is delayed, and for longer than anybody should be kept waiting.
    pub(crate) fn long_delayed(&self) -> bool {
        let delay = self.delay.as_ref();
        self.life == Life::Gone && delay.is_some_and(|delay| delay.times >= ENOUGH)
    }

    /// Not to be started before this.
    pub(crate) fn delayed_until(&self, now: Mono) -> Option<(Mono, Reason)> {
        let delay = self.delay.as_ref().filter(|delay| now < delay.until)?;
        let next = format!("tried again in {}", words::duration(wait(delay.times)));
        Some((delay.until, self.delayed(delay).then(next)))
    }

    /// What is shown while it is tried once more: the same, so that a try is not told as news.
    pub(crate) fn retrying(&self) -> Option<Reason> {
        let delay = self.delay.as_ref()?;
        Some(self.delayed(delay).then("being tried again"))
    }

    fn delayed(&self, delay: &Delay) -> Reason {
        let text = format!("start delayed: {}", delay.shortage);
        match self.fault.is_empty() {
            true => Reason::new(text),
            false => Reason::new(format!("{}; {text}", self.fault)),
        }
    }
}

impl Step<'_> {
    /// The machine had no room for its process, or for what precedes it.
    pub(crate) fn start_delayed(&mut self, id: &InstanceId, shortage: String) {
        let now = self.now.mono;
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.life != Life::Asked {
            return;
        }
        let times = instance.delay.as_ref().map_or(1, |delay| delay.times + 1);
        let until = now + wait(times);
        instance.delay = Some(Delay {
            shortage,
            times,
            until,
        });
        (instance.preparing, instance.called_off) = (None, false);
        if instance.automatic {
            // It was counted when it was asked for, and has not happened.
            instance.restarts = instance.restarts.saturating_sub(1);
        }
        self.out.acts.push(Effect::SetTimer {
            key: TimerKey::Delay(id.clone()),
            at: until,
        });
        self.out.changed.insert(id.clone());
        self.not_begun(id);
    }

    /// It is not wanted any more, or a person wants it: that is done at once, and who waits for it
    /// has only begun to.
    pub(crate) fn forget_delay(&mut self, id: &InstanceId) {
        if let Some(instance) = self.cluster.instances.get_mut(id)
            && instance.delay.take().is_some()
        {
            let key = TimerKey::Delay(id.clone());
            self.out.acts.push(Effect::CancelTimer(key));
        }
    }

    /// It is wanted, and its time has not come.
    pub(crate) fn show_delay(&mut self, id: &InstanceId, reason: Reason) {
        self.set(id, State::Waiting, reason);
    }

    /// Its time has come.
    pub(crate) fn delay_over(&mut self, id: &InstanceId) {
        self.look.insert(id.clone());
    }
}

/// The wait after so many tries.
fn wait(times: u32) -> Duration {
    let at = usize::try_from(times.saturating_sub(1)).unwrap_or(usize::MAX);
    WAITS[at.min(WAITS.len() - 1)]
}
