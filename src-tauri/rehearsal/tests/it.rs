//! Rehearsals of small clusters with a weakness planted in each: it is found, and the proposed line,
//! put into the text of the definition, takes it away.

use rehearsal::{Plan, Proposal, Report, Weakness, WeaknessKind, rehearse};
use std::ops::ControlFlow;
use std::sync::Arc;

const PLAN: Plan = Plan {
    faults: 120,
    seed: 1,
};

fn parsed(definition: &str) -> spec::Cluster {
    spec::parse("azora.toml", "shop", definition.as_bytes())
        .unwrap_or_else(|problems| panic!("{}", problems.render(100, false)))
}

fn run(definition: &str, plan: Plan) -> Report {
    let definition = Arc::new(parsed(definition));
    rehearse(&definition, plan, &mut |_| ControlFlow::Continue(())).expect("nobody ends it")
}

/// The text with the proposed line in its table, in place of one for the same key.
fn with(definition: &str, proposal: &Proposal) -> String {
    let header = format!("[{}]", proposal.table);
    let key = proposal.line.split(" =").next().unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    let (mut inside, mut put) = (false, false);
    for line in definition.lines() {
        if line.starts_with('[') {
            inside = line == header;
        }
        if inside && line.starts_with(&format!("{key} =")) {
            continue;
        }
        lines.push(line.to_owned());
        if line == header {
            lines.push(proposal.line.clone());
            put = true;
        }
    }
    if !put {
        lines.extend([header, proposal.line.clone()]);
    }
    lines.join("\n")
}

fn find(report: &Report, kind: WeaknessKind, service: &str) -> Option<Weakness> {
    let found = report.weaknesses.iter();
    found
        .filter(|one| one.kind == kind && one.service.as_str() == service)
        .max_by_key(|one| one.harm)
        .cloned()
}

/// A service that is asked, and healed by this line.
fn api_healed(line: &str) -> String {
    format!(
        r#"
[service.api]
run = "api"
port = 8080
health = {{ http = "/health" }}

[service.api.heal]
{line}
"#
    )
}

/// What is planted is found; what is proposed for it mends it, here and in the report's second run.
fn planted(kind: WeaknessKind, service: &str, definition: &str) {
    planted_in(PLAN, kind, service, definition);
}

fn planted_in(plan: Plan, kind: WeaknessKind, service: &str, definition: &str) {
    let report = run(definition, plan);
    let weakness = find(&report, kind, service).unwrap_or_else(|| {
        let found: Vec<&str> = report
            .weaknesses
            .iter()
            .map(|one| one.text.as_str())
            .collect();
        panic!("{kind:?} of {service} is not found, but {found:#?}")
    });
    assert!(weakness.harm > 0);
    assert!(weakness.harm_after * 4 <= weakness.harm, "{weakness:?}");
    let proposal = weakness.proposal.expect("a proposal");
    let mended = with(definition, &proposal);
    let again = run(&mended, plan);
    let left = find(&again, kind, service)
        .filter(|left| left.other == weakness.other)
        .map_or(0, |left| left.harm);
    assert!(
        left * 4 <= weakness.harm,
        "{left} of {} is left with\n{mended}",
        weakness.harm
    );
}

const HEALTHY: &str = r#"
[cluster.defaults]
health = { http = "/health" }

[service.db]
run = "db"
port = 5432

[service.api]
run = "api --db ${db.url}"
port = 8080
needs = [{ service = "db", restart = true }]

[service.web]
run = "web --api ${api.url}"
port = 3000
needs = [{ service = "api", restart = true }]
"#;

#[test]
fn a_sound_definition_has_nothing_to_mend() {
    let report = run(HEALTHY, PLAN);
    assert!(report.weaknesses.is_empty(), "{:#?}", report.weaknesses);
    assert!(report.mended.is_none());
    assert!(
        report.run.availability > 0.98,
        "{}",
        report.run.availability
    );
    assert!(report.run.lost.is_empty(), "{:?}", report.run.lost);
}

