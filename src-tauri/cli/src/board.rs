//! A cluster while it moves: what is known of it, and how that looks. Pure; `watch` feeds and
//! draws it.

use crate::terminal::{Paint, Terminal, cut, plain};
use crate::text::{length, state_paint};
use model::view::{Change, FeedMessage};
use model::{ClusterId, InstanceId, InstanceStatus, State};
use std::collections::BTreeMap;
use std::time::Duration;

/// States in the order they are counted, the good ones first.
const COUNTED: [State; 11] = [
    State::Ready,
    State::Completed,
    State::Degraded,
    State::Running,
    State::Starting,
    State::Recovering,
    State::Waiting,
    State::Stopping,
    State::Failing,
    State::Quarantined,
    State::Stopped,
];

/// What is known of one cluster, or of all of them.
pub(crate) struct Board {
    cluster: Option<ClusterId>,
    /// Of the last change that is in `rows`.
    seq: u64,
    rows: BTreeMap<(ClusterId, InstanceId), InstanceStatus>,
}

impl Board {
    /// Of `cluster`; of all when there is none.
    pub(crate) fn new(cluster: Option<ClusterId>) -> Self {
        Self {
            cluster,
            seq: 0,
            rows: BTreeMap::new(),
        }
    }

    fn shows(&self, cluster: &ClusterId) -> bool {
        self.cluster.as_ref().is_none_or(|ours| ours == cluster)
    }

    /// Takes a message of the feed and returns what entered another state by it. The first
    /// picture is how things are, not a change. A change that is older than a picture taken
    /// meanwhile is old news.
    pub(crate) fn take(&mut self, message: FeedMessage) -> Vec<InstanceStatus> {
        let known = !self.rows.is_empty();
        match message {
            FeedMessage::Snapshot { snapshot } => {
                self.seq = snapshot.seq;
                let before = std::mem::take(&mut self.rows);
                let mut moved = Vec::new();
                for (cluster, statuses) in snapshot.instances {
                    if self.shows(&cluster) {
                        for status in statuses {
                            let key = (cluster.clone(), status.instance.clone());
                            if known && before.get(&key).is_none_or(|row| row.state != status.state)
                            {
                                moved.push(status.clone());
                            }
                            self.rows.insert(key, status);
                        }
                    }
                }
                moved
            }
            FeedMessage::Delta { delta } if delta.seq <= self.seq => Vec::new(),
            FeedMessage::Delta { delta } => match delta.change {
                Change::Instances { cluster, instances } if self.shows(&cluster) => {
                    let mut moved = Vec::new();
                    for status in instances {
                        let key = (cluster.clone(), status.instance.clone());
                        let before = self.rows.insert(key, status.clone());
                        if before.is_none_or(|row| row.state != status.state) {
                            moved.push(status);
                        }
                    }
                    moved
                }
                Change::InstancesRemoved { cluster, instances } => {
                    for instance in instances {
                        self.rows.remove(&(cluster.clone(), instance));
                    }
                    Vec::new()
                }
                Change::ClusterRemoved { cluster } => {
                    self.rows.retain(|(of, _), _| *of != cluster);
                    Vec::new()
                }
                _ => Vec::new(),
            },
        }
    }

    /// How an instance is now.
    pub(crate) fn status(&self, instance: &InstanceId) -> Option<&InstanceStatus> {
        self.rows
            .values()
            .find(|status| status.instance == *instance)
    }

    /// "147 ready, 2 completed".
    pub(crate) fn counts(&self) -> String {
        let each: Vec<String> = COUNTED
            .iter()
            .filter_map(|state| match self.count(*state) {
                0 => None,
                number => Some(format!("{number} {state}")),
            })
            .collect();
        match each.is_empty() {
            true => "no instances".to_owned(),
            false => each.join(", "),
        }
    }

    fn count(&self, state: State) -> usize {
        self.rows
            .values()
            .filter(|status| status.state == state)
            .count()
    }

    /// How many of how many have come to rest where `aim` wants them.
    fn arrived(&self, aim: Aim) -> (usize, usize) {
        let there = |status: &&InstanceStatus| match aim {
            Aim::Up => status.state.serves() || status.state == State::Completed,
            Aim::Down => matches!(status.state, State::Stopped | State::Completed),
            Aim::Rest => status.state.settled(),
        };
        (self.rows.values().filter(there).count(), self.rows.len())
    }

