//! What somebody who is attached is told of the service's process: that it ended, how, and that there is another. Pure;
//! asked by [`super`] with each state of the terminal.

use model::InstanceId;
use model::view::{TerminalEnd, TerminalState};

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    runs: bool,
    ended: Option<TerminalEnd>,
}

impl Process {
    pub(super) fn of(state: &TerminalState) -> Self {
        let (runs, ended) = (state.runs, state.ended);
        Self { runs, ended }
    }

    /// What is said when this is heard after that, or first of all. A quick restart is heard of in one state.
    pub(super) fn since(self, before: Option<Self>, instance: &InstanceId) -> Option<String> {
        // Who comes to one that runs has missed nothing, however often it ended before others' eyes.
        let before = before.unwrap_or(Self {
            runs: true,
            ended: self.ended.filter(|_| self.runs),
        });
        let ended = self.ended.filter(|_| self.ended != before.ended);
        match (ended, before.runs, self.runs) {
            (Some(TerminalEnd { status, .. }), _, false) => Some(format!(
                "{instance} {status}; what it prints when it is started again comes here"
            )),
            (Some(TerminalEnd { status, .. }), _, true) => {
                Some(format!("{instance} {status} and was started again"))
            }
            (None, true, false) => Some(format!(
                "{instance} does not run now; what it prints when it is started comes here"
            )),
            (None, false, true) => Some(format!("{instance} was started")),
            (None, ..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ExitStatus, Timestamp};

    #[test]
    fn each_end_is_told_once_and_each_start_after_it() {
        let instance = "api.0".parse().unwrap();
        let ended = |at, status| {
            Some(TerminalEnd {
                at: Timestamp(at),
                status,
            })
        };
        let code = ended(1, ExitStatus::Code(3));
        let killed = ended(2, ExitStatus::Signal(9));
        let states = [
            (true, None, None),
            (false, code, Some("api.0 exited with code 3; what it")),
            (false, code, None),
            (true, code, Some("api.0 was started")),
            (
                true,
                killed,
                Some("was ended by SIGKILL and was started again"),
            ),
            (true, killed, None),
            // Another engine has not seen it end.
            (true, None, None),
            (false, None, Some("api.0 does not run now")),
        ];
        let mut before = None;
        for (runs, ended, told) in states {
            let now = Process { runs, ended };
            let said = now.since(before, &instance);
            let right = match (&said, told) {
                (Some(said), Some(told)) => said.contains(told),
                (None, None) => true,
                _ => false,
            };
            assert!(right, "{before:?}, then {now:?}: {said:?}");
            before = Some(now);
        }
        // Who comes later hears what is, not what was.
        for (runs, ended, told) in [
            (true, code, None),
            (false, code, Some("exited with code 3")),
            (false, None, Some("does not run now")),
        ] {
            let said = Process { runs, ended }.since(None, &instance);
            assert_eq!(said.is_some(), told.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(told.unwrap_or_default()));
        }
    }
}
