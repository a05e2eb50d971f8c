//! The gateway's place in an engine: its start, what it is told of instances, and who is drained before
//! he is stopped.

use crate::Error;
use crate::listening::{self, Wanted};
use crate::owner::Message;
use crate::shared::Shared;
use gateway::{Back, Config, DEFAULT_PORT, Ejected, Gateway, HashBy, Rules, Standing};
use model::{ClusterId, InstanceId, InstanceStatus, State, Timestamp};
use spec::GatewaySettings;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Threads at most: each carries far more than a workstation asks for.
const THREADS: usize = 4;
/// As many threads as half of the machine, which has other work.
pub(crate) fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    (cores / 2).clamp(1, THREADS)
}

/// How long a stop waits for answers under way, however long its grace is.
const DRAIN: Duration = Duration::from_secs(10);

/// Under which key the port is kept that it had.
const KEPT: &str = "gateway.port";

/// Starts it where it is wanted; `config` is the same for every port. Where the settings choose one that
/// is taken there is none, and that is said; one that nobody chose is made up for by another.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    settings: GatewaySettings,
    config: Config,
) -> Result<(), Error> {
    let Some(asked) = shared.config.gateway_port else {
        return Ok(());
    };
    if !settings.enabled && asked == 0 {
        return Ok(());
    }
    let listen = |port| {
        let config = Config {
            port,
            ..config.clone()
        };
        Gateway::start(config, &shared.registry)
    };
    let chosen = (asked != 0).then_some(asked);
    let set = chosen.or(settings.port);
    let wanted = Wanted::of(shared, KEPT, set, DEFAULT_PORT).await;
    let mut started = None;
    for port in wanted.ports() {
        match listen(*port) {
            Ok(gateway) => {
                started = Some(gateway);
                break;
            }
            Err(error) if chosen.is_some() || *port == 0 => return Err(error.into()),
            Err(gateway::Error::Listen { source, .. }) if set.is_some() => {
                let why = listening::why(*port, &source, "gateway.port").await;
                listening::say(shared, format!("there is no gateway: {why}"));
            }
            Err(gateway::Error::Listen { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let Some(gateway) = started else {
        return Ok(());
    };
    wanted.keep(shared, KEPT, gateway.address().port()).await;
    let address = format!("http://{}", gateway.address());
    shared
        .picture
        .set_engine(|view| view.gateway = Some(address.clone()));
    // Nobody else has set it.
    let _ = shared.gateway.set(gateway);
    Ok(())
}

/// Tells the owners of instances that are left out, until the engine ends.
pub(crate) async fn hear(shared: Arc<Shared>, mut ejected: mpsc::Receiver<Ejected>) {
    loop {
        let one = tokio::select! {
            () = shared.cancel.cancelled() => return,
            one = ejected.recv() => one,
        };
        // Where the gateway does not run, nobody is left out.
        let Some(one) = one else { return };
        if let Ok(owner) = shared.owner(&one.cluster) {
            // One that is too busy misses it: the next check comes in any case.
            let _ = owner.try_send(Message::Ejected(one));
        }
    }
}

impl Shared {
    /// How it stands with an instance that somebody may ask for. `wanted`: no person has stopped its
    /// service, and it is to have this instance.
    pub(crate) fn tell_gateway(&self, cluster: &ClusterId, status: &InstanceStatus, wanted: bool) {
        if let Some(gateway) = self.gateway.get() {
            gateway.stands(cluster, &status.instance, standing(status, wanted));
        }
    }

    /// A cluster that was first run then, and what its definition says of its routes.
    pub(crate) fn rule_gateway(
        &self,
        cluster: &ClusterId,
        created: Timestamp,
        definition: &spec::Cluster,
    ) {
        let Some(gateway) = self.gateway.get() else {
            return;
        };
        gateway.knows(cluster, created);
        for (name, service) in &definition.services {
            gateway.rule(cluster, name, rules(&service.route));
        }
    }

    /// An instance is no more.
    pub(crate) fn ungate(&self, cluster: &ClusterId, instance: &InstanceId) {
        if let Some(gateway) = self.gateway.get() {
            gateway.forget(cluster, instance);
        }
    }

    /// Sends an instance nothing more, from now on. What is given back is over when it has answered
    /// what it has; there is nothing to wait for where it has nothing.
    pub(crate) fn drain(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        grace: Duration,
    ) -> Option<impl Future<Output = bool> + Send + use<>> {
        let gateway = self.gateway.get()?;
        Some(gateway.drain(cluster, instance, grace.min(DRAIN)))
    }
}

/// The gateway's own rules, but for what is said.
fn rules(route: &spec::Route) -> Rules {
    let usual = Rules::default();
    Rules {
        balance: route.balance.unwrap_or(usual.balance),
        hash: match &route.hash {
            Some(spec::HashBy::Header(name)) => HashBy::Header(name.clone()),
            Some(spec::HashBy::Cookie(name)) => HashBy::Cookie(name.clone()),
            Some(spec::HashBy::Client) | None => HashBy::Client,
        },
        timeout: route.timeout.unwrap_or(usual.timeout),
        try_timeout: route.try_timeout,
        retries: route.retries.unwrap_or(usual.retries),
        rate: route.rate,
        allow_origins: route.allow_origins.clone(),
    }
}

/// What the gateway says of an instance that does not serve. Any program of this user may ask: what the
/// service has said is not for all.
fn standing(status: &InstanceStatus, wanted: bool) -> Standing {
    let (what, coming) = match status.state {
        State::Waiting => ("waits for what it needs", true),
        State::Starting => ("is starting", true),
        State::Running => ("has started and is not ready yet", true),
        // Nobody waits for what will fail again: that is what it is open for.
        State::Ready | State::Degraded | State::Failing if status.marks.circuit.is_some() => {
            ("gets nothing, for its circuit is open", false)
        }
        State::Ready | State::Degraded => ("serves", true),
        State::Failing => ("has failed", true),
        State::Recovering => ("is being started again", true),
        State::Quarantined => ("has failed too often, and waits for a person", false),
        State::Stopping if wanted => ("is being restarted", true),
        State::Stopping => ("is being stopped", false),
        State::Stopped => ("is stopped", false),
        State::Completed => ("has done its work", false),
        State::Scheduled => ("waits for its time", false),
    };
    let back = match status.state {
        State::Quarantined => Back::Release,
        State::Ready | State::Degraded | State::Failing if wanted && status.marks.held => {
            Back::Unhold
        }
        State::Ready | State::Degraded | State::Failing if wanted => Back::Healing,
        _ => Back::Start,
    };
    Standing {
        why: format!("{} {what}", status.instance),
        since: status.since,
        coming: coming && wanted,
        wanted,
        back,
    }
}
