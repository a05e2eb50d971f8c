//! What is written down about a service: how long it was away and why, and what was done to it.

use crate::faults::FaultKind;
use std::collections::BTreeMap;

/// Why a service does not serve, as it truly is and not as Azora sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Away {
    /// It is starting, or about to.
    Starts,
    /// It has a fault that Azora has not seen yet, and will.
    Unnoticed,
    /// It has a fault that Azora cannot see.
    Unseen,
    /// A backoff passes, or a remedy is under way.
    Remedied,
    /// Healing gave up.
    Quarantined,
    /// Healing may not act on it.
    Unhealed,
    /// It holds on to what it needed before that was restarted: the number of the need.
    Stuck(usize),
    /// What it uses is away: the number of that.
    Without(usize),
}

impl Away {
    /// As a person reads it.
    pub(crate) fn words<'a>(self, name: impl Fn(usize) -> &'a str) -> String {
        match self {
            Away::Starts => "starting".to_owned(),
            Away::Unnoticed => "not noticed yet".to_owned(),
            Away::Unseen => "hung and not seen".to_owned(),
            Away::Remedied => "being restarted".to_owned(),
            Away::Quarantined => "in quarantine".to_owned(),
            Away::Unhealed => "healing may not".to_owned(),
            Away::Stuck(other) => format!("stuck on the old {}", name(other)),
            Away::Without(other) => format!("without {}", name(other)),
        }
    }
}

/// What made a check fail that found nothing wrong with the service itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Innocent {
    /// It took longer than the probe's timeout.
    Slow,
    /// One answer was lost.
    Blip,
    /// It told of another's fault.
    Other,
}

/// The account of one service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    /// Milliseconds by reason.
    pub(crate) away: BTreeMap<Away, u64>,
    /// Its processes were started so often.
    pub(crate) starts: u32,
    /// Of these by healing.
    pub(crate) restarts: u32,
    /// Restarts of what had no fault of its own, by what the check saw.
    pub(crate) needless: BTreeMap<Innocent, u32>,
    /// Ended because it was not ready in time, while it was still starting.
    pub(crate) impatient: u32,
    /// Times it was taken for ready while it was still starting.
    pub(crate) early: u32,
    /// Starts that failed for want of another that was not there and was seen not to be when they
    /// began, by that other.
    pub(crate) wanting: BTreeMap<usize, u32>,
    /// The same of another that was taken for ready when they began, and was still starting.
    pub(crate) misled: BTreeMap<usize, u32>,
    pub(crate) quarantines: u32,
    /// Instances that healing added.
    pub(crate) added: u32,
    /// Times a person had to help.
    pub(crate) helped: u32,
    /// Faults it was given.
    pub(crate) faults: u32,
    /// Longest time a start took, in milliseconds.
    pub(crate) longest_start: u64,
    /// How long it was away for its own faults, each time.
    pub(crate) back: Vec<u64>,
    /// How long its faults were not noticed.
    pub(crate) noticed: Vec<(FaultKind, u64)>,
}

impl Account {
    /// Milliseconds it was away in all.
    pub(crate) fn total(&self) -> u64 {
        self.away.values().sum()
    }

    /// Milliseconds it was away for reasons that are like this.
    pub(crate) fn sum(&self, like: impl Fn(&Away) -> bool) -> u64 {
        let those = self.away.iter().filter(|(why, _)| like(why));
        those.map(|(_, time)| time).sum()
    }
}
