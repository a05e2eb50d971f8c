//! What services say by `sd_notify`: heard by their shim, whoever is there, and from nobody else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance};
use driver::{Happened, Launch, Told};
use model::{ExitStatus, Generation};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

impl Bench {
    /// A puppet that is told where to say how it is.
    fn notifier(&self, name: &str, generation: u64, words: &[&str]) -> Launch {
        let mut launch = Launch {
            notify: true,
            ..self.launch(name, generation, words)
        };
        let socket = self.layout.notify(&self.cluster, &instance(name), false);
        launch.env.insert("NOTIFY_SOCKET".to_owned(), socket);
        launch
    }

    async fn told(&mut self) -> (u64, Told) {
        match self.next().await {
            Happened::Told {
                generation: Generation(generation),
                told,
                ..
            } => (generation, told),
            other => panic!("expected a word, got {other:?}"),
        }
    }
}

fn status(text: &str) -> Told {
    Told::Status(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_says_is_told_in_order_and_begins_anew_with_each_start() {
    let mut bench = Bench::new();
    let words = [
        "notify",
        "STATUS=reading\t7 of 9+UNKNOWN=1+no equals sign+READY=0",
        "notify",
        "EXTEND_TIMEOUT_USEC=5000000+READY=1+STATUS=serving",
        "notify",
        "RELOADING=1",
        "notify",
        "WATCHDOG=1",
        "notify",
        "STOPPING=1",
        "exit",
        "3",
    ];
    for generation in [1, 2] {
        bench
            .driver
            .start(bench.notifier("a.0", generation, &words));
        bench.started().await;
        let said = [
            status("reading 7 of 9"),
            Told::Extend(5_000_000),
            Told::Ready,
            status("serving"),
            Told::Reloading,
            Told::Alive,
            Told::Stopping,
        ];
        for word in said {
            assert_eq!(bench.told().await, (generation, word));
        }
        assert_eq!(bench.exited().await, ExitStatus::Code(3));
    }
    assert!(
        !bench.log("a.0").contains("not heard"),
        "{}",
        bench.log("a.0")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_no_engine_is_there_is_told_to_the_next_one() {
    let mut bench = Bench::new();
    let go = bench.home.path().join("go");
    let go_on = go.to_string_lossy().into_owned();
    let words = [
        "until",
        &go_on,
        "notify",
        "STATUS=up+READY=1+WATCHDOG=1",
        "print",
        "said",
        "hang",
    ];
    bench.driver.start(bench.notifier("a.0", 1, &words));
    let pid = bench.started().await;
    let cluster = bench.cluster.clone();
    let (home, layout) = bench.dies();
    std::fs::write(&go, "").unwrap();
    let log = layout.log(&cluster, &instance("a.0"));
    let said = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("said"));
    assert!(testkit::eventually_async(LONG, said).await);
    let mut bench = Bench::on(home);
    let found = bench.driver.adopt(&cluster).await;
    assert_eq!(found[0].outcome, Ok(pid));
    assert_eq!(bench.told().await, (1, Told::Ready));
    assert_eq!(bench.told().await, (1, status("up")));
    bench.stop("a.0", 1, Duration::from_secs(5));
    bench.exited().await;
}

/// Its shim is killed while no engine is there: that it was ready is on record.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_outlives_the_shim() {
    let mut bench = Bench::new();
    let launch = bench.notifier("a.0", 1, &["notify", "READY=1", "hang"]);
    bench.driver.start(launch);
    let pid = bench.started().await;
    assert_eq!(bench.told().await, (1, Told::Ready));
    let shim = bench.shim("a.0");
    let cluster = bench.cluster.clone();
    let mut bench = {
        let (home, _) = bench.dies();
        common::kill(shim, rustix::process::Signal::KILL);
        assert!(testkit::eventually_async(LONG, || !common::lives(shim)).await);
        Bench::on(home)
    };
    let found = bench.driver.adopt(&cluster).await;
    assert_eq!((found[0].outcome, found[0].shim_lost), (Ok(pid), true));
    assert_eq!(bench.told().await, (1, Told::Ready));
    bench.stop("a.0", 1, Duration::ZERO);
    bench.exited().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_descends_from_the_service_is_heard() {
    let mut bench = Bench::new();
    let go = bench.home.path().join("go").to_string_lossy().into_owned();
    // A child of a child that lives says it too, and one that was given away by its parent.
    let words = [
        "print",
        "here",
        "until",
        &go,
        "beside",
        "notify,STATUS=by a child,hang",
    ];
    bench.driver.start(bench.notifier("a.0", 1, &words));
    bench.started().await;
    bench.said("a.0", "here").await;
    let socket = bench.layout.notify(&bench.cluster, &instance("a.0"), false);
    // This process is its engine and no part of it, whatever it says it is.
    let stranger = UnixDatagram::unbound().unwrap();
    let main = std::process::id();
    let lie = format!("READY=1\nSTATUS=I am it\nMAINPID={main}");
    stranger.send_to(lie.as_bytes(), &socket).unwrap();
    std::fs::write(&go, "").unwrap();
    assert_eq!(bench.told().await, (1, status("by a child")));
    bench.stop("a.0", 1, Duration::ZERO);
    bench.exited().await;
    bench.nothing_left().await;
}

/// A helper says its word and ends, and its parent has seen that, before the shim comes to read it.
#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_has_ended_already_is_heard_and_another_users_is_not() {
    let mut bench = Bench::new();
    let go = bench.home.path().join("go").to_string_lossy().into_owned();
    let words = [
        "print",
        "here",
        "until",
        &go,
        "beside",
        "notify,READY=1",
        "print",
        "said",
        "hang",
    ];
    bench.driver.start(bench.notifier("a.0", 1, &words));
    bench.started().await;
    bench.said("a.0", "here").await;
    let shim = bench.shim("a.0");
    common::kill(shim, rustix::process::Signal::STOP);
    std::fs::write(&go, "").unwrap();
    bench.said("a.0", "said").await;
    common::kill(shim, rustix::process::Signal::CONT);
    assert_eq!(bench.told().await, (1, Told::Ready));
    bench.stop("a.0", 1, Duration::ZERO);
    bench.exited().await;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // The service is another user's, and one of ours that is gone has said it.
    let address = bench.layout.notify(&bench.cluster, &instance("b.0"), true);
    let puppet = testkit::program_for_others("puppet", bench.home.id());
    let mut launch = bench.notifier("b.0", 1, &["print", "here", "hang"]);
    launch.argv[0] = puppet.to_string_lossy().into_owned();
    launch.user = Some("65534".to_owned());
    launch
        .env
        .insert("NOTIFY_SOCKET".to_owned(), address.clone());
    bench.driver.start(launch);
    bench.started().await;
    bench.said("b.0", "here").await;
    let shim = bench.shim("b.0");
    common::kill(shim, rustix::process::Signal::STOP);
    let said = std::process::Command::new(&puppet)
        .args(["notify", "READY=1"])
        .env("NOTIFY_SOCKET", address)
        .status();
    std::fs::remove_file(puppet).unwrap();
    assert!(said.unwrap().success());
    common::kill(shim, rustix::process::Signal::CONT);
    // What it says and does itself comes after it.
    bench.stop("b.0", 1, Duration::ZERO);
    bench.exited().await;
}

/// Without pause: the engine hears some, what holds at last, and its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_speaks_without_pause_floods_nobody() {
    let mut bench = Bench::new();
    let words = [
        "notify",
        "READY=1",
        "notify-on",
        "0",
        "WATCHDOG=1+STATUS=again",
    ];
    bench.driver.start(bench.notifier("a.0", 1, &words));
    bench.started().await;
    assert_eq!(bench.told().await, (1, Told::Ready));
    let mut words = 0;
    let listening = async {
        loop {
            let (_, told) = bench.told().await;
            assert!(matches!(told, Told::Alive | Told::Status(_) | Told::Ready));
            words += 1;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_millis(2_500), listening)
            .await
            .is_err()
    );
    // 20 and 5 a second, and what was held back after each.
    assert!((10..=120).contains(&words), "{words} words");
    bench.stop("a.0", 1, Duration::ZERO);
    loop {
        if let Happened::Exited { .. } = bench.next().await {
            break;
        }
    }
}

/// A home whose paths are longer than the address of a socket.
#[tokio::test(flavor = "multi_thread")]
async fn deep_homes_have_names_instead_of_paths() {
    let deep = testkit::Home::new();
    let layout = driver::Layout::new(deep.path().join("d".repeat(100)));
    let address = layout.notify(&common::cluster(), &instance("a.0"), false);
    assert!(
        address.starts_with("@azora/") && address.len() < 100,
        "{address}"
    );
    let near = driver::Layout::new(deep.path());
    let path = near.notify(&common::cluster(), &instance("a.0"), false);
    assert!(path.ends_with("/a.0/notify"), "{path}");
    // Another user may not look into the home.
    let mut bench = Bench::new();
    let address = bench.layout.notify(&bench.cluster, &instance("b.0"), true);
    assert!(address.starts_with('@'), "{address}");
    let mut launch = bench.notifier("b.0", 1, &["notify", "READY=1", "hang"]);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let puppet = testkit::program_for_others("puppet", bench.home.id());
    launch.argv[0] = puppet.to_string_lossy().into_owned();
    launch.user = Some("65534".to_owned());
    launch.env.insert("NOTIFY_SOCKET".to_owned(), address);
    bench.driver.start(launch);
    bench.started().await;
    std::fs::remove_file(puppet).unwrap();
    assert_eq!(bench.told().await, (1, Told::Ready));
    bench.stop("b.0", 1, Duration::ZERO);
    bench.exited().await;
}
