//! `autonomy`: how far healing goes by itself in a cluster; shows it, or says it.

use crate::acts::allowed;
use crate::args::{Autonomy, Place};
use crate::fail::Done;
use crate::place::Scene;
use crate::terminal::print;
use crate::watch::settled;
use api::autonomy::AutonomyRequest;
use api::requests::Nothing;
use api::views::StatusView;
use model::Act;

/// `azora autonomy [MODE]`.
pub(crate) async fn autonomy(place: &Place, arguments: &Autonomy) -> Done {
    let scene = Scene::find(place).await?;
    let id = scene.cluster.id.clone();
    if let Some(mode) = arguments.mode {
        let request = AutonomyRequest {
            cluster: id.clone(),
            mode: mode.into(),
            reason: arguments.why.reason.clone(),
        };
        let act: Act = scene.client.call("autonomy", &request).await?;
        allowed(&act)?;
        settled(&scene.client, act.id).await?;
    }
    let view: StatusView = scene.client.call("status", &Nothing {}).await?;
    let known = view.clusters.iter().find(|cluster| cluster.id == id);
    let now = known.map(|cluster| cluster.autonomy).unwrap_or_default();
    print(&format!("healing {} in cluster {id}", said(now)))?;
    Ok(())
}

/// "is off", "only proposes".
pub(crate) fn said(mode: model::Autonomy) -> &'static str {
    match mode {
        model::Autonomy::Off => "is off: it begins nothing",
        model::Autonomy::Advise => {
            "only proposes: a person approves of what it does (`azora approvals`)"
        }
        model::Autonomy::On => "is on: it acts by itself",
    }
}
