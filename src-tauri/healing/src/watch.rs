//! The verdict window: from single probe results to an opinion that does not flutter.
//!
//! So many failures in a row mean failing, so many passes in a row mean well again, and trouble on
//! the prober's side means nothing at all. One that passes is degraded while it is slower than it may
//! be, fails more probes than it may, or does either far beyond what is usual for it
//! ([`crate::recent`], [`crate::usual`]).

use crate::recent::{Recent, Unwell};
use crate::usual::Usual;
use crate::words;
use model::{Evidence, Mono, Verdict};
use std::time::Duration;

/// What the results so far mean for one process. A new process gets a new one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watch {
    fails: u32,
    passes: u32,
    failing: bool,
    slow: bool,
    /// That it is slow is what it said of itself, which may mean anything.
    warned: bool,
    recent: Recent,
    /// It was said to be unwell over a while, and so many results ago.
    said: Option<u32>,
}

/// Numbers that change with each result are said anew after so many.
const SAID_EVERY: u32 = 12;

/// What one more result means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    /// Nothing new.
    Same,
    /// It failed, not yet often enough to matter: so many times in a row.
    Doubtful(u32),
    /// It failed so many times in a row that it counts as failing. Given again after every further
    /// run of as many failures, so that a remedy that had to wait gets its turn.
    Failing(u32),
    /// It serves, and is not well: why, in words.
    Degraded(String),
    /// It is well, after having been doubtful, failing or degraded.
    Well,
}

/// The same of one result alone.
enum Alone {
    Same,
    Doubtful(u32),
    Failing(u32),
    Slow(Duration),
    Warned,
    Well,
}

impl Watch {
    /// Takes one more result.
    pub fn observe(&mut self, probe: &spec::Probe, evidence: &Evidence, usual: &Usual) -> Opinion {
        if evidence.verdict != Verdict::Trouble {
            self.warned = evidence.verdict == Verdict::Warn;
        }
        let alone = match evidence.verdict {
            Verdict::Trouble => return Opinion::Same,
            Verdict::Fail => {
                self.recent.note(None, probe, usual);
                self.failed(probe.fail.max(1))
            }
            Verdict::Pass => {
                let latency = evidence.latency_us;
                self.recent.note(Some(latency), probe, usual);
                let took = Duration::from_micros(latency);
                let slow = probe.degraded_above.is_some_and(|limit| took > limit);
                self.passed(probe.pass.max(1), slow.then_some(took))
            }
            Verdict::Warn => {
                self.recent.note(Some(evidence.latency_us), probe, usual);
                match self.passed(probe.pass.max(1), Some(Duration::ZERO)) {
                    Alone::Slow(_) => Alone::Warned,
                    other => other,
                }
            }
        };
        self.over_all(alone, probe, evidence, usual)
    }

    /// What a result means together with those of the last minutes.
    fn over_all(
        &mut self,
        alone: Alone,
        probe: &spec::Probe,
        evidence: &Evidence,
        usual: &Usual,
    ) -> Opinion {
        let well = match alone {
            Alone::Doubtful(fails) => return Opinion::Doubtful(fails),
            Alone::Failing(fails) => return Opinion::Failing(fails),
            Alone::Slow(took) => {
                self.said = None;
                let above = probe.degraded_above.map(words::duration);
                return Opinion::Degraded(format!(
                    "{} in {}, above {}",
                    evidence.detail,
                    words::duration(took),
                    above.unwrap_or_default()
                ));
            }
            // It says so of itself.
            Alone::Warned => {
                self.said = None;
                return Opinion::Degraded(evidence.detail.clone());
            }
            // What it is after all was said: the last words stand.
            Alone::Same if self.failing || self.slow || self.fails > 0 => return Opinion::Same,
            Alone::Same => false,
            Alone::Well => true,
        };
        let unwell = self.recent.unwell(probe, usual);
        match (unwell, self.said) {
            (Some(_), Some(ago)) if !well && (ago < SAID_EVERY || self.recent.turning()) => {
                self.said = Some(ago.saturating_add(1));
                Opinion::Same
            }
            (Some(Unwell::Errs(text) | Unwell::Slow(text)), _) => {
                self.said = Some(1);
                Opinion::Degraded(text)
            }
            (None, said) => {
                self.said = None;
                if well || said.is_some() {
                    Opinion::Well
                } else {
                    Opinion::Same
                }
            }
        }
    }

    /// Lets `usual` learn from the result that was taken last, as far as it is a good one.
    pub fn teach(&self, probe: &spec::Probe, evidence: &Evidence, usual: &mut Usual, now: Mono) {
        if self.failing || self.slow || !self.recent.well() {
            if self.recent.beyond() && !self.failing {
                usual.stays_beyond(now);
            }
            return;
        }
        usual.count(evidence.verdict == Verdict::Fail);
        if usual.due(now)
            && self.fails == 0
            && let Some(median) = self.recent.typical(probe.every)
        {
            usual.learn(median, now);
        }
    }

    fn failed(&mut self, limit: u32) -> Alone {
        self.passes = 0;
        self.fails = self.fails.saturating_add(1);
        if self.fails.is_multiple_of(limit) {
            self.failing = true;
            Alone::Failing(self.fails)
        } else if self.failing {
            Alone::Same
        } else {
            Alone::Doubtful(self.fails)
        }
    }

    fn passed(&mut self, limit: u32, slow: Option<Duration>) -> Alone {
        let doubted = std::mem::take(&mut self.fails) > 0;
        if let Some(took) = slow {
            // Slow is an answer all the same: it counts towards "no longer failing".
            let was_slow = std::mem::replace(&mut self.slow, true);
            self.passes = if was_slow || self.failing {
                self.passes.saturating_add(1)
            } else {
                1
            };
            if self.failing && self.passes < limit {
                return Alone::Same;
            }
            self.failing = false;
            // The passes that end slowness are quick ones, so the count begins anew.
            self.passes = 0;
            return Alone::Slow(took);
        }
        if !self.failing && !self.slow {
            return if doubted { Alone::Well } else { Alone::Same };
        }
        self.passes = self.passes.saturating_add(1);
        if self.passes < limit {
            return Alone::Same;
        }
        (self.failing, self.slow, self.passes) = (false, false, 0);
        Alone::Well
    }

    /// It was slow when it was looked at last, which was before this watch began.
    pub fn was_slow(&mut self) {
        self.slow = true;
    }

    /// Failures seen so far in a row are explained by something else; only new ones count.
    pub fn excuse(&mut self) {
        self.fails = 0;
        self.recent.excuse();
    }

    /// It serves, and takes longer than it may or than is usual.
    pub fn slow(&self) -> bool {
        !self.failing && self.fails == 0 && ((self.slow && !self.warned) || self.recent.beyond())
    }

    /// It failed as often as it may and has not passed often enough since.
    pub fn failing(&self) -> bool {
        self.failing
    }

    /// No failure speaks against it; it may be slow.
    pub fn sure(&self) -> bool {
        !self.failing && self.fails == 0
    }

    /// Nothing at all speaks against it.
    pub fn well(&self) -> bool {
        !self.failing && !self.slow && self.fails == 0 && self.recent.well()
    }
}

#[cfg(test)]
mod tests;
