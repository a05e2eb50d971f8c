//! Keeping an owner for every cluster: one that breaks is replaced.

use crate::owner::Owner;
use crate::record::ClusterRecord;
use crate::shared::Shared;
use driver::Found;
use model::EventKind;
use std::sync::Arc;

/// Owners that may break on one cluster before it is left alone: a fault that comes back with what
/// is adopted would otherwise go round for ever.
const OWNERS: u32 = 5;

/// An owner of a cluster that may run, and what was found to run of it. The owner is listed before
/// anybody looks: what the driver says after it has answered `look` is said once.
pub(crate) async fn look_over(
    shared: &Arc<Shared>,
    record: ClusterRecord,
    look: impl Future<Output = Vec<Found>>,
) -> (Owner, Vec<Found>) {
    let id = record.id.clone();
    let (mut owner, inbox) = Owner::new(record, Arc::clone(shared));
    shared.replace_owner(id, inbox);
    let found = owner.meanwhile(look).await;
    (owner, found)
}

/// Runs an owner, and another one when it breaks: what runs is adopted as after the engine's own
/// death, so a fault of ours costs a cluster its memory of attempts and nothing else.
pub(crate) fn keep(shared: &Arc<Shared>, owner: Owner) {
    let kept = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let (id, mut owner) = (owner.id().clone(), owner);
        for broken in 1..=OWNERS {
            let Err(end) = kept.tasks.spawn(owner.run()).await else {
                return;
            };
            if !end.is_panic() {
                return;
            }
            let text = format!(
                "a fault of Azora's own ended the care for this cluster ({broken} of {OWNERS}); \
                 its services run on and are adopted anew"
            );
            kept.journal.event(Some(&id), EventKind::Notice { text });
            owner = match ClusterRecord::load(&kept.record_file(&id)) {
                Ok(record) => {
                    let contained = record.has_containers();
                    let look = kept.drivers.adopt(&id, contained);
                    let (mut next, found) = look_over(&kept, record, look).await;
                    next.adopt(found);
                    next
                }
                Err(error) => {
                    let text = error.story();
                    kept.journal.event(Some(&id), EventKind::Notice { text });
                    return;
                }
            };
        }
        let text = "too many faults of Azora's own: nobody cares for this cluster until the engine \
                    is restarted (`azora serve --take-over`); its services run on";
        kept.journal
            .event(Some(&id), EventKind::Notice { text: text.into() });
    });
}

#[cfg(test)]
mod tests {
    use super::{keep, look_over};
    use crate::owner::Message;
    use crate::record::ClusterRecord;
    use crate::{Config, Engine, Handle, Order, Up};
    use model::{Actor, ClusterId, InstanceStatus};
    use std::path::Path;
    use std::time::Duration;
    use testkit::{Home, eventually_async, program};

    const LIMIT: Duration = Duration::from_secs(60);
    const DB: &str =
        "[service.db]\nrun = \"organ --name db --port $PORT\"\nhealth = { http = \"/health\" }\n";

    fn me() -> Actor {
        Actor::person("test")
    }

    async fn engine(home: &Path) -> Engine {
        Engine::start(Config {
            home: home.to_owned(),
            programs: program("azora-shim").parent().unwrap().to_owned(),
            registry_port: None,
            gateway_port: None,
            version: "test".into(),
        })
        .await
        .unwrap()
    }

    /// A cluster of one service, which runs.
    async fn up(handle: &Handle, home: &Home) -> ClusterId {
        let folder = home.path().join("one");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(spec::FILE), DB).unwrap();
        let up = Up {
            folder,
            file: None,
            trust: true,
            choice: Default::default(),
            risks: Vec::new(),
            env: None,
        };
        let started = handle.up(me(), up, String::new()).await.unwrap();
        assert!(handle.wait(started.act, LIMIT).await.unwrap().settled);
        started.cluster
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test stands in for a service's crash"
    )]
    fn kill(pid: u32) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    fn status(handle: &Handle, cluster: &ClusterId) -> Option<InstanceStatus> {
        handle.shared.picture.instances(cluster).into_iter().next()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_broken_owner_is_replaced_and_its_services_run_on() {
        let home = Home::new();
        let engine = engine(home.path()).await;
        let handle = engine.handle();
        let cluster = up(&handle, &home).await;
        let pid = || status(&handle, &cluster).and_then(|one| one.pid);
        let before = pid();
        let owner = handle.shared.owner(&cluster).unwrap();
        owner.send(Message::Break).await.unwrap();
        let replaced = || {
            let now = handle.shared.owner(&cluster).unwrap();
            !now.same_channel(&owner)
        };
        assert!(eventually_async(LIMIT, replaced).await);
        let services = vec![];
        let order = Order::Restart {
            cluster: cluster.clone(),
            services,
            at_once: false,
        };
        assert!(before.is_some() && pid() == before);
        let act = handle.order(me(), order, String::new()).await.unwrap();
        assert!(handle.wait(act.id, LIMIT).await.unwrap().settled);
        handle.shutdown(me(), false, String::new()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_ends_while_others_are_still_looked_for_is_not_taken_for_running() {
        let home = Home::new();
        let first = engine(home.path()).await;
        let cluster = up(&first.handle(), &home).await;
        let record_file = first.handle().shared.record_file(&cluster);
        first.handle().shutdown(me(), true, String::new()).await;
        // Its reservations of ports go with it.
        drop(first);
        // The next engine does not see the cluster: it is adopted by hand.
        let hidden = record_file.with_extension("hidden");
        std::fs::rename(&record_file, &hidden).unwrap();
        let second = engine(home.path()).await;
        std::fs::rename(&hidden, &record_file).unwrap();
        let handle = second.handle();
        let shared = handle.shared.clone();
        let look = async {
            let found = shared.drivers.adopt(&cluster, false).await;
            let one = found.first().unwrap();
            let pid = one.outcome.unwrap();
            // Its end is told while the look goes on, as at another that takes long.
            kill(pid);
            let told = || shared.driver.tree(&cluster, &one.instance).is_empty();
            assert!(eventually_async(LIMIT, told).await);
            found
        };
        let record = ClusterRecord::load(&record_file).unwrap();
        let (mut owner, found) = look_over(&shared, record, look).await;
        owner.adopt(found);
        keep(&shared, owner);
        let healed = || {
            let now = status(&handle, &cluster);
            now.is_some_and(|one| one.generation.0 == 2 && one.state == model::State::Ready)
        };
        assert!(
            eventually_async(LIMIT, healed).await,
            "{:?}",
            status(&handle, &cluster)
        );
        handle.shutdown(me(), false, String::new()).await;
    }
}
