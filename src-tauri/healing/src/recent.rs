//! The last minutes of one process's health probes, in some bytes: what is slow or errs for a while, and
//! not once.

use crate::usual::Usual;
use crate::words;
use std::time::Duration;

/// Answers whose median is looked at, at most: a minute at 5 s.
const ANSWERS: usize = 12;
/// … and at least, where a minute has fewer.
const FEW_ANSWERS: usize = 5;
/// Probes among which failures are counted, at most: five minutes at 5 s.
const PROBES: u32 = 60;
/// … and at least, where five minutes have fewer.
const FEW_PROBES: u32 = 20;
/// Of fewer probes than that a share is chance.
const SOME_PROBES: u32 = 10;
/// Fewer failures than that are no share: once is chance.
const SOME_FAILURES: u32 = 2;
/// Without a threshold of its own, a service errs with so many failures, out of [`PROBES`] a tenth…
const FAILURES: u32 = 6;
/// … and so many times as many as usual.
const TIMES: u64 = 4;

/// What the last minutes were like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recent {
    /// Latencies of passes in microseconds, the oldest at `next` once all places are taken.
    latencies: [u32; ANSWERS],
    next: u8,
    /// Passes since the process was asked first, as far as they matter.
    passes: u8,
    /// A bit for each probe, the newest last: it failed.
    failures: u64,
    probes: u8,
    /// Slower than usual, or not any more, for so many answers in a row.
    turning: u8,
    beyond: bool,
    errs: bool,
}

/// What is wrong over a while, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwell {
    /// It fails more probes than it may, or than is usual.
    Errs(String),
    /// It answers slower than is usual.
    Slow(String),
}

impl Recent {
    /// A probe failed, or passed after so many microseconds. A minute and five of them are counted in
    /// probes, and a threshold of its own takes the place of what is usual.
    pub fn note(&mut self, passed: Option<u64>, probe: &spec::Probe, usual: &Usual) {
        let every = probe.every;
        self.failures = self.failures << 1 | u64::from(passed.is_none());
        self.probes = self.probes.saturating_add(1);
        if let Some(latency) = passed {
            let places = answers(every);
            // A definition's edit makes a minute another number of answers.
            let next = usize::from(self.next) % places;
            if let Some(place) = self.latencies.get_mut(next) {
                *place = u32::try_from(latency).unwrap_or(u32::MAX);
            }
            self.next = u8::try_from(next + 1).unwrap_or(0);
            self.passes = self.passes.saturating_add(1);
            self.compare(places, probe, usual);
        }
        self.errs = self.too_many(probe, usual);
    }

    /// Whether it is slower than usual: the median of a minute is beyond the bounds for a minute and a
    /// half, so that it has been for two minutes.
    fn compare(&mut self, places: usize, probe: &spec::Probe, usual: &Usual) {
        let bounds = usual.bounds().filter(|_| probe.degraded_above.is_none());
        let (Some(bounds), Some(known)) = (bounds, self.known(places)) else {
            (self.turning, self.beyond) = (0, false);
            return;
        };
        // The median is the one in the middle: where it lies is known by counting, without an order.
        let count = |which: &dyn Fn(u64) -> bool| {
            let those = known.iter().filter(|one| which(u64::from(**one)));
            those.count()
        };
        let middle = places / 2;
        let turns = match self.beyond {
            false => count(&|one| one > bounds.above) >= places - middle,
            true => count(&|one| one < bounds.below) > middle,
        };
        self.turning = if turns {
            self.turning.saturating_add(1)
        } else {
            0
        };
        // Of one bad minute as many medians are bad.
        if usize::from(self.turning) >= places + places / 2 {
            self.beyond = !self.beyond;
            self.turning = 0;
        }
    }

    fn too_many(&self, probe: &spec::Probe, usual: &Usual) -> bool {
        let every = probe.every;
        let (failed, of) = self.failed(every);
        let (failed, of) = (u64::from(failed), u64::from(of));
        // What is over has to be half of what begins it.
        let half = if self.errs { 2 } else { 1 };
        if let Some(most) = probe.degraded_errors {
            return of >= u64::from(SOME_PROBES)
                && failed >= u64::from(SOME_FAILURES)
                && failed * 1_000 * half > u64::from(most) * of;
        }
        let Some((usually, among)) = usual.failures() else {
            return self.errs && failed * half > u64::from(FAILURES);
        };
        let whole = of >= u64::from(probes(every));
        whole
            && failed * half >= u64::from(FAILURES)
            && failed * half * u64::from(among) > TIMES * u64::from(usually) * of
    }

