//! How long a decision takes: the one that the door gives to every act, with an answer that is remembered and
//! without.

use crate::options::Options;
use crate::table::{Report, Table};
use model::{ClusterId, Verb};
use policy::{Policies, Question, Rules, Subject, Who};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              decisions of each kind [100000]
  --rules N          rules of a home that has many, at most 500 [100]

\"worked out\" looks at no answer that was given before; \"remembered\" is what a program that registers again and again
costs; \"a cluster of 50\" is one act on a whole cluster, which is asked about it and each of its services.";

/// A decision takes less, 99 times of 100.
const MOST: Duration = Duration::from_micros(100);

/// Asks, and looks at the clock.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let n: usize = options.number("--n", 100_000)?;
    let many: usize = options.number("--rules", 100)?;
    options.end()?;
    if n < 1_000 || many > 500 {
        return Err("--n is 1000 at least, and --rules 500 at most".to_owned());
    }
    let built_in = Policies::new(Rules::built_in(), BTreeMap::new());
    let own = rules(many)?;
    let own = Policies::new(own, BTreeMap::new());
    let cluster: ClusterId = "shop-00000000"
        .parse()
        .map_err(|error| format!("{error}"))?;
    let services: Vec<String> = (0..50).map(|n| format!("service-{n}")).collect();
    let subject = |n: usize| Subject::Service {
        cluster: &cluster,
        cluster_name: "shop",
        name: &services[n % services.len()],
        category: "data",
        protected: n.is_multiple_of(3),
    };
    let question = |n: usize| {
        let who = Who::ALL[n % Who::ALL.len()];
        Question {
            who,
            via: who.usual_via(),
            verb: Verb::ALL[n / 7 % Verb::ALL.len()],
            subject: subject(n / 3),
            approvals: 0,
        }
    };
    let registers = Question {
        who: Who::Client,
        via: "registry",
        verb: Verb::Register,
        subject: Subject::Home,
        approvals: 0,
    };
    let mut table = Table::new(["a decision", "median", "99 of 100", "most", "may be"]);
    let mut figures = serde_json::Map::new();
    let mut late = Vec::new();
    let mut measured = |name: &str, held: bool, of: &dyn Fn(usize)| {
        let mut times: Vec<Duration> = (0..n)
            .map(|n| {
                let began = Instant::now();
                of(n);
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        let [median, p99, most] = [n / 2, n * 99 / 100, n - 1].map(|at| times[at]);
        if held && p99 > MOST {
            late.push(format!("{name}: {p99:?}"));
        }
        let bound = if held {
            format!("{MOST:?}")
        } else {
            String::new()
        };
        table.row([
            name.to_owned(),
            format!("{median:?}"),
            format!("{p99:?}"),
            format!("{most:?}"),
            bound,
        ]);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let of = json!({"median_ns": nanos(median), "p99_ns": nanos(p99), "most_ns": nanos(most)});
        figures.insert(name.replace(' ', "_"), of);
    };
    measured("floor: the clock alone", false, &|n| {
        black_box(n);
    });
    measured("worked out, built-in rules", true, &|n| {
        black_box(built_in.work_out(&question(n)));
    });
    measured("remembered, built-in rules", true, &|_| {
        black_box(built_in.decide(&registers));
    });
    measured("as they come, built-in rules", true, &|n| {
        black_box(built_in.decide(&question(n)));
    });
    measured("worked out, many rules", false, &|n| {
        black_box(own.work_out(&question(n)));
    });
    measured("as they come, many rules", true, &|n| {
        black_box(own.decide(&question(n)));
    });
    measured("a cluster of 50, built-in rules", false, &|n| {
        let whole = Subject::Cluster {
            id: &cluster,
            name: "shop",
        };
        let all = std::iter::once(whole).chain((0..50).map(subject));
        black_box(built_in.decide_all(&question(n), all));
    });
    figures.insert("rules".to_owned(), json!(many));
    figures.insert("decisions".to_owned(), json!(n));
    figures.insert("late".to_owned(), json!(late));
    table.faults("slower than it may be", &late, String::new());
    Ok(Report::new(table, figures.into()))
}

/// The built-in rules with so many more that look at services.
fn rules(many: usize) -> Result<Rules, String> {
    let mut text = policy::DEFAULT.to_owned();
    for n in 0..many.saturating_sub(Rules::built_in().len()) {
        let _ = writeln!(
            text,
            "@id(\"more-{n}\") @says(\"nobody takes what is called so\") forbid (principal, action in \
             Action::\"stop-services\", resource is Service) when {{ resource.name == \"none-{n}\" }};"
        );
    }
    Rules::of_home("bench", text.as_bytes()).map_err(|problems| problems.render(100, false))
}
