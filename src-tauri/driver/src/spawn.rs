//! Making a shim, and the connection to one.

use crate::Launch;
use crate::handback;
use crate::holders;
use crate::layout::private_folder;
use crate::pidfd::Pidfd;
use crate::procfs::Table;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::shortage::seen;
use crate::slow::connect;
use crate::{SecretText, clock, intent, limits, ports, secret, sockets, survivors, user};
use model::{Anchor, Generation};
use shim::{Command, Intent, Line, fail_point};
use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Chain, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Checks a launch and turns it into an intent. `nonce` is that of the shim that is there already.
pub(crate) fn plan(
    shared: &Shared,
    launch: &Launch,
    nonce: Option<&str>,
) -> Result<Intent, Refusal> {
    if shared.layout.emergency().exists() {
        return Err(Refusal::held());
    }
    if launch.argv.first().is_none_or(String::is_empty) {
        return Err(Refusal::lasting("its command is empty".to_owned()));
    }
    let secrets = launch.secrets.values().map(SecretText::reveal);
    let texts = launch
        .argv
        .iter()
        .chain(launch.env.keys())
        .chain(launch.env.values())
        .map(String::as_str)
        .chain(secrets);
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(Refusal::lasting(
            "its command or environment has a zero byte in it".to_owned(),
        ));
    }
    ports_are_free(launch)?;
    let mut env = launch.env.clone();
    // What Azora's own start was handed is not for its services.
    env.retain(|key, _| !matches!(key.as_str(), "LISTEN_FDS" | "LISTEN_FDNAMES" | "LISTEN_PID"));
    if launch.tty {
        env.entry("TERM".to_owned())
            .or_insert_with(|| "xterm-256color".to_owned());
    }
    let user = match &launch.user {
        None => None,
        Some(name) => user::resolve(name).map_err(|error| {
            let text = match std::error::Error::source(&error) {
                Some(source) => format!("failed to {error}: {source}"),
                None => error.to_string(),
            };
            match error {
                user::UserError::Lookup(..) => Refusal::again(text),
                _ => Refusal::lasting(text),
            }
        })?,
    };
    if let Some(user) = &user {
        user.set_env(&mut env);
    }
    let nonce = match nonce {
        Some(nonce) => nonce.to_owned(),
        None => new_nonce().map_err(|error| Refusal::passing("draw a random number", error))?,
    };
    for (key, value) in [
        (shim::ENV_NONCE, nonce.clone()),
        (shim::ENV_HOME_ID, shared.layout.id()),
        (shim::ENV_CLUSTER, launch.cluster.to_string()),
        (shim::ENV_INSTANCE, launch.instance.to_string()),
    ] {
        env.insert(key.to_owned(), value);
    }
    let mut secrets = BTreeMap::new();
    for (name, secret) in &launch.secrets {
        env.remove(name);
        let key = shared
            .key()
            .map_err(|error| Refusal::of("read the key for secrets", &error))?;
        secrets.insert(name.clone(), key.fingerprint(secret));
    }
    let groups = shared
        .groups
        .make(&launch.cluster, &launch.instance, &launch.limits)
        .map_err(|error| Refusal::of("make its control groups", &error))?;
    let rlimits = limits::rlimits(
        &launch.limits,
        &shared.groups,
        shared.nofile,
        user.is_some(),
    );
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| Refusal::lasting(format!("the path {} is not UTF-8", path.display())))
    };
    Ok(Intent {
        generation: launch.generation.0,
        boot_id: clock::boot_id()
            .map_err(|error| Refusal::of("read the boot id", &error))?
            .to_owned(),
        nonce,
        cluster: launch.cluster.to_string(),
        instance: launch.instance.to_string(),
        log: text(&shared.layout.log(&launch.cluster, &launch.instance))?,
        index: text(&shared.layout.log_index(&launch.cluster, &launch.instance))?,
        runs: Some(text(
            &shared.layout.log_runs(&launch.cluster, &launch.instance),
        )?),
        keep: launch.log_keep,
        cgroup: groups.tree.as_deref().map(text).transpose()?,
        groups: groups
            .holding
            .iter()
            .map(|group| text(group))
            .collect::<Result<_, _>>()?,
        memory: match (launch.limits.memory, &groups.memory) {
            (Some(limit), Some(group)) => Some((limit, text(group)?)),
            _ => None,
        },
        hold: Some(text(&shared.layout.emergency())?),
        cwd: text(&launch.cwd)?,
        user: user.map(|user| (user.uid, user.gid, user.groups)),
        nofile: Some(rlimits.files),
        rlimits: rlimits.others,
        umask: shared.umask,
        argv: launch.argv.clone(),
        env,
        secrets,
        origins: launch.origins.clone(),
        listen: listen(launch),
        tty: launch.tty,
        notify: launch.notify.then(|| {
            let other = launch.user.is_some();
            shared
                .layout
                .notify(&launch.cluster, &launch.instance, other)
        }),
    })
}

