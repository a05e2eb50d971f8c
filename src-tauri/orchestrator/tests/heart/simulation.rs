//! Random graphs in random worlds. What must never happen is checked at every effect by
//! [`crate::world`]; here the worlds are chosen, and shrunk when one fails.

use crate::world::{Size, World};
use proptest::prelude::*;

fn size() -> impl Strategy<Value = Size> {
    (1..9_u64, 0..12_u64, 0..60_u64, any::<u64>()).prop_map(
        |(services, commands, roughness, seed)| Size {
            seed,
            services,
            commands,
            roughness,
        },
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

/// Worlds that once found a fault.
#[test]
fn worlds_to_remember() {
    for (seed, services, commands, roughness) in [
        // A crashed dependent was not freed by a person's start.
        (10_819_325_339_973_411_916, 8, 1, 41),
        // A service scaled to none was forgotten by an engine that adopted, and by stop and start.
        (14_364_477_308_221_796_689, 6, 3, 11),
        (12_883_509_159_718_927_258, 5, 5, 0),
        (11_544_817_880_367_579_908, 5, 5, 36),
        // A stop taken back left an adopted process unasked.
        (12_108_490_404_953_029_084, 6, 6, 16),
        // Two health probes under way after an edit, and after a removal.
        (13_553_668_416_062_476_794, 1, 11, 0),
        (16_352_975_530_290_208_500, 8, 9, 10),
        // A service that was no longer defined still stood in the way of a stop.
        (6_559_709_426_267_208_472, 5, 11, 52),
        // Scaling down made a service with a quarantined instance look satisfied for a moment.
        (8_106_264_411_577_934_042, 8, 5, 45),
        // Something was started although what it needs was to follow a rolling restart that ended.
        (10_720_740_932_904_073_365, 6, 9, 12),
        (12_628_882_186_420_757_883, 8, 11, 37),
        (18_240_514_552_810_498_966, 8, 8, 4),
        // The one that a rolling restart had taken out was back, and another's absence excused.
        (10_316_204_482_043_030_361, 7, 5, 40),
        (3_066_049_679_328_684_865, 7, 4, 46),
        // The world itself told a second end of a process that was stopped before its time.
        (17_352_331_079_157_067_796, 2, 9, 53),
    ] {
        World::new(Size {
            seed,
            services,
            commands,
            roughness,
        })
        .live();
    }
}

/// Prints the story of one world: `SIM=seed,services,commands,roughness cargo test -p orchestrator
/// tell -- --ignored --nocapture`.
#[test]
#[ignore = "a tool for reading what a failing world did"]
#[expect(
    clippy::disallowed_methods,
    reason = "the world to tell of is named from outside"
)]
fn tell() {
    let numbers: Vec<u64> = std::env::var("SIM")
        .expect("SIM=seed,services,commands,roughness")
        .split(',')
        .map(|number| number.parse().unwrap())
        .collect();
    let [seed, services, commands, roughness] = numbers[..] else {
        panic!("four numbers")
    };
    let mut world = World::new(Size {
        seed,
        services,
        commands,
        roughness,
    });
    let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.live()));
    for line in &world.said {
        println!("{line}");
    }
    println!("{:#?}", world.cluster);
    assert!(end.is_ok(), "it ended badly");
}
