//! Faults in a realistic graph: whether each is recovered from, whose fault it is said to be, who else is
//! restarted for it, and how often somebody is told. Beside it, in the same moments and with the same checks,
//! two policies that know no graph: start again what ends, and start again what fails its checks.

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::faults::graph::{EVERY_MS, FAIL, SERVICES, TIMEOUT_MS};
use tests::faults::kinds::{KINDS, Kind};
use tests::faults::{Outcome, Stages, missing};

/// What it takes.
pub(crate) const TAKES: &str = "
  --places N         services that each kind of fault is done to [10]
  --kinds A,B,…      only these: killed, errors, exits-0, hangs, crash-loop, slow, exits-1, deadlock,
                     lost-disk, refuses, leaks, bad-config [all]
  --at A,B,…         only at these services
  --naive yes|no     the two simple policies beside it [yes]

Needs PostgreSQL and Redis (scripts/setup --tests). Checks are quicker than they usually are, for all alike.
--places 2 takes ten minutes, all of it fifty; without the simple policies less than half of that.";

/// Restarts of those not at fault may be so many of a hundred of what restarting on failed liveness does.
const RESTARTS_PERCENT: usize = 5;
/// The cause is to be named right in so many of a hundred.
const RIGHT_PERCENT: usize = 90;
/// Looks at services that are not well are so far apart: differences below are none.
const RESOLUTION: Duration = Duration::from_millis(50);

/// Runs it.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let places: usize = options.number("--places", 10)?;
    let kinds = kinds(options.text("--kinds")?)?;
    let at = options.text("--at")?;
    let naive = options.text("--naive")?.as_deref() != Some("no");
    let azora = options.azora.clone();
    options.beside("puppet")?;
    options.beside("organ")?;
    options.end()?;
    if let Some(what) = missing() {
        return Err(format!(
            "this machine lacks {what}; scripts/setup --tests installs it"
        ));
    }

    let mut todo = Vec::new();
    for place in 0..places {
        for kind in &kinds {
            todo.extend(
                kind.places(places)
                    .get(place)
                    .map(|service| (*kind, *service)),
            );
        }
    }
    if let Some(names) = at {
        let chosen: Vec<&str> = names.split(',').collect();
        todo = kinds
            .iter()
            .flat_map(|kind| {
                kind.places(SERVICES.len())
                    .into_iter()
                    .map(|one| (*kind, one))
            })
            .filter(|(_, one)| chosen.contains(&one.name))
            .collect();
    }
    let mut stages = Stages::begin(&azora, naive)?;
    let mut all = Vec::new();
    for (n, (kind, service)) in todo.iter().enumerate() {
        let outcomes = stages.suffer(*kind, service)?;
        let told: Vec<String> = outcomes.iter().map(tell).collect();
        eprintln!(
            "bench: {:3}/{} {} of {}: {}",
            n + 1,
            todo.len(),
            kind.name(),
            service.name,
            told.join(" | ")
        );
        all.extend(outcomes);
    }
    drop(stages);
    Ok(report(&all, naive))
}

fn kinds(chosen: Option<String>) -> Result<Vec<Kind>, String> {
    let Some(names) = chosen else {
        return Ok(KINDS.to_vec());
    };
    let named = |name: &str| {
        let kind = KINDS.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| format!("there is no kind of fault {name:?}"))
    };
    names.split(',').map(named).collect()
}

fn tell(outcome: &Outcome) -> String {
    let recovered = match outcome.recovered {
        Some(time) => milliseconds(time),
        None => "not recovered".to_owned(),
    };
    let mut text = format!("{} {recovered}", outcome.keeper);
    if outcome.taken_down() > 0 {
        text += &format!(", {} others restarted", outcome.taken_down());
    }
    if outcome.keeper == AZORA && !outcome.right() {
        let named = outcome.named.as_deref().unwrap_or("nobody");
        text += &format!(", {named} named");
    }
    if outcome.keeper == AZORA && outcome.notes.len() != 1 {
        text += &format!(", told {} times", outcome.notes.len());
    }
    text
}

