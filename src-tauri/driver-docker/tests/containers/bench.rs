//! A driver of containers on a scratch home.

use driver::{Happened, Layout};
use driver_docker::{
    Address, ContainerDriver, ContainerSpec, ContainerStop, Daemon, Endpoint, Event, Launch,
};
use model::{ClusterId, ExitStatus, Generation, InstanceId};
use std::sync::Arc;
use std::time::Duration;
use testkit::Engine;
use tokio::sync::mpsc;

/// More than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) driver: Arc<ContainerDriver>,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) layout: Layout,
    pub(crate) cluster: ClusterId,
    pub(crate) made: Made,
    pub(crate) home: testkit::Home,
}

/// What a test made in a daemon goes with it.
pub(crate) struct Made {
    pub(crate) daemon: Whose,
    home: String,
}

/// Whose daemon it is.
#[derive(Clone)]
pub(crate) enum Whose {
    /// All tests' of this program.
    Shared(&'static testkit::Daemon),
    /// This test's own.
    Own(Arc<testkit::Daemon>),
}

impl std::ops::Deref for Whose {
    type Target = testkit::Daemon;
    fn deref(&self) -> &testkit::Daemon {
        match self {
            Whose::Shared(daemon) => daemon,
            Whose::Own(daemon) => daemon,
        }
    }
}

impl Bench {
    /// On the daemon of all tests.
    pub(crate) async fn new(engine: Engine) -> Option<Bench> {
        let daemon = testkit::Daemon::shared(engine)?;
        Some(Bench::beside(Whose::Shared(daemon)).await)
    }

    /// On a daemon of its own, to kill it.
    pub(crate) async fn alone(engine: Engine) -> Option<Bench> {
        let daemon = Arc::new(testkit::Daemon::own(engine)?);
        Some(Bench::beside(Whose::Own(daemon)).await)
    }

    /// On another home, in the same daemon.
    pub(crate) async fn beside(daemon: Whose) -> Bench {
        let home = testkit::Home::new();
        let made = Made {
            daemon,
            home: home.id(),
        };
        Bench::on(home, made).await
    }

    async fn on(home: testkit::Home, made: Made) -> Bench {
        let layout = Layout::new(home.path());
        let (events, heard) = mpsc::channel(64);
        let daemon = Daemon::at(made.endpoint()).await.unwrap();
        // Names are a daemon's: each home has a cluster of its own.
        let cluster = format!("zoo-{}", &home.id()[..8]).parse().unwrap();
        Bench {
            driver: ContainerDriver::open(layout.clone(), daemon, events),
            events: heard,
            layout,
            cluster,
            made,
            home,
        }
    }

    /// The engine dies, and this is what is left.
    pub(crate) fn dies(self) -> (testkit::Home, Made) {
        drop((self.driver, self.events));
        (self.home, self.made)
    }

    /// Another engine comes.
    pub(crate) async fn comes((home, made): (testkit::Home, Made)) -> Bench {
        Bench::on(home, made).await
    }

    pub(crate) async fn reborn(self) -> Bench {
        Bench::comes(self.dies()).await
    }

    pub(crate) fn spec(&self, words: &[&str]) -> ContainerSpec {
        let words = ["/puppet"].iter().chain(words);
        ContainerSpec {
            image: testkit::IMAGE.into(),
            entrypoint: Some(words.map(|word| (*word).to_owned()).collect()),
            network_mode: Some("none".into()),
            ..ContainerSpec::default()
        }
    }

    pub(crate) fn start(&self, name: &str, generation: u64, spec: ContainerSpec) {
        self.start_keeping(name, generation, spec, None);
    }

    pub(crate) fn start_keeping(
        &self,
        name: &str,
        generation: u64,
        spec: ContainerSpec,
        log_keep: Option<u64>,
    ) {
        self.driver.start(Launch {
            cluster: self.cluster.clone(),
            instance: instance(name),
            generation: Generation(generation),
            origins: [("WHERE".to_owned(), "azora.toml:7".to_owned())].into(),
            spec,
            log_keep,
        });
    }

