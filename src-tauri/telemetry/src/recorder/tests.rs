//! Measurements that are kept, averaged, and dropped when nobody writes them.

use super::*;
use model::{
    Act, ActId, Actor, ActorKind, Event, EventKind, Generation, Outcome, Reason, State, Target,
    Verb, Verdict,
};
use std::sync::atomic::{AtomicI64, Ordering};
use store::Durability;

/// A clock that each test sets; tests that use it hold this while they do.
static CLOCK: AtomicI64 = AtomicI64::new(0);
static CLOCK_IN_USE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn wall() -> Timestamp {
    Timestamp(CLOCK.load(Ordering::Relaxed))
}

fn names() -> (ClusterId, InstanceId) {
    ("shop-1".parse().unwrap(), "api.0".parse().unwrap())
}

fn evidence(verdict: Verdict, latency_us: u64) -> Evidence {
    Evidence {
        verdict,
        detail: String::new(),
        latency_us,
    }
}

#[tokio::test]
async fn what_is_measured_is_read_back_as_history() {
    let _clock = CLOCK_IN_USE.lock().await;
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let (recorder, mut recording) = Recorder::new(store.clone(), wall);
    let (cluster, instance) = names();
    for at in 1..=60 {
        CLOCK.store(at * 1_000, Ordering::Relaxed);
        recorder.usage(
            &cluster,
            &instance,
            Usage {
                cpu: 0.5,
                memory: 1 << 20,
                processes: 1,
                files: 0,
            },
        );
        if at % 5 == 0 {
            let verdict = if at > 30 {
                Verdict::Fail
            } else {
                Verdict::Pass
            };
            recorder.probe(
                &cluster,
                &instance,
                ProbeKind::Health,
                &evidence(verdict, 2_000),
            );
        }
    }
    recording.write(true).await;
    let change = |seq, at, from, to| Event {
        seq,
        at: Timestamp(at),
        cluster: Some(cluster.clone()),
        what: EventKind::StateChanged {
            instance: instance.clone(),
            generation: Generation(1),
            from,
            to,
            reason: Reason::new("test"),
        },
    };
    let changes = [
        change(1, 500, State::Starting, State::Ready),
        change(2, 45_000, State::Ready, State::Failing),
    ];
    store.events().append(&changes).await.unwrap();
    let history = crate::history(&store, &cluster, &instance, Timestamp(60_000), 60_000, 6)
        .await
        .unwrap();
    assert_eq!((history.bucket_ms, history.points.len()), (10_000, 6));
    let first = &history.points[0];
    assert_eq!(
        (first.at, first.probes, first.failed),
        (Timestamp(10_000), 2, 0)
    );
    assert_eq!(
        (first.latency_ms, first.latency_max_ms),
        (Some(2.0), Some(2.0))
    );
    assert_eq!((first.cpu, first.memory), (Some(0.5), Some(1 << 20)));
    let last = &history.points[5];
    assert_eq!((last.probes, last.failed, last.latency_ms), (2, 2, None));
    let states: Vec<State> = history.points.iter().map(|point| point.state).collect();
    assert_eq!(states[1..4], [State::Ready; 3]);
    assert_eq!(states[4..], [State::Failing; 2]);
    // A part of it that has passed is told in finer steps, and nothing of what came after.
    let part = crate::history(&store, &cluster, &instance, Timestamp(10_000), 10_000, 2)
        .await
        .unwrap();
    assert_eq!((part.bucket_ms, part.points.len()), (5_000, 2));
    assert_eq!(part.points[1].at, Timestamp(10_000));
    assert_eq!(part.points.iter().map(|point| point.probes).sum::<u32>(), 2);
}

#[tokio::test]
async fn what_others_than_healing_did_to_it_is_marked() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let (cluster, instance) = names();
    let act = |id, at, kind, services: &[&str]| Act {
        id: ActId(id),
        at: Timestamp(at),
        actor: Actor {
            kind,
            via: "test".into(),
        },
        verb: Verb::Restart,
        target: Target {
            cluster: Some(cluster.clone()),
            services: services.iter().map(|name| name.parse().unwrap()).collect(),
            instance: None,
        },
        reason: String::new(),
        outcome: Outcome::Pending,
        decision: None,
    };
    let own = instance.service.as_str().to_owned();
    let all = [
        act(1, 500, ActorKind::Person, &[]),
        act(2, 11_000, ActorKind::Person, &[]),
        act(3, 12_000, ActorKind::Healer, &[&own]),
        act(4, 13_000, ActorKind::Person, &["other"]),
        act(5, 14_000, ActorKind::Client, &["other", &own]),
        act(6, 99_000, ActorKind::Person, &[&own]),
        Act {
            verb: Verb::Attach,
            ..act(7, 15_000, ActorKind::Person, &[&own])
        },
        Act {
            verb: Verb::EmergencyStop,
            target: Target::default(),
            ..act(8, 16_000, ActorKind::Person, &[])
        },
        Act {
            target: Target {
                cluster: Some("mail".parse().unwrap()),
                ..Target::default()
            },
            ..act(9, 17_000, ActorKind::Person, &[])
        },
    ];
    for act in &all {
        store.acts().append(act, Durability::Normal).await.unwrap();
    }
    let history = crate::history(&store, &cluster, &instance, Timestamp(60_000), 50_000, 5)
        .await
        .unwrap();
    let marked: Vec<u64> = history.acts.iter().map(|act| act.id.0).collect();
    assert_eq!(marked, [2, 5, 8]);
}

