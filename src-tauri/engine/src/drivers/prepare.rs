//! What a container needs before it can be made: its image, its networks and volumes, and the files
//! that are put into it. What takes long is said in the log of its instance.

use super::{Containers, Reaches, Way, lock};
use driver::{NotRun, SecretText};
use driver_docker::{Build, ContainerDriver, Fault, Network, Progress, Volume};
use model::{ClusterId, InstanceId};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// By this label of an image it is known what it was built of.
const BUILT_OF: &str = "dev.azora.build";
/// Lines of progress that wait to be written; more are left out.
const LINES: usize = 1_000;
/// How often it is said how far a download is.
const EVERY: Duration = Duration::from_secs(5);
/// Most bytes of a file that is put into a container.
const MOST_FILE: u64 = 1 << 20;

/// What has to be there.
#[derive(Debug, Clone)]
pub(crate) struct Preparation {
    /// Whose.
    pub(crate) cluster: ClusterId,
    /// Whose.
    pub(crate) instance: InstanceId,
    /// Its image.
    pub(crate) image: String,
    /// For which system.
    pub(crate) platform: Option<String>,
    /// How the image is built, where it is.
    pub(crate) build: Option<Build>,
    /// When it is fetched.
    pub(crate) pull: spec::container::Pull,
    /// Networks, and whether each is somebody else's.
    pub(crate) networks: Vec<(Network, bool)>,
    /// Volumes, likewise.
    pub(crate) volumes: Vec<(Volume, bool)>,
    /// Files that are read now.
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// Processes that it is to reach.
    pub(crate) reaches: Reaches,
}

/// What was read for a container: the text of each file, by how the definition calls it.
pub(crate) type Files = BTreeMap<String, SecretText>;

/// What is there then.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// What was read for it.
    pub(crate) files: Files,
    /// How it reaches processes that listen on 127.0.0.1 alone; `None` when it names none, or there is no
    /// such way.
    pub(crate) way: Option<Way>,
}

impl Containers {
    /// Sees to it that all of it is there.
    ///
    /// # Errors
    /// What is missing and what to do about it.
    pub(crate) async fn prepare(self: &Arc<Self>, wanted: Preparation) -> Result<Prepared, NotRun> {
        self.cleared(&wanted.cluster).await;
        let files = read(wanted.files.clone()).await?;
        let driver = self.driver().await?;
        self.image(&driver, &wanted).await?;
        let alone = self.making.lock().await;
        for (network, external) in wanted.networks.clone() {
            let name = network.name.clone();
            if external {
                let there = driver.has_network(&name).await;
                let advice = format!("make it with `docker network create {name}`");
                external_there(there, "network", &name, &advice)?;
            } else {
                let made = driver.network(&wanted.cluster, network).await;
                let told =
                    made.map_err(|fault| not(&format!("make the network {name}"), &fault))?;
                if let Some(told) = told {
                    self.note_down(&wanted, &told);
                }
            }
        }
        for (volume, external) in wanted.volumes.clone() {
            let name = volume.name.clone();
            if external {
                let there = driver.has_volume(&name).await;
                let advice = format!("make it with `docker volume create {name}`");
                external_there(there, "volume", &name, &advice)?;
            } else {
                let made = driver.volume(&wanted.cluster, volume).await;
                made.map_err(|fault| not(&format!("make the volume {name}"), &fault))?;
            }
        }
        drop(alone);
        let way = self.way(&driver, &wanted).await?;
        Ok(Prepared { files, way })
    }

