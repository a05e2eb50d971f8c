//! The driver of containers, over each daemon.

use crate::subject::{Subject, instance};
use driver::{Found, Happened, Layout};
use driver_docker::{
    Address, ContainerDriver, ContainerSpec, ContainerStop, Daemon, Endpoint, Event, Launch,
};
use model::{ClusterId, Generation};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use testkit::Engine;
use tokio::sync::mpsc;

/// Over Docker's daemon.
pub(crate) type Docker = Containers<OfDocker>;
/// Over Podman's.
pub(crate) type Podman = Containers<OfPodman>;

/// Whose daemon.
pub(crate) trait Whose {
    const ENGINE: Engine;
}
pub(crate) struct OfDocker;
pub(crate) struct OfPodman;
impl Whose for OfDocker {
    const ENGINE: Engine = Engine::Docker;
}
impl Whose for OfPodman {
    const ENGINE: Engine = Engine::Podman;
}

pub(crate) struct Containers<W> {
    driver: Arc<ContainerDriver>,
    events: mpsc::Receiver<Event>,
    layout: Layout,
    daemon: &'static testkit::Daemon,
    home: testkit::Home,
    cluster: ClusterId,
    made: Made,
    whose: PhantomData<W>,
}

impl<W: Whose> Containers<W> {
    async fn on(home: testkit::Home, daemon: &'static testkit::Daemon) -> Self {
        // Names are a daemon's, and all tests share one: each has a cluster of its own.
        let cluster: ClusterId = format!("zoo-{}", &home.id()[..8]).parse().unwrap();
        let made = Made {
            daemon,
            cluster: cluster.clone(),
        };
        Self::with(home, made).await
    }

    async fn with(home: testkit::Home, made: Made) -> Self {
        let daemon = made.daemon;
        let endpoint = Endpoint {
            address: Address::Unix(daemon.socket()),
            why: "the test says so".into(),
        };
        let layout = Layout::new(home.path());
        let (events, heard) = mpsc::channel(64);
        let api = Daemon::at(endpoint).await.unwrap();
        Self {
            driver: ContainerDriver::open(layout.clone(), api, events),
            events: heard,
            layout,
            daemon,
            home,
            cluster: made.cluster.clone(),
            made,
            whose: PhantomData,
        }
    }

    fn launch(&self, name: &str, generation: u64, argv: Vec<String>, env: &[(&str, &str)]) {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        self.driver.start(Launch {
            cluster: self.cluster.clone(),
            instance: instance(name),
            generation: Generation(generation),
            spec: ContainerSpec {
                image: testkit::IMAGE.into(),
                entrypoint: Some(argv),
                env: env.collect(),
                network_mode: Some("none".into()),
                ..ContainerSpec::default()
            },
            origins: std::collections::BTreeMap::new(),
            log_keep: None,
        });
    }
}

impl<W: Whose> Subject for Containers<W> {
    async fn new() -> Option<Self> {
        let daemon = testkit::Daemon::shared(W::ENGINE)?;
        Some(Self::on(testkit::Home::new(), daemon).await)
    }

    async fn reborn(self) -> Self {
        drop((self.driver, self.events));
        Self::with(self.home, self.made).await
    }

    fn start(&self, name: &str, generation: u64, words: &[&str], env: &[(&str, &str)]) {
        let words = ["/puppet"]
            .iter()
            .chain(words)
            .map(|word| (*word).to_owned());
        self.launch(name, generation, words.collect(), env);
    }

    fn start_nothing(&self, name: &str, generation: u64) {
        self.launch(name, generation, vec!["/nothing-is-here".into()], &[]);
    }

    fn stop(&self, name: &str, generation: u64, grace: Duration) {
        let stop = ContainerStop {
            command: None,
            signal: Some("SIGTERM".into()),
            grace,
        };
        let generation = Generation(generation);
        self.driver
            .stop(&self.cluster, &instance(name), generation, stop);
    }

    async fn adopt(&mut self) -> Vec<Found> {
        self.driver.adopt(&self.cluster).await
    }

    async fn happened(&mut self) -> Option<Happened> {
        loop {
            if let Event::Happened(happened) = self.events.recv().await? {
                return Some(happened);
            }
        }
    }

    fn log(&self, name: &str) -> String {
        let log = std::fs::read(self.layout.log(&self.cluster, &instance(name)));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    fn left(&self) -> Vec<String> {
        let filter = format!(r#"{{"label":["dev.azora.home={}"]}}"#, self.layout.id());
        let filter = filter.replace('"', "%22");
        let path = format!("/containers/json?all=true&filters={filter}");
        let answer = self.daemon.ask("GET", &path, &[]).unwrap();
        let list = answer.split_once("\r\n\r\n").unwrap().1;
        let ids = list.split("\"Id\":\"").skip(1);
        ids.map(|rest| rest[..12].to_owned()).collect()
    }

    async fn down(&mut self) {
        self.driver.clear(&self.cluster).await.unwrap();
    }
}

/// The daemon is other tests' too: what a test made goes with it.
struct Made {
    daemon: &'static testkit::Daemon,
    cluster: ClusterId,
}

impl Drop for Made {
    fn drop(&mut self) {
        for name in ["a", "b"] {
            let container = driver_docker::container_name(&self.cluster, &instance(name));
            let path = format!("/containers/{container}?force=true");
            let _ = self.daemon.ask("DELETE", &path, &[]);
        }
    }
}
