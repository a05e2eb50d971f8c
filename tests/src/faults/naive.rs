//! Two simple policies, each service kept for itself and without the graph: start again what has ended; and
//! besides that, end and start again what fails its checks. They check as Azora does: the same question, as
//! often, with the same patience.

use super::graph::{
    EVERY_MS, FAIL, GRACE_MS, Made, SERVICES, Service, Stack, TIMEOUT_MS, WITHIN_MS,
};
use super::keeper::{Book, Keeper, Note};
use crate::{Folder, is_root, process};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testkit::Home;

/// What makes it start a service again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Its end.
    Exit,
    /// Its end, or checks that fail.
    Liveness,
}

/// One that lived shorter than a second is started again after this: what systemd waits before each
/// start (`RestartSec`). One that lived longer is started again at once, which is the quickest there is.
const PAUSE: Duration = Duration::from_millis(100);

/// Such a keeper at work.
pub struct Naive {
    policy: Policy,
    shared: Arc<Shared>,
    stack: Stack,
    orders: Vec<SyncSender<Order>>,
    keepers: Vec<JoinHandle<()>>,
    /// Ends whatever still belongs to it.
    _home: Home,
    _folder: Folder,
}

struct Shared {
    policy: Policy,
    stack: RwLock<Stack>,
    book: Mutex<Book>,
    home: std::path::PathBuf,
    /// What the services say.
    log: std::fs::File,
}

/// What a service's keeper is told.
enum Order {
    /// Its process has ended.
    Ended,
    /// Start it again as it is defined now.
    Reload,
    /// End it for good.
    Stop,
}

impl Naive {
    /// Brings the stack up: all at once, each for itself.
    pub fn begin(policy: Policy, stack: Stack, folder: Folder) -> Self {
        let home = Home::new();
        let log =
            std::fs::File::create(folder.path().join("log")).expect("the folder can be written to");
        let shared = Arc::new(Shared {
            policy,
            stack: RwLock::new(stack.clone()),
            book: Mutex::default(),
            home: home.path().to_owned(),
            log,
        });
        let (mut orders, mut keepers) = (Vec::new(), Vec::new());
        for service in SERVICES {
            let (order, told) = sync_channel(8);
            let shared = Arc::clone(&shared);
            orders.push(order.clone());
            keepers.push(std::thread::spawn(move || {
                keep(&shared, service, &order, &told)
            }));
        }
        Self {
            policy,
            shared,
            stack,
            orders,
            keepers,
            _home: home,
            _folder: folder,
        }
    }
}

impl Drop for Naive {
    fn drop(&mut self) {
        for order in &self.orders {
            let _ = order.send(Order::Stop);
        }
        for keeper in self.keepers.drain(..) {
            let _ = keeper.join();
        }
    }
}

impl Keeper for Naive {
    fn name(&self) -> &'static str {
        match self.policy {
            Policy::Exit => "on exit",
            Policy::Liveness => "on failed liveness",
        }
    }

    fn stack(&self) -> &Stack {
        &self.stack
    }

    fn book(&self) -> Book {
        self.shared.book().clone()
    }

    fn configure(&mut self, broken: Option<&'static str>) -> Result<(), String> {
        let changed = broken.or(self.stack.broken);
        self.stack.broken = broken;
        *self
            .shared
            .stack
            .write()
            .unwrap_or_else(PoisonError::into_inner) = self.stack.clone();
        let at = SERVICES
            .iter()
            .position(|service| Some(service.name) == changed);
        if let Some(order) = at.and_then(|at| self.orders.get(at)) {
            order
                .send(Order::Reload)
                .map_err(|_| "its keeper has ended")?;
        }
        Ok(())
    }

    fn release(&mut self, _: &str) {}

    fn quiet(&self) -> bool {
        self.book().pids.len() == SERVICES.len()
    }
}

impl Shared {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, service: &Service, text: &str) {
        let mut book = self.book();
        let id = book.notes.len() as u64;
        book.notes.push(Note {
            at: Instant::now(),
            id,
            service: service.name.to_owned(),
            text: text.to_owned(),
            closed: false,
            over: true,
        });
    }

    fn start(&self, service: &Service) -> Option<Child> {
        let stack = self
            .stack
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let words = stack.command(service);
        let output = || {
            self.log
                .try_clone()
                .map_or_else(|_| Stdio::null(), Stdio::from)
        };
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(&stack.folder)
            .env("AZORA_HOME", &self.home)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output());
        if service.made == Made::Postgres && is_root() {
            let (user, group) = super::postgres_user()?;
            command.uid(user).gid(group);
        }
        let child = command.spawn().ok()?;
        let mut book = self.book();
        *book.starts.entry(service.name.to_owned()).or_default() += 1;
        book.pids.insert(service.name.to_owned(), child.id());
        Some(child)
    }
}

