//! What a project's own rules can do, and what they cannot.

use super::chance::{Asked, Dice};
use model::ClusterId;
use policy::{Policies, Rules, Verdict};
use std::collections::BTreeMap;

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Refused => 0,
        Verdict::NeedsApproval { .. } => 1,
        Verdict::Allowed => 2,
    }
}

/// Some rules a project might have.
fn made(dice: &mut Dice) -> String {
    let mut text = String::new();
    for number in 0..1 + dice.below(4) {
        let approvals = dice.of(&[
            "",
            "@approvals(\"1\") @within(\"24h\")",
            "@approvals(\"3\") @within(\"5m\")",
        ]);
        let who = dice.of(&["principal", "principal is Agent", "principal is Person"]);
        let action = dice.of(&[
            "action",
            "action in Action::\"stop-services\"",
            "action == Action::\"restart\"",
        ]);
        let resource = dice.of(&[
            "resource",
            "resource is Service",
            "resource in Home::\"home\"",
        ]);
        let unless = dice.of(&[
            "",
            "unless { context.approvals >= 1 }",
            "unless { context.approvals >= 3 }",
        ]);
        let when = match resource == "resource is Service" {
            true => "when { resource.category like \"*1*\" }",
            false => "",
        };
        text += &format!(
            "@id(\"r{number}\") @says(\"rule {number}\") {approvals} forbid ({who}, {action}, {resource}) {when} {unless};\n"
        );
    }
    text
}

#[test]
fn a_project_never_loosens_and_speaks_of_its_own_cluster_only() {
    let plain = Policies::new(Rules::built_in(), BTreeMap::new());
    let own: ClusterId = "shop-1".parse().unwrap();
    let mut dice = Dice::new(1_789);
    let mut stricter = 0;
    for _ in 0..60 {
        let text = made(&mut dice);
        let rules = Rules::of_project("project", text.as_bytes());
        let rules = rules.unwrap_or_else(|problems| panic!("{}", problems.render(100, false)));
        let policies = Policies::new(Rules::built_in(), [(own.clone(), rules)].into());
        for _ in 0..100 {
            let asked = Asked::new(&mut dice);
            let question = asked.question();
            let (before, now) = (plain.decide(&question), policies.decide(&question));
            if asked.kind == 0 || asked.cluster != own {
                assert_eq!(now, before, "{text}{asked:?}");
            }
            assert!(rank(now.verdict) <= rank(before.verdict), "{text}{asked:?}");
            stricter += usize::from(rank(now.verdict) < rank(before.verdict));
        }
    }
    assert!(stricter > 50, "{stricter}");
}

#[test]
fn what_is_needed_of_approvals_is_the_most_that_any_rule_asks_for() {
    let own: ClusterId = "shop-1".parse().unwrap();
    let text = "@id(\"two\") @says(\"two have to agree\") @approvals(\"2\") @within(\"5m\") \
                forbid (principal is Agent, action in Action::\"stop-services\", resource) \
                unless { context.approvals >= 2 };";
    let rules = Rules::of_project("project", text.as_bytes()).unwrap();
    let policies = Policies::new(Rules::built_in(), [(own, rules)].into());
    let mut asked = Asked::new(&mut Dice::new(1));
    asked.who = policy::Who::Agent;
    asked.verb = model::Verb::Stop;
    asked.kind = 1;
    asked.cluster = "shop-1".parse().unwrap();
    let mut seen = Vec::new();
    for approvals in 0..3 {
        asked.approvals = approvals;
        seen.push(policies.decide(&asked.question()).why());
    }
    insta::assert_debug_snapshot!(seen);
}

#[test]
fn what_the_home_refuses_no_project_makes_approvable() {
    let home = "@id(\"two\") @says(\"two agree\") permit (principal is Agent, action == Action::\"stop\", resource) \
                when { context.approvals >= 2 };";
    let project = "@id(\"lift\") @says(\"lifted\") @approvals(\"2\") @within(\"24h\") \
                   forbid (principal is Agent, action == Action::\"stop\", resource) \
                   unless { context.approvals >= 2 };";
    let own: ClusterId = "shop-1".parse().unwrap();
    let home = Rules::of_home("home", home.as_bytes()).unwrap();
    let project = Rules::of_project("project", project.as_bytes()).unwrap();
    let policies = Policies::new(home, [(own.clone(), project)].into());
    let mut asked = Asked::new(&mut Dice::new(1));
    (asked.who, asked.verb, asked.kind) = (policy::Who::Agent, model::Verb::Stop, 1);
    (asked.cluster, asked.approvals) = (own, 0);
    assert_eq!(policies.decide(&asked.question()).verdict, Verdict::Refused);
}

#[test]
fn a_project_has_no_say_in_what_is_of_every_cluster() {
    let text = "@id(\"no\") @says(\"nothing is done here\") forbid (principal, action, resource);";
    let own: ClusterId = "shop-1".parse().unwrap();
    let project = Rules::of_project("project", text.as_bytes()).unwrap();
    let policies = Policies::new(Rules::built_in(), [(own.clone(), project)].into());
    let mut asked = Asked::new(&mut Dice::new(1));
    (asked.who, asked.kind, asked.cluster) = (policy::Who::Person, 1, own);
    for (verb, verdict) in [
        (model::Verb::Stop, Verdict::Refused),
        (model::Verb::EmergencyStop, Verdict::Allowed),
        (model::Verb::Shutdown, Verdict::Allowed),
    ] {
        asked.verb = verb;
        assert_eq!(
            policies.decide(&asked.question()).verdict,
            verdict,
            "{verb:?}"
        );
    }
}

#[test]
fn an_annotation_that_promises_what_the_rule_does_not_hold_gets_no_approval() {
    let text = format!(
        "{}\n@id(\"never\") @says(\"no agent restarts anything\") @approvals(\"1\") @within(\"5m\") \
         forbid (principal is Agent, action == Action::\"restart\", resource);",
        policy::DEFAULT
    );
    let rules = Rules::of_home("home", text.as_bytes()).unwrap();
    let policies = Policies::new(rules, BTreeMap::new());
    let mut asked = Asked::new(&mut Dice::new(1));
    (asked.who, asked.verb, asked.kind) = (policy::Who::Agent, model::Verb::Restart, 0);
    assert_eq!(policies.decide(&asked.question()).verdict, Verdict::Refused);
}
