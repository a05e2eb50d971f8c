//! Keeping an owner for every cluster: one that breaks is replaced.

use crate::owner::Owner;
use crate::record::ClusterRecord;
use crate::shared::Shared;
use model::EventKind;
use std::sync::Arc;

/// Owners that may break on one cluster before it is left alone: a fault that comes back with what
/// is adopted would otherwise go round for ever.
const OWNERS: u32 = 5;

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
                    let (mut next, inbox) = Owner::new(record, Arc::clone(&kept));
                    next.adopt(kept.driver.adopt(&id).await);
                    kept.remove_owner(&id);
                    kept.add_owner(id.clone(), inbox);
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
    use crate::owner::Message;
    use crate::{Config, Engine, Order, Up};
    use model::Actor;
    use std::time::Duration;
    use testkit::{Home, eventually_async, program};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_broken_owner_is_replaced_and_its_services_run_on() {
        let home = Home::new();
        let folder = home.path().join("one");
        std::fs::create_dir(&folder).unwrap();
        let definition = "[service.db]\nrun = \"organ --name db --port $PORT\"\nhealth = { http = \"/health\" }\n";
        std::fs::write(folder.join(spec::FILE), definition).unwrap();
        let engine = Engine::start(Config {
            home: home.path().to_owned(),
            programs: program("azora-shim").parent().unwrap().to_owned(),
            registry_port: None,
            version: "test".into(),
        })
        .await
        .unwrap();
        let handle = engine.handle();
        let me = || Actor::person("test");
        let up = Up {
            folder,
            trust: true,
            env: None,
        };
        let started = handle.up(me(), up, String::new()).await.unwrap();
        let limit = Duration::from_secs(60);
        assert!(handle.wait(started.act, limit).await.unwrap().settled);
        let pid = || {
            let all = handle.shared.picture.instances(&started.cluster);
            all.first().and_then(|one| one.pid)
        };
        let before = pid();
        let owner = handle.shared.owner(&started.cluster).unwrap();
        owner.send(Message::Break).await.unwrap();
        let replaced = || {
            let now = handle.shared.owner(&started.cluster).unwrap();
            !now.same_channel(&owner)
        };
        assert!(eventually_async(limit, replaced).await);
        let services = vec![];
        let order = Order::Restart {
            cluster: started.cluster.clone(),
            services,
            at_once: false,
        };
        assert!(before.is_some() && pid() == before);
        let act = handle.order(me(), order, String::new()).await.unwrap();
        assert!(handle.wait(act.id, limit).await.unwrap().settled);
        handle.shutdown(me(), false, String::new()).await;
    }
}