/// A port that it will listen on is not another's.
pub(crate) fn ports_are_free(launch: &Launch) -> Result<(), Refusal> {
    let handed = |port: &u16| launch.listen.iter().any(|socket| socket.port == *port);
    for port in launch.ports.iter().filter(|port| !handed(port)) {
        if !ports::listen::free(*port) {
            let holder = holders::words(*port);
            return Err(Refusal::again(format!("port {port} is held by {holder}")));
        }
    }
    Ok(())
}

/// The sockets of a launch, as an intent has them.
fn listen(launch: &Launch) -> Vec<shim::Listen> {
    let sockets = launch.listen.iter();
    sockets
        .map(|socket| shim::Listen {
            name: socket.name.to_owned(),
            port: socket.port,
        })
        .collect()
}

pub(crate) fn new_nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What it said before it was asked to go on, then what it says.
type Heard = Chain<Cursor<Vec<u8>>, OwnedReadHalf>;

/// What is read from a shim at once: a few of its lines. There is one such buffer for each service.
const LINES: usize = 512;

/// A living shim: its process, and the connection while there is one.
#[derive(Debug)]
pub(crate) struct Shim {
    pub(crate) anchor: Anchor,
    pub(crate) pidfd: AsyncFd<Pidfd>,
    /// What it was told to run; the generation is the newest one told.
    pub(crate) intent: Intent,
    /// [`Launch::likeness`] of the launch that the intent was made from, if that was in this engine.
    pub(crate) likeness: Option<u64>,
    /// It is our own child and has to be reaped.
    child: Option<Child>,
    lines: Option<Lines<BufReader<Heard>>>,
    commands: Option<OwnedWriteHalf>,
}