#[test]
fn progress_never_falls_and_ends_with_all_of_it_with_a_proposal_and_without_one() {
    let unasked = HEALTHY.replace("\nhealth = { http = \"/health\" }", "");
    for (definition, proposes) in [(HEALTHY, false), (unasked.as_str(), true)] {
        let mut heard = Vec::new();
        let report = rehearse(&Arc::new(parsed(definition)), PLAN, &mut |done| {
            heard.push(done);
            ControlFlow::Continue(())
        });
        assert_eq!(report.expect("nobody ends it").mended.is_some(), proposes);
        assert!(heard.is_sorted(), "{heard:?}");
        assert_eq!(heard.last(), Some(&1.0));
    }
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_one_does_not() {
    let text = |seed| format!("{:?}", run(HEALTHY, Plan { faults: 40, seed }));
    assert_eq!(text(5), text(5));
    assert_ne!(text(5), text(6));
}

#[test]
fn no_readiness() {
    planted(
        WeaknessKind::NoReadiness,
        "db",
        r#"
[service.db]
run = "db"
port = 5432

[service.api]
run = "api"
port = 8080
needs = [{ service = "db", restart = true }]
health = { http = "/health" }
"#,
    );
}

#[test]
fn no_health() {
    planted(
        WeaknessKind::NoHealth,
        "api",
        r#"
[service.api]
run = "api"
port = 8080
ready = { http = "/health" }
"#,
    );
}

#[test]
fn a_health_probe_that_only_connects() {
    planted(
        WeaknessKind::ShallowHealth,
        "api",
        r#"
[service.api]
run = "api"
port = 8080
health = { tcp = "$PORT" }
"#,
    );
}

#[test]
fn health_that_is_seldom_asked_for() {
    planted(
        WeaknessKind::SlowHealth,
        "api",
        r#"
[service.api]
run = "api"
port = 8080
ready = { http = "/health" }
health = { http = "/health", every = "2m", fail = 3 }
"#,
    );
}

#[test]
fn one_lost_answer_restarts_it() {
    planted(
        WeaknessKind::TouchyHealth,
        "api",
        r#"
[service.api]
run = "api"
port = 8080
health = { http = "/health", fail = 1 }
"#,
    );
}

#[test]
fn a_timeout_that_slow_answers_do_not_keep() {
    planted(
        WeaknessKind::ShortTimeout,
        "api",
        r#"
[service.api]
run = "api"
port = 8080
health = { http = "/health", timeout = "200ms" }
"#,
    );
}

#[test]
fn too_little_patience_with_a_start() {
    planted(
        WeaknessKind::ShortPatience,
        "api",
        r#"
[service.api]
run = "api"
port = 8080
health = { http = "/health", within = "3s", every = "4s" }
"#,
    );
}

#[test]
fn a_budget_that_is_soon_spent() {
    planted(
        WeaknessKind::SmallBudget,
        "api",
        &api_healed(r#"budget = "1 per 10m""#),
    );
}

#[test]
fn a_long_wait_before_the_first_restart() {
    planted(
        WeaknessKind::LongBackoff,
        "api",
        &api_healed(r#"backoff = ["2m"]"#),
    );
}

#[test]
fn no_healing() {
    planted(
        WeaknessKind::NoHealing,
        "api",
        &api_healed(r#"enabled = false"#),
    );
}

#[test]
fn a_ladder_that_gives_up_at_once() {
    planted(
        WeaknessKind::NoHealing,
        "api",
        &api_healed(r#"ladder = ["quarantine"]"#),
    );
}

#[test]
fn a_need_that_is_not_declared() {
    // It takes two that are away at once, which comes seldom.
    planted_in(
        Plan {
            faults: 500,
            ..PLAN
        },
        WeaknessKind::UndeclaredNeed,
        "api",
        r#"
[cluster.defaults]
health = { http = "/health" }

[service.db]
run = "db"
port = 5432

[service.api]
run = "api --db ${db.url}"
port = 8080
"#,
    );
}

#[test]
fn a_need_that_is_restarted_under_it() {
    planted(
        WeaknessKind::NeedWithoutRestart,
        "api",
        r#"
[cluster.defaults]
health = { http = "/health" }

[service.db]
run = "db"
port = 5432

[service.api]
run = "api --db ${db.url}"
port = 8080
needs = ["db"]
"#,
    );
}

/// Each is the change to a key that the others change, too: a person who follows them one after another
/// must not take back with the second what the first has mended.
#[test]
fn proposals_for_one_key_are_one_line() {
    let needs = (
        WeaknessKind::NeedWithoutRestart,
        r#"
[cluster.defaults]
health = { http = "/health" }

[service.db]
run = "db"
port = 5432

[service.cache]
run = "cache"
port = 6379

[service.api]
run = "api --db ${db.url} --cache ${cache.url}"
port = 8080
needs = ["db", "cache"]
"#,
        r#"needs = [{ service = "db", restart = true }, { service = "cache", restart = true }]"#,
    );
    let health = (
        WeaknessKind::TouchyHealth,
        r#"
[service.api]
run = "api"
port = 8080
health = { http = "/health", every = "40s", timeout = "200ms", fail = 1 }
"#,
        r#"health = { http = "/health" }"#,
    );
    for (kind, definition, line) in [needs, health] {
        let plan = Plan {
            faults: 400,
            ..PLAN
        };
        let report = run(definition, plan);
        let proposed: Vec<&Proposal> = report
            .weaknesses
            .iter()
            .filter(|one| one.service.as_str() == "api")
            .filter_map(|one| one.proposal.as_ref())
            .collect();
        assert!(proposed.len() > 1, "{:?}", report.weaknesses);
        for proposal in &proposed {
            assert_eq!(proposal.line, line);
        }
        let again = run(&with(definition, proposed[0]), plan);
        let harm = |report: &Report| -> u64 {
            let those = report.weaknesses.iter().filter(|one| one.kind == kind);
            those.map(|one| one.harm).sum()
        };
        assert!(harm(&again) * 4 <= harm(&report), "{:?}", again.weaknesses);
    }
}

/// What is only referred to may refer back: neither waits for the other for ever.
#[test]
fn two_that_refer_to_each_other_come_up() {
    let report = run(
        r#"
[cluster.defaults]
health = { http = "/health" }

[service.a]
run = "a --peer ${b.url}"
port = 1024

[service.b]
run = "b --peer ${a.url}"
port = 1025
"#,
        // One that never finds the new other is away for ten minutes: of few faults that is much.
        Plan {
            faults: 300,
            seed: 3,
        },
    );
    assert!(report.run.lost.is_empty(), "{:?}", report.run);
    assert!(report.run.availability > 0.9, "{}", report.run.availability);
}

#[test]
fn oneshots_and_empty_clusters_are_no_trouble() {
    let report = run(
        "[service.setup]\nkind = \"oneshot\"\nrun = \"setup\"\n",
        PLAN,
    );
    assert!((report.run.availability - 1.0).abs() < f64::EPSILON);
    let replicas =
        "[service.web]\nrun = \"web\"\nport = 80\nreplicas = 3\nhealth = { http = \"/\" }\n";
    let report = run(replicas, PLAN);
    assert!(
        report.run.availability > 0.999,
        "{}",
        report.run.availability
    );
}

#[test]
fn a_rehearsal_that_is_told_so_ends_there_and_has_no_report() {
    let weak = Arc::new(parsed("[service.api]\nrun = \"api\"\nport = 8080\n"));
    let told = |enough: &dyn Fn(f64) -> bool| {
        let mut heard = Vec::new();
        let report = rehearse(&weak, PLAN, &mut |done| {
            heard.push(done);
            match enough(done) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        (heard, report)
    };
    let (all, report) = told(&|_| false);
    assert!(report.is_some_and(|report| report.mended.is_some()));
    assert!(all.is_sorted() && all.iter().all(|done| (0.0..=1.0).contains(done)));
    // While it comes up, in its first run, and in the second with the proposals done.
    for enough in [0.0, 0.3, 0.7] {
        let (heard, report) = told(&|done| done >= enough);
        assert!(report.is_none(), "{enough}");
        let before = all.iter().filter(|done| **done < enough).count();
        assert_eq!(heard, all[..=before], "{enough}: nothing is heard after");
    }
}

/// Load is a fault where something can be done about it, and comes to nobody else.
#[test]
fn load_is_answered_where_healing_may_add_instances() {
    let shop = |most: &str| {
        format!(
            "[service.api]\nrun = \"api\"\nport = 8080\n{most}\
             health = {{ http = \"/health\", degraded_above = \"300ms\" }}\n"
        )
    };
    let added = |most: &str| run(&shop(most), PLAN).run.added;
    let (one, three) = (added("max_replicas = 2\n"), added("max_replicas = 4\n"));
    assert!(one > 0 && three >= one, "{one} {three}");
    assert_eq!(added(""), 0);
}
