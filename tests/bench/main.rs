//! `bench`: what the figures of this project come from, one subcommand per figure.
//!
//! ```text
//! cargo run --release -p tests --bin bench -- NAME [OPTIONS]
//! ```
//!
//! A bench is a module with a `run` and a row in [`BENCHES`]. Its table goes to standard error; its
//! figures go to standard output as JSON, with the machine they were taken on. What a bench compares
//! with it measures itself, in the same minutes: the floor (what the kernel and the services need when
//! nobody watches, orders, probes, logs or records), and other supervisors as far as they are installed.

mod adoption;
mod catalogues;
mod cluster;
mod compose;
mod crash_loop;
mod crowd;
mod dependents;
mod detect;
mod emergency;
mod exhaustion;
mod failpoints;
mod faults;
mod floor;
mod forgotten;
mod frozen;
mod gateway;
mod generator;
mod hanging;
mod kills;
mod ledger;
mod ledger_kills;
mod logs;
mod machine;
mod mass_start;
mod options;
mod overhead;
mod paced;
mod peers;
mod policy;
mod ports;
mod proxies;
mod races;
mod recovery;
mod registry;
mod rehearsal;
mod rolling;
mod seeds;
mod shims;
mod soak;
mod stage;
mod stop;
mod table;
mod watch;

use options::Options;
use std::fmt::Write;
use std::process::ExitCode;
use table::Report;

/// One thing that can be measured.
struct Bench {
    name: &'static str,
    /// One line of `bench --help`.
    what: &'static str,
    /// What it takes besides the common options, as `bench NAME --help` shows it.
    takes: &'static str,
    run: fn(Options) -> Result<Report, String>,
}

/// Everything that can be measured.
const BENCHES: &[Bench] = &[
    Bench {
        name: "cluster",
        what: "a whole cluster: up, idle, deaths, emergency stop",
        takes: cluster::TAKES,
        run: cluster::run,
    },
    Bench {
        name: "compose",
        what: "a compose file from the order to all healthy, beside docker-compose",
        takes: compose::TAKES,
        run: compose::run,
    },
    Bench {
        name: "detect",
        what: "how soon a kill, and a process that stands still, is known to who follows the events",
        takes: detect::TAKES,
        run: detect::run,
    },
    Bench {
        name: "failpoints",
        what: "a crash at every step of start, stop and adopt (a build without --release)",
        takes: failpoints::TAKES,
        run: failpoints::run,
    },
    Bench {
        name: "kills",
        what: "kill -9 of the engine at random instants: what is lost",
        takes: kills::TAKES,
        run: kills::run,
    },
    Bench {
        name: "ledger",
        what: "writing acts beside a bare SQLite insert of the same bytes, and verifying a million entries",
        takes: ledger::TAKES,
        run: ledger::run,
    },
    Bench {
        name: "ledger-kills",
        what: "kill -9 of the engine around acts: what was done without an entry, and whether the ledger is sound",
        takes: ledger_kills::TAKES,
        run: ledger_kills::run,
    },
    Bench {
        name: "faults",
        what: "12 kinds of fault in a graph of 24 services: found, named, recovered, and who else was restarted",
        takes: faults::TAKES,
        run: faults::run,
    },
    Bench {
        name: "dependents",
        what: "kill -9 of what 100 services need: incidents, who is restarted, and in which order",
        takes: dependents::TAKES,
        run: dependents::run,
    },
    Bench {
        name: "crash-loop",
        what: "a service that crashes at once, for half an hour: starts, quarantine, release",
        takes: crash_loop::TAKES,
        run: crash_loop::run,
    },
    Bench {
        name: "hanging",
        what: "nobody answers for ten minutes: questions at a time, and what is left of them",
        takes: hanging::TAKES,
        run: hanging::run,
    },
    Bench {
        name: "frozen",
        what: "an engine that is stopped for some time and goes on: false restarts and verdicts",
        takes: frozen::TAKES,
        run: frozen::run,
    },
    Bench {
        name: "forgotten",
        what: "databases deleted while no engine runs: what the next one finds, and how soon",
        takes: forgotten::TAKES,
        run: forgotten::run,
    },
    Bench {
        name: "policy",
        what: "a decision of the rules: worked out, remembered, of a whole cluster",
        takes: policy::TAKES,
        run: policy::run,
    },
    Bench {
        name: "races",
        what: "engines and clients started in the same moment: double starts, and answers",
        takes: races::TAKES,
        run: races::run,
    },
    Bench {
        name: "shims",
        what: "kill -9 of shims: services live on, it is shown, no end is made up",
        takes: shims::TAKES,
        run: shims::run,
    },
    Bench {
        name: "ports",
        what: "ports that strangers have: who is named, and who is touched",
        takes: ports::TAKES,
        run: ports::run,
    },
    Bench {
        name: "recovery",
        what: "from kill -9 to another process answering, beside the floor and other supervisors",
        takes: recovery::TAKES,
        run: recovery::run,
    },
    Bench {
        name: "rehearsal",
        what: "how fast a cluster is rehearsed: simulated hours a minute, checks a second",
        takes: rehearsal::TAKES,
        run: rehearsal::run,
    },
    Bench {
        name: "seeds",
        what: "random worlds that look for faults in the heart: promises broken, checks skipped",
        takes: seeds::TAKES,
        run: seeds::run,
    },
    Bench {
        name: "mass-start",
        what: "from the start command to everything answering: 150, 1,000, in layers",
        takes: mass_start::TAKES,
        run: mass_start::run,
    },
    Bench {
        name: "overhead",
        what: "what an engine, its memory and its shims cost with 1,000 checked services",
        takes: overhead::TAKES,
        run: overhead::run,
    },
    Bench {
        name: "soak",
        what: "2,000 services for an hour: checks on time, and nothing grows",
        takes: soak::TAKES,
        run: soak::run,
    },
    Bench {
        name: "adoption",
        what: "from a new engine's start to everything adopted that the killed one left",
        takes: adoption::TAKES,
        run: adoption::run,
    },
    Bench {
        name: "stop",
        what: "a full stop of services that end when asked, and of a zoo that does not: what is left",
        takes: stop::TAKES,
        run: stop::run,
    },
    Bench {
        name: "emergency",
        what: "emergency stop of 1,000 processes of a zoo, in each bad state: what is left",
        takes: emergency::TAKES,
        run: emergency::run,
    },
    Bench {
        name: "rolling",
        what: "restarts under load through a handed-over socket: requests that failed",
        takes: rolling::TAKES,
        run: rolling::run,
    },
    Bench {
        name: "gateway",
        what: "names to services on one core, beside nginx, HAProxy and going direct",
        takes: gateway::TAKES,
        run: gateway::run,
    },
    Bench {
        name: "registry",
        what: "reads and durable registrations beside nginx, etcd and a disk; many instances, many watchers",
        takes: registry::TAKES,
        run: registry::run,
    },
    Bench {
        name: "exhaustion",
        what: "a full disk, no descriptors, no processes: steered, nothing lost, well again",
        takes: exhaustion::TAKES,
        run: exhaustion::run,
    },
    Bench {
        name: "logs",
        what: "numbered lines through kills, with bounded logs and a follower; floods",
        takes: logs::TAKES,
        run: logs::run,
    },
];

