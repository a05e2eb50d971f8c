//! The driver of processes.

use crate::subject::{LONG, Subject, instance};
use driver::{Found, Happened, Launch, Layout, ProcessDriver, Stop};
use model::{ClusterId, Generation};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) struct Processes {
    driver: Arc<ProcessDriver>,
    events: mpsc::Receiver<Happened>,
    layout: Layout,
    // Last: what is left is ended when the driver is gone.
    home: testkit::Home,
}

impl Processes {
    fn on(home: testkit::Home) -> Self {
        let layout = Layout::new(home.path());
        let (events, heard) = mpsc::channel(64);
        let shim = testkit::program("azora-shim");
        let driver = ProcessDriver::open(layout.clone(), shim, events).unwrap();
        Self {
            driver,
            events: heard,
            layout,
            home,
        }
    }

    fn launch(&self, name: &str, generation: u64, argv: Vec<String>, env: &[(&str, &str)]) {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        self.driver.start(Launch {
            cluster: cluster(),
            instance: instance(name),
            generation: Generation(generation),
            argv,
            cwd: "/".into(),
            env: env.collect(),
            secrets: Default::default(),
            origins: Default::default(),
            user: None,
            ports: Vec::new(),
            listen: Vec::new(),
            tty: false,
            notify: false,
            limits: spec::Limits::default(),
            log_keep: None,
        });
    }
}

fn cluster() -> ClusterId {
    "zoo-0a1b2c3d".parse().unwrap()
}

impl Subject for Processes {
    async fn new() -> Option<Self> {
        Some(Self::on(testkit::Home::new()))
    }

    async fn reborn(mut self) -> Self {
        drop(self.driver);
        // What a thread of it is in the middle of dies with a process; here it goes on for a moment
        // and must not write over what the next one does. Each such thread can still send.
        let over = async { while self.events.recv().await.is_some() {} };
        let over = tokio::time::timeout(LONG, over).await;
        over.expect("the driver before is gone");
        Self::on(self.home)
    }

    fn start(&self, name: &str, generation: u64, words: &[&str], env: &[(&str, &str)]) {
        let puppet = testkit::program("puppet").to_string_lossy().into_owned();
        let words = words.iter().map(|word| (*word).to_owned());
        self.launch(
            name,
            generation,
            [puppet].into_iter().chain(words).collect(),
            env,
        );
    }

    fn start_nothing(&self, name: &str, generation: u64) {
        self.launch(name, generation, vec!["/nothing-is-here".into()], &[]);
    }

    fn stop(&self, name: &str, generation: u64, grace: Duration) {
        let stop = Stop {
            command: None,
            signal: spec::StopSignal::Term,
            grace,
        };
        let generation = Generation(generation);
        self.driver
            .stop(&cluster(), &instance(name), generation, stop);
    }

    async fn adopt(&mut self) -> Vec<Found> {
        self.driver.adopt(&cluster()).await
    }

    async fn happened(&mut self) -> Option<Happened> {
        self.events.recv().await
    }

    fn log(&self, name: &str) -> String {
        let log = std::fs::read(self.layout.log(&cluster(), &instance(name)));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    fn left(&self) -> Vec<String> {
        self.home.processes().iter().map(u32::to_string).collect()
    }

    async fn down(&mut self) {
        for name in ["a", "b"] {
            self.driver.rest(&cluster(), &instance(name));
        }
        // A shim that has nothing to keep goes by itself.
        let home = &self.home;
        let gone = testkit::eventually_async(LONG, || home.processes().is_empty()).await;
        assert!(gone, "shims go");
    }
}
