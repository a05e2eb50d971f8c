//! `status`: how everything of a home is and has been.

mod services;

use crate::args::{Place, Status};
use crate::fail::Done;
use crate::place::{layout, named};
use crate::reads::findings_json;
use crate::security::level_paint;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, note, plain, print};
use crate::text::{overall_paint, rfc3339, with_times};
use api::client::Client;
use api::requests::{Nothing, SystemStatusRequest};
use api::views::StatusView;
use driver::Layout;
use model::Overall;
use model::status::{ServiceStatus, SystemStatus};
use serde_json::{Value, json};
use services::of_cluster;

/// `azora status`. It answers without an engine too.
pub(crate) async fn status(place: &Place, Status { window, json }: Status) -> Done {
    let layout = layout(place)?;
    let asked = async {
        let client = Client::connect(layout.home()).await?;
        let view = client.call::<StatusView>("status", &Nothing {}).await?;
        let request = SystemStatusRequest::default();
        let system = client.call::<SystemStatus>("system_status", &request).await;
        Ok::<_, api::client::Error>((view, system))
    };
    let (mut view, system) = match asked.await {
        Ok(both) => both,
        Err(error) if error.nobody() => {
            return nobody(&layout, json.json);
        }
        Err(error) => return Err(error.into()),
    };
    let mut system = match system {
        Ok(system) => Some(system),
        Err(error) => {
            note(&format!(
                "azora: how services have been is not known: {error}"
            ));
            None
        }
    };
    if let Some(wanted) = &place.cluster {
        let only = named(&view.clusters, wanted)?;
        if let Some(system) = &mut system {
            system.clusters.retain(|cluster| cluster.id == only.id);
        }
        view.clusters = vec![only];
    }
    if json.json {
        print(&status_json(&view, system.as_ref()).to_string())?;
        return Ok(());
    }
    let terminal = Terminal::stdout();
    for line in head(&view, terminal) {
        print(&line)?;
    }
    let Some(system) = system else {
        return Ok(());
    };
    for cluster in &system.clusters {
        // Of one that is down there is nothing to say but that.
        if cluster.overall == Overall::Stopped {
            continue;
        }
        print("")?;
        for line in of_cluster(cluster, window, system.at, terminal) {
            print(&line)?;
        }
    }
    let said = plain(&system.security.text);
    let said = terminal.paint(level_paint(system.security.level), &said);
    print(&format!("\nsecurity  {said}"))?;
    Ok(())
}

/// What can be said without an engine.
fn nobody(layout: &Layout, json: bool) -> Done {
    let running = driver::survivors::find(layout, None);
    let running = running.as_ref().map(Vec::len);
    if json {
        let stopped = matches!(running, Ok(0));
        let overall = if stopped { "stopped" } else { "unknown" };
        print(&json!({"engine": null, "overall": overall, "clusters": []}).to_string())?;
        return Ok(());
    }
    print(&format!("no engine runs for {}", layout.home().display()))?;
    match running {
        Ok(0) => {}
        Ok(running) => print(&format!(
            "{running} processes of its services run on; `azora serve` or `azora up` adopts them"
        ))?,
        Err(error) => print(&format!("failed to look for what runs on: {error}"))?,
    }
    Ok(())
}

/// The engine, and the clusters in one line each.
fn head(view: &StatusView, terminal: Terminal) -> Vec<String> {
    let engine = &view.engine;
    let mut lines = vec![
        format!("engine    {} (pid {})", engine.version, engine.pid),
        format!("home      {}", engine.home),
    ];
    for (name, url) in [
        ("api", &engine.api),
        ("registry", &engine.registry),
        ("gateway", &engine.gateway),
        ("consul", &engine.consul),
    ] {
        lines.extend(url.as_ref().map(|url| format!("{name:<8}  {url}")));
    }
    let limits = engine.limits.iter();
    lines.extend(limits.map(|limit| {
        let what = terminal.paint(Paint::Warn, "limit   ");
        format!("{what}  {}", plain(limit))
    }));
    let overall = terminal.paint(overall_paint(view.overall), view.overall.as_str());
    lines.push(format!("overall   {overall}"));
    if view.clusters.is_empty() {
        return lines;
    }
    lines.push(String::new());
    let rows: Vec<Vec<Cell>> = view
        .clusters
        .iter()
        .map(|cluster| {
            vec![
                cell(cluster.id.to_string()),
                (cluster.overall.to_string(), overall_paint(cluster.overall)),
                (plain(&cluster.folder), Paint::Faint),
                cell(match cluster.autonomy.is_on() {
                    true => plain(&cluster.reason),
                    false => {
                        let how = crate::autonomy::said(cluster.autonomy);
                        format!("{}; healing {how}", plain(&cluster.reason))
                    }
                }),
            ]
        })
        .collect();
    let headings = ["CLUSTER", "OVERALL", "FOLDER", "REASON"];
    lines.extend(table(&headings, &rows, &["FOLDER"], terminal));
    lines
}

fn status_json(view: &StatusView, system: Option<&SystemStatus>) -> Value {
    let clusters: Vec<Value> = view
        .clusters
        .iter()
        .map(|cluster| {
            let known = system.and_then(|system| {
                let mut all = system.clusters.iter();
                all.find(|one| one.id == cluster.id)
            });
            let services = known.map(|known| known.services.iter().map(service_json));
            json!({
                "id": cluster.id,
                "name": cluster.name,
                "folder": cluster.folder,
                "overall": cluster.overall,
                "reason": cluster.reason,
                "services": services.map(Iterator::collect::<Vec<_>>),
            })
        })
        .collect();
    json!({
        "engine": view.engine,
        "overall": view.overall,
        "at": system.map(|system| rfc3339(system.at)),
        "clusters": clusters,
        "security": system.map(|system| with_times(json!(system.security))),
    })
}

fn service_json(service: &ServiceStatus) -> Value {
    let check = service.last_check.as_ref().map(|check| {
        json!({
            "instance": check.instance,
            "at": rfc3339(check.at),
            "verdict": check.evidence.verdict,
            "detail": check.evidence.detail,
            "latency_us": check.evidence.latency_us,
        })
    });
    json!({
        "service": service.service,
        "category": service.category,
        "state": service.state,
        "reason": service.reason.to_string(),
        "wanted": service.wanted,
        "serving": service.serving,
        "restarts": service.restarts,
        "last_check": check,
        "usage": service.usage,
        "hold": with_times(json!(service.hold)),
        "rolled_back": with_times(json!(service.rolled_back)),
        "scaled": service.scaled,
        "findings": findings_json(&service.findings),
        "windows": service.windows,
        "instances": service.instances,
    })
}

#[cfg(test)]
mod tests;
