//! Which crashes there are: found by playing each act once without one, and noting the points it
//! comes by; and for second crashes by noting those that the way back from the first one leads by.

use super::case::{Again, Case, Played, Victim};
use super::play::{ACTS, Act};
use super::stage::Stage;
use crate::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The points an act comes by, in the order of the first time, with how often.
fn trace(host: &Path, act: Act) -> Result<Vec<(String, u32)>, String> {
    let mut stage = Stage::new(host);
    stage.trace();
    act.play(&mut stage)
        .map_err(|halt| format!("{act:?} does not go well: {halt:?}"))?;
    Ok(stage.traced())
}

/// Every failpoint that the sources of a crate name.
fn points(of: &str) -> BTreeSet<String> {
    let folder = crate::root().join("src-tauri").join(of).join("src");
    let files = std::fs::read_dir(folder).expect("the sources are there");
    let mut points = BTreeSet::new();
    for file in files.flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        let parts = text.split("fail_point!(\"").skip(1);
        points.extend(parts.filter_map(|part| Some(part.split_once('"')?.0.to_owned())));
    }
    points
}

/// Every point of every act, as often as the act comes by, each with everyone who can die.
///
/// # Errors
/// When an act does not go well without a crash, or a point is on no act's way.
pub fn all_cases(host: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let shims = points("shim");
    let mut missed: BTreeSet<String> = shims.union(&points("driver")).cloned().collect();
    for act in ACTS {
        for (point, times) in trace(host, act)? {
            missed.remove(&point);
            for nth in 1..=times {
                let victims = victims(&point, shims.contains(&point)).into_iter();
                cases.extend(victims.map(|victim| Case::new(act, &point, nth, victim)));
            }
        }
    }
    if missed.is_empty() {
        Ok(cases)
    } else {
        Err(format!("no act comes by {missed:?}"))
    }
}

/// Every point once, on the way of the first act that comes by, with one of those who can die: the
/// next one for each next point, so that all of them have their turn.
///
/// # Errors
/// As [`all_cases`].
pub fn few_cases(host: &Path) -> Result<Vec<Case>, String> {
    let mut by_point: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in all_cases(host)? {
        let others = by_point.entry(case.point.clone()).or_default();
        let first = others.first().is_none_or(|one| one.act == case.act);
        if first && case.nth == 1 {
            others.push(case);
        }
    }
    let chosen = by_point.into_values().enumerate();
    Ok(chosen
        .filter_map(|(turn, mut cases)| {
            let at = turn % cases.len().max(1);
            (at < cases.len()).then(|| cases.swap_remove(at))
        })
        .collect())
}

/// Each of these crashes with a second one at every point that the way back from it was seen to
/// lead by, as often as it did, each with everyone who can die there.
pub fn pairs(seen: &[(Case, Played)]) -> Vec<Case> {
    let shims = points("shim");
    let mut pairs = Vec::new();
    for (case, played) in seen.iter().filter(|(_, played)| played.crashed) {
        for (point, times) in &played.way_back {
            for nth in 1..=*times {
                let victims = victims(point, shims.contains(point)).into_iter();
                pairs.extend(victims.map(|victim| Case {
                    again: Some(Again {
                        point: point.clone(),
                        nth,
                        victim,
                    }),
                    ..case.clone()
                }));
            }
        }
    }
    pairs
}

fn victims(point: &str, of_shim: bool) -> Vec<Victim> {
    let mut victims = vec![Victim::Engine, Victim::Shim, Victim::Both];
    if of_shim {
        victims.push(Victim::EngineAndShimStays);
    }
    if point.starts_with("child.") {
        victims.push(Victim::Child);
    }
    victims
}

/// One of `of` parts of these cases, the `nth`, counted from one. To which part a case belongs is
/// in its name: parts that are tried on different days and machines are all of them together.
pub fn shard(cases: &mut Vec<Case>, nth: u32, of: u32) {
    cases.retain(|case| {
        // FNV-1a, which stays the same over releases of Rust.
        let hash = case
            .to_string()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        (hash >> 32) % u64::from(of) == u64::from(nth - 1)
    });
}

/// In an order that a seed brings back: of what there is no time for, a fair part was tried.
pub fn shuffle(cases: &mut [Case], seed: u64) {
    let mut dice = Dice(seed);
    for at in (1..cases.len()).rev() {
        let other = dice.below(at as u64 + 1);
        cases.swap(at, usize::try_from(other).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Case> {
        (1..200)
            .map(|nth| Case::new(Act::Start, "p", nth, Victim::Engine))
            .collect()
    }

    fn names(cases: &[Case]) -> Vec<String> {
        cases.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn shards_are_all_of_it_and_each_case_is_in_one() {
        let mut found = Vec::new();
        for nth in 1..=3 {
            let mut part = some();
            shard(&mut part, nth, 3);
            assert!(part.len() > 30, "{}", part.len());
            found.extend(names(&part));
        }
        found.sort();
        let mut all = names(&some());
        all.sort();
        assert_eq!(found, all);
    }

    #[test]
    fn a_seed_brings_an_order_back_and_loses_none() {
        let (mut one, mut two, mut other) = (some(), some(), some());
        shuffle(&mut one, 7);
        shuffle(&mut two, 7);
        shuffle(&mut other, 8);
        assert_eq!(names(&one), names(&two));
        assert_ne!(names(&one), names(&other));
        let (mut sorted, mut all) = (names(&one), names(&some()));
        sorted.sort();
        all.sort();
        assert_eq!(sorted, all);
    }

    #[test]
    fn pairs_are_every_point_of_the_way_back_from_what_did_happen() {
        let played = |crashed| Played {
            crashed,
            again: false,
            way_back: vec![("adopt.read".to_owned(), 2)],
        };
        let cases = some();
        let seen = [
            (cases[0].clone(), played(true)),
            (cases[1].clone(), played(false)),
        ];
        let found = names(&pairs(&seen));
        assert_eq!(found.len(), 6, "{found:?}");
        assert_eq!(
            found[3],
            "Start, p (1), Engine killed; then adopt.read (2), Engine killed"
        );
    }
}
