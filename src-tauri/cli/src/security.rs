//! `security`: the threat level, each threat with its evidence and what to do, and how the last look went.

use crate::args::{Place, Security};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{ago, now, with_times};
use api::client::Client;
use api::security::SecurityRequest;
use model::{LedgerIntegrity, SecurityView, Threat, ThreatLevel, Timestamp};
use serde_json::json;

/// `azora security`.
pub(crate) async fn security(place: &Place, asked: &Security) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let request = SecurityRequest {
        now: asked.now.then_some(true),
    };
    let view: SecurityView = client.call("security", &request).await?;
    if asked.json.json {
        print(&with_times(json!(view)).to_string())?;
    } else {
        for line in lines(&view, now(), Terminal::stdout()) {
            print(&line)?;
        }
    }
    match asked.check && view.level > ThreatLevel::None {
        // What there is has been said.
        true => Err(Fail::said()),
        false => Ok(()),
    }
}

/// What a level's colour is.
pub(crate) fn level_paint(level: ThreatLevel) -> Paint {
    match level {
        ThreatLevel::None => Paint::Good,
        ThreatLevel::Low => Paint::Busy,
        ThreatLevel::Medium => Paint::Warn,
        ThreatLevel::High | ThreatLevel::Critical => Paint::Bad,
    }
}

fn lines(view: &SecurityView, now: Timestamp, terminal: Terminal) -> Vec<String> {
    let Some(last) = view.last_audit else {
        return vec!["not looked at yet; the engine looks as soon as it has begun".to_owned()];
    };
    let level = terminal.paint(level_paint(view.level), view.level.as_str());
    let count = view.threats.len() + usize::try_from(view.more).unwrap_or(usize::MAX);
    let ledger_paint = match view.ledger {
        LedgerIntegrity::Whole => Paint::Good,
        LedgerIntegrity::Unchecked => Paint::Faint,
        LedgerIntegrity::Doubted => Paint::Bad,
    };
    let ledger = terminal.paint(ledger_paint, &plain(&view.ledger_said));
    let mut lines = vec![
        format!("threat level  {level}"),
        format!("threats       {count}"),
        format!("ledger        {ledger}"),
        format!("last audit    {} ago", ago(last, now)),
    ];
    let blind = view.blind.iter();
    lines.extend(blind.map(|what| format!("not seen      {}", plain(what))));
    for threat in &view.threats {
        lines.push(String::new());
        lines.extend(of_threat(threat, now, terminal));
    }
    if view.more > 0 {
        lines.push(format!("\nand {} more", view.more));
    }
    lines
}

fn of_threat(threat: &Threat, now: Timestamp, terminal: Terminal) -> Vec<String> {
    let level = terminal.paint(level_paint(threat.level), threat.level.as_str());
    let mut lines = vec![format!("{level}: {}", plain(&threat.what))];
    let mut about = format!("found {} ago", ago(threat.since, now));
    if let Some(cluster) = &threat.cluster {
        about = format!("{about}, in {cluster}");
    }
    lines.push(format!("  {}", terminal.paint(Paint::Faint, &about)));
    lines.extend(
        threat
            .evidence
            .iter()
            .map(|one| format!("  seen: {}", plain(one))),
    );
    if let Some(answer) = &threat.answer {
        let act = answer.act.map(|act| format!(" (act {})", act.0));
        lines.push(format!(
            "  done: {}{}",
            plain(&answer.said),
            act.unwrap_or_default()
        ));
    }
    lines.push(format!("  do: {}", plain(&threat.todo)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Escalation, ThreatAnswer, ThreatKind};

    const TERMINAL: Terminal = Terminal {
        live: false,
        colour: false,
        columns: None,
        rows: 24,
    };

    #[test]
    fn a_threat_says_what_was_seen_and_what_to_do() {
        let threat = Threat {
            id: "exposed:shop-1:api.0:0.0.0.0:9000".into(),
            kind: ThreatKind::Exposed,
            level: ThreatLevel::High,
            cluster: Some("shop-00000001".parse().unwrap()),
            service: Some("api".parse().unwrap()),
            instance: Some("api.0".parse().unwrap()),
            what: "api.0 answers other machines at 0.0.0.0:9000".into(),
            evidence: vec!["pid 7 holds it\u{1b}[2J".into()],
            todo: "let it listen on 127.0.0.1".into(),
            since: Timestamp(10_000),
            answer: Some(ThreatAnswer {
                what: Escalation::Stop,
                act: Some(model::ActId(12)),
                said: "api is stopped".into(),
                at: Timestamp(11_000),
            }),
        };
        let view = SecurityView {
            level: ThreatLevel::High,
            threats: vec![threat],
            more: 2,
            ledger: LedgerIntegrity::Whole,
            ledger_said: "whole: 12 entries".into(),
            last_audit: Some(Timestamp(35_000)),
            cost_ms: 1.0,
            blind: vec!["the log of db.0".into()],
        };
        let said = lines(&view, Timestamp(40_000), TERMINAL).join("\n");
        for part in [
            "threat level  High",
            "threats       3",
            "ledger        whole: 12 entries",
            "last audit    5 s ago",
            "not seen      the log of db.0",
            "High: api.0 answers other machines at 0.0.0.0:9000",
            "  found 30 s ago, in shop-00000001",
            "  done: api is stopped (act 12)",
            "  do: let it listen on 127.0.0.1",
            "and 2 more",
        ] {
            assert!(said.contains(part), "{part} in\n{said}");
        }
        assert!(!said.contains('\u{1b}'), "{said:?}");
        let before = SecurityView {
            last_audit: None,
            ..view
        };
        assert!(lines(&before, Timestamp(0), TERMINAL)[0].contains("not looked at yet"));
    }
}