const AZORA: &str = "azora";
const EXIT: &str = "on exit";
const LIVENESS: &str = "on failed liveness";

fn of<'a>(all: &'a [Outcome], keeper: &'a str) -> impl Iterator<Item = &'a Outcome> {
    all.iter().filter(move |outcome| outcome.keeper == keeper)
}

fn report(all: &[Outcome], naive: bool) -> Report {
    let mut tables = vec![by_kind(all)];
    let mut summary = Table::new(["", "found", "may be", "of"]);
    let faults = of(all, AZORA).count();
    let place = |outcome: &Outcome| format!("{} of {}", outcome.kind.name(), outcome.place);
    let lost: Vec<String> = of(all, AZORA)
        .filter(|one| one.recovered.is_none())
        .map(place)
        .collect();
    summary.faults("not recovered", &lost, format!("{faults} faults"));

    let wrong: Vec<String> = of(all, AZORA)
        .filter(|one| !one.right())
        .map(|one| format!("{}: {:?}", place(one), one.notes))
        .collect();
    let may = faults * (100 - RIGHT_PERCENT) / 100;
    bounded(
        &mut summary,
        "cause named wrong",
        &wrong,
        may,
        format!("{faults} faults"),
    );

    let told: Vec<String> = of(all, AZORA)
        .filter(|one| one.notes.len() != 1)
        .map(|one| format!("{}: {:?}", place(one), one.notes))
        .collect();
    summary.faults("not one notification", &told, format!("{faults} faults"));

    let down = |keeper: &'static str| -> usize { of(all, keeper).map(Outcome::taken_down).sum() };
    let restarted: Vec<String> = of(all, AZORA)
        .filter(|one| one.taken_down() > 0)
        .map(|one| format!("{}: {:?}", place(one), one.unneeded))
        .collect();
    if naive {
        let theirs = down(LIVENESS);
        let of_what = format!("{theirs} on failed liveness");
        let may = theirs * RESTARTS_PERCENT / 100;
        count_bounded(
            &mut summary,
            "restarts of others",
            &restarted,
            down(AZORA),
            may,
            of_what,
        );
        for other in [EXIT, LIVENESS] {
            compare_times(&mut summary, all, other);
        }
    } else {
        bounded(
            &mut summary,
            "restarts of others",
            &restarted,
            usize::MAX,
            String::new(),
        );
    }
    tables.push(summary);
    Report {
        tables,
        figures: figures(all),
    }
}

/// A row for what there may be some of, and no more.
fn bounded(table: &mut Table, what: &str, found: &[String], may: usize, of: String) {
    count_bounded(table, what, found, found.len(), may, of);
}

fn count_bounded(
    table: &mut Table,
    what: &str,
    told: &[String],
    count: usize,
    may: usize,
    of: String,
) {
    for one in told {
        eprintln!("bench: {what}: {one}");
    }
    let may_be = if may == usize::MAX {
        String::new()
    } else {
        may.to_string()
    };
    table.bound(
        [what.to_owned(), count.to_string(), may_be, of],
        count > may,
    );
}

/// Of the faults that both recovered from.
/// Half of all faults are over within this time; `None` when half of them and more never are. One that is
/// not recovered lasts longer than any: left out, a policy that recovers only what is easy would be the
/// quickest.
fn half_over<'a>(of: impl Iterator<Item = &'a Outcome>) -> Option<Duration> {
    let mut times: Vec<Duration> = of
        .map(|one| one.recovered.unwrap_or(Duration::MAX))
        .collect();
    Some(percentile(&mut times, 50)).filter(|time| *time < Duration::MAX)
}

