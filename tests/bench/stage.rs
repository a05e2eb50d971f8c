//! Those who are measured beside each other: the bare loop, Azora, and other supervisors, each
//! keeping the same organs on ports of its own.

use crate::floor::Loop;
use crate::peers::{self, Peer};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testkit::Home;
use tests::process::kill;
use tests::{Azora, Folder, http};

/// Between two questions to a port. Short against what is measured, long against the question.
const POLL: Duration = Duration::from_micros(500);

/// One organ that is to be kept.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Its name.
    pub(crate) name: String,
    /// Where it answers.
    pub(crate) port: u16,
    /// Those that have to answer before it is started.
    pub(crate) needs: Vec<String>,
}

/// So many jobs, in layers: each job of a layer needs every one of the layer before.
pub(crate) fn jobs(layers: &[usize]) -> Vec<Job> {
    let ports = tests::free_ports(layers.iter().sum());
    let mut ports = ports.into_iter();
    let mut all: Vec<Job> = Vec::new();
    let mut before: Vec<String> = Vec::new();
    for (layer, count) in layers.iter().enumerate() {
        let these: Vec<Job> = (0..*count)
            .zip(&mut ports)
            .map(|(at, port)| Job {
                name: format!("s{layer}-{at}"),
                port,
                needs: before.clone(),
            })
            .collect();
        before = these.iter().map(|job| job.name.clone()).collect();
        all.extend(these);
    }
    all
}

/// Who keeps the organs.
#[derive(Clone, Copy)]
pub(crate) enum Keeper {
    /// A loop that starts, waits and starts again, and does nothing else.
    Floor,
    /// The one this is about, with a definition of its own.
    Azora,
    /// The same with a `Procfile`.
    OfProcfile,
    /// Another.
    Peer(&'static Peer),
}

impl Keeper {
    /// The floor, Azora, and those of the peers that are installed; says which are not.
    pub(crate) fn all(peers: &str) -> Result<Vec<Keeper>, String> {
        let mut all = vec![Keeper::Floor, Keeper::Azora];
        all.extend(peers::chosen(peers)?.into_iter().map(Keeper::Peer));
        Ok(all)
    }

    /// As tables name it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Keeper::Floor => "floor",
            Keeper::Azora => "azora",
            Keeper::OfProcfile => "azora, Procfile",
            Keeper::Peer(peer) => peer.name,
        }
    }
}

/// A keeper at work. What it keeps ends with it.
pub(crate) struct Stage {
    jobs: Vec<Job>,
    begun: Instant,
    at_work: AtWork,
}

enum AtWork {
    Floor(Loop),
    Azora(Azora, Folder, Child),
    Peer {
        running: Vec<Child>,
        /// Ends with everything that belongs to it.
        _home: Home,
    },
}

impl Stage {
    /// Has these jobs kept. Returns when that was asked for; [`Stage::answered`] waits. What is
    /// written beforehand, its configuration, does not count.
    pub(crate) fn begin(keeper: Keeper, azora: &Path, organ: &Path, jobs: Vec<Job>) -> Stage {
        let (begun, at_work) = match keeper {
            Keeper::Floor => (Instant::now(), AtWork::Floor(Loop::begin(organ, &jobs))),
            Keeper::Azora | Keeper::OfProcfile => {
                let folder = Folder::empty();
                match keeper {
                    Keeper::OfProcfile => folder.write("Procfile", &procfile(organ, &jobs)),
                    _ => folder.define(&definition(organ, &jobs, None)),
                }
                let azora = Azora::with(azora.to_owned()).env("AZORA_TRUST", "1");
                let begun = Instant::now();
                let up = quietly(&mut azora.command(folder.path(), &["up", "."]));
                (begun, AtWork::Azora(azora, folder, up))
            }
            Keeper::Peer(peer) => {
                let home = Home::new();
                let mut commands = peer.prepare(home.path(), organ, &jobs);
                for command in &mut commands {
                    // By this whatever belongs to it is found when it is to end.
                    command
                        .current_dir(home.path())
                        .env("AZORA_HOME", home.path());
                }
                let begun = Instant::now();
                let running = commands.iter_mut().map(quietly).collect();
                (
                    begun,
                    AtWork::Peer {
                        running,
                        _home: home,
                    },
                )
            }
        };
        Stage {
            jobs,
            begun,
            at_work,
        }
    }

