//! The task behind [`super::Files`]: select one thing that happened, apply it.

use super::kernel::{Event, Kernel, What};
use super::pattern::{GITIGNORE, Pattern, Rules};
use super::quiet::{Noted, Quiet, RESTARTS, Rested};
use super::tree::{MAX_FOLDERS, Tree, Walk, Walked};
use super::{Ask, Told, Wanted};
use crate::owner::Message;
use model::{ClusterId, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Stands for all that the kernel had no room to tell.
const UNTOLD: &str = "(more files than the kernel had room to tell of)";

/// See the module.
pub(super) struct Task {
    asks: mpsc::Receiver<Ask>,
    home: PathBuf,
    /// Made when something is to be watched for the first time.
    kernel: Option<Kernel>,
    tree: Tree,
    clusters: BTreeMap<ClusterId, Cluster>,
}

struct Cluster {
    folder: PathBuf,
    tell: mpsc::Sender<Message>,
    services: BTreeMap<ServiceName, Service>,
    rules: Rules,
    /// Folders that are watched for it.
    folders: BTreeSet<PathBuf>,
    /// What its services mean, or what git leaves out, has changed: it is walked again.
    walk: bool,
}

struct Service {
    pattern: Arc<Pattern>,
    quiet: Quiet,
}

impl Task {
    pub(super) fn new(asks: mpsc::Receiver<Ask>, home: PathBuf) -> Self {
        Self {
            asks,
            home,
            kernel: None,
            tree: Tree::default(),
            clusters: BTreeMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let kernel = self.kernel.clone();
            let events = async {
                match kernel {
                    Some(kernel) => kernel.events().await,
                    None => std::future::pending().await,
                }
            };
            let due = self.due();
            let rest = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(Ask::Watch(cluster, wanted, tell)) => self.watch(cluster, wanted, tell),
                    None => return,
                },
                events = events => match events {
                    Ok(events) => {
                        for event in events {
                            self.apply(event).await;
                        }
                    }
                    Err(error) => {
                        self.kernel = None;
                        self.say_all(&format!("files are no longer watched: {error}")).await;
                    }
                },
                () = rest => self.tell_rested().await,
            }
            self.walk_again().await;
        }
    }

    fn due(&self) -> Option<Instant> {
        let services = self.clusters.values().flat_map(|one| one.services.values());
        services.filter_map(|service| service.quiet.due()).min()
    }

    /// Takes in what a cluster wants.
    fn watch(&mut self, id: ClusterId, wanted: Wanted, tell: mpsc::Sender<Message>) {
        let Wanted { folder, services } = wanted;
        let mut known = self
            .clusters
            .remove(&id)
            .filter(|known| known.folder == folder)
            .map(|known| known.services)
            .unwrap_or_default();
        let services = services
            .into_iter()
            .map(|(name, watch)| {
                let mut quiet = match known.remove(&name) {
                    // What it has been restarted for lately counts on.
                    Some(known) => known.quiet,
                    None => Quiet::new(watch.debounce),
                };
                quiet.set_debounce(watch.debounce);
                let pattern = Arc::new(Pattern::new(&watch));
                (name, Service { pattern, quiet })
            })
            .collect();
        let cluster = Cluster {
            rules: Rules::new(&folder),
            folder,
            tell,
            services,
            folders: BTreeSet::new(),
            walk: true,
        };
        self.clusters.insert(id, cluster);
    }

    /// Walks the clusters that have to be walked, and lets go of what nobody wants any more.
    async fn walk_again(&mut self) {
        let ids: Vec<ClusterId> = self
            .clusters
            .iter()
            .filter(|(_, cluster)| cluster.walk)
            .map(|(id, _)| id.clone())
            .collect();
        if ids.is_empty() {
            return;
        }
        for id in &ids {
            if let Some(cluster) = self.clusters.get_mut(id) {
                cluster.walk = false;
                cluster.folders.clear();
                cluster.rules.forget();
            }
            self.walk(id, Path::new("")).await;
        }
        self.clusters
            .retain(|_, cluster| !cluster.services.is_empty());
        let wanted: BTreeSet<PathBuf> = self
            .clusters
            .values()
            .flat_map(|cluster| cluster.folders.iter().cloned())
            .collect();
        if let Some(kernel) = &self.kernel {
            self.tree.keep_only(kernel, &wanted);
        }
        if self.clusters.is_empty() {
            // The instance is the user's to use elsewhere.
            self.kernel = None;
            self.tree = Tree::default();
        }
    }

    /// Watches the folders of a cluster at and below one of them; answers the files in them.
    async fn walk(&mut self, id: &ClusterId, start: &Path) -> Vec<PathBuf> {
        let Some(cluster) = self.clusters.get_mut(id) else {
            return Vec::new();
        };
        if cluster.services.is_empty() {
            return Vec::new();
        }
        let kernel = match &self.kernel {
            Some(kernel) => kernel.clone(),
            None => match Kernel::open() {
                Ok(kernel) => self.kernel.insert(kernel).clone(),
                Err(why) => {
                    let text = format!("files are not watched: {}", why.words());
                    cluster.say(&text).await;
                    return Vec::new();
                }
            },
        };
        let patterns = cluster.services.values();
        let mut walk = Walk {
            root: cluster.folder.clone(),
            home: self.home.clone(),
            patterns: patterns
                .map(|service| Arc::clone(&service.pattern))
                .collect(),
            rules: std::mem::replace(&mut cluster.rules, Rules::new(&cluster.folder)),
        };
        let (start, known) = (start.to_owned(), cluster.folders.len());
        let walked = tokio::task::spawn_blocking(move || {
            let walked = walk.go(&kernel, &start, known);
            (walked, walk.rules)
        });
        let Ok((walked, rules)) = walked.await else {
            return Vec::new();
        };
        cluster.rules = rules;
        let Walked {
            watched,
            files,
            unwatched,
            too_many,
        } = walked;
        for (path, watch) in watched {
            cluster.folders.insert(path.clone());
            self.tree.add(path, watch);
        }
        if let Some((count, why)) = unwatched {
            let text = format!(
                "{count} of {} folders are not watched, and a change in them restarts nothing: {}",
                count + cluster.folders.len(),
                why.words()
            );
            cluster.say(&text).await;
        }
        if too_many {
            let text = format!(
                "only {MAX_FOLDERS} folders are watched, and a change in others restarts nothing; \
                 name narrower paths in `watch`"
            );
            cluster.say(&text).await;
        }
        files
    }

    async fn apply(&mut self, event: Event) {
        if event.what == What::Overflow {
            return self.overflow().await;
        }
        let Some(folder) = self.tree.path(event.watch).cloned() else {
            // Of a folder that is not watched any more: old news.
            return;
        };
        let Some(name) = event.name.filter(|_| event.what != What::Lost) else {
            return self.lost(&folder).await;
        };
        let path = folder.join(&*name);
        if &*name == GITIGNORE {
            for cluster in self.clusters.values_mut() {
                cluster.walk |= path.starts_with(&cluster.folder);
            }
        }
        match event.what {
            What::Written => self.touched(&path, false).await,
            What::Appeared { folder: true } => self.new_folder(&path).await,
            What::Appeared { folder: false } => {
                // What is being written is told when it is closed. A link is whole at once.
                let whole = std::fs::symlink_metadata(&path)
                    .is_ok_and(|found| found.is_symlink() || found.nlink() > 1);
                if whole {
                    self.touched(&path, false).await;
                }
            }
            What::Vanished { folder } => {
                if let (true, Some(kernel)) = (folder, &self.kernel) {
                    self.tree.drop_below(kernel, &path);
                }
                self.touched(&path, folder).await;
            }
            What::Lost | What::Overflow => {}
        }
    }

    /// A folder is new: what is in it is, too.
    async fn new_folder(&mut self, path: &Path) {
        let meant: Vec<(ClusterId, PathBuf)> = self
            .clusters
            .iter()
            .filter_map(|(id, cluster)| {
                let below = path.strip_prefix(&cluster.folder).ok()?;
                Some((id.clone(), below.to_owned()))
            })
            .collect();
        for (id, below) in meant {
            for file in self.walk(&id, &below).await {
                if let Some(cluster) = self.clusters.get_mut(&id) {
                    cluster.touched(&file, false).await;
                }
            }
        }
    }

    /// A watched folder is gone, or somewhere else.
    async fn lost(&mut self, folder: &Path) {
        if let Some(kernel) = &self.kernel {
            self.tree.drop_one(kernel, folder);
        }
        for cluster in self.clusters.values_mut() {
            cluster.folders.remove(folder);
            if cluster.folder == folder {
                let text = format!(
                    "{} is gone: its files are not watched until the next `azora up`",
                    folder.display()
                );
                cluster.say(&text).await;
            }
        }
    }

    async fn touched(&mut self, path: &Path, is_dir: bool) {
        for cluster in self.clusters.values_mut() {
            if let Ok(file) = path.strip_prefix(&cluster.folder) {
                let file = file.to_owned();
                cluster.touched(&file, is_dir).await;
            }
        }
    }

    /// The kernel dropped events: everything may have changed, and folders may have appeared.
    async fn overflow(&mut self) {
        let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
        let limit = limit.unwrap_or_default();
        for cluster in self.clusters.values_mut() {
            cluster.walk = true;
            let text = format!(
                "more files changed at once than the kernel keeps in mind \
                 (fs.inotify.max_queued_events = {}): every service that watches files restarts",
                limit.trim()
            );
            cluster.say(&text).await;
            cluster.note_all(Path::new(UNTOLD)).await;
        }
    }

    async fn tell_rested(&mut self) {
        let now = Instant::now();
        for cluster in self.clusters.values_mut() {
            cluster.tell_rested(now).await;
        }
    }

    async fn say_all(&mut self, text: &str) {
        for cluster in self.clusters.values() {
            cluster.say(text).await;
        }
    }
}

