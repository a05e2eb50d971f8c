//! Who should not be let in is not: thousands of requests with one thing wrong each, another user of this machine, and
//! another machine. Nothing is told to them, and nothing changes.

mod others;
mod scene;

use scene::Scene;
use tests::strangers::{cases, table};

/// So many there are at least.
const AT_LEAST: usize = 500;

#[test]
fn no_request_with_something_wrong_is_answered_or_done() {
    let mut scene = Scene::new();
    let cases = cases(&scene.world);
    println!("{}{} cases in all", table(&cases), cases.len());
    assert!(cases.len() >= AT_LEAST, "{} cases", cases.len());
    let before = scene.state();
    let successes = scene.successes(&cases);
    let count = successes.len();
    let told = successes
        .into_iter()
        .take(40)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(count == 0, "{count} of {} went well:\n{told}", cases.len());
    scene.has_not_changed(&before);
    println!("{} cases, 0 successes", cases.len());
    scene.good_ones_are();
}
