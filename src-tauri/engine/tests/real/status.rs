//! The system status of real services: what was measured is told, also by the next engine.

use crate::stage::{PATIENCE, config, folder, me, up};
use engine::{Engine, Handle, Order};
use model::status::{ServiceStatus, SystemStatus};
use model::{ClusterId, State};
use testkit::Home;

const TWO: &str = r#"
[cluster]
name = "two"
[service.api]
run = "organ --name api --port $PORT"
health = { http = "/health", every = "100ms" }
[service.quiet]
run = "sleep 600"
"#;

async fn status(handle: &Handle, cluster: &ClusterId) -> SystemStatus {
    handle.system_status(Some(cluster), None).await.unwrap()
}

fn service<'a>(status: &'a SystemStatus, name: &str) -> &'a ServiceStatus {
    let mut services = status.clusters[0].services.iter();
    services.find(|one| one.service.as_str() == name).unwrap()
}

/// Asks until so many health probes of the last five minutes are known.
async fn measured(handle: &Handle, cluster: &ClusterId, probes: u32) -> SystemStatus {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let now = status(handle, cluster).await;
        if service(&now, "api").windows[0].probes >= probes {
            return now;
        }
        assert!(tokio::time::Instant::now() < deadline, "{now:#?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_is_told_by_this_engine_and_the_next() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = up(&handle, &folder).await;
    let now = measured(&handle, &cluster, 5).await;
    let api = service(&now, "api");
    assert_eq!((api.state, api.wanted, api.serving), (State::Ready, 1, 1));
    let check = api.last_check.as_ref().unwrap();
    assert_eq!(check.evidence.detail, "GET /health answered 200");
    assert!(check.at <= now.at);
    for window in &api.windows {
        assert_eq!(window.failed, 0, "{window:?}");
        let (p50, p95, max) = (
            window.p50_ms.unwrap(),
            window.p95_ms.unwrap(),
            window.max_ms.unwrap(),
        );
        assert!(0.0 < p50 && p50 <= p95 && p95 <= max, "{window:?}");
        // It was started, and has served since.
        assert_eq!(window.uptime, Some(1.0), "{window:?}");
    }
    assert_eq!(api.instances[0].windows, api.windows);
    // One without a probe has no latencies, and an uptime all the same.
    let quiet = service(&now, "quiet");
    assert_eq!(quiet.last_check, None);
    assert!(
        quiet
            .windows
            .iter()
            .all(|one| one.probes == 0 && one.p50_ms.is_none())
    );
    assert!(quiet.windows[0].uptime.unwrap() > 0.0);
    let seen = handle.security(true).await.unwrap();
    let short = handle.system_status(None, None).await.unwrap().security;
    assert!(short.known, "{short:?}");
    assert!(short.last_audit >= seen.last_audit, "{short:?} {seen:?}");
    assert!(short.text.starts_with("threat level "), "{short:?}");
    let latencies = handle.latencies(cluster.clone(), 3).await.unwrap().services;
    assert_eq!(latencies.len(), 1, "{latencies:?}");
    let api_took = &latencies["api"];
    assert_eq!(api_took.len(), 3);
    assert!(api_took.iter().all(|took| took.is_some_and(|ms| ms > 0.0)));
    let elsewhere = handle.latencies("elsewhere-1".parse().unwrap(), 3).await;
    assert_eq!(elsewhere.unwrap_err().code(), model::view::Code::NotFound);
    let nobody = "nobody".parse().unwrap();
    let unknown = handle.system_status(Some(&cluster), Some(&nobody)).await;
    assert_eq!(unknown.unwrap_err().code(), model::view::Code::NotFound);
    let before = api.windows[3].probes;
    handle.shutdown(me(), true, String::new()).await;
    // Its reservations of ports go with it.
    drop((handle, engine));

    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let now = measured(&handle, &cluster, before + 1).await;
    assert!(service(&now, "api").windows[3].probes > before);
    let latencies = handle
        .latencies(cluster.clone(), 200)
        .await
        .unwrap()
        .services;
    let kept = latencies["api"].len();
    assert!(kept > usize::try_from(before).unwrap().min(199), "{kept}");
    // What a person has stopped is not down.
    let order = Order::Stop {
        cluster: cluster.clone(),
        services: vec!["quiet".parse().unwrap()],
    };
    let act = handle.order(me(), order, String::new()).await.unwrap();
    assert!(handle.wait(act.id, PATIENCE).await.unwrap().settled);
    let uptime = service(&status(&handle, &cluster).await, "quiet").windows[0].uptime;
    let later = service(&status(&handle, &cluster).await, "quiet").windows[0].uptime;
    assert_eq!(uptime, later);
    handle.shutdown(me(), false, String::new()).await;
}
