//! What is told of incidents, when, and in the place of what.

use super::*;
use api::model::{InstanceId, Remedy, RemedyKind, Timestamp};
use engine::Hours;

fn incident(id: u64, service: &str, state: IncidentState) -> Incident {
    let service: ServiceName = service.parse().unwrap();
    let remedy = Remedy::new(
        Timestamp(2),
        RemedyKind::Restart,
        "restart 1 of 5, after 100 ms".into(),
    );
    let open = state == IncidentState::Open;
    Incident {
        id: IncidentId(id),
        cluster: "shop-00000000".parse().unwrap(),
        instance: InstanceId::new(service.clone(), 0),
        cause: format!("{service}.0 was ended by SIGKILL"),
        service,
        state,
        impacted: vec![],
        actions: vec![remedy],
        opened: Timestamp(1),
        resolved: (!open).then_some(Timestamp(1_235)),
        duration_ms: (!open).then_some(1_234),
        began: None,
        began_by: None,
        detect_ms: None,
        waits: open.then(|| "db.0 to become ready".into()),
        person: false,
        entries: 0,
        unlisted: Vec::new(),
    }
}

const OPEN: IncidentState = IncidentState::Open;
const HEALED: IncidentState = IncidentState::Resolved;
const QUARANTINED: IncidentState = IncidentState::Quarantined;

/// At noon.
fn at(millis: u64) -> Moment {
    Moment {
        mono: Mono(millis),
        minute: 12 * 60,
    }
}

fn shown(tell: Option<Tell>) -> Notice {
    match tell {
        Some(Tell::Show(notice)) => notice,
        other => panic!("nothing is shown: {other:?}"),
    }
}

fn titles(tells: Vec<Tell>) -> Vec<String> {
    let shown = tells.into_iter().map(|tell| shown(Some(tell)).title);
    shown.collect()
}

#[test]
fn a_fault_that_is_healed_at_once_is_told_once_with_cause_action_and_time() {
    let mut notifier = Notifier::default();
    let open = incident(7, "db", OPEN);
    let healed = incident(7, "db", HEALED);
    assert_eq!(notifier.incident(&open, at(0)), None);
    assert_eq!(notifier.next(), Some(Mono(3_000)));
    assert_eq!(notifier.due(at(2_999)), []);
    let notice = shown(notifier.incident(&healed, at(2_999)));
    assert_eq!(notice.title, "db was healed");
    assert_eq!(
        notice.body,
        "db.0 was ended by SIGKILL. Restart 1 of 5, after 100 ms. Back in 1.2 s."
    );
    assert_eq!(
        notice.about,
        About::Incident(Some(healed.cluster.clone()), IncidentId(7))
    );
    assert_eq!(notifier.incident(&healed, at(3_000)), None);
    assert_eq!((notifier.next(), notifier.due(at(9_000))), (None, vec![]));
}