/// Of all faults, which is what is bounded; and of those alone that the other recovers, to be read.
fn compare_times(table: &mut Table, all: &[Outcome], other: &'static str) {
    let (ours, theirs) = (half_over(of(all, AZORA)), half_over(of(all, other)));
    let told = |time: Option<Duration>| time.map_or("never".to_owned(), milliseconds);
    let recovers: BTreeMap<(Kind, &str), Duration> = of(all, other)
        .filter_map(|one| Some(((one.kind, one.place), one.recovered?)))
        .collect();
    let may = theirs.unwrap_or(Duration::MAX).saturating_add(RESOLUTION);
    table.bound(
        [
            format!("time to recover, p50, against {other}"),
            told(ours),
            told(theirs),
            format!("all faults; it recovers {}", recovers.len()),
        ],
        ours.unwrap_or(Duration::MAX) > may,
    );
    let (mut ours, mut others): (Vec<Duration>, Vec<Duration>) = of(all, AZORA)
        .filter_map(|one| Some((one.recovered?, *recovers.get(&(one.kind, one.place))?)))
        .unzip();
    table.row([
        format!("  of what {other} recovers"),
        milliseconds(percentile(&mut ours, 50)),
        String::new(),
        format!(
            "{} faults; it takes {}",
            ours.len(),
            milliseconds(percentile(&mut others, 50))
        ),
    ]);
}

fn by_kind(all: &[Outcome]) -> Table {
    let mut table = Table::new([
        "",
        "faults",
        "found p50",
        "recovered",
        "p50",
        "most",
        "others",
        "right",
        "told",
        "on exit",
        "p50",
        "others",
        "on liveness",
        "p50",
        "others",
    ]);
    for kind in KINDS {
        let of_kind: Vec<Outcome> = all.iter().filter(|one| one.kind == kind).cloned().collect();
        let count = of(&of_kind, AZORA).count();
        if count == 0 {
            continue;
        }
        let mut found: Vec<Duration> = of(&of_kind, AZORA).filter_map(|one| one.detected).collect();
        let of_keeper = |keeper: &'static str| {
            let mut times: Vec<Duration> = of(&of_kind, keeper)
                .filter_map(|one| one.recovered)
                .collect();
            let others: usize = of(&of_kind, keeper).map(Outcome::taken_down).sum();
            let (p50, most) = (percentile(&mut times, 50), percentile(&mut times, 100));
            let shown = |time| {
                if times.is_empty() {
                    String::new()
                } else {
                    milliseconds(time)
                }
            };
            (
                times.len().to_string(),
                shown(p50),
                shown(most),
                others.to_string(),
            )
        };
        let (recovered, p50, most, others) = of_keeper(AZORA);
        let (exit, liveness) = (of_keeper(EXIT), of_keeper(LIVENESS));
        let right = of(&of_kind, AZORA).filter(|one| one.right()).count();
        let told: usize = of(&of_kind, AZORA).map(|one| one.notes.len()).sum();
        table.row([
            kind.name().to_owned(),
            count.to_string(),
            milliseconds(percentile(&mut found, 50)),
            recovered,
            p50,
            most,
            others,
            right.to_string(),
            told.to_string(),
            exit.0,
            exit.1,
            exit.3,
            liveness.0,
            liveness.1,
            liveness.3,
        ]);
    }
    table
}

fn figures(all: &[Outcome]) -> Value {
    let ms = |time: Option<Duration>| time.map(|time| in_ms(&[time])[0]);
    let faults: Vec<Value> = all
        .iter()
        .map(|one| {
            json!({
                "keeper": one.keeper,
                "kind": one.kind.name(),
                "place": one.place,
                "detected_ms": ms(one.detected),
                "recovered_ms": ms(one.recovered),
                "starts_of_it": one.starts,
                "starts_of_others_that_had_ended": one.needed,
                "restarts_of_others": one.unneeded,
                "named": one.named,
                "told": one.notes,
            })
        })
        .collect();
    json!({
        "services": SERVICES.len(),
        "checks": { "every_ms": EVERY_MS, "timeout_ms": TIMEOUT_MS, "fail": FAIL },
        "faults": faults,
    })
}
