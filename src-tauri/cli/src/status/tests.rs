//! What `status` prints, as a table and as JSON.

use super::services::{latency, percent};
use super::*;
use crate::args::Window;
use api::views::ClusterLine;
use model::status::{ClusterStatus, InstanceWindows, LastCheck, SecurityStatus, Window as Over};
use model::view::{EngineView, Usage};
use model::{Evidence, Finding, FindingKind, Reason, State, Timestamp, Verdict};

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
            consul: None,
            limits: Vec::new(),
        },
        overall: Overall::Degraded,
        clusters: vec![ClusterLine {
            id: "shop-0123abcd".parse().unwrap(),
            name: "shop".parse().unwrap(),
            folder: "/w/shop".to_owned(),
            overall: Overall::Degraded,
            reason: "1 of 2 degraded".to_owned(),
            autonomy: Default::default(),
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
        scaled: Some(model::Scaled { added: 1, most: 4 }),
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
        scaled: None,
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
        security: SecurityStatus::of(&model::SecurityView::unlooked()),
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
    assert_eq!(service["scaled"]["added"], 1);
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
            "api: healing added 1, at most 4",
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
