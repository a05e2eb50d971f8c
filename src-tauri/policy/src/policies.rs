//! Answers from the rules of a home and of its projects.

use crate::decision::facts;
use crate::memo::Memo;
use crate::narrowed::Narrowed;
use crate::question::is_never_an_agents;
use crate::rules::{Rule, hash};
use crate::vocabulary::VOCABULARY;
use crate::{Alarm, Decision, Question, Rules, Subject, Verdict, Who};
use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, Entity, EntityUid, PolicyId, PolicySet,
    Request, Response, RestrictedExpression,
};
use model::{ClusterId, Decided, DecidingRule, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All rules that hold at a time.
pub struct Policies {
    home: Set,
    /// The home's rules and a project's together, for what is of its cluster.
    projects: BTreeMap<ClusterId, Set>,
    memo: Memo,
}

/// Rules that are asked together.
struct Set {
    rules: Vec<Rule>,
    /// Or why they could not be taken in; there is no way to bring that about.
    cedar: Result<Narrowed, String>,
    hash: String,
}

/// What Cedar says to one question.
struct Said {
    allowed: bool,
    /// Places among the rules, in order.
    by: BTreeSet<usize>,
    alarm: Option<Alarm>,
}

impl Policies {
    /// The rules of a home, and what its projects add for their own clusters.
    pub fn new(home: Rules, projects: BTreeMap<ClusterId, Rules>) -> Self {
        let joined = |(cluster, project)| (cluster, Set::of(&home, Some(&project)));
        Self {
            projects: projects.into_iter().map(joined).collect(),
            home: Set::of(&home, None),
            memo: Memo::new(),
        }
    }

    /// Which rules these are: the first half of the SHA-256 of the home's.
    pub fn hash(&self) -> &str {
        &self.home.hash
    }

    /// May this be done to this one thing?
    pub fn decide(&self, question: &Question<'_>) -> Arc<Decision> {
        self.memo.answer(question, || self.work_out(question))
    }

    /// May it be done to all of these? What refuses one refuses all. Nothing to be done anything to
    /// is the home.
    pub fn decide_all<'q>(
        &self,
        question: &Question<'q>,
        subjects: impl IntoIterator<Item = Subject<'q>>,
    ) -> Arc<Decision> {
        let all = subjects.into_iter().map(|subject| {
            self.decide(&Question {
                subject,
                ..*question
            })
        });
        Decision::joined(all.collect()).unwrap_or_else(|| self.decide(question))
    }

    /// The same as [`Policies::decide`], without looking at what was answered before.
    pub fn work_out(&self, question: &Question<'_>) -> Decision {
        if question.who == Who::Agent && is_never_an_agents(question.verb) {
            return self.home.never_an_agents(question);
        }
        // What is of every cluster is no project's to refuse.
        let whole = matches!(question.verb, Verb::EmergencyStop | Verb::Shutdown);
        let cluster = question.subject.cluster().filter(|_| !whole);
        let Some(own) = cluster.and_then(|cluster| self.projects.get(cluster)) else {
            return self.home.decide(question);
        };
        let decision = own.decide(question);
        if !matches!(decision.verdict, Verdict::NeedsApproval { .. }) {
            return decision;
        }
        // A project's rule that approvals lift makes nothing approvable that the home refuses.
        let home = self.home.decide(question);
        match home.verdict {
            Verdict::Refused => home,
            Verdict::Allowed | Verdict::NeedsApproval { .. } => decision,
        }
    }
}

impl Set {
    fn of(home: &Rules, project: Option<&Rules>) -> Self {
        let project_rules = project.iter().flat_map(|rules| rules.rules.iter());
        let rules: Vec<Rule> = (home.rules.iter().chain(project_rules).enumerate())
            .map(|(place, rule)| Rule {
                policy: rule.policy.new_id(PolicyId::new(place.to_string())),
                ..rule.clone()
            })
            .collect();
        let texts = std::iter::once(&*home.text).chain(project.map(|rules| &*rules.text));
        let hash = hash(texts);
        let cedar = Narrowed::of(&rules);
        Self { rules, cedar, hash }
    }

    fn decide(&self, question: &Question<'_>) -> Decision {
        let said = self.ask(question);
        let verdict = match (said.allowed, &said.alarm) {
            (_, Some(_)) => Verdict::Refused,
            (true, None) => Verdict::Allowed,
            (false, None) => self.lifted(question, &said.by).unwrap_or(Verdict::Refused),
        };
        let rules = said.by.iter().filter_map(|place| self.rules.get(*place));
        let rules = rules.map(|rule| DecidingRule {
            id: rule.id.clone(),
            says: rule.says.clone(),
            project: rule.project,
        });
        let decided = Decided {
            // A rule that could not be worked out is in the alarm; what the others say does not count.
            rules: match said.alarm {
                Some(_) => vec![],
                None => rules.collect(),
            },
            facts: facts(question),
            set: self.hash.clone(),
        };
        Decision::new(verdict, decided, said.alarm)
    }

