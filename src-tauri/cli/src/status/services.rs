//! How the services of a cluster are and have been, as a table and what is to be said below it.

use crate::args::Window;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, plain};
use crate::text::{ago, held, rolled_back, scaled, state_paint};
use model::status::{ClusterStatus, ServiceStatus};
use model::{State, Timestamp, Verdict};

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

pub(super) fn of_cluster(
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
    let fine = [
        State::Ready,
        State::Completed,
        State::Scheduled,
        State::Stopped,
    ];
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
        let words = words.chain(one.scaled.as_ref().map(scaled));
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
pub(super) fn latency(millis: f32) -> String {
    match millis {
        ..9.95 => format!("{millis:.1} ms"),
        ..1_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1_000.0),
    }
}

/// "100 %", "99.98 %", "0.4 %". What is not all is never shown as all, and what is not nothing never as
/// nothing.
pub(super) fn percent(share: f32) -> String {
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
