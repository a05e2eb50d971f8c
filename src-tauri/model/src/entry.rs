//! Entries of the ledger: what is written of an act, in a form that has one text only.
//!
//! The fields of each entry, and of all that is in it, stand in the order of their names, and nothing that
//! is not there is written. So what `serde_json` writes of it is the canonical form (RFC 8785), and costs no
//! more than any JSON; `ledger`'s tests hold both against each other.

use crate::{
    Act, ActId, Actor, ActorKind, ClusterId, Decided, Outcome, ServiceName, Target, Timestamp, Verb,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// The text of an entry, before it is known what kind it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<'a> {
    /// Of an outcome: which act it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<ActId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<By<'a>>,
    /// Of the beginning: the highest number given before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acts: Option<ActId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// Of an act: why the door let it in, or did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Cow<'a, Decided>>,
    entry: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<ActId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Ended<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<At<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verb: Option<Verb>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Admitted,
    Begun,
    Done,
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct By<'a> {
    kind: ActorKind,
    via: Cow<'a, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct At<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<Cow<'a, ClusterId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<Cow<'a, crate::InstanceId>>,
    services: Cow<'a, [ServiceName]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'a, str>>,
    kind: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Done,
    Failed,
    Overtaken,
    Pending,
    Refused,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The ledger begins; acts up to this number were before it.
    Begun {
        /// The highest number that had been given.
        acts: ActId,
        /// When.
        at: Timestamp,
    },
    /// An act was admitted, and may begin. Its outcome is not known.
    Admitted(Act),
    /// An act that was admitted has ended.
    Ended {
        /// Which.
        act: ActId,
        /// How.
        outcome: Outcome,
    },
    /// An act was admitted and has ended, and both are written at once.
    Done(Act),
}

/// Which act an entry is about, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The ledger begins; acts up to this number were before it.
    Begun(ActId),
    /// It was admitted.
    Admitted(ActId),
    /// It has ended.
    Ended(ActId),
    /// Both.
    Done(ActId),
}

impl<'a> Entry<'a> {
    /// What is written of an act that is not in the ledger yet: that it was admitted, and how it ended if
    /// it has.
    pub fn of(act: &'a Act) -> Self {
        let Act {
            id,
            at,
            actor,
            verb,
            target,
            reason,
            outcome,
            decision,
        } = act;
        let ended = Ended::of(outcome);
        Self {
            act: None,
            actor: Some(By {
                kind: actor.kind,
                via: Cow::Borrowed(&actor.via),
            }),
            acts: None,
            at: Some(*at),
            decision: decision.as_deref().map(Cow::Borrowed),
            entry: match ended.kind {
                How::Pending => Kind::Admitted,
                _ => Kind::Done,
            },
            id: Some(*id),
            outcome: (ended.kind != How::Pending).then_some(ended),
            reason: Some(Cow::Borrowed(reason)),
            target: Some(At {
                cluster: target.cluster.as_ref().map(Cow::Borrowed),
                instance: target.instance.as_ref().map(Cow::Borrowed),
                services: Cow::Borrowed(&target.services),
            }),
            verb: Some(*verb),
        }
    }

    /// What is written when an act has ended that is in the ledger; `None` while it has not.
    pub fn ended(act: &'a Act) -> Option<Self> {
        let outcome = Ended::of(&act.outcome);
        (outcome.kind != How::Pending).then_some(Self {
            act: Some(act.id),
            actor: None,
            acts: None,
            at: None,
            decision: None,
            entry: Kind::Ended,
            id: None,
            outcome: Some(outcome),
            reason: None,
            target: None,
            verb: None,
        })
    }

    /// Which act it is about, for who need not know more; `None` when it has not exactly what its kind has.
    pub fn about(&self) -> Option<About> {
        let over = self
            .outcome
            .as_ref()
            .map(|outcome| outcome.detail.is_some() && outcome.kind != How::Pending);
        let whole = self.actor.is_some() && self.reason.is_some() && self.target.is_some();
        let nothing = self.actor.is_none()
            && self.reason.is_none()
            && self.target.is_none()
            && self.decision.is_none();
        match (
            self.entry, self.act, self.acts, self.at, self.id, self.verb, over,
        ) {
            (Kind::Begun, None, Some(acts), Some(_), None, None, None) if nothing => {
                Some(About::Begun(acts))
            }
            (Kind::Ended, Some(act), None, None, None, None, Some(true)) if nothing => {
                Some(About::Ended(act))
            }
            (Kind::Admitted, None, None, Some(_), Some(id), Some(_), None) if whole => {
                Some(About::Admitted(id))
            }
            (Kind::Done, None, None, Some(_), Some(id), Some(_), Some(true)) if whole => {
                Some(About::Done(id))
            }
            _ => None,
        }
    }

    /// What it says; `None` when it has not exactly what its kind has.
    pub fn said(self) -> Option<Said> {
        let said = match self.about()? {
            About::Begun(acts) => Said::Begun { acts, at: self.at? },
            About::Ended(act) => Said::Ended {
                act,
                outcome: self.outcome?.ours()?,
            },
            About::Admitted(_) => Said::Admitted(self.act(Outcome::Pending)?),
            About::Done(_) => {
                let outcome = self.outcome.clone()?.ours()?;
                Said::Done(self.act(outcome)?)
            }
        };
        Some(said)
    }

