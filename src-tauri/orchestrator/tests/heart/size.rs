//! A thousand services: a step costs what it concerns, and bringing all up is not quadratic.
//!
//! Effects are counted, not time: the count is what grows when something walks all instances.

use crate::define;
use model::{ActId, Evidence, InstanceId, Mono, Now, ProbeKind, Timestamp, Verdict};
use orchestrator::{Cluster, Command, Effect, Input, step};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Layers of a hundred; each service needs three of the layer below, and all need the hub.
fn thousand() -> spec::Cluster {
    let mut services = vec![define::line("daemon hub health")];
    for n in 0..1_000_usize {
        let mut needs = vec!["hub".to_owned()];
        if n >= 100 {
            needs.extend((0..3).map(|k| format!("s{}", n - 100 + (n + k) % 3)));
            needs.sort();
            needs.dedup();
        }
        services.push(define::line(&format!(
            "daemon s{n} health needs={}",
            needs.join(",")
        )));
    }
    define::cluster(services)
}

/// A world where everything works at once. Answers how many effects there were.
fn settle(cluster: &mut Cluster, first: Input) -> (usize, bool) {
    let now = Now {
        mono: Mono(0),
        wall: Timestamp(0),
    };
    let mut open = VecDeque::from([first]);
    let (mut effects, mut settled) = (0, false);
    while let Some(input) = open.pop_front() {
        for effect in step(cluster, input, now) {
            effects += 1;
            match effect {
                Effect::Start {
                    instance,
                    generation,
                    ..
                } => {
                    open.push_back(Input::Started {
                        instance,
                        generation,
                        pid: 1,
                    });
                }
                Effect::Stop {
                    instance,
                    generation,
                    ..
                } => {
                    let status = model::ExitStatus::Signal(15);
                    open.push_back(Input::Exited {
                        instance,
                        generation,
                        status,
                        left: 0,
                    });
                }
                Effect::Probe {
                    instance,
                    generation,
                    kind,
                    after: Duration::ZERO,
                } => {
                    let evidence = passes();
                    open.push_back(Input::Probed {
                        instance,
                        generation,
                        kind,
                        evidence,
                    });
                }
                Effect::Settled { failed, .. } => {
                    assert_eq!(failed, []);
                    settled = true;
                }
                _ => {}
            }
        }
    }
    (effects, settled)
}

fn passes() -> Evidence {
    let detail = "GET /health answered 200".to_owned();
    Evidence {
        verdict: Verdict::Pass,
        detail,
        latency_us: 900,
    }
}

#[test]
fn a_thousand_services_cost_what_they_concern() {
    let definition = Arc::new(thousand());
    let edges: usize = definition
        .services
        .values()
        .map(|service| service.needs.len())
        .sum();
    let mut cluster = Cluster::new("big-00000000".parse().unwrap());
    let ports = define::ports(&definition);
    let up = Command::Up {
        definition,
        ports,
        left_out: Default::default(),
    };
    let (effects, settled) = settle(
        &mut cluster,
        Input::Command {
            command: up,
            act: ActId(1),
        },
    );
    assert!(settled);
    // Each service makes some ten effects of its own and is told of a need's state changes.
    assert!(
        effects < 15 * 1_001 + 5 * edges,
        "{effects} effects for {edges} needs"
    );

    let now = Now::default();
    for n in 0..1_000 {
        let instance: InstanceId = format!("s{n}").parse().unwrap();
        let generation = cluster.status(&instance).unwrap().generation;
        let evidence = passes();
        let kind = ProbeKind::Health;
        let input = Input::Probed {
            instance,
            generation,
            kind,
            evidence,
        };
        let effects = step(&mut cluster, input, now);
        assert_eq!(
            effects.len(),
            1,
            "the next probe and nothing else: {effects:?}"
        );
    }

    let down = Input::Command {
        command: Command::Down,
        act: ActId(2),
    };
    let (effects, settled) = settle(&mut cluster, down);
    assert!(settled);
    assert!(effects < 10 * 1_001, "{effects} effects");
}
