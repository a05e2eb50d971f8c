//! What is told besides incidents: grave threats, acts that wait for a person's approval, and rules that cannot be used.
//!
//! Each subject has one notification. What is over takes the place of what was shown, or is taken away where nothing of
//! it is left to know. What comes in quiet hours waits until they are over, as far as it is still so.

use super::{About, LOOK, Moment, Notice, Notifier, Subject, Tell, capital};
use api::model::{
    ActorKind, Approval, ApprovalState, ClusterId, EventKind, Mono, Threat, ThreatLevel,
};

/// What came in quiet hours and waits: more of it is in the window.
const WAIT: usize = 20;
/// Consequences of an act that are told; the window has all.
const TOLD: usize = 3;

/// What waits for the end of quiet hours.
#[derive(Debug, Default)]
pub(super) struct Later {
    notices: Vec<Notice>,
    /// When it is looked next whether they are over.
    pub(super) due: Option<Mono>,
}

impl Later {
    /// Takes away what waits of this; true when there was some.
    fn forget(&mut self, subject: &Subject) -> bool {
        let before = self.notices.len();
        (self.notices).retain(|notice| notice.about.subject().as_ref() != Some(subject));
        before > self.notices.len()
    }
}

impl Notifier {
    /// Something happened that is no incident.
    pub(crate) fn event(&mut self, what: &EventKind, now: Moment) -> Option<Tell> {
        let (cluster, tell) = match what {
            EventKind::Threat { threat, over } => {
                (threat.cluster.as_ref(), of_threat(threat, *over)?)
            }
            EventKind::Approval { approval } => {
                (approval.target.cluster.as_ref(), of_approval(approval)?)
            }
            EventKind::RulesAlarm { text } => (None, of_rules(text)),
            _ => return None,
        };
        if !self.wanted(cluster) {
            return None;
        }
        let notice = match tell {
            Tell::Close(subject) => {
                self.later.forget(&subject);
                return Some(Tell::Close(subject));
            }
            Tell::Show(notice) => notice,
        };
        let before = notice
            .about
            .subject()
            .is_some_and(|one| self.later.forget(&one));
        let over = matches!(what, EventKind::Threat { over: true, .. });
        if over && before {
            // It came and went while nobody was to be disturbed.
            return None;
        }
        if !self.settings.quiet_at(now.minute) {
            return Some(Tell::Show(notice));
        }
        if self.later.notices.len() < WAIT {
            self.later.notices.push(notice);
            self.later.due.get_or_insert(now.mono + LOOK);
        }
        None
    }

    /// The home's own concern everybody; those of a cluster who wants to be told of it.
    fn wanted(&self, cluster: Option<&ClusterId>) -> bool {
        match cluster {
            Some(cluster) => !self.unwanted(cluster),
            None => self.settings.enabled,
        }
    }

    /// What came in quiet hours, once they are over.
    pub(super) fn told_later(&mut self, now: Moment) -> Vec<Tell> {
        if self.later.due.is_none_or(|due| due > now.mono) {
            return Vec::new();
        }
        if self.settings.quiet_at(now.minute) {
            self.later.due = Some(now.mono + LOOK);
            return Vec::new();
        }
        self.later.due = None;
        std::mem::take(&mut self.later.notices)
            .into_iter()
            .map(Tell::Show)
            .collect()
    }
}

/// A threat that wants somebody to act, and that it is over. Those below High are for who looks.
fn of_threat(threat: &Threat, over: bool) -> Option<Tell> {
    if threat.level < ThreatLevel::High {
        return None;
    }
    let what = capital(&threat.what);
    let (title, body) = match over {
        true => ("A threat is over".to_owned(), format!("{what}.")),
        false => (
            format!("Security, {}", threat.level.as_str()),
            match &threat.answer {
                Some(answer) => {
                    let done = capital(&answer.said);
                    format!("{what}. {done}. What to do: {}.", threat.todo)
                }
                None => format!("{what}. What to do: {}.", threat.todo),
            },
        ),
    };
    Some(Tell::Show(Notice {
        title,
        body,
        about: About::Threat(threat.id.clone()),
        urgent: !over && threat.level == ThreatLevel::Critical,
    }))
}

/// An act that waits for the first person to answer. One who has approved knows of it, and the next sees it still there.
fn of_approval(approval: &Approval) -> Option<Tell> {
    if approval.state != ApprovalState::Waiting {
        return Some(Tell::Close(Subject::Approval(approval.id)));
    }
    if !approval.given.is_empty() {
        return None;
    }
    let needed = match approval.needed {
        1 => "needs your approval".to_owned(),
        count => format!("needs {count} approvals"),
    };
    let mut body = match approval.actor.kind {
        ActorKind::Healer => "Healing proposes it, and does it once you have approved.".to_owned(),
        _ => format!("{} ({}) asks for it.", approval.name, approval.actor.via),
    };
    let mut lines = approval.consequences.iter();
    for line in lines.by_ref().take(TOLD) {
        body.push_str(&format!(" {}.", capital(line)));
    }
    match lines.count() {
        0 => {}
        more => body.push_str(&format!(" And {more} more.")),
    }
    if !approval.reason.is_empty() {
        body.push_str(&format!(" Because: {}.", approval.reason));
    }
    Some(Tell::Show(Notice {
        title: format!("{} {needed}", capital(approval.verb.name())),
        body,
        about: About::Approval(approval.id),
        urgent: false,
    }))
}

/// What the rules may concern is refused until a person mends them, so it stays until it is put away.
fn of_rules(text: &str) -> Tell {
    Tell::Show(Notice {
        title: "The rules need you".to_owned(),
        body: format!("{}.", capital(text.trim_end_matches('.'))),
        about: About::Rules,
        urgent: true,
    })
}

#[cfg(test)]
mod tests;