    fn act(self, outcome: Outcome) -> Option<Act> {
        let (actor, target) = (self.actor?, self.target?);
        Some(Act {
            id: self.id?,
            at: self.at?,
            actor: Actor {
                kind: actor.kind,
                via: actor.via.into_owned(),
            },
            verb: self.verb?,
            target: Target {
                cluster: target.cluster.map(Cow::into_owned),
                services: target.services.into_owned(),
                instance: target.instance.map(Cow::into_owned),
            },
            reason: self.reason?.into_owned(),
            outcome,
            decision: self.decision.map(|one| Arc::new(one.into_owned())),
        })
    }
}

impl<'a> Ended<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let (kind, detail) = match outcome {
            Outcome::Pending => (How::Pending, None),
            Outcome::Done(detail) => (How::Done, Some(detail)),
            Outcome::Failed(detail) => (How::Failed, Some(detail)),
            Outcome::Refused(detail) => (How::Refused, Some(detail)),
            Outcome::Overtaken(detail) => (How::Overtaken, Some(detail)),
        };
        Self {
            detail: detail.map(|text| Cow::Borrowed(text.as_str())),
            kind,
        }
    }

    fn ours(self) -> Option<Outcome> {
        let detail = self.detail?.into_owned();
        match self.kind {
            How::Pending => None,
            How::Done => Some(Outcome::Done(detail)),
            How::Failed => Some(Outcome::Failed(detail)),
            How::Refused => Some(Outcome::Refused(detail)),
            How::Overtaken => Some(Outcome::Overtaken(detail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DecidingRule;

    fn act(outcome: Outcome) -> Act {
        Act {
            id: ActId(7),
            at: Timestamp(1_000),
            actor: Actor::person("cli"),
            verb: Verb::Stop,
            target: Target {
                cluster: Some("shop-1".parse().unwrap()),
                services: vec!["api".parse().unwrap()],
                instance: None,
            },
            reason: "it says \"no\"\n\u{1}\u{7f}é".into(),
            outcome,
            decision: None,
        }
    }

    #[test]
    fn an_entry_has_one_text_and_comes_back() {
        let pending = act(Outcome::Pending);
        let text = serde_json::to_string(&Entry::of(&pending)).unwrap();
        assert_eq!(
            text,
            "{\"actor\":{\"kind\":\"person\",\"via\":\"cli\"},\"at\":1000,\"entry\":\"admitted\",\"id\":7,\
             \"reason\":\"it says \\\"no\\\"\\n\\u0001\u{7f}é\",\
             \"target\":{\"cluster\":\"shop-1\",\"services\":[\"api\"]},\"verb\":\"stop\"}"
        );
        let back: Entry<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.said(), Some(Said::Admitted(pending.clone())));
        assert_eq!(Entry::ended(&pending), None);

        let over = act(Outcome::Failed("no".into()));
        let text = serde_json::to_string(&Entry::ended(&over).unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"act":7,"entry":"ended","outcome":{"detail":"no","kind":"failed"}}"#
        );
        let back: Entry<'_> = serde_json::from_str(&text).unwrap();
        let outcome = over.outcome.clone();
        assert_eq!(
            back.said(),
            Some(Said::Ended {
                act: ActId(7),
                outcome
            })
        );

        let text = serde_json::to_string(&Entry::of(&over)).unwrap();
        let back: Entry<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.said(), Some(Said::Done(over)));
    }

    #[test]
    fn why_it_was_let_in_is_in_the_text_in_the_order_of_its_names() {
        let rule = DecidingRule {
            id: "people-decide".into(),
            project: true,
            says: "a person may".into(),
        };
        let decided = Decided {
            facts: "service api of shop".into(),
            rules: vec![rule],
            set: "ab".into(),
        };
        let mut decision = act(Outcome::Pending);
        decision.decision = Some(Arc::new(decided));
        let text = serde_json::to_string(&Entry::of(&decision)).unwrap();
        let part = "\"at\":1000,\"decision\":{\"facts\":\"service api of shop\",\"rules\":[{\"id\":\"people-decide\",\
                    \"project\":true,\"says\":\"a person may\"}],\"set\":\"ab\"},\"entry\":\"admitted\"";
        assert!(text.contains(part), "{text}");
        let back: Entry<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.said(), Some(Said::Admitted(decision)));
    }

    #[test]
    fn what_has_not_what_its_kind_has_says_nothing() {
        for text in [
            r#"{"entry":"begun"}"#,
            r#"{"act":7,"entry":"ended"}"#,
            r#"{"act":7,"entry":"ended","outcome":{"kind":"pending"}}"#,
            r#"{"act":7,"decision":{"rules":[],"set":""},"entry":"ended","outcome":{"detail":"no","kind":"failed"}}"#,
            r#"{"act":7,"at":1,"entry":"ended","outcome":{"detail":"no","kind":"failed"}}"#,
            r#"{"actor":{"kind":"person","via":"cli"},"at":1,"entry":"done","id":7,"reason":"","target":{"services":[]},"verb":"stop"}"#,
        ] {
            let entry: Entry<'_> = serde_json::from_str(text).unwrap();
            assert_eq!(entry.about(), None, "{text}");
            assert_eq!(entry.said(), None, "{text}");
        }
    }
}
