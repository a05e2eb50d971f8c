//! What is told besides incidents, case by case.

use super::*;
use api::model::{Actor, ApprovalId, Approver, Target, ThreatKind, Timestamp, Verb};
use engine::{Hours, Notifications};

fn at(millis: u64, hour: u16) -> Moment {
    Moment {
        mono: Mono(millis),
        minute: hour * 60,
    }
}

fn notifier(quiet: bool) -> Notifier {
    let from_to = Hours {
        from: 22 * 60,
        to: 7 * 60,
    };
    Notifier::new(Notifications {
        enabled: true,
        except: ["scratch".parse().unwrap()].into(),
        quiet: if quiet { vec![from_to] } else { vec![] },
    })
}

fn threat(level: ThreatLevel, over: bool) -> EventKind {
    EventKind::Threat {
        threat: Box::new(Threat {
            id: "exposed".into(),
            kind: ThreatKind::Exposed,
            level,
            cluster: None,
            service: None,
            instance: None,
            what: "api.0 answers other machines".into(),
            evidence: vec![],
            todo: "let it listen on 127.0.0.1".into(),
            since: Timestamp(0),
            answer: None,
        }),
        over,
    }
}

fn approval(cluster: &str, given: usize, state: ApprovalState) -> EventKind {
    let by = Approver {
        name: "anna".into(),
        via: "cli".into(),
        at: Timestamp(0),
    };
    EventKind::Approval {
        approval: Box::new(Approval {
            id: ApprovalId(3),
            at: Timestamp(0),
            until: Timestamp(900_000),
            actor: Actor::person("cli"),
            name: "mira".into(),
            verb: Verb::Stop,
            target: Target {
                cluster: Some(cluster.parse().unwrap()),
                services: vec!["db".parse().unwrap()],
                instance: None,
            },
            details: String::new(),
            reason: "the old index is in the way".into(),
            consequences: ["db is stopped", "api needs it", "web needs it", "one more"]
                .map(str::to_owned)
                .into(),
            rules: vec![],
            set: "00".into(),
            needed: 2,
            given: vec![by; given],
            state,
        }),
    }
}

fn shown(tell: Option<Tell>) -> Notice {
    match tell {
        Some(Tell::Show(notice)) => notice,
        other => panic!("nothing is shown: {other:?}"),
    }
}

#[test]
fn a_grave_threat_is_shown_with_what_to_do_and_its_end_takes_its_place() {
    let mut notifier = notifier(false);
    let noon = at(0, 12);
    for level in [ThreatLevel::Low, ThreatLevel::Medium] {
        assert_eq!(notifier.event(&threat(level, false), noon), None);
    }
    let told = shown(notifier.event(&threat(ThreatLevel::High, false), noon));
    assert_eq!(
        (told.title.as_str(), told.urgent),
        ("Security, High", false)
    );
    assert!(
        told.body
            .contains("What to do: let it listen on 127.0.0.1.")
    );
    let grave = notifier.event(&threat(ThreatLevel::Critical, false), noon);
    assert!(shown(grave).urgent);
    let over = shown(notifier.event(&threat(ThreatLevel::Critical, true), noon));
    assert_eq!(
        (over.title.as_str(), over.urgent),
        ("A threat is over", false)
    );
    assert_eq!(told.about.subject(), over.about.subject());
}

#[test]
fn what_waits_for_approval_is_told_once_with_what_would_happen_and_taken_away_when_it_waits_no_more()
 {
    let mut notifier = notifier(false);
    let noon = at(0, 12);
    let waiting = approval("shop-1", 0, ApprovalState::Waiting);
    let told = shown(notifier.event(&waiting, noon));
    assert_eq!(told.title, "Stop needs 2 approvals");
    assert_eq!(
        told.body,
        "mira (cli) asks for it. Db is stopped. Api needs it. Web needs it. And 1 more. Because: the old index is in \
         the way."
    );
    assert_eq!(told.about, About::Approval(ApprovalId(3)));
    let one = approval("shop-1", 1, ApprovalState::Waiting);
    assert_eq!(notifier.event(&one, noon), None, "it is on the screen");
    for state in [
        ApprovalState::Approved,
        ApprovalState::Used,
        ApprovalState::Denied,
        ApprovalState::Expired,
    ] {
        let over = notifier.event(&approval("shop-1", 2, state), noon);
        assert_eq!(over, Some(Tell::Close(Subject::Approval(ApprovalId(3)))));
    }
}

#[test]
fn rules_that_cannot_be_used_are_told_until_they_are_put_away() {
    let alarm = EventKind::RulesAlarm {
        text: "the rules cannot be read: line 3.".into(),
    };
    let told = shown(notifier(false).event(&alarm, at(0, 12)));
    assert_eq!(told.body, "The rules cannot be read: line 3.");
    assert!(told.urgent && told.about == About::Rules);
    let other = EventKind::Notice { text: "x".into() };
    assert_eq!(notifier(false).event(&other, at(0, 12)), None);
}

#[test]
fn nothing_is_told_of_a_cluster_that_is_not_wanted_or_at_all_where_nothing_is() {
    let noon = at(0, 12);
    let waiting = |cluster| approval(cluster, 0, ApprovalState::Waiting);
    let mut some = notifier(false);
    assert_eq!(some.event(&waiting("scratch-1"), noon), None);
    assert!(some.event(&waiting("shop-1"), noon).is_some());
    let mut none = Notifier::new(Notifications {
        enabled: false,
        ..Notifications::default()
    });
    assert_eq!(none.event(&waiting("shop-1"), noon), None);
    assert_eq!(
        none.event(&threat(ThreatLevel::Critical, false), noon),
        None
    );
}

#[test]
fn what_comes_in_quiet_hours_is_told_when_they_are_over_as_far_as_it_is_still_so() {
    let mut notifier = notifier(true);
    let night = at(0, 23);
    assert_eq!(
        notifier.event(&threat(ThreatLevel::High, false), night),
        None
    );
    let waiting = approval("shop-1", 0, ApprovalState::Waiting);
    assert_eq!(notifier.event(&waiting, night), None);
    assert_eq!(notifier.next(), Some(Mono(60_000)));
    assert_eq!(notifier.due(at(60_000, 23)), []);
    let over = approval("shop-1", 0, ApprovalState::Expired);
    notifier.event(&over, night);
    assert_eq!(notifier.next(), Some(Mono(120_000)));
    let told = notifier.due(at(120_000, 8));
    let [Tell::Show(notice)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(notice.about, About::Threat("exposed".into()));
    assert_eq!(notifier.next(), None);
    // What came and went is nothing to wake up for.
    notifier.event(&threat(ThreatLevel::High, false), night);
    assert_eq!(
        notifier.event(&threat(ThreatLevel::High, true), night),
        None
    );
    assert_eq!(notifier.due(at(999_000, 8)), []);
}