    /// Refused, whatever the rules say.
    fn never_an_agents(&self, question: &Question<'_>) -> Decision {
        let rule = DecidingRule {
            id: "never-an-agents".to_owned(),
            says: "only a person approves, denies, adds and removes agents, types at terminals, sends requests and ends \
                   the engine"
                .to_owned(),
            project: false,
        };
        let decided = Decided {
            rules: vec![rule],
            facts: facts(question),
            set: self.hash.clone(),
        };
        Decision::new(Verdict::Refused, decided, None)
    }

    /// What is refused by rules that approvals lift is asked about again with as many approvals. What
    /// they promise does not count: only what is answered then.
    fn lifted(&self, question: &Question<'_>, by: &BTreeSet<usize>) -> Option<Verdict> {
        let asked = by.iter().map(|place| self.rules.get(*place)?.approvals);
        let asked: Option<Vec<_>> = asked.collect();
        let asked = asked?;
        let count = asked.iter().map(|approvals| approvals.count).max()?;
        let within = asked.iter().map(|approvals| approvals.within).min()?;
        if count <= question.approvals {
            return None;
        }
        let again = self.ask(&Question {
            approvals: count,
            ..*question
        });
        (again.allowed && again.alarm.is_none()).then_some(Verdict::NeedsApproval { count, within })
    }

    fn ask(&self, question: &Question<'_>) -> Said {
        let narrowed = match &self.cedar {
            Ok(narrowed) => narrowed,
            Err(broken) => return Said::alarmed("of this home", broken.clone()),
        };
        let response = match authorized(question, narrowed.rules_for(question)) {
            Ok(response) => response,
            Err(error) => return Said::alarmed("for this question", error),
        };
        let diagnostics = response.diagnostics();
        let place = |id: &PolicyId| id.to_string().parse().unwrap_or(usize::MAX);
        // Cedar leaves out a rule that it cannot work out; here nothing is allowed beside one.
        let alarm = diagnostics.errors().next().map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => {
                let rule = self.rules.get(place(error.policy_id()));
                Alarm {
                    rule: rule.map_or_else(String::new, |rule| rule.id.clone()),
                    said: error.inner().to_string(),
                }
            }
        });
        Said {
            allowed: response.decision() == cedar_policy::Decision::Allow,
            by: diagnostics.reason().map(place).collect(),
            alarm,
        }
    }
}

impl Said {
    fn alarmed(rule: &str, said: String) -> Self {
        Self {
            allowed: false,
            by: BTreeSet::new(),
            alarm: Some(Alarm {
                rule: rule.to_owned(),
                said,
            }),
        }
    }
}

/// What Cedar answers from these rules.
pub(crate) fn authorized(question: &Question<'_>, rules: &PolicySet) -> Result<Response, String> {
    let (request, entities) = asked(question)?;
    Ok(Authorizer::new().is_authorized(&request, rules, &entities))
}

