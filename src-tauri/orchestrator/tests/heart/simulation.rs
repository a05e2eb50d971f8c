//! Random clusters in the simulated world of `rehearsal`, held to what the heart promises at every
//! effect. `bench seeds` tries a hundred thousand and more; here are the same few every time, and those
//! that once found a fault.

use rehearsal::sim::{self, Size};

/// So many worlds every time: a few seconds of an unoptimised build.
const WORLDS: u64 = 600;

/// The world, its smallest brother and the end of its story, for whoever reads a failed test.
fn hold(size: Size) {
    let Err(broken) = sim::live(size) else {
        return;
    };
    let least = sim::shrunk(broken.clone());
    let (_, story) = sim::story(least.size);
    let from = story.len().saturating_sub(30);
    panic!(
        "{broken}\nsmallest: {least}\n{}\nSIM={} tells all of it",
        story[from..].join("\n"),
        least.size
    );
}

/// Never two of one instance, never before what it needs, never a stop before what needs it; healing
/// within its budgets and hands off what is held; every check made; every incident told to its end;
/// and when nothing goes wrong any more all comes to rest.
#[test]
fn every_world_keeps_what_the_heart_promises() {
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in 0..WORLDS / 2 {
                    hold(Size::of(seed * 2 + half));
                }
            });
        }
    });
}

/// A hundred sleeps, clocks set by a day and engines stopped for a minute, in each of some clusters:
/// nothing is restarted, and no verdict is given, although whoever is asked first afterwards does not
/// answer.
#[test]
fn nights_are_nobodys_fault() {
    for seed in 0..20 {
        let size = Size {
            commands: 0,
            faults: 0,
            roughness: 0,
            ..Size::of(seed)
        };
        if let Err(broken) = sim::nights(size, 100) {
            panic!("{broken}");
        }
    }
}

/// What hangs makes those fail that use it, and half of them do not say that they do: they are seen to,
/// and nobody who only says what another does is restarted for it.
#[test]
fn who_tells_of_anothers_fault_is_let_be() {
    for seed in 0..60 {
        let size = Size {
            services: 2 + seed % 8,
            commands: 0,
            faults: 0,
            roughness: 0,
            slips: 50,
            terms: seed % 2 * 40,
            ends: 0,
            seed,
        };
        if let Err(broken) = sim::hangs(size, 20) {
            panic!("{broken}");
        }
    }
}

/// The same seed gives the same story, to the letter.
#[test]
fn the_same_world_twice_is_the_same() {
    for seed in 0..60 {
        let size = Size::of(seed);
        let [one, two] = [sim::story(size).1, sim::story(size).1];
        assert!(one.len() > 20 && one == two, "{size}");
    }
}

/// Worlds that once found a fault.
#[test]
fn worlds_to_remember() {
    for line in include_str!("seeds.txt").lines() {
        let world = line.split('#').next().unwrap_or_default().trim();
        if !world.is_empty() {
            hold(world.parse().unwrap());
        }
    }
}

/// Prints the story of one world: `SIM=seed,services,commands,faults,roughness,slips,terms,ends cargo test -p
/// orchestrator tell -- --ignored --nocapture`; with `NIGHTS=100` the story of so many nights.
#[test]
#[ignore = "a tool for reading what a failing world did"]
#[expect(
    clippy::disallowed_methods,
    reason = "the world to tell of is named from outside"
)]
fn tell() {
    let size: Size = std::env::var("SIM").expect("SIM").parse().unwrap();
    let nights = std::env::var("NIGHTS")
        .ok()
        .map(|count| count.parse().unwrap());
    let (end, story) = match nights {
        Some(nights) => sim::story_of_nights(size, nights),
        None => sim::story(size),
    };
    for line in &story {
        println!("{line}");
    }
    if let Err(broken) = end {
        panic!("{broken}");
    }
}