    /// How it reaches the processes it names. Where there is no way to 127.0.0.1 that is said, and they are
    /// reached as the daemon knows this machine; what only passes is waited for.
    async fn way(
        &self,
        driver: &ContainerDriver,
        wanted: &Preparation,
    ) -> Result<Option<Way>, NotRun> {
        let Reaches {
            network, targets, ..
        } = &wanted.reaches;
        if targets.is_empty() {
            return Ok(None);
        }
        let found = match network {
            None => Err("it is on no network of the cluster".to_owned()),
            Some(network) => {
                let gateway = driver.gateway(network).await;
                gateway.map_err(|fault| not(&format!("look at the network {network}"), &fault))?
            }
        };
        let way = match (found, network) {
            (Ok(gateway), Some(network)) => {
                let cluster = &wanted.cluster;
                (self.relays)
                    .reach(cluster, network, &gateway, &wanted.reaches)
                    .await
            }
            (Ok(_), None) => return Ok(None),
            (Err(why), _) => Err(NotRun::Failed(why)),
        };
        let why = match way {
            Ok(way) => return Ok(Some(way)),
            Err(NotRun::Short(why)) => {
                return Err(NotRun::Short(format!(
                    "there is no way to this machine's processes yet: {why}"
                )));
            }
            Err(NotRun::Failed(why)) => why,
        };
        let names: Vec<&str> = targets.keys().map(|name| name.as_str()).collect();
        let (names, are) = match names.as_slice() {
            [one] => ((*one).to_owned(), "is"),
            all => (all.join(", "), "are"),
        };
        let text = format!(
            "{names} {are} not reached from this container while listening on 127.0.0.1 alone: {why}"
        );
        self.note_down(wanted, &text);
        Ok(None)
    }

    async fn image(&self, driver: &ContainerDriver, wanted: &Preparation) -> Result<(), NotRun> {
        use spec::container::Pull;
        let image = &wanted.image;
        // Several instances want the same one: the first gets it, the others find it.
        let turn = lock(&self.images).entry(image.clone()).or_default().clone();
        let _turn = turn.lock().await;
        if let Some(build) = &wanted.build {
            let of = made_of(build);
            let built = driver.image_label(image, BUILT_OF).await;
            let built =
                built.map_err(|fault| not(&format!("look for the image {image}"), &fault))?;
            return match wanted.pull == Pull::Build || built.as_ref() != Some(&of) {
                true => self.build(driver, wanted, build.clone(), of).await,
                false => Ok(()),
            };
        }
        let here = driver.has_image(image).await;
        let here = here.map_err(|fault| not(&format!("look for the image {image}"), &fault))?;
        match wanted.pull {
            Pull::Missing | Pull::Build if here => Ok(()),
            Pull::Never if here => Ok(()),
            Pull::Never => Err(NotRun::Failed(format!(
                "there is no image {image} here, and `pull = \"never\"`: get it with `docker pull {image}`, or build it"
            ))),
            Pull::Missing | Pull::Build | Pull::Always => {
                let pulled = self.pull(driver, wanted).await;
                match pulled {
                    Err(why) if here => {
                        self.note_down(wanted, &format!("{why}; the image that is here is used"));
                        Ok(())
                    }
                    pulled => pulled,
                }
            }
        }
    }

    async fn pull(&self, driver: &ContainerDriver, wanted: &Preparation) -> Result<(), NotRun> {
        let image = &wanted.image;
        self.note_down(wanted, &format!("pulling the image {image}"));
        let (lines, written) = self.writer(wanted);
        let mut last = Instant::now();
        let mut parts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let pulled = driver
            .pull(image, wanted.platform.as_deref(), |progress| {
                let Progress { part, said, bytes } = progress;
                let line = match bytes {
                    None if part.is_empty() => said,
                    None => format!("{part}: {said}"),
                    Some(bytes) => {
                        parts.insert(part, bytes);
                        if last.elapsed() < EVERY {
                            return;
                        }
                        last = Instant::now();
                        let sum = |of: fn(&(u64, u64)) -> u64| parts.values().map(of).sum::<u64>();
                        let (there, all) = (sum(|one| one.0) >> 20, sum(|one| one.1) >> 20);
                        format!("{there} of {all} MiB")
                    }
                };
                // One line more or less is not worth waiting for.
                let _ = lines.try_send(line);
            })
            .await;
        drop(lines);
        let _ = written.await;
        pulled.map_err(|fault| {
            let advice = match fault {
                Fault::Silent(_) => "",
                _ => ". Is its name right? One that needs a login is fetched with `docker pull`",
            };
            not_so(&format!("pull the image {image}"), &fault, advice)
        })?;
        self.note_down(wanted, &format!("the image {image} is here"));
        Ok(())
    }

