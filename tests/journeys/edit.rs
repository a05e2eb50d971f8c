//! The definition is edited and applied: only what changed is touched.

use std::net::TcpListener;
use tests::folder::SMALL;
use tests::{Azora, Folder, free_ports, http};

#[test]
fn an_edit_restarts_what_changed_starts_what_is_new_and_stops_what_is_gone() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());

    let edited = SMALL.replace(
        "[service.web]\nrun = \"organ --name web",
        "[service.web]\nenv = { COLOUR = \"blue\" }\nrun = \"organ --name web",
    );
    assert_ne!(edited, SMALL);
    folder.define(&format!(
        "{edited}\n[service.extra]\nrun = \"organ --name extra --port $PORT\"\nport = 0\n"
    ));
    let said = azora.up(folder.path());
    assert!(
        said.contains("web") && said.contains("extra"),
        "it says what it will do: {said}"
    );
    let after = azora.instances(folder.path());
    for name in ["db.0", "api.0", "api.1"] {
        assert_eq!(after[name].pid, before[name].pid, "{name} did not change");
    }
    assert_ne!(after["web.0"].pid, before["web.0"].pid, "web changed");
    assert_eq!(
        http::health_pid(after["web.0"].port),
        Some(after["web.0"].pid)
    );
    assert!(after["extra.0"].serves());

    folder.define(&edited);
    azora.up(folder.path());
    assert!(!azora.instances(folder.path()).contains_key("extra.0"));
    assert!(!tests::process::lives(after["extra.0"].pid));
    assert_eq!(
        azora.instance(folder.path(), "web.0").pid,
        after["web.0"].pid
    );
}

#[test]
fn up_again_changes_nothing() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    azora.up(folder.path());
    assert_eq!(azora.instances(folder.path()), before);
}

#[test]
fn what_has_completed_keeps_the_port_that_it_moved_to() {
    let port = free_ports(1)[0];
    let stranger = TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let folder = Folder::with(&format!(
        "[cluster]\nname = \"moved\"\n\n[service.build]\nkind = \"oneshot\"\nrun = \"true\"\nport = {port}\n\n\
         [service.web]\nrun = \"sleep 600\"\nneeds = [\"build\"]\nenv.BUILD = \"${{build.port}}\"\n"
    ));
    let azora = Azora::new();
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    assert_eq!(before["build.0"].state, "completed", "{before:?}");
    assert_ne!(before["build.0"].port, port, "a stranger has it");
    drop(stranger);
    azora.up(folder.path());
    assert_eq!(azora.instances(folder.path()), before);
}

#[test]
fn an_edit_that_is_wrong_touches_nothing() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    folder.define(&SMALL.replace("needs = [\"api\"]", "needs = [\"apy\"]"));
    let done = azora.run(folder.path(), &["up", ".", "--detach", "--trust"]);
    assert_eq!(done.code, 4, "{done:?}");
    assert_eq!(azora.instances(folder.path()), before);

    // A restart goes by what was last applied, and says so.
    let restart = || azora.run(folder.path(), &["restart", "web"]);
    let done = restart();
    assert_eq!(done.code, 0, "{done:?}");
    let said = "the definition as it is now cannot be used (azora.toml:";
    assert!(done.err.contains(said), "{done:?}");
    assert!(
        done.err.contains("restarted on the one it runs on"),
        "{done:?}"
    );
    folder.define(SMALL);
    let done = restart();
    assert!(
        done.code == 0 && !done.err.contains("definition"),
        "{done:?}"
    );
}

#[test]
fn what_runs_under_the_old_name_of_a_folder_is_said_until_it_is_taken_down() {
    let named =
        |name: &str| format!("[cluster]\nname = \"{name}\"\n\n[service.a]\nrun = \"sleep 600\"\n");
    let (azora, folder) = (Azora::new(), Folder::with(&named("one")));
    azora.up(folder.path());
    let old = azora.json(folder.path(), &["ps"])["cluster"].clone();
    let old = old.as_str().expect("an id");
    let pid = azora.instance(folder.path(), "a.0").pid;

    folder.define(&named("two"));
    let note = format!("{old} of this folder still runs, under the name one");
    let said = azora.up(folder.path());
    assert!(said.contains(&note), "{said}");
    assert!(
        said.contains(&format!("azora down --cluster {old}")),
        "{said}"
    );
    let events = azora.json(folder.path(), &["events"]).to_string();
    assert!(events.contains(&note), "{events}");

    // The folder means the new one, and says that there is another.
    for words in [&["ps", "--json"][..], &["ps"], &["down"]] {
        let done = azora.run(folder.path(), words);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.err.contains(&note), "{words:?}: {done:?}");
        assert!(!done.out.contains(old), "{words:?}: {done:?}");
    }
    assert!(tests::process::lives(pid));
    azora.ok(folder.path(), &["down", "--cluster", old]);
    assert!(!tests::process::lives(pid));
    let done = azora.run(folder.path(), &["ps"]);
    assert!(!done.err.contains("still runs"), "{done:?}");
    assert!(!azora.up(folder.path()).contains("still runs"));
}
