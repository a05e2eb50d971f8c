//! Answers that were given: the registry asks the same question thousands of times a second.
//!
//! The same question has the same answer, so nothing here can be out of date: new rules have a memo of
//! their own. It has a fixed number of places, and a question that falls on a place takes it.

use crate::{Decision, Question, Subject, Who};
use model::{ClusterId, Verb};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// Answers that are kept.
const PLACES: usize = 1_024;
/// Questions with longer texts are worked out each time.
const LONGEST: usize = 512;

/// A question that owns its texts.
#[derive(Debug)]
struct Kept {
    who: Who,
    via: String,
    verb: Verb,
    subject: KeptSubject,
    approvals: u32,
}

#[derive(Debug)]
enum KeptSubject {
    Home,
    Cluster {
        id: ClusterId,
        name: String,
    },
    Service {
        cluster: ClusterId,
        cluster_name: String,
        name: String,
        category: String,
        protected: bool,
    },
}

/// One answer with its question.
type Place = Mutex<Option<(Kept, Arc<Decision>)>>;

/// See the module.
pub(crate) struct Memo(Box<[Place]>);

impl Memo {
    pub(crate) fn new() -> Self {
        Self((0..PLACES).map(|_| Mutex::default()).collect())
    }

    /// The answer that was given, or the one that `work_out` gives now.
    pub(crate) fn answer(
        &self,
        question: &Question<'_>,
        work_out: impl FnOnce() -> Decision,
    ) -> Arc<Decision> {
        if length(question) > LONGEST {
            return Arc::new(work_out());
        }
        // Keyed alike in every run: a purposely bad place costs one answer, and none is wrong.
        let mut hasher = DefaultHasher::new();
        question.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % PLACES as u64).unwrap_or(0);
        let place = &self.0[index];
        if let Some((kept, decision)) = &*place.lock().unwrap_or_else(PoisonError::into_inner)
            && kept.question() == *question
        {
            return Arc::clone(decision);
        }
        let decision = Arc::new(work_out());
        let kept = Kept::of(question);
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((kept, Arc::clone(&decision)));
        decision
    }
}

fn length(question: &Question<'_>) -> usize {
    let subject = match question.subject {
        Subject::Home => 0,
        Subject::Cluster { id, name } => id.as_str().len() + name.len(),
        Subject::Service {
            cluster,
            cluster_name,
            name,
            category,
            ..
        } => cluster.as_str().len() + cluster_name.len() + name.len() + category.len(),
    };
    question.via.len() + subject
}

impl Kept {
    fn of(question: &Question<'_>) -> Self {
        let subject = match question.subject {
            Subject::Home => KeptSubject::Home,
            Subject::Cluster { id, name } => KeptSubject::Cluster {
                id: id.clone(),
                name: name.to_owned(),
            },
            Subject::Service {
                cluster,
                cluster_name,
                name,
                category,
                protected,
            } => KeptSubject::Service {
                cluster: cluster.clone(),
                cluster_name: cluster_name.to_owned(),
                name: name.to_owned(),
                category: category.to_owned(),
                protected,
            },
        };
        Self {
            who: question.who,
            via: question.via.to_owned(),
            verb: question.verb,
            subject,
            approvals: question.approvals,
        }
    }

    fn question(&self) -> Question<'_> {
        let subject = match &self.subject {
            KeptSubject::Home => Subject::Home,
            KeptSubject::Cluster { id, name } => Subject::Cluster { id, name },
            KeptSubject::Service {
                cluster,
                cluster_name,
                name,
                category,
                protected,
            } => Subject::Service {
                cluster,
                cluster_name,
                name,
                category,
                protected: *protected,
            },
        };
        Question {
            who: self.who,
            via: &self.via,
            verb: self.verb,
            subject,
            approvals: self.approvals,
        }
    }
}
