//! From names to healthy instances: `http://api.shop.localhost:7422/` reaches an instance of `api` in
//! cluster `shop`, wherever it listens just now.
//!
//! An HTTP proxy on loopback with threads of its own, so that neither holds up the other: the engine
//! that judges and heals, and the traffic. Its routes follow the registry; why a route has no
//! instance is told by the engine ([`Gateway::stands`]). Hosts see it through a [`Gateway`].
//!
//! It parses nothing itself: heads and bodies are hyper's. It refuses what is meant for a host that
//! is none of ours, what a page of another origin sends, and what could be read in two ways.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod alarm;
mod answer;
mod backend;
mod balance;
mod body;
mod callers;
mod client;
mod error;
mod exchange;
mod flight;
mod flush;
mod follow;
mod guard;
mod half;
mod heads;
mod kept;
mod known;
mod listen;
mod log;
mod outlier;
mod pool;
mod proxy;
mod reword;
mod route;
mod rules;
mod seat;
mod sending;
mod sniff;
mod standing;
mod table;
mod traffic;
mod tunnel;
mod wire;

pub use callers::{Callers, Whose};
pub use error::Error;
pub use rules::{HashBy, Rules};
pub use standing::{Asked, Back, Ejected, Standing};

use ipnet::IpNet;
use log::Log;
use model::view::{GatewayEdge, GatewayRequest, GatewayView, RouteView};
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use registry::Registry;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use table::Table;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// The port of a gateway that is not told another: easy to remember, and nobody's.
pub const DEFAULT_PORT: u16 = 7422;

/// What a gateway is built from.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens on 127.0.0.1 and ::1; 0 is any free port.
    pub port: u16,
    /// Threads that carry traffic.
    pub threads: usize,
    /// Networks that backends may be in, besides this machine: the registry's.
    pub allowed: Vec<IpNet>,
    /// The engine's clock.
    pub wall: fn() -> Timestamp,
    /// Which services ask.
    pub callers: Callers,
    /// Who is told when an instance is left out. One who does not read misses some.
    pub ejected: Option<mpsc::Sender<Ejected>>,
}

/// A running gateway. Clones share it.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
    stop: Arc<watch::Sender<bool>>,
    ended: Arc<Mutex<Vec<oneshot::Receiver<()>>>>,
}

/// What the threads of a gateway share.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) table: Arc<Table>,
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    pub(crate) callers: Callers,
    /// Connections of clients that are open.
    pub(crate) connections: AtomicU32,
    /// Requests that were refused.
    pub(crate) refused: AtomicU64,
}

/// The time of day, and that since the gateway began.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    wall: fn() -> Timestamp,
    began: Instant,
}

impl Clock {
    pub(crate) fn wall(&self) -> Timestamp {
        (self.wall)()
    }

    /// Milliseconds since the gateway began.
    pub(crate) fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Gateway {
    /// Listens, follows the registry and carries traffic from now on.
    ///
    /// # Errors
    /// When the port cannot be had, or threads cannot be made.
    pub fn start(config: Config, registry: &Registry) -> Result<Self, Error> {
        let listeners = listen::bind(config.port)?;
        let address = listeners[0].local_addr().map_err(|source| Error::Listen {
            port: config.port,
            source,
        })?;
        // Nobody may have the gateway listed as a service: it would ask itself for ever.
        registry.refuse_port(address.port());
        let clock = Clock {
            wall: config.wall,
            began: Instant::now(),
        };
        let shared = Arc::new(Shared {
            address,
            table: Table::new(clock, config.allowed, address.port(), config.ejected),
            log: Log::default(),
            clock,
            callers: config.callers,
            connections: AtomicU32::new(0),
            refused: AtomicU64::new(0),
        });
        let (stop, stopping) = watch::channel(false);
        let mut ended = vec![follow::start(
            Arc::clone(&shared),
            registry.clone(),
            stopping.clone(),
        )?];
        let threads = config.threads.max(1);
        for n in 0..threads {
            let listeners = listeners.iter().map(TcpListener::try_clone);
            let listeners = listeners.collect::<Result<_, _>>().map_err(Error::Thread)?;
            let shared = Arc::clone(&shared);
            ended.push(listen::start(
                (n, threads),
                shared,
                listeners,
                stopping.clone(),
            )?);
        }
        Ok(Self {
            shared,
            stop: Arc::new(stop),
            ended: Arc::new(Mutex::new(ended)),
        })
    }

    /// Where it listens; on ::1 at the same port, where there is IPv6.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// All there is to see of it now.
    pub fn view(&self) -> GatewayView {
        GatewayView {
            address: format!("http://{}", self.shared.address),
            connections: self.shared.connections.load(Ordering::Relaxed),
            routes: self.shared.table.view(),
            total: u32::try_from(self.shared.table.count()).unwrap_or(u32::MAX),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }

    /// Requests that were refused since it began.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// The route of this host, whether it is among those that are shown or not.
    pub fn route(&self, host: &str) -> Option<RouteView> {
        self.shared.table.shown(host)
    }

    /// Where the services of a cluster are reached, each by its name.
    pub fn urls(&self, cluster: &ClusterId) -> BTreeMap<ServiceName, String> {
        let urls = self.shared.table.urls(cluster).into_iter();
        urls.filter_map(|(name, url)| Some((name.parse().ok()?, url)))
            .collect()
    }

    /// The newest requests, newest last.
    pub fn recent(&self, n: usize) -> Vec<GatewayRequest> {
        self.shared.log.recent(n)
    }

    /// Which services have asked which routes. What else asks is in the routes' traffic alone.
    pub fn edges(&self) -> Vec<GatewayEdge> {
        self.shared.table.edges()
    }

    /// Which services have asked which of their own cluster.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.table.asked()
    }

    /// The engine has taken over what it found running, and told how it stands with it. Until then a
    /// name that is not known may be about to come: who asks for it waits.
    pub fn settled(&self) {
        self.shared.table.settle();
    }

    /// A cluster is known, and was first run then. Of clusters with one name, the first that is up is called
    /// by it.
    pub fn knows(&self, cluster: &ClusterId, created: Timestamp) {
        self.shared.table.knows(cluster, created);
    }

    /// How it stands with an instance: what a route without a serving one answers.
    pub fn stands(&self, cluster: &ClusterId, instance: &InstanceId, standing: Standing) {
        self.shared.table.stands(cluster, instance, standing);
    }

    /// An instance is no more.
    pub fn forget(&self, cluster: &ClusterId, instance: &InstanceId) {
        self.shared.table.forget(cluster, instance);
    }

    /// What the definition says about the route of a service.
    pub fn rule(&self, cluster: &ClusterId, service: &ServiceName, rules: Rules) {
        self.shared.table.rule(cluster, service, rules);
    }

    /// Sends an instance nothing more, from the moment this is called, and waits until what it works
    /// on is answered, for so long at most. True when nothing was left.
    pub fn drain(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        within: Duration,
    ) -> impl Future<Output = bool> + Send + use<> {
        let draining = self.shared.table.drain(cluster, instance);
        async move {
            let answered = async {
                for backend in &draining {
                    backend.answered().await;
                }
            };
            tokio::time::timeout(within, answered).await.is_ok()
        }
    }

    /// Takes no more connections, waits until what is under way is answered, for five seconds at most, and ends.
    /// Streams that need not end are not waited for.
    pub async fn stop(&self) {
        let _ = self.stop.send(true);
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in ended {
            // A thread that has ended has dropped its end.
            let _ = thread.await;
        }
    }
}
