//! Schedules in a rehearsal: what has one runs, and the time between its runs is no time it was away.

use rehearsal::{Plan, rehearse};
use std::ops::ControlFlow;
use std::sync::Arc;

const CLUSTER: &str = "\
[service.db]
run = \"db\"
port = 5432
health = { tcp = \"$PORT\" }

[service.poll]
run = \"poll\"
kind = \"oneshot\"
schedule = { every = \"5m\" }
needs = [\"db\"]
";

#[test]
fn a_rehearsal_counts_runs_and_takes_no_rest_for_an_absence() {
    let definition = spec::parse("azora.toml", "shop", CLUSTER.as_bytes());
    let definition =
        Arc::new(definition.unwrap_or_else(|wrong| panic!("{}", wrong.render(100, false))));
    let plan = Plan {
        faults: 20,
        seed: 1,
    };
    let report = rehearse(&definition, plan, &mut |_| ControlFlow::Continue(()));
    let report = report.expect("nobody ends it");
    let own = |name: &str| {
        let mut services = report.run.services.iter();
        services
            .find(|one| one.service.as_str() == name)
            .expect("it is there")
    };
    let times = report.simulated_ms / 300_000;
    let (db, poll) = (own("db"), own("poll"));
    let runs = u64::from(poll.runs);
    // A time that comes while its need is away waits for that, and one that comes then is left out.
    assert!(
        runs >= times * 8 / 10 && runs <= times + 3,
        "{runs} of {times}"
    );
    assert_eq!(db.runs, 0);
    assert!(poll.availability > 0.999, "{poll:?}");
}
