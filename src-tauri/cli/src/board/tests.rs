//! What a board says of clusters in motion.

use super::*;
use model::view::{Delta, EngineView, Snapshot};
use model::{Generation, Marks, Overall, Reason, Timestamp};

const TERMINAL: Terminal = Terminal {
    live: true,
    colour: false,
    columns: Some(60),
    rows: 24,
};

fn status(instance: &str, state: State, reason: &str) -> InstanceStatus {
    let instance: InstanceId = instance.parse().unwrap();
    InstanceStatus {
        service: instance.service.clone(),
        instance,
        category: "services".to_owned(),
        state,
        reason: Reason::new(reason),
        pid: None,
        ports: Vec::new(),
        generation: Generation(1),
        restarts: 0,
        since: Timestamp(0),
        marks: Marks::default(),
        origin: None,
        schedule: None,
        findings: Vec::new(),
        port_taken: None,
    }
}

fn picture(clusters: &[(&str, Vec<InstanceStatus>)]) -> FeedMessage {
    let engine = EngineView {
        pid: 1,
        version: String::new(),
        home: String::new(),
        api: None,
        registry: None,
        gateway: None,
        consul: None,
        limits: Vec::new(),
    };
    FeedMessage::Snapshot {
        snapshot: Box::new(Snapshot {
            seq: 0,
            engine,
            overall: Overall::Starting,
            clusters: Vec::new(),
            instances: clusters
                .iter()
                .map(|(id, rows)| (id.parse().unwrap(), rows.clone()))
                .collect(),
            pulses: BTreeMap::new(),
            connections: BTreeMap::new(),
            incidents: Vec::new(),
            events: Vec::new(),
            registry: Vec::new(),
            registry_total: 0,
            mutes: Vec::new(),
        }),
    }
}

fn change(cluster: &str, rows: Vec<InstanceStatus>) -> FeedMessage {
    let change = Change::Instances {
        cluster: cluster.parse().unwrap(),
        instances: rows,
    };
    FeedMessage::Delta {
        delta: Delta { seq: 1, change },
    }
}

fn shop() -> Board {
    let mut board = Board::new(Some("shop-1".parse().unwrap()));
    board.take(picture(&[
        (
            "shop-1",
            vec![
                status("api.0", State::Waiting, "waiting for db"),
                status("db.0", State::Starting, ""),
            ],
        ),
        ("other-2", vec![status("x.0", State::Failing, "")]),
    ]));
    board
}

#[test]
fn only_the_cluster_that_was_asked_for_is_on_the_board() {
    let mut board = shop();
    assert_eq!(board.counts(), "1 starting, 1 waiting");
    assert!(
        board
            .take(change("other-2", vec![status("x.0", State::Ready, "")]))
            .is_empty()
    );
    let moved = board.take(change("shop-1", vec![status("db.0", State::Ready, "")]));
    assert_eq!(moved.len(), 1);
    assert_eq!(board.counts(), "1 ready, 1 waiting");
    assert!(
        board
            .take(change(
                "shop-1",
                vec![status("db.0", State::Ready, "again")]
            ))
            .is_empty(),
        "no other state"
    );
    assert_eq!(
        board.status(&"db.0".parse().unwrap()).unwrap().reason.text,
        "again"
    );
}

#[test]
fn a_second_picture_tells_only_what_moved_meanwhile() {
    let mut board = shop();
    let moved = board.take(picture(&[(
        "shop-1",
        vec![
            status("api.0", State::Waiting, "waiting for db"),
            status("db.0", State::Ready, ""),
        ],
    )]));
    assert_eq!(
        moved
            .iter()
            .map(|s| s.instance.to_string())
            .collect::<Vec<_>>(),
        ["db.0"]
    );
}

#[test]
fn a_change_older_than_the_picture_is_old_news() {
    let mut board = shop();
    let FeedMessage::Snapshot { mut snapshot } =
        picture(&[("shop-1", vec![status("db.0", State::Ready, "")])])
    else {
        panic!("a picture is a snapshot")
    };
    snapshot.seq = 1;
    board.take(FeedMessage::Snapshot { snapshot });
    let old = board.take(change("shop-1", vec![status("db.0", State::Starting, "")]));
    assert!(old.is_empty());
    assert_eq!(board.counts(), "1 ready");
}

