//! What healing proposes, and what persons answer.

use crate::stage::{LIMIT, config, kill, me, running};
use crate::{Engine, Handle, Order};
use model::{
    Act, ActorKind, Approval, ApprovalState, Autonomy, ClusterId, InstanceStatus, Outcome, State,
    Verb,
};
use testkit::{Home, eventually_async};

const ADVISED: &str = "[cluster]\nautonomy = \"advise\"\n[service.db]\nrun = \"sleep 600\"\n";

fn db(handle: &Handle, cluster: &ClusterId) -> InstanceStatus {
    let all = handle.shared.picture.instances(cluster);
    all.into_iter().next().unwrap()
}

/// Waits until `db` is so, and says what it is like otherwise.
async fn db_is(handle: &Handle, cluster: &ClusterId, so: impl Fn(&InstanceStatus) -> bool) {
    let reached = eventually_async(LIMIT, || so(&db(handle, cluster))).await;
    assert!(reached, "{:?}", db(handle, cluster));
}

/// The proposal of this state that was made last.
async fn proposal(handle: &Handle, state: ApprovalState) -> Approval {
    let begun = tokio::time::Instant::now();
    loop {
        let all = handle.approvals().await.unwrap();
        if let Some(one) = all.iter().find(|one| one.state == state) {
            return one.clone();
        }
        assert!(begun.elapsed() < LIMIT, "none is {state:?}: {all:?}");
        tokio::task::yield_now().await;
    }
}

/// What healing has done or tried, oldest first.
async fn healed(handle: &Handle) -> Vec<Act> {
    let mut all = handle.acts(100).await.unwrap();
    all.retain(|act| act.actor.kind == ActorKind::Healer);
    all.reverse();
    all
}