    async fn build(
        &self,
        driver: &ContainerDriver,
        wanted: &Preparation,
        mut build: Build,
        of: String,
    ) -> Result<(), NotRun> {
        let (image, context) = (&wanted.image, build.context.display().to_string());
        self.note_down(
            wanted,
            &format!("building the image {image} from {context}"),
        );
        build.labels.insert(BUILT_OF.to_owned(), of);
        let (lines, written) = self.writer(wanted);
        let built = driver
            .build(build, |progress| {
                for line in progress.said.lines() {
                    let _ = lines.try_send(line.to_owned());
                }
            })
            .await;
        drop(lines);
        let _ = written.await;
        built.map_err(|error| match error {
            driver_docker::BuildError::Daemon(fault @ Fault::Silent(_)) => {
                not(&format!("build the image {image}"), &fault)
            }
            error => NotRun::Failed(format!("failed to build the image {image}: {error}")),
        })?;
        self.note_down(wanted, &format!("the image {image} is built"));
        Ok(())
    }

    /// Writes lines into the instance's log, on a thread that may wait for the disk.
    fn writer(&self, wanted: &Preparation) -> (mpsc::Sender<String>, tokio::task::JoinHandle<()>) {
        let (lines, mut said) = mpsc::channel::<String>(LINES);
        let (layout, cluster) = (self.layout.clone(), wanted.cluster.clone());
        let instance = wanted.instance.clone();
        let written = tokio::task::spawn_blocking(move || {
            while let Some(line) = said.blocking_recv() {
                say(&layout, &cluster, &instance, &line);
            }
        });
        (lines, written)
    }

    fn note_down(&self, wanted: &Preparation, text: &str) {
        say(&self.layout, &wanted.cluster, &wanted.instance, text);
    }
}

fn say(layout: &driver::Layout, cluster: &ClusterId, instance: &InstanceId, text: &str) {
    let text = model::text::harmless(text, model::incident::MAX_TEXT);
    let said = driver_docker::say(layout, cluster, instance, &format!("azora: {text}"));
    if let Err(error) = said {
        tracing::warn!(%instance, %error, "failed to write into its log");
    }
}

/// The same for builds that are defined the same.
fn made_of(build: &Build) -> String {
    driver_docker::likeness(&format!("{build:?}"))
}

fn external_there(
    there: Result<bool, Fault>,
    what: &str,
    name: &str,
    advice: &str,
) -> Result<(), NotRun> {
    match there {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotRun::Failed(format!(
            "there is no {what} {name}, and it is external: {advice}"
        ))),
        Err(fault) => Err(not(&format!("look for the {what} {name}"), &fault)),
    }
}

fn not(what: &str, fault: &Fault) -> NotRun {
    not_so(what, fault, "")
}

fn not_so(what: &str, fault: &Fault, advice: &str) -> NotRun {
    let text = format!("failed to {what}: {fault}{advice}");
    match fault {
        // No fault of the service: it waits for its daemon.
        Fault::Silent(_) => NotRun::Short(text),
        Fault::Refused { .. } | Fault::Strange(_) => NotRun::Failed(text),
    }
}

async fn read(files: BTreeMap<String, PathBuf>) -> Result<Files, NotRun> {
    if files.is_empty() {
        return Ok(Files::new());
    }
    let reading = tokio::task::spawn_blocking(move || {
        let texts = files.into_iter().map(|(named, path)| {
            let read = text(&path).map_err(|error| NotRun::of(&format!("read {named}"), &error))?;
            Ok((named, SecretText::new(read)))
        });
        texts.collect()
    });
    let broken = |_| NotRun::Failed("reading its files broke off".to_owned());
    reading.await.map_err(broken)?
}

/// What is in a file that is put into a container.
pub(crate) fn text(path: &Path) -> std::io::Result<String> {
    // Opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MOST_FILE + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MOST_FILE {
        true => Err(std::io::Error::other("it is larger than 1 MiB")),
        false => Ok(text),
    }
}
