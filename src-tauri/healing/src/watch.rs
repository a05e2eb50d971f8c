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

    /// Failures seen so far in a row are explained by something else; only new ones count.
    pub fn excuse(&mut self) {
        self.fails = 0;
        self.recent.excuse();
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
            degraded_errors: None,
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
                match watch.observe(&probe(fail, pass), &evidence, &Usual::default()) {
                    Opinion::Same => '.',
                    Opinion::Doubtful(_) => 'd',
                    Opinion::Failing(_) => 'F',
                    Opinion::Degraded(text) if text.is_empty() => 'A',
                    Opinion::Degraded(_) => 'S',
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
        let fails = |watch: &mut Watch| watch.observe(&probe(3, 1), &fail, &Usual::default());
        for _ in 0..3 {
            fails(&mut watch);
        }
        assert!(watch.failing());
        watch.excuse();
        assert_eq!(fails(&mut watch), Opinion::Same);
        assert_eq!(fails(&mut watch), Opinion::Same);
        assert_eq!(fails(&mut watch), Opinion::Failing(3));
    }

    /// Asks every 5 s, in stretches: so many probes, each failed or so many microseconds long. Answers
    /// every opinion but "same" with the second it came in.
    fn story(probe: &spec::Probe, stretches: &[(u32, Option<u64>)]) -> Vec<(u64, String)> {
        let (mut watch, mut usual) = (Watch::default(), Usual::default());
        let mut said = Vec::new();
        let mut second = 0;
        for (probes, took) in stretches {
            for _ in 0..*probes {
                let evidence = Evidence {
                    verdict: match took {
                        Some(_) => Verdict::Pass,
                        None => Verdict::Fail,
                    },
                    detail: "GET /".to_owned(),
                    latency_us: took.unwrap_or(1_000),
                };
                second += 5;
                let opinion = watch.observe(probe, &evidence, &usual);
                watch.teach(probe, &evidence, &mut usual, Mono(second * 1_000));
                match opinion {
                    Opinion::Same => {}
                    Opinion::Degraded(text) => said.push((second, text)),
                    other => said.push((second, format!("{other:?}"))),
                }
            }
        }
        said
    }

    fn patient() -> spec::Probe {
        spec::Probe {
            degraded_above: None,
            ..probe(3, 1)
        }
    }

    const HOUR: u32 = 720;
    const USUAL: (u32, Option<u64>) = (HOUR, Some(4_000));

    #[test]
    fn two_minutes_far_beyond_the_usual_are_degraded_until_two_are_usual_again() {
        let said = story(&patient(), &[USUAL, (24, Some(84_000)), (24, Some(4_000))]);
        assert_eq!(
            said,
            [
                (
                    3_600 + 115,
                    "p50 of the last minute 84 ms, usually about 4 ms".to_owned()
                ),
                (3_720 + 120, "Well".to_owned()),
            ]
        );
    }

    #[test]
    fn a_slow_minute_a_peak_and_what_is_not_known_yet_are_no_verdict() {
        for harmless in [
            // Not long enough.
            vec![USUAL, (12, Some(900_000)), USUAL],
            // A peak every half a minute.
            [USUAL]
                .into_iter()
                .chain((0..60).flat_map(|_| [(1, Some(900_000)), (5, Some(4_000))]))
                .collect(),
            // Before there is enough to compare with, and while a process warms up.
            vec![(20, Some(900_000)), (300, Some(4_000)), (60, Some(84_000))],
            // Ten times a millisecond is nothing.
            vec![(HOUR, Some(1_000)), (60, Some(10_000))],
        ] {
            assert_eq!(story(&patient(), &harmless), [], "{harmless:?}");
        }
    }

    #[test]
    fn between_the_bounds_it_stays_what_it_is() {
        // Over 54 ms is unusual, below 29 ms usual again.
        let said = story(&patient(), &[USUAL, (60, Some(60_000)), (60, Some(40_000))]);
        let began = said
            .iter()
            .position(|(_, text)| text.contains("60 ms"))
            .unwrap();
        assert!(said.iter().all(|(_, text)| text != "Well"), "{said:?}");
        assert_eq!(began, 0);
        assert!(said.last().unwrap().1.contains("40 ms"), "{said:?}");
        assert!(
            said.len() < 12,
            "a number is not said with every probe: {said:?}"
        );
    }

    fn every_sixth_fails(probes: u32) -> Vec<(u32, Option<u64>)> {
        (0..probes / 6)
            .flat_map(|_| [(5, Some(4_000)), (1, None)])
            .collect()
    }

    #[test]
    fn errors_above_the_threshold_are_degraded_until_there_are_half_as_many() {
        let probe = spec::Probe {
            degraded_errors: Some(100),
            ..patient()
        };
        let mut stretches = vec![(60, Some(4_000))];
        stretches.extend(every_sixth_fails(60));
        stretches.push((60, Some(4_000)));
        let said = story(&probe, &stretches);
        let degraded: Vec<_> = said
            .iter()
            .filter(|(_, text)| text.contains("more than"))
            .collect();
        // The seventh failure of sixty is more than a tenth.
        assert_eq!(
            degraded[0].1,
            "7 of the last 60 health probes failed, more than 10 %"
        );
        assert_eq!(degraded[0].0, 300 + 7 * 30 + 5);
        let well = said
            .iter()
            .filter(|(at, text)| *at > degraded[0].0 && text == "Well");
        // Then three are left of ten.
        assert_eq!(well.map(|(at, _)| *at).collect::<Vec<_>>(), [510 + 300]);
    }

    #[test]
    fn one_failure_is_no_share_and_few_probes_are_none() {
        let strict = spec::Probe {
            degraded_errors: Some(1),
            ..patient()
        };
        for (stretches, degraded) in [
            (vec![(40, Some(4_000)), (1, None), (60, Some(4_000))], false),
            (vec![(2, None), (7, Some(4_000))], false),
            (vec![(2, None), (8, Some(4_000))], true),
        ] {
            let said = story(&strict, &stretches);
            assert_eq!(
                said.iter().any(|(_, text)| text.contains("more than")),
                degraded,
                "{stretches:?}"
            );
        }
    }

    #[test]
    fn without_a_threshold_errors_are_compared_with_what_is_usual() {
        let mut new = vec![USUAL];
        new.extend(every_sixth_fails(120));
        let said = story(&patient(), &new);
        let degraded =
            |said: &[(u64, String)]| said.iter().any(|(_, text)| text.contains("usually"));
        assert!(degraded(&said), "{said:?}");
        // The same from the beginning: it is like that.
        let mut always = every_sixth_fails(2 * HOUR);
        always.extend(every_sixth_fails(HOUR));
        assert!(!degraded(&story(&patient(), &always)));
    }

    #[test]
    fn failing_goes_before_degraded() {
        let said = story(
            &patient(),
            &[
                USUAL,
                (24, Some(84_000)),
                (3, None),
                (1, Some(84_000)),
                (40, Some(4_000)),
            ],
        );
        let words: Vec<&str> = said.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(words[1..4], ["Doubtful(1)", "Doubtful(2)", "Failing(3)"]);
        assert!(
            words[4].starts_with("p50 of the last minute 84 ms"),
            "{words:?}"
        );
        assert_eq!(*words.last().unwrap(), "Well");
    }

    #[test]
    fn what_is_excused_errs_no_more() {
        let strict = spec::Probe {
            degraded_errors: Some(1),
            ..patient()
        };
        let mut watch = Watch::default();
        let evidence = |verdict| Evidence {
            verdict,
            detail: String::new(),
            latency_us: 1_000,
        };
        let see = |watch: &mut Watch, verdict, times: u32| {
            for _ in 0..times {
                watch.observe(&strict, &evidence(verdict), &Usual::default());
            }
        };
        see(&mut watch, Verdict::Fail, 2);
        see(&mut watch, Verdict::Pass, 20);
        assert!(!watch.well());
        watch.excuse();
        see(&mut watch, Verdict::Pass, 20);
        assert!(watch.well());
    }
}
