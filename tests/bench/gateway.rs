//! What it costs to be led to a service by the gateway, beside nginx, HAProxy and nobody.
//!
//! Everybody is up at the same time and asked in turns; the medians of the rounds are compared, and quoted as shares of
//! what the backend does alone. CPU seconds are those of the proxy; the whole engine's for Azora.

use crate::generator::{self, Outcome, absent, saturate};
use crate::options::Options;
use crate::paced::at_rate;
use crate::proxies::{Proxy, Stand};
use crate::table::{Report, Table};
use serde_json::{Value, json};
use std::time::Duration;

/// What it takes.
pub(crate) const TAKES: &str = "
  --who NAMES        of direct,nginx,haproxy,azora [all that are installed]
  --rounds N         each asks so often, in turns [3]
  --seconds N        how long one is asked at full speed, and again at a rate [6]
  --connections N    that stay open [64]
  --rate N           requests a second of the second part [half of what azora, or else the last, did at full speed]";

/// One round of one of them.
struct Round {
    full: Outcome,
    cpu: f64,
}

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let who = options.text("--who")?;
    let rounds: usize = options.number("--rounds", 3)?;
    let time = options.seconds("--seconds", 6)?;
    let connections: usize = options.number("--connections", 64)?;
    let rate: f64 = options.number("--rate", 0.0)?;
    let (azora, puppet) = (options.azora.clone(), options.beside("puppet")?);
    options.end()?;
    let missing = absent(&["taskset", "wrk"]);
    if !missing.is_empty() {
        return Err(format!(
            "{} is not installed; scripts/setup --bench installs it",
            missing.join(", ")
        ));
    }
    let mut stands = Vec::new();
    for proxy in chosen(who.as_deref())? {
        eprintln!("bench: {} starts", proxy.name());
        stands.push(Stand::begin(proxy, &azora, &puppet)?);
    }

    let full = at_full_speed(&stands, rounds, connections, time)?;
    let rate = match (rate > 0.0, full.last()) {
        (false, Some(last)) => median(last.iter().map(|round| round.full.rate)) / 2.0,
        _ => rate,
    };
    let calm = at_this_rate(&stands, rounds, connections, rate, time)?;
    Ok(shown(&stands, &full, &calm, connections, rate))
}

fn at_full_speed(
    stands: &[Stand],
    rounds: usize,
    connections: usize,
    time: Duration,
) -> Result<Vec<Vec<Round>>, String> {
    let mut all: Vec<Vec<Round>> = stands.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for (stand, kept) in stands.iter().zip(&mut all) {
            // Connections, caches and what a proxy learns of its backends are not what is measured.
            saturate(&stand.target, connections, Duration::from_secs(1), None)?;
            let before = stand.cpu();
            let full = saturate(&stand.target, connections, time, None)?;
            let cpu = stand.cpu() - before;
            eprintln!(
                "bench: round {round}, {}: {:.0}/s, p99 {:.2} ms, {} bad",
                stand.proxy.name(),
                full.rate,
                ms(full.p99),
                full.bad
            );
            kept.push(Round { full, cpu });
        }
    }
    Ok(all)
}

fn at_this_rate(
    stands: &[Stand],
    rounds: usize,
    connections: usize,
    rate: f64,
    time: Duration,
) -> Result<Vec<Vec<Outcome>>, String> {
    let mut all: Vec<Vec<Outcome>> = stands.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for (stand, kept) in stands.iter().zip(&mut all) {
            let calm = at_rate(&stand.target, connections, rate, time)?;
            eprintln!(
                "bench: round {round}, {} at {:.0}/s: p50 {:.3} ms, p99 {:.3} ms, {} bad",
                stand.proxy.name(),
                calm.rate,
                ms(calm.p50),
                ms(calm.p99),
                calm.bad
            );
            kept.push(calm);
        }
    }
    Ok(all)
}

