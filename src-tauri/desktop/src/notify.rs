//! Which incidents a person is told of, and when: pure policy, no bus.
//!
//! One notification per incident, which changes as the incident goes on: it is opened when a fault
//! has lasted a moment, and says in the end that healing brought the service back or gave up on it.
//! Who only suffers has no incident, and so no notification. What a person ended themselves is not
//! news, and what was shown of it is taken away. What a person has muted is as good as told: it is
//! not shown, and not afterwards either; the list of incidents has it. A burst becomes one summary: at most [`BURST`]
//! new ones within [`WINDOW`], the rest is gathered and told together when the window has passed. So
//! is what happens in quiet hours, when they are over, as far as it is still so.

use api::model::{
    ApprovalId, ClusterId, Incident, IncidentId, IncidentState, Mono, Mute, ServiceName,
};
use engine::Notifications;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

mod governance;

/// So many notifications within one [`WINDOW`] are shown singly.
pub(crate) const BURST: usize = 5;
/// See [`BURST`].
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// So long a fault lasts before it is told of: most are healed by then, and that is told.
pub(crate) const LASTS: Duration = Duration::from_secs(3);
/// So often it is looked whether quiet hours are over: a machine that slept comes back in between.
const LOOK: Duration = Duration::from_secs(60);
/// Incidents remembered. Their numbers only grow, so the lowest are forgotten first.
const REMEMBERED: usize = 4096;
/// Names listed in a summary before "and N more".
const NAMED: usize = 4;

/// A moment: the clock that only goes forward, and the minute of the day here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) mono: Mono,
    pub(crate) minute: u16,
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// First line.
    pub(crate) title: String,
    /// The rest.
    pub(crate) body: String,
    /// Where a click leads.
    pub(crate) about: About,
    /// Somebody must act.
    pub(crate) urgent: bool,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// An incident; what is shown of it takes the place of what was. Whose, where that is known.
    Incident(Option<ClusterId>, IncidentId),
    /// Several of them.
    Incidents,
    /// A threat, by its id; what is shown of it takes the place of what was.
    Threat(String),
    /// An act that waits for persons; likewise.
    Approval(ApprovalId),
    /// The rules of who may do what.
    Rules,
    /// The app itself.
    App,
}

/// What has one notification, which changes in its place and can be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Incident(IncidentId),
    Threat(String),
    Approval(ApprovalId),
    Rules,
}

impl From<IncidentId> for Subject {
    fn from(id: IncidentId) -> Self {
        Subject::Incident(id)
    }
}

impl About {
    /// What it is about, where that has one notification.
    pub(crate) fn subject(&self) -> Option<Subject> {
        match self {
            About::Incident(_, id) => Some(Subject::Incident(*id)),
            About::Threat(id) => Some(Subject::Threat(id.clone())),
            About::Approval(id) => Some(Subject::Approval(*id)),
            About::Rules => Some(Subject::Rules),
            About::Incidents | About::App => None,
        }
    }
}

/// What is to be done on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tell {
    /// Show it, in the place of what is shown of the same subject.
    Show(Notice),
    /// Take away what is shown of it.
    Close(Subject),
}

/// What is worth telling of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Failing,
    Healed,
    Back,
    Quarantined,
}

/// How far the telling of an incident has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// It fails; told if it still does then. Whether something of it is on the screen.
    Lasting {
        due: Mono,
        incident: Box<Incident>,
        shown: bool,
    },
    /// This is on the screen.
    Shown(News),
    /// This was in a summary, or muted.
    Told(News),
    /// This waits for the summary.
    Gathered(News, ClusterId, ServiceName),
    /// There is nothing more to tell.
    Over,
}

/// Decides; owns what was told and what waits.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    settings: Notifications,
    /// What a person does not want to be told of for a while. The engine ends them.
    mutes: Vec<Mute>,
    known: BTreeMap<IncidentId, Stage>,
    shown: VecDeque<Mono>,
    /// Since when something is gathered, and the earliest that it is told.
    gathered: Option<Mono>,
    /// What is told besides incidents, and came in quiet hours.
    later: governance::Later,
}

impl Notifier {
    pub(crate) fn new(settings: Notifications) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// These are muted now, and nothing else is.
    pub(crate) fn mutes(&mut self, mutes: &[Mute]) {
        self.mutes = mutes.to_vec();
    }

