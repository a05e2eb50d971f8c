//! Threats to a service that runs, and what is done about them.

use super::*;
use crate::Engine;
use crate::stage::{me, running};
use model::{Act, ActorKind, Outcome, ThreatKind, ThreatLevel, Timestamp, Verb};
use testkit::Home;

const DB: &str = "[service.db]\nrun = \"sleep 600\"\n";

/// An engine with these settings, and a cluster of this definition with a service `db`.
async fn with(settings: &str, definition: &str) -> (Home, Engine, Handle, ClusterId) {
    let home = Home::new();
    std::fs::write(home.path().join("settings.toml"), settings).unwrap();
    let (engine, handle, cluster) = running(&home, definition).await;
    (home, engine, handle, cluster)
}

fn threat(cluster: &ClusterId, kind: ThreatKind) -> Threat {
    Threat {
        id: format!("{}:{cluster}:db.0", kind.name()),
        kind,
        level: ThreatLevel::High,
        cluster: Some(cluster.clone()),
        service: Some("db".parse().unwrap()),
        instance: Some("db.0".parse().unwrap()),
        what: "db.0 answers other machines at 0.0.0.0:9000".into(),
        evidence: vec!["pid 7 holds a socket".into()],
        todo: "let it listen on 127.0.0.1".into(),
        since: Timestamp(1),
        answer: None,
    }
}

async fn records(handle: &Handle) -> Vec<Arc<ClusterRecord>> {
    crate::security::records(&handle.shared, &mut BTreeMap::new()).await
}

/// What the monitor has done or tried, oldest first.
async fn acts(handle: &Handle) -> Vec<Act> {
    let mut all = handle.acts(100).await.unwrap();
    all.retain(|act| act.actor.kind == ActorKind::Monitor);
    all.reverse();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_stopped_once_for_a_threat_where_the_settings_say_so() {
    let settings = "[security]\non = { exposed = \"stop\" }\n";
    let (_home, _engine, handle, cluster) = with(settings, DB).await;
    let records = records(&handle).await;
    let (exposed, other) = (
        threat(&cluster, ThreatKind::Exposed),
        threat(&cluster, ThreatKind::ProgramInMemory),
    );
    let mut answers = Answers::default();
    let both = [other.clone(), exposed.clone()];
    let new = answers.give(&handle.shared, &both, &records).await;
    assert_eq!(new, BTreeSet::from([exposed.id.clone()]));
    let answer = answers.to(&exposed.id).unwrap();
    assert_eq!(
        (answer.what, answer.said.as_str()),
        (Escalation::Stop, "db is stopped")
    );
    assert_eq!(answers.to(&other.id), None, "it is only told");
    for _ in 0..3 {
        let again = answers.give(&handle.shared, &both, &records).await;
        assert!(again.is_empty());
    }
    let done = acts(&handle).await;
    let [act] = &done[..] else {
        panic!("{done:?}");
    };
    assert_eq!((act.verb, Some(act.id)), (Verb::Stop, answer.act));
    assert_eq!(
        act.reason,
        "exposed: db.0 answers other machines at 0.0.0.0:9000; seen: pid 7 holds a socket"
    );
    let rules = &act.decision.as_ref().unwrap().rules;
    assert_eq!(rules[0].id, "security-holds-and-stops");
    assert!(
        handle
            .wait(act.id, crate::stage::LIMIT)
            .await
            .unwrap()
            .settled
    );
    let of = handle.shared.picture.instances(&cluster);
    assert!(of.iter().all(|one| one.pid.is_none()), "{of:?}");
    // The next engine does not do it again, also when it is late to find it.
    answers.keep(&handle.shared).await.unwrap();
    let mut next = Answers::read(&handle.shared).await.unwrap();
    assert!(next.same(&answers));
    next.forget(std::slice::from_ref(&other));
    assert!(next.give(&handle.shared, &both, &records).await.is_empty());
    assert_eq!(acts(&handle).await.len(), 1);
    next.forget(&both);
    next.forget(std::slice::from_ref(&other));
    assert_eq!(next.to(&exposed.id), None, "seen once, and over");
    // Once it is over it may come again.
    answers.forget(&[other]);
    assert_eq!(answers.to(&exposed.id), None);
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_protected_is_left_alone_and_that_is_told_once() {
    let settings = "[security]\non = { high = \"stop\" }\n";
    let definition = format!("{DB}protected = true\n");
    let (_home, _engine, handle, cluster) = with(settings, &definition).await;
    let records = records(&handle).await;
    let exposed = [threat(&cluster, ThreatKind::Exposed)];
    let mut answers = Answers::default();
    assert_eq!(
        answers.give(&handle.shared, &exposed, &records).await.len(),
        1
    );
    assert!(
        answers
            .give(&handle.shared, &exposed, &records)
            .await
            .is_empty()
    );
    let answer = answers.to(&exposed[0].id).unwrap();
    assert_eq!(answer.act, None);
    assert!(answer.said.contains("protected"), "{answer:?}");
    let done = acts(&handle).await;
    let [act] = &done[..] else {
        panic!("{done:?}");
    };
    assert!(matches!(act.outcome, Outcome::Refused(_)), "{act:?}");
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_home_and_the_project_the_stronger_holds_and_without_either_it_is_told() {
    let definition = format!("[cluster.security]\non = {{ exposed = \"hold\" }}\n{DB}");
    let settings = "[security]\non = { exposed = \"tell\", reachable = \"stop\" }\n";
    let (_home, _engine, handle, cluster) = with(settings, &definition).await;
    let records = records(&handle).await;
    let says = |kind| {
        let threat = threat(&cluster, kind);
        wanted(&handle.shared, &threat, &cluster, &records)
    };
    assert_eq!(says(ThreatKind::Exposed), Escalation::Hold);
    assert_eq!(says(ThreatKind::Reachable), Escalation::Stop);
    assert_eq!(says(ThreatKind::ProgramInMemory), Escalation::Tell);
    let exposed = [threat(&cluster, ThreatKind::Exposed)];
    let mut answers = Answers::default();
    answers.give(&handle.shared, &exposed, &records).await;
    let answer = answers.to(&exposed[0].id).unwrap();
    assert_eq!(answer.said, "healing of db is held");
    assert_eq!(acts(&handle).await[0].verb, Verb::Hold);
    // What is about no service is told and nothing else.
    let mut of_home = threat(&cluster, ThreatKind::Reachable);
    of_home.service = None;
    assert!(
        answers
            .give(&handle.shared, &[of_home], &records)
            .await
            .is_empty()
    );
    handle.shutdown(me(), false, String::new()).await;
}