impl Cluster {
    /// A file has changed; whose it is, is told.
    async fn touched(&mut self, file: &Path, is_dir: bool) {
        let rules = &mut self.rules;
        let meant: Vec<ServiceName> = self
            .services
            .iter()
            .filter(|(_, service)| {
                service.pattern.wants(file, is_dir)
                    && !service.pattern.left_out(file, is_dir, rules)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in meant {
            self.note(&name, file).await;
        }
    }

    async fn note_all(&mut self, file: &Path) {
        let all: Vec<ServiceName> = self.services.keys().cloned().collect();
        for name in all {
            self.note(&name, file).await;
        }
    }

    async fn note(&mut self, name: &ServiceName, file: &Path) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let told = match service.quiet.note(file, Instant::now()) {
            Noted::First => Told::Changing,
            Noted::Paused { say: true } => Told::Said(format!(
                "{name} was restarted {RESTARTS} times within a minute, at last because {} changed; \
                 if it writes that file itself, leave it out: watch = [\"…\", \"!{}\"]. It restarts once \
                 a minute from now on, until a minute without a change",
                file.display(),
                file.display()
            )),
            Noted::Further | Noted::Paused { say: false } => return,
        };
        self.tell(name, told).await;
    }

    async fn tell_rested(&mut self, now: Instant) {
        let rested: Vec<(ServiceName, Rested)> = self
            .services
            .iter_mut()
            .filter_map(|(name, service)| Some((name.clone(), service.quiet.take(now)?)))
            .collect();
        for (name, Rested { files, count, last }) in rested {
            self.tell(&name, Told::Changed { files, count, last }).await;
        }
    }

    /// Something that concerns all of its services.
    async fn say(&self, text: &str) {
        let names: Vec<&str> = self.services.keys().map(ServiceName::as_str).collect();
        let Some(first) = self.services.keys().next() else {
            return;
        };
        let told = Told::Said(format!("{}: {text}", names.join(", ")));
        self.tell(first, told).await;
    }

    async fn tell(&self, service: &ServiceName, told: Told) {
        let service = service.clone();
        // A closed inbox means that the cluster was just forgotten, or its owner is replaced.
        let _ = self.tell.send(Message::Files { service, told }).await;
    }
}