    /// Incidents that ended before anybody watched are history, not news.
    pub(crate) fn already_over<'a>(&mut self, incidents: impl IntoIterator<Item = &'a Incident>) {
        for incident in incidents {
            if incident.state != IncidentState::Open {
                self.set(incident.id, Stage::Over);
            }
        }
    }

    /// An incident is new or changed; the whole of it as it is now.
    pub(crate) fn incident(&mut self, incident: &Incident, now: Moment) -> Option<Tell> {
        if self.unwanted(&incident.cluster) {
            return None;
        }
        let id = incident.id;
        let before = self.known.remove(&id);
        let shown = matches!(
            before,
            Some(Stage::Shown(_) | Stage::Lasting { shown: true, .. })
        );
        let news = match incident.state {
            IncidentState::Open => News::Failing,
            IncidentState::Quarantined => News::Quarantined,
            IncidentState::Resolved if !incident.actions.is_empty() => News::Healed,
            IncidentState::Resolved if shown => News::Back,
            IncidentState::Resolved | IncidentState::Closed => {
                self.set(id, Stage::Over);
                return shown.then_some(Tell::Close(id.into()));
            }
        };
        match before {
            Some(stage) if stage == Stage::Shown(news) || stage == Stage::Told(news) => {
                self.set(id, stage);
                None
            }
            // What was over before anybody watched stays so until it fails again.
            Some(Stage::Over) if news != News::Failing => {
                self.set(id, Stage::Over);
                None
            }
            Some(Stage::Lasting { due, .. }) if news == News::Failing => {
                self.last(incident, due, shown);
                None
            }
            _ if news == News::Failing => {
                self.last(incident, now.mono + LASTS, shown);
                None
            }
            _ => self.tell(news, incident, shown, now),
        }
    }

    /// When [`Notifier::due`] has something to say at the earliest.
    pub(crate) fn next(&self) -> Option<Mono> {
        let lasting = self.known.values().filter_map(|stage| match stage {
            Stage::Lasting { due, .. } => Some(*due),
            _ => None,
        });
        lasting.chain(self.gathered).chain(self.later.due).min()
    }

    /// What is to be told by now: faults that have lasted, and what was gathered.
    pub(crate) fn due(&mut self, now: Moment) -> Vec<Tell> {
        let lasted: Vec<(Box<Incident>, bool)> = self
            .known
            .values()
            .filter_map(|stage| match stage {
                Stage::Lasting {
                    due,
                    incident,
                    shown,
                } if *due <= now.mono => Some((incident.clone(), *shown)),
                _ => None,
            })
            .collect();
        let mut told = Vec::new();
        if self.gathered.is_some_and(|due| due <= now.mono) {
            told.extend(self.summary(now));
        }
        for (incident, shown) in lasted {
            told.extend(self.tell(News::Failing, &incident, shown, now));
        }
        told.extend(self.told_later(now));
        told
    }

    /// Shows it, or gathers it; or neither, where it is muted.
    fn tell(&mut self, news: News, incident: &Incident, shown: bool, now: Moment) -> Option<Tell> {
        if muted(&self.mutes, &incident.cluster, &incident.service) {
            self.set(incident.id, Stage::Told(news));
            // What is on the screen of it would not be true any more.
            return shown.then_some(Tell::Close(incident.id.into()));
        }
        self.forget_shown(now.mono);
        let quiet = self.settings.quiet_at(now.minute);
        // What changes in its place disturbs nobody, and is worth most while it is looked at.
        let at_once = shown && !quiet;
        let full = self.shown.len() >= BURST;
        // While something waits, later news waits with it: order is kept and the summary is whole.
        if !at_once && (quiet || full || self.gathered.is_some()) {
            let first = self.shown.front();
            let due = match quiet {
                true => now.mono + LOOK,
                false => first.map_or(now.mono + WINDOW, |first| *first + WINDOW),
            };
            self.gathered.get_or_insert(due);
            let (cluster, service) = (incident.cluster.clone(), incident.service.clone());
            self.set(incident.id, Stage::Gathered(news, cluster, service));
            // In quiet hours nothing stays that is not true any more.
            return shown.then_some(Tell::Close(incident.id.into()));
        }
        if !shown {
            self.shown.push_back(now.mono);
        }
        self.set(incident.id, Stage::Shown(news));
        Some(Tell::Show(single(news, incident)))
    }

    /// What was gathered, once it may be told.
    fn summary(&mut self, now: Moment) -> Option<Tell> {
        if self.settings.quiet_at(now.minute) {
            self.gathered = Some(now.mono + LOOK);
            return None;
        }
        self.gathered = None;
        self.forget_shown(now.mono);
        let mut waiting = Vec::new();
        for stage in self.known.values_mut() {
            if let Stage::Gathered(news, cluster, service) = stage {
                // It may have been muted since.
                if !muted(&self.mutes, cluster, service) {
                    waiting.push((*news, service.clone()));
                }
                *stage = Stage::Told(*news);
            }
        }
        if waiting.is_empty() {
            return None;
        }
        self.shown.push_back(now.mono);
        Some(Tell::Show(summary(waiting)))
    }

    /// The settings want nothing of it, ever.
    fn unwanted(&self, cluster: &ClusterId) -> bool {
        // An id is a name, a hyphen and a hash.
        let id = cluster.as_str();
        let name = id.rsplit_once('-').map_or(id, |(name, _)| name);
        !self.settings.enabled || self.settings.except.iter().any(|one| one.as_str() == name)
    }

    fn last(&mut self, incident: &Incident, due: Mono, shown: bool) {
        let incident = Box::new(incident.clone());
        let id = incident.id;
        self.set(
            id,
            Stage::Lasting {
                due,
                incident,
                shown,
            },
        );
    }

    fn set(&mut self, id: IncidentId, stage: Stage) {
        self.known.insert(id, stage);
        if self.known.len() > REMEMBERED {
            self.known.pop_first();
        }
    }

    fn forget_shown(&mut self, now: Mono) {
        while self
            .shown
            .front()
            .is_some_and(|at| now.since(*at) >= WINDOW)
        {
            self.shown.pop_front();
        }
    }
}

