//! How a note is read and kept in a folder or a repository of git. Files may lie on a share that does not answer: they are
//! touched on threads of their own, which nobody waits for longer than a while, and of which a place has one.

use driver::{ExecOutcome, git};
use ledger::{read_note, write_note};
use spec::CheckpointPlace;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Kept;

/// For a look at files, and for each question to git.
const PATIENCE: Duration = Duration::from_secs(30);
/// For what goes over a network.
const PUSH: Duration = Duration::from_secs(120);
/// Names in a folder that are looked at.
const NAMES: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Keeper {
    home: PathBuf,
    folder: PathBuf,
    git: bool,
    push: bool,
    /// A thread is in that folder.
    busy: Arc<AtomicBool>,
    /// What is there was pushed.
    pushed: AtomicBool,
}

/// What is kept of a ledger in one place.
#[derive(Debug, Default)]
pub(super) struct All {
    /// Where, and what.
    pub(super) notes: Vec<(String, String)>,
    /// So many further files are of other ledgers.
    pub(super) others: usize,
}

impl Keeper {
    /// Of a webhook there is nothing to keep or to read.
    pub(super) fn new(home: &Path, place: &CheckpointPlace) -> Self {
        let (folder, git, push) = match place {
            CheckpointPlace::Folder(folder) => (folder.as_str(), false, false),
            CheckpointPlace::Git { folder, push } => (folder.as_str(), true, *push),
            CheckpointPlace::Webhook(_) => ("", false, false),
        };
        Self {
            home: home.to_owned(),
            folder: folder.into(),
            git,
            push,
            busy: Arc::default(),
            pushed: AtomicBool::new(false),
        }
    }

    /// The note in the file of this name; `None` where there is none.
    pub(super) async fn read(&self, file: &str) -> Result<Option<String>, String> {
        self.there().await?;
        match self.git {
            true => self.committed(file).await,
            false => {
                let path = self.folder.join(file);
                self.apart(move || read_note(&path)).await
            }
        }
    }

    /// The notes in files of these names, and how many others there are.
    pub(super) async fn all(&self, files: &[String]) -> Result<All, String> {
        let mut all = All::default();
        for file in files {
            if let Some(note) = self.read(file).await? {
                let path = self.folder.join(file).display().to_string();
                all.notes.push((path, note));
            }
        }
        if files.is_empty() {
            self.there().await?;
        }
        let (folder, own) = (self.folder.clone(), files.to_vec());
        let others = move || {
            let name = |file: std::fs::DirEntry| file.file_name().into_string().ok();
            let names = std::fs::read_dir(&folder)?.flatten().take(NAMES);
            let other = |name: &String| {
                name.starts_with("azora-") && name.ends_with(".checkpoint") && !own.contains(name)
            };
            Ok(names.filter_map(name).filter(other).count())
        };
        all.others = self.apart(others).await?;
        Ok(all)
    }

    /// Keeps a note, if it is not there already, and pushes it where that is asked for.
    pub(super) async fn keep(&self, file: &str, kept: Kept, there: bool) -> Result<(), String> {
        if !there {
            let (path, note) = (self.folder.join(file), kept.note);
            self.apart(move || write_note(&path, &note)).await?;
        }
        if !self.git {
            return Ok(());
        }
        if !there {
            self.pushed.store(false, Ordering::Relaxed);
            // Ignored or not, it is meant; and what else is staged is none of ours.
            self.git(&["add", "-f", "--", file], PATIENCE).await?;
            let message = format!("Checkpoint of {} entries", kept.size);
            let commit = ["commit", "-q", "--no-verify", "-m", &message, "--", file];
            self.git(&commit, PATIENCE).await?;
        }
        if self.push && !self.pushed.load(Ordering::Relaxed) {
            self.git(&["push", "-q"], PUSH).await?;
            self.pushed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The folder is there, and is not the home that it is to be apart from.
    async fn there(&self) -> Result<(), String> {
        let (folder, home) = (self.folder.clone(), self.home.clone());
        let looked = move || {
            let place = folder.canonicalize()?;
            if !place.is_dir() {
                return Err(std::io::Error::other("it is no folder"));
            }
            let inside = home
                .canonicalize()
                .is_ok_and(|home| place.starts_with(home));
            match inside {
                true => Err(std::io::Error::other(
                    "it lies in the home itself, where whoever changes the ledger can change it, too",
                )),
                false => Ok(()),
            }
        };
        self.apart(looked).await?;
        if self.git {
            let inside = ["rev-parse", "--is-inside-work-tree"];
            if self.git(&inside, PATIENCE).await?.trim() != "true" {
                return Err("it is no working tree: name a clone that has one".to_owned());
            }
        }
        Ok(())
    }

    /// As it was committed last: what lies in the working tree is no evidence yet.
    async fn committed(&self, file: &str) -> Result<Option<String>, String> {
        let head = ["rev-parse", "-q", "--verify", "HEAD^{commit}"];
        match git(&self.folder, &head, PATIENCE).await {
            Ok(_) => {}
            // It says nothing of a repository in which nothing was committed yet.
            Err(ExecOutcome::Exit { said, .. }) if said.is_empty() => return Ok(None),
            Err(outcome) => return Err(words(outcome)),
        }
        let listed = self.git(&["ls-tree", "HEAD", "--", file], PATIENCE).await?;
        let Some(blob) = listed.split_whitespace().nth(2) else {
            return Ok(None);
        };
        let note = self.git(&["cat-file", "blob", blob], PATIENCE).await?;
        Ok(Some(note))
    }

    async fn git(&self, arguments: &[&str], timeout: Duration) -> Result<String, String> {
        let said = git(&self.folder, arguments, timeout).await;
        let said = said.map_err(words)?;
        String::from_utf8(said).map_err(|_| "what is committed there is no text".to_owned())
    }

    /// Touches files on a thread of its own.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        const SLOW: &str = "it does not answer";
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(SLOW.to_owned());
        }
        let free = Free(Arc::clone(&self.busy));
        let (tell, told) = tokio::sync::oneshot::channel();
        let working = move || {
            let done = work();
            drop(free);
            // Nobody may wait any more.
            let _ = tell.send(done);
        };
        // Not one of the runtime's: the engine would wait for it at its end.
        std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(working)
            .map_err(|error| error.to_string())?;
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(done)) => done.map_err(|error| error.to_string()),
            Ok(Err(_)) => Err("looking at it broke off".to_owned()),
            Err(_) => Err(SLOW.to_owned()),
        }
    }
}

/// Whatever becomes of the thread.
struct Free(Arc<AtomicBool>);

impl Drop for Free {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn words(outcome: ExecOutcome) -> String {
    match outcome {
        ExecOutcome::Exit { status, said } if said.is_empty() => format!("git {status}"),
        ExecOutcome::Exit { said, .. } => format!("git says: {said}"),
        ExecOutcome::TimedOut => "git did not end in time".to_owned(),
        ExecOutcome::Failed(why) | ExecOutcome::NotFound(why) | ExecOutcome::Short(why) => why,
    }
}
