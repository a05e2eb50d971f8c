//! Which incidents a person is told of, and when: pure policy, no bus.
//!
//! One notification per incident, when healing brought the service back or gave up on it. What a
//! person ended themselves is not news. A burst becomes one summary: at most [`BURST`] within
//! [`WINDOW`], the rest is gathered and told together when the window has passed.

use api::model::{ClusterId, Incident, IncidentId, IncidentState, Mono, ServiceName};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// So many notifications within one [`WINDOW`] are shown singly.
pub(crate) const BURST: usize = 5;
/// See [`BURST`].
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// Incidents remembered as told. Their numbers only grow, so the lowest are forgotten first.
const REMEMBERED: usize = 4096;
/// Names listed in a summary before "and N more".
const NAMED: usize = 4;

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// First line.
    pub(crate) title: String,
    /// The rest.
    pub(crate) body: String,
    /// Where a click leads; `None` is the list of incidents.
    pub(crate) incident: Option<(ClusterId, IncidentId)>,
}

/// What is worth telling of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Healed,
    Quarantined,
}

/// Decides; owns what was told and what waits.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    told: BTreeSet<IncidentId>,
    shown: VecDeque<Mono>,
    waiting: Vec<(News, ServiceName)>,
}

impl Notifier {
    /// Incidents that ended before anybody watched are history, not news.
    pub(crate) fn already_over<'a>(&mut self, incidents: impl IntoIterator<Item = &'a Incident>) {
        for incident in incidents {
            if !matches!(incident.state, IncidentState::Open) {
                self.remember(incident.id);
            }
        }
    }

    /// An incident is new or changed; the whole of it as it is now.
    pub(crate) fn incident(&mut self, incident: &Incident, now: Mono) -> Option<Notice> {
        let news = match incident.state {
            IncidentState::Resolved if !incident.actions.is_empty() => News::Healed,
            IncidentState::Quarantined => News::Quarantined,
            _ => return None,
        };
        if !self.remember(incident.id) {
            return None;
        }
        self.forget_shown(now);
        // While something waits, later news waits with it: order is kept and the summary is whole.
        if self.shown.len() >= BURST || !self.waiting.is_empty() {
            self.waiting.push((news, incident.service.clone()));
            return None;
        }
        self.shown.push_back(now);
        Some(single(news, incident))
    }

    /// When [`Notifier::flush`] has something to say at the earliest.
    pub(crate) fn next_flush(&self) -> Option<Mono> {
        if self.waiting.is_empty() {
            None
        } else {
            self.shown.front().map(|first| *first + WINDOW)
        }
    }

    /// The summary of what waited, once the window has passed.
    pub(crate) fn flush(&mut self, now: Mono) -> Option<Notice> {
        if self.next_flush().is_none_or(|due| now < due) {
            return None;
        }
        self.forget_shown(now);
        self.shown.push_back(now);
        Some(summary(std::mem::take(&mut self.waiting)))
    }

    /// True when it was new.
    fn remember(&mut self, id: IncidentId) -> bool {
        let new = self.told.insert(id);
        if self.told.len() > REMEMBERED {
            self.told.pop_first();
        }
        new
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

fn single(news: News, incident: &Incident) -> Notice {
    let service = &incident.service;
    let (title, tail) = match news {
        News::Healed => {
            let took = incident.duration_ms.map(|ms| format!(" in {}", length(ms)));
            (
                format!("{service} was healed"),
                format!("Back{}.", took.unwrap_or_default()),
            )
        }
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
        incident: Some((incident.cluster.clone(), incident.id)),
    }
}

fn summary(waiting: Vec<(News, ServiceName)>) -> Notice {
    let part = |news: News, words: &str| {
        let names: BTreeSet<&ServiceName> = waiting
            .iter()
            .filter(|(of, _)| *of == news)
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
    let quarantined = part(News::Quarantined, "In quarantine");
    let healed = part(News::Healed, "Healed");
    let count = |part: &Option<(usize, String)>| part.as_ref().map_or(0, |(count, _)| *count);
    let title = match (count(&healed), count(&quarantined)) {
        (healed, 0) => format!("{healed} more healed"),
        (0, quarantined) => format!("{quarantined} more in quarantine"),
        (healed, quarantined) => format!("{quarantined} more in quarantine, {healed} healed"),
    };
    // What a person must act on comes first.
    let body: Vec<String> = [quarantined, healed]
        .into_iter()
        .flatten()
        .map(|(_, text)| text)
        .collect();
    Notice {
        title,
        body: body.join(" "),
        incident: None,
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
mod tests {
    use super::*;
    use api::model::{InstanceId, Remedy, RemedyKind, Timestamp};

    fn incident(id: u64, service: &str, state: IncidentState) -> Incident {
        let service: ServiceName = service.parse().unwrap();
        let remedy = Remedy {
            at: Timestamp(2),
            kind: RemedyKind::Restart,
            detail: "restart 1 of 5, after 100 ms".into(),
        };
        Incident {
            id: IncidentId(id),
            cluster: "shop-00000000".parse().unwrap(),
            instance: InstanceId::new(service.clone(), 0),
            cause: format!("{service}.0 was ended by SIGKILL"),
            service,
            state,
            impacted: vec![],
            actions: vec![remedy],
            opened: Timestamp(1),
            resolved: Some(Timestamp(1_235)),
            duration_ms: Some(1_234),
            began: None,
            began_by: None,
            detect_ms: None,
            waits: None,
            person: false,
            entries: 0,
            unlisted: Vec::new(),
        }
    }

    #[test]
    fn a_healed_service_is_told_once_with_cause_action_and_time() {
        let mut notifier = Notifier::default();
        let open = incident(7, "db", IncidentState::Open);
        let healed = incident(7, "db", IncidentState::Resolved);
        assert_eq!(notifier.incident(&open, Mono(0)), None);
        let notice = notifier.incident(&healed, Mono(1)).unwrap();
        assert_eq!(notice.title, "db was healed");
        assert_eq!(
            notice.body,
            "db.0 was ended by SIGKILL. Restart 1 of 5, after 100 ms. Back in 1.2 s."
        );
        assert_eq!(
            notice.incident,
            Some((healed.cluster.clone(), IncidentId(7)))
        );
        assert_eq!(notifier.incident(&healed, Mono(2)), None);
    }

    #[test]
    fn a_quarantine_says_that_somebody_must_act() {
        let notice = Notifier::default()
            .incident(&incident(1, "mail", IncidentState::Quarantined), Mono(0))
            .unwrap();
        assert_eq!(notice.title, "mail is in quarantine");
        assert!(
            notice.body.ends_with("it stays down until you release it."),
            "{}",
            notice.body
        );
    }

    #[test]
    fn what_a_person_ended_or_what_came_back_by_itself_is_no_news() {
        let mut notifier = Notifier::default();
        assert_eq!(
            notifier.incident(&incident(1, "a", IncidentState::Closed), Mono(0)),
            None
        );
        let mut by_itself = incident(2, "b", IncidentState::Resolved);
        by_itself.actions.clear();
        assert_eq!(notifier.incident(&by_itself, Mono(0)), None);
    }

    #[test]
    fn what_was_over_before_the_window_opened_is_no_news() {
        let mut notifier = Notifier::default();
        let over = incident(1, "a", IncidentState::Resolved);
        let open = incident(2, "b", IncidentState::Open);
        notifier.already_over([&over, &open]);
        assert_eq!(notifier.incident(&over, Mono(0)), None);
        assert!(
            notifier
                .incident(&incident(2, "b", IncidentState::Resolved), Mono(0))
                .is_some()
        );
    }

    #[test]
    fn a_burst_becomes_five_and_one_summary() {
        let mut notifier = Notifier::default();
        let mut shown = 0;
        for id in 0..20 {
            let state = if id == 12 {
                IncidentState::Quarantined
            } else {
                IncidentState::Resolved
            };
            let told =
                notifier.incident(&incident(id, &format!("s-{id:02}"), state), Mono(id * 100));
            shown += usize::from(told.is_some());
        }
        assert_eq!(shown, BURST);
        // The first was shown at 0, so its window passes at 10 s.
        assert_eq!(notifier.next_flush(), Some(Mono(10_000)));
        assert_eq!(notifier.flush(Mono(9_999)), None);
        let notice = notifier.flush(Mono(10_000)).unwrap();
        assert_eq!(notice.title, "1 more in quarantine, 14 healed");
        assert_eq!(
            notice.body,
            "In quarantine: s-12. Healed: s-05, s-06, s-07, s-08 and 10 more."
        );
        assert_eq!(notifier.flush(Mono(30_000)), None);
        // Calm again: told singly.
        assert!(
            notifier
                .incident(&incident(99, "z", IncidentState::Resolved), Mono(30_000))
                .is_some()
        );
    }

    #[test]
    fn a_crash_loop_of_one_service_is_named_once_in_the_summary() {
        let mut notifier = Notifier::default();
        for id in 0..8 {
            notifier.incident(&incident(id, "db", IncidentState::Resolved), Mono(id));
        }
        let notice = notifier.flush(Mono(60_000)).unwrap();
        assert_eq!(notice.title, "1 more healed");
        assert_eq!(notice.body, "Healed: db.");
    }

    #[test]
    fn what_is_remembered_does_not_grow_without_bound() {
        let mut notifier = Notifier::default();
        for id in 0..(REMEMBERED as u64 + 100) {
            notifier.remember(IncidentId(id));
        }
        assert_eq!(notifier.told.len(), REMEMBERED);
    }
}
