//! The constitution that is built in, said a second time in plain Rust without Cedar, and asked the same.

use super::chance::{Asked, Dice};
use model::Verb;
use policy::{Policies, Rules, Verdict, Who};
use std::collections::BTreeMap;
use std::time::Duration;

const QUESTIONS: usize = 100_000;
const ASK: Verdict = Verdict::NeedsApproval {
    count: 1,
    within: Duration::from_secs(15 * 60),
};

fn reference(asked: &Asked) -> Verdict {
    use Verb as V;
    let protected = asked.kind > 1 && asked.protected;
    let stops = [V::Down, V::Stop, V::EmergencyStop, V::Scale].contains(&asked.verb);
    let allowed = match asked.who {
        Who::Person => return Verdict::Allowed,
        Who::Healer => [V::Restart, V::Rollback, V::Scale, V::Quarantine].contains(&asked.verb),
        Who::Client => [V::Register, V::Deregister, V::WriteKey].contains(&asked.verb),
        Who::Watch => asked.verb == V::Restart,
        Who::Monitor => [V::Hold, V::Stop].contains(&asked.verb),
        Who::Agent => stops || [V::Start, V::Restart, V::Rollback].contains(&asked.verb),
    };
    if !allowed || protected && (stops || [Who::Agent, Who::Monitor].contains(&asked.who)) {
        return Verdict::Refused;
    }
    let asks = asked.who == Who::Agent && (stops || asked.verb == V::Rollback);
    match asks && asked.approvals == 0 {
        true => ASK,
        false => Verdict::Allowed,
    }
}

#[test]
fn every_decision_is_the_one_of_the_reference() {
    let policies = Policies::new(Rules::built_in(), BTreeMap::new());
    let mut dice = Dice::new(8);
    let mut seen = [0_usize; 3];
    for number in 0..QUESTIONS {
        let asked = Asked::new(&mut dice);
        let decision = policies.decide(&asked.question());
        assert_eq!(
            decision.verdict,
            reference(&asked),
            "question {number}: {asked:?}"
        );
        assert_eq!(decision.alarm, None, "question {number}: {asked:?}");
        assert!(
            decision.allows() <= !decision.rules().is_empty(),
            "{asked:?}"
        );
        seen[match decision.verdict {
            Verdict::Allowed => 0,
            Verdict::Refused => 1,
            Verdict::NeedsApproval { .. } => 2,
        }] += 1;
    }
    assert!(
        seen.iter().all(|count| *count > QUESTIONS / 100),
        "{seen:?}"
    );
}

#[test]
fn an_act_on_several_things_is_as_allowed_as_the_least_allowed_of_them() {
    let policies = Policies::new(Rules::built_in(), BTreeMap::new());
    let mut dice = Dice::new(88);
    for _ in 0..5_000 {
        let one = Asked::new(&mut dice);
        let all: Vec<_> = (0..1 + dice.below(5))
            .map(|_| Asked {
                who: one.who,
                verb: one.verb,
                approvals: one.approvals,
                via: one.via.clone(),
                ..Asked::new(&mut dice)
            })
            .collect();
        let verdicts: Vec<_> = all.iter().map(reference).collect();
        let least = match () {
            () if verdicts.contains(&Verdict::Refused) => Verdict::Refused,
            () if verdicts.contains(&ASK) => ASK,
            () => Verdict::Allowed,
        };
        let decision = policies.decide_all(&one.question(), all.iter().map(Asked::subject));
        assert_eq!(decision.verdict, least, "{all:?}");
    }
}

#[test]
fn a_rule_that_cannot_be_worked_out_never_turns_a_refusal_into_leave() {
    // Each passes the strictest validation, and fails for some or all questions.
    const FAILING: [&str; 4] = [
        "forbid (principal, action, resource) when { context.approvals + 9223372036854775807 > 5 };",
        "forbid (principal, action, resource) when { 0 - 9223372036854775807 - 10 - context.approvals < 0 };",
        "forbid (principal, action, resource is Service) \
         when { resource.protected && context.approvals * 9223372036854775807 > 7 };",
        "permit (principal, action, resource) when { context.approvals + 9223372036854775807 > 5 };",
    ];
    let plain = Policies::new(Rules::built_in(), BTreeMap::new());
    for failing in FAILING {
        let text = format!(
            "{}\n@id(\"fails\") @says(\"it fails\") {failing}",
            policy::DEFAULT
        );
        let rules = Rules::of_home("failing", text.as_bytes()).unwrap();
        let policies = Policies::new(rules, BTreeMap::new());
        let mut dice = Dice::new(808);
        let mut alarms = 0;
        for _ in 0..2_000 {
            let asked = Asked::new(&mut dice);
            let decision = policies.decide(&asked.question());
            if let Some(alarm) = &decision.alarm {
                alarms += 1;
                assert_eq!(decision.verdict, Verdict::Refused);
                assert_eq!(alarm.rule, "fails");
                assert!(
                    decision.why().contains("could not be worked out"),
                    "{}",
                    decision.why()
                );
            } else if failing.starts_with("forbid") {
                let before = plain.decide(&asked.question());
                assert!(decision.allows() <= before.allows(), "{failing}: {asked:?}");
            }
        }
        assert!(alarms > 100, "{failing}: {alarms}");
    }
}
