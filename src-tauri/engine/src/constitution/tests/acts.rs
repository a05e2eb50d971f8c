//! The table of all acts: each is refused where it is asked for, and nothing of it is done.

use super::{ALL, folder, here, no, runs, status, up, why, write};
use crate::stage::{config, me};
use crate::tasks::RegistryDoor;
use crate::{Engine, Error, Handle, Order, Tried};
use model::view::{RouteView, TerminalSize};
use model::{Actor, ClusterId, Outcome, Verb};
use registry::Door as _;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use testkit::Home;

/// Where each act is asked for, as those ask who ask for it. A verb that is new has no place here yet, and this does
/// not compile.
async fn ask(handle: &Handle, cluster: &ClusterId, folder: &Path, verb: Verb) -> Result<(), Error> {
    let (shared, reason) = (&handle.shared, String::new);
    let cluster = || cluster.clone();
    let services = || vec!["db".parse().unwrap()];
    let order =
        |order: Order| async move { handle.order(me(), order, String::new()).await.map(|_| ()) };
    let client = || RegistryDoor(Arc::clone(&shared.door));
    let refused = |why: String| Error::Refused(why);
    match verb {
        Verb::Up => handle.up(me(), up(folder), reason()).await.map(|_| ()),
        Verb::Down => order(Order::Down { cluster: cluster() }).await,
        Verb::Start => {
            order(Order::Start {
                cluster: cluster(),
                services: services(),
            })
            .await
        }
        Verb::Stop => {
            order(Order::Stop {
                cluster: cluster(),
                services: services(),
            })
            .await
        }
        Verb::Restart => {
            let (cluster, services) = (cluster(), services());
            order(Order::Restart {
                cluster,
                services,
                at_once: true,
            })
            .await
        }
        Verb::Scale => {
            let service = "db".parse().unwrap();
            order(Order::Scale {
                cluster: cluster(),
                service,
                replicas: 2,
            })
            .await
        }
        Verb::Hold => {
            order(Order::Hold {
                cluster: cluster(),
                services: vec![],
                span: None,
            })
            .await
        }
        Verb::Unhold => {
            order(Order::Unhold {
                cluster: cluster(),
                services: vec![],
            })
            .await
        }
        Verb::Autonomy => {
            order(Order::Autonomy {
                cluster: cluster(),
                mode: Some(model::Autonomy::Off),
            })
            .await
        }
        Verb::Release => {
            order(Order::Release {
                cluster: cluster(),
                services: services(),
            })
            .await
        }
        Verb::Resume => order(Order::Resume).await,
        Verb::Forget => order(Order::Forget { cluster: cluster() }).await,
        Verb::Mute => handle
            .mute(me(), here(&cluster(), &["db"]), None, reason())
            .await
            .map(|_| ()),
        Verb::Unmute => handle
            .unmute(me(), here(&cluster(), &["db"]), reason())
            .await
            .map(|_| ()),
        // Healing asks for all of its remedies in one place; that of a restart is asked by a fault further down.
        Verb::Rollback | Verb::Quarantine => {
            let target = here(&cluster(), &["db"]);
            shared
                .door
                .admit(Actor::healer(), verb, target, "it fails")
                .await
                .map(|_| ())
        }
        Verb::EmergencyStop => handle
            .emergency_stop(Actor::watch(), reason())
            .await
            .map(|_| ()),
        Verb::Shutdown => {
            handle.shutdown(Actor::watch(), true, reason()).await;
            assert!(!shared.cancel.is_cancelled(), "the engine ends");
            shared.door.lets_end(&Actor::watch(), verb, "")
        }
        Verb::Register => {
            let one = json!({"name": "new", "id": "1", "url": "http://127.0.0.1:9", "keep": {"kind": "lease", "ttl": 600000}});
            let registered = shared
                .registry
                .register(serde_json::from_value(one).unwrap())
                .await;
            registered
                .map(|_| ())
                .map_err(|error| refused(error.to_string()))
        }
        Verb::Deregister => {
            let gone = shared.registry.deregister("old", None).await;
            gone.map(|_| ()).map_err(|error| refused(error.to_string()))
        }
        Verb::WriteKey => {
            let data = client().allow(verb, "put a");
            assert!(data.is_err(), "it is written");
            client()
                .admit(verb, "delete a*")
                .map(|_| ())
                .map_err(refused)
        }
        Verb::Approve | Verb::Deny => {
            let id = model::ApprovalId(verb as u64);
            let waits = model::Approval {
                id,
                at: model::Timestamp(0),
                until: model::Timestamp(i64::MAX),
                actor: me(),
                name: "anna".into(),
                verb: Verb::Stop,
                target: here(&cluster(), &["db"]),
                details: String::new(),
                reason: String::new(),
                consequences: vec![],
                rules: vec![],
                set: String::new(),
                needed: 1,
                given: vec![],
                state: model::ApprovalState::Waiting,
            };
            shared.store.approvals().ask(&waits).await?;
            match verb {
                Verb::Approve => handle.approve(me(), id, None, reason()).await.map(|_| ()),
                _ => handle.deny(me(), id, None, reason()).await.map(|_| ()),
            }
        }
        Verb::Reveal => handle
            .reveal(me(), cluster(), vec![], reason())
            .await
            .map(|_| ()),
        Verb::Attach => {
            let key = (cluster(), "db.0".parse().unwrap());
            let size = TerminalSize {
                columns: 80,
                rows: 24,
            };
            let (session, _states) = shared.terminals.join(&key, size, || true)?;
            handle
                .take_terminal(me(), session, size, reason())
                .await
                .map(|_| ())
        }
        Verb::AddAgent => handle
            .add_agent(me(), "bob".parse().unwrap(), None, reason())
            .await
            .map(|_| ()),
        Verb::RemoveAgent => handle
            .remove_agent(me(), "claude".parse().unwrap(), reason())
            .await
            .map(|_| ()),
        Verb::TestWebhook => handle.test_webhooks(me(), None, reason()).await.map(|_| ()),
        Verb::Request => {
            let route = RouteView {
                host: "db.one.localhost".into(),
                prefix: "/one/db".into(),
                cluster: Some(cluster()),
                name: "db".into(),
                balance: Default::default(),
                backends: vec![],
                unavailable: None,
                traffic: Default::default(),
                retries: 0,
                retry_budget: 1.0,
            };
            let ask = async {
                Ok(Tried {
                    said: "asked".into(),
                    answer: (),
                })
            };
            handle.try_route(me(), &route, true, "POST /", ask).await
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_refused_where_it_is_asked_for() {
    let home = Home::new();
    let settings = "[webhook.pager]\nurl = \"http://127.0.0.1:9/\"\n";
    std::fs::write(home.path().join("settings.toml"), settings).unwrap();
    let one = folder(
        &home,
        "one",
        "[service.db]\nrun = \"sleep 600\"\ntty = true\n",
    );
    write(home.path(), ALL);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = runs(&handle, &one).await;
    let old = json!({"name": "old", "id": "1", "url": "http://127.0.0.1:8", "keep": {"kind": "lease", "ttl": 600000}});
    let old = serde_json::from_value(old).unwrap();
    handle.shared.registry.register(old).await.unwrap();
    let claude = "claude".parse().unwrap();
    handle
        .add_agent(me(), claude, None, String::new())
        .await
        .unwrap();
    let before = status(&handle, &cluster);
    for verb in Verb::ALL {
        let name = verb.name();
        write(
            home.path(),
            &format!(
                "{ALL}{}",
                no(&format!(
                    "principal, action == Action::\"{name}\", resource"
                ))
            ),
        );
        // The engine may have read it first.
        handle.shared.constitution.reread();
        handle.shared.door.tell_refused();
        let said = why(ask(&handle, &cluster, &one, verb).await);
        assert!(
            said.contains("nobody does this here (rule no)"),
            "{name}: {said}"
        );
        let acts = handle.acts(100).await.unwrap();
        let mine = acts
            .iter()
            .find(|act| act.verb == verb && matches!(act.outcome, Outcome::Refused(_)));
        let decided = mine.and_then(|act| act.decision.clone()).unwrap();
        assert_eq!(decided.rules[0].id, "no", "{name}");
    }
    let after = status(&handle, &cluster);
    assert_eq!(
        (before.pid, before.generation),
        (after.pid, after.generation),
        "nothing was done"
    );
    // What a person ends is never refused; the book says by which rule.
    let says = ["emergency-stop", "shutdown"].map(|name| {
        no(&format!(
            "principal, action == Action::\"{name}\", resource"
        ))
    });
    write(home.path(), &format!("{ALL}{}", says[0]));
    handle.shared.constitution.reread();
    handle.emergency_stop(me(), "test".into()).await.unwrap();
    let acts = handle.acts(1).await.unwrap();
    let rules: Vec<&str> = acts[0]
        .decision
        .iter()
        .flat_map(|one| &one.rules)
        .map(|rule| rule.id.as_str())
        .collect();
    assert_eq!(
        (acts[0].verb, rules),
        (Verb::EmergencyStop, vec!["never-refused", "no"])
    );
    write(home.path(), &format!("{ALL}{}", says[1]));
    handle.shared.constitution.reread();
    handle.shutdown(me(), true, String::new()).await;
}
