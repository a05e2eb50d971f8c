//! A cluster while it moves: what is known of it, and how that looks. Pure; `watch` feeds and
//! draws it.

use crate::terminal::{Paint, Terminal, cut, plain};
use crate::text::{length, state_paint};
use model::view::{Change, FeedMessage};
use model::{ClusterId, InstanceId, InstanceStatus, ServiceName, State};
use std::collections::BTreeMap;
use std::time::Duration;

/// States in the order they are counted, the good ones first.
const COUNTED: [State; 12] = [
    State::Ready,
    State::Completed,
    State::Scheduled,
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

/// Characters of a reason in a line that names several.
const LONGEST_REASON: usize = 60;

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

    /// Of which.
    pub(crate) fn cluster(&self) -> Option<&ClusterId> {
        self.cluster.as_ref()
    }

    /// The instances of these services; of all when none is named.
    pub(crate) fn of(&self, services: &[ServiceName]) -> Vec<&InstanceStatus> {
        let of =
            |status: &&InstanceStatus| services.is_empty() || services.contains(&status.service);
        self.rows.values().filter(of).collect()
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
        self.counts_of(&[])
    }

    /// The same of these services; of all when none is named.
    pub(crate) fn counts_of(&self, services: &[ServiceName]) -> String {
        let of =
            |status: &&InstanceStatus| services.is_empty() || services.contains(&status.service);
        let counted = |state: &State| {
            let all = self.rows.values().filter(of);
            match all.filter(|status| status.state == *state).count() {
                0 => None,
                number => Some(format!("{number} {state}")),
            }
        };
        let each: Vec<String> = COUNTED.iter().filter_map(counted).collect();
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
            Aim::Up => status.state.good(),
            Aim::Down => matches!(status.state, State::Stopped | State::Completed),
            Aim::Rest => status.state.settled(),
        };
        (self.rows.values().filter(there).count(), self.rows.len())
    }

    /// All are where `aim` wants them.
    pub(crate) fn there(&self, aim: Aim) -> bool {
        let (there, all) = self.arrived(aim);
        there == all
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

    /// How far it is in one line, with at most `most` of those that are still waited for: those with the
    /// least to say first, as what waits for many others says it at length.
    pub(crate) fn still(&self, aim: Aim, most: usize) -> String {
        let (there, all) = self.arrived(aim);
        let mut waited: Vec<String> = self
            .rows
            .values()
            .filter(|status| !status.state.settled())
            .map(|status| {
                let reason = match plain(&status.reason.to_string()) {
                    reason if reason.is_empty() => reason,
                    reason => format!(": {}", cut(&reason, LONGEST_REASON)),
                };
                format!("{} {}{reason}", status.instance, status.state)
            })
            .collect();
        waited.sort_by_key(|text| text.chars().count());
        let mut line = format!("{there}/{all} {}", aim.word());
        for text in waited.iter().take(most) {
            line.push_str(&format!("; {text}"));
        }
        if let Some(more) = waited.len().checked_sub(most).filter(|more| *more > 0) {
            line.push_str(&format!("; and {more} more"));
        }
        line
    }

    /// What another order has set in motion again since everything was to be stopped: its verb and how
    /// many instances are not down.
    pub(crate) fn overtaken(&self) -> Option<(String, usize)> {
        let mut back = self.rows.values().filter(|status| back(status.state));
        let first = back.next()?;
        let verb = first
            .origin
            .as_ref()
            .map(|origin| serde_json::json!(origin.verb));
        let verb = verb.as_ref().and_then(serde_json::Value::as_str);
        let verb = verb.unwrap_or("another order").to_owned();
        Some((verb, 1 + back.count()))
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

/// Whether an instance in that state is there again after it was to be stopped. What is on its way down,
/// or where healing has left it, is nobody else's doing.
pub(crate) fn back(state: State) -> bool {
    !matches!(
        state,
        State::Stopped | State::Completed | State::Stopping | State::Quarantined
    )
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
            Aim::Up | Aim::Rest => !matches!(
                state,
                State::Ready | State::Completed | State::Scheduled | State::Stopped
            ),
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
mod tests;