    /// Failures among the last probes, and how many those are.
    fn failed(&self, every: Duration) -> (u32, u32) {
        let of = u32::from(self.probes).min(probes(every));
        let mask = u64::MAX >> (64 - of.clamp(1, 64));
        match of {
            0 => (0, 0),
            _ => ((self.failures & mask).count_ones(), of),
        }
    }

    /// The latencies of a minute, once there are as many.
    fn known(&self, places: usize) -> Option<&[u32]> {
        let whole = usize::from(self.passes) >= places;
        self.latencies.get(..places).filter(|_| whole)
    }

    fn median(&self, places: usize) -> Option<u64> {
        let mut all = [0; ANSWERS];
        let sorted = all.get_mut(..places)?;
        sorted.copy_from_slice(self.known(places)?);
        sorted.sort_unstable();
        sorted.get(places / 2).copied().map(u64::from)
    }

    /// What is wrong over a while, if something is.
    pub fn unwell(&self, probe: &spec::Probe, usual: &Usual) -> Option<Unwell> {
        let every = probe.every;
        if self.errs {
            let (failed, of) = self.failed(every);
            let over = u64::from(failed) * 1_000
                > u64::from(probe.degraded_errors.unwrap_or(0)) * u64::from(of);
            let than = match (probe.degraded_errors, usual.failures()) {
                (Some(most), _) if over => format!(", more than {}", percent(most)),
                (Some(most), _) => format!("; well again at half of {}", percent(most)),
                (None, Some((0, _)) | None) => ", usually none".to_owned(),
                (None, Some((failures, among))) => {
                    format!(", usually 1 in {}", among.div_ceil(failures.max(1)))
                }
            };
            let text = format!("{failed} of the last {of} health probes failed{than}");
            return Some(Unwell::Errs(text));
        }
        let places = answers(every);
        // Asked of each answer: what is not beyond is not ordered.
        let median = self.beyond.then(|| self.median(places)).flatten();
        match (median, usual.bounds()) {
            (Some(median), Some(bounds)) => {
                let time = every.saturating_mul(u32::try_from(places).unwrap_or(u32::MAX));
                let text = format!(
                    "p50 of the last {} {}, usually {}",
                    match time.as_secs() {
                        60 => "minute".to_owned(),
                        _ => words::duration(time),
                    },
                    words::micros(median),
                    bounds.words()
                );
                Some(Unwell::Slow(text))
            }
            _ => None,
        }
    }

    /// The median of the last minute of a process that is past its first one and failed nothing in it.
    pub fn typical(&self, every: Duration) -> Option<u32> {
        let places = answers(every);
        let failed = self.failures & (u64::MAX >> (64 - places.min(64))) != 0;
        // What may turn out to be unusual is not learned before that is known.
        if failed || self.turning > 0 || usize::from(self.passes) < 2 * places {
            return None;
        }
        self.median(places)
            .and_then(|median| u32::try_from(median).ok())
    }

    /// It errs, or is slower than usual.
    pub fn well(&self) -> bool {
        !self.errs && !self.beyond
    }

    /// It may turn out to be, or not to be any more.
    pub fn turning(&self) -> bool {
        self.turning > 0
    }

    /// It is slower than usual.
    pub fn beyond(&self) -> bool {
        self.beyond
    }

    /// What failed so far is explained by something else.
    pub fn excuse(&mut self) {
        (self.failures, self.probes, self.errs) = (0, 0, false);
    }
}

/// A per mille as a percentage: "10 %", "2.5 %".
pub fn percent(per_mille: u16) -> String {
    match per_mille % 10 {
        0 => format!("{} %", per_mille / 10),
        tenth => format!("{}.{tenth} %", per_mille / 10),
    }
}

fn answers(every: Duration) -> usize {
    let fit = 60_000 / every.as_millis().max(1);
    usize::try_from(fit)
        .unwrap_or(ANSWERS)
        .clamp(FEW_ANSWERS, ANSWERS)
}

fn probes(every: Duration) -> u32 {
    let fit = 300_000 / every.as_millis().max(1);
    u32::try_from(fit)
        .unwrap_or(PROBES)
        .clamp(FEW_PROBES, PROBES)
}
