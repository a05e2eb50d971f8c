//! The environment of services with real processes: layers, secrets, hooks, drift.

use crate::stage::{PATIENCE, config, me};
use engine::{Engine, Handle, IncidentFilter, Up, UpStarted};
use model::view::{Code, EnvView, VariableView};
use model::{ClusterId, EventKind, State};
use std::fs;
use std::path::{Path, PathBuf};
use testkit::{Home, eventually_async, program};

struct Stack {
    /// Dropped, it would end.
    _engine: Engine,
    handle: Handle,
    folder: PathBuf,
    home: Home,
}

impl Stack {
    async fn new(definition: &str, files: &[(&str, &str)]) -> Stack {
        let home = Home::new();
        let folder = home.path().join("folders/one");
        fs::create_dir_all(&folder).unwrap();
        let engine = Engine::start(config(&home)).await.unwrap();
        let stack = Stack {
            handle: engine.handle(),
            _engine: engine,
            folder,
            home,
        };
        stack.write(spec::FILE, definition);
        for (name, text) in files {
            stack.write(name, text);
        }
        stack
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(
            path,
            text.replace("PUPPET", program("puppet").to_str().unwrap()),
        )
        .unwrap();
    }

    async fn begin_up(&self) -> UpStarted {
        let env = ["PATH", "HOME"].map(|name| {
            let value = std::env::var(name).unwrap_or_else(|_| "/".into());
            (name.to_owned(), value)
        });
        let up = Up {
            folder: self.folder.clone(),
            file: None,
            trust: true,
            choice: Default::default(),
            risks: Vec::new(),
            env: Some(env.into()),
        };
        self.handle.up(me(), up, String::new()).await.unwrap()
    }

    async fn up(&self) -> UpStarted {
        let started = self.begin_up().await;
        let settled = self.handle.wait(started.act, PATIENCE).await.unwrap();
        assert!(settled.settled && settled.failed.is_empty(), "{settled:?}");
        started
    }

    fn log(&self, cluster: &ClusterId, instance: &str) -> String {
        let log = self.home.path().join("logs").join(cluster.as_str());
        fs::read_to_string(log.join(instance).join("log")).unwrap_or_default()
    }

    async fn said(&self, cluster: &ClusterId, instance: &str, text: &str) {
        let said = || self.log(cluster, instance).contains(text);
        assert!(
            eventually_async(PATIENCE, said).await,
            "no {text:?} in {:?}",
            self.log(cluster, instance)
        );
    }

    fn status(&self, cluster: &ClusterId, instance: &str) -> model::InstanceStatus {
        let picture = self.handle.snapshot();
        let all = &picture.instances[cluster];
        all.iter()
            .find(|one| one.instance.to_string() == instance)
            .unwrap()
            .clone()
    }

    async fn env(&self, cluster: &ClusterId, instance: &str) -> EnvView {
        let instance = instance.parse().unwrap();
        self.handle.env(cluster.clone(), instance).await.unwrap()
    }
}

