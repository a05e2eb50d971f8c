//! What becomes of changed files: the door is asked for a restart, and the heart told of it.

use super::{Message, Owner, SHOW_STATES};
use crate::files::{Told, Wanted};
use model::{ActId, Actor, EventKind, InstanceId, Mono, ServiceName, Target, Verb};
use orchestrator::{Command, Input};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Characters of one file's name in a reason; what is longer is shown from its end.
const NAME: usize = 120;

impl Owner {
    /// Has the files watched that the definition names, and no others.
    pub(super) fn watch_files(&mut self) {
        let services = self.record.definition.services.iter();
        let services: BTreeMap<ServiceName, spec::FileWatch> = services
            .filter_map(|(name, service)| Some((name.clone(), service.watch.clone()?)))
            .collect();
        let wanted = Wanted {
            folder: self.record.folder.clone(),
            services,
        };
        if self.watched.as_ref() == Some(&wanted)
            || (self.watched.is_none() && wanted.services.is_empty())
        {
            return;
        }
        if self
            .shared
            .files
            .watch(&self.id, wanted.clone(), self.myself.clone())
        {
            self.watched = Some(wanted);
        } else {
            let text = "files are not watched: too much is asked at once; `azora up` asks again";
            self.say(text.to_owned());
        }
    }

    /// Has nothing watched any more.
    pub(super) fn unwatch_files(&mut self) {
        if let Some(mut wanted) = self.watched.take() {
            wanted.services.clear();
            self.shared
                .files
                .watch(&self.id, wanted, self.myself.clone());
        }
    }

    pub(super) fn files(&mut self, service: ServiceName, told: Told) {
        match told {
            Told::Changing => {
                self.rebuilding.insert(service.clone());
                self.marks_changed(&service);
            }
            Told::Changed { files, count, last } => {
                self.rebuilding.remove(&service);
                self.marks_changed(&service);
                let changed = self.shared.clock.mono(last);
                self.files_changed(service, &words(&files, count), changed);
            }
            Told::Said(text) => self.say(text),
        }
    }

    /// Asks the door, unless nobody wants the service to run or a person holds it, or it was begun
    /// since they changed. What changes while the door is asked is read by the start that follows.
    fn files_changed(&mut self, service: ServiceName, why: &str, changed: Mono) {
        if self.record.stopped.contains(&service)
            || self.refreshing.contains(&service)
            || self.cluster.begun_after(&service, changed)
        {
            return;
        }
        let held = self
            .cluster
            .status(&InstanceId::new(service.clone(), 0))
            .is_some_and(|first| first.marks.held);
        if held {
            self.say(format!("{why}; {service} is held and not restarted"));
            return;
        }
        self.refreshing.insert(service.clone());
        let target = Target {
            cluster: Some(self.id.clone()),
            services: vec![service.clone()],
            instance: None,
        };
        let (shared, inbox, why) = (
            Arc::clone(&self.shared),
            self.myself.clone(),
            why.to_owned(),
        );
        self.shared.tasks.spawn(async move {
            let admitted = shared
                .door
                .admit(Actor::watch(), Verb::Restart, target, &why)
                .await;
            let answer = admitted.map(|act| act.id).map_err(|error| error.story());
            // A closed inbox means the engine is going down, or the cluster was forgotten.
            let _ = inbox
                .send(Message::Refresh {
                    service,
                    why,
                    changed,
                    answer,
                })
                .await;
        });
    }

    /// The door has answered.
    pub(super) fn refresh(
        &mut self,
        service: ServiceName,
        why: String,
        changed: Mono,
        answer: Result<ActId, String>,
    ) {
        self.refreshing.remove(&service);
        match answer {
            Ok(act) => {
                let services = vec![service];
                let command = Command::Refresh {
                    services,
                    why,
                    changed,
                };
                self.step(Input::Command { command, act });
            }
            Err(refusal) => self.say(format!("{why}; {service} is not restarted: {refusal}")),
        }
    }

    fn marks_changed(&mut self, service: &ServiceName) {
        let instances = self.cluster.statuses().map(|one| one.instance);
        self.changed
            .extend(instances.filter(|id| id.service == *service));
        self.show_within(SHOW_STATES);
    }

    pub(super) fn say(&self, text: String) {
        self.shared
            .journal
            .event(Some(&self.id), EventKind::Notice { text });
    }
}

/// "src/a.js changed", "src/a.js, src/b.js and 3 more files changed".
fn words(files: &[String], count: usize) -> String {
    let short = |file: &String| {
        let length = file.chars().count();
        match length > NAME {
            true => format!("…{}", file.chars().skip(length - NAME).collect::<String>()),
            false => file.clone(),
        }
    };
    let names: Vec<String> = files.iter().map(short).collect();
    match (names.split_last(), count.saturating_sub(names.len())) {
        (Some((only, [])), 0) => format!("{only} changed"),
        (Some((last, rest)), 0) => format!("{} and {last} changed", rest.join(", ")),
        (_, 1) => format!("{} and 1 more file changed", names.join(", ")),
        (_, more) => format!("{} and {more} more files changed", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_by_the_files() {
        let named = |files: &[&str], count| {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            words(&files, count)
        };
        assert_eq!(named(&["a"], 1), "a changed");
        assert_eq!(named(&["a", "b"], 2), "a and b changed");
        assert_eq!(named(&["a", "b", "c"], 3), "a, b and c changed");
        assert_eq!(named(&["a", "b"], 3), "a, b and 1 more file changed");
        assert_eq!(named(&["a", "b"], 40), "a, b and 38 more files changed");
        let long = "x".repeat(500);
        let five = [long.as_str(); 5];
        assert!(named(&five, 5).len() < 1_000, "it fits a reason");
    }
}
