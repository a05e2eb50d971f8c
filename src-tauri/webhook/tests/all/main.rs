//! Events on their way to a real receiver on this machine: which arrive, in which order, how often.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests play the receivers, and the clock of an engine"
)]

mod receiver;

use model::webhook::{WebhookState, WebhookView};
use model::{Event, EventKind, Timestamp, WebhookName};
use receiver::{Receiver, Reply, Script, always, reply};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use spec::SecretPlace;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use store::{Batch, Store};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use webhook::{Config, Pace, Webhooks};

/// Short enough for a test, long enough for a receiver to be asked twice and not a thousand times.
const PACE: Pace = Pace {
    first: Duration::from_millis(5),
    most: Duration::from_millis(20),
    told: Duration::from_millis(50),
};

fn name() -> WebhookName {
    "pager".parse().unwrap()
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp(i64::try_from(since.unwrap().as_millis()).unwrap())
}

fn settings(url: &str) -> spec::Webhook {
    let text = format!("[webhook.pager]\nurl = {url:?}\nevents = \"all\"\ntimeout = \"2s\"");
    let settings = spec::settings("settings.toml", text.as_bytes());
    settings.settings.webhooks[&name()].clone()
}

fn event(seq: u64) -> Event {
    Event {
        seq,
        at: wall(),
        cluster: Some("shop-1f".parse().unwrap()),
        what: EventKind::Notice {
            text: format!("number {seq}"),
        },
    }
}

/// An engine's part of it, on a home that may have been another's before.
struct Engine {
    store: Store,
    webhooks: Arc<Webhooks>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Engine {
    async fn start(home: &Path, settings: spec::Webhook) -> Self {
        let store = Store::open(home).await.unwrap();
        let config = Config {
            home: home.to_owned(),
            host: "workshop".into(),
            version: "1".into(),
            clock: wall,
            pace: PACE,
        };
        let settings = BTreeMap::from([(name(), settings)]);
        let webhooks = Webhooks::open(settings, true, store.clone(), config).await;
        let webhooks = webhooks.unwrap();
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(Arc::clone(&webhooks).run(stop.clone()));
        Self {
            store,
            webhooks,
            stop,
            running,
        }
    }

    /// As the journal does it.
    async fn happens(&self, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            let event = event(seq);
            let batch = Batch {
                outgoing: self.webhooks.outgoing(&event),
                events: vec![event],
                ..Batch::default()
            };
            self.store.keep(&batch).await.unwrap();
        }
        self.webhooks.wake();
    }

    async fn view(&self) -> WebhookView {
        let [view] = self.webhooks.views().await.unwrap().try_into().unwrap();
        view
    }

