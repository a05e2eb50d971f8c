//! A machine that runs out of disk, descriptors or processes, again and again: is the engine still
//! steered, does everything live, is anything corrupt, and does it recover by itself?

use crate::options::Options;
use crate::table::{Report, Table, in_ms, milliseconds, percentile};
use serde_json::{Map, Value, json};
use tests::Azora;
use tests::exhaustion::{self, By, Few};

/// What it takes.
pub(crate) const TAKES: &str = "
  --cycles N         times the disk (a loop-mounted ext4 of 32 MB) is filled and freed [200]
  --few N            times descriptors, and processes, run out [20]
  --only NAME        only this: disk, descriptors, processes-v1, processes-v2, processes-user
  --seed N           where the dice begin

Processes run out by the limit of a control group of version 1, of one of version 2, and by RLIMIT_NPROC
of a user who is not root. What cannot be tried here is left out, and said why. Each cycle is told when
it is over.";

/// What runs out.
const ALL: &[(&str, Option<Few>)] = &[
    ("disk", None),
    ("descriptors", Some(Few::Descriptors)),
    ("processes-v1", Some(Few::Processes(By::GroupV1))),
    ("processes-v2", Some(Few::Processes(By::GroupV2))),
    ("processes-user", Some(Few::Processes(By::User))),
];

/// Fills, steers, frees and looks.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let cycles: usize = options.number("--cycles", 200)?;
    let times: usize = options.number("--few", 20)?;
    let seed = options.number("--seed", u64::from(std::process::id()))?;
    let only = options.text("--only")?;
    if let Some(only) = &only
        && !ALL.iter().any(|(name, _)| name == only)
    {
        return Err(format!(
            "--only knows no {only:?}; --help lists what it knows"
        ));
    }
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.beside("organ")?;
    options.end()?;
    eprintln!("bench: seed {seed}");
    let head = [
        "",
        "cycles",
        "faults",
        "put off",
        "healed",
        "acts",
        "ps p50",
        "ps p99",
        "ps most",
        "stop p99",
        "well again p50",
        "most",
    ];
    let mut table = Table::new(head);
    let mut figures = Map::new();
    figures.insert("seed".to_owned(), seed.into());
    for (name, few) in ALL {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let azora = Azora::with(program.clone());
        eprintln!("bench: {name}");
        let told = match few {
            None => exhaustion::disk(&azora, cycles, seed),
            Some(few) => exhaustion::few(&azora, *few, times),
        };
        let mut told = match told {
            Ok(told) => told,
            Err(why) => {
                eprintln!("bench: {name} is left out: {why}");
                figures.insert((*name).to_owned(), json!({ "left_out": why }));
                continue;
            }
        };
        let value: Value = json!({
            "cycles": told.cycles,
            "faults": told.faults,
            "put_off": told.put_off,
            "started_all_the_same": told.started,
            "healed_while_full": told.healed,
            "engine_kills": told.engine_kills,
            "acts": told.acts,
            "ps_ms": in_ms(&told.ps),
            "stop_ms": in_ms(&told.stop),
            "recovery_ms": in_ms(&told.recovery),
        });
        figures.insert((*name).to_owned(), value);
        let of = |all: &mut Vec<_>, percent| milliseconds(percentile(all, percent));
        table.row([
            (*name).to_owned(),
            told.cycles.to_string(),
            told.faults.len().to_string(),
            told.put_off.to_string(),
            told.healed.to_string(),
            told.acts.to_string(),
            of(&mut told.ps, 50),
            of(&mut told.ps, 99),
            of(&mut told.ps, 100),
            of(&mut told.stop, 99),
            of(&mut told.recovery, 50),
            of(&mut told.recovery, 100),
        ]);
    }
    Ok(Report::new(table, Value::Object(figures)))
}
