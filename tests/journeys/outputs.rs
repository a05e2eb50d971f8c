//! What programs read: every command that takes `--json`, held against the schema that is published.

use std::collections::BTreeSet;
use tests::folder::SMALL;
use tests::{Azora, Folder, outputs, until};

/// One that is given up at once, so that there are incidents and what comes of them.
const FLAKY: &str = r#"
[service.flaky]
run = "sh -c 'echo ERROR: gone; exit 3'"
heal = { budget = "1 per 1h" }
"#;

#[test]
fn every_command_prints_the_json_that_is_published() {
    let (azora, folder) = (Azora::new(), Folder::with(&format!("{SMALL}{FLAKY}")));
    let mut asked = BTreeSet::new();
    // What is printed is held against its schema by `run`.
    let mut ask = |at: &std::path::Path, line: &str| {
        let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let done = azora.run(at, &words);
        assert!(!done.out.is_empty(), "{line} printed nothing: {}", done.err);
        asked.insert(outputs::name(&words));
    };
    let at = folder.path();
    let cases = "[[case]]\nwho = \"agent\"\nverb = \"stop\"\nexpect = \"needs-approval\"\n";
    std::fs::write(at.join("cases.toml"), cases).expect("the folder is ours");
    for line in [
        "policy show",
        "policy check",
        "policy explain stop web --as agent",
        "policy test cases.toml",
        "status",
        "check .",
        "rehearse --faults 20",
        "up . --detach --trust",
    ] {
        ask(at, line);
    }
    until("the one that fails to be given up", || {
        (azora.instance(at, "flaky.0").state == "quarantined").then_some(())
    });
    azora.ok(at, &["hold", "api", "--for", "1h"]);
    azora.ok(at, &["mute", "web", "--for", "1h"]);
    // The first may be of more than one entry: an engine signs when it comes to it.
    let signed = azora.json(at, &["ledger", "checkpoint"])["size"].clone();
    ask(at, &format!("ledger prove --consistency {signed} {signed}"));
    let port = azora.instance(at, "web.0").port;
    for line in [
        "ps",
        "ps --all",
        "status",
        "graph",
        "env web",
        "events",
        "acts",
        "approvals",
        "agents add robot --for 1h",
        "agents",
        "incidents",
        "incident 1",
        "healed",
        "logs",
        "logs --count",
        "logs flaky --first-error",
        "mute --list",
        "webhooks",
        "security",
        "registry",
        "gateway",
        "gateway log",
        &format!("who {port}"),
        "who 1",
        "ledger show",
        "ledger verify",
        "ledger checkpoint",
        "ledger prove 1",
        "ledger export exported",
        "support --output bundle.tar.gz",
        "wait web",
        "restart web",
        "scale web=2",
        "stop web",
        "start web",
        "release flaky",
        "down",
        "resume",
        "emergency-stop --reason tried",
        "ps --all",
    ] {
        ask(at, line);
    }
    let folder = Folder::with("[service]\nrun = 1\n");
    let at = folder.path();
    ask(at, "check .");
    let manifest = r#"{"scripts":{"dev":"vite"}}"#;
    std::fs::write(at.join("package.json"), manifest).expect("the folder is ours");
    std::fs::remove_file(at.join("azora.toml")).expect("the folder is ours");
    ask(at, "init");
    std::fs::write(at.join("Procfile"), "web: sleep 1\n").expect("the folder is ours");
    ask(at, "import .");
    let missed: Vec<&str> = outputs::names()
        // Some do not end by themselves, and a hook has to be there to be tested, and an act to be approved: other
        // stories do it.
        .filter(|name| !name.ends_with("--follow") && *name != "webhooks test")
        .filter(|name| !matches!(*name, "approve" | "deny"))
        .filter(|name| !asked.contains(name))
        .collect();
    assert!(missed.is_empty(), "nobody has asked {missed:?}");
    let printed = azora.ok(at, &["schema"]);
    assert_eq!(printed.trim_end(), outputs::TEXT.trim_end());
}
