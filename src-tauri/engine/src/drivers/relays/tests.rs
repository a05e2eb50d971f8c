//! When relays are begun, begun again and ended, over a driver that only notes what it is asked: the test
//! says what becomes of it, and answers for the relay.

use super::*;
use driver::{Happened, PortError, PortGrant, Stop};
use model::ExitStatus;
use testkit::{Home, eventually_async};
use tokio::task::JoinHandle;

/// More than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);
const NETWORK: &str = "azora-shop";

/// A driver that does nothing by itself.
#[derive(Default)]
struct Noting {
    starts: Mutex<Vec<(ClusterId, Generation)>>,
    stops: Mutex<Vec<Generation>>,
    forgotten: Mutex<usize>,
    granted: Mutex<u16>,
}

impl Host for Noting {
    fn grant_ports(&self, wishes: &[PortWish]) -> Result<Vec<PortGrant>, PortError> {
        let grant = |wish: &PortWish| {
            let mut granted = lock(&self.granted);
            *granted += 1;
            PortGrant {
                instance: wish.instance.clone(),
                port: match wish.preferred {
                    0 => 30_000 + *granted,
                    preferred => preferred,
                },
                moved: None,
            }
        };
        Ok(wishes.iter().map(grant).collect())
    }

    fn claim_port(&self, _: u16, _: &ClusterId, _: &InstanceId) -> Result<(), String> {
        Ok(())
    }

    fn release_ports(&self, _: &ClusterId, _: &InstanceId, _: &[u16]) {}

    fn start(&self, launch: Launch) {
        lock(&self.starts).push((launch.cluster, launch.generation));
    }

    fn stop(&self, _: &ClusterId, _: &InstanceId, generation: Generation, _: Stop) {
        lock(&self.stops).push(generation);
    }

    fn rest(&self, _: &ClusterId, _: &InstanceId) {}

    fn forget(&self, _: &ClusterId, _: &InstanceId) {
        *lock(&self.forgotten) += 1;
    }
}

struct Bench {
    relays: Arc<Relays>,
    host: Arc<Noting>,
    layout: Layout,
    _home: Home,
}

impl Bench {
    fn new() -> Self {
        let home = Home::new();
        let layout = Layout::new(home.path());
        std::fs::write(home.path().join(PROGRAM), "").unwrap();
        let host = Arc::new(Noting::default());
        let relays = Relays::new(
            Arc::clone(&host),
            layout.clone(),
            home.path(),
            TaskTracker::new(),
            CancellationToken::new(),
        );
        Self {
            relays,
            host,
            layout,
            _home: home,
        }
    }

    /// A container asks for its way to `api`.
    fn reach(&self, cluster: &ClusterId, before: u16) -> JoinHandle<Result<Way, NotRun>> {
        let gateway = Gateway {
            device: "br-0a".into(),
            address: [172, 18, 0, 1].into(),
            prefix: 16,
        };
        let api: ServiceName = "api".parse().unwrap();
        let reaches = Reaches {
            network: Some(NETWORK.into()),
            targets: BTreeMap::from([(api.clone(), 20_001)]),
            before: BTreeMap::from([(api, before)]),
        };
        let (relays, cluster) = (Arc::clone(&self.relays), cluster.clone());
        let tasks = &self.relays.tasks;
        tasks.spawn(async move { relays.reach(&cluster, NETWORK, &gateway, &reaches).await })
    }

    fn folder(&self, cluster: &ClusterId) -> PathBuf {
        self.layout.run(cluster, &instance())
    }

    async fn until(&self, what: &str, so: impl FnMut() -> bool) {
        assert!(eventually_async(LONG, so).await, "{what}");
    }

    /// So many starts of the cluster's; which the last is.
    async fn started(&self, cluster: &ClusterId, count: usize) -> Generation {
        let all = || -> Vec<Generation> {
            let starts = lock(&self.host.starts);
            let own = starts.iter().filter(|(of, _)| of == cluster);
            own.map(|(_, generation)| *generation).collect()
        };
        let what = format!("{count} starts");
        self.until(&what, || all().len() == count).await;
        *all().last().unwrap()
    }

    fn runs(&self, cluster: &ClusterId, generation: Generation) {
        self.relays.take(&Happened::Started {
            cluster: cluster.clone(),
            instance: instance(),
            generation,
            pid: 1,
        });
    }

    fn exits(&self, cluster: &ClusterId, generation: Generation) {
        self.relays.take(&Happened::Exited {
            cluster: cluster.clone(),
            instance: instance(),
            generation,
            status: ExitStatus::Code(71),
            left: 0,
        });
    }

    /// What the relay does when it reads what is wanted.
    fn answer(&self, cluster: &ClusterId) {
        let folder = self.folder(cluster);
        let wanted = Forwards::read(&folder).unwrap();
        let heard = Heard {
            number: wanted.number,
            failed: Vec::new(),
        };
        heard.write(&folder).unwrap();
    }

