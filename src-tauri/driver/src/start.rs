//! Starting an instance: the fast way through the shim that is there, or a new shim; and saying
//! why it did not work.

use crate::refusal::{Next, Refusal, shortage};
use crate::spawn::{Shim, plan, ports_are_free};
use crate::watch::{Life, Main, Unit, blocking};
use crate::{Happened, Launch, intent};
use model::Generation;
use shim::{Command, Intent, Step, fail_point};
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::RuntimeFlavor;
use tokio::time::Instant;

/// From the fork to the program. Slow disks take seconds; what takes longer is stuck.
const START_LIMIT: Duration = Duration::from_secs(60);

impl Unit {
    pub(crate) async fn on_start(&mut self, launch: Launch) {
        let generation = launch.generation;
        if let Life::Running(Main {
            generation: running,
            anchor,
            ..
        }) = &self.life
        {
            if *running < generation {
                let error = format!(
                    "it already runs as pid {} (generation {running})",
                    anchor.pid
                );
                self.start_failed_now(generation, Refusal::again(error))
                    .await;
            }
            return;
        }
        if !matches!(self.life, Life::Idle) {
            let error = "its last start is not over".to_owned();
            return self
                .start_failed_now(generation, Refusal::again(error))
                .await;
        }
        self.timer = None;
        self.stopping = None;
        let shared = self.shared.clone();
        // The semaphore is never closed.
        let _permit = shared.starts.acquire().await;
        if let Err(refusal) = self.start(launch).await {
            self.start_failed_now(generation, refusal).await;
        }
    }

    async fn start(&mut self, launch: Launch) -> Result<(), Refusal> {
        fail_point!("start.asked");
        let generation = launch.generation;
        // Sockets of an earlier definition of it are in nobody's way from here on.
        let listen: Vec<u16> = launch.listen.iter().map(|socket| socket.port).collect();
        self.shared.sockets.leave_others(&self.key(), &listen);
        if let Some(wanted) = self.unchanged(&launch) {
            let looked = beside_others(|| {
                self.look_before(&launch)?;
                let written = intent::renew(&self.folder, &wanted);
                written.map_err(|error| Refusal::of("write the intent", &error))
            });
            looked?;
            return self.start_again(generation, wanted).await;
        }
        if let Some(shim) = self.shim.as_ref().filter(|shim| shim.fits(&launch)) {
            let likeness = launch.likeness();
            let (shared, launch) = (self.shared.clone(), launch.clone());
            let (folder, told) = (self.folder.clone(), shim.intent.clone());
            // Planned and written in one go: every change of threads is a wait of its own.
            let same = blocking(move || {
                let wanted = plan(&shared, &launch, Some(&told.nonce))?;
                if !wanted.same_but_generation(&told) {
                    return Ok(None);
                }
                let written = intent::renew(&folder, &wanted);
                written.map_err(|error| Refusal::of("write the intent", &error))?;
                Ok(Some(wanted))
            });
            if let Some(wanted) = same.await? {
                // Its groups were made anew.
                self.swept = false;
                if let Some(shim) = &mut self.shim {
                    shim.likeness = Some(likeness);
                }
                return self.start_again(generation, wanted).await;
            }
        }
        // The last moment to get its sockets.
        self.ask_for_sockets().await;
        self.missing = None;
        if let Some(shim) = self.shim.take() {
            shim.retire().await;
            fail_point!("start.retired");
        }
        self.give_log_up().await;
        let likeness = launch.likeness();
        let (shared, folder, key) = (self.shared.clone(), self.folder.clone(), self.key());
        let made = blocking(move || {
            crate::room::for_one_more()?;
            let wanted = plan(&shared, &launch, None)?;
            fail_point!("start.planned");
            let sockets = shared.sockets.take(&key, &launch.listen)?;
            let made = Shim::spawn(&shared, &folder, &wanted, &sockets, &launch.secrets)?;
            Ok((wanted, made))
        });
        let (wanted, (child, link)) = made.await?;
        self.nonce = Some(wanted.nonce.clone());
        self.groups = wanted.all_groups().map(PathBuf::from).collect();
        self.shim_lost = false;
        self.swept = false;
        let shim = Shim::new(child, link, wanted);
        let mut shim = shim.map_err(|error| Refusal::of("watch its shim", &error))?;
        shim.likeness = Some(likeness);
        self.shim = Some(shim);
        self.begin_starting(generation);
        fail_point!("start.begun");
        Ok(())
    }

