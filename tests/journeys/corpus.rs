//! What people have in their folders runs as it is: the order, the words, the environment; and as a definition.

use std::sync::Mutex;
use tests::Azora;
use tests::corpus::{Case, StandIns, cases};

/// So many folders at a time.
const SIDE_BY_SIDE: usize = 4;

#[test]
fn procfiles_run_as_they_are_and_as_their_equivalents() {
    let all = cases("procfile");
    assert!(all.len() >= 30, "{} are not enough", all.len());
    play(all);
}

#[test]
fn process_compose_files_run_as_they_are_and_as_their_equivalents() {
    let all = cases("process-compose");
    assert!(all.len() >= 30, "{} are not enough", all.len());
    play(all);
}

fn play(all: Vec<Case>) {
    let (azora, stand_ins) = (Azora::new(), StandIns::new());
    drop(azora.serve_until_it_listens(azora.home().path()));
    let (waiting, wrong) = (Mutex::new(all), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(case) = next(&waiting) {
                    let found = stand_ins.play(&azora, &case).err().unwrap_or_default();
                    let found = found
                        .into_iter()
                        .map(|what| format!("{}: {what}", case.name));
                    wrong.lock().expect("nobody panics here").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panics here");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn next(waiting: &Mutex<Vec<Case>>) -> Option<Case> {
    waiting.lock().expect("nobody panics here").pop()
}
