//! The body of every call: turns a request into one question to the engine and its answer into a view.
//!
//! A row of the table without a function of its name here does not compile.

pub(crate) use crate::agents::{add_agent, agents, remove_agent};
pub(crate) use crate::approvals::{approvals, approve, deny};
pub(crate) use crate::autonomy::autonomy;
use crate::chosen::{chosen, line};
pub(crate) use crate::definitions::{apply_definition, check_definition, definition};
pub(crate) use crate::ending::{emergency_preview, emergency_stop, shutdown};
pub(crate) use crate::gateway::{gateway, gateway_try};
pub(crate) use crate::governance::rules;
pub(crate) use crate::graph::graph;
pub(crate) use crate::ledger::{ledger, ledger_checkpoints, ledger_entries, ledger_verify};
pub(crate) use crate::notifications::{mute, notifications, unmute};
use crate::requests::*;
pub(crate) use crate::reveal::{env, reveal, support};
pub(crate) use crate::security::security;
pub(crate) use crate::terminals::{leave_terminal, resize_terminal, take_terminal, type_terminal};
use crate::views::{PsView, StatusView, UpView, WaitView};
use engine::{Error, Handle, IncidentFilter, Order, Up};
use model::healed::Healed;
use model::status::SystemStatus;
use model::view::{
    FolderView, History, Latencies, LogPage, LogRun, LogView, RegisteredView, Snapshot, VolumeView,
};
use model::webhook::{WebhookTested, WebhookView};
use model::who::PortView;
use model::{Act, Actor, ClusterId, Event, Incident, IncidentStory};
use std::path::PathBuf;
use std::time::Duration;

/// Most entries one answer holds; more are paged.
pub(crate) const MOST: u32 = 10_000;
/// Entries when a request does not say how many.
const USUAL: u32 = 200;
/// Points of a history: more than a wide screen has columns.
const MOST_BUCKETS: u32 = 2_000;
/// Probes of each service in one answer: more than a curve beside its name is wide.
const MOST_LATENCIES: u32 = 200;
/// Longest single wait; a caller that wants more asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Longest reason that is kept, in characters.
const LONGEST_REASON: usize = 1_000;

fn amount(limit: Option<u32>) -> u32 {
    limit.unwrap_or(USUAL).clamp(1, MOST)
}

pub(crate) fn why(reason: Option<String>) -> String {
    reason
        .unwrap_or_default()
        .chars()
        .take(LONGEST_REASON)
        .collect()
}

pub(crate) fn absolute(folder: String) -> Result<PathBuf, Error> {
    let path = PathBuf::from(folder);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Error::BadRequest(format!(
            "the folder is not an absolute path: {}",
            path.display()
        )))
    }
}

// === read ===

pub(crate) async fn status(engine: &Handle, _: &Actor, _: Nothing) -> Result<StatusView, Error> {
    let picture = engine.snapshot();
    Ok(StatusView {
        clusters: picture.clusters.iter().map(line).collect(),
        engine: picture.engine,
        overall: picture.overall,
    })
}

pub(crate) async fn system_status(
    engine: &Handle,
    _: &Actor,
    request: SystemStatusRequest,
) -> Result<SystemStatus, Error> {
    let SystemStatusRequest { cluster, service } = request;
    engine
        .system_status(cluster.as_ref(), service.as_ref())
        .await
}

pub(crate) async fn snapshot(engine: &Handle, _: &Actor, _: Nothing) -> Result<Snapshot, Error> {
    Ok(engine.snapshot())
}

pub(crate) async fn registered(
    engine: &Handle,
    _: &Actor,
    request: RegisteredRequest,
) -> Result<RegisteredView, Error> {
    Ok(engine.registered(request.name.as_deref(), &request.tags))
}

pub(crate) async fn ps(engine: &Handle, _: &Actor, request: PsRequest) -> Result<PsView, Error> {
    let mut picture = engine.snapshot();
    let cluster = chosen(&picture.clusters, &request)?;
    let instances = picture.instances.remove(&cluster.id).unwrap_or_default();
    let services = picture
        .clusters
        .into_iter()
        .find(|one| one.id == cluster.id)
        .map(|one| one.services)
        .unwrap_or_default();
    let seen = picture.connections.remove(&cluster.id).unwrap_or_default();
    let advice = crate::graph::advice(&services, &seen);
    let limits = services
        .into_iter()
        .filter(|service| !service.limits.is_empty())
        .map(|service| (service.name, service.limits))
        .collect();
    Ok(PsView {
        urls: engine.urls(&cluster.id),
        cluster,
        instances,
        limits,
        advice,
    })
}

