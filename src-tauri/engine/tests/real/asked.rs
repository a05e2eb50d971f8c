//! What a person asks for and allows when a folder is brought up.

use crate::stage::{PATIENCE, config, me};
use engine::{Engine, Order, Up};
use std::fs;
use std::net::TcpListener;
use testkit::Home;

/// Two that are free.
#[expect(clippy::disallowed_methods, reason = "it is let go at once")]
pub(crate) fn ports() -> [u16; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|one| one.local_addr().unwrap().port())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_at_is_what_would_be_run() {
    let home = Home::new();
    let folder = home.path().join("shop");
    fs::create_dir_all(&folder).unwrap();
    let text = "services: {web: {image: x, privileged: '${ROOT:-false}'}}\n";
    fs::write(folder.join("compose.yaml"), text).unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let env = [("ROOT", "true")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let shown = async |env| handle.look(folder.clone(), None, env).await.unwrap().risks;
    assert_eq!(shown(None).await, Vec::<String>::new());
    assert_eq!(
        shown(Some(env.into())).await,
        ["web has all privileges on this machine"]
    );
    handle.shutdown(me(), false, String::new()).await;
}

/// What was allowed is what was shown, and where a link leads now is not where it led then.
#[tokio::test(flavor = "multi_thread")]
async fn a_risk_is_allowed_by_its_words_and_one_that_comes_later_is_asked_for() {
    let home = Home::new();
    let folder = home.path().join("shop");
    fs::create_dir_all(folder.join("data")).unwrap();
    let link = folder.join("config");
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    let text = "[service.web]\nimage = \"web\"\nprofiles = [\"never\"]\n\
                [service.web.container]\nvolumes = [\"./config:/x\"]\n\
                [service.idle]\nrun = \"sleep 600\"\n";
    fs::write(folder.join(spec::FILE), text).unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let up = async |risks: &[&str]| {
        let up = Up {
            folder: folder.clone(),
            file: None,
            trust: true,
            choice: spec::Choice::default(),
            risks: risks.iter().map(|risk| (*risk).to_owned()).collect(),
            env: None,
        };
        match handle.up(me(), up, String::new()).await {
            Ok(_) => Vec::new(),
            Err(engine::Error::Risks(risks)) => risks,
            Err(error) => panic!("{error}"),
        }
    };
    let shown = async || handle.look(folder.clone(), None, None).await.unwrap().risks;
    let etc = "web can write /etc, outside of the project's folder";
    let usr = "web can write /usr, outside of the project's folder";
    assert_eq!(shown().await, [etc]);
    assert_eq!(up(&[]).await, [etc]);
    assert_eq!(up(&[usr]).await, [etc], "another one was shown");
    assert_eq!(up(&[etc]).await, Vec::<String>::new());
    assert_eq!(up(&[]).await, Vec::<String>::new(), "once");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/usr", &link).unwrap();
    assert_eq!(shown().await, [usr]);
    assert_eq!(up(&[]).await, [usr], "the definition is as it was");
    handle.shutdown(me(), false, String::new()).await;
}

/// A compose file is read with the profiles that are asked for, and with those of before as long as it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_a_profile_stays_while_it_runs() {
    let home = Home::new();
    let folder = home.path().join("shop");
    fs::create_dir_all(&folder).unwrap();
    let ports = ports();
    let text = format!(
        "services:\n  cpu: {{image: x, profiles: [cpu], ports: ['{port}:80']}}\n  \
         gpu: {{image: y, profiles: [gpu], ports: ['{port}:80']}}\n  web: {{image: z, ports: ['{other}:80']}}\n",
        port = ports[0],
        other = ports[1]
    );
    fs::write(folder.join("compose.yaml"), text).unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let up = async |profiles: &[&str]| {
        let up = Up {
            folder: folder.clone(),
            file: None,
            trust: true,
            choice: spec::Choice {
                profiles: profiles.iter().map(|one| (*one).to_owned()).collect(),
                ..spec::Choice::default()
            },
            risks: Vec::new(),
            env: None,
        };
        let started = handle.up(me(), up, String::new()).await.unwrap();
        let running = handle.running_definition(&started.cluster).await.unwrap();
        let exact = ["cpu", "gpu"].map(|name| running.services[name].port_exact);
        (started.cluster, exact)
    };
    let (cluster, exact) = up(&["gpu"]).await;
    assert_eq!(exact, [false, true]);
    assert_eq!(up(&[]).await.1, [false, true], "something of it runs");
    let down = Order::Down { cluster };
    handle.order(me(), down, String::new()).await.unwrap();
    assert_eq!(up(&["cpu"]).await.1, [true, false]);
    handle.shutdown(me(), false, String::new()).await;
}