    /// One that runs and leads to `api`.
    async fn up(&self, cluster: &ClusterId, before: u16, count: usize) -> (Way, Generation) {
        let reach = self.reach(cluster, before);
        let generation = self.started(cluster, count).await;
        self.runs(cluster, generation);
        self.answer(cluster);
        (reach.await.unwrap().unwrap(), generation)
    }
}

fn shop() -> ClusterId {
    "shop-00000000".parse().unwrap()
}

/// Everybody who can go on has.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_that_is_wanted_while_it_ends_begins_when_nothing_is_left_of_it() {
    let (bench, shop) = (Bench::new(), shop());
    let (way, first) = bench.up(&shop, 0, 1).await;
    bench.relays.let_go(&shop);
    bench
        .until("it is stopped", || !lock(&bench.host.stops).is_empty())
        .await;
    let again = bench.reach(&shop, 0);
    bench.exits(&shop, first);
    bench
        .until("it is forgotten", || *lock(&bench.host.forgotten) == 1)
        .await;
    settle().await;
    // The driver comes to it only now.
    std::fs::remove_dir_all(bench.folder(&shop)).unwrap();
    let second = bench.started(&shop, 2).await;
    assert_eq!(second, Generation(first.0 + 1));
    let wanted = Forwards::read(&bench.folder(&shop)).expect("what it is to do is written");
    assert_eq!(wanted.all.len(), 1);
    assert!(wanted.number > 1, "it is counted on");
    bench.runs(&shop, second);
    bench.answer(&shop);
    let api: ServiceName = "api".parse().unwrap();
    assert!(again.await.unwrap().unwrap().ports.contains_key(&api));
    assert_eq!(way.gateway, std::net::Ipv4Addr::new(172, 18, 0, 1));
}

#[tokio::test]
async fn an_answer_of_one_that_has_ended_is_none() {
    let (bench, shop) = (Bench::new(), shop());
    let old = Heard {
        number: 99,
        failed: Vec::new(),
    };
    std::fs::create_dir_all(bench.folder(&shop)).unwrap();
    old.write(&bench.folder(&shop)).unwrap();
    let reach = bench.reach(&shop, 0);
    let generation = bench.started(&shop, 1).await;
    bench.runs(&shop, generation);
    settle().await;
    assert!(!reach.is_finished(), "nobody has answered");
    bench.answer(&shop);
    reach.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_that_is_needed_is_started_again_however_it_came_to_rest() {
    let (bench, shop) = (Bench::new(), shop());
    let (_, first) = bench.up(&shop, 0, 1).await;
    bench.exits(&shop, first);
    let second = bench.started(&shop, 2).await;
    bench.relays.take(&Happened::StartDelayed {
        cluster: shop.clone(),
        instance: instance(),
        generation: second,
        shortage: "no memory".into(),
    });
    let third = bench.started(&shop, 3).await;
    bench.relays.take(&Happened::StartFailed {
        cluster: shop.clone(),
        instance: instance(),
        generation: third,
        error: "too much is asked of it at once".into(),
        retry: true,
    });
    let fourth = bench.started(&shop, 4).await;
    bench.relays.ended(&shop);
    bench.exits(&shop, fourth);
    settle().await;
    assert!(!lock(&bench.relays.all)[&shop].waits, "it is ended");
}

#[test]
fn one_that_does_not_stay_is_waited_for_longer_each_time_and_not_for_ever() {
    use super::life::pause;
    assert_eq!(pause(1), 2 * pause(0));
    assert_eq!(pause(3), 8 * pause(0));
    assert_eq!(pause(u32::MAX), 64 * pause(0));
}

#[tokio::test]
async fn what_passes_is_told_from_what_does_not() {
    let (bench, shop) = (Bench::new(), shop());
    let reach = bench.reach(&shop, 0);
    let generation = bench.started(&shop, 1).await;
    bench.exits(&shop, generation);
    let why = reach.await.unwrap().unwrap_err();
    assert!(
        matches!(&why, NotRun::Short(why) if why.contains("inotify")),
        "{why}"
    );
    let other: ClusterId = "bank-00000000".parse().unwrap();
    let reach = bench.reach(&other, 0);
    let generation = bench.started(&other, 1).await;
    bench.relays.take(&Happened::StartFailed {
        cluster: other.clone(),
        instance: instance(),
        generation,
        error: "permission denied".into(),
        retry: false,
    });
    let why = reach.await.unwrap().unwrap_err();
    assert!(matches!(why, NotRun::Failed(_)), "{why}");
}

#[tokio::test]
async fn a_cluster_whose_relay_is_stuck_holds_up_no_other() {
    let (bench, shop) = (Bench::new(), shop());
    let stuck = bench.reach(&shop, 0);
    bench.started(&shop, 1).await;
    let other: ClusterId = "bank-00000000".parse().unwrap();
    bench.up(&other, 0, 1).await;
    assert!(!stuck.is_finished(), "nobody has answered");
    bench.answer(&shop);
    stuck.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_port_that_has_led_there_does_so_again() {
    let (bench, shop) = (Bench::new(), shop());
    let (way, _) = bench.up(&shop, 27_123, 1).await;
    assert_eq!(way.ports.values().copied().collect::<Vec<_>>(), [27_123]);
}