fn muted(mutes: &[Mute], cluster: &ClusterId, service: &ServiceName) -> bool {
    mutes.iter().any(|one| one.covers(cluster, service))
}

fn single(news: News, incident: &Incident) -> Notice {
    let service = &incident.service;
    let took = incident.lasted_ms().map(|ms| format!(" in {}", length(ms)));
    let took = took.unwrap_or_default();
    let (title, tail) = match news {
        News::Failing => {
            let waits = incident.waits.as_deref().unwrap_or_default();
            let waits = match waits {
                "" => "Healing is at work.".to_owned(),
                waits => format!("It waits for: {waits}."),
            };
            let suffer = match incident.impacted.len() {
                0 => String::new(),
                1 => " One other service suffers from it.".to_owned(),
                count => format!(" {count} other services suffer from it."),
            };
            (format!("{service} fails"), format!("{waits}{suffer}"))
        }
        News::Healed => (format!("{service} was healed"), format!("Back{took}.")),
        News::Back => (format!("{service} is back"), format!("By itself{took}.")),
        News::Quarantined => (
            format!("{service} is in quarantine"),
            "Healing gave up; it stays down until you release it.".to_owned(),
        ),
    };
    let tried = match incident.actions.last() {
        Some(last) => format!(" {}.", capital(&last.detail)),
        None => String::new(),
    };
    Notice {
        title,
        body: format!("{}.{tried} {tail}", capital(&incident.cause)),
        about: About::Incident(Some(incident.cluster.clone()), incident.id),
        urgent: news == News::Quarantined,
    }
}

fn summary(waiting: Vec<(News, ServiceName)>) -> Notice {
    let part = |of: &[News], words: &str| {
        let names: BTreeSet<&ServiceName> = waiting
            .iter()
            .filter(|(news, _)| of.contains(news))
            .map(|(_, name)| name)
            .collect();
        if names.is_empty() {
            return None;
        }
        let named: Vec<&str> = names.iter().take(NAMED).map(|name| name.as_str()).collect();
        let more = names.len().saturating_sub(NAMED);
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        Some((names.len(), format!("{words}: {}{more}.", named.join(", "))))
    };
    // What a person must act on comes first.
    let parts = [
        (part(&[News::Quarantined], "In quarantine"), "in quarantine"),
        (part(&[News::Failing], "Failing"), "failing"),
        (part(&[News::Healed, News::Back], "Healed"), "healed"),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .filter_map(|(part, words)| Some((part?, words)))
        .collect();
    let counts: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(n, ((count, _), words))| match n {
            0 => format!("{count} more {words}"),
            _ => format!("{count} {words}"),
        })
        .collect();
    let bodies: Vec<String> = parts.into_iter().map(|((_, body), _)| body).collect();
    Notice {
        title: counts.join(", "),
        body: bodies.join(" "),
        about: About::Incidents,
        urgent: waiting.iter().any(|(news, _)| *news == News::Quarantined),
    }
}

fn length(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        // Tenths are what a person can tell apart.
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

fn capital(text: &str) -> String {
    let text = text.trim_end_matches('.');
    // A service's name is not a sentence's first word: "db.0 was ended" stays as it is.
    let is_name = text
        .split_whitespace()
        .next()
        .is_some_and(|word| word.contains(['.', '-']));
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !is_name => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
