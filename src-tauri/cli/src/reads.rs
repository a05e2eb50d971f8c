//! `ps`, `open`: what is.

use crate::args::{Place, Ps};
use crate::fail::{Done, Fail};
use crate::place::{Scene, layout};
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, note, plain, print, print_as_it_is};
use crate::text::{
    ago, clock, held, now, overall_paint, rfc3339, rolled_back, scaled, state_paint, until,
    with_times,
};
use api::client::Client;
use api::views::PsView;
use driver::Layout;
use model::view::LimitView;
use model::{Finding, InstanceStatus, ServiceName, Timestamp};
use serde_json::{Value, json};

// === ps ===

/// `azora ps`.
pub(crate) async fn ps(place: &Place, Ps { all, json }: Ps) -> Done {
    let json = json.json;
    if all {
        return crate::stacks::all(place, json).await;
    }
    let scene = Scene::find(place).await?;
    let view = scene.ps().await?;
    if json {
        print(&ps_json(&view, &layout(place)?).to_string())?;
        scene.note_others();
        return Ok(());
    }
    let (terminal, now) = (Terminal::stdout(), now());
    let rows: Vec<Vec<Cell>> = view
        .instances
        .iter()
        .map(|status| ps_row(status, now))
        .collect();
    for line in ps_table(rows, terminal) {
        print(&line)?;
    }
    for line in crate::names::lines(&view.urls) {
        print(&line)?;
    }
    for (service, limit) in loose(&view) {
        let text = format!(
            "the {} limit of {service} ({}) is held by {}",
            limit.what, limit.wanted, limit.by
        );
        print(&terminal.paint(Paint::Warn, &plain(&text)))?;
    }
    for advice in &view.advice {
        print(&terminal.paint(Paint::Warn, &plain(advice)))?;
    }
    let overall = terminal.paint(
        overall_paint(view.cluster.overall),
        view.cluster.overall.as_str(),
    );
    print(&format!(
        "\n{}  {overall}  {}",
        view.cluster.id,
        plain(&view.cluster.reason)
    ))?;
    scene.note_others();
    Ok(())
}

/// The limits that nothing on this machine holds.
fn loose(view: &PsView) -> impl Iterator<Item = (&ServiceName, &LimitView)> {
    view.limits.iter().flat_map(|(service, limits)| {
        let loose = limits.iter().filter(|limit| !limit.held);
        loose.map(move |limit| (service, limit))
    })
}

/// Columns of `ps` that are left out of a narrow terminal, the first one first.
const PS_SPARE: [&str; 7] = ["CATEGORY", "BY", "STARTS", "PID", "SINCE", "NEXT", "PORTS"];

/// The headings over [`ps_row`].
const PS_HEADINGS: [&str; 10] = [
    "INSTANCE", "STATE", "SINCE", "NEXT", "PID", "PORTS", "STARTS", "BY", "CATEGORY", "REASON",
];

/// Rows of [`ps_row`] under their headings; when each runs next only where one does.
pub(crate) fn ps_table(mut rows: Vec<Vec<Cell>>, terminal: Terminal) -> Vec<String> {
    let mut headings = PS_HEADINGS.to_vec();
    let next = headings.iter().position(|heading| *heading == "NEXT");
    let told = |row: &Vec<Cell>, at: usize| row.get(at).is_some_and(|(text, _)| text != "-");
    if let Some(at) = next.filter(|at| !rows.iter().any(|row| told(row, *at))) {
        headings.remove(at);
        rows.iter_mut().for_each(|row| drop(row.remove(at)));
    }
    table(&headings, &rows, &PS_SPARE, terminal)
}

