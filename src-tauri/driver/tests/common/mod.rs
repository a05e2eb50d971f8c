//! A driver on a scratch home, with the puppet to run.

use driver::{Happened, Launch, Layout, ProcessDriver};
use model::{ClusterId, ExitStatus, Generation, InstanceId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// More than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    pub(crate) driver: Arc<ProcessDriver>,
    pub(crate) events: mpsc::Receiver<Happened>,
    pub(crate) layout: Layout,
    pub(crate) cluster: ClusterId,
    // Last: what is left is ended when the driver is gone.
    pub(crate) home: testkit::Home,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::on(testkit::Home::new())
    }

    pub(crate) fn on(home: testkit::Home) -> Bench {
        let layout = Layout::new(home.path());
        let (events, heard) = mpsc::channel(64);
        let driver =
            ProcessDriver::open(layout.clone(), testkit::program("azora-shim"), events).unwrap();
        Bench {
            driver,
            events: heard,
            layout,
            cluster: cluster(),
            home,
        }
    }

    /// The engine dies, and this is what is left.
    pub(crate) fn dies(self) -> (testkit::Home, Layout) {
        drop((self.driver, self.events));
        (self.home, self.layout)
    }

    /// The engine dies, another one comes: a new driver on the same home.
    pub(crate) fn reborn(self) -> Bench {
        Bench::on(self.dies().0)
    }

    pub(crate) fn launch(&self, name: &str, generation: u64, words: &[&str]) -> Launch {
        let puppet = testkit::program("puppet").to_string_lossy().into_owned();
        Launch {
            cluster: self.cluster.clone(),
            instance: instance(name),
            generation: Generation(generation),
            argv: std::iter::once(puppet)
                .chain(words.iter().map(|w| (*w).to_owned()))
                .collect(),
            cwd: "/".into(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            secrets: Default::default(),
            origins: Default::default(),
            user: None,
            ports: Vec::new(),
            listen: Vec::new(),
            tty: false,
            notify: false,
            limits: spec::Limits::default(),
            log_keep: None,
        }
    }

    /// Starts the puppet and waits until it runs; its pid.
    pub(crate) async fn start(&mut self, name: &str, generation: u64, words: &[&str]) -> u32 {
        self.driver.start(self.launch(name, generation, words));
        self.started().await
    }

    pub(crate) async fn next(&mut self) -> Happened {
        tokio::time::timeout(LONG, self.events.recv())
            .await
            .expect("something happens")
            .unwrap()
    }

    pub(crate) async fn started(&mut self) -> u32 {
        match self.next().await {
            Happened::Started { pid, .. } => pid,
            other => panic!("expected a start, got {other:?}"),
        }
    }

    pub(crate) async fn exited(&mut self) -> ExitStatus {
        self.exited_leaving().await.0
    }

    /// How it ended, and how many others it left behind.
    pub(crate) async fn exited_leaving(&mut self) -> (ExitStatus, u32) {
        loop {
            match self.next().await {
                Happened::Exited { status, left, .. } => return (status, left),
                // On a busy machine any stop may take its time.
                Happened::StopGoesOn { .. } => {}
                other => panic!("expected an exit, got {other:?}"),
            }
        }
    }

    pub(crate) async fn failed(&mut self) -> (String, bool) {
        match self.next().await {
            Happened::StartFailed { error, retry, .. } => (error, retry),
            other => panic!("expected a failed start, got {other:?}"),
        }
    }

    pub(crate) fn stop(&self, name: &str, generation: u64, grace: Duration) {
        let stop = driver::Stop {
            command: None,
            signal: spec::StopSignal::Term,
            grace,
        };
        self.driver
            .stop(&self.cluster, &instance(name), Generation(generation), stop);
    }

    pub(crate) fn log(&self, name: &str) -> String {
        let bytes = std::fs::read(self.layout.log(&self.cluster, &instance(name)));
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }

    /// Waits until the log has a line with this word first; the rest of that line.
    pub(crate) async fn said(&self, name: &str, word: &str) -> String {
        let mut found = None;
        let look = || {
            let log = self.log(name);
            found = log
                .lines()
                .find_map(|l| l.strip_prefix(word))
                .map(|l| l.trim().to_owned());
            found.is_some()
        };
        assert!(
            testkit::eventually_async(LONG, look).await,
            "no {word} in: {}",
            self.log(name)
        );
        found.unwrap()
    }

    /// The shim of an instance, as its record has it.
    pub(crate) fn shim(&self, name: &str) -> u32 {
        let record = self
            .layout
            .run(&self.cluster, &instance(name))
            .join(shim::RECORD);
        let record = std::fs::read_to_string(record).unwrap();
        let shim = record
            .lines()
            .rev()
            .find_map(|line| match shim::Line::parse(line)? {
                shim::Line::Shim { pid, .. } => Some(pid),
                _ => None,
            });
        shim.unwrap()
    }

    /// Nothing is left by any of the three means, nor by the test kit's own looking.
    pub(crate) async fn nothing_left(&self) {
        assert_eq!(driver::survivors::find(&self.layout, None).unwrap(), []);
        let gone = testkit::eventually_async(LONG, || self.home.processes().is_empty()).await;
        let left = self.home.processes();
        let how = |pid: &u32| {
            let of = |what| std::fs::read_to_string(format!("/proc/{pid}/{what}"));
            ["stat", "cmdline", "wchan", "cgroup"].map(of)
        };
        let told: Vec<_> = left.iter().map(how).collect();
        assert!(gone, "left: {left:?} {told:?}");
    }
}

pub(crate) fn cluster() -> ClusterId {
    "zoo-0a1b2c3d".parse().unwrap()
}

pub(crate) fn instance(name: &str) -> InstanceId {
    name.parse().unwrap()
}

pub(crate) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// True while the process is there and not a zombie.
pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with(['Z', 'X']))
}

/// A process that has nothing to do with any home.
pub(crate) struct Stranger(pub(crate) std::process::Child);

impl Stranger {
    pub(crate) fn new(env: &[(&str, &str)]) -> Stranger {
        let mut command = std::process::Command::new(testkit::program("puppet"));
        command.arg("hang").env_clear().envs(env.iter().copied());
        Stranger(command.spawn().unwrap())
    }
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
