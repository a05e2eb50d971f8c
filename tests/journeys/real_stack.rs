//! PostgreSQL, Redis, nginx and an application that uses all three: brought up from an empty folder,
//! broken part by part, and taken down with nothing left.

use std::process::Command;
use tests::process::kill;
use tests::{Azora, Folder, PATIENCE, http, is_root, until};

/// What is missing of the stack on this machine, in words; `None` when all is there.
fn missing() -> Option<&'static str> {
    let there = |script: &str| {
        let path = "PATH=$PATH:/usr/sbin:/sbin; for f in /usr/lib/postgresql/*/bin; do PATH=$f:$PATH; done";
        Command::new("sh")
            .args(["-c", &format!("{path}; {script}")])
            .output()
            .is_ok_and(|done| done.status.success())
    };
    let python = "for p in python3 /usr/bin/python3; do $p -c 'import psycopg2, redis' && exit 0; done; exit 1";
    [
        ("command -v initdb", "postgresql"),
        ("command -v redis-server", "redis-server"),
        ("command -v nginx", "nginx"),
        (python, "python3-psycopg2 and python3-redis"),
        ("[ $(id -u) != 0 ] || id postgres", "the user postgres"),
    ]
    .into_iter()
    .find(|(script, _)| !there(script))
    .map(|(_, name)| name)
}

/// Says that the stack cannot be run here; on the build machine it has to be.
fn skipped() -> bool {
    let missing = missing();
    if let Some(name) = missing {
        assert!(
            std::env::var_os("CI").is_none(),
            "the build machine lacks {name}"
        );
        eprintln!(
            "\n*** SKIPPED: the real stack was not run, this machine lacks {name}; scripts/setup --tests installs it ***\n"
        );
    }
    missing.is_some()
}

/// The number of visits as the application says, through nginx.
fn visits(proxy: u16) -> u64 {
    until("a count", || {
        http::get(proxy, "/visits")
            .filter(|answer| answer.code == 200)?
            .json()["visits"]
            .as_u64()
    })
}

#[test]
fn real_stack_survives_the_death_of_each_part_with_its_data_and_goes_down_whole() {
    if skipped() {
        return;
    }
    let folder = Folder::copy_of("examples/real-stack");
    let azora = Azora::new();
    azora.up(folder.path());
    let instances = azora.instances(folder.path());
    for name in ["prepare.0", "schema.0", "proxy-conf.0"] {
        assert_eq!(instances[name].state, "completed", "{name}");
    }
    for (name, program) in [
        ("db.0", "postgres"),
        ("cache.0", "redis-server"),
        ("app.0", "python3"),
        ("proxy.0", "nginx"),
    ] {
        let instance = &instances[name];
        assert!(instance.serves(), "{instance:?}");
        let command = tests::process::command(instance.pid);
        assert!(
            command.contains(program),
            "ps names the program itself, not {command}"
        );
        if is_root() {
            assert_ne!(
                tests::process::user(instance.pid),
                Some(0),
                "{name} does not run as root"
            );
        }
    }

    let proxy = instances["proxy.0"].port;
    for _ in 0..3 {
        assert_eq!(
            http::ask(proxy, "POST", "/visit", "").map(|answer| answer.code),
            Some(200)
        );
    }
    assert_eq!(visits(proxy), 3);

    for (round, name) in ["db.0", "cache.0", "app.0", "proxy.0"]
        .into_iter()
        .enumerate()
    {
        let before = azora.instance(folder.path(), name);
        kill(before.pid);
        azora.until(folder.path(), name, "back", |now| {
            now.serves() && now.pid != before.pid
        });
        // Those that suffered from it are well again too, and the data is as it was.
        for other in ["db.0", "cache.0", "app.0", "proxy.0"] {
            azora.until(folder.path(), other, "well", |now| now.state == "ready");
        }
        let expected = 3 + round as u64;
        let counted = testkit::eventually(PATIENCE, || visits(proxy) == expected);
        assert!(
            counted,
            "after the death of {name}: {} visits, not {expected}",
            visits(proxy)
        );
        assert_eq!(
            http::ask(proxy, "POST", "/visit", "").map(|answer| answer.code),
            Some(200)
        );
    }
    let causes: Vec<_> = azora
        .incidents()
        .iter()
        .map(|incident| incident["instance"].to_string())
        .collect();
    for name in ["db.0", "cache.0", "app.0", "proxy.0"] {
        let count = causes.iter().filter(|cause| cause.contains(name)).count();
        assert_eq!(count, 1, "one incident for {name}: {causes:?}");
    }

    azora.ok(folder.path(), &["down"]);
    assert_eq!(
        azora.left(),
        [] as [String; 0],
        "PostgreSQL's own sessions included"
    );

    // Up again on the same folder: the data is there, nothing is made anew.
    azora.up(folder.path());
    assert_eq!(visits(azora.instance(folder.path(), "proxy.0").port), 7);
    azora.ok(folder.path(), &["down"]);
    assert_eq!(azora.left(), [] as [String; 0]);
}

#[test]
fn a_command_runs_beside_real_stack_as_in_a_build() {
    if skipped() {
        return;
    }
    let (azora, folder) = (Azora::new(), Folder::copy_of("examples/real-stack"));
    let asks = "import os, urllib.request as web; \
                print(web.urlopen(os.environ['PROXY_URL'] + '/visits').read().decode())";
    let done = azora.run(
        folder.path(),
        &["run", "--yes", "--", "python3", "-c", asks],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("visits"), "{}", done.out);
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });
}
