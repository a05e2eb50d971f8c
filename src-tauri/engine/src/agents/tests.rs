//! Agents of an engine: their tokens, their ends, and what they never do.

use super::*;
use crate::stage::{config, me, running, sleeper};
use crate::{Engine, Order};
use model::{ActorKind, Entry};
use testkit::Home;

fn name(text: &str) -> AgentName {
    text.parse().unwrap()
}

async fn add(handle: &Handle, agent: &str, span: Option<Duration>) -> Result<String, Error> {
    let new = handle
        .add_agent(me(), name(agent), span, "a test".into())
        .await;
    new.map(|new| new.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_its_agents_until_it_is_removed_and_over_a_restart() {
    let home = Home::new();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let token = add(&handle, "claude", None).await.unwrap();
    let other = add(&handle, "bob", None).await.unwrap();
    assert!(token.starts_with("azora-agent-") && token.len() == 76 && token != other);
    let caller = handle.agent(&token).unwrap();
    assert_eq!(caller.actor, Actor::agent(&name("claude")));
    let mut wrong = token.clone();
    wrong.replace_range(75.., if wrong.ends_with('0') { "1" } else { "0" });
    let upper = token.to_uppercase();
    for nobody in [
        "",
        "azora-agent-",
        &token[..75],
        &format!("{token}0"),
        &wrong,
        &upper,
    ] {
        assert!(handle.agent(nobody).is_none(), "{nobody}");
    }
    let again = add(&handle, "claude", None).await.unwrap_err().story();
    assert!(
        again.contains("there is an agent claude already"),
        "{again}"
    );
    handle.shutdown(me(), true, String::new()).await;
    // Nothing of the home has a token in it.
    for file in std::fs::read_dir(home.path()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        for token in [&token, &other] {
            let digits = &token.as_bytes()[12..];
            let found = bytes.windows(digits.len()).any(|window| window == digits);
            assert!(!found, "{}", file.path().display());
        }
    }

    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let known = handle.agents();
    assert_eq!(
        known
            .iter()
            .map(|one| one.name.as_str())
            .collect::<Vec<_>>(),
        ["bob", "claude"]
    );
    assert!(known[0].last_used.is_none() && known[1].last_used.is_some());
    let caller = handle.agent(&token).unwrap();
    let gone = || "it leaks".to_owned();
    handle
        .remove_agent(me(), name("claude"), gone())
        .await
        .unwrap();
    assert!(caller.gone.is_cancelled());
    assert!(handle.agent(&token).is_none() && handle.agent(&other).is_some());
    let none = handle.remove_agent(me(), name("claude"), gone()).await;
    assert!(matches!(none, Err(Error::NoAgent(_))));
    let acts = handle.acts(9).await.unwrap();
    let told: Vec<_> = acts
        .iter()
        .filter(|act| matches!(act.verb, Verb::AddAgent | Verb::RemoveAgent))
        .map(|act| (act.verb, act.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Verb::RemoveAgent, "agent claude: it leaks"),
            (Verb::AddAgent, "agent bob: a test"),
            (Verb::AddAgent, "agent claude: a test"),
        ]
    );
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_time_is_over_is_nobodys() {
    let home = Home::new();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    for wrong in [
        Duration::ZERO,
        Duration::from_millis(999),
        Duration::from_secs(367 * 86_400),
    ] {
        let refused = add(&handle, "claude", Some(wrong))
            .await
            .unwrap_err()
            .story();
        assert!(refused.contains("at least a second"), "{refused}");
    }
    let hour = Duration::from_secs(3_600);
    let token = add(&handle, "claude", Some(hour)).await.unwrap();
    let agents = &handle.shared.agents;
    let ends = handle.agents()[0].expires.unwrap();
    assert!(agents.whose(&token, Timestamp(ends.0 - 1)).is_some());
    assert!(agents.whose(&token, ends).is_none());
    let caller = handle.agent(&token).unwrap();
    agents.end_those_over(Timestamp(ends.0 - 1));
    assert!(!caller.gone.is_cancelled());
    agents.end_those_over(ends);
    assert!(caller.gone.is_cancelled(), "what is sent to it ends");
    assert!(
        handle.agent(&token).is_none(),
        "a clock that is set back brings nobody back"
    );
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_most_of_agents() {
    let home = Home::new();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    for number in 0..MOST {
        add(&handle, &format!("a{number}"), None).await.unwrap();
    }
    let refused = add(&handle, "one-more", None).await.unwrap_err().story();
    assert!(refused.contains("at most 100 agents"), "{refused}");
    handle
        .remove_agent(me(), name("a7"), String::new())
        .await
        .unwrap();
    add(&handle, "one-more", None).await.unwrap();
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_persons_no_agent_does_whatever_the_rules_say() {
    let home = Home::new();
    let rules =
        "@id(\"all\") @says(\"everybody may do everything\") permit (principal, action, resource);";
    std::fs::write(home.path().join(policy::FILE), rules).unwrap();
    let (_engine, handle, cluster) = sleeper(&home).await;
    let token = add(&handle, "claude", None).await.unwrap();
    let agent = handle.agent(&token).unwrap().actor;
    let reason = String::new;
    let volumes = Order::DownWithVolumes {
        cluster: cluster.clone(),
        volumes: vec!["data".into()],
    };
    let up = |folder: &str, trust| crate::Up {
        folder: home.path().join(folder),
        file: None,
        trust,
        choice: Default::default(),
        risks: vec!["anything".into()],
        env: Some([("WHO".to_owned(), "agent".to_owned())].into()),
    };
    std::fs::create_dir(home.path().join("two")).unwrap();
    std::fs::write(
        home.path().join("two").join(spec::FILE),
        "[service]\nrun = 1\n",
    )
    .unwrap();
    let refused = [
        handle
            .add_agent(agent.clone(), name("bob"), None, reason())
            .await
            .map(|_| ()),
        handle
            .remove_agent(agent.clone(), name("claude"), reason())
            .await
            .map(|_| ()),
        handle.lets_shut_down(&agent, ""),
        handle
            .order(agent.clone(), volumes, reason())
            .await
            .map(|_| ()),
        handle
            .up(agent.clone(), up("two", true), reason())
            .await
            .map(|_| ()),
    ];
    for (number, refused) in refused.into_iter().enumerate() {
        let said = refused.unwrap_err().story();
        let why = [
            "never-an-agents",
            "for a person",
            "what a person has brought up before",
        ];
        assert!(why.iter().any(|why| said.contains(why)), "{number}: {said}");
    }
    handle.shutdown(agent.clone(), true, reason()).await;
    assert!(!handle.shared.cancel.is_cancelled(), "the engine ends");
    // Its own environment never becomes a service's.
    let mut changed = up("one", true);
    let definition = "[service.db]\nrun = \"sleep 601\"\n";
    std::fs::write(home.path().join("one").join(spec::FILE), definition).unwrap();
    changed.risks = Vec::new();
    let started = handle.up(agent.clone(), changed, reason()).await.unwrap();
    assert!(
        handle
            .wait(started.act, crate::stage::LIMIT)
            .await
            .unwrap()
            .settled
    );
    let env = handle.env(cluster, "db.0".parse().unwrap()).await.unwrap();
    assert!(!serde_json::to_string(&env).unwrap().contains("\"WHO\""));
    let acts = handle.acts(1).await.unwrap();
    assert_eq!(
        (acts[0].actor.kind, acts[0].actor.via.as_str()),
        (ActorKind::Agent, "claude")
    );
    let entry = serde_json::to_string(&Entry::of(&acts[0])).unwrap();
    assert!(
        entry.contains(r#""actor":{"kind":"agent","via":"claude"}"#),
        "{entry}"
    );
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agents_act_takes_with_it_is_judged_as_well() {
    let home = Home::new();
    let (_engine, handle, cluster) = running(
        &home,
        "[service.base]\nrun = \"sleep 600\"\n\
         [service.vault]\nrun = \"sleep 600\"\nneeds = [\"base\"]\nprotected = true\n\
         [service.api]\nrun = \"sleep 600\"\nneeds = [\"vault\"]\n",
    )
    .await;
    let token = add(&handle, "claude", None).await.unwrap();
    let agent = handle.agent(&token).unwrap().actor;
    let of = |name: &str| vec![name.parse().unwrap()];
    let order = |actor: &Actor, order: Order| handle.order(actor.clone(), order, String::new());
    let stop = |name: &str| Order::Stop {
        cluster: cluster.clone(),
        services: of(name),
    };
    let start = |name: &str| Order::Start {
        cluster: cluster.clone(),
        services: of(name),
    };
    let refused = order(&agent, stop("base")).await.unwrap_err().story();
    assert!(
        refused.contains("agents-leave-protected-alone"),
        "{refused}"
    );
    // What runs already is not started with it.
    order(&agent, start("api")).await.unwrap();
    let stopped = order(&me(), stop("vault")).await.unwrap();
    let settled = handle.wait(stopped.id, crate::stage::LIMIT).await.unwrap();
    assert!(settled.settled);
    let refused = order(&agent, start("api")).await.unwrap_err().story();
    assert!(
        refused.contains("agents-leave-protected-alone"),
        "{refused}"
    );
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_asked_for_ends_with_it() {
    let home = Home::new();
    let (_engine, handle, cluster) = sleeper(&home).await;
    let token = add(&handle, "claude", None).await.unwrap();
    let agent = handle.agent(&token).unwrap().actor;
    let stop = Order::Stop {
        cluster,
        services: vec!["db".parse().unwrap()],
    };
    let asked = handle.order(agent, stop, String::new()).await.unwrap_err();
    let Error::NeedsApproval { id, .. } = asked else {
        panic!("{}", asked.story());
    };
    let approved = handle
        .approve(me(), id, Some("anna".into()), String::new())
        .await;
    assert!(approved.is_ok());
    handle
        .remove_agent(me(), name("claude"), String::new())
        .await
        .unwrap();
    let one = handle.approval(id).await.unwrap();
    assert!(!one.is_open(), "{:?}", one.state);
    handle.shutdown(me(), false, String::new()).await;
}