/// Keeps one service until it is told to stop.
fn keep(
    shared: &Shared,
    service: &'static Service,
    order: &SyncSender<Order>,
    told: &Receiver<Order>,
) {
    loop {
        let begun = Instant::now();
        let Some(mut child) = shared.start(service) else {
            shared.note(service, "cannot be started");
            match told.recv_timeout(PAUSE) {
                Ok(Order::Stop) => return,
                _ => continue,
            }
        };
        let pid = child.id();
        let ended = order.clone();
        let waiter = std::thread::spawn(move || {
            let _ = child.wait();
            // Nobody listens any more when all is over.
            let _ = ended.send(Order::Ended);
        });
        let mut why = watch(shared, service, begun, told);
        if why != Why::Ended && end(service, pid, told) {
            why = Why::Stop;
        }
        let _ = waiter.join();
        shared.book().pids.remove(service.name);
        match why {
            Why::Stop => return,
            Why::Ended => shared.note(service, "has ended"),
            Why::Failing => shared.note(service, "fails its checks"),
            Why::Reload => continue,
        }
        if begun.elapsed() < Duration::from_secs(1) {
            // Orders wait as long.
            std::thread::park_timeout(PAUSE);
        }
    }
}

#[derive(PartialEq, Eq)]
enum Why {
    Ended,
    Failing,
    Reload,
    Stop,
}

/// Until something is to be done about it.
fn watch(shared: &Shared, service: &Service, begun: Instant, told: &Receiver<Order>) -> Why {
    let every = Duration::from_millis(EVERY_MS);
    let within = Duration::from_millis(WITHIN_MS);
    let mut next = begun + every;
    let (mut fails, mut ready) = (0, false);
    loop {
        let wait = match shared.policy {
            Policy::Exit => every,
            Policy::Liveness => next.saturating_duration_since(Instant::now()),
        };
        match told.recv_timeout(wait) {
            Ok(Order::Ended) => return Why::Ended,
            Ok(Order::Reload) => return Why::Reload,
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return Why::Stop,
            Err(RecvTimeoutError::Timeout) if shared.policy == Policy::Exit => continue,
            Err(RecvTimeoutError::Timeout) => {}
        }
        next = Instant::now() + every;
        let stack = shared
            .stack
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if check(&stack, service) {
            (fails, ready) = (0, true);
        } else if ready || begun.elapsed() > within {
            fails += 1;
            if fails >= FAIL {
                return Why::Failing;
            }
        }
    }
}

/// Asks it to end, and kills what does not. Answers whether it is to stay so.
fn end(service: &Service, pid: u32, told: &Receiver<Order>) -> bool {
    let signal = match service.made {
        Made::Postgres => Signal::INT,
        _ => Signal::TERM,
    };
    process::try_signal(pid, signal);
    let until = Instant::now() + Duration::from_millis(GRACE_MS);
    let mut stop = false;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match told.recv_timeout(left.max(Duration::from_millis(1))) {
            // Word of this end must not be taken for that of the next process.
            Ok(Order::Ended) | Err(RecvTimeoutError::Disconnected) => return stop,
            Ok(Order::Stop) => stop = true,
            Ok(Order::Reload) => {}
            Err(RecvTimeoutError::Timeout) => process::try_signal(pid, Signal::KILL),
        }
    }
}

fn check(stack: &Stack, service: &Service) -> bool {
    let timeout = Duration::from_millis(TIMEOUT_MS);
    match stack.check(service) {
        Some(words) => {
            let child = Command::new(&words[0])
                .args(&words[1..])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut child) = child else { return false };
            let mut well = None;
            let ended = testkit::eventually(timeout, || {
                well = child
                    .try_wait()
                    .ok()
                    .flatten()
                    .map(|status| status.success());
                well.is_some()
            });
            if !ended {
                let _ = child.kill();
                let _ = child.wait();
            }
            well == Some(true)
        }
        None => ask(stack.port(service.name), timeout).is_some(),
    }
}

/// `GET /health`: the body, when the answer is 200 and comes in time.
pub(super) fn ask(port: u16, timeout: Duration) -> Option<String> {
    let until = Instant::now() + timeout;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, timeout).ok()?;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        .ok()?;
    let (mut bytes, mut some) = (Vec::new(), [0; 2048]);
    loop {
        let left = until.checked_duration_since(Instant::now())?;
        stream
            .set_read_timeout(Some(left.max(Duration::from_millis(1))))
            .ok()?;
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&some[..read]),
            // What was answered before a reset is an answer.
            Err(_) if bytes.ends_with(b"}") => break,
            Err(_) => return None,
        }
        if bytes.ends_with(b"}") || bytes.len() > 64 << 10 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}
