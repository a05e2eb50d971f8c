//! `status`: how everything of a home is and has been.

use crate::args::{Place, Status, Window};
use crate::fail::Done;
use crate::place::{layout, named};
use crate::reads::findings_json;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, note, plain, print};
use crate::text::{ago, held, overall_paint, rfc3339, rolled_back, state_paint, with_times};
use api::client::Client;
use api::requests::{Nothing, SystemStatusRequest};
use api::views::StatusView;
use driver::Layout;
use model::status::{ClusterStatus, ServiceStatus, SystemStatus};
use model::{Overall, State, Timestamp, Verdict};
use serde_json::{Value, json};

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
    print(&format!("\nsecurity  {}", plain(&system.security.text)))?;
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
                cell(plain(&cluster.reason)),
            ]
        })
        .collect();
    let headings = ["CLUSTER", "OVERALL", "FOLDER", "REASON"];
    lines.extend(table(&headings, &rows, &["FOLDER"], terminal));
    lines
}

const HEADINGS: [&str; 10] = [
    "SERVICE",
    "STATE",
    "UPTIME",
    "FAILED",
    "P50",
    "P95",
    "MAX",
    "CPU",
    "MEMORY",
    "LAST CHECK",
];
/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 4] = ["MAX", "P50", "CPU", "MEMORY"];

fn of_cluster(
    cluster: &ClusterStatus,
    window: Window,
    now: Timestamp,
    terminal: Terminal,
) -> Vec<String> {
    let over = match window {
        Window::Minutes => "5 minutes",
        Window::Hour => "hour",
        Window::Day => "24 hours",
        Window::Week => "7 days",
    };
    let rows: Vec<Vec<Cell>> = cluster
        .services
        .iter()
        .map(|service| row(service, window, now))
        .collect();
    let mut lines = vec![format!("{}, over the last {over}", cluster.id)];
    lines.extend(table(&HEADINGS, &rows, &SPARE, terminal));
    let fine = [State::Ready, State::Completed, State::Stopped];
    let unwell = cluster
        .services
        .iter()
        .filter(|one| !fine.contains(&one.state));
    lines.extend(unwell.map(|one| {
        let what = format!("{} {}", one.service, one.state);
        let what = terminal.paint(state_paint(one.state), &what);
        format!("{what}: {}", plain(&one.reason.to_string()))
    }));
    let marked = cluster.services.iter().flat_map(|one| {
        let held = one.hold.as_ref().map(held);
        let back = one
            .rolled_back
            .as_ref()
            .map(|back| format!("{}: {}", rolled_back(back), plain(&back.why)));
        let words = held.into_iter().chain(back);
        words.map(|words| {
            format!(
                "{}: {words}",
                terminal.paint(Paint::Warn, one.service.as_str())
            )
        })
    });
    lines.extend(marked);
    let findings = cluster.services.iter().flat_map(|one| &one.findings);
    lines.extend(findings.map(|finding| {
        let what = terminal.paint(Paint::Warn, &finding.instance.to_string());
        format!("{what}: {}", plain(&finding.text))
    }));
    lines
}

fn row(service: &ServiceStatus, window: Window, now: Timestamp) -> Vec<Cell> {
    let window = service
        .windows
        .get(window as usize)
        .copied()
        .unwrap_or_default();
    let none = || "-".to_owned();
    let time = |millis: Option<f32>| millis.map_or_else(none, latency);
    let share = |share: Option<f32>| share.map_or_else(none, percent);
    let runs = service.usage.processes > 0;
    let used = |what: String| if runs { what } else { none() };
    let mut state = service.state.to_string();
    if service.wanted > 1 && service.state != State::Stopped {
        state = format!("{state} {}/{}", service.serving, service.wanted);
    }
    let check = service.last_check.as_ref().map(|check| {
        let what = match check.evidence.verdict {
            Verdict::Pass => "passed",
            Verdict::Warn => "warned",
            Verdict::Fail => "failed",
            Verdict::Trouble => "not asked",
        };
        format!("{what} {} ago", ago(check.at, now))
    });
    vec![
        cell(service.service.to_string()),
        (state, state_paint(service.state)),
        cell(share(window.uptime)),
        (
            share(window.errors()),
            if window.failed > 0 {
                Paint::Warn
            } else {
                Paint::None
            },
        ),
        cell(time(window.p50_ms)),
        cell(time(window.p95_ms)),
        cell(time(window.max_ms)),
        cell(used(percent(service.usage.cpu))),
        cell(used(megabytes(service.usage.memory))),
        (check.unwrap_or_else(none), Paint::Faint),
    ]
}