    /// Waits until all of them answer; how long that took from the beginning.
    pub(crate) fn answered(&self, patience: Duration) -> Result<Duration, String> {
        for job in &self.jobs {
            if !eventually(patience, || http::health_pid(job.port).is_some()) {
                return Err(format!("{} does not answer", job.name));
            }
        }
        Ok(self.begun.elapsed())
    }

    /// Kills one of them and waits until another process answers in its place.
    pub(crate) fn recover(&mut self, at: usize, patience: Duration) -> Result<Duration, String> {
        let at = at % self.jobs.len();
        let port = self.jobs[at].port;
        let old = http::health_pid(port).ok_or("it does not answer before it is killed")?;
        let begun = Instant::now();
        kill(old);
        if let AtWork::Floor(floor) = &mut self.at_work {
            floor.again(at);
        }
        let back = eventually(patience, || {
            http::health_pid(port).is_some_and(|pid| pid != old)
        });
        back.then(|| begun.elapsed())
            .ok_or_else(|| format!("{} was not back after {patience:?}", self.jobs[at].name))
    }

    /// Azora, when it is the one at work.
    pub(crate) fn azora(&self) -> Option<(&Azora, &Path)> {
        match &self.at_work {
            AtWork::Azora(azora, folder, _) => Some((azora, folder.path())),
            AtWork::Floor(_) | AtWork::Peer { .. } => None,
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let ours = match &mut self.at_work {
            AtWork::Floor(floor) => return floor.end(),
            AtWork::Azora(azora, folder, up) => {
                // Quicker than looking through all processes, which comes after it in any case.
                let _ = azora.run(folder.path(), &["emergency-stop", "--reason", "bench"]);
                std::slice::from_mut(up)
            }
            AtWork::Peer { running, .. } => running.as_mut_slice(),
        };
        for child in ours {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for something that takes a few milliseconds.
pub(crate) fn eventually(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if begun.elapsed() > patience {
            return false;
        }
        std::thread::park_timeout(POLL);
    }
}

fn quietly(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"))
}

/// The jobs as `azora.toml`. Killed again and again, a service is not to end in quarantine here.
pub(crate) fn definition(organ: &Path, jobs: &[Job], health: Option<&str>) -> String {
    let mut text = "[cluster]\nname = \"bench\"\n[cluster.defaults]\n\
         heal = { budget = \"1000 per 10m\", backoff = [\"0s\"], circuit = false }\n"
        .to_owned();
    if let Some(health) = health {
        text += &format!("health = {health}\n");
    }
    for Job { name, port, needs } in jobs {
        let run = command(organ, name, *port);
        text += &format!("[service.{name}]\nrun = {run:?}\nport = {port}\n");
        if jobs.iter().any(|job| !job.needs.is_empty()) {
            text += "ready = { http = \"/health\" }\n";
        }
        if !needs.is_empty() {
            text += &format!("needs = {needs:?}\n");
        }
    }
    text
}

/// The jobs as lines of a `Procfile`, as everybody who reads one is given them. It knows no needs.
pub(crate) fn procfile(organ: &Path, jobs: &[Job]) -> String {
    let lines = jobs.iter().map(|job| {
        let words = command(organ, &job.name, job.port);
        format!("{}: {}\n", job.name, words.join(" "))
    });
    lines.collect()
}

/// How an organ is started.
pub(crate) fn command(organ: &Path, name: &str, port: u16) -> [String; 5] {
    let organ = organ.display().to_string();
    let port = port.to_string();
    [organ, "--name".into(), name.into(), "--port".into(), port]
}

/// A folder of the project's programs and what lies in it.
pub(crate) fn programs(options: &crate::options::Options) -> Result<(PathBuf, PathBuf), String> {
    Ok((options.azora.clone(), options.beside("organ")?))
}
