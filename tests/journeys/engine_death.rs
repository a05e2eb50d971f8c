//! The engine may die; the services may not.

use tests::folder::SMALL;
use tests::process::{kill, lives, signal, started};
use tests::{Azora, Folder, http, until};

#[test]
fn services_live_through_the_death_of_the_engine_and_are_adopted() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    let born: Vec<_> = before
        .values()
        .map(|instance| started(instance.pid))
        .collect();
    let engine = azora.engine();

    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    for instance in before.values() {
        assert_eq!(
            http::health_pid(instance.port),
            Some(instance.pid),
            "{} answers on",
            instance.name
        );
    }

    azora.up(folder.path());
    assert_ne!(azora.engine(), engine);
    let after = azora.instances(folder.path());
    for (name, old) in &before {
        let new = &after[name];
        assert_eq!(
            (new.pid, new.generation, new.restarts),
            (old.pid, old.generation, 0),
            "{name} was adopted"
        );
    }
    let still: Vec<_> = after
        .values()
        .map(|instance| started(instance.pid))
        .collect();
    assert_eq!(still, born);
    assert_eq!(
        azora.listed("api").len(),
        2,
        "the registry lists them again"
    );

    // And they are in hand: one that is killed comes back.
    kill(after["db.0"].pid);
    azora.until(folder.path(), "db.0", "back", |db| {
        db.serves() && db.pid != after["db.0"].pid
    });
}

#[test]
fn what_died_while_no_engine_was_there_is_seen_and_healed_by_the_next() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    kill(before["db.0"].pid);
    until("db to be gone", || {
        (!lives(before["db.0"].pid)).then_some(())
    });

    azora.up(folder.path());
    let db = azora.until(folder.path(), "db.0", "back", |db| db.serves());
    assert_ne!(db.pid, before["db.0"].pid);
    assert_eq!(http::health_pid(db.port), Some(db.pid));
    for name in ["api.0", "api.1", "web.0"] {
        assert_eq!(
            azora.instance(folder.path(), name).pid,
            before[name].pid,
            "{name} was adopted"
        );
    }
}

#[test]
fn no_line_is_lost_while_no_engine_is_there() {
    let folder = Folder::with("[service.clock]\nrun = \"puppet tick 5\"\n");
    let azora = Azora::new();
    azora.up(folder.path());
    let numbers = || -> Vec<u64> {
        let out = azora.ok(folder.path(), &["logs", "clock", "--tail", "10000"]);
        out.lines()
            .filter_map(|line| line.rsplit_once("line ")?.1.trim().parse().ok())
            .collect()
    };
    until("some lines", || (numbers().len() > 20).then_some(()));
    let last = *numbers().last().expect("there are lines");
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.up(folder.path());
    let all = until("lines that were written meanwhile", || {
        Some(numbers()).filter(|all| all.last() > Some(&(last + 100)))
    });
    for pair in all.windows(2) {
        assert_eq!(pair[0] + 1, pair[1], "a line is missing or there twice");
    }
}

#[test]
fn an_engine_on_its_way_out_does_not_keep_the_next_up_from_coming() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    for _ in 0..5 {
        let engine = azora.engine();
        signal(engine, rustix::process::Signal::TERM);
        // At once, while the old one may still listen and answer.
        azora.up(folder.path());
        assert_ne!(azora.engine(), engine);
    }
    let after = azora.instances(folder.path());
    for (name, old) in &before {
        assert_eq!(after[name].pid, old.pid, "{name} was adopted");
    }
}
