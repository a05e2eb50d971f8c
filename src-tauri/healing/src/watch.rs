//! The verdict window: from single probe results to an opinion that does not flutter.
//!
//! So many failures in a row mean failing, so many passes in a row mean well again, and trouble on
//! the prober's side means nothing at all.

use model::{Evidence, Verdict};
use std::time::Duration;

/// What the results so far mean for one process. A new process gets a new one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watch {
    fails: u32,
    passes: u32,
    failing: bool,
    slow: bool,
}

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
    /// It passes, and takes this long, which is longer than it may.
    Slow(Duration),
    /// It passes, and says of itself that something is wrong.
    Warned,
    /// It is well, after having been doubtful, slow or failing.
    Well,
}

impl Watch {
    /// Takes one more result.
    pub fn observe(&mut self, probe: &spec::Probe, evidence: &Evidence) -> Opinion {
        match evidence.verdict {
            Verdict::Trouble => Opinion::Same,
            Verdict::Fail => self.failed(probe.fail.max(1)),
            Verdict::Pass => {
                let took = Duration::from_micros(evidence.latency_us);
                let slow = probe.degraded_above.is_some_and(|limit| took > limit);
                self.passed(probe.pass.max(1), slow.then_some(took))
            }
            Verdict::Warn => match self.passed(probe.pass.max(1), Some(Duration::ZERO)) {
                Opinion::Slow(_) => Opinion::Warned,
                other => other,
            },
        }
    }

    fn failed(&mut self, limit: u32) -> Opinion {
        self.passes = 0;
        self.fails = self.fails.saturating_add(1);
        if self.fails.is_multiple_of(limit) {
            self.failing = true;
            Opinion::Failing(self.fails)
        } else if self.failing {
            Opinion::Same
        } else {
            Opinion::Doubtful(self.fails)
        }
    }

    fn passed(&mut self, limit: u32, slow: Option<Duration>) -> Opinion {
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
                return Opinion::Same;
            }
            self.failing = false;
            // The passes that end slowness are quick ones, so the count begins anew.
            self.passes = 0;
            return Opinion::Slow(took);
        }
        if !self.failing && !self.slow {
            return if doubted {
                Opinion::Well
            } else {
                Opinion::Same
            };
        }
        self.passes = self.passes.saturating_add(1);
        if self.passes < limit {
            return Opinion::Same;
        }
        *self = Self::default();
        Opinion::Well
    }

    /// Failures seen so far in a row are explained by something else; only new ones count.
    pub fn excuse(&mut self) {
        self.fails = 0;
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
        !self.failing && !self.slow && self.fails == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(fail: u32, pass: u32) -> spec::Probe {
        spec::Probe {
            target: spec::ProbeTarget::Tcp { port: None },
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            fail,
            pass,
            degraded_above: Some(Duration::from_millis(500)),
        }
    }

    /// `p` quick pass, `s` slow pass, `f` fail, `t` trouble; answers one letter each.
    fn check(fail: u32, pass: u32, results: &str, expect: &str) {
        let mut watch = Watch::default();
        let seen: String = results
            .chars()
            .map(|c| {
                let (verdict, latency_us) = match c {
                    'p' => (Verdict::Pass, 1_000),
                    's' => (Verdict::Pass, 730_000),
                    'w' => (Verdict::Warn, 1_000),
                    'f' => (Verdict::Fail, 1_000),
                    _ => (Verdict::Trouble, 0),
                };
                let evidence = Evidence {
                    verdict,
                    detail: String::new(),
                    latency_us,
                };
                match watch.observe(&probe(fail, pass), &evidence) {
                    Opinion::Same => '.',
                    Opinion::Doubtful(_) => 'd',
                    Opinion::Failing(_) => 'F',
                    Opinion::Slow(_) => 'S',
                    Opinion::Warned => 'A',
                    Opinion::Well => 'W',
                }
            })
            .collect();
        assert_eq!(seen, expect, "{results} with fail = {fail}, pass = {pass}");
    }

    #[test]
    fn only_failures_in_a_row_count() {
        check(3, 1, "ffpffpfff", "ddWddWddF");
    }

    #[test]
    fn trouble_neither_counts_nor_interrupts() {
        check(3, 1, "fttftttf", "d..d...F");
    }

    #[test]
    fn it_takes_passes_in_a_row_to_be_well_again() {
        check(2, 3, "ffppfppp", "dF.....W");
    }

    #[test]
    fn failing_is_said_again_after_as_many_further_failures() {
        check(2, 1, "ffffp", "dF.FW");
    }

    #[test]
    fn slow_is_said_with_every_number_and_ends_with_quick_passes() {
        check(3, 2, "pssppp", ".SS.W.");
    }

    #[test]
    fn slow_answers_end_failing_too() {
        check(2, 2, "ffsspp", "dF.S.W");
    }

    #[test]
    fn a_warning_is_a_pass_that_is_not_well() {
        check(3, 2, "pwwpp", ".AA.W");
        check(2, 2, "ffwwpp", "dF.A.W");
    }

    #[test]
    fn excused_failures_leave_a_full_row_to_fail() {
        let mut watch = Watch::default();
        let fail = Evidence {
            verdict: Verdict::Fail,
            detail: String::new(),
            latency_us: 0,
        };
        for _ in 0..3 {
            watch.observe(&probe(3, 1), &fail);
        }
        assert!(watch.failing());
        watch.excuse();
        assert_eq!(watch.observe(&probe(3, 1), &fail), Opinion::Same);
        assert_eq!(watch.observe(&probe(3, 1), &fail), Opinion::Same);
        assert_eq!(watch.observe(&probe(3, 1), &fail), Opinion::Failing(3));
    }
}
