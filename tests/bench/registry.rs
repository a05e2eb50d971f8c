//! The registry beside what does a part of its work: a file that nginx serves, etcd, and a disk alone.
//!
//! Reads and durable registrations by the same number of clients; then the registry alone with a great many instances,
//! and with a great many who watch one name.

use crate::catalogues::{Etcd, Ours, Static, disk, registration};
use crate::crowd::{Watchers, fill, post};
use crate::gateway::median;
use crate::generator::{self, Outcome, absent, saturate};
use crate::options::Options;
use crate::paced::at_rate;
use crate::table::{Report, Table, percentile};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// What it takes.
pub(crate) const TAKES: &str = "
  --rounds N         each is asked so often, in turns [3]
  --seconds N        how long one is asked [5]
  --clients N        at a time [32]
  --instances N      that are held while one of them is looked up [100000]
  --watchers N       of one name [1000]
  --changes N        that they are told of [20]";

/// Instances of a name, when there are a great many.
const OF_A_NAME: usize = 10;
/// Lookups a second beside a great many instances: what a busy workstation might do.
const LOOKUPS: f64 = 2_000.0;

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let rounds: usize = options.number("--rounds", 3)?;
    let time = options.seconds("--seconds", 5)?;
    let clients: usize = options.number("--clients", 32)?;
    let instances: usize = options.number("--instances", 100_000)?;
    let watchers: usize = options.number("--watchers", 1_000)?;
    let changes: usize = options.number("--changes", 20)?;
    let program = options.azora.clone();
    options.end()?;
    let missing = absent(&["taskset", "wrk", "nginx", "etcd", "python3"]);
    if !missing.is_empty() {
        return Err(format!(
            "{} is not installed; scripts/setup --bench installs it",
            missing.join(", ")
        ));
    }
    let mut figures = Map::new();
    let beside = side_by_side(&program, rounds, time, clients, &mut figures)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let ours = Ours::begin(&program)?;
    let mut alone = Table::new(["azora alone", "p50 ms", "p99 ms", "most ms", ""]);
    runtime.block_on(watched(&ours, watchers, changes, &mut alone, &mut figures))?;
    held(&runtime, &ours, instances, time, &mut alone, &mut figures)?;
    figures.insert(
        "core_of_the_server".to_owned(),
        json!(generator::SERVER_CORE),
    );
    figures.insert("core_of_load".to_owned(), json!(generator::LOAD_CORE));
    figures.insert("clients".to_owned(), json!(clients));
    Ok(Report {
        tables: vec![beside, alone],
        figures: Value::Object(figures),
    })
}