impl Shim {
    /// Writes the intent and makes a shim for it. Blocks on the disk.
    pub(crate) fn spawn(
        shared: &Shared,
        folder: &Path,
        intent: &Intent,
        sockets: &[OwnedFd],
        secrets: &BTreeMap<String, SecretText>,
    ) -> Result<(Child, OwnedFd), Refusal> {
        let log = Path::new(&intent.log);
        private_folder(log.parent().unwrap_or(log))
            .map_err(|error| Refusal::of("make the log folder", &error))?;
        intent::write(folder, intent).map_err(|error| Refusal::of("write the intent", &error))?;
        let pair = std::os::unix::net::UnixStream::pair();
        let (ours, its) = pair.map_err(|error| Refusal::of("make a socket pair", &error))?;
        ours.set_nonblocking(true)
            .map_err(|error| Refusal::of("make a socket pair", &error))?;
        if !sockets.is_empty() {
            sockets::send(&ours, sockets)
                .map_err(|error| Refusal::of("hand over the listening sockets", &error))?;
        }
        let stdout = match secrets.is_empty() {
            true => Stdio::null(),
            false => secret::file(secrets)
                .map_err(|error| Refusal::of("keep secrets in memory", &error))?
                .into(),
        };
        let child = std::process::Command::new(&shared.shim)
            .arg(folder)
            .arg(&intent.nonce)
            .env_clear()
            .envs(shim::failpoint::inherited())
            .stdin(OwnedFd::from(its))
            .stdout(stdout)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                Refusal::of(
                    &format!("execute the shim {}", shared.shim.display()),
                    &error,
                )
            })?;
        fail_point!("shim.made");
        Ok((child, ours.into()))
    }

    /// Takes charge of a shim that was just made.
    pub(crate) fn new(child: Child, link: OwnedFd, intent: Intent) -> io::Result<Shim> {
        let gone = || io::Error::other("it has ended already");
        let anchor = clock::anchor(child.id()).ok_or_else(gone)?;
        // Our own child, not reaped: the number means it.
        let pidfd = Pidfd::open(child.id())?.ok_or_else(gone)?;
        let stream = UnixStream::from_std(std::os::unix::net::UnixStream::from(link))?;
        let mut shim = Shim {
            anchor,
            pidfd: pidfd.watch()?,
            intent,
            likeness: None,
            child: Some(child),
            lines: None,
            commands: None,
        };
        shim.link(Vec::new(), stream);
        Ok(shim)
    }

    /// Takes charge of the shim on record, if its process lives; linked if it listens, and then with
    /// duplicates of the listening sockets it keeps.
    ///
    /// # Errors
    /// When it could not be looked at, or connected to, for want of descriptors or memory.
    pub(crate) async fn reach(
        folder: &Path,
        anchor: &Anchor,
        intent: &Intent,
    ) -> io::Result<Option<(Shim, Vec<OwnedFd>)>> {
        let Some(pidfd) = Pidfd::open_anchored(anchor)? else {
            return Ok(None);
        };
        if !survivors::is_shim(anchor, folder)? {
            return Ok(None);
        }
        let stream = connect(folder).await?;
        let stream = stream.filter(|stream| handback::is(stream, anchor.pid));
        let (heard, sockets) = match &stream {
            Some(stream) if !intent.listen.is_empty() => sockets::receive(stream).await,
            _ => (Vec::new(), Vec::new()),
        };
        let mut shim = Shim {
            anchor: anchor.clone(),
            pidfd: pidfd.watch()?,
            intent: intent.clone(),
            likeness: None,
            child: None,
            lines: None,
            commands: None,
        };
        if let Some(stream) = stream {
            shim.link(heard, stream);
        }
        Ok(Some((shim, sockets)))
    }

    /// Gives up everything but the duty to reap it.
    pub(crate) fn into_child(self) -> Option<Child> {
        self.child
    }

    /// Takes that duty on, if the child is this shim's process; one that has ended is reaped.
    pub(crate) fn take_child(&mut self, mut child: Child) {
        if child.id() == self.anchor.pid {
            self.child = Some(child);
        } else {
            let _ = child.try_wait();
        }
    }

    fn link(&mut self, heard: Vec<u8>, stream: UnixStream) {
        let (read, write) = stream.into_split();
        self.lines = Some(BufReader::with_capacity(LINES, Cursor::new(heard).chain(read)).lines());
        self.commands = Some(write);
    }

    /// It hears, and keeps the very sockets that a launch is to be handed.
    pub(crate) fn fits(&self, launch: &Launch) -> bool {
        self.linked() && self.intent.listen == listen(launch)
    }

    /// It keeps listening sockets.
    pub(crate) fn keeps_sockets(&self) -> bool {
        self.linked() && !self.intent.listen.is_empty()
    }

    /// It makes the next terminal as large as the last one.
    pub(crate) fn knows_a_size(&self) -> bool {
        self.linked() && self.intent.tty
    }

    /// True while its process lives.
    pub(crate) fn lives(&self) -> bool {
        !self.pidfd.get_ref().wait_ended(Duration::ZERO)
    }

    /// True while it hears and is heard.
    pub(crate) fn linked(&self) -> bool {
        self.lines.is_some()
    }

    /// The next line it says. `None` once when the connection ends, and never again after that.
    /// May be dropped and called again without losing a line.
    pub(crate) async fn line(&mut self) -> Option<Line> {
        let Some(lines) = &mut self.lines else {
            return std::future::pending().await;
        };
        loop {
            match lines.next_line().await {
                // A word of a later version is none for us.
                Ok(Some(text)) => {
                    if let Some(line) = Line::parse(&text) {
                        return Some(line);
                    }
                }
                Ok(None) | Err(_) => {
                    self.lines = None;
                    self.commands = None;
                    return None;
                }
            }
        }
    }

    /// It has said already, and nobody has heard yet, that nothing is left of this generation.
    pub(crate) fn says_gone(&mut self, generation: Generation) -> bool {
        let gone = Line::Gone {
            generation: generation.0,
        };
        let said = self.lines.as_mut().map(|lines| lines.get_ref().buffer());
        said.is_some_and(|said| said.starts_with(format!("{gone}\n").as_bytes()))
    }

    /// Tells it something; false when it cannot hear.
    pub(crate) async fn tell(&mut self, command: Command) -> bool {
        /// A shim that does not read for so long is stuck.
        const PATIENCE: Duration = Duration::from_secs(1);
        let Some(commands) = &mut self.commands else {
            return false;
        };
        let text = format!("{command}\n");
        let sent = tokio::time::timeout(PATIENCE, commands.write_all(text.as_bytes())).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Waits until its process has ended.
    pub(crate) async fn ended(&self) {
        // An error of the poller cannot be told from an end here; what follows looks again.
        let _ = self.pidfd.readable().await;
    }

    /// Lets it go: asks it to quit, and ends it if it does not.
    pub(crate) async fn retire(mut self) {
        /// A shim with nothing left to keep quits within a millisecond.
        const PATIENCE: Duration = Duration::from_secs(1);
        let told = self.tell(Command::Quit).await;
        if !told || tokio::time::timeout(PATIENCE, self.ended()).await.is_err() {
            self.kill();
            // One that does not even die now is stuck in the kernel: nothing more can be done.
            let _ = tokio::time::timeout(PATIENCE, self.ended()).await;
        }
        self.reap();
    }

    /// Ends it at once. What it kept lives on.
    pub(crate) fn kill(&self) {
        // It may have ended by itself.
        let _ = self.pidfd.get_ref().signal(libc::SIGKILL);
    }

    /// Keeps it from doing anything more, until it is killed or told to go on.
    pub(crate) fn freeze(&self) {
        // As above.
        let _ = self.pidfd.get_ref().signal(libc::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        // As above.
        let _ = self.pidfd.get_ref().signal(libc::SIGCONT);
    }

    /// Takes its exit status off the process table, if it is our child.
    pub(crate) fn reap(&mut self) {
        if let Some(child) = &mut self.child {
            // Not ended, or reaped already: nothing to take.
            let _ = child.try_wait();
        }
    }

    /// How it ended, if it was our child and has.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.as_mut()?.try_wait().ok()??.code()
    }
}

