//! Who looks at a stack from outside: asks every service what anybody could ask it, and notes when it answered
//! well and when it did not.

use super::graph::{Made, SERVICES, Stack};
use super::naive::ask;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two questions to who is well, and to who is not or is being looked at.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_millis(25));
/// Whoever takes longer does not answer well.
const PATIENCE: Duration = Duration::from_millis(800);

/// How a service looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// It answers, and well.
    pub well: bool,
    /// Since when that is so.
    pub since: Instant,
    /// The process that answers, where it says so.
    pub pid: u32,
    /// When it was asked what was answered last.
    pub asked: Instant,
}

/// Eyes on every service of a stack.
pub struct Eyes {
    looks: Arc<Vec<Mutex<Look>>>,
    at: Arc<AtomicUsize>,
    end: Arc<AtomicBool>,
    lookers: Vec<JoinHandle<()>>,
}

impl Eyes {
    /// Begins to look.
    pub fn open(stack: &Stack) -> Self {
        let now = Instant::now();
        let blank = Look {
            well: false,
            since: now,
            pid: 0,
            asked: now,
        };
        let looks: Arc<Vec<Mutex<Look>>> =
            Arc::new(SERVICES.iter().map(|_| Mutex::new(blank)).collect());
        let (at, end) = (
            Arc::new(AtomicUsize::new(usize::MAX)),
            Arc::new(AtomicBool::new(false)),
        );
        let lookers = SERVICES.iter().enumerate().map(|(index, service)| {
            let (looks, at, end) = (Arc::clone(&looks), Arc::clone(&at), Arc::clone(&end));
            let (port, made) = (stack.port(service.name), service.made);
            std::thread::spawn(move || {
                while !end.load(Relaxed) {
                    let asked = Instant::now();
                    let pid = look(port, made);
                    let mut look = looks[index].lock().unwrap_or_else(PoisonError::into_inner);
                    let changed =
                        look.well != pid.is_some() || pid.is_some_and(|pid| pid != look.pid);
                    look.asked = asked;
                    if changed {
                        look.well = pid.is_some();
                        look.since = Instant::now();
                        look.pid = pid.unwrap_or(look.pid);
                    }
                    let closely = !look.well || at.load(Relaxed) == index;
                    drop(look);
                    std::thread::park_timeout(if closely { PACE.1 } else { PACE.0 });
                }
            })
        });
        let lookers = lookers.collect();
        Self {
            looks,
            at,
            end,
            lookers,
        }
    }

    /// Looks more closely at this service from here on.
    pub fn at(&self, name: &str) {
        let index = SERVICES.iter().position(|service| service.name == name);
        self.at.store(index.unwrap_or(usize::MAX), Relaxed);
        if let Some(looker) = index.and_then(|index| self.lookers.get(index)) {
            looker.thread().unpark();
        }
    }

    /// How a service looks.
    pub fn look(&self, name: &str) -> Option<Look> {
        let index = SERVICES.iter().position(|service| service.name == name)?;
        let look = self.looks[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Some(*look)
    }

    /// Since when all of them answer well, as asked since `when`; `None` while one does not.
    pub fn all_well(&self, when: Instant) -> Option<Instant> {
        let mut since = None;
        for look in self.looks.iter() {
            let look = *look.lock().unwrap_or_else(PoisonError::into_inner);
            if !look.well || look.asked < when {
                return None;
            }
            since = since.max(Some(look.since));
        }
        since
    }

    /// Those that do not answer well.
    pub fn unwell(&self) -> Vec<&'static str> {
        let looks = SERVICES.iter().zip(self.looks.iter());
        looks
            .filter(|(_, look)| !look.lock().unwrap_or_else(PoisonError::into_inner).well)
            .map(|(service, _)| service.name)
            .collect()
    }
}

impl Drop for Eyes {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        for looker in self.lookers.drain(..) {
            let _ = looker.join();
        }
    }
}

/// The process that answers well; 0 when it does not say which it is.
fn look(port: u16, made: Made) -> Option<u32> {
    match made {
        Made::Postgres => exchange(port, &[0, 0, 0, 8, 4, 210, 22, 47], b"NS").then_some(0),
        Made::Redis => exchange(port, b"PING\r\n", b"+").then_some(0),
        _ => {
            let body: serde_json::Value = serde_json::from_str(&ask(port, PATIENCE)?).ok()?;
            u32::try_from(body["pid"].as_u64()?).ok()
        }
    }
}

/// True when the first byte that comes back is one of these.
fn exchange(port: u16, say: &[u8], answers: &[u8]) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut first = [0];
    let said = TcpStream::connect_timeout(&address, PATIENCE).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(say)?;
        stream.read_exact(&mut first)
    });
    said.is_ok() && answers.contains(&first[0])
}
