//! `hold`, `unhold`, `release`: what healing may do with services. Each says what has changed by it, and that
//! nothing has.

use crate::acts::{allowed, carry_out};
use crate::args::{Held, Hold, Place, Services};
use crate::board::Aim;
use crate::fail::{Done, Fail};
use crate::place::Scene;
use crate::terminal::{note, plain, print};
use crate::text::{held, length};
use crate::watch::settled;
use crate::whom::services;
use api::requests::{HoldRequest, ServicesRequest};
use model::{Act, InstanceStatus, ServiceName, State};

/// `hold`: nothing moves by it, so there is nothing to wait for.
pub(crate) async fn hold(place: &Place, arguments: &Hold) -> Done {
    let span = arguments.span.as_deref();
    let span = span.map(crate::text::span).transpose()?;
    let scene = Scene::find(place).await?;
    let of = services(&arguments.held.services)?;
    let request = HoldRequest {
        cluster: scene.cluster.id.clone(),
        services: of.clone(),
        span_ms: span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        reason: arguments.held.why.reason.clone(),
    };
    let act: Act = scene.client.call("hold", &request).await?;
    allowed(&act)?;
    let whom = whom(&scene, &of);
    print(&match span {
        Some(span) => format!(
            "healing is held for {whom} for {}; `azora unhold` lets it go on sooner",
            length(span)
        ),
        None => format!("healing is held for {whom}; `azora unhold` lets it go on"),
    })?;
    Ok(())
}

/// `unhold`.
pub(crate) async fn unhold(place: &Place, arguments: &Held) -> Done {
    let scene = Scene::find(place).await?;
    let of = services(&arguments.services)?;
    let request = ServicesRequest {
        cluster: scene.cluster.id.clone(),
        services: of.clone(),
        reason: arguments.why.reason.clone(),
    };
    let before = scene.ps().await?.instances;
    let act: Act = scene.client.call("unhold", &request).await?;
    allowed(&act)?;
    settled(&scene.client, act.id).await?;
    let after = scene.ps().await?.instances;
    let whom = whom(&scene, &of);
    if let Some(hold) = of_these(&after, &of).find_map(|one| one.marks.hold.as_ref()) {
        let of = if of.is_empty() {
            ""
        } else {
            "; `azora unhold` without a name lets the cluster go on"
        };
        return Err(Fail::failed(format!(
            "healing is still held for {whom} ({}){of}",
            held(hold)
        )));
    }
    let held = of_these(&before, &of).any(|one| one.marks.hold.is_some());
    print(&match held {
        true => format!("healing goes on for {whom}"),
        false => format!("healing was not held for {whom}"),
    })?;
    Ok(())
}

/// `release`. What is not in quarantine is not touched by it, and that is said.
pub(crate) async fn release(place: &Place, arguments: &Services) -> Done {
    let scene = Scene::find(place).await?;
    let all = scene.ps().await?.instances;
    let named = services(&arguments.services)?;
    // Whether there is one of that name, the engine says.
    let known = |name: &ServiceName| all.iter().any(|one| one.service == *name);
    let (idle, of): (Vec<_>, Vec<_>) = named
        .iter()
        .cloned()
        .partition(|name| known(name) && !kept_away(&all, std::slice::from_ref(name)));
    let mut fails = Vec::new();
    for name in &idle {
        let failing = of_these(&all, std::slice::from_ref(name));
        let failing = failing.filter(|one| one.state == State::Failing);
        let text = format!("{name} is not in quarantine: nothing to release");
        match failing.map(|one| plain(&one.reason.to_string())).next() {
            Some(reason) => fails.push(format!("{text}; it is failing: {reason}")),
            None => note(&text),
        }
    }
    if !of.is_empty() {
        let request = ServicesRequest {
            cluster: scene.cluster.id.clone(),
            services: of.clone(),
            reason: arguments.why.reason.clone(),
        };
        let cluster = Some(scene.cluster.id.clone());
        carry_out(
            &scene.client,
            cluster,
            "release",
            &request,
            Aim::Up,
            &of,
            arguments.json,
        )
        .await?;
    }
    match fails.is_empty() {
        true => Ok(()),
        false => Err(Fail::failed(fails.join("; "))),
    }
}

/// Something of these is in quarantine, or was rolled back.
fn kept_away(all: &[InstanceStatus], services: &[ServiceName]) -> bool {
    let away =
        |one: &InstanceStatus| one.state == State::Quarantined || one.marks.rolled_back.is_some();
    of_these(all, services).any(away)
}

/// Those of these services; all when none is named.
fn of_these<'a>(
    all: &'a [InstanceStatus],
    services: &'a [ServiceName],
) -> impl Iterator<Item = &'a InstanceStatus> {
    let meant = |one: &&InstanceStatus| services.is_empty() || services.contains(&one.service);
    all.iter().filter(meant)
}

fn whom(scene: &Scene, services: &[ServiceName]) -> String {
    let names: Vec<&str> = services.iter().map(|name| name.as_str()).collect();
    match names.is_empty() {
        true => format!("cluster {}", scene.cluster.id),
        false => names.join(", "),
    }
}
