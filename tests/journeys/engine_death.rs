//! The engine may die; the services may not.

use tests::folder::SMALL;
use tests::kills::{self, Wish};
use tests::process::{kill, lives, signal, started};
use tests::{Azora, Folder, forgotten, frozen, http, ledger_kills, races, shims, until};

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
fn a_cluster_is_taken_down_after_the_death_of_its_engine() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.ok(folder.path(), &["down"]);
    for instance in before.values() {
        assert!(!lives(instance.pid), "{} has ended", instance.name);
    }
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

#[test]
fn kills_at_random_instants_lose_no_service_no_line_and_no_death() {
    let wish = Wish {
        services: 8,
        kills: 8,
        seed: 20_26,
    };
    let report = kills::run(&Azora::new(), wish);
    assert!(report.flawless(), "{wish:?}: {report:#?}");
    assert!(report.deaths > 0 && report.lines > 100, "{report:#?}");
}

/// A thousand of them are `bench ledger-kills`.
#[test]
fn whatever_an_act_did_before_a_kill_has_its_entry_and_the_ledger_is_sound() {
    let wish = ledger_kills::Wish {
        kills: 40,
        seed: 20_26,
    };
    let report = ledger_kills::run(&Azora::new(), wish);
    assert!(report.flawless(), "{wish:?}: {report:#?}");
    assert!(report.effects > 5 && report.entries > 30, "{report:#?}");
    // Most of them took place where they were to.
    let passed = report.at.get("passed by").copied().unwrap_or(0);
    assert!(passed < 10 && report.at.len() >= 6, "{report:#?}");
}

/// A thousand of them are `bench shims`.
#[test]
fn shims_that_are_killed_are_shown_and_their_services_live_on() {
    let wish = shims::Wish {
        services: 4,
        kills: 12,
        seed: 20_26,
    };
    let report = shims::run(&Azora::new(), wish);
    assert!(report.flawless(), "{wish:?}: {report:#?}");
    assert_eq!(report.kills, 12);
    assert_eq!(report.real + report.unknown, 12, "{report:#?}");
}

/// A thousand are `bench races`.
#[test]
fn engines_and_clients_that_race_for_a_home_start_everything_once() {
    let wish = races::Wish {
        races: 20,
        services: 3,
        seed: 20_26,
    };
    let report = races::run(&Azora::new(), wish);
    assert!(report.flawless(), "{wish:?}: {report:#?}");
    assert_eq!(report.races, 20);
    assert!(report.started > 0 && report.refused > 0, "{report:#?}");
}

/// Five hundred are `bench forgotten`.
#[test]
fn what_runs_is_found_without_the_databases() {
    let wish = forgotten::Wish {
        services: 12,
        runs: 2,
    };
    let report = forgotten::run(&Azora::new(), wish);
    assert!(report.flawless(), "{wish:?}: {report:#?}");
    assert_eq!(report.runs, 2);
}

/// Ten minutes, a hundred times, are `bench frozen`.
#[test]
fn nobody_is_judged_by_the_time_in_which_the_engine_stood_still() {
    let wish = frozen::Wish {
        services: 4,
        cycles: 2,
        still: frozen::WITHIN + frozen::WITHIN / 2,
        seed: 20_26,
    };
    let report = frozen::run(&Azora::new(), wish);
    assert!(report.flawless(), "{wish:?}: {report:#?}");
    assert!(report.missed > 10, "{report:#?}");
}

#[test]
fn an_edit_that_the_engine_did_not_live_to_finish_is_finished_by_the_next() {
    let slow = "stop = { grace = \"60s\" }\n";
    let folder = Folder::with(&format!(
        "[service.web]\nrun = \"puppet ignore-term hang\"\n{slow}"
    ));
    let azora = Azora::new();
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "web.0");
    folder.define("[service.web]\nrun = \"puppet print edited hang\"\nstop = { grace = \"1s\" }\n");
    // It does not go as long as it has its grace: the edit cannot be through.
    let mut up = azora
        .command(folder.path(), &["up", ".", "--detach"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("azora can be run");
    azora.until(folder.path(), "web.0", "stopping", |web| {
        web.state == "stopping"
    });
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    let _ = up.kill();
    let _ = up.wait();
    assert!(lives(before.pid));
    let mut engine = azora.serve(folder.path());
    until("the next engine", || {
        (azora.run(folder.path(), &["ps"]).code == 0).then_some(())
    });
    let after = azora.until(folder.path(), "web.0", "replaced", |web| {
        web.serves() && web.pid != before.pid
    });
    assert!(after.generation > before.generation);
    let said = azora.ok(folder.path(), &["logs", "web"]);
    assert!(said.contains("edited"), "{said}");
    azora.run(folder.path(), &["down"]);
    let _ = engine.kill();
    let _ = engine.wait();
}

#[test]
fn what_healing_has_tried_outlives_the_engine() {
    let folder = Folder::with("[service.web]\nrun = \"puppet hang\"\n");
    let azora = Azora::new();
    azora.up(folder.path());
    for round in 1..=2 {
        let web = azora.instance(folder.path(), "web.0");
        kill(web.pid);
        azora.until(folder.path(), "web.0", "healed", |web| {
            web.serves() && web.restarts == round
        });
    }
    let path = azora.home().path().join("clusters");
    let file = || {
        let cluster = std::fs::read_dir(&path).ok()?.flatten().next()?.path();
        let text = std::fs::read_to_string(cluster.join("healing.json")).ok()?;
        text.contains("\"restarts\":2").then_some(())
    };
    until("that to be written", file);
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.up(folder.path());
    assert_eq!(azora.instance(folder.path(), "web.0").restarts, 2);
}

/// Without its records nobody could adopt what runs: it goes down with the home, and the engine too.
#[test]
fn an_engine_whose_home_is_deleted_takes_its_services_down_and_ends() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    let engine = azora.engine();
    until("the home to be deleted", || {
        // Something may be made in it while it is being deleted.
        let _ = std::fs::remove_dir_all(azora.home().path());
        (!azora.home().path().join("engine.lock").exists()).then_some(())
    });
    until("the engine to end", || (!lives(engine)).then_some(()));
    for (name, instance) in &before {
        assert!(!lives(instance.pid), "{name} lives on");
    }
    assert_eq!(azora.left(), [] as [String; 0]);
}