/// What a person has scaled stays so, until the file says another number or it is scaled back.
#[tokio::test(flavor = "multi_thread")]
async fn a_scale_outlives_the_next_up_and_ends_with_an_edit() {
    let home = Home::new();
    let folder = home.path().join("shop");
    fs::create_dir_all(&folder).unwrap();
    let write = |more: &str| {
        let text = format!("[service.web]\nrun = \"sleep 600\"\n{more}");
        fs::write(folder.join(spec::FILE), text).unwrap();
    };
    write("");
    let mut engine = Engine::start(config(&home)).await.unwrap();
    let mut handle = engine.handle();
    let up = async |handle: &engine::Handle| {
        let up = Up {
            folder: folder.clone(),
            file: None,
            trust: true,
            choice: spec::Choice::default(),
            risks: Vec::new(),
            env: None,
        };
        let started = handle.up(me(), up, String::new()).await.unwrap();
        assert!(handle.wait(started.act, PATIENCE).await.unwrap().settled);
        let all = handle.snapshot().instances.remove(&started.cluster);
        let runs = all.unwrap().iter().filter(|one| one.pid.is_some()).count();
        (started.cluster, runs, started.changes)
    };
    let scale = async |handle: &engine::Handle, cluster: &model::ClusterId, replicas| {
        let order = Order::Scale {
            cluster: cluster.clone(),
            service: "web".parse().unwrap(),
            replicas,
        };
        let act = handle.order(me(), order, String::new()).await.unwrap();
        assert!(handle.wait(act.id, PATIENCE).await.unwrap().settled);
    };
    let (cluster, runs, _) = up(&handle).await;
    assert_eq!(runs, 1);
    scale(&handle, &cluster, 3).await;
    let told = "web: 3 instances, as it was scaled; `azora scale web=1` goes back to what its definition says";
    let (_, runs, changes) = up(&handle).await;
    assert_eq!((runs, &*changes), (3, &[told.to_owned()][..]));
    // The next engine knows it, too.
    handle.shutdown(me(), true, String::new()).await;
    drop(engine);
    engine = Engine::start(config(&home)).await.unwrap();
    handle = engine.handle();
    assert_eq!(up(&handle).await.1, 3);
    write("replicas = 2\n");
    let (_, runs, changes) = up(&handle).await;
    assert_eq!(runs, 2, "{changes:?}");
    scale(&handle, &cluster, 3).await;
    scale(&handle, &cluster, 2).await;
    let (_, runs, changes) = up(&handle).await;
    assert_eq!((runs, changes), (2, vec![]));
    handle.shutdown(me(), false, String::new()).await;
}

/// Who was stopped and who was never asked for are told apart by the next engine, too.
#[tokio::test(flavor = "multi_thread")]
async fn why_something_is_not_wanted_outlives_the_engine() {
    let home = Home::new();
    let folder = home.path().join("shop");
    fs::create_dir_all(&folder).unwrap();
    let services =
        ["api", "db", "job"].map(|name| format!("[service.{name}]\nrun = \"sleep 600\"\n"));
    fs::write(folder.join(spec::FILE), services.concat()).unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let up = Up {
        folder: folder.clone(),
        file: None,
        trust: true,
        choice: spec::Choice {
            services: vec!["api".into(), "db".into()],
            ..spec::Choice::default()
        },
        risks: Vec::new(),
        env: None,
    };
    let started = handle.up(me(), up, String::new()).await.unwrap();
    assert!(handle.wait(started.act, PATIENCE).await.unwrap().settled);
    let stop = Order::Stop {
        cluster: started.cluster.clone(),
        services: vec!["db".parse().unwrap()],
    };
    let act = handle.order(me(), stop, String::new()).await.unwrap();
    assert!(handle.wait(act.id, PATIENCE).await.unwrap().settled);
    let reasons = |handle: &engine::Handle| {
        let all = handle
            .snapshot()
            .instances
            .remove(&started.cluster)
            .unwrap();
        let of = |name: &str| {
            let one = all.iter().find(|one| one.service.as_str() == name);
            one.unwrap().reason.to_string()
        };
        [of("db"), of("job")]
    };
    let before = reasons(&handle);
    assert!(before[0].starts_with("stopped on request"), "{before:?}");
    assert!(before[1].starts_with("not asked for"), "{before:?}");
    handle.shutdown(me(), true, String::new()).await;
    drop(engine);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    assert_eq!(reasons(&handle), before);
    handle.shutdown(me(), false, String::new()).await;
}
