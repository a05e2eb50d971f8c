//! What a service may use, and what is said when it wanted more; stopping it in its own way.

use std::fs;
use tests::{Azora, Folder, until};

/// A service that leaks is ended by the kernel, alone; who reads about it learns why.
#[test]
fn out_of_memory_is_said_and_only_that_service_ends() {
    let folder = Folder::with(
        r#"
[service.calm]
run = "puppet hang"
limits = { memory = "64MB" }

[service.leak]
run = "sh -c 'puppet until go leak 256000000'"
limits = { memory = "64MB", files = 256 }
heal = { ladder = ["quarantine"] }
"#,
    );
    let azora = Azora::new();
    azora.up(folder.path());
    let ps = azora.json(folder.path(), &["ps"]);
    let memory = &ps["limits"]["leak"][0];
    assert_eq!(memory["wanted"], "64 MB", "{ps:#}");
    assert_eq!(memory["held"], true, "{ps:#}");
    if !memory["by"]
        .as_str()
        .is_some_and(|by| by.starts_with("its control group"))
    {
        println!("no control group holds memory here: {}", memory["by"]);
        return;
    }
    let calm = azora.instance(folder.path(), "calm.0");
    fs::write(folder.path().join("go"), "").expect("the folder can be written to");
    let leak = azora.until(folder.path(), "leak.0", "given up", |leak| {
        leak.state == "quarantined"
    });
    let said = "out of memory (limit 64 MB)";
    assert!(leak.reason.contains(said), "{}", leak.reason);
    let incident = until("the incident", || azora.incidents().first().cloned());
    assert!(
        incident["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains(said)),
        "{incident:#}"
    );
    assert_eq!(
        azora.instance(folder.path(), "calm.0").pid,
        calm.pid,
        "the other one, with a limit of its own, was left alone"
    );
}

#[test]
fn a_stop_command_ends_what_no_signal_would() {
    let folder = Folder::with(
        r#"
[service.deaf]
run = "puppet ignore-term until stop"
stop = { command = "touch stop", grace = "60s" }

[service.stubborn]
run = "puppet ignore-term hang"
stop = { command = "sh -c 'echo nobody listens; exit 3'", grace = "4s" }
"#,
    );
    let azora = Azora::new();
    azora.up(folder.path());
    azora.ok(folder.path(), &["stop", "deaf"]);
    assert!(folder.path().join("stop").exists());
    // What it waits for is to be seen while it waits.
    let stop = azora
        .command(folder.path(), &["stop", "stubborn"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let mut stop = stop.expect("azora can be run");
    let pid = azora.instance(folder.path(), "stubborn.0").pid;
    azora.until(
        folder.path(),
        "stubborn.0",
        "named while it lives on",
        |one| {
            one.reason.contains(&format!("waits for pid {pid} puppet"))
                && one.reason.contains("SIGKILL follows in")
        },
    );
    azora.until(folder.path(), "stubborn.0", "stopped", |one| {
        one.state == "stopped"
    });
    assert!(stop.wait().expect("it is our child").success());
}