async fn says(handle: &Handle, cluster: &ClusterId, mode: Option<Autonomy>) {
    let cluster = cluster.clone();
    let order = Order::Autonomy { cluster, mode };
    let act = handle.order(me(), order, String::new()).await.unwrap();
    assert!(handle.wait(act.id, LIMIT).await.unwrap().settled);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_approves_of_is_done_exactly_and_by_nobody_else() {
    let home = Home::new();
    let (_engine, handle, cluster) = running(&home, ADVISED).await;
    kill(db(&handle, &cluster).pid.unwrap());
    let one = proposal(&handle, ApprovalState::Waiting).await;
    assert_eq!(
        (one.actor.kind, one.verb, one.name.as_str(), one.needed),
        (ActorKind::Healer, Verb::Restart, "healing", 1)
    );
    assert_eq!(one.details, "restart 1 of 9");
    assert_eq!(one.target.instance.as_ref().unwrap().to_string(), "db.0");
    let why = "was ended by SIGKILL; no experience with that here yet";
    assert_eq!(one.reason, why);
    let would = [
        "restart of db (restart 1 of 9)",
        "db.0 does not run, and is started again",
    ];
    assert_eq!(one.consequences, would);
    db_is(&handle, &cluster, |db| {
        db.state == State::Failing && db.reason.to_string().contains("azora approvals")
    })
    .await;
    assert!(healed(&handle).await.is_empty(), "nothing was done");
    let anna = Some("anna".to_owned());
    handle
        .approve(me(), one.id, anna, String::new())
        .await
        .unwrap();
    db_is(&handle, &cluster, |db| {
        db.generation.0 == 2 && db.pid.is_some()
    })
    .await;
    let used = proposal(&handle, ApprovalState::Used).await;
    assert_eq!((used.id, used.given[0].name.as_str()), (one.id, "anna"));
    let acts = healed(&handle).await;
    let [act] = &acts[..] else {
        panic!("{acts:?}");
    };
    assert_eq!(act.reason, format!("{why}; approved by anna"));
    assert_eq!(act.decision.as_ref().unwrap().rules[0].id, "healing-heals");
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_not_done_and_what_a_person_does_is_not_asked_for_any_more() {
    let home = Home::new();
    let (_engine, handle, cluster) = running(&home, ADVISED).await;
    kill(db(&handle, &cluster).pid.unwrap());
    let one = proposal(&handle, ApprovalState::Waiting).await;
    handle
        .deny(me(), one.id, None, String::new())
        .await
        .unwrap();
    let said = format!("a person said no to its proposal (approval {})", one.id.0);
    db_is(&handle, &cluster, |db| {
        db.reason.to_string().contains(&said)
    })
    .await;
    let restart = || Order::Restart {
        cluster: cluster.clone(),
        services: vec!["db".parse().unwrap()],
        at_once: false,
    };
    handle.order(me(), restart(), String::new()).await.unwrap();
    db_is(&handle, &cluster, |db| {
        db.generation.0 == 2 && db.pid.is_some()
    })
    .await;
    kill(db(&handle, &cluster).pid.unwrap());
    let two = proposal(&handle, ApprovalState::Waiting).await;
    handle.order(me(), restart(), String::new()).await.unwrap();
    let over = proposal(&handle, ApprovalState::Withdrawn).await;
    assert_eq!(over.id, two.id);
    let late = handle.approve(me(), two.id, None, String::new()).await;
    assert!(late.unwrap_err().story().contains("waits no more"));
    assert!(healed(&handle).await.is_empty());
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_engine_proposes_it_again_and_keeps_to_what_a_person_has_said() {
    let home = Home::new();
    let definition = "[service.db]\nrun = \"sleep 600\"\n";
    let (_engine, handle, cluster) = running(&home, definition).await;
    says(&handle, &cluster, Some(Autonomy::Advise)).await;
    kill(db(&handle, &cluster).pid.unwrap());
    let one = proposal(&handle, ApprovalState::Waiting).await;
    handle.shutdown(me(), true, String::new()).await;
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let two = proposal(&handle, ApprovalState::Waiting).await;
    assert!(two.id > one.id, "{two:?}");
    assert_eq!(proposal(&handle, ApprovalState::Withdrawn).await.id, one.id);
    assert!(healed(&handle).await.is_empty());
    // It acts by itself again, as it is defined, and what it had proposed is off.
    says(&handle, &cluster, None).await;
    db_is(&handle, &cluster, |db| {
        db.generation.0 == 2 && db.pid.is_some()
    })
    .await;
    assert!(
        handle
            .approvals()
            .await
            .unwrap()
            .iter()
            .all(|one| !one.is_open())
    );
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_healing_is_off_what_is_wrong_is_told_and_nothing_is_begun() {
    let home = Home::new();
    let definition = ADVISED.replace("advise", "off");
    let (_engine, handle, cluster) = running(&home, &definition).await;
    kill(db(&handle, &cluster).pid.unwrap());
    db_is(&handle, &cluster, |db| {
        db.state == State::Failing && db.reason.to_string().contains("healing is off")
    })
    .await;
    let open = handle.shared.picture.unended(None);
    let [incident] = &open[..] else {
        panic!("{open:?}");
    };
    assert!(incident.person && incident.actions.is_empty());
    let waits = incident.waits.as_ref().unwrap();
    assert!(waits.contains("azora restart db"), "{waits}");
    assert!(handle.approvals().await.unwrap().is_empty() && healed(&handle).await.is_empty());
    says(&handle, &cluster, Some(Autonomy::On)).await;
    db_is(&handle, &cluster, |db| {
        db.generation.0 == 2 && db.pid.is_some()
    })
    .await;
    let acts = healed(&handle).await;
    assert!(
        matches!(&acts[..], [act] if !matches!(act.outcome, Outcome::Refused(_))),
        "{acts:?}"
    );
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_refuse_is_not_proposed() {
    let home = Home::new();
    let rule =
        "@id(\"mine\")\n@says(\"I heal\")\npermit (principal is Person, action, resource);\n";
    std::fs::write(home.path().join("constitution.cedar"), rule).unwrap();
    let (_engine, handle, cluster) = running(&home, ADVISED).await;
    kill(db(&handle, &cluster).pid.unwrap());
    db_is(&handle, &cluster, |db| {
        db.reason.to_string().contains("refused")
    })
    .await;
    assert!(handle.approvals().await.unwrap().is_empty());
    handle.shutdown(me(), true, String::new()).await;
}