#[test]
fn the_frame_shows_how_far_it_is_and_what_waits_for_what() {
    let mut board = shop();
    board.take(change("shop-1", vec![status("db.0", State::Ready, "")]));
    let frame = board.frame(Aim::Up, Duration::from_millis(1_234), TERMINAL);
    assert_eq!(
        frame,
        [
            "██████████░░░░░░░░░░ 1/2 ready  1.2 s",
            "  1 ready · 1 waiting",
            "  waiting     api.0  waiting for db",
        ]
    );
}

#[test]
fn the_frame_fits_the_terminal_however_much_is_under_way() {
    let rows: Vec<InstanceStatus> = (0..150)
        .map(|n| {
            status(
                &format!("s{n}.0"),
                State::Waiting,
                &"a very long reason ".repeat(20),
            )
        })
        .chain([status("bad.0", State::Failing, "exit \x1b[2J 1")])
        .collect();
    let mut board = Board::new(None);
    board.take(picture(&[("shop-1", rows)]));
    for terminal in [
        TERMINAL,
        Terminal {
            rows: 8,
            columns: Some(30),
            ..TERMINAL
        },
    ] {
        let frame = board.frame(Aim::Up, Duration::ZERO, terminal);
        assert!(frame.len() < terminal.rows, "{} lines", frame.len());
        let widest = frame.iter().map(|line| line.chars().count()).max().unwrap();
        assert!(
            widest <= terminal.columns.unwrap(),
            "{widest} columns: {frame:#?}"
        );
        assert!(frame[2].contains("failing"), "the worst comes first");
        assert!(frame.iter().all(|line| !line.contains('\x1b')));
        assert!(frame.last().unwrap().contains("more"));
    }
}

#[test]
fn without_a_picture_one_line_says_what_is_still_waited_for_the_shortest_first() {
    let mut board = shop();
    assert_eq!(
        board.still(Aim::Up, 1),
        "0/2 ready; db.0 starting; and 1 more"
    );
    assert!(
        board
            .still(Aim::Up, 5)
            .ends_with("api.0 waiting: waiting for db")
    );
    // What has come to rest, wherever, is not waited for; what is long is cut.
    board.take(change(
        "shop-1",
        vec![
            status("db.0", State::Quarantined, "gave up"),
            status(
                "web.0",
                State::Waiting,
                &"waiting for something ".repeat(30),
            ),
        ],
    ));
    let line = board.still(Aim::Up, 3);
    assert!(
        line.starts_with("0/3 ready; api.0 waiting: waiting for db; web.0 waiting: ")
            && line.ends_with('…'),
        "{line}"
    );
    assert!(
        !line.contains("db.0 ") && line.chars().count() < 140,
        "{line}"
    );
}

#[test]
fn a_board_knows_what_overtook_a_down() {
    let mut board = Board::new(None);
    let mut back = status("api.0", State::Starting, "");
    back.origin = Some(model::Origin {
        actor: model::Actor::person("cli"),
        user: "me".to_owned(),
        verb: model::Verb::Up,
        act: model::ActId(8),
        at: Timestamp(0),
    });
    board.take(picture(&[(
        "shop-1",
        vec![status("db.0", State::Stopped, ""), back],
    )]));
    assert_eq!(board.overtaken(), Some(("up".to_owned(), 1)));
    board.take(picture(&[(
        "shop-1",
        vec![status("db.0", State::Completed, "")],
    )]));
    assert_eq!(board.overtaken(), None);
}

#[test]
fn an_empty_board_is_a_frame_too() {
    let board = Board::new(None);
    assert_eq!(
        board.frame(Aim::Down, Duration::ZERO, TERMINAL)[0],
        "░░░░░░░░░░░░░░░░░░░░ 0/0 stopped  0 ms"
    );
}