/// One instance as a row.
pub(crate) fn ps_row(status: &InstanceStatus, now: Timestamp) -> Vec<Cell> {
    let ports: Vec<String> = status.ports.iter().map(u16::to_string).collect();
    let pid = status.pid.map_or("-".to_owned(), |pid| pid.to_string());
    let mut reason = plain(&status.reason.to_string());
    let marks = &status.marks;
    if let Some(cause) = &marks.impacted_by {
        reason = format!("[impacted by {cause}] {reason}");
    }
    for finding in &status.findings {
        reason = format!("[{}] {reason}", finding.kind.as_str());
    }
    if let Some(drift) = &marks.drift {
        reason = format!("[drift: {drift}] {reason}");
    }
    if let Some(circuit) = marks.circuit {
        reason = format!("[circuit {}] {reason}", circuit.as_str());
    }
    if let Some(ejected) = &marks.ejected {
        let until = clock(ejected.until);
        reason = format!("[ejected until {until}: {}] {reason}", plain(&ejected.why));
    }
    let hold = match &marks.hold {
        Some(hold) => Some(held(hold)),
        None => marks.held.then(|| "held".to_owned()),
    };
    if let Some(hold) = hold {
        reason = format!("[{hold}] {reason}");
    }
    if let Some(back) = &marks.rolled_back {
        reason = format!("[{}] {reason}", rolled_back(back));
    }
    if let Some(more) = &marks.scaled {
        reason = format!("[{}] {reason}", scaled(more));
    }
    for (set, word) in [
        (marks.shim_lost, "shim lost"),
        (marks.rebuilding, "files are changing"),
    ] {
        if set {
            reason = format!("[{word}] {reason}");
        }
    }
    if let Some(taken) = &status.port_taken {
        let (wanted, holder) = (taken.wanted, plain(&taken.holder));
        reason = format!("[port {wanted} is held by {holder}] {reason}");
    }
    let by = status
        .origin
        .as_ref()
        .map(|origin| plain(&origin.actor.via));
    let next = status.schedule.as_ref().and_then(|one| one.next);
    vec![
        cell(status.instance.to_string()),
        (status.state.to_string(), state_paint(status.state)),
        cell(ago(status.since, now)),
        cell(next.map_or_else(|| "-".to_owned(), |next| until(next, now))),
        cell(pid),
        cell(if ports.is_empty() {
            "-".to_owned()
        } else {
            ports.join(",")
        }),
        cell(status.generation.to_string()),
        cell(by.unwrap_or_else(|| "-".to_owned())),
        cell(plain(&status.category)),
        (reason, Paint::Faint),
    ]
}

/// The shape other programs rely on.
fn ps_json(view: &PsView, layout: &Layout) -> Value {
    let instances: Vec<Value> = view.instances.iter().map(instance_json).collect();
    json!({
        "cluster": view.cluster.id,
        "name": view.cluster.name,
        "folder": view.cluster.folder,
        "home": layout.home().display().to_string(),
        "overall": view.cluster.overall,
        "instances": instances,
        "limits": view.limits,
        "advice": view.advice,
        "urls": view.urls,
    })
}

/// Findings in the shape other programs rely on.
pub(crate) fn findings_json(findings: &[Finding]) -> Value {
    let each = findings.iter().map(|finding| {
        json!({
            "instance": finding.instance,
            "kind": finding.kind,
            "text": finding.text,
            "opened": rfc3339(finding.opened),
            "updated": rfc3339(finding.updated),
        })
    });
    each.collect()
}

/// One instance in the shape other programs rely on.
pub(crate) fn instance_json(status: &InstanceStatus) -> Value {
    json!({
        "service": status.service,
        "instance": status.instance,
        "category": status.category,
        "state": status.state,
        "reason": status.reason.to_string(),
        "pid": status.pid,
        "ports": status.ports,
        "generation": status.generation,
        "restarts": status.restarts,
        "since": rfc3339(status.since),
        "marks": with_times(json!(status.marks)),
        "origin": with_times(json!(status.origin)),
        "port_taken": status.port_taken,
        "findings": findings_json(&status.findings),
        "schedule": with_times(json!(status.schedule)),
    })
}

