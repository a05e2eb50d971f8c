//! Acts that need the approval of persons: over a restart of the engine, by distinct persons, and used once.

use super::{ALL, folder, runs, write};
use crate::stage::{config, me};
use crate::{Engine, Error, Handle, Order};
use model::{Act, Actor, ApprovalId, ApprovalState, ClusterId, Outcome, Verb};
use testkit::Home;

const TWO: &str = "@id(\"two-for-db\") @says(\"two persons stop the database\") @approvals(\"2\") @within(\"15m\")\n\
    forbid (principal, action == Action::\"stop\", resource is Service) when { resource.name == \"db\" }\n\
    unless { context.approvals >= 2 };\n";

async fn stop(handle: &Handle, actor: Actor, cluster: &ClusterId) -> Result<Act, Error> {
    let order = Order::Stop {
        cluster: cluster.clone(),
        services: vec!["db".parse().unwrap()],
    };
    handle.order(actor, order, "it smells".into()).await
}

/// The number under which persons are asked, and how many have approved.
fn asked(result: Result<Act, Error>) -> (ApprovalId, usize) {
    match result {
        Err(Error::NeedsApproval { id, given, .. }) => (id, given),
        other => panic!("{other:?}"),
    }
}

fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conflict(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_several_persons_approve_over_a_restart_and_one_of_many_uses_is_let_in() {
    let home = Home::new();
    let one = folder(&home, "one", "[service.db]\nrun = \"sleep 600\"\n");
    write(home.path(), &format!("{ALL}{TWO}"));
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = runs(&handle, &one).await;
    let (id, given) = asked(stop(&handle, me(), &cluster).await);
    assert_eq!(given, 0);
    assert_eq!(
        asked(stop(&handle, me(), &cluster).await).0,
        id,
        "it is one question"
    );
    let waits = handle.approvals().await.unwrap();
    assert_eq!(
        (waits.len(), waits[0].needed, waits[0].verb),
        (1, 2, Verb::Stop)
    );
    let consequences = waits[0].consequences.join("\n");
    assert!(
        consequences.contains("stop of db") && consequences.contains("db.0 (pid "),
        "{consequences}"
    );

    let named = |name: &str| Some(name.to_owned());
    let who_asks = handle.approve(me(), id, None, String::new()).await;
    assert!(matches!(who_asks, Err(Error::Refused(_))), "{who_asks:?}");
    handle
        .approve(me(), id, named("anna"), String::new())
        .await
        .unwrap();
    conflict(handle.approve(me(), id, named("anna"), String::new()).await);
    let early = handle.with_approval(Some(id));
    assert_eq!(asked(stop(&early, me(), &cluster).await), (id, 1));
    handle.shutdown(me(), true, String::new()).await;
    drop(engine);

    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let approved = handle
        .approve(me(), id, named("ben"), String::new())
        .await
        .unwrap();
    assert_eq!(approved.state, ApprovalState::Approved);
    let with = handle.with_approval(Some(id));
    let other = conflict(stop(&with, Actor::person("window"), &cluster).await);
    assert!(other.contains("another act"), "{other}");
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (with, cluster) = (with.clone(), cluster.clone());
        uses.spawn(async move { stop(&with, me(), &cluster).await });
    }
    let uses = uses.join_all().await;
    let (done, refused): (Vec<_>, Vec<_>) = uses.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    assert!(
        refused
            .into_iter()
            .all(|one| conflict(one).contains("counts once"))
    );
    let acts = handle.acts(1_000).await.unwrap();
    let let_in = acts
        .iter()
        .filter(|act| act.verb == Verb::Stop && !matches!(act.outcome, Outcome::Refused(_)));
    let let_in: Vec<_> = let_in.collect();
    assert_eq!(let_in.len(), 1, "{let_in:?}");
    let facts = &let_in[0].decision.as_ref().unwrap().facts;
    assert!(facts.contains("approvals 2"), "{facts}");
    assert_eq!(
        handle.approvals().await.unwrap()[0].state,
        ApprovalState::Used
    );
    let told = handle.snapshot().events;
    assert!(told.iter().any(|event| event.what.name() == "approval"));
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_or_asked_by_other_rules_is_not_let_in_and_an_approval_needs_none() {
    let home = Home::new();
    let one = folder(&home, "one", "[service.db]\nrun = \"sleep 600\"\n");
    let all = "@id(\"one-for-all\") @says(\"one more person says yes\") @approvals(\"1\") @within(\"15m\")\n\
        forbid (principal, action in [Action::\"stop\", Action::\"deny\"], resource) unless { context.approvals >= 1 };\n";
    write(home.path(), &format!("{ALL}{all}"));
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = runs(&handle, &one).await;
    let (id, _) = asked(stop(&handle, me(), &cluster).await);
    let denied = handle.deny(me(), id, None, String::new()).await;
    assert!(matches!(denied, Err(Error::Refused(_))), "{denied:?}");
    handle
        .approve(me(), id, Some("anna".into()), String::new())
        .await
        .unwrap();
    // Other rules: what was approved was approved by those.
    write(
        home.path(),
        &format!("{ALL}{}", all.replace(", Action::\"deny\"", "")),
    );
    handle.shared.constitution.reread();
    let with = handle.with_approval(Some(id));
    let other = conflict(stop(&with, me(), &cluster).await);
    assert!(other.contains("by other rules"), "{other}");
    let (next, _) = asked(stop(&handle, me(), &cluster).await);
    assert_ne!(next, id);
    handle.deny(me(), next, None, String::new()).await.unwrap();
    let denied = conflict(stop(&handle.with_approval(Some(next)), me(), &cluster).await);
    assert!(denied.contains("was denied"), "{denied}");
    let none = stop(&handle.with_approval(Some(ApprovalId(99))), me(), &cluster).await;
    assert!(
        matches!(none, Err(Error::NoApproval(ApprovalId(99)))),
        "{none:?}"
    );
    handle.shutdown(me(), false, String::new()).await;
}