/// What is run when only options are given, as it was before there was more than one.
const FIRST: &str = "cluster";

const COMMON: &str = "
  --azora PROGRAM    the azora to measure; its shim and organ lie beside it [target/release/azora]
  --json FILE        write the figures there instead of to standard output
  --help             this
";

fn main() -> ExitCode {
    // What crashes are tried on is this program as well.
    tests::crash::host::run_if_asked();
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let named = words
        .first()
        .is_some_and(|word| !word.starts_with('-') && !word.contains('/'));
    let name = if named {
        words.remove(0)
    } else {
        FIRST.to_owned()
    };
    let asks = |word: &String| word == "--help" || word == "-h";
    if !named && words.iter().any(asks) || name == "help" {
        println!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        eprintln!("bench: there is no bench {name:?}\n\n{}", help());
        return ExitCode::from(64);
    };
    if words.iter().any(asks) {
        println!("{}: {}\n{}{COMMON}", bench.name, bench.what, bench.takes);
        return ExitCode::SUCCESS;
    }
    match measure(bench, words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("bench {name}: {wrong}");
            ExitCode::FAILURE
        }
    }
}

fn measure(bench: &Bench, words: Vec<String>) -> Result<(), String> {
    let options = Options::read(words)?;
    let to = options.json.clone();
    let begun = machine::facts();
    let report = (bench.run)(options)?;
    eprint!("{}", report.text());
    let faults = report.faults();
    let json = report.json(bench.name, begun, machine::facts());
    match to {
        None => println!("{json:#}"),
        Some(file) => std::fs::write(&file, format!("{json:#}\n"))
            .map_err(|error| format!("failed to write {}: {error}", file.display()))?,
    }
    match faults {
        0 => Ok(()),
        _ => Err(format!("{faults} found of what there may be none of")),
    }
}

fn help() -> String {
    let width = BENCHES.iter().map(|bench| bench.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = "bench NAME [OPTIONS]\n\n".to_owned();
    for Bench { name, what, .. } in BENCHES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:width$}  {what}");
    }
    text + "\nEvery bench takes its own options (bench NAME --help) and" + COMMON
}

#[cfg(test)]
mod listing {
    use super::*;

    #[test]
    fn every_bench_is_listed_under_a_name_of_its_own() {
        let text = help();
        for (at, bench) in BENCHES.iter().enumerate() {
            assert!(text.contains(bench.what));
            assert!(!BENCHES[..at].iter().any(|other| other.name == bench.name));
        }
        assert!(BENCHES.iter().any(|bench| bench.name == FIRST));
    }
}
