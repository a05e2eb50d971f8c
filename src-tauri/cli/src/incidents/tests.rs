//! Incidents as they are told in a terminal, and weeks in a sentence.

use super::*;
use model::{Began, Remedy, RemedyKind, Timestamp};

fn story() -> IncidentStory {
    let entry = |n, at, kind, text: &str| IncidentEntry {
        n,
        at: Timestamp(at),
        kind,
        text: text.to_owned(),
        services: Vec::new(),
        act: None,
    };
    IncidentStory {
        incident: Incident {
            id: IncidentId(42),
            cluster: "shop-0123abcd".parse().unwrap(),
            service: "db".parse().unwrap(),
            instance: "db.0".parse().unwrap(),
            state: IncidentState::Open,
            cause: "db.0 exited with code 1 after 3 h; its last words were `could not write WAL: No space left on device`".into(),
            impacted: vec!["api".parse().unwrap(), "web".parse().unwrap()],
            actions: vec![Remedy::new(Timestamp(2_000), RemedyKind::Restart, "restart 1 of 5".into())],
            opened: Timestamp(1_000),
            resolved: None,
            duration_ms: None,
            began: Some(Timestamp(900)),
            began_by: Some(Began::Exit),
            detect_ms: Some(100),
            waits: Some("restart 2 of 5, after 5 s".into()),
            person: false,
            entries: 7,
            unlisted: Vec::new(),
        },
        timeline: vec![
            entry(1, 900, EntryKind::Exit, "db.0 exited with code 1 after 3 h"),
            entry(2, 1_000, EntryKind::Opened, &"long ".repeat(30)),
            entry(7, 2_000, EntryKind::Remedy, "restart 1 of 5\u{1b}[2J"),
        ],
    }
}

#[test]
fn a_story_fits_its_terminal_and_says_what_is_not_kept() {
    for columns in [20, 40, 80, 120] {
        let terminal = Terminal {
            live: false,
            colour: false,
            columns: Some(columns),
            rows: 24,
        };
        let lines = told(&story(), Some("everything".into()), terminal);
        let long = lines
            .iter()
            .find(|line| line.chars().count() > columns.max(44));
        assert_eq!(long, None, "{columns} columns");
        let text = lines.join("\n");
        assert!(!text.contains('\u{1b}'), "{text}");
        for word in [
            "42",
            "open",
            "could not",
            "4 entries",
            "waits for",
            "muted",
            "remedy",
        ] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}

/// What is to be done next is whole at every width.
#[test]
fn what_an_incident_waits_for_falls_off_no_screen() {
    let mut quarantined = story().incident;
    quarantined.state = IncidentState::Quarantined;
    quarantined.person = true;
    quarantined.waits = Some("a person: `azora release db`".into());
    let kinds = [
        RemedyKind::Restart,
        RemedyKind::Restart,
        RemedyKind::CircuitBreak,
        RemedyKind::Restart,
        RemedyKind::Quarantine,
    ];
    let one = quarantined.actions[0].clone();
    quarantined.actions = kinds
        .map(|kind| Remedy {
            kind,
            ..one.clone()
        })
        .into();
    assert_eq!(
        actions(&quarantined),
        "restart 2, circuit-break, restart, quarantine"
    );
    for columns in [40, 80, 120] {
        let terminal = Terminal {
            live: false,
            colour: false,
            columns: Some(columns),
            rows: 24,
        };
        let lines = listed(std::slice::from_ref(&quarantined), true, terminal);
        assert!(
            lines.contains(&"    waits for a person: `azora release".to_owned())
                || lines.contains(&"    waits for a person: `azora release db`".to_owned()),
            "{columns}: {lines:#?}"
        );
        let long = lines.iter().find(|line| line.chars().count() > columns);
        assert_eq!(long, None, "{columns} columns");
    }
    quarantined.state = IncidentState::Resolved;
    quarantined.waits = None;
    let ended = actions(&quarantined);
    assert!(ended.ends_with("quarantine, a person"), "{ended}");
}

#[test]
fn a_week_is_a_sentence() {
    let sum = HealedSum {
        incidents: 14,
        healed: 12,
        person: 2,
        quarantined: 2,
        open: 1,
        recover_p50_ms: Some(1_200),
        ..HealedSum::default()
    };
    assert_eq!(
        sentence(&sum, "Monday"),
        "14 incidents since Monday: 12 were healed (half within 1.2 s), 2 needed a person, 2 wait in quarantine, 1 goes on"
    );
}

#[test]
fn words_are_broken_only_where_they_must_be() {
    assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
    assert_eq!(wrapped("", 3), [""]);
}

#[test]
fn an_incident_is_named_by_its_number() {
    assert_eq!(number("#42"), Ok(42));
    assert!(number("0").is_err() && number("db").is_err());
}

#[test]
fn what_was_written_stands_before_what_was_noted_later() {
    let mut story = story();
    story.timeline = [
        (1, 10, EntryKind::Exit),
        (2, 10, EntryKind::Opened),
        (3, 8, EntryKind::Log),
        (4, 9, EntryKind::Log),
        // The clock was set.
        (7, 3, EntryKind::Remedy),
    ]
    .map(|(n, at, kind)| IncidentEntry {
        n,
        at: Timestamp(at),
        kind,
        text: String::new(),
        services: vec![],
        act: None,
    })
    .into();
    let order = rows(&story.timeline).into_iter().map(|row| match row {
        Row::Entry(entry) => entry.n,
        Row::Missing(gone) => 100 * gone,
    });
    assert_eq!(order.collect::<Vec<_>>(), [3, 4, 1, 2, 200, 7]);
}