    async fn until(&self, what: &str, is: impl Fn(&WebhookView) -> bool) -> WebhookView {
        let looking = async {
            loop {
                let view = self.view().await;
                if is(&view) {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), looking).await {
            Ok(view) => view,
            Err(_) => panic!("never {what}: {:?}", self.view().await),
        }
    }

    async fn idle(&self) -> WebhookView {
        self.until("idle", |view| {
            view.state == WebhookState::Idle && view.waiting == 0
        })
        .await
    }

    /// Ends in the middle of whatever it does: nothing is written any more.
    async fn killed(mut self) {
        self.running.abort_all();
        while self.running.join_next().await.is_some() {}
        self.store.close().await;
    }

    async fn ends(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
        self.store.close().await;
    }
}

#[tokio::test]
async fn events_arrive_in_order_and_one_that_is_tried_again_is_the_same_one() {
    let home = tempfile::tempdir().unwrap();
    let script: Script = Arc::new(|n, _| reply(if n < 3 { 503 } else { 202 }));
    let receiver = Receiver::new(script).await;
    let engine = Engine::start(home.path(), settings(&receiver.url())).await;
    engine.happens(1..=20).await;
    let got = receiver.wait(23).await;
    let order: Vec<u64> = [1; 3].into_iter().chain(1..=20).collect();
    assert_eq!(receiver.seqs(), order);
    assert!(got[..4].iter().all(|one| one.text == got[0].text));
    let mut ids: Vec<_> = got[3..].iter().map(|one| one.body["id"].as_str()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    let one = &got[0];
    assert_eq!(one.path, "/hook?key=hidden");
    assert!(
        one.header("content-type")
            .starts_with("application/cloudevents+json")
    );
    assert_eq!(one.body["specversion"], "1.0");
    assert_eq!(one.body["type"], "dev.azora.notice");
    assert_eq!(one.body["data"]["what"]["text"], "number 1");
    let view = engine.idle().await;
    assert_eq!(
        view.delivered.map(|last| (last.seq, last.status)),
        Some((20, 202))
    );
    assert_eq!((view.lost, view.refused, view.next), (0, 0, None));
    assert!(
        view.place.ends_with("/…") && !view.place.contains("hidden"),
        "{view:?}"
    );
    engine.ends().await;
}

#[tokio::test]
async fn what_happened_before_an_engine_died_is_sent_by_the_next() {
    let home = tempfile::tempdir().unwrap();
    // It hears everything and says nothing.
    let silent = Receiver::new(Arc::new(|_, _| Reply::default())).await;
    let engine = Engine::start(home.path(), settings(&silent.url())).await;
    engine.happens(1..=3).await;
    let heard = silent.wait(1).await;
    engine.killed().await;
    let receiver = Receiver::new(always(200)).await;
    let engine = Engine::start(home.path(), settings(&receiver.url())).await;
    let got = receiver.wait(3).await;
    assert_eq!(receiver.seqs(), [1, 2, 3]);
    // It may have had the first already, and can tell.
    assert_eq!(got[0].text, heard[0].text);
    engine.happens([4]).await;
    receiver.wait(4).await;
    engine.idle().await;
    engine.ends().await;
    // And nothing of it is sent once more.
    let engine = Engine::start(home.path(), settings(&receiver.url())).await;
    assert_eq!(engine.view().await.delivered.map(|last| last.seq), Some(4));
    engine.happens([5]).await;
    receiver.wait(5).await;
    assert_eq!(receiver.seqs(), [1, 2, 3, 4, 5]);
    engine.ends().await;
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_all_of_it_when_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(always(200)).await;
    let (port, url) = (receiver.port, receiver.url());
    drop(receiver);
    let engine = Engine::start(home.path(), settings(&url)).await;
    let mut trouble = engine.webhooks.troubles().remove(0);
    engine.happens(1..=3).await;
    let view = engine
        .until("retrying", |view| view.state == WebhookState::Retrying)
        .await;
    assert_eq!(view.waiting, 3);
    assert!(view.next.is_some() && view.oldest.is_some());
    let told = trouble.wait_for(Option::is_some).await.unwrap().clone();
    let told = told.unwrap();
    assert!(
        told.contains("webhook pager") && told.contains("refused"),
        "{told}"
    );
    let receiver = Receiver::at(port, None, always(200)).await;
    receiver.wait(3).await;
    assert_eq!(receiver.seqs(), [1, 2, 3]);
    engine.idle().await;
    assert_eq!(*trouble.borrow(), None);
    engine.ends().await;
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_given_up_on_and_asked_again() {
    let home = tempfile::tempdir().unwrap();
    let script: Script = Arc::new(|n, _| if n == 0 { Reply::default() } else { reply(200) });
    let receiver = Receiver::new(script).await;
    let engine = Engine::start(home.path(), settings(&receiver.url())).await;
    engine.happens(1..=2).await;
    let got = receiver.wait(3).await;
    assert_eq!(receiver.seqs(), [1, 1, 2]);
    assert!(got[1].at - got[0].at >= Duration::from_secs(2));
    let failed = engine.idle().await.failed.unwrap();
    assert_eq!(failed.why, "it did not answer within 2 s");
    engine.ends().await;
}

#[tokio::test]
async fn an_event_that_is_refused_for_what_it_says_does_not_hold_up_the_others() {
    let home = tempfile::tempdir().unwrap();
    let script: Script = Arc::new(|_, got| match got.seq() {
        2 => Reply {
            body: "number 2 is no good\u{1b}[31m".into(),
            ..reply(422)
        },
        _ => reply(200),
    });
    let receiver = Receiver::new(script).await;
    let engine = Engine::start(home.path(), settings(&receiver.url())).await;
    engine.happens(1..=3).await;
    receiver.wait(5).await;
    assert_eq!(receiver.seqs(), [1, 2, 2, 2, 3]);
    let view = engine.idle().await;
    assert_eq!((view.refused, view.lost), (1, 0));
    let why = view.failed.unwrap().why;
    assert!(
        why.contains("422") && why.contains("number 2 is no good"),
        "{why}"
    );
    assert!(!why.contains('\u{1b}'), "{why}");
    engine.ends().await;
}

#[tokio::test]
async fn a_key_that_is_refused_loses_nothing_and_counts_as_soon_as_it_is_mended() {
    let home = tempfile::tempdir().unwrap();
    let script: Script = Arc::new(|_, got| match got.header("authorization") {
        "Bearer right" => reply(200),
        _ => reply(401),
    });
    let receiver = Receiver::new(script).await;
    let mut settings = settings(&receiver.url());
    settings.authorization = Some(SecretPlace::File("key".into()));
    settings.sign = Some(SecretPlace::File("sign".into()));
    let write = |file: &str, text: &str| std::fs::write(home.path().join(file), text).unwrap();
    write("sign", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let engine = Engine::start(home.path(), settings).await;
    engine.happens(1..=2).await;
    let no_key = |view: &WebhookView| {
        let failed = view.failed.as_ref();
        failed.is_some_and(|failed| failed.why.contains("failed to read a key from key: "))
    };
    engine.until("without a key", no_key).await;
    assert!(receiver.got().is_empty(), "nothing is sent without its key");
    write("key", "Bearer wrong\n");
    receiver.wait(1).await;
    let view = engine.until("refused", |view| !no_key(view)).await;
    assert!(!format!("{view:?}").contains("Bearer"), "{view:?}");
    write("key", "Bearer right\n");
    let view = engine.idle().await;
    assert_eq!((view.refused, view.lost), (0, 0));
    let got = receiver.got();
    let last = got.last().unwrap();
    assert_eq!(
        (last.seq(), last.header("webhook-id")),
        (2, last.body["id"].as_str().unwrap())
    );
    assert!(last.header("webhook-signature").starts_with("v1,"));
    assert!(last.header("webhook-timestamp").parse::<u64>().is_ok());
    engine.ends().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_a_person_tests_it() {
    let home = tempfile::tempdir().unwrap();
    let back = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_back = Arc::clone(&back);
    let script: Script = Arc::new(move |_, _| {
        let back = is_back.load(std::sync::atomic::Ordering::SeqCst);
        reply(if back { 200 } else { 410 })
    });
    let receiver = Receiver::new(script).await;
    let url = receiver.url();
    let engine = Engine::start(home.path(), settings(&url)).await;
    engine.happens(1..=2).await;
    let gone = |view: &WebhookView| view.state == WebhookState::Gone;
    engine.until("gone", gone).await;
    engine.ends().await;
    // The next engine knows it, and what happens meanwhile waits.
    let engine = Engine::start(home.path(), settings(&url)).await;
    engine.happens([3]).await;
    let told = engine
        .webhooks
        .troubles()
        .remove(0)
        .wait_for(Option::is_some)
        .await
        .is_ok();
    assert!(told);
    let tested = engine.webhooks.test(&name()).await.unwrap();
    assert!(!tested.taken && tested.said.contains("410"), "{tested:?}");
    let view = engine.view().await;
    assert_eq!((view.state, view.waiting), (WebhookState::Gone, 3));
    back.store(true, std::sync::atomic::Ordering::SeqCst);
    let tested = engine.webhooks.test(&name()).await.unwrap();
    assert!(tested.taken, "{tested:?}");
    engine.idle().await;
    // The first 410, two tests, and then what waited.
    assert_eq!(receiver.seqs(), [1, 0, 0, 1, 2, 3]);
    let test = &receiver.got()[2].body;
    assert_eq!(test["type"], "dev.azora.webhook_test");
    assert!(
        engine
            .webhooks
            .test(&"nobody".parse().unwrap())
            .await
            .is_none()
    );
    engine.ends().await;
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let home = tempfile::tempdir().unwrap();
    let script: Script = Arc::new(|n, _| match n {
        0 => Reply {
            headers: vec![("retry-after", "1".into())],
            ..reply(429)
        },
        _ => reply(200),
    });
    let receiver = Receiver::new(script).await;
    let engine = Engine::start(home.path(), settings(&receiver.url())).await;
    engine.happens([1]).await;
    let got = receiver.wait(2).await;
    assert!(got[1].at - got[0].at >= Duration::from_secs(1));
    engine.ends().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_an_endless_answer_not_read() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = Receiver::new(always(200)).await;
    let to = elsewhere.url();
    let script: Script = Arc::new(move |n, _| match n {
        0 => Reply {
            headers: vec![("location", to.clone())],
            ..reply(307)
        },
        1 => Reply {
            headers: vec![("x-large", "x".repeat(100_000))],
            ..reply(200)
        },
        _ => Reply {
            body: "x".repeat(4 << 20),
            ..reply(200)
        },
    });
    let receiver = Receiver::new(script).await;
    let engine = Engine::start(home.path(), settings(&receiver.url())).await;
    engine.happens(1..=2).await;
    engine.idle().await;
    // A head without an end is no answer; a body without one follows an answer.
    assert_eq!(receiver.seqs(), [1, 1, 1, 2]);
    assert!(elsewhere.got().is_empty());
    engine.ends().await;
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_sent() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(always(200)).await;
    let mut settings = settings(&receiver.url());
    settings.events = ["notice"].into();
    settings.clusters = ["shop".parse().unwrap()].into();
    let engine = Engine::start(home.path(), settings).await;
    let mut event = event(1);
    let goes = |event: &Event| engine.webhooks.outgoing(event).len() == 1;
    assert!(goes(&event));
    event.cluster = Some("shop-two-1f".parse().unwrap());
    assert!(!goes(&event), "another cluster, whose name begins like it");
    event.cluster = None;
    assert!(goes(&event), "of the home itself");
    event.what = EventKind::EngineStopped { left_running: true };
    assert!(!goes(&event));
    engine.ends().await;
}

/// A certificate for a name, its root in PEM, and what a receiver needs of it.
fn certificate(name: &str) -> (String, TlsAcceptor) {
    let root_key = rcgen::KeyPair::generate().unwrap();
    let mut root = rcgen::CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(root, root_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (pem, TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn tls_is_believed_only_from_a_root_that_is_trusted_and_for_the_right_name() {
    let home = tempfile::tempdir().unwrap();
    let (root, tls) = certificate("localhost");
    let (other_root, _) = certificate("localhost");
    std::fs::write(home.path().join("root.pem"), other_root).unwrap();
    let receiver = Receiver::at(0, Some(tls), always(200)).await;
    let mut right = settings(&format!("https://localhost:{}/", receiver.port));
    right.ca = Some("root.pem".into());
    let engine = Engine::start(home.path(), right.clone()).await;
    engine.happens([1]).await;
    let view = engine
        .until("not believed", |view| view.failed.is_some())
        .await;
    let why = view.failed.unwrap().why;
    assert!(why.contains("TLS with localhost failed"), "{why}");
    assert!(receiver.got().is_empty());
    // The right root counts without a new engine.
    std::fs::write(home.path().join("root.pem"), &root).unwrap();
    receiver.wait(1).await;
    engine.idle().await;
    engine.ends().await;
    let mut wrong = settings(&format!("https://127.0.0.1:{}/", receiver.port));
    wrong.ca = right.ca;
    let engine = Engine::start(home.path(), wrong).await;
    let tested = engine.webhooks.test(&name()).await.unwrap();
    assert!(
        !tested.taken && tested.said.contains("TLS with 127.0.0.1 failed"),
        "{tested:?}"
    );
    std::fs::write(home.path().join("root.pem"), "no certificate").unwrap();
    engine.ends().await;
    assert_eq!(receiver.seqs(), [1]);
}