/// A question as Cedar is asked it. The types in it are those of the schema, so it need not be checked
/// against it each time.
fn asked(question: &Question<'_>) -> Result<(Request, Entities), String> {
    let words = &*VOCABULARY;
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let principal = words.who(question.who, question.via);
    let action = words.verb(question.verb);
    let mut entities = vec![words.action(question.verb)];
    entities.push(entity(&principal, [("via", text(question.via))], None)?);
    let home = words.home();
    let cluster = |id: &ClusterId, name: &str| {
        let uid = words.cluster(id.as_str());
        let made = entity(&uid, [("name", text(name))], Some(home.clone()))?;
        Ok::<_, String>((uid, made))
    };
    let resource = match question.subject {
        Subject::Home => home.clone(),
        Subject::Cluster { id, name } => {
            let (uid, made) = cluster(id, name)?;
            entities.push(made);
            uid
        }
        Subject::Service {
            cluster: id,
            cluster_name,
            name,
            category,
            protected,
        } => {
            let (above, made) = cluster(id, cluster_name)?;
            entities.push(made);
            let uid = words.service(&format!("{id}/{name}"));
            let attributes = [
                ("name", text(name)),
                ("cluster", text(cluster_name)),
                ("category", text(category)),
                ("protected", RestrictedExpression::new_bool(protected)),
            ];
            entities.push(entity(&uid, attributes, Some(above))?);
            uid
        }
    };
    entities.push(Entity::new_no_attrs(home, [].into_iter().collect()));
    let approvals = RestrictedExpression::new_long(i64::from(question.approvals));
    let context = Context::from_pairs([("approvals".to_owned(), approvals)]);
    let context = context.map_err(|error| error.to_string())?;
    let request = Request::new(principal, action, resource, context, None);
    let request = request.map_err(|error| error.to_string())?;
    let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn entity<const N: usize>(
    uid: &EntityUid,
    attributes: [(&str, RestrictedExpression); N],
    parent: Option<EntityUid>,
) -> Result<Entity, String> {
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
    let attributes = attributes.into_iter().collect();
    Entity::new(uid.clone(), attributes, parent.into_iter().collect())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::Policy;
    use model::Verb;

    /// Rules as they would be if nothing had looked at them.
    fn unchecked(text: &str) -> Rules {
        let rule = |id: &str, text: &str| Rule {
            id: id.to_owned(),
            says: String::new(),
            approvals: None,
            project: false,
            policy: Policy::parse(Some(PolicyId::new(id)), text).unwrap(),
        };
        let all = rule("all", "permit (principal, action, resource);");
        Rules {
            rules: [all, rule("fails", text)].into(),
            text: text.into(),
        }
    }

    #[test]
    fn what_no_validation_would_let_through_refuses_all_the_same() {
        let cluster: ClusterId = "shop-1".parse().unwrap();
        let service = |protected| Subject::Service {
            cluster: &cluster,
            cluster_name: "shop",
            name: "db",
            category: "data",
            protected,
        };
        let question = |subject| Question {
            who: Who::Person,
            via: "cli",
            verb: Verb::Stop,
            subject,
            approvals: 0,
        };
        for failing in [
            "forbid (principal, action, resource) when { resource.owner == \"me\" };",
            "forbid (principal, action, resource) when { resource.protected > 3 };",
            "forbid (principal, action, resource) when { resource.name && true };",
            "forbid (principal, action, resource) when { context.hour < 8 };",
            "forbid (principal, action, resource) when { Service::\"nobody\".protected };",
            "forbid (principal, action, resource) when { principal.via.length > 1 };",
        ] {
            let policies = Policies::new(unchecked(failing), BTreeMap::new());
            let decision = policies.decide(&question(service(true)));
            assert_eq!(decision.verdict, Verdict::Refused, "{failing}");
            let alarm = decision.alarm.as_ref().unwrap();
            assert_eq!(alarm.rule, "fails", "{failing}");
            assert!(decision.rules().is_empty());
        }
        // It fails only where it is looked at.
        let some =
            "forbid (principal, action, resource) when { resource.protected && resource.x };";
        let policies = Policies::new(unchecked(some), BTreeMap::new());
        assert!(policies.decide(&question(service(false))).allows());
        assert!(!policies.decide(&question(service(true))).allows());
    }

    #[test]
    fn no_rule_gives_an_agent_what_is_never_an_agents() {
        let text = "@id(\"all\") @says(\"everybody may do everything\") permit (principal, action, resource);";
        let rules = Rules::of_home("all", text.as_bytes()).unwrap();
        let policies = Policies::new(rules, BTreeMap::new());
        for verb in Verb::ALL {
            let question = |who| Question {
                who,
                via: "claude",
                verb,
                subject: Subject::Home,
                approvals: 9,
            };
            let decision = policies.decide(&question(Who::Agent));
            let never = is_never_an_agents(verb);
            assert_eq!(decision.allows(), !never, "{}", verb.name());
            if never {
                assert_eq!(decision.verdict, Verdict::Refused);
                assert_eq!(decision.rules()[0].id, "never-an-agents");
            }
            assert!(policies.decide(&question(Who::Person)).allows());
        }
    }

    #[test]
    fn a_rule_speaks_of_one_agent_by_its_name() {
        let text = "@id(\"agents\") @says(\"an agent may restart\") \
                    permit (principal is Agent, action == Action::\"restart\", resource);\n\
                    @id(\"not-bob\") @says(\"bob may not\") \
                    forbid (principal == Agent::\"bob\", action, resource);\n\
                    @id(\"not-eve\") @says(\"eve may not\") \
                    forbid (principal is Agent, action, resource) when { principal.via == \"eve\" };";
        let rules = Rules::of_home("agents", text.as_bytes()).unwrap();
        let policies = Policies::new(rules, BTreeMap::new());
        let may = |via| {
            let question = Question {
                who: Who::Agent,
                via,
                verb: Verb::Restart,
                subject: Subject::Home,
                approvals: 0,
            };
            policies.decide(&question).allows()
        };
        assert!(may("claude") && !may("bob") && !may("eve"));
    }

    #[test]
    fn a_remembered_answer_is_that_of_the_same_question() {
        let policies = Policies::new(Rules::built_in(), BTreeMap::new());
        let question = |who, verb| Question {
            who,
            via: "cli",
            verb,
            subject: Subject::Home,
            approvals: 0,
        };
        for _ in 0..2 {
            for who in Who::ALL {
                for verb in Verb::ALL {
                    let question = question(who, verb);
                    let fresh = policies.work_out(&question);
                    assert_eq!(*policies.decide(&question), fresh, "{question:?}");
                }
            }
        }
        let again = question(Who::Client, Verb::Register);
        let (one, two) = (policies.decide(&again), policies.decide(&again));
        assert!(Arc::ptr_eq(&one, &two), "it is not worked out twice");
    }
}
