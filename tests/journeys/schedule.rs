//! Oneshots that run by a schedule, in a real engine: one run at a time, none forgotten, none made twice.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tests::process::{kill, lives};
use tests::{Azora, Folder, until};

const CLUSTER: &str = "\
[service.db]
run = \"puppet hang\"

[service.tick]
kind = \"oneshot\"
schedule = { every = \"1s\" }
run = \"puppet print tick\"

[service.tock]
kind = \"oneshot\"
schedule = { every = \"1s\" }
run = \"puppet print tock\"

[service.long]
kind = \"oneshot\"
schedule = { every = \"1s\" }
run = \"puppet sole long.lock until go\"

[service.hourly]
kind = \"oneshot\"
schedule = { every = \"1h\", run_on_start = true }
run = \"puppet print began\"

[service.yearly]
kind = \"oneshot\"
schedule = \"0 0 1 1 *\"
run = \"puppet print happy\"
";

/// How often it was started.
fn runs(azora: &Azora, folder: &Path, service: &str) -> u64 {
    azora.instance(folder, &format!("{service}.0")).generation
}

fn more_runs(azora: &Azora, folder: &Path, service: &str, more: u64) {
    let least = runs(azora, folder, service) + more;
    azora.until(folder, &format!("{service}.0"), "run again", |one| {
        one.generation >= least
    });
}

fn schedule(azora: &Azora, folder: &Path, service: &str) -> Value {
    let all = azora.json(folder, &["ps"]);
    let mut all = all["instances"].as_array().into_iter().flatten();
    let own = all.find(|one| one["service"] == *service);
    own.expect("it is defined")["schedule"].clone()
}

fn events(azora: &Azora, folder: &Path) -> Vec<Value> {
    let events = azora.json(folder, &["events", "--limit", "10000"]);
    let events = events.as_array().into_iter().flatten();
    events.map(|event| event["what"].clone()).collect()
}

#[test]
fn what_has_a_schedule_runs_when_its_time_comes_whatever_becomes_of_the_engine() {
    let (azora, folder) = (Azora::new(), Folder::with(CLUSTER));
    let path = folder.path();
    let up = azora.run(path, &["up", "--detach", "--yes"]);
    assert_eq!(up.code, 0, "{}", up.err);
    assert!(up.out.contains(" scheduled"), "{}{}", up.out, up.err);
    let yearly = azora.instance(path, "yearly.0");
    assert_eq!((yearly.state.as_str(), yearly.generation), ("scheduled", 0));
    let rests = schedule(&azora, path, "yearly");
    assert!(rests["next"].as_str().is_some(), "{rests}");
    assert_eq!(rests["last"], Value::Null);
    assert!(azora.ok(path, &["ps"]).contains("NEXT"));

    // They run again and again; one that takes long is alone, and that is said once.
    more_runs(&azora, path, "tick", 3);
    let left_out = |what: &Value| {
        let text = what["text"].as_str().unwrap_or_default();
        what["kind"] == "notice" && text.starts_with("the run of long at ")
    };
    until("a run to be left out", || {
        events(&azora, path).iter().any(left_out).then_some(())
    });
    more_runs(&azora, path, "tick", 2);
    let said = events(&azora, path).into_iter().filter(left_out).count();
    assert_eq!((said, runs(&azora, path, "long")), (1, 1));
    let words = azora.json(path, &["ps"])["overall"].clone();
    assert_eq!(words, "operational", "a run is nothing special");

    // The engine dies during a run, and between those of the others.
    let long = azora.instance(path, "long.0").pid;
    for _ in 0..3 {
        let engine = azora.engine();
        more_runs(&azora, path, "tick", 1);
        kill(engine);
        until("the engine to be gone", || (!lives(engine)).then_some(()));
        azora.up(path);
    }
    let now = azora.instance(path, "long.0");
    assert_eq!((now.pid, now.generation), (long, 1), "it was adopted");
    more_runs(&azora, path, "tick", 2);
    fs::write(path.join("go"), "").expect("the folder is ours");
    more_runs(&azora, path, "long", 2);
    assert!(!path.join("long.lock.double").exists(), "two ran at a time");
    // A run that began before the engine died is not made once more by the next.
    assert_eq!(runs(&azora, path, "hourly"), 1);
    let wrote = azora.ok(path, &["logs", "hourly"]);
    assert_eq!(wrote.matches("began").count(), 1, "{wrote}");
    // No start was told twice.
    let mut seen = BTreeSet::new();
    for what in events(&azora, path) {
        if what["kind"] == "started" && what["instance"] == "tick.0" {
            let generation = what["generation"].as_u64().expect("a number");
            assert!(seen.insert(generation), "{generation} was started twice");
        }
    }

    // By hand it runs now, and who asked is told when it has ended.
    azora.ok(path, &["restart", "yearly"]);
    let yearly = azora.instance(path, "yearly.0");
    assert_eq!((yearly.state.as_str(), yearly.generation), ("scheduled", 1));
    let last = schedule(&azora, path, "yearly")["last"].clone();
    assert_eq!(last["status"]["value"], 0, "{last}");

    // What a person stops has no time that comes, before the engine's death and after it.
    azora.ok(path, &["stop", "tick"]);
    let stopped = runs(&azora, path, "tick");
    more_runs(&azora, path, "tock", 2);
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    let mut engine = azora.serve_until_it_listens(path);
    more_runs(&azora, path, "tock", 2);
    let tick = azora.instance(path, "tick.0");
    assert_eq!((tick.state.as_str(), tick.generation), ("stopped", stopped));
    azora.ok(path, &["start", "tick"]);
    more_runs(&azora, path, "tick", 2);
    azora.ok(path, &["down"]);
    kill(engine.id());
    let _ = engine.wait();
}