fn shown(
    stands: &[Stand],
    full: &[Vec<Round>],
    calm: &[Vec<Outcome>],
    connections: usize,
    rate: f64,
) -> Report {
    let alone = stands.iter().position(|stand| stand.proxy == Proxy::Direct);
    let of = |at: usize, f: fn(&Round) -> f64| median(full[at].iter().map(f));
    let at_rate = |at: usize, f: fn(&Outcome) -> f64| median(calm[at].iter().map(f));
    let mut fast = Table::new([
        "as fast as can be",
        "requests/s",
        "of direct",
        "p50 ms",
        "p99 ms",
        "CPU s/100k",
        "PSS MB",
        "bad",
    ]);
    let mut slow = Table::new([
        "at a rate",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "added p50 µs",
        "added p99 µs",
        "bad",
        "",
    ]);
    let mut figures = Vec::new();
    for (at, stand) in stands.iter().enumerate() {
        let requests = of(at, |round| round.full.rate);
        let share = alone.map(|alone| requests / of(alone, |round| round.full.rate));
        let cpu = of(at, |round| {
            round.cpu / (round.full.requests.max(1) as f64) * 1e5
        });
        let (p50, p99) = (
            of(at, |round| ms(round.full.p50)),
            of(at, |round| ms(round.full.p99)),
        );
        let bad: u64 = full[at].iter().map(|round| round.full.bad).sum();
        fast.row([
            stand.proxy.name().to_owned(),
            format!("{requests:.0}"),
            share.map_or_else(String::new, |share| format!("{share:.3}")),
            format!("{p50:.2}"),
            format!("{p99:.2}"),
            format!("{cpu:.2}"),
            format!("{:.1}", stand.memory() as f64 / 1024.0),
            bad.to_string(),
        ]);
        let (calm50, calm99) = (
            at_rate(at, |outcome| ms(outcome.p50)),
            at_rate(at, |outcome| ms(outcome.p99)),
        );
        let added = alone.map(|alone| {
            (
                (calm50 - at_rate(alone, |outcome| ms(outcome.p50))) * 1e3,
                (calm99 - at_rate(alone, |outcome| ms(outcome.p99))) * 1e3,
            )
        });
        let calm_bad: u64 = calm[at].iter().map(|outcome| outcome.bad).sum();
        slow.row([
            stand.proxy.name().to_owned(),
            format!("{:.0}", at_rate(at, |outcome| outcome.rate)),
            format!("{calm50:.3}"),
            format!("{calm99:.3}"),
            added.map_or_else(String::new, |added| format!("{:.0}", added.0)),
            added.map_or_else(String::new, |added| format!("{:.0}", added.1)),
            calm_bad.to_string(),
            String::new(),
        ]);
        figures.push(json!({
            "name": stand.proxy.name(),
            "per_second": full[at].iter().map(|round| round.full.rate).collect::<Vec<_>>(),
            "of_direct": share,
            "p50_ms": p50,
            "p99_ms": p99,
            "cpu_s_per_100k": cpu,
            "pss_kb": stand.memory(),
            "bad": bad,
            "at_rate": { "p50_ms": calm50, "p99_ms": calm99, "bad": calm_bad,
                "added_p50_us": added.map(|added| added.0), "added_p99_us": added.map(|added| added.1) },
        }));
    }
    Report {
        tables: vec![fast, slow],
        figures: json!({
            "connections": connections,
            "rate": rate,
            "core_of_the_proxy": generator::SERVER_CORE,
            "core_of_load_and_backends": generator::LOAD_CORE,
            "gateways": Value::Array(figures),
        }),
    }
}

/// Those that were named, or all; says of what is not installed that it is left out.
fn chosen(names: Option<&str>) -> Result<Vec<Proxy>, String> {
    if let Some(names) = names {
        let named = names.split(',').map(|name| {
            let found = Proxy::ALL.into_iter().find(|proxy| proxy.name() == name);
            found.ok_or_else(|| format!("{name} is none of direct, nginx, haproxy, azora"))
        });
        return named.collect();
    }
    let mut all = Proxy::ALL.to_vec();
    for program in absent(&["nginx", "haproxy"]) {
        eprintln!("bench: {program} is left out: it is not installed");
        all.retain(|proxy| proxy.name() != program);
    }
    Ok(all)
}

/// The middle one; zero of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