pub(crate) async fn look(
    engine: &Handle,
    _: &Actor,
    request: LookRequest,
) -> Result<FolderView, Error> {
    let folder = absolute(request.folder)?;
    engine.look(folder, request.file, request.env).await
}

pub(crate) async fn wait(
    engine: &Handle,
    _: &Actor,
    request: WaitRequest,
) -> Result<WaitView, Error> {
    let timeout = Duration::from_millis(request.timeout_ms).min(LONGEST_WAIT);
    let settled = engine.wait(request.act, timeout).await?;
    Ok(WaitView {
        settled: settled.settled,
        failed: settled.failed,
    })
}

pub(crate) async fn history(
    engine: &Handle,
    _: &Actor,
    request: HistoryRequest,
) -> Result<History, Error> {
    let HistoryRequest {
        cluster,
        instance,
        range_ms,
        until,
        buckets,
    } = request;
    let buckets = buckets.clamp(1, MOST_BUCKETS);
    let range = Duration::from_millis(range_ms);
    engine
        .history(cluster, instance, range, until, buckets)
        .await
}

pub(crate) async fn latencies(
    engine: &Handle,
    _: &Actor,
    request: LatenciesRequest,
) -> Result<Latencies, Error> {
    let LatenciesRequest { cluster, most } = request;
    engine
        .latencies(cluster, most.clamp(1, MOST_LATENCIES))
        .await
}

pub(crate) async fn logs(
    engine: &Handle,
    _: &Actor,
    request: LogsRequest,
) -> Result<LogPage, Error> {
    let (cluster, instance) = (request.cluster.clone(), request.instance.clone());
    let engine = engine.with_key(request.reveal.clone());
    engine.logs(cluster, instance, request.query()?).await
}

pub(crate) async fn view_logs(
    engine: &Handle,
    _: &Actor,
    request: LogViewRequest,
) -> Result<LogView, Error> {
    let key = request.reveal.clone();
    let (asked, place, limit) = request.asked()?;
    engine.with_key(key).view_logs(asked, place, limit).await
}

pub(crate) async fn volumes(
    engine: &Handle,
    _: &Actor,
    request: VolumesRequest,
) -> Result<Vec<VolumeView>, Error> {
    engine.volumes(&request.cluster).await
}

pub(crate) async fn log_runs(
    engine: &Handle,
    _: &Actor,
    request: LogRunsRequest,
) -> Result<Vec<LogRun>, Error> {
    let limit = request.limit.unwrap_or(1).clamp(1, MOST) as usize;
    engine
        .log_runs(request.cluster, request.instance, limit)
        .await
}

pub(crate) async fn incidents(
    engine: &Handle,
    _: &Actor,
    request: IncidentsRequest,
) -> Result<Vec<Incident>, Error> {
    let filter = IncidentFilter {
        cluster: request.cluster,
        service: request.service,
        open: request.open,
        since: request.since,
        limit: amount(request.limit),
    };
    engine.incidents(filter).await
}

pub(crate) async fn incident(
    engine: &Handle,
    _: &Actor,
    request: IncidentRequest,
) -> Result<IncidentStory, Error> {
    engine.incident(request.id).await
}

pub(crate) async fn healed(
    engine: &Handle,
    _: &Actor,
    request: HealedRequest,
) -> Result<Healed, Error> {
    let filter = IncidentFilter {
        cluster: request.cluster,
        service: request.service,
        ..IncidentFilter::default()
    };
    engine.healed(request.since, filter).await
}

pub(crate) async fn events(
    engine: &Handle,
    _: &Actor,
    request: EventsRequest,
) -> Result<Vec<Event>, Error> {
    let limit = amount(request.limit);
    match request.after {
        Some(after) => engine.events(after, limit).await,
        None => engine.recent_events(limit).await,
    }
}

pub(crate) async fn acts(
    engine: &Handle,
    _: &Actor,
    request: RecentRequest,
) -> Result<Vec<Act>, Error> {
    engine.acts(amount(request.limit)).await
}

pub(crate) async fn who(
    engine: &Handle,
    _: &Actor,
    request: PortRequest,
) -> Result<PortView, Error> {
    if request.port == 0 {
        let why = "0 is no port: it means any free one".to_owned();
        return Err(Error::BadRequest(why));
    }
    engine.who(request.port).await
}