// === open ===

/// `azora open`: the address with the token, for the person's own browser.
pub(crate) async fn open(place: &Place) -> Done {
    if api::client::asks_as_agent() {
        let why = "refused: the address holds a person's token, and an agent asks for it";
        return Err(Fail::failed(why));
    }
    let client = Client::connect(layout(place)?.home()).await?;
    if Terminal::stdout().live {
        note("azora: this address lets whoever has it control the services; keep it to yourself");
    }
    print_as_it_is(&client.browser_url())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::views::ClusterLine;
    use model::{Generation, Marks, Overall, Reason, State};

    fn line() -> ClusterLine {
        ClusterLine {
            id: "shop-0123abcd".parse().unwrap(),
            name: "shop".parse().unwrap(),
            folder: "/w/shop".to_owned(),
            overall: Overall::Starting,
            reason: "1 of 2 starting".to_owned(),
            autonomy: Default::default(),
        }
    }

    fn status_of(instance: &str) -> InstanceStatus {
        let instance: model::InstanceId = instance.parse().unwrap();
        InstanceStatus {
            service: instance.service.clone(),
            instance,
            category: "data".to_owned(),
            state: State::Waiting,
            reason: Reason::new("waiting for db: tcp 5432 refused").then("next try in 2 s"),
            pid: Some(4711),
            ports: vec![5432],
            generation: Generation(3),
            restarts: 2,
            since: Timestamp(1_763_820_000_000),
            marks: Marks {
                impacted_by: Some("db".parse().unwrap()),
                held: true,
                hold: None,
                circuit: Some(model::Circuit::HalfOpen),
                ejected: None,
                rolled_back: None,
                scaled: None,
                shim_lost: false,
                rebuilding: false,
                drift: None,
            },
            origin: Some(model::Origin {
                actor: model::Actor::person("cli"),
                user: "me".to_owned(),
                verb: model::Verb::Up,
                act: model::ActId(7),
                at: Timestamp(1_763_820_000_000),
            }),
            findings: Vec::new(),
            schedule: None,
            port_taken: Some(model::PortTaken {
                wanted: 5433,
                holder: "pid 1 (init)".to_owned(),
            }),
        }
    }

    #[test]
    fn ps_prints_the_promised_shape() {
        let limit = LimitView {
            what: "cpu".to_owned(),
            wanted: "1.5 cores".to_owned(),
            held: false,
            by: "nothing, because it has no cgroup v2".to_owned(),
        };
        let view = PsView {
            cluster: line(),
            advice: Vec::new(),
            urls: [(
                "api".parse().unwrap(),
                "http://api.shop.localhost:7422/".into(),
            )]
            .into(),
            instances: vec![status_of("api.1")],
            limits: [("api".parse().unwrap(), vec![limit.clone()])].into(),
        };
        let expected = json!({
            "cluster": "shop-0123abcd",
            "name": "shop",
            "folder": "/w/shop",
            "home": "/h",
            "overall": "starting",
            "instances": [{
                "service": "api",
                "instance": "api.1",
                "category": "data",
                "state": "waiting",
                "reason": "waiting for db: tcp 5432 refused; next try in 2 s",
                "pid": 4711,
                "ports": [5432],
                "generation": 3,
                "restarts": 2,
                "since": "2025-11-22T14:00:00.000Z",
                "marks": {"impacted_by": "db", "held": true, "circuit": "half-open", "shim_lost": false},
                "origin": {
                    "actor": {"kind": "person", "via": "cli"},
                    "user": "me",
                    "verb": "up",
                    "act": 7,
                    "at": "2025-11-22T14:00:00.000Z",
                },
                "port_taken": {"wanted": 5433, "holder": "pid 1 (init)"},
                "findings": [],
                "schedule": null,
            }],
            "advice": [],
            "urls": {"api": "http://api.shop.localhost:7422/"},
            "limits": {"api": [{
                "what": "cpu",
                "wanted": "1.5 cores",
                "held": false,
                "by": "nothing, because it has no cgroup v2",
            }]},
        });
        assert_eq!(ps_json(&view, &Layout::new("/h")), expected);
    }

    #[test]
    fn a_row_says_its_marks_and_hides_escapes() {
        let mut status = status_of("api.0");
        status.reason = Reason::new("said \x1b[2Jboo");
        let row = ps_row(&status, Timestamp(status.since.0 + 5_000));
        let texts: Vec<&str> = row.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "api.0",
                "waiting",
                "5 s",
                "-",
                "4711",
                "5432",
                "3",
                "cli",
                "data",
                "[port 5433 is held by pid 1 (init)] [held] [circuit half-open] [impacted by db] said \\x1b[2Jboo"
            ]
        );
    }

    #[test]
    fn a_row_says_that_the_gateway_leaves_it_out() {
        let mut status = status_of("api.0");
        let until = Timestamp(status.since.0 + 5_000);
        status.marks = Marks {
            ejected: Some(model::Ejection {
                why: "it failed five requests in a row".to_owned(),
                until,
            }),
            ..Marks::default()
        };
        status.port_taken = None;
        let row = ps_row(&status, status.since);
        let (reason, _) = row.last().unwrap();
        let begins = format!("[ejected until {}: it failed five", clock(until));
        assert!(reason.starts_with(&begins), "{reason}");
    }

    #[test]
    fn when_it_runs_next_is_told_where_one_has_a_schedule() {
        let mut status = status_of("backup.0");
        status.state = State::Scheduled;
        status.schedule = Some(model::Scheduled {
            next: Some(Timestamp(status.since.0 + 845_000)),
            last: Some(model::LastRun {
                at: status.since,
                status: model::ExitStatus::Code(0),
            }),
        });
        let rows = vec![
            ps_row(&status_of("db.0"), status.since),
            ps_row(&status, status.since),
        ];
        let terminal = Terminal {
            live: false,
            colour: false,
            columns: None,
            rows: 24,
        };
        let lines = ps_table(rows, terminal);
        assert!(lines[0].contains("NEXT"), "{lines:#?}");
        assert!(
            lines[2].contains("scheduled  0 s    in 14 m 05 s"),
            "{lines:#?}"
        );
        assert_eq!(
            instance_json(&status)["schedule"],
            json!({
                "next": "2025-11-22T14:14:05.000Z",
                "last": {
                    "at": "2025-11-22T14:00:00.000Z",
                    "status": { "kind": "code", "value": 0 },
                },
            })
        );
    }

    #[test]
    fn ps_fits_its_terminal_and_leaves_room_for_the_reason() {
        let mut status = status_of("payments-worker.0");
        status.ports = vec![5432, 5433];
        status.port_taken = None;
        status.marks.circuit = None;
        for (columns, headings) in [
            (
                120,
                "INSTANCE           STATE    SINCE  PID   PORTS      STARTS  BY   CATEGORY  REASON",
            ),
            (80, "INSTANCE           STATE    SINCE  PORTS      REASON"),
            (64, "INSTANCE           STATE    PORTS"),
            (40, "INSTANCE           STATE    PORTS"),
        ] {
            let terminal = Terminal {
                live: true,
                colour: false,
                columns: Some(columns),
                rows: 24,
            };
            let row = ps_row(&status, Timestamp(status.since.0 + 5_000));
            let lines = ps_table(vec![row], terminal);
            assert_eq!(lines[0], headings);
            let all = lines.join(" ");
            let words: Vec<&str> = all.split_whitespace().collect();
            let reason =
                "[held] [impacted by db] waiting for db: tcp 5432 refused; next try in 2 s";
            assert!(words.join(" ").ends_with(reason), "{lines:#?}");
            assert!(
                lines.iter().all(|line| line.chars().count() <= columns),
                "{lines:#?}"
            );
        }
    }
}