    /// The intent of this launch, when it is what the shim that is there was told last, in all but
    /// its generation: nothing has to be looked up or made then. Its control group must not have been
    /// killed, because what is born in such a group is killed too.
    fn unchanged(&self, launch: &Launch) -> Option<Intent> {
        let shim = self.shim.as_ref().filter(|shim| shim.linked())?;
        let same = !self.swept && shim.likeness == Some(launch.likeness());
        same.then(|| Intent {
            generation: launch.generation.0,
            ..shim.intent.clone()
        })
    }

    /// What may have changed since the last start although the launch has not.
    fn look_before(&self, launch: &Launch) -> Result<(), Refusal> {
        if self.shared.layout.emergency().exists() {
            return Err(Refusal::held());
        }
        ports_are_free(launch)
    }

    /// The fast way: the shim is there and is to run what it ran before. The intent is written.
    async fn start_again(&mut self, generation: Generation, wanted: Intent) -> Result<(), Refusal> {
        let told = match &mut self.shim {
            Some(shim) => {
                shim.intent = wanted;
                let told = shim.tell(Command::Again(generation.0)).await;
                fail_point!("again.told");
                told
            }
            None => false,
        };
        if !told {
            return Err(Refusal::again("its shim does not hear".to_owned()));
        }
        self.begin_starting(generation);
        Ok(())
    }

    fn begin_starting(&mut self, generation: Generation) {
        self.life = Life::Starting(generation);
        self.timer = Some(Instant::now() + START_LIMIT);
    }

    pub(crate) async fn start_failed(&mut self, generation: Generation, refusal: Refusal) {
        self.life = Life::Idle;
        self.linger();
        if self.stopping.take().is_some() {
            self.quit_shim().await;
        }
        self.start_failed_now(generation, refusal).await;
    }

    async fn start_failed_now(&mut self, generation: Generation, refusal: Refusal) {
        let Refusal { error, next } = refusal;
        let (cluster, instance) = (self.cluster.clone(), self.instance.clone());
        let word = match next {
            Next::Room => Happened::StartDelayed {
                cluster,
                instance,
                generation,
                shortage: error,
            },
            next => Happened::StartFailed {
                cluster,
                instance,
                generation,
                error,
                retry: next == Next::Again,
            },
        };
        self.shared.say(word).await;
    }

    pub(crate) fn refusal(&self, errno: i32, step: Step) -> Refusal {
        if step == Step::Hold {
            return Refusal::held();
        }
        let intent = self.shim.as_ref().map(|shim| &shim.intent);
        let subject = match (step, intent) {
            (Step::Execute, Some(intent)) => {
                format!(
                    "execute {}",
                    intent.argv.first().map_or("it", String::as_str)
                )
            }
            (Step::Folder, Some(intent)) => format!("enter the working folder {}", intent.cwd),
            _ => step.said().to_owned(),
        };
        let shortage = match (step, errno) {
            (Step::Terminal, libc::ENOSPC) => Some("no terminals left"),
            _ => shortage(Some(errno)),
        };
        if let Some(shortage) = shortage {
            return Refusal::short(shortage, &subject);
        }
        // The same would be refused again until a person changes something.
        let lasting = matches!(step, Step::Execute | Step::Folder | Step::User)
            && matches!(
                errno,
                libc::ENOENT
                    | libc::EACCES
                    | libc::ENOTDIR
                    | libc::ENOEXEC
                    | libc::EPERM
                    | libc::EISDIR
            );
        let error = format!("failed to {subject}: {}", os_error(errno));
        match lasting {
            true => Refusal::lasting(error),
            false => Refusal::again(error),
        }
    }
}

/// Does what may wait for the disk, or for a look at all processes, here and now, while other tasks go
/// on elsewhere: a thread of its own would have to be woken first.
fn beside_others<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// "no such file or directory", without the number.
fn os_error(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}