#[test]
fn a_fault_that_lasts_is_told_and_what_comes_of_it_takes_its_place() {
    let mut notifier = Notifier::default();
    let mut open = incident(7, "db", OPEN);
    assert_eq!(notifier.incident(&open, at(0)), None);
    open.impacted = vec!["api".parse().unwrap(), "web".parse().unwrap()];
    assert_eq!(notifier.incident(&open, at(2_000)), None, "no new delay");
    let told = notifier.due(at(3_000));
    let [Tell::Show(notice)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((notice.title.as_str(), notice.urgent), ("db fails", false));
    assert_eq!(
        notice.body,
        "db.0 was ended by SIGKILL. Restart 1 of 5, after 100 ms. It waits for: db.0 to become \
         ready. 2 other services suffer from it."
    );
    assert_eq!(notifier.incident(&open, at(4_000)), None);
    let quarantined = shown(notifier.incident(&incident(7, "db", QUARANTINED), at(9_000)));
    assert_eq!(quarantined.title, "db is in quarantine");
    assert!(quarantined.urgent);
    assert!(quarantined.body.ends_with("until you release it."));
    let healed = shown(notifier.incident(&incident(7, "db", HEALED), at(99_000)));
    assert_eq!(
        (healed.title.as_str(), healed.urgent),
        ("db was healed", false)
    );
    let all = [notice, &quarantined, &healed].map(|notice| notice.about.clone());
    assert!(all.iter().all(|one| *one == all[0]), "one notification");
}

#[test]
fn what_fails_again_is_told_again_only_when_it_lasts() {
    let mut notifier = Notifier::default();
    notifier.incident(&incident(7, "db", HEALED), at(0));
    assert_eq!(notifier.incident(&incident(7, "db", OPEN), at(1_000)), None);
    let healed = notifier.incident(&incident(7, "db", HEALED), at(2_000));
    assert_eq!(shown(healed).title, "db was healed");
    notifier.incident(&incident(7, "db", OPEN), at(3_000));
    assert_eq!(titles(notifier.due(at(6_000))), ["db fails"]);
}

#[test]
fn what_a_person_ended_or_what_came_back_by_itself_is_no_news() {
    let mut notifier = Notifier::default();
    let closed = |id| incident(id, "a", IncidentState::Closed);
    assert_eq!(notifier.incident(&closed(1), at(0)), None);
    let mut by_itself = incident(2, "b", HEALED);
    by_itself.actions.clear();
    assert_eq!(notifier.incident(&by_itself, at(0)), None);
    // What is on the screen does not stay there untrue.
    for id in [3, 4] {
        notifier.incident(&incident(id, "a", OPEN), at(0));
    }
    assert_eq!(notifier.due(at(3_000)).len(), 2);
    let taken = notifier.incident(&closed(3), at(4_000));
    assert_eq!(taken, Some(Tell::Close(IncidentId(3).into())));
    by_itself.id = IncidentId(4);
    let back = shown(notifier.incident(&by_itself, at(4_000)));
    assert_eq!(back.title, "b is back");
    // And what is not yet there does not come any more.
    notifier.incident(&incident(5, "a", OPEN), at(5_000));
    assert_eq!(notifier.incident(&closed(5), at(6_000)), None);
    assert_eq!(notifier.next(), None);
}

#[test]
fn what_was_over_before_the_window_opened_is_no_news() {
    let mut notifier = Notifier::default();
    let over = incident(1, "a", HEALED);
    notifier.already_over([&over, &incident(2, "b", OPEN)]);
    assert_eq!(notifier.incident(&over, at(0)), None);
    let healed = notifier.incident(&incident(2, "b", HEALED), at(0));
    assert_eq!(shown(healed).title, "b was healed");
}

#[test]
fn a_burst_becomes_five_and_one_summary() {
    let mut notifier = Notifier::default();
    let mut singly = 0;
    for id in 0..20 {
        let state = if id == 12 { QUARANTINED } else { HEALED };
        let one = incident(id, &format!("s-{id:02}"), state);
        singly += usize::from(notifier.incident(&one, at(id * 100)).is_some());
    }
    assert_eq!(singly, BURST);
    // What is shown goes on changing where it is.
    let again = notifier.incident(&incident(0, "s-00", QUARANTINED), at(2_000));
    assert_eq!(shown(again).title, "s-00 is in quarantine");
    // The first was shown at 0, so its window passes at 10 s.
    assert_eq!(notifier.next(), Some(Mono(10_000)));
    assert_eq!(notifier.due(at(9_999)), []);
    let notice = shown(notifier.due(at(10_000)).pop());
    assert_eq!(notice.title, "1 more in quarantine, 14 healed");
    assert_eq!(
        notice.body,
        "In quarantine: s-12. Healed: s-05, s-06, s-07, s-08 and 10 more."
    );
    assert_eq!(notifier.due(at(30_000)), []);
    // Calm again: told singly. So is what becomes of one that was in the summary.
    let one = notifier.incident(&incident(99, "z", HEALED), at(30_000));
    assert_eq!(shown(one).title, "z was healed");
    let one = notifier.incident(&incident(12, "s-12", HEALED), at(31_000));
    assert_eq!(shown(one).title, "s-12 was healed");
    assert_eq!(
        notifier.incident(&incident(13, "s-13", HEALED), at(31_000)),
        None
    );
}

#[test]
fn a_crash_loop_of_one_service_is_named_once_in_the_summary() {
    let mut notifier = Notifier::default();
    for id in 0..8 {
        notifier.incident(&incident(id, "db", HEALED), at(id));
    }
    let notice = shown(notifier.due(at(60_000)).pop());
    assert_eq!(notice.title, "1 more healed");
    assert_eq!(notice.body, "Healed: db.");
}

#[test]
fn quiet_hours_show_nothing_and_end_with_what_is_still_so() {
    let mut notifier = Notifier::new(Notifications {
        quiet: vec![Hours {
            from: 22 * 60,
            to: 7 * 60,
        }],
        ..Notifications::default()
    });
    let night = |millis, minute| Moment {
        mono: Mono(millis),
        minute,
    };
    notifier.incident(&incident(1, "a", OPEN), night(0, 22 * 60 - 1));
    assert_eq!(titles(notifier.due(night(3_000, 22 * 60 - 1))), ["a fails"]);
    // It is healed at night: what is on the screen goes, and nothing else is shown.
    let healed = notifier.incident(&incident(1, "a", HEALED), night(60_000, 22 * 60));
    assert_eq!(healed, Some(Tell::Close(IncidentId(1).into())));
    notifier.incident(&incident(2, "b", QUARANTINED), night(70_000, 23 * 60));
    notifier.incident(&incident(3, "c", QUARANTINED), night(80_000, 2 * 60));
    notifier.incident(&incident(3, "c", HEALED), night(90_000, 3 * 60));
    notifier.incident(&incident(4, "d", OPEN), night(90_000, 3 * 60));
    assert_eq!(notifier.due(night(999_000, 7 * 60 - 1)), []);
    // It slept: the clock says that it is morning.
    let next = notifier.next().unwrap();
    assert!(next <= Mono(999_000 + 60_000));
    let notice = shown(notifier.due(night(next.0, 7 * 60)).pop());
    assert_eq!(notice.title, "1 more in quarantine, 1 failing, 2 healed");
    assert_eq!(notice.body, "In quarantine: b. Failing: d. Healed: a, c.");
    assert!(notice.urgent);
}

#[test]
fn who_wants_to_hear_nothing_hears_nothing() {
    let one = incident(1, "a", QUARANTINED);
    let off = Notifications {
        enabled: false,
        ..Notifications::default()
    };
    assert_eq!(Notifier::new(off).incident(&one, at(0)), None);
    let not_here = Notifications {
        except: ["shop".parse().unwrap()].into(),
        ..Notifications::default()
    };
    let mut notifier = Notifier::new(not_here);
    assert_eq!(notifier.incident(&one, at(0)), None);
    let mut elsewhere = incident(2, "a", QUARANTINED);
    elsewhere.cluster = "shop-two-00000000".parse().unwrap();
    assert!(notifier.incident(&elsewhere, at(0)).is_some());
}

/// Of everything, of a cluster, or of a service of the cluster whose incidents these are.
fn mute(cluster: Option<&str>, service: Option<&str>) -> Mute {
    Mute {
        cluster: cluster.map(|id| id.parse().unwrap()),
        service: service.map(|name| name.parse().unwrap()),
        since: Timestamp(0),
        until: None,
    }
}

#[test]
fn what_is_muted_is_not_shown_and_not_when_the_mute_is_over_either() {
    let mut notifier = Notifier::default();
    notifier.mutes(&[mute(Some("shop-00000000"), Some("db"))]);
    // A fault that lasts, one that is healed, one that healing gives up on.
    notifier.incident(&incident(1, "db", OPEN), at(0));
    assert_eq!(notifier.due(at(3_000)), []);
    assert_eq!(
        notifier.incident(&incident(2, "db", HEALED), at(4_000)),
        None
    );
    assert_eq!(
        notifier.incident(&incident(3, "db", QUARANTINED), at(5_000)),
        None
    );
    // Of another service everything is told.
    let other = notifier.incident(&incident(4, "web", HEALED), at(6_000));
    assert_eq!(shown(other).title, "web was healed");

    // The mute ends: nothing of what was is made up for.
    notifier.mutes(&[]);
    assert_eq!((notifier.next(), notifier.due(at(60_000))), (None, vec![]));
    for (id, state) in [(1, OPEN), (2, HEALED), (3, QUARANTINED)] {
        assert_eq!(
            notifier.incident(&incident(id, "db", state), at(61_000)),
            None
        );
    }
    // What becomes of it from now on is news.
    let healed = notifier.incident(&incident(1, "db", HEALED), at(62_000));
    assert_eq!(shown(healed).title, "db was healed");
    let given_up = notifier.incident(&incident(2, "db", QUARANTINED), at(63_000));
    assert_eq!(shown(given_up).title, "db is in quarantine");
}

#[test]
fn a_mute_that_begins_or_ends_in_between_counts_at_the_moment_something_would_be_shown() {
    let mut notifier = Notifier::default();
    let everything = [mute(None, None)];
    // Muted while it has not lasted long enough to be told.
    notifier.incident(&incident(1, "db", OPEN), at(0));
    notifier.mutes(&everything);
    assert_eq!(notifier.due(at(3_000)), []);
    // The other way about.
    notifier.incident(&incident(2, "db", OPEN), at(4_000));
    notifier.mutes(&[]);
    assert_eq!(titles(notifier.due(at(7_000))), ["db fails"]);
    // What is on the screen is taken away with the first thing that changes, for it would be untrue.
    notifier.mutes(&everything);
    assert_eq!(notifier.incident(&incident(2, "db", OPEN), at(8_000)), None);
    let closed = notifier.incident(&incident(2, "db", HEALED), at(9_000));
    assert_eq!(closed, Some(Tell::Close(IncidentId(2).into())));
}

#[test]
fn what_was_gathered_is_told_without_what_has_been_muted_since() {
    let mut notifier = Notifier::default();
    for id in 0..7 {
        notifier.incident(&incident(id, &format!("s-{id}"), HEALED), at(id));
    }
    notifier.mutes(&[mute(Some("shop-00000000"), Some("s-6"))]);
    let notice = shown(notifier.due(at(10_000)).pop());
    assert_eq!(notice.body, "Healed: s-5.");
    // And nothing at all when all of it has been.
    for id in 10..17 {
        notifier.incident(&incident(id, &format!("s-{id}"), HEALED), at(30_000));
    }
    notifier.mutes(&[mute(Some("shop-00000000"), None)]);
    assert_eq!(notifier.due(at(60_000)), []);
}

#[test]
fn what_is_remembered_does_not_grow_without_bound() {
    let mut notifier = Notifier::default();
    for id in 0..(REMEMBERED as u64 + 100) {
        notifier.set(IncidentId(id), Stage::Over);
    }
    assert_eq!(notifier.known.len(), REMEMBERED);
}
