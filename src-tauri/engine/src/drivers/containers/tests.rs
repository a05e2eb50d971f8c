//! A daemon that comes late, or answers nothing: who waits for it, and what is told when it is there.

use super::clear::{Cleared, Rest};
use super::*;
use crate::record::Going;
use driver_docker::Volume;
use std::path::Path;
use testkit::{Daemon as OfTest, Engine, Home};
use tokio::time::timeout;

/// More than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct Bench {
    containers: Arc<Containers>,
    heard: mpsc::Receiver<Event>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    home: Home,
}

impl Bench {
    fn new(socket: &Path) -> Self {
        let home = Home::new();
        let around = Surroundings {
            docker_host: Some(format!("unix://{}", socket.display())),
            ..Surroundings::default()
        };
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        let layout = Layout::new(home.path());
        let (happened, _) = mpsc::channel(1);
        let shim = testkit::program("azora-shim");
        let processes = ProcessDriver::open(layout.clone(), shim.clone(), happened).unwrap();
        let programs = shim.parent().unwrap();
        let relays = Relays::new(
            processes,
            layout.clone(),
            programs,
            tasks.clone(),
            cancel.clone(),
        );
        let (containers, heard) =
            Containers::around(around, layout, relays, tasks.clone(), cancel.clone());
        Self {
            containers,
            heard,
            tasks,
            cancel,
            home,
        }
    }

    /// One whose daemon takes what it is asked and answers nothing.
    fn silent() -> (Self, std::os::unix::net::UnixListener) {
        let home = Home::new();
        let socket = home.path().join("silent.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        (
            Self {
                home,
                ..Self::new(&socket)
            },
            listener,
        )
    }

    /// As an engine leaves it that ends between a start's intent and its container.
    fn intent(&self, cluster: &ClusterId, generation: u64, socket: &Path) {
        let folder = Layout::new(self.home.path()).run(cluster, &db());
        std::fs::create_dir_all(&folder).unwrap();
        let intent = format!(
            "{{\"generation\":{generation},\"nonce\":\"0a\",\"definition\":\"0b\",\
             \"endpoint\":\"unix://{}\",\"before\":null,\"log_keep\":null}}",
            socket.display()
        );
        std::fs::write(folder.join("container"), intent).unwrap();
    }

    async fn ended(&mut self) -> (ClusterId, Generation, ExitStatus) {
        loop {
            let event = timeout(LONG, self.heard.recv()).await;
            if let Event::Happened(Happened::Exited {
                cluster,
                generation,
                status,
                ..
            }) = event.expect("its end is told").unwrap()
            {
                return (cluster, generation, status);
            }
        }
    }
}

fn db() -> InstanceId {
    "db.0".parse().unwrap()
}