#[tokio::test]
async fn usage_is_averaged_and_never_forgotten() {
    let _clock = CLOCK_IN_USE.lock().await;
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let (recorder, mut recording) = Recorder::new(store.clone(), wall);
    let (cluster, instance) = names();
    for at in 0..20 {
        CLOCK.store(at * 1_000, Ordering::Relaxed);
        let cpu = if at == 3 { 6.0 } else { 0.0 };
        recorder.usage(
            &cluster,
            &instance,
            Usage {
                cpu,
                memory: 100,
                processes: 1,
                files: 9,
            },
        );
    }
    recording.write(false).await;
    // 0 to 5 s, 6 to 11 s and 12 to 17 s are whole; the rest waits for its time.
    assert_eq!(recording.averages.len(), 1);
    let range = async || {
        store
            .samples()
            .range(&cluster, &instance, Timestamp(-1), Timestamp(23_999), 4)
            .await
            .unwrap()
    };
    let cpu: Vec<_> = range().await.into_iter().map(|bucket| bucket.cpu).collect();
    assert_eq!(cpu, [Some(1.0), Some(0.0), Some(0.0), None]);
    CLOCK.store(60_000, Ordering::Relaxed);
    recording.write(false).await;
    assert!(recording.averages.is_empty());
    assert_eq!(range().await[3].memory, Some(100));
}

#[tokio::test]
async fn what_cannot_be_written_waits_and_the_oldest_go_first() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    store.close().await;
    let (recorder, mut recording) = Recorder::new(store, || Timestamp(0));
    let (cluster, instance) = names();
    for n in 0..10 {
        recorder.probe(
            &cluster,
            &instance,
            ProbeKind::Health,
            &evidence(Verdict::Pass, n),
        );
    }
    recording.write(false).await;
    assert_eq!((recording.probes.len(), recorder.lost()), (10, 0));
    for n in 0..QUEUE as u64 + 3 {
        recorder.probe(
            &cluster,
            &instance,
            ProbeKind::Health,
            &evidence(Verdict::Pass, n),
        );
    }
    assert_eq!(recorder.lost(), 3);
    let oldest = match lock(&recorder.queue).waiting.front() {
        Some(Sample::Probe(oldest)) => oldest.latency_us,
        other => panic!("no probe but {other:?}"),
    };
    assert_eq!((lock(&recorder.queue).waiting.len(), oldest), (QUEUE, 3));
    recording.write(false).await;
    assert_eq!(
        (recording.probes.len(), recording.probes[0].latency_us),
        (QUEUE, 3)
    );
    assert_eq!(recorder.lost(), 3 + 10);
}

#[tokio::test]
async fn who_reads_gets_what_was_told_before() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let (recorder, recording) = Recorder::new(store.clone(), || Timestamp(5_000));
    let (cluster, instance) = names();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut task = tokio::task::JoinSet::new();
    task.spawn(recording.run(async { drop(stopped.await) }));
    let range = async || {
        store
            .samples()
            .range(&cluster, &instance, Timestamp(0), Timestamp(9_000), 1)
            .await
            .unwrap()
    };
    recorder.probe(
        &cluster,
        &instance,
        ProbeKind::Health,
        &evidence(Verdict::Pass, 7),
    );
    assert_eq!(range().await[0].probes, 0, "nothing is written at once");
    let begun = Instant::now();
    recorder.flush().await;
    assert!(begun.elapsed() < FLUSH);
    assert_eq!(range().await[0].probes, 1);
    drop(stop);
    task.join_all().await;
    // There is nobody left to write.
    recorder.flush().await;
}

#[tokio::test]
async fn it_runs_until_it_is_stopped_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let (recorder, recording) = Recorder::new(store.clone(), || Timestamp(5_000));
    let (cluster, instance) = names();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut task = tokio::task::JoinSet::new();
    task.spawn(recording.run(async { drop(stopped.await) }));
    recorder.probe(
        &cluster,
        &instance,
        ProbeKind::Health,
        &evidence(Verdict::Pass, 7),
    );
    drop(stop);
    task.join_all().await;
    let (from, to) = (Timestamp(0), Timestamp(9_000));
    let range = store
        .samples()
        .range(&cluster, &instance, from, to, 1)
        .await;
    assert_eq!(range.unwrap()[0].probes, 1);
}
