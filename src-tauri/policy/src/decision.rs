//! What is answered: whether, by which rules, and from which facts.

use crate::{Question, Subject};
use model::{Decided, DecidingRule};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// Whether it may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
    /// It may when so many persons approve of it within that time.
    NeedsApproval {
        /// How many.
        count: u32,
        /// In what time.
        within: Duration,
    },
}

/// A rule could not be worked out. What it may concern is refused, and a person has to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Which rule.
    pub rule: String,
    /// Why.
    pub said: String,
}

/// An answer. The same question has the same answer as long as the rules are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether.
    pub verdict: Verdict,
    /// Why, in the form in which it is written down with the act.
    pub decided: Arc<Decided>,
    /// The same without sentences and facts, for acts of which there are thousands in a second.
    pub brief: Arc<Decided>,
    /// What stood in the way of a proper answer.
    pub alarm: Option<Alarm>,
}

impl Decision {
    pub(crate) fn new(verdict: Verdict, decided: Decided, alarm: Option<Alarm>) -> Self {
        let named = |rule: &DecidingRule| DecidingRule {
            says: String::new(),
            ..rule.clone()
        };
        let brief = Decided {
            rules: decided.rules.iter().map(named).collect(),
            facts: String::new(),
            set: decided.set.clone(),
        };
        Self {
            verdict,
            decided: Arc::new(decided),
            brief: Arc::new(brief),
            alarm,
        }
    }

    /// True when it may be done now.
    pub fn allows(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    /// The rules that decided.
    pub fn rules(&self) -> &[DecidingRule] {
        &self.decided.rules
    }

    /// Why, in words: "only a person may stop what is protected (rule protected-is-for-people; service db)".
    pub fn why(&self) -> String {
        let mut said = String::new();
        if let Some(alarm) = &self.alarm {
            let Alarm { rule, said: error } = alarm;
            let _ = write!(said, "the rule {rule} could not be worked out: {error}");
        } else if self.decided.rules.is_empty() {
            said.push_str("no rule allows it");
        }
        for (index, rule) in self.decided.rules.iter().enumerate() {
            if index > 0 || !said.is_empty() {
                said.push_str("; ");
            }
            let whose = if rule.project {
                "this project's rule"
            } else {
                "rule"
            };
            let _ = write!(said, "{} ({whose} {})", rule.says, rule.id);
        }
        if !self.decided.facts.is_empty() {
            let _ = write!(said, " [{}]", self.decided.facts);
        }
        if let Verdict::NeedsApproval { count, within } = self.verdict {
            let minutes = within.as_secs() / 60;
            let approvals = if count == 1 { "approval" } else { "approvals" };
            let _ = write!(said, "; it needs {count} {approvals} within {minutes} min");
        }
        said
    }

    /// The answer to a question that was asked about several things: what refuses one refuses all.
    pub(crate) fn joined(all: Vec<Arc<Decision>>) -> Option<Arc<Decision>> {
        // Told first, as it is to be mended: a rule that could not be worked out.
        if let Some(alarmed) = all.iter().find(|one| one.alarm.is_some()) {
            return Some(Arc::clone(alarmed));
        }
        let mut needs: Option<Verdict> = None;
        for one in &all {
            match (one.verdict, &mut needs) {
                (Verdict::Refused, _) => return Some(Arc::clone(one)),
                (Verdict::Allowed, _) => {}
                (needed, None) => needs = Some(needed),
                (
                    Verdict::NeedsApproval { count, within },
                    Some(Verdict::NeedsApproval {
                        count: most,
                        within: shortest,
                    }),
                ) => {
                    *most = count.max(*most);
                    *shortest = within.min(*shortest);
                }
                (Verdict::NeedsApproval { .. }, Some(_)) => {}
            }
        }
        let verdict = needs.unwrap_or(Verdict::Allowed);
        let same = all.iter().filter(|one| {
            matches!(
                (one.verdict, verdict),
                (Verdict::Allowed, Verdict::Allowed)
                    | (Verdict::NeedsApproval { .. }, Verdict::NeedsApproval { .. })
            )
        });
        let same: Vec<_> = same.collect();
        let first = *same.first()?;
        if same.len() == 1 && first.verdict == verdict {
            return Some(Arc::clone(first));
        }
        let mut rules: Vec<DecidingRule> = Vec::new();
        for rule in same.iter().flat_map(|one| one.rules()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
        let decided = Decided {
            rules,
            facts: first.decided.facts.clone(),
            set: first.decided.set.clone(),
        };
        Some(Arc::new(Decision::new(verdict, decided, None)))
    }
}

/// What a decision looked at, in words.
pub(crate) fn facts(question: &Question<'_>) -> String {
    let mut text = match question.subject {
        Subject::Home => String::new(),
        Subject::Cluster { name, .. } => format!("cluster {name}"),
        Subject::Service {
            cluster_name,
            name,
            category,
            protected,
            ..
        } => {
            let category = match category {
                "" => String::new(),
                category => format!(", category {category}"),
            };
            let protected = if protected { ", protected" } else { "" };
            format!("service {name} of {cluster_name}{category}{protected}")
        }
    };
    if question.approvals > 0 {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}approvals {}", question.approvals);
    }
    text
}