    /// Starts it and waits until it runs; its pid.
    pub(crate) async fn run(&mut self, name: &str, generation: u64, spec: ContainerSpec) -> u32 {
        self.start(name, generation, spec);
        match self.happened().await {
            Happened::Started { pid, .. } => pid,
            other => panic!("expected a start, got {other:?}"),
        }
    }

    pub(crate) async fn refused(&mut self) -> (String, bool) {
        match self.happened().await {
            Happened::StartFailed { error, retry, .. } => (error, retry),
            other => panic!("expected a failed start, got {other:?}"),
        }
    }

    pub(crate) async fn exited(&mut self) -> (Generation, ExitStatus) {
        loop {
            match self.happened().await {
                Happened::Exited {
                    generation, status, ..
                } => return (generation, status),
                Happened::StopGoesOn { .. } => {}
                other => panic!("expected an end, got {other:?}"),
            }
        }
    }

    pub(crate) async fn happened(&mut self) -> Happened {
        loop {
            if let Event::Happened(happened) = self.event().await {
                return happened;
            }
        }
    }

    pub(crate) async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(LONG, self.events.recv()).await;
        event.expect("something happens").unwrap()
    }

    pub(crate) fn stop(&self, name: &str, generation: u64) {
        let stop = ContainerStop {
            command: None,
            signal: None,
            grace: LONG,
        };
        let generation = Generation(generation);
        self.driver
            .stop(&self.cluster, &instance(name), generation, stop);
    }

    pub(crate) fn log(&self, name: &str) -> String {
        let log = std::fs::read(self.layout.log(&self.cluster, &instance(name)));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    pub(crate) async fn said(&self, name: &str, line: &str) {
        let there = || self.log(name).lines().any(|l| l == line);
        let said = testkit::eventually_async(LONG, there).await;
        assert!(said, "{name} says {line}; its log: {}", self.log(name));
    }

    /// What the daemon says of an instance's container; `None` when there is none.
    pub(crate) fn inspect(&self, name: &str) -> Option<serde_json::Value> {
        let container = driver_docker::container_name(&self.cluster, &instance(name));
        self.made
            .json("GET", &format!("/containers/{container}/json"))
    }
}

impl Made {
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            address: Address::Unix(self.daemon.socket()),
            why: "the test says so".into(),
        }
    }

    /// Asks the daemon without our code; `None` when it does not give what was asked for.
    pub(crate) fn json(&self, method: &str, path: &str) -> Option<serde_json::Value> {
        let answer = self.daemon.ask(method, path, &[]).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let well = head.starts_with("HTTP/1.1 2");
        let from = body.find(['{', '[']).unwrap_or(body.len());
        let to = body.rfind(['}', ']']).map_or(from, |end| end + 1);
        well.then(|| serde_json::from_str(&body[from..to]).unwrap_or_default())
    }

    /// Containers, networks and volumes that carry this home's label.
    pub(crate) fn left(&self) -> [usize; 3] {
        ["containers", "networks", "volumes"].map(|what| self.ours(what, "Id").len())
    }

    fn ours(&self, what: &str, key: &str) -> Vec<String> {
        let filter = format!("%7B%22label%22:%5B%22dev.azora.home={}%22%5D%7D", self.home);
        let path = match what {
            "containers" => format!("/containers/json?all=true&filters={filter}"),
            what => format!("/{what}?filters={filter}"),
        };
        let list = self.json("GET", &path).unwrap_or_default();
        let list = list.get("Volumes").unwrap_or(&list).as_array().cloned();
        let name = |one: serde_json::Value| one[key].as_str().unwrap_or_default().to_owned();
        list.unwrap_or_default().into_iter().map(name).collect()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if matches!(self.daemon, Whose::Own(_)) {
            // It goes with all it has.
            return;
        }
        for id in self.ours("containers", "Id") {
            let _ = self
                .daemon
                .ask("DELETE", &format!("/containers/{id}?force=true"), &[]);
        }
    }
}

pub(crate) fn instance(name: &str) -> InstanceId {
    InstanceId::new(name.parse().unwrap(), 0)
}
