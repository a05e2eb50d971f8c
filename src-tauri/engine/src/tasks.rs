//! The tasks every engine runs besides its owners.

use crate::Error;
use crate::app::to_message;
use crate::clock::Beat;
use crate::door::Door;
use crate::drivers::Readings;
use crate::listening::{self, REGISTRY_PORT, Wanted};
use crate::owner::Message;
use crate::shared::Shared;
use driver::Happened;
use driver_docker::Event;
use model::{Act, Actor, ActorKind, InstanceId, Verb};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use telemetry::{Machine, Sampler};
use tokio::sync::mpsc;

/// How often CPU and memory are read: often enough for a live chart…
const SAMPLE: Duration = Duration::from_secs(2);
/// … and of so many instances a second at most, which costs less than a five-hundredth of a core.
const SAMPLED: u32 = 40;

/// Under which key the port is kept that the registry had.
const REGISTRY: &str = "registry.port";

/// Starts them all.
pub(crate) async fn spawn_all(
    shared: &Arc<Shared>,
    words: mpsc::Receiver<Happened>,
    said: mpsc::Receiver<Event>,
) -> Result<(), Error> {
    shared.tasks.spawn(route(Arc::clone(shared), words, said));
    shared.tasks.spawn(sample(Arc::clone(shared)));
    shared.tasks.spawn(beat(Arc::clone(shared)));
    shared
        .tasks
        .spawn(crate::connections::watch(Arc::clone(shared)));
    shared.tasks.spawn(crate::trends::watch(Arc::clone(shared)));
    shared.tasks.spawn(crate::drift::watch(Arc::clone(shared)));
    shared
        .tasks
        .spawn(crate::security::watch(Arc::clone(shared)));
    shared.tasks.spawn(crate::gone::watch(Arc::clone(shared)));
    shared.tasks.spawn(crate::mutes::watch(Arc::clone(shared)));
    shared
        .tasks
        .spawn(crate::constitution::watch(Arc::clone(shared)));
    shared.tasks.spawn(crate::sealing::run(Arc::clone(shared)));
    crate::webhooks::spawn(shared);
    shared
        .tasks
        .spawn(crate::listing::follow(Arc::clone(shared)));
    let probing = registry::probe(
        shared.registry.clone(),
        shared.cancel.clone().cancelled_owned(),
    );
    shared.tasks.spawn(probing);
    crate::consul::serve(shared).await;
    serve_registry(shared).await
}

/// Brings the drivers' words to the owners.
async fn route(
    shared: Arc<Shared>,
    mut words: mpsc::Receiver<Happened>,
    mut said: mpsc::Receiver<Event>,
) {
    loop {
        let happened = tokio::select! {
            () = shared.cancel.cancelled() => return,
            word = words.recv() => match word {
                Some(happened) => happened,
                None => return,
            },
            Some(event) = said.recv() => {
                shared.drivers.containers.note(&event);
                match event {
                    Event::Happened(happened) => happened,
                    // Who asks about health is told where it waits for it.
                    Event::Health { .. } => continue,
                    Event::DaemonLost { .. } | Event::DaemonBack => {
                        for (_, owner) in shared.all_owners() {
                            let _ = owner.send(Message::Daemon).await;
                        }
                        continue;
                    }
                }
            }
        };
        if shared.drivers.containers.relays.take(&happened) {
            continue;
        }
        if matches!(happened, Happened::Started { .. }) {
            shared.security.look_soon();
        }
        let (cluster, message) = to_message(happened);
        if let Ok(owner) = shared.owner(&cluster) {
            // A closed inbox means that the cluster was just forgotten.
            let _ = owner.send(message).await;
        }
    }
}

/// Comes every second, so that it is noticed when it does not; and tells the owners of a gap, who may
/// have nothing else to hear, and everybody who was healed.
async fn beat(shared: Arc<Shared>) {
    let mut gaps = healing::Gaps::default();
    loop {
        shared.beat.beat(shared.clock.now().mono);
        shared.journal.tell_healed(false);
        shared.journal.tell_registered();
        shared.door.tell_refused();
        shared.door.expire().await;
        shared.agents.end_those_over(crate::wall());
        if gaps.look(shared.clock.reading(&shared.beat)).is_some() {
            for (_, owner) in shared.all_owners() {
                // One that is busy looks by itself before whatever it takes next.
                let _ = owner.try_send(Message::Look);
            }
        }
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(Beat::EVERY) => {}
        }
    }
}