fn variable<'v>(view: &'v EnvView, name: &str) -> &'v VariableView {
    view.variables.iter().find(|one| one.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_env_file_drifts_until_up_restarts_whom_it_concerns() {
    let stack = Stack::new(
        r#"[service.a]
run = "PUPPET env LEVEL hang"
[service.b]
run = "PUPPET env LEVEL hang"
env = { LEVEL = "own" }
"#,
        &[(".env", "# how much is said\nLEVEL=low\n")],
    )
    .await;
    let cluster = stack.up().await.cluster;
    stack.said(&cluster, "a.0", "LEVEL=low").await;
    stack.said(&cluster, "b.0", "LEVEL=own").await;
    let view = stack.env(&cluster, "a.0").await;
    let level = variable(&view, "LEVEL");
    assert_eq!(
        (level.value.as_deref(), level.from.as_str()),
        (Some("low"), ".env:2")
    );
    assert_eq!(variable(&view, "HOME").from, "terminal");
    for own in ["PYTHONUNBUFFERED", "PATH", "AZORA_SERVICE"]
        .iter()
        .chain(&driver::MARKS)
    {
        assert_eq!(variable(&view, own).from, "azora", "{own}");
    }
    assert_eq!((view.differs, view.running), (0, true));
    let own = stack.env(&cluster, "b.0").await;
    assert_eq!(variable(&own, "LEVEL").from, "azora.toml:5");

    stack.write(".env", "LEVEL=high\nMORE=yes\n");
    let view = stack.env(&cluster, "a.0").await;
    let now = variable(&view, "LEVEL").now.as_ref().unwrap();
    assert_eq!(
        (now.value.as_deref(), now.from.as_str()),
        (Some("high"), ".env:1")
    );
    assert_eq!(variable(&view, "MORE").value, None);
    assert_eq!(view.differs, 2);
    let marks = || {
        let drift = |instance| stack.status(&cluster, instance).marks.drift;
        [drift("a.0"), drift("b.0")]
    };
    let words = |text: &str| Some(text.to_owned());
    let drifted = [
        words("2 variables differ; restart to apply"),
        words("1 variable differs; restart to apply"),
    ];
    assert!(
        eventually_async(PATIENCE, || marks() == drifted).await,
        "{:?}",
        marks()
    );

    stack.write(".env", "LEVEL=high\n");
    let pid = stack.status(&cluster, "b.0").pid;
    let changes = stack.up().await.changes;
    assert_eq!(changes, ["a: env LEVEL changed in .env"]);
    stack.said(&cluster, "a.0", "LEVEL=high").await;
    assert_eq!(
        stack.status(&cluster, "b.0").pid,
        pid,
        "b was restarted for nothing"
    );
    assert!(
        eventually_async(PATIENCE, || marks() == [None, None]).await,
        "{:?}",
        marks()
    );

    // A file that became unreadable is shown, with what it can still be compared with.
    stack.write(".env", "LEVEL='high\n");
    let view = stack.env(&cluster, "a.0").await;
    assert!(
        view.problem
            .unwrap()
            .contains(".env:1:7: a quote is not closed")
    );
    stack.handle.shutdown(me(), false, String::new()).await;
    assert_eq!(stack.home.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_env_file_is_shown_with_line_and_caret_and_nothing_runs() {
    let definition = "[cluster]\nenv_files = [\"prod.env\"]\n[service.a]\nrun = \"PUPPET hang\"\n";
    let stack = Stack::new(definition, &[]).await;
    let up = || Up {
        folder: stack.folder.clone(),
        file: None,
        trust: true,
        choice: Default::default(),
        risks: Vec::new(),
        env: None,
    };
    let person = || me();
    let missing = stack
        .handle
        .up(person(), up(), String::new())
        .await
        .unwrap_err();
    assert_eq!(missing.code(), Code::Definition);
    let said = missing.story();
    assert!(
        said.contains("there is no such file") && said.contains("azora.toml:2:14"),
        "{said}"
    );
    stack.write("prod.env", "A=\"open\n");
    let broken = stack
        .handle
        .up(person(), up(), String::new())
        .await
        .unwrap_err()
        .story();
    assert!(
        broken.contains("─[prod.env:1:3]") && broken.contains('^'),
        "{broken}"
    );
    stack.write("prod.env", "A=1\n");
    stack.up().await;
    stack.handle.shutdown(me(), false, String::new()).await;
}

/// Every file below a folder that has one of these texts in it, the logs of services aside.
fn holding(folder: &Path, texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("logs") || path.ends_with("folders") {
            continue;
        }
        if path.is_dir() {
            found.extend(holding(&path, texts));
        } else if let Ok(bytes) = fs::read(&path) {
            let holds = |text: &&str| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            };
            found.extend(
                texts
                    .iter()
                    .filter(|text| holds(text))
                    .map(|text| format!("{text} in {}", path.display())),
            );
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_is_anywhere_but_in_the_service() {
    const FILE: &str = "canary-of-the-file";
    const COMMAND: &str = "canary-of-the-command";
    let stack = Stack::new(
        r#"[service.a]
run = "PUPPET env DB env TOKEN hang"
secrets = { DB = { file = "secrets/db" }, TOKEN = { command = "cat secrets/token" } }
before_start = "sh -c 'echo $DB $TOKEN; test -e passed || { touch passed; exit 1; }'"
after_ready = "sh -c 'echo $DB $TOKEN; exit 1'"
health = { exec = "sh -c 'echo $DB $TOKEN; exit 1'", every = "50ms", fail = 1000 }
ready = { exec = "sh -c 'test -n $DB'" }
"#,
        &[
            ("secrets/db", "canary-of-the-file\n"),
            ("secrets/token", "canary-of-the-command\n"),
        ],
    )
    .await;
    let started = stack.begin_up().await;
    let cluster = started.cluster;
    // The first before_start fails, and healing's start succeeds.
    stack
        .said(
            &cluster,
            "a.0",
            "DB=canary-of-the-file\nTOKEN=canary-of-the-command",
        )
        .await;
    let picture = || serde_json::to_string(&stack.handle.snapshot()).unwrap();
    let told = || {
        let picture = picture();
        let words = [
            "before_start exited with code 1: ••• •••",
            "after_ready exited with code 1: ••• •••",
            "••• •••\",\"latency_us",
        ];
        words.iter().all(|words| picture.contains(words))
    };
    assert!(eventually_async(PATIENCE, told).await, "{}", picture());
    let env = stack.env(&cluster, "a.0").await;
    let token = variable(&env, "TOKEN");
    assert!(token.secret && token.value.as_ref().unwrap().starts_with("(secret "));
    assert_eq!(token.from, "azora.toml:3");
    assert_eq!(env.differs, 0);

    // The next engine has to read them anew to ask its probe.
    stack.handle.shutdown(me(), true, String::new()).await;
    let next = Engine::start(config(&stack.home)).await.unwrap();
    let handle = next.handle();
    let asked = || {
        let pulses = handle.snapshot().pulses;
        let pulse = pulses
            .get(&cluster)
            .and_then(|all| all.values().next().cloned());
        pulse
            .and_then(|pulse| pulse.health)
            .is_some_and(|seen| seen.detail.contains("•••"))
    };
    assert!(eventually_async(PATIENCE, asked).await);

    // A secret that is another now is drift; its values are not told either.
    stack.write("secrets/db", "canary-of-the-new-file");
    let env = handle
        .env(cluster.clone(), "a.0".parse().unwrap())
        .await
        .unwrap();
    let db = variable(&env, "DB");
    assert_ne!(db.now.as_ref().unwrap().value, db.value);
    assert_eq!(env.differs, 1);

    let all = IncidentFilter {
        limit: 1_000,
        ..IncidentFilter::default()
    };
    let shown = [
        serde_json::to_string(&handle.snapshot()).unwrap(),
        serde_json::to_string(&env).unwrap(),
        serde_json::to_string(&handle.recent_events(1_000).await.unwrap()).unwrap(),
        serde_json::to_string(&handle.acts(1_000).await.unwrap()).unwrap(),
        serde_json::to_string(&handle.incidents(all).await.unwrap()).unwrap(),
    ];
    for (at, text) in shown.iter().enumerate() {
        assert!(!text.contains("canary"), "answer {at} tells: {text}");
    }
    handle.shutdown(me(), false, String::new()).await;
    assert_eq!(
        holding(stack.home.path(), &[FILE, COMMAND, "canary"]),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_there_is_named_and_tried_again() {
    let stack = Stack::new(
        r#"[service.a]
run = "PUPPET env DB hang"
secrets = { DB = { file = "secrets/db" } }
heal = { budget = "1000 per 10m", ladder = ["restart"], backoff = ["100ms"] }
[service.b]
run = "PUPPET hang"
secrets = { TOKEN = { command = "sh -c 'echo half-a-secret; echo no key >&2; exit 2'" } }
heal = { enabled = false }
"#,
        &[],
    )
    .await;
    let cluster = stack.begin_up().await.cluster;
    let reason = |instance: &str| stack.status(&cluster, instance).reason.to_string();
    let said = "could not be started: failed to read the secret DB from secrets/db: no such file or \
                directory; write the file, or name another one";
    assert!(
        eventually_async(PATIENCE, || reason("a.0").contains(said)).await,
        "{}",
        reason("a.0")
    );
    let said = "failed to read the secret TOKEN from `sh -c echo half-a-secret; echo no key >&2; exit 2`: it exited \
                with code 2: no key; run the command";
    assert!(
        eventually_async(PATIENCE, || reason("b.0").contains(said)).await,
        "{}",
        reason("b.0")
    );
    fs::create_dir(stack.folder.join("secrets")).unwrap();
    stack.write("secrets/db", "here");
    stack.said(&cluster, "a.0", "DB=here").await;
    stack.handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_around_each_start_and_end_with_it() {
    let stack = Stack::new(
        r#"[service.a]
run = "PUPPET print runs hang"
before_start = "PUPPET print before env AZORA_SERVICE"
after_ready = "PUPPET print after exit 3"
[service.slow]
run = "PUPPET hang"
before_start = { run = "PUPPET session print waits hang", timeout = "10m" }
"#,
        &[],
    )
    .await;
    let cluster = stack.begin_up().await.cluster;
    stack
        .said(&cluster, "a.0", "before\nAZORA_SERVICE=a\nruns\n")
        .await;
    let failed = || {
        let events = stack.handle.snapshot().events;
        events.iter().any(|event| {
            matches!(&event.what, EventKind::Notice { text }
                if text == "a.0 is ready and runs on, but after_ready exited with code 3: after")
        })
    };
    assert!(eventually_async(PATIENCE, failed).await);
    // What is shown follows what happens by a moment.
    let ready = || stack.status(&cluster, "a.0").state == State::Ready;
    assert!(eventually_async(PATIENCE, ready).await);

    // A stop does not wait for a hook that takes its time.
    stack.said(&cluster, "slow.0", "waits").await;
    let order = engine::Order::Stop {
        cluster: cluster.clone(),
        services: vec!["slow".parse().unwrap()],
    };
    let act = stack
        .handle
        .order(me(), order, String::new())
        .await
        .unwrap();
    let settled = stack.handle.wait(act.id, PATIENCE).await.unwrap();
    assert!(settled.settled && settled.failed.is_empty(), "{settled:?}");
    let stopped = || stack.status(&cluster, "slow.0").state == State::Stopped;
    assert!(eventually_async(PATIENCE, stopped).await);
    stack.handle.shutdown(me(), false, String::new()).await;
    assert_eq!(stack.home.processes(), Vec::<u32>::new());
}
