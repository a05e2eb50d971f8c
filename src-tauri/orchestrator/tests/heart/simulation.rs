//! Random graphs in random worlds. What must never happen is checked at every effect by
//! [`crate::world`]; here the worlds are chosen, and shrunk when one fails.

use crate::world::{Size, World};
use proptest::prelude::*;

fn size() -> impl Strategy<Value = Size> {
    (1..9_u64, 0..12_u64, 0..60_u64, any::<u64>()).prop_map(
        |(services, commands, roughness, seed)| Size { seed, services, commands, roughness },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Never two of one instance, never before what it needs, never a stop for what does not live;
    /// every act settles once, and when nothing goes wrong any more all comes to rest.
    #[test]
    fn every_world_comes_to_rest(size in size()) {
        World::new(size).live();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The same seed gives the same story, to the letter.
    #[test]
    fn the_same_world_twice_is_the_same(size in size()) {
        let mut worlds = [World::new(size), World::new(size)];
        for world in &mut worlds {
            world.live();
        }
        prop_assert_eq!(&worlds[0].said, &worlds[1].said);
    }
}

/// Prints the story of one world: `SIM=seed,services,commands,roughness cargo test -p orchestrator
/// tell -- --ignored --nocapture`.
#[test]
#[ignore = "a tool for reading what a failing world did"]
fn tell() {
    let numbers: Vec<u64> = std::env::var("SIM")
        .expect("SIM=seed,services,commands,roughness")
        .split(',')
        .map(|number| number.parse().unwrap())
        .collect();
    let [seed, services, commands, roughness] = numbers[..] else { panic!("four numbers") };
    let mut world = World::new(Size { seed, services, commands, roughness });
    let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.live()));
    for line in &world.said {
        println!("{line}");
    }
    assert!(end.is_ok(), "it ended badly");
}