fn side_by_side(
    program: &std::path::Path,
    rounds: usize,
    time: Duration,
    clients: usize,
    figures: &mut Map<String, Value>,
) -> Result<Table, String> {
    let ours = Ours::begin(program)?;
    let (nginx, etcd) = (Static::begin(&ours.fill()?)?, Etcd::begin()?);
    // Keys that are not there yet are read quicker.
    etcd.write(clients, Duration::from_secs(1))?;
    type Ask<'a> = Box<dyn Fn() -> Result<Outcome, String> + 'a>;
    let asks: [(&str, &str, Ask<'_>); 5] = [
        (
            "reads",
            "nginx, the same bytes as a file",
            Box::new(|| nginx.read(clients, time)),
        ),
        ("reads", "etcd", Box::new(|| etcd.read(clients, time))),
        ("reads", "azora", Box::new(|| ours.read(clients, time))),
        ("writes", "etcd", Box::new(|| etcd.write(clients, time))),
        ("writes", "azora", Box::new(|| ours.write(clients, time))),
    ];
    let mut all: Vec<Vec<Outcome>> = asks.iter().map(|_| Vec::new()).collect();
    let mut floors: Vec<[(&str, f64); 3]> = Vec::new();
    for round in 0..rounds {
        for ((what, who, ask), kept) in asks.iter().zip(&mut all) {
            let outcome = ask()?;
            eprintln!(
                "bench: round {round}, {what}, {who}: {:.0}/s, p99 {:.2} ms, {} bad",
                outcome.rate,
                ms(outcome.p99),
                outcome.bad
            );
            kept.push(outcome);
        }
        floors.push(disk(2)?);
    }
    let mut table = Table::new([
        "",
        "who",
        "a second",
        "of the first",
        "p50 ms",
        "p99 ms",
        "bad",
    ]);
    let of = |at: usize, f: fn(&Outcome) -> f64| median(all[at].iter().map(f));
    for (at, (what, who, _)) in asks.iter().enumerate() {
        let first = asks
            .iter()
            .position(|(other, ..)| other == what)
            .unwrap_or(at);
        let rate = of(at, |outcome| outcome.rate);
        // By rounds: who shares a core with others is as slow as they let it be, both alike within one round.
        let rounds = all[at].iter().zip(&all[first]);
        let share = median(rounds.map(|(one, first)| one.rate / first.rate));
        let (p50, p99) = (of(at, |one| ms(one.p50)), of(at, |one| ms(one.p99)));
        let bad: u64 = all[at].iter().map(|outcome| outcome.bad).sum();
        table.row([
            (*what).to_owned(),
            (*who).to_owned(),
            format!("{rate:.0}"),
            format!("{share:.2}"),
            format!("{p50:.2}"),
            format!("{p99:.2}"),
            bad.to_string(),
        ]);
        figures.insert(
            format!("{what}, {who}"),
            json!({ "per_second": rate, "of_the_first": share, "p50_ms": p50, "p99_ms": p99, "bad": bad,
                "rounds": all[at].iter().map(|outcome| outcome.rate).collect::<Vec<_>>() }),
        );
    }
    for at in 0..3 {
        let name = floors.first().map_or("", |floor| floor[at].0);
        let rate = median(floors.iter().map(|floor| floor[at].1));
        table.row([
            "disk".to_owned(),
            name.to_owned(),
            format!("{rate:.0}"),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ]);
        figures.insert(format!("disk, {name}"), json!({ "per_second": rate }));
    }
    Ok(table)
}

/// Everybody who watches a name is told of a change to it.
async fn watched(
    ours: &Ours,
    watchers: usize,
    changes: usize,
    table: &mut Table,
    figures: &mut Map<String, Value>,
) -> Result<(), String> {
    let said = |round: usize| registration(7, 0).replace("\"v0-", &format!("\"round-{round}-"));
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", ours.port))
        .await
        .map_err(|error| error.to_string())?;
    post(&mut stream, &said(0)).await?;
    eprintln!("bench: {watchers} watch svc-7");
    let mut all = Watchers::begin(ours.port, "svc-7", watchers).await?;
    let mut times = Vec::new();
    let mut written = Vec::new();
    for round in 1..=changes {
        let begun = Instant::now();
        post(&mut stream, &said(round)).await?;
        written.push(begun.elapsed());
        times.extend(all.round(round, begun).await?);
    }
    let most = times.iter().max().copied().unwrap_or_default();
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    let answered = percentile(&mut written, 50);
    table.row([
        "a change, until each is told".to_owned(),
        format!("{:.2}", ms(p50)),
        format!("{:.2}", ms(p99)),
        format!("{:.2}", ms(most)),
        format!(
            "{watchers} watchers, {changes} changes, from before each is posted; answered after {:.2} ms",
            ms(answered)
        ),
    ]);
    figures.insert(
        "watchers".to_owned(),
        json!({ "count": watchers, "changes": changes, "p50_ms": ms(p50), "p99_ms": ms(p99), "most_ms": ms(most) }),
    );
    Ok(())
}

/// A great many instances, and lookups of one name.
fn held(
    runtime: &tokio::runtime::Runtime,
    ours: &Ours,
    instances: usize,
    time: Duration,
    table: &mut Table,
    figures: &mut Map<String, Value>,
) -> Result<(), String> {
    eprintln!("bench: {instances} instances are registered");
    let took = runtime.block_on(fill(ours.port, instances, |n| {
        registration(n / OF_A_NAME, 0).replace("\"id\":\"0\"", &format!("\"id\":\"i{n}\""))
    }))?;
    let memory = tests::process::memory_kb(ours.pid).map_or(0, |kb| kb.0);
    let target = generator::Target {
        port: ours.port,
        host: format!("127.0.0.1:{}", ours.port),
        path: "/services/svc-77".to_owned(),
    };
    let names = instances / OF_A_NAME;
    let script = format!(
        "local n=0\nrequest=function() n=n+7919 return wrk.format('GET','/services/svc-'..(n%{})) end\n",
        names.max(1)
    );
    let calm = at_rate(&target, 32, LOOKUPS, time)?;
    let one = saturate(&target, 1, time, Some(&script))?;
    let many = saturate(&target, 32, time, Some(&script))?;
    let mut row = |what: &str, outcome: &Outcome, note: String| {
        table.row([
            what.to_owned(),
            format!("{:.3}", ms(outcome.p50)),
            format!("{:.3}", ms(outcome.p99)),
            String::new(),
            note,
        ]);
        figures.insert(
            format!("held, {what}"),
            json!({ "per_second": outcome.rate, "p50_ms": ms(outcome.p50), "p99_ms": ms(outcome.p99), "bad": outcome.bad }),
        );
    };
    let filled = instances as f64 / took.as_secs_f64();
    row(
        "a lookup, at a rate",
        &calm,
        format!(
            "{:.0} a second of one name, {instances} instances of {names} names, {memory} KB; registered {filled:.0} a second",
            calm.rate
        ),
    );
    row(
        "a lookup, one client",
        &one,
        format!("{:.0} a second, each of another name", one.rate),
    );
    row(
        "a lookup, 32 clients",
        &many,
        format!("{:.0} a second, as fast as can be", many.rate),
    );
    figures.insert(
        "held".to_owned(),
        json!({ "instances": instances, "names": names, "pss_kb": memory, "registered_per_second": filled }),
    );
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
