//! Of many rules those whose heads can match a question at all. Cedar looks at every rule that it is given, and what a
//! question costs is mostly that.
//!
//! A rule is left out only where its head alone says that it is about another kind of party, another act or another
//! kind of thing. Such a rule neither decides nor fails, so the answer is the same without it.

use crate::rules::Rule;
use crate::vocabulary::VOCABULARY;
use crate::{Question, Subject, Who};
use cedar_policy::{ActionConstraint, Policy, PolicySet, PrincipalConstraint, ResourceConstraint};
use model::Verb;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Kinds of things that something is done to.
const SUBJECTS: usize = 3;

/// See the module. What a kind of question needs is picked when it is asked for the first time.
pub(crate) struct Narrowed {
    policies: Vec<Policy>,
    kinds: Box<[OnceLock<Arc<PolicySet>>]>,
    /// Most kinds of questions need the same few rules as others.
    picked: Mutex<BTreeMap<Vec<usize>, Arc<PolicySet>>>,
}

impl Narrowed {
    /// # Errors
    /// Why Cedar does not take all of them together.
    pub(crate) fn of(rules: &[Rule]) -> Result<Self, String> {
        let policies: Vec<_> = rules.iter().map(|rule| rule.policy.clone()).collect();
        let taken = PolicySet::from_policies(policies.iter().cloned());
        taken.map_err(|error| error.to_string())?;
        let kinds = Who::ALL.len() * Verb::ALL.len() * SUBJECTS;
        Ok(Self {
            policies,
            kinds: (0..kinds).map(|_| OnceLock::new()).collect(),
            picked: Mutex::default(),
        })
    }

    /// Those that a question is to be asked of.
    pub(crate) fn rules_for(&self, question: &Question<'_>) -> &PolicySet {
        let subject = match question.subject {
            Subject::Home => 0,
            Subject::Cluster { .. } => 1,
            Subject::Service { .. } => 2,
        };
        let kind = question.who as usize * Verb::ALL.len() + question.verb as usize;
        self.kinds[kind * SUBJECTS + subject].get_or_init(|| self.pick(question))
    }

    fn pick(&self, question: &Question<'_>) -> Arc<PolicySet> {
        let all = self.policies.iter().enumerate();
        let places: Vec<usize> = (all.filter(|(_, policy)| can_match(policy, question)))
            .map(|(place, _)| place)
            .collect();
        let mut picked = self.picked.lock().unwrap_or_else(PoisonError::into_inner);
        let made = picked.entry(places).or_insert_with_key(|places| {
            let rules = places.iter().map(|place| self.policies[*place].clone());
            let rules = PolicySet::from_policies(rules);
            Arc::new(rules.expect("a part of what was taken together is taken, too"))
        });
        Arc::clone(made)
    }
}

/// False only where the head of a rule says that it is about something else. What is of something (`in`) or one
/// certain thing is looked at by Cedar.
fn can_match(policy: &Policy, question: &Question<'_>) -> bool {
    let who = VOCABULARY.kind_of_who(question.who);
    let groups = VOCABULARY.groups(question.verb);
    let subject = VOCABULARY.kind_of(&question.subject);
    let principal = match policy.principal_constraint() {
        PrincipalConstraint::Any | PrincipalConstraint::In(_) => true,
        PrincipalConstraint::Is(kind) | PrincipalConstraint::IsIn(kind, _) => kind == *who,
        PrincipalConstraint::Eq(one) => one.type_name() == who,
    };
    let action = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => VOCABULARY.verb(question.verb) == one,
        ActionConstraint::In(any) => any.iter().any(|one| groups.contains(one)),
    };
    let resource = match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::In(_) => true,
        ResourceConstraint::Is(kind) | ResourceConstraint::IsIn(kind, _) => kind == *subject,
        ResourceConstraint::Eq(one) => one.type_name() == subject,
    };
    principal && action && resource
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;
    use cedar_policy::PolicyId;
    use model::ClusterId;

    /// Heads of every form.
    const HEADS: &str = r#"
        permit (principal, action, resource);
        permit (principal is Person, action, resource);
        permit (principal == Agent::"agent", action, resource);
        forbid (principal == Person::"cli", action == Action::"stop", resource);
        forbid (principal is Healer, action in Action::"stop-services", resource is Service);
        forbid (principal, action in [Action::"start", Action::"heal"], resource in Home::"home");
        forbid (principal, action in Action::"take-load-away", resource is Cluster);
        forbid (principal, action == Action::"scale", resource is Service in Cluster::"shop-1");
        permit (principal, action in Action::"stop", resource == Service::"shop-1/db");
        forbid (principal, action == Action::"register", resource is Home) when { principal.via == "registry" };
        forbid (principal is Agent, action, resource is Service) when { resource.protected };
    "#;

    fn rules() -> Vec<Rule> {
        let heads = HEADS
            .split(';')
            .map(str::trim)
            .filter(|head| !head.is_empty());
        let rule = |(place, head): (usize, &str)| {
            let id = PolicyId::new(place.to_string());
            Rule {
                id: place.to_string(),
                says: String::new(),
                approvals: None,
                project: false,
                policy: Policy::parse(Some(id), format!("{head};")).unwrap(),
            }
        };
        heads.enumerate().map(rule).collect()
    }

    #[test]
    fn what_is_left_out_decides_nothing() {
        let (heads, built_in) = (rules(), Rules::built_in());
        let cluster: ClusterId = "shop-1".parse().unwrap();
        let service = |name, protected| Subject::Service {
            cluster: &cluster,
            cluster_name: "shop",
            name,
            category: "data",
            protected,
        };
        let subjects = [
            Subject::Home,
            Subject::Cluster {
                id: &cluster,
                name: "shop",
            },
            service("db", true),
            service("api", false),
        ];
        let mut left_out = 0;
        for rules in [&heads[..], &built_in.rules] {
            let narrowed = Narrowed::of(rules).unwrap();
            let whole = PolicySet::from_policies(narrowed.policies.iter().cloned()).unwrap();
            for who in Who::ALL {
                for verb in Verb::ALL {
                    for subject in subjects {
                        let question = Question {
                            who,
                            via: who.usual_via(),
                            verb,
                            subject,
                            approvals: 0,
                        };
                        let fewer = narrowed.rules_for(&question);
                        left_out += rules.len() - fewer.policies().count();
                        let answer = crate::policies::authorized(&question, fewer).unwrap();
                        let of_all = crate::policies::authorized(&question, &whole).unwrap();
                        assert_eq!(answer, of_all, "{question:?}");
                    }
                }
            }
        }
        assert!(left_out > 1_000, "{left_out}");
    }
}
