//! Networks, ports, volumes, limits, health and what runs in a container for a moment.

use crate::bench::{Bench, LONG, instance};
use driver::{ExecOutcome, SecretText};
use driver_docker::{
    Attachment, Checked, Event, Exec, Health, HealthWord, Limits, Mount, Network, Published,
    Secret, Volume, network_name,
};
use model::{ExitStatus, Generation};
use std::net::TcpStream;
use std::time::Duration;
use testkit::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_published_port_is_on_loopback_and_down_takes_network_and_container_but_no_volume() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let network = network_name(&bench.cluster);
    for _ in 0..2 {
        let wanted = Network {
            name: network.clone(),
            ..Network::default()
        };
        bench.driver.network(&bench.cluster, wanted).await.unwrap();
        let volume = Volume {
            name: "azora-data".into(),
            ..Volume::default()
        };
        bench.driver.volume(&bench.cluster, volume).await.unwrap();
    }
    let free = free_port();
    let mut spec = bench.spec(&["sole", "/data/lock", "hang"]);
    spec.network_mode = None;
    spec.networks = vec![Attachment {
        network: network.clone(),
        aliases: vec!["web".into()],
        ..Attachment::default()
    }];
    spec.ports = vec![Published::tcp(free, 80)];
    spec.mounts = vec![
        Mount::Volume {
            name: Some("azora-data".into()),
            target: "/data".into(),
            read_only: false,
            nocopy: false,
            subpath: None,
            labels: Default::default(),
        },
        Mount::Tmpfs {
            target: "/scratch".into(),
            size: Some(1 << 20),
            mode: None,
            read_only: false,
        },
    ];
    bench.run("a", 1, spec).await;
    let reached = || TcpStream::connect(("127.0.0.1", free)).is_ok();
    assert!(testkit::eventually_async(LONG, reached).await);
    let ports = &bench.inspect("a").unwrap()["NetworkSettings"]["Ports"]["80/tcp"];
    assert_eq!(ports[0]["HostIp"], "127.0.0.1");
    assert_eq!(bench.made.left(), [1, 1, 1]);
    let aliases = &bench.inspect("a").unwrap()["NetworkSettings"]["Networks"][&network]["Aliases"];
    assert!(
        aliases.as_array().unwrap().contains(&"web".into()),
        "{aliases}"
    );

    bench.driver.clear(&bench.cluster).await.unwrap();
    assert_eq!(bench.made.left(), [0, 0, 1], "volumes stay");
    let volumes = bench.driver.volumes(&bench.cluster).await.unwrap();
    assert_eq!(volumes, ["azora-data"]);
    // Only who names it removes it, and only what is this cluster's.
    let stranger = "other-0a1b2c3d".parse().unwrap();
    let refused = bench.driver.remove_volume(&stranger, "azora-data").await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("not this cluster's")
    );
    bench
        .driver
        .remove_volume(&bench.cluster, "azora-data")
        .await
        .unwrap();
    assert_eq!(bench.made.left(), [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_its_own_files_outlives_a_restart_but_not_another_definition() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    // `count` keeps the line it has come to in a file.
    let mut spec = bench.spec(&["count", "/tmp/state", "5"]);
    bench.run("a", 1, spec.clone()).await;
    bench.said("a", "line 10").await;
    let id = bench.inspect("a").unwrap()["Id"].clone();
    let stop = driver_docker::ContainerStop {
        command: None,
        signal: Some("SIGKILL".into()),
        grace: LONG,
    };
    bench
        .driver
        .stop(&bench.cluster, &instance("a"), model::Generation(1), stop);
    assert_eq!(bench.exited().await.1, ExitStatus::Signal(9));
    bench.run("a", 2, spec.clone()).await;
    assert_eq!(bench.inspect("a").unwrap()["Id"], id, "the same container");
    let changes = format!("/containers/{}/changes", id.as_str().unwrap());
    let files = bench.made.json("GET", &changes).unwrap().to_string();
    assert!(files.contains("/tmp/state"), "{files}");
    bench
        .driver
        .remove(&bench.cluster, &instance("a"))
        .await
        .unwrap();
    assert_eq!(bench.exited().await.1, ExitStatus::Signal(9));
    spec.env.insert("NEW".into(), "1".into());
    bench.run("a", 3, spec).await;
    assert_ne!(bench.inspect("a").unwrap()["Id"], id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_network_was_made_again_is_made_again_with_its_volumes() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let name = network_name(&bench.cluster);
    let network = || Network {
        name: name.clone(),
        ..Network::default()
    };
    bench
        .driver
        .network(&bench.cluster, network())
        .await
        .unwrap();
    let mut spec = bench.spec(&["count", "/data/state", "5"]);
    spec.network_mode = None;
    spec.networks = vec![Attachment {
        network: name.clone(),
        ..Attachment::default()
    }];
    spec.mounts = vec![Mount::Volume {
        name: None,
        target: "/data".into(),
        read_only: false,
        nocopy: false,
        subpath: None,
        labels: Default::default(),
    }];
    bench.run("a", 1, spec.clone()).await;
    bench.said("a", "line 10").await;
    let before = bench.inspect("a").unwrap();
    let stop = driver_docker::ContainerStop {
        command: None,
        signal: Some("SIGKILL".into()),
        grace: LONG,
    };
    bench
        .driver
        .stop(&bench.cluster, &instance("a"), Generation(1), stop);
    bench.exited().await;
    let path = format!("/networks/{name}");
    let gone = bench.made.daemon.ask("DELETE", &path, &[]).unwrap();
    assert!(gone.starts_with("HTTP/1.1 204"), "{gone}");
    bench
        .driver
        .network(&bench.cluster, network())
        .await
        .unwrap();

    bench.run("a", 2, spec).await;
    let after = bench.inspect("a").unwrap();
    assert_ne!(after["Id"], before["Id"]);
    let volume = &before["Mounts"][0]["Name"];
    assert!(volume.is_string(), "{before}");
    assert_eq!(&after["Mounts"][0]["Name"], volume);
    let log = bench.log("a");
    let told = |line: &str| line.starts_with("azora: ") && line.ends_with("it is made anew");
    assert!(log.lines().any(told), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory_is_told_with_its_limit() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut spec = bench.spec(&["leak", "200000000", "hang"]);
    spec.limits = Limits {
        memory: Some(32 << 20),
        cpu: Some(500),
        processes: Some(64),
        files: Some(256),
    };
    bench.run("a", 1, spec).await;
    let out = ExitStatus::OutOfMemory {
        limit: Some(32 << 20),
        code: None,
    };
    assert_eq!(bench.exited().await.1, out);
    let host = &bench.inspect("a").unwrap()["HostConfig"];
    assert_eq!(host["NanoCpus"], 500_000_000);
    assert_eq!(host["PidsLimit"], 64);
    assert_eq!(host["Ulimits"][0]["Soft"], 256);
    assert_eq!(host["RestartPolicy"]["Name"], "no");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemons_health_check_is_heard_when_it_changes() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut spec = bench.spec(&["hang"]);
    spec.health = Health::Check {
        test: Some(words(&["CMD", "/puppet", "until", "/tmp/ok"])),
        interval: Some(Duration::from_millis(100)),
        timeout: Some(Duration::from_millis(200)),
        retries: Some(1),
        start_period: None,
        start_interval: None,
    };
    bench.run("a", 1, spec).await;
    // How long it may take until it is known not to be well, by what the daemon was told.
    let checked = bench.driver.health(&bench.cluster, &instance("a")).await;
    assert!(
        matches!(&checked, Ok(Checked::Says { takes, .. }) if takes.as_millis() == 300),
        "{checked:?}"
    );
    let run = async |bench: &Bench, argv: &[&str], limit| {
        let exec = Exec {
            argv: words(argv),
            ..Exec::default()
        };
        let instance = instance("a");
        bench
            .driver
            .exec(&bench.cluster, &instance, exec, limit)
            .await
    };
    let mut heard = Vec::new();
    let mut hear = async |bench: &mut Bench, wanted| {
        while heard.last() != Some(&wanted) {
            if let Event::Health { word, .. } = bench.event().await {
                heard.push(word);
            }
        }
    };
    hear(&mut bench, HealthWord::Unhealthy).await;
    let made = run(
        &bench,
        &["/puppet", "sole", "/tmp/ok", "print", "made"],
        LONG,
    )
    .await;
    assert!(
        matches!(&made, ExecOutcome::Exit { said, .. } if said == "made"),
        "{made:?}"
    );
    hear(&mut bench, HealthWord::Healthy).await;
    let changes = [
        HealthWord::Starting,
        HealthWord::Unhealthy,
        HealthWord::Healthy,
    ];
    assert!(
        changes.ends_with(&heard) && heard.len() >= 2,
        "only changes: {heard:?}"
    );
    // While one goes on that was not waited for, nothing else is run: it would pile up.
    let short = Duration::from_millis(100);
    let hung = run(&bench, &["/puppet", "hang"], short).await;
    assert_eq!(hung, ExecOutcome::TimedOut);
    let next = run(&bench, &["/puppet", "exit", "0"], LONG).await;
    assert_eq!(next, ExecOutcome::TimedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_run_in_it_is_told_and_what_it_uses_is_counted() {
    for engine in [Engine::Docker, Engine::Podman] {
        let Some(mut bench) = Bench::new(engine).await else {
            return;
        };
        let spec = bench.spec(&["leak", "10000000", "hang"]);
        bench.run("a", 1, spec).await;
        bench.said("a", "leaked 10000000").await;
        let exec = async |argv: &[&str], env: &[(&str, &str)]| {
            let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            let exec = Exec {
                argv: words(argv),
                env: env.collect(),
                ..Exec::default()
            };
            bench
                .driver
                .exec(&bench.cluster, &instance("a"), exec, LONG)
                .await
        };
        let said = exec(
            &["/puppet", "print", "x", "env", "A", "exit", "3"],
            &[("A", "1")],
        )
        .await;
        let status = ExitStatus::Code(3);
        let wanted = ExecOutcome::Exit {
            status,
            said: "A=1".into(),
        };
        assert_eq!(said, wanted, "{engine:?}");
        let absent = exec(&["/nothing-is-here"], &[]).await;
        let named =
            matches!(&absent, ExecOutcome::NotFound(why) if why.contains("nothing-is-here"));
        // Podman may have only the code.
        let code =
            matches!(&absent, ExecOutcome::Exit { status, .. } if *status == ExitStatus::Code(127));
        assert!(
            named || engine == Engine::Podman && code,
            "{engine:?}: {absent:?}"
        );
        let usage = bench
            .driver
            .usage(&bench.cluster, &instance("a"))
            .await
            .unwrap()
            .unwrap();
        assert!(usage.memory >= 10_000_000, "{engine:?}: {usage:?}");
        assert!(
            usage.processes >= 1 && usage.cpu > Duration::ZERO,
            "{engine:?}: {usage:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_named() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut spec = bench.spec(&["hang"]);
    spec.image = "localhost/nobody-has-this".into();
    bench.start("a", 1, spec);
    let (error, retry) = bench.refused().await;
    assert!(
        error.contains("there is no image localhost/nobody-has-this"),
        "{error}"
    );
    assert!(!retry);
    let mut spec = bench.spec(&["hang"]);
    spec.mounts = vec![Mount::Bind {
        source: "/nothing-is-here".into(),
        target: "/x".into(),
        read_only: true,
        create: false,
        propagation: None,
        selinux: None,
        recursive: None,
    }];
    bench.start("a", 2, spec);
    let (error, _) = bench.refused().await;
    assert!(error.contains("/nothing-is-here"), "{error}");
    assert_eq!(bench.made.left(), [0, 0, 0]);
}

#[expect(
    clippy::disallowed_methods,
    reason = "a port that nobody has is found by having it"
)]
fn free_port() -> u16 {
    let held = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    held.local_addr().unwrap().port()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_start_was_given_is_known_and_no_secret_is_written_down() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut spec = bench.spec(&["hang"]);
    spec.env.insert("WHERE".into(), "here".into());
    let secret = Secret {
        text: SecretText::new("open sesame".into()),
        fingerprint: "0123".into(),
    };
    spec.secrets.insert("WORD".into(), secret);
    bench.run("a", 3, spec).await;
    let known = || driver_docker::given(&bench.layout, &bench.cluster, &instance("a"));
    let given = known().unwrap();
    assert_eq!(given.generation, Generation(3));
    assert_eq!(given.env["WHERE"], "here");
    assert_eq!(given.secrets["WORD"], "0123");
    assert_eq!(given.origins["WHERE"], "azora.toml:7");
    let folder = bench.layout.run(&bench.cluster, &instance("a"));
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        assert!(!text.contains("sesame"), "{}", file.path().display());
    }
    bench
        .driver
        .remove(&bench.cluster, &instance("a"))
        .await
        .unwrap();
    assert_eq!(known(), None);
}