/// Reads CPU and memory of every running instance's tree, and where it matters what else there is.
async fn sample(shared: Arc<Shared>) {
    let mut sampler = Some((Sampler::new(), Machine::default()));
    let mut readings = Readings::default();
    let mut every = SAMPLE;
    loop {
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let running: Vec<_> = shared
            .all_owners()
            .into_iter()
            .flat_map(|(cluster, owner)| {
                let instances = shared.picture.instances(&cluster);
                instances
                    .into_iter()
                    .filter(|one| one.pid.is_some())
                    .map(move |one| (cluster.clone(), owner.clone(), one.instance))
            })
            .collect();
        let count = u32::try_from(running.len()).unwrap_or(u32::MAX);
        every = SAMPLE.max(Duration::from_secs(1) * count / SAMPLED);
        let Some((mut own, mut machine)) = sampler.take() else {
            return;
        };
        let driver = Arc::clone(&shared.driver);
        let grows = shared.picture.grows();
        let ids = running
            .iter()
            .map(|(cluster, _, id)| (cluster.clone(), id.clone()));
        let (contained, ids): (Vec<_>, Vec<_>) =
            ids.partition(|(cluster, id)| shared.drivers.is_container(cluster, id));
        // /proc is quick but not instant; the owners' threads have better things to do.
        let sampled = tokio::task::spawn_blocking(move || {
            let keyed: Vec<_> = ids
                .into_iter()
                .map(|id| {
                    let tree = driver.tree(&id.0, &id.1);
                    (id, tree)
                })
                .collect();
            let usage = own.sample(&keyed);
            let reading = grows.then(|| Arc::new(machine.read()));
            ((own, machine), usage, reading)
        });
        let Ok((own, usage, reading)) = sampled.await else {
            return;
        };
        sampler = Some(own);
        let containers = &shared.drivers.containers;
        let mut usage: BTreeMap<_, _> = usage.into_iter().collect();
        let read = readings.read(containers, contained);
        let Some(read) = shared.cancel.run_until_cancelled(read).await else {
            return;
        };
        usage.extend(read);
        let mut by_inbox: Vec<(mpsc::Sender<Message>, Vec<(InstanceId, _)>)> = Vec::new();
        for (cluster, inbox, instance) in running {
            let key = (cluster, instance);
            let Some(usage) = usage.remove(&key) else {
                continue;
            };
            let instance = key.1;
            match by_inbox.last_mut() {
                Some((last, all)) if last.same_channel(&inbox) => all.push((instance, usage)),
                _ => by_inbox.push((inbox, vec![(instance, usage)])),
            }
        }
        for (inbox, usage) in by_inbox {
            // An owner that is too busy for measurements misses a round.
            let _ = inbox.try_send(Message::Usage(usage, reading.clone()));
        }
    }
}

/// The HTTP registry, and its clients' way through the door.
async fn serve_registry(shared: &Arc<Shared>) -> Result<(), Error> {
    let Some(asked) = shared.config.registry_port else {
        return Ok(());
    };
    let chosen = (asked != 0).then_some(asked);
    let set = chosen.or(shared.registry_port);
    let wanted = Wanted::of(shared, REGISTRY, set, REGISTRY_PORT).await;
    let mut bound = None;
    for port in wanted.ports() {
        match registry::bind(*port).await {
            Ok(listener) => {
                bound = Some((*port, listener));
                break;
            }
            Err(source) if chosen.is_some() || *port == 0 => {
                return Err(Error::Listen {
                    port: *port,
                    source,
                });
            }
            Err(error) if set.is_some() => {
                let why = listening::why(*port, &error, "registry.port").await;
                listening::say(shared, format!("there is no registry: {why}"));
            }
            Err(_) => {}
        }
    }
    let Some((port, listener)) = bound else {
        return Ok(());
    };
    let address = listener
        .local_addr()
        .map_err(|source| Error::Listen { port, source })?;
    wanted.keep(shared, REGISTRY, address.port()).await;
    shared
        .picture
        .set_engine(|view| view.registry = Some(format!("http://{address}")));
    let cancel = shared.cancel.clone();
    let registry = shared.registry.clone();
    shared.tasks.spawn(async move {
        if let Err(error) = registry::serve(registry, listener, cancel.cancelled_owned()).await {
            tracing::error!(%error, "the registry no longer listens");
        }
    });
    Ok(())
}

fn client() -> Actor {
    Actor {
        kind: ActorKind::Client,
        via: "registry".into(),
    }
}

/// Registrations are acts of clients like any other.
pub(crate) struct RegistryDoor(pub Arc<Door>);

impl registry::Door for RegistryDoor {
    fn admit(&self, verb: Verb, what: &str) -> Result<Act, String> {
        let admitted = self.0.admit_unwritten(client(), verb, what);
        admitted.map_err(|error| error.story())
    }

    fn allow(&self, verb: Verb, what: &str) -> Result<(), String> {
        let allowed = self.0.allow_data(&client(), verb, what);
        allowed.map_err(|error| error.story())
    }

    fn conclude(&self, act: Act, written: bool) {
        self.0.conclude_unwritten(act, written);
    }
}