    /// What is not there yet, the worst first, then what has been so the longest.
    fn underway(&self, aim: Aim) -> Vec<&InstanceStatus> {
        let mut underway: Vec<&InstanceStatus> = self
            .rows
            .values()
            .filter(|status| aim.is_interesting(status.state))
            .collect();
        underway.sort_by_key(|status| (rank(status.state), status.since));
        underway
    }

    /// How far it is in one line, with the first `most` of what is not there yet.
    pub(crate) fn still(&self, aim: Aim, most: usize) -> String {
        let (there, all) = self.arrived(aim);
        let underway = self.underway(aim);
        let mut line = format!("{there}/{all} {}", aim.word());
        for status in underway.iter().take(most) {
            let reason = plain(&status.reason.to_string());
            line.push_str(&format!("; {} {}: {reason}", status.instance, status.state));
        }
        if let Some(more) = underway.len().checked_sub(most).filter(|more| *more > 0) {
            line.push_str(&format!("; and {more} more"));
        }
        line
    }

    /// The picture for a terminal: a bar, counts, and what is not there yet with the reason, the
    /// worst first. Never more lines than the terminal has.
    pub(crate) fn frame(&self, aim: Aim, elapsed: Duration, terminal: Terminal) -> Vec<String> {
        let columns = terminal.columns.unwrap_or(80).max(20);
        let (there, all) = self.arrived(aim);
        let width = (columns / 3).clamp(8, 40);
        let filled = (width * there).checked_div(all).unwrap_or(0);
        let bar = terminal.paint(Paint::Good, &"█".repeat(filled))
            + &terminal.paint(Paint::Faint, &"░".repeat(width - filled));
        let mut lines = vec![format!(
            "{bar} {there}/{all} {}  {}",
            aim.word(),
            length(elapsed)
        )];
        let counts: Vec<String> = COUNTED
            .iter()
            .filter(|state| self.count(**state) > 0)
            .map(|state| {
                terminal.paint(
                    state_paint(*state),
                    &format!("{} {state}", self.count(*state)),
                )
            })
            .collect();
        lines.push(format!("  {}", counts.join(" · ")));

        let underway = self.underway(aim);
        let room = terminal.rows.saturating_sub(4).min(14);
        let shown = if underway.len() > room {
            room.saturating_sub(1)
        } else {
            underway.len()
        };
        let name = underway
            .iter()
            .take(shown)
            .map(|status| status.instance.to_string().len())
            .max()
            .unwrap_or(0);
        for status in underway.iter().take(shown) {
            let state = format!("{:<11}", status.state.as_str());
            let reason = cut(
                &plain(&status.reason.to_string()),
                columns.saturating_sub(name + 17),
            );
            lines.push(format!(
                "  {} {:<name$}  {reason}",
                terminal.paint(state_paint(status.state), &state),
                status.instance
            ));
        }
        if underway.len() > shown {
            lines.push(terminal.paint(
                Paint::Faint,
                &format!("  … and {} more", underway.len() - shown),
            ));
        }
        lines
    }
}

/// Where a cluster is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Everything ready.
    Up,
    /// Everything stopped.
    Down,
    /// Wherever it comes to rest.
    Rest,
}

impl Aim {
    fn word(self) -> &'static str {
        match self {
            Aim::Up => "ready",
            Aim::Down => "stopped",
            Aim::Rest => "at rest",
        }
    }

    /// Whether a person waiting for this wants to see an instance in that state.
    fn is_interesting(self, state: State) -> bool {
        match self {
            Aim::Up | Aim::Rest => {
                !matches!(state, State::Ready | State::Completed | State::Stopped)
            }
            Aim::Down => matches!(state, State::Stopping | State::Quarantined | State::Failing),
        }
    }
}

/// What is shown first.
fn rank(state: State) -> u8 {
    match state {
        State::Failing | State::Quarantined => 0,
        State::Recovering | State::Degraded => 1,
        State::Stopping | State::Running => 2,
        State::Starting => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
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
                incidents: Vec::new(),
                events: Vec::new(),
                registry: Vec::new(),
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
    fn without_a_picture_one_line_says_what_is_still_on_its_way() {
        let board = shop();
        assert_eq!(
            board.still(Aim::Up, 1),
            "0/2 ready; db.0 starting: ; and 1 more"
        );
        assert!(
            board
                .still(Aim::Up, 5)
                .ends_with("api.0 waiting: waiting for db")
        );
    }

    #[test]
    fn an_empty_board_is_a_frame_too() {
        let board = Board::new(None);
        assert_eq!(
            board.frame(Aim::Down, Duration::ZERO, TERMINAL)[0],
            "░░░░░░░░░░░░░░░░░░░░ 0/0 stopped  0 ms"
        );
    }
}