fn cluster(name: &str) -> ClusterId {
    name.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_believed_and_was_never_made_has_ended_when_the_daemon_is_back() {
    let Some(daemon) = OfTest::own(Engine::Docker) else {
        return;
    };
    daemon.kill();
    let socket = daemon.socket();
    let mut bench = Bench::new(&socket);
    let all = [cluster("one-00000001"), cluster("two-00000002")];
    for (generation, cluster) in (7..).zip(&all) {
        bench.intent(cluster, generation, &socket);
        let found = bench.containers.adopt(cluster, true).await;
        let told = found.first().map(|one| (one.generation, one.outcome));
        assert_eq!(told, Some((Generation(generation), Ok(0))));
    }
    assert!(bench.containers.lost().is_some());
    daemon.start();
    for (generation, cluster) in (7..).zip(all) {
        let ended = bench.ended().await;
        assert_eq!(
            ended,
            (cluster, Generation(generation), ExitStatus::Unknown)
        );
    }
    let back = timeout(LONG, bench.heard.recv()).await.unwrap();
    assert_eq!(back, Some(Event::DaemonBack));
    assert_eq!(bench.containers.lost(), None);
    bench.containers.close().await;
}

#[tokio::test]
async fn a_try_to_reach_the_daemon_goes_on_when_who_waits_is_called_off() {
    let (bench, _listener) = Bench::silent();
    let waits = bench.containers.driver();
    assert!(timeout(Duration::from_millis(1), waits).await.is_err());
    assert_eq!(bench.tasks.len(), 1, "it is tried");
    let waits = bench.containers.driver();
    assert!(timeout(Duration::from_millis(1), waits).await.is_err());
    assert_eq!(bench.tasks.len(), 1, "once for all who wait");
    bench.cancel.cancel();
    let waits = bench.containers.driver();
    assert!(timeout(LONG, waits).await.unwrap().is_err());
}

#[tokio::test]
async fn a_cluster_is_cleared_once_however_many_ask() {
    let (bench, _listener) = Bench::silent();
    let one = cluster("one-00000001");
    let (said, mut heard) = mpsc::channel(2);
    let clear = |number: u32| {
        let (said, containers) = (said.clone(), Arc::clone(&bench.containers));
        let own = one.clone();
        bench
            .containers
            .clear(one.clone(), Vec::new(), move |cleared| {
                let goes_on = containers.clearing.borrow().contains(&own);
                let broke_off = cleared.rest == Rest::BrokeOff;
                said.try_send((number, broke_off, goes_on)).unwrap();
            });
    };
    clear(1);
    let tasks = bench.tasks.len();
    clear(2);
    assert_eq!(
        bench.tasks.len(),
        tasks,
        "the second one waits for the first"
    );
    bench.cancel.cancel();
    for number in [1, 2] {
        let answer = timeout(LONG, heard.recv()).await.unwrap();
        assert_eq!(answer, Some((number, true, false)));
    }
    bench.containers.cleared(&one).await;
}

/// Clears at once for each of these lists of volumes: none is begun before all have asked.
async fn cleared(bench: &Bench, cluster: &ClusterId, lists: &[&[Going]]) -> Vec<Cleared> {
    let (said, mut heard) = mpsc::channel(lists.len());
    for volumes in lists {
        let said = said.clone();
        let then = move |cleared| said.try_send(cleared).unwrap();
        bench
            .containers
            .clear(cluster.clone(), volumes.to_vec(), then);
    }
    let mut all = Vec::new();
    for _ in lists {
        all.push(timeout(LONG, heard.recv()).await.unwrap().unwrap());
    }
    all
}

fn going(name: &str) -> Going {
    Going {
        name: name.to_owned(),
        unnamed: name.len() == 64,
    }
}

fn gone(removed: &[&str]) -> Cleared {
    Cleared {
        rest: Rest::Gone,
        removed: removed.iter().map(ToString::to_string).collect(),
        stay: BTreeMap::new(),
    }
}

// One thread: nothing that is spawned begins before this waits.
#[tokio::test]
async fn volumes_of_each_who_asks_go_and_are_told_once() {
    let Some(daemon) = OfTest::own(Engine::Docker) else {
        return;
    };
    let bench = Bench::new(&daemon.socket());
    let one = cluster("one-00000001");
    let driver = bench.containers.driver().await.unwrap();
    for name in ["data", "more", "stays"] {
        let volume = Volume {
            name: name.to_owned(),
            ..Volume::default()
        };
        driver.volume(&one, volume).await.unwrap();
    }
    let both = [going("data"), going("more")];
    let all = cleared(&bench, &one, &[&[], &both[..1], &both]).await;
    assert_eq!(all, [gone(&[]), gone(&["data"]), gone(&["more"])]);
    assert_eq!(driver.volumes(&one).await.unwrap(), ["stays"]);

    // Nobody else's is touched, and that is told.
    let two = cluster("two-00000002");
    let all = cleared(&bench, &two, &[&[going("stays")]]).await;
    let [one_told] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(one_told.removed, [""; 0]);
    let wrong = one_told.wrong().unwrap();
    for part in [
        "not removed: stays (",
        "it is not this cluster's",
        "`azora down --volumes`",
    ] {
        assert!(wrong.contains(part), "{wrong}");
    }
    assert_eq!(driver.volumes(&one).await.unwrap(), ["stays"]);
    bench.containers.close().await;
}

#[tokio::test]
async fn a_volume_without_a_name_goes_although_its_container_went_with_the_engine_before() {
    let Some(daemon) = OfTest::own(Engine::Docker) else {
        return;
    };
    let bench = Bench::new(&daemon.socket());
    let one = cluster("one-00000001");
    let unnamed = "0123456789abcdef".repeat(4);
    let volume = serde_json::json!({ "Name": unnamed });
    daemon.post("/volumes/create", &volume).unwrap();
    let driver = bench.containers.driver().await.unwrap();
    assert!(driver.has_volume(&unnamed).await.unwrap());
    let all = cleared(&bench, &one, &[&[going(&unnamed)]]).await;
    assert_eq!(all, [gone(&[&unnamed])]);
    assert!(!driver.has_volume(&unnamed).await.unwrap());

    // A name that is not among the cluster's is not taken for one.
    daemon.post("/volumes/create", &volume).unwrap();
    let refused = bench
        .containers
        .going(&one, true, std::slice::from_ref(&unnamed))
        .await;
    let why = refused.unwrap_err();
    assert!(why.contains("there is no volume"), "{why}");
    bench.containers.close().await;
}

#[tokio::test]
async fn without_containers_and_without_a_daemon_there_are_no_volumes() {
    let home = Home::new();
    let socket = home.path().join("nobody.sock");
    let bench = Bench::new(&socket);
    let one = cluster("one-00000001");
    assert_eq!(bench.containers.volumes(&one, false).await, Ok(Vec::new()));
    assert!(bench.containers.volumes(&one, true).await.is_err());
    bench.intent(&one, 7, &socket);
    assert!(bench.containers.volumes(&one, false).await.is_err());
}