/// "0.4 ms", "12 ms", "1.5 s".
fn latency(millis: f32) -> String {
    match millis {
        ..9.95 => format!("{millis:.1} ms"),
        ..1_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1_000.0),
    }
}

/// "100 %", "99.98 %", "0.4 %". What is not all is never shown as all, and what is not nothing never as
/// nothing.
fn percent(share: f32) -> String {
    let percent = f64::from(share) * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.1 => "<0.1 %".to_owned(),
        ..10.0 => format!("{percent:.1} %"),
        ..99.0 => format!("{percent:.0} %"),
        ..100.0 => format!("{:.2} %", percent.min(99.99)),
        _ => format!("{percent:.0} %"),
    }
}

/// "4.2 MB", "512 MB", "1.5 GB".
fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    match megabytes {
        ..9.95 => format!("{megabytes:.1} MB"),
        ..1_000.0 => format!("{megabytes:.0} MB"),
        _ => format!("{:.1} GB", megabytes / 1e3),
    }
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
        "security": system.map(|system| &system.security),
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
        "findings": findings_json(&service.findings),
        "windows": service.windows,
        "instances": service.instances,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::views::ClusterLine;
    use model::status::{InstanceWindows, LastCheck, SecurityStatus, Window as Over};
    use model::view::{EngineView, Usage};
    use model::{Evidence, Finding, FindingKind, Reason};

    const NOW: Timestamp = Timestamp(1_763_820_000_000);

    fn view() -> StatusView {
        StatusView {
            engine: EngineView {
                pid: 1,
                version: "0.0.0".to_owned(),
                home: "/h".to_owned(),
                api: Some("http://127.0.0.1:1".to_owned()),
                registry: None,
                gateway: None,
                limits: Vec::new(),
            },
            overall: Overall::Degraded,
            clusters: vec![ClusterLine {
                id: "shop-0123abcd".parse().unwrap(),
                name: "shop".parse().unwrap(),
                folder: "/w/shop".to_owned(),
                overall: Overall::Degraded,
                reason: "1 of 2 degraded".to_owned(),
            }],
        }
    }

    fn api() -> ServiceStatus {
        let over = |span_ms, probes| Over {
            span_ms,
            probes,
            failed: 3,
            p50_ms: Some(4.2),
            p95_ms: Some(84.0),
            max_ms: Some(1_002.0),
            uptime: Some(0.999_99),
        };
        let windows = vec![
            over(300_000, 60),
            over(3_600_000, 720),
            over(86_400_000, 17_280),
            over(604_800_000, 120_960),
        ];
        ServiceStatus {
            service: "api".parse().unwrap(),
            category: "services".to_owned(),
            state: State::Degraded,
            reason: Reason::new("said \x1b[2Jboo"),
            wanted: 2,
            serving: 2,
            restarts: 1,
            last_check: Some(LastCheck {
                instance: "api.1".parse().unwrap(),
                at: Timestamp(NOW.0 - 3_000),
                evidence: Evidence {
                    verdict: Verdict::Pass,
                    detail: "GET /health answered \x1b[2J200".to_owned(),
                    latency_us: 4_200,
                },
            }),
            usage: Usage {
                cpu: 0.02,
                memory: 51_000_000,
                processes: 3,
                files: 12,
            },
            hold: Some(model::Hold {
                why: "a person holds \x1b[2Jit".to_owned(),
                person: true,
                until: None,
            }),
            rolled_back: Some(model::RolledBack {
                to: None,
                at: NOW,
                why: "exited with code 3".to_owned(),
                differs: "run: a → b".to_owned(),
            }),
            findings: vec![Finding {
                instance: "api.1".parse().unwrap(),
                kind: FindingKind::MemoryGrows,
                text: "memory grows 12 MB an hour".to_owned(),
                opened: NOW,
                updated: NOW,
                closed: None,
            }],
            windows: windows.clone(),
            instances: vec![InstanceWindows {
                instance: "api.1".parse().unwrap(),
                windows,
            }],
        }
    }

    fn system() -> SystemStatus {
        let down = ServiceStatus {
            service: "payments-worker".parse().unwrap(),
            state: State::Stopped,
            wanted: 1,
            serving: 0,
            restarts: 0,
            last_check: None,
            usage: Usage::default(),
            windows: vec![Over::default(); 4],
            hold: None,
            rolled_back: None,
            findings: vec![],
            instances: vec![],
            ..api()
        };
        SystemStatus {
            at: NOW,
            overall: Overall::Degraded,
            clusters: vec![ClusterStatus {
                id: "shop-0123abcd".parse().unwrap(),
                name: "shop".parse().unwrap(),
                overall: Overall::Degraded,
                reason: "1 of 2 degraded".to_owned(),
                services: vec![api(), down],
            }],
            security: SecurityStatus::unknown(),
        }
    }

    #[test]
    fn it_prints_the_promised_shape() {
        let value = status_json(&view(), Some(&system()));
        for field in ["pid", "version", "home", "api", "registry", "gateway"] {
            assert!(value["engine"].get(field).is_some(), "engine.{field}");
        }
        assert_eq!(value["overall"], "degraded");
        assert_eq!(value["at"], "2025-11-22T14:00:00.000Z");
        assert_eq!(value["security"]["known"], false);
        let cluster = &value["clusters"][0];
        for field in ["id", "name", "folder", "overall", "reason"] {
            assert!(cluster.get(field).is_some(), "clusters.{field}");
        }
        let service = &cluster["services"][0];
        assert_eq!(service["state"], "degraded");
        assert_eq!(service["last_check"]["at"], "2025-11-22T13:59:57.000Z");
        assert_eq!(service["hold"]["person"], true);
        assert_eq!(service["rolled_back"]["at"], "2025-11-22T14:00:00.000Z");
        assert_eq!(service["windows"][3]["probes"], 120_960);
        assert_eq!(service["instances"][0]["instance"], "api.1");
        assert_eq!(cluster["services"][1]["last_check"], Value::Null);
        // An engine that is older than this program knows none of that.
        let old = status_json(&view(), None);
        assert_eq!(old["clusters"][0]["services"], Value::Null);
        assert_eq!(old["overall"], "degraded");
    }

    #[test]
    fn the_table_fits_its_terminal_and_invents_nothing() {
        let shown = |columns| {
            let terminal = Terminal {
                live: true,
                colour: false,
                columns: Some(columns),
                rows: 24,
            };
            of_cluster(&system().clusters[0], Window::Hour, NOW, terminal)
        };
        assert_eq!(
            shown(80),
            [
                "shop-0123abcd, over the last hour",
                "SERVICE          STATE         UPTIME   FAILED  P95    MEMORY  LAST CHECK",
                "api              degraded 2/2  99.99 %  0.4 %   84 ms  51 MB   passed 3 s ago",
                "payments-worker  stopped       -        -       -      -       -",
                "api degraded: said \\x1b[2Jboo",
                "api: held, a person holds \\x1b[2Jit",
                "api: rolled back to an earlier definition: exited with code 3",
                "api.1: memory grows 12 MB an hour",
            ]
        );
        assert!(
            shown(200)[2].ends_with("4.2 ms  84 ms  1.0 s  2.0 %  51 MB   passed 3 s ago"),
            "{:?}",
            shown(200)[2]
        );
        for columns in [20, 40, 60, 100] {
            let lines = shown(columns);
            // The first line is the cluster's name and no row.
            let wide = lines[1..4]
                .iter()
                .any(|line| line.chars().count() > columns);
            assert!(!wide, "{columns}: {lines:#?}");
        }
    }

    #[test]
    fn nearly_all_is_not_all_and_nearly_nothing_not_nothing() {
        let said = [0.0, 0.000_1, 0.004, 0.5, 0.999, 0.999_999, 1.0, 1.8].map(percent);
        let expected = [
            "0 %", "<0.1 %", "0.4 %", "50 %", "99.90 %", "99.99 %", "100 %", "180 %",
        ];
        assert_eq!(said, expected);
        let said = [0.25, 9.96, 84.4, 1_540.0].map(latency);
        assert_eq!(said, ["0.2 ms", "10 ms", "84 ms", "1.5 s"]);
    }
}