/// What became of a shim that was not on record yet when its engine died.
#[derive(Debug)]
pub(crate) enum ShutOut {
    /// It is on record now.
    OnRecord(Box<intent::Story>),
    /// There is none, and none can come any more.
    Gone,
}

impl ShutOut {
    /// Sees to it that a shim which is on its way either is on record or runs nothing. Blocks.
    ///
    /// A shim holds the lock on the record before it reads the intent, and leaves when that is not
    /// its own: with the lock in our hand and the intent taken back, one that comes later is
    /// harmless. One that has the lock and does not go on is stuck, and is killed.
    ///
    /// # Errors
    /// When it could not be looked, for want of descriptors or memory.
    pub(crate) fn late_shim(folder: &Path, table: &Table) -> io::Result<ShutOut> {
        /// From the lock to the record is a read and a write.
        const PATIENCE: Duration = Duration::from_secs(2);
        /// Longer than anything that can be killed takes to die.
        const LIMIT: Duration = Duration::from_secs(10);
        let begun = std::time::Instant::now();
        let mut now: Option<Table> = None;
        loop {
            // Held to the end of this round.
            let lock = seen(intent::lock_record(folder))?;
            let locked = !matches!(lock, Some(None));
            let story = intent::Story::read(folder)?;
            if story.shim.is_some() {
                return Ok(ShutOut::OnRecord(Box::new(story)));
            }
            let late = begun.elapsed() > PATIENCE;
            if late {
                now = Some(Table::read()?);
            }
            if locked || late {
                survivors::kill_shims_of(folder, now.as_ref().unwrap_or(table));
            }
            if locked || begun.elapsed() > LIMIT {
                fail_point!("adopt.locked");
                intent::take_back(folder);
                return Ok(ShutOut::Gone);
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}
