//! Against a real bus, with a server that only writes down what it is told.

use super::*;
use api::model::{ApprovalId, IncidentId};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    #[expect(
        clippy::disallowed_types,
        reason = "the test needs a bus of its own, which is a program"
    )]
    fn start() -> Self {
        let mut daemon = std::process::Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let out = daemon.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut address).unwrap();
        Self {
            daemon,
            address: address.trim().to_owned(),
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// One call: what it replaces, title, body, actions.
type Call = (u32, String, String, Vec<String>);

#[derive(Default, Clone)]
struct Server {
    shown: Arc<Mutex<Vec<Call>>>,
    closed: Arc<Mutex<Vec<u32>>>,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    fn get_capabilities(&self) -> Vec<String> {
        vec!["actions".into(), "body".into(), "body-markup".into()]
    }

    #[expect(clippy::too_many_arguments, reason = "the specification has so many")]
    fn notify(
        &self,
        _app: String,
        replaces: u32,
        _icon: String,
        title: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, zbus::zvariant::OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        let mut shown = self.shown.lock().unwrap();
        shown.push((replaces, title, body, actions));
        match replaces {
            0 => u32::try_from(shown.len()).unwrap() + 40,
            number => number,
        }
    }

    fn close_notification(&self, id: u32) {
        self.closed.lock().unwrap().push(id);
    }
}

fn about(incident: Option<u64>) -> About {
    match incident {
        Some(id) => About::Incident(Some("shop-1".parse().unwrap()), IncidentId(id)),
        None => About::Incidents,
    }
}

fn notice(incident: Option<u64>, title: &str) -> Tell {
    Tell::Show(Notice {
        title: title.into(),
        body: "db.0 exited <b>&".into(),
        about: about(incident),
        urgent: false,
    })
}

async fn until(what: &str, is: impl FnMut() -> bool) {
    let seen = testkit::eventually_async(Duration::from_secs(30), is).await;
    assert!(seen, "never {what}");
}

#[tokio::test]
async fn what_follows_on_an_incident_takes_its_place_and_a_click_opens_it() {
    let bus = Bus::start();
    let server = Server::default();
    let serving = zbus::connection::Builder::address(bus.address.as_str())
        .unwrap()
        .name(NAME)
        .unwrap()
        .serve_at(PATH, server.clone())
        .unwrap()
        .build()
        .await
        .unwrap();
    let (sender, tells) = mpsc::channel(16);
    let clicks = Arc::new(Mutex::new(Vec::new()));
    let clicked = Arc::clone(&clicks);
    let mut running = tokio::task::JoinSet::new();
    let address = Some(bus.address.clone());
    running.spawn(run(address, tells, move |what| {
        clicked.lock().unwrap().push(what);
    }));
    for tell in [
        notice(Some(7), "db fails"),
        notice(Some(8), "web fails"),
        notice(Some(7), "db was healed"),
        notice(None, "3 more healed"),
        Tell::Show(Notice {
            title: "Stop needs your approval".into(),
            body: String::new(),
            about: About::Approval(ApprovalId(3)),
            urgent: false,
        }),
        Tell::Close(Subject::Approval(ApprovalId(3))),
        Tell::Close(IncidentId(8).into()),
        Tell::Close(IncidentId(9).into()),
    ] {
        sender.send(tell).await.unwrap();
    }
    until("closed", || server.closed.lock().unwrap().len() == 2).await;
    let shown = server.shown.lock().unwrap().clone();
    let told: Vec<(u32, &str)> = shown
        .iter()
        .map(|(replaces, title, ..)| (*replaces, title.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (0, "db fails"),
            (0, "web fails"),
            (41, "db was healed"),
            (0, "3 more healed"),
            (0, "Stop needs your approval")
        ]
    );
    assert_eq!(shown[0].2, "db.0 exited &lt;b&gt;&amp;");
    assert_eq!(
        shown[0].3,
        ["default", "Open the incident", "open", "Open the incident"]
    );
    assert_eq!(shown[4].3[1], "Open the approvals");
    assert_eq!(*server.closed.lock().unwrap(), [45, 42]);

    let signal = async |member: &str, number: u32, text: &str| {
        let sent = match text {
            "" => {
                serving
                    .emit_signal(None::<&str>, PATH, NAME, member, &(number, 2_u32))
                    .await
            }
            text => {
                serving
                    .emit_signal(None::<&str>, PATH, NAME, member, &(number, text))
                    .await
            }
        };
        sent.unwrap();
    };
    // Somebody else's, one of an incident, the summary.
    for number in [5, 41, 44] {
        signal("ActionInvoked", number, "default").await;
    }
    until("clicked", || clicks.lock().unwrap().len() == 2).await;
    assert_eq!(*clicks.lock().unwrap(), [about(Some(7)), about(None)]);

    // What was put away is shown anew, and not in the place of nothing.
    signal("NotificationClosed", 41, "").await;
    let shows = || server.shown.lock().unwrap().len();
    // Signals and answers come over one connection: behind a click, the end has been heard.
    signal("ActionInvoked", 44, "open").await;
    until("clicked", || clicks.lock().unwrap().len() == 3).await;
    sender
        .send(notice(Some(7), "db fails again"))
        .await
        .unwrap();
    until("shown", || shows() == 6).await;
    assert_eq!(server.shown.lock().unwrap()[5].0, 0);
    drop(sender);
    running.join_next().await;
}
