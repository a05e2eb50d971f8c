//! The ports a cluster had, reserved again: by a new engine, and when what was down is wanted again.
//!
//! One that somebody else took while its service was down is replaced, which shows when the service starts.

use crate::beside::beside_others;
use crate::record::{ClusterRecord, sharer};
use crate::shared::Shared;
use driver::PortError;
use model::{ClusterId, EventKind, InstanceId, PortTaken};

/// # Errors
/// When there is none for one of them: then none is reserved.
pub(crate) fn reserve(shared: &Shared, record: &mut ClusterRecord) -> Result<(), PortError> {
    let exact = |instance: &InstanceId, common: bool| {
        let service = record.definition.services.get(&instance.service);
        let common = common == record.shared_port(&instance.service).is_some();
        common && service.is_some_and(|service| service.port_exact)
    };
    let wish = |instance: InstanceId, preferred, common| driver::PortWish {
        cluster: record.id.clone(),
        exact: exact(&instance, common),
        instance,
        preferred,
    };
    let services = record.definition.services.keys();
    let shared_ones = services.filter_map(|service| {
        let port = record.shared_port(service)?;
        Some(wish(sharer(service), port, true))
    });
    // First those that are shared: another port of an instance never takes their place.
    let mut wishes: Vec<driver::PortWish> = shared_ones.collect();
    let common = wishes.len();
    let own = record
        .ports
        .iter()
        .filter_map(|(instance, ports)| Some(wish(instance.clone(), *ports.first()?, false)));
    wishes.extend(own);
    // One for each wish, in their order.
    let mut grants = beside_others(|| shared.drivers.grant_ports(&wishes))?;
    let own = grants.split_off(common);
    for grant in own {
        if let Some((wanted, holder)) = grant.moved {
            // Nobody asked for this one alone: the event tells it.
            let _ = tell_taken(
                shared,
                &record.id,
                &grant.instance,
                (wanted, grant.port),
                &holder,
            );
            let taken = PortTaken { wanted, holder };
            record.ports_taken.insert(grant.instance.clone(), taken);
        }
        record.ports.insert(grant.instance, vec![grant.port]);
    }
    for grant in grants {
        record.share_port(&grant.instance.service, grant.port);
    }
    Ok(())
}

/// Writes down that the port an instance wanted is somebody else's, and which it gets; answers it in words.
pub(crate) fn tell_taken(
    shared: &Shared,
    cluster: &ClusterId,
    instance: &InstanceId,
    (wanted, got): (u16, u16),
    holder: &str,
) -> String {
    let service = &instance.service;
    let held = format!("{service}: port {wanted} is held by {holder}");
    let (said, what) = if got == wanted {
        let text = format!("{held}; no other will do, so it cannot start before that lets go");
        (text.clone(), EventKind::Notice { text })
    } else {
        let what = EventKind::PortMoved {
            instance: instance.clone(),
            wanted,
            got,
            holder: holder.to_owned(),
        };
        (format!("{held}; it gets {got}"), what)
    };
    shared.journal.event(Some(cluster), what);
    said
}

#[cfg(test)]
mod tests {
    use crate::{Config, Engine, Handle, Order, Up};
    use model::{Act, Actor, ClusterId};
    use std::time::Duration;
    use testkit::{Home, eventually_async, program};

    const LIMIT: Duration = Duration::from_secs(60);
    const TWO: &str = "[service.db]\nrun = \"organ --name db --port $PORT\"\nport = 0\n\n\
                       [service.api]\nrun = \"organ --name api --port $PORT\"\nport = 0\n";

    async fn up(handle: &Handle, home: &Home) -> ClusterId {
        let folder = home.path().join("one");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(spec::FILE), TWO).unwrap();
        let up = Up {
            folder,
            file: None,
            trust: true,
            choice: Default::default(),
            risks: Vec::new(),
            env: None,
        };
        let started = handle
            .up(Actor::person("test"), up, String::new())
            .await
            .unwrap();
        assert!(handle.wait(started.act, LIMIT).await.unwrap().settled);
        started.cluster
    }

    async fn ask(handle: &Handle, order: Order) -> Result<Act, crate::Error> {
        let act = handle
            .order(Actor::person("test"), order, String::new())
            .await?;
        assert!(handle.wait(act.id, LIMIT).await.unwrap().settled);
        Ok(act)
    }

    /// How many of the ports that its instances have on record are reserved.
    fn reserved(handle: &Handle, cluster: &ClusterId) -> usize {
        let instances = handle.shared.picture.instances(cluster);
        let ports = instances.iter().flat_map(|one| one.ports.clone());
        let taken = |port: &u16| {
            let whose = driver::ports::reserved(&handle.shared.layout, *port).unwrap();
            whose.is_some_and(|whose| whose.cluster == *cluster)
        };
        ports.filter(taken).count()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_down_has_no_ports_however_it_went_down_and_whatever_is_asked_of_it() {
        let home = Home::new();
        let engine = Engine::start(Config {
            home: home.path().to_owned(),
            programs: program("azora-shim").parent().unwrap().to_owned(),
            registry_port: None,
            gateway_port: None,
            version: "test".into(),
        });
        let engine = engine.await.unwrap();
        let handle = engine.handle();
        let cluster = up(&handle, &home).await;
        assert_eq!(reserved(&handle, &cluster), 2);
        let free = || reserved(&handle, &cluster) == 0;

        // One after the other.
        for name in ["db", "api"] {
            let order = Order::Stop {
                cluster: cluster.clone(),
                services: vec![name.parse().unwrap()],
            };
            ask(&handle, order).await.unwrap();
        }
        assert!(eventually_async(LIMIT, free).await);

        // What starts nothing takes none again.
        let start = |name: &str| Order::Start {
            cluster: cluster.clone(),
            services: vec![name.parse().unwrap()],
        };
        assert!(ask(&handle, start("absent")).await.is_err());
        assert!(free());
        let order = Order::Scale {
            cluster: cluster.clone(),
            service: "db".parse().unwrap(),
            replicas: 2,
        };
        ask(&handle, order).await.unwrap();
        assert!(eventually_async(LIMIT, free).await);

        ask(&handle, start("api")).await.unwrap();
        assert_eq!(reserved(&handle, &cluster), 3);
        handle
            .shutdown(Actor::person("test"), true, String::new())
            .await;
    }
}