pub(crate) async fn webhooks(
    engine: &Handle,
    _: &Actor,
    _: Nothing,
) -> Result<Vec<WebhookView>, Error> {
    engine.webhooks().await
}

// === act ===

pub(crate) async fn up(
    engine: &Handle,
    actor: &Actor,
    request: UpRequest,
) -> Result<UpView, Error> {
    let up = Up {
        folder: absolute(request.folder)?,
        file: request.file,
        trust: request.trust,
        risks: request.risks,
        env: request.env,
        choice: spec::Choice {
            services: request.services,
            categories: request.categories,
            profiles: request.profiles,
        },
    };
    let started = engine.up(actor.clone(), up, why(request.reason)).await?;
    Ok(UpView {
        cluster: started.cluster,
        act: started.act,
        changes: started.changes,
    })
}

/// The calls that are one order about services of a cluster.
macro_rules! orders {
    ($( $name:ident => $order:ident; )*) => { $(
        pub(crate) async fn $name(engine: &Handle, actor: &Actor, request: ServicesRequest) -> Result<Act, Error> {
            let ServicesRequest { cluster, services, reason } = request;
            engine.order(actor.clone(), Order::$order { cluster, services }, why(reason)).await
        }
    )* };
}
orders! {
    start => Start;
    stop => Stop;
    unhold => Unhold;
    release => Release;
}

pub(crate) async fn hold(
    engine: &Handle,
    actor: &Actor,
    request: HoldRequest,
) -> Result<Act, Error> {
    let HoldRequest {
        cluster,
        services,
        span_ms,
        reason,
    } = request;
    let order = Order::Hold {
        cluster,
        services,
        span: span_ms.map(Duration::from_millis),
    };
    engine.order(actor.clone(), order, why(reason)).await
}

pub(crate) async fn restart(
    engine: &Handle,
    actor: &Actor,
    request: RestartRequest,
) -> Result<Act, Error> {
    let RestartRequest {
        cluster,
        services,
        at_once,
        reason,
    } = request;
    let order = Order::Restart {
        cluster,
        services,
        at_once,
    };
    engine.order(actor.clone(), order, why(reason)).await
}

async fn about(
    engine: &Handle,
    actor: &Actor,
    request: ClusterRequest,
    order: fn(ClusterId) -> Order,
) -> Result<Act, Error> {
    engine
        .order(actor.clone(), order(request.cluster), why(request.reason))
        .await
}

pub(crate) async fn down(
    engine: &Handle,
    actor: &Actor,
    request: DownRequest,
) -> Result<Act, Error> {
    let DownRequest {
        cluster,
        volumes,
        reason,
    } = request;
    let order = match volumes {
        Some(volumes) if !volumes.is_empty() => Order::DownWithVolumes { cluster, volumes },
        _ => Order::Down { cluster },
    };
    engine.order(actor.clone(), order, why(reason)).await
}

pub(crate) async fn forget(
    engine: &Handle,
    actor: &Actor,
    request: ClusterRequest,
) -> Result<Act, Error> {
    about(engine, actor, request, |cluster| Order::Forget { cluster }).await
}

pub(crate) async fn scale(
    engine: &Handle,
    actor: &Actor,
    request: ScaleRequest,
) -> Result<Act, Error> {
    let ScaleRequest {
        cluster,
        service,
        replicas,
        reason,
    } = request;
    engine
        .order(
            actor.clone(),
            Order::Scale {
                cluster,
                service,
                replicas,
            },
            why(reason),
        )
        .await
}

pub(crate) async fn resume(
    engine: &Handle,
    actor: &Actor,
    request: HomeRequest,
) -> Result<Act, Error> {
    engine
        .order(actor.clone(), Order::Resume, why(request.reason))
        .await
}

pub(crate) async fn test_webhooks(
    engine: &Handle,
    actor: &Actor,
    request: TestWebhooksRequest,
) -> Result<Vec<WebhookTested>, Error> {
    let TestWebhooksRequest { name, reason } = request;
    engine.test_webhooks(actor.clone(), name, why(reason)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_stay_in_their_limits() {
        assert_eq!(
            (amount(None), amount(Some(0)), amount(Some(u32::MAX))),
            (USUAL, 1, MOST)
        );
        assert_eq!(why(Some("x".repeat(5_000))).len(), LONGEST_REASON);
    }
}
