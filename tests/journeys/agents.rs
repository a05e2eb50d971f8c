//! Programs that act for a person, each with a token of its own: what the rules let them do, what the book says of it,
//! and their emergency stop.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tests::folder::SMALL;
use tests::{Azora, Done, Folder, until};

/// A home with an agent, whose token lies in a file.
struct Stage {
    azora: Azora,
    folder: Folder,
    token: PathBuf,
}

impl Stage {
    /// Its cluster runs.
    fn up(definition: &str) -> Self {
        Self::with(definition, None)
    }

    /// The same, with rules of the home's own besides the built-in ones.
    fn with(definition: &str, own: Option<&str>) -> Self {
        let (azora, folder) = (Azora::new(), Folder::with(definition));
        let at = folder.path();
        if let Some(own) = own {
            rules(&azora, at, own);
        }
        azora.up(at);
        azora.ok(at, &["agents", "add", "claude", "--write", "claude.token"]);
        let token = at.join("claude.token");
        Self {
            azora,
            folder,
            token,
        }
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    /// What the agent does.
    #[track_caller]
    fn agent(&self, words: &[&str]) -> Done {
        let token = self.token.display().to_string();
        self.azora
            .run_with(self.at(), words, &[("AZORA_TOKEN_FILE", token)])
    }

    /// What the agent does not get.
    #[track_caller]
    fn refused(&self, words: &[&str], why: &str) {
        let done = self.agent(words);
        assert_ne!(done.code, 0, "{words:?}: {done:?}");
        assert!(done.err.contains(why), "{words:?}: {}", done.err);
    }

    fn acts(&self) -> Vec<Value> {
        let acts = self.azora.json(self.at(), &["acts"]);
        acts.as_array().expect("a list").clone()
    }

    /// The processes of the services.
    fn pids(&self) -> Vec<u32> {
        let all = self.azora.instances(self.at());
        all.values().map(|one| one.pid).collect()
    }

    fn all_live(&self) -> bool {
        self.pids().into_iter().all(tests::process::lives)
    }
}

/// The built-in rules, and some of this home's own.
fn rules(azora: &Azora, at: &Path, own: &str) {
    let built_in = azora.ok(at, &["policy", "show", "--built-in"]);
    let file = azora.home().path().join("constitution.cedar");
    fs::write(file, format!("{built_in}\n{own}")).expect("the home is ours");
}

#[test]
fn an_agent_acts_as_itself_as_far_as_the_rules_go_and_until_it_is_removed() {
    let stage = Stage::up(SMALL);
    let (azora, at) = (&stage.azora, stage.at());
    let mode = fs::metadata(&stage.token)
        .expect("it was made")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let again = azora.run(at, &["agents", "add", "bob", "--write", "claude.token"]);
    assert_ne!(again.code, 0, "a file is not written over: {again:?}");
    assert_eq!(
        azora.json(at, &["agents"]).as_array().map(Vec::len),
        Some(1)
    );

    stage.agent(&["ps"]);
    let done = stage.agent(&["restart", "web", "--reason", "tried"]);
    assert_eq!(done.code, 0, "{done:?}");
    let told = azora.ok(at, &["acts", "-n", "1"]);
    assert!(told.contains("agent claude: restart web: done"), "{told}");
    let act = stage.acts().pop().expect("there are some");
    assert_eq!(act["actor"]["kind"], "agent", "{act}");
    assert_eq!(act["actor"]["via"], "claude", "{act}");
    let entries = azora.ok(at, &["ledger", "show", "--json"]);
    assert!(
        entries.contains(r#"\"actor\":{\"kind\":\"agent\",\"via\":\"claude\"}"#),
        "{entries}"
    );
    let listed = azora.json(at, &["agents"]);
    assert!(listed[0]["last_used"].is_string(), "{listed}");

    // What is a person's.
    let only = "rule never-an-agents";
    stage.refused(&["agents", "add", "bob"], only);
    stage.refused(&["agents", "remove", "claude"], only);
    stage.refused(&["env", "web"], "`env` is for persons");
    stage.refused(&["open"], "a person's token");
    stage.refused(&["serve", "--take-over"], "an agent starts no engine");
    stage.refused(&["up", ".", "--detach"], "no rule allows it");
    let elsewhere = Folder::with(SMALL);
    let there = elsewhere.path().display().to_string();
    stage.refused(
        &["up", &there, "--detach", "--trust"],
        "a person has brought up before",
    );

    // What needs a person first: the approval is for this agent and this act, and counts once.
    stage.refused(&["stop", "web"], "approval 1 has 0 of 1");
    stage.refused(&["approve", "1"], only);
    stage.refused(&["deny", "1"], only);
    stage.refused(&["stop", "web", "--approval", "1"], "approval 1 has 0 of 1");
    let waits = azora.ok(at, &["approvals"]);
    assert!(
        waits.contains("approval 1: agent claude asks for stop of web"),
        "{waits}"
    );
    azora.ok(at, &["approve", "1"]);
    let person = azora.run(at, &["stop", "api", "--approval", "1"]);
    assert_eq!(person.code, 0, "a person needs none: {person:?}");
    stage.refused(&["stop", "db", "--approval", "1"], "is for another act");
    let done = stage.agent(&["stop", "web", "--approval", "1"]);
    assert_eq!(done.code, 0, "{done:?}");
    stage.refused(&["stop", "web", "--approval", "1"], "counts once");

    let said = azora.ok(
        at,
        &["agents", "remove", "claude", "--reason", "done with it"],
    );
    assert!(said.contains("may not act any more"), "{said}");
    stage.refused(&["ps"], "does not know the agent's token");
    stage.refused(&["restart", "web"], "does not know the agent's token");
    assert_eq!(azora.json(at, &["agents"]), Value::Array(vec![]));
    // A variable that leads nowhere makes nobody a person.
    fs::remove_file(&stage.token).expect("it is ours");
    stage.refused(&["ps"], "failed to read the agent's token");
    let empty = azora.run_with(at, &["ps"], &[("AZORA_TOKEN_FILE", String::new())]);
    assert_eq!(empty.code, 2, "{empty:?}");
}

#[test]
fn a_rule_names_one_agent_and_a_token_has_its_time() {
    let own = "@id(\"bob-leaves-db\") @says(\"bob leaves the database alone\")\n\
        forbid (principal == Agent::\"bob\", action, resource is Service) when { resource.name == \"db\" };\n";
    let stage = Stage::with(SMALL, Some(own));
    let (azora, at) = (&stage.azora, stage.at());
    let out = azora.ok(at, &["agents", "add", "bob"]);
    assert!(out.trim_end().starts_with("azora-agent-"), "{out}");
    let file = at.join("bob.token");
    fs::write(&file, out).expect("the folder is ours");
    let token = file.display().to_string();
    let as_bob = |words: &[&str]| azora.run_with(at, words, &[("AZORA_TOKEN_FILE", token.clone())]);
    let refused = as_bob(&["restart", "db"]);
    assert!(refused.err.contains("rule bob-leaves-db"), "{refused:?}");
    assert_eq!(as_bob(&["restart", "web"]).code, 0);
    assert_eq!(stage.agent(&["restart", "db"]).code, 0);

    azora.ok(at, &["agents", "remove", "claude"]);
    fs::remove_file(&stage.token).expect("it is ours");
    let add = [
        "agents",
        "add",
        "claude",
        "--for",
        "1s",
        "--write",
        "claude.token",
    ];
    azora.ok(at, &add);
    until("its time to be over", || {
        let done = stage.agent(&["ps"]);
        done.err.contains("its time is over").then_some(())
    });
    let listed = azora.ok(at, &["agents"]);
    assert!(listed.contains("is over since"), "{listed}");
    assert_eq!(as_bob(&["ps"]).code, 0);
}

/// What a report of an emergency stop has to say.
fn says(report: &str, lines: [&str; 3]) {
    let text = fs::read_to_string(report).unwrap_or_else(|error| panic!("{report}: {error}"));
    for line in lines {
        assert!(
            text.lines().any(|told| told == line),
            "{line:?} is not in\n{text}"
        );
    }
}

#[test]
fn an_agents_emergency_stop_waits_for_a_person_and_is_done_once() {
    let stage = Stage::up(SMALL);
    let (azora, at) = (&stage.azora, stage.at());
    let stop = ["emergency-stop", "--reason", "it runs away"];
    stage.refused(&stop, "approval 1 has 0 of 1");
    assert!(stage.all_live());
    let waits = azora.json(at, &["approvals"]);
    let told = waits[0]["consequences"].to_string();
    for pid in stage.pids() {
        assert!(told.contains(&format!("(pid {pid}) is killed")), "{told}");
    }
    let with = [&stop[..], &["--approval", "1"]].concat();
    stage.refused(&with, "approval 1 has 0 of 1");
    azora.ok(at, &["approve", "1"]);
    let pids = stage.pids();
    let done = stage.agent(&[&with[..], &["--json"]].concat());
    assert_eq!(done.code, 0, "{done:?}");
    let said: Value = serde_json::from_str(&done.out).expect("it says what it did");
    assert_eq!(
        (&said["by"], &said["left"]),
        (&"engine".into(), &Value::Array(vec![])),
        "{said}"
    );
    assert!(!pids.into_iter().any(tests::process::lives));
    let report = said["report"].as_str().expect("there is one");
    says(
        report,
        ["by: agent claude", "reason: it runs away", "left: 0"],
    );
    let act = azora.json(at, &["acts", "-n", "1"])[0].clone();
    assert_eq!(
        (&act["verb"], &act["actor"]["via"]),
        (&"emergency-stop".into(), &"claude".into())
    );
    assert_eq!(act["outcome"]["kind"], "done", "{act}");

    azora.ok(at, &["resume"]);
    stage.refused(&with, "counts once");
    assert!(stage.all_live(), "it was done once");
}

#[test]
fn an_agents_emergency_stop_is_done_or_refused_as_the_rules_say() {
    let allows = "@id(\"agents-may-stop\") @says(\"an agent may call the emergency stop\")\n\
        permit (principal is Agent, action == Action::\"emergency-stop\", resource);\n";
    let stage = Stage::up(SMALL);
    let (azora, at) = (&stage.azora, stage.at());
    let file = azora.home().path().join("constitution.cedar");
    let people = "@id(\"people\") @says(\"a person may do everything\") permit (principal is Person, action, resource);\n";
    let stop = ["emergency-stop", "--reason", "as the rules say"];

    // No rule allows it.
    fs::write(&file, people).expect("the home is ours");
    until("the rules to hold", || {
        let done = stage.agent(&stop);
        done.err.contains("no rule allows it").then_some(())
    });
    assert!(stage.all_live());
    // They forbid it for one service that is protected.
    let protects = "@id(\"not-db\") @says(\"no agent ends the database\")\n\
        forbid (principal is Agent, action, resource is Service) when { resource.name == \"db\" };\n";
    fs::write(&file, format!("{people}{allows}{protects}")).expect("the home is ours");
    until("the rules to hold", || {
        let done = stage.agent(&stop);
        done.err.contains("rule not-db").then_some(())
    });
    assert!(stage.all_live());
    // A file that cannot be read leaves the rules from before, which refuse it.
    fs::write(&file, "permit (principal").expect("the home is ours");
    until("it to be said", || {
        let status = azora.json(at, &["status"]).to_string();
        status
            .contains("the rules from before go on to hold")
            .then_some(())
    });
    stage.refused(&stop, "rule not-db");
    assert!(stage.all_live());
    // They allow it.
    fs::write(&file, format!("{people}{allows}")).expect("the home is ours");
    let pids = stage.pids();
    let done = until("the rules to hold", || {
        let done = stage.agent(&stop);
        (done.code == 0).then_some(done)
    });
    assert!(done.out.contains("0 left"), "{done:?}");
    assert!(!pids.into_iter().any(tests::process::lives));
    let report = done
        .out
        .lines()
        .find_map(|line| line.strip_prefix("report    "));
    let report = report.expect("it names its report");
    says(
        report,
        ["by: agent claude", "reason: as the rules say", "left: 0"],
    );
    let by = azora.ok(at, &["acts", "-n", "1"]);
    assert!(
        by.contains("agent claude: emergency-stop: done") && by.contains("agents-may-stop"),
        "{by}"
    );
}

#[test]
fn an_agents_emergency_stop_is_refused_without_rules_and_without_an_engine() {
    let stage = Stage::up(SMALL);
    let (azora, at) = (&stage.azora, stage.at());
    let pids = stage.pids();
    let lives = || pids.iter().all(|pid| tests::process::lives(*pid));
    let stop = ["emergency-stop", "--reason", "none to ask"];
    let engine = azora.engine();
    tests::process::kill(engine);
    until("the engine to be gone", || {
        (!tests::process::lives(engine)).then_some(())
    });
    // Nobody asks the rules: there is no way past the engine.
    stage.refused(&stop, "there is none");
    assert!(lives());
    // An engine that begins beside rules that cannot be read has none.
    let file = azora.home().path().join("constitution.cedar");
    fs::write(&file, "permit (principal").expect("the home is ours");
    let mut engine = azora.serve_until_it_listens(at);
    stage.refused(&stop, "rule unreadable-rules");
    stage.refused(&["restart", "web"], "rule unreadable-rules");
    assert!(lives());
    // A person is not refused, and takes an agent away.
    azora.ok(at, &["agents", "remove", "claude"]);
    stage.refused(&stop, "does not know the agent's token");
    let done = azora.ok(at, &["emergency-stop", "--reason", "a person may"]);
    assert!(done.contains("0 left"), "{done}");
    assert!(!pids.iter().any(|pid| tests::process::lives(*pid)));
    engine.kill().expect("it is our child");
    engine.wait().expect("it is our child");
}
