//! What comes of a row of probes, told as letters, and of minutes of them.

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
    let degraded = |said: &[(u64, String)]| said.iter().any(|(_, text)| text.contains("usually"));
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

#[test]
fn slow_is_what_takes_long_and_not_what_says_so_or_fails() {
    let slow_after = |results: &[(Verdict, u64)]| {
        let mut watch = Watch::default();
        for (verdict, latency_us) in results {
            let evidence = Evidence {
                verdict: *verdict,
                detail: String::new(),
                latency_us: *latency_us,
            };
            watch.observe(&probe(3, 1), &evidence, &Usual::default());
        }
        watch.slow()
    };
    let (long, short) = (730_000, 1_000);
    assert!(slow_after(&[(Verdict::Pass, long)]));
    assert!(slow_after(&[(Verdict::Pass, long), (Verdict::Trouble, 0)]));
    assert!(!slow_after(&[(Verdict::Pass, short)]));
    assert!(!slow_after(&[(Verdict::Warn, long)]));
    assert!(!slow_after(&[
        (Verdict::Pass, long),
        (Verdict::Fail, short)
    ]));
}
